//! What a server makes of those who connect.

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa};
use rustls::version;
use tokio::io::AsyncWriteExt as _;

use super::{
    super::{Mark, TlsError, provider},
    pki::policy,
    *,
};

async fn shake_as(pair: &Pair, identity: &Identity) -> Outcome {
    shake(&pair.acceptor(), &pair.client_as(identity)).await
}

#[tokio::test]
async fn a_certificate_from_another_ca_is_refused() {
    let pair = Pair::new();
    let stranger = Authority::new("Their CA").issue("nas1", &["dns:nas1.example"], CLIENT);
    let outcome = shake_as(&pair, &stranger).await;
    outcome.assert_server_refuses(Hangup::UnknownCa, "unknown CA");
    let refused = outcome.server.unwrap_err();
    assert_eq!(&**refused.peer.as_ref().unwrap().name(), "nas1");
    assert!(
        refused.to_string().contains("issuer \"CN=Their CA\""),
        "{refused}"
    );

    // A CA that only calls itself ours.
    let impostor = Authority::new("Our CA").issue("nas1", &["dns:nas1.example"], CLIENT);
    let outcome = shake_as(&pair, &impostor).await;
    outcome.assert_server_refuses(Hangup::UnknownCa, "unknown CA");

    // Nobody is trusted where no CA is given.
    let config = ServerConfig::new(pair.server.clone()).peer(peer("nas1", &["any"]));
    let outcome = shake(&Acceptor::new(config).unwrap(), &pair.client_config()).await;
    outcome.assert_server_refuses(Hangup::UnknownCa, "unknown CA");
}

#[tokio::test]
async fn a_certificate_counts_only_under_the_trust_of_its_peer() {
    let pair = Pair::new();
    let theirs = Authority::new("Their CA");
    let trust = Trust::from_pem(theirs.pem().as_bytes()).unwrap();
    let config = pair
        .server_config()
        .peer(peer("nas1", &["dns:nas1.example"]).trust(trust))
        .peer(peer("nas2", &["dns:nas2.example"]));
    let acceptor = Acceptor::new(config).unwrap();
    let names = ["dns:nas1.example", "dns:nas2.example"];

    // Each CA may name its own peer,
    let good = theirs.issue("x", &names[..1], CLIENT);
    assert_eq!(
        shake(&acceptor, &pair.client_as(&good)).await.peer(),
        "nas1"
    );
    let good = pair.ours.issue("x", &names[1..], CLIENT);
    assert_eq!(
        shake(&acceptor, &pair.client_as(&good)).await.peer(),
        "nas2"
    );
    // and not the other's (CVE-2012-4566),
    for bad in [
        pair.ours.issue("x", &names[..1], CLIENT),
        theirs.issue("x", &names[1..], CLIENT),
    ] {
        let outcome = shake(&acceptor, &pair.client_as(&bad)).await;
        outcome.assert_server_refuses(Hangup::UnknownCa, "unknown CA");
    }
    // not even by naming both.
    let both = theirs.issue("x", &names, CLIENT);
    assert_eq!(
        shake(&acceptor, &pair.client_as(&both)).await.peer(),
        "nas1"
    );
}

#[tokio::test]
async fn dates_decide() {
    let pair = Pair::new();
    let identity = pair.ours.issue_for_2030(&["dns:nas1.example"], CLIENT);
    for (year, expected) in [
        (
            2029,
            Some((Hangup::CertificateNotYetValid, "certificate expired")),
        ),
        (2030, None),
        (2031, Some((Hangup::CertificateExpired, "renew"))),
    ] {
        let config = pair.server_config().clock(clock(year));
        let acceptor = Acceptor::new(config.peer(peer("nas1", &["any"]))).unwrap();
        let outcome = shake(&acceptor, &pair.client_as(&identity)).await;
        match expected {
            Some((reason, word)) => outcome.assert_server_refuses(reason, word),
            None => assert_eq!(outcome.peer(), "nas1"),
        }
    }
}

#[tokio::test]
async fn a_certificate_for_another_purpose_is_refused() {
    let pair = Pair::new();
    let names = ["dns:nas1.example"];
    let outcome = shake_as(&pair, &pair.ours.issue("nas1", &names, SERVER)).await;
    outcome.assert_server_refuses(Hangup::CertificateUnsuitable, "unsupported certificate");
    // One that names no purpose serves all of them, and one may have several.
    let usages: [&[ExtendedKeyUsagePurpose]; 2] = [&[], &[SERVER, CLIENT].concat()];
    for usage in usages {
        let outcome = shake_as(&pair, &pair.ours.issue("nas1", &names, usage)).await;
        assert_eq!(outcome.peer(), "nas1");
    }
    let ca = pair.ours.issue_with("nas1", &names, CLIENT, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let outcome = shake_as(&pair, &ca).await;
    assert_eq!(outcome.reasons().0, Some(Hangup::CertificateUnsuitable));
}

#[tokio::test]
async fn a_good_certificate_that_nobody_has_a_mark_for_is_not_recognised() {
    let pair = Pair::new();
    // The common name is no name.
    for names in [&["dns:nas2.example"][..], &[]] {
        let other = pair.ours.issue("nas1.example", names, CLIENT);
        let outcome = shake_as(&pair, &other).await;
        outcome.assert_server_refuses(Hangup::NotRecognised, "not known by this certificate");
        let refused = outcome.server.unwrap_err();
        assert!(refused.peer.is_none());
        assert!(refused.to_string().contains("CN=nas1.example"), "{refused}");
    }
    let config = pair.server_config();
    let outcome = shake(&Acceptor::new(config).unwrap(), &pair.client_config()).await;
    outcome.assert_server_refuses(Hangup::NotRecognised, "access denied");
}

#[tokio::test]
async fn every_mark_recognises_what_it_is_for() {
    let pair = Pair::new();
    let names = ["dns:nas1.example", "ip:192.0.2.7"];
    let identity = pair.ours.issue_with("nas1", &names, CLIENT, |params| {
        params.custom_extensions.push(policy(42));
    });
    let shown = identity.certificate();
    let hash = Mark::Sha256(shown.sha256()).to_string();
    let serial = format!("serial:{}@{}", shown.serial(), shown.issuer());
    let client = pair.client_as(&identity);
    let other_hash = format!("sha256:{}", "00".repeat(32));
    for (mark, recognised) in [
        ("any", true),
        ("dns:nas1.example", true),
        ("dns:*.example", true),
        ("dns:nas2.example", false),
        ("ip:192.0.2.7", true),
        ("ip:192.0.2.8", false),
        (hash.as_str(), true),
        (other_hash.as_str(), false),
        (serial.as_str(), true),
        ("serial:1@CN=Our CA", false),
        ("policy:2.5.29.32.42", true),
        ("policy:2.5.29.32.4", false),
        ("source", true),
    ] {
        let nas = peer("nas1", &[mark]).source("192.0.2.0/24".parse().unwrap());
        let acceptor = Acceptor::new(pair.server_config().peer(nas)).unwrap();
        let outcome = shake(&acceptor, &client).await;
        let refused = (Some(Hangup::NotRecognised), Some(Hangup::PeerRefusedUs));
        let expected = if recognised { (None, None) } else { refused };
        assert_eq!(outcome.reasons(), expected, "{mark}");
    }
    // `source` means the very address it comes from.
    let nas = peer("nas1", &["source"]).source("192.0.2.0/24".parse().unwrap());
    let acceptor = Acceptor::new(pair.server_config().peer(nas)).unwrap();
    let outcome = shake_from(&acceptor, &client, "192.0.2.8:1024").await;
    outcome.assert_server_refuses(Hangup::NotRecognised, "access denied");
}

#[tokio::test]
async fn the_narrowest_mark_decides_and_wide_ones_do_not_save_anybody() {
    let pair = Pair::new();
    let config = pair
        .server_config()
        .peer(peer("anybody", &["any"]))
        .peer(peer("group", &["dns:*.example"]))
        .peer(peer("nas1", &["dns:nas1.example"]).source("198.51.100.0/24".parse().unwrap()));
    let acceptor = Acceptor::new(config).unwrap();
    let issue = |name: &str| pair.client_as(&pair.ours.issue("x", &[name], CLIENT));
    let nas1 = issue("dns:nas1.example");
    assert_eq!(
        shake_from(&acceptor, &nas1, "198.51.100.9:1").await.peer(),
        "nas1"
    );
    assert_eq!(
        shake(&acceptor, &issue("dns:nas2.example")).await.peer(),
        "group"
    );
    assert_eq!(
        shake(&acceptor, &issue("dns:other.org")).await.peer(),
        "anybody"
    );
    let outcome = shake(&acceptor, &nas1).await;
    outcome.assert_server_refuses(Hangup::AddressNotAllowed, "address");
}

#[tokio::test]
async fn addresses_decide_after_the_certificate_and_before_it_where_all_are_restricted() {
    let pair = Pair::new();
    let prefix = "198.51.100.0/24".parse().unwrap();
    let restricted = peer("nas1", &["any"]).source(prefix);
    let config = pair.server_config().peer(restricted);
    let acceptor = Acceptor::new(config.clone()).unwrap();
    let client = pair.client_config();
    for good in ["198.51.100.1:9", "[::ffff:198.51.100.1]:9"] {
        assert_eq!(shake_from(&acceptor, &client, good).await.peer(), "nas1");
    }
    let outcome = shake_from(&acceptor, &client, "198.51.101.1:9").await;
    outcome.assert_server_refuses(Hangup::AddressNotAllowed, "address");
    assert!(outcome.server.unwrap_err().peer.is_none());

    let config = config.peer(peer("nas2", &["dns:nas2.example"]));
    let acceptor = Acceptor::new(config).unwrap();
    let outcome = shake_from(&acceptor, &client, "198.51.101.1:9").await;
    outcome.assert_server_refuses(Hangup::AddressNotAllowed, "address");
    let refused = outcome.server.unwrap_err();
    assert_eq!(&**refused.peer.as_ref().unwrap().name(), "nas1");
    assert!(
        refused.to_string().contains("from 198.51.101.1"),
        "{refused}"
    );
}

#[tokio::test]
async fn no_certificate_is_refused() {
    let pair = Pair::new();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(pair.trust().authorities()[0].clone()).unwrap();
    for version in [&version::TLS12, &version::TLS13] {
        let client = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let (near, far) = tokio::io::duplex(0x1_0000);
        let name = "radius.example".try_into().unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let ask = async {
            match connector.connect(name, far).await {
                Ok(mut stream) => stream.read_u8().await.unwrap_err(),
                Err(error) => error,
            }
        };
        let acceptor = pair.acceptor();
        let (served, asked) = tokio::join!(acceptor.accept(near, address(FROM)), ask);
        assert_eq!(
            served.map(|_| ()).unwrap_err().reason,
            Hangup::NoCertificate
        );
        assert_eq!(Refused::ended(&asked).reason, Hangup::PeerRefusedUs);
    }
}

/// What a server makes of octets, after which the client is silent or gone.
async fn accept_octets(octets: &[u8], gone: bool) -> Refused {
    let (near, mut far) = tokio::io::duplex(0x1_0000);
    far.write_all(octets).await.unwrap();
    let silent = (!gone).then_some(far);
    let acceptor = Pair::new().acceptor();
    let accepted = acceptor.accept(near, address(FROM)).await;
    drop(silent);
    accepted.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn what_is_no_tls_is_refused_at_its_first_octet() {
    for (octets, word) in [
        (&[1, 7, 0, 20, 9, 9][..], "RADIUS without TLS"),
        (b"GET / HTTP/1.1\r\n", "text protocol"),
        (&[0x80], "0x80"),
    ] {
        let refused = accept_octets(octets, false).await;
        assert_eq!(refused.reason, Hangup::NotTls);
        assert!(refused.to_string().contains(word), "{refused}");
    }
}

#[tokio::test]
async fn broken_greetings_and_broken_connections_are_told_apart() {
    assert_eq!(accept_octets(b"", true).await.reason, Hangup::PeerVanished);
    assert_eq!(
        accept_octets(&[0x16, 3, 1], true).await.reason,
        Hangup::PeerVanished
    );
    for garbage in [
        &[0x16, 3, 1, 0xff, 0xff, 0, 0][..],
        &[0x16, 3, 1, 0, 4, 9, 0, 0, 0],
        &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0],
    ] {
        assert_eq!(
            accept_octets(garbage, false).await.reason,
            Hangup::BadRecord,
            "{garbage:?}"
        );
    }
}

#[test]
fn configurations_that_could_recognise_nobody_are_refused() {
    let pair = Pair::new();
    let refusal = |peer| Acceptor::new(pair.server_config().peer(peer)).unwrap_err();
    let name = Arc::from("nas1");
    assert_eq!(
        refusal(peer("nas1", &[])),
        TlsError::NoMark {
            peer: Arc::clone(&name)
        }
    );
    let without = TlsError::NoSource {
        peer: Arc::clone(&name),
    };
    assert_eq!(refusal(peer("nas1", &["source"])), without);
    let identity = "nas1".into();
    let without = TlsError::NoPsk {
        peer: name,
        identity,
    };
    assert_eq!(refusal(peer("nas1", &["psk:nas1"])), without);
}

#[cfg(not(feature = "openssl"))]
#[test]
fn a_pre_shared_key_needs_the_other_engine_and_the_error_says_which() {
    let psk = super::super::Psk::new("nas1", &[7; 32]).unwrap();
    let config = Pair::new()
        .server_config()
        .peer(peer("nas1", &[]).psk(psk.clone()));
    for error in [
        Acceptor::new(config).map(|_| ()).unwrap_err(),
        ClientConfig::with_psk(psk).map(|_| ()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("--features openssl"), "{error}");
    }
}
