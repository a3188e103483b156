//! What this server knows of a router: filled by whoever runs the server.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use crate::Secret;

/// What this server knows, as plain data. `OurSide::default()` is a server that knows nothing:
/// checks that need what is not known are left out.
#[derive(Debug, Clone, Default)]
pub struct OurSide {
    /// The addresses under which routers may reach this server. A server bound to `0.0.0.0` gives
    /// all addresses of its machine.
    pub addresses: Vec<IpAddr>,
    /// UDP ports for authentication, usually 1812.
    pub authentication_ports: Vec<u16>,
    /// UDP ports for accounting, usually 1813.
    pub accounting_ports: Vec<u16>,
    /// TCP ports for RadSec, usually 2083. Empty: RadSec is off.
    pub radsec_ports: Vec<u16>,
    /// The address at which this server reaches the router, for the API or otherwise.
    pub router_address: Option<IpAddr>,
    /// The NAS entries that are this router.
    pub nas: Vec<Nas>,
    /// What was thrown away in the last hours, from any source that could be this router.
    pub discards: Vec<Discarded>,
    /// The last requests of each source that could be this router.
    pub requests: Vec<Seen>,
    /// What was refused in the last hours, by reason.
    pub refusals: Vec<Refused>,
    /// How CoA and Disconnect to this router went.
    pub dynamic: Dynamic,
    /// Now, by this server's clock. `None`: the moment of [`super::gather()`].
    pub clock: Option<SystemTime>,
    /// Whether this server's clock follows a time server, where that is known.
    pub clock_synchronised: Option<bool>,
    /// The certificate shown to RadSec clients.
    pub radsec: Option<RadsecCertificate>,
    /// The shared secret used inside RadSec, where it is not simply `radsec`.
    pub radsec_secret: Option<Secret>,
    /// How long answers took here, from the request's arrival to the reply.
    pub response_times: Option<ResponseTimes>,
    /// Whether every answer carries Message-Authenticator.
    pub signs_replies: Option<bool>,
    /// Whether a request of this router is thrown away if it has no Message-Authenticator.
    pub demands_signature: Option<bool>,
    /// Whether subscribers of this router may be given rates.
    pub rates_in_use: bool,
    /// Users kept only as a hash that CHAP cannot be checked against.
    pub hashed_users: u64,
    /// Users here whose names [`super::RouterSide::local_users`] gave, or simply all.
    pub users: Vec<String>,
    /// Users named by a MAC address, as they are written: such a one is found only where the
    /// router writes the address the same way. A few are enough.
    pub mac_users: Vec<String>,
    /// Groups that log-ins to the router itself are given (`Mikrotik-Group`).
    pub router_groups: Vec<String>,
    /// Whether some log-in to the router itself was accepted without any group.
    pub groupless_logins: bool,
    /// Sessions of this router as we count them.
    pub sessions: Vec<Counted>,
}

impl OurSide {
    /// Whether nothing is known of who asked: no NAS, no request, nothing thrown away.
    pub(super) fn is_blank(&self) -> bool {
        self.nas.is_empty()
            && self.requests.is_empty()
            && self.discards.is_empty()
            && self.router_address.is_none()
    }
}

/// A NAS entry.
#[derive(Debug, Clone)]
pub struct Nas {
    /// Its name.
    pub name: String,
    /// The network it covers: an address and the length of its prefix.
    pub network: (IpAddr, u8),
    /// The shared secret.
    pub secret: Option<Secret>,
    /// Where CoA and Disconnect are sent to.
    pub coa_port: u16,
    /// Whether octets in and out are exchanged for this NAS.
    pub swaps_octets: bool,
    /// Acct-Interim-Interval in this NAS's accepts, where they have one.
    pub interim: Option<Duration>,
}

impl Nas {
    /// Whether an address belongs to this entry.
    pub fn covers(&self, address: IpAddr) -> bool {
        super::network::covers(self.network, address)
    }
}

/// Datagrams or connections of one source that were thrown away for one reason.
#[derive(Debug, Clone)]
pub struct Discarded {
    /// Where they came from.
    pub source: IpAddr,
    /// The label of the reason, as in `docs/reference/discards.md`: `unknown_peer`, ...
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The last one.
    pub last: SystemTime,
}

/// What a request asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Access-Request.
    Authentication,
    /// Accounting-Request.
    Accounting,
}

/// Requests of one source that were understood.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Where they came from.
    pub source: IpAddr,
    /// What they asked.
    pub kind: Kind,
    /// How many in the last hours.
    pub count: u64,
    /// The last one.
    pub last: SystemTime,
    /// NAS-Identifier, where it had one.
    pub nas_identifier: Option<String>,
    /// NAS-IP-Address, where it had one.
    pub nas_address: Option<IpAddr>,
}

/// Requests refused for one reason.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The label of the reason, as in `docs/reference/refusals.md`: `unknown_user`, ...
    pub reason: String,
    /// The method asked for: `pap`, `chap`, `ms-chap-v2`, ... Empty: unknown.
    pub method: String,
    /// The user of the last one.
    pub user: String,
    /// How many.
    pub count: u64,
    /// The last one.
    pub last: SystemTime,
}

/// How CoA and Disconnect went in the last hours.
#[derive(Debug, Clone, Default)]
pub struct Dynamic {
    /// The address they are sent from. `None`: whichever the system chooses.
    pub source: Option<IpAddr>,
    /// Answered with ACK.
    pub acks: u64,
    /// Answered with NAK.
    pub naks: u64,
    /// Not answered.
    pub timeouts: u64,
}

/// The certificate this server shows to RadSec clients.
#[derive(Debug, Clone)]
pub struct RadsecCertificate {
    /// DNS names and addresses it is for.
    pub names: Vec<String>,
    /// Before this it is not valid.
    pub not_before: SystemTime,
    /// After this it is not valid.
    pub not_after: SystemTime,
    /// The common name of its issuer.
    pub issuer: String,
    /// The SHA-256 fingerprint of the issuer's certificate, in hexadecimal of lower case.
    pub issuer_fingerprint: Option<String>,
}

/// How long answers took.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResponseTimes {
    /// Half were faster.
    pub median: Duration,
    /// Of a hundred, 99 were faster.
    pub high: Duration,
}

/// A session as we count it.
#[derive(Debug, Clone)]
pub struct Counted {
    /// User-Name.
    pub user: String,
    /// Acct-Session-Id.
    pub session_id: String,
    /// What we hold as uploaded by the subscriber, in octets.
    pub upload: u64,
    /// What we hold as downloaded by the subscriber, in octets.
    pub download: u64,
}

/// What the router is meant to be. `Expectation::default()` judges the router by what it has.
#[derive(Debug, Clone, Default)]
pub struct Expectation {
    /// The addresses of ours that the router is to use, the primary first. Empty: any of ours.
    pub servers: Vec<IpAddr>,
    /// The services that are to use RADIUS, in the words of `/radius service`: `ppp`, `login`,
    /// `hotspot`, `wireless`, `dhcp`, `ipsec`, `dot1x`. Empty: those that the router lists.
    pub services: Vec<String>,
    /// Whether the router is to be reached by CoA and Disconnect.
    pub no_dynamic: bool,
}
