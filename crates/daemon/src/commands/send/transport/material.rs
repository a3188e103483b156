//! Certificates, keys and revocation lists from files.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use portreeve::tls::{Identity, TlsError, Trust};
use zeroize::Zeroizing;

use super::TransportError;

/// More than any file of certificates; revocation lists can be long.
const LARGEST_FILE: u64 = 16 << 20;

/// Our certificate, with its key from the same file or another.
pub(super) fn identity(cert: &Path, key: Option<&Path>) -> Result<Identity, TransportError> {
    let chain = read("--cert", cert)?;
    let secret = match key {
        Some(path) => read("--key", path)?,
        None => chain.clone(),
    };
    Identity::from_pem(&chain, &secret).map_err(|error| {
        let of_the_key = matches!(
            error,
            TlsError::BadKey(_) | TlsError::EncryptedKey | TlsError::KeyMismatch | TlsError::NoKey
        );
        let (flag, path) = match key.filter(|_| of_the_key) {
            Some(key) => ("--key", key),
            None => ("--cert", cert),
        };
        bad(flag, path, error)
    })
}

/// The CAs, and their revocation lists.
pub(super) fn trust(ca: &Path, crls: &[PathBuf]) -> Result<Trust, TransportError> {
    let authorities = read("--ca", ca)?;
    let mut trust = Trust::from_pem(&authorities).map_err(|error| bad("--ca", ca, error))?;
    for crl in crls {
        let lists = read("--crl", crl)?;
        trust = trust
            .crls_from_pem(&lists)
            .map_err(|error| bad("--crl", crl, error))?;
    }
    Ok(trust)
}

/// The octets that hexadecimal digits stand for.
pub(super) fn octets(digits: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |octet: &u8| char::from(*octet).to_digit(16);
    let mut octets = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    for pair in digits.trim_ascii().chunks(2) {
        let [high, low] = pair else {
            return None;
        };
        octets.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
    }
    Some(octets)
}

fn bad(flag: &'static str, path: &Path, error: TlsError) -> TransportError {
    TransportError::Material {
        flag,
        path: path.to_owned(),
        error,
    }
}

fn read(flag: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, TransportError> {
    let failed = |source| TransportError::Read {
        flag,
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len().min(LARGEST_FILE);
    // With room for all of it, no copy of a key is left behind where it was read first.
    let room = usize::try_from(length).unwrap_or_default() + 1;
    let mut octets = Zeroizing::new(Vec::with_capacity(room));
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    if octets.len() as u64 > LARGEST_FILE {
        return Err(TransportError::TooLarge {
            flag,
            path: path.to_owned(),
        });
    }
    Ok(octets)
}
