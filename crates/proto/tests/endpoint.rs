//! The server's end of the protocol, met by the client's end, by strangers and by forgers.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs some starting point in time"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as expected"
)]

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};

use portreeve_proto::{
    AccessReply, AccountingReply, Answered, Arrival, Ask, AttributeList, BadReply, Code, Discard,
    DuplicateLimits, Endpoint, Incoming, Packet, Peer, PeerTable, Query, Received,
    RequireMessageAuthenticator, Role, Secret, Ticket, attr,
};
use proptest::prelude::*;

struct Bench {
    endpoint: Endpoint,
    peers: PeerTable,
    now: Instant,
    out: Vec<u8>,
}

fn secret() -> Secret {
    Secret::new("xyzzy5461").unwrap()
}

fn random(octets: &mut [u8]) {
    octets.fill(0x5a);
}

fn nas() -> SocketAddr {
    "192.0.2.7:40000".parse().unwrap()
}

fn list() -> AttributeList {
    AttributeList::new()
        .with(attr::USER_NAME, "tim")
        .with(attr::USER_PASSWORD, "12345")
}

impl Bench {
    fn new() -> Self {
        Self::with(|peer| peer)
    }

    fn with(change: impl Fn(Peer) -> Peer) -> Self {
        let peer = Arc::new(change(Peer::new("hotel", secret())));
        Self {
            endpoint: Endpoint::new(&DuplicateLimits::default()),
            peers: PeerTable::new([("192.0.2.0/24".parse().unwrap(), peer)]),
            now: Instant::now(),
            out: Vec::new(),
        }
    }

    fn receive_from(&mut self, from: SocketAddr, role: Role, datagram: &[u8]) -> Received {
        let arrival = Arrival {
            now: self.now,
            clock: UNIX_EPOCH,
            listener: 0,
            role,
            from,
            datagram,
        };
        self.endpoint
            .receive(&self.peers, &arrival, &mut random, &mut self.out)
    }

    fn receive(&mut self, role: Role, datagram: &[u8]) -> Received {
        self.receive_from(nas(), role, datagram)
    }

    fn discard(&mut self, role: Role, datagram: &[u8]) -> Option<Discard> {
        match self.receive(role, datagram) {
            Received::Discarded(discard, _) => Some(discard),
            _ => None,
        }
    }

    fn accept(&mut self, incoming: &Incoming, ticket: &Ticket, reply: AccessReply) -> Answered {
        let out = &mut self.out;
        self.endpoint
            .answer(self.now, incoming, ticket, &reply.into(), &mut random, out)
            .unwrap()
    }
}

fn query(ask: Ask, attributes: &AttributeList) -> (Query, Vec<u8>) {
    let mut out = Vec::new();
    let query = Query::encode(ask, 7, attributes, &secret(), false, &mut random, &mut out).unwrap();
    (query, out)
}

/// An Access-Request as old equipment sends it, without Message-Authenticator.
fn unprotected(extra: &[u8]) -> Vec<u8> {
    let mut octets = vec![1, 7, 0, 0];
    octets.extend_from_slice(&[9; 16]);
    octets.extend_from_slice(&[1, 5, b't', b'i', b'm']);
    octets.extend_from_slice(extra);
    let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
    octets[2..4].copy_from_slice(&length);
    octets
}

fn request(received: Received) -> (Incoming, Ticket) {
    match received {
        Received::Request(incoming, ticket) => (incoming, ticket),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_in_is_received_revealed_answered_and_replayed() {
    let mut bench = Bench::new();
    let (query, datagram) = query(Ask::Access, &list());
    let (incoming, ticket) = request(bench.receive(Role::Auth, &datagram));
    assert_eq!(incoming.user_name(), Some("tim"));
    assert_eq!(
        incoming.reveal(attr::USER_PASSWORD).unwrap().as_slice(),
        b"12345"
    );
    assert!(incoming.is_protected());
    assert_eq!(
        bench.discard(Role::Auth, &datagram),
        Some(Discard::DuplicateInProgress)
    );
    let reply = AccessReply::accept().with(attr::SESSION_TIMEOUT, 3600);
    assert_eq!(bench.accept(&incoming, &ticket, reply), Answered::Send);
    let answer = bench.out.clone();
    let packet = query.accept(&answer, &secret(), true).unwrap();
    assert_eq!(packet.code(), Code::ACCESS_ACCEPT);
    assert_eq!(packet.get(attr::SESSION_TIMEOUT), Some(3600));
    assert_eq!(
        packet.attributes().next().unwrap().number,
        80,
        "Message-Authenticator is first"
    );
    assert!(matches!(
        bench.receive(Role::Auth, &datagram),
        Received::Replayed
    ));
    assert_eq!(bench.out, answer);
}

#[test]
fn proxy_state_comes_back_whole_and_in_order() {
    let mut bench = Bench::with(|peer| peer.limit_proxy_state(false));
    let states = [&b"first"[..], b"second", b"first"];
    let attributes = states
        .iter()
        .fold(list(), |list, state| list.with(attr::PROXY_STATE, *state));
    let (query, datagram) = query(Ask::Access, &attributes);
    let (incoming, ticket) = request(bench.receive(Role::Auth, &datagram));
    assert_eq!(
        bench.accept(&incoming, &ticket, AccessReply::reject()),
        Answered::Send
    );
    let answer = query.accept(&bench.out, &secret(), true).unwrap();
    assert_eq!(answer.all(attr::PROXY_STATE), states);
}

#[test]
fn a_log_in_that_cannot_be_decided_is_left_to_another_server() {
    let mut bench = Bench::new();
    let (_, datagram) = query(Ask::Access, &list());
    let (incoming, ticket) = request(bench.receive(Role::Auth, &datagram));
    let answered = bench.accept(&incoming, &ticket, AccessReply::silent());
    assert_eq!(answered, Answered::Silent);
    let (_again, _ticket) = request(bench.receive(Role::Auth, &datagram));
}

#[test]
fn a_reject_carries_no_service() {
    let mut bench = Bench::new();
    let (query, datagram) = query(Ask::Access, &list());
    let (incoming, ticket) = request(bench.receive(Role::Auth, &datagram));
    let reply = AccessReply::reject()
        .with(attr::SESSION_TIMEOUT, 3600)
        .with(attr::REPLY_MESSAGE, "not today");
    assert_eq!(bench.accept(&incoming, &ticket, reply), Answered::Send);
    let answer = query.accept(&bench.out, &secret(), true).unwrap();
    assert_eq!(answer.get(attr::REPLY_MESSAGE), Some("not today"));
    assert!(!answer.has(attr::SESSION_TIMEOUT));
}

#[test]
fn what_proving_demands_joins_the_verdict_it_belongs_to() {
    let mut bench = Bench::new();
    let (query, datagram) = query(Ask::Access, &list());
    let (incoming, ticket) = request(bench.receive(Role::Auth, &datagram));
    let Incoming::Access(access) = &incoming else {
        panic!("{incoming:?}")
    };
    access.on_accept(AttributeList::new().with(attr::REPLY_MESSAGE, "proven"));
    access.on_reject(AttributeList::new().with(attr::REPLY_MESSAGE, "refuted"));
    assert_eq!(
        bench.accept(&incoming, &ticket, AccessReply::accept()),
        Answered::Send
    );
    let answer = query.accept(&bench.out, &secret(), true).unwrap();
    assert_eq!(answer.all(attr::REPLY_MESSAGE), ["proven"]);
}

#[test]
fn status_server_is_answered_by_the_ports_own_code_and_signed() {
    for (role, code) in [
        (Role::Auth, Code::ACCESS_ACCEPT),
        (Role::Accounting, Code::ACCOUNTING_RESPONSE),
    ] {
        let mut bench = Bench::new();
        let (query, datagram) = query(Ask::Status, &AttributeList::new());
        assert!(matches!(bench.receive(role, &datagram), Received::Status));
        let answer = query.accept(&bench.out, &secret(), true).unwrap();
        assert_eq!(answer.code(), code);
        bench.endpoint.set_serving(false);
        let from = "192.0.2.7:40001".parse().unwrap();
        let received = bench.receive_from(from, role, &datagram);
        assert!(matches!(
            received,
            Received::Discarded(Discard::NotServing, _)
        ));
    }
}

#[test]
fn accounting_is_verified_answered_or_left_to_be_sent_again() {
    let mut bench = Bench::new();
    let (query, datagram) = query(
        Ask::Accounting,
        &AttributeList::new().with(attr::USER_NAME, "tim"),
    );
    let mut forged = datagram.clone();
    forged[22] ^= 1;
    assert_eq!(
        bench.discard(Role::Accounting, &forged),
        Some(Discard::RequestAuthenticatorWrong)
    );
    let (incoming, ticket) = request(bench.receive(Role::Accounting, &datagram));
    let silent = AccountingReply::silent().into();
    let answered = bench.endpoint.answer(
        bench.now,
        &incoming,
        &ticket,
        &silent,
        &mut random,
        &mut bench.out,
    );
    assert_eq!(answered, Ok(Answered::Silent));
    let (incoming, ticket) = request(bench.receive(Role::Accounting, &datagram));
    let recorded = AccountingReply::recorded().into();
    let answered = bench.endpoint.answer(
        bench.now,
        &incoming,
        &ticket,
        &recorded,
        &mut random,
        &mut bench.out,
    );
    assert_eq!(answered, Ok(Answered::Send));
    assert_eq!(
        query
            .accept(&bench.out, &secret(), true)
            .unwrap()
            .octets()
            .len(),
        20
    );
}

#[test]
fn each_gate_has_its_own_reason() {
    let mut bench = Bench::new();
    let stranger = "198.51.100.1:1".parse().unwrap();
    let (_, good) = query(Ask::Access, &list());
    let received = bench.receive_from(stranger, Role::Auth, &good);
    assert!(matches!(
        received,
        Received::Discarded(Discard::UnknownPeer, None)
    ));
    assert_eq!(
        bench.discard(Role::Auth, &good[..19]),
        Some(Discard::Length)
    );
    assert_eq!(
        bench.discard(Role::Auth, &unprotected(&[5, 1])),
        Some(Discard::AttributeLength)
    );
    assert_eq!(
        bench.discard(Role::Auth, &unprotected(&[0, 2])),
        Some(Discard::AttributeZero)
    );
    assert_eq!(
        bench.discard(Role::Accounting, &good),
        Some(Discard::CodeNotAllowed)
    );
    assert_eq!(
        bench.discard(Role::Auth, &unprotected(&[])),
        Some(Discard::MessageAuthenticatorMissing)
    );
    let mut repeated = vec![80, 18];
    repeated.extend_from_slice(&[0; 16]);
    repeated.extend_from_slice(&repeated.clone());
    assert_eq!(
        bench.discard(Role::Auth, &unprotected(&repeated)),
        Some(Discard::MessageAuthenticatorMalformed)
    );
    let mut wrong = good.clone();
    wrong[30] ^= 1;
    assert_eq!(
        bench.discard(Role::Auth, &wrong),
        Some(Discard::MessageAuthenticatorWrong)
    );
    bench.endpoint.set_serving(false);
    assert_eq!(bench.discard(Role::Auth, &good), Some(Discard::NotServing));
    assert_eq!(
        bench.endpoint.remembered(),
        0,
        "nothing of this is remembered"
    );
}

#[test]
fn a_peer_that_may_leave_message_authenticator_out_is_limited_all_the_same() {
    let no = RequireMessageAuthenticator::No;
    let mut bench = Bench::with(|peer| peer.require_message_authenticator(no, false));
    let (incoming, _ticket) = request(bench.receive(Role::Auth, &unprotected(&[])));
    assert!(!incoming.is_protected());
    let proxied = unprotected(&[33, 3, 1]);
    assert_eq!(
        bench.discard(Role::Auth, &proxied),
        Some(Discard::ProxyStateUnprotected)
    );
    let eap = unprotected(&[79, 3, 1]);
    assert_eq!(
        bench.discard(Role::Auth, &eap),
        Some(Discard::MessageAuthenticatorMissing)
    );
}

#[test]
fn a_forged_request_neither_creates_nor_replaces_an_entry() {
    let no = RequireMessageAuthenticator::No;
    let mut bench = Bench::with(|peer| peer.require_message_authenticator(no, false));
    let (_, good) = query(Ask::Access, &list());
    let (incoming, ticket) = request(bench.receive(Role::Auth, &good));
    let (_forged, _forged_ticket) = request(bench.receive(Role::Auth, &unprotected(&[])));
    assert_eq!(
        bench.accept(&incoming, &ticket, AccessReply::accept()),
        Answered::Send
    );
    assert!(matches!(
        bench.receive(Role::Auth, &good),
        Received::Replayed
    ));
}

#[test]
fn a_bad_answer_is_told_from_the_good_one() {
    let mut bench = Bench::new();
    let (query, datagram) = query(Ask::Access, &list());
    let (incoming, ticket) = request(bench.receive(Role::Auth, &datagram));
    assert_eq!(
        bench.accept(&incoming, &ticket, AccessReply::accept()),
        Answered::Send
    );
    let good = bench.out.clone();
    let refused = |datagram: &[u8], secret: &Secret| query.accept(datagram, secret, true).err();
    for index in [1, 4, 25, good.len() - 1] {
        let mut bad = good.clone();
        bad[index] ^= 1;
        assert!(refused(&bad, &secret()).is_some(), "octet {index}");
    }
    let other = Secret::new("other").unwrap();
    assert_eq!(
        refused(&good, &other),
        Some(BadReply::ResponseAuthenticatorWrong)
    );
    let mut code = good.clone();
    code[0] = 5;
    assert_eq!(refused(&code, &secret()), Some(BadReply::Code));
}

#[test]
fn an_answer_may_have_to_carry_message_authenticator() {
    let request = octets("010000380f403f9473978057bd83d5cb98f4227a");
    let answer =
        octets("0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103");
    let authenticator = request[4..20].try_into().unwrap();
    let query = Query::encode_under(
        Ask::Access,
        0,
        authenticator,
        &AttributeList::new(),
        &secret(),
        true,
        &mut random,
        &mut Vec::new(),
    )
    .unwrap();
    assert_eq!(
        query.accept(&answer, &secret(), true).unwrap_err(),
        BadReply::MessageAuthenticatorMissing
    );
    assert_eq!(
        query.accept(&answer, &secret(), false).unwrap().code(),
        Code::ACCESS_ACCEPT
    );
}

fn octets(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn a_late_answer_to_a_superseded_request_is_not_sent() {
    let mut bench = Bench::new();
    let (_, first) = query(Ask::Access, &list());
    let (incoming, ticket) = request(bench.receive(Role::Auth, &first));
    let mut out = Vec::new();
    let mut other = |octets: &mut [u8]| octets.fill(1);
    Query::encode(
        Ask::Access,
        7,
        &list(),
        &secret(),
        false,
        &mut other,
        &mut out,
    )
    .unwrap();
    let (_incoming, _ticket) = request(bench.receive(Role::Auth, &out));
    assert_eq!(
        bench.accept(&incoming, &ticket, AccessReply::accept()),
        Answered::Superseded
    );
}

#[test]
fn a_request_given_up_by_time_is_worked_on_again() {
    let mut bench = Bench::new();
    let (_, datagram) = query(Ask::Access, &list());
    let (incoming, ticket) = request(bench.receive(Role::Auth, &datagram));
    bench.now += Duration::from_secs(31);
    let (_again, _ticket) = request(bench.receive(Role::Auth, &datagram));
    assert_eq!(
        bench.accept(&incoming, &ticket, AccessReply::accept()),
        Answered::Superseded
    );
}

proptest! {
    #[test]
    fn arbitrary_datagrams_never_panic(datagram: Vec<u8>, role in 0..3_usize) {
        let role = [Role::Accounting, Role::Auth, Role::Dynamic][role];
        let mut bench = Bench::with(|peer| {
            peer.require_message_authenticator(RequireMessageAuthenticator::No, false)
        });
        let _received = bench.receive(role, &datagram);
    }

    #[test]
    fn arbitrary_attributes_are_walked_without_panic(attributes: Vec<u8>) {
        let mut octets = unprotected(&attributes);
        octets.truncate(4096);
        if let Ok(packet) = Packet::parse(&octets) {
            let total: usize = packet.attributes().map(|attribute| attribute.value.len() + 2).sum();
            prop_assert_eq!(total + Packet::HEADER, packet.octets().len());
            let _all = packet.all(attr::USER_NAME);
            let _joined = packet.joined(attr::EAP_MESSAGE);
        }
    }

    #[test]
    fn what_was_encoded_is_read_back(name in "[a-z]{1,200}", timeout: u32, tag in 0..32_u8) {
        let attributes = AttributeList::new()
            .with(attr::USER_NAME, name.as_str())
            .with(attr::SESSION_TIMEOUT, timeout)
            .with(attr::TUNNEL_TYPE, (tag, timeout >> 8))
            .with(attr::TUNNEL_PASSWORD, (tag, name.as_str()));
        let mut bench = Bench::new();
        let (_, datagram) = query(Ask::Access, &attributes);
        let (incoming, _ticket) = request(bench.receive(Role::Auth, &datagram));
        prop_assert_eq!(incoming.user_name(), Some(name.as_str()));
        prop_assert_eq!(incoming.get(attr::SESSION_TIMEOUT), Some(timeout));
        prop_assert_eq!(incoming.get(attr::TUNNEL_TYPE), Some((tag, timeout >> 8)));
        let revealed = incoming.reveal(attr::TUNNEL_PASSWORD).unwrap();
        prop_assert_eq!(revealed.as_slice(), name.as_bytes());
    }
}
