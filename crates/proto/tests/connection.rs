//! The server's and the client's end on a connection: RADIUS/1.1, TLS, longer packets.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs some starting point in time"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as expected"
)]

use std::{
    sync::Arc,
    time::{Instant, UNIX_EPOCH},
};

use portreeve_proto::{
    AccessReply, AccountingReply, Answered, Arrival, Ask, AttributeList, Code, Discard,
    DuplicateLimits, Endpoint, ErrorCause, Incoming, Packet, Peer, Query, Received, Reply, Role,
    Secret, Ticket, Transport, Version, attr,
};

struct Bench {
    endpoint: Endpoint,
    peer: Arc<Peer>,
    role: Role,
    out: Vec<u8>,
}

impl Bench {
    fn new(transport: Transport, version: Version) -> Self {
        let secret = Secret::of_transport(transport).unwrap();
        let peer = Peer::new("nas", secret).transport(transport);
        Self {
            endpoint: Endpoint::connection(transport, version, &DuplicateLimits::default()),
            peer: Arc::new(peer),
            role: Role::Home,
            out: Vec::new(),
        }
    }

    fn receive(&mut self, octets: &[u8]) -> Received {
        let arrival = Arrival {
            now: Instant::now(),
            clock: UNIX_EPOCH,
            listener: 0,
            role: self.role,
            from: ([192, 0, 2, 1], 40_000).into(),
            datagram: octets,
        };
        self.endpoint
            .receive_from(&self.peer, &arrival, &mut random, &mut self.out)
    }

    fn request(&mut self, octets: &[u8]) -> (Incoming, Ticket) {
        match self.receive(octets) {
            Received::Request(incoming, ticket) => (incoming, ticket),
            other => panic!("{other:?}"),
        }
    }

    fn discard(&mut self, octets: &[u8]) -> Discard {
        match self.receive(octets) {
            Received::Discarded(reason, Some(_)) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, octets: &[u8], reply: impl Into<Reply>) -> Answered {
        let (incoming, ticket) = self.request(octets);
        let (now, reply) = (Instant::now(), reply.into());
        self.endpoint
            .answer(now, &incoming, &ticket, &reply, &mut random, &mut self.out)
            .unwrap()
    }
}

fn random(octets: &mut [u8]) {
    octets.fill(0x5a);
}

fn log_in() -> AttributeList {
    AttributeList::new()
        .with(attr::USER_NAME, "nemo")
        .with(attr::USER_PASSWORD, "arctangent")
        .with(attr::PROXY_STATE, &b"way back"[..])
}

fn open(ask: Ask, token: u32, attributes: &AttributeList) -> (Query, Vec<u8>) {
    let mut out = Vec::new();
    let query = Query::encode_open(ask, token, attributes, &mut out).unwrap();
    (query, out)
}

fn signed(transport: Transport, ask: Ask, attributes: &AttributeList) -> (Query, Vec<u8>) {
    let (mut out, secret) = (Vec::new(), Secret::of_transport(transport).unwrap());
    let query = Query::encode(ask, 7, attributes, &secret, false, &mut random, &mut out).unwrap();
    (query, out)
}

#[test]
fn radius_1_1_has_a_token_and_neither_secrets_nor_signatures() {
    let (query, octets) = open(Ask::Access, 0xdead_beef, &log_in());
    // RFC 9765 section 4.1: code, a zero, the length, the Token, twelve zeros.
    assert_eq!(octets[..2], [1, 0]);
    assert_eq!(octets[4..8], [0xde, 0xad, 0xbe, 0xef]);
    assert_eq!(octets[8..20], [0; 12]);
    assert_eq!(octets[26..38], *b"\x02\x0carctangent", "not hidden");
    let mut bench = Bench::new(Transport::Tls, Version::V1_1);
    let (incoming, ticket) = bench.request(&octets);
    let Incoming::Access(request) = &incoming else {
        panic!("{incoming:?}");
    };
    assert!(request.is_protected() && !request.has(attr::MESSAGE_AUTHENTICATOR));
    assert_eq!(
        (request.version(), request.transport()),
        (Version::V1_1, Transport::Tls)
    );
    let password = request.reveal(attr::USER_PASSWORD).unwrap();
    assert_eq!(password.as_slice(), b"arctangent");
    let reply = AccessReply::accept()
        .with(attr::TUNNEL_PASSWORD, (3, "psk"))
        .with(attr::microsoft::MPPE_SEND_KEY, &[9_u8; 32][..]);
    let mut out = Vec::new();
    let sent = bench.endpoint.answer(
        Instant::now(),
        &incoming,
        &ticket,
        &reply.into(),
        &mut random,
        &mut out,
    );
    assert_eq!(sent, Ok(Answered::Send));
    let answer = query
        .accept(&out, &Secret::new("any").unwrap(), true)
        .unwrap();
    assert_eq!(answer.token(), 0xdead_beef);
    assert!(!answer.has(attr::MESSAGE_AUTHENTICATOR));
    // The tag stays, the salt goes (RFC 9765 section 5.1.3).
    assert_eq!(out[20..26], *b"\x45\x06\x03psk");
    let key = answer.get(attr::PROXY_STATE).unwrap();
    assert_eq!(key, b"way back");
}

#[test]
fn a_token_tells_requests_apart_and_nothing_else_does() {
    let mut bench = Bench::new(Transport::Tls, Version::V1_1);
    let (_, first) = open(Ask::Access, 1, &log_in());
    let (_, second) = open(Ask::Access, 2, &log_in());
    let (_incoming, _ticket) = bench.request(&first);
    let (_incoming, _ticket) = bench.request(&second);
    let mut again = first.clone();
    again[12] = 77;
    assert_eq!(bench.discard(&again), Discard::TokenReused);
    assert!(Discard::TokenReused.ends_stream());
}

#[test]
fn a_token_is_free_again_once_its_request_is_answered() {
    let mut bench = Bench::new(Transport::Tls, Version::V1_1);
    let (_, octets) = open(Ask::Access, 1, &log_in());
    for _ in 0..3 {
        assert_eq!(bench.answer(&octets, AccessReply::reject()), Answered::Send);
        assert_eq!(bench.endpoint.remembered(), 0);
    }
}

#[test]
fn over_dtls_a_repeated_token_gets_the_answer_it_got_before() {
    let mut bench = Bench::new(Transport::Dtls, Version::V1_1);
    let (_, octets) = open(Ask::Access, 1, &log_in());
    assert_eq!(bench.answer(&octets, AccessReply::reject()), Answered::Send);
    let before = bench.out.clone();
    assert!(matches!(bench.receive(&octets), Received::Replayed));
    assert_eq!(bench.out, before);
}

#[test]
fn a_message_authenticator_in_radius_1_1_means_nothing() {
    let mut attributes = log_in();
    attributes.push(attr::MESSAGE_AUTHENTICATOR.spec(), 0, &[1; 16]);
    let (_, octets) = open(Ask::Access, 1, &attributes);
    let mut bench = Bench::new(Transport::Tls, Version::V1_1);
    assert_eq!(bench.answer(&octets, AccessReply::reject()), Answered::Send);
}

#[test]
fn radius_1_1_leaves_no_request_unanswered() {
    let mut bench = Bench::new(Transport::Tls, Version::V1_1);
    for (ask, reply, cause) in [
        (Ask::Access, Reply::from(AccessReply::silent()), 506),
        (Ask::Accounting, AccountingReply::silent().into(), 506),
        (
            Ask::Access,
            AccessReply::failed(ErrorCause::RequestNotRoutable).into(),
            502,
        ),
    ] {
        let (query, octets) = open(ask, 1, &log_in());
        assert_eq!(bench.answer(&octets, reply), Answered::Send);
        let answer = query
            .accept(&bench.out, &Secret::new("any").unwrap(), true)
            .unwrap();
        assert_eq!(answer.code(), Code::PROTOCOL_ERROR);
        assert_eq!(answer.get(attr::ERROR_CAUSE), Some(cause));
        assert!(!answer.has(attr::ORIGINAL_PACKET_CODE));
    }
}

#[test]
fn over_tls_the_demands_on_udp_peers_do_not_count_and_signatures_still_must_hold() {
    let mut bench = Bench::new(Transport::Tls, Version::V1_0);
    let (query, octets) = signed(Transport::Tls, Ask::Access, &log_in());
    assert_eq!(bench.answer(&octets, AccessReply::accept()), Answered::Send);
    let secret = Secret::of_transport(Transport::Tls).unwrap();
    let answer = query.accept(&bench.out, &secret, true).unwrap();
    assert_eq!(answer.code(), Code::ACCESS_ACCEPT);
    let mut forged = octets.clone();
    forged[19] ^= 1;
    let reason = bench.discard(&forged);
    assert_eq!(reason, Discard::MessageAuthenticatorWrong);
    assert!(reason.ends_stream());
    // A peer of many years sends none, and TLS protects what it sends.
    let mut bare = vec![1, 9, 0, 26];
    bare.extend_from_slice(&[3; 16]);
    bare.extend_from_slice(b"\x01\x06nemo");
    assert_eq!(bench.answer(&bare, AccessReply::reject()), Answered::Send);
}

#[test]
fn silence_stays_silence_over_radius_1_0_and_a_failure_is_told() {
    let mut bench = Bench::new(Transport::Tls, Version::V1_0);
    let (_, octets) = signed(Transport::Tls, Ask::Access, &log_in());
    assert_eq!(
        bench.answer(&octets, AccessReply::silent()),
        Answered::Silent
    );
    let reply = AccessReply::failed(ErrorCause::OtherProxyProcessingError);
    assert_eq!(bench.answer(&octets, reply), Answered::Send);
    let answer = Packet::parse(&bench.out).unwrap();
    assert_eq!(answer.code(), Code::PROTOCOL_ERROR);
    assert_eq!(answer.get(attr::ERROR_CAUSE), Some(505));
    assert_eq!(answer.get(attr::ORIGINAL_PACKET_CODE), Some(1));
}

#[test]
fn what_is_not_served_here_is_told_so_over_tls() {
    let mut bench = Bench::new(Transport::Tls, Version::V1_0);
    let (query, octets) = signed(Transport::Tls, Ask::Disconnect, &log_in());
    let Received::Refused(Discard::CodeNotAllowed, _) = bench.receive(&octets) else {
        panic!("it is refused");
    };
    let secret = Secret::of_transport(Transport::Tls).unwrap();
    let answer = query.accept(&bench.out, &secret, true).unwrap();
    assert_eq!(answer.code(), Code::PROTOCOL_ERROR);
    assert_eq!(answer.get(attr::ERROR_CAUSE), Some(406));
    assert!(!Discard::CodeNotAllowed.ends_stream());
    // Nothing answers an answer.
    let mut stray = octets;
    stray[0] = Code::ACCESS_ACCEPT.0;
    assert_eq!(bench.discard(&stray), Discard::CodeNotAllowed);
    assert!(bench.out.is_empty());
}

#[test]
fn a_peer_that_is_to_use_tls_gets_nothing_otherwise() {
    let secret = Secret::new("radsec").unwrap();
    let peer = Arc::new(Peer::new("nas", secret).transport(Transport::Tls));
    let mut bench = Bench::new(Transport::Dtls, Version::V1_0);
    bench.peer = peer;
    let (_, octets) = signed(Transport::Dtls, Ask::Access, &log_in());
    assert_eq!(bench.discard(&octets), Discard::TransportNotAllowed);
}

#[test]
fn a_stream_carries_longer_packets_both_ways_where_its_peer_says_so() {
    let long = |pieces: usize| {
        let mut list = log_in();
        for _ in 0..pieces {
            list.push(attr::REPLY_MESSAGE.spec(), 0, &[b'a'; 253]);
        }
        list
    };
    let mut bench = Bench::new(Transport::Tls, Version::V1_1);
    let reply = AccessReply::accept().with_all(&long(40));
    let (_, octets) = open(Ask::Access, 1, &log_in());
    assert_eq!(bench.answer(&octets, reply.clone()), Answered::Send);
    let answer = Packet::parse(&bench.out).unwrap();
    assert_eq!(answer.get(attr::ERROR_CAUSE), Some(601), "too big for it");
    let says = log_in().with(attr::RESPONSE_LENGTH, 20_000);
    let (_, octets) = open(Ask::Access, 1, &says);
    assert_eq!(bench.answer(&octets, reply), Answered::Send);
    assert!(bench.out.len() > 10_000);
    let mut longest = vec![1, 0, 0, 0];
    longest.extend_from_slice(&[0; 16]);
    while longest.len() + 255 <= Packet::MAX_STREAM {
        longest.extend_from_slice(&[18, 255]);
        longest.extend_from_slice(&[b'a'; 253]);
    }
    let length = u16::try_from(longest.len()).unwrap().to_be_bytes();
    longest[2..4].copy_from_slice(&length);
    assert_eq!(
        bench.answer(&longest, AccessReply::reject()),
        Answered::Send
    );
    let mut datagrams = Bench::new(Transport::Dtls, Version::V1_1);
    assert_eq!(datagrams.discard(&longest), Discard::Length);
}

#[test]
fn a_status_server_is_answered_on_a_connection() {
    for version in [Version::V1_0, Version::V1_1] {
        let mut bench = Bench::new(Transport::Tls, version);
        let nothing = AttributeList::new();
        let (query, octets) = match version {
            Version::V1_0 => signed(Transport::Tls, Ask::Status, &nothing),
            Version::V1_1 => open(Ask::Status, 5, &nothing),
        };
        assert!(matches!(bench.receive(&octets), Received::Status));
        let secret = Secret::of_transport(Transport::Tls).unwrap();
        let answer = query.accept(&bench.out, &secret, true).unwrap();
        assert_eq!(answer.code(), Code::ACCESS_ACCEPT);
    }
}
