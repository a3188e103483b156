//! CHAP with MD5 (RFC 1994 section 4.1, RFC 2865 section 5.3).

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use crate::Verdict;

/// Octets in a CHAP response.
pub const RESPONSE_OCTETS: usize = 16;

/// The response to `challenge` that a holder of `password` gives: MD5 over the identifier, the
/// password and the challenge.
pub fn response(ident: u8, password: &[u8], challenge: &[u8]) -> [u8; RESPONSE_OCTETS] {
    Md5::new()
        .chain_update([ident])
        .chain_update(password)
        .chain_update(challenge)
        .finalize()
        .into()
}

/// Checks a response in constant time.
///
/// An empty password never matches: RFC 2865 gives "no password" no meaning, and a stored empty
/// one is a mistake, not a permission.
pub fn verify(
    ident: u8,
    password: &[u8],
    challenge: &[u8],
    presented: &[u8; RESPONSE_OCTETS],
) -> Verdict {
    let same = response(ident, password, challenge).ct_eq(presented);
    Verdict::from(bool::from(same) && !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 2865 section 7.2: the Access-Request of user flopsy, whose password is "arctangent",
    // with CHAP identifier 0x16 and the Request Authenticator as the challenge.
    const CHALLENGE: [u8; 16] = [
        0x2a, 0xee, 0x86, 0xf0, 0x8d, 0x0d, 0x55, 0x96, 0x9c, 0xa5, 0x97, 0x8e, 0x0d, 0x33, 0x67,
        0xa2,
    ];
    const RESPONSE: [u8; 16] = [
        0xe9, 0x75, 0x57, 0xc3, 0x16, 0x18, 0x58, 0x95, 0xf2, 0x93, 0xff, 0x63, 0x44, 0x07, 0x72,
        0x75,
    ];

    #[test]
    fn the_rfc_2865_response_is_proven() {
        assert!(verify(0x16, b"arctangent", &CHALLENGE, &RESPONSE).is_match());
    }

    #[test]
    fn another_password_identifier_or_challenge_is_refuted() {
        assert!(!verify(0x16, b"arctangenT", &CHALLENGE, &RESPONSE).is_match());
        assert!(!verify(0x17, b"arctangent", &CHALLENGE, &RESPONSE).is_match());
        assert!(!verify(0x16, b"arctangent", &CHALLENGE[1..], &RESPONSE).is_match());
    }

    #[test]
    fn an_empty_password_is_refuted_even_with_the_right_digest() {
        let digest = response(1, b"", b"challenge");
        assert!(!verify(1, b"", b"challenge", &digest).is_match());
    }
}
