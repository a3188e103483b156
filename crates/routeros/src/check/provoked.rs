//! Each trouble, provoked on a healthy router, is found; and only by the code it belongs to.

use std::time::Duration;

use proptest::prelude::*;

use crate::Record;

use super::{
    Code, Expectation, Menu, OurSide, Refused, RouterSide, clock, diagnose,
    healthy::{Case, branch, hotel, ip, menu, now, office, provider, record},
};

fn refused(reason: &str, method: &str, user: &str) -> Refused {
    Refused {
        reason: reason.to_owned(),
        method: method.to_owned(),
        user: user.to_owned(),
        count: 4,
        last: now(),
    }
}

/// A router with one trouble. `None`: the hardening report finds it.
#[expect(
    clippy::too_many_lines,
    reason = "one arm for each of the codes, none left out"
)]
fn provoke(code: Code) -> Option<Case> {
    let v = "7.24.5";
    let mut case = provider(v);
    match code {
        Code::NoEntry => case.edit("/radius", 0, "address=192.0.2.50"),
        Code::ServerUnreachable => {
            case.counters("requests=9 accepts=0 rejects=0 timeouts=9 resends=18 bad-replies=0");
            case.ours.requests.clear();
        }
        Code::NasNotRegistered => {
            case.ours.nas.clear();
            case.ours.requests.clear();
            case.discard("192.168.88.1", "unknown_peer");
        }
        Code::WrongSecret => case.edit("/radius", 0, "secret=another"),
        Code::WrongSource => {
            case.edit("/radius", 0, "src-address=198.51.100.5");
            case.ours.requests.clear();
            case.discard("198.51.100.5", "unknown_peer");
        }
        Code::AddressTranslated => {
            case.ours.requests[0].source = ip("198.51.100.99");
            case.ours.dynamic.acks = 0;
        }
        Code::WrongPort => case.edit("/radius", 0, "accounting-port=1646"),
        Code::TimeoutShort => {
            case.edit("/radius", 0, "timeout=100ms");
            case.ours.response_times.as_mut()?.high = Duration::from_millis(400);
        }
        Code::BadReplies => case.counters("requests=100 accepts=60 rejects=0 bad-replies=30"),
        Code::EntryDisabled => case.edit("/radius", 0, "disabled=true"),
        Code::DuplicateEntry => {
            let mut twin = case.router.items("/radius")[0].clone();
            twin.set(".id", "*9");
            let both = vec![case.router.items("/radius")[0].clone(), twin];
            case.router.set("/radius", Menu::Items(both));
        }
        Code::WrongOrder => {
            let ours = case.router.items("/radius")[0].clone();
            let stale = record(".id=*8 address=192.0.2.66 service=ppp timeout=1s secret=old");
            case.router.set("/radius", Menu::Items(vec![stale, ours]));
            case.router
                .set_monitor("*8", record("requests=5 accepts=0 timeouts=5"));
        }
        Code::ServiceOff => case.edit("/ppp/aaa", 0, "use-radius=false"),
        Code::ServiceUnlisted => {
            case = hotel(v);
            case.edit("/radius", 0, "service=login");
        }
        Code::LocalUser => case.add("/ppp/secret", ".id=*2 name=anna disabled=false"),
        Code::AccountingOff => case.edit("/ppp/aaa", 0, "accounting=false"),
        Code::AccountingLost => case.ours.requests.truncate(1),
        Code::InterimMissing => case.edit("/ppp/aaa", 0, "interim-update=0s"),
        Code::InterimShort => case.edit("/ppp/aaa", 0, "interim-update=10s"),
        Code::IncomingClosed => case.edit("/radius/incoming", 0, "accept=false"),
        Code::IncomingPort => case.edit("/radius/incoming", 0, "port=1700"),
        Code::IncomingSource => case.ours.dynamic.source = Some(ip("192.168.88.77")),
        Code::IncomingFirewall => {
            case.ours.dynamic.acks = 0;
            case.ours.dynamic.timeouts = 4;
            case.edit(
                "/ip/firewall/filter",
                4,
                "in-interface-list= src-address=!192.168.99.0/24",
            );
        }
        Code::IncomingBad => {
            case.edit(
                "/radius/incoming/monitor",
                0,
                "bad-requests=5 acks=0 naks=0",
            );
        }
        Code::MessageAuthOff => case.edit("/radius", 0, "require-message-auth=no"),
        Code::MessageAuthMismatch => case.ours.signs_replies = Some(false),
        Code::RadsecName => {
            case = branch(v);
            case.ours.radsec.as_mut()?.names = vec!["aaa.example".to_owned()];
        }
        Code::RadsecTime => {
            case = branch(v);
            case.ours.radsec.as_mut()?.not_after = clock::moment("2026-11-20 00:00:00")?;
        }
        Code::RadsecTrust => {
            case = branch(v);
            case.edit("/certificate", 0, "fingerprint=00ff common-name=else");
        }
        Code::RadsecClient => {
            case = branch(v);
            case.edit("/radius", 0, "certificate=none");
        }
        Code::RadsecSecret => {
            case = branch(v);
            case.ours.radsec_secret = Some(crate::Secret::new("else"));
        }
        Code::RadsecPort => {
            case = branch(v);
            case.ours.radsec_ports = vec![2084];
        }
        Code::ClockSkew => case.edit("/system/clock", 0, "time=13:05:00"),
        Code::NoTimeSource => case.edit("/system/ntp/client", 0, "enabled=false"),
        Code::OurClock => case.ours.clock_synchronised = Some(false),
        Code::Fasttrack => case.add(
            "/ip/firewall/filter",
            ".id=*30 chain=forward action=fasttrack-connection connection-state=established",
        ),
        Code::OctetsSwapped => {
            let session = &mut case.ours.sessions[0];
            (session.upload, session.download) = (session.download, session.upload);
        }
        Code::Vulnerable => case = provider("7.20.8"),
        Code::BrokenPassword => case = provider("6.45.1"),
        Code::DeviceMode => {
            case = hotel(v);
            case.edit("/system/device-mode", 0, "mode=home hotspot=false");
        }
        Code::ChapHashed => {
            case = hotel(v);
            case.ours.hashed_users = 12;
            case.ours
                .refusals
                .push(refused("cannot_serve", "chap", "anna"));
        }
        Code::MacFormat => {
            case = hotel(v);
            case.ours.mac_users = vec!["00-e1-0c-38-c8-f8".to_owned()];
            case.ours
                .refusals
                .push(refused("unknown_user", "pap", "00:E1:0C:38:C8:F8"));
        }
        Code::GroupMissing => {
            case = hotel(v);
            case.ours.router_groups = vec!["admins".to_owned()];
        }
        Code::PskBesideEap => {
            case = office(v);
            case.edit(
                "/interface/wifi/security",
                0,
                "authentication-types=wpa2-psk,wpa2-eap",
            );
        }
        Code::WirelessAbsent => {
            case = office(v);
            case.router.set("/interface/wifi/security", Menu::Absent);
        }
        Code::ClearText => {
            case.router.set("/ip/firewall/filter", menu(&[]));
            case.edit("/ip/service", 0, "disabled=false");
        }
        Code::NotReadable => {
            case.router.set(
                "/certificate",
                Menu::Refused("not enough permissions (9)".to_owned()),
            );
        }
        Code::ServiceExposed
        | Code::NoInputFirewall
        | Code::TlsAnonymous
        | Code::OldTls
        | Code::DefaultUser
        | Code::UserAnywhere
        | Code::WeakSecret
        | Code::SnmpPublic
        | Code::Romon
        | Code::MacServer
        | Code::BandwidthServer
        | Code::OpenResolver
        | Code::OpenProxy
        | Code::Upnp
        | Code::Discovery
        | Code::SshWeak => return None,
    }
    Some(case)
}

#[test]
fn each_trouble_is_found_and_nothing_else() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let Some(case) = provoke(*code) else { continue };
        let found = diagnose(&case.router, &case.ours, &case.expected);
        let mut codes: Vec<_> = found.iter().map(|one| one.code).collect();
        if *code == Code::BrokenPassword {
            codes.retain(|one| *one != Code::Vulnerable);
        }
        if codes != [*code] {
            wrong.push(format!("{code}: {found:#?}"));
            continue;
        }
        let finding = found.iter().find(|one| one.code == *code).unwrap();
        assert!(
            !finding.what.is_empty() && !finding.fix.is_empty(),
            "{finding:#?}"
        );
        assert!(
            !format!("{finding:?}").contains(super::healthy::SECRET),
            "{code}"
        );
        assert!(
            !serde_json::to_string(finding)
                .unwrap()
                .contains(super::healthy::SECRET)
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn labels_are_stable_and_described() {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/router-findings.md"
    );
    let page = std::fs::read_to_string(page).unwrap();
    let mut labels = std::collections::BTreeSet::new();
    for code in Code::ALL {
        let label = code.label();
        assert!(labels.insert(label), "{label} is there twice");
        assert!(
            label
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        );
        assert!(
            page.contains(&format!("`{label}`")),
            "{label} is not described"
        );
    }
}

#[test]
fn a_wrong_secret_is_known_by_each_of_its_symptoms() {
    let hidden = |case: &mut Case| {
        let mut items = case.router.items("/radius").to_vec();
        items[0] = items[0]
            .iter()
            .filter(|(name, _)| *name != "secret")
            .collect();
        case.router.set("/radius", Menu::Items(items));
    };
    // The secret does not show: nothing is said without a symptom.
    let mut case = provider("7.24.5");
    hidden(&mut case);
    assert_eq!(case.codes(), []);
    for reason in ["message_authenticator_wrong", "request_authenticator_wrong"] {
        let mut case = provider("7.24.5");
        hidden(&mut case);
        case.discard("192.168.88.1", reason);
        assert_eq!(case.codes(), [Code::WrongSecret], "{reason}");
    }
    let mut case = provider("7.24.5");
    hidden(&mut case);
    case.ours
        .refusals
        .push(refused("suspect_secret", "pap", "anna"));
    assert_eq!(case.codes(), [Code::WrongSecret]);
    let mut case = provider("6.49.23");
    hidden(&mut case);
    case.counters("requests=9 accepts=0 rejects=0 bad-replies=9 timeouts=9");
    assert_eq!(case.codes(), [Code::WrongSecret]);
    // The same symptom with the secret seen to be right is of before.
    let mut case = provider("7.24.5");
    case.discard("192.168.88.1", "request_authenticator_wrong");
    assert_eq!(case.codes(), []);
}

#[test]
fn what_arrives_and_is_thrown_away_is_not_unreachable() {
    let silent = |reason: &str| {
        let mut case = provider("7.24.5");
        case.counters("requests=9 accepts=0 rejects=0 bad-replies=0 timeouts=9");
        case.ours.requests.clear();
        case.discard("192.168.88.1", reason);
        case
    };
    // The secrets are the same by now, and the counters are of before.
    assert_eq!(silent("message_authenticator_wrong").codes(), []);
    assert_eq!(silent("unknown_peer").codes(), []);
    let case = silent("malformed");
    let found = diagnose(&case.router, &case.ours, &case.expected);
    assert_eq!(found[0].code, Code::ServerUnreachable);
    assert!(found[0].what.contains("thrown away"), "{found:#?}");
}

#[test]
fn unsigned_requests_of_an_old_router_are_explained() {
    let mut case = provider("6.49.23");
    case.discard("192.168.88.1", "message_authenticator_missing");
    case.counters("requests=9 accepts=0 timeouts=9");
    assert_eq!(case.codes(), [Code::MessageAuthMismatch]);
    let mut case = provider("6.49.23");
    case.ours.demands_signature = Some(true);
    assert_eq!(case.codes(), [Code::MessageAuthMismatch]);
    // EAP is always signed.
    let mut case = office("6.49.23");
    case.ours.demands_signature = Some(true);
    assert_eq!(case.codes(), []);
}

#[test]
fn radsec_trouble_of_the_routers_own_certificate_is_found() {
    let mut case = branch("7.24.5");
    let mut items = case.router.items("/certificate").to_vec();
    items[1].set("invalid-after", "2026-11-01 00:00:00");
    case.router.set("/certificate", Menu::Items(items));
    assert_eq!(case.codes(), [Code::RadsecTime]);
    let mut case = branch("7.24.5");
    case.edit("/certificate", 0, "trusted=false");
    let found = diagnose(&case.router, &case.ours, &case.expected);
    assert_eq!(found[0].code, Code::RadsecTrust);
    let repair = found[0].repair.as_ref().unwrap();
    assert_eq!(
        format!("{:?}", repair.commands),
        "[/certificate/set .id=\"*1\" trusted=\"yes\"]"
    );
    assert_eq!(
        format!("{:?}", repair.inverse),
        "[/certificate/set .id=\"*1\" trusted=\"no\"]"
    );
}

#[test]
fn a_rule_that_cannot_be_understood_blames_nobody() {
    let mut case = provider("7.24.5");
    case.ours.dynamic.acks = 0;
    case.edit(
        "/ip/firewall/filter",
        4,
        "in-interface-list= src-address=!192.168.99.0/24",
    );
    let mut items = case.router.items("/ip/firewall/filter").to_vec();
    items.insert(
        0,
        record(".id=*40 chain=input action=accept time=8h-18h,mon"),
    );
    case.router.set("/ip/firewall/filter", Menu::Items(items));
    assert_eq!(case.codes(), []);
    // Unless nothing is answered: then it is worth a look.
    case.ours.dynamic.timeouts = 3;
    let found = diagnose(&case.router, &case.ours, &case.expected);
    assert_eq!(found[0].code, Code::IncomingFirewall);
    assert_eq!(found[0].severity, super::Severity::Warning);
    assert_eq!(found[0].repair, None);
}

#[test]
fn what_somebody_else_wrote_steers_no_terminal() {
    let mut case = provider("7.24.5");
    let mut items = case.router.items("/radius").to_vec();
    items[0].set("service", "ppp\u{1b}[2J");
    items[0].set("disabled", "true");
    case.router.set("/radius", Menu::Items(items));
    for finding in diagnose(&case.router, &case.ours, &case.expected) {
        let text = finding.evidence.join("") + &finding.what + &finding.fix;
        assert!(!text.chars().any(char::is_control), "{finding:#?}");
    }
}

const MENUS: [&str; 32] = [
    "/radius",
    "/radius/incoming",
    "/radius/incoming/monitor",
    "/ppp/aaa",
    "/ppp/secret",
    "/ip/hotspot",
    "/ip/hotspot/profile",
    "/interface/wireless",
    "/interface/wireless/security-profiles",
    "/interface/wifi/security",
    "/interface/wifi/aaa",
    "/interface/wifi/access-list",
    "/caps-man/aaa",
    "/caps-man/access-list",
    "/ip/dhcp-server",
    "/interface/dot1x/server",
    "/ip/ipsec/identity",
    "/user",
    "/user/group",
    "/user/aaa",
    "/system/ntp/client",
    "/system/clock",
    "/system/device-mode",
    "/certificate",
    "/ip/service",
    "/ip/address",
    "/ip/route",
    "/interface/list",
    "/interface/list/member",
    "/ip/firewall/filter",
    "/ip/firewall/address-list",
    "/queue/simple",
];

const NAMES: [&str; 40] = [
    ".id",
    "address",
    "secret",
    "service",
    "timeout",
    "authentication-port",
    "src-address",
    "protocol",
    "certificate",
    "require-message-auth",
    "disabled",
    "accept",
    "port",
    "use-radius",
    "interim-update",
    "name",
    "profile",
    "login-by",
    "radius-mac-format",
    "authentication-types",
    "mode",
    "ssid",
    "security-profile",
    "chain",
    "action",
    "jump-target",
    "dst-port",
    "in-interface-list",
    "src-address-list",
    "list",
    "include",
    "gateway",
    "dst-address",
    "date",
    "time",
    "gmt-offset",
    "bytes",
    "max-limit",
    "invalid-after",
    "group",
];

const VALUES: [&str; 30] = [
    "",
    "*1",
    "192.168.88.10",
    "192.168.88.1/24",
    "0.0.0.0/0",
    "::/0",
    "ppp,login,hotspot",
    "yes",
    "no",
    "input",
    "jump",
    "return",
    "accept",
    "drop",
    "3799",
    "1-65535",
    "!",
    "!LAN",
    "LAN",
    "udp",
    "radsec",
    "300ms",
    "99999999999999999999",
    "2026-11-22",
    "feb/31/2026",
    "25:61:61",
    "+99:99",
    "-1",
    "<pppoe-\u{e9}>",
    "18446744073709551615/18446744073709551615",
];

fn any_record() -> impl Strategy<Value = Record> {
    let value = prop_oneof![
        4 => prop::sample::select(&VALUES[..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let name = prop_oneof![
        9 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec((name, value), 0..12).prop_map(|pairs| pairs.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_router_makes_it_panic(
        menus in prop::collection::vec(
            (prop::sample::select(&MENUS[..]), prop::collection::vec(any_record(), 0..5)),
            0..24,
        ),
        counters in any_record(),
        major in 6u16..8,
        minor in 0u16..60,
    ) {
        let healthy = branch("7.24.5");
        let version = crate::Version::new(major, minor, 0);
        for ours in [healthy.ours.clone(), OurSide::default()] {
            let mut side = RouterSide::new(version, now());
            for (menu, items) in &menus {
                side.set(*menu, Menu::Items(items.clone()));
            }
            side.set_monitor("*1", counters.clone());
            let found = diagnose(&side, &ours, &Expectation::default());
            let _ = serde_json::to_string(&found).unwrap();
            let _ = crate::harden::examine(&side);
        }
    }
}
