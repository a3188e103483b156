//! Where requests are decided and answered: what workers and connections have in common.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use portreeve_proto::{
    AccessReply, AnswerError, Answered, Arrival, Code, Discard, DuplicateLimits, Endpoint,
    Incoming, Peer, PeerTable, Received, Reply, Ticket, Verdict,
};
use tokio::runtime::Handle;

use super::{
    counters::Cells,
    exchange::{
        Basket, Errand, Exchange, Guarded, Outcome, Panicked, poll_guarded, route, without_decision,
    },
    observer::{Answer, Discarded, Fault, Observer},
    schedule::Schedule,
};
use crate::{Handler, Trace, random::OsRandom};

/// The share of the reject delay that chance adds to it.
const JITTER: f64 = 0.1;
/// The least time between two log lines about defective handlers.
const FAULT_LOG_INTERVAL: Duration = Duration::from_secs(1);

/// What a server's builder sets for its workers and connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    pub(crate) reject_delay: Duration,
    pub(crate) handler_timeout: Duration,
    pub(crate) drain: Duration,
    pub(crate) duplicates: DuplicateLimits,
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

/// What the desks of a server share.
pub(crate) struct Means<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) runtime: Handle,
    pub(crate) trace: Trace,
    pub(crate) tuning: Tuning,
    pub(crate) faults: Arc<FaultLog>,
}

impl<H> Clone for Means<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            observer: Arc::clone(&self.observer),
            runtime: self.runtime.clone(),
            trace: self.trace.clone(),
            tuning: self.tuning,
            faults: Arc::clone(&self.faults),
        }
    }
}

/// When the next log line about a defective handler may be written.
#[derive(Default)]
pub(crate) struct FaultLog(Mutex<Option<Instant>>);

impl FaultLog {
    fn may_log(&self, now: Instant) -> bool {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_some_and(|next| now < next) {
            return false;
        }
        *next = Some(now + FAULT_LOG_INTERVAL);
        true
    }
}

/// Where answers leave. `W` says which way an answer takes.
pub(crate) trait Outlet<W> {
    /// Queues a packet for sending.
    fn queue(&mut self, way: &W, to: SocketAddr, octets: &[u8]);
}

/// The endpoint of some sockets or of one connection, and what goes on between it and the handler.
pub(crate) struct Desk<H, W> {
    pub(crate) means: Means<H>,
    cells: Arc<Cells>,
    endpoint: Endpoint,
    basket: Arc<dyn Basket<W>>,
    pub(crate) random: OsRandom,
    /// The packet that is about to be queued.
    out: Vec<u8>,
    held_back: Schedule<HeldBack<W>>,
    in_flight: usize,
    /// What the shared gauges were told last.
    told: (usize, usize),
}

/// A reject whose time has not come.
struct HeldBack<W> {
    exchange: Exchange<W>,
    reply: Reply,
    decided: Instant,
}

impl<H: Handler, W: Clone + Send + 'static> Desk<H, W> {
    pub(crate) fn new(
        means: Means<H>,
        cells: Arc<Cells>,
        endpoint: Endpoint,
        basket: Arc<dyn Basket<W>>,
        random: OsRandom,
    ) -> Self {
        Self {
            held_back: Schedule::new(means.tuning.duplicates.entries),
            means,
            cells,
            endpoint,
            basket,
            random,
            out: Vec::new(),
            in_flight: 0,
            told: (0, 0),
        }
    }

    pub(crate) fn set_serving(&mut self, serving: bool) {
        self.endpoint.set_serving(serving);
    }

    /// Requests whose handler is at work.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Rejects that are held back.
    pub(crate) fn delayed(&self) -> usize {
        self.held_back.len()
    }

    /// Adds this desk's share to gauges that others have a share in.
    pub(crate) fn gauge(&mut self) {
        self.tell_gauges((self.in_flight, self.held_back.len()));
    }

    /// Takes this desk's share out of the gauges again.
    pub(crate) fn close(&mut self) {
        self.tell_gauges((0, 0));
    }

    fn tell_gauges(&mut self, now: (usize, usize)) {
        self.cells.in_flight.follow(self.told.0, now.0);
        self.cells.delayed.follow(self.told.1, now.1);
        self.told = now;
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.held_back.len() == 0
    }

    /// When the first of the rejects that are held back is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.held_back.next()
    }

    /// Takes in a packet from whoever has its source address; gives the reason where it was not
    /// served.
    pub(crate) fn receive(
        &mut self,
        peers: &PeerTable,
        arrival: &Arrival<'_>,
        site: (SocketAddr, W),
        outlet: &mut impl Outlet<W>,
    ) -> Option<Discard> {
        let received = self
            .endpoint
            .receive(peers, arrival, &mut self.random, &mut self.out);
        self.take_in(received, arrival, site, outlet)
    }

    /// As [`Self::receive`], from a peer that is known otherwise.
    pub(crate) fn receive_from(
        &mut self,
        peer: &Arc<Peer>,
        arrival: &Arrival<'_>,
        site: (SocketAddr, W),
        outlet: &mut impl Outlet<W>,
    ) -> Option<Discard> {
        let received = self
            .endpoint
            .receive_from(peer, arrival, &mut self.random, &mut self.out);
        self.take_in(received, arrival, site, outlet)
    }

    fn take_in(
        &mut self,
        received: Received,
        arrival: &Arrival<'_>,
        (to, way): (SocketAddr, W),
        outlet: &mut impl Outlet<W>,
    ) -> Option<Discard> {
        self.cells.received.add(1);
        let (from, octets) = (arrival.from, arrival.datagram);
        match received {
            Received::Discarded(reason, peer) => {
                self.discarded(arrival, to, peer.as_ref(), reason);
                return Some(reason);
            }
            Received::Refused(reason, peer) => {
                self.discarded(arrival, to, Some(&peer), reason);
                self.queue(&way, from, outlet);
                return Some(reason);
            }
            Received::Replayed => {
                self.cells.replayed.add(1);
                self.means.trace.datagram(from, "a retransmission", octets);
                self.means.observer.replayed(from);
                self.queue(&way, from, outlet);
            }
            Received::Request(request, ticket) => {
                let exchange = self.begin(request, ticket, way);
                self.ask(exchange, outlet);
            }
            Received::Settled(request, ticket, reply) => {
                let exchange = self.begin(request, ticket, way);
                self.decided(exchange, Outcome::Replied(reply), outlet);
            }
            Received::Status => {
                self.cells.status.add(1);
                self.means.trace.datagram(from, "are you there", octets);
                self.means.observer.status(from);
                self.queue(&way, from, outlet);
            }
        }
        None
    }

    fn begin(&self, request: Incoming, ticket: Ticket, way: W) -> Exchange<W> {
        self.cells.request(&request);
        self.means.trace.request(&request);
        Exchange {
            request: Arc::new(request),
            ticket,
            way,
        }
    }

    fn discarded(
        &self,
        arrival: &Arrival<'_>,
        to: SocketAddr,
        peer: Option<&Arc<Peer>>,
        reason: Discard,
    ) {
        self.cells.discard(reason);
        let (from, datagram) = (arrival.from, arrival.datagram);
        self.means.trace.datagram(from, reason.label(), datagram);
        tracing::debug!(%from, %to, %reason, "discarded");
        self.means.observer.discarded(&Discarded {
            from,
            to,
            peer,
            reason,
            datagram,
        });
    }

    /// Asks the handler. What it has ready is answered at once; the rest goes on as a task.
    fn ask(&mut self, exchange: Exchange<W>, outlet: &mut impl Outlet<W>) {
        let handler = Arc::clone(&self.means.handler);
        let mut future = Box::pin(route(handler, Arc::clone(&exchange.request)));
        let mut context = Context::from_waker(Waker::noop());
        match poll_guarded(future.as_mut(), &mut context) {
            Ok(Poll::Ready(reply)) => self.decided(exchange, Outcome::Replied(reply), outlet),
            Ok(Poll::Pending) => self.send_off(exchange, Guarded(future)),
            Err(Panicked) => self.decided(exchange, Outcome::Panicked, outlet),
        }
    }

    fn send_off<F>(&mut self, exchange: Exchange<W>, future: Guarded<F>)
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        if self.in_flight >= self.means.tuning.duplicates.entries {
            return self.give_up(&exchange, Discard::TableFull);
        }
        self.in_flight += 1;
        let tuning = &self.means.tuning;
        let limit = tuning.handler_timeout.min(tuning.duplicates.in_progress);
        let deadline = exchange.request.received() + limit;
        let errand = Errand::new(exchange, Arc::clone(&self.basket));
        self.means.runtime.spawn(async move {
            let outcome = match tokio::time::timeout_at(deadline.into(), future).await {
                Ok(Ok(reply)) => Outcome::Replied(reply),
                Ok(Err(Panicked)) => Outcome::Panicked,
                Err(_) => Outcome::TimedOut,
            };
            errand.finish(outcome);
        });
    }

    /// Takes back a request that went off as a task.
    pub(crate) fn came_back(
        &mut self,
        exchange: Exchange<W>,
        outcome: Outcome,
        outlet: &mut impl Outlet<W>,
    ) {
        self.in_flight -= 1;
        self.decided(exchange, outcome, outlet);
    }

    fn decided(&mut self, exchange: Exchange<W>, outcome: Outcome, outlet: &mut impl Outlet<W>) {
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
            return self.answer(&exchange, &reply, (now, now), outlet);
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
    fn answer_at(&mut self, exchange: &Exchange<W>, reply: &Reply) -> Instant {
        let received = exchange.request.received();
        let tuning = &self.means.tuning;
        let delay = tuning.reject_delay.min(tuning.duplicates.in_progress / 2);
        match reply {
            Reply::Access(reply) if is_held_back(reply) && !delay.is_zero() => {
                received + delay.mul_f64(1.0 + JITTER * self.random.unit())
            }
            _ => received,
        }
    }

    /// Answers the rejects whose time has come.
    pub(crate) fn release(&mut self, outlet: &mut impl Outlet<W>) {
        if self.held_back.len() == 0 {
            return;
        }
        let now = Instant::now();
        while let Some(held_back) = self.held_back.take_due(now) {
            let times = (held_back.decided, now);
            self.answer(&held_back.exchange, &held_back.reply, times, outlet);
        }
    }

    /// `times` are when it was decided, and now.
    fn answer(
        &mut self,
        exchange: &Exchange<W>,
        reply: &Reply,
        times: (Instant, Instant),
        outlet: &mut impl Outlet<W>,
    ) {
        match self.encode(times.1, exchange, reply) {
            Ok(answered) => self.answered(exchange, reply, answered, times, outlet),
            Err(error) => {
                self.cells.discard(Discard::ReplyUnencodable);
                self.faulted(exchange, Fault::Unencodable(error));
                let plain = without_decision(&exchange.request);
                let encoded = plain
                    .as_ref()
                    .map(|plain| self.encode(times.1, exchange, plain));
                match (plain, encoded) {
                    (Some(plain), Some(Ok(answered))) => {
                        self.answered(exchange, &plain, answered, times, outlet);
                    }
                    _ => self.forget(exchange, Discard::ReplyUnencodable),
                }
            }
        }
    }

    fn encode(
        &mut self,
        now: Instant,
        exchange: &Exchange<W>,
        reply: &Reply,
    ) -> Result<Answered, AnswerError> {
        let (request, ticket): (_, &Ticket) = (&exchange.request, &exchange.ticket);
        self.endpoint
            .answer(now, request, ticket, reply, &mut self.random, &mut self.out)
    }

    fn answered(
        &mut self,
        exchange: &Exchange<W>,
        reply: &Reply,
        answered: Answered,
        (decided, now): (Instant, Instant),
        outlet: &mut impl Outlet<W>,
    ) {
        let request = &exchange.request;
        let received = request.received();
        let elapsed = now.saturating_duration_since(received);
        match answered {
            Answered::Send => {
                let code = Code(self.out.first().copied().unwrap_or_default());
                self.cells.reply(code);
                self.queue(&exchange.way, request.from(), outlet);
                self.means.observer.answered(&Answer {
                    request,
                    reply,
                    code,
                    decided: decided.saturating_duration_since(received),
                    elapsed,
                });
            }
            Answered::Silent => {
                self.cells.discard(Discard::HandlerSilent);
                self.means
                    .observer
                    .unanswered(request, Some(Discard::HandlerSilent), elapsed);
            }
            Answered::Superseded => {
                self.cells.superseded.add(1);
                self.means.observer.unanswered(request, None, elapsed);
            }
        }
    }

    /// Counts a request that will not be answered, and forgets it.
    fn give_up(&mut self, exchange: &Exchange<W>, reason: Discard) {
        self.cells.discard(reason);
        self.forget(exchange, reason);
    }

    fn forget(&mut self, exchange: &Exchange<W>, reason: Discard) {
        self.endpoint.abandon(&exchange.ticket);
        let elapsed = exchange.request.received().elapsed();
        tracing::debug!(request = ?*exchange.request, %reason, "not answered");
        self.means
            .observer
            .unanswered(&exchange.request, Some(reason), elapsed);
    }

    /// A defective handler is the administrator's business, but not more often than once in a
    /// while.
    fn faulted(&self, exchange: &Exchange<W>, fault: Fault) {
        self.means.observer.faulted(&exchange.request, fault);
        if self.means.faults.may_log(Instant::now()) {
            tracing::error!(request = ?*exchange.request, ?fault, "the handler is defective");
        }
    }

    fn queue(&self, way: &W, to: SocketAddr, outlet: &mut impl Outlet<W>) {
        self.means.trace.reply(to, &self.out);
        outlet.queue(way, to, &self.out);
    }
}

fn is_held_back(reply: &AccessReply) -> bool {
    reply.verdict() == Verdict::Reject && !reply.leaves_at_once()
}
