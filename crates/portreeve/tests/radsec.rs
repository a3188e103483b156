//! The server and the client over connections: TLS, RADIUS/1.1, TCP, and the way back.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as expected"
)]

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use portreeve::{
    Access, AccessOutcome, AccessReply, AccessRequest, Accounting, AccountingReply,
    AccountingRequest, AttributeList, Client, CoaReply, CoaRequest, Code, ConnectionLimits,
    DisconnectReply, DisconnectRequest, Error, ErrorCause, Handler, Proves as _, Running, Secret,
    Server, Transport, Version, attr,
    client::{DynamicOutcome, Retry},
    proto::Peer,
    tls::{Acceptor, ClientConfig, Hangup, Identity, Mark, ServerConfig, TlsPeer, Trust, Versions},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

#[derive(Default)]
struct Inn {
    accounted: AtomicUsize,
}

impl Handler for Inn {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        match request.user_name() {
            Some("slow") => {
                tokio::time::sleep(Duration::from_millis(400)).await;
                AccessReply::accept()
            }
            Some("failing") => AccessReply::failed(ErrorCause::RequestNotRoutable),
            Some("tim") if request.proves("12345") => AccessReply::accept()
                .with(attr::SESSION_TIMEOUT, 3600)
                .with(attr::microsoft::MPPE_SEND_KEY, &[7_u8; 32][..]),
            _ => AccessReply::reject(),
        }
    }

    async fn accounting(&self, _request: &AccountingRequest) -> AccountingReply {
        self.accounted.fetch_add(1, Ordering::SeqCst);
        AccountingReply::recorded()
    }
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        Self { issuer }
    }

    fn issue(&self, name: &str) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params
            .subject_alt_names
            .push(SanType::IpAddress([127, 0, 0, 1].into()));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (chain, key) = (certificate.pem(), key.serialize_pem());
        Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
    }

    fn trust(&self) -> Trust {
        Trust::from_pem(self.issuer.pem().as_bytes()).unwrap()
    }

    fn server(&self) -> ServerConfig {
        let nas = TlsPeer::named("nas", Transport::Tls).unwrap();
        ServerConfig::new(self.issue("radius.example"))
            .trust(self.trust())
            .peer(nas.mark(Mark::Dns("nas.example".into())))
    }

    fn client(&self, name: &str) -> ClientConfig {
        ClientConfig::new(self.issue(name), self.trust(), "127.0.0.1").unwrap()
    }
}

async fn serve(acceptor: &Acceptor) -> Running {
    let server = Server::new(Inn::default()).reject_delay(Duration::ZERO);
    let server = server.radsec("127.0.0.1:0", acceptor.clone());
    server.start().await.unwrap()
}

async fn client(config: ClientConfig, address: SocketAddr) -> Client {
    let retry = Retry::once(Duration::from_secs(3));
    Client::radsec(address, config).retry(retry).await.unwrap()
}

async fn until(what: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !what() {
        assert!(Instant::now() < deadline, "it does not come to pass");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn both_versions_carry_log_ins_accounting_and_status() {
    let authority = Authority::new();
    for (versions, version) in [
        (Versions::Historic, Version::V1_0),
        (Versions::V1_0, Version::V1_0),
        (Versions::Both, Version::V1_1),
        (Versions::V1_1, Version::V1_1),
    ] {
        let running = serve(&Acceptor::new(authority.server()).unwrap()).await;
        let config = authority.client("nas.example").versions(versions);
        let client = client(config, running.address()).await;
        for access in [
            Access::pap("tim", "12345"),
            Access::chap("tim", "12345"),
            Access::chap_without_challenge("tim", "12345"),
            Access::mschapv2("tim", "12345"),
        ] {
            let outcome = client.access(access).await.unwrap();
            assert!(outcome.is_accept(), "{version} {outcome:?}");
            let response = outcome.response();
            assert_eq!(response.get(attr::SESSION_TIMEOUT), Some(3600));
            let key = response.reveal(attr::microsoft::MPPE_SEND_KEY).unwrap();
            assert_eq!(key.as_slice(), [7; 32]);
        }
        let refused = client.access(Access::pap("tim", "wrong")).await.unwrap();
        assert!(matches!(refused, AccessOutcome::Reject(_)));
        let recorded = client.accounting(Accounting::start("1")).await.unwrap();
        assert_eq!(recorded.code(), Code::ACCOUNTING_RESPONSE);
        client.status().await.unwrap();
        let open = running.connections().list();
        assert_eq!(open.len(), 1, "one connection carries it all");
        assert_eq!(open[0].version, version);
        assert_eq!(open[0].peer.name().as_ref(), "nas");
        let (_, session) = client.sessions().next().unwrap();
        assert_eq!(session.unwrap().version(), version);
        let counters = running.counters();
        assert_eq!((counters.accepted, counters.connections), (1, 1));
        assert_eq!(counters.status, 1);
    }
}

#[tokio::test]
async fn one_slow_request_holds_up_no_other() {
    let authority = Authority::new();
    let running = serve(&Acceptor::new(authority.server()).unwrap()).await;
    let client = client(authority.client("nas.example"), running.address()).await;
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.access(Access::pap("slow", "x")).await }
    });
    until(|| running.counters().in_flight == 1).await;
    let began = Instant::now();
    for _ in 0..20 {
        let outcome = client.access(Access::pap("tim", "12345")).await.unwrap();
        assert!(outcome.is_accept());
    }
    assert!(!slow.is_finished() || began.elapsed() > Duration::from_millis(300));
    assert!(slow.await.unwrap().unwrap().is_accept());
    assert_eq!(running.connections().len(), 1);
    until(|| running.counters().in_flight == 0).await;
}

#[tokio::test]
async fn many_requests_are_in_flight_at_a_time_and_find_their_answers() {
    let authority = Authority::new();
    for versions in [Versions::V1_0, Versions::V1_1] {
        let running = serve(&Acceptor::new(authority.server()).unwrap()).await;
        let config = authority.client("nas.example").versions(versions);
        let client = client(config, running.address()).await;
        let asked: Vec<_> = (0..600)
            .map(|number| {
                let client = client.clone();
                let password = if number % 3 == 0 { "12345" } else { "wrong" };
                tokio::spawn(async move {
                    let outcome = client.access(Access::pap("tim", password)).await.unwrap();
                    assert_eq!(outcome.is_accept(), number % 3 == 0);
                })
            })
            .collect();
        for asked in asked {
            asked.await.unwrap();
        }
        let connections = running.connections().len();
        let expected = if versions == Versions::V1_0 {
            1..=3
        } else {
            1..=1
        };
        assert!(expected.contains(&connections), "{connections}");
    }
}

#[tokio::test]
async fn who_is_not_recognised_is_told_apart_and_counted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let running = serve(&Acceptor::new(authority.server()).unwrap()).await;
    let stranger = client(authority.client("other.example"), running.address()).await;
    let failed = stranger
        .access(Access::pap("tim", "12345"))
        .await
        .unwrap_err();
    let Error::Connection { refused, .. } = &failed else {
        panic!("{failed}");
    };
    assert_eq!(refused.reason, Hangup::PeerRefusedUs, "{failed}");
    until(|| running.counters().hung_up(Hangup::NotRecognised) == 1).await;
    let foreign = ClientConfig::new(other.issue("nas.example"), authority.trust(), "127.0.0.1");
    let foreign = client(foreign.unwrap(), running.address()).await;
    foreign
        .access(Access::pap("tim", "12345"))
        .await
        .unwrap_err();
    until(|| running.counters().hung_up(Hangup::UnknownCa) == 1).await;
    let mistaken = ClientConfig::new(authority.issue("nas.example"), other.trust(), "127.0.0.1");
    let mistaken = client(mistaken.unwrap(), running.address()).await;
    let failed = mistaken
        .access(Access::pap("tim", "12345"))
        .await
        .unwrap_err();
    let Error::Connection { refused, .. } = &failed else {
        panic!("{failed}");
    };
    assert_eq!(refused.reason, Hangup::UnknownCa, "{failed}");
    assert!(running.connections().is_empty());
}

#[tokio::test]
async fn versions_are_agreed_on_and_a_demand_is_not_lowered() {
    use Versions::{Both, Historic, V1_0, V1_1};
    let authority = Authority::new();
    for ours in [Historic, V1_0, Both, V1_1] {
        let config = authority.server().versions(ours);
        let running = serve(&Acceptor::new(config).unwrap()).await;
        for theirs in [Historic, V1_0, Both, V1_1] {
            let config = authority.client("nas.example").versions(theirs);
            let client = client(config, running.address()).await;
            let outcome = client.access(Access::pap("tim", "12345")).await;
            // RFC 9765 section 3.3: silence means historic, and what both can do best is spoken.
            let expected = match (ours, theirs) {
                (Both | V1_1, Both | V1_1) => Some(Version::V1_1),
                (V1_1, _) | (_, V1_1) => None,
                _ => Some(Version::V1_0),
            };
            let session = client.sessions().next().and_then(|(_, session)| session);
            let spoken = session.map(|session| session.version());
            assert_eq!(outcome.is_ok(), expected.is_some(), "{ours:?} {theirs:?}");
            if outcome.is_ok() {
                assert_eq!(spoken, expected, "{ours:?} {theirs:?}");
            }
        }
    }
}

#[tokio::test]
async fn fingerprints_decide_on_both_ends() {
    let authority = Authority::new();
    let (server, known) = (authority.issue("radius.example"), authority.issue("nas"));
    let mark = Mark::Sha256(known.certificate().sha256());
    let nas = TlsPeer::named("by fingerprint", Transport::Tls).unwrap();
    let pin = server.certificate().sha256();
    let config = ServerConfig::new(server).trust(authority.trust());
    let running = serve(&Acceptor::new(config.peer(nas.mark(mark))).unwrap()).await;
    let other = authority.issue("nas");
    for (identity, pin, expected) in [
        (&known, pin, true),
        (&known, [7; 32], false),
        (&other, pin, false),
    ] {
        let config = ClientConfig::new(identity.clone(), authority.trust(), "127.0.0.1");
        let client = client(config.unwrap().pin(pin), running.address()).await;
        let outcome = client.access(Access::pap("tim", "12345")).await;
        assert_eq!(outcome.is_ok(), expected);
        let open = running.connections().list();
        let names = open.iter().map(|open| open.peer.name().as_ref());
        let expected = if expected {
            &["by fingerprint"][..]
        } else {
            &[]
        };
        assert_eq!(names.collect::<Vec<_>>(), expected);
        drop(client);
        until(|| running.connections().is_empty()).await;
    }
}

#[tokio::test]
async fn what_is_not_tls_or_stops_midway_ends_and_disturbs_nobody() {
    let authority = Authority::new();
    let limits = ConnectionLimits {
        handshake: Duration::from_millis(300),
        ..ConnectionLimits::default()
    };
    let server = Server::new(Inn::default()).connections(limits);
    let acceptor = Acceptor::new(authority.server()).unwrap();
    let running = server
        .radsec("127.0.0.1:0", acceptor)
        .start()
        .await
        .unwrap();
    let client = client(authority.client("nas.example"), running.address()).await;
    let mut plain = TcpStream::connect(running.address()).await.unwrap();
    plain.write_all(&[1, 1, 0, 20]).await.unwrap();
    until(|| running.counters().hung_up(Hangup::NotTls) == 1).await;
    let _silent = TcpStream::connect(running.address()).await.unwrap();
    let outcome = client.access(Access::pap("tim", "12345")).await.unwrap();
    assert!(outcome.is_accept());
    until(|| running.counters().hung_up(Hangup::HandshakeTimeout) == 1).await;
    assert_eq!(running.counters().connections, 1);
}

#[tokio::test]
async fn handshakes_that_never_end_are_bounded() {
    let authority = Authority::new();
    let limits = ConnectionLimits {
        half_open_per_address: 4,
        ..ConnectionLimits::default()
    };
    let server = Server::new(Inn::default()).connections(limits);
    let acceptor = Acceptor::new(authority.server()).unwrap();
    let running = server
        .radsec("127.0.0.1:0", acceptor)
        .start()
        .await
        .unwrap();
    let mut held = Vec::new();
    for _ in 0..12 {
        held.push(TcpStream::connect(running.address()).await.unwrap());
    }
    until(|| running.counters().hung_up(Hangup::TooManyHalfOpen) == 8).await;
    assert_eq!(running.counters().half_open, 4);
    drop(held);
    until(|| running.counters().half_open == 0).await;
}

#[tokio::test]
async fn a_peer_has_no_more_connections_than_it_may() {
    let authority = Authority::new();
    let nas = TlsPeer::named("nas", Transport::Tls).unwrap();
    let config = ServerConfig::new(authority.issue("radius.example"))
        .trust(authority.trust())
        .peer(nas.mark(Mark::Any).max_connections(1));
    let running = serve(&Acceptor::new(config).unwrap()).await;
    let first = client(authority.client("a.example"), running.address()).await;
    assert!(first.access(Access::pap("tim", "12345")).await.is_ok());
    let second = client(authority.client("b.example"), running.address()).await;
    second
        .access(Access::pap("tim", "12345"))
        .await
        .unwrap_err();
    assert_eq!(running.counters().hung_up(Hangup::TooManyFromPeer), 1);
    assert!(first.access(Access::pap("tim", "12345")).await.is_ok());
}

#[tokio::test]
async fn a_reload_ends_what_is_no_longer_trusted_and_nothing_else() {
    let authority = Authority::new();
    let both = |names: &[&str]| {
        let config = ServerConfig::new(authority.issue("radius.example")).trust(authority.trust());
        names.iter().fold(config, |config, name| {
            let nas = TlsPeer::named(name, Transport::Tls).unwrap();
            config.peer(nas.mark(Mark::Dns((*name).to_owned())))
        })
    };
    let acceptor = Acceptor::new(both(&["a.example", "b.example"])).unwrap();
    let running = serve(&acceptor).await;
    let a = client(authority.client("a.example"), running.address()).await;
    let b = client(authority.client("b.example"), running.address()).await;
    assert!(a.access(Access::pap("tim", "12345")).await.is_ok());
    assert!(b.access(Access::pap("tim", "12345")).await.is_ok());
    acceptor.reload(both(&["a.example", "c.example"])).unwrap();
    until(|| running.counters().hung_up(Hangup::TrustWithdrawn) == 1).await;
    let open = running.connections().list();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].peer.name().as_ref(), "a.example");
    assert!(a.access(Access::pap("tim", "12345")).await.is_ok());
    assert_eq!(
        running.counters().accepted,
        2,
        "the same connection as before"
    );
}

struct Nas;

impl Handler for Nas {
    async fn coa(&self, request: &CoaRequest) -> CoaReply {
        match request.user_name() {
            Some("tim") => CoaReply::ack(),
            _ => CoaReply::nak(ErrorCause::SessionContextNotFound),
        }
    }

    async fn disconnect(&self, _request: &DisconnectRequest) -> DisconnectReply {
        DisconnectReply::ack()
    }
}

#[tokio::test]
async fn requests_go_back_down_a_connection_that_the_nas_opened() {
    let authority = Authority::new();
    for versions in [Versions::V1_0, Versions::V1_1] {
        let running = serve(&Acceptor::new(authority.server()).unwrap()).await;
        let config = authority.client("nas.example").versions(versions);
        let client = Client::radsec(running.address(), config).reverse(Nas);
        let client = client.await.unwrap();
        assert!(running.connections().toward("nas").is_none());
        let outcome = client.access(Access::pap("tim", "12345")).await.unwrap();
        assert!(outcome.is_accept());
        let back = running.connections().toward("nas").unwrap();
        let whose = |name: &str| AttributeList::new().with(attr::USER_NAME, name);
        assert!(back.coa(whose("tim")).await.unwrap().is_ack());
        let DynamicOutcome::Nak(nak) = back.coa(whose("tom")).await.unwrap() else {
            panic!("there is no tom");
        };
        assert_eq!(nak.get(attr::ERROR_CAUSE), Some(503));
        assert!(back.disconnect(whose("tim")).await.unwrap().is_ack());
        let refused = back.access(Access::pap("tim", "12345")).await.unwrap_err();
        assert!(matches!(refused, Error::ProtocolError { .. }), "{refused}");
        drop(client);
        until(|| running.connections().is_empty()).await;
        let failed = back.coa(whose("tim")).await.unwrap_err();
        assert!(matches!(failed, Error::Connection { .. }), "{failed}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_serve_says_so_and_another_is_asked() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.server()).unwrap();
    let running = serve(&acceptor).await;
    let alone = client(authority.client("nas.example"), running.address()).await;
    let failed = alone.access(Access::pap("failing", "x")).await.unwrap_err();
    assert!(
        matches!(
            failed,
            Error::ProtocolError {
                cause: Some(502),
                ..
            }
        ),
        "{failed}"
    );
    let other = Server::access(|_| AccessReply::accept());
    let other = other.radsec("127.0.0.1:0", acceptor).start().await.unwrap();
    let second =
        portreeve::client::Upstream::radsec(other.address(), authority.client("nas.example"));
    let both = Client::radsec(running.address(), authority.client("nas.example"))
        .server_with(second.unwrap())
        .await
        .unwrap();
    assert!(
        both.access(Access::pap("failing", "x"))
            .await
            .unwrap()
            .is_accept()
    );
}

#[tokio::test]
async fn a_lost_connection_is_opened_again() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.server()).unwrap();
    let running = serve(&acceptor).await;
    let address = running.address();
    let client = client(authority.client("nas.example"), address).await;
    assert!(client.access(Access::pap("tim", "12345")).await.is_ok());
    let counters = running.stop().await;
    assert_eq!(counters.hung_up(Hangup::Stopping), 1);
    client
        .access(Access::pap("tim", "12345"))
        .await
        .unwrap_err();
    let server = Server::new(Inn::default());
    let again = server.radsec(address, acceptor).start().await.unwrap();
    assert!(client.access(Access::pap("tim", "12345")).await.is_ok());
    assert_eq!(again.connections().len(), 1);
}

#[tokio::test]
async fn plain_tcp_serves_the_peers_that_are_to_use_it() {
    let secret = Secret::new("s3cret").unwrap();
    let server = Server::new(Inn::default())
        .peer_with(
            Peer::new("tcp", secret).transport(Transport::Tcp),
            "127.0.0.1",
        )
        .reject_delay(Duration::ZERO)
        .tcp("127.0.0.1:0")
        .udp("127.0.0.1:0");
    let running = server.start().await.unwrap();
    let [udp, tcp] = running.addresses() else {
        panic!("{:?}", running.addresses());
    };
    let retry = Retry::once(Duration::from_millis(500));
    let client = Client::tcp(*tcp, "s3cret").retry(retry).await.unwrap();
    assert!(
        client
            .access(Access::pap("tim", "12345"))
            .await
            .unwrap()
            .is_accept()
    );
    client.accounting(Accounting::start("1")).await.unwrap();
    let wrong = Client::tcp(*tcp, "other").retry(retry).await.unwrap();
    wrong.access(Access::pap("tim", "12345")).await.unwrap_err();
    assert_eq!(running.counters().hung_up(Hangup::BadPacket), 1);
    let datagrams = Client::udp(*udp, "s3cret").retry(retry).await.unwrap();
    datagrams
        .access(Access::pap("tim", "12345"))
        .await
        .unwrap_err();
    let discarded = running.counters();
    assert!(discarded.discarded(portreeve::Discard::TransportNotAllowed) > 0);
}

#[tokio::test]
async fn bad_packets_end_their_connection_and_half_a_packet_does_in_time() {
    let secret = Secret::new("s3cret").unwrap();
    let limits = ConnectionLimits {
        packet: Duration::from_millis(200),
        idle: Duration::from_millis(700),
        ..ConnectionLimits::default()
    };
    let server = Server::new(Inn::default())
        .peer_with(
            Peer::new("tcp", secret).transport(Transport::Tcp),
            "127.0.0.1",
        )
        .connections(limits)
        .tcp("127.0.0.1:0");
    let running = server.start().await.unwrap();
    for (sent, times) in [(&[1, 1, 0, 19][..], 1), (&[1, 1, 0xff, 0xff, 1], 2)] {
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
        assert_eq!(running.counters().hung_up(Hangup::BadPacket), times);
    }
    let mut idle = TcpStream::connect(running.address()).await.unwrap();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(running.counters().hung_up(Hangup::IdleTimeout), 1);
}

#[tokio::test]
async fn a_server_that_answers_nothing_is_left_and_tried_again() {
    struct Mute;
    impl Handler for Mute {
        async fn access(&self, _request: &AccessRequest) -> AccessReply {
            std::future::pending().await
        }
    }
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.server()).unwrap();
    let mute = Server::new(Mute).radsec("127.0.0.1:0", acceptor.clone());
    let mute = mute.start().await.unwrap();
    let lively = serve(&acceptor).await;
    let config = || authority.client("nas.example").versions(Versions::V1_0);
    let second = portreeve::client::Upstream::radsec(lively.address(), config()).unwrap();
    let retry = Retry {
        initial: Duration::from_millis(200),
        ..Retry::default()
    };
    let client = Client::radsec(mute.address(), config())
        .server_with(second)
        .retry(retry)
        .await
        .unwrap();
    let outcome = client.access(Access::pap("tim", "12345")).await.unwrap();
    assert!(outcome.is_accept());
    assert_eq!(outcome.response().server(), lively.address());
}

#[tokio::test]
async fn one_port_may_be_listened_on_over_ipv4_and_ipv6_with_no_peer_yet() {
    let authority = Authority::new();
    let nobody = ServerConfig::new(authority.issue("radius.example")).trust(authority.trust());
    let acceptor = Acceptor::new(nobody).unwrap();
    let start = |address: String| {
        Server::new(Inn::default())
            .radsec(address, acceptor.clone())
            .start()
    };
    let first = start("0.0.0.0:0".to_owned()).await.unwrap();
    let port = first.address().port();
    let second = start(format!("[::]:{port}")).await.unwrap();
    let retry = Retry::once(Duration::from_millis(500));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let refused = Client::radsec(address, authority.client("nas.example"))
        .retry(retry)
        .await;
    if let Ok(client) = refused {
        client.status().await.unwrap_err();
    }
    until(|| first.counters().hung_up(Hangup::NotRecognised) > 0).await;
    assert_eq!(second.counters().accepted, 0);
    acceptor.reload(authority.server()).unwrap();
    let client = client(authority.client("nas.example"), address).await;
    client.status().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_one_that_says_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let watchdog = portreeve::client::Watchdog {
        interval: Duration::from_millis(150),
        ..portreeve::client::Watchdog::default()
    };
    let retry = Retry {
        count: 1,
        ..Retry::default()
    };
    let client = Client::tcp(address, "s3cret").watchdog(watchdog);
    let client = client.retry(retry).await.unwrap();
    let reason = |error| match error {
        Error::Connection { refused, .. } => refused.reason,
        other => panic!("{other}"),
    };
    let failed = client.access(Access::pap("tim", "12345")).await;
    assert_eq!(reason(failed.unwrap_err()), Hangup::Unanswering);
    silent.abort();
    silent.await.unwrap_err();
    let client = Client::tcp(address, "s3cret").retry(retry).await.unwrap();
    let failed = client.access(Access::pap("tim", "12345")).await;
    assert_eq!(reason(failed.unwrap_err()), Hangup::Unreachable);
}

#[cfg(feature = "openssl")]
mod openssl {
    use portreeve::tls::Psk;

    use super::*;

    fn dtls_peer() -> TlsPeer {
        TlsPeer::named("nas", Transport::Dtls).unwrap()
    }

    async fn everything(client: &Client) {
        for access in [
            Access::pap("tim", "12345"),
            Access::mschapv2("tim", "12345"),
        ] {
            assert!(client.access(access).await.unwrap().is_accept());
        }
        client.accounting(Accounting::start("1")).await.unwrap();
        client.status().await.unwrap();
    }

    #[tokio::test]
    async fn certificates_and_shared_keys_open_dtls_associations() {
        let authority = Authority::new();
        let key = || Psk::new("nas-key", &[7; 32]).unwrap().for_tls12();
        let config = ServerConfig::new(authority.issue("radius.example"))
            .trust(authority.trust())
            .peer(dtls_peer().mark(Mark::Dns("nas.example".into())).psk(key()));
        let acceptor = Acceptor::new(config).unwrap();
        let server = Server::new(Inn::default()).dtls("127.0.0.1:0", acceptor);
        let running = server.start().await.unwrap();
        for (config, versions) in [
            (authority.client("nas.example"), Versions::V1_0),
            (ClientConfig::with_psk(key()).unwrap(), Versions::V1_0),
        ] {
            let client = Client::dtls(running.address(), config.versions(versions));
            let client = client.await.unwrap();
            everything(&client).await;
            let open = running.connections().list();
            assert!(open.iter().all(|open| open.transport == Transport::Dtls));
        }
        let stranger = Client::dtls(running.address(), authority.client("other.example"));
        let retry = Retry::once(Duration::from_secs(3));
        let stranger = stranger.retry(retry).await.unwrap();
        stranger
            .access(Access::pap("tim", "12345"))
            .await
            .unwrap_err();
    }

    #[tokio::test]
    async fn a_shared_key_opens_a_tls_connection_beside_certificates() {
        let authority = Authority::new();
        let key = || Psk::new("nas-key", &[7; 32]).unwrap();
        let nas = TlsPeer::named("nas", Transport::Tls).unwrap();
        let config = ServerConfig::new(authority.issue("radius.example"))
            .trust(authority.trust())
            .peer(nas.mark(Mark::Dns("nas.example".into())).psk(key()));
        let running = serve(&Acceptor::new(config).unwrap()).await;
        let shared = client(ClientConfig::with_psk(key()).unwrap(), running.address()).await;
        everything(&shared).await;
        let shown = client(authority.client("nas.example"), running.address()).await;
        everything(&shown).await;
        let wrong = Psk::new("nas-key", &[8; 32]).unwrap();
        let wrong = client(ClientConfig::with_psk(wrong).unwrap(), running.address()).await;
        wrong.access(Access::pap("tim", "12345")).await.unwrap_err();
        until(|| running.counters().hung_up(Hangup::PskUnknown) == 1).await;
    }
}
