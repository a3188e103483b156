use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use portreeve::{
    Method,
    eap::{self, Inner, Means},
};

use super::{Fault, proxy::YES_NO, reader::Section};

/// How people and devices prove who they are by EAP.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eap {
    /// What may be tried, the first choice first; nothing, and EAP is off.
    pub methods: Vec<eap::Type>,
    /// What may be tried inside a tunnel, the first choice first.
    pub inner: Vec<Inner>,
    /// Our certificate, with its issuers, in PEM; without it the one that our own CA keeps.
    pub certificate: Option<PathBuf>,
    /// Its key, in PEM; there exactly where the certificate is.
    pub key: Option<PathBuf>,
    /// The CAs of users and devices, in PEM; without them our own.
    pub ca: Vec<PathBuf>,
    /// Their revocation lists, in PEM; only with [`Self::ca`].
    pub crl: Vec<PathBuf>,
    /// Whether to ask a certificate's OCSP server.
    pub ocsp: Ocsp,
    /// Whom to ask, instead of those that certificates name.
    pub ocsp_servers: Vec<String>,
    /// Whether computers may come in as such, before their users.
    pub machines: bool,
    /// In which fields of a certificate a user's name may stand, the first choice first.
    pub user_from: Vec<UserField>,
    /// The oldest TLS version that is spoken.
    pub tls_min: TlsVersion,
    /// The newest.
    pub tls_max: TlsVersion,
    /// Only what WPA3-Enterprise allows in its 192-bit mode.
    pub suite_b_192: bool,
    /// Whether who has been let in may come back without proving it all again.
    pub resumption: bool,
    /// For how long, in seconds.
    pub resumption_s: u64,
    /// Whether PEAP and TEAP insist that both sides show they saw the same tunnel.
    pub crypto_binding: bool,
    /// Whether who somebody is inside a tunnel stays out of records and replies.
    pub hide_inner: bool,
    /// How many conversations, and how long.
    pub limits: eap::Limits,
}

/// Whether to ask OCSP servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ocsp {
    /// Never.
    Off,
    /// Where a certificate names one, and whoever cannot be asked about is let in.
    Soft,
    /// Always, and whoever cannot be asked about is refused.
    Required,
}

/// A field of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserField {
    /// The first rfc822Name among the alternative names.
    Email,
    /// Microsoft's user principal name among them.
    Upn,
    /// The first dNSName among them.
    Dns,
    /// The common name of the subject.
    Cn,
    /// The serial number, in lower-case hexadecimal digits.
    Serial,
    /// The SHA-256 of the certificate, in lower-case hexadecimal digits.
    Sha256,
}

/// A TLS version inside EAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2 (RFC 5246).
    V1_2,
    /// 1.3 (RFC 8446).
    V1_3,
}

const METHODS: [(&str, eap::Type); 8] = [
    ("tls", eap::Type::TLS),
    ("peap", eap::Type::PEAP),
    ("ttls", eap::Type::TTLS),
    ("teap", eap::Type::TEAP),
    ("mschapv2", eap::Type::MSCHAPV2),
    ("md5", eap::Type::MD5),
    ("gtc", eap::Type::GTC),
    ("pwd", eap::Type::PWD),
];
const INNER: [(&str, Inner); 9] = [
    ("mschapv2", Inner::Eap(eap::Type::MSCHAPV2)),
    ("gtc", Inner::Eap(eap::Type::GTC)),
    ("tls", Inner::Eap(eap::Type::TLS)),
    ("md5", Inner::Eap(eap::Type::MD5)),
    ("pap", Inner::Plain(Method::Pap)),
    ("chap", Inner::Plain(Method::Chap)),
    ("plain-mschapv1", Inner::Plain(Method::MsChapV1)),
    ("plain-mschapv2", Inner::Plain(Method::MsChapV2)),
    ("pwd", Inner::Eap(eap::Type::PWD)),
];
/// How many of [`METHODS`] are offered where nothing is said.
const METHODS_BY_DEFAULT: usize = 5;
const USER_FIELDS: [(&str, UserField); 6] = [
    ("upn", UserField::Upn),
    ("email", UserField::Email),
    ("dns", UserField::Dns),
    ("cn", UserField::Cn),
    ("serial", UserField::Serial),
    ("sha256", UserField::Sha256),
];
/// How many of [`USER_FIELDS`] count where nothing is said.
const USER_FIELDS_BY_DEFAULT: usize = 4;
const OCSP: [(&str, Ocsp); 3] = [
    ("off", Ocsp::Off),
    ("soft", Ocsp::Soft),
    ("required", Ocsp::Required),
];
const MACHINES: [(&str, bool); 2] = [("allow", true), ("refuse", false)];
const VERSIONS: [(&str, TlsVersion); 2] = [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];

impl Default for Eap {
    fn default() -> Self {
        let inner = [
            "mschapv2",
            "gtc",
            "tls",
            "pap",
            "chap",
            "plain-mschapv1",
            "plain-mschapv2",
        ];
        Self {
            methods: METHODS[..METHODS_BY_DEFAULT]
                .iter()
                .map(|(_, kind)| *kind)
                .collect(),
            inner: inner
                .iter()
                .filter_map(|word| known(&INNER, word))
                .collect(),
            certificate: None,
            key: None,
            ca: Vec::new(),
            crl: Vec::new(),
            ocsp: Ocsp::Off,
            ocsp_servers: Vec::new(),
            machines: false,
            user_from: USER_FIELDS[..USER_FIELDS_BY_DEFAULT]
                .iter()
                .map(|(_, field)| *field)
                .collect(),
            tls_min: TlsVersion::V1_2,
            tls_max: TlsVersion::V1_3,
            suite_b_192: false,
            resumption: true,
            resumption_s: 43_200,
            crypto_binding: false,
            hide_inner: false,
            limits: eap::Limits::default(),
        }
    }
}

impl Eap {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        listed(section, "methods", &METHODS, &mut self.methods);
        listed(section, "inner", &INNER, &mut self.inner);
        let certificate = section.file("certificate", &mut self.certificate);
        let key = section.file("key", &mut self.key);
        section.needs("certificate", certificate, "key", self.key.is_some());
        section.needs("key", key, "certificate", self.certificate.is_some());
        section.paths("ca", &mut self.ca);
        section.paths("crl", &mut self.crl);
        if !self.crl.is_empty() && self.ca.is_empty() {
            let (key, other) = ("crl", "ca");
            section.problem_here(Fault::Alone { key, other });
        }
        section.word("ocsp", &OCSP, &mut self.ocsp);
        for (at, url) in section.words("ocsp_servers").unwrap_or_default() {
            if url.starts_with("http://") {
                self.ocsp_servers.push(url);
            } else {
                let fault = "an OCSP server has an address that begins with http://".to_owned();
                section.problem(Some(at), Fault::Bad(fault));
            }
        }
        section.word("machines", &MACHINES, &mut self.machines);
        listed(section, "user_from", &USER_FIELDS, &mut self.user_from);
        section.word("tls_min", &VERSIONS, &mut self.tls_min);
        let newest = section.word("tls_max", &VERSIONS, &mut self.tls_max);
        if self.tls_min > self.tls_max {
            let fault = "`tls_max` is older than `tls_min`".to_owned();
            section.problem(newest, Fault::Bad(fault));
        }
        section.word("suite_b_192", &YES_NO, &mut self.suite_b_192);
        section.word("resumption", &YES_NO, &mut self.resumption);
        section.number("resumption_s", 60..=604_800, &mut self.resumption_s);
        section.word("crypto_binding", &YES_NO, &mut self.crypto_binding);
        section.word("hide_inner", &YES_NO, &mut self.hide_inner);
        let limits = &mut self.limits;
        section.number("fragment_octets", 100..=3_000, &mut limits.fragment_octets);
        section.number("conversations", 16..=1_000_000, &mut limits.total);
        section.number("conversations_per_nas", 16..=1_000_000, &mut limits.per_nas);
        section.number("rate_per_nas", 1..=100_000, &mut limits.rate_per_nas);
        section.number("burst_per_nas", 1..=1_000_000, &mut limits.burst_per_nas);
        let mut patience_s = limits.patience.as_secs();
        section.number("patience_s", 5..=120, &mut patience_s);
        limits.patience = Duration::from_secs(patience_s);
    }

    /// By what somebody may prove who they are.
    pub fn means(&self) -> Vec<Means> {
        let inside = |outer: eap::Type| {
            let inner = self.inner.iter().filter(move |inner| match inner {
                Inner::Plain(_) => outer == eap::Type::TTLS,
                // RFC 9930 section 3.6.2 wants keys of what is inside.
                Inner::Eap(kind) => {
                    outer != eap::Type::TEAP || ![eap::Type::GTC, eap::Type::MD5].contains(kind)
                }
            });
            inner.map(move |inner| Means::inside(outer, *inner))
        };
        let mut means = Vec::new();
        for kind in &self.methods {
            match *kind {
                eap::Type::PEAP | eap::Type::TTLS | eap::Type::TEAP => means.extend(inside(*kind)),
                kind => means.push(Means::alone(kind)),
            }
        }
        means
    }

    /// Takes relative paths from a folder.
    pub(super) fn start_from(&mut self, folder: &Path) {
        let single = [&mut self.certificate, &mut self.key];
        let single = single.into_iter().flatten();
        for file in single.chain(&mut self.ca).chain(&mut self.crl) {
            *file = folder.join(&file);
        }
    }

    /// The files that are named.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let single = [&self.certificate, &self.key].into_iter().flatten();
        single.chain(&self.ca).chain(&self.crl)
    }
}

fn known<T: Copy>(words: &[(&'static str, T)], word: &str) -> Option<T> {
    let found = words.iter().find(|(known, _)| *known == word);
    found.map(|(_, meaning)| *meaning)
}

/// A list of words, each with a meaning.
fn listed<T: Copy + PartialEq>(
    section: &mut Section<'_, '_>,
    key: &'static str,
    words: &[(&'static str, T)],
    into: &mut Vec<T>,
) {
    let Some(given) = section.words(key) else {
        return;
    };
    into.clear();
    for (at, word) in given {
        match known(words, &word) {
            Some(meaning) if into.contains(&meaning) => {
                section.problem(Some(at), Fault::Twice(word));
            }
            Some(meaning) => into.push(meaning),
            None => {
                let allowed: Vec<&'static str> = words.iter().map(|(known, _)| *known).collect();
                let nearest = crate::suggest::nearest(&word, allowed.iter().copied());
                section.problem(Some(at), Fault::NotOneOf { allowed, nearest });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Eap, String> {
        Config::parse(Path::new("portreeve.toml"), text)
            .map(|config| config.eap)
            .map_err(|problems| problems.to_string())
    }

    #[test]
    fn lists_are_read_in_their_order() {
        let eap = parse("[eap]\nmethods = ['ttls', 'tls']\ninner = ['pap']\nuser_from = ['cn']");
        let eap = eap.unwrap();
        assert_eq!(eap.methods, [eap::Type::TTLS, eap::Type::TLS]);
        assert_eq!(eap.inner, [Inner::Plain(Method::Pap)]);
        assert_eq!(eap.user_from, [UserField::Cn]);
        assert!(parse("[eap]\nmethods = []").unwrap().methods.is_empty());
    }

    #[test]
    fn means_are_what_may_be_tried() {
        let eap = parse("[eap]\nmethods = ['peap', 'ttls', 'teap', 'md5']\ninner = ['gtc', 'pap']");
        let means: Vec<String> = eap.unwrap().means().iter().map(Means::to_string).collect();
        assert_eq!(means, ["PEAP-GTC", "TTLS-EAP-GTC", "TTLS-PAP", "EAP-MD5"]);
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_place() {
        for (text, said) in [
            ("[eap]\nmethods = ['pepa']", "peap"),
            ("[eap]\nmethods = ['tls', 'tls']", "twice"),
            ("[eap]\ntls_min = '1.3'\ntls_max = '1.2'", "older"),
            ("[eap]\nkey = 'k'", "certificate"),
            ("[eap]\ncrl = ['k']", "`ca`"),
            ("[eap]\nfragment_octets = 50", "100"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
            assert!(problem.contains("portreeve.toml:"), "{problem}");
        }
    }
}
