//! Sends a load and matches the replies: several sockets, each with 256 identifiers, on two
//! threads.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use portreeve_auth::Expectation;
use portreeve_proto::{Code, Query};
use tokio::{
    net::UdpSocket,
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    tally::{BadBounds, Dropped, Outcome, Tally},
    work::{Pool, Stage, Work, WorkError},
};

/// Identifiers of a socket.
const IDENTIFIERS: usize = 256;
/// Sockets that a load of several requests at once is spread over at least, so that a server with
/// several threads can use them.
const SPREAD: usize = 8;
/// The most threads that make load.
const THREADS: usize = 2;
/// How long a stop may go unnoticed.
const GLANCE: Duration = Duration::from_millis(50);
/// Refusals in a row, without a single answer, that tell that nobody listens.
const REFUSALS: u64 = 3;
/// The most datagrams that are read before new requests are sent.
const DRAIN: usize = 256;

/// How much, how fast, how patiently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Requests in all; `None` for as many as the time allows.
    pub(crate) count: Option<u64>,
    /// How long new requests are sent; `None` until `count` is reached.
    pub(crate) duration: Option<Duration>,
    /// When everything ends, whatever still waits.
    pub(crate) deadline: Duration,
    /// Requests a second, over all sockets.
    pub(crate) rate: Option<f64>,
    /// How long a reply is waited for before the request is sent again.
    pub(crate) timeout: Duration,
    /// How often a request is sent at most; at least 1.
    pub(crate) tries: u32,
    /// Requests that wait for a reply at once.
    pub(crate) parallel: usize,
    /// The address to send from.
    pub(crate) source: Option<IpAddr>,
}

/// Why a load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything was sent and has ended.
    Complete,
    /// The deadline came first.
    Deadline,
    /// The user stopped it.
    Interrupted,
    /// Nothing that was sent at first got a reply.
    NobodyAnswers,
    /// The system says that nothing listens on the port.
    NobodyListens,
}

impl End {
    const ALL: [Self; 5] = [
        Self::Complete,
        Self::Deadline,
        Self::Interrupted,
        Self::NobodyAnswers,
        Self::NobodyListens,
    ];
}

/// What a load came to.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) tally: Tally,
    pub(crate) end: End,
    /// From the first request to the last reply.
    pub(crate) elapsed: Duration,
    pub(crate) sockets: usize,
}

/// Why a load cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error(transparent)]
    Bounds(#[from] BadBounds),
    #[error("cannot use {from} as the source of what is sent to {to}")]
    Socket {
        from: SocketAddr,
        to: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the system refuses threads or timers")]
    Start(#[source] io::Error),
    #[error("a thread that makes load has failed")]
    Thread,
    #[error(transparent)]
    Work(#[from] WorkError),
}

/// Sends `work` to `server`; `progress` is called some times a second with how many requests have
/// ended.
pub(crate) fn run(
    work: &Work,
    server: SocketAddr,
    limits: Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Finished, EngineError> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let runtime: Runtime = Builder::new_multi_thread()
        .worker_threads(threads.clamp(1, THREADS))
        .enable_all()
        .build()
        .map_err(EngineError::Start)?;
    let result = runtime.block_on(drive(work, server, limits, progress));
    runtime.shutdown_background();
    result
}

async fn drive(
    work: &Work,
    server: SocketAddr,
    limits: Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Finished, EngineError> {
    let parallel = limits.parallel.max(1);
    let sockets = parallel.div_ceil(IDENTIFIERS).max(parallel.min(SPREAD));
    let mut open = Vec::with_capacity(sockets);
    for _ in 0..sockets {
        open.push(connect(server, limits.source).await?);
    }
    let started = Instant::now();
    let shared = Arc::new(Shared::new(limits, started));
    let mut lanes = JoinSet::new();
    for (index, socket) in open.into_iter().enumerate() {
        let share = parallel / sockets + usize::from(index < parallel % sockets);
        let lane = Lane::new(
            work.clone(),
            socket,
            Arc::clone(&shared),
            share,
            index,
            sockets,
        )?;
        lanes.spawn(lane.run());
    }
    let mut ticks = interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut tally = Tally::new()?;
    let mut finished = started;
    loop {
        tokio::select! {
            done = lanes.join_next() => match done {
                None => break,
                Some(Ok(Ok((more, last)))) => {
                    tally.add(&more);
                    finished = finished.max(last);
                }
                Some(Ok(Err(error))) => return Err(error),
                Some(Err(_)) => return Err(EngineError::Thread),
            },
            _ = ticks.tick() => progress(shared.ended.load(Ordering::Relaxed)),
            signal = tokio::signal::ctrl_c() => {
                signal.map_err(EngineError::Start)?;
                shared.stop(End::Interrupted);
            }
        }
    }
    Ok(Finished {
        tally,
        end: shared.end().unwrap_or(End::Complete),
        elapsed: finished.duration_since(started),
        sockets,
    })
}

async fn connect(server: SocketAddr, source: Option<IpAddr>) -> Result<UdpSocket, EngineError> {
    let unspecified = match server {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let from = SocketAddr::new(source.unwrap_or(unspecified), 0);
    let failed = |source| EngineError::Socket {
        from,
        to: server,
        source,
    };
    let socket = UdpSocket::bind(from).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    Ok(socket)
}

/// What all sockets of a load share.
struct Shared {
    limits: Limits,
    started: Instant,
    /// Requests that somebody has begun.
    claimed: AtomicU64,
    /// Requests that have ended.
    ended: AtomicU64,
    /// Requests that got a reply.
    answered: AtomicU64,
    /// 0, or one more than the place of an [`End`].
    stopped: AtomicU8,
}

impl Shared {
    fn new(limits: Limits, started: Instant) -> Self {
        Self {
            limits,
            started,
            claimed: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            stopped: AtomicU8::new(0),
        }
    }

    /// The number of the next request, if there is to be one.
    fn claim(&self) -> Option<u64> {
        let most = self.limits.count.unwrap_or(u64::MAX);
        self.claimed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |claimed| {
                (claimed < most).then_some(claimed + 1)
            })
            .ok()
    }

    /// Whether there will be no further requests.
    fn is_over(&self, now: Instant) -> bool {
        let elapsed = now.duration_since(self.started);
        let most = self.limits.count.unwrap_or(u64::MAX);
        self.limits
            .duration
            .is_some_and(|duration| elapsed >= duration)
            || self.claimed.load(Ordering::Relaxed) >= most
    }

    fn deadline(&self) -> Instant {
        self.started + self.limits.deadline
    }

    /// The first reason stays.
    fn stop(&self, end: End) {
        let place = End::ALL.iter().position(|found| *found == end);
        let code = place
            .and_then(|place| u8::try_from(place + 1).ok())
            .unwrap_or(1);
        let (order, failed) = (Ordering::Relaxed, Ordering::Relaxed);
        // Where it fails another reason is there already.
        self.stopped.compare_exchange(0, code, order, failed).ok();
    }

    fn end(&self) -> Option<End> {
        let code = usize::from(self.stopped.load(Ordering::Relaxed));
        End::ALL.get(code.checked_sub(1)?).copied()
    }

    fn ended(&self, answered: bool) {
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        if answered {
            self.answered.fetch_add(1, Ordering::Relaxed);
        } else if self.answered.load(Ordering::Relaxed) == 0 && ended >= self.limits.parallel as u64
        {
            self.stop(End::NobodyAnswers);
        }
    }
}

/// One socket and its requests.
struct Lane {
    work: Work,
    socket: UdpSocket,
    shared: Arc<Shared>,
    share: usize,
    slots: Vec<Option<Slot>>,
    in_flight: usize,
    cursor: u8,
    /// When to look at a request again, by rising time: all wait equally long.
    wakes: VecDeque<Wake>,
    /// Places that are free, with what each sends next.
    resting: VecDeque<Stage>,
    /// The time between two requests, and when the next is due.
    pace: Option<(Duration, Instant)>,
    random: Pool,
    tally: Tally,
    last: Instant,
}

/// A request that waits for its reply.
struct Slot {
    query: Query,
    expectation: Option<Expectation>,
    next: Stage,
    packet: Vec<u8>,
    since: Instant,
    tries: u32,
    number: u64,
}

struct Wake {
    at: Instant,
    identifier: u8,
    number: u64,
}

impl Lane {
    fn new(
        work: Work,
        socket: UdpSocket,
        shared: Arc<Shared>,
        share: usize,
        index: usize,
        sockets: usize,
    ) -> Result<Self, EngineError> {
        let pace = shared.limits.rate.map(|rate| {
            let between = Duration::from_secs_f64(1.0 / rate);
            let lanes = u32::try_from(sockets).unwrap_or(1);
            let offset = between * u32::try_from(index).unwrap_or(0);
            (between * lanes, shared.started + offset)
        });
        let last = shared.started;
        Ok(Self {
            work,
            socket,
            shared,
            share,
            slots: std::iter::repeat_with(|| None).take(IDENTIFIERS).collect(),
            in_flight: 0,
            cursor: 0,
            wakes: VecDeque::with_capacity(share),
            resting: vec![Stage::Start; share].into(),
            pace,
            random: Pool::new(),
            tally: Tally::new()?,
            last,
        })
    }

    async fn run(mut self) -> Result<(Tally, Instant), EngineError> {
        let mut buffer = vec![0; 4097];
        loop {
            self.fill().await?;
            let now = Instant::now();
            if self.in_flight == 0 && self.shared.is_over(now) {
                break;
            }
            let wake = self.next_wake(now);
            tokio::select! {
                readable = self.socket.readable() => {
                    readable.map_err(EngineError::Start)?;
                    self.drain(&mut buffer);
                }
                () = sleep_until(wake) => {}
            }
            let now = Instant::now();
            if now >= self.shared.deadline() {
                self.shared.stop(End::Deadline);
            }
            if self.shared.end().is_some() {
                break;
            }
            self.expire(now).await;
        }
        let waiting = self.slots.iter().flatten().count();
        (0..waiting).for_each(|_| self.tally.end(Outcome::Unfinished));
        Ok((self.tally, self.last))
    }

    fn next_wake(&self, now: Instant) -> Instant {
        let glance = now + GLANCE;
        let wake = self
            .wakes
            .front()
            .map_or(glance, |wake| wake.at.min(glance));
        match self.pace {
            Some((_, due)) if self.in_flight < self.share && !self.shared.is_over(now) => {
                wake.min(due)
            }
            _ => wake,
        }
    }

    /// Sends new requests until every place is taken or none is due.
    async fn fill(&mut self) -> Result<(), EngineError> {
        while self.in_flight < self.share && self.shared.end().is_none() {
            let now = Instant::now();
            let since = match self.pace {
                Some((_, due)) if due > now => return Ok(()),
                Some((_, due)) => due,
                None => now,
            };
            if self.shared.is_over(now) {
                return Ok(());
            }
            let Some(number) = self.shared.claim() else {
                return Ok(());
            };
            if let Some((between, due)) = &mut self.pace {
                *due += *between;
            }
            self.begin(number, since).await?;
        }
        Ok(())
    }

    async fn begin(&mut self, number: u64, since: Instant) -> Result<(), EngineError> {
        let identifier = self.free_identifier();
        let stage = self.resting.pop_front().unwrap_or_default();
        let mut packet = Vec::with_capacity(256);
        let prepared =
            self.work
                .prepare(number, stage, identifier, &mut self.random, &mut packet)?;
        self.slots[usize::from(identifier)] = Some(Slot {
            query: prepared.query,
            expectation: prepared.expectation,
            next: prepared.next,
            packet,
            since,
            tries: 0,
            number,
        });
        self.in_flight += 1;
        self.transmit(identifier).await;
        Ok(())
    }

    /// The next identifier that is free, so that each rests as long as possible.
    fn free_identifier(&mut self) -> u8 {
        while self.slots[usize::from(self.cursor)].is_some() {
            self.cursor = self.cursor.wrapping_add(1);
        }
        let free = self.cursor;
        self.cursor = self.cursor.wrapping_add(1);
        free
    }

    async fn transmit(&mut self, identifier: u8) {
        let Some(slot) = &mut self.slots[usize::from(identifier)] else {
            return;
        };
        slot.tries += 1;
        let number = slot.number;
        if let Err(error) = self.socket.send(&slot.packet).await {
            self.complain(&error);
        }
        self.wakes.push_back(Wake {
            at: Instant::now() + self.shared.limits.timeout,
            identifier,
            number,
        });
    }

    /// What the system says about a datagram; the request is sent again in its time.
    fn complain(&mut self, error: &io::Error) {
        if error.kind() != io::ErrorKind::ConnectionRefused {
            self.tally.unsent += 1;
            return;
        }
        self.tally.refused += 1;
        let answered = self.shared.answered.load(Ordering::Relaxed);
        if answered == 0 && self.tally.refused >= REFUSALS.min(self.share as u64) {
            self.shared.stop(End::NobodyListens);
        }
    }

    fn drain(&mut self, buffer: &mut [u8]) {
        for _ in 0..DRAIN {
            match self.socket.try_recv(buffer) {
                Ok(length) => self.receive(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => self.complain(&error),
            }
        }
    }

    fn receive(&mut self, datagram: &[u8]) {
        let now = Instant::now();
        let Some(identifier) = datagram.get(1).copied() else {
            return self.tally.drop_reply(Dropped::Malformed);
        };
        let place = &mut self.slots[usize::from(identifier)];
        let Some(slot) = place else {
            return self.tally.drop_reply(Dropped::Late);
        };
        let accepted = slot
            .query
            .accept(datagram, &self.work.secret, self.work.require);
        let packet = match accepted {
            Ok(packet) => packet,
            Err(bad) => return self.tally.drop_reply(Dropped::of(bad)),
        };
        let proof = slot
            .expectation
            .as_ref()
            .filter(|_| packet.code() == Code::ACCESS_ACCEPT);
        let outcome = match proof.map(|expected| expected.check_accept(&packet)) {
            Some(Err(_)) => Some(Outcome::Unproven),
            Some(Ok(())) | None => Outcome::of(packet.code()),
        };
        let Some(outcome) = outcome else {
            return self.tally.drop_reply(Dropped::Malformed);
        };
        self.tally
            .reply(outcome, now.saturating_duration_since(slot.since));
        self.resting.push_back(slot.next);
        *place = None;
        self.in_flight -= 1;
        self.last = now;
        self.shared.ended(true);
    }

    /// Sends again what has waited long enough, and gives up what was sent often enough.
    async fn expire(&mut self, now: Instant) {
        while let Some(wake) = self.wakes.pop_front_if(|wake| wake.at <= now) {
            let place = &mut self.slots[usize::from(wake.identifier)];
            let Some(slot) = place.as_ref().filter(|slot| slot.number == wake.number) else {
                continue;
            };
            if slot.tries < self.shared.limits.tries {
                self.tally.retransmissions += 1;
                self.transmit(wake.identifier).await;
                continue;
            }
            *place = None;
            self.in_flight -= 1;
            self.resting.push_back(Stage::Start);
            self.tally.end(Outcome::NoAnswer);
            self.last = now;
            self.shared.ended(false);
        }
    }
}
