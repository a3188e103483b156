//! The directory of the authority: its files, who may read them, and one writer at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::AuthorityError;
use crate::data::DataDir;

/// The certificate of the CA, and those above it where it is not its own root.
pub(super) const CA: &str = "ca.crt";
/// Its key.
pub(super) const CA_KEY: &str = "ca.key";
/// The current revocation list.
pub(super) const CRL: &str = "crl.pem";
/// What the server's certificate is to say besides the names of this machine.
pub(super) const SERVER_NAMES: &str = "server-names.json";
/// One record and one certificate for each that was issued.
pub(super) const ISSUED: &str = "issued";

/// For everybody who may enter the directory.
pub(super) const OPEN: u32 = 0o644;
/// For the owner alone.
pub(super) const SECRET: u32 = 0o600;

/// More than any file here has: a revocation list of 100,000 entries takes half of it.
const LARGEST: u64 = 8 << 20;

/// The directory of the authority in a data directory.
#[derive(Debug, Clone)]
pub(super) struct Place {
    root: PathBuf,
    lock: PathBuf,
}

/// Keeps other commands from changing anything until it is dropped.
#[derive(Debug)]
pub(super) struct Guard {
    _file: File,
}

/// What tells one state of the files from another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stamp([Option<(u64, i64, i64, u64)>; 5]);

impl Place {
    pub(super) fn of(data: &DataDir) -> Self {
        Self {
            root: data.authority(),
            lock: data.path().join("ca.lock"),
        }
    }

    /// Where a new authority is built before it takes its place.
    pub(super) fn draft(&self) -> Self {
        Self {
            root: self.root.with_extension("new"),
            lock: self.lock.clone(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn exists(&self) -> bool {
        self.path(CA).exists()
    }

    pub(super) fn lock(&self) -> Result<Guard, AuthorityError> {
        let failed = |source| AuthorityError::File {
            doing: "lock",
            path: self.lock.clone(),
            source,
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(SECRET)
            .open(&self.lock)
            .map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(Guard { _file: file })
    }

    /// Makes the empty directories of a draft; what a crash left of an earlier one goes.
    pub(super) fn make(&self) -> Result<(), AuthorityError> {
        let failed = |source| AuthorityError::File {
            doing: "create",
            path: self.root.clone(),
            source,
        };
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        for path in [self.root.clone(), self.path(ISSUED)] {
            DirBuilder::new().mode(0o700).create(path).map_err(failed)?;
        }
        Ok(())
    }

    /// Puts a finished draft in this place; what was there goes to `aside`.
    pub(super) fn take(&self, draft: &Self, aside: &Path) -> Result<(), AuthorityError> {
        let moved = |from: &Path, to: &Path| {
            fs::rename(from, to).map_err(|source| AuthorityError::File {
                doing: "rename",
                path: from.to_path_buf(),
                source,
            })
        };
        sync_folder(&draft.root)?;
        if self.root.exists() {
            moved(&self.root, aside)?;
        }
        moved(&draft.root, &self.root)?;
        sync_folder(self.root.parent().unwrap_or(Path::new(".")))
    }

    pub(super) fn write(&self, name: &str, octets: &[u8], mode: u32) -> Result<(), AuthorityError> {
        write_atomically(&self.path(name), octets, mode)
    }

    /// A file as text; wiped when dropped, for it may hold a key.
    pub(super) fn read(&self, name: &str) -> Result<Zeroizing<String>, AuthorityError> {
        read_text(&self.path(name))
    }

    /// As [`Self::read`], `None` where there is no such file.
    pub(super) fn read_if_there(
        &self,
        name: &str,
    ) -> Result<Option<Zeroizing<String>>, AuthorityError> {
        match self.read(name) {
            Ok(text) => Ok(Some(text)),
            Err(AuthorityError::File { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Every change replaces a file by another: its number, its time or its length differs.
    pub(super) fn stamp(&self, names: [&str; 5]) -> Stamp {
        Stamp(names.map(|name| {
            let found = fs::metadata(self.path(name)).ok()?;
            Some((found.ino(), found.ctime(), found.ctime_nsec(), found.len()))
        }))
    }
}

/// Reads a text file of bounded length.
pub(crate) fn read_text(path: &Path) -> Result<Zeroizing<String>, AuthorityError> {
    let failed = |source| AuthorityError::File {
        doing: "read",
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let expected = file.metadata().map_err(failed)?.len().min(LARGEST);
    let capacity = usize::try_from(expected).unwrap_or(0) + 1;
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    file.take(LARGEST + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > LARGEST {
        return Err(AuthorityError::Damaged {
            path: path.to_path_buf(),
            what: format!("is longer than {LARGEST} octets"),
        });
    }
    Ok(text)
}

/// Writes a file so that, whatever happens, it is as before or as it shall be.
pub(crate) fn write_atomically(
    path: &Path,
    octets: &[u8],
    mode: u32,
) -> Result<(), AuthorityError> {
    let failed = |source| AuthorityError::File {
        doing: "write",
        path: path.to_path_buf(),
        source,
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = (|| {
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&draft)?;
        file.write_all(octets)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    })();
    if let Err(error) = written {
        fs::remove_file(&draft).ok();
        return Err(failed(error));
    }
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<(), AuthorityError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| AuthorityError::File {
        doing: "write",
        path: folder.to_path_buf(),
        source,
    })
}
