//! EAP as every subject is asked for it.

pub mod matrix;
pub mod methods;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::Must as _;
use crate::certificates::Pair;

/// What a server is told about EAP.
#[derive(Debug, Clone)]
pub struct EapTerms {
    /// What it shows, with what stands between it and the authority; its own CA's if none.
    pub server: Option<Pair>,
    /// Who must have issued the certificates of users.
    pub ca: Option<PathBuf>,
    /// What that authority has taken back.
    pub crl: Option<PathBuf>,
    /// What it offers, by the names of `portreeve.toml`.
    pub methods: Vec<&'static str>,
    /// The least and the greatest version of TLS.
    pub tls: [&'static str; 2],
    /// The most octets of TLS in one EAP message.
    pub fragment: u16,
    /// Whether a session of TLS may be resumed.
    pub resumption: bool,
    /// Only what WPA3-Enterprise with 192 bits allows.
    pub suite_b_192: bool,
}

/// Every method, by the names of `portreeve.toml`.
pub const METHODS: [&str; 8] = [
    "tls", "peap", "ttls", "teap", "mschapv2", "md5", "gtc", "pwd",
];

impl EapTerms {
    /// Every method, both versions of TLS, long messages, resumption.
    pub fn showing(server: &Pair, ca: &Path) -> Self {
        Self {
            server: Some(server.clone()),
            ca: Some(ca.to_owned()),
            ..Self::with_own_authority()
        }
    }

    /// The same, with the certificates that the server makes for itself.
    pub fn with_own_authority() -> Self {
        Self {
            server: None,
            ca: None,
            crl: None,
            methods: METHODS.to_vec(),
            tls: ["1.2", "1.3"],
            fragment: 1400,
            resumption: true,
            suite_b_192: false,
        }
    }

    /// As `portreeve.toml` says it.
    pub fn toml(&self) -> String {
        let mut text = "[eap]\n".to_owned();
        let mut line = |line: std::fmt::Arguments<'_>| {
            text.write_fmt(line).must("write to a string");
            text.push('\n');
        };
        line(format_args!("methods = {:?}", self.methods));
        if let Some(server) = &self.server {
            line(format_args!(
                "certificate = \"{}\"",
                server.certificate.display()
            ));
            line(format_args!("key = \"{}\"", server.key.display()));
        }
        if let Some(ca) = &self.ca {
            line(format_args!("ca = [\"{}\"]", ca.display()));
        }
        if let Some(crl) = &self.crl {
            line(format_args!("crl = [\"{}\"]", crl.display()));
        }
        let [least, greatest] = self.tls;
        line(format_args!(
            "tls_min = \"{least}\"\ntls_max = \"{greatest}\""
        ));
        line(format_args!("fragment_octets = {}", self.fragment));
        line(format_args!("resumption = {}", self.resumption));
        line(format_args!("suite_b_192 = {}", self.suite_b_192));
        text
    }
}
