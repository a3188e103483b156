//! From the journal to the store: what was made durable becomes rows and sessions.

use std::{
    collections::HashSet,
    fmt,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use portreeve_aaa::{
    accounting::{Absence, Event, Journaled, Record},
    port::{Applied, Batch, Digest, Entry, JournalPosition, StoreError},
    session::{Change, Effects, Note, SessionKey, Sessions, Trimmed},
};
use sha2::{Digest as _, Sha256};

use crate::{
    backend::{Backend, Unreadable},
    journal::{self, ReadError, Reader},
};

/// How the journal is applied.
#[derive(Clone, Copy, Debug)]
pub struct ApplierOptions {
    /// The most records in one transaction; 2,000 unless set.
    pub batch_records: usize,
    /// The most bytes of records in one transaction, but for one that is longer; 1 MiB unless set.
    pub batch_bytes: usize,
    /// The most sessions kept at hand between two transactions; 200,000 unless set.
    pub sessions: usize,
    /// How long to wait for company after a transaction that was not full; 50 ms unless set.
    pub linger: Duration,
    /// How long to wait after a failure; a second unless set.
    pub pause: Duration,
}

impl Default for ApplierOptions {
    fn default() -> Self {
        Self {
            batch_records: 2000,
            batch_bytes: 1024 * 1024,
            sessions: 200_000,
            linger: Duration::from_millis(50),
            pause: Duration::from_secs(1),
        }
    }
}

/// Why the journal is not being applied. Nothing is lost: it is tried again from where it stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The store did not take it.
    #[error("accounting waits in the journal")]
    Store(#[from] StoreError),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] ReadError),
}

/// What one transaction did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Records of the journal that are applied now.
    pub records: u64,
    /// What the store made of them.
    pub applied: Applied,
    /// Records nobody could read; they are kept as they are.
    pub unreadable: u64,
    /// What became of sessions, in the order it happened.
    pub changes: Vec<(SessionKey, Change)>,
    /// Why reports did nothing to a session.
    pub notes: Vec<Note>,
    /// What was let go of the sessions at hand.
    pub trimmed: Trimmed,
    /// Segments of the journal that were removed.
    pub released: usize,
}

/// Takes durable records from a journal, makes rows and sessions of them, and writes these with the
/// journal's position in one transaction, so that each record counts once whenever the power goes.
pub struct Applier<B> {
    reader: Reader,
    store: B,
    sessions: Sessions,
    position: JournalPosition,
    options: ApplierOptions,
    /// What the sessions at hand already hold and the store does not.
    unwritten: Option<Stretch>,
}

#[derive(Default)]
struct Stretch {
    batch: Batch,
    unreadable: Vec<Unreadable>,
    progress: Progress,
}

impl<B: fmt::Debug> fmt::Debug for Applier<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applier")
            .field("store", &self.store)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl<B: Backend> Applier<B> {
    /// Goes on where `store` says the journal behind `reader` was left.
    pub fn new(reader: Reader, mut store: B, options: ApplierOptions) -> Result<Self, StoreError> {
        let position = store.journal_position()?.unwrap_or_default();
        let sessions = Sessions::new(options.sessions, store.open_sessions()?);
        Ok(Self {
            reader,
            store,
            sessions,
            position,
            options,
            unwritten: None,
        })
    }

    /// Up to where the journal is applied.
    pub fn position(&self) -> JournalPosition {
        self.position
    }

    /// Applies until `stop` is set, or until the journal is closed and all of it is applied.
    /// `observe` hears of every transaction and of every failure; after a failure the same records
    /// are tried again.
    pub fn run(
        &mut self,
        stop: &AtomicBool,
        mut observe: impl FnMut(Result<Progress, ApplyError>),
    ) {
        const PATIENCE: Duration = Duration::from_millis(250);
        let mut failing = false;
        while !stop.load(Relaxed) {
            let closed = self.reader.closed();
            if self.unwritten.is_none() && !self.reader.wait(self.position, PATIENCE) {
                if closed {
                    break;
                }
                continue;
            }
            let outcome = self.step();
            match &outcome {
                Ok(progress) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("accounting is being applied again");
                    }
                    if progress.records < self.options.batch_records as u64 && !closed {
                        thread::sleep(self.options.linger);
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        let cause = std::error::Error::source(error);
                        tracing::error!(%error, cause, "accounting is recorded but not applied");
                    }
                    rest(stop, self.options.pause);
                }
            }
            observe(outcome);
        }
    }

    /// Applies at most one transaction's worth of what is durable. Call it again after an error:
    /// nothing is skipped.
    pub fn step(&mut self) -> Result<Progress, ApplyError> {
        let stretch = match self.unwritten.take() {
            Some(stretch) => stretch,
            None => match self.prepare()? {
                Some(stretch) => stretch,
                None => return Ok(Progress::default()),
            },
        };
        match self.store.apply_all(&stretch.batch, &stretch.unreadable) {
            Ok(applied) => Ok(self.finish(stretch, applied)),
            Err(error) => {
                self.unwritten = Some(stretch);
                Err(error.into())
            }
        }
    }

    /// Reads the next records and takes them into the sessions at hand. Fails before the first of
    /// them is taken in, or not at all.
    fn prepare(&mut self) -> Result<Option<Stretch>, ApplyError> {
        let ApplierOptions {
            batch_records,
            batch_bytes,
            ..
        } = self.options;
        let read = self
            .reader
            .read_from(self.position, batch_records, batch_bytes)?;
        let Some(last) = read.records.last() else {
            return Ok(None);
        };
        let mut stretch = Stretch::default();
        stretch.batch.position = last.end;
        stretch.progress.records = read.records.len() as u64;
        let mut told = Vec::new();
        for record in read.records {
            match interpret(&record) {
                Some(one) => told.push(one),
                None => stretch.unreadable.push(Unreadable {
                    position: record.end,
                    octets: record.payload,
                }),
            }
        }
        stretch.progress.unreadable = stretch.unreadable.len() as u64;
        self.fetch(&told)?;
        for one in told {
            let Effects { changes, note } = match one {
                Told::Report(entry) => {
                    let effects = self.sessions.apply(&entry.event);
                    stretch.batch.entries.push(entry);
                    effects
                }
                Told::Absence(absence) => self.sessions.close(&absence),
            };
            stretch.progress.changes.extend(changes);
            stretch.progress.notes.extend(note);
        }
        stretch.batch.sessions = self.sessions.changed();
        Ok(Some(stretch))
    }

    /// Has at hand every session of the store that is told of.
    fn fetch(&mut self, told: &[Told]) -> Result<(), StoreError> {
        let mut asked = HashSet::new();
        for one in told {
            let missing: Vec<SessionKey> = match one {
                Told::Report(entry) => self.sessions.missing(&entry.event).into_iter().collect(),
                Told::Absence(absence) => {
                    let keys = absence.sessions.iter();
                    keys.filter(|key| self.sessions.is_missing(key))
                        .cloned()
                        .collect()
                }
            };
            for key in missing {
                if !asked.contains(&key) {
                    if let Some(session) = self.store.session(&key)? {
                        self.sessions.admit(session);
                    }
                    asked.insert(key);
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, stretch: Stretch, applied: Applied) -> Progress {
        self.position = stretch.batch.position;
        let trimmed = self.sessions.trim();
        let released = self.reader.release(self.position).unwrap_or_else(|error| {
            // It is tried again after the next transaction.
            tracing::warn!(%error, "an applied segment of the journal stays");
            0
        });
        Progress {
            applied,
            trimmed,
            released,
            ..stretch.progress
        }
    }
}

/// Sleeps, but not much longer than until `stop` is set.
fn rest(stop: &AtomicBool, pause: Duration) {
    let slice = Duration::from_millis(50);
    let mut left = pause;
    while !left.is_zero() && !stop.load(Relaxed) {
        thread::sleep(left.min(slice));
        left = left.saturating_sub(slice);
    }
}

/// What a record of the journal says.
#[expect(clippy::large_enum_variant, reason = "nearly all are reports")]
enum Told {
    Report(Entry),
    Absence(Absence),
}

/// What a record of the journal says, if anything can be made of it.
fn interpret(record: &journal::Record) -> Option<Told> {
    let position = record.end;
    let record = match Journaled::decode(&record.payload).ok()? {
        Journaled::Report(record) => record,
        Journaled::Absence(absence) => return Some(Told::Absence(absence)),
    };
    let event = Event::read(&record).ok()?;
    let digest = digest(&record)?;
    Some(Told::Report(Entry {
        position,
        record,
        event,
        digest,
    }))
}

/// The first half of a SHA-256 over what makes a record the one it is.
fn digest(record: &Record) -> Option<Digest> {
    let mut hash = Sha256::new();
    Event::identify(record, &mut |piece| hash.update(piece)).ok()?;
    hash.finalize().first_chunk().copied()
}
