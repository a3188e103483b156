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
    Error,
    client::{Client, Retry, Upstream},
    tls::Session,
};
use portreeve_proto::Code;
use tokio::{
    runtime::Builder,
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    engine::{End, EngineError, Finished, Limits},
    tally::{Dropped, Outcome, Tally},
    work::{Question, Stage, Work},
};

/// Handshakes that are under way at once: a server bounds those that are not finished.
const OPENING: usize = 16;
/// The most threads that make load.
const THREADS: usize = 2;

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
}

/// Why a load cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamsError {
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

/// Sends `work` to a server over so many connections, at most as many as requests are to be under
/// way; `progress` is called some times a second with how many requests have ended.
pub(crate) fn run(
    work: &Work,
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
        Ok(drive(work, &clients, opening, limits, progress).await?)
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
    work: &Work,
    clients: &[Client],
    opening: Duration,
    limits: Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Streamed, EngineError> {
    let started = Instant::now();
    let load = Arc::new(Load::new(work.clone(), limits, started)?);
    let session = clients.first().and_then(session_of);
    let mut workers = JoinSet::new();
    for client in clients.iter().cycle().take(limits.parallel.max(1)) {
        workers.spawn(Arc::clone(&load).labour(client.clone()));
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
                Some(Err(_)) => return Err(EngineError::Thread),
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
    })
}

fn session_of(client: &Client) -> Option<Session> {
    client.sessions().next().and_then(|(_, session)| session)
}

/// What all requests of a load share.
struct Load {
    work: Work,
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
}

impl Load {
    fn new(work: Work, limits: Limits, started: Instant) -> Result<Self, EngineError> {
        Ok(Self {
            work,
            limits,
            started,
            claimed: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            stop: watch::Sender::new(None),
            done: Mutex::new(Done {
                tally: Tally::new()?,
                last: started,
                lost: None,
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

    /// Sends one request after the other.
    async fn labour(self: Arc<Self>, client: Client) {
        let mut stopped = self.stop.subscribe();
        let mut stage = Stage::default();
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
            let (question, next) = self.work.question(number, stage);
            tokio::select! {
                biased;
                result = ask(&client, question) => {
                    stage = if self.settle(result, due) { next } else { Stage::default() };
                }
                () = &mut stop => {
                    self.done().tally.end(Outcome::Unfinished);
                    return;
                }
            }
        }
    }

    /// Counts what came of a request; whether it was answered.
    fn settle(&self, result: Result<Code, Error>, since: Instant) -> bool {
        let now = Instant::now();
        let latency = now.duration_since(since);
        let mut done = self.done();
        done.last = done.last.max(now);
        let outcome = match result {
            Ok(code) => Outcome::of(code),
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

async fn ask(client: &Client, question: Question) -> Result<Code, Error> {
    match question {
        Question::Access(access) => {
            let outcome = client.access(access).await?;
            Ok(outcome.response().code())
        }
        Question::Accounting(record) => Ok(client.accounting(record).await?.code()),
    }
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
