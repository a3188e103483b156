//! Ways around the inner proof: a session of TLS must not be worth more than what was proved in it.

use portreeve_interop::eap::Place;
use portreeve_interop::eap::tunnel::{PEAP, TTLS, Tunnel, pap};

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// Opens a tunnel, does `first` in it, and comes back with its session.
fn come_back<'a>(
    place: &'a Place,
    method: u8,
    version: &str,
    first: impl Fn(&mut Tunnel<'_>),
) -> Tunnel<'a> {
    let file = place.certificates.path("session");
    std::fs::remove_file(&file).ok();
    let [keep, path] = Tunnel::keeping(&file);
    let mut tunnel = Tunnel::open(place, method, &[version, &keep, &path]);
    assert!(
        tunnel.is_open() && !tunnel.is_resumed(),
        "{}",
        tunnel.said()
    );
    assert!(!tunnel.is_accepted(), "accepted for TLS alone");
    first(&mut tunnel);
    drop(tunnel);
    if !file.exists() {
        // The server gave it nothing to come back with, which is as good.
        return Tunnel::open(place, method, &[version]);
    }
    let [with, path] = Tunnel::returning(&file);
    Tunnel::open(place, method, &[version, &with, &path])
}

/// Whoever has shown a password comes back without it: the shortcut is there, and this client can
/// take it.
#[test]
fn a_session_that_ended_well_is_a_shortcut() {
    let place = Place::usual();
    for version in VERSIONS {
        let mut back = come_back(&place, TTLS, version, |tunnel| {
            tunnel.say(&pap("bob", "hello world"));
            assert!(tunnel.is_accepted(), "{:?}", tunnel.last);
        });
        if !back.is_accepted() {
            back.say_nothing();
        }
        assert!(back.is_resumed(), "{version}:\n{}", back.said());
        assert!(back.is_accepted(), "{version}: {:?}", back.last);
    }
}

#[test]
fn a_session_with_a_wrong_password_is_not() {
    let place = Place::usual();
    for version in VERSIONS {
        let mut back = come_back(&place, TTLS, version, |tunnel| {
            tunnel.say(&pap("bob", "not this one"));
            assert!(!tunnel.is_accepted(), "{:?}", tunnel.last);
        });
        assert!(!back.is_accepted(), "{version}: {:?}", back.last);
        back.say_nothing();
        assert!(!back.is_accepted(), "{version}: {:?}", back.last);
    }
}

#[test]
fn a_session_that_was_left_is_not() {
    let place = Place::usual();
    for method in [TTLS, PEAP] {
        for version in VERSIONS {
            let mut back = come_back(&place, method, version, |_| ());
            assert!(!back.is_accepted(), "{method}, {version}: {:?}", back.last);
            back.say_nothing();
            assert!(!back.is_accepted(), "{method}, {version}: {:?}", back.last);
        }
    }
}

#[test]
fn a_session_in_which_nothing_was_said_is_not() {
    let place = Place::usual();
    for method in [TTLS, PEAP] {
        for version in VERSIONS {
            let mut back = come_back(&place, method, version, |tunnel| {
                for _ in 0..3 {
                    tunnel.say_nothing();
                    assert!(!tunnel.is_accepted(), "{:?}", tunnel.last);
                }
            });
            assert!(!back.is_accepted(), "{method}, {version}: {:?}", back.last);
            back.say_nothing();
            assert!(!back.is_accepted(), "{method}, {version}: {:?}", back.last);
        }
    }
}

/// A session of one method is no shortcut through another.
#[test]
fn a_session_of_ttls_is_not_one_of_peap() {
    let place = Place::usual();
    for version in VERSIONS {
        let file = place.certificates.path("session");
        let [keep, path] = Tunnel::keeping(&file);
        let mut tunnel = Tunnel::open(&place, TTLS, &[version, &keep, &path]);
        tunnel.say(&pap("bob", "hello world"));
        assert!(tunnel.is_accepted(), "{:?}", tunnel.last);
        drop(tunnel);
        let [with, path] = Tunnel::returning(&file);
        let mut back = Tunnel::open(&place, PEAP, &[version, &with, &path]);
        assert!(!back.is_accepted(), "{version}: {:?}", back.last);
        back.say_nothing();
        assert!(!back.is_accepted(), "{version}: {:?}", back.last);
    }
}

#[test]
fn somebody_else_inside_than_outside_gets_what_is_theirs() {
    let place = Place::usual();
    let mut tunnel = Tunnel::open(&place, TTLS, &["-tls1_3"]);
    tunnel.say(&pap("alice", "wonder land"));
    let last = tunnel.last.as_ref().expect("an answer");
    assert!(tunnel.is_accepted(), "{last:?}");
    assert_eq!(last.values(27), [[0, 0, 0x0e, 0x10]], "alice's, not bob's");
    let mut tunnel = Tunnel::open(&place, TTLS, &["-tls1_3"]);
    tunnel.say(&pap("alice", "hello world"));
    assert!(!tunnel.is_accepted(), "bob's password for alice");
}
