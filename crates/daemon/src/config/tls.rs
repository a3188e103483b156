use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use portreeve::{
    ConnectionLimits,
    tls::{TlsVersion, Versions},
};

use super::reader::Section;

pub(super) const VERSIONS: [(&str, Versions); 4] = [
    ("both", Versions::Both),
    ("1.1", Versions::V1_1),
    ("1.0", Versions::V1_0),
    ("historic", Versions::Historic),
];
const OLDEST: [(&str, TlsVersion); 2] = [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];

/// How NASes connect over TLS and DTLS; the limits are those of TCP too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The RADIUS versions that are allowed.
    pub radius: Versions,
    /// The oldest TLS version that is allowed.
    pub oldest: TlsVersion,
    /// Our certificate, with its issuers up to the root, in PEM; without it the one that our own CA
    /// keeps.
    pub certificate: Option<PathBuf>,
    /// Its key, in PEM; there exactly where the certificate is.
    pub key: Option<PathBuf>,
    /// The CAs of the NASes, in PEM; without them our own.
    pub ca: Option<PathBuf>,
    /// Their revocation lists, in PEM; only with [`Self::ca`].
    pub crl: Option<PathBuf>,
    /// How many connections, and how long each may take over what.
    pub limits: ConnectionLimits,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            radius: Versions::Both,
            oldest: TlsVersion::V1_2,
            certificate: None,
            key: None,
            ca: None,
            crl: None,
            limits: ConnectionLimits::default(),
        }
    }
}

impl Tls {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.word("radius", &VERSIONS, &mut self.radius);
        section.word("oldest", &OLDEST, &mut self.oldest);
        let certificate = section.file("certificate", &mut self.certificate);
        let key = section.file("key", &mut self.key);
        section.file("ca", &mut self.ca);
        let crl = section.file("crl", &mut self.crl);
        section.needs("certificate", certificate, "key", self.key.is_some());
        section.needs("key", key, "certificate", self.certificate.is_some());
        section.needs("crl", crl, "ca", self.ca.is_some());
        let limits = &mut self.limits;
        section.number("connections", 1..=1_000_000, &mut limits.total);
        section.number("half_open", 1..=65_536, &mut limits.half_open);
        section.number("connections_per_nas", 1..=1_000_000, &mut limits.per_peer);
        section.milliseconds("handshake_timeout_ms", 500..=60_000, &mut limits.handshake);
        let mut idle_s = limits.idle.as_secs();
        section.number("idle_timeout_s", 60..=86_400, &mut idle_s);
        limits.idle = Duration::from_secs(idle_s);
    }

    /// The files that are named, each with its key.
    pub(super) fn files(&mut self) -> [&mut Option<PathBuf>; 4] {
        [
            &mut self.certificate,
            &mut self.key,
            &mut self.ca,
            &mut self.crl,
        ]
    }

    /// Takes relative paths from a folder.
    pub(super) fn start_from(&mut self, folder: &Path) {
        for file in self.files().into_iter().flatten() {
            *file = folder.join(&file);
        }
    }
}
