//! Revocation, reloading, and what becomes of connections that are open.

use super::{
    super::{TlsError, TlsVersion, Versions},
    *,
};

fn acceptor_with_crl(pair: &Pair, list: &str) -> Acceptor {
    let trust = pair.trust().crls_from_pem(list.as_bytes()).unwrap();
    let config = ServerConfig::new(pair.server.clone()).trust(trust);
    let config = config.clock(clock(2030));
    Acceptor::new(config.peer(peer("nas1", &["dns:nas1.example"]))).unwrap()
}

#[tokio::test]
async fn revocation_lists_decide_and_stale_ones_fail_closed() {
    let pair = Pair::new();
    let client = pair.client_config();
    let good = acceptor_with_crl(&pair, &pair.ours.crl(&[&pair.server], 2031));
    assert_eq!(shake(&good, &client).await.peer(), "nas1");

    let revoked = acceptor_with_crl(&pair, &pair.ours.crl(&[&pair.client], 2031));
    let outcome = shake(&revoked, &client).await;
    outcome.assert_server_refuses(Hangup::CertificateRevoked, "revoked");

    let stale = acceptor_with_crl(&pair, &pair.ours.crl(&[], 2029));
    let outcome = shake(&stale, &client).await;
    outcome.assert_server_refuses(Hangup::CrlExpired, "revocation list");

    let of_others = Authority::new("Their CA").crl(&[], 2031);
    let outcome = shake(&acceptor_with_crl(&pair, &of_others), &client).await;
    outcome.assert_server_refuses(Hangup::CrlMissing, "revocation list");
}

#[tokio::test]
async fn the_whole_chain_is_checked_for_revocation() {
    let pair = Pair::new();
    let between = pair.ours.subordinate("Between");
    let identity = between.issue("nas1", &["dns:nas1.example"], CLIENT);
    let client = pair.client_as(&identity);
    let (root_list, list) = (pair.ours.crl(&[], 2031), between.crl(&[], 2031));

    // A list for the lower CA alone leaves open whether that CA is revoked.
    let outcome = shake(&acceptor_with_crl(&pair, &list), &client).await;
    outcome.assert_server_refuses(Hangup::CrlMissing, "revocation list");
    let both = format!("{root_list}{list}");
    assert_eq!(
        shake(&acceptor_with_crl(&pair, &both), &client)
            .await
            .peer(),
        "nas1"
    );
}

#[tokio::test]
async fn a_revoked_certificate_finds_no_wider_door() {
    let pair = Pair::new();
    let list = pair.ours.crl(&[&pair.client], 2031);
    let strict = pair.trust().crls_from_pem(list.as_bytes()).unwrap();
    let config = pair
        .server_config()
        .clock(clock(2030))
        .peer(peer("nas1", &["dns:nas1.example"]).trust(strict))
        .peer(peer("anybody", &["any"]));
    let outcome = shake(&Acceptor::new(config).unwrap(), &pair.client_config()).await;
    outcome.assert_server_refuses(Hangup::CertificateRevoked, "revoked");
}

#[tokio::test]
async fn open_connections_are_judged_as_new_ones_would_be() {
    let pair = Pair::new();
    let identity = pair.ours.issue_for_2030(&["dns:nas1.example"], CLIENT);
    let nas1 = || peer("nas1", &["dns:nas1.example"]);
    let config = || pair.server_config().clock(clock(2030));
    let acceptor = Acceptor::new(config().peer(nas1())).unwrap();
    let session = shake(&acceptor, &pair.client_as(&identity))
        .await
        .server
        .unwrap();
    let judge = |at| {
        let judged = acceptor.reassess(&session, address(FROM), moment(at));
        judged.map(|peer| peer.name().to_string())
    };
    assert_eq!(judge(2030).as_deref(), Ok("nas1"));
    assert_eq!(judge(2031), Err(Hangup::CertificateRanOut));

    let changed = acceptor.changed();
    let with_list = |revoked: &[&Identity], until| {
        let list = pair.ours.crl(revoked, until);
        let trust = pair.trust().crls_from_pem(list.as_bytes()).unwrap();
        config().trust(trust).peer(nas1())
    };
    let theirs = Trust::from_pem(Authority::new("Their CA").pem().as_bytes()).unwrap();
    let elsewhere = nas1().source("198.51.100.0/24".parse().unwrap());
    for (reloaded, verdict) in [
        (
            with_list(&[&identity], 2031),
            Err(Hangup::CertificateRevoked),
        ),
        (with_list(&[], 2029), Err(Hangup::CrlExpired)),
        (with_list(&[], 2031), Ok("nas1")),
        (
            config().trust(theirs).peer(nas1()),
            Err(Hangup::TrustWithdrawn),
        ),
        (config(), Err(Hangup::TrustWithdrawn)),
        (
            config().peer(peer("nas2", &["any"])),
            Err(Hangup::TrustWithdrawn),
        ),
        (config().peer(elsewhere), Err(Hangup::AddressNotAllowed)),
        (
            config().peer(nas1()).versions(Versions::V1_0),
            Err(Hangup::VersionRefused),
        ),
        (config().peer(nas1()).oldest(TlsVersion::V1_3), Ok("nas1")),
        (config().peer(peer("nas1", &["any"])), Ok("nas1")),
    ] {
        acceptor.reload(reloaded).unwrap();
        assert_eq!(judge(2030).as_deref().map_err(|reason| *reason), verdict);
    }
    assert!(changed.has_changed().unwrap());
    assert_eq!(*changed.borrow(), 10);
}

#[tokio::test]
async fn a_reload_serves_new_connections_and_drops_none() {
    let pair = Pair::new();
    let acceptor = pair.acceptor();
    let client = pair.client_config();
    let (near, far) = tokio::io::duplex(0x1_0000);
    let (served, asked) = tokio::join!(
        acceptor.accept(near, address(FROM)),
        client.connect(far, address(FROM))
    );
    let ((mut server_end, _), (mut client_end, _)) = (served.unwrap(), asked.unwrap());

    let renewed = pair.ours.issue("renewed", &["dns:radius.example"], SERVER);
    let config = ServerConfig::new(renewed.clone()).trust(pair.trust());
    let clone = acceptor.clone();
    clone.reload(config.peer(peer("nas9", &["any"]))).unwrap();
    let outcome = shake(&acceptor, &client).await;
    assert_eq!(outcome.peer(), "nas9");
    let seen = outcome.client.unwrap();
    assert_eq!(seen.certificate(), Some(renewed.certificate()));

    client_end.write_all(b"still here").await.unwrap();
    client_end.flush().await.unwrap();
    let mut heard = [0; 10];
    server_end.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"still here");

    // What cannot be put in force leaves the old one there.
    let bad = pair.server_config().peer(peer("nobody", &[]));
    assert!(matches!(acceptor.reload(bad), Err(TlsError::NoMark { .. })));
    assert_eq!(shake(&acceptor, &client).await.peer(), "nas9");
}

#[test]
fn pem_garbage_is_told_apart() {
    let pair = Pair::new();
    let (chain, key) = pair.ours.issue_pem("x", &[], CLIENT, |_| {});
    let (_, other_key) = pair.ours.issue_pem("y", &[], CLIENT, |_| {});
    let list = pair.ours.crl(&[], 2031);
    let read = |chain: &str, key: &str| {
        let read = Identity::from_pem(chain.as_bytes(), key.as_bytes());
        read.map(|_| ()).unwrap_err()
    };
    assert_eq!(read("", &key), TlsError::NoCertificate);
    assert_eq!(read(&key, &key), TlsError::NoCertificate);
    assert_eq!(read(&chain, ""), TlsError::NoKey);
    assert_eq!(read(&chain, &chain), TlsError::NoKey);
    assert_eq!(read(&chain, &other_key), TlsError::KeyMismatch);
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    assert_eq!(read(&chain, &encrypted), TlsError::EncryptedKey);
    let torn = chain.replace("-----END", "");
    assert!(matches!(read(&torn, &key), TlsError::BadPem(_)));
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let second = format!("{chain}{hollow}");
    assert!(matches!(
        read(&second, &key),
        TlsError::BadCertificate { position: 2, .. }
    ));
    let no_key = hollow.replace("CERTIFICATE", "PRIVATE KEY");
    assert!(matches!(read(&chain, &no_key), TlsError::BadKey(_)));

    let trust = |pem: &str| Trust::from_pem(pem.as_bytes());
    assert_eq!(trust("").unwrap_err(), TlsError::NoCertificate);
    assert!(matches!(
        trust(hollow),
        Err(TlsError::BadCertificate { position: 1, .. })
    ));
    let with = |pem: &str| {
        trust(pair.ours.pem())
            .unwrap()
            .crls_from_pem(pem.as_bytes())
    };
    assert_eq!(with("").unwrap_err(), TlsError::NoCrl);
    assert_eq!(with(&chain).unwrap_err(), TlsError::NoCrl);
    let no_list = hollow.replace("CERTIFICATE", "X509 CRL");
    assert!(matches!(with(&no_list), Err(TlsError::BadCrl(_))));
    assert_eq!(with(&list).unwrap().crls().len(), 1);
    assert!(Trust::default().is_empty());
}

#[test]
fn keys_are_never_printed() {
    let pair = Pair::new();
    let printed = format!("{:?} {:?}", pair.server_config(), pair.client_config());
    assert!(
        printed.contains("redacted") && printed.contains("CN=Our CA"),
        "{printed}"
    );
    assert!(!printed.to_lowercase().contains("secret:"), "{printed}");
}
