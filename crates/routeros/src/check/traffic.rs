//! Rate limits and the counting of traffic.

use crate::Record;

use super::{
    Code, Counted, Finding,
    scene::{Scene, is_on},
    service::{self, State},
};

pub(super) fn rules(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    fasttrack(scene, found);
    direction(scene, found);
}

fn fasttrack(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let limited = ["ppp", "hotspot", "dhcp"].iter().any(|service| {
        scene.services().contains(service) && service::state(scene.router, service) == State::On
    });
    let limits = scene.router.items("/queue/simple").iter().filter(|queue| {
        let limit = queue.get("max-limit").unwrap_or("0/0");
        is_on(queue) && queue.flag("dynamic") == Some(true) && limit != "0/0"
    });
    let queues = limits.count();
    if !limited || !(scene.ours.rates_in_use || queues > 0) {
        return;
    }
    // Dynamic rules only show that FastTrack works; they track nothing themselves.
    let tracking = scene
        .router
        .items("/ip/firewall/filter")
        .iter()
        .find(|rule| {
            is_on(rule)
                && rule.get("action") == Some("fasttrack-connection")
                && rule.flag("dynamic") != Some(true)
        });
    let Some(rule) = tracking else { return };
    let selective = rule
        .iter()
        .any(|(name, value)| selects(name) && !value.is_empty());
    let what = "FastTracked connections pass by the queues that hold the rate limits";
    let finding = if selective {
        Finding::note(
            Code::Fasttrack,
            format!("{what}; the rule may leave subscribers out"),
        )
    } else {
        Finding::warning(Code::Fasttrack, what)
    };
    let seen = rule.number("packets").filter(|packets| *packets > 0);
    found.push(
        finding
            .seen(super::firewall::describe(rule))
            .all_seen(seen.map(|packets| format!("{packets} packets went this way")))
            .all_seen((queues > 0).then(|| format!("{queues} dynamic queues hold a limit")))
            .fix(
                "disable the rule, or let it leave the subscribers' addresses out \
                 (src-address-list and dst-address-list with !): the router's processor then \
                 has more to do",
            ),
    );
}

fn selects(name: &str) -> bool {
    name.contains("-address")
        || name.contains("-interface")
        || name.contains("-mark")
        || matches!(
            name,
            "protocol" | "dst-port" | "src-port" | "port" | "hotspot"
        )
}

/// So little traffic tells nothing.
const ENOUGH: u64 = 1_000_000;

/// Compares what we hold of a session with what the router counts of it.
fn direction(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let mut right = 0usize;
    let mut wrong = Vec::new();
    for session in &scene.ours.sessions {
        let Some((place, upload, download)) = counted_by_router(scene, session) else {
            continue;
        };
        match (
            leaning(session.upload, session.download),
            leaning(upload, download),
        ) {
            (Some(ours), Some(theirs)) if ours == theirs => right += 1,
            (Some(_), Some(_)) => wrong.push(format!(
                "{:?}: we hold {} up and {} down; {place} counts {upload} up and {download} down",
                session.user, session.upload, session.download
            )),
            _ => {}
        }
    }
    if wrong.len() <= right {
        return;
    }
    wrong.truncate(3);
    let swaps = scene.nas().iter().any(|nas| nas.swaps_octets);
    let fix = if swaps {
        "stop exchanging octets in and out for this NAS entry"
    } else {
        "exchange octets in and out for this NAS entry: this RouterOS reports them as the \
         subscriber sees them"
    };
    found.push(
        Finding::error(
            Code::OctetsSwapped,
            "upload and download are counted the wrong way round",
        )
        .all_seen(wrong)
        .seen(format!(
            "the NAS entry exchanges octets: {}",
            if swaps { "yes" } else { "no" }
        ))
        .fix(fix),
    );
}

/// Whether much more was uploaded (`true`) or downloaded. `None`: neither.
fn leaning(upload: u64, download: u64) -> Option<bool> {
    if upload.max(download) < ENOUGH {
        None
    } else if upload / 3 > download {
        Some(true)
    } else if download / 3 > upload {
        Some(false)
    } else {
        None
    }
}

/// What the router itself counts of a session: where, upload and download.
fn counted_by_router(scene: &Scene<'_>, session: &Counted) -> Option<(String, u64, u64)> {
    let user = session.user.as_str();
    // Dynamic names are `<pppoe-user>`, `<hotspot-user>`, `<ovpn-user-1>`, ...
    let is_of_user = |item: &&Record| {
        let inner = item
            .get("name")
            .and_then(|name| name.strip_prefix('<')?.strip_suffix('>'));
        let rest = inner
            .and_then(|inner| inner.split_once('-'))
            .map(|(_, rest)| rest);
        rest.is_some_and(|rest| !user.is_empty() && rest == user)
    };
    if let Some(queue) = scene.router.items("/queue/simple").iter().find(is_of_user)
        && let Some((up, down)) = queue.get("bytes").and_then(|text| text.split_once('/'))
        && let (Ok(up), Ok(down)) = (up.parse(), down.parse())
    {
        return Some(("its queue".to_owned(), up, down));
    }
    if let Some(interface) = scene.router.items("/interface").iter().find(is_of_user)
        && let (Some(up), Some(down)) = (interface.number("rx-byte"), interface.number("tx-byte"))
    {
        return Some(("its interface".to_owned(), up, down));
    }
    let mut hosts = scene.router.items("/ip/hotspot/active").iter();
    let host = hosts.find(|host| host.get("user") == Some(user))?;
    Some((
        "/ip hotspot active".to_owned(),
        host.number("bytes-in")?,
        host.number("bytes-out")?,
    ))
}
