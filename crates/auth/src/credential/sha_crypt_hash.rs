//! SHA-crypt: `$5$` or `$6$`, perhaps `rounds=N$`, salt, `$`, hash.

use portreeve_proto::Random;
use sha_crypt::{BLOCK_SIZE_SHA256, BLOCK_SIZE_SHA512, Params, sha256_crypt, sha512_crypt};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{CredentialError, Defect, PasswordError, crypt64};
use crate::Scheme;

const ROUNDS: u32 = 100_000;
/// A few seconds.
const MAX_ROUNDS: u32 = 5_000_000;
const MAX_SALT: usize = 16;
/// Random octets in a salt: sixteen characters of it.
const SALT_OCTETS: usize = 12;
/// The scheme's first steps take time in the square of the password's length.
const MAX_PASSWORD: usize = 256;

#[derive(Clone)]
pub(super) struct ShaCryptHash {
    scheme: Scheme,
    params: Params,
    salt: String,
    output: Zeroizing<String>,
    text: Zeroizing<String>,
}

impl ShaCryptHash {
    pub(super) fn parse(scheme: Scheme, text: &str) -> Result<Self, CredentialError> {
        let malformed = |defect| CredentialError::Malformed(scheme, defect);
        let mut rest = text.get(3..).ok_or(malformed(Defect::Length))?;
        let mut rounds = Params::RECOMMENDED_ROUNDS;
        if let Some(stated) = rest.strip_prefix("rounds=") {
            let (number, after) = stated.split_once('$').ok_or(malformed(Defect::Length))?;
            if number.is_empty() || !number.bytes().all(|octet| octet.is_ascii_digit()) {
                return Err(malformed(Defect::Parameters));
            }
            rounds = number.parse().unwrap_or(u32::MAX);
            rest = after;
        }
        if rounds > MAX_ROUNDS {
            return Err(CredentialError::TooCostly(scheme));
        }
        let params = Params::new(rounds).map_err(|_| malformed(Defect::Parameters))?;
        let (salt, output) = rest.split_once('$').ok_or(malformed(Defect::Length))?;
        if salt.len() > MAX_SALT {
            return Err(malformed(Defect::Salt));
        }
        let octets = match scheme {
            Scheme::Sha256Crypt => BLOCK_SIZE_SHA256,
            _ => BLOCK_SIZE_SHA512,
        };
        if output.len() != (octets * 8).div_ceil(6) {
            return Err(malformed(Defect::Length));
        }
        if !crypt64::is_text(output) {
            return Err(malformed(Defect::Encoding));
        }
        Ok(Self {
            scheme,
            params,
            salt: salt.to_owned(),
            output: Zeroizing::new(output.to_owned()),
            text: Zeroizing::new(text.to_owned()),
        })
    }

    pub(super) fn make(password: &[u8], random: &mut dyn Random) -> Result<Self, CredentialError> {
        if password.contains(&0) {
            return Err(PasswordError::ContainsNul.into());
        }
        if password.len() > MAX_PASSWORD {
            return Err(PasswordError::TooLong.into());
        }
        let scheme = Scheme::Sha512Crypt;
        let malformed = |_| CredentialError::Malformed(scheme, Defect::Parameters);
        let params = Params::new(ROUNDS).map_err(malformed)?;
        let mut salt = [0; SALT_OCTETS];
        random.fill(&mut salt);
        let salt = crypt64::encode(&salt);
        let output = digest(scheme, password, &salt, params);
        Self::spell(&salt, &output)
    }

    pub(super) fn decoy(random: &mut dyn Random) -> Result<Self, CredentialError> {
        let (mut salt, mut output) = ([0; SALT_OCTETS], [0; BLOCK_SIZE_SHA512]);
        random.fill(&mut salt);
        random.fill(&mut output);
        Self::spell(&crypt64::encode(&salt), &crypt64::encode(&output))
    }

    fn spell(salt: &str, output: &str) -> Result<Self, CredentialError> {
        let text = Zeroizing::new(format!("$6$rounds={ROUNDS}${salt}${output}"));
        Self::parse(Scheme::Sha512Crypt, &text)
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        if password.contains(&0) || password.len() > MAX_PASSWORD {
            return false;
        }
        let output = digest(self.scheme, password, &self.salt, self.params);
        output.as_bytes().ct_eq(self.output.as_bytes()).into()
    }

    pub(super) const fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

fn digest(scheme: Scheme, password: &[u8], salt: &str, params: Params) -> Zeroizing<String> {
    let salt = salt.as_bytes();
    let spelt = match scheme {
        Scheme::Sha256Crypt => transposed(&sha256_crypt(password, salt, params)),
        _ => transposed(&sha512_crypt(password, salt, params)),
    };
    Zeroizing::new(crypt64::encode(&spelt))
}

/// The octets in the order in which they are spelt: one from each third of the digest at a time,
/// the thirds taking turns at coming first, then the one or two octets that are left. The two
/// digests take turns in opposite directions.
fn transposed(digest: &[u8]) -> Zeroizing<Vec<u8>> {
    let third = digest.len() / 3;
    let mut order = Zeroizing::new(Vec::with_capacity(digest.len()));
    for i in 0..third {
        let first = if digest.len() == BLOCK_SIZE_SHA512 {
            i + 2
        } else {
            2 * i + 2
        };
        for step in 0..3 {
            order.push(digest[i + third * ((first + 2 * step) % 3)]);
        }
    }
    order.extend(&digest[3 * third..]);
    order
}
