//! What of a router is asked for: the menus that plans, checks, sessions and backups touch.

/// The menus whose commands are asked for, with the arguments of their `add` and `set`.
pub const MENUS: &[&str] = &[
    "/caps-man",
    "/caps-man/aaa",
    "/caps-man/access-list",
    "/caps-man/configuration",
    "/caps-man/registration-table",
    "/caps-man/security",
    "/certificate",
    "/console",
    "/file",
    "/interface/bridge",
    "/interface/bridge/port",
    "/interface/dot1x/server",
    "/interface/dot1x/server/active",
    "/interface/dot1x/server/state",
    "/interface/l2tp-server/server",
    "/interface/ovpn-server/server",
    "/interface/pppoe-server/server",
    "/interface/pptp-server/server",
    "/interface/sstp-server/server",
    "/interface/wifi",
    "/interface/wifi/aaa",
    "/interface/wifi/access-list",
    "/interface/wifi/configuration",
    "/interface/wifi/registration-table",
    "/interface/wifi/security",
    "/interface/wifiwave2",
    "/interface/wifiwave2/aaa",
    "/interface/wifiwave2/access-list",
    "/interface/wifiwave2/configuration",
    "/interface/wifiwave2/registration-table",
    "/interface/wifiwave2/security",
    "/interface/wireless",
    "/interface/wireless/access-list",
    "/interface/wireless/registration-table",
    "/interface/wireless/security-profiles",
    "/ip/address",
    "/ip/dhcp-server",
    "/ip/dhcp-server/config",
    "/ip/dhcp-server/lease",
    "/ip/firewall/address-list",
    "/ip/firewall/filter",
    "/ip/firewall/nat",
    "/ip/hotspot",
    "/ip/hotspot/active",
    "/ip/hotspot/host",
    "/ip/hotspot/profile",
    "/ip/hotspot/user",
    "/ip/ipsec/active-peers",
    "/ip/ipsec/identity",
    "/ip/ipsec/settings",
    "/ip/route",
    "/ip/service",
    "/ip/service/webserver",
    "/ip/ssh",
    "/ipv6/dhcp-server",
    "/ipv6/firewall/filter",
    "/log",
    "/ppp/aaa",
    "/ppp/active",
    "/ppp/profile",
    "/ppp/secret",
    "/queue/simple",
    "/radius",
    "/radius/incoming",
    "/snmp",
    "/snmp/community",
    "/system/backup",
    "/system/clock",
    "/system/device-mode",
    "/system/health",
    "/system/history",
    "/system/identity",
    "/system/license",
    "/system/logging",
    "/system/logging/action",
    "/system/ntp/client",
    "/system/ntp/client/servers",
    "/system/package",
    "/system/resource",
    "/system/routerboard",
    "/system/scheduler",
    "/system/script",
    "/tool/e-mail",
    "/tool/mac-server",
    "/tool/romon",
    "/tool/bandwidth-server",
    "/user",
    "/user-manager",
    "/user-manager/database",
    "/user-manager/router",
    "/user-manager/session",
    "/user-manager/user",
    "/user/aaa",
    "/user/active",
    "/user/group",
    "/user/settings",
    "/user/ssh-keys",
];

/// Other commands whose arguments are asked for.
pub const COMMANDS: &[&str] = &[
    "/certificate/import",
    "/certificate/sign",
    "/execute",
    "/export",
    "/file/read",
    "/import",
    "/ip/hotspot/active/login",
    "/ping",
    "/radius/incoming/monitor",
    "/radius/monitor",
    "/system/backup/load",
    "/system/backup/save",
    "/system/device-mode/update",
    "/tool/e-mail/send",
    "/user/active/request-logout",
];

/// Arguments that have one of a list of values, or several, which differ between versions.
pub const VALUES: &[(&str, &str)] = &[
    ("/caps-man/security/add", "authentication-types"),
    ("/interface/dot1x/server/add", "auth-types"),
    ("/interface/l2tp-server/server/set", "authentication"),
    ("/interface/pppoe-server/server/add", "authentication"),
    ("/interface/pptp-server/server/set", "authentication"),
    ("/interface/sstp-server/server/set", "authentication"),
    ("/interface/wifi/security/add", "authentication-types"),
    ("/interface/wifiwave2/security/add", "authentication-types"),
    (
        "/interface/wireless/security-profiles/add",
        "authentication-types",
    ),
    ("/ip/hotspot/profile/add", "login-by"),
    ("/radius/add", "service"),
];

/// Whether a menu is one of [`MENUS`], or leads to one.
pub(super) fn leads_on(path: &str) -> bool {
    MENUS.iter().any(|menu| {
        let rest = menu.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leads_to_a_menu_is_walked() {
        assert!(leads_on("/ip") && leads_on("/ip/hotspot/profile") && leads_on("/interface"));
        assert!(!leads_on("/ip/ho") && !leads_on("/routing") && !leads_on("/radius/incoming/x"));
    }
}
