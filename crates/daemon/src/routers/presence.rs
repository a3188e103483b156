//! Our open sessions of a router, and which of them the router still has.

use std::{net::IpAddr, time::Duration};

use portreeve_aaa::{
    port::{SessionFilter, Store},
    session::Session,
};
use portreeve_routeros::sessions::{self, Active, Believed, Presence, Wanted};

use super::{Kept, Link};
use crate::{data::DataDir, failure::Failure, service::now_ms};

/// How long nothing must have been heard of a session before its absence counts: its router may
/// just have let it in, and not list it yet.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// What both ends have.
pub(crate) struct Compared {
    /// When the router was looked at, in milliseconds since 1970.
    pub(crate) seen_ms: u64,
    /// Those that are open here.
    pub(crate) ours: Vec<(Session, Presence)>,
    /// Those that the router has.
    pub(crate) theirs: Vec<Active>,
}

/// The open sessions of a router.
pub(crate) fn open_here(kept: &Kept, data: &DataDir) -> Result<Vec<Session>, Failure> {
    let filter = SessionFilter {
        nas: Some(kept.nas.clone()),
        ..SessionFilter::default()
    };
    Ok(data.open()?.sessions(&filter)?)
}

/// Whether nothing was heard of a session for so long.
pub(crate) fn is_silent(session: &Session, span: Duration, now_ms: u64) -> bool {
    let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    session.updated_ms.saturating_add(span) <= now_ms
}

/// Looks at both ends: here first, so that what ends meanwhile is not missed there.
pub(crate) async fn compare(kept: &Kept, data: &DataDir) -> Result<Compared, Failure> {
    let link = Link::open(kept).await?;
    let nas = data.open()?.nas(&kept.nas)?;
    let mut ours = open_here(kept, data)?;
    if nas.host().is_none() && nas.secret().is_some() {
        // Of a network of NASes, only what this one calls its own.
        let identity = link.known().await?.identity;
        ours.retain(|session| session.nas_identifier.as_ref() == Some(&identity));
    }
    let seen_ms = now_ms();
    let theirs = link.said(sessions::list(&link.router, &link.can).await)?;
    let believed: Vec<Believed> = ours.iter().map(|one| believed(one, seen_ms)).collect();
    let found = sessions::compare(&believed, &theirs);
    Ok(Compared {
        seen_ms,
        ours: ours.into_iter().zip(found).collect(),
        theirs,
    })
}

impl Compared {
    /// Ours that the router has no more, and of which nothing was heard for so long.
    pub(crate) fn gone(&self, span: Duration) -> impl Iterator<Item = &Session> {
        let gone = self.ours.iter().filter(|(_, it)| *it == Presence::Gone);
        gone.map(|(session, _)| session)
            .filter(move |session| is_silent(session, span, self.seen_ms))
    }

    /// Those that RADIUS has let in there, and nobody has told of here.
    pub(crate) fn strangers(&self) -> impl Iterator<Item = &Active> {
        let is_ours = |place: usize| {
            let mut found = self.ours.iter().map(|(_, it)| *it);
            found.any(|it| it == Presence::There(place))
        };
        let theirs = self.theirs.iter().enumerate();
        theirs
            .filter(move |(place, active)| active.radius == Some(true) && !is_ours(*place))
            .map(|(_, active)| active)
    }
}

fn believed(session: &Session, now_ms: u64) -> Believed {
    let has_ipv6 = session.framed_ipv6.is_some() || session.delegated_ipv6.is_some();
    Believed {
        known: Wanted {
            user: session.user.clone().filter(|user| !user.is_empty()),
            address: session.framed_ip.map(IpAddr::V4),
            mac: session.calling_station.clone(),
            session_id: Some(session.session_id.clone()).filter(|id| !id.is_empty()),
        },
        age: Duration::from_millis(now_ms.saturating_sub(session.started_ms)),
        only_ipv6: has_ipv6 && session.framed_ip.is_none(),
    }
}
