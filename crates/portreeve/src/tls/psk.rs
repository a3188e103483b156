use std::{fmt, sync::Arc};

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::TlsError;

/// A pre-shared key and its identity (RFC 9813), for devices that cannot handle certificates.
///
/// Only the OpenSSL engine (cargo feature `openssl`) can use one. It must not be a RADIUS shared
/// secret, nor serve for both directions.
#[derive(Clone)]
pub struct Psk {
    identity: Arc<str>,
    key: Arc<Zeroizing<Vec<u8>>>,
    tls12: bool,
}

impl Psk {
    /// The longest identity, in octets.
    pub const MAX_IDENTITY: usize = 1024;
    /// The shortest key, in octets (RFC 9813 section 4.1).
    pub const MIN_KEY: usize = 16;
    /// The longest key, in octets.
    pub const MAX_KEY: usize = 512;

    /// A key of 16 to 512 octets, of the best randomness there is, under an identity of 1 to 1024
    /// octets of UTF-8 without control characters.
    pub fn new(identity: &str, key: &[u8]) -> Result<Self, TlsError> {
        let fits = (1..=Self::MAX_IDENTITY).contains(&identity.len());
        if !fits || identity.chars().any(char::is_control) {
            return Err(TlsError::BadPskIdentity);
        }
        if !(Self::MIN_KEY..=Self::MAX_KEY).contains(&key.len()) {
            return Err(TlsError::BadPskLength(key.len()));
        }
        Ok(Self {
            identity: identity.into(),
            key: Arc::new(Zeroizing::new(key.to_vec())),
            tls12: false,
        })
    }

    /// Makes it a key for TLS 1.2 and DTLS 1.2, and for these only. As it is made, a key is for TLS
    /// 1.3 only: one and the same must never serve both (RFC 9813 section 4.1).
    #[must_use]
    pub fn for_tls12(mut self) -> Self {
        self.tls12 = true;
        self
    }

    /// Whether it is for TLS 1.2 and DTLS 1.2, instead of TLS 1.3.
    pub fn is_for_tls12(&self) -> bool {
        self.tls12
    }

    /// Its identity, which goes over the wire in the clear.
    pub fn identity(&self) -> &Arc<str> {
        &self.identity
    }

    /// The key, for the OpenSSL engine.
    #[cfg(feature = "openssl")]
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }
}

/// Compares the keys in constant time.
impl PartialEq for Psk {
    fn eq(&self, other: &Self) -> bool {
        let same_key: bool = self.key.ct_eq(&other.key).into();
        self.identity == other.identity && self.tls12 == other.tls12 && same_key
    }
}

impl Eq for Psk {}

impl fmt::Debug for Psk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Psk")
            .field("identity", &self.identity)
            .field("key", &"redacted")
            .field("tls12", &self.tls12)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_and_keys_have_bounds() {
        let key = [7; 16];
        for identity in ["nas1", "名前", &"x".repeat(1024)] {
            assert_eq!(&**Psk::new(identity, &key).unwrap().identity(), identity);
        }
        for identity in ["", "a\nb", "a\0", "\u{85}", &"x".repeat(1025)] {
            assert_eq!(Psk::new(identity, &key), Err(TlsError::BadPskIdentity));
        }
        for length in [0, 15, 513] {
            let refused = Psk::new("nas1", &vec![1; length]);
            assert_eq!(refused, Err(TlsError::BadPskLength(length)));
        }
        assert!(Psk::new("nas1", &[1; 512]).is_ok());
    }

    #[test]
    fn the_key_decides_and_is_never_printed() {
        let psk = |key| Psk::new("nas1", key).unwrap();
        assert_eq!(psk(b"0123456789abcdef"), psk(b"0123456789abcdef"));
        assert_ne!(psk(b"0123456789abcdef"), psk(b"0123456789abcdeF"));
        let printed = format!("{:?}", psk(b"0123456789abcdef"));
        assert!(
            printed.contains("nas1") && !printed.contains("01234"),
            "{printed}"
        );
    }
}
