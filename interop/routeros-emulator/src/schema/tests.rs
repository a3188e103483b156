//! Menus of the versions.

use std::{collections::HashMap, sync::OnceLock};

use super::*;

/// Each tree once: they are large.
fn schema(release: Release, board: Board) -> &'static Schema {
    static ALL: OnceLock<HashMap<(Release, Board), Schema>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let both = |release| Board::ALL.map(|board| (release, board));
        let each = Release::ALL.into_iter().flat_map(both);
        each.map(|key| (key, Schema::of(key.0, key.1).unwrap()))
            .collect()
    });
    &all[&(release, board)]
}

fn has(release: Release, board: Board, path: &str) -> bool {
    schema(release, board).node(path).is_some()
}

fn usual(release: Release, path: &str) -> bool {
    has(release, Board::usual(release), path)
}

#[test]
fn each_version_has_what_came_with_it() {
    let since = [
        ("radius/add/require-message-auth", Release::V7_15),
        ("radius/add/radsec-timeout", Release::V7_20),
        ("radius/add/protocol", Release::V6_49),
        ("radius/incoming/set/vrf", Release::V7_9),
        ("interface/dot1x/server", Release::V6_45),
        ("ppp/aaa/set/enable-ipv6-accounting", Release::V7_15),
        ("console/inspect", Release::V7_9),
        ("file/read", Release::V7_15),
        ("tool/e-mail/set/server", Release::V7_12),
        ("ip/service/webserver", Release::V7_24),
        ("system/scheduler/add/days", Release::V7_24),
        ("interface/wifi/aaa", Release::V7_15),
        ("ip/service/set/max-sessions", Release::V7_18),
        ("user/active/remove", Release::V7_20),
        ("user-manager", Release::V7_9),
    ];
    for (path, first) in since {
        for release in Release::ALL {
            assert_eq!(
                usual(release, path),
                release >= first,
                "{path} in {release}"
            );
        }
    }
}

#[test]
fn each_version_lacks_what_went() {
    let until = [
        ("tool/e-mail/set/address", Release::V7_9),
        ("tool/user-manager/customer", Release::V6_49),
        ("system/ntp/client/set/primary-ntp", Release::V6_49),
        ("tool/e-mail/set/start-tls", Release::V6_49),
    ];
    for (path, last) in until {
        for release in Release::ALL {
            assert_eq!(usual(release, path), release <= last, "{path} in {release}");
        }
    }
    assert!(!usual(Release::V6_49, "export/show-sensitive"));
    assert!(usual(Release::V6_49, "export/hide-sensitive"));
    assert!(usual(Release::V7_9, "interface/wifiwave2/aaa"));
    assert!(usual(Release::V7_12, "interface/wifiwave2/aaa"));
    assert!(!usual(Release::V7_15, "interface/wifiwave2"));
}

#[test]
fn the_older_wireless_is_where_its_devices_are() {
    let path = "interface/wireless/security-profiles/add/radius-eap-accounting";
    for release in Release::ALL {
        assert!(has(release, Board::HapAc2, path), "{release}");
    }
    assert!(!has(Release::V7_24, Board::HapAx2, path));
    assert!(has(Release::V7_24, Board::Chr, path));
}

/// On every version.
const EVERYWHERE: [&str; 56] = [
    "system/identity",
    "system/resource",
    "system/clock",
    "system/ntp/client",
    "system/package",
    "system/routerboard",
    "system/license",
    "system/health",
    "system/history",
    "system/script",
    "system/scheduler",
    "system/logging",
    "system/logging/action",
    "system/backup/save",
    "radius",
    "radius/monitor",
    "radius/reset-counters",
    "radius/move",
    "radius/incoming",
    "radius/incoming/monitor",
    "ppp/aaa",
    "ppp/profile",
    "ppp/secret",
    "ppp/active",
    "interface/pppoe-server/server",
    "interface/l2tp-server/server",
    "interface/pptp-server/server",
    "interface/sstp-server/server",
    "interface/ovpn-server/server",
    "ip/hotspot",
    "ip/hotspot/profile",
    "ip/hotspot/user",
    "ip/hotspot/active",
    "ip/hotspot/host",
    "ip/dhcp-server",
    "ip/dhcp-server/config",
    "ip/dhcp-server/lease",
    "ipv6/dhcp-server",
    "ip/ipsec/active-peers",
    "user",
    "user/group",
    "user/aaa",
    "user/active",
    "ip/service",
    "ip/firewall/filter",
    "ip/route",
    "ip/address",
    "certificate",
    "file",
    "export",
    "log",
    "tool/e-mail",
    "tool/fetch",
    "ping",
    "queue/simple",
    "execute",
];

/// Every menu that is named where tools for RouterOS are described, on the versions that have it.
#[test]
fn every_menu_of_the_trade_is_there() {
    for release in Release::ALL {
        for path in EVERYWHERE {
            assert!(usual(release, path), "{path} in {release}");
        }
    }
    for path in ["system/device-mode", "console/inspect"] {
        assert!(usual(Release::V7_9, path), "{path}");
    }
    assert!(has(
        Release::V7_24,
        Board::HapAc2,
        "caps-man/registration-table"
    ));
    assert!(usual(Release::V7_24, "interface/wifi/registration-table"));
    assert!(usual(Release::V7_24, "interface/dot1x/server/state"));
    assert!(usual(Release::V6_49, "ip/ipsec/settings"));
}
