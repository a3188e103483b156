use portreeve::Access;

use crate::site::{SECRET, Site, client, soon, unheard};

fn reasons(site: &Site) -> Vec<String> {
    let decisions = site.decisions().into_iter();
    decisions
        .filter_map(|decision| decision["reason"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn a_refusal_is_explained_with_its_cure() {
    let site = Site::with_nas();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    let server = site.serve();
    assert!(site.fails(1, &["explain"]).contains("no decision"));
    let client = client(server.auth, SECRET);
    assert!(
        !client
            .access(Access::mschapv2("tim", "wrong"))
            .unwrap()
            .is_accept()
    );
    assert!(
        !client
            .access(Access::pap("nobody", "wrong"))
            .unwrap()
            .is_accept()
    );
    assert!(
        client
            .access(Access::pap("tim", "12345"))
            .unwrap()
            .is_accept()
    );
    soon("three decisions", || site.decisions().len() == 3);
    assert_eq!(reasons(&site), ["wrong_password", "unknown_user"]);
    let log = site.ok(&["log", "--user", "tim"]);
    let words = "refused: the password did not match (MS-CHAPv2); the NAS's secret is fine";
    assert!(log.contains(words) && log.lines().count() == 2, "{log}");
    let id = site.decisions()[1]["id"].as_str().unwrap().to_owned();
    let story = site.ok(&["explain", &id]);
    assert!(story.contains("user add nobody"), "{story}");
    assert!(site.ok(&["explain"]).contains("accepted: tim by PAP"));
    assert!(
        site.ok(&["explain", "--user", "nobody"])
            .contains("no such user")
    );
    site.fails(1, &["explain", "ffff"]);
    site.fails(1, &["explain", "bogus"]);
    let everything = site.ok(&["log", "--json"]);
    assert!(
        !everything.contains("12345") && !everything.contains("\"wrong\""),
        "{everything}"
    );
}

#[test]
fn a_wrong_secret_and_an_unknown_nas_are_not_taken_for_a_wrong_password() {
    let site = Site::with_nas();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    let server = site.serve();
    unheard(server.auth, "another secret")
        .access(Access::pap("tim", "12345"))
        .unwrap_err();
    soon("the wrong secret", || {
        reasons(&site) == ["message_authenticator_wrong"]
    });
    let story = site.ok(&["explain"]);
    assert!(
        story.contains("shared secret") && story.contains("nas set local"),
        "{story}"
    );
    site.ok(&["nas", "set", "local", "--address", "192.0.2.1"]);
    soon("the unknown NAS", || {
        unheard(server.auth, SECRET)
            .access(Access::pap("tim", "12345"))
            .ok();
        reasons(&site).contains(&"unknown_peer".to_owned())
    });
    assert!(site.ok(&["explain"]).contains("nas add NAME 127.0.0.1"));
}

#[test]
fn a_flood_of_one_kind_makes_few_records() {
    let site = Site::with_nas();
    let server = site.serve();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..2_000 {
        socket
            .send_to(b"this is no RADIUS packet", server.auth)
            .unwrap();
    }
    soon("the flood is counted", || {
        let status = site.json(&["status", "--json"]);
        status["received"].as_u64().unwrap() >= 1_000
    });
    soon("the flood is on record", || !site.decisions().is_empty());
    assert!(site.decisions().len() <= 3, "{:?}", site.decisions());
}

#[test]
fn what_a_stranger_writes_cannot_deceive_who_reads_the_log() {
    let site = Site::with_nas();
    let server = site.serve();
    let name = "\x1b[2Jroot\u{202e}\nfake line";
    assert!(
        !client(server.auth, SECRET)
            .access(Access::pap(name, "x"))
            .unwrap()
            .is_accept()
    );
    soon("one decision", || site.decisions().len() == 1);
    let log = site.ok(&["log"]) + &site.ok(&["explain"]);
    assert!(!log.contains('\x1b') && !log.contains('\u{202e}'), "{log}");
    assert_eq!(site.ok(&["log"]).lines().count(), 1);
}

#[test]
fn what_comes_is_followed() {
    use std::{
        io::{BufRead as _, BufReader},
        process::Stdio,
    };
    let site = Site::with_nas();
    let server = site.serve();
    let mut follow = site.program(&["log", "--follow", "--json"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert!(
        !client(server.auth, SECRET)
            .access(Access::pap("tim", "x"))
            .unwrap()
            .is_accept()
    );
    let line: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(line["user"], "tim");
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn keeping_no_records_is_possible() {
    let site = Site::with_nas();
    site.configure(&format!("{}[decisions]\nkeep = 0\n", crate::site::CONFIG));
    let server = site.serve();
    assert!(
        !client(server.auth, SECRET)
            .access(Access::pap("tim", "x"))
            .unwrap()
            .is_accept()
    );
    assert!(site.fails(1, &["log"]).contains("no decision"));
}
