//! One worker: a thread with sockets, duplicates and held-back rejects of its own.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, Cache};
use mio::{Events, Token};
use portreeve_proto::{
    AnswerError, Answered, Arrival, Code, Discard, DuplicateLimits, Endpoint, Incoming, Packet,
    Peer, PeerTable, Received, Reply, Role, Ticket, Verdict,
};
use portreeve_udp::{Batch, Datagram, Socket};
use tokio::runtime::Handle;

use super::{
    counters::Cells,
    exchange::{
        Errand, Exchange, Guarded, Inbox, Outcome, Panicked, poll_guarded, route, without_decision,
    },
    listener::Listener,
    observer::{Answer, Discarded, Fault, Observer},
    running::{Shared, State},
    schedule::Schedule,
};
use crate::{Handler, Trace, random::OsRandom};

const WAKER: Token = Token(usize::MAX);
/// How often a worker looks at everything even though nothing has called it.
const TICK: Duration = Duration::from_secs(1);
/// How often it does while it drains, so that it ends soon after it is idle.
const DRAINING_TICK: Duration = Duration::from_millis(20);
/// Longer than any drain is meant to last, and short enough to reckon with.
const LONGEST_DRAIN: Duration = Duration::from_hours(24 * 365);
/// The share of the reject delay that chance adds to it.
const JITTER: f64 = 0.1;
/// The least time between two log lines about defective handlers.
const FAULT_LOG_INTERVAL: Duration = Duration::from_secs(1);

/// What a server's builder sets for its workers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuning {
    pub(super) reject_delay: Duration,
    pub(super) handler_timeout: Duration,
    pub(super) drain: Duration,
    pub(super) duplicates: DuplicateLimits,
}

impl Default for Tuning {
    fn default() -> Self {
        let duplicates = DuplicateLimits::default();
        Self {
            reject_delay: Duration::from_secs(1),
            handler_timeout: duplicates.in_progress,
            drain: Duration::from_secs(5),
            duplicates,
        }
    }
}

/// What a worker is given.
pub(super) struct Parts<H> {
    pub(super) handler: Arc<H>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) peers: Arc<ArcSwap<PeerTable>>,
    pub(super) runtime: Handle,
    pub(super) random: OsRandom,
    pub(super) trace: Trace,
}

pub(super) struct Worker<H> {
    handler: Arc<H>,
    observer: Arc<dyn Observer>,
    peers: Cache<Arc<ArcSwap<PeerTable>>, Arc<PeerTable>>,
    runtime: Handle,
    random: OsRandom,
    trace: Trace,
    tuning: Tuning,
    cells: Arc<Cells>,
    inbox: Arc<Inbox>,
    poll: mio::Poll,
    listeners: Vec<Listener>,
    endpoint: Endpoint,
    /// The packet that is about to be queued.
    out: Vec<u8>,
    held_back: Schedule<HeldBack>,
    in_flight: usize,
    /// Set while the server drains: when to end at the latest.
    end: Option<Instant>,
    next_fault_log: Option<Instant>,
    /// When to look at every socket again, called or not.
    next_look: Instant,
}

/// A reject whose time has not come.
struct HeldBack {
    exchange: Exchange,
    reply: Reply,
    decided: Instant,
}

impl<H: Handler> Worker<H> {
    pub(super) fn new(
        parts: Parts<H>,
        sockets: Vec<(Socket, Role)>,
        tuning: Tuning,
    ) -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let mut listeners = Vec::with_capacity(sockets.len());
        for (index, (socket, role)) in sockets.into_iter().enumerate() {
            listeners.push(Listener::new(socket, role, Token(index), poll.registry())?);
        }
        Ok(Self {
            handler: parts.handler,
            observer: parts.observer,
            peers: Cache::new(parts.peers),
            runtime: parts.runtime,
            random: parts.random,
            trace: parts.trace,
            tuning,
            cells: Arc::default(),
            inbox: Arc::new(Inbox::new(waker)),
            poll,
            listeners,
            endpoint: Endpoint::new(&tuning.duplicates),
            out: Vec::with_capacity(Packet::MAX),
            held_back: Schedule::new(tuning.duplicates.entries),
            in_flight: 0,
            end: None,
            next_fault_log: None,
            next_look: Instant::now(),
        })
    }

    pub(super) fn shared(&self) -> (Arc<Cells>, Arc<Inbox>) {
        (Arc::clone(&self.cells), Arc::clone(&self.inbox))
    }

    /// Works until the server is stopped.
    pub(super) fn run(mut self, shared: &Shared) -> io::Result<()> {
        let runtime = self.runtime.clone();
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
            for (exchange, outcome) in done.drain(..) {
                self.in_flight -= 1;
                self.decided(exchange, outcome);
            }
            self.release();
            for index in 0..self.listeners.len() {
                self.receive(index, &mut batch);
            }
            self.cells.in_flight.set(self.in_flight);
            self.cells.delayed.set(self.held_back.len());
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
            let due = self.held_back.next().into_iter().chain(self.end).min();
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
                self.endpoint.set_serving(false);
                self.end = Some(Instant::now() + self.tuning.drain.min(LONGEST_DRAIN));
                false
            }
            (State::Draining, Some(end)) => self.is_idle() || Instant::now() >= end,
            (State::Stopped, _) => true,
        }
    }

    fn is_idle(&self) -> bool {
        self.in_flight == 0
            && self.held_back.len() == 0
            && !self.listeners.iter().any(Listener::has_queued)
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
        let now = Instant::now();
        for datagram in batch.iter() {
            self.take_in(index, now, &datagram);
        }
    }

    fn take_in(&mut self, index: usize, now: Instant, datagram: &Datagram<'_>) {
        let Some(listener) = self.listeners.get(index) else {
            return;
        };
        self.cells.received.add(1);
        let arrival = Arrival {
            now,
            listener: u16::try_from(index).unwrap_or(u16::MAX),
            role: listener.role,
            from: datagram.from,
            datagram: datagram.bytes,
        };
        let peers = self.peers.load();
        let received = self
            .endpoint
            .receive(peers, &arrival, &mut self.random, &mut self.out);
        match received {
            Received::Discarded(reason, peer) => {
                let to = listener.socket.local_addr();
                self.discarded(datagram, to, peer.as_ref(), reason);
            }
            Received::Replayed => {
                self.cells.replayed.add(1);
                self.trace
                    .datagram(datagram.from, "a retransmission", datagram.bytes);
                self.observer.replayed(datagram.from);
                self.queue(index, datagram.from, datagram.local());
            }
            Received::Request(request, ticket) => {
                self.cells.request(&request);
                self.trace.request(&request);
                let local = datagram.local();
                self.ask(Exchange {
                    request: Arc::new(request),
                    ticket,
                    listener: index,
                    local,
                });
            }
            Received::Status => {
                self.cells.status.add(1);
                self.trace
                    .datagram(datagram.from, "are you there", datagram.bytes);
                self.observer.status(datagram.from);
                self.queue(index, datagram.from, datagram.local());
            }
        }
    }

    fn discarded(
        &self,
        datagram: &Datagram<'_>,
        to: SocketAddr,
        peer: Option<&Arc<Peer>>,
        reason: Discard,
    ) {
        self.cells.discard(reason);
        self.trace
            .datagram(datagram.from, reason.label(), datagram.bytes);
        tracing::debug!(from = %datagram.from, %to, %reason, "discarded");
        self.observer.discarded(&Discarded {
            from: datagram.from,
            to,
            peer,
            reason,
            datagram: datagram.bytes,
        });
    }

    /// Asks the handler. What it has ready is answered at once; the rest goes on as a task.
    fn ask(&mut self, exchange: Exchange) {
        let handler = Arc::clone(&self.handler);
        let mut future = Box::pin(route(handler, Arc::clone(&exchange.request)));
        let mut context = Context::from_waker(Waker::noop());
        match poll_guarded(future.as_mut(), &mut context) {
            Ok(Poll::Ready(reply)) => self.decided(exchange, Outcome::Replied(reply)),
            Ok(Poll::Pending) => self.send_off(exchange, Guarded(future)),
            Err(Panicked) => self.decided(exchange, Outcome::Panicked),
        }
    }

    fn send_off<F>(&mut self, exchange: Exchange, future: Guarded<F>)
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        if self.in_flight >= self.tuning.duplicates.entries {
            return self.give_up(&exchange, Discard::TableFull);
        }
        self.in_flight += 1;
        let limit = self
            .tuning
            .handler_timeout
            .min(self.tuning.duplicates.in_progress);
        let deadline = exchange.request.received() + limit;
        let errand = Errand::new(exchange, Arc::clone(&self.inbox));
        self.runtime.spawn(async move {
            let outcome = match tokio::time::timeout_at(deadline.into(), future).await {
                Ok(Ok(reply)) => Outcome::Replied(reply),
                Ok(Err(Panicked)) => Outcome::Panicked,
                Err(_) => Outcome::TimedOut,
            };
            errand.finish(outcome);
        });
    }

    fn decided(&mut self, exchange: Exchange, outcome: Outcome) {
        let reply = match outcome {
            Outcome::Dropped => return self.give_up(&exchange, Discard::NotServing),
            Outcome::TimedOut => return self.give_up(&exchange, Discard::HandlerTimeout),
            Outcome::Replied(reply) => reply,
            Outcome::Panicked => {
                self.cells.panicked.add(1);
                self.faulted(&exchange, Fault::Panicked);
                match without_decision(&exchange.request) {
                    Some(reply) => reply,
                    None => return self.give_up(&exchange, Discard::HandlerSilent),
                }
            }
        };
        let now = Instant::now();
        let at = self.answer_at(&exchange, &reply);
        if at <= now {
            return self.answer(&exchange, &reply, now, now);
        }
        let held_back = HeldBack {
            exchange,
            reply,
            decided: now,
        };
        if let Err(refused) = self.held_back.add(at, held_back) {
            self.give_up(&refused.exchange, Discard::TableFull);
        }
    }

    /// When an answer may leave: rejects are held back.
    fn answer_at(&mut self, exchange: &Exchange, reply: &Reply) -> Instant {
        let received = exchange.request.received();
        let delay = self
            .tuning
            .reject_delay
            .min(self.tuning.duplicates.in_progress / 2);
        match reply {
            Reply::Access(reply) if reply.verdict() == Verdict::Reject && !delay.is_zero() => {
                received + delay.mul_f64(1.0 + JITTER * self.random.unit())
            }
            _ => received,
        }
    }

    /// Answers the rejects whose time has come.
    fn release(&mut self) {
        if self.held_back.len() == 0 {
            return;
        }
        let now = Instant::now();
        while let Some(held_back) = self.held_back.take_due(now) {
            self.answer(
                &held_back.exchange,
                &held_back.reply,
                held_back.decided,
                now,
            );
        }
    }

    fn answer(&mut self, exchange: &Exchange, reply: &Reply, decided: Instant, now: Instant) {
        match self.encode(now, &exchange.request, &exchange.ticket, reply) {
            Ok(answered) => self.answered(exchange, reply, answered, decided, now),
            Err(error) => {
                self.cells.discard(Discard::ReplyUnencodable);
                self.faulted(exchange, Fault::Unencodable(error));
                let plain = without_decision(&exchange.request);
                let encoded = plain
                    .as_ref()
                    .map(|plain| self.encode(now, &exchange.request, &exchange.ticket, plain));
                match (plain, encoded) {
                    (Some(plain), Some(Ok(answered))) => {
                        self.answered(exchange, &plain, answered, decided, now);
                    }
                    _ => self.forget(exchange, Discard::ReplyUnencodable),
                }
            }
        }
    }

    fn encode(
        &mut self,
        now: Instant,
        request: &Incoming,
        ticket: &Ticket,
        reply: &Reply,
    ) -> Result<Answered, AnswerError> {
        self.endpoint
            .answer(now, request, ticket, reply, &mut self.random, &mut self.out)
    }

    fn answered(
        &mut self,
        exchange: &Exchange,
        reply: &Reply,
        answered: Answered,
        decided: Instant,
        now: Instant,
    ) {
        let request = &exchange.request;
        let received = request.received();
        match answered {
            Answered::Send => {
                let code = Code(self.out.first().copied().unwrap_or_default());
                self.cells.reply(code);
                self.queue(exchange.listener, request.from(), exchange.local);
                self.observer.answered(&Answer {
                    request,
                    reply,
                    code,
                    decided: decided.saturating_duration_since(received),
                    elapsed: now.saturating_duration_since(received),
                });
            }
            Answered::Silent => {
                self.cells.discard(Discard::HandlerSilent);
                let elapsed = now.saturating_duration_since(received);
                self.observer
                    .unanswered(request, Some(Discard::HandlerSilent), elapsed);
            }
            Answered::Superseded => {
                self.cells.superseded.add(1);
                let elapsed = now.saturating_duration_since(received);
                self.observer.unanswered(request, None, elapsed);
            }
        }
    }

    /// Counts a request that will not be answered, and forgets it.
    fn give_up(&mut self, exchange: &Exchange, reason: Discard) {
        self.cells.discard(reason);
        self.forget(exchange, reason);
    }

    fn forget(&mut self, exchange: &Exchange, reason: Discard) {
        self.endpoint.abandon(&exchange.ticket);
        let elapsed = exchange.request.received().elapsed();
        tracing::debug!(request = ?*exchange.request, %reason, "not answered");
        self.observer
            .unanswered(&exchange.request, Some(reason), elapsed);
    }

    /// A defective handler is the administrator's business, but not more often than once in a
    /// while.
    fn faulted(&mut self, exchange: &Exchange, fault: Fault) {
        self.observer.faulted(&exchange.request, fault);
        let now = Instant::now();
        if self.next_fault_log.is_some_and(|next| now < next) {
            return;
        }
        self.next_fault_log = Some(now + FAULT_LOG_INTERVAL);
        tracing::error!(request = ?*exchange.request, ?fault, "the handler is defective");
    }

    fn queue(&mut self, index: usize, to: SocketAddr, local: Option<portreeve_udp::Local>) {
        self.trace.reply(to, &self.out);
        if let Some(listener) = self.listeners.get_mut(index) {
            listener.queue(to, local, &self.out, &self.cells);
        }
    }
}
