//! yescrypt: `$y$`, parameters, `$`, salt, `$`, hash.

use portreeve_proto::Random;
use subtle::ConstantTimeEq as _;
use yescrypt::{Mode, Params, yescrypt};
use zeroize::Zeroizing;

use super::{CredentialError, Defect, PasswordError, crypt64};
use crate::Scheme;

/// Four thousand blocks of four kibibytes, one lane: Debian's own.
const PARAMETERS: &str = "j9T";
const SALT_OCTETS: usize = 16;
const MAX_SALT: usize = 64;
const OUTPUT_OCTETS: usize = 32;
/// At most one gibibyte: the most that `crypt(5)` makes.
const MAX_MEMORY: u64 = 1 << 30;
/// No parameters need more characters.
const MAX_PARAMETERS: usize = 24;

#[derive(Clone)]
pub(super) struct YescryptHash {
    params: Params,
    salt: Vec<u8>,
    output: Zeroizing<Vec<u8>>,
    text: Zeroizing<String>,
}

impl YescryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, CredentialError> {
        let malformed = |defect| CredentialError::Malformed(Scheme::Yescrypt, defect);
        let mut parts = text.split('$').skip(2);
        let (Some(params), Some(salt), Some(output), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed(Defect::Length));
        };
        let params = parameters(params)?;
        let salt = crypt64::decode(salt).ok_or(malformed(Defect::Encoding))?;
        if salt.is_empty() || salt.len() > MAX_SALT {
            return Err(malformed(Defect::Salt));
        }
        let output = Zeroizing::new(crypt64::decode(output).ok_or(malformed(Defect::Encoding))?);
        if output.len() != OUTPUT_OCTETS {
            return Err(malformed(Defect::Length));
        }
        Ok(Self {
            params,
            salt,
            output,
            text: Zeroizing::new(text.to_owned()),
        })
    }

    pub(super) fn make(password: &[u8], random: &mut dyn Random) -> Result<Self, CredentialError> {
        if password.contains(&0) {
            return Err(PasswordError::ContainsNul.into());
        }
        let mut salt = [0; SALT_OCTETS];
        random.fill(&mut salt);
        let mut output = Zeroizing::new([0; OUTPUT_OCTETS]);
        yescrypt(password, &salt, &parameters(PARAMETERS)?, &mut *output)
            .map_err(|_| CredentialError::TooCostly(Scheme::Yescrypt))?;
        Self::spell(&salt, &*output)
    }

    pub(super) fn decoy(random: &mut dyn Random) -> Result<Self, CredentialError> {
        let (mut salt, mut output) = ([0; SALT_OCTETS], [0; OUTPUT_OCTETS]);
        random.fill(&mut salt);
        random.fill(&mut output);
        Self::spell(&salt, &output)
    }

    fn spell(salt: &[u8], output: &[u8]) -> Result<Self, CredentialError> {
        let (salt, output) = (crypt64::encode(salt), crypt64::encode(output));
        Self::parse(&Zeroizing::new(format!("$y${PARAMETERS}${salt}${output}")))
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut output = Zeroizing::new([0; OUTPUT_OCTETS]);
        yescrypt(password, &self.salt, &self.params, &mut *output)
            .is_ok_and(|()| output.ct_eq(&**self.output).into())
            && !password.contains(&0)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

fn parameters(text: &str) -> Result<Params, CredentialError> {
    let malformed = CredentialError::Malformed(Scheme::Yescrypt, Defect::Parameters);
    if text.len() > MAX_PARAMETERS || !crypt64::is_text(text) {
        return Err(malformed);
    }
    let params: Params = text.parse().map_err(|_| malformed)?;
    let memory = u64::from(params.r())
        .saturating_mul(128)
        .saturating_mul(params.n());
    if memory > MAX_MEMORY {
        return Err(CredentialError::TooCostly(Scheme::Yescrypt));
    }
    // The lanes and the extra passes, which only multiply time, are not spelt by `crypt(5)`, nor
    // is any other flavour of the function.
    let plain = Params::new(Mode::default(), params.n(), params.r(), 1).map_err(|_| malformed)?;
    if plain == params {
        Ok(params)
    } else {
        Err(malformed)
    }
}
