//! Routers and wishes, some of them random.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;

use super::memory::Memory;
use crate::{
    Secret,
    plan::{
        Coa, Dhcp, Dot1x, Enterprise, Hotspot, Ipsec, Logging, LoginService, Ppp, Risk, Server,
        Wanted, Which, Wireless,
    },
};

/// The arguments of an entry and of a rule.
pub(super) const ARGUMENTS: [&str; 20] = [
    "accept",
    "accounting-backup",
    "accounting-port",
    "action",
    "address",
    "authentication-port",
    "certificate",
    "chain",
    "comment",
    "disabled",
    "dst-port",
    "port",
    "protocol",
    "require-message-auth",
    "secret",
    "service",
    "src-address",
    "timeout",
    "domain",
    "realm",
];

pub(super) const TAG: &str = "portreeve:test";

pub(super) fn server(last: u8) -> Server {
    let address = format!("10.0.0.{last}").parse().unwrap();
    let mut server = Server::udp(address, Secret::new(format!("the secret of {last}")));
    server.source = (last == 4).then(|| "192.168.88.1".parse().unwrap());
    server
}

/// All that can be wanted of the newest version.
pub(super) fn all() -> Wanted {
    all_of(|menu| !menu.contains("wifiwave2"))
}

/// All that can be wanted of a router with these menus.
pub(super) fn all_of(has: impl Fn(&str) -> bool) -> Wanted {
    let mut wanted = Wanted::new(TAG, server(1));
    let mut backup = server(2);
    backup.accounting_backup = true;
    backup.source = Some("192.168.88.1".parse().unwrap());
    wanted.servers.push(backup);
    wanted
        .servers
        .push(Server::radsec("10.0.0.3".parse().unwrap(), "router"));
    wanted.logging = Some(Logging::default());
    let services = &mut wanted.services;
    services.ppp = Some(Ppp::default());
    services.hotspot = Some(Hotspot::default());
    services.login = Some(LoginService {
        exclude_groups: Some(BTreeSet::from(["full".to_owned()])),
        ..LoginService::default()
    });
    services.dhcp = Some(Dhcp::of(["lan"]));
    services.dot1x = Some(Dot1x::of(["ether2", "ether3"]));
    services.ipsec = Some(Ipsec {
        xauth: true,
        ..Ipsec::default()
    });
    let switch: BTreeMap<String, Enterprise> = [
        (
            "/interface/wireless/security-profiles",
            "keyed",
            Enterprise::Wpa2,
        ),
        ("/caps-man/security", "caps-keyed", Enterprise::Wpa2),
        (
            "/interface/wifi/security",
            "wifi-keyed",
            Enterprise::Wpa2AndWpa3,
        ),
        ("/interface/wifi", "wifi-own-keyed", Enterprise::Wpa2),
        (
            "/interface/wifiwave2/security",
            "wave-keyed",
            Enterprise::Wpa3,
        ),
    ]
    .into_iter()
    .filter(|(menu, _, _)| has(menu))
    .map(|(_, name, choice)| (name.to_owned(), choice))
    .collect();
    services.wireless = (!switch.is_empty()).then(|| Wireless {
        switch,
        ..Wireless::default()
    });
    wanted.accepted = BTreeSet::from([Risk::NoLocalXauth]);
    wanted
}

/// A router with something in every menu that it has.
pub(super) fn full(has: impl Fn(&str) -> bool) -> Memory {
    full_lacking(has, &[])
}

/// The same, of a version without these properties.
pub(super) fn full_lacking(has: impl Fn(&str) -> bool, lacks: &[&'static str]) -> Memory {
    let mut router = singles();
    router.lacks = lacks.to_vec();
    radius(&mut router);
    lists(&mut router);
    wireless(&mut router);
    router.menus.retain(|menu, _| has(menu));
    router
}

fn singles() -> Memory {
    let off = [
        ("use-radius", "false"),
        ("accounting", "false"),
        ("interim-update", "0s"),
    ];
    Memory::default()
        .with_one("/radius/incoming", &[("accept", "false"), ("port", "1700")])
        .with_one("/ppp/aaa", &off)
        .with_one(
            "/user/aaa",
            &[
                ("use-radius", "false"),
                ("accounting", "true"),
                ("interim-update", "0s"),
                ("default-group", "write"),
                ("exclude-groups", ""),
            ],
        )
        .with_one("/caps-man/aaa", &[("interim-update", "0s")])
        .with_one(
            "/ip/dhcp-server/config",
            &[("accounting", "false"), ("interim-update", "0s")],
        )
        .with_one(
            "/ip/ipsec/settings",
            &[
                ("accounting", "false"),
                ("interim-update", "0s"),
                ("xauth-use-radius", "false"),
            ],
        )
}

fn radius(router: &mut Memory) {
    for (address, comment, service) in [
        ("10.9.9.9", "somebody's", "ppp"),
        ("10.0.0.2", TAG, "login"),
        ("10.0.0.8", TAG, "hotspot"),
        ("10.0.0.1", "by hand", "ppp,hotspot"),
        ("10.0.0.2", TAG, "ppp"),
    ] {
        let values = [
            ("address", address),
            ("comment", comment),
            ("service", service),
            ("secret", "an old secret"),
        ];
        router.push("/radius", &values);
    }
    let filter = "/ip/firewall/filter";
    let accept = [("chain", "input"), ("action", "accept")];
    let drop = [("chain", "input"), ("action", "drop"), ("comment", "all")];
    router.push(filter, &accept);
    router.push(filter, &drop);
    let ours = [
        ("chain", "input"),
        ("action", "accept"),
        ("protocol", "udp"),
        ("src-address", "10.0.0.2"),
        ("dst-port", "1700"),
        ("comment", TAG),
    ];
    router.push(filter, &ours);
    let mut stale = ours;
    stale[3].1 = "10.7.7.7";
    router.push(filter, &stale);
}

fn lists(router: &mut Memory) {
    for name in ["default", "guests"] {
        let values = [
            ("name", name),
            ("use-radius", "false"),
            ("radius-accounting", "false"),
            ("radius-interim-update", "received"),
        ];
        router.push("/ip/hotspot/profile", &values);
    }
    router.push("/ip/dhcp-server", &[("name", "lan"), ("use-radius", "no")]);
    for name in ["ether1", "ether2", "ether3", "bridge"] {
        router.push("/interface", &[("name", name)]);
    }
    let there = [
        ("interface", "ether3"),
        ("auth-types", "mac-auth"),
        ("accounting", "false"),
        ("interim-update", "0s"),
        ("disabled", "true"),
    ];
    router.push("/interface/dot1x/server", &there);
    let policy = "local,read,write,policy,test,sensitive,api";
    router.push("/user/group", &[("name", "full"), ("policy", policy)]);
    router.push(
        "/user/group",
        &[("name", "read"), ("policy", "read,!write")],
    );
    router.push(
        "/user/group",
        &[("name", "write"), ("policy", "read,write")],
    );
    router.push(
        "/user",
        &[("name", "admin"), ("group", "full"), ("address", "")],
    );
    router.push("/certificate", &[("name", "router")]);
    let address = [("address", "192.168.88.1/24"), ("interface", "ether1")];
    router.push("/ip/address", &address);
    router.push(
        "/system/logging/action",
        &[("name", "memory"), ("target", "memory")],
    );
    router.push(
        "/system/logging",
        &[("topics", "info"), ("action", "memory")],
    );
    router.push("/ip/ipsec/user", &[("name", "road")]);
}

fn wireless(router: &mut Memory) {
    for (name, types) in [("keyed", "wpa2-psk"), ("secure", "wpa2-eap")] {
        let values = [
            ("name", name),
            ("mode", "dynamic-keys"),
            ("authentication-types", types),
            ("eap-methods", "passthrough"),
            ("radius-eap-accounting", "false"),
            ("radius-mac-authentication", "true"),
            ("radius-mac-accounting", "false"),
            ("interim-update", "0s"),
        ];
        router.push("/interface/wireless/security-profiles", &values);
    }
    let keyed = [("name", "caps-keyed"), ("authentication-types", "wpa2-psk")];
    router.push("/caps-man/security", &keyed);
    let secure = [
        ("name", "caps-secure"),
        ("authentication-types", "wpa2-eap"),
    ];
    router.push("/caps-man/security", &secure);
    for (base, start) in [
        ("/interface/wifi", "wifi"),
        ("/interface/wifiwave2", "wave"),
    ] {
        let (menu, configuration) = (format!("{base}/security"), format!("{base}/configuration"));
        for (kind, types) in [
            ("keyed", "wpa2-psk"),
            ("secure", "wpa3-eap"),
            ("guests", "wpa2-psk"),
        ] {
            let name = format!("{start}-{kind}");
            router.push(&menu, &[("name", &name), ("authentication-types", types)]);
            router.push(&configuration, &[("name", &name), ("security", &name)]);
        }
        router.push(&format!("{base}/aaa"), &[("name", "other")]);
        for (name, types) in [("keyed", "wpa2-psk"), ("secure", "wpa2-eap")] {
            let name = format!("{start}-own-{name}");
            let values = [("name", &*name), ("security.authentication-types", types)];
            router.push(base, &values);
        }
        let other = [
            ("name", "other"),
            ("security", &*format!("{start}-secure")),
            ("aaa", "other"),
        ];
        router.push(&configuration, &other);
    }
}

fn entry() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let comment = prop_oneof![
        Just(TAG),
        Just(""),
        Just("by hand"),
        Just("portreeve:other")
    ];
    let service = prop_oneof![Just("ppp"), Just(""), Just("login,hotspot"), Just("dhcp")];
    let timeout = prop_oneof![Just("300ms"), Just("2s"), Just("00:00:02")];
    let narrow = prop_oneof![4 => Just(""), 1 => Just("example.org")];
    (1u8..6, comment, service, timeout, narrow, any::<bool>()).prop_map(
        |(last, comment, service, timeout, domain, off)| {
            vec![
                ("address", format!("10.0.0.{last}")),
                ("comment", comment.to_owned()),
                ("service", service.to_owned()),
                ("timeout", timeout.to_owned()),
                ("domain", domain.to_owned()),
                ("secret", "an old secret".to_owned()),
                ("disabled", off.to_string()),
            ]
        },
    )
}

fn rule() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let action = prop_oneof![Just("accept"), Just("drop"), Just("jump"), Just("reject")];
    let chain = prop_oneof![3 => Just("input"), 1 => Just("forward")];
    let comment = prop_oneof![Just(TAG), Just(""), Just("defconf")];
    let flags = (any::<bool>(), prop::bool::weighted(0.1));
    (1u8..6, action, chain, comment, flags).prop_map(
        |(last, action, chain, comment, (off, dynamic))| {
            vec![
                ("chain", chain.to_owned()),
                ("action", action.to_owned()),
                ("protocol", "udp".to_owned()),
                ("src-address", format!("10.0.0.{last}")),
                ("dst-port", "3799".to_owned()),
                ("comment", comment.to_owned()),
                ("disabled", off.to_string()),
                ("dynamic", dynamic.to_string()),
            ]
        },
    )
}

/// Any router: the full one with other entries and rules.
pub(super) fn router() -> impl Strategy<Value = Memory> {
    let entries = prop::collection::vec(entry(), 0..7);
    let rules = prop::collection::vec(rule(), 0..8);
    (entries, rules).prop_map(|(entries, rules)| {
        let mut router = full(|_| true);
        for (menu, all) in [("/radius", entries), ("/ip/firewall/filter", rules)] {
            router.menus.insert(menu.to_owned(), Vec::new());
            for values in all {
                let values: Vec<(&str, &str)> =
                    values.iter().map(|(n, v)| (*n, v.as_str())).collect();
                router.push(menu, &values);
            }
        }
        router
    })
}

/// Anything that can be wanted of it.
pub(super) fn wanted() -> impl Strategy<Value = Wanted> {
    let servers = prop::sample::subsequence(vec![1u8, 2, 3, 4], 1..4).prop_shuffle();
    let flags = prop::collection::vec(any::<bool>(), 10);
    let port = prop_oneof![Just(3799u16), Just(1700)];
    let interim = prop_oneof![Just(0u64), Just(300), Just(60)];
    (servers, flags, port, interim).prop_map(|(servers, flags, port, interim)| {
        let mut wanted = all();
        wanted.servers = servers.into_iter().map(server).collect();
        let services = &mut wanted.services;
        let span = Duration::from_secs(interim);
        services.ppp = flags[0].then_some(Ppp {
            interim_update: span,
        });
        services.hotspot = flags[1].then(|| Hotspot {
            profiles: if flags[9] {
                Which::Named(BTreeSet::from(["guests".to_owned()]))
            } else {
                Which::All
            },
            interim_update: span,
        });
        if !flags[2] {
            services.login = None;
        }
        if !flags[3] {
            services.dhcp = None;
        }
        if !flags[4] {
            services.dot1x = None;
        }
        if !flags[5] {
            services.ipsec = None;
        }
        if !flags[6] {
            services.wireless = None;
        }
        wanted.coa = flags[7].then(|| Coa {
            port,
            ..Coa::default()
        });
        wanted.logging = flags[8].then(Logging::default);
        wanted
    })
}
