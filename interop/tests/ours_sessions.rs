//! What accounting leaves behind, seen through the command line.

use portreeve_interop::eventually;
use portreeve_interop::portreeve::Portreeve;
use portreeve_interop::tools::{self, radclient};
use portreeve_interop::world::{SECRET, World};

fn account(server: &Portreeve, status: &str, session: &str) {
    let attributes = format!(
        "User-Name = \"bob\"\nAcct-Session-Id = \"{session}\"\nNAS-IP-Address = 192.0.2.9\n\
         NAS-Port = 7\nFramed-IP-Address = 192.0.2.50\n\
         Calling-Station-Id = \"02-00-00-00-00-01\"\nAcct-Session-Time = 60\n\
         Acct-Input-Octets = 1000\nAcct-Output-Octets = 2000\nAcct-Status-Type = {status}"
    );
    let ended = radclient(server.ports().acct_v4(), "acct", SECRET, &attributes);
    assert!(
        ended.stdout.contains("Received Accounting-Response"),
        "{}",
        ended.said()
    );
}

/// Expects `count` open and `all` known sessions that hold `id`, as soon as the listing has caught
/// up with what was answered.
#[track_caller]
fn expect(server: &Portreeve, id: &str, count: usize, all: usize) {
    eventually(|| open(server, id) == count && server.sessions_with(id).len() == all);
    assert_eq!(
        (open(server, id), server.sessions_with(id).len()),
        (count, all),
        "{id}"
    );
}

/// How many open sessions hold `id`.
fn open(server: &Portreeve, id: &str) -> usize {
    let rows = tools::json_rows(&server.command(&["session", "list", "--json"]));
    rows.iter().filter(|row| tools::json_holds(row, id)).count()
}

#[test]
fn a_session_is_listed_from_its_start_to_its_stop() {
    let server = Portreeve::start(&World::household());
    expect(&server, "seen-1", 0, 0);
    account(&server, "Start", "seen-1");
    expect(&server, "seen-1", 1, 1);
    let listed = server.sessions_with("seen-1");
    assert!(tools::json_holds(&listed[0], "bob"), "{listed:?}");
    account(&server, "Interim-Update", "seen-1");
    expect(&server, "seen-1", 1, 1);
    account(&server, "Stop", "seen-1");
    expect(&server, "seen-1", 0, 1);
}

#[test]
fn a_repeated_start_is_one_session() {
    let server = Portreeve::start(&World::household());
    account(&server, "Start", "twice-1");
    account(&server, "Start", "twice-1");
    // A session of which nothing else is known shows that both have been applied.
    account(&server, "Start", "after-1");
    expect(&server, "after-1", 1, 1);
    expect(&server, "twice-1", 1, 1);
}

#[test]
fn a_stop_without_its_start_is_kept() {
    let server = Portreeve::start(&World::household());
    account(&server, "Stop", "lost-start");
    expect(&server, "lost-start", 0, 1);
}

#[test]
fn the_boot_of_a_nas_closes_its_sessions() {
    let server = Portreeve::start(&World::household());
    account(&server, "Start", "before-boot");
    expect(&server, "before-boot", 1, 1);
    account(&server, "Accounting-On", "boot");
    expect(&server, "before-boot", 0, 1);
}

#[test]
fn sessions_survive_a_restart() {
    let mut server = Portreeve::start(&World::household());
    account(&server, "Start", "kept-1");
    server.restart();
    expect(&server, "kept-1", 1, 1);
    account(&server, "Stop", "kept-1");
    expect(&server, "kept-1", 0, 1);
}
