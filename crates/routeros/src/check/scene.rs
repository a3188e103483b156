//! Both sides together, and the questions that several rules ask of them.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use crate::{Record, monitor::Counters};

use super::{Discarded, Expectation, Nas, OurSide, RouterSide, Seen, network};

/// What the rules look at.
pub(super) struct Scene<'a> {
    pub(super) router: &'a RouterSide,
    pub(super) ours: &'a OurSide,
    pub(super) expected: &'a Expectation,
    pub(super) now: SystemTime,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        router: &'a RouterSide,
        ours: &'a OurSide,
        expected: &'a Expectation,
    ) -> Self {
        let now = ours.clock.unwrap_or(router.read_at);
        Self {
            router,
            ours,
            expected,
            now,
        }
    }

    /// Whether an address is one of this server.
    pub(super) fn is_our_address(&self, address: IpAddr) -> bool {
        let all = self.ours.addresses.iter().chain(&self.expected.servers);
        all.into_iter()
            .any(|ours| ours.to_canonical() == address.to_canonical())
    }

    /// Whether a `/radius` entry leads to this server.
    pub(super) fn leads_here(&self, entry: &Record) -> bool {
        server_of(entry).is_some_and(|address| self.is_our_address(address))
    }

    /// The `/radius` entries that are in use, in their order.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'a Record> {
        self.router
            .items("/radius")
            .iter()
            .filter(|entry| is_on(entry))
    }

    /// Those that lead to this server.
    pub(super) fn our_entries(&self) -> Vec<&'a Record> {
        self.entries()
            .filter(|entry| self.leads_here(entry))
            .collect()
    }

    /// Those that lead to this server by UDP.
    pub(super) fn udp_entries(&self) -> Vec<&'a Record> {
        let mut all = self.our_entries();
        all.retain(|entry| !is_radsec(entry));
        all
    }

    /// Those that lead to this server by RadSec.
    pub(super) fn radsec_entries(&self) -> Vec<&'a Record> {
        let mut all = self.our_entries();
        all.retain(|entry| is_radsec(entry));
        all
    }

    /// The services that some entry of ours lists.
    pub(super) fn services(&self) -> BTreeSet<&'a str> {
        self.our_entries()
            .into_iter()
            .flat_map(|entry| entry.list("service"))
            .collect()
    }

    /// Whether a service is meant to use RADIUS here: it is named, or nothing is.
    pub(super) fn is_expected(&self, service: &str) -> bool {
        self.expected.services.is_empty() || self.expected.services.iter().any(|one| one == service)
    }

    /// The router's own addresses.
    pub(super) fn router_addresses(&self) -> Vec<IpAddr> {
        let items = self
            .router
            .items("/ip/address")
            .iter()
            .filter(|item| is_on(item));
        items
            .filter_map(|item| network::address(item.get("address")?))
            .collect()
    }

    /// Where the router's requests are to be expected from: the `src-address` of our entries,
    /// else the address at which we reach it.
    pub(super) fn sources(&self) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = Vec::new();
        for entry in self.our_entries() {
            let source = source_of(entry).or(self.ours.router_address);
            all.extend(source.filter(|source| !all.contains(source)));
        }
        all
    }

    /// Whether an address can be this router, as far as is known.
    pub(super) fn may_be_router(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.ours.router_address.map(|one| one.to_canonical()) == Some(address)
            || self.sources().contains(&address)
            || self.router_addresses().contains(&address)
            || self
                .ours
                .nas
                .iter()
                .any(|nas| nas.network.1 > 0 && nas.covers(address))
    }

    /// The NAS entries that its requests meet; all, where none covers a source that is known.
    pub(super) fn nas(&self) -> Vec<&'a Nas> {
        let sources = self.sources();
        let covering = |nas: &&Nas| sources.iter().any(|source| nas.covers(*source));
        let found: Vec<_> = self.ours.nas.iter().filter(covering).collect();
        if found.is_empty() {
            self.ours.nas.iter().collect()
        } else {
            found
        }
    }

    /// What of this router was thrown away for a reason.
    pub(super) fn discards(&self, reason: &str) -> Vec<&'a Discarded> {
        let fits = |one: &&Discarded| {
            one.reason == reason && one.count > 0 && self.may_be_router(one.source)
        };
        self.ours.discards.iter().filter(fits).collect()
    }

    /// What of this router was thrown away, for whatever reason.
    pub(super) fn all_discards(&self) -> Vec<&'a Discarded> {
        let fits = |one: &&Discarded| one.count > 0 && self.may_be_router(one.source);
        self.ours.discards.iter().filter(fits).collect()
    }

    /// The requests of this router that were understood.
    pub(super) fn seen(&self) -> impl Iterator<Item = &'a Seen> {
        self.ours
            .requests
            .iter()
            .filter(|seen| self.may_be_router(seen.source))
    }

    /// The counters of an entry. `None`: the router does not tell them.
    pub(super) fn counters(&self, entry: &Record) -> Option<Counters> {
        self.router.monitor(entry).map(Counters::of)
    }

    /// The last lines of the router's log that hold one of the words.
    pub(super) fn log(&self, words: &[&str]) -> Vec<String> {
        let says = |line: &&Record| {
            let message = line.get("message").unwrap_or_default();
            words.iter().any(|word| message.contains(word))
        };
        let mut lines: Vec<_> = self.router.items("/log").iter().filter(says).collect();
        lines.drain(..lines.len().saturating_sub(3));
        let shown = |line: &&Record| {
            let part = |name: &str| line.get(name).unwrap_or_default();
            format!("router's log, {}: {}", part("time"), part("message"))
        };
        lines.iter().map(shown).collect()
    }

    /// How long ago a moment was, in words.
    pub(super) fn ago(&self, moment: SystemTime) -> String {
        let seconds = self
            .now
            .duration_since(moment)
            .unwrap_or_default()
            .as_secs();
        format!("{} ago", crate::time::spell(Duration::from_secs(seconds)))
    }
}

/// Whether an item is neither disabled nor invalid.
pub(crate) fn is_on(item: &Record) -> bool {
    item.flag("disabled") != Some(true) && item.flag("invalid") != Some(true)
}

/// Whether an entry speaks RadSec.
pub(super) fn is_radsec(entry: &Record) -> bool {
    entry.get("protocol") == Some("radsec")
}

/// The server of a `/radius` entry.
pub(super) fn server_of(entry: &Record) -> Option<IpAddr> {
    network::address(entry.get("address")?)
}

/// The `src-address` of a `/radius` entry, where one is set.
pub(super) fn source_of(entry: &Record) -> Option<IpAddr> {
    network::address(entry.get("src-address")?)
}

/// An entry in words: `/radius *1 (192.0.2.1, ppp,login)`.
pub(super) fn name_of(entry: &Record) -> String {
    let part = |name: &str| entry.get(name).unwrap_or_default();
    format!(
        "/radius {} ({}, {})",
        part(".id"),
        part("address"),
        part("service")
    )
}
