//! Passwords on their way in: from an argument, from standard input, generated, or imported.

use std::io::{self, Read as _};

use clap::{Args, ValueEnum};
use portreeve_aaa::definition::StoredCredential;
use portreeve_auth::{Credential, Scheme};
use zeroize::Zeroizing;

use crate::failure::{Failure, Misuse};

/// Letters and digits that nobody mistakes for one another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Five bits each: a hundred bits.
const LENGTH: usize = 20;
/// More than anybody types, and what a packet may carry at most is far less.
const LONGEST: u64 = 1_024;

/// How a password is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keep {
    /// As it is: the only way that serves PAP, CHAP and MS-CHAP
    Clear,
    /// NT hash: PAP and MS-CHAP
    Nt,
    /// argon2id: PAP only; slow to guess
    #[value(name = "argon2id")]
    Argon2id,
    /// bcrypt: PAP only; slow to guess
    Bcrypt,
    /// SHA-512-crypt: PAP only; slow to guess
    Sha512Crypt,
    /// yescrypt: PAP only; slow to guess
    Yescrypt,
    /// Salted SHA-512: PAP only; quick to check and to guess
    Ssha512,
}

impl Keep {
    const fn scheme(self) -> Scheme {
        match self {
            Self::Clear => Scheme::Clear,
            Self::Nt => Scheme::Nt,
            Self::Argon2id => Scheme::Argon2id,
            Self::Bcrypt => Scheme::Bcrypt,
            Self::Sha512Crypt => Scheme::Sha512Crypt,
            Self::Yescrypt => Scheme::Yescrypt,
            Self::Ssha512 => Scheme::Ssha512,
        }
    }
}

/// A password that may be given.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The password. Other users of this machine may see it in the list of processes: prefer
    /// --password-stdin
    #[arg(long, value_name = "PASSWORD", group = "source")]
    password: Option<String>,
    /// Read the password from standard input, one line
    #[arg(long, group = "source")]
    password_stdin: bool,
    /// Make up a strong password and print it once
    #[arg(long, group = "source")]
    generate: bool,
    /// Import what another system keeps: '$2b$..', '$6$..', '$y$..', '{SSHA}..', '{NT}..'
    #[arg(long, value_name = "HASH", group = "source")]
    credential: Option<String>,
    /// How to keep the password. Only clear text serves PAP, CHAP and MS-CHAP [default: clear]
    #[arg(long, value_enum, value_name = "SCHEME", conflicts_with = "credential")]
    store: Option<Keep>,
}

impl Source {
    /// The password, which has to be given.
    pub(crate) fn require(self) -> Result<Set, Failure> {
        self.resolve()?.ok_or(Misuse::PasswordMissing.into())
    }

    /// The password, if one is given.
    pub(crate) fn resolve(self) -> Result<Option<Set>, Failure> {
        if let Some(hash) = self.credential {
            let credential = Credential::parse(&Zeroizing::new(hash))?;
            return Ok(Some(Set {
                credential,
                generated: None,
            }));
        }
        let scheme = self.store.unwrap_or(Keep::Clear).scheme();
        let (password, generated) = match (self.password, self.password_stdin, self.generate) {
            (Some(password), _, _) => (Zeroizing::new(password), None),
            (None, true, _) => (from_stdin(&mut io::stdin().lock())?, None),
            (None, false, true) => {
                let made = generate()?;
                (made.clone(), Some(made))
            }
            (None, false, false) if self.store.is_some() => {
                return Err(Misuse::StoreWithoutPassword.into());
            }
            (None, false, false) => return Ok(None),
        };
        let mut failed = None;
        let mut random = |octets: &mut [u8]| failed = fill(octets).err().or(failed.take());
        let made = Credential::make(scheme, password.as_bytes(), &mut random);
        match failed {
            Some(failure) => Err(failure),
            None => Ok(Some(Set {
                credential: made?,
                generated,
            })),
        }
    }
}

/// A password that is to be set.
pub(crate) struct Set {
    credential: Credential,
    generated: Option<Zeroizing<String>>,
}

impl Set {
    pub(crate) fn stored(&self) -> StoredCredential {
        StoredCredential::new(self.credential.to_stored().to_string())
    }

    pub(crate) fn generated(&self) -> Option<&Zeroizing<String>> {
        self.generated.as_ref()
    }
}

/// One line of standard input.
pub(crate) fn from_stdin(input: &mut dyn io::Read) -> Result<Zeroizing<String>, Failure> {
    let mut octets = Zeroizing::new(Vec::with_capacity(2_048));
    input
        .take(LONGEST + 3)
        .read_to_end(&mut octets)
        .map_err(Failure::Stdin)?;
    let line = octets.strip_suffix(b"\n").unwrap_or(&octets);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let odd = line.len() as u64 > LONGEST || line.contains(&b'\n');
    match str::from_utf8(line) {
        Ok("") => Err(Misuse::PasswordEmpty.into()),
        Ok(text) if !odd => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(Misuse::PasswordOdd.into()),
    }
}

/// A password that is easy to type and hard to guess.
pub(crate) fn generate() -> Result<Zeroizing<String>, Failure> {
    let mut octets = Zeroizing::new([0; LENGTH]);
    fill(&mut *octets)?;
    let letters = octets
        .iter()
        .map(|octet| char::from(ALPHABET[usize::from(octet % 32)]));
    Ok(Zeroizing::new(letters.collect()))
}

/// A password as it is kept where every method shall be able to use it.
pub(crate) fn kept_clear(password: &str) -> Result<StoredCredential, Failure> {
    // Clear text needs no salt.
    let made = Credential::make(Scheme::Clear, password.as_bytes(), &mut |_: &mut [u8]| {})?;
    Ok(StoredCredential::new(made.to_stored().to_string()))
}

/// Unpredictable octets.
pub(crate) fn fill(octets: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(octets).map_err(|error| Failure::Random(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut octets: &[u8]) -> Result<Zeroizing<String>, Failure> {
        from_stdin(&mut octets)
    }

    #[test]
    fn one_line_is_read_without_its_end() {
        for line in ["pässwörd €\n", "pässwörd €\r\n", "pässwörd €"] {
            assert_eq!(read(line.as_bytes()).unwrap().as_str(), "pässwörd €");
        }
    }

    #[test]
    fn what_is_no_password_is_refused() {
        for octets in [&b""[..], b"\n", b"a\nb\n", b"\xff", &[b'a'; 2_000]] {
            assert!(matches!(read(octets), Err(Failure::Usage(_))), "{octets:?}");
        }
    }

    #[test]
    fn generated_passwords_differ_and_are_easy_to_type() {
        let made = generate().unwrap();
        assert_eq!(made.len(), LENGTH);
        assert!(made.bytes().all(|letter| ALPHABET.contains(&letter)));
        assert_ne!(made, generate().unwrap());
    }

    #[test]
    fn every_way_of_keeping_can_be_made() {
        for keep in Keep::value_variants() {
            assert!(Scheme::MADE.contains(&keep.scheme()), "{keep:?}");
            let name = keep.to_possible_value().unwrap();
            assert_eq!(name.get_name(), keep.scheme().label());
        }
        assert_eq!(Keep::value_variants().len(), Scheme::MADE.len());
    }
}
