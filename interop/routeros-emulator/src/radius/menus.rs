//! What the router's menus show of RADIUS: counters, states, and sessions as they go on.

use std::{sync::Arc, time::Instant};

use super::{Radius, session::Kind};
use crate::{Call, Machine, Outcome, Record, Reply, Session, Trap};

/// Menus whose items change from moment to moment.
const ACTIVE: [&str; 8] = [
    "/caps-man/registration-table",
    "/interface/wifi/registration-table",
    "/interface/wifiwave2/registration-table",
    "/interface/wireless/registration-table",
    "/ip/dhcp-server/lease",
    "/ip/hotspot/active",
    "/ip/ipsec/active-peers",
    "/ppp/active",
];

/// Takes the commands and completes the menus.
pub(super) fn attach(radius: &Radius) {
    let machine = radius.machine();
    command(radius, "/radius/monitor", Radius::monitor);
    command(radius, "/radius/reset-counters", Radius::reset);
    command(radius, "/radius/incoming/monitor", |radius, _| {
        Ok(Reply::list(vec![radius.incoming().record()]))
    });
    command(radius, "/radius/incoming/reset-counters", |radius, _| {
        *radius.incoming() = super::incoming::Tally::default();
        Ok(Reply::done())
    });
    for menu in ACTIVE {
        let own = radius.clone();
        machine.provide(menu, move |_| own.vitals(menu));
    }
    let own = radius.clone();
    machine.provide("/radius", move |machine| own.states(machine));
}

fn command(
    radius: &Radius,
    path: &str,
    run: impl Fn(&Radius, &Call) -> Outcome + Send + Sync + Clone + 'static,
) {
    let own = radius.clone();
    let handler = move |_: Arc<Machine>, _: Session, call: Call| {
        let (radius, run) = (own.clone(), run.clone());
        async move { run(&radius, &call) }
    };
    radius.machine().register(path, handler);
}

impl Radius {
    fn monitor(&self, call: &Call) -> Outcome {
        let id = self.meant(call)?.ok_or_else(Trap::no_such_item)?;
        Ok(Reply::list(vec![self.wire().tally(&id).record()]))
    }

    fn reset(&self, call: &Call) -> Outcome {
        let id = self.meant(call)?;
        self.wire().reset(id.as_deref());
        Ok(Reply::done())
    }

    /// The entry that a command names, by its `.id` or by its place.
    fn meant(&self, call: &Call) -> Result<Option<String>, Trap> {
        let Some(word) = call.get(".id").or_else(|| call.get("numbers")) else {
            return Ok(None);
        };
        let rows = self.machine().stored("/radius");
        let by_id = rows.iter().find(|row| row.id() == word);
        let by_place = || rows.get(word.parse::<usize>().ok()?);
        match by_id.or_else(by_place) {
            Some(row) => Ok(Some(row.id().to_owned())),
            None => Err(Trap::no_such_item()),
        }
    }

    /// `status` of the entries over TLS.
    fn states(&self, machine: &Machine) -> Vec<Record> {
        let rows = machine.stored("/radius");
        let secured = rows.iter().filter(|row| row.text("protocol") == "radsec");
        secured
            .filter_map(|row| {
                let status = self.wire().status(row.id())?;
                Some(Record::new().with(".id", row.id()).with("status", status))
            })
            .collect()
    }

    fn vitals(&self, menu: &str) -> Vec<Record> {
        let now = Instant::now();
        let mut records = Vec::new();
        for session in self.sessions().iter() {
            if session.kind == Kind::Login {
                continue;
            }
            if let Some((_, id)) = session.rows.first().filter(|(known, _)| known == menu) {
                let mut record = Record::new().with(".id", id);
                for (name, value) in session.vitals(now).iter() {
                    record.set(name, value);
                }
                records.push(record);
            }
        }
        records
    }
}
