//! 802.1X over a cable: `wpa_supplicant` at one end, `hostapd` as the switch at the other, and the
//! server behind it.

use std::thread;
use std::time::Duration;

use portreeve_interop::eap::{Place, methods};
use portreeve_interop::eventually;
use portreeve_interop::room::{Room, value};
use portreeve_interop::wire::{attribute, code};

#[test]
fn the_port_opens_to_who_proves_who_it_is() {
    for (method, eap) in [("PEAP/MSCHAPv2", "25"), ("TTLS/PAP", "21"), ("TLS", "13")] {
        let room = Room::of(method, "gina", 0);
        room.expect_open();
        let about = |name| room.switch.about(&room.address(), name);
        assert_eq!(about("dot1xAuthSessionUserName").as_deref(), Some("gina"));
        let used = about("last_eap_type_as").expect("a method");
        assert!(used.starts_with(eap), "{method}: {used}");
        assert_eq!(room.switch.accepted_with(64), ["0100000d"], "{method}");
        assert_eq!(room.switch.accepted_with(65), ["01000006"], "{method}");
        assert_eq!(room.switch.accepted_with(81), ["01313030"], "{method}");
    }
}

#[test]
fn the_port_stays_shut_for_a_wrong_password() {
    let place = Place::usual();
    let method = methods::named("PEAP/MSCHAPv2");
    let network = method.network("gina", &place.certificates.ca());
    let room = Room::enter(place, &network.password("not this one"), 0);
    eventually(|| room.switch.answers(code::ACCESS_REJECT) > 0);
    assert!(
        room.switch.answers(code::ACCESS_REJECT) > 0,
        "{}",
        room.switch.said()
    );
    assert!(!room.supplicant.is_authorized());
    assert!(!room.switch.lets_in(&room.address()));
    assert!(room.accounted(1).is_empty());
}

#[test]
fn who_is_there_is_asked_again_without_the_port_closing() {
    let room = Room::of("PEAP/MSCHAPv2", "gina", 2);
    room.expect_open();
    eventually(|| room.switch.answers(code::ACCESS_ACCEPT) >= 3);
    assert!(
        room.switch.answers(code::ACCESS_ACCEPT) >= 3,
        "{}",
        room.switch.said()
    );
    room.expect_open();
    assert_eq!(room.switch.answers(code::ACCESS_REJECT), 0);
    // Later times are short: the session of TLS goes on.
    assert_eq!(
        room.supplicant.status("tls_session_reused").as_deref(),
        Some("1")
    );
    // For the accounting it is one session all the while.
    assert_eq!(room.accounted(1).len(), 1);
    assert!(room.accounted(2).is_empty());
}

#[test]
fn a_session_is_accounted_from_its_start_to_its_stop() {
    let room = Room::of("TTLS/PAP", "gina", 0);
    room.expect_open();
    let (start, stop, interim) = (1, 2, 3);
    eventually(|| room.accounted(start).len() == 1 && room.accounted(interim).len() >= 2);
    // The switch counts whole seconds.
    thread::sleep(Duration::from_secs(1));
    room.supplicant.log_off();
    eventually(|| room.accounted(stop).len() == 1);
    let counts = [start, interim, stop].map(|status| room.accounted(status).len());
    assert!(
        counts[0] == 1 && counts[1] >= 2 && counts[2] == 1,
        "{counts:?}\n{}",
        room.switch.said()
    );
    let first = room.accounted(start).remove(0);
    let session = value(&first, attribute::ACCT_SESSION_ID).expect("a session");
    for status in [interim, stop] {
        for record in room.accounted(status) {
            assert_eq!(value(&record, attribute::ACCT_SESSION_ID), Some(session));
            assert_eq!(
                value(&record, attribute::USER_NAME),
                Some(b"gina".as_slice())
            );
        }
    }
    assert!(!room.switch.lets_in(&room.address()));
}
