//! `portreeve send`: a RADIUS client for testing servers and devices.

mod asking;
pub(crate) mod eap;
mod login;
pub(crate) mod options;
pub(crate) mod pairs;
mod records;
pub(crate) mod secret;
pub(crate) mod target;
pub(crate) mod transport;
pub(crate) mod trouble;
mod verdict;
pub(crate) mod wire;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use clap::{Args, Subcommand};
use portreeve::{
    Error, Trace,
    client::{Client, ClientBuilder, Retry, Upstream},
};
use portreeve_proto::{AttributeList, Dictionary, attr};

use self::{
    asking::Question,
    eap::EapError,
    login::Auth,
    pairs::{AttributeArguments, PairsError},
    records::Acct,
    secret::SecretArguments,
    target::TargetError,
    transport::{TransportArguments, TransportError},
    trouble::Destination,
    verdict::{Goal, Reporter},
};
use super::decode::show::View;
use crate::{cli::Context, data::DataDir, failure::Failure, output::Output};

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
    /// How long to wait for an answer to each transmission [default: 2s, doubling, 30s in all].
    /// A connection loses nothing: there a request is sent once, and waited for as long
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
    #[command(flatten)]
    transport: TransportArguments,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Client(#[from] Error),
    #[error(transparent)]
    Eap(#[from] EapError),
    #[error("give --password or --password-stdin with --user")]
    NoPassword,
    #[error(transparent)]
    Pairs(#[from] PairsError),
    #[error("the system refuses threads or timers")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl SendError {
    /// Whether the command line is wrong.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Client(error) => matches!(error, Error::Encode(_) | Error::Password(_)),
            Self::Eap(error) => error.is_usage(),
            Self::NoPassword => true,
            Self::Pairs(error) => error.is_usage(),
            Self::Runtime(_) => false,
            Self::Target(error) => error.is_usage(),
            Self::Transport(error) => error.is_usage(),
        }
    }
}

/// Sends, and tells what came of it.
pub(crate) fn run(action: &Action, context: &mut Context<'_>) -> Result<(), Failure> {
    let errand = action.errand(&context.data, &mut context.output)?;
    let asked = errand.asked;
    let view = View {
        dictionary: &errand.dictionary,
        secret: None,
        show_secrets: asked.show_secrets,
    };
    let to = Destination {
        server: errand.upstream.address(),
        transport: errand.upstream.transport(),
    };
    let mut reporter = Reporter::new(view, errand.goal, to, asked.count, asked.json);
    let builder = asked.client(errand.upstream.clone(), &errand.dictionary);
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
    upstream: Upstream,
    dictionary: Arc<Dictionary>,
    question: Question,
    goal: Goal,
}

impl Action {
    fn errand(&self, data: &DataDir, output: &mut Output<'_>) -> Result<Errand<'_>, Failure> {
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
            Self::Auth(auth) => auth.question(attributes, data, output)?,
            Self::Acct(acct) => Question::Accounting(acct.attributes(attributes, output)?),
            Self::Status(_) => Question::Status(attributes),
            Self::Coa(dynamic) => Question::Coa(dynamic.attributes(&attributes)),
            Self::Disconnect(dynamic) => Question::Disconnect(dynamic.attributes(&attributes)),
        };
        let (goal, require) = match self {
            Self::Auth(auth) => (Goal::of(auth.expect), auth.requires()),
            Self::Acct(_) => (Goal::Recorded, None),
            Self::Status(status) => (Goal::Alive, Some(status.require_message_authenticator)),
            Self::Coa(_) | Self::Disconnect(_) => (Goal::Done, None),
        };
        let upstream = asked.upstream(port, data)?;
        Ok(Errand {
            asked,
            upstream: match require {
                Some(require) => upstream.require_message_authenticator(require),
                // What the library demands of the transport.
                None => upstream,
            },
            dictionary: Arc::new(dictionary),
            question,
            goal,
        })
    }
}

impl Asked {
    /// The server, and the way to it.
    fn upstream(&self, port: u16, data: &DataDir) -> Result<Upstream, SendError> {
        let (transport, source) = (&self.transport, self.source);
        let address = target::find(&self.server, transport.port(port), source)?;
        let host = target::host(&self.server)?;
        Ok(transport.upstream(host, address, &self.secret, data)?)
    }

    fn client(&self, upstream: Upstream, dictionary: &Arc<Dictionary>) -> ClientBuilder {
        let trace = match (self.verbose, self.show_secrets) {
            (false, _) => Trace::from_env(),
            (true, false) => Trace::on(),
            (true, true) => Trace::with_secrets(),
        };
        let mut builder = Client::builder()
            .server_with(upstream)
            .retry(self.retry())
            .trace(trace.dictionary(Arc::clone(dictionary)));
        if let Some(source) = self.source {
            builder = builder.source(source);
        }
        builder
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
