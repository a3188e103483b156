//! `portreeve send` against FreeRADIUS, whichever subject is chosen.

use std::net::SocketAddr;

use portreeve_interop::freeradius::FreeRadius;
use portreeve_interop::portreeve::Home;
use portreeve_interop::tools::Ended;
use portreeve_interop::world::{SECRET, World};

const METHODS: [&str; 4] = ["pap", "chap", "mschap", "mschapv2"];

fn auth(server: SocketAddr, secret: &str, method: &str, user: &str, password: &str) -> Ended {
    let server = server.to_string();
    Home::new().try_command(&[
        "send",
        "auth",
        &server,
        "--secret",
        secret,
        "--user",
        user,
        "--password",
        password,
        "--method",
        method,
    ])
}

#[test]
fn every_method_is_accepted() {
    let server = FreeRadius::start(&World::household());
    for method in METHODS {
        for (user, password) in [("bob", "hello world"), ("zoë", "pässwörd €")] {
            let ended = auth(server.ports().auth_v4(), SECRET, method, user, password);
            assert_eq!(ended.code, Some(0), "{method} {user}: {}", ended.said());
            assert!(ended.said().contains("Access-Accept"), "{}", ended.said());
        }
    }
}

#[test]
fn a_reject_is_told_by_the_exit_code() {
    let server = FreeRadius::start(&World::household());
    for method in METHODS {
        let ended = auth(
            server.ports().auth_v4(),
            SECRET,
            method,
            "bob",
            "hello worlD",
        );
        assert_eq!(ended.code, Some(1), "{method}: {}", ended.said());
        assert!(ended.said().contains("Access-Reject"), "{}", ended.said());
    }
}

#[test]
fn the_attributes_of_the_answer_are_printed() {
    let server = FreeRadius::start(&World::household());
    let ended = auth(
        server.ports().auth_v6(),
        SECRET,
        "pap",
        "alice",
        "wonder land",
    );
    assert_eq!(ended.code, Some(0), "{}", ended.said());
    for text in [
        "Session-Timeout",
        "3600",
        "welcome, alice",
        "10M/50M",
        "192.0.2.77",
    ] {
        assert!(
            ended.said().contains(text),
            "{text} is missing:\n{}",
            ended.said()
        );
    }
}

#[test]
fn silence_is_told_by_the_exit_code() {
    let server = FreeRadius::start(&World::household());
    let ended = auth(
        server.ports().auth_v4(),
        "another secret",
        "pap",
        "bob",
        "hello world",
    );
    assert_eq!(ended.code, Some(1), "{}", ended.said());
}

#[test]
fn accounting_is_sent_and_recorded() {
    let server = FreeRadius::start(&World::household());
    let address = server.ports().acct_v4().to_string();
    for status in ["Start", "Interim-Update", "Stop"] {
        let status = format!("Acct-Status-Type={status}");
        let ended = Home::new().try_command(&[
            "send",
            "acct",
            &address,
            "--secret",
            SECRET,
            "--attr",
            "User-Name=bob",
            "--attr",
            "Acct-Session-Id=sent-1",
            "--attr",
            "NAS-IP-Address=192.0.2.9",
            "--attr",
            &status,
        ]);
        assert_eq!(ended.code, Some(0), "{status}: {}", ended.said());
    }
    let records = server.records();
    assert_eq!(
        records.matches("Acct-Session-Id = \"sent-1\"").count(),
        3,
        "{records}"
    );
    for status in ["Start", "Interim-Update", "Stop"] {
        assert!(
            records.contains(&format!("Acct-Status-Type = {status}")),
            "{records}"
        );
    }
}

#[test]
fn attributes_are_sent_by_name() {
    let server = FreeRadius::start(&World::household());
    let address = server.ports().acct_v4().to_string();
    let ended = Home::new().try_command(&[
        "send",
        "acct",
        &address,
        "--secret",
        SECRET,
        "--attr",
        "Acct-Status-Type=Start",
        "--attr",
        "Acct-Session-Id=named-1",
        "--attr",
        "Mikrotik-Realm=hotel",
        "--attr",
        "Framed-IPv6-Prefix=2001:db8::/64",
        "--attr",
        "Tunnel-Type:1=VLAN",
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.said());
    let records = server.records();
    for line in [
        "Mikrotik-Realm = \"hotel\"",
        "Framed-IPv6-Prefix = 2001:db8::/64",
        "Tunnel-Type:1 = VLAN",
    ] {
        assert!(records.contains(line), "{line} is missing:\n{records}");
    }
}

#[test]
fn status_is_asked_on_both_ports() {
    let server = FreeRadius::start(&World::household());
    for address in [server.ports().auth_v4(), server.ports().acct_v6()] {
        let address = address.to_string();
        let ended = Home::new().try_command(&["send", "status", &address, "--secret", SECRET]);
        assert_eq!(ended.code, Some(0), "{}", ended.said());
    }
}
