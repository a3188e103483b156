//! Whether CoA and Disconnect reach the router.

use std::net::IpAddr;

use crate::{Command, Record};

use super::{
    Code, Finding, Repair,
    firewall::{self, Packet, Verdict},
    scene::Scene,
};

/// What RouterOS devices listen on unless told otherwise. Its manual also prints 1700.
const DEFAULT_PORT: u16 = 3799;

pub(super) fn rules(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    if scene.expected.no_dynamic || scene.our_entries().is_empty() {
        return;
    }
    let Some(incoming) = scene.router.one("/radius/incoming") else {
        return;
    };
    let port = scene.nas().first().map_or(DEFAULT_PORT, |nas| nas.coa_port);
    if incoming.flag("accept") != Some(true) {
        closed(scene, incoming, port, found);
        return;
    }
    wrong_port(incoming, port, found);
    let misplaced = source(scene, found);
    blocked(scene, port, found);
    if !misplaced {
        bad_requests(scene, found);
    }
}

fn closed(scene: &Scene<'_>, incoming: &Record, port: u16, found: &mut Vec<Finding>) {
    let what = "the router does not take CoA and Disconnect";
    let timeouts = scene.ours.dynamic.timeouts;
    let finding = if timeouts > 0 {
        Finding::error(Code::IncomingClosed, what)
    } else {
        Finding::warning(Code::IncomingClosed, what)
    };
    let (wanted, before) = (port.to_string(), incoming.get("port").unwrap_or("3799"));
    found.push(
        finding
            .seen(format!("/radius incoming has accept=no port={before}"))
            .all_seen((timeouts > 0).then(|| format!("{timeouts} of ours were not answered")))
            .fix(format!("/radius incoming set accept=yes port={wanted}"))
            .repair(Repair::setting(
                "/radius/incoming",
                incoming,
                &[("accept", "yes", "no"), ("port", &wanted, before)],
            )),
    );
}

fn wrong_port(incoming: &Record, port: u16, found: &mut Vec<Finding>) {
    let Some(theirs) = incoming.number("port") else {
        return;
    };
    if theirs == u64::from(port) {
        return;
    }
    let (wanted, before) = (port.to_string(), theirs.to_string());
    found.push(
        Finding::error(
            Code::IncomingPort,
            format!("the router takes CoA on port {theirs}, and we send to {port}"),
        )
        .seen(format!("/radius incoming has port={theirs}"))
        .seen(format!("the NAS entry has the CoA port {port}"))
        .fix(format!(
            "/radius incoming set port={port}, or change the NAS entry"
        ))
        .repair(Repair::setting(
            "/radius/incoming",
            incoming,
            &[("port", &wanted, &before)],
        )),
    );
}

/// RouterOS knows a CoA packet by the `/radius` entry of its source. Says whether there is none.
fn source(scene: &Scene<'_>, found: &mut Vec<Finding>) -> bool {
    let Some(source) = scene.ours.dynamic.source else {
        return false;
    };
    let entries = scene.our_entries();
    let known = entries
        .iter()
        .filter_map(|entry| super::scene::server_of(entry));
    let known: Vec<_> = known.collect();
    if known.contains(&source.to_canonical()) {
        return false;
    }
    let listed = known
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    found.push(
        Finding::error(
            Code::IncomingSource,
            format!("we send CoA from {source}, which is in no /radius entry"),
        )
        .seen(format!("the entries have {listed}"))
        .fix(
            "send CoA from the address that the router has in /radius (set where CoA is sent \
             from), or add a /radius entry with this address",
        ),
    );
    true
}

fn blocked(scene: &Scene<'_>, port: u16, found: &mut Vec<Finding>) {
    let entry = scene
        .our_entries()
        .into_iter()
        .find_map(super::scene::server_of);
    let Some(source) = scene.ours.dynamic.source.or(entry) else {
        return;
    };
    let packet = Packet {
        protocol: "udp",
        source,
        destination: scene.ours.router_address,
        port,
        interface: firewall::interface_towards(scene.router, source),
    };
    let silent = scene.ours.dynamic.timeouts > 0 && scene.ours.dynamic.acks == 0;
    let (rule, certain) = match firewall::input(scene.router, &packet) {
        Verdict::Blocked(rule) => (rule, true),
        Verdict::Unknown(rule) if silent => (rule, false),
        _ => return,
    };
    if scene.ours.dynamic.acks > 0 && scene.ours.dynamic.timeouts == 0 {
        return; // It arrives, whatever we read there.
    }
    let finding = if certain {
        Finding::error(
            Code::IncomingFirewall,
            "the router's firewall drops our CoA",
        )
    } else {
        Finding::warning(
            Code::IncomingFirewall,
            "the router's firewall perhaps drops our CoA",
        )
    };
    found.push(
        finding
            .seen(format!(
                "UDP from {source} to port {port} meets: {}",
                firewall::describe(rule)
            ))
            .all_seen(
                packet
                    .interface
                    .map(|name| format!("it comes in by {name}")),
            )
            .fix(format!(
                "add before that rule: /ip firewall filter add chain=input action=accept \
                 protocol=udp src-address={source} dst-port={port}"
            ))
            .repair(certain.then(|| accepting(source, port, rule)).flatten()),
    );
}

/// A rule that lets in our CoA and nothing else, before the one that drops it.
fn accepting(source: IpAddr, port: u16, before: &Record) -> Option<Repair> {
    let chain = before.get("chain").filter(|chain| *chain == "input")?;
    let menu = if source.is_ipv4() {
        "/ip/firewall/filter"
    } else {
        "/ipv6/firewall/filter"
    };
    Some(Repair {
        commands: vec![
            Command::new(format!("{menu}/add"))
                .with("chain", chain)
                .with("action", "accept")
                .with("protocol", "udp")
                .with("src-address", source.to_string())
                .with("dst-port", port.to_string())
                .with("comment", "portreeve: CoA from this server")
                .with("place-before", before.get(".id")?),
        ],
        inverse: vec![Command::new(format!("{menu}/remove"))],
    })
}

fn bad_requests(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let Some(counters) = scene.router.one("/radius/incoming/monitor") else {
        return;
    };
    let count = |name: &str| counters.number(name).unwrap_or(0);
    let bad = count("bad-requests");
    if bad == 0 || count("acks") + count("naks") > 0 {
        return;
    }
    found.push(
        Finding::warning(Code::IncomingBad, "the router calls our CoA requests bad")
            .seen(format!("{bad} bad requests, none answered with ACK or NAK"))
            .all_seen(scene.log(&["bad request", "incoming"]))
            .fix(
                "the source address is in no /radius entry as the router sees it, or the secret \
                 of that entry is another than ours",
            ),
    );
}
