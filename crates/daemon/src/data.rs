//! The data directory: where it is, what lies in it, and who may read it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
};

use portreeve_aaa::port::StoreError;
use portreeve_store::{DecisionLog, DecisionLogOptions, DecisionReader, Sqlite};

use crate::{
    config,
    failure::{Failure, Unknown},
};

/// Where an installed server keeps its data.
const INSTALLED: &str = "/var/lib/portreeve";
/// Where one that is not installed does.
const LOCAL: &str = "portreeve-data";

/// The directory that holds everything of one server.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// Whether a data directory was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Made,
    WasThere,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    #[error("cannot create the data directory {}", path.display())]
    Create {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{} is in use by another server (process {holder}); stop that one, or give this one \
         a directory of its own with --data",
        path.display()
    )]
    InUse { path: PathBuf, holder: String },
    #[error(
        "there is no data directory {}; `portreeve serve` makes one, or say with --data where \
         it is",
        path.display()
    )]
    Missing { path: PathBuf },
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    #[error("cannot open {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}: {}", path.display(), source)]
    Store { path: PathBuf, source: StoreError },
}

impl DataDir {
    /// The directory that was named, or the usual one.
    pub(crate) fn locate(named: Option<PathBuf>) -> Self {
        let path = named.unwrap_or_else(|| {
            let installed = std::env::current_exe()
                .is_ok_and(|program| is_installed(program.parent().unwrap_or(Path::new(""))));
            PathBuf::from(if installed { INSTALLED } else { LOCAL })
        });
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration file that is read where none is named.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.path.join(config::FILE)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("portreeve.db")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    pub(crate) fn decisions(&self) -> PathBuf {
        self.path.join("decisions.db")
    }

    /// The certificate authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.path.join("ca")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// Makes the directory and the database where they are not there yet, for their owner alone.
    pub(crate) fn make_ready(&self) -> Result<Readiness, Failure> {
        let made = self.make_directory()?;
        let database = self.database();
        if database.exists() {
            return Ok(Readiness::WasThere);
        }
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&database);
        match created {
            Ok(_) => {}
            // Another command was quicker.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                if made == Readiness::Made {
                    fs::remove_dir(&self.path).ok();
                }
                return Err(DataError::Create {
                    path: database,
                    source,
                }
                .into());
            }
        }
        self.open_database()?;
        Ok(Readiness::Made)
    }

    fn make_directory(&self) -> Result<Readiness, DataError> {
        match fs::metadata(&self.path) {
            Ok(found) if found.is_dir() => return Ok(Readiness::WasThere),
            Ok(_) => {
                return Err(DataError::NotADirectory {
                    path: self.path.clone(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(DataError::Open {
                    path: self.path.clone(),
                    source,
                });
            }
        }
        let created = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path);
        created.map_err(|source| DataError::Create {
            path: self.path.clone(),
            source,
        })?;
        Ok(Readiness::Made)
    }

    /// The database of a directory that is there.
    pub(crate) fn open(&self) -> Result<Sqlite, Failure> {
        match fs::metadata(self.database()) {
            Ok(_) => self.open_database(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DataError::Missing {
                path: self.path.clone(),
            }
            .into()),
            Err(source) => Err(DataError::Open {
                path: self.database(),
                source,
            }
            .into()),
        }
    }

    /// The database, for a change: made ready where it is not there.
    pub(crate) fn open_or_make(&self) -> Result<(Sqlite, Readiness), Failure> {
        let readiness = self.make_ready()?;
        Ok((self.open_database()?, readiness))
    }

    /// As [`Self::open`], and looks whether the database is whole.
    pub(crate) fn open_checked(&self) -> Result<Sqlite, Failure> {
        let path = self.database();
        Sqlite::open_checked(&path).map_err(|source| DataError::Store { path, source }.into())
    }

    /// The decision records, to write.
    pub(crate) fn open_decisions(&self, keep: u64) -> Result<DecisionLog, Failure> {
        let path = self.decisions();
        let options = DecisionLogOptions {
            rows: keep,
            ..DecisionLogOptions::default()
        };
        DecisionLog::open(&path, options).map_err(|source| DataError::Store { path, source }.into())
    }

    /// The decision records, to read.
    pub(crate) fn read_decisions(&self) -> Result<DecisionReader, Failure> {
        let path = self.decisions();
        if !path.exists() {
            return Err(Unknown::NoDecision.into());
        }
        DecisionReader::open(&path).map_err(|source| DataError::Store { path, source }.into())
    }

    fn open_database(&self) -> Result<Sqlite, Failure> {
        let path = self.database();
        Sqlite::open(&path).map_err(|source| DataError::Store { path, source }.into())
    }

    /// Keeps every other server away from the directory until the lock is dropped.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.path.join("serve.lock");
        let failed = |source| DataError::Open {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                return Err(DataError::InUse {
                    path: self.path.clone(),
                    holder: holder.trim().to_owned(),
                }
                .into());
            }
            Err(TryLockError::Error(source)) => return Err(failed(source).into()),
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(Lock { _file: file })
    }

    /// What others on this machine can do here that they should not be able to, one line each.
    pub(crate) fn exposures(&self) -> Vec<String> {
        let ours = fs::metadata(&self.path).map(|found| found.uid()).ok();
        let secrets = ["ca.key", "server.pem", "client.pem", "ocsp.pem"];
        let secrets = secrets.map(|key| self.authority().join(key));
        [self.path.clone(), self.database(), self.decisions()]
            .into_iter()
            .chain([self.authority()])
            .chain(secrets)
            .filter_map(|path| {
                let found = fs::metadata(&path).ok()?;
                let mode = found.permissions().mode() & 0o777;
                let shown = path.display();
                if mode & 0o077 != 0 {
                    Some(format!(
                        "{shown} is open to others (mode {mode:04o}); run: chmod go= {shown}"
                    ))
                } else if Some(found.uid()) != ours {
                    Some(format!(
                        "{shown} belongs to another user than its directory"
                    ))
                } else {
                    None
                }
            })
            .collect()
    }
}

/// Held by the server that runs on a data directory.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

fn write_pid(file: &mut File) -> io::Result<()> {
    use io::Write as _;
    file.set_len(0)?;
    write!(file, "{}", std::process::id())
}

fn is_installed(folder: &Path) -> bool {
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .any(|installed| folder == Path::new(installed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(folder: &tempfile::TempDir) -> DataDir {
        DataDir::locate(Some(folder.path().join("deep/data")))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = directory(&folder);
        assert_eq!(data.make_ready().unwrap(), Readiness::Made);
        assert_eq!(data.make_ready().unwrap(), Readiness::WasThere);
        assert_eq!(mode(data.path()), 0o700);
        for entry in fs::read_dir(data.path()).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
        }
        assert!(data.exposures().is_empty());
        fs::set_permissions(data.database(), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(data.exposures().len(), 1);
    }

    #[test]
    fn a_directory_serves_one_server_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = directory(&folder);
        data.make_ready().unwrap();
        let lock = data.lock().unwrap();
        let second = data.lock().unwrap_err().words();
        assert!(second.contains(&std::process::id().to_string()), "{second}");
        drop(lock);
        data.lock().unwrap();
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let said = directory(&folder).open().unwrap_err().words();
        assert!(said.contains("deep/data"), "{said}");
        assert!(said.contains("--data"), "{said}");
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "").unwrap();
        let said = DataDir::locate(Some(path))
            .make_ready()
            .unwrap_err()
            .words();
        assert!(said.contains("not a directory"), "{said}");
    }
}
