//! The options of log-ins by EAP.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use portreeve::eap::tls::Version;
use portreeve_proto::AttributeList;

use super::{EapError, Kind, Plan, Tls, attributes, trust};
use crate::data::DataDir;

/// The heading of the options.
const WITH_EAP: &str = "With --method eap-..";

/// How a device logs in by EAP.
#[derive(Debug, Default, Args)]
pub(crate) struct EapArguments {
    /// The name that everybody on the way may see, where TLS hides the true one; unless given,
    /// `@` and the user's realm where there is one, else anonymous, and with eap-tls the user
    #[arg(help_heading = WITH_EAP)]
    #[arg(long, value_name = "IDENTITY")]
    anonymous: Option<String>,
    /// The CA certificates in PEM that the server's certificate may come from [default: the CA of
    /// the data directory, where there is one]
    #[arg(help_heading = WITH_EAP)]
    #[arg(long, value_name = "FILE")]
    pub(super) eap_ca: Option<PathBuf>,
    /// The certificate of the user or device in PEM, followed by its issuers except the root
    #[arg(help_heading = WITH_EAP)]
    #[arg(long, value_name = "FILE")]
    pub(super) eap_cert: Option<PathBuf>,
    /// The private key of --eap-cert in PEM, not encrypted [default: in the same file]
    #[arg(help_heading = WITH_EAP)]
    #[arg(long, value_name = "FILE", requires = "eap_cert")]
    pub(super) eap_key: Option<PathBuf>,
    /// A name that the server's certificate may have. May be repeated [default: any, with --eap-ca;
    /// that of our own server, with the CA of the data directory]
    #[arg(help_heading = WITH_EAP)]
    #[arg(long, value_name = "NAME")]
    pub(super) eap_server_name: Vec<String>,
    /// Trust any server. For tests alone: a password goes to whoever answers
    #[arg(help_heading = WITH_EAP)]
    #[arg(long, conflicts_with_all = ["eap_ca", "eap_server_name"])]
    pub(super) eap_insecure: bool,
    /// Speak this version of TLS and no other [default: 1.3, or else 1.2]
    #[arg(help_heading = WITH_EAP)]
    #[arg(long, value_enum, value_name = "VERSION")]
    eap_tls: Option<TlsVersion>,
    /// The most octets of one EAP message, and what the server is told in Framed-MTU
    /// [default: 1400]
    #[arg(help_heading = WITH_EAP)]
    #[arg(long, value_name = "OCTETS", value_parser = clap::value_parser!(u32).range(100..=1400))]
    fragment: Option<u32>,
    /// Log in twice, and the second time resume the TLS session of the first
    #[arg(help_heading = WITH_EAP)]
    #[arg(long)]
    resume: bool,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TlsVersion {
    /// TLS 1.2
    #[value(name = "1.2")]
    V12,
    /// TLS 1.3
    #[value(name = "1.3")]
    V13,
}

impl EapArguments {
    /// Refuses the options where the method is none of EAP.
    pub(crate) fn refuse(&self) -> Result<(), EapError> {
        let of_tls = self.of_tls();
        let others = [
            ("--anonymous", self.anonymous.is_some()),
            ("--fragment", self.fragment.is_some()),
        ];
        match of_tls.into_iter().chain(others).find(|(_, given)| *given) {
            Some((flag, _)) => Err(EapError::NotEap(flag)),
            None => Ok(()),
        }
    }

    /// Whether any server will do.
    pub(crate) const fn trusts_anybody(&self) -> bool {
        self.eap_insecure
    }

    /// Whether to log in once more, resuming.
    pub(crate) const fn resumes(&self) -> bool {
        self.resume
    }

    /// What the options mean, with these attributes besides.
    pub(crate) fn plan(
        &self,
        kind: Kind,
        extra: &AttributeList,
        data: &DataDir,
    ) -> Result<Plan, EapError> {
        let needless = |flag, why| EapError::Needless { flag, kind, why };
        let tls = if kind.has_tls() {
            Some(self.tls(kind, data)?)
        } else {
            if let Some((flag, _)) = self.of_tls().into_iter().find(|(_, given)| *given) {
                return Err(needless(flag, "has no TLS"));
            }
            if self.anonymous.is_some() {
                return Err(needless("--anonymous", "cannot hide who it is"));
            }
            None
        };
        Ok(Plan {
            kind,
            tls,
            anonymous: self.anonymous.clone(),
            attributes: attributes(kind, self.fragment, extra),
            resumes: self.resume,
        })
    }

    fn of_tls(&self) -> [(&'static str, bool); 7] {
        [
            ("--eap-ca", self.eap_ca.is_some()),
            ("--eap-cert", self.eap_cert.is_some()),
            ("--eap-key", self.eap_key.is_some()),
            ("--eap-server-name", !self.eap_server_name.is_empty()),
            ("--eap-insecure", self.eap_insecure),
            ("--eap-tls", self.eap_tls.is_some()),
            ("--resume", self.resume),
        ]
    }

    fn tls(&self, kind: Kind, data: &DataDir) -> Result<Tls, EapError> {
        if kind == Kind::Tls && self.eap_cert.is_none() {
            return Err(EapError::NoCertificate);
        }
        Ok(Tls {
            identity: trust::identity(self)?,
            trust: trust::trust(self, data)?,
            versions: match self.eap_tls {
                None => (Version::Tls12, Version::Tls13),
                Some(TlsVersion::V12) => (Version::Tls12, Version::Tls12),
                Some(TlsVersion::V13) => (Version::Tls13, Version::Tls13),
            },
        })
    }
}
