//! The pseudo-random functions that tie what goes on inside a tunnel to the tunnel.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use zeroize::Zeroizing;

/// Octets of a SHA-1 digest.
const SHA1_OCTETS: usize = 20;

/// Secret octets of any number.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// A hash, by which HMAC is made and from that a pseudo-random function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
    Sha384,
}

impl Hash {
    /// HMAC (RFC 2104) over the parts one after the other.
    pub(crate) fn mac(self, key: &[u8], parts: &[&[u8]]) -> Secret {
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, parts),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, parts),
            Self::Sha384 => mac::<Hmac<Sha384>>(key, parts),
        }
    }

    /// `PRF(secret, label, seed)` of TLS 1.2: `P_hash` over the label and the seed
    /// (RFC 5246 section 5).
    pub(crate) fn tls12<const N: usize>(
        self,
        secret: &[u8],
        label: &str,
        seed: &[u8],
    ) -> Zeroizing<[u8; N]> {
        let label = label.as_bytes();
        let mut out = Zeroizing::new([0; N]);
        let mut a = self.mac(secret, &[label, seed]);
        for chunk in out.chunks_mut(a.len()) {
            let block = self.mac(secret, &[&a, label, seed]);
            chunk.copy_from_slice(&block[..chunk.len()]);
            a = self.mac(secret, &[&a]);
        }
        out
    }
}

/// HMAC-SHA-1 in feedback: each block is over the one before, the seed, and what `suffix` says of
/// the block's number, which counts from 1.
pub(crate) fn feedback<const N: usize>(
    key: &[u8],
    seed: &[&[u8]],
    suffix: impl Fn(u8) -> [u8; 3],
) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    let mut block = Secret::default();
    let mut number = 0_u8;
    for chunk in out.chunks_mut(SHA1_OCTETS) {
        number = number.wrapping_add(1);
        let suffix = suffix(number);
        let mut parts: Vec<&[u8]> = vec![&block];
        parts.extend_from_slice(seed);
        parts.push(&suffix);
        let next = Hash::Sha1.mac(key, &parts);
        chunk.copy_from_slice(&next[..chunk.len()]);
        block = next;
    }
    out
}

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Secret {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let nibble = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
        text.as_bytes()
            .chunks_exact(2)
            .map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]))
            .collect()
    }

    #[test]
    fn the_function_of_tls_1_2_gives_the_known_octets() {
        let secret = hex("9bbe436ba940f017b17652849a71db35");
        let seed = hex("a0ba9f936cda311827a6f796ffd5198c");
        let out = Hash::Sha256.tls12::<100>(&secret, "test label", &seed);
        let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e\
                        90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97\
                        fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66";
        assert_eq!(out.to_vec(), hex(expected));
        let secret = hex("b80b733d6ceefcdc71566ea48e5567df");
        let seed = hex("cd665cf6a8447dd6ff8b27555edb7465");
        let out = Hash::Sha384.tls12::<60>(&secret, "test label", &seed);
        let expected = "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60\
                        be9fe34f82b1233c9146a0e534cb400fed2700884f9dc2";
        assert_eq!(out.to_vec(), hex(expected));
    }

    /// RFC 4851 appendix B: the same feedback with the length in the suffix, and the same split
    /// into keys as here.
    #[test]
    fn feedback_gives_the_octets_of_rfc_4851() {
        let fast = |length: u16| {
            move |number| {
                let [high, low] = length.to_be_bytes();
                [high, low, number]
            }
        };
        let key = hex("0b97390f37517809811efd9c6e65942b632ce953893808ba360b037cd185e414");
        let seed = hex(
            "3ffb11c46cbfa57a5440dae822d311d3f76de41dd933e5937097eba9b366f42a\
             000000026a66432a8d14432cec582d2fc79c3364ba04ad3a5254d6a579ad1e00",
        );
        let label = b"PAC to master secret label hash\0";
        let secret = feedback::<48>(&key, &[label, &seed], fast(48));
        let expected = "4a1a512c0160bc023ccfbc833f03bc6488c1312f0ba9a27716a8d8e8bdc9d229384b7a85be\
                        164d2733d5247987b1c5a2";
        assert_eq!(secret.to_vec(), hex(expected));
        let seed =
            hex("d64b7d7217592805aff9b7ff666da1968f0b5e06467a448464c1c80c96440998ff92a8b4c6422871");
        let label = b"Inner Methods Compound Keys\0";
        let keys = feedback::<60>(&seed, &[label, &[0; 32]], fast(60));
        let expected = "16153c3f2155efd97f34aec81a4e66804cc376f28aa96f96c2545f8cab6502e118407b56be\
                        eaa7c5765d8f0bc507c6b904d06956728b6bb815ec577b";
        assert_eq!(keys.to_vec(), hex(expected));
    }
}
