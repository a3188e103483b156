use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{Backups, Kept, RouterError, State};
use crate::authority::write_atomically;

/// The longest file that is read: an undo journal holds what was removed, and no more.
const LARGEST: u64 = 16 << 20;

/// The folder of one router.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    name: String,
}

/// Keeps every other command away from a router until it is dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    _file: File,
}

impl Folder {
    pub(super) fn at(routers: &Path, name: &str) -> Self {
        Self {
            path: routers.join(name),
            name: name.to_owned(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_enrolled(&self) -> bool {
        self.file("router.json").is_file()
    }

    /// What is kept of the router.
    pub(crate) fn read(&self) -> Result<Kept, RouterError> {
        let path = self.file("router.json");
        read_json(&path)?.ok_or_else(|| RouterError::NotEnrolled {
            name: self.name.clone(),
            nearest: None,
        })
    }

    pub(crate) fn write(&self, kept: &Kept) -> Result<(), RouterError> {
        self.write_json("router.json", kept)
    }

    /// What was last seen of it; nothing where nobody has looked yet.
    pub(crate) fn state(&self) -> Result<State, RouterError> {
        Ok(read_json(&self.file("state.json"))?.unwrap_or_default())
    }

    /// Changes what was last seen of it.
    pub(crate) fn saw(&self, change: impl FnOnce(&mut State)) -> Result<(), RouterError> {
        // What is damaged here is of no consequence: it is seen again.
        let mut state = self.state().unwrap_or_default();
        change(&mut state);
        self.write_json("state.json", &state)
    }

    /// The journal of what is to be undone, whatever it is made of.
    pub(crate) fn undo<T: DeserializeOwned>(&self) -> Result<Option<T>, RouterError> {
        read_json(&self.file("undo.json"))
    }

    pub(crate) fn write_undo<T: Serialize>(&self, journal: &T) -> Result<(), RouterError> {
        self.write_json("undo.json", journal)
    }

    pub(crate) fn backups(&self) -> Backups {
        Backups::at(self.file("backups"))
    }

    /// Takes the router for one command alone.
    pub(crate) fn lock(&self) -> Result<Guard, RouterError> {
        self.make()?;
        let path = self.file("lock");
        let failed = |source| RouterError::file("open", &path, source);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Guard { _file: file }),
            Err(TryLockError::WouldBlock) => Err(RouterError::Busy {
                name: self.name.clone(),
            }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Forgets the router, but for its backups: they may be wanted yet.
    pub(crate) fn forget(&self, with_backups: bool) -> Result<(), RouterError> {
        let failed = |source| RouterError::file("remove", &self.path, source);
        if with_backups || self.backups().list()?.is_empty() {
            return match fs::remove_dir_all(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(()),
            };
        }
        for name in ["router.json", "undo.json", "state.json", "lock"] {
            match fs::remove_file(self.file(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn make(&self) -> Result<(), RouterError> {
        make_folder(&self.path)
    }

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), RouterError> {
        self.make()?;
        write_json(&self.file(name), value)
    }
}

/// Makes a folder for its owner alone, with those above it.
pub(super) fn make_folder(path: &Path) -> Result<(), RouterError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| RouterError::file("make", path, source))
}

/// Writes a value for its owner alone, whole or not at all.
pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RouterError> {
    let mut text = Zeroizing::new(Vec::with_capacity(16 << 10));
    let written = serde_json::to_writer_pretty(&mut *text, value);
    written.map_err(|error| RouterError::file("write", path, error.into()))?;
    text.push(b'\n');
    write_private(path, &text)
}

/// Writes octets for their owner alone, whole or not at all.
pub(super) fn write_private(path: &Path, octets: &[u8]) -> Result<(), RouterError> {
    write_atomically(path, octets, 0o600)
        .map_err(|error| RouterError::file("write", path, io::Error::other(error)))
}

/// Reads a value, where the file is there.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RouterError> {
    let failed = |source| RouterError::file("read", path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let mut octets = Zeroizing::new(Vec::with_capacity(64 << 10));
    file.take(LARGEST)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    let damaged = |error: serde_json::Error| RouterError::Damaged {
        path: path.to_owned(),
        what: format!(
            "damaged at line {}, column {}; restore it from a backup of the data directory",
            error.line(),
            error.column()
        ),
    };
    serde_json::from_slice(&octets).map(Some).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_kept_is_for_its_owner_alone_and_comes_back() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path(), "attic");
        let kept = super::super::kept::tests::sample("attic");
        folder.write(&kept).unwrap();
        assert_eq!(
            folder.read().unwrap().password.reveal(),
            kept.password.reveal()
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.file("router.json")), 0o600);
        assert_eq!(mode(&folder.path), 0o700);
        folder.saw(|state| state.checked_ms = Some(7)).unwrap();
        assert_eq!(folder.state().unwrap().checked_ms, Some(7));
        folder.forget(false).unwrap();
        assert!(!folder.is_enrolled());
    }

    #[test]
    fn what_is_damaged_is_told_with_its_place_and_without_its_secrets() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path(), "attic");
        folder.make().unwrap();
        fs::write(folder.file("router.json"), "{\"password\": \"hunter2\"").unwrap();
        let said = folder.read().unwrap_err().to_string();
        assert!(
            said.contains("router.json") && said.contains("line 1"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn one_command_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path(), "attic");
        let guard = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(RouterError::Busy { .. })));
        drop(guard);
        folder.lock().unwrap();
    }
}
