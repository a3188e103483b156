use std::{
    net::SocketAddr,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use portreeve::tls::Versions;
use portreeve_aaa::proxy::Pattern;

use super::{
    Fault,
    proxy::YES_NO,
    reader::{Root, Section},
    tls::VERSIONS,
};

/// What eduroam and RFC 7585 call RADIUS over TLS for log-ins.
const SERVICES: [&str; 2] = ["aaa+auth:radius.tls.tcp", "x-eduroam:radius.tls"];
/// How the name of a service ends that is RADIUS over TLS.
const OVER_TLS: [&str; 2] = [":radius.tls.tcp", ":radius.tls"];
/// The most names of services.
const MOST_SERVICES: usize = 16;

/// Home servers that DNS names (RFC 7585).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// The realms for which DNS is asked, `Exact` or `Below`; none of them, and it never is.
    pub realms: Vec<Pattern>,
    /// The services of NAPTR records that are meant.
    pub services: Vec<String>,
    /// Whether servers may be at private, loopback and link-local addresses.
    pub allow_private: bool,
    /// Which name server to ask; `None` for those of the system.
    pub resolver: Option<SocketAddr>,
    /// The CAs of discovered servers; there where there are realms.
    pub ca: Option<PathBuf>,
    /// Their revocation lists.
    pub crl: Option<PathBuf>,
    /// What we show them; without it a certificate from our own CA.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// The RADIUS versions that are allowed.
    pub radius: Versions,
    /// How long to wait for a server's answer to one request.
    pub timeout: Duration,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            realms: Vec::new(),
            services: SERVICES.map(str::to_owned).to_vec(),
            allow_private: false,
            resolver: None,
            ca: None,
            crl: None,
            certificate: None,
            key: None,
            radius: Versions::Both,
            timeout: Duration::from_secs(5),
        }
    }
}

impl Discovery {
    /// Reads `[discovery]`.
    pub(super) fn read(&mut self, root: &mut Root<'_, '_>) {
        root.section("discovery", |section| {
            self.read_realms(section);
            self.read_services(section);
            section.word("allow_private", &YES_NO, &mut self.allow_private);
            self.read_resolver(section);
            let certificate = section.file("certificate", &mut self.certificate);
            let key = section.file("key", &mut self.key);
            section.file("ca", &mut self.ca);
            let crl = section.file("crl", &mut self.crl);
            section.needs("certificate", certificate, "key", self.key.is_some());
            section.needs("key", key, "certificate", self.certificate.is_some());
            section.needs("crl", crl, "ca", self.ca.is_some());
            if !self.realms.is_empty() && self.ca.is_none() {
                section.problem_here(Fault::Missing("ca"));
            }
            section.word("radius", &VERSIONS, &mut self.radius);
            section.milliseconds("timeout_ms", 500..=30_000, &mut self.timeout);
        });
    }

    fn read_realms(&mut self, section: &mut Section<'_, '_>) {
        for (at, word) in section.words("realms").unwrap_or_default() {
            match word.parse::<Pattern>() {
                Ok(pattern) if is_bounded(&pattern) => self.realms.push(pattern),
                Ok(_) => bad(
                    section,
                    at,
                    "discovery asks for no realm whatever a user types: write \"example.org\", or \
                     \"*.example.org\" for all below it",
                ),
                Err(error) => bad(section, at, &error.to_string()),
            }
        }
    }

    fn read_services(&mut self, section: &mut Section<'_, '_>) {
        let Some(words) = section.words("services") else {
            return;
        };
        self.services.clear();
        for (at, word) in words {
            let word = word.to_ascii_lowercase();
            let is_over_tls = OVER_TLS.iter().any(|end| word.ends_with(end));
            if is_over_tls && word.is_ascii() && self.services.len() < MOST_SERVICES {
                self.services.push(word);
            } else {
                bad(
                    section,
                    at,
                    "not a service that is RADIUS over TLS; write \"aaa+auth:radius.tls.tcp\" or \
                     \"x-eduroam:radius.tls\", and at most 16 of them",
                );
            }
        }
        if self.services.is_empty() {
            section.problem_here(Fault::Missing("services"));
        }
    }

    fn read_resolver(&mut self, section: &mut Section<'_, '_>) {
        let Some((at, text)) = section.text("resolver") else {
            return;
        };
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() != 0 => self.resolver = Some(address),
            _ => bad(
                section,
                at,
                "not the address of a name server; write \"127.0.0.1:53\" or \"[::1]:53\"",
            ),
        }
    }

    /// Has relative file names start from a folder.
    pub(super) fn start_from(&mut self, folder: &Path) {
        let files = [
            &mut self.certificate,
            &mut self.key,
            &mut self.ca,
            &mut self.crl,
        ];
        for file in files.into_iter().flatten() {
            *file = folder.join(&file);
        }
    }
}

fn bad(section: &mut Section<'_, '_>, at: Range<usize>, why: &str) {
    section.problem(Some(at), Fault::Bad(why.to_owned()));
}

/// A user chooses their realm: those that DNS is asked for have to end with somebody's name.
fn is_bounded(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Any | Pattern::NoRealm => false,
        Pattern::Below(realm) | Pattern::Exact(realm) => {
            realm.is_ascii() && (realm.contains('.') || matches!(pattern, Pattern::Below(_)))
        }
    }
}
