use std::{fmt, sync::Arc};

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, CertificateRevocationListDer, pem::PemObject as _},
    server::{VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier},
};

use super::{
    Certificate, TlsError,
    identity::{bad_pem, certificates},
    provider,
};

/// The CAs that a certificate may come from, and their revocation lists.
///
/// Empty to begin with: it trusts nobody, and never the CAs of the system. Once a revocation list
/// is given, every certificate of a chain must be covered by one, and a list past its
/// `nextUpdate` refuses everybody it decides about.
#[derive(Clone, Default)]
pub struct Trust {
    held: Arc<Held>,
}

#[derive(Default)]
struct Held {
    authorities: Vec<CertificateDer<'static>>,
    names: Vec<String>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    of_clients: Option<Arc<dyn ClientCertVerifier>>,
    of_servers: Option<Arc<dyn ServerCertVerifier>>,
}

impl Trust {
    /// Trusts the CA certificates in PEM text; there must be at least one.
    pub fn from_pem(authorities: &[u8]) -> Result<Self, TlsError> {
        Self::assemble(certificates(authorities)?, Vec::new())
    }

    /// Adds the revocation lists in PEM text; there must be at least one. Delta and indirect lists
    /// are refused.
    pub fn crls_from_pem(self, lists: &[u8]) -> Result<Self, TlsError> {
        let mut crls = self.held.crls.clone();
        let before = crls.len();
        for crl in CertificateRevocationListDer::pem_slice_iter(lists) {
            crls.push(crl.map_err(bad_pem)?);
        }
        if crls.len() == before {
            return Err(TlsError::NoCrl);
        }
        Self::assemble(self.held.authorities.clone(), crls)
    }

    /// Whether it trusts nobody.
    pub fn is_empty(&self) -> bool {
        self.held.authorities.is_empty()
    }

    /// The CA certificates.
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.held.authorities
    }

    /// The revocation lists.
    pub fn crls(&self) -> &[CertificateRevocationListDer<'static>] {
        &self.held.crls
    }

    /// Verifies the chains of clients; `None` when nobody is trusted.
    pub(super) fn of_clients(&self) -> Option<&dyn ClientCertVerifier> {
        self.held.of_clients.as_deref()
    }

    /// Verifies the chains of servers; `None` when nobody is trusted.
    pub(super) fn of_servers(&self) -> Option<&dyn ServerCertVerifier> {
        self.held.of_servers.as_deref()
    }

    /// Equal for clones of one trust, so that one verdict serves for all of them.
    pub(super) fn key(&self) -> usize {
        Arc::as_ptr(&self.held).addr()
    }

    fn assemble(
        authorities: Vec<CertificateDer<'static>>,
        crls: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        let mut names = Vec::new();
        for (index, der) in authorities.iter().enumerate() {
            let bad = |why: String| TlsError::BadCertificate {
                position: index + 1,
                why: why.into(),
            };
            let facts = Certificate::from_der(der).map_err(|why| bad(why.to_owned()))?;
            names.push(facts.subject().to_owned());
            roots
                .add(der.clone())
                .map_err(|error| bad(error.to_string()))?;
        }
        let mut held = Held {
            authorities,
            names,
            crls,
            ..Held::default()
        };
        if !held.authorities.is_empty() {
            let roots = Arc::new(roots);
            held.of_clients = Some(client_verifier(&roots, &held.crls)?);
            held.of_servers = Some(server_verifier(&roots, &held.crls)?);
        }
        Ok(Self {
            held: Arc::new(held),
        })
    }
}

/// Shows the names of the CAs only.
impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("authorities", &self.held.names)
            .field("crls", &self.held.crls.len())
            .finish_non_exhaustive()
    }
}

fn client_verifier(
    roots: &Arc<RootCertStore>,
    crls: &[CertificateRevocationListDer<'static>],
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider())
        .clear_root_hint_subjects()
        .with_crls(crls.iter().cloned())
        .enforce_revocation_expiration()
        .build()
        .map_err(unusable)
}

fn server_verifier(
    roots: &Arc<RootCertStore>,
    crls: &[CertificateRevocationListDer<'static>],
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let built = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider())
        .with_crls(crls.iter().cloned())
        .enforce_revocation_expiration()
        .build()
        .map_err(unusable)?;
    Ok(built)
}

fn unusable(error: VerifierBuilderError) -> TlsError {
    match error {
        VerifierBuilderError::InvalidCrl(error) => TlsError::BadCrl(format!("{error:?}").into()),
        other => TlsError::Engine(other.to_string().into()),
    }
}
