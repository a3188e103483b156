//! The journal: what was accounted, made durable before it is answered.
//!
//! A directory of append-only segments. One thread writes: it takes all that waits, writes it in
//! one piece, syncs once and then lets every appender of the group go on. A record is durable when
//! its [`Appended`] resolves with a position; otherwise its appender is told why not.

mod append;
mod format;
mod layer;
mod reader;
mod recovery;
mod writer;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use portreeve_aaa::port::JournalPosition;

use append::Pending;
pub use append::{AppendError, Appended};
pub use format::{Damage, MAX_PAYLOAD};
pub use layer::{Disk, Layer, LayerFile, LockGuard};
pub use reader::{Batch, ReadError, Reader, Record};
pub use recovery::Recovery;

/// How a journal is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The size in bytes at which a new segment is begun; 64 MiB unless set.
    pub segment_bytes: u64,
    /// How many records may wait for the disk; 16,384 unless set.
    pub queue_records: usize,
    /// How many bytes of records may wait for the disk; 32 MiB unless set.
    pub queue_bytes: usize,
    /// The position up to which the store has applied the journal. A journal that ends before it
    /// (it was lost, or the store was moved here) goes on in a segment behind it, so that no new
    /// record is taken for an applied one.
    pub applied: JournalPosition,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            queue_records: 16 * 1024,
            queue_bytes: 32 * 1024 * 1024,
            applied: JournalPosition::default(),
        }
    }
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A file operation failed.
    #[error("the journal could not {doing} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        doing: Doing,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the journal open.
    #[error(
        "the journal in {} is in use by another server: stop that one, or give this one a data \
         directory of its own",
        dir.display()
    )]
    InUse {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// A segment is damaged where no interrupted write can have damaged it.
    #[error(
        "{} is damaged at byte {offset}: {damage}. Records before that byte are whole. Restore the \
         file from a backup, or give up what follows in it: copy it elsewhere, then \
         `truncate -s {offset}` it",
        path.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the first thing that is no whole record starts.
        offset: u64,
        /// What is wrong there.
        damage: Damage,
    },
    /// A segment's header cannot be used.
    #[error(
        "{}: {damage}. Restore the file from a backup, or move it out of the journal's directory \
         to go on without its records",
        path.display()
    )]
    Header {
        /// The segment.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A later Portreeve wrote the segment.
    #[error(
        "{} was written by a later version of Portreeve (format {version}): run that version",
        path.display()
    )]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Its format version.
        version: u32,
    },
}

/// The file operation that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum Doing {
    #[error("make ready")]
    Prepare,
    #[error("lock")]
    Lock,
    #[error("list")]
    List,
    #[error("create")]
    Create,
    #[error("read")]
    Read,
    #[error("cut")]
    Cut,
    #[error("remove")]
    Remove,
    #[error("start the writer of")]
    Start,
}

impl Doing {
    fn to(self, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
        move |source| JournalError::Io {
            doing: self,
            path: path.to_owned(),
            source,
        }
    }
}

/// What a journal has done since it was opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Records made durable.
    pub appended: u64,
    /// Syncs they took.
    pub groups: u64,
    /// Records refused because the queue was full.
    pub busy: u64,
    /// Records whose write or sync failed.
    pub failed: u64,
    /// Records waiting for the disk now.
    pub waiting: u64,
}

/// An open journal. Dropping it writes what waits and closes it.
pub struct Journal {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("dir", &self.shared.dir)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal in `dir`, creating the directory if need be, cuts what an interrupted
    /// write left behind the last whole record, and starts the writer.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovery), JournalError> {
        Self::open_on(Arc::new(Disk), dir, options)
    }

    /// As [`open`](Self::open), on another file layer.
    pub fn open_on(
        layer: Arc<dyn Layer>,
        dir: &Path,
        options: Options,
    ) -> Result<(Self, Recovery), JournalError> {
        let recovered = recovery::recover(layer.as_ref(), dir, options.applied)?;
        let shared = Arc::new(Shared {
            layer,
            dir: dir.to_owned(),
            options,
            queue: Mutex::default(),
            filled: Condvar::new(),
            durable: Mutex::new(Durable {
                segments: recovered.segments,
                ..Durable::default()
            }),
            advanced: Condvar::new(),
            tally: Tally::default(),
            _lock: recovered.lock,
        });
        let writer = writer::Writer::new(Arc::clone(&shared), recovered.active);
        let thread = thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run())
            .map_err(Doing::Start.to(dir))?;
        Ok((
            Self {
                shared,
                writer: Some(thread),
            },
            recovered.report,
        ))
    }

    /// Queues `payload` (1 to [`MAX_PAYLOAD`] bytes). Never blocks: when the queue is full the
    /// result is [`AppendError::Busy`] at once.
    pub fn append(&self, payload: Vec<u8>) -> Appended {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return Appended::refused(AppendError::Length);
        }
        let (pending, appended) = Pending::new(payload);
        match self.shared.enqueue(pending) {
            Ok(()) => appended,
            Err(error) => Appended::refused(error),
        }
    }

    /// Appends and blocks until the record is durable, or cannot be.
    pub fn append_blocking(&self, payload: Vec<u8>) -> Result<JournalPosition, AppendError> {
        self.append(payload).wait()
    }

    /// Why the last group could not be made durable; `None` again as soon as one could.
    pub fn alarm(&self) -> Option<AppendError> {
        self.shared.durable().alarm
    }

    /// What was done since the journal was opened.
    pub fn counts(&self) -> Counts {
        let tally = &self.shared.tally;
        Counts {
            appended: tally.appended.load(Relaxed),
            groups: tally.groups.load(Relaxed),
            busy: tally.busy.load(Relaxed),
            failed: tally.failed.load(Relaxed),
            waiting: self.shared.queue().waiting.len() as u64,
        }
    }

    /// The position behind the last durable record.
    pub fn end(&self) -> JournalPosition {
        self.shared.durable().end()
    }

    /// Bytes of segments on disk.
    pub fn size(&self) -> u64 {
        self.shared.durable().segments.values().sum()
    }

    /// A reader of the durable records.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// Writes what waits, then closes. Later appends say [`AppendError::Closed`].
    pub fn close(&mut self) {
        self.shared.close_queue();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the journal's writer panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

struct Shared {
    layer: Arc<dyn Layer>,
    dir: PathBuf,
    options: Options,
    queue: Mutex<Queue>,
    /// The queue is no longer empty, or closed.
    filled: Condvar,
    durable: Mutex<Durable>,
    /// There are more durable records, or there will be none.
    advanced: Condvar,
    tally: Tally,
    _lock: LockGuard,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Pending>,
    bytes: usize,
    closed: bool,
    writer_idle: bool,
}

#[derive(Default)]
struct Durable {
    /// The durable length of each segment, by number.
    segments: BTreeMap<u64, u64>,
    alarm: Option<AppendError>,
    closed: bool,
}

impl Durable {
    fn end(&self) -> JournalPosition {
        match self.segments.last_key_value() {
            Some((&segment, &offset)) => JournalPosition { segment, offset },
            None => JournalPosition::default(),
        }
    }

    /// Where reading goes on behind `position`: the segment, the offset, and the durable length.
    fn locate(&self, position: JournalPosition) -> Option<(u64, u64, u64)> {
        self.segments
            .range(position.segment..)
            .find_map(|(&segment, &length)| {
                let offset = if segment == position.segment {
                    position.offset
                } else {
                    0
                };
                let offset = offset.max(format::HEADER_LEN);
                (offset < length).then_some((segment, offset, length))
            })
    }
}

#[derive(Default)]
struct Tally {
    appended: AtomicU64,
    groups: AtomicU64,
    busy: AtomicU64,
    failed: AtomicU64,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn durable(&self) -> MutexGuard<'_, Durable> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(&self, pending: Pending) -> Result<(), AppendError> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(AppendError::Closed);
        }
        let bytes = queue.bytes + pending.size();
        if queue.waiting.len() >= self.options.queue_records || bytes > self.options.queue_bytes {
            drop(queue);
            self.tally.busy.fetch_add(1, Relaxed);
            return Err(AppendError::Busy);
        }
        queue.bytes = bytes;
        queue.waiting.push_back(pending);
        let wake = std::mem::take(&mut queue.writer_idle);
        drop(queue);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    fn close_queue(&self) {
        self.queue().closed = true;
        self.filled.notify_all();
    }

    fn path(&self, segment: u64) -> PathBuf {
        recovery::segment_path(&self.dir, segment)
    }
}
