//! What must not be let in, and what is said of it.

use std::sync::Arc;

use portreeve_auth::eap::{
    Answer, Failure, Question, Type,
    peer::Trouble as PeerTrouble,
    tls::{
        Alert, ClientCertificate, ClientTrust, Fingerprint, PeerSettings, PeerSettingsBuilder,
        Server, Settings, SettingsBuilder, SettingsError, Trouble, Trust, Version,
    },
};

use crate::{
    pki::{Ca, Kind, Leaf, NOW, Pki, client, server},
    world::{Ended, World, run, run_at, untouched},
};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

fn settings(pki: &Pki, trust: ClientTrust) -> SettingsBuilder {
    pki.server.settings().trusting(trust)
}

fn peer(pki: &Pki, leaf: &Leaf) -> PeerSettingsBuilder {
    PeerSettings::builder(pki.trust()).presenting(leaf.identity())
}

#[track_caller]
fn trouble(ended: &Ended) -> &Trouble {
    assert!(ended.outcome.is_none());
    match ended.failure() {
        Failure::Tls(trouble) => trouble,
        other => panic!("{other:?}"),
    }
}

/// Lets a device with this certificate try, under each version; both have to go the same way, and
/// the device has to be told by this alert.
#[track_caller]
fn refused(pki: &Pki, trust: ClientTrust, leaf: &Leaf, alert: u8) -> Trouble {
    let mut found = Vec::new();
    for version in VERSIONS {
        let settings = settings(pki, trust.clone()).versions(version, version);
        let ended = run(
            &settings.build().unwrap(),
            &peer(pki, leaf).build().unwrap(),
            600,
        );
        let told = PeerTrouble::RejectedBecause(Alert::of(alert).to_string());
        assert_eq!(ended.trouble, Some(told), "{version}");
        found.push(trouble(&ended).clone());
    }
    assert_eq!(found[0], found[1]);
    found.remove(0)
}

#[test]
fn a_device_without_a_certificate() {
    let pki = Pki::new(Kind::P256);
    for version in VERSIONS {
        let settings = settings(&pki, pki.client_trust()).versions(version, version);
        let peer = PeerSettings::builder(pki.trust()).build().unwrap();
        let ended = run(&settings.build().unwrap(), &peer, 600);
        assert_eq!(trouble(&ended), &Trouble::NoCertificate);
    }
}

#[test]
fn a_certificate_of_another_ca() {
    let pki = Pki::new(Kind::P256);
    let other = Ca::new("Other CA", Kind::P256).issue(&client("tim"));
    let found = refused(&pki, pki.client_trust(), &other, 48);
    assert_eq!(
        found.to_string(),
        "the device's certificate CN=tim (serial 1234) is from CN=Other CA, a CA that is not \
         trusted: issue one from the server's CA, or add that CA"
    );
    assert_eq!(found.label(), "tls_certificate_unknown_issuer");
    // One that calls itself by the same name is another one too.
    let other = Ca::new("Test CA", Kind::P256).issue(&client("tim"));
    let found = refused(&pki, pki.client_trust(), &other, 51);
    assert!(matches!(found, Trouble::BadSignature(_)), "{found:?}");
}

#[test]
fn a_certificate_out_of_its_time() {
    let pki = Pki::new(Kind::P256);
    let mut wish = client("tim");
    wish.from = (2025, 1, 1);
    wish.until = (2026, 2, 28);
    let found = refused(&pki, pki.client_trust(), &pki.ca.issue(&wish), 45);
    assert_eq!(
        found.to_string(),
        "the device's certificate CN=tim (serial 1234) expired on 2026-02-28: issue a new one"
    );
    wish.from = (2027, 12, 31);
    wish.until = (2028, 12, 31);
    let found = refused(&pki, pki.client_trust(), &pki.ca.issue(&wish), 45);
    assert_eq!(
        found.to_string(),
        "the device's certificate CN=tim (serial 1234) is not valid before 2027-12-31: compare \
         the server's clock with its date"
    );
}

#[test]
fn a_certificate_that_is_not_for_clients() {
    let pki = Pki::new(Kind::P256);
    for purposes in [server().purposes, Vec::new()] {
        let wish = crate::pki::Wish {
            purposes,
            ..client("tim")
        };
        let found = refused(&pki, pki.client_trust(), &pki.ca.issue(&wish), 43);
        assert!(matches!(found, Trouble::WrongPurpose(_)), "{found:?}");
    }
}

#[test]
fn a_certificate_signed_by_itself() {
    let pki = Pki::new(Kind::P256);
    let own = Ca::new("tim", Kind::P256).itself();
    let found = refused(&pki, pki.client_trust(), &own, 46);
    let words = found.to_string();
    assert!(
        words.ends_with("it is signed by itself, or a CA's: issue a new one"),
        "{words}"
    );
}

#[test]
fn a_certificate_that_was_revoked() {
    let pki = Pki::new(Kind::P256);
    let crl = pki.ca.crl(&[7, pki.tim.serial], (2026, 12, 1));
    let trust = pki.client_trust().with_crls(vec![crl]);
    let found = refused(&pki, trust.clone(), &pki.tim, 44);
    assert_eq!(
        found.to_string(),
        "the device's certificate CN=tim (serial 1234) was revoked on 2026-11-20: issue a new one \
         if that is in order"
    );
    let mut wish = client("tim");
    wish.serial = 8;
    let other = pki.ca.issue(&wish);
    let settings = settings(&pki, trust).build().unwrap();
    let ended = run(&settings, &peer(&pki, &other).build().unwrap(), 600);
    assert!(ended.success.is_some(), "{:?}", ended.failure);
}

#[test]
fn a_revocation_list_that_says_nothing_or_is_too_old() {
    let pki = Pki::new(Kind::P256);
    let stale = pki.ca.crl(&[], (2026, 11, 20));
    let trust = pki.client_trust().with_crls(vec![stale]);
    let found = refused(&pki, trust.clone(), &pki.tim, 48);
    assert_eq!(
        found.to_string(),
        "the revocation list for the device's certificate CN=tim (serial 1234) ran out on \
         2026-11-20: fetch a new one"
    );
    let settings = settings(&pki, trust.allowing_stale()).build().unwrap();
    let tim = peer(&pki, &pki.tim).build().unwrap();
    assert!(run(&settings, &tim, 600).success.is_some());
    let other = Ca::new("Other CA", Kind::P256);
    let elsewhere = other.crl(&[], (2026, 12, 1));
    let trust = ClientTrust::new(vec![pki.ca.der(), other.der()]).with_crls(vec![elsewhere]);
    let found = refused(&pki, trust.clone(), &pki.tim, 48);
    assert!(
        found.to_string().contains("add the list of CN=Test CA"),
        "{found}"
    );
    let settings = self::settings(&pki, trust.allowing_unknown())
        .build()
        .unwrap();
    assert!(run(&settings, &tim, 600).success.is_some());
}

#[test]
fn a_revoked_ca_in_the_middle() {
    let mut pki = Pki::new(Kind::P256);
    let below = pki.ca.below("Devices CA");
    pki.tim = below.issue(&client("tim"));
    let own = below.crl(&[], (2026, 12, 1));
    let root = |serials: &[u64]| pki.ca.crl(serials, (2026, 12, 1));
    let good = pki.client_trust().with_crls(vec![own.clone(), root(&[1])]);
    let tim = peer(&pki, &pki.tim).build().unwrap();
    let ended = run(&settings(&pki, good).build().unwrap(), &tim, 600);
    assert!(ended.success.is_some(), "{:?}", ended.failure);
    // Without a list of the root nobody knows whether the CA in the middle is revoked.
    let trust = pki.client_trust().with_crls(vec![own]);
    let found = refused(&pki, trust.clone(), &pki.tim, 48);
    assert!(
        matches!(found, Trouble::NoRevocationList { .. }),
        "{found:?}"
    );
    let ended = run(
        &settings(&pki, trust.only_leaf()).build().unwrap(),
        &tim,
        600,
    );
    assert!(ended.success.is_some(), "{:?}", ended.failure);
}

#[test]
fn a_server_that_the_device_does_not_trust() {
    let pki = Pki::new(Kind::P256);
    let other = Pki::new(Kind::P256);
    let wrong_name = [Trust::roots(&[pki.ca.der()], &["other.test"]).unwrap()];
    let wrong_pin = [Trust::pinned(Fingerprint::of(b"another"))];
    let cases = [
        (
            Trust::roots(&[Ca::new("X", Kind::P256).der()], &[]).unwrap(),
            48,
            "unknown_ca",
        ),
        (other.trust(), 51, "decrypt_error"),
        (wrong_name[0].clone(), 42, "bad_certificate"),
        (wrong_pin[0].clone(), 49, "access_denied"),
    ];
    for version in VERSIONS {
        for (trust, alert, name) in &cases {
            let settings = settings(&pki, pki.client_trust()).versions(version, version);
            let tim = PeerSettings::builder(trust.clone()).presenting(pki.tim.identity());
            let ended = run(&settings.build().unwrap(), &tim.build().unwrap(), 600);
            assert_eq!(trouble(&ended), &Trouble::Alert(Alert::of(*alert)));
            assert!(ended.failure().to_string().contains(name));
            let untrusted = matches!(ended.trouble, Some(PeerTrouble::Untrusted(_)));
            assert!(untrusted, "{:?}", ended.trouble);
        }
    }
    let unknown = Trouble::Alert(Alert::of(48));
    assert_eq!(
        unknown.to_string(),
        "the device does not trust the server's CA (TLS alert unknown_ca): install the profile"
    );
}

#[test]
fn a_server_whose_certificate_ran_out() {
    let mut pki = Pki::new(Kind::P256);
    let mut wish = server();
    wish.until = (2026, 11, 2);
    pki.server = pki.ca.issue(&wish);
    let settings = settings(&pki, pki.client_trust()).build().unwrap();
    let ended = run(&settings, &peer(&pki, &pki.tim).build().unwrap(), 600);
    assert_eq!(trouble(&ended), &Trouble::Alert(Alert::of(45)));
}

#[test]
fn ways_to_trust_a_server() {
    let pki = Pki::new(Kind::P256);
    let settings = settings(&pki, pki.client_trust()).build().unwrap();
    let trusts = [
        Trust::roots(&[pki.ca.der()], &["other.test", "radius.test"]).unwrap(),
        Trust::roots(&[pki.ca.der()], &[]).unwrap(),
        Trust::pinned(Fingerprint::of(&pki.server.chain[0])),
        Trust::dangerous_none(),
    ];
    for trust in trusts {
        let tim = PeerSettings::builder(trust).presenting(pki.tim.identity());
        let ended = run(&settings, &tim.build().unwrap(), 600);
        assert!(ended.success.is_some(), "{:?}", ended.trouble);
    }
}

#[test]
fn somebody_who_may_not() {
    let pki = Pki::new(Kind::P256);
    for version in VERSIONS {
        let settings = settings(&pki, pki.client_trust()).versions(version, version);
        let settings = settings.build().unwrap();
        let tim = peer(&pki, &pki.tim).build().unwrap();
        for answer in [Answer::Wrong, Answer::Refused] {
            let mut asked = Vec::new();
            let ended = World {
                mtu: 600,
                unix_s: NOW,
                answer: &mut |question| {
                    asked.push(question);
                    answer.clone()
                },
                tamper: &mut untouched,
            }
            .run(&settings, &tim);
            assert_eq!(ended.failure(), &Failure::Refused);
            assert!(ended.outcome.is_none());
            let [
                Question::Certificate {
                    identity, chain, ..
                },
            ] = &asked[..]
            else {
                panic!("{asked:?}");
            };
            assert_eq!(
                (identity.as_slice(), chain.to_vec()),
                (&b"tim"[..], pki.tim.chain.clone())
            );
        }
    }
}

#[test]
fn versions_that_do_not_meet() {
    let pki = Pki::new(Kind::P256);
    let between = |server, device| {
        let settings = settings(&pki, pki.client_trust()).versions(server, server);
        let tim = peer(&pki, &pki.tim)
            .versions(device, device)
            .build()
            .unwrap();
        run(&settings.build().unwrap(), &tim, 600)
    };
    let ended = between(Version::Tls13, Version::Tls12);
    assert_eq!(
        trouble(&ended).to_string(),
        "the device offers only TLS 1.2: update it, or allow TLS 1.2"
    );
    let ended = between(Version::Tls12, Version::Tls13);
    assert_eq!(trouble(&ended).label(), "tls_new_version");
}

#[test]
fn only_what_is_strong_at_192_bits() {
    for (kind, suits) in [
        (Kind::P384, true),
        (Kind::Rsa3072, true),
        (Kind::P256, false),
        (Kind::Rsa2048, false),
    ] {
        let ca = Ca::new("Strong CA", if suits { kind } else { Kind::P384 });
        let strong = Ca::issue_with(&ca, &server(), if suits { kind } else { Kind::P384 });
        let tim = ca.issue_with(&client("tim"), kind);
        for version in VERSIONS {
            let settings = strong
                .settings()
                .trusting(ClientTrust::new(vec![ca.der()]))
                .versions(version, version)
                .suite_b_192()
                .build()
                .unwrap();
            let trust = Trust::roots(&[ca.der()], &[]).unwrap();
            let tim = PeerSettings::builder(trust)
                .presenting(tim.identity())
                .build()
                .unwrap();
            let ended = run(&settings, &tim, 1400);
            if suits {
                let remarks = &ended.outcome.as_ref().unwrap().remarks[1];
                assert!(remarks.ends_with("AES_256_GCM_SHA384"), "{remarks}");
            } else {
                let found = trouble(&ended);
                let expected = match kind {
                    // Its signature cannot even be asked for, so that it is not presented.
                    Kind::P256 => "tls_no_strong_certificate",
                    _ => "tls_certificate_too_weak",
                };
                assert_eq!(found.label(), expected, "{found:?}");
            }
        }
        let weak = ca
            .issue_with(&server(), kind)
            .settings()
            .suite_b_192()
            .build();
        assert_eq!(weak.is_ok(), suits);
        if let Err(why) = weak {
            assert_eq!(why, SettingsError::KeyTooWeak);
        }
    }
}

#[test]
fn settings_say_what_is_wrong_with_them() {
    let pki = Pki::new(Kind::P256);
    let (chain, key) = (&pki.server.chain, &pki.server.key);
    let built = |chain: &[Vec<u8>], key: &[u8]| Settings::builder(chain, key).map(|_| ());
    assert_eq!(built(&[], key), Err(SettingsError::NoCertificate));
    let half = chain[0][..100].to_vec();
    let chains = [chain[0].clone(), half.clone()];
    assert_eq!(built(&chains, key), Err(SettingsError::BadCertificate(2)));
    assert_eq!(built(chain, b"key"), Err(SettingsError::BadKey));
    assert_eq!(
        built(chain, &pki.tim.key),
        Err(SettingsError::KeyDoesNotMatch)
    );
    let trusting = |trust| pki.server.settings().trusting(trust).build().map(|_| ());
    let roots = vec![pki.ca.der(), half.clone()];
    assert_eq!(
        trusting(ClientTrust::new(roots)),
        Err(SettingsError::BadRoot(2))
    );
    assert_eq!(
        trusting(ClientTrust::new(Vec::new())),
        Err(SettingsError::NoRoots)
    );
    let crls = vec![pki.ca.crl(&[], (2026, 12, 1)), half];
    let error = trusting(pki.client_trust().with_crls(crls)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "revocation list 2 cannot be used: it is not valid DER"
    );
    let versions = pki
        .server
        .settings()
        .versions(Version::Tls13, Version::Tls12);
    assert_eq!(versions.build().map(|_| ()), Err(SettingsError::NoVersion));
    let name = Trust::roots(&[pki.ca.der()], &["radius.test", "not a name"]);
    assert_eq!(
        name.map(|_| ()),
        Err(SettingsError::BadName("not a name".to_owned()))
    );
}

#[test]
fn without_a_ca_for_devices_there_is_no_eap_tls() {
    let pki = Pki::new(Kind::P256);
    let settings = pki.server.settings().build().unwrap();
    let ended = run(&settings, &peer(&pki, &pki.tim).build().unwrap(), 600);
    assert_eq!(trouble(&ended), &Trouble::NoClientCa);
}

#[test]
fn a_device_that_can_use_only_the_second_certificate() {
    let pki = Pki::new(Kind::P256);
    let rsa = Ca::new("RSA CA", Kind::Rsa2048);
    let second = rsa.issue(&server());
    let settings: Arc<Settings> = pki
        .server
        .settings()
        .and_certificate(&second.chain, &second.key)
        .unwrap()
        .trusting(pki.client_trust())
        .build()
        .unwrap();
    // A device that can use both gets the first.
    let first = Trust::pinned(Fingerprint::of(&pki.server.chain[0]));
    let tim = PeerSettings::builder(first).presenting(pki.tim.identity());
    let ended = run_at(&settings, &tim.build().unwrap(), 600, NOW);
    assert!(ended.success.is_some(), "{:?}", ended.trouble);
}

/// A client's hello in its record.
fn hello(version: u16, suites: &[u16], groups: &[u16], signatures: &[u16]) -> Vec<u8> {
    fn short(octets: &[u8]) -> Vec<u8> {
        let length = u16::try_from(octets.len()).unwrap();
        [&length.to_be_bytes(), octets].concat()
    }
    let list = |numbers: &[u16]| -> Vec<u8> {
        short(
            &numbers
                .iter()
                .flat_map(|number| number.to_be_bytes())
                .collect::<Vec<u8>>(),
        )
    };
    let extension = |kind: u8, body: &[u8]| [&[0, kind][..], &short(body)].concat();
    let mut extensions = vec![
        extension(10, &list(groups)),
        extension(11, &[1, 0]),
        extension(23, &[]),
    ];
    if !signatures.is_empty() {
        extensions.push(extension(13, &list(signatures)));
    }
    let body = [
        version.to_be_bytes().to_vec(),
        vec![9; 32],
        vec![0],
        list(suites),
        vec![1, 0],
        short(&extensions.concat()),
    ];
    let body = body.concat();
    let message = [&[1, 0][..], &short(&body)].concat();
    [&[22, 3, 1][..], &short(&message)].concat()
}

#[test]
fn old_devices_are_told_apart_by_what_they_offer() {
    const GCM: &[u16] = &[0xc02b, 0xc02f];
    let ecdsa = Pki::new(Kind::P256);
    let rsa = Pki::new(Kind::Rsa2048);
    let cases = [
        (
            &ecdsa,
            hello(0x0301, &[0xc009, 0x002f], &[23], &[0x0403]),
            "the device offers only TLS 1.0: update it; TLS 1.2 is needed",
        ),
        (
            &ecdsa,
            hello(0x0302, GCM, &[23], &[]),
            "the device offers only TLS 1.1: update it; TLS 1.2 is needed",
        ),
        (
            &rsa,
            hello(0x0303, &[0xc013, 0x002f, 0x00ff], &[23], &[0x0401]),
            "the device and the server have no cipher in common (it offers ECDHE with CBC, RSA \
             key exchange): update it; TLS with ECDHE and AES-GCM or ChaCha20 is needed",
        ),
        (
            &rsa,
            hello(0x0303, GCM, &[25], &[0x0401]),
            "the device and the server have no key exchange in common: update it; P-256, P-384 \
             or X25519 is needed",
        ),
        (
            &ecdsa,
            hello(0x0303, GCM, &[23], &[0x0201, 0x0401]),
            "the device cannot use the server's certificate: give the server one with RSA-2048 \
             besides",
        ),
    ];
    for (pki, hello, words) in cases {
        let settings = settings(pki, pki.client_trust()).build().unwrap();
        let required = ClientCertificate::Required;
        let mut server = Server::new(&settings, Type::TLS, required, NOW).unwrap();
        let trouble = server.receive(&hello, NOW).unwrap_err();
        assert_eq!(trouble.to_string(), words);
        // The alert is there to be sent, and the connection is at its end.
        assert_eq!(server.take_output()[0], 21);
        assert!(server.receive(&hello, NOW).is_err());
        assert!(!server.is_established());
    }
}

#[test]
fn what_is_not_tls_at_all() {
    let pki = Pki::new(Kind::P256);
    let settings = settings(&pki, pki.client_trust()).build().unwrap();
    for octets in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[22, 9, 9, 0, 1, 0],
        &[23, 3, 3, 0, 0],
    ] {
        let none = ClientCertificate::None;
        let mut server = Server::new(&settings, Type::PEAP, none, NOW).unwrap();
        let trouble = server.receive(octets, NOW).unwrap_err();
        assert_eq!(trouble.label(), "tls_garbage");
    }
}
