//! bcrypt: `$2b$`, two digits of cost, `$`, 22 characters of salt, 31 of hash.

use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use portreeve_proto::Random;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{CredentialError, Defect, PasswordError};
use crate::Scheme;

const COST: u32 = 12;
const MIN_COST: u32 = 4;
/// About five seconds on a slow machine.
const MAX_COST: u32 = 16;
/// What bcrypt reads of a password; it ignores the rest.
const MAX_PASSWORD: usize = 72;
const SALT_OCTETS: usize = 16;
const OUTPUT_OCTETS: usize = 23;

/// Some implementations leave bits set beyond the last octet of the salt, so they are ignored.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

#[derive(Clone)]
pub(super) struct BcryptHash {
    cost: u32,
    salt: [u8; SALT_OCTETS],
    output: Zeroizing<[u8; OUTPUT_OCTETS]>,
    text: Zeroizing<String>,
}

impl BcryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, CredentialError> {
        let malformed = |defect| CredentialError::Malformed(Scheme::Bcrypt, defect);
        if text.len() != 60 || !text.is_ascii() {
            return Err(malformed(Defect::Length));
        }
        let (head, body) = text.split_at(7);
        let digits = head.as_bytes();
        if !digits[4].is_ascii_digit() || !digits[5].is_ascii_digit() || digits[6] != b'$' {
            return Err(malformed(Defect::Parameters));
        }
        let cost = u32::from(digits[4] - b'0') * 10 + u32::from(digits[5] - b'0');
        if cost < MIN_COST {
            return Err(malformed(Defect::Parameters));
        }
        if cost > MAX_COST {
            return Err(CredentialError::TooCostly(Scheme::Bcrypt));
        }
        let (mut salt, mut output) = ([0; SALT_OCTETS], Zeroizing::new([0; OUTPUT_OCTETS]));
        let (salt_text, output_text) = body.split_at(22);
        BASE64
            .decode_slice(salt_text, &mut salt)
            .map_err(|_| malformed(Defect::Encoding))?;
        BASE64
            .decode_slice(output_text, &mut *output)
            .map_err(|_| malformed(Defect::Encoding))?;
        Ok(Self {
            cost,
            salt,
            output,
            text: Zeroizing::new(text.to_owned()),
        })
    }

    /// A password that bcrypt would cut short is refused rather than kept in part.
    pub(super) fn make(password: &[u8], random: &mut dyn Random) -> Result<Self, CredentialError> {
        if password.contains(&0) {
            return Err(PasswordError::ContainsNul.into());
        }
        if password.len() > MAX_PASSWORD {
            return Err(PasswordError::TooLong.into());
        }
        let mut salt = [0; SALT_OCTETS];
        random.fill(&mut salt);
        Self::spell(&salt, &*digest(COST, salt, password))
    }

    pub(super) fn decoy(random: &mut dyn Random) -> Result<Self, CredentialError> {
        let (mut salt, mut output) = ([0; SALT_OCTETS], [0; OUTPUT_OCTETS]);
        random.fill(&mut salt);
        random.fill(&mut output);
        Self::spell(&salt, &output)
    }

    fn spell(salt: &[u8], output: &[u8]) -> Result<Self, CredentialError> {
        let (salt, output) = (BASE64.encode(salt), BASE64.encode(output));
        let text = Zeroizing::new(format!("$2b${COST:02}${salt}{output}"));
        Self::parse(&text)
    }

    /// Reads 72 octets of the password, as everything that may have made the hash does. One with
    /// a zero octet is refused: bcrypt repeats its key, zero and all, so `a` and `a\0a` are one.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let output = digest(self.cost, self.salt, password);
        bool::from(output.ct_eq(&*self.output)) && !password.contains(&0)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

fn digest(cost: u32, salt: [u8; SALT_OCTETS], password: &[u8]) -> Zeroizing<[u8; OUTPUT_OCTETS]> {
    // The key is the password and a final zero octet, or its first 72 octets without one.
    let mut key = Zeroizing::new([0; MAX_PASSWORD]);
    let kept = password.len().min(MAX_PASSWORD);
    key[..kept].copy_from_slice(&password[..kept]);
    let key = &key[..(kept + 1).min(MAX_PASSWORD)];
    let whole = Zeroizing::new(bcrypt::bcrypt(cost, salt, key));
    let mut output = Zeroizing::new([0; OUTPUT_OCTETS]);
    output.copy_from_slice(&whole[..OUTPUT_OCTETS]);
    output
}
