//! Changing and ending sessions over UDP, both ends.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use portreeve::{
    AttributeList, Client, CoaReply, CoaRequest, Code, Discard, DisconnectReply, DisconnectRequest,
    DuplicateLimits, DynamicLimits, Error, ErrorCause, Handler, Packet, Peer, Running, Secret,
    Server, attr,
    client::{DynamicOutcome, Retry},
};
use portreeve_proto::Ask;

use crate::nas::{Nas, PATIENCE};

const SECRET: &str = "xyzzy5461";

/// A NAS with one session: tim's.
#[derive(Default)]
struct Port {
    asked: AtomicUsize,
}

impl Handler for Port {
    async fn coa(&self, request: &CoaRequest) -> CoaReply {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Err(objection) = request.only(&[attr::SESSION_TIMEOUT.spec()]) {
            return objection.into();
        }
        match request.user_name() {
            Some("tim") => CoaReply::ack(),
            Some("defective") => CoaReply::nak(ErrorCause::ResidualSessionContextRemoved),
            Some("late") => CoaReply::ack().with(attr::EVENT_TIMESTAMP, seconds_ago(400)),
            _ => CoaReply::nak(ErrorCause::SessionContextNotFound),
        }
    }

    async fn disconnect(&self, request: &DisconnectRequest) -> DisconnectReply {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match request.user_name() {
            Some("tim") => DisconnectReply::ack(),
            Some("residue") => DisconnectReply::ack_residual(),
            _ => DisconnectReply::nak(ErrorCause::SessionContextNotFound),
        }
    }
}

fn seconds_ago(seconds: u64) -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u32::try_from(now.as_secs() - seconds).unwrap()
}

fn whose(name: &str) -> AttributeList {
    AttributeList::new().with(attr::USER_NAME, name)
}

async fn port() -> (Running, Arc<Port>) {
    let port = Arc::new(Port::default());
    let server = Server::new(Arc::clone(&port)).peer("127.0.0.1", SECRET);
    let running = server.dynamic("127.0.0.1:0").start().await.unwrap();
    (running, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_changed_once_however_often_it_is_asked_for() {
    let (running, port) = port().await;
    let mut nas = Nas::new(running.address(), SECRET);
    let list = whose("tim").with(attr::EVENT_TIMESTAMP, seconds_ago(0));
    for (ask, ack) in [
        (Ask::Coa, Code::COA_ACK),
        (Ask::Disconnect, Code::DISCONNECT_ACK),
    ] {
        let sent = nas.send(ask, &list);
        let answer = nas.receive();
        assert_eq!(nas.verify(&sent, &answer).unwrap().code(), ack);
        for _ in 0..3 {
            nas.send_again(&sent);
            assert_eq!(nas.receive(), answer);
        }
    }
    assert_eq!(port.asked.load(Ordering::SeqCst), 2);
    assert_eq!(running.counters().replayed, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_or_from_whom_it_may_not_come_meets_silence() {
    let port = Arc::new(Port::default());
    let limits = DuplicateLimits {
        dynamic: DynamicLimits {
            require_event_timestamp: true,
            window: Duration::from_mins(1),
            ..DynamicLimits::default()
        },
        ..DuplicateLimits::default()
    };
    let secret = || Secret::new(SECRET).unwrap();
    let hotspot = Peer::new("hotspot", secret()).may_change_sessions(false);
    let running = Server::new(Arc::clone(&port))
        .peer_with(hotspot, "127.0.0.0/8")
        .peer("127.0.0.1", SECRET)
        .duplicates(limits)
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let mut nas = Nas::new(running.address(), SECRET);
    nas.send(Ask::Coa, &whose("tim"));
    let old = whose("tim").with(attr::EVENT_TIMESTAMP, seconds_ago(90));
    nas.send(Ask::Disconnect, &old);
    assert!(nas.hears_nothing());
    let mut other = Nas::new(running.address(), SECRET);
    other.socket = UdpSocket::bind("127.0.0.9:0").unwrap();
    other.socket.connect(running.address()).unwrap();
    let fresh = whose("tim").with(attr::EVENT_TIMESTAMP, seconds_ago(30));
    other.send(Ask::Disconnect, &fresh);
    assert!(other.hears_nothing());
    let counters = running.counters();
    assert_eq!(counters.discarded(Discard::EventTimestampMissing), 1);
    assert_eq!(counters.discarded(Discard::EventTimestampStale), 1);
    assert_eq!(counters.discarded(Discard::DynamicNotAllowed), 1);
    assert_eq!(port.asked.load(Ordering::SeqCst), 0);
    assert_eq!(nas.ask(Ask::Disconnect, &fresh).0, Code::DISCONNECT_ACK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_has_only_one_answer_asks_no_handler() {
    let (running, port) = port().await;
    let client = Client::udp(running.address(), SECRET).await.unwrap();
    let everybody = AttributeList::new().with(attr::NAS_IDENTIFIER, "us");
    let outcome = client.disconnect(everybody).await.unwrap();
    assert_eq!(outcome.cause(), Some(ErrorCause::MissingAttribute));
    let more = whose("tim").with(attr::SESSION_TIMEOUT, 60);
    let outcome = client.disconnect(more).await.unwrap();
    assert_eq!(outcome.cause(), Some(ErrorCause::UnsupportedAttribute));
    assert_eq!(port.asked.load(Ordering::SeqCst), 0);
    let outcome = client
        .coa(whose("tim").with(attr::FILTER_ID, "x"))
        .await
        .unwrap();
    assert_eq!(outcome.cause(), Some(ErrorCause::UnsupportedAttribute));
    assert_eq!(port.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_say_why_and_whether_the_session_is_gone() {
    let (running, _port) = port().await;
    let client = Client::udp(running.address(), SECRET).await.unwrap();
    let done = client.disconnect(whose("tim")).await.unwrap();
    assert!(done.is_ack() && !done.is_gone() && done.cause().is_none());
    let residue = client.disconnect(whose("residue")).await.unwrap();
    assert!(residue.is_ack() && residue.cause().is_some_and(ErrorCause::is_success));
    let gone = client.disconnect(whose("tom")).await.unwrap();
    assert!(!gone.is_ack() && gone.is_gone());
    // A handler that gives a cause of success for a failure is defective.
    let defective = client.coa(whose("defective")).await.unwrap();
    assert_eq!(defective.cause(), Some(ErrorCause::ResourcesUnavailable));
    assert!(!defective.is_gone());
    assert_eq!(running.counters().discarded(Discard::ReplyUnencodable), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_old_does_not_count() {
    let (running, _port) = port().await;
    let once = Retry::once(Duration::from_millis(300));
    let client = Client::udp(running.address(), SECRET).retry(once).await;
    let client = client.unwrap();
    let error = client.coa(whose("late")).await.unwrap_err();
    assert!(
        matches!(error, Error::StaleReplies { replies: 1, .. }),
        "{error}"
    );
    let (_, counters) = client.counters().next().unwrap();
    assert_eq!((counters.stale, counters.answered), (1, 0));
}

#[tokio::test]
async fn a_retransmission_is_the_same_packet_and_the_next_request_another() {
    let wire = UdpSocket::bind("127.0.0.1:0").unwrap();
    wire.set_read_timeout(Some(PATIENCE)).unwrap();
    let retry = Retry {
        initial: Duration::from_millis(700),
        maximum: Duration::from_millis(700),
        count: 3,
        ..Retry::default()
    };
    let client = Client::udp(wire.local_addr().unwrap(), SECRET).retry(retry);
    let client = client.await.unwrap();
    let began = seconds_ago(0);
    let mut sent = Vec::new();
    for _ in 0..2 {
        let outcome: Result<DynamicOutcome, _> = client.coa(whose("tim")).await;
        outcome.unwrap_err();
        let so_far = sent.len();
        while sent.len() < so_far + 3 {
            let mut octets = vec![0; 4096];
            let length = wire.recv(&mut octets).unwrap();
            octets.truncate(length);
            // A silent server is asked whether it is there besides.
            if octets[0] == Code::COA_REQUEST.0 {
                sent.push(octets);
            }
        }
    }
    assert!(sent[..3].iter().all(|octets| *octets == sent[0]));
    assert!(sent[3..].iter().all(|octets| *octets == sent[3]));
    let [first, second] = [0, 3].map(|index| Packet::parse(&sent[index]).unwrap());
    let stamps = [first, second].map(|packet| packet.get(attr::EVENT_TIMESTAMP).unwrap());
    assert!(began <= stamps[0] && stamps[0] < stamps[1], "{stamps:?}");
    assert_ne!(first.identifier(), second.identifier());
    assert!(first.has(attr::MESSAGE_AUTHENTICATOR));
    assert_eq!(client.sockets(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_rest_as_long_as_there_are_others() {
    let (running, port) = port().await;
    for (sockets, expected) in [(2, 2), (1, 1)] {
        let client = Client::udp(running.address(), SECRET).sockets(sockets);
        let client = client.await.unwrap();
        let before = port.asked.load(Ordering::SeqCst);
        for number in 0..300 {
            let list = whose("tim").with(attr::SESSION_TIMEOUT, number);
            assert!(client.coa(list).await.unwrap().is_ack(), "{number}");
        }
        assert_eq!(client.sockets(), expected);
        assert_eq!(port.asked.load(Ordering::SeqCst), before + 300);
    }
}
