//! The last decisions, for `portreeve log` and `portreeve explain`. Nobody waits for this log: what
//! it cannot take is counted and dropped.

use std::{
    collections::VecDeque,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use portreeve_aaa::{
    Shown,
    decision::{Decision, DecisionId, Outcome},
    port::StoreError,
};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::sqlite::{
    Cause, Fault, integer, limit, natural,
    opening::{self, Schema},
    wanted,
};

const SCHEMA: Schema = Schema {
    application_id: 0x5054_5244,
    migrations: &[include_str!("../migrations/decisions/0001_begin.sql")],
    // A commit need not survive the power going; the file stays whole all the same.
    synchronous: "NORMAL",
};

/// How many old rows are deleted in one transaction.
const CHUNK: i64 = 10_000;

/// How the log of decisions is kept.
#[derive(Clone, Copy, Debug)]
pub struct DecisionLogOptions {
    /// How many decisions are kept; 100,000 unless set.
    pub rows: u64,
    /// How many may wait to be written; 8,192 unless set.
    pub queue: usize,
    /// How long the writer waits for company after each transaction; 50 ms unless set.
    pub linger: Duration,
}

impl Default for DecisionLogOptions {
    fn default() -> Self {
        Self {
            rows: 100_000,
            queue: 8192,
            linger: Duration::from_millis(50),
        }
    }
}

/// What the log has done since it was opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DecisionCounts {
    /// Decisions written.
    pub written: u64,
    /// Decisions dropped because the queue was full or the file could not be written.
    pub dropped: u64,
}

/// Writes decisions on a thread of its own. Dropping it writes what waits.
pub struct DecisionLog {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl fmt::Debug for DecisionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionLog")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

struct Shared {
    options: DecisionLogOptions,
    queue: Mutex<Queue>,
    filled: Condvar,
    written: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Decision>,
    closed: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DecisionLog {
    /// Opens or creates the log at `path`, readable by its owner only. A damaged file is set aside
    /// under the same name with `.damaged` behind it: no request shall fail for want of a log.
    pub fn open(path: &Path, options: DecisionLogOptions) -> Result<Self, StoreError> {
        let connection = match open_whole(path) {
            Err(StoreError::Corrupt(cause)) => {
                tracing::warn!(%cause, "the log of decisions is set aside and begun anew");
                set_aside(path).map_err(|error| Fault::from(Cause::Io(error)).at(path))?;
                open_whole(path)?
            }
            opened => opened?,
        };
        let shared = Arc::new(Shared {
            options,
            queue: Mutex::default(),
            filled: Condvar::new(),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        let writer = Writer {
            connection,
            shared: Arc::clone(&shared),
            failing: false,
        };
        let writer = thread::Builder::new()
            .name("decisions".into())
            .spawn(move || writer.run())
            .map_err(|error| Fault::from(Cause::Io(error)).at(path))?;
        Ok(Self {
            shared,
            writer: Some(writer),
        })
    }

    /// Hands a decision to the writer. Never waits for the disk; when the queue is full the
    /// decision is dropped and counted.
    pub fn record(&self, decision: Decision) {
        let mut queue = self.shared.queue();
        if queue.closed || queue.waiting.len() >= self.shared.options.queue {
            drop(queue);
            self.shared.dropped.fetch_add(1, Relaxed);
            return;
        }
        let first = queue.waiting.is_empty();
        queue.waiting.push_back(decision);
        drop(queue);
        if first {
            self.shared.filled.notify_one();
        }
    }

    /// What was done since the log was opened.
    pub fn counts(&self) -> DecisionCounts {
        DecisionCounts {
            written: self.shared.written.load(Relaxed),
            dropped: self.shared.dropped.load(Relaxed),
        }
    }

    /// Writes what waits, then closes. Later decisions are dropped and counted.
    pub fn close(&mut self) {
        self.shared.queue().closed = true;
        self.shared.filled.notify_all();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer of the log of decisions panicked");
        }
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.close();
    }
}

fn open_whole(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let connection = opening::open_file(path, SCHEMA)?;
        opening::check(&connection)?;
        Ok(connection)
    };
    open().map_err(|fault: Fault| fault.at(path))
}

fn set_aside(path: &Path) -> io::Result<()> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    fs::rename(path, beside(".damaged"))?;
    for ending in ["-wal", "-shm"] {
        match fs::remove_file(beside(ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    failing: bool,
}

impl Writer {
    fn run(mut self) {
        while let Some(group) = self.take() {
            let count = group.len() as u64;
            let written = self.write(&group);
            let tally = if written.is_ok() {
                &self.shared.written
            } else {
                &self.shared.dropped
            };
            tally.fetch_add(count, Relaxed);
            let was_failing = std::mem::replace(&mut self.failing, written.is_err());
            match written {
                Err(fault) if !was_failing => {
                    tracing::warn!(?fault, "decisions are not being logged");
                }
                Ok(()) if was_failing => tracing::info!("decisions are being logged again"),
                _ => {}
            }
            self.linger();
        }
    }

    /// Waits for decisions; `None` when closed and empty.
    fn take(&self) -> Option<VecDeque<Decision>> {
        let mut queue = self.shared.queue();
        while queue.waiting.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self
                .shared
                .filled
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut queue.waiting))
    }

    fn linger(&self) {
        let queue = self.shared.queue();
        if !queue.closed && queue.waiting.len() < self.shared.options.queue / 2 {
            drop(queue);
            thread::sleep(self.shared.options.linger);
        }
    }

    fn write(&mut self, group: &VecDeque<Decision>) -> Result<(), Fault> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO decisions (id, time_ms, user_name, nas, outcome, body)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )?;
            for decision in group {
                insert.execute(params![
                    decision.id.0.cast_signed(),
                    integer(decision.time_ms),
                    decision.user.as_ref().map(Shown::as_str),
                    decision.nas.as_ref().map(Shown::as_str),
                    decision.outcome.label(),
                    serde_json::to_string(decision)?,
                ])?;
            }
            prune(&transaction, self.shared.options.rows)?;
        }
        Ok(transaction.commit()?)
    }
}

fn prune(transaction: &Transaction<'_>, rows: u64) -> Result<(), Fault> {
    let mut ends = transaction.prepare_cached("SELECT min(place), max(place) FROM decisions")?;
    let (first, last): (Option<i64>, Option<i64>) =
        ends.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(());
    };
    let over = last.saturating_sub(integer(rows));
    if over >= first {
        transaction
            .prepare_cached("DELETE FROM decisions WHERE place <= $1")?
            .execute([over.min(first + CHUNK)])?;
    }
    Ok(())
}

/// Which decisions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DecisionFilter {
    /// Only those about this user, as shown.
    pub user: Option<String>,
    /// Only those about this NAS.
    pub nas: Option<String>,
    /// Only those with this outcome.
    pub outcome: Option<Outcome>,
}

/// A decision in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Logged {
    /// Rises with every decision: what to read on behind.
    pub place: u64,
    /// The decision.
    pub decision: Decision,
}

/// Reads the log of decisions, in the server's process or in another.
pub struct DecisionReader {
    connection: Connection,
    path: PathBuf,
}

impl fmt::Debug for DecisionReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionReader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl DecisionReader {
    /// Opens the log at `path`, which must be there.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = opening::open_existing(path, SCHEMA).map_err(|fault| fault.at(path))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// At most `most` decisions that the filter lets through, oldest first: the first ones behind
    /// the place `since`, or the last ones there are.
    pub fn tail(
        &mut self,
        since: Option<u64>,
        most: usize,
        filter: &DecisionFilter,
    ) -> Result<Vec<Logged>, StoreError> {
        self.query_tail(since, most, filter)
            .map_err(|fault| fault.at(&self.path))
    }

    fn query_tail(
        &self,
        since: Option<u64>,
        most: usize,
        filter: &DecisionFilter,
    ) -> Result<Vec<Logged>, Fault> {
        let user = wanted("user_name", 2, filter.user.as_ref());
        let nas = wanted("nas", 3, filter.nas.as_ref());
        let outcome = wanted("outcome", 4, filter.outcome.as_ref());
        let order = if since.is_some() { "ASC" } else { "DESC" };
        let mut query = self.connection.prepare_cached(&format!(
            "SELECT place, body FROM decisions WHERE place > $1 AND {user} AND {nas} AND {outcome}
             ORDER BY place {order} LIMIT $5"
        ))?;
        let parameters = params![
            integer(since.unwrap_or(0)),
            filter.user,
            filter.nas,
            filter.outcome.map(Outcome::label),
            limit(most),
        ];
        let found = query.query_and_then(parameters, read)?;
        let mut found: Vec<Logged> = found.collect::<Result<_, Fault>>()?;
        if since.is_none() {
            found.reverse();
        }
        Ok(found)
    }

    /// One decision by its number, if it is still there.
    pub fn by_id(&mut self, id: DecisionId) -> Result<Option<Logged>, StoreError> {
        self.query_id(id).map_err(|fault| fault.at(&self.path))
    }

    fn query_id(&self, id: DecisionId) -> Result<Option<Logged>, Fault> {
        let mut query = self.connection.prepare_cached(
            "SELECT place, body FROM decisions WHERE id = $1 ORDER BY place DESC LIMIT 1",
        )?;
        let found = query
            .query_row([id.0.cast_signed()], |row| Ok(read(row)))
            .optional()?;
        found.transpose()
    }
}

fn read(row: &Row<'_>) -> Result<Logged, Fault> {
    let body = row
        .get_ref(1)?
        .as_str()
        .map_err(|_| Cause::Value("decisions"))?;
    let decision = serde_json::from_str(body).map_err(|_| Cause::Value("decisions"))?;
    Ok(Logged {
        place: natural(row.get(0)?),
        decision,
    })
}
