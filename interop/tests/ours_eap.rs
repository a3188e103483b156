//! What `[eap]` in `portreeve.toml` and the command line promise about EAP.

use std::path::PathBuf;

use portreeve_interop::Must as _;
use portreeve_interop::certificates::{Certificates, Key, Pair, Wanted};
use portreeve_interop::eap::methods::{self, Method};
use portreeve_interop::eap::own::Own;
use portreeve_interop::eap::{EapTerms, Place};
use portreeve_interop::eapol_test::{EapolTest, Ran};
use portreeve_interop::portreeve::Setup;
use portreeve_interop::supplicant::Network;

fn run(place: &Place, network: &Network) -> Ran {
    EapolTest::new(place.server.auth(), network).run()
}

fn method(name: &str) -> Method {
    methods::named(name)
}

#[track_caller]
fn expect(place: &Place, network: &Network, open: bool, what: &str) {
    let ran = run(place, network);
    assert_eq!(ran.accepted(1), open, "{what}:\n{}", ran.text);
    assert_eq!(ran.rejected(), !open, "{what}:\n{}", ran.text);
}

/// Not let in, whether it waits for the server to say so or not.
fn never(place: &Place, network: &Network, what: &str) {
    let ran = run(place, network);
    assert!(!ran.succeeded, "{what}:\n{}", ran.text);
    assert!(!ran.attempts[0].accepted(), "{what}:\n{}", ran.text);
}

#[test]
fn only_methods_that_are_configured_are_offered() {
    let place = Place::ours(|terms| EapTerms {
        methods: vec!["peap", "mschapv2"],
        ..terms
    });
    for (name, open) in [
        ("PEAP/MSCHAPv2", true),
        ("MSCHAPv2", true),
        ("TTLS/PAP", false),
        ("TLS", false),
        ("PWD", false),
    ] {
        expect(&place, &place.network(method(name), "bob"), open, name);
    }
}

#[test]
fn weak_methods_are_off_until_somebody_turns_them_on() {
    let place = Place::ours(|terms| EapTerms {
        methods: Vec::new(),
        ..terms
    });
    for name in ["TLS", "PEAP/MSCHAPv2", "TTLS/PAP", "TTLS/EAP-MSCHAPv2"] {
        expect(&place, &place.network(method(name), "bob"), true, name);
    }
    for name in ["MD5", "GTC", "PWD"] {
        expect(&place, &place.network(method(name), "bob"), false, name);
    }
}

#[test]
fn versions_of_tls_are_those_that_are_configured() {
    let network = |place: &Place| place.network(method("PEAP/MSCHAPv2"), "bob");
    let place = Place::ours(|terms| EapTerms {
        tls: ["1.3", "1.3"],
        ..terms
    });
    never(&place, &network(&place).tls12(), "1.2 where 1.3 is least");
    expect(
        &place,
        &network(&place).tls13(),
        true,
        "1.3 where 1.3 is least",
    );
    let place = Place::ours(|terms| EapTerms {
        tls: ["1.2", "1.2"],
        ..terms
    });
    let ran = run(&place, &network(&place).tls13());
    assert!(ran.accepted(1) && ran.keys_agree(1), "{}", ran.text);
    assert_eq!(ran.attempts[0].tls.as_deref(), Some("TLSv1.2"));
    // Nobody speaks what is broken.
    let old = network(&place).phase1("tls_disable_tlsv1_2=1 tls_disable_tlsv1_1=0");
    let old = old.text("openssl_ciphers", "DEFAULT@SECLEVEL=0");
    never(&place, &old, "1.1");
}

#[test]
fn messages_are_as_long_as_configured() {
    for limit in [300, 600] {
        let place = Place::ours(|terms| EapTerms {
            fragment: limit,
            ..terms
        });
        let ran = run(&place, &place.network(method("TLS"), "bob"));
        assert!(ran.accepted(1), "{}", ran.text);
        let longest = ran.attempts[0].longest();
        // The header of EAP, the flags, and the length of the whole.
        let most = usize::from(limit) + 10;
        assert!(
            (usize::from(limit) - 50..=most).contains(&longest),
            "{longest}"
        );
    }
}

#[test]
fn nothing_is_resumed_where_that_is_turned_off() {
    let place = Place::ours(|terms| EapTerms {
        resumption: false,
        ..terms
    });
    for name in ["TLS", "PEAP/MSCHAPv2", "TTLS/PAP"] {
        for network in [Network::tls12, Network::tls13] {
            let network = network(place.network(method(name), "bob"));
            let network = network.phase1("tls_disable_session_ticket=0");
            let ran = EapolTest::new(place.server.auth(), &network).again(1).run();
            assert!(
                ran.accepted(2) && ran.keys_agree(2),
                "{name}:\n{}",
                ran.text
            );
            assert_eq!(ran.attempts[1].resumed, Some(false), "{name}");
        }
    }
}

/// 192 bits: P-384, AES-256-GCM, SHA-384, and nothing else.
#[test]
fn the_192_bit_mode_takes_nothing_less() {
    let place = Place::ours_with(
        Certificates::of(Key::P384),
        |terms| EapTerms {
            suite_b_192: true,
            methods: vec!["tls"],
            ..terms
        },
        |setup| setup,
    );
    let network = place.network(method("TLS"), "bob");
    // What wpa_supplicant calls Suite B by itself is for RSA.
    let strong = network.clone().text("openssl_ciphers", "SUITEB192");
    expect(
        &place,
        &strong,
        true,
        "P-384 with a supplicant that insists",
    );
    expect(&place, &network.clone().tls13(), true, "P-384 with TLS 1.3");
    for (weaker, what) in [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", "AES with 128 bits"),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", "ChaCha20"),
        ("ECDHE-ECDSA-AES256-SHA384", "CBC"),
    ] {
        let network = network.clone().tls12().text("openssl_ciphers", weaker);
        expect(&place, &network, false, what);
    }
    let ca = place.certificates.ca();
    for key in [Key::P256, Key::Rsa2048] {
        let pair = place.certificates.issue(&Wanted::user("bob").with_key(key));
        let network = method("TLS").network_with("bob", &ca, &pair);
        expect(&place, &network, false, key.name());
    }
}

#[test]
fn the_first_run_is_enough_for_passwords_and_certificates() {
    let own = Own::start();
    let pair = own.issue("bob", "phone");
    for version in [Network::tls12, Network::tls13] {
        let network = method("PEAP/MSCHAPv2").network("bob", &own.ca);
        let ran = own.run(&version(network.password("hello world")));
        assert!(ran.accepted(1) && ran.keys_agree(1), "{}", ran.text);
        let ran = own.run(&version(method("TLS").network_with("bob", &own.ca, &pair)));
        assert!(ran.accepted(1) && ran.keys_agree(1), "{}", ran.text);
    }
}

#[test]
fn the_name_that_devices_are_told_is_the_one_they_find() {
    let own = Own::start();
    let shown = own.server.command(&["cert", "show", "server", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).must("JSON");
    let name = shown["server_name"].as_str().must("a name for devices");
    let network = method("TTLS/PAP")
        .network("bob", &own.ca)
        .password("hello world");
    let ran = own.run(&network.clone().domain_match(name));
    assert!(ran.accepted(1), "{name}:\n{}", ran.text);
    let ran = own.run(&network.domain_match("another.example.org"));
    assert!(ran.rejected(), "{}", ran.text);
}

#[test]
fn a_device_that_is_lost_is_shut_out_at_once_and_alone() {
    let own = Own::start();
    let [phone, tablet] = ["phone", "tablet"].map(|device| own.issue("bob", device));
    let network = |pair: &Pair| method("TLS").network_with("bob", &own.ca, pair);
    assert!(own.run(&network(&phone)).accepted(1));
    own.revoke("bob", "phone");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ran = own.run(&network(&phone));
    assert!(ran.rejected(), "{}", ran.text);
    assert!(
        ran.text.contains("fatal:certificate revoked"),
        "{}",
        ran.text
    );
    assert!(own.run(&network(&tablet)).accepted(1));
    assert!(
        own.run(&network(&own.issue("bob", "new phone")))
            .accepted(1)
    );
}

#[test]
fn a_certificate_names_its_user_in_several_ways() {
    let place = Place::ours_with(
        Certificates::new(),
        |terms| terms,
        |setup| setup.command(&["user", "add", "carol@example.org", "--password", "not used"]),
    );
    let ca = place.certificates.ca();
    let upn = "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:carol@example.org";
    for wanted in [
        Wanted::user("Carol C").also_named("email:carol@example.org"),
        Wanted::user("Carol C").also_named(upn),
        Wanted::user("carol@example.org"),
    ] {
        let pair = place.certificates.issue(&wanted);
        let network = method("TLS").network_with("carol@example.org", &ca, &pair);
        let ran = run(&place, &network);
        assert!(ran.accepted(1), "{wanted:?}:\n{}", ran.text);
        assert_eq!(ran.attempts[0].last().values(1), ["carol@example.org"]);
    }
    // A name outside that is not the one in the certificate lends nothing: alice has attributes.
    let pair = place.certificates.issue(&Wanted::user("bob"));
    let ran = run(&place, &method("TLS").network_with("alice", &ca, &pair));
    assert!(ran.attempts[0].last().values(27).is_empty(), "{}", ran.text);
}

/// What a password is kept as decides which methods can prove it.
#[test]
fn what_is_stored_decides_what_works() {
    let place = Place::ours_with(
        Certificates::new(),
        |terms| terms,
        |setup| {
            let add = |setup: Setup, name: &str| {
                setup.command(&[
                    "user",
                    "add",
                    name,
                    "--password",
                    "kept so",
                    "--store",
                    name,
                ])
            };
            add(add(add(setup, "clear"), "nt"), "argon2id")
        },
    );
    let ca = place.certificates.ca();
    for (name, nt, argon2id) in [
        ("PEAP/MSCHAPv2", true, false),
        ("PEAP/GTC", true, true),
        ("TTLS/PAP", true, true),
        ("TTLS/CHAP", false, false),
        ("TTLS/MSCHAP", true, false),
        ("TTLS/MSCHAPv2", true, false),
        ("TTLS/EAP-MSCHAPv2", true, false),
        ("TTLS/EAP-GTC", true, true),
        ("MSCHAPv2", true, false),
        ("GTC", true, true),
        ("MD5", false, false),
        ("PWD", false, false),
    ] {
        for (user, open) in [("clear", true), ("nt", nt), ("argon2id", argon2id)] {
            let network = method(name).network(user, &ca).password("kept so");
            let ran = run(&place, &network);
            let what = format!("{name} with {user}");
            assert_eq!(ran.attempts[0].accepted(), open, "{what}:\n{}", ran.text);
            let wrong = run(&place, &network.password("kept no"));
            assert!(!wrong.attempts[0].accepted(), "{what}:\n{}", wrong.text);
        }
    }
}

/// RFC 3579, section 2.6.5: a message for people does not stand beside one for EAP.
#[test]
fn no_reply_message_beside_an_eap_message() {
    let place = Place::ours(|terms| terms);
    for name in ["TLS", "PEAP/MSCHAPv2", "TTLS/PAP", "MSCHAPv2"] {
        let ran = run(&place, &place.network(method(name), "alice"));
        assert!(ran.accepted(1), "{name}:\n{}", ran.text);
        assert!(ran.attempts[0].last().values(18).is_empty(), "{name}");
    }
}

/// Every failure is a cause, in words that name it.
#[test]
fn a_failure_is_explained_by_its_cause() {
    let place = Place::ours_with(
        Certificates::new(),
        |terms| terms,
        |setup| {
            setup.command(&[
                "user",
                "add",
                "hashed",
                "--password",
                "kept so",
                "--store",
                "argon2id",
            ])
        },
    );
    let certificates = &place.certificates;
    let (ca, other) = (certificates.ca(), certificates.other_ca());
    let tls = |wanted: Wanted| {
        let pair = certificates.issue(&wanted);
        method("TLS").network_with("bob", &ca, &pair)
    };
    let peap = |user: &str, ca: &PathBuf| method("PEAP/MSCHAPv2").network(user, ca);
    for (network, words) in [
        (
            peap("bob", &other).password("hello world"),
            &["unknown_ca", "CA"][..],
        ),
        (peap("bob", &ca).password("wrong"), &["password"]),
        (peap("hashed", &ca).password("kept so"), &["argon2id", "NT"]),
        (peap("nobody", &ca).password("x"), &["nobody"]),
        (tls(Wanted::user("bob").expired()), &["expired"]),
        (tls(Wanted::user("bob").by_another_authority()), &["CA"]),
        (tls(Wanted::user("nobody")), &["nobody"]),
        (
            Network::new("SAKE").identity("bob").password("hello world"),
            &["method"],
        ),
    ] {
        let ran = run(&place, &network);
        assert!(ran.rejected(), "{}", ran.text);
        // The record is written behind the answer.
        let mut told = String::new();
        let missing = |told: &str| words.iter().find(|word| !told.contains(**word)).copied();
        for _ in 0..50 {
            told = place.server.ours().command(&["explain"]);
            if missing(&told).is_none() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        assert_eq!(
            missing(&told),
            None,
            "for\n{}\nit says\n{told}",
            network.block()
        );
    }
}
