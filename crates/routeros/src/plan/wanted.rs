//! What a router is to be like.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::Secret;

const INTERIM: Duration = Duration::from_mins(5);

/// The state a router is to be brought to. Whatever is not named here is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The comment that marks what is ours on the router, such as `portreeve:office`. It is how
    /// our entries are found again, so each server (or pair of them) needs one of its own.
    pub tag: String,
    /// The RADIUS servers in the order they are to be asked in: the primary, then its backups.
    pub servers: Vec<Server>,
    /// The services that are to ask RADIUS.
    #[serde(default)]
    pub services: Services,
    /// Whether the router takes CoA and Disconnect. `None`: left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coa: Option<Coa>,
    /// What the router notes of RADIUS in a log of its own. `None`: left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// Risks the administrator takes: without them an [`Objection`](super::Objection) stops the
    /// plan.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accepted: BTreeSet<Risk>,
}

impl Wanted {
    /// One server, no services yet, CoA on the standard port.
    pub fn new(tag: impl Into<String>, server: Server) -> Self {
        Self {
            tag: tag.into(),
            servers: vec![server],
            services: Services::default(),
            coa: Some(Coa::default()),
            logging: None,
            accepted: BTreeSet::new(),
        }
    }
}

/// One RADIUS server: one entry of `/radius`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where it is. RouterOS takes no host names here.
    pub address: IpAddr,
    /// How it is spoken to.
    #[serde(default)]
    pub protocol: Protocol,
    /// For authentication over UDP. `RadSec` always goes to TCP port 2083.
    #[serde(default = "authentication_port")]
    pub authentication_port: u16,
    /// For accounting over UDP.
    #[serde(default = "accounting_port")]
    pub accounting_port: u16,
    /// The shared secret. RouterOS uses `radsec` for `RadSec`, whatever is given. It is never
    /// serialized: whoever reads a `Wanted` from somewhere fills it in.
    #[serde(skip, default = "no_secret")]
    pub secret: Secret,
    /// The name, in `/certificate`, of the certificate the router shows over `RadSec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The address the router asks from. `None`: whichever its routes give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// How long the router waits for an answer before it asks again: 10 ms to 1 min.
    #[serde(default = "timeout", with = "super::value::span")]
    pub timeout: Duration,
    /// Whether this one is a backup for accounting only.
    #[serde(default)]
    pub accounting_backup: bool,
    /// Whether answers without Message-Authenticator are dropped (RouterOS 7.15 and later).
    /// `None`: left as the version has it.
    #[serde(default = "yes")]
    pub require_message_authenticator: Option<bool>,
}

impl Server {
    /// UDP on ports 1812 and 1813, 2 s, answers without Message-Authenticator dropped.
    pub fn udp(address: IpAddr, secret: Secret) -> Self {
        Self {
            address,
            protocol: Protocol::Udp,
            authentication_port: 1812,
            accounting_port: 1813,
            secret,
            certificate: None,
            source: None,
            timeout: timeout(),
            accounting_backup: false,
            require_message_authenticator: Some(true),
        }
    }

    /// `RadSec`, with the router's certificate by its name there.
    pub fn radsec(address: IpAddr, certificate: impl Into<String>) -> Self {
        Self {
            protocol: Protocol::Radsec,
            certificate: Some(certificate.into()),
            ..Self::udp(address, Secret::new("radsec"))
        }
    }
}

fn authentication_port() -> u16 {
    1812
}

fn accounting_port() -> u16 {
    1813
}

fn no_secret() -> Secret {
    Secret::new("")
}

fn timeout() -> Duration {
    Duration::from_secs(2)
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an Option field")]
fn yes() -> Option<bool> {
    Some(true)
}

fn interim() -> Duration {
    INTERIM
}

/// How a router speaks to a RADIUS server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// UDP with a shared secret.
    #[default]
    Udp,
    /// TLS on TCP port 2083 (RFC 6614).
    Radsec,
}

/// The services that are to ask RADIUS. A service that is `None` is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Services {
    /// `PPPoE`, PPTP, L2TP, SSTP, `OpenVPN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ppp: Option<Ppp>,
    /// The captive portal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hotspot: Option<Hotspot>,
    /// Wi-Fi, whichever of the three stacks the router has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wireless: Option<Wireless>,
    /// Log-ins to the router itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginService>,
    /// DHCP leases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<Dhcp>,
    /// Wired 802.1X.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dot1x: Option<Dot1x>,
    /// `IPsec`: `IKEv2` with EAP, and `XAuth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipsec: Option<Ipsec>,
}

impl Services {
    /// The values of `/radius service=`, in the order RouterOS lists them.
    pub fn names(&self) -> Vec<&'static str> {
        [
            ("ppp", self.ppp.is_some()),
            ("login", self.login.is_some()),
            ("hotspot", self.hotspot.is_some()),
            ("wireless", self.wireless.is_some()),
            ("dhcp", self.dhcp.is_some()),
            ("ipsec", self.ipsec.is_some()),
            ("dot1x", self.dot1x.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, wanted)| wanted.then_some(name))
        .collect()
    }
}

/// `/ppp aaa`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ppp {
    /// Between two interim records of accounting.
    #[serde(with = "super::value::span")]
    pub interim_update: Duration,
}

impl Default for Ppp {
    fn default() -> Self {
        Self {
            interim_update: interim(),
        }
    }
}

/// Which of a menu's items are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// All there are.
    #[default]
    All,
    /// These, by name.
    Named(BTreeSet<String>),
}

/// `/ip hotspot profile`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hotspot {
    /// The profiles that are to ask RADIUS.
    pub profiles: Which,
    /// Between two interim records. Zero: as the RADIUS server says (`received`); any other
    /// makes the router pass over the server's Acct-Interim-Interval.
    #[serde(with = "super::value::span")]
    pub interim_update: Duration,
}

impl Default for Hotspot {
    fn default() -> Self {
        Self {
            profiles: Which::All,
            interim_update: interim(),
        }
    }
}

/// Wi-Fi. Without anything in `switch` no network changes its key: only networks that already
/// are WPA-Enterprise get their accounting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wireless {
    /// What is to be switched to WPA-Enterprise, by name: a security profile of the `wireless`
    /// package, a `/caps-man security`, a `/interface wifi security`, or a configuration or an
    /// interface of `/interface wifi` with its security of its own. Every device that joins by
    /// a common key is shut out of them.
    pub switch: BTreeMap<String, Enterprise>,
    /// Between two interim records.
    #[serde(with = "super::value::span")]
    pub interim_update: Duration,
}

impl Default for Wireless {
    fn default() -> Self {
        Self {
            switch: BTreeMap::new(),
            interim_update: interim(),
        }
    }
}

/// Which WPA-Enterprise a network is to have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enterprise {
    /// WPA2.
    #[default]
    Wpa2,
    /// WPA2 and WPA3. Only `/interface wifi` has WPA3.
    Wpa2AndWpa3,
    /// WPA3 alone.
    Wpa3,
}

/// `/user aaa`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginService {
    /// The group of whoever the RADIUS server gives none (Mikrotik-Group).
    pub default_group: String,
    /// Groups that RADIUS may not give. `None`: left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude_groups: Option<BTreeSet<String>>,
    /// Between two interim records.
    #[serde(with = "super::value::span")]
    pub interim_update: Duration,
}

impl Default for LoginService {
    fn default() -> Self {
        Self {
            default_group: "read".to_owned(),
            exclude_groups: None,
            interim_update: interim(),
        }
    }
}

/// `/ip dhcp-server`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dhcp {
    /// The servers that are to ask RADIUS, by name.
    pub servers: BTreeSet<String>,
    /// Between two interim records.
    #[serde(default = "interim", with = "super::value::span")]
    pub interim_update: Duration,
}

impl Dhcp {
    /// These servers, every 5 minutes.
    pub fn of<N: Into<String>>(servers: impl IntoIterator<Item = N>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            interim_update: interim(),
        }
    }
}

/// `/interface dot1x server`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dot1x {
    /// The interfaces that are to ask who is there, by name.
    pub interfaces: BTreeSet<String>,
    /// Whether a device without 802.1X may be known by its MAC address.
    #[serde(default)]
    pub mac_authentication: bool,
    /// Between two interim records.
    #[serde(default = "interim", with = "super::value::span")]
    pub interim_update: Duration,
}

impl Dot1x {
    /// These interfaces, every 5 minutes, 802.1X alone.
    pub fn of<N: Into<String>>(interfaces: impl IntoIterator<Item = N>) -> Self {
        Self {
            interfaces: interfaces.into_iter().map(Into::into).collect(),
            mac_authentication: false,
            interim_update: interim(),
        }
    }
}

/// `/ip ipsec settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ipsec {
    /// Whether `XAuth` (`IKEv1`) asks RADIUS too. `IKEv2` with EAP does so by its identity.
    pub xauth: bool,
    /// Between two interim records.
    #[serde(with = "super::value::span")]
    pub interim_update: Duration,
}

impl Default for Ipsec {
    fn default() -> Self {
        Self {
            xauth: false,
            interim_update: interim(),
        }
    }
}

/// CoA and Disconnect (RFC 5176): `/radius incoming`, and the firewall rule that lets them in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Coa {
    /// The UDP port the router listens on.
    pub port: u16,
    /// Where they come from. Empty: from the servers' own addresses, which is what RouterOS
    /// needs, since it takes the secret of the entry with that address.
    pub from: BTreeSet<IpAddr>,
    /// Whether a firewall rule is to let them in.
    pub firewall: bool,
}

impl Default for Coa {
    fn default() -> Self {
        Self {
            port: 3799,
            from: BTreeSet::new(),
            firewall: true,
        }
    }
}

/// A log of its own for RADIUS on the router, in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// The name of the log (letters and digits only), and its buffer's.
    pub action: String,
    /// How many lines it keeps.
    pub lines: u16,
    /// Each a set of topics with commas between: `radius,!packet`.
    pub topics: BTreeSet<String>,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            action: "portreeve".to_owned(),
            lines: 1000,
            topics: BTreeSet::from(["radius,!packet".to_owned()]),
        }
    }
}

/// What the administrator may choose to risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Log-ins by RADIUS although no local user of group `full` can log in from here.
    NoLocalUser,
    /// No Wi-Fi network is left that can be joined while RADIUS does not answer.
    NoLocalNetwork,
    /// 802.1X on the very port this connection comes in by.
    OwnPort,
    /// `XAuth` by RADIUS although it has local users, who are no longer asked for.
    NoLocalXauth,
}
