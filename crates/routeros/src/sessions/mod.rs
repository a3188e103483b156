//! Who is connected to a router right now, by the router itself.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Capabilities, Error, Id, Router};

/// What a session is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// PPPoE, PPTP, L2TP, SSTP, OVPN.
    Ppp,
    /// Hotspot.
    Hotspot,
    /// Wi-Fi, whichever of the three stacks.
    Wireless,
    /// A DHCP lease.
    Dhcp,
    /// Wired 802.1X.
    Dot1x,
    /// A log-in to the router itself.
    Login,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Active {
    /// What it is of.
    pub service: Service,
    /// The menu it stands in, such as `/ppp/active`.
    pub menu: String,
    /// Its `.id` there. It may change when the router starts again.
    pub id: Id,
    /// The user; of a wireless or DHCP session without one, the MAC address.
    pub user: String,
    /// The subscriber's address.
    pub address: Option<IpAddr>,
    /// The subscriber's MAC address, as six octets with colons and capital letters.
    pub mac: Option<String>,
    /// Acct-Session-Id, where the router shows it.
    pub session_id: Option<String>,
    /// How long it has been there.
    pub uptime: Option<Duration>,
    /// Octets from the subscriber.
    pub upload: Option<u64>,
    /// Octets to the subscriber.
    pub download: Option<u64>,
    /// The rate limit in the router's words.
    pub rate: Option<String>,
    /// Whether RADIUS admitted it, where the router shows that.
    pub radius: Option<bool>,
}

/// What is known of the session one looks for. What is `None` is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// User-Name.
    pub user: Option<String>,
    /// Framed-IP-Address.
    pub address: Option<IpAddr>,
    /// The MAC address in any form.
    pub mac: Option<String>,
    /// Acct-Session-Id.
    pub session_id: Option<String>,
}

/// What came of removing a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It is no longer there.
    Gone,
    /// It had already gone.
    Absent,
    /// The router said yes, and it is still there.
    Still,
}

/// All that are connected.
///
/// # Errors
///
/// The connection is lost, or the router refuses.
pub async fn list(_router: &Router, _capabilities: &Capabilities) -> Result<Vec<Active>, Error> {
    Err(Error::NotSupported("in the making".to_owned()))
}

/// The sessions that fit all that is known of the wanted one.
///
/// # Errors
///
/// As [`list`].
pub async fn find(
    router: &Router,
    capabilities: &Capabilities,
    _wanted: &Wanted,
) -> Result<Vec<Active>, Error> {
    list(router, capabilities).await
}

/// Ends a session with the command this version has, and reads back whether it has gone.
///
/// # Errors
///
/// The connection is lost, the router refuses, or it has no command for it.
pub async fn remove(
    _router: &Router,
    _capabilities: &Capabilities,
    _active: &Active,
) -> Result<Removed, Error> {
    Err(Error::NotSupported("in the making".to_owned()))
}
