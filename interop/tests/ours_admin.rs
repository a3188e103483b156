//! Administration of a running server: within a second, without a restart.

use std::net::UdpSocket;
use std::time::Duration;

use portreeve_interop::Must as _;
use portreeve_interop::portreeve::Portreeve;
use portreeve_interop::tools::{self, radclient};
use portreeve_interop::wire::{Reply, Request, code, exchange};
use portreeve_interop::world::{SECRET, World};

/// Within this time a change must have taken effect.
const CHANGE: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(5);

/// The code of the answer to one PAP request, a second after the last change.
fn answer(server: &Portreeve, user: &str, password: &str) -> u8 {
    std::thread::sleep(CHANGE);
    let request = Request::access(1)
        .pap(user, password, SECRET)
        .encode(SECRET);
    let socket = UdpSocket::bind("127.0.0.1:0").must("a socket");
    let reply = exchange(&socket, server.ports().auth_v4(), &request, LONG).must("an answer");
    Reply::verified(&reply, &request, SECRET).code
}

#[test]
fn a_new_user_is_let_in() {
    let server = Portreeve::start(&World::household());
    assert_eq!(answer(&server, "carol", "new here"), code::ACCESS_REJECT);
    server.command(&["user", "add", "carol", "--password", "new here"]);
    assert_eq!(answer(&server, "carol", "new here"), code::ACCESS_ACCEPT);
}

#[test]
fn a_disabled_user_is_kept_out_until_enabled_again() {
    let server = Portreeve::start(&World::household());
    server.command(&["user", "disable", "bob"]);
    assert_eq!(answer(&server, "bob", "hello world"), code::ACCESS_REJECT);
    server.command(&["user", "enable", "bob"]);
    assert_eq!(answer(&server, "bob", "hello world"), code::ACCESS_ACCEPT);
}

#[test]
fn a_changed_password_replaces_the_old_one() {
    let server = Portreeve::start(&World::household());
    server.command(&["user", "set", "bob", "--password", "goodbye"]);
    assert_eq!(answer(&server, "bob", "hello world"), code::ACCESS_REJECT);
    assert_eq!(answer(&server, "bob", "goodbye"), code::ACCESS_ACCEPT);
}

#[test]
fn a_removed_user_is_kept_out() {
    let server = Portreeve::start(&World::household());
    assert_eq!(answer(&server, "bob", "hello world"), code::ACCESS_ACCEPT);
    server.command(&["user", "remove", "bob"]);
    assert_eq!(answer(&server, "bob", "hello world"), code::ACCESS_REJECT);
}

#[test]
fn a_nas_is_known_once_it_is_added() {
    let world = World {
        nases: Vec::new(),
        ..World::household()
    };
    let server = Portreeve::start(&world);
    let attributes = "User-Name = \"bob\"\nUser-Password = \"hello world\"";
    let ended = radclient(server.ports().auth_v4(), "auth", SECRET, attributes);
    assert!(!ended.stdout.contains("Received"), "{}", ended.stdout);
    server.command(&["nas", "add", "late", "127.0.0.0/8", "--secret", SECRET]);
    assert_eq!(answer(&server, "bob", "hello world"), code::ACCESS_ACCEPT);
}

#[test]
fn the_attributes_of_a_group_change_for_its_members() {
    let server = Portreeve::start(&World::household());
    server.command(&["group", "set", "staff", "--attr", "Session-Timeout=77"]);
    std::thread::sleep(CHANGE);
    let attributes = "User-Name = \"gina\"\nUser-Password = \"group member\"";
    let ended = radclient(server.ports().auth_v4(), "auth", SECRET, attributes);
    assert!(
        ended.stdout.contains("Session-Timeout = 77"),
        "{}",
        ended.said()
    );
}

#[test]
fn listings_speak_json_and_keep_secrets() {
    let server = Portreeve::start(&World::household());
    let users = server.command(&["user", "list", "--json"]);
    let rows = tools::json_rows(&users);
    for user in ["alice", "bob", "gina"] {
        assert!(
            rows.iter().any(|row| tools::json_holds(row, user)),
            "{users}"
        );
    }
    assert!(!users.contains("hello world"), "{users}");
    let devices = server.command(&["nas", "list", "--json"]);
    assert!(
        tools::json_rows(&devices)
            .iter()
            .any(|row| tools::json_holds(row, "local")),
        "{devices}"
    );
    assert!(!devices.contains(SECRET), "{devices}");
    let groups = server.command(&["group", "list", "--json"]);
    assert!(
        tools::json_rows(&groups)
            .iter()
            .any(|row| tools::json_holds(row, "staff"))
    );
}
