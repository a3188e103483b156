//! Where a router is, how it is spoken to, and as whom.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Secret;

/// The way a router is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// The API in the clear: service `api`, port 8728. The password crosses the network readable.
    Api,
    /// The API in TLS: service `api-ssl`, port 8729.
    ApiSsl,
    /// REST over HTTP: service `www`, port 80. RouterOS 7.1 and later.
    Rest,
    /// REST over HTTPS: service `www-ssl`, port 443. RouterOS 7.1 and later.
    RestSsl,
}

impl Transport {
    /// The port RouterOS gives the service.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Api => 8728,
            Self::ApiSsl => 8729,
            Self::Rest => 80,
            Self::RestSsl => 443,
        }
    }

    /// The port of the same service without TLS.
    pub fn clear_port(self) -> u16 {
        match self {
            Self::Api | Self::ApiSsl => 8728,
            Self::Rest | Self::RestSsl => 80,
        }
    }

    /// Whether what is said is encrypted.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::ApiSsl | Self::RestSsl)
    }

    /// The service's name in `/ip/service`.
    pub fn service(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::ApiSsl => "api-ssl",
            Self::Rest => "www",
            Self::RestSsl => "www-ssl",
        }
    }
}

/// How the router's certificate is known to be its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// The certificate with this SHA-256 fingerprint of its DER form, whatever its names and dates.
    Pin([u8; 32]),
    /// A certificate that one of these CAs issued (DER) and that names the address or host dialled.
    Authorities(Vec<Vec<u8>>),
    /// Any certificate: only to fetch the one to be pinned, before any password is sent.
    Unknown,
}

/// Where a router is and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// A host name or an address, without a port.
    pub host: String,
    /// The port of the service.
    pub port: u16,
    /// The way it is spoken to.
    pub transport: Transport,
    /// For the encrypted transports. The others do not look at it.
    pub trust: Trust,
    /// How long connecting, and each answer, may take. REST never gives more than 60 s.
    pub timeout: Duration,
}

impl Target {
    /// The transport's own port, no trust yet, 15 s.
    pub fn new(host: impl Into<String>, transport: Transport) -> Self {
        Self {
            host: host.into(),
            port: transport.default_port(),
            transport,
            trust: Trust::Unknown,
            timeout: Duration::from_secs(15),
        }
    }
}

/// As whom one logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Login {
    /// A user and the password.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: Secret::new(password),
        }
    }
}
