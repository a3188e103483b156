//! Sends a load over connections: a client for each, and many requests under way on all of them.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use portreeve::{
    Error, Transport,
    client::{Client, Retry, Upstream},
    tls::Session,
};
use tokio::{
    runtime::Builder,
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    eap::{self, EapWork},
    engine::{End, EngineError, Finished, Limits},
    tally::{Dropped, Outcome, Tally},
    work::{Question, Stage, Work},
};
use crate::commands::send::eap::EapError;

/// Handshakes that are under way at once: a server bounds those that are not finished.
const OPENING: usize = 16;
/// The most threads that make load.
const THREADS: usize = 2;

/// What is sent.
#[derive(Clone)]
pub(crate) enum Source {
    Plain(Box<Work>),
    Eap(Arc<EapWork>),
}

/// What a load over connections came to.
#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) finished: Finished,
    /// How long it took to open all connections.
    pub(crate) opening: Duration,
    /// What the first handshake settled.
    pub(crate) session: Option<Session>,
    /// Why the first request failed that was lost with its connection.
    pub(crate) lost: Option<Error>,
    /// Log-ins that resumed the one before.
    pub(crate) resumed: u64,
    /// What went wrong in the first log-in by EAP that did not go well.
    pub(crate) trouble: Option<String>,
}

/// Why a load cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamsError {
    #[error(transparent)]
    Eap(#[from] EapError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No connection, or none that is of use.
    #[error(transparent)]
    Open(Box<Unopened>),
}

/// Why a connection is not there.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub(crate) struct Unopened {
    pub(crate) error: Error,
    pub(crate) elapsed: Duration,
}

/// Sends what there is to a server over so many connections, at most as many as requests are to be
/// under way; `progress` is called some times a second with how many requests have ended.
pub(crate) fn run(
    source: &Source,
    upstream: &Upstream,
    connections: usize,
    limits: Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Streamed, StreamsError> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads.clamp(1, THREADS))
        .enable_all()
        .build()
        .map_err(EngineError::Start)?;
    let result = runtime.block_on(async {
        let began = Instant::now();
        let clients = tokio::select! {
            clients = open(upstream, connections, limits) => clients?,
            () = tokio::time::sleep(limits.deadline) => {
                let (server, elapsed) = (upstream.address(), limits.deadline);
                return Err(unopened(Error::NoAnswer { server, sent: 0, refused: false }, elapsed));
            }
            signal = tokio::signal::ctrl_c() => {
                signal.map_err(EngineError::Start)?;
                Vec::new()
            }
        };
        let opening = began.elapsed();
        drive(source, &clients, opening, limits, progress).await
    });
    runtime.shutdown_background();
    result
}

/// Opens the connections by asking on each whether the server is there.
async fn open(
    upstream: &Upstream,
    connections: usize,
    limits: Limits,
) -> Result<Vec<Client>, StreamsError> {
    let began = Instant::now();
    let mut opening = JoinSet::new();
    let mut clients = Vec::with_capacity(connections);
    while clients.len() < connections {
        while opening.len() < OPENING && clients.len() + opening.len() < connections {
            opening.spawn(open_one(upstream.clone(), limits));
        }
        match opening.join_next().await {
            Some(Ok(Ok(client))) => clients.push(client),
            Some(Ok(Err(error))) => {
                return Err(unopened(error, began.elapsed()));
            }
            Some(Err(_)) | None => return Err(EngineError::Thread.into()),
        }
    }
    Ok(clients)
}

fn unopened(error: Error, elapsed: Duration) -> StreamsError {
    StreamsError::Open(Box::new(Unopened { error, elapsed }))
}

async fn open_one(upstream: Upstream, limits: Limits) -> Result<Client, Error> {
    let is_connected = upstream.transport() != Transport::Udp;
    let mut builder = Client::builder()
        .server_with(upstream)
        .sockets(1)
        .retry(Retry {
            initial: limits.timeout,
            maximum: limits.timeout,
            count: limits.tries,
            duration: limits.timeout * limits.tries,
            jitter: 0.0,
        });
    if let Some(source) = limits.source {
        builder = builder.source(source);
    }
    let client = builder.build()?;
    if !is_connected {
        return Ok(client);
    }
    match client.status().await {
        // Whatever it says, it took the connection, which is what counts here.
        Ok(_)
        | Err(
            Error::NoAnswer { sent: 1.., .. }
            | Error::ProtocolError { .. }
            | Error::UnprotectedReplies { .. },
        ) => Ok(client),
        Err(error) => Err(error),
    }
}

async fn drive(
    source: &Source,
    clients: &[Client],
    opening: Duration,
    limits: Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Streamed, StreamsError> {
    let started = Instant::now();
    let load = Arc::new(Load::new(source.clone(), limits, started)?);
    let session = clients.first().and_then(session_of);
    let mut workers = JoinSet::new();
    let places = clients.iter().cycle().take(limits.parallel.max(1));
    for (place, client) in (0..).zip(places) {
        workers.spawn(Arc::clone(&load).labour(client.clone(), place));
    }
    if clients.is_empty() {
        load.stop(End::Interrupted);
    }
    let mut ticks = interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            done = workers.join_next() => match done {
                None => break,
                Some(Ok(())) => {}
                Some(Err(_)) => return Err(EngineError::Thread.into()),
            },
            _ = ticks.tick() => progress(load.ended.load(Ordering::Relaxed)),
            () = sleep_until(started + limits.deadline) => load.stop(End::Deadline),
            signal = tokio::signal::ctrl_c() => {
                signal.map_err(EngineError::Start)?;
                load.stop(End::Interrupted);
            }
        }
    }
    let mut done = load.done();
    if let Some(error) = done.failed.take() {
        return Err(error.into());
    }
    done.tally.retransmissions = clients
        .iter()
        .flat_map(Client::counters)
        .map(|(_, counters)| counters.retransmissions)
        .sum();
    Ok(Streamed {
        finished: Finished {
            tally: done.tally.clone(),
            end: load.end().unwrap_or(End::Complete),
            elapsed: done.last.duration_since(started),
            sockets: clients.len(),
        },
        opening,
        session,
        lost: done.lost.take(),
        resumed: done.resumed,
        trouble: done.trouble.take(),
    })
}

fn session_of(client: &Client) -> Option<Session> {
    client.sessions().next().and_then(|(_, session)| session)
}

/// What all requests of a load share.
struct Load {
    source: Source,
    limits: Limits,
    started: Instant,
    /// Requests that somebody has begun.
    claimed: AtomicU64,
    /// Requests that have ended.
    ended: AtomicU64,
    stop: watch::Sender<Option<End>>,
    done: Mutex<Done>,
}

struct Done {
    tally: Tally,
    last: Instant,
    lost: Option<Error>,
    resumed: u64,
    trouble: Option<String>,
    /// Why a request could not even be made.
    failed: Option<EapError>,
}

/// A place from which one request goes after the other.
enum Seat<'a> {
    Plain(&'a Work, Stage),
    Eap(&'a EapWork, Box<eap::Seat>),
}

/// What came of a request that was answered.
struct Said {
    outcome: Option<Outcome>,
    is_resumed: bool,
    trouble: Option<String>,
}

impl Load {
    fn new(source: Source, limits: Limits, started: Instant) -> Result<Self, EngineError> {
        Ok(Self {
            source,
            limits,
            started,
            claimed: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            stop: watch::Sender::new(None),
            done: Mutex::new(Done {
                tally: Tally::new()?,
                last: started,
                lost: None,
                resumed: 0,
                trouble: None,
                failed: None,
            }),
        })
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) -> Option<End> {
        *self.stop.borrow()
    }

    /// The first reason stays.
    fn stop(&self, end: End) {
        self.stop.send_if_modified(|found| {
            let first = found.is_none();
            found.get_or_insert(end);
            first
        });
    }

    /// The number of the next request and when it is due, if there is to be one.
    fn claim(&self) -> Option<(u64, Instant)> {
        if self.end().is_some() {
            return None;
        }
        let most = self.limits.count.unwrap_or(u64::MAX);
        let claim = |claimed| (claimed < most).then_some(claimed + 1);
        let (order, failed) = (Ordering::Relaxed, Ordering::Relaxed);
        let number = self.claimed.fetch_update(order, failed, claim).ok()?;
        let due = match self.limits.rate {
            Some(rate) => self.started + after(number, rate),
            None => Instant::now(),
        };
        let duration = self.limits.duration;
        let in_time = duration.is_none_or(|most| due.duration_since(self.started) < most);
        in_time.then_some((number, due))
    }

    /// Sends one request after the other from the same place.
    async fn labour(self: Arc<Self>, client: Client, place: u64) {
        let mut seat = match &self.source {
            Source::Plain(work) => Seat::Plain(work, Stage::default()),
            Source::Eap(work) => match work.seat(place) {
                Ok(seat) => Seat::Eap(work, Box::new(seat)),
                Err(error) => return self.fail(error),
            },
        };
        let mut stopped = self.stop.subscribe();
        while let Some((number, due)) = self.claim() {
            let stop = async {
                // It fails where nobody could stop anything any more.
                stopped.wait_for(Option::is_some).await.ok();
            };
            tokio::pin!(stop);
            if self.limits.rate.is_some() {
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = &mut stop => return,
                }
            }
            tokio::select! {
                biased;
                made = self.ask(&client, &mut seat, number, due) => {
                    if let Err(error) = made {
                        return self.fail(error);
                    }
                }
                () = &mut stop => {
                    self.done().tally.end(Outcome::Unfinished);
                    return;
                }
            }
        }
    }

    /// Makes the `number`th request and counts what comes of it. Fails where it cannot be made.
    async fn ask(
        &self,
        client: &Client,
        seat: &mut Seat<'_>,
        number: u64,
        due: Instant,
    ) -> Result<(), EapError> {
        match seat {
            Seat::Plain(work, stage) => {
                let (question, next) = work.question(number, *stage);
                let answered = self.settle(ask(client, question).await, due);
                *stage = if answered { next } else { Stage::default() };
            }
            Seat::Eap(work, seat) => {
                let ready = work.ready(seat, number)?;
                let ended = work.log_in(&ready, client).await;
                let said = ended.map(|ended| Said {
                    outcome: Some(ended.outcome),
                    is_resumed: ended.is_resumed,
                    trouble: ended.trouble,
                });
                self.settle(said, due);
            }
        }
        Ok(())
    }

    fn fail(&self, error: EapError) {
        self.done().failed.get_or_insert(error);
        self.stop(End::Interrupted);
    }

    /// Counts what came of a request; whether it was answered.
    fn settle(&self, result: Result<Said, Error>, since: Instant) -> bool {
        let now = Instant::now();
        let latency = now.duration_since(since);
        let mut done = self.done();
        done.last = done.last.max(now);
        let outcome = match result {
            Ok(said) => {
                done.resumed += u64::from(said.is_resumed);
                if let Some(trouble) = said.trouble {
                    done.trouble.get_or_insert(trouble);
                }
                said.outcome
            }
            Err(Error::NoAnswer { refused: true, .. }) if done.tally.answered() == 0 => {
                self.stop(End::NobodyListens);
                None
            }
            Err(Error::ServerUnproven { .. }) => Some(Outcome::Unproven),
            Err(Error::ProtocolError { .. }) => Some(Outcome::Failed),
            Err(Error::SecretsDiffer { .. }) => {
                done.tally.drop_reply(Dropped::Authenticator);
                None
            }
            Err(Error::UnprotectedReplies { .. }) => {
                done.tally.drop_reply(Dropped::Unprotected);
                None
            }
            Err(error @ Error::Connection { .. }) => {
                done.lost.get_or_insert(error);
                None
            }
            Err(_) => None,
        };
        match outcome {
            Some(outcome) => done.tally.reply(outcome, latency),
            None => done.tally.end(Outcome::NoAnswer),
        }
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        if done.tally.answered() == 0 && ended >= self.limits.parallel as u64 {
            self.stop(End::NobodyAnswers);
        }
        outcome.is_some()
    }
}

async fn ask(client: &Client, question: Question) -> Result<Said, Error> {
    let code = match question {
        Question::Access(access) => client.access(access).await?.response().code(),
        Question::Accounting(record) => client.accounting(record).await?.code(),
    };
    Ok(Said {
        outcome: Outcome::of(code),
        is_resumed: false,
        trouble: None,
    })
}

/// When the request of a number is due at so many a second.
fn after(number: u64, rate: f64) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a load of 2^53 requests does not come to an end"
    )]
    let seconds = number as f64 / rate;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_equal_distances() {
        assert_eq!(after(0, 100.0), Duration::ZERO);
        assert_eq!(after(250, 100.0), Duration::from_millis(2500));
        assert!(after(u64::MAX, 0.01) > Duration::from_hours(24 * 365));
    }
}
