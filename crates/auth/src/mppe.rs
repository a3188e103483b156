//! The keys that MS-CHAP leaves behind for encryption (RFC 3079, RFC 2548 section 2.4).
//!
//! A NAS derives its RC4 session keys itself; a RADIUS server sends what they start from. The
//! session key functions are here because they are how a derivation is checked end to end.

use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

use crate::mschap::{NT_RESPONSE_OCTETS, NtHash};

/// A key of 128 bits.
pub type Key128 = Zeroizing<[u8; 16]>;
/// A key of eight octets, of which 40 or 56 bits are secret.
pub type Key64 = Zeroizing<[u8; 8]>;

const MASTER: &[u8] = b"This is the MPPE Master Key";
const CLIENT_SENDS: &[u8] =
    b"On the client side, this is the send key; on the server side, it is the receive key.";
const SERVER_SENDS: &[u8] =
    b"On the client side, this is the receive key; on the server side, it is the send key.";

/// The two keys a server hands to the NAS after MS-CHAPv2, named from the NAS's side.
#[derive(Clone)]
pub struct StartKeys {
    /// For what the NAS sends: MS-MPPE-Send-Key.
    pub send: Key128,
    /// For what the NAS receives: MS-MPPE-Recv-Key.
    pub recv: Key128,
}

impl StartKeys {
    /// The keys that follow from an MS-CHAPv2 log-in (RFC 3079 section 3.3).
    pub fn of(hash: &NtHash, nt_response: &[u8; NT_RESPONSE_OCTETS]) -> Self {
        let master = master_key(&hash.hash_hash(), nt_response);
        Self {
            send: start_key(&master, Direction::ServerToClient),
            recv: start_key(&master, Direction::ClientToServer),
        }
    }
}

impl std::fmt::Debug for StartKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StartKeys(redacted)")
    }
}

/// Which way the data flows that a key encrypts. RFC 3079 asks for "send or receive" and "client
/// or server"; these are the two different answers. The NAS is the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the NAS to the subscriber.
    ServerToClient,
    /// From the subscriber to the NAS.
    ClientToServer,
}

/// `GetMasterKey` of RFC 3079 section 3.4.
pub fn master_key(hash_hash: &[u8; 16], nt_response: &[u8; NT_RESPONSE_OCTETS]) -> Key128 {
    let digest = Sha1::new()
        .chain_update(hash_hash)
        .chain_update(nt_response)
        .chain_update(MASTER)
        .finalize();
    head(&digest)
}

/// `GetAsymmetricStartKey` of RFC 3079 section 3.4. The 40-bit and 56-bit start keys are its
/// first eight octets.
pub fn start_key(master: &[u8; 16], direction: Direction) -> Key128 {
    let text = match direction {
        Direction::ServerToClient => SERVER_SENDS,
        Direction::ClientToServer => CLIENT_SENDS,
    };
    let digest = Sha1::new()
        .chain_update(master)
        .chain_update([0_u8; 40])
        .chain_update(text)
        .chain_update([0xf2_u8; 40])
        .finalize();
    head(&digest)
}

/// `Get_Start_Key` of RFC 3079 section 2.4: where MS-CHAPv1 starts for 128 bits.
pub fn v1_start_key(challenge: &[u8; 8], hash_hash: &[u8; 16]) -> Key128 {
    let digest = Sha1::new()
        .chain_update(hash_hash)
        .chain_update(hash_hash)
        .chain_update(challenge)
        .finalize();
    head(&digest)
}

/// The first 128-bit session key that follows from a start key (`Get_Key`, also called
/// `GetNewKeyFromSHA`).
pub fn session_key_128(start: &[u8; 16]) -> Key128 {
    head(&*new_key(start))
}

/// The first 56-bit session key that follows from the first eight octets of a start key or of an
/// LM hash.
pub fn session_key_56(start: &[u8; 8]) -> Key64 {
    let mut key: Key64 = head(&*new_key(start));
    key[0] = 0xd1;
    key
}

/// The first 40-bit session key that follows from the first eight octets of a start key or of an
/// LM hash.
pub fn session_key_40(start: &[u8; 8]) -> Key64 {
    let mut key: Key64 = head(&*new_key(start));
    key[..3].copy_from_slice(&[0xd1, 0x26, 0x9e]);
    key
}

/// The plain value of MS-CHAP-MPPE-Keys, 32 octets: eight of the LM hash, sixteen for the NT-Key,
/// eight of padding (RFC 2548 section 2.4.1).
///
/// RFC 2548 calls the NT-Key "the hashed Windows NT password". Every NAS expects the hash of that
/// hash, from which RFC 3079 section 2.3 derives the key, so that is what it is. Without an LM
/// hash its field is zero and 40-bit encryption cannot work.
pub fn v1_keys(lm_hash: Option<&[u8; 16]>, hash: &NtHash) -> Zeroizing<[u8; 32]> {
    let mut keys = Zeroizing::new([0; 32]);
    if let Some(lm) = lm_hash {
        keys[..8].copy_from_slice(&lm[..8]);
    }
    keys[8..24].copy_from_slice(&*hash.hash_hash());
    keys
}

fn new_key(start: &[u8]) -> Zeroizing<[u8; 20]> {
    let digest = Sha1::new()
        .chain_update(start)
        .chain_update([0_u8; 40])
        .chain_update(start)
        .chain_update([0xf2_u8; 40])
        .finalize();
    Zeroizing::new(digest.into())
}

fn head<const N: usize>(digest: &[u8]) -> Zeroizing<[u8; N]> {
    let mut key = Zeroizing::new([0; N]);
    key.copy_from_slice(&digest[..N]);
    key
}
