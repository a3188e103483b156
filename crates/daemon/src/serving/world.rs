//! What the server decides by, and the thread that keeps it up to date.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use portreeve::server;
use portreeve_aaa::{
    port::{ChangeSet, Changes, Definitions, Store, StoreError},
    snapshot::Snapshot,
};
use portreeve_proto::Dictionary;
use portreeve_store::Sqlite;

use super::{control::DefinitionsReport, peers::Peers, secured::Secured};
use crate::service::{Hashing, Popularity, Sightings, Watcher, now_ms};

/// How often the store is asked for changes: well within the second that an administrator waits.
const TICK: Duration = Duration::from_millis(250);

/// The definitions, in the form that each part of the server needs.
pub(super) struct World {
    dictionary: Arc<Dictionary>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    peers: Peers,
    popularity: Popularity,
}

impl World {
    pub(super) fn read(
        store: &mut impl Store,
        dictionary: Arc<Dictionary>,
        hashing: &Hashing,
    ) -> Result<Self, StoreError> {
        let definitions = store.definitions()?;
        let snapshot = Snapshot::new(&definitions, Arc::clone(&dictionary));
        let mut world = Self {
            dictionary,
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            peers: Peers::default(),
            popularity: Popularity::default(),
        };
        world.replace(&definitions, hashing);
        Ok(world)
    }

    pub(super) fn snapshot(&self) -> Arc<ArcSwap<Snapshot>> {
        Arc::clone(&self.snapshot)
    }

    pub(super) const fn peers(&self) -> &Peers {
        &self.peers
    }

    fn replace(&mut self, definitions: &Definitions, hashing: &Hashing) {
        let snapshot = Snapshot::new(definitions, Arc::clone(&self.dictionary));
        self.popularity = Popularity::default();
        let names = definitions.users.iter().map(|user| user.name.as_str());
        for subscriber in names.filter_map(|name| snapshot.subscriber(name)) {
            self.popularity.count(subscriber);
        }
        hashing.set_popular(self.popularity.most());
        self.peers.replace(&definitions.nases);
        self.snapshot.store(Arc::new(snapshot));
    }

    fn change(&mut self, changes: &ChangeSet, hashing: &Hashing) {
        let before = self.snapshot.load_full();
        let after = before.changed(changes);
        let new = changes.users.iter().map(|user| &user.name);
        for name in new.chain(&changes.removed_users) {
            if let Some(subscriber) = before.subscriber(name) {
                self.popularity.discount(subscriber);
            }
            if let Some(subscriber) = after.subscriber(name) {
                self.popularity.count(subscriber);
            }
        }
        hashing.set_popular(self.popularity.most());
        self.peers.remove(&changes.removed_nases);
        self.peers.put(&changes.nases);
        self.snapshot.store(Arc::new(after));
    }
}

/// The thread that takes over what an administrator changes, and does what is to be done now and
/// then.
pub(super) struct Keeper {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    gauge: Gauge,
}

impl Keeper {
    pub(super) fn start(
        world: World,
        store: Sqlite,
        hashing: Arc<Hashing>,
        watcher: Watcher,
        table: server::Peers,
        secured: Option<Secured>,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let gauge = Gauge {
            snapshot: world.snapshot(),
            sightings: watcher.sightings(),
            trouble: Arc::default(),
        };
        watcher.sightings().keep(world.peers.names());
        let mut rounds = Rounds {
            world,
            store,
            hashing,
            watcher,
            table,
            secured,
            trouble: Arc::clone(&gauge.trouble),
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    rounds.go();
                    thread::park_timeout(TICK);
                }
                rounds.last();
            })?;
        Ok(Self {
            thread: Some(thread),
            stop,
            gauge,
        })
    }

    pub(super) fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    pub(super) fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the thread that keeps the definitions panicked");
            }
        }
    }
}

struct Rounds {
    world: World,
    store: Sqlite,
    hashing: Arc<Hashing>,
    watcher: Watcher,
    table: server::Peers,
    secured: Option<Secured>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Rounds {
    fn go(&mut self) {
        let before = self.world.snapshot.load().seq();
        let outcome = self.take_over().and_then(|()| self.keep_latches());
        let outcome = outcome.and_then(|()| self.forget_secrets());
        self.tell(outcome);
        let changed = self.world.snapshot.load().seq() != before;
        if let Some(secured) = &mut self.secured {
            secured.keep(&self.world.peers, changed);
        }
        self.watcher.report(Instant::now(), &self.table.table());
    }

    /// What was learnt and what was seen until the end.
    fn last(&mut self) {
        let outcome = self.keep_latches();
        self.tell(outcome);
        self.watcher.report(Instant::now(), &self.table.table());
    }

    fn take_over(&mut self) -> Result<(), StoreError> {
        let seq = self.world.snapshot.load().seq();
        match self.store.changes_since(seq)? {
            Changes::These(changes) if changes.is_empty() => return Ok(()),
            Changes::These(changes) => self.world.change(&changes, &self.hashing),
            Changes::Everything => {
                let definitions = self.store.definitions()?;
                self.world.replace(&definitions, &self.hashing);
            }
        }
        self.table.swap(self.world.peers.table());
        self.watcher.sightings().keep(self.world.peers.names());
        tracing::debug!(seq = self.world.snapshot.load().seq(), "changes taken over");
        Ok(())
    }

    fn keep_latches(&mut self) -> Result<(), StoreError> {
        for name in self.world.peers.newly_latched() {
            match self.store.latch_nas(&name) {
                // It has been removed meanwhile.
                Err(StoreError::NotFound { .. }) => {}
                outcome => outcome?,
            }
            tracing::info!(
                nas = name,
                "sends Message-Authenticator; from now on it must"
            );
        }
        Ok(())
    }

    /// Removes previous secrets that have not been accepted for so long that nobody can mean them.
    fn forget_secrets(&mut self) -> Result<(), StoreError> {
        for (name, until_ms) in self.world.peers.with_spent_secrets(now_ms()) {
            match self.store.forget_previous_secret(&name, until_ms) {
                // It has been removed meanwhile.
                Err(StoreError::NotFound { .. }) => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Says the first of several failures in a row, and when it is over.
    fn tell(&self, outcome: Result<(), StoreError>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                if trouble.take().is_some() {
                    tracing::info!("changes are taken over again");
                }
            }
            Err(error) => {
                let words = error.to_string();
                if trouble.is_none() {
                    let cause = std::error::Error::source(&error);
                    tracing::error!(%error, cause, "changes are not taken over");
                }
                *trouble = Some(words);
            }
        }
    }
}

/// Says what the server decides by.
#[derive(Clone)]
pub(super) struct Gauge {
    snapshot: Arc<ArcSwap<Snapshot>>,
    sightings: Sightings,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Gauge {
    pub(super) fn read(&self) -> DefinitionsReport {
        let snapshot = self.snapshot.load();
        DefinitionsReport {
            users: snapshot.subscribers(),
            nases: self.sightings.len(),
            seq: snapshot.seq(),
            trouble: self
                .trouble
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}
