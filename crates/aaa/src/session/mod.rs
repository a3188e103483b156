//! A subscriber's connection, from accept to stop, as its NAS's reports tell it.

mod merge;
mod table;

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};

use crate::accounting::TerminateCause;

pub use merge::Merge;
pub use table::{Change, Effects, Note, Sessions, Trimmed};

/// Which session: the octets that every report of one session has in common, and which of the
/// sessions that shared them, for a NAS that uses its session ids again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionKey {
    /// At most 2 KiB; equal octets, equal session but for `incarnation`.
    pub octets: Vec<u8>,
    /// 0 for the first; a later session under the same octets has the next number.
    pub incarnation: u32,
}

/// What is known of one session. A store keeps all of it and gives back what was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Which one.
    pub key: SessionKey,
    /// The configured name of the NAS.
    pub nas: String,
    /// NAS-Identifier.
    pub nas_identifier: Option<String>,
    /// What the NAS calls its own address.
    pub nas_address: Option<IpAddr>,
    /// Acct-Session-Id; empty where the NAS sends none.
    pub session_id: String,
    /// User-Name.
    pub user: Option<String>,
    /// Class, as octets.
    pub class: Option<Vec<u8>>,
    /// NAS-Port-Id, else NAS-Port in decimal.
    pub port: Option<String>,
    /// Calling-Station-Id as sent.
    pub calling_station: Option<String>,
    /// Called-Station-Id as sent.
    pub called_station: Option<String>,
    /// Framed-IP-Address.
    pub framed_ip: Option<Ipv4Addr>,
    /// Framed-IPv6-Address or -Prefix.
    pub framed_ipv6: Option<Ipv6Net>,
    /// Delegated-IPv6-Prefix.
    pub delegated_ipv6: Option<Ipv6Net>,
    /// When it began, in milliseconds since 1970; reckoned back from Acct-Session-Time until a
    /// Start tells.
    pub started_ms: u64,
    /// The time of the newest report, in milliseconds since 1970.
    pub updated_ms: u64,
    /// How it ended, or `None` while it is open.
    pub ended: Option<Ended>,
    /// How long it has lasted, in seconds.
    pub session_time_s: u32,
    /// Octets received from the subscriber.
    pub input_octets: u64,
    /// Octets sent to the subscriber.
    pub output_octets: u64,
    /// Packets received from the subscriber.
    pub input_packets: u64,
    /// Packets sent to the subscriber.
    pub output_packets: u64,
    /// How to merge the next report; opaque to a store.
    pub merge: Merge,
}

/// How a session ended. Of two accounts of the end, the lesser one is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ended {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Why.
    pub cause: Option<TerminateCause>,
    /// How we know.
    pub by: EndedBy,
}

/// How we know that a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The NAS restarted; a later report of the session opens it again.
    NasReboot,
    /// The NAS was looked at and did not have it any more; a later report opens it again. When it
    /// ended lies between its last report and then.
    Absent,
    /// Its Stop; final.
    Stop,
    /// The NAS began another session under the same id and never said that this one had ended.
    Superseded,
}

impl EndedBy {
    /// Whether a later report of the session shows that it has not ended.
    pub(crate) const fn is_presumed(self) -> bool {
        matches!(self, Self::NasReboot | Self::Absent)
    }
}
