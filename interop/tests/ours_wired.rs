//! 802.1X over a cable, as Portreeve sees it: who is there, and how they are made to go.

use std::thread;
use std::time::Duration;

use portreeve_interop::Must as _;
use portreeve_interop::certificates::Certificates;
use portreeve_interop::eap::own::Own;
use portreeve_interop::eap::{Place, methods};
use portreeve_interop::portreeve::Portreeve;
use portreeve_interop::room::{Room, value};
use portreeve_interop::subject::Subject;
use portreeve_interop::tools::{self, json_holds};
use portreeve_interop::wire::{attribute, code};
use portreeve_interop::world::SECRET;
use portreeve_interop::{eventually, free_port};

fn room(method: &str, name: &str, reauth: u32) -> Room {
    let place = Place::ours(|terms| terms);
    let network = place.network(methods::named(method), name);
    Room::enter(place, &network, reauth)
}

fn ours(room: &Room) -> &Portreeve {
    room.place.server.ours()
}

/// The open sessions of a user.
fn open(room: &Room, user: &str) -> Vec<serde_json::Value> {
    let listed = ours(room).command(&["session", "list", "--user", user, "--json"]);
    tools::json_rows(&listed)
}

/// The Acct-Session-Id that the switch has given.
fn session(room: &Room) -> String {
    eventually(|| !room.accounted(1).is_empty());
    let start = room.accounted(1).remove(0);
    let id = value(&start, attribute::ACCT_SESSION_ID).must("a session");
    String::from_utf8_lossy(id).into_owned()
}

#[test]
fn who_is_plugged_in_is_listed_until_they_leave() {
    let room = room("PEAP/MSCHAPv2", "gina", 0);
    room.expect_open();
    let id = session(&room);
    eventually(|| open(&room, "gina").len() == 1);
    let listed = open(&room, "gina");
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert!(json_holds(&listed[0], &id), "{id}: {listed:?}");
    eventually(|| room.accounted(3).len() >= 2);
    assert_eq!(
        open(&room, "gina").len(),
        1,
        "one session, however often it is accounted"
    );
    // The switch counts whole seconds.
    thread::sleep(Duration::from_secs(1));
    room.supplicant.log_off();
    eventually(|| open(&room, "gina").is_empty());
    let left = open(&room, "gina");
    assert!(left.is_empty(), "{left:?}");
    let known = ours(&room).sessions_with(&id);
    assert_eq!(known.len(), 1, "{known:?}");
}

#[test]
fn a_disconnect_ends_the_session_at_the_switch() {
    for by_session in [true, false] {
        let room = room("TTLS/PAP", "gina", 0);
        room.expect_open();
        let id = session(&room);
        eventually(|| open(&room, "gina").len() == 1);
        thread::sleep(Duration::from_secs(1));
        let das = room.switch.das().to_string();
        let mut arguments = vec!["send", "disconnect", &das, "--secret", SECRET];
        arguments.extend(if by_session {
            ["--session-id", &id]
        } else {
            ["--user", "gina"]
        });
        let said = ours(&room).command(&arguments);
        assert!(said.contains("Disconnect-ACK"), "{said}");
        eventually(|| !room.accounted(2).is_empty());
        let stops = room.accounted(2);
        assert_eq!(stops.len(), 1, "{}", room.switch.said());
        let stopped = value(&stops[0], attribute::ACCT_SESSION_ID);
        assert_eq!(stopped, Some(id.as_bytes()));
        let still = || open(&room, "gina").iter().any(|row| json_holds(row, &id));
        eventually(|| !still());
        assert!(!still(), "{:?}", open(&room, "gina"));
    }
}

#[test]
fn a_revoked_certificate_ends_the_session_that_began_by_it_and_no_other() {
    let das = free_port();
    let own = Own::with(|setup| setup.configured(&format!("[coa]\nport = {das}\n")));
    let [phone, _tablet] = ["phone", "tablet"].map(|device| own.issue("bob", device));
    let network = methods::named("TLS").network_with("bob", &own.ca, &phone);
    let place = Place {
        certificates: Certificates::new(),
        server: Subject::Portreeve(own.server),
    };
    let room = Room::enter_asked_at(place, &network, 0, Some(das));
    room.expect_open();
    let id = session(&room);
    eventually(|| open(&room, "bob").len() == 1);
    let revoke = |device| {
        ours(&room).command(&["cert", "revoke", "--user", "bob", "--device", device]);
    };
    revoke("tablet");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(open(&room, "bob").len(), 1, "another device's certificate");
    assert!(room.is_open());
    revoke("phone");
    eventually(|| !room.accounted(2).is_empty());
    let stops = room.accounted(2);
    assert_eq!(
        stops.len(),
        1,
        "{}\n{}",
        ours(&room).said(),
        room.switch.said()
    );
    let stopped = value(&stops[0], attribute::ACCT_SESSION_ID);
    assert_eq!(stopped, Some(id.as_bytes()));
    eventually(|| room.switch.answers(code::ACCESS_REJECT) > 0 && !room.is_open());
    assert!(!room.is_open(), "it is let in again");
    let said = ours(&room).said();
    assert!(said.contains("the session was ended"), "{said}");
}

#[test]
fn who_is_disabled_loses_the_port_when_asked_again() {
    for method in ["PEAP/MSCHAPv2", "TLS"] {
        let room = room(method, "gina", 2);
        room.expect_open();
        ours(&room).command(&["user", "disable", "gina"]);
        eventually(|| room.switch.answers(code::ACCESS_REJECT) > 0 && !room.is_open());
        assert!(
            room.switch.answers(code::ACCESS_REJECT) > 0,
            "{}",
            room.switch.said()
        );
        assert!(!room.is_open(), "{method}: the port is still open");
    }
}
