//! EAP as every subject is asked for it.

pub mod matrix;
pub mod methods;
pub mod own;
pub mod talk;
pub mod tunnel;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::Must as _;
use crate::certificates::{Certificates, Pair, Wanted};
use crate::freeradius::{Extras, FreeRadius};
use crate::portreeve::{Portreeve, Setup};
use crate::subject::Subject;
use crate::supplicant::Network;
use crate::world::{User, World};
use methods::{Method, Proof};

/// What a server is told about EAP.
#[derive(Debug, Clone)]
pub struct EapTerms {
    /// What it shows, with what stands between it and the authority; its own CA's if none.
    pub server: Option<Pair>,
    /// Who must have issued the certificates of users.
    pub ca: Option<PathBuf>,
    /// What that authority has taken back.
    pub crl: Option<PathBuf>,
    /// What it offers, by the names of `portreeve.toml`; its own choice if there are none.
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
        if !self.methods.is_empty() {
            line(format_args!("methods = {:?}", self.methods));
        }
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
        let word = |yes| if yes { "yes" } else { "no" };
        line(format_args!("resumption = \"{}\"", word(self.resumption)));
        line(format_args!("suite_b_192 = \"{}\"", word(self.suite_b_192)));
        text
    }
}

/// An authority, and a server in the usual world that takes part in EAP.
#[derive(Debug)]
pub struct Place {
    /// Who has certified the server and may certify users.
    pub certificates: Certificates,
    /// The server.
    pub server: Subject,
}

impl Place {
    /// With every method.
    pub fn usual() -> Self {
        Self::with(|terms| terms)
    }

    /// With terms that `change` has had its way with.
    pub fn with(change: impl FnOnce(EapTerms) -> EapTerms) -> Self {
        let certificates = Certificates::new();
        let terms = Self::terms(&certificates, change);
        Self {
            server: Subject::eap(&World::household(), &terms),
            certificates,
        }
    }

    /// As [`with`](Self::with), and Portreeve whatever the subject is.
    pub fn ours(change: impl FnOnce(EapTerms) -> EapTerms) -> Self {
        Self::ours_with(Certificates::new(), change, |setup| setup)
    }

    /// As [`ours`](Self::ours), with another authority and more for the server to do.
    pub fn ours_with(
        certificates: Certificates,
        change: impl FnOnce(EapTerms) -> EapTerms,
        more: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let terms = Self::terms(&certificates, change);
        let server = Portreeve::with(&World::household(), &more(Setup::eap(&terms)));
        Self {
            server: Subject::Portreeve(server),
            certificates,
        }
    }

    /// As [`with`](Self::with), and FreeRADIUS whatever the subject is.
    pub fn reference(change: impl FnOnce(EapTerms) -> EapTerms) -> Self {
        let certificates = Certificates::new();
        let extras = Extras {
            eap: Some(Self::terms(&certificates, change)),
            ..Extras::default()
        };
        let server = FreeRadius::with(&World::household(), &extras);
        Self {
            server: Subject::FreeRadius(server),
            certificates,
        }
    }

    fn terms(certificates: &Certificates, change: impl FnOnce(EapTerms) -> EapTerms) -> EapTerms {
        let key = certificates.key();
        let pair = certificates.issue(&Wanted::server().with_key(key));
        change(EapTerms::showing(&pair, &certificates.ca()))
    }

    /// How a user of the usual world logs in with what proves who it is.
    ///
    /// # Panics
    /// If nobody has this name.
    pub fn network(&self, method: Method, name: &str) -> Network {
        let ca = self.certificates.ca();
        match method.proof {
            Proof::Password => method.network(name, &ca).password(user(name).password),
            Proof::Certificate => {
                let key = self.certificates.key();
                let pair = self.certificates.issue(&Wanted::user(name).with_key(key));
                method.network_with(name, &ca, &pair)
            }
        }
    }
}

/// A user of the usual world.
///
/// # Panics
/// If nobody has this name.
pub fn user(name: &str) -> User {
    let users = World::household().users.into_iter();
    let mut found = users.filter(|user| user.name == name);
    found.next().must("a user of the usual world")
}
