//! What is objected to, what is noted, and how a plan reads.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    memory::Memory,
    planned,
    random::{self, TAG, server},
    schema,
};
use crate::{
    Capabilities, Secret,
    plan::{
        Dhcp, Dot1x, Enterprise, LoginService, Note, Objection, Observed, Place, Ppp, Risk,
        Secrets, Server, Step, Wanted, Wireless, plan,
    },
};

fn objections(wanted: &Wanted, router: &Memory) -> Vec<Objection> {
    plan(wanted, &router.observed(), schema::newest()).unwrap_err()
}

/// The only objection there is.
fn objection(wanted: &Wanted, router: &Memory) -> Objection {
    let mut all = objections(wanted, router);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(!all[0].remedy.is_empty());
    all.remove(0)
}

fn one() -> Wanted {
    Wanted::new(TAG, server(1))
}

fn user(router: &mut Memory, property: &str, value: &str) {
    router.menus.get_mut("/user").unwrap()[0].set(property, value);
}

#[test]
fn nobody_is_locked_out_of_the_router() {
    let mut wanted = one();
    wanted.services.login = Some(LoginService::default());
    let router = random::full(|_| true);
    assert!(plan(&wanted, &router.observed(), schema::newest()).is_ok());
    for (property, value) in [
        ("disabled", "true"),
        ("address", "10.0.0.0/8"),
        ("group", "read"),
    ] {
        let mut router = router.clone();
        user(&mut router, property, value);
        let mut observed = router.observed();
        observed.user = None;
        let all = plan(&wanted, &observed, schema::newest()).unwrap_err();
        assert_eq!(all[0].risk, Some(Risk::NoLocalUser), "{property}: {all:?}");
        let mut accepted = wanted.clone();
        accepted.accepted.insert(Risk::NoLocalUser);
        let plan = plan(&accepted, &observed, schema::newest()).unwrap();
        assert!(
            plan.notes()
                .iter()
                .any(|note| note.text.contains("accepted"))
        );
    }
    user(&mut router.clone(), "address", "192.168.88.0/24");
}

#[test]
fn a_user_who_may_not_enough_is_told_so_before_anything_is_done() {
    let mut router = random::full(|_| true);
    user(&mut router, "group", "write");
    let objection = objection(&one(), &router);
    assert!(objection.what.contains("policy, sensitive"), "{objection}");
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let router = random::full(|_| true);
    let mut wanted = one();
    wanted.services.dhcp = Some(Dhcp::of(["lann"]));
    assert!(objection(&wanted, &router).remedy.contains("lan"));
    wanted.services.dhcp = None;
    wanted.services.dot1x = Some(Dot1x::of(["ether9"]));
    assert!(objection(&wanted, &router).remedy.contains("ether2"));
    wanted.services.dot1x = None;
    wanted.services.login = Some(LoginService {
        default_group: "nobody".to_owned(),
        ..LoginService::default()
    });
    assert!(objection(&wanted, &router).what.contains("nobody"));
    wanted.services.login = None;
    wanted.services.wireless = Some(Wireless {
        switch: BTreeMap::from([("kyed".to_owned(), Enterprise::Wpa2)]),
        ..Wireless::default()
    });
    assert!(objection(&wanted, &router).remedy.contains("keyed"));
    wanted.services.wireless = None;
    wanted.servers[0] = Server::radsec("10.0.0.1".parse().unwrap(), "none-such");
    assert!(objection(&wanted, &router).what.contains("none-such"));
}

#[test]
fn values_the_router_would_not_take_are_objected_to() {
    let router = random::full(|_| true);
    let mut wanted = one();
    wanted.servers[0].timeout = std::time::Duration::from_millis(9);
    assert!(objection(&wanted, &router).what.contains("timeout"));
    wanted.servers[0] = Server::udp("10.0.0.1".parse().unwrap(), Secret::new(""));
    assert!(objection(&wanted, &router).what.contains("secret"));
    wanted.servers = vec![server(1), server(1)];
    assert!(objection(&wanted, &router).what.contains("twice"));
    wanted.servers = vec![server(1)];
    wanted.tag = " ".to_owned();
    assert!(objection(&wanted, &router).what.contains("tag"));
}

#[test]
fn the_own_port_and_the_last_network_are_kept() {
    let mut router = random::full(|_| true);
    let mut wanted = one();
    wanted.services.dot1x = Some(Dot1x::of(["ether1"]));
    assert_eq!(objection(&wanted, &router).risk, Some(Risk::OwnPort));
    let address = &mut router.menus.get_mut("/ip/address").unwrap()[0];
    address.set("interface", "bridge");
    assert!(plan(&wanted, &router.observed(), schema::newest()).is_ok());
    let port = [("bridge", "bridge"), ("interface", "ether1")];
    router.push("/interface/bridge/port", &port);
    assert_eq!(objection(&wanted, &router).risk, Some(Risk::OwnPort));
    wanted.services.dot1x = None;

    let keyed = [
        "keyed",
        "caps-keyed",
        "wifi-keyed",
        "wifi-guests",
        "wave-keyed",
        "wifi-own-keyed",
    ];
    let choice = |name: &str| (name.to_owned(), Enterprise::Wpa2);
    let mut switch: BTreeMap<String, Enterprise> = keyed.into_iter().map(choice).collect();
    wanted.services.wireless = Some(Wireless {
        switch: switch.clone(),
        ..Wireless::default()
    });
    router.menus.retain(|menu, _| !menu.contains("wifiwave2"));
    switch.remove("wave-keyed");
    wanted.services.wireless.as_mut().unwrap().switch = switch;
    let lost = objection(&wanted, &router);
    assert_eq!(lost.risk, Some(Risk::NoLocalNetwork));
    wanted.accepted = BTreeSet::from([Risk::NoLocalNetwork]);
    assert!(plan(&wanted, &router.observed(), schema::newest()).is_ok());
}

#[test]
fn without_being_told_no_network_changes_its_key() {
    let router = random::full(|_| true);
    let mut wanted = one();
    wanted.services.wireless = Some(Wireless::default());
    let plan = planned(&wanted, &router);
    let touched = |name: &str| {
        plan.steps()
            .iter()
            .any(|step| step.after.get(name).is_some())
    };
    assert!(!touched("authentication-types") && !touched("mode"));
    assert!(touched("radius-eap-accounting") && touched("eap-accounting"));
    assert!(touched("radius-mac-accounting") && touched("eap-radius-accounting"));
}

#[test]
fn a_version_without_radsec_says_so() {
    let old = schema::capabilities("6.42");
    let mut router = random::full_lacking(|_| true, &["protocol", "certificate"]);
    router.menus.remove("/ip/ipsec/settings");
    let mut wanted = one();
    wanted.servers[0] = Server::radsec("10.0.0.1".parse().unwrap(), "router");
    let all = plan(&wanted, &router.observed(), &old).unwrap_err();
    assert!(all[0].what.contains("has no RadSec"), "{all:?}");
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(plan(&one(), &router.observed(), &old).is_ok());
}

#[test]
fn a_network_with_its_own_security_is_switched_by_its_interface() {
    let router = random::full(|_| true);
    let mut wanted = one();
    wanted.services.wireless = Some(Wireless {
        switch: BTreeMap::from([("wifi-own-keyed".to_owned(), Enterprise::Wpa2AndWpa3)]),
        ..Wireless::default()
    });
    let plan = planned(&wanted, &router);
    let name = |step: &Step| step.item.as_ref()?.content.get("name").map(str::to_owned);
    let of = |wanted: &str| {
        let mut steps = plan.steps().iter();
        steps
            .find(|step| step.menu == "/interface/wifi" && name(step).as_deref() == Some(wanted))
            .unwrap()
    };
    let switched = &of("wifi-own-keyed").after;
    let types = switched.get("security.authentication-types");
    assert_eq!(types, Some("wpa2-eap,wpa3-eap"));
    assert_eq!(switched.get("security.eap-accounting"), Some("yes"));
    assert_eq!(switched.get("aaa.interim-update"), Some("5m"));
    let kept = &of("wifi-own-secure").after;
    assert_eq!(kept.get("security.authentication-types"), None);
    assert_eq!(kept.get("security.eap-accounting"), Some("yes"));
}

#[test]
fn coa_from_an_ipv6_address_is_let_in_where_it_belongs() {
    let mut router = random::full(|_| true);
    let drop = [("chain", "input"), ("action", "drop")];
    router.push("/ipv6/firewall/filter", &drop);
    let mut wanted = one();
    wanted.servers[0].address = "2001:db8::1".parse().unwrap();
    // What the routers say of themselves has been collected without IPv6.
    let can = schema::newest();
    let noted = plan(&wanted, &router.observed(), can).unwrap();
    let without = |note: &Note| note.menu == "/ipv6/firewall/filter";
    assert!(noted.notes().iter().any(without));
    let (mut commands, command) = (BTreeMap::new(), "/ip/firewall/filter/add");
    for path in ["/radius", "/radius/incoming", "/ip/firewall/filter"] {
        for verb in ["add", "set"] {
            let path = format!("{path}/{verb}");
            let known = random::ARGUMENTS.iter().map(|name| (*name).to_owned());
            commands.insert(path, known.collect::<BTreeSet<String>>());
        }
    }
    let arguments = commands[command].clone();
    commands.insert("/ipv6/firewall/filter/add".to_owned(), arguments);
    let can = Capabilities::new(can.version(), commands, BTreeMap::new());
    let plan = plan(&wanted, &router.observed(), &can).unwrap();
    let mut steps = plan.steps().iter();
    let rule = steps.find(|step| step.menu == "/ipv6/firewall/filter");
    let rule = rule.unwrap();
    assert_eq!(rule.after.get("src-address"), Some("2001:db8::1"));
    assert!(matches!(rule.to, Some(Place::Before(_))));
}

#[test]
fn an_unread_menu_is_an_objection_and_no_panic() {
    let all = plan(&random::all(), &Observed::default(), schema::newest()).unwrap_err();
    assert!(all.iter().any(|objection| objection.menu == "/ppp/aaa"));
}

#[test]
fn services_are_switched_after_what_they_need() {
    let plan = planned(&random::all(), &random::full(|_| true));
    let menus: Vec<&str> = plan.steps().iter().map(|step| &*step.menu).collect();
    let last = |menu: &str| menus.iter().rposition(|m| *m == menu).unwrap();
    let first = |menu: &str| menus.iter().position(|m| *m == menu).unwrap();
    assert!(last("/radius") < first("/ip/firewall/filter"));
    assert!(last("/ip/firewall/filter") < first("/radius/incoming"));
    assert!(last("/radius/incoming") < first("/ppp/aaa"));
    assert_eq!(last("/user/aaa"), menus.len() - 1);
}

#[test]
fn a_plan_reads_as_a_diff_without_secrets() {
    let router = random::full(|_| true);
    let mut wanted = one();
    wanted.services.ppp = Some(Ppp::default());
    let plan = planned(&wanted, &router);
    let text = plan.to_string();
    let expected = "\
/ppp/aaa
  # the service asks RADIUS only when this is on
  ~ use-radius      false -> yes
  ~ accounting      false -> yes
  ~ interim-update  0s -> 5m
";
    assert!(text.contains(expected), "{text}");
    assert!(
        text.contains("  ~ comment=\"by hand\" address=10.0.0.1\n"),
        "{text}"
    );
    assert!(text.contains("somebody else"), "{text}");
    let json = serde_json::to_string(&plan).unwrap();
    for shown in [&text, &json, &format!("{plan:?}")] {
        assert!(!shown.contains("the secret of 1"), "{shown}");
        assert!(!shown.contains("an old secret"), "{shown}");
    }
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["version"], "7.24");
    assert_eq!(value["steps"].as_array().unwrap().len(), plan.steps().len());
    let nothing = planned(&Wanted { coa: None, ..one() }, &{
        let mut router = Memory::default();
        router.push("/radius", &[("address", "10.0.0.1")]);
        let steps = planned(&Wanted { coa: None, ..one() }, &router);
        let record = &mut router.menus.get_mut("/radius").unwrap()[0];
        for (name, value) in steps.steps()[0].after.iter() {
            record.set(name, value);
        }
        router
    });
    assert!(nothing.to_string().starts_with("Nothing to change"));
}

#[test]
fn a_script_is_spelled_for_its_version() {
    let router = random::full(|_| true);
    let mut wanted = one();
    wanted.services.ppp = Some(Ppp::default());
    let mut plan = planned(&wanted, &router);
    let script = plan.script(Secrets::Placeholders);
    let expected = [
        "/ppp/aaa set use-radius=yes accounting=yes interim-update=5m",
        "/radius/incoming set accept=yes port=3799",
        "secret=\"PUT-THE-SECRET-HERE\"",
        r#"/radius set [/radius find where address~"^10.0.0.1\$" and comment="by hand"]"#,
    ];
    for part in expected {
        assert!(script.contains(part), "{part}\n{script}");
    }
    assert!(!script.contains("the secret of"));
    assert!(script.lines().all(|line| !line.ends_with('\\')), "{script}");
    let own_lines = |line: &str| line.starts_with('#') || !line.contains(" # ");
    assert!(script.lines().all(own_lines));
    let shown = plan.script(Secrets::Shown);
    assert!(shown.contains("secret=\"the secret of 1\""), "{shown}");
    plan.version = "6.49.17".parse().unwrap();
    let old = plan.script(Secrets::Placeholders);
    assert!(old.contains("/ppp aaa set use-radius=yes"), "{old}");
    assert!(old.contains("/ip firewall filter add chain=input"), "{old}");
}

#[test]
fn what_means_something_in_a_script_is_escaped() {
    use crate::plan::script::quoted;
    assert_eq!(quoted("a\"b\\c$d?e"), r#""a\"b\\c\$d\?e""#);
    assert_eq!(quoted("é\n"), "\"\\C3\\A9\\0A\"");
    assert_eq!(quoted("[:put 1]; x"), "\"[:put 1]; x\"");
}

#[test]
fn what_is_wanted_is_kept_without_its_secrets() {
    let wanted = random::all();
    let json = serde_json::to_string(&wanted).unwrap();
    assert!(!json.contains("the secret of"), "{json}");
    let mut read: Wanted = serde_json::from_str(&json).unwrap();
    for (server, other) in read.servers.iter_mut().zip(&wanted.servers) {
        assert_eq!(server.secret.reveal(), "");
        server.secret = other.secret.clone();
    }
    assert_eq!(read, wanted);
    let least = r#"{"tag":"t","servers":[{"address":"10.0.0.1"}],"services":{"ppp":{}}}"#;
    let read: Wanted = serde_json::from_str(least).unwrap();
    assert_eq!(read.services.ppp, Some(Ppp::default()));
    assert_eq!(read.servers[0].authentication_port, 1812);
    assert!(serde_json::from_str::<Wanted>(r#"{"tag":"t","servers":[],"x":1}"#).is_err());
}
