//! `portreeve session kick`: by Disconnect-Request (RFC 5176), and where that fails and the NAS is
//! an enrolled router, by the router's own API.

use std::net::IpAddr;

use clap::Args;
use portreeve_aaa::session::Session;
use portreeve_proto::{AttributeList, attr};
use portreeve_routeros::sessions::{self, Removed, Wanted};
use serde::Serialize;

use super::asking::{Meant, NotDone, Which};
use crate::{
    cli::{Context, Listing},
    data::DataDir,
    failure::Failure,
    routers::{Kept, Link, RouterError, wait_for},
    serving::control,
};

#[derive(Debug, Args)]
pub(crate) struct Kick {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    listing: Listing,
}

/// How a session was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum How {
    /// The NAS said yes to a Disconnect-Request.
    Disconnect,
    /// The NAS knows no such session any more.
    Gone,
    /// It was removed on the router itself.
    Router,
    /// It is still there, as far as is known.
    Not,
    /// Nothing was asked: this was a dry run.
    Would,
}

#[derive(Serialize)]
struct Outcome {
    session: String,
    user: Option<String>,
    nas: String,
    how: How,
    detail: String,
}

pub(super) fn run(arguments: &Kick, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut outcomes = Vec::new();
    for meant in arguments.which.find(context)? {
        let (how, detail) = if arguments.which.dry_run {
            would(&meant)
        } else {
            kick(&meant, &context.data)
        };
        let outcome = Outcome {
            session: meant.session.session_id,
            user: meant.session.user,
            nas: meant.session.nas,
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

/// Ends a session, and says how, or what stands in the way. One that its router has no more is
/// closed here too.
pub(super) fn kick(meant: &Meant, data: &DataDir) -> (How, String) {
    let (how, detail) = end(meant);
    match (how, &meant.router) {
        (How::Gone, Some(kept)) => (how, format!("{detail}; {}", settle(meant, kept, data))),
        _ => (how, detail),
    }
}

/// Has the server close what the router has no more, and says whether the session was among it.
fn settle(meant: &Meant, kept: &Kept, data: &DataDir) -> String {
    let id = &meant.session.session_id;
    match control::settle(data, &kept.name) {
        Ok(Ok(settled)) if settled.closed.contains(id) => "closed here".to_owned(),
        _ => format!(
            "to close it here: portreeve router sessions {} --compare --clear",
            kept.name
        ),
    }
}

fn end(meant: &Meant) -> (How, String) {
    let trouble = match disconnect(meant) {
        Ok(()) => return (How::Disconnect, "ended by Disconnect-Request".to_owned()),
        Err(trouble) if trouble.is_gone() => {
            return (
                How::Gone,
                "the NAS knows no such session any more".to_owned(),
            );
        }
        Err(trouble) => format!("Disconnect-Request {trouble}"),
    };
    let Some(kept) = &meant.router else {
        return (How::Not, trouble);
    };
    match wait_for(remove(&meant.session, kept)) {
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

fn would(meant: &Meant) -> (How, String) {
    let asked = meant.rehearse(&ways(&meant.session));
    let detail = match (asked, &meant.router) {
        (Ok((address, list)), _) => format!("would be ended at {address}: {list}"),
        (Err(trouble), Some(kept)) => format!(
            "Disconnect-Request {trouble}; would be ended on the router '{}' itself",
            kept.name
        ),
        (Err(trouble), None) => return (How::Not, format!("Disconnect-Request {trouble}")),
    };
    (How::Would, detail)
}

fn disconnect(meant: &Meant) -> Result<(), NotDone> {
    // By less of it another session of the user may be meant, once this one is gone.
    let goes_on = |refused: &NotDone| !refused.is_gone();
    meant.ask(&ways(&meant.session), goes_on, |client, list| {
        client.disconnect(list)
    })
}

/// What a NAS is most likely to know the session by, then less of it.
fn ways(session: &Session) -> [AttributeList; 2] {
    [whole(session), least(session)]
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
