//! The verdict on a router's certificate, in the middle of the handshake.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::TlsTrouble;

/// Whom to take for the router.
#[derive(Debug)]
pub(super) enum Judge {
    Pin([u8; 32]),
    Authorities(Arc<WebPkiServerVerifier>),
    Anybody,
}

impl Judge {
    pub(super) fn authorities(
        authorities: &[Vec<u8>],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsTrouble> {
        let unusable = |why: String| TlsTrouble::Other(format!("a CA to be trusted: {why}"));
        let mut roots = RootCertStore::empty();
        for der in authorities {
            roots
                .add(CertificateDer::from_slice(der).into_owned())
                .map_err(|error| unusable(error.to_string()))?;
        }
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let verifier = builder
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self::Authorities(verifier))
    }
}

/// Decides about the router of one connection, and keeps the certificate it showed.
#[derive(Debug)]
pub(super) struct Verifier {
    judge: Judge,
    provider: Arc<CryptoProvider>,
    shown: OnceLock<Vec<u8>>,
    judged_bad: AtomicBool,
}

impl Verifier {
    pub(super) fn new(judge: Judge, provider: Arc<CryptoProvider>) -> Self {
        Self {
            judge,
            provider,
            shown: OnceLock::new(),
            judged_bad: AtomicBool::new(false),
        }
    }

    /// The router's own certificate in DER, whether it was found good or not.
    pub(super) fn shown(&self) -> Option<Vec<u8>> {
        self.shown.get().cloned()
    }

    /// Whether the certificate was found good, so that what failed is the proof of its key.
    pub(super) fn lacks_only_the_key(&self) -> bool {
        self.shown.get().is_some() && !self.judged_bad.load(Ordering::Relaxed)
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.judge {
            Judge::Pin(pin) => {
                let found: [u8; 32] = Sha256::digest(end_entity).into();
                if bool::from(found.ct_eq(pin)) {
                    Ok(ServerCertVerified::assertion())
                } else {
                    Err(Error::InvalidCertificate(
                        CertificateError::ApplicationVerificationFailure,
                    ))
                }
            }
            Judge::Authorities(verifier) => verifier.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            Judge::Anybody => Ok(ServerCertVerified::assertion()),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.shown.get_or_init(|| end_entity.to_vec());
        let verdict = self.judge(end_entity, intermediates, server_name, ocsp_response, now);
        self.judged_bad.store(verdict.is_err(), Ordering::Relaxed);
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
