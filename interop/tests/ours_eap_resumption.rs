//! A session of TLS that is resumed: what has changed since counts.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use portreeve_interop::Must as _;
use portreeve_interop::certificates::{Certificates, Wanted};
use portreeve_interop::eap::{EapTerms, Place, methods};
use portreeve_interop::eapol_test::{Attempt, EapolTest, Ran};
use portreeve_interop::relay::Relay;
use portreeve_interop::supplicant::Network;
use portreeve_interop::wire::code;

/// Within this time a change must have taken effect.
const CHANGE: Duration = Duration::from_secs(1);
/// Methods that need no certificate, and one that does.
const PASSWORDS: [&str; 3] = ["PEAP/MSCHAPv2", "TTLS/PAP", "TTLS/EAP-MSCHAPv2"];

/// Logs in twice, and has `change` done after the server has said yes to the first time and
/// before the supplicant hears of it.
fn log_in_around(place: &Place, network: &Network, change: impl FnOnce()) -> Ran {
    let (came, wait) = mpsc::channel();
    let (go, release) = mpsc::channel::<()>();
    let mut first = true;
    let relay = Relay::before_answers(place.server.auth(), move |octets| {
        if first && octets.first() == Some(&code::ACCESS_ACCEPT) {
            first = false;
            came.send(()).ok();
            // The test has given up if there is nothing to wait for.
            release.recv().ok();
        }
    });
    let test = EapolTest::new(relay.address(), network).again(1);
    let running = thread::spawn(move || test.run());
    let arrived = wait.recv_timeout(Duration::from_secs(15));
    if arrived.is_ok() {
        change();
        thread::sleep(CHANGE);
    }
    drop(go);
    let ran = running.join().must("eapol_test");
    assert!(arrived.is_ok(), "the first time failed:\n{}", ran.text);
    ran
}

#[track_caller]
fn only_once(ran: &Ran, what: &str) {
    let codes: Vec<bool> = ran.attempts.iter().map(Attempt::accepted).collect();
    assert_eq!(codes, [true, false], "{what}:\n{}", ran.text);
    assert!(ran.attempts[1].rejected(), "{what}:\n{}", ran.text);
}

fn versions() -> [fn(Network) -> Network; 2] {
    [Network::tls12, Network::tls13]
}

#[test]
fn nothing_has_changed_and_it_is_resumed() {
    let place = Place::ours(|terms| terms);
    for name in PASSWORDS.into_iter().chain(["TLS"]) {
        for version in versions() {
            let network = version(place.network(methods::named(name), "bob"));
            let ran = log_in_around(&place, &network, || ());
            assert!(
                ran.accepted(2) && ran.keys_agree(2),
                "{name}:\n{}",
                ran.text
            );
            assert_eq!(ran.attempts[1].resumed, Some(true), "{name}");
        }
    }
}

#[test]
fn who_has_been_disabled_since_is_not_let_in() {
    for name in PASSWORDS.into_iter().chain(["TLS"]) {
        for version in versions() {
            let place = Place::ours(|terms| terms);
            let network = version(place.network(methods::named(name), "bob"));
            let ours = place.server.ours();
            let ran = log_in_around(&place, &network, || {
                ours.command(&["user", "disable", "bob"]);
            });
            only_once(&ran, name);
        }
    }
}

#[test]
fn who_has_been_removed_since_is_not_let_in() {
    let place = Place::ours(|terms| terms);
    let network = place.network(methods::named("PEAP/MSCHAPv2"), "bob");
    let ran = log_in_around(&place, &network, || {
        place.server.ours().command(&["user", "remove", "bob"]);
    });
    only_once(&ran, "removed");
}

#[test]
fn a_password_that_has_been_changed_since_is_wrong() {
    for version in versions() {
        let place = Place::ours(|terms| terms);
        let network = version(place.network(methods::named("PEAP/MSCHAPv2"), "bob"));
        let ran = log_in_around(&place, &network, || {
            let ours = place.server.ours();
            ours.command(&["user", "set", "bob", "--password", "another one"]);
        });
        only_once(&ran, "changed");
    }
}

#[test]
fn a_certificate_that_has_been_revoked_since_is_refused() {
    for version in versions() {
        // The list has to be there, empty, before the server starts.
        let certificates = Certificates::new();
        let crl = Some(certificates.crl());
        let place = Place::ours_with(
            certificates,
            |terms| EapTerms { crl, ..terms },
            |setup| setup,
        );
        let pair = place.certificates.issue(&Wanted::user("bob"));
        let method = methods::named("TLS");
        let network = version(method.network_with("bob", &place.certificates.ca(), &pair));
        let ran = log_in_around(&place, &network, || {
            place.certificates.revoke(&pair);
            place.certificates.crl();
        });
        only_once(&ran, "revoked");
    }
}

#[test]
fn the_attributes_are_those_of_now() {
    for name in PASSWORDS.into_iter().chain(["TLS"]) {
        let place = Place::ours(|terms| terms);
        let network = place.network(methods::named(name), "gina");
        let ran = log_in_around(&place, &network, || {
            place.server.ours().command(&[
                "group",
                "set",
                "staff",
                "--attr",
                "Tunnel-Private-Group-Id:1=200",
            ]);
        });
        assert!(ran.accepted(2), "{name}:\n{}", ran.text);
        assert_eq!(ran.attempts[1].resumed, Some(true), "{name}");
        let vlans = [0, 1].map(|n: usize| ran.attempts[n].last().values(81).join(" "));
        assert_eq!(vlans, ["01313030", "01323030"], "{name}");
        assert_eq!(ran.attempts[1].last().values(1), ["gina"], "{name}");
    }
}
