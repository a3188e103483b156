//! The shared secret, from an argument, a file or the environment.

use std::{env, fs::File, io, io::Read as _, path::PathBuf};

use clap::Args;
use portreeve_proto::Secret;
use zeroize::Zeroizing;

/// Where a secret is found that is not on the command line.
const VARIABLE: &str = "PORTREEVE_SECRET";
/// More than any secret, so that a wrong file is noticed.
const LONGEST_FILE: u64 = 4096;

/// Where the shared secret comes from.
#[derive(Args)]
pub(crate) struct SecretArguments {
    /// The shared secret. Other users of this machine may see it in the list of processes: prefer
    /// --secret-file, or `PORTREEVE_SECRET` in the environment
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
    /// Read the shared secret from a file of one line
    #[arg(long, value_name = "FILE", conflicts_with = "secret")]
    secret_file: Option<PathBuf>,
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("the shared secret is empty")]
    Empty,
    #[error("give the shared secret: --secret, --secret-file, or {VARIABLE} in the environment")]
    Missing,
    #[error("{} is no file with one line of secret", .0.display())]
    NotALine(PathBuf),
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl SecretArguments {
    /// Whether the command line names one; the environment may hold one for other commands.
    pub(crate) const fn is_given(&self) -> bool {
        self.secret.is_some() || self.secret_file.is_some()
    }

    /// The octets of the secret; `None` where none is given.
    pub(crate) fn octets(&self) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError> {
        let octets = match (&self.secret, &self.secret_file) {
            (Some(secret), _) => Zeroizing::new(secret.clone().into_bytes()),
            (None, Some(path)) => one_line(path)?,
            (None, None) => match env::var_os(VARIABLE) {
                Some(secret) => Zeroizing::new(secret.into_encoded_bytes()),
                None => return Ok(None),
            },
        };
        if octets.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Some(octets))
    }

    /// The secret; `None` where none is given.
    pub(crate) fn find(&self) -> Result<Option<Secret>, SecretError> {
        let octets = self.octets()?;
        let secret = octets.map(|octets| Secret::new(&*octets));
        secret.transpose().map_err(|_| SecretError::Empty)
    }

    /// The secret, which has to be given.
    pub(crate) fn require(&self) -> Result<Secret, SecretError> {
        self.find()?.ok_or(SecretError::Missing)
    }
}

impl std::fmt::Debug for SecretArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretArguments(..)")
    }
}

/// What a file of one line holds.
pub(crate) fn one_line(path: &PathBuf) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let failed = |source| SecretError::Read {
        path: path.clone(),
        source,
    };
    let mut octets = Zeroizing::new(Vec::with_capacity(4097));
    let file = File::open(path).map_err(failed)?;
    file.take(LONGEST_FILE + 1)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    let too_long = octets.len() as u64 > LONGEST_FILE;
    while matches!(octets.last(), Some(b'\n' | b'\r')) {
        octets.pop();
    }
    if too_long || octets.contains(&b'\n') {
        return Err(SecretError::NotALine(path.clone()));
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn in_file(content: &[u8]) -> Result<Option<Secret>, SecretError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let arguments = SecretArguments {
            secret: None,
            secret_file: Some(file.path().to_owned()),
        };
        arguments.find()
    }

    #[test]
    fn a_file_is_one_line() {
        let expected = Secret::new("xyz zy").unwrap();
        assert_eq!(in_file(b"xyz zy\r\n").unwrap(), Some(expected));
        assert!(matches!(in_file(b"\n"), Err(SecretError::Empty)));
        assert!(matches!(in_file(b"a\nb\n"), Err(SecretError::NotALine(_))));
        let long = in_file(&[b'a'; 5000]);
        assert!(matches!(long, Err(SecretError::NotALine(_))));
    }

    #[test]
    fn the_argument_is_taken_and_does_not_print() {
        let arguments = SecretArguments {
            secret: Some("xyzzy".to_owned()),
            secret_file: None,
        };
        let secret = arguments.require().unwrap();
        assert_eq!(secret, Secret::new("xyzzy").unwrap());
        assert!(!format!("{arguments:?}").contains("xyzzy"));
    }
}
