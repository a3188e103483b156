//! `eapol_test` with `hostapd` as a server: a peer that is set up wrongly is found here. With
//! FreeRADIUS it meets in the `any_eap` tests.

use portreeve_interop::certificates::{Certificates, Wanted};
use portreeve_interop::eap::methods::{self, Proof, teap};
use portreeve_interop::eap::user;
use portreeve_interop::eapol_test::EapolTest;
use portreeve_interop::hostapd::Server;
use portreeve_interop::supplicant::Network;
use portreeve_interop::world::World;

/// Those that `hostapd` has; it knows no EAP-TLS inside a tunnel.
const METHODS: [&str; 12] = [
    "TLS",
    "PEAP/MSCHAPv2",
    "PEAP/GTC",
    "TTLS/PAP",
    "TTLS/CHAP",
    "TTLS/MSCHAP",
    "TTLS/MSCHAPv2",
    "TTLS/EAP-MSCHAPv2",
    "MD5",
    "GTC",
    "MSCHAPv2",
    "PWD",
];

#[test]
fn hostapd_lets_in_by_every_method_and_refuses_too() {
    let certificates = Certificates::new();
    let identity = certificates.identity(certificates.server());
    let server = Server::start(&World::household(), &identity);
    let pair = certificates.issue(&Wanted::user("bob"));
    let expired = certificates.issue(&Wanted::user("bob").expired());
    let ca = certificates.ca();
    for name in METHODS {
        let method = methods::named(name);
        let [right, wrong] = match method.proof {
            Proof::Certificate => {
                [&pair, &expired].map(|pair| method.network_with("bob", &ca, pair))
            }
            Proof::Password => {
                let network = method.network("bob", &ca).anonymous(match method.inner {
                    Some(_) => "@example.org",
                    None => "bob",
                });
                let right = network.clone().password(user("bob").password);
                [right, network.password("not this one")]
            }
        };
        for version in [Network::tls12, Network::tls13] {
            let run = |network: &Network| {
                let test = EapolTest::new(server.auth(), &version(network.clone())).again(1);
                if method.keys {
                    test
                } else {
                    test.without_keys()
                }
                .run()
            };
            let ran = run(&right);
            assert!(ran.accepted(2), "{name}:\n{}", ran.text);
            assert!(!method.keys || ran.keys_agree(2), "{name}:\n{}", ran.text);
            let resumed = method.is_tls().then_some(true);
            assert_eq!(ran.attempts[1].resumed, resumed, "{name}");
            let ran = run(&wrong);
            assert!(!ran.attempts[0].accepted(), "{name}:\n{}", ran.text);
        }
    }
}

#[test]
fn hostapd_and_its_supplicant_agree_about_teap() {
    let certificates = Certificates::new();
    let identity = certificates.identity(certificates.server());
    let ca = certificates.ca();
    let bob = || {
        let network = teap("bob", &ca).phase2("auth=MSCHAPV2");
        network
            .anonymous("@example.org")
            .password(user("bob").password)
    };
    // A password inside by EAP and by itself; a person and a device, one after the other.
    for more in ["", "eap_teap_auth=1\n", "eap_teap_id=5\n"] {
        let server = Server::with_teap(&World::household(), &identity, more);
        for version in [Network::tls12, Network::tls13] {
            let network = bob()
                .text("machine_identity", "alice")
                .text("machine_password", user("alice").password)
                .text("machine_phase2", "auth=MSCHAPV2");
            let run = |network| EapolTest::new(server.auth(), &network).with_teap().run();
            let ran = run(version(network));
            assert!(
                ran.accepted(1) && ran.keys_agree(1),
                "{more}:\n{}",
                ran.text
            );
            let ran = run(version(bob().password("not this one")));
            assert!(!ran.attempts[0].accepted(), "{more}:\n{}", ran.text);
        }
    }
}
