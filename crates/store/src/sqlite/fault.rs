//! What SQLite's errors mean to whoever asked.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use portreeve_aaa::port::{Definition, StoreError};
use rusqlite::ErrorCode;

/// A failure of one database file, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}. {}", path.display(), cause.advice())]
pub struct DatabaseFailure {
    /// The database file.
    pub path: PathBuf,
    /// What happened.
    #[source]
    pub cause: Cause,
}

/// What happened to a database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// SQLite says so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A file operation failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The integrity check found damage.
    #[error("the integrity check failed")]
    Check,
    /// It is the database of another program.
    #[error("this is another program's database")]
    Foreign,
    /// A value is not what Portreeve writes.
    #[error("a value in table {0} is not one that Portreeve writes")]
    Value(&'static str),
    /// A value cannot be written.
    #[error(transparent)]
    Unwritable(#[from] serde_json::Error),
    /// The backup's file is there already.
    #[error("the file exists already")]
    Exists,
}

impl Cause {
    fn advice(&self) -> &'static str {
        match self {
            Self::Check | Self::Value(_) => {
                "Stop the server and restore a backup, or save what can be read with \
                 `sqlite3 FILE .recover`"
            }
            Self::Foreign => "Choose another data directory",
            Self::Exists => "Choose another name or remove it",
            Self::Unwritable(_) => "This is a defect of Portreeve: please report it",
            Self::Io(error) => io_advice(error.kind()),
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Check.advice(),
                Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                    io_advice(io::ErrorKind::PermissionDenied)
                }
                Some(ErrorCode::DiskFull) => io_advice(io::ErrorKind::StorageFull),
                Some(ErrorCode::SystemIoFailure) => "Check the disk and the system's log",
                _ => "Try again; if it happens again, please report it",
            },
        }
    }
}

fn io_advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "Free some disk space",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "Check the path",
        _ => {
            "Check that the file and its directory belong to the user who runs Portreeve and can \
             be written"
        }
    }
}

/// Why a query did not do what was asked; becomes a [`StoreError`] where the path is known.
#[derive(Debug)]
pub(crate) enum Fault {
    Cause(Cause),
    Exists(Definition, String),
    NotFound(Definition, String),
    InUse { group: String, by: String },
    Newer { found: u32, known: u32 },
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Cause(Cause::Sqlite(error))
    }
}

impl From<Cause> for Fault {
    fn from(cause: Cause) -> Self {
        Self::Cause(cause)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Cause(Cause::Unwritable(error))
    }
}

impl Fault {
    pub(crate) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Exists(kind, name) => StoreError::Exists { kind, name },
            Self::NotFound(kind, name) => StoreError::NotFound { kind, name },
            Self::InUse { group, by } => StoreError::InUse {
                kind: Definition::Group,
                name: group,
                by,
            },
            Self::Newer { found, known } => StoreError::Newer { found, known },
            Self::Cause(cause) => store_error(cause, path),
        }
    }
}

fn store_error(cause: Cause, path: &Path) -> StoreError {
    let kind = match &cause {
        Cause::Sqlite(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => return StoreError::Busy,
            Some(ErrorCode::DiskFull) => return StoreError::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt,
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                StoreError::Unreadable
            }
            _ if is_value(error) => StoreError::Corrupt,
            _ => StoreError::Backend,
        },
        Cause::Io(error) if error.kind() == io::ErrorKind::StorageFull => return StoreError::Full,
        Cause::Io(_) | Cause::Foreign | Cause::Exists => StoreError::Unreadable,
        Cause::Check | Cause::Value(_) => StoreError::Corrupt,
        Cause::Unwritable(_) => StoreError::Backend,
    };
    let failure: Box<dyn Error + Send + Sync> = Box::new(DatabaseFailure {
        path: path.to_owned(),
        cause,
    });
    kind(failure)
}

/// A column held something else than the schema and we put there.
fn is_value(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}
