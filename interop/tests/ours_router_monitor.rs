//! `portreeve router` for looking at routers and at a terminal: every version enrolled with all
//! its services, readings, sessions, what is mended, and what is asked.

use std::net::SocketAddr;
use std::process::Command;

use portreeve_interop::driven_router::text;
use portreeve_interop::stage::{NAME, PASSWORD, Stage, USER, started};
use portreeve_interop::{Must as _, eventually, tools};
use serde_json::{Value, json};

const SERVICES: [&str; 3] = ["--udp", "--services", "ppp,login"];

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).must("JSON")
}

/// Enrolled with all that a version has, as wanted, and taken back by our own user.
#[track_caller]
fn all_of_it(version: &str, way: &str) {
    let stage = Stage::set(version);
    let before = stage.router.export();
    let mut how = vec!["--udp", "--dhcp-server", "defconf", "--services"];
    if version == "6.42" {
        // It has neither IPsec nor 802.1X by RADIUS.
        how.push("ppp,hotspot,wireless,login,dhcp");
    } else {
        how.push("ppp,hotspot,wireless,login,dhcp,ipsec,dot1x");
        how.extend(["--dot1x-port", "ether5"]);
    }
    let report = stage.enrolled(way, &how);
    let proof = if version == "6.42" {
        "not-yet"
    } else {
        "logged-in"
    };
    assert_eq!(report["proof"], proof, "{report}");
    let entries = stage.router.menu("/radius");
    let listed = text(&entries[0], "service");
    for service in ["ppp", "hotspot", "wireless", "login", "dhcp"] {
        assert!(listed.contains(service), "{version}: {listed}");
    }
    stage.good(&["diff", NAME]);
    let applied = stage.good(&["apply", NAME, "--yes"]);
    assert!(
        applied.stderr.contains("nothing to do"),
        "{}",
        applied.said()
    );
    stage.good(&["backup", NAME]);
    assert_eq!(stage.dial()["in"], true);
    stage.good(&["remove", NAME, "--yes"]);
    assert_eq!(stage.router.export(), before);
}

#[test]
fn a_router_of_6_42_with_all_its_services() {
    all_of_it("6.42", "api");
}

#[test]
fn a_router_of_6_49_with_all_its_services() {
    all_of_it("6.49", "api");
}

#[test]
fn a_router_of_7_12_with_all_its_services() {
    all_of_it("7.12", "rest");
}

#[test]
fn a_router_of_7_15_with_all_its_services() {
    all_of_it("7.15", "api");
}

#[test]
fn a_router_of_7_18_with_all_its_services() {
    all_of_it("7.18", "rest");
}

#[test]
fn a_router_of_7_24_with_all_its_services() {
    all_of_it("7.24", "api");
}

#[test]
fn a_check_mends_what_it_can_and_says_how_to_go_back() {
    let stage = Stage::bare(started("7.24", &[]));
    stage.enrolled("api", &SERVICES);
    stage.router.run("/ppp/aaa/set", &[("use-radius", "no")]);
    stage
        .router
        .run("/radius/incoming/set", &[("accept", "no")]);
    let entries = stage.router.menu("/radius");
    let entry = [(".id", text(&entries[0], ".id")), ("disabled", "yes")];
    stage.router.run("/radius/set", &entry);
    let broken = stage.router(&["check", NAME]);
    assert_eq!(broken.code, Some(1), "{}", broken.said());
    let mended = stage.good(&["check", NAME, "--fix"]);
    for done in [
        "done on 'attic': /ppp aaa set use-radius=yes",
        "to take it back: /ppp aaa set use-radius=no",
        "done on 'attic': /radius incoming set accept=yes",
    ] {
        assert!(mended.stderr.contains(done), "{done}:\n{}", mended.said());
    }
    stage.good(&["diff", NAME]);
    // Once more there is nothing to do.
    let again = stage.good(&["check", NAME, "--fix"]);
    assert!(!again.stderr.contains("done on"), "{}", again.said());
    // Nobody else's settings are touched where they refuse.
    stage.router.run("/ppp/aaa/set", &[("use-radius", "no")]);
    stage.router.faults(&json!({ "deny": ["write"] }));
    let refused = stage.router(&["check", NAME, "--fix"]);
    stage.router.faults(&json!({}));
    assert_eq!(refused.code, Some(1), "{}", refused.said());
    assert!(refused.stderr.contains("not mended"), "{}", refused.said());
}

#[test]
fn hardening_mends_what_is_safe_and_leaves_the_rest() {
    let stage = Stage::bare(started("7.24", &[]));
    stage.enrolled("api", &SERVICES);
    let found = stage.good(&["harden", NAME]);
    assert!(found.stdout.contains("--fix does this"), "{}", found.said());
    let before = stage.router.export();
    let mended = stage.good(&["harden", NAME, "--fix"]);
    let done: Vec<&str> = mended
        .stderr
        .lines()
        .filter_map(|line| line.split_once("to take it back: "))
        .map(|(_, command)| command)
        .collect();
    assert!(!done.is_empty(), "{}", mended.said());
    assert_ne!(stage.router.export(), before);
    let again = stage.good(&["harden", NAME]);
    assert!(
        !again.stdout.contains("--fix does this"),
        "{}",
        again.said()
    );
    // What it says takes it back.
    for command in done {
        stage
            .router
            .run("/execute", &[("script", command), ("as-string", "")]);
    }
    assert_eq!(stage.router.export(), before);
}

#[test]
fn a_session_is_seen_and_ended_on_the_router() {
    let stage = Stage::set("7.24");
    stage.enrolled("api", &SERVICES);
    assert_eq!(stage.dial()["in"], true);
    let listed = stage.good(&["sessions", NAME]).stdout;
    assert!(listed.contains("subscriber"), "{listed}");
    let vague = stage.router(&["sessions", NAME, "--remove", "--yes"]);
    assert_eq!(vague.code, Some(2), "{}", vague.said());
    stage.good(&["sessions", NAME, "--of", "subscriber", "--remove", "--yes"]);
    let left = stage.router.act("sessions", &json!({}));
    assert_eq!(left.as_array().map(Vec::len), Some(0), "{left}");
    let gone = stage.router(&["sessions", NAME, "--of", "subscriber", "--remove", "--yes"]);
    assert_eq!(gone.code, Some(1), "{}", gone.said());
}

#[test]
fn a_session_is_ended_by_the_api_where_disconnect_is_not_heard() {
    let stage = Stage::set("7.24");
    stage.enrolled("api", &SERVICES);
    stage
        .router
        .run("/radius/incoming/set", &[("accept", "no")]);
    assert_eq!(stage.dial()["in"], true);
    eventually(|| !stage.server.sessions_with("subscriber").is_empty());
    let sessions = stage.server.sessions_with("subscriber");
    let id = sessions[0]["session_id"].as_str().must("an id");
    let kicked = stage.server.command(&["session", "kick", id]);
    assert!(kicked.contains("ended on the router"), "{kicked}");
    let left = stage.router.act("sessions", &json!({}));
    assert_eq!(left.as_array().map(Vec::len), Some(0), "{left}");
}

#[test]
fn readings_come_by_the_api_and_by_snmp() {
    // Only root may have the port of SNMP.
    let stage = Stage::bare(started("7.24", &["--ports", "real", "--board", "hAP-ax2"]));
    let enrolled = stage.enrol("api", &SERVICES);
    assert!(enrolled.succeeded, "{}", enrolled.said());
    let said = stage.good(&["monitor", NAME, "--json"]).stdout;
    let by_api = json_of(&said);
    assert_eq!(
        by_api["radius"][0]["services"],
        json!(["ppp", "login"]),
        "{by_api}"
    );
    let silent = stage.router(&["monitor", NAME, "--snmp", "public"]);
    assert_eq!(silent.code, Some(1), "{}", silent.said());
    assert!(silent.stderr.contains("/snmp enabled"), "{}", silent.said());
    stage.router.run("/snmp/set", &[("enabled", "yes")]);
    let at = SocketAddr::new(stage.router.address, 161);
    eventually(|| std::net::UdpSocket::bind(at).is_err());
    let said = stage
        .good(&["monitor", NAME, "--snmp", "public", "--json"])
        .stdout;
    let by_snmp = json_of(&said);
    for name in ["identity", "memory_total", "storage_total"] {
        assert_eq!(by_snmp[name], by_api[name], "{name}: {by_snmp}\n{by_api}");
    }
    assert!(by_snmp["interfaces"]["ether1"].is_object(), "{by_snmp}");
    assert!(by_snmp["health"]["temperature"].is_object(), "{by_snmp}");
    let stranger = stage.router(&["monitor", NAME, "--snmp", "a-secret-name"]);
    assert_eq!(stranger.code, Some(1), "{}", stranger.said());
    assert!(
        !stranger.said().contains("a-secret-name"),
        "{}",
        stranger.said()
    );
}

/// An enrolled router whose SNMP a user with two passwords may ask.
fn watched() -> Stage {
    let stage = Stage::bare(started("7.24", &["--ports", "real", "--board", "hAP-ax2"]));
    let enrolled = stage.enrol("api", &SERVICES);
    assert!(enrolled.succeeded, "{}", enrolled.said());
    let user = [
        ("name", "watcher"),
        ("security", "private"),
        ("authentication-protocol", "SHA1"),
        ("authentication-password", "first-password"),
        ("encryption-protocol", "AES"),
        ("encryption-password", "second-password"),
    ];
    stage.router.run("/snmp/community/add", &user);
    stage.router.run("/snmp/set", &[("enabled", "yes")]);
    let at = SocketAddr::new(stage.router.address, 161);
    eventually(|| std::net::UdpSocket::bind(at).is_err());
    stage
}

#[test]
fn readings_come_by_snmp_of_version_3_and_only_to_who_has_both_passwords() {
    let stage = watched();
    // First by a program that has nothing of ours.
    let address = stage.router.address.to_string();
    let ask = |program: &str, first: &str, second: &str, object: &str| {
        let how = [
            "-v3", "-l", "authPriv", "-u", "watcher", "-a", "SHA", "-A", first,
        ];
        let mut command = Command::new(tools::program(program));
        command
            .args(how)
            .args(["-x", "AES", "-X", second, "-On", "-r", "1"]);
        tools::run(command.args([&*address, object]), "")
    };
    let (first, second) = ("first-password", "second-password");
    let name = ask("snmpget", first, second, ".1.3.6.1.2.1.1.5.0");
    assert!(name.stdout.contains("MikroTik"), "{}", name.said());
    let walked = ask("snmpwalk", first, second, ".1.3.6.1.2.1.2.2.1.2");
    assert!(walked.stdout.contains("ether1"), "{}", walked.said());
    for (first, second) in [("other-password", second), (first, "other-password")] {
        let refused = ask("snmpget", first, second, ".1.3.6.1.2.1.1.5.0");
        assert!(!refused.succeeded, "{}", refused.said());
    }

    let how = [
        "router",
        "monitor",
        NAME,
        "--snmp",
        "watcher",
        "--snmp-passwords-stdin",
        "--json",
    ];
    let home = stage.server.home();
    let read = home.try_command_told(&how, "first-password\nsecond-password\n");
    assert!(read.succeeded, "{}", read.said());
    assert_eq!(
        json_of(&read.stdout)["identity"],
        "MikroTik",
        "{}",
        read.said()
    );
    for passwords in [
        "wrong-password\nsecond-password\n",
        "first-password\nwrong-password\n",
    ] {
        let refused = home.try_command_told(&how, passwords);
        assert_eq!(refused.code, Some(1), "{}", refused.said());
        assert!(
            !refused.said().contains("-password\n"),
            "{}",
            refused.said()
        );
        assert!(refused.stderr.contains(NAME), "{}", refused.said());
    }
    // Without passwords the name of a user is no community.
    let bare = stage.router(&["monitor", NAME, "--snmp", "watcher"]);
    assert_eq!(bare.code, Some(1), "{}", bare.said());
}

/// The arguments of an enrolment that asks all it can.
fn asking(stage: &Stage) -> Vec<String> {
    let address = stage.router.service("api").to_string();
    let fixed = ["--user", USER, "--name", NAME, "--transport", "api"];
    let mut all = vec!["router".to_owned(), "enrol".to_owned(), address];
    all.extend(fixed.iter().chain(&SERVICES).map(ToString::to_string));
    all
}

#[test]
fn a_terminal_is_asked_and_shows_no_password() {
    let stage = Stage::set("7.24");
    let before = stage.router.export();
    let arguments = asking(&stage);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let password = format!("{PASSWORD}\r");
    let home = stage.server.home();

    // A no is a no.
    let talk = [
        ("Password of admin", &*password),
        ("[y/N]", "y\r"),
        ("Do this", "n\r"),
    ];
    let refused = home.at_a_terminal(&arguments, &talk);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(refused.echoes, [false, true, true], "{refused:?}");
    assert!(
        refused.echo_after && !refused.shown.contains(PASSWORD),
        "{refused:?}"
    );
    assert!(refused.shown.contains("nothing was changed"), "{refused:?}");
    assert_eq!(stage.router.export(), before);

    let talk = [
        ("Password of admin", &*password),
        ("[y/N]", "y\r"),
        ("Do this", "y\r"),
    ];
    let done = home.at_a_terminal(&arguments, &talk);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!done.shown.contains(PASSWORD), "{done:?}");
    stage.good(&["diff", NAME]);
    let removed = home.at_a_terminal(&["router", "remove", NAME], &[("[y/N]", "y\r")]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert_eq!(stage.router.export(), before);
}

#[test]
fn ctrl_c_leaves_the_terminal_and_both_ends_as_they_were() {
    let stage = Stage::set("7.24");
    let (before, nases) = (stage.router.export(), stage.nases());
    let mut arguments = asking(&stage);
    arguments.push("--yes".to_owned());
    arguments.push("--yes-plain".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let home = stage.server.home();
    // While the password is typed.
    let stopped = home.at_a_terminal(&arguments, &[("Password of admin", "half\u{3}")]);
    assert_eq!(stopped.code, 1, "{stopped:?}");
    assert!(
        stopped.echo_after && !stopped.shown.contains("half"),
        "{stopped:?}"
    );
    assert_eq!(stage.router.export(), before);

    // In the middle of it all: every answer of the router takes a while. A test log-in is one
    // answer.
    let password = format!("{PASSWORD}\r");
    for (place, slow) in [("fetching a backup", 30), ("1/", 30), ("testing", 300)] {
        stage.router.faults(&json!({ "slow": slow }));
        let talk = [("Password of admin", &*password), (place, "\u{3}")];
        let stopped = home.at_a_terminal(&arguments, &talk);
        assert_eq!(stopped.code, 1, "{place}: {stopped:?}");
        assert!(
            stopped.shown.contains("interrupted"),
            "{place}: {stopped:?}"
        );
        assert_eq!(stage.router.export(), before, "{place}: {stopped:?}");
        assert_eq!(stage.nases(), nases, "{place}");
        let users = stage.server.command(&["user", "list"]);
        assert!(!users.contains("portreeve-test"), "{place}: {users}");
    }
    stage.router.faults(&json!({}));

    // The same when it is brought back to how it is wanted.
    stage.enrolled("api", &SERVICES);
    for (menu, name) in [
        ("/ppp/aaa/set", "use-radius"),
        ("/user/aaa/set", "use-radius"),
    ] {
        stage.router.run(menu, &[(name, "no")]);
    }
    let drifted = stage.router.export();
    stage.router.faults(&json!({ "slow": 100 }));
    let apply = ["router", "apply", NAME, "--yes"];
    let stopped = home.at_a_terminal(&apply, &[("1/2", "\u{3}")]);
    stage.router.faults(&json!({}));
    assert_eq!(stopped.code, 1, "{stopped:?}");
    assert_eq!(stage.router.export(), drifted, "{stopped:?}");
    stage.good(&["apply", NAME, "--yes"]);
    stage.good(&["remove", NAME, "--yes"]);
    assert_eq!(stage.router.export(), before);
}
