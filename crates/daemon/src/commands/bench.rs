//! `portreeve bench`: a load generator that verifies every reply.

mod eap;
mod engine;
mod report;
mod streams;
mod tally;
mod users;
mod work;

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use portreeve::{Transport, client::Upstream};
use portreeve_proto::Random as _;
use zeroize::Zeroizing;

use self::{
    eap::{EapSum, EapWork},
    engine::{EngineError, Finished, Limits},
    report::{Asked, Over},
    streams::{Source, Streamed, StreamsError},
    tally::Outcome,
    users::{Login, Users, UsersError},
    work::{Kind, Pool, Stage, Work, WorkError},
};
use super::send::{
    eap::{EapArguments, EapError, Kind as EapKind},
    options::{self, Expected, How, MethodName},
    pairs::{AttributeArguments, PairsError},
    secret::{SecretArguments, SecretError},
    target::{self, TargetError},
    transport::{TransportArguments, TransportError},
    trouble::{self, Destination},
};
use crate::{cli::Context, data::DataDir, failure::Failure, output::Output};

const AUTH_PORT: u16 = 1812;
const ACCOUNTING_PORT: u16 = 1813;
/// Requests that one connection of RADIUS/1.0 carries at once, besides Status-Server.
const PER_CONNECTION: u32 = 255;
/// Requests where neither --count nor --duration says otherwise.
const REQUESTS: u64 = 10_000;
/// As [`REQUESTS`], for log-ins by EAP, each of many requests.
const EAP_LOG_INS: u64 = 1_000;
/// Sockets that log-ins by EAP are spread over at most, so that a server with several threads can
/// use them.
const SPREAD: u32 = 8;
/// When a load of a given count ends at the latest.
const DEADLINE: Duration = Duration::from_mins(10);

/// What to load.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Log in over and over
    Auth(AuthLoad),
    /// Account for sessions: each starts, reports once and stops
    Acct(Load),
}

/// A load of log-ins.
#[derive(Debug, Args)]
pub(crate) struct AuthLoad {
    #[command(flatten)]
    load: Load,
    /// How to log in
    #[arg(long, value_enum, default_value = "pap")]
    method: MethodName,
    /// The answer that counts as success
    #[arg(long, value_enum, default_value = "accept")]
    expect: Expected,
    /// Take answers without Message-Authenticator too (CVE-2024-3596)
    #[arg(long)]
    no_require_message_authenticator: bool,
    #[command(flatten)]
    eap: EapArguments,
}

/// What every load has.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Address or name of the server
    #[arg(value_name = "SERVER[:PORT]")]
    server: String,
    #[command(flatten)]
    secret: SecretArguments,
    /// How many requests, or log-ins by EAP, in all [default: 10000, by EAP 1000, or as many as
    /// --duration allows]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// How long to send, such as 30s or 5m
    #[arg(long, short = 'd', value_name = "TIME", value_parser = options::period)]
    duration: Option<Duration>,
    /// How many requests wait for an answer at once
    #[arg(long, short = 'p', value_name = "N", default_value_t = 32)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=16_384))]
    parallel: u32,
    /// Over how many connections, with --tls, --dtls or --tcp; at most --parallel. One of
    /// RADIUS/1.0 carries 255 requests at once, others wait [default: as few as can carry
    /// --parallel]
    #[arg(long, value_name = "N", requires = "connected")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=16_384))]
    connections: Option<u32>,
    /// Requests a second; latency then counts from when a request was due
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,
    /// How long an answer is waited for before a request is sent again. On a connection it is sent
    /// once, and waited for as long as all of that takes
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = options::period)]
    timeout: Duration,
    /// How often a request is sent again
    #[arg(long, value_name = "N", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=20))]
    retries: u32,
    /// When everything ends, whatever still waits [default: 10m, or what --duration needs]
    #[arg(long, value_name = "TIME", value_parser = options::period)]
    deadline: Option<Duration>,
    /// A file of users: NAME, a tab or space, PASSWORD on every line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "password"])]
    users: Option<PathBuf>,
    /// A user; %d stands for a number
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The password; %d stands for the user's number
    #[arg(long, value_name = "PASSWORD", requires = "user")]
    password: Option<String>,
    /// How far the number of %d runs, from 1
    #[arg(long, value_name = "N", default_value_t = 1000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    numbers: u64,
    /// The address to send from
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    #[command(flatten)]
    attributes: AttributeArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    transport: TransportArguments,
}

/// Why there was no load.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("--connections {connections} is more than --parallel {parallel}: raise --parallel")]
    Connections { connections: u32, parallel: u32 },
    #[error(transparent)]
    Eap(#[from] EapError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("cannot print")]
    Output(#[from] std::io::Error),
    #[error(transparent)]
    Pairs(#[from] PairsError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// No connection to the server, in words.
    #[error("{0}")]
    Unopened(String),
    #[error(transparent)]
    Users(#[from] UsersError),
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        match error {
            BenchError::Output(error) => Self::Output(error),
            error => Self::Bench(error),
        }
    }
}

impl BenchError {
    /// Whether the command line is wrong.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Engine(EngineError::Work(WorkError::Random(_))) => false,
            Self::Connections { .. }
            | Self::Eap(_)
            | Self::Engine(EngineError::Work(_))
            | Self::Secret(_) => true,
            Self::Engine(_) | Self::Output(_) | Self::Unopened(_) => false,
            Self::Pairs(error) => error.is_usage(),
            Self::Target(error) => error.is_usage(),
            Self::Transport(error) => error.is_usage(),
            Self::Users(error) => matches!(error, UsersError::Nobody),
        }
    }
}

/// Makes the load, and tells by the exit code whether all went well.
pub(crate) fn run(action: &Action, context: &mut Context<'_>) -> Result<(), Failure> {
    if load(action, &context.data, &mut context.output)? {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

/// Makes the load and tells what came of it; `true` where every request ended as it should.
fn load(action: &Action, data: &DataDir, output: &mut Output<'_>) -> Result<bool, BenchError> {
    let (load, auth) = match action {
        Action::Auth(auth) => (&auth.load, Some(auth)),
        Action::Acct(load) => (load, None),
    };
    let how = auth.map(|auth| auth.method.how());
    let eap = match how {
        Some(How::Eap(kind)) => Some(kind),
        _ => None,
    };
    let port = match auth {
        Some(_) => AUTH_PORT,
        None => ACCOUNTING_PORT,
    };
    let way = load.way(port, eap.is_some(), data)?;
    let source = match (auth, eap) {
        (Some(auth), Some(kind)) => Source::Eap(Arc::new(auth.eap_work(kind, data, output)?)),
        _ => Source::Plain(Box::new(plain_work(load, auth, how)?)),
    };
    let limits = load.limits(eap.is_some());
    let require = auth.is_none_or(|auth| !auth.no_require_message_authenticator);
    let Carried {
        finished,
        over,
        eap,
    } = carry_out(&source, &way, require, load, limits)?;
    let asked = Asked {
        server: way.to.server,
        kind: match how {
            None => "accounting",
            Some(How::Plain(method)) => method.words(),
            Some(How::Eap(kind)) => kind.words(),
        },
        expected: auth.map_or(Outcome::Recorded, |auth| outcome(auth.expect)),
        tries: load.retries + 1,
        transport: way.to.transport,
        over,
        eap,
    };
    if load.json {
        output.json(&report::json(&finished, &asked))?;
    } else {
        report::print(&finished, &asked, output)?;
    }
    Ok(report::is_good(&finished, &asked))
}

/// Requests that stand alone.
fn plain_work(load: &Load, auth: Option<&AuthLoad>, how: Option<How>) -> Result<Work, BenchError> {
    if let Some(auth) = auth {
        auth.eap.refuse()?;
    }
    let kind = match how {
        Some(How::Plain(method)) => Kind::Auth(method),
        _ => Kind::Accounting { run: fresh_run()? },
    };
    let work = Work {
        kind,
        users: Arc::new(users(load, auth.is_some(), auth.is_some())?),
        extra: load.attributes.list()?,
        secret: load.transport.secret(&load.secret)?,
        require: auth.is_none_or(|auth| !auth.no_require_message_authenticator),
    };
    // What cannot be sent at all is said before anything is.
    work.prepare(0, Stage::Start, 0, &mut Pool::new(), &mut Vec::new())
        .map_err(EngineError::from)?;
    Ok(work)
}

impl AuthLoad {
    fn eap_work(
        &self,
        kind: EapKind,
        data: &DataDir,
        output: &mut Output<'_>,
    ) -> Result<EapWork, BenchError> {
        if self.expect == Expected::Challenge {
            return Err(EapError::Challenge.into());
        }
        let users = users(&self.load, true, kind.needs_password())?;
        let plan = self.eap.plan(kind, &self.load.attributes.list()?, data)?;
        if self.eap.trusts_anybody() {
            output.warn("--eap-insecure: any server is trusted; for tests alone")?;
        }
        Ok(EapWork::new(plan, Arc::new(users))?)
    }
}

/// Where the load goes, and how.
struct Way {
    to: Destination,
    upstream: Upstream,
    /// Connections, or sockets for log-ins by EAP.
    connections: usize,
}

/// What came of it.
struct Carried {
    finished: Finished,
    over: Option<Over>,
    eap: Option<EapSum>,
}

fn carry_out(
    source: &Source,
    way: &Way,
    require: bool,
    load: &Load,
    limits: Limits,
) -> Result<Carried, BenchError> {
    let bar = progress(load.json, limits);
    let mut advance = |ended| {
        bar.set_position(match limits.count {
            Some(_) => ended,
            None => u64::try_from(bar.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    };
    let (transport, server) = (way.to.transport, way.to.server);
    if let (Source::Plain(work), Transport::Udp) = (source, transport) {
        let finished = engine::run(work, server, limits, &mut advance);
        bar.finish_and_clear();
        return Ok(Carried {
            finished: finished?,
            over: None,
            eap: None,
        });
    }
    let mut upstream = way.upstream.clone();
    if !transport.is_secure() {
        upstream = upstream.require_message_authenticator(require);
    }
    let streamed = streams::run(source, &upstream, way.connections, limits, &mut advance);
    bar.finish_and_clear();
    let streamed = streamed.map_err(|error| match error {
        StreamsError::Eap(error) => BenchError::Eap(error),
        StreamsError::Engine(error) => BenchError::Engine(error),
        StreamsError::Open(unopened) => {
            let (_, words) = trouble::explain(&unopened.error, way.to, unopened.elapsed);
            BenchError::Unopened(words)
        }
    })?;
    let explained = |error| trouble::explain(&error, way.to, limits.timeout).1;
    Ok(carried(source, transport, streamed, explained))
}

fn carried(
    source: &Source,
    transport: Transport,
    streamed: Streamed,
    explained: impl Fn(portreeve::Error) -> String,
) -> Carried {
    let over = Over {
        opening: streamed.opening,
        session: streamed.session,
        lost: streamed.lost.map(explained),
    };
    Carried {
        finished: streamed.finished,
        over: (transport != Transport::Udp).then_some(over),
        eap: match source {
            Source::Plain(_) => None,
            Source::Eap(work) => Some(EapSum {
                kind: work.kind(),
                resumed: work.resumes().then_some(streamed.resumed),
                trouble: streamed.trouble,
            }),
        },
    }
}

impl Load {
    /// The server, and the way to it.
    fn way(&self, port: u16, by_eap: bool, data: &DataDir) -> Result<Way, BenchError> {
        let arguments = &self.transport;
        let server = target::find(&self.server, arguments.port(port), self.source)?;
        let to = Destination {
            server,
            transport: arguments.transport(),
        };
        let (parallel, mut needed) = (self.parallel, self.parallel.div_ceil(PER_CONNECTION));
        if by_eap && to.transport == Transport::Udp {
            needed = needed.max(parallel.min(SPREAD));
        }
        let connections = self.connections.unwrap_or(needed);
        if connections > parallel {
            return Err(BenchError::Connections {
                connections,
                parallel,
            });
        }
        let host = target::host(&self.server)?;
        let upstream = arguments.upstream(host, server, &self.secret, data)?;
        let connections = usize::try_from(connections).unwrap_or(1);
        Ok(Way {
            to,
            upstream,
            connections,
        })
    }

    fn limits(&self, by_eap: bool) -> Limits {
        let tries = self.retries + 1;
        let patience = self.timeout * tries + Duration::from_secs(1);
        let needed = self
            .duration
            .map_or(DEADLINE, |duration| duration + patience);
        let usual = if by_eap { EAP_LOG_INS } else { REQUESTS };
        Limits {
            count: match (self.count, self.duration) {
                (Some(count), _) => Some(count),
                (None, Some(_)) => None,
                (None, None) => Some(usual),
            },
            duration: self.duration,
            deadline: self.deadline.unwrap_or(needed),
            rate: self.rate,
            timeout: self.timeout,
            tries,
            parallel: usize::try_from(self.parallel).unwrap_or(1),
            source: self.source,
        }
    }
}

fn users(load: &Load, needs_name: bool, needs_password: bool) -> Result<Users, UsersError> {
    if let Some(path) = &load.users {
        return Users::from_file(path);
    }
    let name = match (&load.user, needs_name) {
        (Some(name), _) => name.clone(),
        (None, false) => "user%d".to_owned(),
        (None, true) => return Err(UsersError::Nobody),
    };
    if needs_password && load.password.is_none() {
        return Err(UsersError::Nobody);
    }
    let password = Zeroizing::new(load.password.clone().unwrap_or_default());
    Ok(Users::Numbered {
        login: Login { name, password },
        many: load.numbers,
    })
}

/// A number that no other load has, so that its sessions are its own.
fn fresh_run() -> Result<u64, EngineError> {
    let mut octets = [0; 8];
    let mut pool = Pool::new();
    pool.fill(&mut octets);
    pool.verdict()?;
    Ok(u64::from_le_bytes(octets))
}

/// On a terminal only.
fn progress(is_for_a_program: bool, limits: Limits) -> ProgressBar {
    if is_for_a_program {
        return ProgressBar::hidden();
    }
    let (length, template) = match (limits.count, limits.duration) {
        (Some(count), _) => (count, "{bar:40} {pos}/{len} {per_sec} {eta} left"),
        (None, duration) => {
            let most = duration.unwrap_or_default().as_millis();
            (
                u64::try_from(most).unwrap_or(u64::MAX),
                "{bar:40} {elapsed} gone, {eta} left",
            )
        }
    };
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

const fn outcome(expected: Expected) -> Outcome {
    match expected {
        Expected::Accept => Outcome::Accept,
        Expected::Challenge => Outcome::Challenge,
        Expected::Reject => Outcome::Reject,
    }
}

/// A text that is no rate.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("write requests a second, from 0.01 to 10000000")]
struct NoRate;

fn rate(text: &str) -> Result<f64, NoRate> {
    let rate: f64 = text.parse().map_err(|_| NoRate)?;
    if (0.01..=1e7).contains(&rate) {
        Ok(rate)
    } else {
        Err(NoRate)
    }
}
