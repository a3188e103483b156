//! Shared keys, on DTLS and on TLS over TCP.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::setting::{
    KEY, Met, World, exchange, known, limits, listen, meet, nas1, psk, psk12, reasons,
};
use crate::tls::{Acceptor, ClientConfig, Hangup, Psk, ServerConfig, TlsVersion};

fn with(psk: Psk) -> ClientConfig {
    ClientConfig::with_psk(psk).unwrap()
}

fn sharing(psk: Psk) -> ServerConfig {
    World::new().bare_server().peer(nas1().psk(psk))
}

/// A handshake over TCP, in memory.
async fn meet_tcp(config: ServerConfig, client: &ClientConfig) -> (Met, Met) {
    let acceptor = Acceptor::new(config).unwrap();
    let (near, far) = tokio::io::duplex(4096);
    let from: SocketAddr = "192.0.2.7:40000".parse().unwrap();
    let server: SocketAddr = "192.0.2.1:2083".parse().unwrap();
    tokio::join!(acceptor.accept(near, from), client.connect(far, server))
}

#[tokio::test]
async fn key_makes_the_peer_on_dtls() {
    let mut listener = listen(sharing(psk12()), limits()).await;
    let (server, client) = meet(&mut listener, &with(psk12())).await;
    let ((mut near, server), (mut far, client)) = (server.unwrap(), client.unwrap());
    exchange(&mut near, &mut far).await;
    assert_eq!(&**server.peer().unwrap().name(), "nas1");
    assert_eq!(&**server.psk_identity().unwrap(), "nas1@example");
    assert!(server.certificate().is_none() && client.certificate().is_none());
    assert!(
        client.cipher().starts_with("TLS_ECDHE_PSK_"),
        "{}",
        client.cipher()
    );
}

#[tokio::test]
async fn one_socket_serves_keys_and_certificates() {
    let world = World::new();
    let config = world.server().peer(nas1().psk(psk12()));
    let mut listener = listen(config, limits()).await;
    for client in [world.client(), with(psk12())] {
        let (server, client) = meet(&mut listener, &client).await;
        exchange(&mut server.unwrap().0, &mut client.unwrap().0).await;
    }
}

#[tokio::test]
async fn wrong_keys_on_dtls_end_in_silence_that_is_named() {
    let wrong = Psk::new("nas1@example", &[7; 32]).unwrap().for_tls12();
    let unknown = Psk::new("nobody", KEY).unwrap().for_tls12();
    for wrong in [wrong, unknown] {
        let mut listener = listen(sharing(psk12()), limits()).await;
        let met = meet(&mut listener, &with(wrong)).await;
        assert_eq!(
            reasons(&met),
            (Some(Hangup::PskUnknown), Some(Hangup::PskUnknown))
        );
    }
}

#[tokio::test]
async fn key_of_one_version_is_not_used_for_the_other() {
    let mut listener = listen(sharing(psk()), limits()).await;
    let met = meet(&mut listener, &with(psk12())).await;
    assert_eq!(
        reasons(&met).0,
        Some(Hangup::PskUnknown),
        "DTLS with a key for TLS 1.3"
    );
    let limit = limits().handshake;
    let at = listener.local_addr();
    let client = super::super::connect_dtls(&with(psk()), at, None, limit).await;
    let refused = client.err().unwrap();
    assert_eq!(refused.reason, Hangup::PskUnknown);
    assert!(refused.to_string().contains("TLS 1.3 only"), "{refused}");
    let met = meet_tcp(sharing(psk()), &with(psk12())).await;
    assert_eq!(
        reasons(&met).0,
        Some(Hangup::PskUnknown),
        "TLS 1.2 with a key for TLS 1.3"
    );
    let met = meet_tcp(sharing(psk12()), &with(psk())).await;
    assert_eq!(
        reasons(&met).0,
        Some(Hangup::PskUnknown),
        "TLS 1.3 with a key for TLS 1.2"
    );
}

#[tokio::test]
async fn key_makes_the_peer_on_tcp() {
    let versions = [
        (psk(), TlsVersion::V1_3, portreeve_proto::Version::V1_1),
        (psk12(), TlsVersion::V1_2, portreeve_proto::Version::V1_0),
    ];
    for (psk, tls, version) in versions {
        let (server, client) = meet_tcp(sharing(psk.clone()), &with(psk)).await;
        let ((mut near, server), (mut far, client)) = (server.unwrap(), client.unwrap());
        for session in [&server, &client] {
            assert_eq!((session.tls(), session.version()), (tls, version));
            assert_eq!(&**session.psk_identity().unwrap(), "nas1@example");
        }
        assert_eq!(&**server.peer().unwrap().name(), "nas1");
        // More than fits the pipe between them, both ways at once.
        let much = vec![5; 200_000];
        let (mut near_reads, mut near_writes) = tokio::io::split(&mut near);
        let send = async {
            near_writes.write_all(&much).await.unwrap();
            near_writes.flush().await.unwrap();
        };
        let echo = async {
            let mut all = vec![0; much.len()];
            far.read_exact(&mut all).await.unwrap();
            far.write_all(&all).await.unwrap();
            far.flush().await.unwrap();
        };
        let back = async {
            let mut all = vec![0; much.len()];
            near_reads.read_exact(&mut all).await.unwrap();
            all
        };
        let ((), (), returned) = tokio::join!(send, echo, back);
        assert!(returned == much);
        far.shutdown().await.unwrap();
        assert_eq!(near.read(&mut [0; 1]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn unknown_identity_and_wrong_key_look_the_same_on_tcp() {
    for tls12 in [false, true] {
        let version = |psk: Psk| if tls12 { psk.for_tls12() } else { psk };
        let wrong = version(Psk::new("nas1@example", &[7; 32]).unwrap());
        let unknown = version(Psk::new("nobody", KEY).unwrap());
        let mut told = Vec::new();
        for wrong in [wrong, unknown] {
            let met = meet_tcp(sharing(version(psk())), &with(wrong)).await;
            assert_eq!(
                reasons(&met),
                (Some(Hangup::PskUnknown), Some(Hangup::PskUnknown))
            );
            told.push(met.1.err().unwrap().to_string());
        }
        assert_eq!(
            told[0], told[1],
            "the client cannot tell one from the other"
        );
    }
}

#[tokio::test]
async fn key_is_good_only_from_where_its_peer_may_come() {
    let elsewhere = nas1().psk(psk()).source("198.51.100.0/24".parse().unwrap());
    let config = World::new()
        .bare_server()
        .peer(elsewhere)
        .peer(known("dns:nas2.example"));
    let met = meet_tcp(config, &with(psk())).await;
    assert_eq!(reasons(&met).0, Some(Hangup::AddressNotAllowed));
}

#[tokio::test]
async fn longest_identities_that_can_be_sent() {
    let long = Psk::new(&"i".repeat(255), KEY).unwrap();
    let (server, client) = meet_tcp(sharing(long.clone()), &with(long)).await;
    assert!(server.is_ok() && client.is_ok());
    let longer = with(Psk::new(&"i".repeat(256), KEY).unwrap());
    let (_near, far) = tokio::io::duplex(4096);
    let refused = longer
        .connect(far, "192.0.2.1:2083".parse().unwrap())
        .await
        .err()
        .unwrap();
    assert!(refused.to_string().contains("at most 255"), "{refused}");
}

#[tokio::test]
async fn who_vanishes_in_the_handshake_is_named() {
    let acceptor = Acceptor::new(sharing(psk())).unwrap();
    let (near, far) = tokio::io::duplex(4096);
    drop(far);
    let met = acceptor
        .accept(near, "192.0.2.7:40000".parse().unwrap())
        .await;
    assert_eq!(met.err().unwrap().reason, Hangup::PeerVanished);
}
