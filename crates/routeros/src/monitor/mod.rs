//! How a router is: its RADIUS counters, its load, its health.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Capabilities, Command, Error, Record, Router,
    check::{self, Menu, once},
};

mod counters;
mod health;
#[cfg(feature = "snmp")]
pub mod snmp;

/// The counters of one `/radius` entry, since the router started or they were reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counters {
    /// Requests waiting for their answer.
    pub pending: u64,
    /// Requests.
    pub requests: u64,
    /// Accepted.
    pub accepts: u64,
    /// Rejected.
    pub rejects: u64,
    /// Sent again.
    pub resends: u64,
    /// Given up.
    pub timeouts: u64,
    /// Answers thrown away.
    pub bad_replies: u64,
    /// How long the last answer took.
    pub last_round_trip: Option<Duration>,
}

/// The counters of `/radius/incoming`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Incoming {
    /// Requests.
    pub requests: u64,
    /// Thrown away.
    pub bad_requests: u64,
    /// Done.
    pub acks: u64,
    /// Not done.
    pub naks: u64,
}

/// One `/radius` entry and its counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// Its `.id`.
    pub id: String,
    /// The server's address.
    pub address: String,
    /// Its services.
    pub services: Vec<String>,
    /// Its comment.
    pub comment: String,
    /// Its counters.
    pub counters: Counters,
}

/// What is measured on the board: volts, degrees, revolutions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measure {
    /// The value.
    pub value: f64,
    /// `V`, `C`, `RPM`, `W`, `A`; empty where the router does not say.
    pub unit: String,
}

/// How a router is at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Reading {
    /// The router's name.
    pub identity: Option<String>,
    /// The version in the router's words.
    pub version: Option<String>,
    /// The board.
    pub board: Option<String>,
    /// How long it has run.
    pub uptime: Option<Duration>,
    /// Load of its processors, 0 to 100.
    pub cpu_percent: Option<u8>,
    /// Octets of memory.
    pub memory_total: Option<u64>,
    /// Octets of memory that are free.
    pub memory_free: Option<u64>,
    /// Octets of storage.
    pub storage_total: Option<u64>,
    /// Octets of storage that are free.
    pub storage_free: Option<u64>,
    /// Of each `/radius` entry.
    pub radius: Vec<Entry>,
    /// Of `/radius/incoming`.
    pub incoming: Option<Incoming>,
    /// What the board measures, by name.
    pub health: BTreeMap<String, Measure>,
    /// Of each interface, by name.
    pub interfaces: BTreeMap<String, Interface>,
}

/// The octets of one interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Interface {
    /// Whether it is up.
    pub running: bool,
    /// Octets received.
    pub received: u64,
    /// Octets sent.
    pub sent: u64,
}

/// Reads how a router is.
///
/// # Errors
///
/// The connection is lost, or no answer comes in time. Menus this router does not have, or that
/// the user may not read, are left empty.
pub async fn read(router: &Router, _capabilities: &Capabilities) -> Result<Reading, Error> {
    let mut reading = Reading::default();
    if let Some(identity) = items(router, "/system/identity", &["name"]).await?.first() {
        reading.identity = text(identity, "name");
    }
    if let Some(resource) = items(router, "/system/resource", RESOURCE).await?.first() {
        fill(&mut reading, resource);
    }
    let properties = [".id", "address", "service", "comment"];
    for entry in items(router, "/radius", &properties).await? {
        let Some(id) = entry.id() else { continue };
        let command = Command::new("/radius/monitor")
            .with(".id", id.as_str())
            .flag("once");
        let counters = once(router, &command).await?;
        reading.radius.push(Entry {
            id: id.as_str().to_owned(),
            address: text(&entry, "address").unwrap_or_default(),
            services: entry
                .list("service")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            comment: text(&entry, "comment").unwrap_or_default(),
            counters: counters.as_ref().map(Counters::of).unwrap_or_default(),
        });
    }
    let command = Command::new("/radius/incoming/monitor").flag("once");
    reading.incoming = once(router, &command).await?.as_ref().map(Incoming::of);
    reading.health = health::of(&items(router, "/system/health", &[]).await?);
    let properties = ["name", "running", "rx-byte", "tx-byte"];
    for interface in items(router, "/interface", &properties).await? {
        let Some(name) = text(&interface, "name") else {
            continue;
        };
        reading.interfaces.insert(
            name,
            Interface {
                running: interface.flag("running") == Some(true),
                received: interface.number("rx-byte").unwrap_or(0),
                sent: interface.number("tx-byte").unwrap_or(0),
            },
        );
    }
    Ok(reading)
}

const RESOURCE: &[&str] = &[
    "version",
    "board-name",
    "uptime",
    "cpu-load",
    "total-memory",
    "free-memory",
    "total-hdd-space",
    "free-hdd-space",
];

fn fill(reading: &mut Reading, resource: &Record) {
    reading.version = text(resource, "version");
    reading.board = text(resource, "board-name");
    reading.uptime = resource.duration("uptime");
    let load = resource.number("cpu-load");
    reading.cpu_percent = load.and_then(|load| u8::try_from(load.min(100)).ok());
    reading.memory_total = resource.number("total-memory");
    reading.memory_free = resource.number("free-memory");
    reading.storage_total = resource.number("total-hdd-space");
    reading.storage_free = resource.number("free-hdd-space");
}

fn text(record: &Record, name: &str) -> Option<String> {
    record.get(name).map(str::to_owned)
}

/// The items of a menu; none where the router does not have or does not show it.
async fn items(router: &Router, menu: &str, properties: &[&str]) -> Result<Vec<Record>, Error> {
    Ok(match check::read(router, menu, properties).await? {
        Menu::Items(items) => items,
        _ => Vec::new(),
    })
}
