//! The menus a plan reads and writes.

use crate::Record;

/// One menu.
pub(super) struct Menu {
    /// Its path.
    pub(super) path: &'static str,
    /// What is asked for when it is printed.
    pub(super) properties: &'static [&'static str],
    /// What tells one item from the others for whoever knows it by more than its `.id`.
    pub(super) identity: &'static [&'static str],
    /// Whether the order of the items counts.
    pub(super) ordered: bool,
}

impl Menu {
    const fn new(
        path: &'static str,
        identity: &'static [&'static str],
        properties: &'static [&'static str],
    ) -> Self {
        Self {
            path,
            properties,
            identity,
            ordered: false,
        }
    }

    const fn in_order(mut self) -> Self {
        self.ordered = true;
        self
    }
}

/// The properties of an entry of `/radius`: all there are, since one that is removed must come
/// back as it was.
const RADIUS: &[&str] = &[
    ".id",
    "address",
    "service",
    "secret",
    "timeout",
    "authentication-port",
    "accounting-port",
    "accounting-backup",
    "called-id",
    "domain",
    "realm",
    "src-address",
    "protocol",
    "certificate",
    "radsec-timeout",
    "require-message-auth",
    "comment",
    "disabled",
    "dynamic",
];

const RULE: &[&str] = &["comment", "chain", "src-address", "protocol", "dst-port"];

/// All of a firewall rule, for the same reason.
const FILTER: &[&str] = &[
    ".id",
    "chain",
    "action",
    "address-list",
    "address-list-timeout",
    "comment",
    "connection-bytes",
    "connection-limit",
    "connection-mark",
    "connection-nat-state",
    "connection-rate",
    "connection-state",
    "connection-type",
    "content",
    "disabled",
    "dscp",
    "dst-address",
    "dst-address-list",
    "dst-address-type",
    "dst-limit",
    "dst-port",
    "dynamic",
    "fragment",
    "hotspot",
    "hw-offload",
    "icmp-options",
    "in-bridge-port",
    "in-bridge-port-list",
    "in-interface",
    "in-interface-list",
    "ingress-priority",
    "ipsec-policy",
    "ipv4-options",
    "jump-target",
    "layer7-protocol",
    "limit",
    "log",
    "log-prefix",
    "nth",
    "out-bridge-port",
    "out-bridge-port-list",
    "out-interface",
    "out-interface-list",
    "packet-mark",
    "packet-size",
    "per-connection-classifier",
    "port",
    "priority",
    "protocol",
    "psd",
    "random",
    "realm",
    "reject-with",
    "routing-mark",
    "src-address",
    "src-address-list",
    "src-address-type",
    "src-mac-address",
    "src-port",
    "tcp-flags",
    "tcp-mss",
    "time",
    "tls-host",
    "tos",
    "ttl",
];

const WIFI_SECURITY: &[&str] = &[
    ".id",
    "name",
    "authentication-types",
    "eap-accounting",
    "disabled",
    "comment",
];

const WIFI_AAA: &[&str] = &[".id", "name", "interim-update", "disabled", "comment"];

/// Of a configuration or of an interface.
const WIFI: &[&str] = &[
    ".id",
    "name",
    "configuration",
    "aaa",
    "aaa.interim-update",
    "security",
    "security.authentication-types",
    "security.eap-accounting",
    "disabled",
    "dynamic",
];

/// What is read. The order is that of reading.
pub(super) const ALL: &[Menu] = &[
    Menu::new("/radius", &["comment", "address"], RADIUS).in_order(),
    Menu::new("/radius/incoming", &[], &["accept", "port"]),
    Menu::new("/ip/firewall/filter", RULE, FILTER).in_order(),
    Menu::new("/ipv6/firewall/filter", RULE, FILTER).in_order(),
    Menu::new(
        "/ppp/aaa",
        &[],
        &["use-radius", "accounting", "interim-update"],
    ),
    Menu::new(
        "/ip/hotspot/profile",
        &["name"],
        &[
            ".id",
            "name",
            "use-radius",
            "radius-accounting",
            "radius-interim-update",
        ],
    ),
    Menu::new(
        "/interface/wireless/security-profiles",
        &["name"],
        &[
            ".id",
            "name",
            "mode",
            "authentication-types",
            "eap-methods",
            "radius-eap-accounting",
            "radius-mac-authentication",
            "radius-mac-accounting",
            "interim-update",
        ],
    ),
    Menu::new("/caps-man/aaa", &[], &["interim-update"]),
    Menu::new(
        "/caps-man/security",
        &["name"],
        &[
            ".id",
            "name",
            "authentication-types",
            "eap-methods",
            "encryption",
            "group-encryption",
            "eap-radius-accounting",
        ],
    ),
    Menu::new("/interface/wifi/security", &["name"], WIFI_SECURITY),
    Menu::new("/interface/wifi/aaa", &["name"], WIFI_AAA),
    Menu::new("/interface/wifi/configuration", &["name"], WIFI),
    Menu::new("/interface/wifi", &["name"], WIFI),
    Menu::new("/interface/wifiwave2/security", &["name"], WIFI_SECURITY),
    Menu::new("/interface/wifiwave2/aaa", &["name"], WIFI_AAA),
    Menu::new("/interface/wifiwave2/configuration", &["name"], WIFI),
    Menu::new("/interface/wifiwave2", &["name"], WIFI),
    Menu::new(
        "/user/aaa",
        &[],
        &[
            "use-radius",
            "accounting",
            "interim-update",
            "default-group",
            "exclude-groups",
        ],
    ),
    Menu::new(
        "/ip/dhcp-server",
        &["name"],
        &[".id", "name", "use-radius", "interface", "disabled"],
    ),
    Menu::new(
        "/ip/dhcp-server/config",
        &[],
        &["accounting", "interim-update"],
    ),
    Menu::new(
        "/interface/dot1x/server",
        &["interface"],
        &[
            ".id",
            "interface",
            "auth-types",
            "accounting",
            "interim-update",
            "comment",
            "disabled",
        ],
    ),
    Menu::new(
        "/ip/ipsec/settings",
        &[],
        &["xauth-use-radius", "accounting", "interim-update"],
    ),
    Menu::new("/ip/ipsec/user", &["name"], &[".id", "name", "disabled"]),
    Menu::new(
        "/system/logging/action",
        &["name"],
        &[".id", "name", "target", "memory-lines"],
    ),
    Menu::new(
        "/system/logging",
        &["topics", "action"],
        &[".id", "topics", "action", "disabled"],
    ),
    Menu::new(
        "/user",
        &["name"],
        &[".id", "name", "group", "address", "disabled"],
    ),
    Menu::new(
        "/ip/service",
        &["name"],
        &[".id", "name", "port", "disabled", "certificate"],
    ),
    Menu::new("/user/group", &["name"], &[".id", "name", "policy"]),
    Menu::new("/certificate", &["name"], &[".id", "name"]),
    Menu::new("/interface", &["name"], &[".id", "name", "type"]),
    Menu::new(
        "/ip/address",
        &["address", "interface"],
        &[".id", "address", "interface", "disabled"],
    ),
    Menu::new(
        "/interface/bridge/port",
        &["interface"],
        &[".id", "bridge", "interface"],
    ),
];

/// What is known of a menu.
pub(super) fn of(path: &str) -> Option<&'static Menu> {
    ALL.iter().find(|menu| menu.path == path)
}

/// Whether the router made this item itself and takes it away: none to be touched, nor one to be
/// put something next to.
pub(super) fn is_dynamic(record: &Record) -> bool {
    record.flag("dynamic") == Some(true) || record.flag("builtin") == Some(true)
}
