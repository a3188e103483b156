//! What a client makes of the server it reached.

use std::fmt::Write as _;

use tokio::io::AsyncWriteExt as _;

use super::{
    super::{TlsError, hello::Hello},
    *,
};

async fn shake_with(pair: &Pair, server: &Identity, client: &ClientConfig) -> Outcome {
    let config = ServerConfig::new(server.clone()).trust(pair.trust());
    let acceptor = Acceptor::new(config.peer(peer("nas1", &["any"]))).unwrap();
    shake(&acceptor, client).await
}

#[tokio::test]
async fn a_server_from_another_ca_is_refused() {
    let pair = Pair::new();
    let names = ["dns:radius.example"];
    for name in ["Their CA", "Our CA"] {
        let stranger = Authority::new(name).issue("server", &names, SERVER);
        let outcome = shake_with(&pair, &stranger, &pair.client_config()).await;
        outcome.assert_client_refuses(Hangup::UnknownCa, "unknown CA");
    }
    let client = ClientConfig::new(pair.client.clone(), Trust::default(), "radius.example");
    let outcome = shake_with(&pair, &pair.server, &client.unwrap()).await;
    outcome.assert_client_refuses(Hangup::UnknownCa, "unknown CA");
}

#[tokio::test]
async fn everything_else_is_judged_before_the_name() {
    // The verdict on the chain must not hide behind the verdict on the name.
    let pair = Pair::new();
    let wrong = ["dns:other.example"];
    let stranger = Authority::new("Their CA").issue("server", &wrong, SERVER);
    let outcome = shake_with(&pair, &stranger, &pair.client_config()).await;
    outcome.assert_client_refuses(Hangup::UnknownCa, "unknown CA");

    let of_2030 = pair.ours.issue_for_2030(&wrong, SERVER);
    for (year, reason) in [
        (2029, Hangup::CertificateNotYetValid),
        (2030, Hangup::NameMismatch),
        (2031, Hangup::CertificateExpired),
    ] {
        let client = pair.client_config().clock(clock(year));
        let outcome = shake_with(&pair, &of_2030, &client).await;
        assert_eq!(
            outcome.reasons(),
            (Some(Hangup::PeerRefusedUs), Some(reason))
        );
    }

    let wrong_use = pair.ours.issue("server", &wrong, CLIENT);
    let outcome = shake_with(&pair, &wrong_use, &pair.client_config()).await;
    outcome.assert_client_refuses(Hangup::CertificateUnsuitable, "unsupported certificate");

    let revoked = pair.ours.issue("server", &wrong, SERVER);
    for (until, reason) in [
        (2031, Hangup::CertificateRevoked),
        (2029, Hangup::CrlExpired),
    ] {
        let list = pair.ours.crl(&[&revoked], until);
        let trust = pair.trust().crls_from_pem(list.as_bytes()).unwrap();
        let client = ClientConfig::new(pair.client.clone(), trust, "radius.example").unwrap();
        let outcome = shake_with(&pair, &revoked, &client.clock(clock(2030))).await;
        assert_eq!(
            outcome.reasons(),
            (Some(Hangup::PeerRefusedUs), Some(reason))
        );
    }
}

#[tokio::test]
async fn the_name_must_be_in_the_subject_alternative_names() {
    let pair = Pair::new();
    let asking = |name: &str| ClientConfig::new(pair.client.clone(), pair.trust(), name).unwrap();
    for (names, asked, good) in [
        (&["dns:radius.example"][..], "radius.example", true),
        (&["dns:Radius.Example"], "RADIUS.example.", true),
        (&["dns:*.example"], "radius.example", true),
        (&["dns:*.example"], "a.radius.example", false),
        (&["dns:r*.example"], "radius.example", false),
        (&["dns:radius.example"], "192.0.2.1", false),
        (&["ip:192.0.2.1"], "192.0.2.1", true),
        (&["ip:192.0.2.2", "dns:192.0.2.1"], "192.0.2.1", false),
        (&["ip:2001:db8::1"], "2001:db8::1", true),
        // The common name is `radius.example`.
        (&[], "radius.example", false),
    ] {
        let server = pair.ours.issue("radius.example", names, SERVER);
        let outcome = shake_with(&pair, &server, &asking(asked)).await;
        let refused = (Some(Hangup::PeerRefusedUs), Some(Hangup::NameMismatch));
        let expected = if good { (None, None) } else { refused };
        assert_eq!(outcome.reasons(), expected, "{names:?} {asked}");
        if let Err(refused) = outcome.client {
            let asked = format!("we asked for {asked}");
            assert!(refused.to_string().contains(&asked), "{refused}");
        }
    }
    for bad in ["", "*.example", "a b", "192.0.2.256", "-a"] {
        let refused = ClientConfig::new(pair.client.clone(), pair.trust(), bad).unwrap_err();
        assert_eq!(refused, TlsError::BadName(bad.into()));
    }
}

#[tokio::test]
async fn a_realm_alone_is_better_than_the_name() {
    let pair = Pair::new();
    let client = pair.client_config().realm_alone();
    let of_a_realm = client.clone().realm("example.org").unwrap();
    let named = shake_with(&pair, &pair.server, &pair.client_config()).await;
    assert!(named.client.is_ok());
    for client in [&client, &of_a_realm] {
        let outcome = shake_with(&pair, &pair.server, client).await;
        assert_eq!(outcome.reasons().1, Some(Hangup::NameMismatch));
    }
    let server = pair.ours.issue("server", &["realm:example.org"], SERVER);
    let outcome = shake_with(&pair, &server, &of_a_realm).await;
    assert!(outcome.client.is_ok());
}

#[tokio::test]
async fn a_realm_is_as_good_as_the_name() {
    let pair = Pair::new();
    let client = pair.client_config().realm("Example.ORG").unwrap();
    for (names, good) in [
        (&["realm:example.org"][..], true),
        (&["dns:elsewhere.net", "realm:Example.org"], true),
        (&["realm:*.org"], true),
        (&["realm:sub.example.org"], false),
        (&["dns:example.org"], false),
    ] {
        let server = pair.ours.issue("server", names, SERVER);
        let outcome = shake_with(&pair, &server, &client).await;
        assert_eq!(outcome.client.is_ok(), good, "{names:?}");
        let unasked = shake_with(&pair, &server, &pair.client_config()).await;
        assert_eq!(unasked.reasons().1, Some(Hangup::NameMismatch));
    }
    for bad in ["", "a..b", "*.org", "a b"] {
        assert!(pair.client_config().realm(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn pins_narrow_what_is_accepted() {
    let pair = Pair::new();
    let hash = pair.server.certificate().sha256();
    let pinned = pair.client_config().pin([0; 32]).pin(hash);
    let outcome = shake_with(&pair, &pair.server, &pinned).await;
    assert_eq!(outcome.reasons(), (None, None));

    let outcome = shake_with(&pair, &pair.server, &pair.client_config().pin([0; 32])).await;
    outcome.assert_client_refuses(Hangup::NameMismatch, "bad certificate");
    let told = outcome.client.unwrap_err().to_string();
    let mut expected = String::new();
    for octet in &hash[..4] {
        write!(expected, "{octet:02X}:").unwrap();
    }
    assert!(told.contains(&expected), "{told}");

    // A pin does not stand in for the CA or the name.
    let stranger = Authority::new("Their CA").issue("x", &["dns:radius.example"], SERVER);
    let pinned = pair.client_config().pin(stranger.certificate().sha256());
    let outcome = shake_with(&pair, &stranger, &pinned).await;
    outcome.assert_client_refuses(Hangup::UnknownCa, "unknown CA");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_or_nothing_at_all_is_named() {
    let pair = Pair::new();
    for (answer, reason) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Hangup::NotTls),
        (&[2, 7, 0, 20, 0, 0, 0, 0], Hangup::NotTls),
        (b"", Hangup::PeerVanished),
    ] {
        let (mut near, far) = tokio::io::duplex(0x1_0000);
        let serve = async {
            let mut greeting = [0; 43];
            near.read_exact(&mut greeting).await.unwrap();
            assert!(Hello::random(&greeting).is_some());
            near.write_all(answer).await.unwrap();
            near.shutdown().await.unwrap();
        };
        let client = pair.client_config();
        let ((), connected) = tokio::join!(serve, client.connect(far, address(FROM)));
        assert_eq!(
            connected.map(|_| ()).unwrap_err().reason,
            reason,
            "{answer:?}"
        );
    }
}
