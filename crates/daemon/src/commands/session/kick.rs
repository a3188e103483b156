//! `portreeve session kick`: by Disconnect-Request (RFC 5176), and where that fails and the NAS is
//! an enrolled router, by the router's own API.

use std::{
    fmt,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use clap::Args;
use portreeve::{
    Client, blocking,
    client::{DynamicOutcome, Retry},
};
use portreeve_aaa::{
    definition::{Nas, SharedSecret},
    port::{SessionFilter, Store as _},
    session::Session,
};
use portreeve_proto::{AttributeList, attr};
use portreeve_routeros::sessions::{self, Removed, Wanted};
use serde::Serialize;

use crate::{
    cli::{Context, Listing},
    failure::{Failure, Unknown},
    routers::{Kept, Link, RouterError, Routers, wait_for},
    service::now_ms,
};

const DYNAMIC_PORT: u16 = 3799;
/// How long each transmission waits for its answer, and how many there are.
const WAIT: Duration = Duration::from_secs(1);
const TRIES: u32 = 3;

#[derive(Debug, Args)]
pub(crate) struct Kick {
    /// The session's id, as the NAS calls it (Acct-Session-Id)
    #[arg(required_unless_present = "user")]
    id: Option<String>,
    /// All open sessions of a user
    #[arg(long, conflicts_with = "id")]
    user: Option<String>,
    /// Only those at a NAS
    #[arg(long)]
    nas: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

/// How a session was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// The NAS said yes to a Disconnect-Request.
    Disconnect,
    /// The NAS knows no such session any more.
    Gone,
    /// It was removed on the router itself.
    Router,
    /// It is still there, as far as is known.
    Not,
}

#[derive(Serialize)]
struct Outcome {
    session: String,
    user: Option<String>,
    nas: String,
    how: How,
    detail: String,
}

/// Why a Disconnect-Request did not end a session.
enum NoDisconnect {
    /// It was not sent.
    NotSent(String),
    NoAnswer,
    Nak(String),
}

impl fmt::Display for NoDisconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "no Disconnect-Request was sent: {why}"),
            Self::NoAnswer => f.write_str("Disconnect-Request was not answered"),
            Self::Nak(cause) => write!(f, "Disconnect-Request was refused: {cause}"),
        }
    }
}

pub(super) fn run(arguments: &Kick, context: &mut Context<'_>) -> Result<(), Failure> {
    let filter = SessionFilter {
        user: arguments.user.clone(),
        nas: arguments.nas.clone(),
        ..SessionFilter::default()
    };
    let mut store = context.data.open()?;
    let mut found = store.sessions(&filter)?;
    if let Some(id) = &arguments.id {
        found.retain(|session| session.session_id == *id);
    }
    if found.is_empty() {
        let whose = arguments.id.as_ref().or(arguments.user.as_ref());
        return Err(Unknown::Session(whose.cloned().unwrap_or_default()).into());
    }
    let routers = Routers::of(&context.data);
    let mut outcomes = Vec::new();
    for session in &found {
        let nas = store.nas(&session.nas).ok();
        let router = routers.of_nas(&session.nas);
        let (how, detail) = kick(session, nas.as_ref(), router.as_ref());
        let outcome = Outcome {
            session: session.session_id.clone(),
            user: session.user.clone(),
            nas: session.nas.clone(),
            how,
            detail,
        };
        if !arguments.listing.json {
            let user = outcome.user.as_deref().unwrap_or("-");
            let words = format!("{user} at {}: {}", outcome.nas, outcome.detail);
            context.output.line(crate::output::printable(&words))?;
        }
        outcomes.push(outcome);
    }
    if arguments.listing.json {
        context.output.json(&outcomes)?;
    }
    if outcomes.iter().any(|outcome| outcome.how == How::Not) {
        return Err(Failure::Said);
    }
    Ok(())
}

fn kick(session: &Session, nas: Option<&Nas>, router: Option<&Kept>) -> (How, String) {
    let trouble = match disconnect(session, nas, router) {
        Ok(How::Gone) => {
            return (
                How::Gone,
                "the NAS knows no such session any more".to_owned(),
            );
        }
        Ok(how) => return (how, "ended by Disconnect-Request".to_owned()),
        Err(trouble) => trouble,
    };
    let Some(kept) = router else {
        return (How::Not, trouble.to_string());
    };
    match wait_for(remove(session, kept)) {
        Ok(0) => (
            How::Gone,
            format!("{trouble}; the router itself has no such session any more"),
        ),
        Ok(_) => (
            How::Router,
            format!("{trouble}; ended on the router '{}' itself", kept.name),
        ),
        Err(error) => (
            How::Not,
            format!("{trouble}; {}", crate::failure::chain(&error)),
        ),
    }
}

/// Sends what a NAS is most likely to know the session by, then less of it.
fn disconnect(
    session: &Session,
    nas: Option<&Nas>,
    router: Option<&Kept>,
) -> Result<How, NoDisconnect> {
    let not = |why: &str| NoDisconnect::NotSent(why.to_owned());
    let nas = nas.ok_or_else(|| not("the NAS is no longer defined"))?;
    if nas.secret().is_none() {
        return Err(not(
            "the NAS shares no secret with this server, for it comes over TLS",
        ));
    }
    let coa = router.map(|kept| kept.wanted().coa);
    let port = match &coa {
        Some(None) => return Err(not("the router was set up not to take it")),
        Some(Some(coa)) => coa.port,
        None => DYNAMIC_PORT,
    };
    let address = nas
        .host()
        .or(session.nas_address)
        .ok_or_else(|| not("the address of the NAS is not known"))?;
    // RouterOS takes the secret of the entry with the address that a request comes from.
    let source = router.map(|kept| kept.server).filter(|one| is_here(*one));
    let to = SocketAddr::new(address, port);
    let mut outcome = Err(NoDisconnect::NoAnswer);
    // A NAS whose secret is being changed may have either.
    for secret in nas.secrets(now_ms()) {
        outcome = ask(session, to, source, secret);
        if !matches!(outcome, Err(NoDisconnect::NoAnswer)) {
            break;
        }
    }
    outcome
}

/// Asks under one secret.
fn ask(
    session: &Session,
    to: SocketAddr,
    source: Option<IpAddr>,
    secret: &SharedSecret,
) -> Result<How, NoDisconnect> {
    let retry = Retry {
        initial: WAIT,
        maximum: WAIT,
        count: TRIES,
        duration: WAIT * TRIES,
        jitter: 0.0,
    };
    let mut builder = Client::udp(to.to_string(), secret.expose()).retry(retry);
    if let Some(source) = source {
        builder = builder.source(source);
    }
    let client =
        blocking::Client::new(builder).map_err(|error| NoDisconnect::NotSent(error.to_string()))?;
    let mut last = NoDisconnect::NoAnswer;
    for attributes in [whole(session), least(session)] {
        match client.disconnect(attributes) {
            Ok(outcome) if outcome.is_gone() => return Ok(How::Gone),
            Ok(DynamicOutcome::Ack(_)) => return Ok(How::Disconnect),
            Ok(outcome) => last = NoDisconnect::Nak(cause(&outcome)),
            Err(portreeve::Error::NoAnswer { .. }) => return Err(NoDisconnect::NoAnswer),
            Err(error) => return Err(NoDisconnect::NotSent(error.to_string())),
        }
    }
    Err(last)
}

fn cause(outcome: &DynamicOutcome) -> String {
    outcome
        .cause()
        .map_or_else(|| "without a reason".to_owned(), |cause| cause.to_string())
}

fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

fn whole(session: &Session) -> AttributeList {
    let mut list = least(session);
    if !session.session_id.is_empty() {
        list.add(attr::ACCT_SESSION_ID, &session.session_id);
    }
    if let Some(IpAddr::V4(address)) = session.nas_address {
        list.add(attr::NAS_IP_ADDRESS, address);
    }
    list
}

fn least(session: &Session) -> AttributeList {
    let mut list = AttributeList::new();
    if let Some(user) = &session.user {
        list.add(attr::USER_NAME, user);
    }
    if let Some(address) = session.framed_ip {
        list.add(attr::FRAMED_IP_ADDRESS, address);
    }
    list
}

/// Removes a session on the router itself, and says how many there were.
async fn remove(session: &Session, kept: &Kept) -> Result<usize, RouterError> {
    let wanted = Wanted {
        user: session.user.clone(),
        address: session.framed_ip.map(IpAddr::V4),
        // A MAC address would say no more than the user and the address, and not all services have
        // one here.
        mac: None,
        session_id: Some(session.session_id.clone()).filter(|id| !id.is_empty()),
    };
    if wanted.user.is_none() && wanted.session_id.is_none() {
        let words = "what is known of the session is not enough to find it on the router";
        return Err(RouterError::Refused(words.to_owned()));
    }
    let link = Link::open(kept).await?;
    let mut found = link.said(sessions::find(&link.router, &link.can, &wanted).await)?;
    if found.is_empty() {
        // Several menus do not show the id that accounting has.
        let wanted = Wanted {
            session_id: None,
            ..wanted
        };
        if wanted.user.is_some() {
            found = link.said(sessions::find(&link.router, &link.can, &wanted).await)?;
        }
    }
    for active in &found {
        let removed = link.said(sessions::remove(&link.router, &link.can, active).await)?;
        if removed == Removed::Still {
            return Err(RouterError::Refused(format!(
                "{}: the router says yes, and the session is still there",
                active.menu
            )));
        }
    }
    Ok(found.len())
}
