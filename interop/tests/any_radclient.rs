//! `radclient`: every plain method, over both families, and the attributes that come back.

use portreeve_interop::subject::Subject;
use portreeve_interop::tools::{Ended, radclient};
use portreeve_interop::world::SECRET;

/// The attribute with which `radclient` takes a password for each method.
const METHODS: [(&str, &str); 3] = [
    ("PAP", "User-Password"),
    ("CHAP", "CHAP-Password"),
    ("MS-CHAP", "MS-CHAP-Password"),
];

fn ask(server: &Subject, user: &str, attribute: &str, password: &str) -> Ended {
    let attributes = format!("User-Name = \"{user}\"\n{attribute} = \"{password}\"");
    radclient(server.auth(), "auth", SECRET, &attributes)
}

#[track_caller]
fn accepted(ended: &Ended) {
    assert!(
        ended.stdout.contains("Received Access-Accept"),
        "{}",
        ended.said()
    );
}

#[track_caller]
fn rejected(ended: &Ended) {
    assert!(
        ended.stdout.contains("Received Access-Reject"),
        "{}",
        ended.said()
    );
}

#[test]
fn the_right_password_is_accepted_by_every_method() {
    let server = Subject::household();
    for (_, attribute) in METHODS {
        accepted(&ask(&server, "bob", attribute, "hello world"));
    }
}

#[test]
fn a_password_beyond_ascii_is_accepted_by_every_method() {
    let server = Subject::household();
    for (_, attribute) in METHODS {
        accepted(&ask(&server, "zoë", attribute, "pässwörd €"));
    }
}

#[test]
fn a_wrong_password_is_rejected_by_every_method() {
    let server = Subject::household();
    for (_, attribute) in METHODS {
        rejected(&ask(&server, "bob", attribute, "hello worlD"));
    }
}

#[test]
fn an_unknown_user_is_rejected_by_every_method() {
    let server = Subject::household();
    for (_, attribute) in METHODS {
        rejected(&ask(&server, "nobody", attribute, "hello world"));
    }
}

#[test]
fn a_request_without_any_password_is_rejected() {
    let server = Subject::household();
    rejected(&radclient(
        server.auth(),
        "auth",
        SECRET,
        "User-Name = \"bob\"",
    ));
}

#[test]
fn ipv6_is_served_like_ipv4() {
    let server = Subject::household();
    let attributes = "User-Name = \"bob\"\nUser-Password = \"hello world\"";
    accepted(&radclient(
        server.ports().auth_v6(),
        "auth",
        SECRET,
        attributes,
    ));
}

#[test]
fn ms_chap_brings_the_keys_for_mppe() {
    let server = Subject::household();
    let ended = ask(&server, "bob", "MS-CHAP-Password", "hello world");
    accepted(&ended);
    assert!(
        ended.stdout.contains("MS-CHAP-MPPE-Keys = 0x"),
        "{}",
        ended.stdout
    );
}

#[test]
fn the_attributes_of_a_user_arrive() {
    let server = Subject::household();
    let ended = ask(&server, "alice", "User-Password", "wonder land");
    accepted(&ended);
    for line in [
        "Session-Timeout = 3600",
        "Reply-Message = \"welcome, alice\"",
        "Mikrotik-Rate-Limit = \"10M/50M\"",
        "Class = 0x7374616666",
        "Framed-IP-Address = 192.0.2.77",
    ] {
        assert!(
            ended.stdout.contains(line),
            "{line} is missing:\n{}",
            ended.stdout
        );
    }
}

#[test]
fn the_attributes_of_a_group_arrive_beside_those_of_the_user() {
    let server = Subject::household();
    let ended = ask(&server, "gina", "CHAP-Password", "group member");
    accepted(&ended);
    for line in [
        "Idle-Timeout = 900",
        "Reply-Message = \"staff only\"",
        "Tunnel-Type:1 = VLAN",
        "Tunnel-Medium-Type:1 = IEEE-802",
        "Tunnel-Private-Group-Id:1 = \"100\"",
    ] {
        assert!(
            ended.stdout.contains(line),
            "{line} is missing:\n{}",
            ended.stdout
        );
    }
}

#[test]
fn a_reject_brings_no_attributes_of_the_user() {
    let server = Subject::household();
    let ended = ask(&server, "alice", "User-Password", "wonder lane");
    rejected(&ended);
    assert!(
        !ended.stdout.contains("Mikrotik-Rate-Limit"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_wrong_secret_gets_no_answer() {
    let server = Subject::household();
    let attributes = "User-Name = \"bob\"\nUser-Password = \"hello world\"";
    let ended = radclient(server.auth(), "auth", "another secret", attributes);
    assert!(!ended.stdout.contains("Received"), "{}", ended.stdout);
    assert!(
        ended.said().contains("No reply from server"),
        "{}",
        ended.said()
    );
    // The server is well; it was the secret.
    accepted(&radclient(server.auth(), "auth", SECRET, attributes));
}
