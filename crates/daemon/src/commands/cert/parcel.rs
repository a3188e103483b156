//! The files that a peer or user is given: certificate, key, the CA, and all of it as PKCS #12.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    authority::{Pkcs12Error, read_text, write_atomically},
    failure::Failure,
};

/// For everybody.
pub(super) const OPEN: u32 = 0o644;
/// For the owner alone.
pub(super) const SECRET: u32 = 0o600;

/// Why nothing is issued, or its files are not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParcelError {
    #[error(
        "{} is there already; --force overwrites it, --out DIR puts the files elsewhere",
        path.display()
    )]
    Exists { path: PathBuf },
    #[error(transparent)]
    Pkcs12(#[from] Pkcs12Error),
    #[error(
        "there is no user '{name}'{}; add them (portreeve user add '{name}'), or say \
         --unknown-user where they are known elsewhere",
        did_you_mean(nearest.as_deref())
    )]
    UnknownUser {
        name: String,
        nearest: Option<String>,
    },
    #[error("the system refuses what is needed to ask")]
    Runtime(#[source] io::Error),
    #[error(
        "user '{name}' has no certificate that could be revoked; `portreeve cert list --all` lists \
         all there are"
    )]
    NothingOf { name: String },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!("; did you mean '{nearest}'?")
    })
}

/// What the files of a certificate are called: the name, with other than plain characters replaced,
/// and the device.
pub(super) fn stem(name: &str, device: Option<&str>) -> String {
    let whole = device.map_or_else(|| name.to_owned(), |device| format!("{name}-{device}"));
    let plain = |letter: char| letter.is_alphanumeric() || ".-_@ ".contains(letter);
    let stem = whole.replace(|letter| !plain(letter), "_");
    if stem.starts_with(char::is_alphanumeric) {
        stem
    } else {
        format!("_{stem}")
    }
}

/// Where the files go.
pub(super) struct Parcel {
    folder: PathBuf,
    stem: String,
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
        stem: &str,
        force: bool,
        parts: &[Part],
        ca_pem: &str,
    ) -> Result<Self, Failure> {
        let mut parcel = Self {
            folder: folder.to_path_buf(),
            stem: stem.to_owned(),
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
            .join(format!("{}.{}", self.stem, part.extension()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_what_no_path_can_be_made_of() {
        for (name, device, expected) in [
            ("tim", None, "tim"),
            (
                "tim@example.org",
                Some("Tim's phone"),
                "tim@example.org-Tim_s phone",
            ),
            ("host/pc.example.org", None, "host_pc.example.org"),
            ("../../etc/passwd", None, "_.._.._etc_passwd"),
            ("CORP\\anna", Some("-x"), "CORP_anna--x"),
            (".hidden", None, "_.hidden"),
        ] {
            let stem = stem(name, device);
            assert_eq!(stem, expected);
            assert_eq!(Path::new(&stem).file_name(), Some(stem.as_ref()));
        }
    }
}
