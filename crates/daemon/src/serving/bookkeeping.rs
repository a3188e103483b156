//! The durable side of a running server: the journal, what applies it, and the decision records.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use portreeve_aaa::{
    decision::Decision,
    port::{JournalPosition, Store as _},
};
use portreeve_store::{
    Applier, ApplierOptions, DecisionLog, Sqlite,
    journal::{self, Journal},
};

use super::{ServeError, control::JournalReport};
use crate::{config::Config, data::DataDir, failure::Failure, service::Sink};

/// How long the journal is still applied when the server stops; what is left is applied at the next
/// start.
const FINISH: Duration = Duration::from_secs(5);

/// Decisions that may wait for the disk.
const WAITING: u64 = 4_096;

/// Journal, applier and decision log, open.
pub(super) struct Bookkeeping {
    journal: Arc<Journal>,
    applier: JoinHandle<()>,
    stop: Arc<AtomicBool>,
    trouble: Arc<Mutex<Option<String>>>,
    store: Arc<Mutex<Sqlite>>,
    decisions: Option<Arc<dyn Sink>>,
}

impl Bookkeeping {
    pub(super) fn open(config: &Config, data: &DataDir) -> Result<Self, Failure> {
        let mut store = data.open()?;
        let position = store.journal_position()?.unwrap_or_default();
        let options = journal::Options {
            segment_bytes: config.accounting.segment_bytes,
            applied: position,
            ..journal::Options::default()
        };
        let (journal, recovery) =
            Journal::open(&data.journal(), options).map_err(ServeError::from)?;
        tell(&recovery);
        let applier = Applier::new(journal.reader(), store, ApplierOptions::default())?;
        let stop = Arc::new(AtomicBool::new(false));
        let trouble = Arc::default();
        let thread = start(applier, Arc::clone(&stop), Arc::clone(&trouble));
        Ok(Self {
            journal: Arc::new(journal),
            applier: thread.map_err(ServeError::Start)?,
            stop,
            trouble,
            store: Arc::new(Mutex::new(data.open()?)),
            decisions: open_decisions(config, data)?,
        })
    }

    pub(super) fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.journal)
    }

    pub(super) fn decisions(&self) -> Option<Arc<dyn Sink>> {
        self.decisions.clone()
    }

    /// Reads how accounting is, also while it is being closed.
    pub(super) fn gauge(&self) -> Gauge {
        Gauge {
            journal: Arc::clone(&self.journal),
            trouble: Arc::clone(&self.trouble),
            store: Arc::clone(&self.store),
        }
    }

    /// Applies what is durable, for a while, and closes.
    pub(super) fn close(self) {
        let deadline = Instant::now() + FINISH;
        let reader = self.journal.reader();
        let behind = || {
            let applied = applied(&self.store);
            applied.is_some_and(|applied| reader.wait(applied, Duration::ZERO))
        };
        while behind() && Instant::now() < deadline && !self.applier.is_finished() {
            thread::sleep(Duration::from_millis(10));
        }
        self.stop.store(true, Ordering::Relaxed);
        if self.applier.join().is_err() {
            tracing::error!("the thread that applies accounting panicked");
        }
    }
}

fn open_decisions(config: &Config, data: &DataDir) -> Result<Option<Arc<dyn Sink>>, Failure> {
    if config.decisions.keep == 0 {
        return Ok(None);
    }
    let log = data.open_decisions(config.decisions.keep)?;
    Ok(Some(Arc::new(Decisions {
        log,
        offered: AtomicU64::new(0),
    })))
}

/// The decision log, which is told of no more than it can take.
struct Decisions {
    log: DecisionLog,
    offered: AtomicU64,
}

impl Sink for Decisions {
    fn has_room(&self) -> bool {
        let counts = self.log.counts();
        let done = counts.written + counts.dropped;
        self.offered.load(Ordering::Relaxed).saturating_sub(done) < WAITING
    }

    fn offer(&self, decision: Decision) {
        self.offered.fetch_add(1, Ordering::Relaxed);
        self.log.record(decision);
    }
}

fn start(
    mut applier: Applier<Sqlite>,
    stop: Arc<AtomicBool>,
    trouble: Arc<Mutex<Option<String>>>,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("apply".to_owned())
        .spawn(move || {
            applier.run(&stop, |outcome| {
                let words = outcome.err().map(|error| error.to_string());
                *trouble.lock().unwrap_or_else(PoisonError::into_inner) = words;
            });
        })
}

fn tell(recovery: &journal::Recovery) {
    if recovery.cut_bytes > 0 {
        tracing::warn!(
            octets = recovery.cut_bytes,
            "the journal ended in an interrupted write; it was never answered, and is cut off"
        );
    }
    for (first, last) in &recovery.missing {
        tracing::error!(
            first,
            last,
            "segments of the journal are missing; restore them"
        );
    }
    if recovery.behind_store {
        tracing::warn!("the journal is older than the database; a new segment is begun");
    }
}

/// Up to where the database has the journal; `None` where it does not say.
fn applied(store: &Mutex<Sqlite>) -> Option<JournalPosition> {
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    store.journal_position().ok().map(Option::unwrap_or_default)
}

/// Says how accounting is.
pub(super) struct Gauge {
    journal: Arc<Journal>,
    trouble: Arc<Mutex<Option<String>>>,
    store: Arc<Mutex<Sqlite>>,
}

impl Gauge {
    pub(super) fn read(&self) -> JournalReport {
        let counts = self.journal.counts();
        let applied = applied(&self.store).unwrap_or_default();
        let end = self.journal.end();
        let lag_octets = if !self.journal.reader().wait(applied, Duration::ZERO) {
            0
        } else if end.segment == applied.segment {
            end.offset.saturating_sub(applied.offset)
        } else {
            self.journal.size()
        };
        JournalReport {
            recorded: counts.appended,
            failed: counts.failed + counts.busy,
            waiting: counts.waiting,
            lag_octets,
            octets: self.journal.size(),
            alarm: self.journal.alarm().map(|alarm| alarm.to_string()),
            trouble: self
                .trouble
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}
