use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{Fault, reader::Section};

/// The longest address of ours that a certificate says.
const URL_MAX: usize = 200;

/// What is served over HTTP: the revocation list, OCSP, the certificate of the CA, and downloads
/// for the devices of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    /// Where to listen without TLS.
    pub http: Vec<SocketAddr>,
    /// Where to listen with TLS.
    pub https: Vec<SocketAddr>,
    /// Where others reach [`Self::http`]: what issued certificates say. It begins with `http://`
    /// and has no `/` at its end.
    pub url: Option<String>,
    /// Where devices reach [`Self::https`]: what links to downloads say. It begins with `https://`
    /// and has no `/` at its end.
    pub download_url: Option<String>,
    /// The certificate that is shown over TLS, with its issuers, in PEM; without it the one that
    /// our own CA keeps.
    pub certificate: Option<PathBuf>,
    /// Its key, in PEM; there exactly where the certificate is.
    pub key: Option<PathBuf>,
    /// The most connections at a time, 1 to 65536.
    pub connections: usize,
}

impl Default for Portal {
    fn default() -> Self {
        Self {
            http: Vec::new(),
            https: Vec::new(),
            url: None,
            download_url: None,
            certificate: None,
            key: None,
            connections: 256,
        }
    }
}

impl Portal {
    /// Whether anything is listened to.
    pub fn is_on(&self) -> bool {
        !self.http.is_empty() || !self.https.is_empty()
    }

    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.addresses_if_any("http", &mut self.http);
        let https = section.addresses_if_any("https", &mut self.https);
        let shared = |address: &SocketAddr| address.port() != 0 && self.http.contains(address);
        if self.https.iter().any(shared) {
            section.problem(https, Fault::AddressTwice);
        }
        url(section, "url", "http://", &mut self.url);
        url(section, "download_url", "https://", &mut self.download_url);
        let certificate = section.file("certificate", &mut self.certificate);
        let key = section.file("key", &mut self.key);
        section.needs("certificate", certificate, "key", self.key.is_some());
        section.needs("key", key, "certificate", self.certificate.is_some());
        section.number("connections", 1..=65_536, &mut self.connections);
    }

    /// Takes relative paths from a folder.
    pub(super) fn start_from(&mut self, folder: &Path) {
        for file in [&mut self.certificate, &mut self.key].into_iter().flatten() {
            *file = folder.join(&file);
        }
    }
}

fn url(
    section: &mut Section<'_, '_>,
    key: &'static str,
    scheme: &'static str,
    into: &mut Option<String>,
) {
    let Some((at, text)) = section.text(key) else {
        return;
    };
    let text = text.trim_end_matches('/');
    if text.strip_prefix(scheme).is_some_and(is_host_and_path) && text.len() <= URL_MAX {
        *into = Some(text.to_owned());
        return;
    }
    let fault = if scheme == "http://" {
        "not an address such as \"http://radius.example.org:8080\": certificates name it, and \
         those who check one must not have to check another for that, so it is http and not https"
    } else {
        "not an address such as \"https://radius.example.org:8444\""
    };
    section.problem(Some(at), Fault::Bad(fault.to_owned()));
}

/// A host, a port, and a path of plain characters.
fn is_host_and_path(rest: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~:/[]".contains(&octet);
    let host = rest.split('/').next().unwrap_or_default();
    !host.is_empty() && !host.starts_with(':') && rest.bytes().all(plain) && !rest.contains("//")
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::path::Path;

    fn parse(text: &str) -> Result<Config, String> {
        let text = format!("[portal]\n{text}");
        Config::parse(Path::new("portreeve.toml"), &text).map_err(|problems| problems.to_string())
    }

    #[test]
    fn the_portal_is_off_unless_it_is_asked_for() {
        assert!(!parse("").unwrap().portal.is_on());
        let portal = parse("http = ['127.0.0.1:8080']\nurl = 'http://radius.example.org:8080/'\n")
            .unwrap()
            .portal;
        assert!(portal.is_on());
        assert_eq!(
            portal.url.as_deref(),
            Some("http://radius.example.org:8080")
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, words) in [
            (
                "url = 'https://a.example'",
                "portreeve.toml:2:7: not an address",
            ),
            ("url = 'http://'", "not an address"),
            ("url = 'http://a b/'", "not an address"),
            ("url = 'http://:80/'", "not an address"),
            ("url = 'http://a//b'", "not an address"),
            ("download_url = 'http://a.example'", "https://"),
            ("certificate = 'a.pem'", "`key`"),
            ("connections = 0", "`connections` must be 1 to 65536"),
            ("http = ['127.0.0.1:1']\nhttps = ['127.0.0.1:1']", "twice"),
            ("htpt = []", "did you mean `http`"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(words), "{text}: {said}");
        }
    }
}
