//! Whether requests arrive and answers come back.

use std::{net::IpAddr, time::Duration};

use subtle::ConstantTimeEq as _;

use crate::{Record, Secret, monitor::Counters, time};

use super::{
    Code, Discarded, Finding, Kind, Repair, Seen,
    scene::{Scene, is_on, is_radsec, name_of, source_of},
};

pub(super) fn rules(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    entries(scene, found);
    registration(scene, found);
    translation(scene, found);
    ports(scene, found);
    let wrong_secret = secrets(scene, found);
    let unsigned = !scene.discards("message_authenticator_missing").is_empty();
    for entry in scene.our_entries() {
        let Some(counters) = scene.counters(entry) else {
            continue;
        };
        if !found.iter().any(|one| explains_silence(one.code)) && !wrong_secret && !unsigned {
            silence(scene, entry, &counters, found);
        }
        if !wrong_secret {
            bad_replies(scene, entry, &counters, found);
        }
        patience(scene, entry, &counters, found);
    }
}

fn explains_silence(code: Code) -> bool {
    matches!(
        code,
        Code::NasNotRegistered | Code::WrongSource | Code::WrongPort
    )
}

fn entries(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    if !scene.router.has("/radius") || !scene.our_entries().is_empty() {
        return;
    }
    if scene.ours.addresses.is_empty() && scene.expected.servers.is_empty() {
        return;
    }
    let all = scene.router.items("/radius");
    let Some(off) = all
        .iter()
        .find(|entry| scene.leads_here(entry) && !is_on(entry))
    else {
        let known = scene
            .ours
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        found.push(
            Finding::error(
                Code::NoEntry,
                "the router has no /radius entry that leads here",
            )
            .all_seen(all.iter().map(|entry| format!("it has {}", name_of(entry))))
            .seen(format!("this server's addresses: {}", known.join(", ")))
            .fix("portreeve router enrol, or /radius add address=... secret=... service=..."),
        );
        return;
    };
    found.push(
        Finding::error(
            Code::EntryDisabled,
            "the /radius entry that leads here is disabled",
        )
        .seen(name_of(off))
        .fix("/radius enable it")
        .repair(Repair::setting(
            "/radius",
            off,
            &[("disabled", "no", "yes")],
        )),
    );
}

/// Whether what the router sends is accepted as coming from a NAS of ours.
fn registration(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let own = scene.router_addresses();
    for entry in scene.our_entries() {
        if let Some(source) = source_of(entry)
            && source.is_ipv4()
            && !own.is_empty()
            && !own.contains(&source)
        {
            found.push(
                Finding::error(
                    Code::WrongSource,
                    format!("src-address is {source}, which is no address of the router"),
                )
                .seen(name_of(entry))
                .seen(format!("/ip address has {}", joined(&own)))
                .fix("set src-address to an address of the router, or to 0.0.0.0")
                .repair(Repair::setting(
                    "/radius",
                    entry,
                    &[("src-address", "0.0.0.0", &source.to_string())],
                )),
            );
        }
    }
    for stranger in scene.discards("unknown_peer") {
        if scene.ours.nas.iter().any(|nas| nas.covers(stranger.source)) {
            continue; // Registered since.
        }
        let (code, what) = if scene.ours.nas.is_empty() {
            (
                Code::NasNotRegistered,
                "the router's requests arrive, but it is not registered here",
            )
        } else {
            (
                Code::WrongSource,
                "the router's requests come from an address not registered here",
            )
        };
        found.push(
            Finding::error(code, what)
                .seen(format!(
                    "{} requests from {} thrown away (unknown_peer), the last {}",
                    stranger.count,
                    stranger.source,
                    scene.ago(stranger.last)
                ))
                .all_seen(scene.ours.nas.iter().map(|nas| {
                    format!("NAS {:?} is {}/{}", nas.name, nas.network.0, nas.network.1)
                }))
                .fix(format!(
                    "set src-address of the /radius entry to the address registered, or \
                     portreeve nas add|set NAME with the address {}",
                    stranger.source
                )),
        );
    }
    unregistered(scene, found);
}

/// The address from which requests are to be expected is known, and no entry covers it.
fn unregistered(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    if found.iter().any(|one| explains_silence(one.code)) || scene.seen().next().is_some() {
        return;
    }
    // With `src-address` not set the router chooses by its routes, which we do not follow.
    let set: Vec<_> = scene
        .our_entries()
        .into_iter()
        .filter_map(source_of)
        .collect();
    for source in set {
        if scene.ours.nas.is_empty() || scene.ours.nas.iter().any(|nas| nas.covers(source)) {
            continue;
        }
        let names = scene
            .ours
            .nas
            .iter()
            .map(|nas| format!("NAS {:?} is {}/{}", nas.name, nas.network.0, nas.network.1));
        found.push(
            Finding::error(
                Code::WrongSource,
                format!("the router sends from {source}, which is not the address registered"),
            )
            .all_seen(names)
            .fix(format!(
                "portreeve nas set NAME with the address {source}, or change src-address"
            )),
        );
        return;
    }
    if scene.ours.nas.is_empty() && !scene.our_entries().is_empty() && !scene.ours.is_blank() {
        found.push(
            Finding::error(
                Code::NasNotRegistered,
                "the router is not registered as a NAS here",
            )
            .all_seen(scene.our_entries().into_iter().map(name_of))
            .fix("portreeve nas add NAME ADDRESS, or portreeve router enrol"),
        );
    }
}

/// A request says which router it is of, and comes from an address that this router has not.
fn translation(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let own = scene.router_addresses();
    if own.is_empty() {
        return;
    }
    let identity = scene
        .router
        .one("/system/identity")
        .and_then(|one| one.get("name"));
    // The factory's name is no proof: many routers have it.
    let identity = identity.filter(|name| *name != "MikroTik");
    let is_of_router = |seen: &&Seen| {
        seen.nas_address
            .is_some_and(|address| own.contains(&address))
            || (identity.is_some() && seen.nas_identifier.as_deref() == identity)
    };
    let foreign = |seen: &&Seen| !own.contains(&seen.source.to_canonical());
    let all = scene.ours.requests.iter();
    let Some(seen) = all.filter(is_of_router).find(foreign) else {
        return;
    };
    let what = format!(
        "the router's requests come from {}, which it does not have",
        seen.source
    );
    let finding = if scene.ours.dynamic.acks > 0 {
        Finding::note(Code::AddressTranslated, what)
    } else {
        Finding::warning(Code::AddressTranslated, what)
    };
    found.push(
        finding
            .seen(format!("the router's addresses: {}", joined(&own)))
            .seen(format!(
                "NAS-IP-Address {}, NAS-Identifier {:?}",
                seen.nas_address
                    .map_or_else(|| "none".to_owned(), |one| one.to_string()),
                seen.nas_identifier.as_deref().unwrap_or_default()
            ))
            .fix(
                "register the translated address; CoA and Disconnect reach the router only if \
                 the translating device forwards them. RadSec or a tunnel avoids both",
            ),
    );
}

fn ports(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let kinds = [
        (
            "authentication-port",
            &scene.ours.authentication_ports,
            1812,
        ),
        ("accounting-port", &scene.ours.accounting_ports, 1813),
    ];
    for entry in scene.udp_entries() {
        for (property, listened, default) in kinds {
            let port = entry.number(property).unwrap_or(default);
            let Some(first) = listened.first() else {
                continue;
            };
            if listened.iter().any(|one| u64::from(*one) == port) {
                continue;
            }
            let (first, port) = (first.to_string(), port.to_string());
            found.push(
                Finding::error(
                    Code::WrongPort,
                    format!("{property} is {port}, where this server does not listen"),
                )
                .seen(name_of(entry))
                .seen(format!("this server listens on UDP port {first}"))
                .fix(format!("/radius set it {property}={first}"))
                .repair(Repair::setting(
                    "/radius",
                    entry,
                    &[(property, &first, &port)],
                )),
            );
        }
    }
}

/// Whether the secrets differ, by themselves or by what follows of it. Says whether they do.
fn secrets(scene: &Scene<'_>, found: &mut Vec<Finding>) -> bool {
    let mut all_equal = true;
    for entry in scene.udp_entries() {
        match compare(scene, entry) {
            Some(true) => {}
            Some(false) => {
                found.push(differing(scene, entry));
                return true;
            }
            None => all_equal = false,
        }
    }
    if all_equal {
        return false; // Whatever is in the counters is of before.
    }
    let evidence = symptoms(scene);
    if evidence.is_empty() {
        return false;
    }
    found.push(
        Finding::error(
            Code::WrongSecret,
            "the two sides do not have the same shared secret",
        )
        .all_seen(evidence)
        .seen("the router did not show its secret: its user lacks the policy `sensitive`")
        .fix("set the secret of the /radius entry to that of the NAS entry, or rotate both"),
    );
    true
}

/// Whether the secrets of both sides are the same. `None`: one of them is not known.
fn compare(scene: &Scene<'_>, entry: &Record) -> Option<bool> {
    let theirs = entry.get("secret")?;
    let ours: Vec<&Secret> = scene
        .nas()
        .into_iter()
        .filter_map(|nas| nas.secret.as_ref())
        .collect();
    if ours.is_empty() || theirs.contains("***") {
        return None;
    }
    let equal = |secret: &&Secret| bool::from(secret.reveal().as_bytes().ct_eq(theirs.as_bytes()));
    Some(ours.iter().any(equal))
}

fn differing(scene: &Scene<'_>, entry: &Record) -> Finding {
    let secrets: Vec<_> = scene
        .nas()
        .into_iter()
        .filter_map(|nas| nas.secret.as_ref())
        .collect();
    let repair = match secrets.as_slice() {
        [one] => {
            let before = entry.get("secret").unwrap_or_default();
            Repair::setting("/radius", entry, &[("secret", one.reveal(), before)])
        }
        _ => None,
    };
    Finding::error(
        Code::WrongSecret,
        "the shared secret of the router is another than ours",
    )
    .seen(format!(
        "{}: its secret differs from that of the NAS entry",
        name_of(entry)
    ))
    .all_seen(symptoms(scene))
    .fix("set the secret of the /radius entry to that of the NAS entry, or rotate both")
    .repair(repair)
}

/// What a wrong secret looks like: it depends on how the user logs in.
fn symptoms(scene: &Scene<'_>) -> Vec<String> {
    let mut evidence = Vec::new();
    for (reason, what) in [
        (
            "message_authenticator_wrong",
            "requests whose Message-Authenticator does not verify",
        ),
        (
            "request_authenticator_wrong",
            "accounting whose authenticator does not verify",
        ),
    ] {
        for one in scene.discards(reason) {
            let ago = scene.ago(one.last);
            evidence.push(format!(
                "{} {what} from {}, the last {ago}",
                one.count, one.source
            ));
        }
    }
    for one in scene
        .ours
        .refusals
        .iter()
        .filter(|one| one.reason == "suspect_secret")
    {
        evidence.push(format!(
            "{} passwords (PAP) were unreadable when revealed",
            one.count
        ));
    }
    for entry in scene.udp_entries() {
        let counters = scene.counters(entry).unwrap_or_default();
        if counters.bad_replies > 0 && counters.accepts + counters.rejects == 0 {
            evidence.push(format!(
                "{}: {} bad replies and no good one, as with CHAP and MS-CHAP and a wrong secret",
                name_of(entry),
                counters.bad_replies
            ));
        }
    }
    evidence
}

/// Reasons for which requests are thrown away that findings of their own tell of.
const TOLD: [&str; 4] = [
    "message_authenticator_missing",
    "message_authenticator_wrong",
    "request_authenticator_wrong",
    "unknown_peer",
];

/// Requests go out and nothing at all comes back.
fn silence(scene: &Scene<'_>, entry: &Record, counters: &Counters, found: &mut Vec<Finding>) {
    let answered = counters.accepts + counters.rejects + counters.bad_replies;
    if counters.timeouts == 0 || answered > 0 {
        return;
    }
    let arrived = scene
        .seen()
        .filter(|seen| seen.kind == Kind::Authentication);
    let arrived: u64 = arrived.map(|seen| seen.count).sum();
    let thrown = scene.all_discards();
    let is_told = |one: &&Discarded| TOLD.contains(&one.reason.as_str());
    if arrived == 0 && !thrown.is_empty() && thrown.iter().all(is_told) {
        return; // They arrived. What was wrong is told elsewhere, or is right by now.
    }
    let (what, fix) = if arrived == 0 && !thrown.is_empty() {
        (
            "the router's requests arrive here and are thrown away",
            "what each reason means, and what to do, stands in docs/reference/discards.md",
        )
    } else if arrived > 0 {
        (
            "the router's requests arrive here and its answers are lost on the way back",
            "look for a firewall that drops what comes from this server's port, and for a second \
             path between the two (the answer leaves from the address that was asked)",
        )
    } else if is_radsec(entry) {
        (
            "the router has no RadSec connection to this server",
            "look for a firewall before this server's TCP port 2083, and at the certificates",
        )
    } else {
        (
            "the router asks this server and nothing arrives here",
            "look for a firewall or a missing route between the two, and whether this server \
             runs and listens there",
        )
    };
    found.push(
        Finding::error(Code::ServerUnreachable, what)
            .seen(format!(
                "{}: {} requests, {} timeouts, no answer",
                name_of(entry),
                counters.requests,
                counters.timeouts
            ))
            .seen(format!(
                "{arrived} requests of it were seen here in the last hours"
            ))
            .all_seen(thrown.iter().map(|one| {
                format!(
                    "{} requests from {} thrown away ({}), the last {}",
                    one.count,
                    one.source,
                    one.reason,
                    scene.ago(one.last)
                )
            }))
            .all_seen(
                entry
                    .get("status")
                    .map(|status| format!("its status is {status:?}")),
            )
            .all_seen(scene.log(&["radius timeout", "not responding"]))
            .fix(fix),
    );
}

/// Answers that the router throws away although the secret is the right one.
fn bad_replies(scene: &Scene<'_>, entry: &Record, counters: &Counters, found: &mut Vec<Finding>) {
    let few =
        counters.bad_replies < 5 || counters.bad_replies.saturating_mul(20) < counters.requests;
    let explained = scene.ours.signs_replies == Some(false);
    if few || explained || (counters.accepts + counters.rejects == 0 && is_radsec(entry)) {
        return;
    }
    found.push(
        Finding::warning(
            Code::BadReplies,
            "the router throws away some of our answers",
        )
        .seen(format!(
            "{}: {} bad replies of {} requests",
            name_of(entry),
            counters.bad_replies,
            counters.requests
        ))
        .fix(
            "they may be from before the secret was right: /radius reset-counters, wait, \
                 check again. If they go on, answers come so late that the router has given \
                 their number to another request: raise timeout",
        ),
    );
}

/// Whether the router waits long enough.
fn patience(scene: &Scene<'_>, entry: &Record, counters: &Counters, found: &mut Vec<Finding>) {
    let property = if is_radsec(entry) {
        "radsec-timeout"
    } else {
        "timeout"
    };
    let Some(timeout) = entry.duration(property) else {
        return;
    };
    let way = scene.router.round_trip;
    let ours = scene.ours.response_times.unwrap_or_default();
    let needed = way + ours.high;
    let resends = counters.resends;
    let resent = counters.accepts > 0
        && counters.requests >= 20
        && resends.saturating_mul(20) > counters.requests;
    let measured = scene.ours.response_times.is_some();
    let finding = if measured && timeout < needed {
        Finding::error(
            Code::TimeoutShort,
            "the router gives up before our answer can be there",
        )
    } else if resent && timeout < Duration::from_secs(1) {
        Finding::warning(
            Code::TimeoutShort,
            "the router often asks twice before our answer comes",
        )
    } else if measured && timeout < needed * 3 {
        Finding::warning(
            Code::TimeoutShort,
            "the router's timeout leaves little room",
        )
    } else if timeout <= Duration::from_millis(300) && eap_or_far(entry, way) {
        Finding::note(Code::TimeoutShort, "the timeout is RouterOS's old default")
    } else {
        return;
    };
    let wanted = (needed * 4).clamp(Duration::from_secs(2), Duration::from_secs(10));
    let (wanted, before) = (time::spell(wanted), time::spell(timeout));
    found.push(
        finding
            .seen(format!("{}: {property}={before}", name_of(entry)))
            .seen(format!(
                "there and back: {way:?} by the API; our answers: 99 % in {:?}",
                ours.high
            ))
            .seen(format!(
                "{resends} resends, {} timeouts of {}",
                counters.timeouts, counters.requests
            ))
            .fix(format!("/radius set it {property}={wanted}"))
            .repair(Repair::setting(
                "/radius",
                entry,
                &[(property, &wanted, &before)],
            )),
    );
}

fn eap_or_far(entry: &Record, way: Duration) -> bool {
    let services = entry.list("service");
    let eap = ["wireless", "dot1x", "ipsec"]
        .iter()
        .any(|one| services.contains(one));
    eap || way > Duration::from_millis(40)
}

fn joined(addresses: &[IpAddr]) -> String {
    addresses
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
