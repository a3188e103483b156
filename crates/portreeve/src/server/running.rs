use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    thread::JoinHandle,
};

use arc_swap::ArcSwap;
use portreeve_proto::PeerTable;
use tokio::sync::watch;

use super::{
    connections::{Connections, Registry},
    counters::{Cells, Counters},
    exchange::Inbox,
    worker::Way,
};
use crate::Error;
#[cfg(feature = "openssl")]
use crate::tls::Hangup;

/// A server at work. Dropping it ends the server at once; [`Self::stop`] ends it with grace.
pub struct Running {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Running {
    pub(super) fn new(shared: Arc<Shared>, addresses: Vec<SocketAddr>) -> Self {
        Self {
            shared,
            addresses,
            threads: Mutex::default(),
        }
    }

    pub(super) fn adopt(&self, thread: JoinHandle<()>) {
        self.threads().push(thread);
    }

    /// The addresses that it listens on, in the order in which they were given; where port 0 was
    /// asked for, with the port that was found.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The first of [`Self::addresses`].
    pub fn address(&self) -> SocketAddr {
        // A server without an address does not start.
        self.addresses
            .first()
            .copied()
            .unwrap_or(([0, 0, 0, 0], 0).into())
    }

    /// The peers: to look at, and to exchange while the server works.
    pub fn peers(&self) -> Peers {
        Peers(Arc::clone(&self.shared.peers))
    }

    /// The connections that are open: to look at, and to send requests down.
    pub fn connections(&self) -> Connections {
        Connections::new(Arc::clone(&self.shared.registry))
    }

    /// What it has done so far.
    pub fn counters(&self) -> Counters {
        self.shared.counters()
    }

    /// A handle that reads the counters without holding on to the server.
    pub fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.shared))
    }

    /// Ends the server with grace: it takes no new request, still repeats answers, waits until
    /// handlers are done and rejects that are held back have left, at most as long as
    /// [`Server::drain`](super::Server::drain) allows, and gives its ports back. The counters it
    /// returns are final: what is still in flight there was given up.
    pub async fn stop(&self) -> Counters {
        self.shared.ask(State::Draining);
        self.shared.until_ended().await;
        // The threads have come to their last line.
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a worker panicked");
            }
        }
        self.counters()
    }

    /// Waits until the server cannot go on, and says why; a server that is stopped gives `Ok`.
    pub async fn ended(&self) -> Result<(), Error> {
        self.shared.until_any_ended().await;
        if let Some(error) = self.shared.take_failure() {
            return Err(error);
        }
        self.shared.until_ended().await;
        self.shared.take_failure().map_or(Ok(()), Err)
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.ask(State::Stopped);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// The peers of a running server. Clones stand for the same server.
#[derive(Clone)]
pub struct Peers(Arc<ArcSwap<PeerTable>>);

impl Peers {
    /// The table that is in force.
    pub fn table(&self) -> Arc<PeerTable> {
        self.0.load_full()
    }

    /// Puts another table in force, at once and without dropping a packet. Requests that are being
    /// worked on are answered under the peer they came from. To keep what
    /// [`RequireMessageAuthenticator::Auto`](crate::RequireMessageAuthenticator::Auto) has learnt,
    /// carry the `Arc<Peer>`s over.
    pub fn swap(&self, table: PeerTable) {
        self.0.store(Arc::new(table));
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.table().iter().map(|peer| peer.name()))
            .finish()
    }
}

/// Reads the counters of a server, also when it has ended. Clones stand for the same server.
#[derive(Clone)]
pub struct Meter(Arc<Shared>);

impl Meter {
    /// What the server has done so far.
    pub fn counters(&self) -> Counters {
        self.0.counters()
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counters().fmt(f)
    }
}

/// What a server is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Serving,
    Draining,
    Stopped,
}

/// What the workers of a server and its owner share.
pub(super) struct Shared {
    pub(super) peers: Arc<ArcSwap<PeerTable>>,
    pub(super) workers: Vec<(Arc<Cells>, Arc<Inbox<Way>>)>,
    pub(super) registry: Arc<Registry>,
    /// The counters of all connections.
    pub(super) cells: Arc<Cells>,
    state: AtomicU8,
    /// How many workers are at work.
    alive: watch::Sender<usize>,
    failure: Mutex<Option<Error>>,
}

impl Shared {
    pub(super) fn new(
        peers: Arc<ArcSwap<PeerTable>>,
        workers: Vec<(Arc<Cells>, Arc<Inbox<Way>>)>,
        registry: Arc<Registry>,
    ) -> Self {
        let alive = watch::Sender::new(workers.len());
        Self {
            peers,
            workers,
            registry,
            cells: Arc::default(),
            state: AtomicU8::new(State::Serving as u8),
            alive,
            failure: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Serving,
            1 => State::Draining,
            _ => State::Stopped,
        }
    }

    /// Only ever goes on: a stopped server does not drain.
    pub(super) fn ask(&self, state: State) {
        self.state.fetch_max(state as u8, Ordering::AcqRel);
        for (_, inbox) in &self.workers {
            inbox.wake();
        }
        self.registry.state.send_if_modified(|known| {
            let goes_on = *known < state;
            *known = state.max(*known);
            goes_on
        });
    }

    fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for (cells, _) in &self.workers {
            cells.add_to(&mut sum);
        }
        self.cells.add_to(&mut sum);
        let (open, half_open) = self.registry.counts();
        sum.connections = open as u64;
        sum.half_open = half_open as u64;
        #[cfg(feature = "openssl")]
        for door in &*self
            .registry
            .doors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
        {
            sum.turned_away(Hangup::AddressNotAllowed, door.not_allowed());
            sum.turned_away(Hangup::TooManyHalfOpen, door.half_open_full());
            sum.turned_away(Hangup::TooManyConnections, door.full());
            sum.turned_away(Hangup::NotTls, door.stray());
        }
        sum
    }

    fn take_failure(&self) -> Option<Error> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    async fn until_ended(&self) {
        self.registry.until_ended().await;
        // The sender lives as long as `self`, so waiting cannot fail.
        drop(self.alive.subscribe().wait_for(|alive| *alive == 0).await);
    }

    async fn until_any_ended(&self) {
        let all = self.workers.len();
        drop(self.alive.subscribe().wait_for(|alive| *alive < all).await);
    }
}

/// Stands for a worker at work, and reports its end even where it panics.
pub(super) struct Alive {
    shared: Arc<Shared>,
    result: Result<(), Error>,
}

impl Alive {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            result: Err(Error::WorkerPanicked),
        }
    }

    pub(super) fn ended(mut self, result: io::Result<()>) {
        self.result = result.map_err(Error::Worker);
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if let Err(error) = std::mem::replace(&mut self.result, Ok(())) {
            let mut failure = self
                .shared
                .failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
        }
        self.shared.alive.send_modify(|alive| *alive -= 1);
    }
}
