//! `portreeve bench`: a load generator that verifies every reply.

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
    engine::{EngineError, Finished, Limits},
    report::{Asked, Over},
    streams::StreamsError,
    tally::Outcome,
    users::{Login, Users, UsersError},
    work::{Kind, Pool, Stage, Work, WorkError},
};
use super::send::{
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
}

/// What every load has.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Address or name of the server
    #[arg(value_name = "SERVER[:PORT]")]
    server: String,
    #[command(flatten)]
    secret: SecretArguments,
    /// How many requests in all [default: 10000, or as many as --duration allows]
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
    #[error("{} cannot be loaded yet: use another --method", .0.words())]
    Eap(super::send::eap::Kind),
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
    let (load, method, expected, require) = match action {
        Action::Auth(auth) => (
            &auth.load,
            Some(match auth.method.how() {
                How::Plain(method) => method,
                How::Eap(kind) => return Err(BenchError::Eap(kind)),
            }),
            outcome(auth.expect),
            !auth.no_require_message_authenticator,
        ),
        Action::Acct(load) => (load, None, Outcome::Recorded, true),
    };
    let port = match method {
        Some(_) => AUTH_PORT,
        None => ACCOUNTING_PORT,
    };
    let way = load.way(port, data)?;
    let kind = match method {
        Some(method) => Kind::Auth(method),
        None => Kind::Accounting { run: fresh_run()? },
    };
    let work = Work {
        kind,
        users: Arc::new(users(load, method.is_some())?),
        extra: load.attributes.list()?,
        secret: load.transport.secret(&load.secret)?,
        require,
    };
    // What cannot be sent at all is said before anything is.
    work.prepare(0, Stage::Start, 0, &mut Pool::new(), &mut Vec::new())
        .map_err(EngineError::from)?;
    let (finished, over) = carry_out(&work, &way, load)?;
    let asked = Asked {
        server: way.to.server,
        kind: method.map_or("accounting", |method| method.words()),
        expected,
        tries: load.retries + 1,
        transport: way.to.transport,
        over,
    };
    if load.json {
        output.json(&report::json(&finished, &asked))?;
    } else {
        report::print(&finished, &asked, output)?;
    }
    Ok(report::is_good(&finished, &asked))
}

/// Where the load goes, and how.
struct Way {
    to: Destination,
    /// The server for connections, and how many of them; `None` for UDP.
    connections: Option<(Upstream, usize)>,
}

fn carry_out(work: &Work, way: &Way, load: &Load) -> Result<(Finished, Option<Over>), BenchError> {
    let limits = limits(load);
    let bar = progress(load);
    let mut advance = |ended| {
        bar.set_position(match load.count_or_none() {
            Some(_) => ended,
            None => u64::try_from(bar.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    };
    let Some((upstream, connections)) = &way.connections else {
        let finished = engine::run(work, way.to.server, limits, &mut advance);
        bar.finish_and_clear();
        return Ok((finished?, None));
    };
    let mut upstream = upstream.clone();
    if !way.to.transport.is_secure() {
        upstream = upstream.require_message_authenticator(work.require);
    }
    let streamed = streams::run(work, &upstream, *connections, limits, &mut advance);
    bar.finish_and_clear();
    let streamed = streamed.map_err(|error| match error {
        StreamsError::Engine(error) => BenchError::Engine(error),
        StreamsError::Open(unopened) => {
            let (_, words) = trouble::explain(&unopened.error, way.to, unopened.elapsed);
            BenchError::Unopened(words)
        }
    })?;
    let explained = |error| trouble::explain(&error, way.to, limits.timeout).1;
    let over = Over {
        opening: streamed.opening,
        session: streamed.session,
        lost: streamed.lost.map(explained),
    };
    Ok((streamed.finished, Some(over)))
}

impl Load {
    /// The server, and the way to it.
    fn way(&self, port: u16, data: &DataDir) -> Result<Way, BenchError> {
        let arguments = &self.transport;
        let server = target::find(&self.server, arguments.port(port), self.source)?;
        let to = Destination {
            server,
            transport: arguments.transport(),
        };
        if to.transport == Transport::Udp {
            return Ok(Way {
                to,
                connections: None,
            });
        }
        let (parallel, needed) = (self.parallel, self.parallel.div_ceil(PER_CONNECTION));
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
            connections: Some((upstream, connections)),
        })
    }

    /// How many requests; `None` where only time ends the load.
    fn count_or_none(&self) -> Option<u64> {
        match (self.count, self.duration) {
            (Some(count), _) => Some(count),
            (None, Some(_)) => None,
            (None, None) => Some(REQUESTS),
        }
    }
}

fn limits(load: &Load) -> Limits {
    let tries = load.retries + 1;
    let patience = load.timeout * tries + Duration::from_secs(1);
    let needed = load
        .duration
        .map_or(DEADLINE, |duration| duration + patience);
    Limits {
        count: load.count_or_none(),
        duration: load.duration,
        deadline: load.deadline.unwrap_or(needed),
        rate: load.rate,
        timeout: load.timeout,
        tries,
        parallel: usize::try_from(load.parallel).unwrap_or(1),
        source: load.source,
    }
}

fn users(load: &Load, needs_password: bool) -> Result<Users, UsersError> {
    if let Some(path) = &load.users {
        return Users::from_file(path);
    }
    let name = match (&load.user, needs_password) {
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
fn progress(load: &Load) -> ProgressBar {
    if load.json {
        return ProgressBar::hidden();
    }
    let (length, template) = match (load.count_or_none(), load.duration) {
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
