//! DTLS with certificates.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::setting::{
    World, exchange, identity, known, limits, listen, meet, meet_at, packet, read, reasons,
};
use crate::tls::{
    Acceptor, ClientConfig, Hangup, LoopGuard, ServerConfig, TlsVersion, Versions,
    openssl::{DtlsLimits, DtlsListener},
};

#[tokio::test]
async fn both_ends_learn_who_the_other_is() {
    let world = World::new();
    let mut listener = listen(world.server(), limits()).await;
    let (server, client) = meet(&mut listener, &world.client()).await;
    let ((mut near, server), (mut far, client)) = (server.unwrap(), client.unwrap());
    exchange(&mut near, &mut far).await;
    assert_eq!(&**server.peer().unwrap().name(), "nas1");
    assert!(client.peer().is_none());
    for session in [&server, &client] {
        assert_eq!(session.tls(), TlsVersion::Dtls1_2);
        assert_eq!(session.version(), portreeve_proto::Version::V1_0);
        let cipher = session.cipher();
        assert!(
            cipher.contains("GCM") || cipher.contains("CHACHA20"),
            "{cipher}"
        );
    }
    assert!(server.certificate().is_some() && client.certificate().is_some());
    assert!(server.not_after().is_some());
}

#[tokio::test]
async fn farewell_ends_both_ends() {
    let world = World::new();
    let mut listener = listen(world.server(), limits()).await;
    let (server, client) = meet(&mut listener, &world.client()).await;
    let (mut near, mut far) = (server.unwrap().0, client.unwrap().0);
    far.shutdown().await.unwrap();
    assert_eq!(near.read(&mut [0; 64]).await.unwrap(), 0);
    assert!(near.write_all(&packet(20, 1)).await.is_err());
    let (server, client) = meet(&mut listener, &world.client()).await;
    let (near, mut far) = (server.unwrap().0, client.unwrap().0);
    drop(near);
    assert_eq!(far.read(&mut [0; 64]).await.unwrap(), 0);
}

/// The reason at the server, and that the client learns that it is refused.
async fn refuses(config: ServerConfig, client: &ClientConfig, reason: Hangup) {
    let mut listener = listen(config, limits()).await;
    let met = meet(&mut listener, client).await;
    assert_eq!(reasons(&met), (Some(reason), Some(Hangup::PeerRefusedUs)));
}

#[tokio::test]
async fn server_refuses_whom_the_first_engine_would() {
    let world = World::new();
    let client = world.client();
    refuses(
        world.server().trust(world.revoked()),
        &client,
        Hangup::CertificateRevoked,
    )
    .await;
    refuses(
        world.server().trust(World::new().trust()),
        &client,
        Hangup::UnknownCa,
    )
    .await;
    let other = world.bare_server().peer(known("dns:nas2.example"));
    refuses(other, &client, Hangup::NotRecognised).await;
    // Another peer may come from here, so that it is the certificate that decides.
    let elsewhere = known("dns:nas1.example").source("192.0.2.0/24".parse().unwrap());
    let config = world
        .bare_server()
        .peer(elsewhere)
        .peer(known("dns:nas2.example"));
    refuses(config, &client, Hangup::AddressNotAllowed).await;
    let expired = identity(&world.expired_client());
    let expired = ClientConfig::new(expired, world.trust(), "radius.example").unwrap();
    refuses(world.server(), &expired, Hangup::CertificateExpired).await;
    let newer = world.server().versions(Versions::V1_1);
    let mut listener = listen(newer, limits()).await;
    let (server, _) = meet(&mut listener, &client).await;
    assert_eq!(server.err().unwrap().reason, Hangup::VersionRefused);
}

#[tokio::test]
async fn client_refuses_the_wrong_server() {
    let world = World::new();
    let own = || identity(&world.client);
    let name = ClientConfig::new(own(), world.trust(), "other.example").unwrap();
    let issuer = ClientConfig::new(own(), World::new().trust(), "radius.example").unwrap();
    let mut listener = listen(world.server(), limits()).await;
    for (client, reason) in [(name, Hangup::NameMismatch), (issuer, Hangup::UnknownCa)] {
        let met = meet(&mut listener, &client).await;
        assert_eq!(reasons(&met), (Some(Hangup::PeerRefusedUs), Some(reason)));
    }
}

#[tokio::test]
async fn where_no_peer_may_come_from_there_is_silence() {
    let world = World::new();
    let elsewhere = known("dns:nas1.example").source("192.0.2.0/24".parse().unwrap());
    let listener = listen(world.bare_server().peer(elsewhere), limits()).await;
    let limit = std::time::Duration::from_millis(1500);
    let at = listener.local_addr();
    let client = super::super::connect_dtls(&world.client(), at, None, limit).await;
    assert_eq!(client.err().unwrap().reason, Hangup::HandshakeTimeout);
    assert!(listener.counters().not_allowed() >= 1);
    assert_eq!(listener.counters().asked(), 0);
}

#[tokio::test]
async fn there_are_no_more_than_may_be() {
    let world = World::new();
    let limits = DtlsLimits {
        total: 1,
        ..limits()
    };
    let mut listener = listen(world.server(), limits).await;
    let (server, client) = meet(&mut listener, &world.client()).await;
    let (first, _) = (server.unwrap(), client.unwrap());
    let limit = std::time::Duration::from_millis(1500);
    let at = listener.local_addr();
    let second = super::super::connect_dtls(&world.client(), at, None, limit).await;
    assert_eq!(second.err().unwrap().reason, Hangup::HandshakeTimeout);
    assert!(listener.counters().full() >= 1);
    drop(first);
    let (server, client) = meet_at(&mut listener, &world.client(), at, limits.handshake).await;
    assert!(
        server.is_ok() && client.is_ok(),
        "a place that is left is taken"
    );
}

#[tokio::test]
async fn writes_are_whole_packets() {
    let world = World::new();
    let mut listener = listen(world.server(), limits()).await;
    let (server, client) = meet(&mut listener, &world.client()).await;
    let (mut near, mut far) = (server.unwrap().0, client.unwrap().0);
    let sound = packet(100, 1);
    for broken in [&sound[..99], &[&sound[..], &[0]].concat(), &sound[..3], &[]] {
        assert!(near.write(broken).await.is_err(), "{} octets", broken.len());
    }
    near.write_all(&sound).await.unwrap();
    let mut part = [0; 60];
    far.read_exact(&mut part).await.unwrap();
    assert_eq!(part, sound[..60]);
    assert_eq!(
        read(&mut far).await,
        sound[60..],
        "what one read leaves, the next one takes"
    );
}

#[tokio::test]
async fn who_connects_to_itself_is_told_at_both_ends() {
    let world = World::new();
    let guard = LoopGuard::default();
    let mut listener = listen(world.server().loop_guard(guard.clone()), limits()).await;
    let met = meet(&mut listener, &world.client().loop_guard(guard)).await;
    let reason = Some(Hangup::SelfConnection);
    assert_eq!(reasons(&met), (reason, reason));
}

#[tokio::test]
async fn where_tls_1_3_is_demanded_there_is_no_dtls() {
    let world = World::new();
    let mut listener = listen(world.server().oldest(TlsVersion::V1_3), limits()).await;
    let (server, _) = meet(&mut listener, &world.client()).await;
    assert_eq!(server.err().unwrap().reason, Hangup::TlsTooOld);
}

#[tokio::test]
async fn another_configuration_is_in_force_at_once() {
    let world = World::new();
    let acceptor = Acceptor::new(world.server()).unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let bound = DtlsListener::bind(address, acceptor.clone(), limits());
    let mut listener = bound.unwrap();
    let (server, client) = meet(&mut listener, &world.client()).await;
    let (mut near, mut far) = (server.unwrap().0, client.unwrap().0);
    let next = World::new();
    acceptor.reload(next.server()).unwrap();
    let (server, client) = meet(&mut listener, &next.client()).await;
    exchange(&mut server.unwrap().0, &mut client.unwrap().0).await;
    exchange(&mut near, &mut far).await;
}
