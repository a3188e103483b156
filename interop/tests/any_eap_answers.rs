//! What the answers to EAP hold, who may know whom, and networks that are not what they should be.

use std::time::Duration;

use portreeve_interop::eap::methods::{self, Method};
use portreeve_interop::eap::{Place, user};
use portreeve_interop::eapol_test::{EapolTest, Ran, Reply};
use portreeve_interop::relay::Relay;
use portreeve_interop::supplicant::Network;
use portreeve_interop::weather::Weather;

/// One of each kind.
const KINDS: [&str; 6] = [
    "TLS",
    "PEAP/MSCHAPv2",
    "TTLS/PAP",
    "TTLS/EAP-TLS",
    "MSCHAPv2",
    "PWD",
];

fn log_in(place: &Place, network: &Network) -> Ran {
    EapolTest::new(place.server.auth(), network).run()
}

fn kinds() -> impl Iterator<Item = Method> {
    KINDS.into_iter().map(methods::named)
}

#[track_caller]
fn accepted<'a>(ran: &'a Ran, what: &str) -> &'a Reply {
    assert!(
        ran.accepted(1) && ran.keys_agree(1),
        "{what}:\n{}",
        ran.text
    );
    ran.attempts[0].last()
}

#[test]
fn the_attributes_of_a_user_arrive_with_every_method() {
    let place = Place::usual();
    for method in kinds() {
        let ran = log_in(&place, &place.network(method, "alice"));
        let accept = accepted(&ran, method.name);
        assert_eq!(accept.values(27), ["3600"], "{}", method.name);
        assert_eq!(accept.values(8), ["192.0.2.77"], "{}", method.name);
        assert!(accept.values(25).contains(&"7374616666"), "{accept:?}");
        // Vendor 14988, type 8: Mikrotik-Rate-Limit.
        let rate = "00003a8c080931304d2f35304d";
        assert!(accept.values(26).contains(&rate), "{accept:?}");
    }
}

#[test]
fn the_vlan_of_a_group_arrives_and_the_name_with_it() {
    let place = Place::usual();
    for method in kinds() {
        let network = place.network(method, "gina");
        // Outside, a tunnel shows no more than where the user belongs (RFC 7542, section 2.4).
        let network = match method.inner {
            Some(_) => network.anonymous("@example.org"),
            None => network,
        };
        let ran = log_in(&place, &network);
        let accept = accepted(&ran, method.name);
        assert_eq!(accept.values(64), ["0100000d"], "tag 1, VLAN: {accept:?}");
        assert_eq!(accept.values(65), ["01000006"], "tag 1, 802: {accept:?}");
        assert_eq!(accept.values(81), ["01313030"], "tag 1, 100: {accept:?}");
        assert_eq!(accept.values(28), ["900"], "{accept:?}");
        assert_eq!(accept.values(1), ["gina"], "{}: {accept:?}", method.name);
    }
}

#[test]
fn every_answer_is_signed_and_every_challenge_has_one_state() {
    let place = Place::usual();
    for method in methods::TLS.into_iter().chain(methods::PLAIN) {
        let network = place.network(method, "bob");
        let test = EapolTest::new(place.server.auth(), &network);
        let test = if method.keys {
            test
        } else {
            test.without_keys()
        };
        let ran = test.run();
        assert!(ran.accepted(1), "{}:\n{}", method.name, ran.text);
        for reply in &ran.attempts[0].replies {
            assert_eq!(reply.values(80).len(), 1, "{}: {reply:?}", method.name);
            assert!(!reply.values(79).is_empty(), "{}: {reply:?}", method.name);
            let states = usize::from(reply.code == 11);
            assert_eq!(reply.values(24).len(), states, "{}: {reply:?}", method.name);
        }
        // Keys belong to those who have them, and to the answer that ends it (RFC 2548).
        let keys = |reply: &Reply| {
            let values = reply.values(26);
            let vendor = values.iter().filter(|v| v.starts_with("000001371"));
            vendor.count()
        };
        let expected = if method.keys { 2 } else { 0 };
        let (last, before) = ran.attempts[0].replies.split_last().expect("answers");
        assert_eq!(keys(last), expected, "{}: {last:?}", method.name);
        assert!(before.iter().all(|reply| keys(reply) == 0), "{before:?}");
    }
}

#[test]
fn who_is_not_known_is_treated_as_who_has_a_wrong_password() {
    let place = Place::usual();
    let ca = place.certificates.ca();
    for name in [
        "PEAP/MSCHAPv2",
        "PEAP/GTC",
        "TTLS/PAP",
        "TTLS/CHAP",
        "MD5",
        "MSCHAPv2",
    ] {
        let method = methods::named(name);
        let shape = |identity: &str| {
            let network = method.network(identity, &ca).password("not this one");
            let ran = log_in(&place, &network);
            assert!(ran.rejected(), "{name} as {identity}:\n{}", ran.text);
            let replies = ran.attempts[0].replies.iter();
            let shape: Vec<_> = replies
                .map(|reply| {
                    let kinds: Vec<u8> = reply.attributes.iter().map(|(kind, _)| *kind).collect();
                    (reply.code, kinds)
                })
                .collect();
            shape
        };
        // Names of the same length, so that nothing differs for that.
        assert_eq!(shape("bob"), shape("eve"), "{name}");
    }
}

#[test]
fn names_and_passwords_beyond_ascii_log_in() {
    let place = Place::usual();
    for name in [
        "PEAP/MSCHAPv2",
        "PEAP/GTC",
        "TTLS/PAP",
        "TTLS/MSCHAPv2",
        "MSCHAPv2",
    ] {
        let method = methods::named(name);
        let ran = log_in(&place, &place.network(method, "zoë"));
        accepted(&ran, name);
        let wrong = place.network(method, "bob").password("pässwörd €");
        assert_eq!(user("bob").password, "hello world");
        assert!(log_in(&place, &wrong).rejected(), "{name}");
    }
}

#[test]
fn a_session_is_resumed_by_ticket_as_well() {
    let place = Place::usual();
    for name in ["TLS", "PEAP/MSCHAPv2", "TTLS/PAP"] {
        for network in [Network::tls12, Network::tls13] {
            let network = network(place.network(methods::named(name), "bob"));
            let network = network.phase1("tls_disable_session_ticket=0");
            let ran = EapolTest::new(place.server.auth(), &network).again(1).run();
            assert!(
                ran.accepted(2) && ran.keys_agree(2),
                "{name}:\n{}",
                ran.text
            );
            let resumed: Vec<_> = ran.attempts.iter().map(|a| a.resumed).collect();
            assert_eq!(resumed, [Some(false), Some(true)], "{name}");
        }
    }
}

#[test]
fn whoever_wants_another_method_gets_it_and_who_wants_none_is_rejected() {
    let place = Place::usual();
    // The supplicant takes the first that it is offered of these, or asks for the first.
    let either = place.network(methods::named("PEAP/MSCHAPv2"), "bob");
    let either = either.line("eap", "TTLS PEAP".to_owned());
    accepted(&log_in(&place, &either), "TTLS or PEAP");
    let none = Network::new("SAKE").identity("bob").password("hello world");
    let ran = log_in(&place, &none);
    assert!(ran.rejected(), "{}", ran.text);
}

#[test]
fn a_server_with_another_name_is_not_trusted() {
    let place = Place::usual();
    let network = place.network(methods::named("PEAP/MSCHAPv2"), "bob");
    accepted(
        &log_in(&place, &network.clone().domain_match("radius.test")),
        "right name",
    );
    let ran = log_in(&place, &network.domain_match("elsewhere.test"));
    assert!(ran.rejected(), "{}", ran.text);
}

#[test]
fn bad_weather_between_nas_and_server_changes_nothing() {
    let place = Place::usual();
    let weather = Weather {
        seed: 19,
        lost: 3,
        doubled: 30,
        late: 20,
        delay: Duration::from_millis(20),
    };
    for name in ["TLS", "PEAP/MSCHAPv2", "TTLS/EAP-TLS"] {
        let relay = Relay::through(place.server.auth(), weather);
        let network = place.network(methods::named(name), "bob").tls13();
        let test = EapolTest::new(relay.address(), &network.fragment_size(200));
        let ran = test.framed_mtu(200).again(1).patience(120).run();
        let fates = relay.fates();
        assert!(
            ran.accepted(2) && ran.keys_agree(2),
            "{name}:\n{}",
            ran.text
        );
        assert!(
            fates.doubled > 5 && fates.late > 5,
            "the weather was fair: {fates:?}"
        );
    }
}
