use std::{fmt, str::FromStr};

use portreeve_proto::Version;
use rustls::{ProtocolVersion, SupportedProtocolVersion, version};

/// The name of historic RADIUS in TLS's protocol negotiation.
pub(super) const ALPN_1_0: &[u8] = b"radius/1.0";
/// The name of RADIUS/1.1 there (RFC 9765 section 3.1).
pub(super) const ALPN_1_1: &[u8] = b"radius/1.1";

/// The RADIUS versions that one end allows (RFC 9765 section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Versions {
    /// Historic RADIUS, and not a word about versions: for peers that cannot bear the extension.
    Historic,
    /// Historic RADIUS only.
    V1_0,
    /// Both; RADIUS/1.1 where the peer knows it.
    #[default]
    Both,
    /// RADIUS/1.1 only, which demands TLS 1.3.
    V1_1,
}

impl Versions {
    /// Whether a connection of a version may be.
    pub fn allow(self, version: Version) -> bool {
        match version {
            Version::V1_0 => self != Self::V1_1,
            Version::V1_1 => matches!(self, Self::Both | Self::V1_1),
        }
    }

    /// The names that this end gives, best first. RADIUS/1.1 is not offered below TLS 1.3.
    pub(super) fn names(self, tls13: bool) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        if tls13 && self.allow(Version::V1_1) {
            names.push(ALPN_1_1.to_vec());
        }
        if matches!(self, Self::V1_0 | Self::Both) {
            names.push(ALPN_1_0.to_vec());
        }
        names
    }

    /// What an agreed name means for this end, or `None` when it must close. `name` is what the
    /// handshake settled: nothing when either end gave no name.
    pub(super) fn settle(self, name: Option<&[u8]>, tls: TlsVersion) -> Option<Version> {
        let version = match name {
            None | Some(ALPN_1_0) => Version::V1_0,
            Some(ALPN_1_1) if tls == TlsVersion::V1_3 => Version::V1_1,
            Some(_) => return None,
        };
        self.allow(version).then_some(version)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Historic => "historic",
            Self::V1_0 => "1.0",
            Self::Both => "both",
            Self::V1_1 => "1.1",
        })
    }
}

impl FromStr for Versions {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        match text {
            "historic" => Ok(Self::Historic),
            "1.0" => Ok(Self::V1_0),
            "both" => Ok(Self::Both),
            "1.1" => Ok(Self::V1_1),
            _ => Err(UnknownVersion),
        }
    }
}

/// Text that names no [`Versions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `1.0`, `1.1`, `both` or `historic`")]
pub struct UnknownVersion;

/// A TLS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    /// DTLS 1.2 (RFC 6347), which is TLS 1.2 over UDP.
    Dtls1_2,
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

impl TlsVersion {
    /// The versions from this one on, as the engine wants them.
    pub(super) fn and_later(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
        match self {
            Self::Dtls1_2 | Self::V1_2 => &BOTH,
            Self::V1_3 => &BOTH[..1],
        }
    }

    /// Whether it is older than the oldest that is allowed.
    pub(super) fn is_too_old_for(self, oldest: Self) -> bool {
        self != Self::V1_3 && oldest == Self::V1_3
    }

    pub(super) fn of(version: Option<ProtocolVersion>) -> Option<Self> {
        match version? {
            ProtocolVersion::TLSv1_2 => Some(Self::V1_2),
            ProtocolVersion::TLSv1_3 => Some(Self::V1_3),
            ProtocolVersion::DTLSv1_2 => Some(Self::Dtls1_2),
            _ => None,
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLS 1.2",
            Self::V1_3 => "TLS 1.3",
            Self::Dtls1_2 => "DTLS 1.2",
        })
    }
}
