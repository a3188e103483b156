//! TEAP with the supplicant of hostap, built with it: Debian's packages leave it out.

use portreeve_interop::certificates::{Certificates, Key, Wanted};
use portreeve_interop::eap::methods::teap;
use portreeve_interop::eap::{Place, user};
use portreeve_interop::eapol_test::{EapolTest, Ran};
use portreeve_interop::supplicant::Network;

fn place(key: Key) -> Place {
    Place::ours_with(Certificates::of(key), |terms| terms, |setup| setup)
}

/// RFC 9930, section 3.6.4: neither MD5 nor GTC may be inside.
fn bob(place: &Place) -> Network {
    let network = teap("bob", &place.certificates.ca()).anonymous("@example.org");
    network
        .phase2("auth=MSCHAPV2")
        .password(user("bob").password)
}

fn run(place: &Place, network: &Network, length: u16) -> Ran {
    let network = network.clone().fragment_size(length);
    let test = EapolTest::new(place.server.auth(), &network).with_teap();
    test.framed_mtu(length).run()
}

/// hostap 2.10 is older than RFC 9930, which says in section 3.6.3 that the halves of the key of
/// EAP-MSCHAPv2 change places: it finds the binding of a password wrong, and must not be let in.
#[test]
fn a_password_inside_is_bound_as_rfc_9930_says() {
    for key in Key::ALL {
        let place = place(key);
        for version in [Network::tls12, Network::tls13] {
            for length in [200, 1400] {
                let what = format!("{}, {length}", key.name());
                let ran = run(&place, &version(bob(&place)), length);
                assert!(
                    ran.text.contains("MSK Compound MAC did not match"),
                    "{what}:\n{}",
                    ran.text
                );
                assert!(!ran.attempts[0].accepted(), "{what}");
                assert!(ran.attempts[0].longest() <= usize::from(length), "{what}");
            }
        }
    }
}

#[test]
fn the_name_inside_is_the_one_that_counts() {
    let place = place(Key::P256);
    let ca = place.certificates.ca();
    let pair = place.certificates.issue(&Wanted::user("gina"));
    let network = teap("gina", &ca).anonymous("@example.org");
    let network = network.phase2("auth=TLS").showing_inside(&pair, &ca);
    let ran = run(&place, &network, 1400);
    let accept = ran.attempts[0].last();
    assert!(ran.attempts[0].accepted(), "{}", ran.text);
    assert_eq!(accept.values(1), ["gina"], "{accept:?}");
}

/// Both chains of keys bind it, and both sides find them right. What the session's key is made of
/// RFC 7170 left open, and hostap 2.10 takes the other chain than RFC 9930 section 6.4 says.
#[test]
fn a_certificate_inside_opens_if_it_is_good() {
    let place = place(Key::P256);
    let ca = place.certificates.ca();
    for (wanted, open) in [
        (Wanted::user("bob"), true),
        (Wanted::user("bob").expired(), false),
        (Wanted::user("bob").by_another_authority(), false),
        (Wanted::user("nobody"), false),
    ] {
        // Under TLS 1.3 RFC 9930 makes the keys by exporters, which hostap 2.10 does not.
        let pair = place.certificates.issue(&wanted);
        let network = teap("bob", &ca)
            .phase2("auth=TLS")
            .showing_inside(&pair, &ca);
        let ran = run(&place, &network.tls12(), 1400);
        assert_eq!(
            ran.attempts[0].accepted(),
            open,
            "{wanted:?}:\n{}",
            ran.text
        );
        let is_bound = ran.text.contains("Derived key (MSK)");
        assert_eq!(is_bound, open, "{wanted:?}:\n{}", ran.text);
    }
}

#[test]
fn a_server_that_is_not_trusted_learns_nothing() {
    let place = place(Key::P256);
    let network = teap("bob", &place.certificates.other_ca());
    let network = network
        .phase2("auth=MSCHAPV2")
        .password(user("bob").password);
    let ran = run(&place, &network, 1400);
    assert!(ran.rejected(), "{}", ran.text);
    assert!(
        ran.text.contains("CTRL-EVENT-EAP-TLS-CERT-ERROR"),
        "{}",
        ran.text
    );
}
