//! `portreeve send`: a RADIUS client for testing servers and devices.

mod asking;
pub(crate) mod options;
pub(crate) mod pairs;
pub(crate) mod secret;
pub(crate) mod target;
mod verdict;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use clap::{Args, Subcommand, ValueEnum};
use portreeve::{
    Error, Trace,
    client::{Client, ClientBuilder, Retry, Upstream},
};
use portreeve_proto::{AttributeList, Dictionary, attr};
use zeroize::Zeroizing;

use self::{
    asking::Question,
    options::{Expected, MethodName},
    pairs::{AttributeArguments, PairsError},
    secret::{SecretArguments, SecretError},
    target::TargetError,
    verdict::{Goal, Reporter},
};
use super::password;
use crate::{cli::Context, failure::Failure, output::Output};

const AUTH_PORT: u16 = 1812;
const ACCOUNTING_PORT: u16 = 1813;
const DYNAMIC_PORT: u16 = 3799;

/// What to send.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Log in: Access-Request
    Auth(Auth),
    /// Account for a session: Accounting-Request
    Acct(Acct),
    /// Ask whether the server is there: Status-Server
    Status(Status),
    /// Change a session of a device: CoA-Request, to the device
    Coa(Dynamic),
    /// End a session of a device: Disconnect-Request, to the device
    Disconnect(Dynamic),
}

/// A log-in.
#[derive(Debug, Args)]
pub(crate) struct Auth {
    #[command(flatten)]
    asked: Asked,
    /// Who logs in; without it only the attributes are sent
    #[arg(long, short = 'u', value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    password: PasswordArguments,
    /// How to log in
    #[arg(long, short = 'm', value_enum, default_value = "pap")]
    method: MethodName,
    /// The answer that counts as success
    #[arg(long, value_enum, default_value = "accept")]
    expect: Expected,
    /// Take answers without Message-Authenticator too (CVE-2024-3596)
    #[arg(long)]
    no_require_message_authenticator: bool,
}

#[derive(Args)]
#[group(multiple = false)]
struct PasswordArguments {
    /// The password. Other users of this machine may see it in the list of processes: prefer
    /// --password-stdin
    #[arg(long, value_name = "PASSWORD", requires = "user")]
    password: Option<String>,
    /// Read the password from standard input, one line
    #[arg(long, requires = "user")]
    password_stdin: bool,
}

impl std::fmt::Debug for PasswordArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordArguments(..)")
    }
}

/// A record of accounting.
#[derive(Debug, Args)]
pub(crate) struct Acct {
    #[command(flatten)]
    asked: Asked,
    /// What is reported [default: start, or what --attr says]
    #[arg(long, value_enum)]
    status: Option<Report>,
    /// The session [default: a new one, or what --attr says]
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    /// Whose session
    #[arg(long, short = 'u', value_name = "NAME")]
    user: Option<String>,
    /// How long the session lasts so far, in seconds
    #[arg(long, value_name = "SECONDS")]
    session_time: Option<u32>,
    /// Octets from the subscriber; those beyond 4 GiB go into Acct-Input-Gigawords
    #[arg(long, value_name = "N")]
    input_octets: Option<u64>,
    /// Octets to the subscriber; those beyond 4 GiB go into Acct-Output-Gigawords
    #[arg(long, value_name = "N")]
    output_octets: Option<u64>,
}

/// A question whether a server is there.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    asked: Asked,
    /// Take only an answer with Message-Authenticator (CVE-2024-3596). An answer to this question
    /// lets nobody in, and older servers leave it out there; it is remarked upon
    #[arg(long)]
    require_message_authenticator: bool,
}

/// A wish to a device.
#[derive(Debug, Args)]
pub(crate) struct Dynamic {
    #[command(flatten)]
    asked: Asked,
    /// Whose session
    #[arg(long, short = 'u', value_name = "NAME")]
    user: Option<String>,
    /// Which session
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
}

/// What a record reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Report {
    /// A session has begun
    Start,
    /// A session goes on
    Interim,
    /// A session has ended
    Stop,
    /// The device has started
    On,
    /// The device is about to stop
    Off,
}

/// What every question has.
#[derive(Debug, Args)]
struct Asked {
    /// Address or name of the server or device
    #[arg(value_name = "SERVER[:PORT]")]
    server: String,
    #[command(flatten)]
    secret: SecretArguments,
    #[command(flatten)]
    attributes: AttributeArguments,
    /// How long to wait for an answer to each transmission [default: 2s, doubling, 30s in all]
    #[arg(long, short = 't', value_name = "TIME", value_parser = options::period)]
    timeout: Option<Duration>,
    /// How often to send again
    #[arg(long, short = 'r', value_name = "N", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=100))]
    retries: u32,
    /// The address to send from
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    /// How many requests to send, one like the other
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// How many requests wait for an answer at once
    #[arg(long, short = 'p', value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: u16,
    /// Print every packet sent and received, on standard error
    #[arg(long, short = 'v')]
    verbose: bool,
    /// Show passwords and keys too
    #[arg(long)]
    show_secrets: bool,
    /// Print JSON; one object a line where there are several requests
    #[arg(long)]
    json: bool,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Client(#[from] Error),
    #[error("give --password or --password-stdin with --user")]
    NoPassword,
    #[error(transparent)]
    Pairs(#[from] PairsError),
    #[error("the system refuses threads or timers")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl SendError {
    /// Whether the command line is wrong.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Client(error) => matches!(error, Error::Encode(_) | Error::Password(_)),
            Self::NoPassword | Self::Secret(_) => true,
            Self::Pairs(error) => error.is_usage(),
            Self::Runtime(_) => false,
            Self::Target(error) => error.is_usage(),
        }
    }
}

/// Sends, and tells what came of it.
pub(crate) fn run(action: &Action, context: &mut Context<'_>) -> Result<(), Failure> {
    let errand = action.errand(&mut context.output)?;
    let asked = errand.asked;
    let address = errand.server;
    let mut reporter = Reporter::new(
        &errand.dictionary,
        errand.goal,
        address,
        asked.count,
        asked.json,
        asked.show_secrets,
    );
    let builder = asked.client(&errand)?;
    asking::drive(
        builder,
        errand.question,
        asked.count,
        usize::from(asked.parallel),
        &mut |done| reporter.tell(done, &mut context.output),
    )?;
    reporter.conclude(&mut context.output)?;
    if reporter.is_good() {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

/// Everything that the arguments mean.
struct Errand<'a> {
    asked: &'a Asked,
    server: SocketAddr,
    dictionary: Arc<Dictionary>,
    question: Question,
    goal: Goal,
    /// Whether answers must carry Message-Authenticator.
    require: bool,
}

impl Action {
    fn errand(&self, output: &mut Output<'_>) -> Result<Errand<'_>, Failure> {
        let (asked, port) = match self {
            Self::Auth(auth) => (&auth.asked, AUTH_PORT),
            Self::Acct(acct) => (&acct.asked, ACCOUNTING_PORT),
            Self::Status(status) => (&status.asked, AUTH_PORT),
            Self::Coa(dynamic) | Self::Disconnect(dynamic) => (&dynamic.asked, DYNAMIC_PORT),
        };
        let (dictionary, attributes) = asked
            .attributes
            .with_dictionary()
            .map_err(SendError::from)?;
        let question = match self {
            Self::Auth(auth) => auth.question(attributes)?,
            Self::Acct(acct) => Question::Accounting(acct.attributes(attributes, output)?),
            Self::Status(_) => Question::Status(attributes),
            Self::Coa(dynamic) => Question::Coa(dynamic.attributes(&attributes)),
            Self::Disconnect(dynamic) => Question::Disconnect(dynamic.attributes(&attributes)),
        };
        let (goal, require) = match self {
            Self::Auth(auth) => (
                Goal::of(auth.expect),
                !auth.no_require_message_authenticator,
            ),
            Self::Acct(_) => (Goal::Recorded, true),
            Self::Status(status) => (Goal::Alive, status.require_message_authenticator),
            Self::Coa(_) | Self::Disconnect(_) => (Goal::Done, true),
        };
        let server = target::find(&asked.server, port, asked.source).map_err(SendError::from)?;
        Ok(Errand {
            asked,
            server,
            dictionary: Arc::new(dictionary),
            question,
            goal,
            require,
        })
    }
}

impl Asked {
    fn client(&self, errand: &Errand<'_>) -> Result<ClientBuilder, SendError> {
        let secret = self.secret.octets()?.ok_or(SecretError::Missing)?;
        let upstream = Upstream::new(errand.server, &*secret)?;
        let upstream = upstream.require_message_authenticator(errand.require);
        let trace = match (self.verbose, self.show_secrets) {
            (false, _) => Trace::from_env(),
            (true, false) => Trace::on(),
            (true, true) => Trace::with_secrets(),
        };
        let mut builder = Client::builder()
            .server_with(upstream)
            .retry(self.retry())
            .trace(trace.dictionary(Arc::clone(&errand.dictionary)));
        if let Some(source) = self.source {
            builder = builder.source(source);
        }
        Ok(builder)
    }

    /// RFC 5080's timing, or equal waits where one is given.
    fn retry(&self) -> Retry {
        let count = self.retries + 1;
        match self.timeout {
            None => Retry {
                count,
                ..Retry::default()
            },
            Some(wait) => Retry {
                initial: wait,
                maximum: wait,
                count,
                duration: wait * count,
                jitter: 0.0,
            },
        }
    }
}

impl Auth {
    fn question(&self, attributes: AttributeList) -> Result<Question, Failure> {
        let Some(user) = &self.user else {
            return Ok(Question::Bare(attributes));
        };
        let password = match (&self.password.password, self.password.password_stdin) {
            (Some(password), _) => Zeroizing::new(password.clone()),
            (None, true) => password::from_stdin(&mut io::stdin().lock())?,
            (None, false) => return Err(SendError::NoPassword.into()),
        };
        Ok(Question::Login {
            method: self.method.method(),
            user: user.clone(),
            password,
            attributes,
        })
    }
}

impl Acct {
    fn attributes(
        &self,
        extra: AttributeList,
        output: &mut Output<'_>,
    ) -> Result<AttributeList, Failure> {
        let mut list = AttributeList::new();
        if let Some(user) = &self.user {
            list.add(attr::USER_NAME, user);
        }
        let says_status = extra.contains(&attr::ACCT_STATUS_TYPE.spec().oid);
        match (self.status, says_status) {
            (None, true) => {}
            (status, _) => {
                list.add(
                    attr::ACCT_STATUS_TYPE,
                    status.unwrap_or(Report::Start).number(),
                );
            }
        }
        match &self.session_id {
            Some(session) => list.add(attr::ACCT_SESSION_ID, session),
            None if extra.contains(&attr::ACCT_SESSION_ID.spec().oid) => {}
            None => {
                let session = new_session()?;
                output.note(format!("session {session}"))?;
                list.add(attr::ACCT_SESSION_ID, session);
            }
        }
        if let Some(seconds) = self.session_time {
            list.add(attr::ACCT_SESSION_TIME, seconds);
        }
        if let Some(octets) = self.input_octets {
            let (low, high) = halves(octets);
            list.add(attr::ACCT_INPUT_OCTETS, low);
            list.add(attr::ACCT_INPUT_GIGAWORDS, high);
        }
        if let Some(octets) = self.output_octets {
            let (low, high) = halves(octets);
            list.add(attr::ACCT_OUTPUT_OCTETS, low);
            list.add(attr::ACCT_OUTPUT_GIGAWORDS, high);
        }
        list.extend(&extra);
        Ok(list)
    }
}

impl Dynamic {
    fn attributes(&self, extra: &AttributeList) -> AttributeList {
        let mut list = AttributeList::new();
        if let Some(user) = &self.user {
            list.add(attr::USER_NAME, user);
        }
        if let Some(session) = &self.session_id {
            list.add(attr::ACCT_SESSION_ID, session);
        }
        list.extend(extra);
        list
    }
}

impl Report {
    const fn number(self) -> u32 {
        match self {
            Self::Start => attr::acct_status_type::START,
            Self::Interim => attr::acct_status_type::INTERIM_UPDATE,
            Self::Stop => attr::acct_status_type::STOP,
            Self::On => attr::acct_status_type::ACCOUNTING_ON,
            Self::Off => attr::acct_status_type::ACCOUNTING_OFF,
        }
    }
}

fn new_session() -> Result<String, Failure> {
    let mut octets = [0; 8];
    password::fill(&mut octets)?;
    Ok(format!("{:016x}", u64::from_be_bytes(octets)))
}

/// RFC 2869 section 5.1: what exceeds 32 bits goes into an attribute of its own.
fn halves(octets: u64) -> (u32, u32) {
    let [a, b, c, d, low @ ..] = octets.to_be_bytes();
    (u32::from_be_bytes(low), u32::from_be_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_beyond_four_gibibytes_are_gigawords() {
        assert_eq!(halves(5), (5, 0));
        assert_eq!(halves((3 << 32) + 7), (7, 3));
    }
}
