//! One server as a client knows it: how it is reached, and whether it is believed to answer.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant, SystemTime},
};

use portreeve_proto::{Ask, AttributeList, Query, Random, Transport, Version};
use tokio::sync::mpsc;

use super::{
    Upstream,
    ask::Prepared,
    counters::Tally,
    dial::{Dial, Host, Link, NoHost},
    health::{Health, Watchdog},
    ledger::{Suspicions, Waiting},
    line::{Pool, Slot},
    response::Response,
    retry::{Backoff, Retry},
};
use crate::{Error, Trace, random::OsRandom, server::connections::Way, tls::Session};

/// The share of the interval between two Status-Servers by which it varies.
const JITTER: f64 = 0.1;

pub(super) struct Target {
    pub(super) upstream: Arc<Upstream>,
    pub(super) tally: Arc<Tally>,
    pub(super) carrier: Carrier,
    pub(super) watchdog: Watchdog,
    health: Mutex<Health>,
    pub(super) random: Arc<Chance>,
    trace: Trace,
}

/// What carries requests to a server.
pub(super) enum Carrier {
    /// Connections that are opened when needed.
    Dial(Dial),
    /// A connection that somebody else keeps.
    Open(Arc<Link>),
    Sockets(Pool),
}

impl Carrier {
    pub(super) fn open(&self) -> usize {
        match self {
            Self::Dial(dial) => dial.open(),
            Self::Open(_) => 0,
            Self::Sockets(pool) => pool.sockets(),
        }
    }

    pub(super) fn session(&self) -> Option<Session> {
        match self {
            Self::Dial(dial) => dial.session(),
            Self::Open(_) | Self::Sockets(_) => None,
        }
    }
}

/// What the targets of a client have in common.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) source: Option<IpAddr>,
    pub(super) sockets: usize,
    pub(super) watchdog: Watchdog,
    pub(super) random: Arc<Chance>,
    pub(super) trace: Trace,
    pub(super) host: Arc<dyn Host>,
}

impl Means {
    /// The defaults.
    pub(super) fn plain(random: Arc<Chance>) -> Self {
        Self {
            source: None,
            sockets: 1,
            watchdog: Watchdog::default(),
            random,
            trace: Trace::off(),
            host: Arc::new(NoHost),
        }
    }
}

/// Randomness that the requests of a client share.
pub(super) struct Chance(Mutex<OsRandom>);

impl Chance {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self(Mutex::new(OsRandom::new()?)))
    }

    pub(super) fn draw(&self) -> MutexGuard<'_, OsRandom> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to try one server.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) retry: Retry,
    /// After how many transmissions without an answer the next server gets the request; `None`
    /// where there is none.
    pub(super) patience: Option<u32>,
    /// When the request was first sent to any server.
    pub(super) since: Instant,
}

/// Why a server did not answer.
pub(super) struct Silence {
    /// Whether another server may do better.
    pub(super) is_final: bool,
    pub(super) sent: u32,
    pub(super) error: Error,
}

impl Target {
    pub(super) fn new(upstream: Upstream, means: Means) -> Self {
        let (upstream, tally) = (Arc::new(upstream), Arc::<Tally>::default());
        let (to, counted) = (Arc::clone(&upstream), Arc::clone(&tally));
        let carrier = match upstream.transport() {
            Transport::Udp => Carrier::Sockets(Pool::new(to, counted, &means)),
            Transport::Dtls | Transport::Tcp | Transport::Tls => {
                Carrier::Dial(Dial::new(to, counted, &means))
            }
        };
        Self::with(carrier, upstream, tally, means)
    }

    /// The other end of a connection that is open.
    pub(super) fn over(way: Way, means: Means) -> Self {
        let (upstream, tally) = (Arc::clone(&way.upstream), Arc::clone(&way.tally));
        let carrier = Carrier::Open(Arc::new(Link::of(way)));
        Self::with(carrier, upstream, tally, means)
    }

    fn with(carrier: Carrier, upstream: Arc<Upstream>, tally: Arc<Tally>, means: Means) -> Self {
        Self {
            carrier,
            upstream,
            tally,
            health: Mutex::default(),
            watchdog: means.watchdog,
            random: means.random,
            trace: means.trace,
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.health().is_dead()
    }

    /// Sends a request until it is answered or given up.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        prepared: &Prepared,
        plan: Plan,
    ) -> Result<Response, Silence> {
        self.tally.requests.add();
        match &self.carrier {
            Carrier::Sockets(pool) => self.exchange_datagrams(pool, prepared, plan).await,
            Carrier::Dial(_) | Carrier::Open(_) => self.exchange_connected(prepared, plan).await,
        }
    }

    async fn exchange_datagrams(
        self: &Arc<Self>,
        pool: &Pool,
        prepared: &Prepared,
        plan: Plan,
    ) -> Result<Response, Silence> {
        let suspicions = Arc::new(Suspicions::default());
        let (tell, mut told) = mpsc::channel(1);
        let waiting = Waiting::new(tell, Arc::clone(&suspicions)).resting(prepared.rest());
        let mut slots = vec![self.first_slot(pool, &waiting).await?];
        let mut octets = Vec::new();
        let mut backoff = Backoff::new(plan.retry);
        let began = Instant::now();
        loop {
            if backoff.sent() == 0 || prepared.ages() {
                self.encode(prepared, &slots, plan.since, &mut octets)?;
            }
            self.transmit(&slots, &octets, backoff.sent()).await?;
            let chance = 2.0 * self.random.draw().unit() - 1.0;
            let wait = backoff.transmitted(began.elapsed(), chance);
            if let Ok(Some(answer)) = tokio::time::timeout(wait, told.recv()).await {
                self.health().answered(&self.watchdog);
                self.tally.answered.add();
                let expectation = prepared.expectation.clone();
                let (sent, elapsed) = (backoff.sent(), began.elapsed());
                return Ok(Response::new(
                    answer,
                    &self.upstream,
                    expectation,
                    sent,
                    elapsed,
                ));
            }
            self.tally.timeouts.add();
            self.lost();
            let sent = backoff.sent();
            let out_of_patience = plan
                .patience
                .is_some_and(|most| sent >= most || self.is_dead());
            if out_of_patience || !backoff.goes_on(began.elapsed()) {
                return Err(self.silence(sent, &suspicions));
            }
            if prepared.ages() {
                self.another_slot(pool, &waiting, &mut slots).await?;
            }
        }
    }

    async fn first_slot(&self, pool: &Pool, waiting: &Waiting) -> Result<Slot, Silence> {
        pool.slot(waiting.clone())
            .await
            .map_err(|error| self.unreachable(error))
    }

    /// Adds an identifier; answers to the earlier ones still count, as long as there are enough for
    /// all.
    async fn another_slot(
        &self,
        pool: &Pool,
        waiting: &Waiting,
        slots: &mut Vec<Slot>,
    ) -> Result<(), Silence> {
        let slot = if let Some(slot) = pool.slot_now(waiting.clone()) {
            slot.map_err(|error| self.unreachable(error))?
        } else {
            slots.clear();
            self.first_slot(pool, waiting).await?
        };
        slots.push(slot);
        Ok(())
    }

    /// Encodes the request for the newest identifier, and waits for its answer from then on.
    fn encode(
        &self,
        prepared: &Prepared,
        slots: &[Slot],
        since: Instant,
        octets: &mut Vec<u8>,
    ) -> Result<(), Silence> {
        let Some(slot) = slots.last() else {
            return Ok(());
        };
        let identity = (Version::V1_0, slot.identifier());
        slot.expect(self.query(prepared, identity, since, octets)?);
        Ok(())
    }

    /// Encodes the request for an identifier of a version.
    pub(super) fn query(
        &self,
        prepared: &Prepared,
        (version, identifier): (Version, u32),
        since: Instant,
        octets: &mut Vec<u8>,
    ) -> Result<Query, Silence> {
        let seconds = u32::try_from(since.elapsed().as_secs()).unwrap_or(u32::MAX);
        let attributes = prepared.attributes_after(seconds);
        let attributes = prepared.stamped(attributes, SystemTime::now());
        let query = match version {
            Version::V1_0 => {
                let mut random = self.random.draw();
                let mut authenticator = [0; 16];
                random.fill(&mut authenticator);
                Query::encode_under(
                    prepared.ask,
                    u8::try_from(identifier).unwrap_or_default(),
                    prepared.authenticator.unwrap_or(authenticator),
                    &attributes,
                    self.upstream.secret(),
                    prepared.protect,
                    &mut *random,
                    octets,
                )
            }
            Version::V1_1 => {
                let attributes = prepared.with_challenge(attributes);
                Query::encode_open(prepared.ask, identifier, &attributes, octets)
            }
        };
        let query = query.map_err(|error| Silence {
            is_final: true,
            sent: 0,
            error: error.into(),
        })?;
        let head = format_args!("sent to {}", self.upstream.address());
        self.trace
            .exchange(head, octets, &query, self.upstream.secret());
        Ok(query)
    }

    async fn transmit(&self, slots: &[Slot], octets: &[u8], before: u32) -> Result<(), Silence> {
        let Some(slot) = slots.last() else {
            return Ok(());
        };
        if before > 0 {
            self.tally.retransmissions.add();
        }
        slot.send(octets)
            .await
            .map_err(|error| self.unreachable(error))
    }

    pub(super) fn lost(self: &Arc<Self>) {
        if self.health().lost(&self.watchdog) {
            let server = self.upstream.address();
            tracing::warn!(%server, "no answers: the server counts as dead");
            tokio::spawn(watch(Arc::downgrade(self)));
        }
    }

    fn unreachable(&self, error: io::Error) -> Silence {
        Silence {
            is_final: false,
            sent: 0,
            error: Error::Socket {
                server: self.upstream.address(),
                error,
            },
        }
    }

    pub(super) fn silence(&self, sent: u32, suspicions: &Suspicions) -> Silence {
        let server = self.upstream.address();
        let (wrong, unprotected) = (suspicions.wrong(), suspicions.unprotected());
        let error = if wrong > 0 {
            Error::SecretsDiffer {
                server,
                replies: wrong,
            }
        } else if unprotected > 0 {
            Error::UnprotectedReplies {
                server,
                replies: unprotected,
            }
        } else if suspicions.stale() > 0 {
            Error::StaleReplies {
                server,
                replies: suspicions.stale(),
            }
        } else {
            Error::NoAnswer {
                server,
                sent,
                refused: suspicions.refused(),
            }
        };
        Silence {
            is_final: false,
            sent,
            error,
        }
    }

    /// Asks a dead server whether it lives.
    async fn probe(self: &Arc<Self>) {
        let prepared = Prepared::new(Ask::Status, AttributeList::new());
        let plan = Plan {
            retry: Retry::once(self.watchdog.interval),
            patience: None,
            since: Instant::now(),
        };
        match self.exchange(&prepared, plan).await {
            Ok(_) if !self.is_dead() => {
                tracing::info!(server = %self.upstream.address(), "the server answers again");
            }
            Ok(_) => {}
            Err(silence) => tracing::debug!(error = %silence.error, "a dead server"),
        }
    }

    pub(super) fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches a dead server until it lives again, or its client is gone. Boxed, because what it does
/// may come to start it.
fn watch(target: Weak<Target>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let died = Instant::now();
        loop {
            let (began, interval) = {
                let Some(target) = target.upgrade() else {
                    return;
                };
                if !target.is_dead() {
                    return;
                }
                let watchdog = target.watchdog;
                if !watchdog.pardon.is_zero() && died.elapsed() >= watchdog.pardon {
                    target.health().pardon();
                    return;
                }
                let began = Instant::now();
                target.probe().await;
                let factor = target.random.draw().around_one(JITTER);
                (began, watchdog.interval.mul_f64(factor))
            };
            let rest = interval.saturating_sub(began.elapsed());
            tokio::time::sleep(rest.max(Duration::from_millis(1))).await;
        }
    })
}
