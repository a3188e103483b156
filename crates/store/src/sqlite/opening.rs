//! Opening a database file: permissions, settings, integrity, migrations.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    thread,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::fault::{Cause, Fault};

/// How long a call waits for another process's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a kind of database consists of.
#[derive(Clone, Copy)]
pub(crate) struct Schema {
    /// Marks the file as ours and of this kind.
    pub(crate) application_id: i32,
    /// The scripts that lead from nothing to the present, in order.
    pub(crate) migrations: &'static [&'static str],
    /// How safe a commit is: FULL survives the power going, OFF not even the system.
    pub(crate) synchronous: &'static str,
}

impl Schema {
    fn known(self) -> u32 {
        u32::try_from(self.migrations.len()).unwrap_or(u32::MAX)
    }
}

/// Opens or creates the file at `path`, readable by its owner only, and brings it up to date.
pub(crate) fn open_file(path: &Path, schema: Schema) -> Result<Connection, Fault> {
    make_private(path).map_err(Cause::Io)?;
    open_existing(path, schema)
}

/// As [`open_file`], but creates nothing.
pub(crate) fn open_existing(path: &Path, schema: Schema) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    use_wal(&connection)?;
    prepare(&mut connection, schema)?;
    Ok(connection)
}

/// A database that lives and dies with its connection.
pub(crate) fn open_memory(schema: Schema) -> Result<Connection, Fault> {
    let mut connection = Connection::open_in_memory()?;
    prepare(&mut connection, schema)?;
    Ok(connection)
}

/// Creates directory and file if need be. SQLite gives the files beside it the same permissions.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(dir) = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty() && !dir.exists())
    {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
    }
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Readers and the writer do not wait for each other in this mode. Switching to it needs the file
/// for itself for a moment and does not wait for it, so that is done here.
fn use_wal(connection: &Connection) -> Result<(), Fault> {
    let mut attempt = 0;
    loop {
        let switched = connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()));
        match switched {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && attempt < 100 =>
            {
                attempt += 1;
                thread::sleep(PATIENCE / 100);
            }
            done => return Ok(done?),
        }
    }
}

fn prepare(connection: &mut Connection, schema: Schema) -> Result<(), Fault> {
    connection.pragma_update(None, "synchronous", schema.synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // A removed credential does not stay readable in a page that is written anyway.
    connection.pragma_update(None, "secure_delete", "fast")?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(connection, schema)
}

fn migrate(connection: &mut Connection, schema: Schema) -> Result<(), Fault> {
    if version(connection, schema)? == schema.known() {
        return Ok(());
    }
    for step in 0.. {
        // The version is read again under the lock: another process may have been quicker.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&transaction, schema)?;
        let Some(script) = schema.migrations.get(found as usize) else {
            break;
        };
        if step == 0 && found == 0 {
            transaction.pragma_update(None, "application_id", schema.application_id)?;
        }
        transaction.execute_batch(script)?;
        transaction.pragma_update(None, "user_version", found + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The version of the schema in the file, 0 for an empty file.
fn version(connection: &Connection, schema: Schema) -> Result<u32, Fault> {
    let owner: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (owner, found, tables) {
        (0, 0, 0) => Ok(0),
        (owner, ..) if owner != schema.application_id => Err(Cause::Foreign.into()),
        (_, found, _) if found <= schema.known() => Ok(found),
        (_, found, _) => Err(Fault::Newer {
            found,
            known: schema.known(),
        }),
    }
}

/// Reads every page and index entry once; takes about a second for each gigabyte.
pub(crate) fn check(connection: &Connection) -> Result<(), Fault> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(Cause::Check.into())
    }
}
