use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::Transport;

/// A secret shared with a peer. It prints redacted, cannot be read back, and is wiped when dropped.
///
/// The key schedule of HMAC-MD5 is computed once, here, and not for every packet.
#[derive(Clone)]
pub struct Secret {
    octets: Zeroizing<Vec<u8>>,
    hmac: Hmac<Md5>,
}

/// The secret is empty (RFC 2865 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a shared secret cannot be empty")]
pub struct EmptySecret;

impl Secret {
    /// Takes the octets of a secret. RFC 2865 section 3 refuses an empty one.
    pub fn new(octets: impl AsRef<[u8]>) -> Result<Self, EmptySecret> {
        let octets = Zeroizing::new(octets.as_ref().to_vec());
        if octets.is_empty() {
            return Err(EmptySecret);
        }
        let hmac = Hmac::new_from_slice(&octets).map_err(|_| EmptySecret)?;
        Ok(Self { octets, hmac })
    }

    /// The secret of every peer that uses this transport, where the RFCs fix one: TLS does what
    /// secrets do elsewhere (RFC 6614 section 2.3, RFC 7360 section 2.1).
    pub fn of_transport(transport: Transport) -> Option<Self> {
        match transport {
            Transport::Dtls => Self::new("radius/dtls").ok(),
            Transport::Tls => Self::new("radsec").ok(),
            Transport::Tcp | Transport::Udp => None,
        }
    }

    /// MD5 over the parts and then the secret.
    pub(crate) fn md5_after(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut digest = Md5::new();
        for part in parts {
            digest.update(part);
        }
        digest.update(self.octets.as_slice());
        digest.finalize().into()
    }

    /// MD5 over the secret and then the parts.
    pub(crate) fn md5_before(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut digest = Md5::new();
        digest.update(self.octets.as_slice());
        for part in parts {
            digest.update(part);
        }
        digest.finalize().into()
    }

    /// HMAC-MD5 over the parts (RFC 2104).
    pub(crate) fn hmac_md5(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut mac = self.hmac.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl PartialEq for Secret {
    /// In time that depends only on the lengths.
    fn eq(&self, other: &Self) -> bool {
        self.octets.ct_eq(&other.octets).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_follows_rfc_2202() {
        let secret = Secret::new("Jefe").unwrap();
        let expected = 0x750c_783e_6ab0_b503_eaa8_6e31_0a5d_b738_u128.to_be_bytes();
        assert_eq!(
            secret.hmac_md5(&[b"what do ya want ", b"for nothing?"]),
            expected
        );
        let secret = Secret::new([0x0b; 16]).unwrap();
        let expected = 0x9294_727a_3638_bb1c_13f4_8ef8_158b_fc9d_u128.to_be_bytes();
        assert_eq!(secret.hmac_md5(&[b"Hi There"]), expected);
    }

    #[test]
    fn it_prints_redacted_and_refuses_to_be_empty() {
        assert_eq!(format!("{:?}", Secret::new("xyzzy").unwrap()), "Secret(..)");
        assert_eq!(Secret::new("").unwrap_err(), EmptySecret);
    }
}
