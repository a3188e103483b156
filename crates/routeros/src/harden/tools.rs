//! Helpful things that also help strangers.

use crate::{
    Record,
    check::{Code, Finding, Repair, RouterSide, scene::is_on},
};

use super::management::open_to_strangers;

pub(super) fn rules(router: &RouterSide, found: &mut Vec<Finding>) {
    snmp(router, found);
    resolver(router, found);
    mac_server(router, found);
    discovery(router, found);
    switched(router, found);
}

fn snmp(router: &RouterSide, found: &mut Vec<Finding>) {
    if router.one("/snmp").and_then(|snmp| snmp.flag("enabled")) != Some(true) {
        return;
    }
    for community in router
        .items("/snmp/community")
        .iter()
        .filter(|item| is_on(item))
    {
        let name = community.get("name").unwrap_or_default();
        let secured = community
            .get("security")
            .is_some_and(|level| level != "none");
        let known = matches!(name, "public" | "private");
        let reads = community.flag("read-access") != Some(false);
        let anybody = is_for_all(community);
        if community.flag("write-access") == Some(true) && !secured {
            found.push(
                Finding::error(
                    Code::SnmpPublic,
                    "SNMP lets whoever knows a community's name change the router",
                )
                .seen(format!("/snmp community {}: write-access=yes", shown(name)))
                .fix("/snmp community set it write-access=no")
                .repair(Repair::setting(
                    "/snmp/community",
                    community,
                    &[("write-access", "no", "yes")],
                )),
            );
        } else if known && reads && !secured && anybody {
            let open = open_to_strangers(router, "udp", 161);
            let what = format!("SNMP answers to the community {name:?}, which everybody tries");
            let finding = if open {
                Finding::warning(Code::SnmpPublic, what)
            } else {
                Finding::note(Code::SnmpPublic, what)
            };
            found.push(
                finding
                    .seen("/snmp: enabled=yes; the community has no addresses and no security")
                    .fix("give it another name and addresses=..., or use security=private (v3)"),
            );
        }
    }
}

/// A community's name is as good as a password; only those everybody knows are shown.
fn shown(name: &str) -> &str {
    if matches!(name, "public" | "private") {
        name
    } else {
        "(not shown)"
    }
}

fn is_for_all(community: &Record) -> bool {
    let allowed = community.list("addresses");
    allowed.is_empty() || allowed.iter().any(|text| text.ends_with("/0"))
}

fn resolver(router: &RouterSide, found: &mut Vec<Finding>) {
    let Some(dns) = router.one("/ip/dns") else {
        return;
    };
    if dns.flag("allow-remote-requests") != Some(true) || !open_to_strangers(router, "udp", 53) {
        return;
    }
    found.push(
        Finding::warning(
            Code::OpenResolver,
            "the router answers DNS questions of anybody",
        )
        .seen("/ip dns: allow-remote-requests=yes")
        .seen("no rule of the input chain keeps strangers from UDP port 53")
        .fix(
            "drop UDP and TCP port 53 in the input chain from outside: open resolvers are \
                  used to flood others",
        ),
    );
}

fn mac_server(router: &RouterSide, found: &mut Vec<Finding>) {
    let everywhere = |menu: &str| {
        router.items(menu).iter().any(|item| {
            is_on(item)
                && (item.get("allowed-interface-list") == Some("all")
                    || item.get("interface") == Some("all"))
        })
    };
    let ping = router
        .one("/tool/mac-server/ping")
        .and_then(|ping| ping.flag("enabled"));
    let mut open = Vec::new();
    for (menu, name) in [
        ("/tool/mac-server", "MAC-Telnet"),
        ("/tool/mac-server/mac-winbox", "MAC-WinBox"),
    ] {
        if everywhere(menu) {
            open.push(format!("{name} on all interfaces ({menu})"));
        }
    }
    if open.is_empty() {
        return;
    }
    found.push(
        Finding::note(
            Code::MacServer,
            "neighbours on every interface may log in without IP, past the firewall",
        )
        .all_seen(open)
        .all_seen((ping == Some(true)).then(|| "MAC-ping is on".to_owned()))
        .fix("/tool mac-server set allowed-interface-list=LAN, the same for mac-winbox"),
    );
}

fn discovery(router: &RouterSide, found: &mut Vec<Finding>) {
    let settings = router.one("/ip/neighbor/discovery-settings");
    let Some(settings) = settings else { return };
    if settings.get("discover-interface-list") != Some("all") {
        return;
    }
    found.push(
        Finding::note(
            Code::Discovery,
            "neighbour discovery tells model and version on every interface",
        )
        .seen("/ip neighbor discovery-settings: discover-interface-list=all")
        .fix("/ip neighbor discovery-settings set discover-interface-list=LAN"),
    );
}

/// Menus of which the hardened state is simply off.
fn switched(router: &RouterSide, found: &mut Vec<Finding>) {
    for (menu, code, what, port) in [
        (
            "/tool/romon",
            Code::Romon,
            "RoMON is on: the router can be reached through its neighbours, past the firewall",
            None,
        ),
        (
            "/tool/bandwidth-server",
            Code::BandwidthServer,
            "the bandwidth test server is on: it can be made to fill the line",
            Some(("tcp", 2000)),
        ),
        (
            "/ip/proxy",
            Code::OpenProxy,
            "the web proxy is on",
            Some(("tcp", 8080)),
        ),
        (
            "/ip/socks",
            Code::OpenProxy,
            "the SOCKS proxy is on, as on routers that somebody broke into",
            Some(("tcp", 1080)),
        ),
        (
            "/ip/upnp",
            Code::Upnp,
            "UPnP lets devices inside open ports to the outside",
            None,
        ),
    ] {
        let Some(record) = router.one(menu) else {
            continue;
        };
        if record.flag("enabled") != Some(true) {
            continue;
        }
        let open = port.is_some_and(|(protocol, port)| open_to_strangers(router, protocol, port));
        let finding = if open {
            Finding::warning(code, what)
        } else {
            Finding::note(code, what)
        };
        let repair = Repair::setting(menu, record, &[("enabled", "no", "yes")]);
        found.push(
            finding
                .seen(format!("{menu}: enabled=yes"))
                .all_seen(open.then(|| "strangers can reach it".to_owned()))
                .fix(format!("{menu} set enabled=no, unless you use it"))
                // What somebody may be using is not switched off without asking.
                .repair(repair.filter(|_| code == Code::BandwidthServer)),
        );
    }
}
