mod asking;
mod kick;
mod set;

use clap::Subcommand;
use portreeve_aaa::{
    port::{SessionFilter, Store},
    session::{Ended, EndedBy, Session},
};
use serde::Serialize;

use super::rows;
use crate::{
    cli::{Context, Listing},
    failure::{Failure, Unknown},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List sessions, the newest first; only open ones unless --all is given
    List(List),
    /// Show everything known of a session
    Show(Show),
    /// End sessions: ask the NAS, and where that fails and it is an enrolled router, end them there
    Kick(kick::Kick),
    /// Change sessions that go on: rate, timeouts, volume
    Set(set::Set),
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Also those that have ended
    #[arg(long)]
    all: bool,
    /// Only those of a user
    #[arg(long)]
    user: Option<String>,
    /// Only those at a NAS
    #[arg(long)]
    nas: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The session's id, as the NAS calls it (Acct-Session-Id)
    id: String,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) fn run(action: &Action, context: &mut Context<'_>) -> Result<(), Failure> {
    match action {
        Action::List(arguments) => list(arguments, context),
        Action::Show(arguments) => show(arguments, context),
        Action::Kick(arguments) => kick::run(arguments, context),
        Action::Set(arguments) => set::run(arguments, context),
    }
}

fn list(arguments: &List, context: &mut Context<'_>) -> Result<(), Failure> {
    let filter = SessionFilter {
        open_only: !arguments.all,
        user: arguments.user.clone(),
        nas: arguments.nas.clone(),
        limit: arguments.limit.unwrap_or(usize::MAX),
    };
    let sessions = context.data.open()?.sessions(&filter)?;
    if arguments.listing.json {
        let sessions: Vec<Described<'_>> = sessions.iter().map(Described::of).collect();
        return Ok(context.output.json(&sessions)?);
    }
    let rows = sessions.iter().map(row).collect();
    let heading = [
        "user", "nas", "address", "station", "started", "time", "in", "out", "session", "state",
    ];
    let nothing = if arguments.all {
        "no sessions yet"
    } else {
        "no open sessions"
    };
    Ok(context.output.table(&heading, rows, nothing)?)
}

fn row(session: &Session) -> Vec<String> {
    let address = session.framed_ip.map(|ip| ip.to_string());
    let address = address.or_else(|| session.framed_ipv6.map(|prefix| prefix.to_string()));
    vec![
        session.user.clone().unwrap_or_default(),
        session.nas.clone(),
        address.unwrap_or_default(),
        session.calling_station.clone().unwrap_or_default(),
        rows::moment(session.started_ms),
        rows::duration(session.session_time_s.into()),
        rows::octets(session.input_octets),
        rows::octets(session.output_octets),
        session.session_id.clone(),
        state(session),
    ]
}

fn state(session: &Session) -> String {
    match &session.ended {
        None => "open".to_owned(),
        Some(ended) => match ended.cause {
            Some(cause) => format!("ended ({cause})"),
            None => "ended".to_owned(),
        },
    }
}

/// When a session has ended, and how that is known where no Stop says it.
fn ended(ended: Ended) -> String {
    let at = rows::moment(ended.at_ms);
    let how = match ended.by {
        EndedBy::Stop => return at,
        EndedBy::NasReboot => "the NAS started again",
        EndedBy::Absent => "or before: the NAS did not have it any more then",
        EndedBy::Superseded => "or later: its NAS began another under the same id",
    };
    format!("{at} ({how})")
}

fn show(arguments: &Show, context: &mut Context<'_>) -> Result<(), Failure> {
    let filter = SessionFilter {
        open_only: false,
        ..SessionFilter::default()
    };
    let sessions = context.data.open()?.sessions(&filter)?;
    let found: Vec<&Session> = sessions
        .iter()
        .filter(|session| session.session_id == arguments.id)
        .collect();
    if found.is_empty() {
        return Err(Unknown::Session(arguments.id.clone()).into());
    }
    if arguments.listing.json {
        let found: Vec<Described<'_>> = found.into_iter().map(Described::of).collect();
        return Ok(context.output.json(&found)?);
    }
    for (index, session) in found.into_iter().enumerate() {
        if index > 0 {
            context.output.line("")?;
        }
        print(session, context)?;
    }
    Ok(())
}

fn print(session: &Session, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut pairs = vec![
        ("session", session.session_id.clone()),
        ("state", state(session)),
    ];
    let mut some = |name: &'static str, value: Option<String>| {
        pairs.extend(value.map(|value| (name, value)));
    };
    some("user", session.user.clone());
    some("nas", Some(session.nas.clone()));
    some("nas identifier", session.nas_identifier.clone());
    some(
        "nas address",
        session.nas_address.map(|address| address.to_string()),
    );
    some("port", session.port.clone());
    some("calling station", session.calling_station.clone());
    some("called station", session.called_station.clone());
    some(
        "address",
        session.framed_ip.map(|address| address.to_string()),
    );
    some(
        "ipv6 address",
        session.framed_ipv6.map(|prefix| prefix.to_string()),
    );
    some(
        "delegated prefix",
        session.delegated_ipv6.map(|prefix| prefix.to_string()),
    );
    some("started", Some(rows::moment(session.started_ms)));
    some("updated", Some(rows::moment(session.updated_ms)));
    some("ended", session.ended.map(ended));
    some("time", Some(rows::duration(session.session_time_s.into())));
    let traffic = |octets, packets| format!("{octets} octets in {packets} packets");
    some(
        "received",
        Some(traffic(session.input_octets, session.input_packets)),
    );
    some(
        "sent",
        Some(traffic(session.output_octets, session.output_packets)),
    );
    Ok(context.output.pairs(&pairs)?)
}

/// A session as JSON: what a program needs, without what only merging needs.
#[derive(Serialize)]
struct Described<'a> {
    session_id: &'a str,
    user: Option<&'a str>,
    nas: &'a str,
    nas_identifier: Option<&'a str>,
    nas_address: Option<String>,
    port: Option<&'a str>,
    calling_station: Option<&'a str>,
    called_station: Option<&'a str>,
    framed_ip: Option<String>,
    framed_ipv6: Option<String>,
    delegated_ipv6: Option<String>,
    class: Option<String>,
    open: bool,
    started: String,
    updated: String,
    ended: Option<String>,
    /// How that is known.
    ended_by: Option<EndedBy>,
    terminate_cause: Option<String>,
    session_time_s: u32,
    input_octets: u64,
    output_octets: u64,
    input_packets: u64,
    output_packets: u64,
}

impl<'a> Described<'a> {
    fn of(session: &'a Session) -> Self {
        let ended = session.ended;
        Self {
            session_id: &session.session_id,
            user: session.user.as_deref(),
            nas: &session.nas,
            nas_identifier: session.nas_identifier.as_deref(),
            nas_address: session.nas_address.map(|address| address.to_string()),
            port: session.port.as_deref(),
            calling_station: session.calling_station.as_deref(),
            called_station: session.called_station.as_deref(),
            framed_ip: session.framed_ip.map(|address| address.to_string()),
            framed_ipv6: session.framed_ipv6.map(|prefix| prefix.to_string()),
            delegated_ipv6: session.delegated_ipv6.map(|prefix| prefix.to_string()),
            class: session.class.as_deref().map(hex),
            open: ended.is_none(),
            started: rows::rfc3339(session.started_ms),
            updated: rows::rfc3339(session.updated_ms),
            ended: ended.map(|ended| rows::rfc3339(ended.at_ms)),
            ended_by: ended.map(|ended| ended.by),
            terminate_cause: ended
                .and_then(|ended| ended.cause)
                .map(|cause| cause.to_string()),
            session_time_s: session.session_time_s,
            input_octets: session.input_octets,
            output_octets: session.output_octets,
            input_packets: session.input_packets,
            output_packets: session.output_packets,
        }
    }
}

fn hex(octets: &[u8]) -> String {
    let nibbles = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    nibbles
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}
