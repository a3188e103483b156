//! The random function and the key derivation function (RFC 5931 sections 2.4 and 2.5).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::super::{MSK_OCTETS, Msk, Type};

/// Octets of what the random function gives.
pub(super) const DIGEST_OCTETS: usize = 32;
/// Octets in a block of SHA-256.
const BLOCK_OCTETS: usize = 64;

pub(super) type Digest = Zeroizing<[u8; DIGEST_OCTETS]>;

/// H: HMAC-SHA256 under a key of 32 zero octets.
pub(super) fn hash(parts: &[&[u8]]) -> Digest {
    mac(&[0; DIGEST_OCTETS], parts)
}

/// The KDF: fills `out`, of at most 8191 octets, with what follows from `key` and `label`.
pub(super) fn stretch(key: &[u8; DIGEST_OCTETS], label: &[u8], out: &mut [u8]) {
    let bits = u16::try_from(8 * out.len()).unwrap_or(u16::MAX);
    let mut last: Option<Digest> = None;
    for (chunk, i) in out.chunks_mut(DIGEST_OCTETS).zip(1_u16..) {
        let feedback: &[u8] = match &last {
            Some(digest) => &digest[..],
            None => &[],
        };
        let parts = [feedback, &i.to_be_bytes(), label, &bits.to_be_bytes()];
        let digest = mac(key, &parts);
        chunk.copy_from_slice(&digest[..chunk.len()]);
        last = Some(digest);
    }
}

/// The master session key and the Session-Id (RFC 5931 section 2.9). The extended key, which
/// nothing here has a use for, is derived with it and dropped.
pub(super) fn session_keys(
    master: &[u8; DIGEST_OCTETS],
    suite: [u8; 4],
    peer_scalar: &[u8],
    server_scalar: &[u8],
) -> (Msk, Vec<u8>) {
    let mut session_id = Vec::with_capacity(1 + DIGEST_OCTETS);
    session_id.extend(Type::PWD.short());
    session_id.extend_from_slice(&*hash(&[&suite, peer_scalar, server_scalar]));
    let mut keys = Zeroizing::new([0; 2 * MSK_OCTETS]);
    stretch(master, &session_id, &mut *keys);
    let mut msk = Zeroizing::new([0; MSK_OCTETS]);
    msk.copy_from_slice(&keys[..MSK_OCTETS]);
    (Msk::new(*msk), session_id)
}

fn mac(key: &[u8; DIGEST_OCTETS], parts: &[&[u8]]) -> Digest {
    // HMAC fills a key that is shorter than a block with zeros.
    let mut block = Zeroizing::new([0; BLOCK_OCTETS]);
    block[..DIGEST_OCTETS].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}
