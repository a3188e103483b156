use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use portreeve_proto::{Packet, attr};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The octets of a [`HopMark`] that tell one request from another.
const UNIQUE: usize = 8;
/// The octets that only who has the key can write.
const SEAL: usize = 8;

/// The key by which our own Proxy-State is recognised. All nodes of one installation share it, so
/// that a request cannot go round between them. It prints redacted.
#[derive(Clone)]
pub struct HopKey(Hmac<Sha256>);

impl HopKey {
    /// Takes the octets of a key; they should come from a random generator.
    pub fn new(octets: &[u8; 32]) -> Self {
        // A shorter key is one filled up with zeros to a block of the hash (RFC 2104 section 2).
        let mut block = Zeroizing::new([0; 64]);
        block[..octets.len()].copy_from_slice(octets);
        Self(Hmac::new((&*block).into()))
    }

    /// The mark of one forwarded request. `unique` differs from request to request, so that a mark
    /// says nothing about any other.
    pub fn mark(&self, unique: [u8; UNIQUE]) -> HopMark {
        let seal = self.sealing(&unique).finalize().into_bytes();
        let mut octets = [0; HopMark::LEN];
        octets[..UNIQUE].copy_from_slice(&unique);
        octets[UNIQUE..].copy_from_slice(&seal[..SEAL]);
        HopMark(octets)
    }

    /// Whether the value of a Proxy-State is one of our marks. Takes the same time wherever the
    /// seals differ.
    pub fn is_ours(&self, proxy_state: &[u8]) -> bool {
        let Some((unique, seal)) = proxy_state.split_first_chunk::<UNIQUE>() else {
            return false;
        };
        seal.len() == SEAL && self.sealing(unique).verify_truncated_left(seal).is_ok()
    }

    /// Whether a request has passed through us before.
    pub fn has_marked(&self, packet: &Packet<'_>) -> bool {
        proxy_states(packet).any(|value| self.is_ours(value))
    }

    fn sealing(&self, unique: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(unique);
        mac
    }
}

impl fmt::Debug for HopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HopKey(redacted)")
    }
}

/// The value of the Proxy-State that we append to a request we forward (RFC 2865 section 5.33).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HopMark([u8; Self::LEN]);

impl HopMark {
    /// The octets of every mark.
    pub const LEN: usize = UNIQUE + SEAL;

    /// The octets.
    pub const fn octets(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// The values of Proxy-State in a packet, the first hop's first.
pub(super) fn proxy_states<'a>(packet: &Packet<'a>) -> impl Iterator<Item = &'a [u8]> {
    packet
        .attributes()
        .filter(|attribute| attribute.number == attr::PROXY_STATE.spec().oid.top())
        .map(|attribute| attribute.value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_our_own_marks_are_ours() {
        let (ours, theirs) = (HopKey::new(&[1; 32]), HopKey::new(&[2; 32]));
        let mark = ours.mark(*b"request1");
        assert!(ours.is_ours(mark.octets()));
        assert!(!theirs.is_ours(mark.octets()));
        assert_ne!(mark, ours.mark(*b"request2"));
        for other in [
            &b""[..],
            b"12345678",
            &mark.octets()[..15],
            &[0; 16],
            &[0; 253],
        ] {
            assert!(!ours.is_ours(other), "{other:?}");
        }
        let longer = [&mark.octets()[..], &[0]].concat();
        assert!(!ours.is_ours(&longer));
        assert_eq!(format!("{ours:?}"), "HopKey(redacted)");
    }

    proptest! {
        #[test]
        fn a_mark_that_was_altered_is_not_ours(unique: [u8; 8], at in 0_usize..16, by in 1_u8..) {
            let key = HopKey::new(&[7; 32]);
            let mut octets = *key.mark(unique).octets();
            prop_assert!(key.is_ours(&octets));
            octets[at] ^= by;
            prop_assert!(!key.is_ours(&octets));
        }
    }
}
