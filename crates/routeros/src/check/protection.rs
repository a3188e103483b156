//! Message-Authenticator and RadSec.

use std::time::{Duration, SystemTime};

use crate::Record;

use super::{
    Code, Finding, Repair, clock,
    scene::{Scene, name_of, server_of},
};

const RADSEC_PORT: u16 = 2083;
const SOON: Duration = Duration::from_hours(14 * 24);

pub(super) fn rules(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    signatures(scene, found);
    let entries = scene.radsec_entries();
    if let Some(first) = entries.first() {
        radsec_server(scene, first, found);
        trust(scene, found);
        for entry in entries {
            names(scene, entry, found);
            client_certificate(scene, entry, found);
        }
    }
}

fn signatures(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let dropped = scene.discards("message_authenticator_missing");
    for entry in scene.udp_entries() {
        let Some(demands) = entry.get("require-message-auth") else {
            continue;
        };
        if demands != "no" {
            if scene.ours.signs_replies == Some(false) {
                found.push(
                    Finding::error(
                        Code::MessageAuthMismatch,
                        "the router drops unsigned answers, and ours have no Message-Authenticator",
                    )
                    .seen(format!(
                        "{}: require-message-auth={demands}",
                        name_of(entry)
                    ))
                    .fix("let this server put Message-Authenticator into every answer"),
                );
            }
            continue;
        }
        found.push(
            Finding::warning(
                Code::MessageAuthOff,
                "the router takes answers that nobody signed (BlastRADIUS, CVE-2024-3596)",
            )
            .seen(format!("{}: require-message-auth=no", name_of(entry)))
            .fix("/radius set it require-message-auth=yes-for-request-resp")
            .repair(
                Repair::setting(
                    "/radius",
                    entry,
                    &[("require-message-auth", "yes-for-request-resp", "no")],
                )
                .filter(|_| scene.ours.signs_replies == Some(true)),
            ),
        );
    }
    if scene.udp_entries().is_empty() || (dropped.is_empty() && !old_and_demanded(scene)) {
        return;
    }
    let version = scene.router.version();
    let fix = if version.is_at_least(7, 15) {
        "/radius set it require-message-auth=yes-for-request-resp, so that the router signs"
    } else {
        "update to RouterOS 7.15 or later, use RadSec, or portreeve nas set NAME \
         --require-message-authenticator auto"
    };
    found.push(
        Finding::error(
            Code::MessageAuthMismatch,
            "this server demands Message-Authenticator, and the router does not send it",
        )
        .seen(format!("the router runs {version}"))
        .all_seen(dropped.iter().map(|one| {
            format!(
                "{} requests from {} thrown away, the last {}",
                one.count,
                one.source,
                scene.ago(one.last)
            )
        }))
        .fix(fix),
    );
}

/// Before 7.15 only EAP is signed, so that a server that demands it hears no password log-in.
fn old_and_demanded(scene: &Scene<'_>) -> bool {
    let eap_only = |service: &&str| matches!(*service, "wireless" | "dot1x" | "ipsec");
    scene.ours.demands_signature == Some(true)
        && !scene.router.version().is_at_least(7, 15)
        && !scene.services().iter().all(eap_only)
}

fn radsec_server(scene: &Scene<'_>, entry: &Record, found: &mut Vec<Finding>) {
    if !scene.ours.is_blank() && !scene.ours.radsec_ports.contains(&RADSEC_PORT) {
        let ports = &scene.ours.radsec_ports;
        found.push(
            Finding::error(
                Code::RadsecPort,
                "RouterOS uses TCP port 2083 for RadSec, and this server does not listen there",
            )
            .seen(name_of(entry))
            .seen(format!("this server's RadSec ports: {ports:?}"))
            .fix("let this server listen for RadSec on port 2083"),
        );
    }
    if let Some(secret) = &scene.ours.radsec_secret
        && secret.reveal() != "radsec"
    {
        found.push(
            Finding::error(
                Code::RadsecSecret,
                "RouterOS always uses the secret \"radsec\" in RadSec, and this server another",
            )
            .seen(name_of(entry))
            .fix("set this NAS entry's secret for RadSec to radsec (RFC 6614)"),
        );
    }
    server_time(scene, found);
}

fn server_time(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let Some(ours) = &scene.ours.radsec else {
        return;
    };
    let theirs = clock::of_router(scene.router).unwrap_or(scene.now);
    let subject = "our RadSec certificate";
    if let Some(finding) = validity(subject, ours.not_before, ours.not_after, scene.now, theirs) {
        found.push(
            finding.fix(
                "let this server make a new one (portreeve cert renew), or set the clock right",
            ),
        );
    }
}

/// Judges the time a certificate is valid in, by both clocks.
fn validity(
    subject: &str,
    from: SystemTime,
    until: SystemTime,
    ours: SystemTime,
    theirs: SystemTime,
) -> Option<Finding> {
    let stamps = format!(
        "valid from {} until {}",
        clock::stamp(from),
        clock::stamp(until)
    );
    let clocks = format!(
        "our clock: {}; the router's: {}",
        clock::stamp(ours),
        clock::stamp(theirs)
    );
    let finding = if until < ours || until < theirs {
        Finding::error(Code::RadsecTime, format!("{subject} has expired"))
    } else if from > ours || from > theirs {
        Finding::error(Code::RadsecTime, format!("{subject} is not valid yet"))
    } else if until < ours.checked_add(SOON)? {
        Finding::warning(Code::RadsecTime, format!("{subject} expires soon"))
    } else {
        return None;
    };
    Some(finding.seen(stamps).seen(clocks))
}

fn names(scene: &Scene<'_>, entry: &Record, found: &mut Vec<Finding>) {
    let (Some(ours), Some(address)) = (&scene.ours.radsec, server_of(entry)) else {
        return;
    };
    let is_it = |name: &String| {
        name.parse::<std::net::IpAddr>()
            .is_ok_and(|one| one.to_canonical() == address)
    };
    if ours.names.iter().any(is_it) {
        return;
    }
    found.push(
        Finding::error(
            Code::RadsecName,
            format!("our RadSec certificate does not name {address}"),
        )
        .seen(name_of(entry))
        .seen(format!("it names {}", ours.names.join(", ")))
        .fix(format!(
            "RouterOS compares the certificate with the address it was given: issue one that \
             names {address}"
        )),
    );
}

fn trust(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let Some(ours) = &scene.ours.radsec else {
        return;
    };
    if !scene.router.has("/certificate") {
        return;
    }
    let is_issuer = |one: &&Record| match (&ours.issuer_fingerprint, one.get("fingerprint")) {
        (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(theirs),
        _ => one.get("common-name") == Some(ours.issuer.as_str()),
    };
    let Some(found_one) = scene.router.items("/certificate").iter().find(is_issuer) else {
        found.push(
            Finding::error(
                Code::RadsecTrust,
                "the router does not have our CA's certificate",
            )
            .seen(format!(
                "our RadSec certificate is issued by {:?}",
                ours.issuer
            ))
            .fix("bring the CA's certificate to the router and import it: portreeve router enrol"),
        );
        return;
    };
    if found_one.flag("trusted") == Some(false) {
        let name = found_one.get("name").unwrap_or_default();
        found.push(
            Finding::error(
                Code::RadsecTrust,
                "the router does not trust our CA's certificate",
            )
            .seen(format!("/certificate {name:?} has trusted=no"))
            .fix(format!("/certificate set {name} trusted=yes"))
            .repair(Repair::setting(
                "/certificate",
                found_one,
                &[("trusted", "yes", "no")],
            )),
        );
    }
}

fn client_certificate(scene: &Scene<'_>, entry: &Record, found: &mut Vec<Finding>) {
    if !scene.router.has("/certificate") {
        return;
    }
    let name = entry
        .get("certificate")
        .filter(|name| !matches!(*name, "" | "none"));
    let all = scene.router.items("/certificate");
    let certificate = all
        .iter()
        .find(|one| name.is_some() && one.get("name") == name);
    let trouble = match (name, certificate) {
        (None, _) => "the /radius entry for RadSec has no client certificate".to_owned(),
        (Some(name), None) => format!("the router has no certificate {name:?}"),
        (Some(name), Some(one)) => {
            if one.flag("private-key") == Some(false) {
                format!("the router has no private key for its certificate {name:?}")
            } else {
                client_time(scene, name, one, found);
                return;
            }
        }
    };
    found.push(
        Finding::error(Code::RadsecClient, trouble)
            .seen(name_of(entry))
            .fix("portreeve router enrol issues one and brings it to the router"),
    );
}

fn client_time(scene: &Scene<'_>, name: &str, certificate: &Record, found: &mut Vec<Finding>) {
    let moment = |property: &str| certificate.get(property).and_then(clock::moment);
    let (Some(from), Some(until)) = (moment("invalid-before"), moment("invalid-after")) else {
        return;
    };
    let subject = format!("the router's certificate {name:?}");
    if let Some(finding) = validity(&subject, from, until, scene.now, scene.now) {
        found.push(finding.fix("issue a new one: portreeve router enrol"));
    }
}
