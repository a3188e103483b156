//! Whom a device trusts, and what it shows.

use std::path::Path;

use portreeve::eap::tls::{PeerIdentity, SettingsError, Trust};
use zeroize::Zeroizing;

use super::{EapArguments, EapError};
use crate::{
    authority::{Authority, blocks, read_text},
    data::DataDir,
};

/// The label of a key that needs a pass phrase.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Which server is trusted.
pub(super) fn trust(arguments: &EapArguments, data: &DataDir) -> Result<Trust, EapError> {
    if arguments.eap_insecure {
        return Ok(Trust::dangerous_none());
    }
    let mut names: Vec<&str> = arguments
        .eap_server_name
        .iter()
        .map(String::as_str)
        .collect();
    if let Some(path) = &arguments.eap_ca {
        let roots = certificates("--eap-ca", path)?;
        return Trust::roots(&roots, &names).map_err(|error| of_roots(path, error));
    }
    if !data.authority().join("ca.crt").exists() {
        return Err(EapError::NoCa(data.path().to_owned()));
    }
    let authority = Authority::open(data)?;
    if names.is_empty() {
        names.extend(authority.server_name());
    }
    Trust::roots(authority.bundle(), &names).map_err(|error| of_roots(authority.path(), error))
}

fn of_roots(path: &Path, error: SettingsError) -> EapError {
    match error {
        SettingsError::BadName(_) => EapError::Name(error),
        error => bad("--eap-ca", path, error),
    }
}

/// What the device shows, if anything.
pub(super) fn identity(arguments: &EapArguments) -> Result<Option<PeerIdentity>, EapError> {
    const CERT: &str = "--eap-cert";
    let Some(cert) = &arguments.eap_cert else {
        return Ok(None);
    };
    let chain = certificates(CERT, cert)?;
    let (flag, path) = match &arguments.eap_key {
        Some(path) => ("--eap-key", path),
        None => (CERT, cert),
    };
    let key = key(flag, path)?;
    let identity = PeerIdentity::new(&chain, &key).map_err(|error| match error {
        SettingsError::BadKey | SettingsError::KeyDoesNotMatch => bad(flag, path, error),
        error => bad(CERT, cert, error),
    })?;
    Ok(Some(identity))
}

fn bad(flag: &'static str, path: &Path, error: SettingsError) -> EapError {
    EapError::Material {
        flag,
        path: path.to_owned(),
        error,
    }
}

fn certificates(flag: &'static str, path: &Path) -> Result<Vec<Vec<u8>>, EapError> {
    let found = blocks(&read_text(path)?, |label| label == "CERTIFICATE");
    if found.is_empty() {
        return Err(empty(flag, path, "certificate"));
    }
    Ok(found)
}

fn key(flag: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, EapError> {
    let text = read_text(path)?;
    let is_plain = |label: &str| label.ends_with("PRIVATE KEY") && label != ENCRYPTED;
    let mut found = blocks(&text, is_plain).into_iter().map(Zeroizing::new);
    found.next().ok_or_else(|| {
        if text.contains(ENCRYPTED) {
            let path = path.to_owned();
            EapError::Encrypted { flag, path }
        } else {
            empty(flag, path, "private key")
        }
    })
}

fn empty(flag: &'static str, path: &Path, what: &'static str) -> EapError {
    EapError::Empty {
        flag,
        path: path.to_owned(),
        what,
    }
}
