use std::{fmt, sync::Arc};

use rustls::{
    Error, InconsistentKeys,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{Certificate, TlsError, provider};

/// Our own certificate chain and its private key.
#[derive(Clone)]
pub struct Identity {
    held: Arc<Held>,
}

struct Held {
    certified: Arc<CertifiedKey>,
    certificate: Certificate,
    #[cfg(feature = "openssl")]
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads the chain (our certificate first, then the issuers up to, but without, the root) and
    /// the key (PKCS#8, PKCS#1 or SEC1) from PEM text. Both may be the same text.
    ///
    /// Refuses a key that does not belong to the first certificate, and one that is encrypted.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates(chain)?;
        let certificate = first(&chain)?;
        let key = private_key(key)?;
        #[cfg(feature = "openssl")]
        let kept = key.clone_key();
        let certified =
            CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::KeyMismatch,
                other => TlsError::BadKey(other.to_string().into()),
            })?;
        Ok(Self {
            held: Arc::new(Held {
                certified: Arc::new(certified),
                certificate,
                #[cfg(feature = "openssl")]
                key: kept,
            }),
        })
    }

    /// Our certificate: whose it is, and until when it is good.
    pub fn certificate(&self) -> &Certificate {
        &self.held.certificate
    }

    /// The chain as it goes out, our certificate first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.held.certified.cert
    }

    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.held.certified)))
    }

    /// The private key, for the OpenSSL engine.
    #[cfg(feature = "openssl")]
    pub(super) fn key(&self) -> &PrivateKeyDer<'static> {
        &self.held.key
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificate", &self.held.certificate)
            .field("key", &"redacted")
            .finish_non_exhaustive()
    }
}

/// The certificates in PEM text; at least one, and nothing that cannot be read.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(bad_pem)?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    Ok(found)
}

pub(super) fn bad_pem(error: pem::Error) -> TlsError {
    TlsError::BadPem(error.to_string().into())
}

fn first(chain: &[CertificateDer<'_>]) -> Result<Certificate, TlsError> {
    let mut facts = Vec::new();
    for (index, der) in chain.iter().enumerate() {
        let read = Certificate::from_der(der).map_err(|why| TlsError::BadCertificate {
            position: index + 1,
            why: why.into(),
        })?;
        facts.push(read);
    }
    facts.into_iter().next().ok_or(TlsError::NoCertificate)
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) if is_encrypted(text) => Err(TlsError::EncryptedKey),
        Err(pem::Error::NoItemsFound) => Err(TlsError::NoKey),
        Err(error) => Err(bad_pem(error)),
    }
}

/// Whether PEM text holds a key that needs a pass phrase: the reader passes over such sections.
fn is_encrypted(text: &[u8]) -> bool {
    const LABEL: &[u8] = b"BEGIN ENCRYPTED PRIVATE KEY";
    text.windows(LABEL.len()).any(|window| window == LABEL)
}
