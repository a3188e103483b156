//! The table of RFC 9765 section 3.4.2, and which TLS versions there may be.

use portreeve_proto::Version::{V1_0, V1_1};

use rustls::version;
use tokio::io::AsyncWriteExt as _;

use super::{
    super::{TlsVersion, Versions, provider},
    *,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Historic RADIUS inside TLS.
    Tls,
    /// RADIUS/1.1.
    New,
    /// The server sends an alert.
    Alert,
    /// The server closes.
    CloseS,
    /// The client closes.
    CloseC,
}

fn cell(outcome: &Outcome) -> Cell {
    match (&outcome.server, &outcome.client) {
        (Ok(server), Ok(client)) => {
            assert_eq!(server.version(), client.version());
            match server.version() {
                V1_0 => Cell::Tls,
                V1_1 => Cell::New,
            }
        }
        (Err(server), Err(client)) if server.reason == Hangup::VersionRefused => {
            assert_eq!(client.reason, Hangup::VersionRefused, "{outcome:?}");
            let offered = !server.to_string().contains("offers no version");
            if offered { Cell::Alert } else { Cell::CloseS }
        }
        (Err(server), Err(client)) if client.reason == Hangup::VersionRefused => {
            assert_eq!(server.reason, Hangup::PeerVanished, "{outcome:?}");
            Cell::CloseC
        }
        _ => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn the_whole_table_of_rfc_9765() {
    let all = [
        Versions::Historic,
        Versions::V1_0,
        Versions::Both,
        Versions::V1_1,
    ];
    let table = [
        [Cell::Tls, Cell::Tls, Cell::Tls, Cell::CloseS],
        [Cell::Tls, Cell::Tls, Cell::Tls, Cell::Alert],
        [Cell::Tls, Cell::Tls, Cell::New, Cell::New],
        [Cell::CloseC, Cell::Alert, Cell::New, Cell::New],
    ];
    let pair = Pair::new();
    for (client, row) in all.into_iter().zip(table) {
        for (server, expected) in all.into_iter().zip(row) {
            let config = pair.server_config().versions(server);
            let acceptor = Acceptor::new(config.peer(peer("nas1", &["any"]))).unwrap();
            let outcome = shake(&acceptor, &pair.client_config().versions(client)).await;
            assert_eq!(cell(&outcome), expected, "client {client}, server {server}");
        }
    }
}

/// A client that is not ours: TLS 1.2 at most, with the given names.
fn old_client(pair: &Pair, names: &[&str]) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    for der in pair.trust().authorities() {
        roots.add(der.clone()).unwrap();
    }
    let mut client = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(pair.client.resolver());
    client.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    client
}

/// What a server makes of a client that is not ours.
async fn accept_other(
    acceptor: &Acceptor,
    client: rustls::ClientConfig,
) -> (Result<Session, Refused>, Result<Option<Vec<u8>>, Refused>) {
    let (near, far) = tokio::io::duplex(0x1_0000);
    let name = "radius.example".try_into().unwrap();
    let connecting = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, far);
    let ask = async {
        let mut stream = connecting.await.map_err(|error| Refused::ended(&error))?;
        let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let _: usize = stream
            .read(&mut [0])
            .await
            .map_err(|error| Refused::ended(&error))?;
        Ok(agreed)
    };
    let serve = async {
        let (mut stream, session) = acceptor.accept(near, address(FROM)).await?;
        stream.shutdown().await.unwrap();
        Ok(session)
    };
    tokio::join!(serve, ask)
}

#[tokio::test]
async fn radius_1_1_is_never_agreed_below_tls_1_3() {
    let pair = Pair::new();
    let acceptor = pair.acceptor();
    let both = old_client(&pair, &["radius/1.1", "radius/1.0"]);
    let (server, client) = accept_other(&acceptor, both).await;
    let session = server.unwrap();
    assert_eq!((session.tls(), session.version()), (TlsVersion::V1_2, V1_0));
    assert_eq!(client.unwrap().as_deref(), Some(&b"radius/1.0"[..]));

    let only = old_client(&pair, &["radius/1.1"]);
    let (server, client) = accept_other(&acceptor, only).await;
    assert_eq!(server.unwrap_err().reason, Hangup::VersionRefused);
    assert_eq!(client.unwrap_err().reason, Hangup::VersionRefused);

    let strict = pair.server_config().versions(Versions::V1_1);
    let acceptor = Acceptor::new(strict.peer(peer("nas1", &["any"]))).unwrap();
    let both = old_client(&pair, &["radius/1.1", "radius/1.0"]);
    let (server, client) = accept_other(&acceptor, both).await;
    let refused = server.unwrap_err();
    assert_eq!(refused.reason, Hangup::VersionRefused);
    assert!(refused.to_string().contains("not TLS 1.3"), "{refused}");
    assert!(client.unwrap_err().to_string().contains("protocol version"));
}

#[tokio::test]
async fn names_that_are_not_radius_get_the_alert() {
    let pair = Pair::new();
    let (server, client) = accept_other(&pair.acceptor(), old_client(&pair, &["h2"])).await;
    assert_eq!(server.unwrap_err().reason, Hangup::VersionRefused);
    assert_eq!(client.unwrap_err().reason, Hangup::VersionRefused);
}

#[tokio::test]
async fn tls_1_2_is_refused_where_1_3_is_demanded() {
    let pair = Pair::new();
    let config = pair.server_config().oldest(TlsVersion::V1_3);
    let acceptor = Acceptor::new(config.peer(peer("nas1", &["any"]))).unwrap();
    let (server, client) = accept_other(&acceptor, old_client(&pair, &[])).await;
    assert_eq!(server.unwrap_err().reason, Hangup::TlsTooOld);
    assert!(client.unwrap_err().to_string().contains("protocol version"));
}

#[tokio::test]
async fn a_client_refuses_a_server_that_is_too_old_or_picks_1_1_below_tls_1_3() {
    let pair = Pair::new();
    let mut server = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(pair.server.resolver());
    server.alpn_protocols = vec![b"radius/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    for (client, reason) in [
        (pair.client_config(), Hangup::VersionRefused),
        (
            pair.client_config().oldest(TlsVersion::V1_3),
            Hangup::PeerRefusedUs,
        ),
    ] {
        let (near, far) = tokio::io::duplex(0x1_0000);
        let serve = async { drop(acceptor.accept(near).await) };
        let ((), connected) = tokio::join!(serve, client.connect(far, address(FROM)));
        assert_eq!(connected.map(|_| ()).unwrap_err().reason, reason);
    }
}

#[tokio::test]
async fn no_cipher_suite_in_common_is_named() {
    let pair = Pair::new();
    // The server's key is on a curve, and the client knows RSA only.
    let mut rsa_only = (*provider()).clone();
    rsa_only
        .cipher_suites
        .retain(|suite| format!("{:?}", suite.suite()).starts_with("TLS_ECDHE_RSA"));
    let client = rustls::ClientConfig::builder_with_provider(Arc::new(rsa_only))
        .with_protocol_versions(&[&version::TLS12])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_client_cert_resolver(pair.client.resolver());
    let (server, client) = accept_other(&pair.acceptor(), client).await;
    assert_eq!(server.unwrap_err().reason, Hangup::NoCommonCipher);
    assert!(
        client
            .unwrap_err()
            .to_string()
            .contains("no cipher suite in common")
    );
}
