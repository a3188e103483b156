use portreeve::{
    Access, AttributeList,
    attr::{self, service_type},
    blocking,
};
use portreeve_auth::Method;

use crate::site::{CONFIG, SECRET, Server, Site, client, soon};

const PRINTER: &str = "00:E1:0C:38:C8:F8";
const SHOWN: &str = "00-e1-0c-38-c8-f8";
const PHONE: &str = "DA:A1:19:00:00:01";

/// As RouterOS asks: the address as the name, and once more as the station.
fn names(name: &str, station: &str) -> AttributeList {
    AttributeList::new()
        .with(attr::USER_NAME, name)
        .with(attr::CALLING_STATION_ID, station)
}

fn bare(name: &str, station: &str) -> Access {
    Access::bare(names(name, station))
}

fn by(method: Method, name: &str, password: &str) -> Access {
    Access::by(method, name, password).with(attr::CALLING_STATION_ID, name)
}

fn call_check(name: &str, station: &str) -> Access {
    let names = names(name, station);
    Access::bare(names.with(attr::SERVICE_TYPE, service_type::CALL_CHECK))
}

#[expect(clippy::unwrap_used, reason = "a test that gets no answer has failed")]
fn is_in(client: &blocking::Client, access: Access) -> bool {
    client.access(access).unwrap().is_accept()
}

/// The newest decision, once there are so many.
#[expect(clippy::unwrap_used, reason = "it has been waited for")]
fn decision(site: &Site, count: usize) -> serde_json::Value {
    soon("the decision", || site.decisions().len() >= count);
    site.decisions().pop().unwrap()
}

fn with_printer(configuration: &str) -> (Site, Server) {
    let site = Site::with_nas();
    site.configure(&format!("{CONFIG}{configuration}"));
    site.ok(&["device", "add", PRINTER, "--name", "printer"]);
    let server = site.serve();
    (site, server)
}

#[test]
fn a_device_is_added_shown_changed_and_removed() {
    let site = Site::new();
    site.ok(&["group", "add", "iot", "--attr", "Idle-Timeout=900"]);
    site.ok(&[
        "device",
        "add",
        "00e1.0c38.c8f8",
        "--name",
        "printer",
        "--group",
        "iot:7",
        "--attr",
        "Session-Timeout=3600",
        "--check",
        "NAS-Port-Type=Ethernet",
        "--comment",
        "attic",
    ]);
    let shown = site.ok(&["device", "show", "00E10C-38C8F8"]);
    for words in [SHOWN, "printer", "iot:7", "Session-Timeout=3600", "attic"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(
        site.fails(1, &["device", "add", PRINTER])
            .contains("exists")
    );
    let group = site.json(&["group", "show", "iot", "--json"]);
    assert_eq!(group["devices"], serde_json::json!([SHOWN]));
    assert!(site.fails(1, &["group", "remove", "iot"]).contains(SHOWN));
    site.ok(&[
        "device",
        "set",
        PRINTER,
        "--attr",
        "Session-Timeout=60",
        "--remove-check",
        "nas-port-type",
        "--remove-group",
        "iot",
        "--name",
        "old printer",
    ]);
    let device = site.json(&["device", "show", PRINTER, "--json"]);
    assert_eq!(device["mac"], SHOWN);
    assert_eq!(device["label"], "old printer");
    assert_eq!(device["random"], false);
    assert_eq!(device["reply"], serde_json::json!(["Session-Timeout=60"]));
    assert_eq!(device["check"], serde_json::json!([]));
    assert_eq!(device["groups"], serde_json::json!([]));
    site.ok(&["device", "disable", PRINTER]);
    assert_eq!(
        site.json(&["device", "list", "--json"])[0]["enabled"],
        false
    );
    site.ok(&["device", "enable", PRINTER]);
    assert!(site.ok(&["device", "list"]).contains("old printer"));
    let none = site.json(&["device", "list", "--group", "iot", "--json"]);
    assert_eq!(none, serde_json::json!([]));
    let said = site.fails(1, &["device", "remove", "00:e1:0c:38:c8:f7"]);
    assert!(said.contains(SHOWN), "{said}");
    site.ok(&["device", "remove", PRINTER]);
    assert!(site.run(&["device", "list"]).err.contains("no devices yet"));
}

#[test]
fn what_is_no_address_of_a_device_is_not_added_nor_a_random_one_unless_it_is_wanted() {
    let site = Site::new();
    for (mac, words) in [
        ("ff:ff:ff:ff:ff:ff", "many receivers"),
        ("01:00:5e:00:00:01", "many receivers"),
        ("00:00:00:00:00:00", "zeros"),
        ("printer", "not a MAC address"),
    ] {
        let said = site.fails(2, &["device", "add", mac]);
        assert!(said.contains(words), "{said}");
    }
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    let said = site.fails(1, &["device", "add", PHONE]);
    assert!(
        said.contains("private address") && said.contains("--random"),
        "{said}"
    );
    assert!(
        site.fails(1, &["device", "show", PHONE])
            .contains("no device")
    );
    let added = site.run(&["device", "add", PHONE, "--random"]);
    assert_eq!(added.code, Some(0), "{}", added.err);
    assert!(added.err.contains("unknown again"), "{}", added.err);
    let device = site.json(&["device", "show", PHONE, "--json"]);
    assert_eq!(device["random"], true);
}

#[test]
fn a_device_is_let_in_by_each_way_in_which_nases_ask() {
    let (site, server) = with_printer("");
    site.ok(&["device", "set", PRINTER, "--attr", "Session-Timeout=60"]);
    let client = client(server.auth, SECRET);
    soon("the change is taken over", || {
        let outcome = client.access(bare(PRINTER, PRINTER)).unwrap();
        assert!(outcome.is_accept());
        let packet = outcome.response().packet();
        assert!(packet.has(attr::CLASS));
        packet.get(attr::SESSION_TIMEOUT) == Some(60)
    });
    for access in [
        by(Method::Pap, PRINTER, PRINTER),
        by(Method::Chap, PRINTER, PRINTER),
        by(Method::Chap, PRINTER, ""),
        bare("00E10C38C8F8", "1:0:e1:c:38:c8:f8"),
        call_check(PRINTER, PRINTER),
        call_check("mac-auth", PRINTER),
    ] {
        assert!(is_in(&client, access.clone()), "{access:?}");
    }
    soon("it is on record", || {
        site.decisions()
            .iter()
            .all(|decision| decision["method"] == "MAC" && decision["outcome"] == "accepted")
    });
    let story = site.ok(&["explain"]);
    assert!(
        story.contains("by MAC") && story.contains("(printer)"),
        "{story}"
    );
}

#[test]
fn a_device_comes_and_goes_while_the_server_runs() {
    let site = Site::with_nas();
    let server = site.serve();
    let client = client(server.auth, SECRET);
    assert!(!is_in(&client, bare(PRINTER, PRINTER)));
    let refused = decision(&site, 1);
    assert_eq!(refused["reason"], "unknown_device");
    assert_eq!(refused["method"], "MAC");
    let cure = refused["cure"].as_str().unwrap();
    assert_eq!(cure, format!("portreeve device add {SHOWN}"));
    let cure: Vec<&str> = cure.split(' ').skip(1).collect();
    site.ok(&cure);
    soon("it is let in", || is_in(&client, bare(PRINTER, PRINTER)));
    site.ok(&["device", "disable", PRINTER]);
    soon("it is kept out", || !is_in(&client, bare(PRINTER, PRINTER)));
    soon("why", || {
        site.decisions().pop().unwrap()["reason"] == "device_disabled"
    });
    site.ok(&["device", "enable", PRINTER]);
    soon("it is let in again", || {
        is_in(&client, bare(PRINTER, PRINTER))
    });
    site.ok(&["device", "remove", PRINTER]);
    soon("it is gone", || !is_in(&client, bare(PRINTER, PRINTER)));
}

#[test]
fn a_user_is_no_device_and_a_device_no_user() {
    let (site, server) = with_printer("");
    let name = "00:00:5E:00:53:01";
    site.ok(&["user", "add", name, "--password", name]);
    site.ok(&["user", "add", PRINTER, "--password", "12345"]);
    let client = client(server.auth, SECRET);
    soon("the users are known", || {
        is_in(&client, by(Method::Pap, PRINTER, "12345"))
    });
    assert!(is_in(&client, by(Method::MsChapV2, PRINTER, "12345")));
    // The right password of a user, where it is as good as none.
    for method in [Method::Pap, Method::Chap] {
        assert!(!is_in(&client, by(method, name, name)), "{method}");
    }
    assert!(!is_in(&client, call_check(name, name)));
    // Away from its own station it is a user's name like any other.
    assert!(is_in(&client, Access::pap(name, name)));
    for access in [
        by(Method::Pap, PRINTER, "wrong"),
        by(Method::Chap, PRINTER, "wrong"),
        by(Method::MsChapV2, PRINTER, PRINTER),
        bare(PRINTER, PHONE),
        bare(PRINTER, "192.0.2.1"),
        Access::pap(PRINTER, PRINTER),
        call_check(PRINTER, PHONE),
    ] {
        assert!(!is_in(&client, access.clone()), "{access:?}");
    }
    let reason = |decision: &serde_json::Value| decision["reason"] == "no_address";
    soon("two addresses are none", || {
        site.decisions().iter().any(reason)
    });
}

#[test]
fn eap_never_falls_back_to_the_address() {
    let (_site, server) = with_printer("");
    let client = client(server.auth, SECRET);
    let mut identity = vec![2, 1, 0, 22, 1];
    identity.extend(PRINTER.as_bytes());
    for access in [bare(PRINTER, PRINTER), call_check(PRINTER, PRINTER)] {
        assert!(is_in(&client, access.clone()));
        let eap = access.with(attr::EAP_MESSAGE, &identity[..]);
        assert!(!is_in(&client, eap));
    }
}

#[test]
fn a_phone_with_a_random_address_is_told_what_to_do() {
    let (site, server) = with_printer("");
    let client = client(server.auth, SECRET);
    assert!(!is_in(&client, bare(PHONE, PHONE)));
    let refused = decision(&site, 1);
    assert_eq!(refused["reason"], "random_address");
    let story = site.ok(&["explain"]);
    for words in [
        "station: private (random) address",
        "the device uses a private (random) MAC address",
        "switch off the private (random) address",
    ] {
        assert!(story.contains(words), "{words}: {story}");
    }
    assert!(site.ok(&["log"]).contains("[private (random) address]"));
    site.ok(&["device", "add", PHONE, "--random"]);
    soon("who is defined is let in", || {
        is_in(&client, bare(PHONE, PHONE))
    });
}

#[test]
fn unknown_devices_get_the_guests_network_where_that_was_chosen() {
    let choice = "[mac]\nunknown = 'group:guests'\n";
    let (site, server) = with_printer(choice);
    let client = client(server.auth, SECRET);
    let guest = "00:00:5E:00:53:01";
    assert!(!is_in(&client, bare(guest, guest)));
    let refused = decision(&site, 1);
    assert_eq!(refused["reason"], "misconfigured");
    let config = site.config();
    let check = ["check", "--config", config.to_str().unwrap()];
    let said = site.run(&check);
    assert_eq!(said.code, Some(78));
    let problem = "setting mac.unknown: there is no group guests";
    assert!((said.out + &said.err).contains(problem));
    site.ok(&["group", "add", "guests", "--attr", "Filter-Id=guests"]);
    soon("the group is known", || is_in(&client, bare(guest, guest)));
    site.ok(&check);
    let outcome = client.access(bare(guest, guest)).unwrap();
    assert_eq!(
        outcome.response().packet().get(attr::FILTER_ID),
        Some("guests")
    );
    assert!(!is_in(&client, bare(PHONE, PHONE)));
    let outcome = client.access(bare(PRINTER, PRINTER)).unwrap();
    assert!(outcome.is_accept());
    assert!(!outcome.response().packet().has(attr::FILTER_ID));
}

#[test]
fn random_addresses_are_guests_only_where_that_was_chosen_too() {
    let choice = "[mac]\nunknown = 'group:guests'\nrandom = 'allow'\n";
    let (site, server) = with_printer(choice);
    site.ok(&["group", "add", "guests"]);
    let client = client(server.auth, SECRET);
    soon("a guest", || is_in(&client, bare(PHONE, PHONE)));
}

#[test]
fn no_device_is_let_in_where_it_is_switched_off() {
    let (site, server) = with_printer("[mac]\nauthentication = 'off'\n");
    let client = client(server.auth, SECRET);
    assert!(!is_in(&client, bare(PRINTER, PRINTER)));
    assert_eq!(decision(&site, 1)["reason"], "mac_off");
    let story = site.ok(&["explain"]);
    assert!(story.contains("under [mac] in portreeve.toml"), "{story}");
}
