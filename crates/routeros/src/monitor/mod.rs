//! How a router is: its RADIUS counters, its load, its health.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Capabilities, Error, Router};

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
pub async fn read(_router: &Router, _capabilities: &Capabilities) -> Result<Reading, Error> {
    Err(Error::NotSupported("in the making".to_owned()))
}
