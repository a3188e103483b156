//! The entries of `/radius`, what lets CoA in, and the log.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use super::{Coa, Logging, Protocol, Server, Wanted, draft::Draft, rotation, value::same};
use crate::{Id, Record, time};

const RADIUS: &str = "/radius";
const INCOMING: &str = "/radius/incoming";
const FILTER: &str = "/ip/firewall/filter";
const FILTER6: &str = "/ipv6/firewall/filter";
const LOGGING: &str = "/system/logging";
const ACTION: &str = "/system/logging/action";

/// The entries, in order, before all others.
pub(super) fn servers(draft: &mut Draft<'_>, wanted: &Wanted) {
    if !draft.can.has("/radius/add") {
        let remedy = "Enable its package, or log in as a user with the policies read and write";
        draft.object(RADIUS, "this router has no RADIUS client", remedy);
        return;
    }
    check(draft, wanted);
    let services = services(draft, wanted);
    let matched: Vec<Option<Id>> = found(draft, wanted);
    let desired: Vec<Record> = wanted
        .servers
        .iter()
        .map(|server| entry(draft, wanted, server, &services))
        .collect();
    for (id, values) in matched.iter().zip(&desired) {
        if let Some(id) = id {
            let why = adopting(draft, wanted, id);
            draft.set(RADIUS, Some(id), values, OPTIONAL, &why);
        }
    }
    for (index, (id, values)) in matched.iter().zip(&desired).enumerate() {
        let there = draft.items(RADIUS).nth(index).and_then(Record::id);
        match (id, there) {
            (Some(id), Some(there)) if *id != there => {
                let why = "RouterOS asks its entries in order";
                draft.put_before(RADIUS, id, &there, why);
            }
            (None, there) => {
                let why = "the RADIUS server is asked through this entry";
                draft.add(RADIUS, values, OPTIONAL, there.as_ref(), why);
            }
            _ => {}
        }
    }
    stale(draft, wanted);
    foreign(draft, wanted, &services);
}

const OPTIONAL: &[&str] = &["require-message-auth", "accounting-backup"];

fn check(draft: &mut Draft<'_>, wanted: &Wanted) {
    let tag = wanted.tag.trim();
    if tag.is_empty() || tag.len() > 64 || tag.chars().any(|c| c.is_control() || c == '"') {
        let remedy = "Use one such as portreeve:office";
        draft.object(RADIUS, "the tag is no comment to find things by", remedy);
    }
    if wanted.servers.is_empty() {
        draft.object(RADIUS, "no RADIUS server is named", "Name one at least");
    }
    let mut seen = BTreeSet::new();
    for server in &wanted.servers {
        let address = server.address;
        if !seen.insert(address) {
            let what = format!("{address} is named twice");
            draft.object(RADIUS, what, "Name each server once");
        }
        let range = Duration::from_millis(10)..=Duration::from_mins(1);
        if !range.contains(&server.timeout) {
            let what = format!("the timeout {:?} of {address} is not taken", server.timeout);
            draft.object(RADIUS, what, "Give one from 10ms to 1m, such as 2s");
        }
        if address.is_unspecified() || address.is_multicast() {
            let what = format!("{address} is no address of a server");
            draft.object(RADIUS, what, "Give the address the router reaches it at");
        }
        if server.protocol == Protocol::Udp && server.secret.reveal().is_empty() {
            let what = format!("{address} has no shared secret");
            draft.object(RADIUS, what, "Give one of 16 octets or more");
        }
        check_source(draft, server);
        check_certificate(draft, server);
    }
}

fn check_source(draft: &mut Draft<'_>, server: &Server) {
    let Some(source) = server.source else {
        return;
    };
    if source.is_ipv6() && !draft.can.version().is_at_least(7, 24) {
        let what = format!("RouterOS {} takes no IPv6 src-address", draft.can.version());
        draft.object(RADIUS, what, "Leave it out, or upgrade to 7.24");
    } else if source.is_ipv6() != server.address.is_ipv6() {
        let what = format!("{source} cannot speak to {}", server.address);
        draft.object(
            RADIUS,
            what,
            "Give a src-address of the server's own family",
        );
    }
}

fn check_certificate(draft: &mut Draft<'_>, server: &Server) {
    let Some(name) = &server.certificate else {
        return;
    };
    let names = draft.names("/certificate");
    if draft.named("/certificate", name).is_none() {
        let what = format!("there is no certificate {name:?} on the router (there: {names})");
        draft.object(RADIUS, what, "Import it first");
    }
    if server.protocol == Protocol::Udp {
        let what = format!("{} has a certificate but speaks UDP", server.address);
        draft.object(RADIUS, what, "Leave it out, or choose RadSec");
    }
}

/// The services of `/radius`, as far as this version lists them.
fn services(draft: &mut Draft<'_>, wanted: &Wanted) -> Vec<&'static str> {
    let known = draft.can.values("/radius/add", "service").cloned();
    let mut names = wanted.services.names();
    if let Some(known) = known {
        for name in names.iter().filter(|name| !known.contains(**name)) {
            let what = format!("RouterOS {} has no service {name}", draft.can.version());
            draft.object(RADIUS, what, "Leave it out, or upgrade the router");
        }
        names.retain(|name| known.contains(*name));
    }
    names
}

fn entry(draft: &mut Draft<'_>, wanted: &Wanted, server: &Server, services: &[&str]) -> Record {
    let yes = |on: bool| if on { "yes" } else { "no" };
    let mut entry = Record::new()
        .with("address", server.address.to_string())
        .with("service", services.join(","));
    let takes_protocol = draft.can.takes("/radius/add", "protocol");
    match server.protocol {
        Protocol::Udp => {
            entry.set("secret", server.secret.reveal());
            entry.set(
                "authentication-port",
                server.authentication_port.to_string(),
            );
            entry.set("accounting-port", server.accounting_port.to_string());
            if takes_protocol {
                entry.set("protocol", "udp");
                entry.set("certificate", "none");
            }
        }
        Protocol::Radsec if !takes_protocol => {
            let what = format!("RouterOS {} has no RadSec", draft.can.version());
            draft.object(RADIUS, what, "Choose UDP, or upgrade the router");
        }
        Protocol::Radsec => {
            entry.set("secret", "radsec");
            entry.set("protocol", "radsec");
            entry.set(
                "certificate",
                server.certificate.as_deref().unwrap_or("none"),
            );
        }
    }
    entry.set("timeout", time::spell(server.timeout));
    let source = server.source.map(|source| source.to_string());
    entry.set("src-address", source.as_deref().unwrap_or("0.0.0.0"));
    entry.set("accounting-backup", yes(server.accounting_backup));
    if let Some(required) = server.require_message_authenticator {
        let value = if required {
            "yes-for-request-resp"
        } else {
            "no"
        };
        entry.set("require-message-auth", value);
    }
    entry.set("disabled", "no");
    entry.set("comment", &*wanted.tag);
    entry
}

fn is_ours(record: &Record, wanted: &Wanted) -> bool {
    let comment = record.get("comment").unwrap_or_default();
    comment == wanted.tag || comment == rotation::twin_tag(&wanted.tag)
}

/// The entry of each server: one of ours with its address, else another of it that serves every
/// realm and caller.
fn found(draft: &mut Draft<'_>, wanted: &Wanted) -> Vec<Option<Id>> {
    let plain = |record: &Record| {
        let narrowing = ["called-id", "domain", "realm"];
        narrowing
            .iter()
            .all(|name| record.get(name).unwrap_or_default().is_empty())
    };
    let of = |server: &Server| {
        let address = server.address.to_string();
        let at = move |record: &&Record| {
            same(
                "address",
                record.get("address").unwrap_or_default(),
                &address,
            )
        };
        let ours = draft
            .items(RADIUS)
            .filter(&at)
            .find(|record| is_ours(record, wanted));
        let found = ours.or_else(|| draft.items(RADIUS).filter(at).find(|record| plain(record)));
        found.and_then(Record::id)
    };
    wanted.servers.iter().map(of).collect()
}

fn adopting(draft: &mut Draft<'_>, wanted: &Wanted, id: &Id) -> String {
    let ours = draft
        .items(RADIUS)
        .any(|record| record.id().as_ref() == Some(id) && is_ours(record, wanted));
    if ours {
        "the entry is ours, but not as it should be".to_owned()
    } else {
        let text = format!("the entry {id} has the server's address and becomes ours");
        draft.note(RADIUS, format!("{text}: it was made by somebody else"));
        text
    }
}

/// Entries of ours that no server wants any more, and second ones.
fn stale(draft: &mut Draft<'_>, wanted: &Wanted) {
    let stale: Vec<Id> = draft
        .items(RADIUS)
        .skip(wanted.servers.len())
        .filter(|record| is_ours(record, wanted))
        .filter_map(Record::id)
        .collect();
    for id in stale {
        let why = "an entry of ours that is no longer wanted, or stands there twice";
        draft.remove(RADIUS, &id, why);
    }
}

fn foreign(draft: &mut Draft<'_>, wanted: &Wanted, services: &[&str]) {
    let mut notes = Vec::new();
    for record in draft.items(RADIUS).skip(wanted.servers.len()) {
        let address = record.get("address").unwrap_or("?");
        let shared: Vec<&str> = record
            .list("service")
            .into_iter()
            .filter(|name| services.contains(name))
            .collect();
        let twice = wanted
            .servers
            .iter()
            .any(|server| same("address", &server.address.to_string(), address));
        if record.flag("disabled") == Some(true) {
            continue;
        }
        if twice {
            notes.push(format!(
                "another entry for {address}, not ours, is left as it is: remove it if it is a \
                 leftover"
            ));
        } else if !shared.is_empty() {
            notes.push(format!(
                "{address}, not ours, is left as it is and asked for {} when ours do not answer",
                shared.join(",")
            ));
        }
    }
    for text in notes {
        draft.note(RADIUS, text);
    }
}

/// CoA and Disconnect: whether the router listens, and the firewall lets them in.
pub(super) fn incoming(draft: &mut Draft<'_>, wanted: &Wanted, coa: &Coa) {
    let sources: BTreeSet<IpAddr> = if coa.from.is_empty() {
        wanted.servers.iter().map(|server| server.address).collect()
    } else {
        coa.from.clone()
    };
    if coa.firewall {
        firewall(draft, wanted, coa, &sources);
    }
    let values = Record::new()
        .with("accept", "yes")
        .with("port", coa.port.to_string());
    let why = "the router takes CoA and Disconnect from its RADIUS servers";
    draft.set(INCOMING, None, &values, &[], why);
}

fn firewall(draft: &mut Draft<'_>, wanted: &Wanted, coa: &Coa, sources: &BTreeSet<IpAddr>) {
    let (four, six): (BTreeSet<&IpAddr>, _) = sources.iter().partition(|ip| ip.is_ipv4());
    for (menu, sources) in [(FILTER, four), (FILTER6, six)] {
        if draft.can.has(&format!("{menu}/add")) {
            rules(draft, wanted, coa, menu, &sources);
        } else if !sources.is_empty() {
            let text = format!(
                "this router shows none: CoA on udp/{} is not let in",
                coa.port
            );
            draft.note(menu, text);
        }
    }
}

fn rules(
    draft: &mut Draft<'_>,
    wanted: &Wanted,
    coa: &Coa,
    menu: &str,
    sources: &BTreeSet<&IpAddr>,
) {
    let ours: Vec<Record> = draft
        .items(menu)
        .filter(|record| is_ours(record, wanted))
        .cloned()
        .collect();
    let mut used = BTreeSet::new();
    for source in sources {
        let source = source.to_string();
        let rule = Record::new()
            .with("chain", "input")
            .with("action", "accept")
            .with("protocol", "udp")
            .with("src-address", &*source)
            .with("dst-port", coa.port.to_string())
            .with("disabled", "no")
            .with("comment", &*wanted.tag);
        let at = |record: &&Record| {
            let from = record.get("src-address").unwrap_or_default();
            same("src-address", from, &source)
        };
        let id = ours.iter().find(at).and_then(Record::id);
        let blocker = blocker(draft, menu, id.as_ref());
        let why = "CoA and Disconnect come in from the RADIUS server's address only";
        let Some(id) = id else {
            draft.add(menu, &rule, &[], blocker.as_ref(), why);
            continue;
        };
        draft.set(menu, Some(&id), &rule, &[], why);
        if let Some(blocker) = blocker {
            let why = "a rule before this one may drop what it is to let in";
            draft.put_before(menu, &id, &blocker, why);
        }
        used.insert(id);
    }
    for id in ours.iter().filter_map(Record::id) {
        if !used.contains(&id) {
            let why = "a rule of ours that is no longer wanted, or stands there twice";
            draft.remove(menu, &id, why);
        }
    }
}

/// The first rule that may drop what comes in, unless our rule is before it already.
fn blocker(draft: &Draft<'_>, menu: &str, ours: Option<&Id>) -> Option<Id> {
    draft
        .items(menu)
        .take_while(|rule| ours.is_none() || rule.id().as_ref() != ours)
        .filter(|rule| rule.get("chain") == Some("input") && rule.flag("disabled") != Some(true))
        .find(|rule| {
            matches!(
                rule.get("action"),
                Some("drop" | "reject" | "tarpit" | "jump")
            )
        })
        .and_then(Record::id)
}

/// A log of its own.
pub(super) fn logging(draft: &mut Draft<'_>, logging: &Logging) {
    let name = &logging.action;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        let what = format!("{name:?} is no name of a log");
        draft.object(ACTION, what, "Use letters and digits only");
        return;
    }
    let lines = logging.lines.max(1).to_string();
    let why = "what the router says of RADIUS is kept apart";
    match draft.named(ACTION, name) {
        Some(action) if action.get("target") != Some("memory") => {
            let what = format!("there is a log {name:?} that is not kept in memory");
            draft.object(ACTION, what, "Choose another name");
            return;
        }
        Some(action) => {
            let values = Record::new().with("memory-lines", lines);
            draft.set(ACTION, action.id().as_ref(), &values, &[], why);
        }
        None => {
            let values = Record::new()
                .with("name", &**name)
                .with("target", "memory")
                .with("memory-lines", lines);
            draft.add(ACTION, &values, &[], None, why);
        }
    }
    for topics in &logging.topics {
        let rule = draft.items(LOGGING).find(|rule| {
            rule.get("action") == Some(name)
                && same("topics", rule.get("topics").unwrap_or_default(), topics)
        });
        if let Some(id) = rule.and_then(Record::id) {
            let values = Record::new().with("disabled", "no");
            draft.set(LOGGING, Some(&id), &values, &[], why);
        } else {
            let values = Record::new()
                .with("topics", &**topics)
                .with("action", &**name);
            draft.add(LOGGING, &values, &[], None, why);
        }
    }
}
