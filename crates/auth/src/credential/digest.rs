//! The digests of LDAP directories: `{SSHA512}` and its relatives, base64 of digest and salt.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use md5::Md5;
use portreeve_proto::Random;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{CredentialError, Defect};
use crate::Scheme;

const SALT_OCTETS: usize = 16;
const MAX_SALT: usize = 64;

/// Directories differ on padding, so it is written but not asked for.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Scheme, the mark between the braces, octets in its digest, whether it has a salt.
const FORMS: [(Scheme, &str, usize, bool); 8] = [
    (Scheme::Md5, "MD5", 16, false),
    (Scheme::Smd5, "SMD5", 16, true),
    (Scheme::Sha, "SHA", 20, false),
    (Scheme::Ssha, "SSHA", 20, true),
    (Scheme::Sha256, "SHA256", 32, false),
    (Scheme::Ssha256, "SSHA256", 32, true),
    (Scheme::Sha512, "SHA512", 64, false),
    (Scheme::Ssha512, "SSHA512", 64, true),
];

#[derive(Clone)]
pub(super) struct SaltedDigest {
    /// Index into [`FORMS`].
    form: usize,
    digest: Zeroizing<Vec<u8>>,
    salt: Vec<u8>,
}

impl SaltedDigest {
    pub(super) fn scheme_of(mark: &str) -> Option<Scheme> {
        FORMS.iter().find(|form| form.1 == mark).map(|form| form.0)
    }

    pub(super) fn parse(scheme: Scheme, value: &str) -> Result<Self, CredentialError> {
        let malformed = |defect| CredentialError::Malformed(scheme, defect);
        let form = FORMS.iter().position(|form| form.0 == scheme);
        let form = form.ok_or(CredentialError::UnknownScheme)?;
        let (_, _, length, salted) = FORMS[form];
        let octets = BASE64
            .decode(value)
            .map_err(|_| malformed(Defect::Encoding))?;
        let octets = Zeroizing::new(octets);
        let (digest, salt) = octets
            .split_at_checked(length)
            .ok_or(malformed(Defect::Length))?;
        match (salted, salt.len()) {
            (true, 1..=MAX_SALT) | (false, 0) => {}
            (true, _) => return Err(malformed(Defect::Salt)),
            (false, _) => return Err(malformed(Defect::Length)),
        }
        Ok(Self {
            form,
            digest: Zeroizing::new(digest.to_vec()),
            salt: salt.to_vec(),
        })
    }

    pub(super) fn make(password: &[u8], random: &mut dyn Random) -> Self {
        let mut made = Self::decoy(random);
        made.digest = made.digest_of(password);
        made
    }

    pub(super) fn decoy(random: &mut dyn Random) -> Self {
        let form = FORMS.len() - 1;
        let (mut digest, mut salt) = (Zeroizing::new(vec![0; FORMS[form].2]), [0; SALT_OCTETS]);
        random.fill(&mut salt);
        random.fill(&mut digest);
        Self {
            form,
            digest,
            salt: salt.to_vec(),
        }
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        self.digest_of(password).ct_eq(&self.digest).into()
    }

    pub(super) fn scheme(&self) -> Scheme {
        FORMS[self.form].0
    }

    pub(super) fn to_text(&self) -> String {
        let octets = Zeroizing::new([self.digest.as_slice(), &self.salt].concat());
        format!("{{{}}}{}", FORMS[self.form].1, BASE64.encode(&*octets))
    }

    fn digest_of(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let salt = &self.salt;
        match self.digest.len() {
            16 => digest::<Md5>(password, salt),
            20 => digest::<Sha1>(password, salt),
            32 => digest::<Sha256>(password, salt),
            _ => digest::<Sha512>(password, salt),
        }
    }
}

fn digest<D: Digest>(password: &[u8], salt: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(
        D::new()
            .chain_update(password)
            .chain_update(salt)
            .finalize()
            .to_vec(),
    )
}
