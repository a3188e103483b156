//! `radtest`, the first command that every administrator types.

use portreeve_interop::subject::Subject;
use portreeve_interop::tools::radtest;
use portreeve_interop::world::SECRET;

const METHODS: [&str; 3] = ["pap", "chap", "mschap"];

#[test]
fn the_right_password_is_accepted() {
    let server = Subject::household();
    for method in METHODS {
        let ended = radtest(server.auth(), method, "bob", "hello world", SECRET);
        assert!(
            ended.stdout.contains("Received Access-Accept"),
            "{method}: {}",
            ended.said()
        );
    }
}

#[test]
fn a_wrong_password_is_rejected() {
    let server = Subject::household();
    for method in METHODS {
        let ended = radtest(server.auth(), method, "bob", "hello", SECRET);
        assert!(
            ended.stdout.contains("Received Access-Reject"),
            "{method}: {}",
            ended.said()
        );
    }
}

#[test]
fn ipv6_is_served_like_ipv4() {
    let server = Subject::household();
    let ended = radtest(
        server.ports().auth_v6(),
        "pap",
        "bob",
        "hello world",
        SECRET,
    );
    assert!(
        ended.stdout.contains("Received Access-Accept"),
        "{}",
        ended.said()
    );
}
