//! Reading a router.

use std::time::{Instant, SystemTime};

use crate::{Capabilities, Command, Error, Record, Router};

use super::{Menu, RouterSide};

/// Properties of a log-in menu that leave its passwords out.
const PPP_SECRET: &[&str] = &[".id", "name", "service", "disabled"];
const HOTSPOT_USER: &[&str] = &[".id", "name", "server", "disabled", "dynamic"];

/// The menus and what is asked of each. Empty: everything, as of rules whose conditions are many.
const MENUS: &[(&str, &[&str])] = &[
    ("/system/identity", &["name"]),
    ("/system/resource", &["version", "uptime", "board-name"]),
    (
        "/radius",
        &[
            ".id",
            "address",
            "secret",
            "service",
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
            "require-message-auth",
            "status",
            "comment",
            "disabled",
        ],
    ),
    ("/radius/incoming", &["accept", "port", "vrf"]),
    ("/ppp/aaa", &["use-radius", "accounting", "interim-update"]),
    ("/ppp/secret", PPP_SECRET),
    (
        "/interface/pppoe-server/server",
        &[
            ".id",
            "service-name",
            "interface",
            "authentication",
            "disabled",
        ],
    ),
    (
        "/interface/l2tp-server/server",
        &["enabled", "authentication", "use-ipsec", "ipsec-secret"],
    ),
    (
        "/interface/pptp-server/server",
        &["enabled", "authentication"],
    ),
    (
        "/interface/sstp-server/server",
        &["enabled", "authentication"],
    ),
    (
        "/interface/ovpn-server/server",
        &["enabled", "disabled", "user-auth-method"],
    ),
    (
        "/ip/hotspot",
        &[".id", "name", "interface", "profile", "disabled"],
    ),
    (
        "/ip/hotspot/profile",
        &[
            ".id",
            "name",
            "use-radius",
            "radius-accounting",
            "radius-interim-update",
            "radius-mac-format",
            "login-by",
            "mac-auth-mode",
            "mac-auth-password",
            "radius-default-domain",
        ],
    ),
    ("/ip/hotspot/user", HOTSPOT_USER),
    (
        "/ip/hotspot/active",
        &[".id", "user", "bytes-in", "bytes-out"],
    ),
    (
        "/interface/wireless",
        &[
            ".id",
            "name",
            "ssid",
            "security-profile",
            "mode",
            "disabled",
        ],
    ),
    (
        "/interface/wireless/security-profiles",
        &[
            ".id",
            "name",
            "mode",
            "authentication-types",
            "eap-methods",
            "radius-mac-authentication",
            "radius-mac-accounting",
            "radius-eap-accounting",
            "radius-mac-format",
            "radius-mac-mode",
            "interim-update",
        ],
    ),
    (
        "/caps-man/security",
        &[
            ".id",
            "name",
            "authentication-types",
            "eap-radius-accounting",
        ],
    ),
    (
        "/caps-man/aaa",
        &["mac-format", "mac-mode", "interim-update"],
    ),
    (
        "/caps-man/access-list",
        &[".id", "action", "radius-accounting", "disabled"],
    ),
    ("/interface/wifi/security", WIFI_SECURITY),
    ("/interface/wifi/configuration", WIFI_CONFIGURATION),
    ("/interface/wifi", WIFI_CONFIGURATION),
    ("/interface/wifi/aaa", WIFI_AAA),
    (
        "/interface/wifi/access-list",
        &[".id", "action", "radius-accounting", "disabled"],
    ),
    ("/interface/wifiwave2/security", WIFI_SECURITY),
    ("/interface/wifiwave2/configuration", WIFI_CONFIGURATION),
    ("/interface/wifiwave2", WIFI_CONFIGURATION),
    ("/interface/wifiwave2/aaa", WIFI_AAA),
    (
        "/interface/wifiwave2/access-list",
        &[".id", "action", "radius-accounting", "disabled"],
    ),
    (
        "/ip/dhcp-server",
        &[".id", "name", "interface", "use-radius", "disabled"],
    ),
    (
        "/ip/dhcp-server/config",
        &["accounting", "interim-update", "radius-password"],
    ),
    (
        "/interface/dot1x/server",
        &[
            ".id",
            "interface",
            "auth-types",
            "accounting",
            "interim-update",
            "radius-mac-format",
            "disabled",
        ],
    ),
    (
        "/ip/ipsec/settings",
        &["xauth-use-radius", "accounting", "interim-update"],
    ),
    (
        "/ip/ipsec/identity",
        &[".id", "auth-method", "secret", "disabled"],
    ),
    ("/user", &[".id", "name", "group", "address", "disabled"]),
    ("/user/group", &[".id", "name", "policy"]),
    (
        "/user/aaa",
        &[
            "use-radius",
            "accounting",
            "default-group",
            "exclude-groups",
        ],
    ),
    ("/user/ssh-keys", &[".id", "user"]),
    ("/system/ntp/client", &[]),
    ("/ip/cloud", &["update-time", "ddns-enabled"]),
    ("/system/device-mode", &[]),
    (
        "/system/scheduler",
        &[".id", "name", "on-event", "disabled"],
    ),
    ("/tool/e-mail", &["server", "address"]),
    ("/certificate", &[]),
    (
        "/ip/service",
        &[
            ".id",
            "name",
            "port",
            "address",
            "certificate",
            "tls-version",
            "disabled",
            "invalid",
        ],
    ),
    (
        "/ip/address",
        &[
            ".id",
            "address",
            "interface",
            "network",
            "disabled",
            "dynamic",
        ],
    ),
    (
        "/ip/route",
        &[
            ".id",
            "dst-address",
            "gateway",
            "immediate-gw",
            "gateway-status",
            "active",
            "disabled",
            "distance",
        ],
    ),
    (
        "/interface/list/member",
        &[".id", "list", "interface", "disabled"],
    ),
    ("/interface/list", &[".id", "name", "include", "exclude"]),
    (
        "/interface",
        &[".id", "name", "type", "rx-byte", "tx-byte", "disabled"],
    ),
    ("/ip/firewall/filter", &[]),
    ("/ip/firewall/raw", &[]),
    ("/ip/firewall/nat", &[]),
    (
        "/ip/firewall/address-list",
        &[".id", "list", "address", "disabled"],
    ),
    ("/ipv6/firewall/filter", &[]),
    (
        "/queue/simple",
        &[
            ".id",
            "name",
            "target",
            "max-limit",
            "bytes",
            "dynamic",
            "disabled",
        ],
    ),
    ("/snmp", &["enabled", "trap-community"]),
    (
        "/snmp/community",
        &[
            ".id",
            "name",
            "addresses",
            "security",
            "read-access",
            "write-access",
            "disabled",
        ],
    ),
    ("/tool/romon", &["enabled", "id"]),
    (
        "/tool/mac-server",
        &["allowed-interface-list", "interface", "disabled"],
    ),
    (
        "/tool/mac-server/mac-winbox",
        &["allowed-interface-list", "interface", "disabled"],
    ),
    ("/tool/mac-server/ping", &["enabled"]),
    ("/tool/bandwidth-server", &["enabled", "authenticate"]),
    ("/ip/dns", &["allow-remote-requests", "servers"]),
    ("/ip/proxy", &["enabled"]),
    ("/ip/socks", &["enabled"]),
    ("/ip/upnp", &["enabled"]),
    (
        "/ip/neighbor/discovery-settings",
        &["discover-interface-list"],
    ),
    (
        "/ip/ssh",
        &[
            "strong-crypto",
            "always-allow-password-login",
            "password-authentication",
            "ciphers",
        ],
    ),
];

const WIFI_SECURITY: &[&str] = &[
    ".id",
    "name",
    "authentication-types",
    "eap-accounting",
    "disabled",
];
const WIFI_CONFIGURATION: &[&str] = &[
    ".id",
    "name",
    "ssid",
    "configuration.ssid",
    "security",
    "security.authentication-types",
    "security.eap-accounting",
    "disabled",
];
const WIFI_AAA: &[&str] = &[
    ".id",
    "name",
    "username-format",
    "password-format",
    "interim-update",
    "disabled",
];

/// Reads of a router all that [`super::diagnose`] looks at. Nothing is changed on it, and no
/// password of a user is read; the secrets of `/radius` are, where the user may see them.
///
/// Menus that this router does not have, or that the user may not read, are noted as such.
///
/// # Errors
///
/// The connection is lost, or no answer comes in time.
pub async fn gather(router: &Router, capabilities: &Capabilities) -> Result<RouterSide, Error> {
    let asked = Instant::now();
    let read_at = SystemTime::now();
    let clock = read(router, "/system/clock", &[]).await?;
    let round_trip = asked.elapsed();
    let mut side = RouterSide::new(capabilities.version(), read_at + round_trip / 2);
    side.round_trip = round_trip;
    side.set("/system/clock", clock);
    for (menu, properties) in MENUS {
        side.set(*menu, read(router, menu, properties).await?);
    }
    side.set("/log", log_of_logins(router).await?);
    monitors(router, &mut side).await?;
    Ok(side)
}

/// Reads one menu.
pub(crate) async fn read(router: &Router, menu: &str, properties: &[&str]) -> Result<Menu, Error> {
    settle(router.print(menu, properties, &[]).await)
}

fn settle(result: Result<Vec<Record>, Error>) -> Result<Menu, Error> {
    match result {
        Ok(items) => Ok(Menu::Items(items)),
        Err(error) if error.is_fatal() => Err(error),
        Err(Error::NoSuchCommand { .. }) => Ok(Menu::Absent),
        Err(error) => Ok(Menu::Refused(error.to_string())),
    }
}

/// The lines of the log that tell of log-ins. The API knows no search in a text, so that all are
/// fetched.
async fn log_of_logins(router: &Router) -> Result<Menu, Error> {
    const TOPICS: [&str; 8] = [
        "radius", "ppp", "hotspot", "wireless", "dot1x", "account", "dhcp", "ipsec",
    ];
    let lines = read(router, "/log", &["time", "topics", "message"]).await?;
    let Menu::Items(mut lines) = lines else {
        return Ok(lines);
    };
    lines.retain(|line| {
        line.list("topics")
            .iter()
            .any(|topic| TOPICS.contains(topic))
    });
    Ok(Menu::Items(lines))
}

async fn monitors(router: &Router, side: &mut RouterSide) -> Result<(), Error> {
    let ids: Vec<_> = side
        .items("/radius")
        .iter()
        .filter_map(Record::id)
        .collect();
    for id in ids {
        let command = Command::new("/radius/monitor")
            .with(".id", id.as_str())
            .flag("once");
        if let Some(counters) = once(router, &command).await? {
            side.set_monitor(id.as_str(), counters);
        }
    }
    let command = Command::new("/radius/incoming/monitor").flag("once");
    if let Some(counters) = once(router, &command).await? {
        side.set("/radius/incoming/monitor", Menu::Items(vec![counters]));
    }
    Ok(())
}

/// What a command that watches says once. `None`: it says nothing, or there is no such command.
pub(crate) async fn once(router: &Router, command: &Command) -> Result<Option<Record>, Error> {
    match router.call(command).await {
        Ok(answer) => {
            let done = Some(answer.done).filter(|done| !done.is_empty());
            Ok(answer.records.into_iter().next().or(done))
        }
        Err(error) if error.is_fatal() => Err(error),
        Err(_) => Ok(None),
    }
}
