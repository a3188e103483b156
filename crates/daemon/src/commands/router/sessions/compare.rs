//! `portreeve router sessions --compare`: what is open here beside what the router has.

use clap::Args;
use portreeve_aaa::session::Session;
use portreeve_routeros::sessions::{Active, Presence};
use serde::Serialize;

use crate::{
    cli::{Context, Listing},
    commands::{rows, status::NotServing},
    failure::Failure,
    routers::{
        Kept, RouterError,
        presence::{self, Compared, GRACE},
        wait_for,
    },
    serving::control,
};

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Standing {
    /// Open here, and there.
    Both,
    /// Open here, and gone there.
    Gone,
    /// Open here and not listed there, but heard of a moment ago.
    Fresh,
    /// Open here, and the router does not list what it may be.
    Untold,
    /// There, let in by RADIUS, and not open here.
    RouterOnly,
}

impl Standing {
    const fn words(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Gone => "here only: gone",
            Self::Fresh => "here only: heard of just now",
            Self::Untold => "here; the router does not list it",
            Self::RouterOnly => "router only",
        }
    }
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    standing: Standing,
    user: &'a str,
    session_id: &'a str,
    address: Option<String>,
    station: Option<&'a str>,
    /// When it was last heard of here.
    updated: Option<String>,
    #[serde(skip)]
    updated_ms: Option<u64>,
}

#[derive(Serialize)]
struct Outcome<'a> {
    router: &'a str,
    sessions: Vec<Line<'a>>,
    /// Those that the server has closed, by their ids.
    closed: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Comparison {
    /// Put them beside those that are open here; exit 1 where the router has one of ours no more
    #[arg(long, conflicts_with_all = ["of", "address", "mac", "session_id", "remove"])]
    compare: bool,
    /// With --compare: have the server close here those that the router has no more
    #[arg(long, requires = "compare")]
    clear: bool,
}

impl Comparison {
    pub(super) const fn is_wanted(&self) -> bool {
        self.compare
    }

    pub(super) fn run(
        &self,
        kept: &Kept,
        listing: Listing,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        let compared = wait_for(presence::compare(kept, &context.data))?;
        let lines = lines(&compared);
        let count = |standing| lines.iter().filter(|it| it.standing == standing).count();
        let (gone, strange) = (count(Standing::Gone), count(Standing::RouterOnly));
        let mut outcome = Outcome {
            router: &kept.name,
            sessions: lines,
            closed: Vec::new(),
        };
        if !listing.json {
            print(&outcome.sessions, context)?;
            context.output.flush()?;
        }
        if self.clear && gone > 0 {
            outcome.closed = settle(kept, context)?;
        }
        if listing.json {
            context.output.json(&outcome)?;
        } else {
            say(
                &kept.name,
                gone,
                strange,
                self.clear.then_some(outcome.closed.len()),
                context,
            )?;
        }
        if outcome.closed.len() < gone {
            return Err(Failure::Said);
        }
        Ok(())
    }
}

fn lines(compared: &Compared) -> Vec<Line<'_>> {
    let ours = compared.ours.iter().map(|(session, found)| {
        let standing = match found {
            Presence::There(_) => Standing::Both,
            Presence::Untold => Standing::Untold,
            Presence::Gone if presence::is_silent(session, GRACE, compared.seen_ms) => {
                Standing::Gone
            }
            Presence::Gone => Standing::Fresh,
        };
        of_ours(session, standing)
    });
    ours.chain(compared.strangers().map(of_theirs)).collect()
}

fn of_ours(session: &Session, standing: Standing) -> Line<'_> {
    Line {
        standing,
        user: session.user.as_deref().unwrap_or_default(),
        session_id: &session.session_id,
        address: session.framed_ip.map(|ip| ip.to_string()),
        station: session.calling_station.as_deref(),
        updated: Some(rows::rfc3339(session.updated_ms)),
        updated_ms: Some(session.updated_ms),
    }
}

fn of_theirs(active: &Active) -> Line<'_> {
    Line {
        standing: Standing::RouterOnly,
        user: &active.user,
        session_id: active.session_id.as_deref().unwrap_or_default(),
        address: active.address.map(|ip| ip.to_string()),
        station: active.mac.as_deref(),
        updated: None,
        updated_ms: None,
    }
}

fn print(lines: &[Line<'_>], context: &mut Context<'_>) -> Result<(), Failure> {
    let rows = lines.iter().map(|line| {
        vec![
            line.user.to_owned(),
            line.address.clone().unwrap_or_default(),
            line.station.unwrap_or_default().to_owned(),
            line.session_id.to_owned(),
            line.updated_ms.map(rows::moment).unwrap_or_default(),
            line.standing.words().to_owned(),
        ]
    });
    let heading = [
        "user",
        "address",
        "station",
        "session",
        "last heard of",
        "where",
    ];
    let nothing = "no sessions, neither here nor on the router";
    Ok(context.output.table(&heading, rows.collect(), nothing)?)
}

/// Has the server close what is gone.
fn settle(kept: &Kept, context: &Context<'_>) -> Result<Vec<String>, Failure> {
    let answer = control::settle(&context.data, &kept.name);
    let answer = answer.map_err(|error| NotServing::of(error, &context.data))?;
    Ok(answer.map_err(RouterError::Refused)?.closed)
}

fn say(
    router: &str,
    gone: usize,
    strange: usize,
    closed: Option<usize>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let sessions = |count: usize| format!("{count} session{}", if count == 1 { "" } else { "s" });
    match closed {
        _ if gone == 0 => {}
        None => context.output.note(format!(
            "The router has {} of ours no more: portreeve router sessions {router} --compare \
             --clear closes them here",
            sessions(gone)
        ))?,
        Some(closed) => context
            .output
            .note(format!("Closed {} here.", sessions(closed)))?,
    }
    if strange > 0 {
        context.output.note(format!(
            "RADIUS let in {} there that no report has told of: portreeve router check {router} \
             says whether accounting is off",
            sessions(strange)
        ))?;
    }
    Ok(())
}
