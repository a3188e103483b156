//! The store in an SQLite file.

mod accounting;
mod definitions;
mod devices;
mod fault;
mod nases;
pub(crate) mod opening;

use std::{
    fmt,
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use portreeve_aaa::{
    definition::{Device, Group, Nas, User},
    port::{
        AccountingRow, Applied, Batch, Changes, Definitions, JournalPosition, Put, RowFilter,
        SessionFilter, Store, StoreError, UserFilter,
    },
    session::{Session, SessionKey},
    station::Mac,
};
use rusqlite::{
    Connection, Transaction, TransactionBehavior,
    backup::{Backup, StepResult},
};

use crate::backend::{Backend, Unreadable};
pub(crate) use fault::Fault;
pub use fault::{Cause, DatabaseFailure};
use opening::Schema;

const SCHEMA: Schema = Schema {
    application_id: 0x5054_5256,
    migrations: &[
        include_str!("../../migrations/sqlite/0001_begin.sql"),
        include_str!("../../migrations/sqlite/0002_transports.sql"),
        include_str!("../../migrations/sqlite/0003_devices.sql"),
        include_str!("../../migrations/sqlite/0004_previous_secrets.sql"),
    ],
    synchronous: "FULL",
};

/// The largest file that [`Sqlite::open_checked`] reads through, in bytes: some seconds' work.
const CHECKED_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// A connection to an SQLite database. Any number may be open on one file, in any number of
/// processes on one machine; each call waits up to five seconds for another's write.
pub struct Sqlite {
    connection: Connection,
    path: PathBuf,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens the database at `path`, or creates it with the directories above it, and brings its
    /// schema up to date. Only the owner can read what is created.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = opening::open_file(path, SCHEMA).map_err(|fault| fault.at(path))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// As [`open`](Self::open), and checks the integrity of a database of at most 2 GiB: for the
    /// start of a server.
    pub fn open_checked(path: &Path) -> Result<Self, StoreError> {
        let store = Self::open(path)?;
        let size = path.metadata().map_or(0, |metadata| metadata.len());
        if size <= CHECKED_BYTES {
            store.verify()?;
        }
        Ok(store)
    }

    /// A database in memory, for tests.
    pub fn in_memory() -> Result<Self, StoreError> {
        let path = PathBuf::from(":memory:");
        let connection = opening::open_memory(SCHEMA).map_err(|fault| fault.at(&path))?;
        Ok(Self { connection, path })
    }

    /// Checks the integrity of the whole database: [`StoreError::Corrupt`] when it is damaged.
    pub fn verify(&self) -> Result<(), StoreError> {
        opening::check(&self.connection).map_err(|fault| fault.at(&self.path))
    }

    /// Copies the database as of one moment to a new file at `path`, readable by its owner only,
    /// while it is in use. A file that is there is not overwritten.
    pub fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        self.copy_to(path).map_err(|fault| fault.at(path))
    }

    fn copy_to(&self, path: &Path) -> Result<(), Fault> {
        let mut options = OpenOptions::new();
        let created = options.create_new(true).write(true).mode(0o600).open(path);
        let file = created.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Cause::Exists,
            _ => Cause::Io(error),
        })?;
        let mut copy = Connection::open(path)?;
        let backup = Backup::new(&self.connection, &mut copy)?;
        // All pages in one step: the copy is of one moment, and writers go on beside it. Where the
        // step finds a lock it copies nothing and says so.
        while backup.step(-1)? != StepResult::Done {
            thread::sleep(Duration::from_millis(10));
        }
        drop(backup);
        copy.close().map_err(|(_, error)| error)?;
        file.sync_all().map_err(Cause::Io)?;
        Ok(())
    }

    /// Runs `query` on a view of one moment.
    fn read<T>(
        &mut self,
        query: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Deferred, query)
    }

    /// Runs `change` as a whole or not at all.
    fn write<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Immediate, change)
    }

    fn transact<T>(
        &mut self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let run = || {
            let transaction = self.connection.transaction_with_behavior(behavior)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|fault: Fault| fault.at(&self.path))
    }
}

impl Store for Sqlite {
    fn definitions(&mut self) -> Result<Definitions, StoreError> {
        self.read(definitions::all)
    }

    fn changes_since(&mut self, seq: u64) -> Result<Changes, StoreError> {
        self.read(|transaction| definitions::changes_since(transaction, seq))
    }

    fn user(&mut self, name: &str) -> Result<User, StoreError> {
        self.read(|transaction| definitions::user(transaction, name))
    }

    fn users(&mut self, filter: &UserFilter) -> Result<Vec<User>, StoreError> {
        self.read(|transaction| definitions::users(transaction, filter))
    }

    fn put_user(&mut self, user: &User, put: Put) -> Result<(), StoreError> {
        self.write(|transaction| definitions::put_user(transaction, user, put))
    }

    fn remove_user(&mut self, name: &str) -> Result<(), StoreError> {
        self.write(|transaction| definitions::remove_user(transaction, name))
    }

    fn device(&mut self, mac: Mac) -> Result<Device, StoreError> {
        self.read(|transaction| devices::device(transaction, mac))
    }

    fn devices(&mut self, group: Option<&str>) -> Result<Vec<Device>, StoreError> {
        self.read(|transaction| devices::devices(transaction, group))
    }

    fn put_device(&mut self, device: &Device, put: Put) -> Result<(), StoreError> {
        self.write(|transaction| devices::put_device(transaction, device, put))
    }

    fn remove_device(&mut self, mac: Mac) -> Result<(), StoreError> {
        self.write(|transaction| devices::remove_device(transaction, mac))
    }

    fn group(&mut self, name: &str) -> Result<Group, StoreError> {
        self.read(|transaction| definitions::group(transaction, name))
    }

    fn groups(&mut self) -> Result<Vec<Group>, StoreError> {
        self.read(definitions::groups)
    }

    fn put_group(&mut self, group: &Group, put: Put) -> Result<(), StoreError> {
        self.write(|transaction| definitions::put_group(transaction, group, put))
    }

    fn remove_group(&mut self, name: &str) -> Result<(), StoreError> {
        self.write(|transaction| definitions::remove_group(transaction, name))
    }

    fn nas(&mut self, name: &str) -> Result<Nas, StoreError> {
        self.read(|transaction| nases::nas(transaction, name))
    }

    fn nases(&mut self) -> Result<Vec<Nas>, StoreError> {
        self.read(nases::nases)
    }

    fn put_nas(&mut self, nas: &Nas, put: Put) -> Result<(), StoreError> {
        self.write(|transaction| nases::put_nas(transaction, nas, put))
    }

    fn remove_nas(&mut self, name: &str) -> Result<(), StoreError> {
        self.write(|transaction| nases::remove_nas(transaction, name))
    }

    fn latch_nas(&mut self, name: &str) -> Result<(), StoreError> {
        self.write(|transaction| nases::latch_nas(transaction, name))
    }

    fn forget_previous_secret(&mut self, name: &str, until_ms: u64) -> Result<(), StoreError> {
        self.write(|transaction| nases::forget_previous_secret(transaction, name, until_ms))
    }

    fn journal_position(&mut self) -> Result<Option<JournalPosition>, StoreError> {
        self.read(accounting::position)
    }

    fn apply(&mut self, batch: &Batch) -> Result<Applied, StoreError> {
        self.apply_all(batch, &[])
    }

    fn sessions(&mut self, filter: &SessionFilter) -> Result<Vec<Session>, StoreError> {
        self.read(|transaction| accounting::sessions(transaction, filter))
    }

    fn open_sessions(&mut self) -> Result<Vec<Session>, StoreError> {
        self.read(|transaction| accounting::sessions(transaction, &SessionFilter::default()))
    }

    fn session(&mut self, key: &SessionKey) -> Result<Option<Session>, StoreError> {
        self.read(|transaction| accounting::session(transaction, key))
    }

    fn accounting_count(&mut self) -> Result<u64, StoreError> {
        self.read(accounting::count)
    }

    fn accounting_rows(&mut self, filter: &RowFilter) -> Result<Vec<AccountingRow>, StoreError> {
        self.read(|transaction| accounting::rows(transaction, filter))
    }
}

impl Backend for Sqlite {
    fn apply_all(
        &mut self,
        batch: &Batch,
        unreadable: &[Unreadable],
    ) -> Result<Applied, StoreError> {
        self.write(|transaction| accounting::apply(transaction, batch, unreadable))
    }

    fn unreadable(&mut self, limit: usize) -> Result<Vec<Unreadable>, StoreError> {
        self.read(|transaction| accounting::unreadable(transaction, limit))
    }
}

/// A condition on a column that an index can serve; an absent one still takes its number.
pub(crate) fn wanted<T>(column: &str, number: u8, value: Option<&T>) -> String {
    match value {
        Some(_) => format!("{column} = ${number}"),
        None => format!("${number} IS NULL"),
    }
}

/// The widest number the database keeps; times and places never come near it.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads back what [`integer`] wrote.
pub(crate) fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_such_and_leaves_the_database_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Sqlite::open(&dir.path().join("portreeve.db")).unwrap();
        store.put_user(&User::new("tim"), Put::Create).unwrap();
        let before = store.definitions().unwrap();
        store
            .connection
            .pragma_update(None, "max_page_count", 1)
            .unwrap();
        let mut large = User::new("zoe");
        large.comment = "c".repeat(100_000);
        let refused = store.put_user(&large, Put::Create);
        assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
        assert_eq!(store.definitions().unwrap(), before);
        store
            .connection
            .pragma_update(None, "max_page_count", 1_000_000)
            .unwrap();
        store.put_user(&large, Put::Create).unwrap();
    }

    #[test]
    fn numbers_too_wide_for_the_database_stay_the_greatest() {
        assert_eq!(natural(integer(7)), 7);
        assert_eq!(integer(u64::MAX), i64::MAX);
        assert_eq!(natural(-1), 0);
    }

    #[test]
    fn every_step_from_an_empty_file_is_numbered() {
        let store = Sqlite::in_memory().unwrap();
        let version: i64 = store
            .connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(version, limit(SCHEMA.migrations.len()));
    }
}
