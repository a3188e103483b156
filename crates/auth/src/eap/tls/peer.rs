//! The peer's side of TLS.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
    client::{
        ClientSessionMemoryCache, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
    sign::{CertifiedKey, SingleCertAndKey},
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{
    Alert, Engine, SettingsError, Version,
    clock::Clock,
    engine::Fault,
    settings::{certified, provider, roots, versions},
};
use crate::eap::{Type, peer::Trouble};

/// Under which name the one server is filed; it is never sent.
const NAME: &str = "eap.invalid";

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// One that is known.
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// That of a certificate.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// Its octets.
    pub const fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// Which server a peer trusts.
#[derive(Clone, Debug)]
pub struct Trust(Whom);

#[derive(Clone, Debug)]
enum Whom {
    Roots {
        roots: Arc<RootCertStore>,
        names: Vec<ServerName<'static>>,
    },
    Pinned(Fingerprint),
    Anybody,
}

impl Trust {
    /// A server with a certificate from one of these CAs, given in DER, and with one of these DNS
    /// names in it. Without names any server of these CAs will do, which is as good only where the
    /// CA is there for nothing else.
    pub fn roots(ders: &[Vec<u8>], names: &[&str]) -> Result<Self, SettingsError> {
        let names = names
            .iter()
            .map(|name| {
                let name = ServerName::try_from(*name);
                name.map(|name| name.to_owned())
            })
            .zip(names)
            .map(|(parsed, name)| parsed.map_err(|_| SettingsError::BadName((*name).to_owned())))
            .collect::<Result<_, _>>()?;
        Ok(Self(Whom::Roots {
            roots: roots(ders)?,
            names,
        }))
    }

    /// The server with this certificate, whoever issued it and whenever it runs out.
    pub const fn pinned(fingerprint: Fingerprint) -> Self {
        Self(Whom::Pinned(fingerprint))
    }

    /// Anybody at all: to test a server. Whoever uses it in earnest gives their password to the
    /// first rogue access point.
    pub const fn dangerous_none() -> Self {
        Self(Whom::Anybody)
    }
}

/// The peer's own certificate and its key.
#[derive(Clone)]
pub struct PeerIdentity(Arc<CertifiedKey>);

impl PeerIdentity {
    /// Takes the chain in DER, its own certificate first, and the private key in DER (PKCS#8,
    /// PKCS#1 or SEC 1).
    pub fn new(chain: &[Vec<u8>], key: &[u8]) -> Result<Self, SettingsError> {
        certified(&provider(false), chain, key).map(|key| Self(Arc::new(key)))
    }
}

impl fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerIdentity(..)")
    }
}

/// What a peer's TLS is made of. With resumption it remembers the server's sessions; what is
/// cloned remembers the same ones.
#[derive(Clone)]
pub struct PeerSettings {
    config: ClientConfig,
}

/// Settings that are being put together.
#[derive(Debug)]
pub struct PeerSettingsBuilder {
    trust: Trust,
    identity: Option<PeerIdentity>,
    min: Version,
    max: Version,
    resumes: bool,
    is_192_bit: bool,
}

impl PeerSettings {
    /// Begins with whom to trust. By default it presents no certificate, speaks TLS 1.2 and 1.3,
    /// and resumes nothing.
    pub const fn builder(trust: Trust) -> PeerSettingsBuilder {
        PeerSettingsBuilder {
            trust,
            identity: None,
            min: Version::Tls12,
            max: Version::Tls13,
            resumes: false,
            is_192_bit: false,
        }
    }
}

impl PeerSettingsBuilder {
    /// The same that presents a certificate.
    #[must_use]
    pub fn presenting(mut self, identity: PeerIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The same that speaks these versions and those between.
    #[must_use]
    pub const fn versions(mut self, min: Version, max: Version) -> Self {
        self.min = min;
        self.max = max;
        self
    }

    /// The same that remembers sessions with its server, and resumes them.
    #[must_use]
    pub const fn resuming(mut self) -> Self {
        self.resumes = true;
        self
    }

    /// The same that speaks only what has 192 bits of security.
    #[must_use]
    pub const fn suite_b_192(mut self) -> Self {
        self.is_192_bit = true;
        self
    }

    /// Puts them together.
    pub fn build(self) -> Result<PeerSettings, SettingsError> {
        let provider = provider(self.is_192_bit);
        let check = ServerCheck {
            whom: self.trust.0,
            algorithms: provider.signature_verification_algorithms,
        };
        let clock = Arc::new(Clock::default());
        let builder = ClientConfig::builder_with_details(provider.into(), clock)
            .with_protocol_versions(versions(self.min, self.max)?)
            .map_err(|error| SettingsError::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(check));
        let mut config = match self.identity {
            Some(PeerIdentity(key)) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
            }
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = false;
        config.resumption = if self.resumes {
            Resumption::store(Arc::new(ClientSessionMemoryCache::new(1)))
        } else {
            Resumption::disabled()
        };
        Ok(PeerSettings { config })
    }
}

impl fmt::Debug for PeerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerSettings").finish_non_exhaustive()
    }
}

/// The peer's side of one TLS connection; what both sides can do is in [`Engine`].
pub struct Peer {
    engine: Engine,
    kind: Type,
}

impl Peer {
    /// A connection for a method of this type, whose first message is in [`Engine::take_output`].
    /// `unix_s` is the time in seconds since 1970.
    pub fn new(settings: &PeerSettings, kind: Type, unix_s: u64) -> Result<Self, Trouble> {
        let broken = |what: String| Trouble::Broken { method: kind, what };
        let clock = Arc::new(Clock::at(unix_s));
        let mut config = settings.config.clone();
        config.time_provider = Arc::clone(&clock) as Arc<_>;
        let name = ServerName::try_from(NAME).map_err(|error| broken(error.to_string()))?;
        let connection = ClientConnection::new(Arc::new(config), name)
            .map_err(|error| broken(error.to_string()))?;
        Ok(Self {
            engine: Engine::new(connection, clock),
            kind,
        })
    }

    /// Takes records. After trouble there may be an alert in [`Engine::take_output`], and nothing
    /// is taken any more. `unix_s` is the time in seconds since 1970.
    pub fn receive(&mut self, octets: &[u8], unix_s: u64) -> Result<(), Trouble> {
        let method = self.kind;
        self.engine
            .take_in(octets, unix_s)
            .map_err(|fault| match fault {
                Fault::Tls(Error::AlertReceived(alert)) => {
                    Trouble::RejectedBecause(Alert::of(alert.into()).to_string())
                }
                Fault::Tls(Error::InvalidCertificate(error)) => {
                    Trouble::Untrusted(untrusted(&error))
                }
                Fault::Tls(error) => Trouble::Broken {
                    method,
                    what: error.to_string(),
                },
                Fault::Garbage(what) => Trouble::Broken {
                    method,
                    what: what.to_owned(),
                },
            })
    }

    /// How it went, in words: the version and the cipher suite.
    pub fn remarks(&self) -> Vec<String> {
        let version = self.engine.version().map(|version| version.to_string());
        let suite = self.engine.cipher_suite().map(str::to_owned);
        version.into_iter().chain(suite).collect()
    }
}

fn untrusted(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its certificate is from a CA that is not trusted".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet".into()
        }
        CertificateError::NotValidForName => "its certificate has another name".into(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!(
                "its certificate has another name ({})",
                presented.join(", ")
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers".into()
        }
        CertificateError::ApplicationVerificationFailure => {
            "its certificate is not the one that is pinned".into()
        }
        other => other.to_string(),
    }
}

impl Deref for Peer {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl DerefMut for Peer {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Peer").field(&self.engine).finish()
    }
}

#[derive(Debug)]
struct ServerCheck {
    whom: Whom,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for ServerCheck {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.whom {
            Whom::Anybody => {}
            Whom::Pinned(pinned) => {
                let found = Fingerprint::of(end_entity);
                if !bool::from(pinned.0.ct_eq(&found.0)) {
                    return Err(CertificateError::ApplicationVerificationFailure.into());
                }
            }
            Whom::Roots { roots, names } => {
                let certificate = ParsedCertificate::try_from(end_entity)?;
                verify_server_cert_signed_by_trust_anchor(
                    &certificate,
                    roots,
                    intermediates,
                    now,
                    self.algorithms.all,
                )?;
                let mut result = Ok(());
                for name in names {
                    result = verify_server_name(&certificate, name);
                    if result.is_ok() {
                        break;
                    }
                }
                result?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
