//! One worker: a thread with sockets, duplicates and held-back rejects of its own.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use arc_swap::{ArcSwap, Cache};
use mio::{Events, Token};
use portreeve_proto::{Arrival, Endpoint, PeerTable, Role};
use portreeve_udp::{Batch, Local, Socket};

use super::{
    counters::Cells,
    desk::{Desk, Means, Outlet},
    exchange::Inbox,
    listener::Listener,
    running::{Shared, State},
};
use crate::{Handler, random::OsRandom};

const WAKER: Token = Token(usize::MAX);
/// How often a worker looks at everything even though nothing has called it.
const TICK: Duration = Duration::from_secs(1);
/// How often it does while it drains, so that it ends soon after it is idle.
const DRAINING_TICK: Duration = Duration::from_millis(20);
/// Longer than any drain is meant to last, and short enough to reckon with.
const LONGEST_DRAIN: Duration = Duration::from_hours(24 * 365);

/// Where the answer to a datagram leaves from.
#[derive(Clone)]
pub(super) struct Way {
    listener: usize,
    local: Option<Local>,
}

pub(super) struct Worker<H> {
    desk: Desk<H, Way>,
    peers: Cache<Arc<ArcSwap<PeerTable>>, Arc<PeerTable>>,
    cells: Arc<Cells>,
    inbox: Arc<Inbox<Way>>,
    poll: mio::Poll,
    listeners: Vec<Listener>,
    /// Set while the server drains: when to end at the latest.
    end: Option<Instant>,
    /// When to look at every socket again, called or not.
    next_look: Instant,
}

/// The sockets of a worker, as far as answers leave there.
struct Outboxes<'a> {
    listeners: &'a mut [Listener],
    cells: &'a Cells,
}

impl Outlet<Way> for Outboxes<'_> {
    fn queue(&mut self, way: &Way, to: SocketAddr, octets: &[u8]) {
        if let Some(listener) = self.listeners.get_mut(way.listener) {
            listener.queue(to, way.local, octets, self.cells);
        }
    }
}

impl<H: Handler> Worker<H> {
    pub(super) fn new(
        means: Means<H>,
        peers: Arc<ArcSwap<PeerTable>>,
        random: OsRandom,
        sockets: Vec<(Socket, Role)>,
    ) -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let mut listeners = Vec::with_capacity(sockets.len());
        for (index, (socket, role)) in sockets.into_iter().enumerate() {
            listeners.push(Listener::new(socket, role, Token(index), poll.registry())?);
        }
        let (cells, inbox) = (Arc::<Cells>::default(), Arc::new(Inbox::new(waker)));
        let endpoint = Endpoint::new(&means.tuning.duplicates);
        let basket = Arc::clone(&inbox);
        Ok(Self {
            desk: Desk::new(means, Arc::clone(&cells), endpoint, basket, random),
            peers: Cache::new(peers),
            cells,
            inbox,
            poll,
            listeners,
            end: None,
            next_look: Instant::now(),
        })
    }

    pub(super) fn shared(&self) -> (Arc<Cells>, Arc<Inbox<Way>>) {
        (Arc::clone(&self.cells), Arc::clone(&self.inbox))
    }

    /// Works until the server is stopped.
    pub(super) fn run(mut self, shared: &Shared) -> io::Result<()> {
        let runtime = self.desk.means.runtime.clone();
        let _context = runtime.enter();
        let mut events = Events::with_capacity(64);
        let mut batch = Batch::new();
        let mut done = Vec::new();
        loop {
            self.wait(&mut events)?;
            if self.is_over(shared.state()) {
                return Ok(());
            }
            self.inbox.take(&mut done);
            let mut outboxes = Outboxes {
                listeners: &mut self.listeners,
                cells: &self.cells,
            };
            for (exchange, outcome) in done.drain(..) {
                self.desk.came_back(exchange, outcome, &mut outboxes);
            }
            self.desk.release(&mut outboxes);
            for index in 0..self.listeners.len() {
                self.receive(index, &mut batch);
            }
            self.cells.in_flight.set(self.desk.in_flight());
            self.cells.delayed.set(self.desk.delayed());
            for (index, listener) in self.listeners.iter_mut().enumerate() {
                listener.flush(Token(index), self.poll.registry(), &self.cells);
            }
        }
    }

    /// Waits until there is something to do, and notes which sockets have datagrams.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let timeout = if self.listeners.iter().any(|listener| listener.readable) {
            Duration::ZERO
        } else {
            let now = Instant::now();
            let due = self.desk.next_due().into_iter().chain(self.end).min();
            let tick = if self.end.is_some() {
                DRAINING_TICK
            } else {
                TICK
            };
            due.map_or(tick, |due| due.saturating_duration_since(now).min(tick))
        };
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let now = Instant::now();
        if now >= self.next_look {
            self.next_look = now + TICK;
            for listener in &mut self.listeners {
                listener.readable = true;
            }
        }
        for event in events.iter().filter(|event| event.is_readable()) {
            if let Some(listener) = self.listeners.get_mut(event.token().0) {
                listener.readable = true;
            }
        }
        Ok(())
    }

    /// Whether the worker is to end; begins to drain where that is asked.
    fn is_over(&mut self, state: State) -> bool {
        match (state, self.end) {
            (State::Serving, _) => false,
            (State::Draining, None) => {
                self.desk.set_serving(false);
                self.end = Some(Instant::now() + self.desk.means.tuning.drain.min(LONGEST_DRAIN));
                false
            }
            (State::Draining, Some(end)) => self.is_idle() || Instant::now() >= end,
            (State::Stopped, _) => true,
        }
    }

    fn is_idle(&self) -> bool {
        self.desk.is_idle() && !self.listeners.iter().any(Listener::has_queued)
    }

    /// Takes one batch from one socket, so that every socket has its turn.
    fn receive(&mut self, index: usize, batch: &mut Batch) {
        let Some(listener) = self
            .listeners
            .get_mut(index)
            .filter(|listener| listener.readable)
        else {
            return;
        };
        let filled = match listener.socket.receive(batch) {
            Ok(filled) => filled,
            Err(error) => {
                listener.readable = false;
                tracing::debug!(%error, "a socket could not be read");
                return;
            }
        };
        listener.readable = filled == batch.slots();
        let (role, to) = (listener.role, listener.socket.local_addr());
        let (now, clock, peers) = (Instant::now(), SystemTime::now(), self.peers.load());
        let mut outboxes = Outboxes {
            listeners: &mut self.listeners,
            cells: &self.cells,
        };
        for datagram in batch.iter() {
            let arrival = Arrival {
                now,
                clock,
                listener: u16::try_from(index).unwrap_or(u16::MAX),
                role,
                from: datagram.from,
                datagram: datagram.bytes,
            };
            let way = Way {
                listener: index,
                local: datagram.local(),
            };
            self.desk.receive(peers, &arrival, (to, way), &mut outboxes);
        }
    }
}
