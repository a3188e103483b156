//! Argon2 (RFC 9106) in the text form `$argon2id$v=19$m=..,t=..,p=..$salt$hash`.

use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use portreeve_proto::Random;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{CredentialError, Defect};
use crate::Scheme;

/// At most one gibibyte, in the KiB that argon2 counts in.
const MAX_MEMORY_KIB: u32 = 1 << 20;
/// Memory times passes: at most four gibibytes are walked, which takes seconds, not minutes.
const MAX_WORK_KIB: u64 = 4 << 20;
const MAX_LANES: u32 = 64;
const MIN_OUTPUT: usize = 16;
const SALT_OCTETS: usize = 16;
const OUTPUT_OCTETS: usize = 32;

#[derive(Clone)]
pub(super) struct ArgonHash {
    scheme: Scheme,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Zeroizing<Vec<u8>>,
    text: Zeroizing<String>,
}

impl ArgonHash {
    pub(super) fn parse(scheme: Scheme, text: &str) -> Result<Self, CredentialError> {
        let malformed = |defect| CredentialError::Malformed(scheme, defect);
        let hash = PasswordHash::new(text).map_err(|_| malformed(Defect::Encoding))?;
        let version = match hash.version {
            // The first texts had no version field and were of version 16.
            None => Version::V0x10,
            Some(v) => Version::try_from(v).map_err(|_| malformed(Defect::Parameters))?,
        };
        let params = Params::try_from(&hash.params).map_err(|_| malformed(Defect::Parameters))?;
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        if params.m_cost() > MAX_MEMORY_KIB || work > MAX_WORK_KIB || params.p_cost() > MAX_LANES {
            return Err(CredentialError::TooCostly(scheme));
        }
        if !params.keyid().is_empty() || !params.data().is_empty() {
            return Err(malformed(Defect::Parameters));
        }
        let salt = hash.salt.ok_or(malformed(Defect::Salt))?;
        let output = hash.hash.ok_or(malformed(Defect::Length))?;
        if output.len() < MIN_OUTPUT {
            return Err(malformed(Defect::Length));
        }
        Ok(Self {
            scheme,
            version,
            params,
            salt: salt.to_vec(),
            output: Zeroizing::new(output.as_bytes().to_vec()),
            text: Zeroizing::new(text.to_owned()),
        })
    }

    pub(super) fn make(password: &[u8], random: &mut dyn Random) -> Result<Self, CredentialError> {
        let mut salt = [0; SALT_OCTETS];
        random.fill(&mut salt);
        let mut output = Zeroizing::new([0; OUTPUT_OCTETS]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
            .hash_password_into(password, &salt, &mut *output)
            .map_err(|_| CredentialError::TooCostly(Scheme::Argon2id))?;
        Self::spell(&salt, &*output)
    }

    pub(super) fn decoy(random: &mut dyn Random) -> Result<Self, CredentialError> {
        let (mut salt, mut output) = ([0; SALT_OCTETS], [0; OUTPUT_OCTETS]);
        random.fill(&mut salt);
        random.fill(&mut output);
        Self::spell(&salt, &output)
    }

    /// The default parameters of the crate are those OWASP recommends.
    fn spell(salt: &[u8], output: &[u8]) -> Result<Self, CredentialError> {
        let (m, t) = (Params::DEFAULT_M_COST, Params::DEFAULT_T_COST);
        let p = Params::DEFAULT_P_COST;
        let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
        let text = Zeroizing::new(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${output}"));
        Self::parse(Scheme::Argon2id, &text)
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let algorithm = match self.scheme {
            Scheme::Argon2i => Algorithm::Argon2i,
            Scheme::Argon2d => Algorithm::Argon2d,
            _ => Algorithm::Argon2id,
        };
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        Argon2::new(algorithm, self.version, self.params.clone())
            .hash_password_into(password, &self.salt, &mut output)
            .is_ok_and(|()| output.ct_eq(&self.output).into())
    }

    pub(super) const fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}
