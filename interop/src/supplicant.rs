//! A network block of `wpa_supplicant`, as `eapol_test` and the supplicant itself read it.

use std::fmt::Write as _;
use std::path::Path;

use crate::Must as _;
use crate::certificates::Pair;

/// How somebody logs in.
#[derive(Debug, Clone)]
pub struct Network {
    lines: Vec<(&'static str, String)>,
    /// What stands in `phase1`, and is written as one line.
    phase1: Vec<String>,
}

impl Network {
    /// With one method, as the supplicant names it: `PEAP`.
    pub fn new(method: &str) -> Self {
        Self {
            lines: vec![
                ("key_mgmt", "IEEE8021X".to_owned()),
                ("eapol_flags", "0".to_owned()),
                ("eap", method.to_owned()),
            ],
            phase1: Vec::new(),
        }
    }

    /// Who logs in.
    #[must_use]
    pub fn identity(self, name: &str) -> Self {
        self.text("identity", name)
    }

    /// Who everybody between sees logging in.
    #[must_use]
    pub fn anonymous(self, name: &str) -> Self {
        self.text("anonymous_identity", name)
    }

    /// The password, in clear text.
    #[must_use]
    pub fn password(self, password: &str) -> Self {
        self.text("password", password)
    }

    /// One more word for the tunnel or for TLS: `tls_disable_tlsv1_3=0`.
    #[must_use]
    pub fn phase1(mut self, word: &str) -> Self {
        self.phase1.push(word.to_owned());
        self
    }

    /// What happens in the tunnel: `auth=MSCHAPV2`.
    #[must_use]
    pub fn phase2(self, words: &str) -> Self {
        self.text("phase2", words)
    }

    /// Who must have certified the server.
    #[must_use]
    pub fn trusting(self, ca: &Path) -> Self {
        self.text("ca_cert", &ca.display().to_string())
    }

    /// The certificate to show.
    #[must_use]
    pub fn showing(self, pair: &Pair) -> Self {
        self.text("client_cert", &pair.certificate.display().to_string())
            .text("private_key", &pair.key.display().to_string())
    }

    /// The certificate to show in the tunnel, and who must have certified the server there.
    #[must_use]
    pub fn showing_inside(self, pair: &Pair, ca: &Path) -> Self {
        self.text("ca_cert2", &ca.display().to_string())
            .text("client_cert2", &pair.certificate.display().to_string())
            .text("private_key2", &pair.key.display().to_string())
    }

    /// What the server must be called.
    #[must_use]
    pub fn domain_match(self, name: &str) -> Self {
        self.text("domain_match", name)
    }

    /// The most octets of one of its own EAP messages.
    #[must_use]
    pub fn fragment_size(self, octets: u16) -> Self {
        self.line("fragment_size", octets.to_string())
    }

    /// TLS 1.2 at most, which is what Debian's supplicant does by itself.
    #[must_use]
    pub fn tls12(self) -> Self {
        self.phase1("tls_disable_tlsv1_3=1")
    }

    /// TLS 1.3 too.
    #[must_use]
    pub fn tls13(self) -> Self {
        self.phase1("tls_disable_tlsv1_3=0")
    }

    /// Any further line whose value is not quoted.
    #[must_use]
    pub fn line(mut self, key: &'static str, value: String) -> Self {
        self.lines.push((key, value));
        self
    }

    /// Any further line whose value is quoted.
    #[must_use]
    pub fn text(self, key: &'static str, value: &str) -> Self {
        self.line(key, format!("\"{value}\""))
    }

    /// The block.
    pub fn block(&self) -> String {
        let mut block = "network={\n".to_owned();
        for (key, value) in &self.lines {
            writeln!(block, "\t{key}={value}").must("write to a string");
        }
        if !self.phase1.is_empty() {
            let words = self.phase1.join(" ");
            writeln!(block, "\tphase1=\"{words}\"").must("write to a string");
        }
        block + "}\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_a_line_for_each_wish_and_one_for_phase1() {
        let network = Network::new("PEAP")
            .identity("bob")
            .phase1("peapver=0")
            .tls13()
            .fragment_size(200);
        assert_eq!(
            network.block(),
            "network={\n\tkey_mgmt=IEEE8021X\n\teapol_flags=0\n\teap=PEAP\n\tidentity=\"bob\"\n\
             \tfragment_size=200\n\tphase1=\"peapver=0 tls_disable_tlsv1_3=0\"\n}\n"
        );
    }
}
