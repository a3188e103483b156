//! Routers with which nothing is wrong, of several kinds and versions.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use crate::{Record, Secret, Version};

use super::{
    Code, Counted, Expectation, Kind, Menu, Nas, OurSide, RadsecCertificate, ResponseTimes,
    RouterSide, Seen, clock, diagnose,
};

pub(crate) const SECRET: &str = "Vq3rT8mZx1Lk9pWs5nBd7hYc";
pub(crate) const FINGERPRINT: &str = "6f1c0d";

/// Both sides and what is expected.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) router: RouterSide,
    pub(crate) ours: OurSide,
    pub(crate) expected: Expectation,
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn now() -> SystemTime {
    clock::moment("2026-11-22 12:00:00").unwrap()
}

/// `name=value name=value`, without spaces in values.
pub(crate) fn record(text: &str) -> Record {
    text.split_whitespace()
        .map(|pair| pair.split_once('=').unwrap())
        .collect()
}

pub(crate) fn menu(lines: &[&str]) -> Menu {
    Menu::Items(lines.iter().map(|line| record(line)).collect())
}

impl Case {
    pub(crate) fn codes(&self) -> Vec<Code> {
        diagnose(&self.router, &self.ours, &self.expected)
            .iter()
            .map(|one| one.code)
            .collect()
    }

    /// Changes properties of an item.
    pub(crate) fn edit(&mut self, name: &str, place: usize, changes: &str) {
        let mut items = self.router.items(name).to_vec();
        for (property, value) in record(changes).iter() {
            items[place].set(property, value);
        }
        self.router.set(name, Menu::Items(items));
    }

    /// Adds an item at the end.
    pub(crate) fn add(&mut self, name: &str, item: &str) {
        let mut items = self.router.items(name).to_vec();
        items.push(record(item));
        self.router.set(name, Menu::Items(items));
    }

    pub(crate) fn counters(&mut self, text: &str) {
        self.router.set_monitor("*1", record(text));
    }

    pub(crate) fn discard(&mut self, source: &str, reason: &str) {
        self.ours.discards.push(super::Discarded {
            source: ip(source),
            reason: reason.to_owned(),
            count: 7,
            last: now() - Duration::from_mins(1),
        });
    }
}

fn seen(kind: Kind, count: u64) -> Seen {
    Seen {
        source: ip("192.168.88.1"),
        kind,
        count,
        last: now() - Duration::from_secs(30),
        nas_identifier: Some("gate".to_owned()),
        nas_address: Some(ip("192.168.88.1")),
    }
}

fn our_side() -> OurSide {
    OurSide {
        addresses: vec![ip("192.168.88.10"), ip("127.0.0.1")],
        authentication_ports: vec![1812],
        accounting_ports: vec![1813],
        radsec_ports: vec![2083],
        router_address: Some(ip("192.168.88.1")),
        nas: vec![Nas {
            name: "gate".to_owned(),
            network: (ip("192.168.88.1"), 32),
            secret: Some(Secret::new(SECRET)),
            coa_port: 3799,
            swaps_octets: false,
            interim: None,
        }],
        requests: vec![seen(Kind::Authentication, 40), seen(Kind::Accounting, 200)],
        dynamic: super::Dynamic {
            source: Some(ip("192.168.88.10")),
            acks: 3,
            naks: 1,
            timeouts: 0,
        },
        clock: Some(now()),
        clock_synchronised: Some(true),
        response_times: Some(ResponseTimes {
            median: Duration::from_millis(1),
            high: Duration::from_millis(9),
        }),
        signs_replies: Some(true),
        demands_signature: Some(false),
        users: vec!["anna".to_owned(), "bert".to_owned()],
        ..OurSide::default()
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one router after the other, line by line"
)]
/// What every router here has, whatever it does.
fn router_side(version: &str) -> RouterSide {
    let version: Version = version.parse().unwrap();
    let mut side = RouterSide::new(version, now());
    side.round_trip = Duration::from_millis(3);
    let six = version.major < 7;
    let date = if six { "nov/22/2026" } else { "2026-11-22" };
    let clock = format!("date={date} time=13:00:02 gmt-offset=+01:00");
    side.set("/system/clock", menu(&[&clock]));
    let ntp = if six {
        "enabled=true primary-ntp=192.0.2.123 secondary-ntp=0.0.0.0"
    } else {
        "enabled=true mode=unicast servers=192.0.2.123 status=synchronized"
    };
    side.set("/system/ntp/client", menu(&[ntp]));
    side.set("/system/identity", menu(&["name=gate"]));
    side.set(
        "/ip/address",
        menu(&[
            ".id=*1 address=192.168.88.1/24 interface=bridge disabled=false",
            ".id=*2 address=198.51.100.5/30 interface=ether1 disabled=false",
        ]),
    );
    side.set(
        "/ip/route",
        menu(&[".id=*1 dst-address=0.0.0.0/0 gateway=198.51.100.6 active=true"]),
    );
    side.set(
        "/interface/list",
        menu(&[".id=*1 name=WAN", ".id=*2 name=LAN"]),
    );
    side.set(
        "/interface/list/member",
        menu(&[
            ".id=*1 list=LAN interface=bridge",
            ".id=*2 list=WAN interface=ether1",
        ]),
    );
    side.set(
        "/ip/firewall/filter",
        menu(&[
            ".id=*1 chain=input action=accept connection-state=established,related,untracked",
            ".id=*2 chain=input action=drop connection-state=invalid",
            ".id=*3 chain=input action=accept protocol=icmp",
            ".id=*4 chain=input action=accept dst-address=127.0.0.1",
            ".id=*5 chain=input action=drop in-interface-list=!LAN",
            ".id=*6 chain=forward action=accept connection-state=established,related",
        ]),
    );
    side.set("/ip/firewall/raw", menu(&[]));
    side.set("/ip/firewall/address-list", menu(&[]));
    side.set(
        "/ip/service",
        menu(&[
            ".id=*1 name=telnet port=23 disabled=true",
            ".id=*2 name=ssh port=22 disabled=false",
            ".id=*3 name=www port=80 disabled=true",
            ".id=*4 name=api-ssl port=8729 disabled=false certificate=own tls-version=only-1.2",
            ".id=*5 name=api port=8728 disabled=true",
        ]),
    );
    side.set("/radius/incoming", menu(&["accept=true port=3799"]));
    side.set(
        "/radius/incoming/monitor",
        menu(&["requests=4 bad-requests=0 acks=3 naks=1"]),
    );
    side.set(
        "/user",
        menu(&[".id=*1 name=keeper group=full address=192.168.88.0/24"]),
    );
    side.set(
        "/user/group",
        menu(&[
            "name=read policy=read,test",
            "name=full policy=write,policy,read",
        ]),
    );
    side.set(
        "/user/aaa",
        menu(&["use-radius=false accounting=true default-group=read"]),
    );
    side.set(
        "/ppp/aaa",
        menu(&["use-radius=false accounting=true interim-update=0s"]),
    );
    side.set("/ip/hotspot", menu(&[]));
    side.set(
        "/ip/hotspot/profile",
        menu(&[".id=*0 name=default use-radius=false"]),
    );
    side.set(
        "/ip/dhcp-server",
        menu(&[".id=*1 name=dhcp1 use-radius=no"]),
    );
    side.set("/caps-man/security", Menu::Absent);
    side.set("/interface/wifiwave2/security", Menu::Absent);
    side.set(
        "/certificate",
        menu(&[
            ".id=*1 name=our-ca common-name=Portreeve-CA fingerprint=6f1c0d trusted=true",
            ".id=*2 name=gate-client common-name=gate private-key=true",
        ]),
    );
    if version.is_at_least(7, 17) {
        side.set(
            "/system/device-mode",
            menu(&["mode=advanced hotspot=true scheduler=true"]),
        );
    }
    side
}

fn entry(version: &str, services: &str) -> String {
    let version: Version = version.parse().unwrap();
    let mut text = format!(
        ".id=*1 address=192.168.88.10 secret={SECRET} service={services} timeout=2s \
         authentication-port=1812 accounting-port=1813 accounting-backup=false called-id= \
         domain= realm= src-address=192.168.88.1 disabled=false comment=portreeve"
    );
    if version.is_at_least(7, 9) {
        text += " protocol=udp certificate=none";
    }
    if version.is_at_least(7, 15) {
        text += " require-message-auth=yes-for-request-resp";
    }
    text
}

fn case(version: &str, services: &str) -> Case {
    let mut router = router_side(version);
    router.set("/radius", menu(&[&entry(version, services)]));
    router.set_monitor(
        "*1",
        record(
            "pending=0 requests=240 accepts=230 rejects=10 resends=2 timeouts=1 bad-replies=0 \
         last-request-rtt=10ms",
        ),
    );
    Case {
        router,
        ours: our_side(),
        expected: Expectation::default(),
    }
}

/// An Internet provider with `PPPoE` and rates.
pub(crate) fn provider(version: &str) -> Case {
    let mut case = case(version, "ppp");
    case.router.set(
        "/ppp/aaa",
        menu(&["use-radius=true accounting=true interim-update=5m"]),
    );
    case.router.set(
        "/ppp/secret",
        menu(&[".id=*1 name=carl service=any disabled=false"]),
    );
    case.router.set(
        "/queue/simple",
        menu(&[
            ".id=*1 name=<pppoe-anna> target=<pppoe-anna> max-limit=1000000/5000000 \
         bytes=2000000/90000000 dynamic=true",
        ]),
    );
    case.ours.sessions = vec![Counted {
        user: "anna".to_owned(),
        session_id: "81100001".to_owned(),
        upload: 1_900_000,
        download: 80_000_000,
    }];
    case.ours.rates_in_use = true;
    case.expected.services = vec!["ppp".to_owned()];
    case.expected.servers = vec![ip("192.168.88.10")];
    case
}

/// A hotel with a hotspot.
pub(crate) fn hotel(version: &str) -> Case {
    let mut case = case(version, "hotspot,login");
    case.router.set(
        "/ip/hotspot",
        menu(&[".id=*1 name=hotspot1 interface=bridge profile=hsprof1 disabled=false"]),
    );
    case.router.set(
        "/ip/hotspot/profile",
        menu(&[
            ".id=*1 name=hsprof1 use-radius=true radius-accounting=true radius-interim-update=5m \
         login-by=mac,cookie,http-chap radius-mac-format=XX:XX:XX:XX:XX:XX mac-auth-password=",
        ]),
    );
    case.router
        .set("/ip/hotspot/user", menu(&[".id=*0 name=default-trial"]));
    case.router.set(
        "/user/aaa",
        menu(&["use-radius=true accounting=true default-group=read"]),
    );
    case.ours.router_groups = vec!["full".to_owned()];
    case
}

/// An office with WPA2-Enterprise, in the stack its version has.
pub(crate) fn office(version: &str) -> Case {
    let mut case = case(version, "wireless");
    let parsed: Version = version.parse().unwrap();
    if parsed.is_at_least(7, 13) {
        case.router
            .set("/interface/wireless/security-profiles", Menu::Absent);
        case.router.set(
            "/interface/wifi/security",
            menu(&[".id=*1 name=sec1 authentication-types=wpa2-eap,wpa3-eap eap-accounting=true"]),
        );
    } else {
        case.router.set("/interface/wifi/security", Menu::Absent);
        case.router.set("/interface/wireless/security-profiles", menu(&[
            ".id=*0 name=default mode=none authentication-types= radius-mac-authentication=false",
            ".id=*1 name=sec1 mode=dynamic-keys authentication-types=wpa2-eap \
             eap-methods=passthrough radius-eap-accounting=true interim-update=5m",
        ]));
        case.router.set(
            "/interface/wireless",
            menu(&[".id=*1 name=wlan1 ssid=office security-profile=sec1 disabled=false"]),
        );
    }
    case
}

/// A branch office that comes in by RadSec, from wherever it is.
pub(crate) fn branch(version: &str) -> Case {
    let mut case = provider(version);
    case.edit(
        "/radius",
        0,
        "protocol=radsec secret=radsec certificate=gate-client",
    );
    let mut certificates = case.router.items("/certificate").to_vec();
    certificates[1].set("invalid-before", "2026-01-01 00:00:00");
    certificates[1].set("invalid-after", "2027-01-01 00:00:00");
    case.router.set("/certificate", Menu::Items(certificates));
    case.ours.radsec = Some(RadsecCertificate {
        names: vec!["aaa.example".to_owned(), "192.168.88.10".to_owned()],
        not_before: clock::moment("2026-06-01 00:00:00").unwrap(),
        not_after: clock::moment("2027-06-01 00:00:00").unwrap(),
        issuer: "Portreeve-CA".to_owned(),
        issuer_fingerprint: Some(FINGERPRINT.to_owned()),
    });
    case
}

const VERSIONS: [&str; 8] = [
    "6.42", "6.49.23", "7.12.2", "7.15", "7.18.2", "7.20.8", "7.23.5", "7.24.5",
];

#[test]
fn a_healthy_router_raises_no_alarm() {
    for version in VERSIONS {
        let mut cases = vec![("provider", provider(version)), ("hotel", hotel(version))];
        cases.push(("office", office(version)));
        if version.parse::<Version>().unwrap().major >= 7 {
            cases.push(("branch", branch(version)));
        }
        for (name, case) in cases {
            let mut found = diagnose(&case.router, &case.ours, &case.expected);
            // That an old version is vulnerable is no false alarm.
            let old = !matches!(version, "6.49.23" | "7.24.5");
            assert_eq!(
                old,
                found.iter().any(|one| one.code == Code::Vulnerable),
                "{version}"
            );
            found.retain(|one| one.code != Code::Vulnerable);
            assert!(found.is_empty(), "{name} {version}: {found:#?}");
        }
    }
}

#[test]
fn a_server_that_knows_nothing_accuses_nobody() {
    for version in VERSIONS {
        for case in [provider(version), hotel(version), office(version)] {
            let blank = OurSide::default();
            let mut found = diagnose(&case.router, &blank, &Expectation::default());
            found.retain(|one| one.code != Code::Vulnerable);
            assert!(found.is_empty(), "{version}: {found:#?}");
        }
    }
}

#[test]
fn what_is_unusual_and_right_raises_no_alarm() {
    // Accounting by the server's word, not the router's.
    let mut case = provider("7.24.5");
    case.edit("/ppp/aaa", 0, "interim-update=0s");
    case.ours.nas[0].interim = Some(Duration::from_mins(5));
    assert_eq!(case.codes(), []);

    // Behind a firewall whose rules jump about.
    let mut case = provider("7.24.5");
    case.ours.dynamic = super::Dynamic {
        source: Some(ip("203.0.113.5")),
        ..Default::default()
    };
    case.ours.addresses.push(ip("203.0.113.5"));
    case.edit("/radius", 0, "address=203.0.113.5");
    case.expected.servers = vec![ip("203.0.113.5")];
    assert_eq!(case.codes(), [Code::IncomingFirewall]);
    let mut items = case.router.items("/ip/firewall/filter").to_vec();
    items.insert(
        0,
        record(".id=*20 chain=input action=jump jump-target=servers protocol=udp"),
    );
    items.push(record(".id=*21 chain=servers action=return dst-port=!3799"));
    items.push(record(
        ".id=*22 chain=servers action=accept src-address-list=aaa",
    ));
    case.router.set("/ip/firewall/filter", Menu::Items(items));
    case.add(
        "/ip/firewall/address-list",
        ".id=*1 list=aaa address=203.0.113.0/28",
    );
    assert_eq!(case.codes(), []);

    // A second server of ours as backup, and one of somebody else's for another service.
    let mut case = provider("7.24.5");
    case.ours.addresses.push(ip("192.168.88.11"));
    let backup = entry("7.24.5", "ppp")
        .replace("*1", "*2")
        .replace("address=192.168.88.10", "address=192.168.88.11");
    case.add("/radius", &backup);
    case.add(
        "/radius",
        ".id=*3 address=192.0.2.99 service=dhcp secret=x timeout=1s",
    );
    assert_eq!(case.codes(), []);

    // The cloud sets the clock.
    let mut case = provider("7.24.5");
    case.edit("/system/ntp/client", 0, "enabled=false servers=");
    case.router.set("/ip/cloud", menu(&["update-time=true"]));
    assert_eq!(case.codes(), []);

    // FastTrack where nobody has a rate.
    let mut case = provider("7.24.5");
    case.ours.rates_in_use = false;
    case.router.set("/queue/simple", menu(&[]));
    case.add(
        "/ip/firewall/filter",
        ".id=*30 chain=forward action=fasttrack-connection",
    );
    assert_eq!(case.codes(), []);
}
