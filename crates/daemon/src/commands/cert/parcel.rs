//! The files that a peer is given: certificate, key, the CA, and all of it as PKCS #12.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};
use zeroize::Zeroizing;

use crate::{
    authority::{blocks, read_text, write_atomically},
    failure::Failure,
};

/// For everybody.
pub(super) const OPEN: u32 = 0o644;
/// For the owner alone.
pub(super) const SECRET: u32 = 0o600;

/// Why a peer's files are not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParcelError {
    #[error(
        "{} is there already; --force overwrites it, --out DIR puts the files elsewhere",
        path.display()
    )]
    Exists { path: PathBuf },
    #[error("cannot make the PKCS #12 file: {0}")]
    Pkcs12(String),
}

/// Where the files go.
pub(super) struct Parcel {
    folder: PathBuf,
    name: String,
    force: bool,
    reserved: Vec<PathBuf>,
}

/// One file of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Certificate,
    Key,
    Pkcs12,
}

impl Part {
    const fn extension(self) -> &'static str {
        match self {
            Self::Certificate => "crt",
            Self::Key => "key",
            Self::Pkcs12 => "p12",
        }
    }

    const fn mode(self) -> u32 {
        match self {
            Self::Certificate => OPEN,
            Self::Key | Self::Pkcs12 => SECRET,
        }
    }
}

impl Parcel {
    /// Makes sure that nothing is overwritten and that all can be written, before anything is
    /// issued: a key that cannot be written is lost.
    pub(super) fn reserve(
        folder: &Path,
        name: &str,
        force: bool,
        parts: &[Part],
        ca_pem: &str,
    ) -> Result<Self, Failure> {
        let mut parcel = Self {
            folder: folder.to_path_buf(),
            name: name.to_owned(),
            force,
            reserved: Vec::new(),
        };
        let ca = parcel.ca();
        // The same CA is no matter: another peer's files are in the same folder.
        if ca.exists() && !force && read_text(&ca).is_ok_and(|text| text.as_str() != ca_pem) {
            return Err(ParcelError::Exists { path: ca }.into());
        }
        for part in parts {
            parcel.claim(*part)?;
        }
        Ok(parcel)
    }

    fn claim(&mut self, part: Part) -> Result<(), Failure> {
        let path = self.path(part);
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(part.mode())
            .open(&path);
        match opened {
            Ok(_) => self.reserved.push(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !self.force {
                    return Err(ParcelError::Exists { path }.into());
                }
            }
            Err(source) => return Err(Failure::Write { path, source }),
        }
        Ok(())
    }

    pub(super) fn path(&self, part: Part) -> PathBuf {
        self.folder
            .join(format!("{}.{}", self.name, part.extension()))
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    pub(super) fn write(&mut self, part: Part, octets: &[u8]) -> Result<(), Failure> {
        let path = self.path(part);
        write_atomically(&path, octets, part.mode())?;
        self.reserved.retain(|reserved| *reserved != path);
        Ok(())
    }

    pub(super) fn write_ca(&self, ca_pem: &str) -> Result<(), Failure> {
        Ok(write_atomically(&self.ca(), ca_pem.as_bytes(), OPEN)?)
    }
}

impl Drop for Parcel {
    /// What was reserved and not written goes.
    fn drop(&mut self) {
        for path in &self.reserved {
            fs::remove_file(path).ok();
        }
    }
}

/// A certificate, its key and the CA in one file under a password.
pub(super) fn pkcs12(
    name: &str,
    chain: &[Vec<u8>],
    key_pem: &str,
    password: &str,
    legacy: bool,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: p12_keystore::error::Error| ParcelError::Pkcs12(error.to_string());
    let key = blocks(key_pem, |label| label == "PRIVATE KEY")
        .into_iter()
        .next();
    let key = Zeroizing::new(key.unwrap_or_default());
    let key = PrivateKey::from_der(&key).map_err(failed)?;
    let chain: Result<Vec<_>, _> = chain.iter().map(|der| Certificate::from_der(der)).collect();
    let chain = PrivateKeyChain::new(name.as_bytes(), key, chain.map_err(failed)?);
    let mut store = KeyStore::new();
    store.add_entry(name, KeyStoreEntry::PrivateKeyChain(chain));
    let writer = store.writer(password);
    let writer = if legacy {
        writer
            .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
            .mac_algorithm(MacAlgorithm::HmacSha1)
    } else {
        writer
    };
    Ok(Zeroizing::new(writer.write().map_err(failed)?))
}
