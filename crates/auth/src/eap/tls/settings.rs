//! What a server's TLS is made of: built once, shared by all connections.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use rustls::{
    CertRevocationListError, CipherSuite, Error, RootCertStore, ServerConfig, SignatureScheme,
    SupportedCipherSuite, SupportedProtocolVersion,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs},
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, VerifierBuilderError,
        WebPkiClientVerifier,
    },
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    ClientCertificate, Sessions, Trouble, Version,
    clock::Clock,
    sessions::View,
    verifier::{Trusted, Verifier, is_strong},
};
use crate::eap::Type;

/// Why settings cannot be built. Displays as a clause without capital and full stop; the caller
/// knows which file it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// There is no certificate to show.
    #[error("there is no certificate")]
    NoCertificate,
    /// It is not a certificate.
    #[error("certificate {0} of the chain is not valid X.509")]
    BadCertificate(
        /// Its place in the chain, from 1.
        usize,
    ),
    /// It is not a private key, or of a kind that cannot be used.
    #[error("the private key is none that can be used: RSA of 2048 bits and more, P-256, P-384")]
    BadKey,
    /// The key is another certificate's.
    #[error("the private key does not belong to the certificate")]
    KeyDoesNotMatch,
    /// The server's own key is too weak for 192-bit mode.
    #[error("192-bit mode needs a certificate with P-384, or RSA of 3072 bits and more")]
    KeyTooWeak,
    /// It is not the certificate of a CA.
    #[error("CA certificate {0} is not valid X.509")]
    BadRoot(
        /// Its place in the list, from 1.
        usize,
    ),
    /// There is no CA to trust.
    #[error("there is no CA certificate to check others against")]
    NoRoots,
    /// It is not a revocation list that can be used.
    #[error("revocation list {number} cannot be used: {what}")]
    BadCrl {
        /// Its place in the list, from 1.
        number: usize,
        /// Why.
        what: &'static str,
    },
    /// No version is allowed.
    #[error("the lowest TLS version allowed is higher than the highest")]
    NoVersion,
    /// A name of a server is none.
    #[error("{0:?} is not a name that a server's certificate can have")]
    BadName(String),
    /// The TLS library says no.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Whom devices' certificates must come from, and which of them are revoked.
#[derive(Clone, Default)]
pub struct ClientTrust {
    roots: Vec<Vec<u8>>,
    crls: Vec<Vec<u8>>,
    only_leaf: bool,
    allows_unknown: bool,
    allows_stale: bool,
}

impl ClientTrust {
    /// Certificates from these CAs, given in DER.
    pub fn new(roots: Vec<Vec<u8>>) -> Self {
        Self {
            roots,
            ..Self::default()
        }
    }

    /// The same with revocation lists in DER. With one or more, each certificate of a chain must be
    /// covered by one of them that has not run out. Delta and indirect lists cannot be used.
    #[must_use]
    pub fn with_crls(mut self, crls: Vec<Vec<u8>>) -> Self {
        self.crls = crls;
        self
    }

    /// The same, but only the device's own certificate is looked up in the lists.
    #[must_use]
    pub const fn only_leaf(mut self) -> Self {
        self.only_leaf = true;
        self
    }

    /// The same, but a certificate that no list covers is taken as not revoked.
    #[must_use]
    pub const fn allowing_unknown(mut self) -> Self {
        self.allows_unknown = true;
        self
    }

    /// The same, but a list that has run out still counts.
    #[must_use]
    pub const fn allowing_stale(mut self) -> Self {
        self.allows_stale = true;
        self
    }

    fn build(self, provider: &Arc<CryptoProvider>, is_192: bool) -> Result<Trusted, SettingsError> {
        let roots = roots(&self.roots)?;
        for (index, crl) in self.crls.iter().enumerate() {
            let alone = WebPkiClientVerifier::builder_with_provider(
                Arc::clone(&roots),
                Arc::clone(provider),
            );
            let crl = CertificateRevocationListDer::from(crl.clone());
            alone
                .with_crls([crl])
                .build()
                .map_err(|error| SettingsError::BadCrl {
                    number: index + 1,
                    what: crl_error(&error),
                })?;
        }
        let crls = self.crls.iter().cloned().map(Into::into);
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
            .with_crls(crls);
        if self.only_leaf {
            builder = builder.only_check_end_entity_revocation();
        }
        if self.allows_unknown {
            builder = builder.allow_unknown_revocation_status();
        }
        if !self.allows_stale {
            builder = builder.enforce_revocation_expiration();
        }
        let webpki = builder
            .build()
            .map_err(|error| SettingsError::Tls(error.to_string()))?;
        Ok(Trusted {
            webpki,
            crls: self.crls,
            is_192_bit: is_192,
        })
    }
}

impl fmt::Debug for ClientTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTrust")
            .field("roots", &self.roots.len())
            .field("crls", &self.crls.len())
            .finish_non_exhaustive()
    }
}

pub(super) fn roots(ders: &[Vec<u8>]) -> Result<Arc<RootCertStore>, SettingsError> {
    let mut roots = RootCertStore::empty();
    for (index, der) in ders.iter().enumerate() {
        let certificate = CertificateDer::from(der.clone());
        let added = roots.add(certificate);
        added.map_err(|_| SettingsError::BadRoot(index + 1))?;
    }
    if roots.is_empty() {
        return Err(SettingsError::NoRoots);
    }
    Ok(Arc::new(roots))
}

fn crl_error(error: &VerifierBuilderError) -> &'static str {
    let VerifierBuilderError::InvalidCrl(error) = error else {
        return "it is not valid";
    };
    match error {
        CertRevocationListError::UnsupportedDeltaCrl => "it is a delta list, a full one is needed",
        CertRevocationListError::UnsupportedIndirectCrl => {
            "it is an indirect list, one of the CA itself is needed"
        }
        CertRevocationListError::UnsupportedCrlVersion => "it is not of version 2",
        CertRevocationListError::UnsupportedCriticalExtension => {
            "it has a critical extension that is not known"
        }
        CertRevocationListError::UnsupportedSignatureAlgorithmContext { .. } => {
            "its signature algorithm cannot be used"
        }
        _ => "it is not valid DER",
    }
}

pub(super) fn certified(
    provider: &CryptoProvider,
    chain: &[Vec<u8>],
    key: &[u8],
) -> Result<CertifiedKey, SettingsError> {
    if chain.is_empty() {
        return Err(SettingsError::NoCertificate);
    }
    for (index, der) in chain.iter().enumerate() {
        let rest = X509Certificate::from_der(der).map(|(rest, _)| rest);
        if !rest.is_ok_and(<[u8]>::is_empty) {
            return Err(SettingsError::BadCertificate(index + 1));
        }
    }
    let key = PrivateKeyDer::try_from(key).map_err(|_| SettingsError::BadKey)?;
    let key = provider
        .key_provider
        .load_private_key(key.clone_key())
        .map_err(|_| SettingsError::BadKey)?;
    let chain = chain.iter().cloned().map(CertificateDer::from).collect();
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => Err(SettingsError::KeyDoesNotMatch),
        Err(_) => Err(SettingsError::BadCertificate(1)),
    }
}

/// The library's own choice, named explicitly.
pub(super) fn provider(is_192_bit: bool) -> CryptoProvider {
    let provider = aws_lc_rs::default_provider();
    if !is_192_bit {
        return provider;
    }
    CryptoProvider {
        cipher_suites: vec![
            aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
            aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            aws_lc_rs::cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        ],
        kx_groups: vec![aws_lc_rs::kx_group::SECP384R1],
        signature_verification_algorithms: WebPkiSupportedAlgorithms {
            mapping: &STRONG_SIGNATURES,
            ..provider.signature_verification_algorithms
        },
        ..provider
    }
}

type Mapping = (
    SignatureScheme,
    &'static [&'static dyn rustls::pki_types::SignatureVerificationAlgorithm],
);

/// Signatures of a handshake at 192 bits of security.
static STRONG_SIGNATURES: LazyLock<Vec<Mapping>> = LazyLock::new(|| {
    let all = aws_lc_rs::default_provider().signature_verification_algorithms;
    let is_strong = |scheme: SignatureScheme| {
        matches!(
            scheme,
            SignatureScheme::ECDSA_NISTP384_SHA384
                | SignatureScheme::RSA_PSS_SHA384
                | SignatureScheme::RSA_PSS_SHA512
                | SignatureScheme::RSA_PKCS1_SHA384
                | SignatureScheme::RSA_PKCS1_SHA512
        )
    };
    let strong = all.mapping.iter().filter(|(scheme, _)| is_strong(*scheme));
    strong.copied().collect()
});

pub(super) fn versions(
    min: Version,
    max: Version,
) -> Result<&'static [&'static SupportedProtocolVersion], SettingsError> {
    static BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    match (min, max) {
        (Version::Tls12, Version::Tls13) => Ok(BOTH),
        (Version::Tls12, Version::Tls12) => Ok(&BOTH[1..]),
        (Version::Tls13, Version::Tls13) => Ok(&BOTH[..1]),
        (Version::Tls13, Version::Tls12) => Err(SettingsError::NoVersion),
    }
}

/// What a server's TLS is made of.
pub struct Settings {
    provider: Arc<CryptoProvider>,
    versions: &'static [&'static SupportedProtocolVersion],
    certificates: Arc<Certificates>,
    trusted: Option<Arc<Trusted>>,
    sessions: Option<Arc<Sessions>>,
    is_192_bit: bool,
}

/// Settings that are being put together.
#[derive(Debug)]
pub struct SettingsBuilder {
    provider: CryptoProvider,
    certificates: Vec<Arc<CertifiedKey>>,
    trust: Option<ClientTrust>,
    min: Version,
    max: Version,
    sessions: Option<Arc<Sessions>>,
    is_192_bit: bool,
}

impl Settings {
    /// Begins with the server's certificate: its chain in DER, its own first, and its private key
    /// in DER (PKCS#8, PKCS#1 or SEC 1).
    ///
    /// By default TLS 1.2 and 1.3 are spoken, no client certificate is asked for, and nothing is
    /// resumed.
    pub fn builder(chain: &[Vec<u8>], key: &[u8]) -> Result<SettingsBuilder, SettingsError> {
        let provider = provider(false);
        let certificate = certified(&provider, chain, key)?;
        Ok(SettingsBuilder {
            provider,
            certificates: vec![Arc::new(certificate)],
            trust: None,
            min: Version::Tls12,
            max: Version::Tls13,
            sessions: None,
            is_192_bit: false,
        })
    }

    /// Where sessions are kept, if any are.
    pub const fn sessions(&self) -> Option<&Arc<Sessions>> {
        self.sessions.as_ref()
    }

    /// Whether devices' certificates can be checked: there is a CA to check them against.
    pub const fn can_ask_for_certificates(&self) -> bool {
        self.trusted.is_some()
    }

    /// Whether only what has 192 bits of security is spoken.
    pub const fn is_192_bit(&self) -> bool {
        self.is_192_bit
    }

    pub(super) fn allows(&self, version: Version) -> bool {
        let version = match version {
            Version::Tls12 => &TLS12,
            Version::Tls13 => &TLS13,
        };
        self.versions.contains(&version)
    }

    pub(super) fn verifier(
        &self,
        certificate: ClientCertificate,
        clock: &Arc<Clock>,
    ) -> Result<Option<Arc<Verifier>>, Trouble> {
        let is_required = match certificate {
            ClientCertificate::None => return Ok(None),
            ClientCertificate::Optional => false,
            ClientCertificate::Required => true,
        };
        match &self.trusted {
            Some(trusted) => Ok(Some(Arc::new(Verifier::new(trusted, is_required, clock)))),
            None if is_required => Err(Trouble::NoClientCa),
            None => Ok(None),
        }
    }

    pub(super) fn view(
        &self,
        kind: Type,
        verifier: Option<Arc<Verifier>>,
        clock: &Arc<Clock>,
    ) -> Option<Arc<View>> {
        let sessions = self.sessions.as_ref()?;
        let view = View::new(sessions, kind, self.is_192_bit, verifier, clock);
        Some(Arc::new(view))
    }

    pub(super) fn config(
        &self,
        verifier: Option<Arc<Verifier>>,
        view: Option<Arc<View>>,
        clock: &Arc<Clock>,
    ) -> Result<ServerConfig, Trouble> {
        let builder = ServerConfig::builder_with_details(
            Arc::clone(&self.provider),
            Arc::clone(clock) as Arc<_>,
        )
        .with_protocol_versions(self.versions)
        .map_err(Trouble::internal)?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&self.certificates) as Arc<_>);
        // One ticket is what one conversation needs.
        config.send_tls13_tickets = view.is_some().into();
        config.session_storage = match view {
            Some(view) => view,
            None => Arc::new(NoServerSessionStorage {}),
        };
        Ok(config)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("versions", &self.versions)
            .field("trusted", &self.trusted.is_some())
            .field("sessions", &self.sessions)
            .field("is_192_bit", &self.is_192_bit)
            .finish_non_exhaustive()
    }
}

impl SettingsBuilder {
    /// The same with one more certificate, for devices that cannot use those before it: with RSA
    /// where the first has P-256.
    pub fn and_certificate(mut self, chain: &[Vec<u8>], key: &[u8]) -> Result<Self, SettingsError> {
        let certificate = certified(&self.provider, chain, key)?;
        self.certificates.push(Arc::new(certificate));
        Ok(self)
    }

    /// The same that can check devices' certificates.
    #[must_use]
    pub fn trusting(mut self, trust: ClientTrust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// The same that speaks these versions and those between.
    #[must_use]
    pub const fn versions(mut self, min: Version, max: Version) -> Self {
        self.min = min;
        self.max = max;
        self
    }

    /// The same that keeps sessions here, so that they can be resumed.
    #[must_use]
    pub fn resuming(mut self, sessions: Arc<Sessions>) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// The same that speaks only what has 192 bits of security, as WPA3-Enterprise 192-bit mode
    /// wants it: AES-256-GCM with SHA-384, P-384, certificates with P-384 or RSA of 3072 bits and
    /// more on both sides.
    #[must_use]
    pub const fn suite_b_192(mut self) -> Self {
        self.is_192_bit = true;
        self
    }

    /// Puts them together.
    pub fn build(self) -> Result<Arc<Settings>, SettingsError> {
        let provider = Arc::new(provider(self.is_192_bit));
        if self.is_192_bit && !self.certificates.iter().all(|key| is_strong_chain(key)) {
            return Err(SettingsError::KeyTooWeak);
        }
        let trusted = match self.trust {
            Some(trust) => Some(Arc::new(trust.build(&provider, self.is_192_bit)?)),
            None => None,
        };
        let settings = Settings {
            certificates: Arc::new(Certificates {
                keys: self.certificates,
                suites: provider.cipher_suites.clone(),
            }),
            provider,
            versions: versions(self.min, self.max)?,
            trusted,
            sessions: self.sessions,
            is_192_bit: self.is_192_bit,
        };
        let clock = Arc::new(Clock::default());
        let config = settings.config(None, None, &clock);
        config.map_err(|trouble| SettingsError::Tls(trouble.to_string()))?;
        Ok(Arc::new(settings))
    }
}

fn is_strong_chain(key: &CertifiedKey) -> bool {
    key.cert.iter().all(|der| {
        X509Certificate::from_der(der)
            .is_ok_and(|(_, certificate)| is_strong(certificate.public_key()))
    })
}

/// The server's certificates, of which a device gets the first that it can use.
#[derive(Debug)]
struct Certificates {
    keys: Vec<Arc<CertifiedKey>>,
    suites: Vec<SupportedCipherSuite>,
}

impl Certificates {
    fn suits(&self, key: &CertifiedKey, hello: &ClientHello<'_>) -> bool {
        let algorithm = key.key.algorithm();
        let is_usable = |offered: &CipherSuite| {
            let suite = self.suites.iter().find(|suite| suite.suite() == *offered);
            suite.is_some_and(|suite| suite.usable_for_signature_algorithm(algorithm))
        };
        key.key.choose_scheme(hello.signature_schemes()).is_some()
            && hello.cipher_suites().iter().any(is_usable)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let suiting = self.keys.iter().find(|key| self.suits(key, &client_hello));
        suiting.or_else(|| self.keys.first()).cloned()
    }
}
