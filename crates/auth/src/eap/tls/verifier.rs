//! What is asked of a device's certificate.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use x509_parser::{
    prelude::{FromDer as _, X509Certificate},
    public_key::PublicKey,
    x509::SubjectPublicKeyInfo,
};

use super::{Presented, Trouble, clock::Clock};

/// The curve P-384.
const SECP384R1: &str = "1.3.132.0.34";
/// The least bits of an RSA key at 192 bits of security (RFC 9151 section 5 has the same).
const LEAST_RSA_BITS: usize = 3072;

/// Whether a device has to present a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientCertificate {
    /// None is asked for.
    None,
    /// One is asked for, and a device without one may go on.
    Optional,
    /// It has to.
    Required,
}

/// Certificates that others are checked against, and what their issuers revoked.
#[derive(Debug)]
pub(super) struct Trusted {
    pub(super) webpki: Arc<dyn ClientCertVerifier>,
    pub(super) crls: Vec<Vec<u8>>,
    pub(super) is_192_bit: bool,
}

/// The check of one connection; remembers what it found wrong.
#[derive(Debug)]
pub(super) struct Verifier {
    trusted: Arc<Trusted>,
    is_required: bool,
    clock: Arc<Clock>,
    found: Mutex<Option<Trouble>>,
}

impl Verifier {
    pub(super) fn new(trusted: &Arc<Trusted>, is_required: bool, clock: &Arc<Clock>) -> Self {
        Self {
            trusted: Arc::clone(trusted),
            is_required,
            clock: Arc::clone(clock),
            found: Mutex::default(),
        }
    }

    pub(super) const fn is_required(&self) -> bool {
        self.is_required
    }

    /// What was wrong with the certificate, if anything was.
    pub(super) fn found(&self) -> Option<Trouble> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.clone()
    }

    /// Whether a chain would be accepted now.
    pub(super) fn accepts(&self, chain: &[Vec<u8>]) -> bool {
        let mut chain = chain.iter().map(|der| CertificateDer::from(der.as_slice()));
        let Some(leaf) = chain.next() else {
            return false;
        };
        let others: Vec<CertificateDer<'_>> = chain.collect();
        self.trusted
            .check(&leaf, &others, self.clock.time())
            .is_ok()
    }

    fn note(&self, trouble: Trouble) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
    }
}

/// Why a certificate is refused: what the device is told, and what the administrator is.
type Refusal = Box<(Error, Trouble)>;

impl Trusted {
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let presented = || Presented::of(leaf);
        self.webpki
            .verify_client_cert(leaf, others, now)
            .map_err(|error| {
                let trouble = Trouble::of_certificate(&error, presented(), &self.crls);
                Box::new((error, trouble))
            })?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| {
            let error = Error::InvalidCertificate(CertificateError::BadEncoding);
            let trouble = Trouble::of_certificate(&error, presented(), &self.crls);
            Box::new((error, trouble))
        })?;
        if !is_for_clients(&parsed) {
            let error = CertificateError::InvalidPurpose.into();
            return Err(Box::new((error, Trouble::WrongPurpose(presented()))));
        }
        if self.is_192_bit {
            let is_strong = |der: &CertificateDer<'_>| {
                X509Certificate::from_der(der)
                    .is_ok_and(|(_, certificate)| is_strong(certificate.public_key()))
            };
            if !is_strong(leaf) || !others.iter().all(is_strong) {
                let error = CertificateError::ApplicationVerificationFailure.into();
                return Err(Box::new((error, Trouble::TooWeak(presented()))));
            }
        }
        Ok(())
    }
}

/// Whether it says that it is for clients. One that says nothing is not: a server's certificate
/// without purposes must not open the network (RFC 5216 section 5.3).
fn is_for_clients(certificate: &X509Certificate<'_>) -> bool {
    certificate
        .extended_key_usage()
        .ok()
        .flatten()
        .is_some_and(|usage| usage.value.client_auth || usage.value.any)
}

/// Whether a key has 192 bits of security: P-384, or RSA of 3072 bits and more.
pub(super) fn is_strong(key: &SubjectPublicKeyInfo<'_>) -> bool {
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => rsa.key_size() >= LEAST_RSA_BITS,
        Ok(PublicKey::EC(_)) => {
            let parameters = key.algorithm.parameters.as_ref();
            let curve = parameters.and_then(|parameters| parameters.as_oid().ok());
            curve.is_some_and(|curve| curve.to_id_string() == SECP384R1)
        }
        _ => false,
    }
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.trusted.webpki.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.trusted.check(end_entity, intermediates, now) {
            Ok(()) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => {
                let (error, trouble) = *refusal;
                self.note(trouble);
                Err(error)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let result = self
            .trusted
            .webpki
            .verify_tls12_signature(message, cert, dss);
        result.inspect_err(|_| self.note(Trouble::BadSignature(Presented::of(cert))))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let result = self
            .trusted
            .webpki
            .verify_tls13_signature(message, cert, dss);
        result.inspect_err(|_| self.note(Trouble::BadSignature(Presented::of(cert))))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trusted.webpki.supported_verify_schemes()
    }
}
