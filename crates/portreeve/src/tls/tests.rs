//! Real handshakes, over a pipe, with certificates made for the occasion.

mod clients;
mod pki;
mod servers;
mod standing;
mod versions;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use portreeve_proto::{Peer, Secret};
use rustls::{pki_types::UnixTime, time_provider::TimeProvider};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    Acceptor, ClientConfig, Hangup, Identity, LoopGuard, Refused, ServerConfig, Session, TlsPeer,
    Trust,
};
use pki::{Authority, CLIENT, SERVER};

/// What a handshake came to at both ends.
#[derive(Debug)]
struct Outcome {
    server: Result<Session, Refused>,
    client: Result<Session, Refused>,
}

impl Outcome {
    fn reasons(&self) -> (Option<Hangup>, Option<Hangup>) {
        let reason = |end: &Result<Session, Refused>| end.as_ref().err().map(|r| r.reason);
        (reason(&self.server), reason(&self.client))
    }

    /// The peer that the server took the client for.
    fn peer(&self) -> &str {
        self.server.as_ref().unwrap().peer().unwrap().name()
    }

    /// Both ends refuse: the server for `reason`, and the client knows it by a word of the alert.
    #[track_caller]
    fn assert_server_refuses(&self, reason: Hangup, word: &str) {
        assert_eq!(
            self.reasons(),
            (Some(reason), Some(Hangup::PeerRefusedUs)),
            "{self:?}"
        );
        let told = self.client.as_ref().unwrap_err().to_string();
        assert!(told.contains(word), "{told}");
    }

    /// Both ends refuse: the client for `reason`, and the server knows it by a word of the alert.
    #[track_caller]
    fn assert_client_refuses(&self, reason: Hangup, word: &str) {
        assert_eq!(
            self.reasons(),
            (Some(Hangup::PeerRefusedUs), Some(reason)),
            "{self:?}"
        );
        let told = self.server.as_ref().unwrap_err().to_string();
        assert!(told.contains(word), "{told}");
    }
}

const FROM: &str = "192.0.2.7:40000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Shakes hands; on success an octet goes each way.
async fn shake(acceptor: &Acceptor, client: &ClientConfig) -> Outcome {
    shake_from(acceptor, client, FROM).await
}

async fn shake_from(acceptor: &Acceptor, client: &ClientConfig, from: &str) -> Outcome {
    let (near, far) = tokio::io::duplex(0x1_0000);
    let serve = async {
        let (mut stream, session) = acceptor.accept(near, address(from)).await?;
        let exchanged = async {
            stream.write_all(b"S").await?;
            stream.flush().await?;
            stream.read_u8().await
        };
        match exchanged.await {
            Ok(octet) => assert_eq!(octet, b'C'),
            Err(error) => return Err(Refused::ended(&error)),
        }
        Ok(session)
    };
    let ask = async {
        let (mut stream, session) = client.connect(far, address("192.0.2.1:2083")).await?;
        let exchanged = async {
            let octet = stream.read_u8().await?;
            stream.write_all(b"C").await?;
            stream.flush().await?;
            Ok(octet)
        };
        match exchanged.await {
            Ok(octet) => assert_eq!(octet, b'S'),
            Err(error) => return Err(Refused::ended(&error)),
        }
        Ok(session)
    };
    let both = async { tokio::join!(Box::pin(serve), Box::pin(ask)) };
    let (server, client) = tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .expect("both ends come to a verdict");
    Outcome { server, client }
}

fn peer(name: &str, marks: &[&str]) -> TlsPeer {
    let peer = Arc::new(Peer::new(name, Secret::new("radsec").unwrap()));
    marks.iter().fold(TlsPeer::new(peer), |peer, mark| {
        peer.mark(mark.parse().unwrap())
    })
}

/// Two ends that like each other, for tests to spoil.
struct Pair {
    ours: Authority,
    server: Identity,
    client: Identity,
}

impl Pair {
    fn new() -> Self {
        let ours = Authority::new("Our CA");
        Self {
            server: ours.issue("server", &["dns:radius.example", "ip:192.0.2.1"], SERVER),
            client: ours.issue("nas1", &["dns:nas1.example"], CLIENT),
            ours,
        }
    }

    fn trust(&self) -> Trust {
        Trust::from_pem(self.ours.pem().as_bytes()).unwrap()
    }

    fn server_config(&self) -> ServerConfig {
        ServerConfig::new(self.server.clone()).trust(self.trust())
    }

    /// A server that knows nas1.
    fn acceptor(&self) -> Acceptor {
        let config = self
            .server_config()
            .peer(peer("nas1", &["dns:nas1.example"]));
        Acceptor::new(config).unwrap()
    }

    fn client_config(&self) -> ClientConfig {
        self.client_as(&self.client)
    }

    fn client_as(&self, identity: &Identity) -> ClientConfig {
        ClientConfig::new(identity.clone(), self.trust(), "radius.example").unwrap()
    }
}

/// A clock that stands still.
#[derive(Debug)]
struct At(u64);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

/// The first of July of a year, near enough.
fn year(year: u64) -> u64 {
    (year - 1970) * 31_556_952 + 15_700_000
}

fn clock(at: u64) -> Arc<dyn TimeProvider> {
    Arc::new(At(year(at)))
}

fn moment(at: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(year(at))
}

#[tokio::test]
async fn both_ends_learn_who_the_other_is() {
    let pair = Pair::new();
    let outcome = shake(&pair.acceptor(), &pair.client_config()).await;
    assert_eq!(outcome.reasons(), (None, None), "{outcome:?}");
    assert_eq!(outcome.peer(), "nas1");
    let (server, client) = (outcome.server.unwrap(), outcome.client.unwrap());
    assert_eq!(server.tls(), super::TlsVersion::V1_3);
    assert_eq!(server.cipher(), client.cipher());
    assert!(
        server.cipher().starts_with("TLS13_AES_"),
        "{}",
        server.cipher()
    );
    let shown = server.certificate().unwrap();
    assert_eq!(shown.subject(), "CN=nas1");
    assert_eq!(shown.issuer(), "CN=Our CA");
    assert_eq!(shown.names(), ["dns:nas1.example"]);
    assert_eq!(shown, pair.client.certificate());
    assert_eq!(server.not_after(), Some(shown.not_after()));
    assert_eq!(client.certificate(), Some(pair.server.certificate()));
    assert!(client.peer().is_none() && client.psk_identity().is_none());
}

#[tokio::test]
async fn who_connects_to_itself_is_told_at_both_ends() {
    let pair = Pair::new();
    let guard = LoopGuard::default();
    let config = pair.server_config().loop_guard(guard.clone());
    let acceptor = Acceptor::new(config.peer(peer("nas1", &["any"]))).unwrap();
    let (mut server_end, client_end) = tokio::io::duplex(0x1_0000);
    let client = pair.client_config().loop_guard(guard);
    let connecting =
        tokio::spawn(async move { client.connect(client_end, address(FROM)).await.map(|_| ()) });
    // The greeting reaches our own server by way of somebody in between.
    let (near, mut far) = tokio::io::duplex(0x1_0000);
    let between = tokio::spawn(async move {
        drop(tokio::io::copy_bidirectional(&mut server_end, &mut far).await);
    });
    let refused = acceptor
        .accept(near, address(FROM))
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(refused.reason, Hangup::SelfConnection);
    let refused = connecting.await.unwrap().unwrap_err();
    assert_eq!(refused.reason, Hangup::SelfConnection);
    between.await.unwrap();
}
