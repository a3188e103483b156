//! MS-CHAP, both versions (RFC 2433, RFC 2759), as RADIUS carries it (RFC 2548).

mod error_text;

use des::{
    Des,
    cipher::{BlockCipherEncrypt as _, KeyInit as _},
};
use md4::Md4;
use portreeve_proto::Random;
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{PasswordError, Verdict};

pub use error_text::{ErrorText, code};

/// Octets in an MS-CHAPv1 challenge, and in the challenge that MS-CHAPv2 derives.
pub const CHALLENGE_OCTETS: usize = 8;
/// Octets in the authenticator's and in the peer's MS-CHAPv2 challenge.
pub const V2_CHALLENGE_OCTETS: usize = 16;
/// Octets in an NT-Response.
pub const NT_RESPONSE_OCTETS: usize = 24;
/// Octets in the value of MS-CHAP-Response and of MS-CHAP2-Response.
pub const RESPONSE_OCTETS: usize = 50;
/// Octets in an authenticator response, `S=` and 40 hexadecimal digits.
pub const SUCCESS_OCTETS: usize = 42;
/// The longest password MS-CHAP knows, in UTF-16 code units.
pub const MAX_PASSWORD_UNITS: usize = 256;

/// MD4 of a password in UTF-16LE: what Windows keeps. Whoever has it can log in by MS-CHAP, so
/// it is as secret as the password.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct NtHash([u8; 16]);

impl NtHash {
    /// The hash of a password.
    ///
    /// # Errors
    ///
    /// [`PasswordError::TooLong`] above [`MAX_PASSWORD_UNITS`].
    pub fn of(password: &str) -> Result<Self, PasswordError> {
        let mut octets = Zeroizing::new([0; 2 * MAX_PASSWORD_UNITS]);
        let mut used = 0;
        for unit in password.encode_utf16() {
            let place = octets
                .get_mut(used..used + 2)
                .ok_or(PasswordError::TooLong)?;
            place.copy_from_slice(&unit.to_le_bytes());
            used += 2;
        }
        Ok(Self(Md4::digest(&octets[..used]).into()))
    }

    /// A hash that was computed elsewhere.
    pub const fn from_octets(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The sixteen octets.
    pub const fn as_octets(&self) -> &[u8; 16] {
        &self.0
    }

    /// MD4 of the hash, from which the server's proof and the session keys follow
    /// (RFC 2759 section 8.4).
    pub fn hash_hash(&self) -> Zeroizing<[u8; 16]> {
        Zeroizing::new(Md4::digest(self.0).into())
    }
}

impl std::fmt::Debug for NtHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NtHash(redacted)")
    }
}

/// The LAN Manager hash (RFC 2433 section A.8), of which MPPE makes its 40-bit and 56-bit keys.
/// `None` if the password is not ASCII or longer than 14 octets: there is no such hash then.
pub fn lm_hash(password: &str) -> Option<Zeroizing<[u8; 16]>> {
    const PLAINTEXT: [u8; 8] = *b"KGS!@#$%";
    if !password.is_ascii() || password.len() > 14 {
        return None;
    }
    let mut upper = Zeroizing::new([0; 14]);
    upper[..password.len()].copy_from_slice(password.as_bytes());
    upper.make_ascii_uppercase();
    let mut hash = Zeroizing::new([0; 16]);
    for (key, block) in upper.chunks_exact(7).zip(hash.chunks_exact_mut(8)) {
        block.copy_from_slice(&des_encrypt(key, PLAINTEXT));
    }
    Some(hash)
}

/// The user name as MS-CHAP hashes it: without the domain and the backslash before it.
pub fn bare_user(name: &[u8]) -> &[u8] {
    match name.iter().position(|&octet| octet == b'\\') {
        Some(at) => &name[at + 1..],
        None => name,
    }
}

/// The challenge that an MS-CHAPv2 response answers (RFC 2759 section 8.2). `user` may carry a
/// domain, which is left out.
pub fn challenge_hash(
    peer: &[u8; V2_CHALLENGE_OCTETS],
    authenticator: &[u8; V2_CHALLENGE_OCTETS],
    user: &[u8],
) -> [u8; CHALLENGE_OCTETS] {
    let digest = Sha1::new()
        .chain_update(peer)
        .chain_update(authenticator)
        .chain_update(bare_user(user))
        .finalize();
    let mut challenge = [0; CHALLENGE_OCTETS];
    challenge.copy_from_slice(&digest[..CHALLENGE_OCTETS]);
    challenge
}

/// The NT-Response to an eight-octet challenge (RFC 2433 section A.4, RFC 2759 section 8.5):
/// the challenge encrypted by DES under three parts of the hash.
pub fn nt_response(challenge: &[u8; CHALLENGE_OCTETS], hash: &NtHash) -> [u8; NT_RESPONSE_OCTETS] {
    let mut padded = Zeroizing::new([0; 21]);
    padded[..16].copy_from_slice(&hash.0);
    let mut response = [0; NT_RESPONSE_OCTETS];
    for (key, block) in padded.chunks_exact(7).zip(response.chunks_exact_mut(8)) {
        block.copy_from_slice(&des_encrypt(key, *challenge));
    }
    response
}

/// The server's proof that it knows the password too: `S=` and 40 upper-case hexadecimal digits
/// (RFC 2759 section 8.7). `challenge` is what [`challenge_hash`] gives.
pub fn authenticator_response(
    challenge: &[u8; CHALLENGE_OCTETS],
    nt_response: &[u8; NT_RESPONSE_OCTETS],
    hash: &NtHash,
) -> [u8; SUCCESS_OCTETS] {
    const SIGNING: &[u8] = b"Magic server to client signing constant";
    const PADDING: &[u8] = b"Pad to make it do more than one iteration";
    let inner = Sha1::new()
        .chain_update(*hash.hash_hash())
        .chain_update(nt_response)
        .chain_update(SIGNING)
        .finalize();
    let outer = Sha1::new()
        .chain_update(inner)
        .chain_update(challenge)
        .chain_update(PADDING)
        .finalize();
    let mut text = *b"S=0000000000000000000000000000000000000000";
    for (octet, digits) in outer.iter().zip(text[2..].chunks_exact_mut(2)) {
        digits.copy_from_slice(&hex_digits(*octet));
    }
    text
}

/// Why the value of an MS-CHAP attribute is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// The value does not have the length its attribute must have.
    #[error("the MS-CHAP value has the wrong length")]
    Length,
    /// Only the LAN Manager response is there; it is too weak to be accepted.
    #[error("the MS-CHAP response is of the LAN Manager kind only, which is not accepted")]
    LanManagerOnly,
}

/// The value of MS-CHAP-Response (RFC 2548 section 2.1.3), as far as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct V1Response {
    /// The PPP CHAP identifier, echoed in MS-CHAP-Error.
    pub ident: u8,
    /// The NT-Response.
    pub nt_response: [u8; NT_RESPONSE_OCTETS],
}

impl V1Response {
    /// What the holder of `hash` answers to `challenge`.
    pub fn answer(ident: u8, challenge: &[u8; CHALLENGE_OCTETS], hash: &NtHash) -> Self {
        Self {
            ident,
            nt_response: nt_response(challenge, hash),
        }
    }

    /// Reads the attribute's value.
    ///
    /// # Errors
    ///
    /// [`Malformed`]; a response whose flag says that only the LM part counts is refused.
    pub fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let value: &[u8; RESPONSE_OCTETS] = value.try_into().map_err(|_| Malformed::Length)?;
        if value[1] & 1 == 0 {
            return Err(Malformed::LanManagerOnly);
        }
        let mut nt_response = [0; NT_RESPONSE_OCTETS];
        nt_response.copy_from_slice(&value[26..]);
        Ok(Self {
            ident: value[0],
            nt_response,
        })
    }

    /// The attribute's value, its LM part left empty.
    pub fn to_octets(&self) -> [u8; RESPONSE_OCTETS] {
        let mut value = [0; RESPONSE_OCTETS];
        value[0] = self.ident;
        value[1] = 1;
        value[26..].copy_from_slice(&self.nt_response);
        value
    }

    /// Checks the response in constant time.
    pub fn verify(&self, challenge: &[u8; CHALLENGE_OCTETS], hash: &NtHash) -> Verdict {
        let expected = nt_response(challenge, hash);
        Verdict::from(bool::from(expected.ct_eq(&self.nt_response)))
    }
}

/// The value of MS-CHAP2-Response (RFC 2548 section 2.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct V2Response {
    /// The PPP CHAP identifier, echoed in MS-CHAP2-Success and MS-CHAP-Error.
    pub ident: u8,
    /// The peer's own challenge.
    pub peer_challenge: [u8; V2_CHALLENGE_OCTETS],
    /// The NT-Response.
    pub nt_response: [u8; NT_RESPONSE_OCTETS],
}

impl V2Response {
    /// What the holder of `hash`, calling themselves `user`, answers to `challenge` with a fresh
    /// challenge of their own.
    pub fn answer(
        ident: u8,
        challenge: &[u8; V2_CHALLENGE_OCTETS],
        user: &[u8],
        hash: &NtHash,
        random: &mut dyn Random,
    ) -> Self {
        let mut peer_challenge = [0; V2_CHALLENGE_OCTETS];
        random.fill(&mut peer_challenge);
        let short = challenge_hash(&peer_challenge, challenge, user);
        Self {
            ident,
            peer_challenge,
            nt_response: nt_response(&short, hash),
        }
    }

    /// Reads the attribute's value. The flags and the reserved octets are ignored, as RFC 2759
    /// section 4 reserves them for future use.
    ///
    /// # Errors
    ///
    /// [`Malformed::Length`].
    pub fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let value: &[u8; RESPONSE_OCTETS] = value.try_into().map_err(|_| Malformed::Length)?;
        let mut response = Self {
            ident: value[0],
            peer_challenge: [0; V2_CHALLENGE_OCTETS],
            nt_response: [0; NT_RESPONSE_OCTETS],
        };
        response.peer_challenge.copy_from_slice(&value[2..18]);
        response.nt_response.copy_from_slice(&value[26..]);
        Ok(response)
    }

    /// The attribute's value.
    pub fn to_octets(&self) -> [u8; RESPONSE_OCTETS] {
        let mut value = [0; RESPONSE_OCTETS];
        value[0] = self.ident;
        value[2..18].copy_from_slice(&self.peer_challenge);
        value[26..].copy_from_slice(&self.nt_response);
        value
    }

    /// Checks the response in constant time.
    pub fn verify(
        &self,
        challenge: &[u8; V2_CHALLENGE_OCTETS],
        user: &[u8],
        hash: &NtHash,
    ) -> Verdict {
        let short = challenge_hash(&self.peer_challenge, challenge, user);
        let expected = nt_response(&short, hash);
        Verdict::from(bool::from(expected.ct_eq(&self.nt_response)))
    }

    /// The server's proof for this response: [`authenticator_response`].
    pub fn success(
        &self,
        challenge: &[u8; V2_CHALLENGE_OCTETS],
        user: &[u8],
        hash: &NtHash,
    ) -> [u8; SUCCESS_OCTETS] {
        let short = challenge_hash(&self.peer_challenge, challenge, user);
        authenticator_response(&short, &self.nt_response, hash)
    }

    /// Checks, as a client, the server's proof: the text of MS-CHAP2-Success after its identifier
    /// octet. A message may follow the 42 octets that count. Constant time.
    pub fn verify_success(
        &self,
        challenge: &[u8; V2_CHALLENGE_OCTETS],
        user: &[u8],
        hash: &NtHash,
        text: &[u8],
    ) -> Verdict {
        let expected = self.success(challenge, user, hash);
        let presented = text.get(..SUCCESS_OCTETS).unwrap_or_default();
        Verdict::from(bool::from(expected.ct_eq(presented)))
    }
}

/// DES of one block under 56 bits, which are spread over eight octets with odd parity.
fn des_encrypt(key: &[u8], block: [u8; 8]) -> [u8; 8] {
    let cipher = Des::new(&(*spread(key)).into());
    let mut block = block.into();
    cipher.encrypt_block(&mut block);
    block.into()
}

/// Seven octets as a DES key: seven bits and a parity bit in each of eight octets.
fn spread(key: &[u8]) -> Zeroizing<[u8; 8]> {
    let bits = key
        .iter()
        .fold(0_u64, |bits, &octet| bits << 8 | u64::from(octet));
    let mut spread = Zeroizing::new([0; 8]);
    for (i, octet) in spread.iter_mut().enumerate() {
        // Seven bits at a time, moved up by one, from the last octet of the number.
        let [.., seven] = (bits << 1 >> (49 - 7 * i)).to_be_bytes();
        let seven = seven & 0xfe;
        *octet = seven | u8::from(seven.count_ones().is_multiple_of(2));
    }
    spread
}

fn hex_digits(octet: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [
        DIGITS[usize::from(octet >> 4)],
        DIGITS[usize::from(octet & 15)],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn des_keys_have_odd_parity() {
        // RFC 2433 section B.2.
        let first = [0xfc, 0x15, 0x6a, 0xf7, 0xed, 0xcd, 0x6c];
        assert_eq!(
            *spread(&first),
            [0xfd, 0x0b, 0x5b, 0x5e, 0x7f, 0x6e, 0x34, 0xd9]
        );
        let second = [0x0e, 0xdd, 0xe3, 0x33, 0x7d, 0x42, 0x7f];
        assert_eq!(
            *spread(&second),
            [0x0e, 0x6e, 0x79, 0x67, 0x37, 0xea, 0x08, 0xfe]
        );
    }

    #[test]
    fn the_domain_is_not_hashed() {
        assert_eq!(bare_user(b"OFFICE\\tim"), b"tim");
        assert_eq!(bare_user(b"tim@office"), b"tim@office");
        assert_eq!(bare_user(b"OFFICE\\"), b"");
        let (peer, server) = ([1; 16], [2; 16]);
        assert_eq!(
            challenge_hash(&peer, &server, b"OFFICE\\tim"),
            challenge_hash(&peer, &server, b"tim")
        );
    }

    #[test]
    fn a_password_of_257_code_units_has_no_nt_hash() {
        assert!(NtHash::of(&"x".repeat(256)).is_ok());
        assert_eq!(
            NtHash::of(&"x".repeat(257)).err(),
            Some(PasswordError::TooLong)
        );
        assert_eq!(
            NtHash::of(&"\u{1f600}".repeat(129)).err(),
            Some(PasswordError::TooLong)
        );
    }

    #[test]
    fn the_hash_does_not_show_itself() {
        assert_eq!(
            format!("{:?}", NtHash::from_octets([7; 16])),
            "NtHash(redacted)"
        );
    }

    #[test]
    fn values_of_the_wrong_length_are_refused() {
        for length in [0, 1, 49, 51, 253] {
            let value = vec![1; length];
            assert_eq!(V1Response::parse(&value), Err(Malformed::Length));
            assert_eq!(V2Response::parse(&value), Err(Malformed::Length));
        }
    }

    #[test]
    fn a_response_of_the_lan_manager_kind_is_refused() {
        let mut value = V1Response {
            ident: 9,
            nt_response: [3; 24],
        }
        .to_octets();
        assert_eq!(V1Response::parse(&value).unwrap().ident, 9);
        value[1] = 0;
        assert_eq!(V1Response::parse(&value), Err(Malformed::LanManagerOnly));
    }
}
