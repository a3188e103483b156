//! Counters of interfaces, queues and firewall rules that traffic of sessions passes, and
//! `FastTrack`, which goes by the queues.

use std::collections::HashMap;

use super::{Radius, meter::Meter, session::Session};
use crate::{Machine, Record};

const FILTER: &str = "/ip/firewall/filter";
const QUEUES: &str = "/queue/simple";
const INTERFACES: &str = "/interface";

/// What says nothing of which packets a rule is for.
const NO_CONDITION: [&str; 9] = [
    ".id",
    "chain",
    "action",
    "comment",
    "disabled",
    "log",
    "log-prefix",
    "invalid",
    "hw-offload",
];
/// Conditions that established traffic meets, and what counts it.
const MET: [&str; 3] = ["connection-state", "bytes", "packets"];

/// Octets and packets by the `.id` of a rule.
pub(super) type Tracked = HashMap<String, Meter>;

/// Completes the menus.
pub(super) fn attach(radius: &Radius) {
    let machine = radius.machine();
    let own = radius.clone();
    machine.provide(QUEUES, move |_| own.queues());
    let own = radius.clone();
    machine.provide(INTERFACES, move |_| own.interfaces());
    let own = radius.clone();
    machine.provide(FILTER, move |machine| own.rules(machine));
}

/// The rule that puts all established connections of subscribers on the fast track.
fn rule(machine: &Machine) -> Option<String> {
    let rules = machine.stored(FILTER);
    let found = rules.iter().find(|rule| {
        is_tracking(rule)
            && rule
                .iter()
                .filter(|(name, _)| !NO_CONDITION.contains(name))
                .all(|(name, value)| MET.contains(&name) || value.is_empty())
    });
    found.map(|rule| rule.id().to_owned())
}

fn is_tracking(rule: &Record) -> bool {
    rule.text("chain") == "forward"
        && rule.text("action") == "fasttrack-connection"
        && !rule.is("disabled")
}

impl Radius {
    /// The rule that traffic takes now, if any.
    pub(super) fn fast_track(&self) -> Option<String> {
        rule(self.machine())
    }

    /// Counts what a session has moved: by its queue, or by the rule that passes it by.
    pub(super) fn count(&self, session: &mut Session, octets: Meter, by: Option<&str>) {
        match by {
            None => session.queued.add(octets),
            Some(rule) => self
                .tracked()
                .entry(rule.to_owned())
                .or_default()
                .add(octets),
        }
    }

    fn queues(&self) -> Vec<Record> {
        self.rows_of(QUEUES, |session, row| {
            let (octets, up, down) = counted(session.queued);
            row.with("bytes", octets)
                .with("packets", format!("{up}/{down}"))
        })
    }

    /// An interface receives what the subscriber uploads.
    fn interfaces(&self) -> Vec<Record> {
        self.rows_of(INTERFACES, |session, row| {
            let meter = session.meter;
            row.with("rx-byte", meter.up.to_string())
                .with("tx-byte", meter.down.to_string())
                .with("rx-packet", meter.packets_up().to_string())
                .with("tx-packet", meter.packets_down().to_string())
        })
    }

    fn rows_of(&self, menu: &str, count: impl Fn(&Session, Record) -> Record) -> Vec<Record> {
        let mut records = Vec::new();
        for session in self.sessions().iter() {
            let own = session.rows.iter().filter(|(known, _)| known == menu);
            records.extend(own.map(|(_, id)| count(session, Record::new().with(".id", id))));
        }
        records
    }

    /// The counters of rules; where one tracks, the dummy rule that shows what it does not see.
    fn rules(&self, machine: &Machine) -> Vec<Record> {
        let tracked = self.tracked();
        let counts = |meter: Meter, id: &str| {
            let packets = meter.packets_up() + meter.packets_down();
            Record::new()
                .with(".id", id)
                .with("bytes", meter.total().to_string())
                .with("packets", packets.to_string())
        };
        let mut records: Vec<Record> = tracked
            .iter()
            .map(|(id, meter)| counts(*meter, id))
            .collect();
        let rules = machine.stored(FILTER);
        records.retain(|record| rules.iter().any(|rule| rule.id() == record.id()));
        if rules.iter().any(is_tracking) {
            let mut all = Meter::default();
            tracked.values().for_each(|meter| all.add(*meter));
            let dummy = counts(all, "*FF000000")
                .with(".first", "true")
                .with("chain", "forward")
                .with("action", "passthrough")
                .with("comment", "special dummy rule to show fasttrack counters")
                .with("log", "false")
                .with("log-prefix", "")
                .with("dynamic", "true")
                .with("invalid", "false")
                .with("disabled", "false");
            records.push(dummy);
        }
        records
    }
}

fn counted(meter: Meter) -> (String, u64, u64) {
    let octets = format!("{}/{}", meter.up, meter.down);
    (octets, meter.packets_up(), meter.packets_down())
}

/// The interface that a caller of PPP gets.
pub(super) fn interface(service: &str, name: &str) -> (&'static str, Record) {
    let row = Record::new()
        .with("name", name)
        .with("type", format!("{service}-in"))
        .with("mtu", "1480")
        .with("link-downs", "0")
        .with("running", "true")
        .with("disabled", "false");
    (INTERFACES, row)
}
