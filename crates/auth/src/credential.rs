//! What is kept to check somebody, and checking a presented password against it.

mod argon;
mod bcrypt_hash;
mod crypt64;
mod digest;
mod sha_crypt_hash;
mod yescrypt_hash;

use std::fmt;

use portreeve_proto::Random;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{
    Cost, Explanation, Scheme,
    mschap::{MAX_PASSWORD_UNITS, NtHash},
};

use self::{
    argon::ArgonHash, bcrypt_hash::BcryptHash, digest::SaltedDigest, sha_crypt_hash::ShaCryptHash,
    yescrypt_hash::YescryptHash,
};

/// The longest password any scheme takes, in octets: what 256 UTF-16 code units can need.
pub const MAX_PASSWORD_OCTETS: usize = 3 * MAX_PASSWORD_UNITS;

/// The longest stored text that is read, in octets.
const MAX_STORED_OCTETS: usize = 1024;

/// The MD4 hash of no password at all.
const NT_HASH_OF_NOTHING: [u8; 16] = [
    0x31, 0xd6, 0xcf, 0xe0, 0xd1, 0x6a, 0xe9, 0x31, 0xb7, 0x3c, 0x59, 0xd7, 0xe0, 0xc0, 0x89, 0xc0,
];

/// Whether what was presented matches what is stored.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It matches.
    Match,
    /// It does not.
    Mismatch,
}

impl Verdict {
    /// Whether this is [`Verdict::Match`].
    pub const fn is_match(self) -> bool {
        matches!(self, Self::Match)
    }
}

impl From<bool> for Verdict {
    fn from(same: bool) -> Self {
        if same { Self::Match } else { Self::Mismatch }
    }
}

/// What is kept to check one subscriber: the password or something made of it.
///
/// Prints redacted, compares in constant time, and wipes its memory when dropped.
#[derive(Clone)]
pub struct Credential(Kind);

#[derive(Clone)]
enum Kind {
    Clear(Zeroizing<String>),
    Nt(NtHash),
    Argon(ArgonHash),
    Bcrypt(BcryptHash),
    ShaCrypt(ShaCryptHash),
    Yescrypt(YescryptHash),
    Digest(SaltedDigest),
}

impl Credential {
    /// Keeps a password as it is.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Empty`], or [`PasswordError::TooLong`] above 256 UTF-16 code units.
    pub fn clear(password: &str) -> Result<Self, PasswordError> {
        check_clear(password)?;
        Ok(Self(Kind::Clear(Zeroizing::new(password.to_owned()))))
    }

    /// Keeps an NT hash that was made elsewhere.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Empty`] if it is the hash of the empty password.
    pub fn nt(hash: NtHash) -> Result<Self, PasswordError> {
        if bool::from(hash.as_octets().ct_eq(&NT_HASH_OF_NOTHING)) {
            return Err(PasswordError::Empty);
        }
        Ok(Self(Kind::Nt(hash)))
    }

    /// Reads a stored credential.
    ///
    /// Understood: `{CLEAR}text` and `{CLEARTEXT}text`, `{NT}` and 32 hexadecimal digits, the
    /// argon2 texts `$argon2id$..`, `$argon2i$..`, `$argon2d$..`, bcrypt `$2a$`, `$2b$`, `$2y$`,
    /// SHA-crypt `$5$` and `$6$`, yescrypt `$y$`, `{CRYPT}` before any of these, and `{SHA}`,
    /// `{SHA256}`, `{SHA512}`, `{MD5}` with their salted forms `{SSHA}`, `{SSHA256}`,
    /// `{SSHA512}`, `{SMD5}` in base64. The names in braces are read in any case.
    ///
    /// A text without such a mark is refused: taking it for a password would turn a hash of an
    /// unknown kind into one.
    ///
    /// # Errors
    ///
    /// [`CredentialError`], never naming any of the text.
    pub fn parse(stored: &str) -> Result<Self, CredentialError> {
        if stored.len() > MAX_STORED_OCTETS {
            return Err(CredentialError::TooLong);
        }
        if stored.starts_with('$') {
            return Self::parse_crypt(stored);
        }
        let marked = stored
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'));
        let Some((mark, value)) = marked else {
            return Err(CredentialError::Unmarked);
        };
        match mark.to_ascii_uppercase().as_str() {
            "CLEAR" | "CLEARTEXT" => Ok(Self::clear(value)?),
            "NT" => Self::parse_nt(value),
            "CRYPT" if value.starts_with('$') => Self::parse_crypt(value),
            mark => match SaltedDigest::scheme_of(mark) {
                Some(scheme) => Ok(Self(Kind::Digest(SaltedDigest::parse(scheme, value)?))),
                None => Err(CredentialError::UnknownScheme),
            },
        }
    }

    fn parse_crypt(text: &str) -> Result<Self, CredentialError> {
        let Some((mark, _)) = text[1..].split_once('$') else {
            return Err(CredentialError::UnknownScheme);
        };
        Ok(Self(match mark {
            "argon2id" => Kind::Argon(ArgonHash::parse(Scheme::Argon2id, text)?),
            "argon2i" => Kind::Argon(ArgonHash::parse(Scheme::Argon2i, text)?),
            "argon2d" => Kind::Argon(ArgonHash::parse(Scheme::Argon2d, text)?),
            "2a" | "2b" | "2y" => Kind::Bcrypt(BcryptHash::parse(text)?),
            "5" => Kind::ShaCrypt(ShaCryptHash::parse(Scheme::Sha256Crypt, text)?),
            "6" => Kind::ShaCrypt(ShaCryptHash::parse(Scheme::Sha512Crypt, text)?),
            "y" => Kind::Yescrypt(YescryptHash::parse(text)?),
            _ => return Err(CredentialError::UnknownScheme),
        }))
    }

    fn parse_nt(digits: &str) -> Result<Self, CredentialError> {
        let malformed = |defect| CredentialError::Malformed(Scheme::Nt, defect);
        if digits.len() != 32 {
            return Err(malformed(Defect::Length));
        }
        let mut hash = Zeroizing::new([0; 16]);
        for (octet, pair) in hash.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit)
                    .to_digit(16)
                    .and_then(|v| u8::try_from(v).ok());
                *octet = *octet << 4 | value.ok_or(malformed(Defect::Encoding))?;
            }
        }
        Ok(Self::nt(NtHash::from_octets(*hash))?)
    }

    /// The text that [`Credential::parse`] reads back to the same credential.
    pub fn to_stored(&self) -> Zeroizing<String> {
        Zeroizing::new(match &self.0 {
            Kind::Clear(password) => ["{CLEAR}", password.as_str()].concat(),
            Kind::Nt(hash) => {
                let digits = hash
                    .as_octets()
                    .iter()
                    .flat_map(|octet| [octet >> 4, octet & 15]);
                let digits = digits.filter_map(|nibble| char::from_digit(u32::from(nibble), 16));
                let mut text = String::with_capacity(36);
                text.push_str("{NT}");
                text.extend(digits);
                text
            }
            Kind::Argon(hash) => hash.text().to_owned(),
            Kind::Bcrypt(hash) => hash.text().to_owned(),
            Kind::ShaCrypt(hash) => hash.text().to_owned(),
            Kind::Yescrypt(hash) => hash.text().to_owned(),
            Kind::Digest(digest) => digest.to_text(),
        })
    }

    /// Makes a credential of a password, for the schemes in [`Scheme::MADE`].
    ///
    /// Costs: argon2id takes 19 MiB, two passes, one lane (OWASP's recommendation); bcrypt cost
    /// 12; SHA-512-crypt 100,000 rounds; yescrypt 16 MiB, as Debian has it. So for
    /// [`Cost::Slow`] schemes call this where waiting is allowed.
    ///
    /// # Errors
    ///
    /// [`CredentialError::NotMade`] for a scheme that is only ever imported;
    /// [`CredentialError::Password`] if the scheme cannot hold the password.
    pub fn make(
        scheme: Scheme,
        password: &[u8],
        random: &mut dyn Random,
    ) -> Result<Self, CredentialError> {
        check_octets(password)?;
        Ok(Self(match scheme {
            Scheme::Clear => return Ok(Self::clear(as_text(password)?)?),
            Scheme::Nt => return Ok(Self::nt(NtHash::of(as_text(password)?)?)?),
            Scheme::Argon2id => Kind::Argon(ArgonHash::make(password, random)?),
            Scheme::Bcrypt => Kind::Bcrypt(BcryptHash::make(password, random)?),
            Scheme::Sha512Crypt => Kind::ShaCrypt(ShaCryptHash::make(password, random)?),
            Scheme::Yescrypt => Kind::Yescrypt(YescryptHash::make(password, random)?),
            Scheme::Ssha512 => Kind::Digest(SaltedDigest::make(password, random)),
            _ => return Err(CredentialError::NotMade(scheme)),
        }))
    }

    /// How the credential is stored.
    pub fn scheme(&self) -> Scheme {
        match &self.0 {
            Kind::Clear(_) => Scheme::Clear,
            Kind::Nt(_) => Scheme::Nt,
            Kind::Argon(hash) => hash.scheme(),
            Kind::Bcrypt(_) => Scheme::Bcrypt,
            Kind::ShaCrypt(hash) => hash.scheme(),
            Kind::Yescrypt(_) => Scheme::Yescrypt,
            Kind::Digest(digest) => digest.scheme(),
        }
    }

    /// How long [`Credential::verify_pap`] takes.
    pub fn cost(&self) -> Cost {
        self.scheme().cost()
    }

    /// What this credential can and cannot prove, for an administrator.
    pub fn explain_serves(&self) -> Explanation {
        self.scheme().explain_serves()
    }

    /// Checks a presented password. Takes the same time whatever part of it is wrong.
    ///
    /// An empty password never matches, whatever is stored: systems behind and before RADIUS
    /// take it to mean "no password given", and no credential here is made of one.
    pub fn verify_pap(&self, password: &[u8]) -> Verdict {
        if check_octets(password).is_err() {
            return Verdict::Mismatch;
        }
        Verdict::from(match &self.0 {
            Kind::Clear(stored) => same_text(stored.as_bytes(), password),
            Kind::Nt(stored) => {
                let hash = str::from_utf8(password).map(NtHash::of);
                matches!(hash, Ok(Ok(hash)) if hash.as_octets().ct_eq(stored.as_octets()).into())
            }
            Kind::Argon(stored) => stored.verify(password),
            Kind::Bcrypt(stored) => stored.verify(password),
            Kind::ShaCrypt(stored) => stored.verify(password),
            Kind::Yescrypt(stored) => stored.verify(password),
            Kind::Digest(stored) => stored.verify(password),
        })
    }

    /// The password, if it is what is stored: for the methods that need it.
    pub fn clear_text(&self) -> Option<&str> {
        match &self.0 {
            Kind::Clear(password) => Some(password),
            _ => None,
        }
    }

    /// The NT hash, stored or made of the clear text: for MS-CHAP.
    pub fn nt_hash(&self) -> Option<NtHash> {
        match &self.0 {
            Kind::Clear(password) => NtHash::of(password).ok(),
            Kind::Nt(hash) => Some(hash.clone()),
            _ => None,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, redacted)", self.scheme().label())
    }
}

impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        same_text(self.to_stored().as_bytes(), other.to_stored().as_bytes())
    }
}

impl Eq for Credential {}

/// A credential that nobody has, to check against when there is nobody of the presented name.
///
/// Checking it takes as long as checking a real credential of the same scheme made by
/// [`Credential::make`], so that the time of a refusal does not tell which names exist. Use the
/// scheme that most subscribers have; keep one decoy and check every stranger against it.
#[derive(Clone, Debug)]
pub struct Decoy(Credential);

impl Decoy {
    /// A decoy of a scheme in [`Scheme::MADE`], with a random digest that belongs to no known
    /// password. Cheap: nothing is hashed.
    ///
    /// # Errors
    ///
    /// [`CredentialError::NotMade`] for any other scheme.
    pub fn of(scheme: Scheme, random: &mut dyn Random) -> Result<Self, CredentialError> {
        let mut octets = Zeroizing::new([0; 16]);
        Ok(Self(Credential(match scheme {
            Scheme::Clear => {
                random.fill(&mut *octets);
                Kind::Clear(Zeroizing::new(crypt64::encode(&*octets)))
            }
            Scheme::Nt => {
                random.fill(&mut *octets);
                Kind::Nt(NtHash::from_octets(*octets))
            }
            Scheme::Argon2id => Kind::Argon(ArgonHash::decoy(random)?),
            Scheme::Bcrypt => Kind::Bcrypt(BcryptHash::decoy(random)?),
            Scheme::Sha512Crypt => Kind::ShaCrypt(ShaCryptHash::decoy(random)?),
            Scheme::Yescrypt => Kind::Yescrypt(YescryptHash::decoy(random)?),
            Scheme::Ssha512 => Kind::Digest(SaltedDigest::decoy(random)),
            _ => return Err(CredentialError::NotMade(scheme)),
        })))
    }

    /// The credential to check against. Whatever the outcome, refuse.
    pub const fn credential(&self) -> &Credential {
        &self.0
    }
}

/// Why a password cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PasswordError {
    /// There is none.
    #[error("the password is empty")]
    Empty,
    /// The scheme would ignore its end, or no client could send it.
    #[error("the password is too long for this way of storing it")]
    TooLong,
    /// The scheme would stop reading at a zero octet.
    #[error("the password contains a zero octet, which this way of storing it cannot hold")]
    ContainsNul,
    /// The scheme keeps text, and the password is not UTF-8.
    #[error("the password is not UTF-8")]
    NotUtf8,
}

/// What is wrong with a stored credential of a known scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Defect {
    /// A part has the wrong length, or is missing.
    #[error("a part of it is missing or has the wrong length")]
    Length,
    /// A part is not spelt in the scheme's alphabet.
    #[error("it contains characters that do not belong there")]
    Encoding,
    /// The salt is missing, too short or too long.
    #[error("its salt is missing, too short or too long")]
    Salt,
    /// The cost parameters cannot be read or are below the scheme's own minimum.
    #[error("its cost parameters are not valid")]
    Parameters,
}

/// Why a stored text is not a credential, or a credential cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CredentialError {
    /// There is no mark such as `{CLEAR}` or `$argon2id$` that says what it is.
    #[error("the text does not say what it is: put {{CLEAR}} before a plain password")]
    Unmarked,
    /// The mark is not known.
    #[error("this way of storing a password is not supported")]
    UnknownScheme,
    /// The text is longer than any credential.
    #[error("the text is longer than any stored credential")]
    TooLong,
    /// The text is damaged.
    #[error("this is not a valid {0} credential: {1}")]
    Malformed(Scheme, Defect),
    /// Checking it would take too long or too much memory.
    #[error("checking this {0} credential would take too much time or memory")]
    TooCostly(Scheme),
    /// The scheme is checked when imported, but none are made.
    #[error("credentials stored as {0} can be imported but not made")]
    NotMade(Scheme),
    /// The password cannot be kept this way.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// Compares two texts in a time that does not depend on where or whether they differ.
fn same_text(stored: &[u8], presented: &[u8]) -> bool {
    Sha256::digest(stored)
        .ct_eq(&Sha256::digest(presented))
        .into()
}

fn as_text(password: &[u8]) -> Result<&str, PasswordError> {
    str::from_utf8(password).map_err(|_| PasswordError::NotUtf8)
}

fn check_octets(password: &[u8]) -> Result<(), PasswordError> {
    match password.len() {
        0 => Err(PasswordError::Empty),
        1..=MAX_PASSWORD_OCTETS => Ok(()),
        _ => Err(PasswordError::TooLong),
    }
}

fn check_clear(password: &str) -> Result<(), PasswordError> {
    check_octets(password.as_bytes())?;
    if password.encode_utf16().count() > MAX_PASSWORD_UNITS {
        return Err(PasswordError::TooLong);
    }
    Ok(())
}
