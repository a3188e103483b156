//! Sessions that are open here beside those that the router has: what it lost without a word is
//! closed here, and nothing else.

use std::thread;
use std::time::Duration;

use portreeve_interop::driven_router::text;
use portreeve_interop::stage::{NAME, Stage, started};
use portreeve_interop::{Must as _, eventually};
use serde_json::{Value, json};

const MAC: &str = "48:A9:8A:00:00:77";
/// For so long nothing must have been heard of a session that is closed, and a bit.
const GRACE: Duration = Duration::from_secs(11);

/// What both ends have, and the exit code.
fn compared(stage: &Stage, more: &[&str]) -> (Value, Option<i32>) {
    let arguments = ["sessions", NAME, "--compare", "--json"];
    let ended = stage.router(&[&arguments[..], more].concat());
    let report = serde_json::from_str(&ended.stdout);
    (report.must(&ended.said()), ended.code)
}

/// How each session stands, in no order of meaning.
fn standings(report: &Value) -> Vec<&str> {
    let sessions = report["sessions"].as_array().must("sessions");
    sessions.iter().map(|it| text(it, "standing")).collect()
}

fn open(stage: &Stage) -> Vec<Value> {
    let sessions = stage.server.sessions().into_iter();
    sessions.filter(|row| row["open"] == true).collect()
}

#[track_caller]
fn are_open(stage: &Stage, count: usize) {
    eventually(|| open(stage).len() == count);
    assert_eq!(open(stage).len(), count, "{:#?}", stage.server.sessions());
}

/// Lets somebody in by an order to the control port, who must get in.
#[track_caller]
fn enter(stage: &Stage, order: &str, what: &Value) -> Value {
    let answer = stage.router.act(order, what);
    let log = || stage.router.log().join("\n");
    assert_eq!(answer["in"], true, "{order} {what}: {answer}\n{}", log());
    answer
}

fn what_a_start_of_the_router_leaves_is_closed(version: &str) {
    let stage = Stage::with(started(version, &[]));
    stage.enrolled("api", &["--udp", "--services", "ppp"]);
    assert_eq!(stage.dial()["in"], true);
    are_open(&stage, 1);
    let (report, code) = compared(&stage, &[]);
    assert_eq!((standings(&report), code), (vec!["both"], Some(0)));
    // RouterOS reports nothing when it starts again.
    stage.router.act("reboot", &json!({}));
    eventually(|| stage.router.menu("/ppp/active").is_empty());
    thread::sleep(GRACE);
    let (report, code) = compared(&stage, &[]);
    assert_eq!((standings(&report), code), (vec!["gone"], Some(1)));
    are_open(&stage, 1);
    assert_eq!(stage.dial()["in"], true);
    are_open(&stage, 2);
    let (report, code) = compared(&stage, &["--clear"]);
    assert_eq!(code, Some(0), "{report}");
    let mut all = standings(&report);
    all.sort_unstable();
    assert_eq!(all, ["both", "gone"], "{report}");
    assert_eq!(report["closed"].as_array().map(Vec::len), Some(1));
    are_open(&stage, 1);
    let sessions = stage.server.sessions();
    let closed = sessions.iter().find(|row| row["open"] == false);
    let closed = closed.must("a closed session");
    assert_eq!(closed["ended_by"], "absent", "{closed}");
    assert_eq!(closed["terminate_cause"], "Lost-Carrier", "{closed}");
    let noticed = stage
        .server
        .command(&["log", "--outcome", "noticed", "--json"]);
    assert!(noticed.contains("router_sessions_gone"), "{noticed}");
    let shown = stage
        .server
        .command(&["session", "show", text(closed, "session_id")]);
    assert!(shown.contains("did not have it any more"), "{shown}");
}

#[test]
fn what_a_start_of_the_router_leaves_is_closed_on_6_49() {
    what_a_start_of_the_router_leaves_is_closed("6.49");
}

#[test]
fn what_a_start_of_the_router_leaves_is_closed_on_7_24() {
    what_a_start_of_the_router_leaves_is_closed("7.24");
}

#[test]
fn the_server_looks_for_silent_sessions_by_itself_and_closes_no_other() {
    let text = "[routers]\nsilent = \"10s\"\n";
    let router = started("7.18", &[]);
    router.act("furnish", &json!({}));
    let stage = Stage::configured(router, text);
    stage.enrolled("api", &["--udp", "--services", "ppp"]);
    let lost = stage.dial();
    assert_eq!(stage.dial()["in"], true);
    are_open(&stage, 2);
    // From here on reports are lost, and the one of its end is among them.
    for row in stage.router.menu("/radius") {
        let id = portreeve_interop::driven_router::text(&row, ".id");
        let nowhere = [(".id", id), ("accounting-port", "9")];
        stage.router.run("/radius/set", &nowhere);
    }
    stage
        .router
        .act("hangup", &json!({"session": lost["session"]}));
    eventually(|| open(&stage).len() == 1);
    are_open(&stage, 1);
    // It has been silent for as long, and is there.
    thread::sleep(GRACE);
    are_open(&stage, 1);
    let (report, code) = compared(&stage, &[]);
    assert_eq!((standings(&report), code), (vec!["both"], Some(0)));
}

#[test]
fn a_router_that_is_away_closes_nothing() {
    let stage = Stage::with(started("7.24", &[]));
    stage.enrolled("api", &["--udp", "--services", "ppp"]);
    stage.dial();
    are_open(&stage, 1);
    thread::sleep(GRACE);
    let Stage { router, server, .. } = stage;
    drop(router);
    let arguments = ["router", "sessions", NAME, "--compare", "--clear"];
    let ended = server.home().try_command(&arguments);
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert!(ended.stderr.contains(NAME), "{}", ended.said());
    let is_open = |row: &Value| row["open"] == true;
    assert!(
        server.sessions().iter().all(is_open),
        "{:?}",
        server.sessions()
    );
}

#[test]
fn a_session_that_the_router_has_no_more_is_closed_when_it_is_kicked() {
    let stage = Stage::with(started("7.24", &[]));
    stage.enrolled("api", &["--udp", "--services", "ppp"]);
    let id = text(&stage.dial(), "id").to_owned();
    are_open(&stage, 1);
    stage.router.act("reboot", &json!({}));
    eventually(|| stage.router.menu("/ppp/active").is_empty());
    thread::sleep(GRACE);
    let kicked = stage.server.home().try_command(&["session", "kick", &id]);
    assert!(kicked.stdout.contains("closed here"), "{}", kicked.said());
    are_open(&stage, 0);
}

/// Everybody who can be in at once, by every service of a board.
fn everybody(version: &str, board: &str, wifi: &str, securities: &[(&str, &str)]) {
    let stage = Stage::with(started(version, &["--board", board]));
    stage.server.command(&["device", "add", MAC]);
    let admin = ["--password", "hello world", "--attr", "Mikrotik-Group=read"];
    stage
        .server
        .command(&[&["user", "add", "reader"], &admin[..]].concat());
    stage.enrolled("api", &["--udp"]);
    let run = |command: &str, values: &[(&str, &str)]| stage.router.run(command, values);
    let set_all = |menu: &str, values: &[(&str, &str)]| {
        for row in stage.router.menu(menu) {
            let id = [(".id", text(&row, ".id"))];
            run(&format!("{menu}/set"), &[&id[..], values].concat());
        }
    };
    let services = "ppp,login,hotspot,wireless,dhcp,ipsec,dot1x";
    set_all("/radius", &[("service", services)]);
    set_all("/ip/dhcp-server", &[("use-radius", "yes")]);
    set_all(wifi, securities);
    let identity = [("auth-method", "pre-shared-key-xauth"), ("secret", "x")];
    run("/ip/ipsec/identity/add", &identity);
    let ipsec = [("xauth-use-radius", "yes"), ("accounting", "yes")];
    run("/ip/ipsec/settings/set", &ipsec);

    let (user, password) = ("subscriber", "hello world");
    let plain = json!({"user": user, "password": password});
    let with = |name: &str, value: Value| {
        let mut order = plain.clone();
        order[name] = value;
        order
    };
    let eap = json!({"mac": MAC, "eap": {"method": "peap", "user": user, "password": password}});
    let mut tunnel = with("service", json!("l2tp"));
    tunnel["caller"] = json!("192.0.2.7");
    for (order, what) in [
        ("dial", with("caller", json!(MAC))),
        ("dial", tunnel),
        ("hotspot", with("mac", json!("48:A9:8A:00:00:78"))),
        ("lease", json!({"mac": MAC})),
        ("plug", eap.clone()),
        ("associate", eap),
        ("tunnel", with("from", json!("192.0.2.9"))),
    ] {
        enter(&stage, order, &what);
    }
    let (_session, said) = stage.router.api_session("reader", password);
    assert!(said.contains("!done") && !said.contains("!trap"), "{said}");
    are_open(&stage, 8);
    let (report, code) = compared(&stage, &[]);
    assert_eq!(standings(&report), ["both"; 8], "{report:#}");
    assert_eq!(code, Some(0));
}

#[test]
fn every_session_of_the_old_stack_is_found() {
    let securities = [
        ("mode", "dynamic-keys"),
        ("authentication-types", "wpa2-eap"),
        ("eap-methods", "passthrough"),
        ("radius-eap-accounting", "yes"),
    ];
    let menu = "/interface/wireless/security-profiles";
    everybody("6.49", "hAP-ac2", menu, &securities);
}

#[test]
fn every_session_of_the_new_stack_is_found() {
    let securities = [
        ("security.authentication-types", "wpa2-eap,wpa3-eap"),
        ("security.eap-accounting", "yes"),
    ];
    everybody("7.24", "hAP-ax2", "/interface/wifi", &securities);
}
