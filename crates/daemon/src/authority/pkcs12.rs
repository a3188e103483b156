//! A certificate, its key and its issuers in one file under a password (PKCS #12, RFC 7292).

use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};
use zeroize::Zeroizing;

use super::details::blocks;

/// How the file is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Wrapping {
    /// AES-256 and SHA-256.
    #[default]
    Modern,
    /// 3DES and SHA-1, for systems that know no other.
    Legacy,
}

/// Why there is no such file.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the PKCS #12 file: {0}")]
pub(crate) struct Pkcs12Error(String);

/// Puts a chain of certificates in DER, the one of the key first, and its key, PKCS #8 in PEM, into
/// one file. `name` is what systems show their users.
pub(crate) fn pkcs12(
    name: &str,
    chain: &[Vec<u8>],
    key_pem: &str,
    password: &str,
    wrapping: Wrapping,
) -> Result<Zeroizing<Vec<u8>>, Pkcs12Error> {
    let failed = |error: p12_keystore::error::Error| Pkcs12Error(error.to_string());
    let key = blocks(key_pem, |label| label == "PRIVATE KEY")
        .into_iter()
        .next();
    let key = Zeroizing::new(key.unwrap_or_default());
    let key = PrivateKey::from_der(&key).map_err(failed)?;
    let chain: Result<Vec<_>, _> = chain.iter().map(|der| Certificate::from_der(der)).collect();
    let chain = PrivateKeyChain::new(name.as_bytes(), key, chain.map_err(failed)?);
    let mut store = KeyStore::new();
    store.add_entry(name, KeyStoreEntry::PrivateKeyChain(chain));
    let writer = store.writer(password);
    let writer = match wrapping {
        Wrapping::Modern => writer,
        Wrapping::Legacy => writer
            .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
            .mac_algorithm(MacAlgorithm::HmacSha1),
    };
    Ok(Zeroizing::new(writer.write().map_err(failed)?))
}
