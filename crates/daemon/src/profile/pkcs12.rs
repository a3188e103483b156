//! A certificate and its key in one file.

use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};
use zeroize::Zeroizing;

use super::{error::ProfileError, network::ClientIdentity};
use crate::authority::blocks;

/// Makes the file, encrypted with `passphrase`, which may be empty; `others` go in beside the
/// user's own certificate.
///
/// It is encrypted in the old way (3DES, SHA-1), because that is what every phone and computer
/// imports. What protects the key is the passphrase, which is made up and has a hundred bits.
pub(crate) fn pkcs12(
    name: &str,
    client: &ClientIdentity,
    others: &[&[u8]],
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, ProfileError> {
    let failed = |error: p12_keystore::error::Error| ProfileError::Write {
        what: "PKCS #12",
        why: error.to_string(),
    };
    let key = key_der(client);
    let key = PrivateKey::from_der(&key).map_err(failed)?;
    let own = client.chain.first().map(Vec::as_slice);
    let mut chain = Vec::new();
    for der in own.into_iter().chain(others.iter().copied()) {
        chain.push(Certificate::from_der(der).map_err(failed)?);
    }
    let chain = PrivateKeyChain::new(name.as_bytes(), key, chain);
    let mut store = KeyStore::new();
    store.add_entry(name, KeyStoreEntry::PrivateKeyChain(chain));
    let written = store
        .writer(passphrase)
        .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
        .mac_algorithm(MacAlgorithm::HmacSha1)
        .write();
    Ok(Zeroizing::new(written.map_err(failed)?))
}

/// The key in DER (PKCS #8).
pub(crate) fn key_der(client: &ClientIdentity) -> Zeroizing<Vec<u8>> {
    let keys = blocks(&client.key_pem, |label| label == "PRIVATE KEY");
    Zeroizing::new(keys.into_iter().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use p12_keystore::Pkcs12ImportPolicy;

    use super::super::{fixtures, network::Method};
    use super::*;

    #[test]
    fn it_opens_with_its_passphrase_only() {
        let network = fixtures::network(Method::Tls);
        let client = network.client().unwrap();
        for passphrase in ["open sesame", ""] {
            let file = pkcs12("tim", client, &[network.root()], passphrase).unwrap();
            let strict = Pkcs12ImportPolicy::Strict;
            let store = KeyStore::from_pkcs12(&file, passphrase, strict).unwrap();
            let (name, chain) = store.private_key_chain().unwrap();
            assert_eq!(name, "tim");
            assert_eq!(chain.certs()[0].as_der(), fixtures::signed_by_root());
            assert_eq!(chain.certs().len(), 2);
            assert!(KeyStore::from_pkcs12(&file, "open seseme", strict).is_err());
        }
    }
}
