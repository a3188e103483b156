//! Requests to change and end sessions: which are taken, which have one answer only, and that none
//! is carried out twice.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs some starting point in time"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as expected"
)]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};

use portreeve_proto::{
    AnswerError, Answered, Arrival, Ask, AttributeList, BadReply, CoaReply, CoaRequest, Code,
    DataType, Discard, DisconnectReply, DuplicateLimits, DynamicLimits, Endpoint, ErrorCause,
    Incoming, Packet, Peer, PeerTable, Query, Received, Reply, Role, Secret, Spec, Ticket,
    attr::{self, service_type},
};
use proptest::prelude::*;

/// The clock on the wall when a bench is set up.
const NOW: u32 = 1_800_000_000;

struct Bench {
    endpoint: Endpoint,
    peers: PeerTable,
    start: Instant,
    /// Seconds since then.
    later: u32,
    from: SocketAddr,
    out: Vec<u8>,
}

fn secret() -> Secret {
    Secret::new("xyzzy5461").unwrap()
}

fn random(octets: &mut [u8]) {
    octets.fill(0x5a);
}

impl Bench {
    fn new() -> Self {
        Self::with(DynamicLimits::default(), |peer| peer)
    }

    fn with(dynamic: DynamicLimits, change: impl Fn(Peer) -> Peer) -> Self {
        let peer = Arc::new(change(Peer::new("home", secret())));
        let limits = DuplicateLimits {
            dynamic,
            ..DuplicateLimits::default()
        };
        Self {
            endpoint: Endpoint::new(&limits),
            peers: PeerTable::new([("192.0.2.0/24".parse().unwrap(), peer)]),
            start: Instant::now(),
            later: 0,
            from: "192.0.2.7:40000".parse().unwrap(),
            out: Vec::new(),
        }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_secs(self.later.into())
    }

    fn receive(&mut self, datagram: &[u8]) -> Received {
        let arrival = Arrival {
            now: self.now(),
            clock: UNIX_EPOCH + Duration::from_secs((NOW + self.later).into()),
            listener: 0,
            role: Role::Dynamic,
            from: self.from,
            datagram,
        };
        self.endpoint
            .receive(&self.peers, &arrival, &mut random, &mut self.out)
    }

    fn discard(&mut self, datagram: &[u8]) -> Option<Discard> {
        match self.receive(datagram) {
            Received::Discarded(discard, Some(_)) => Some(discard),
            _ => None,
        }
    }

    fn request(&mut self, datagram: &[u8]) -> (Incoming, Ticket) {
        match self.receive(datagram) {
            Received::Request(incoming, ticket) => (incoming, ticket),
            other => panic!("{other:?}"),
        }
    }

    /// It goes to the handler.
    fn takes(&mut self, datagram: &[u8]) {
        let (_incoming, _ticket) = self.request(datagram);
    }

    fn send(&mut self, request: &(Incoming, Ticket), reply: impl Into<Reply>) {
        assert_eq!(self.answer(request, reply), Ok(Answered::Send));
    }

    fn answer(
        &mut self,
        (incoming, ticket): &(Incoming, Ticket),
        reply: impl Into<Reply>,
    ) -> Result<Answered, AnswerError> {
        let now = self.now();
        let (reply, out) = (reply.into(), &mut self.out);
        self.endpoint
            .answer(now, incoming, ticket, &reply, &mut random, out)
    }

    /// The Error-Cause of the NAK that is given without asking anybody.
    fn objection(&mut self, ask: Ask, attributes: &AttributeList) -> Option<u32> {
        let (query, datagram) = query(ask, attributes);
        let Received::Settled(incoming, ticket, reply) = self.receive(&datagram) else {
            return None;
        };
        let settled = (incoming, ticket);
        self.send(&settled, reply);
        let packet = query.accept(&self.out, &secret(), true).unwrap();
        assert!([Code::COA_NAK, Code::DISCONNECT_NAK].contains(&packet.code()));
        packet.get(attr::ERROR_CAUSE)
    }
}

fn encode(ask: Ask, identifier: u8, protect: bool, list: &AttributeList) -> (Query, Vec<u8>) {
    let mut out = Vec::new();
    let (secret, random) = (secret(), &mut random);
    let query = Query::encode(ask, identifier, list, &secret, protect, random, &mut out).unwrap();
    (query, out)
}

fn query(ask: Ask, attributes: &AttributeList) -> (Query, Vec<u8>) {
    encode(ask, 7, false, attributes)
}

fn tim() -> AttributeList {
    AttributeList::new().with(attr::USER_NAME, "tim")
}

fn sent_at(seconds: u32) -> AttributeList {
    tim().with(attr::EVENT_TIMESTAMP, seconds)
}

/// As a broken sender would put it.
fn raw(list: AttributeList, number: u32, value: &[u8]) -> AttributeList {
    let mut list = list;
    list.push(&Spec::new(&[number], DataType::Octets), 0, value);
    list
}

fn coa(request: &Incoming) -> &CoaRequest {
    match request {
        Incoming::Coa(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_what_was_sent_within_the_window_is_taken() {
    for ask in [Ask::Coa, Ask::Disconnect] {
        for age in [-301_i64, -300, -1, 0, 1, 300, 301, 1_700_000_000] {
            let sent = u32::try_from(i64::from(NOW) - age).unwrap();
            let discarded = Bench::new().discard(&query(ask, &sent_at(sent)).1);
            let expected = (age.abs() > 300).then_some(Discard::EventTimestampStale);
            assert_eq!(discarded, expected, "{age}");
        }
        let unreadable = raw(tim(), 55, &[0, 0, 0]);
        let second = sent_at(NOW).with(attr::EVENT_TIMESTAMP, NOW - 999);
        for list in [unreadable, second] {
            let discarded = Bench::new().discard(&query(ask, &list).1);
            assert_eq!(discarded, Some(Discard::EventTimestampStale));
        }
    }
}

#[test]
fn the_time_of_sending_is_demanded_only_where_that_is_set() {
    let limits = DynamicLimits {
        require_event_timestamp: true,
        window: Duration::from_secs(20),
        ..DynamicLimits::default()
    };
    let mut bench = Bench::with(limits, |peer| peer);
    let (_, undated) = query(Ask::Coa, &tim());
    assert_eq!(
        bench.discard(&undated),
        Some(Discard::EventTimestampMissing)
    );
    let (_, old) = query(Ask::Coa, &sent_at(NOW - 21));
    assert_eq!(bench.discard(&old), Some(Discard::EventTimestampStale));
    bench.takes(&query(Ask::Coa, &sent_at(NOW - 20)).1);
    Bench::new().takes(&undated);
}

#[test]
fn a_packet_that_comes_again_meets_its_answer_or_is_stale() {
    let mut bench = Bench::new();
    let (_, datagram) = query(Ask::Disconnect, &sent_at(NOW));
    let request = bench.request(&datagram);
    assert_eq!(bench.discard(&datagram), Some(Discard::DuplicateInProgress));
    bench.send(&request, DisconnectReply::ack());
    let answer = bench.out.clone();
    // The sender has used its identifier again in the meantime.
    let (_, other) = query(Ask::Disconnect, &sent_at(NOW + 1));
    let other = bench.request(&other);
    bench.send(&other, DisconnectReply::ack());
    for later in [0, 5, 299, 300] {
        bench.later = later;
        assert!(matches!(bench.receive(&datagram), Received::Replayed));
        assert_eq!(bench.out, answer);
    }
    bench.later = 301;
    assert_eq!(bench.discard(&datagram), Some(Discard::EventTimestampStale));
}

#[test]
fn one_without_a_time_is_new_again_after_the_window() {
    let mut bench = Bench::new();
    let (_, datagram) = query(Ask::Coa, &tim());
    let request = bench.request(&datagram);
    bench.send(&request, CoaReply::ack());
    bench.later = 299;
    assert!(matches!(bench.receive(&datagram), Received::Replayed));
    bench.later = 300;
    bench.takes(&datagram);
}

#[test]
fn a_full_table_forgets_nothing_that_could_be_replayed() {
    let limits = DynamicLimits {
        entries: 2,
        ..DynamicLimits::default()
    };
    let mut bench = Bench::with(limits, |peer| peer);
    let datagrams = [0, 1, 2].map(|age| query(Ask::Coa, &sent_at(NOW - age)).1);
    for datagram in &datagrams[..2] {
        let request = bench.request(datagram);
        bench.send(&request, CoaReply::ack());
    }
    assert_eq!(bench.discard(&datagrams[2]), Some(Discard::TableFull));
    assert!(matches!(bench.receive(&datagrams[0]), Received::Replayed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever repeats packets, in whatever order and however late, changes nothing twice.
    #[test]
    fn no_request_with_a_time_is_carried_out_twice(
        window in 1_u32..400,
        steps in proptest::collection::vec(
            (0_u32..40, 0_usize..12, any::<bool>()), 1..120),
        ages in proptest::array::uniform12(-500_i64..500),
    ) {
        let limits = DynamicLimits {
            window: Duration::from_secs(window.into()),
            ..DynamicLimits::default()
        };
        let mut bench = Bench::with(limits, |peer| peer);
        let mut carried_out = [false; 12];
        for (pause, which, is_prompt) in steps {
            bench.later += pause;
            let sent = u32::try_from(i64::from(NOW) - ages[which]).unwrap();
            // Few identifiers, so that they are used again within the window.
            let list = sent_at(sent).with(attr::NAS_PORT, u32::try_from(which).unwrap());
            let identifier = u8::try_from(which % 3).unwrap();
            let (_, datagram) = encode(Ask::Disconnect, identifier, false, &list);
            let (now, age) = (NOW + bench.later, i64::from(NOW + bench.later) - i64::from(sent));
            let fresh = age.abs() <= i64::from(window);
            match bench.receive(&datagram) {
                Received::Request(incoming, ticket) => {
                    prop_assert!(fresh && !carried_out[which], "{now} {which}");
                    carried_out[which] = true;
                    if is_prompt {
                        bench.later += 1;
                    }
                    bench.send(&(incoming, ticket), DisconnectReply::ack());
                }
                Received::Replayed => prop_assert!(fresh && carried_out[which]),
                Received::Discarded(Discard::EventTimestampStale, _) => prop_assert!(!fresh),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}

#[test]
fn a_peer_that_may_not_change_sessions_meets_silence() {
    let mut bench = Bench::with(DynamicLimits::default(), |peer| {
        peer.may_change_sessions(false)
    });
    for ask in [Ask::Coa, Ask::Disconnect] {
        let (_, datagram) = query(ask, &tim());
        assert_eq!(bench.discard(&datagram), Some(Discard::DynamicNotAllowed));
    }
}

#[test]
fn a_request_that_has_only_one_answer_gets_it() {
    use Ask::{Coa, Disconnect};
    let address = Ipv4Addr::new(192, 0, 2, 1);
    let nas = || AttributeList::new().with(attr::NAS_IP_ADDRESS, address);
    let authorize = || tim().with(attr::SERVICE_TYPE, service_type::AUTHORIZE_ONLY);
    let state = |list: AttributeList| list.with(attr::STATE, &b"s"[..]);
    let cases = [
        // Nothing names a session.
        (Coa, AttributeList::new(), Some(402)),
        (Coa, nas().with(attr::SESSION_TIMEOUT, 60), Some(402)),
        (Disconnect, nas(), Some(402)),
        // What cannot be read, or is there twice, names none either.
        (Disconnect, raw(tim(), 8, &[1, 2, 3]), Some(407)),
        (Disconnect, raw(nas(), 1, &[0xff, 0xfe]), Some(407)),
        (Coa, raw(tim(), 32, &[0xff]), Some(407)),
        (Coa, raw(tim(), 6, &[17]), Some(407)),
        (Disconnect, tim().with(attr::USER_NAME, "tom"), Some(404)),
        (Coa, state(state(tim())), Some(404)),
        // A Disconnect-Request names a session and does nothing else.
        (Disconnect, tim().with(attr::SERVICE_TYPE, 2), Some(401)),
        (Disconnect, tim().with(attr::SESSION_TIMEOUT, 60), Some(401)),
        (Disconnect, state(tim()), Some(401)),
        (Disconnect, raw(tim(), 241, &[1, 2]), Some(401)),
        (Disconnect, tim().with(attr::CLASS, &b"c"[..]), None),
        (Disconnect, tim().with(attr::ACCT_TERMINATE_CAUSE, 6), None),
        (
            Disconnect,
            nas().with(attr::mikrotik::RATE_LIMIT, "1M"),
            None,
        ),
        (Disconnect, raw(tim(), 241, &[8, 1]), None),
        // Authorize-Only has State, and changes nothing.
        (Coa, authorize(), Some(402)),
        (
            Coa,
            state(authorize()).with(attr::SESSION_TIMEOUT, 60),
            Some(401),
        ),
        (
            Coa,
            state(authorize()).with(attr::CLASS, &b"c"[..]),
            Some(401),
        ),
        (
            Coa,
            state(authorize()).with(attr::NAS_IP_ADDRESS, address),
            None,
        ),
        // What else a CoA-Request carries is the handler's business, but for what has no place
        // there.
        (Coa, tim().with(attr::ERROR_CAUSE, 503), Some(401)),
        (Coa, state(tim()).with(attr::SESSION_TIMEOUT, 60), None),
    ];
    for (ask, list, expected) in cases {
        let found = Bench::new().objection(ask, &list);
        assert_eq!(found, expected, "{ask:?} {list:?}");
    }
}

#[test]
fn an_objection_is_remembered_like_any_answer() {
    let mut bench = Bench::new();
    let list = AttributeList::new().with(attr::EVENT_TIMESTAMP, NOW);
    assert_eq!(bench.objection(Ask::Coa, &list), Some(402));
    let answer = bench.out.clone();
    let (_, datagram) = query(Ask::Coa, &list);
    assert!(matches!(bench.receive(&datagram), Received::Replayed));
    assert_eq!(bench.out, answer);
}

#[test]
fn authorizing_anew_is_refused_with_a_promise_and_never_acknowledged() {
    let mut bench = Bench::new();
    let list = tim()
        .with(attr::SERVICE_TYPE, service_type::AUTHORIZE_ONLY)
        .with(attr::STATE, &b"state"[..])
        .with(attr::PROXY_STATE, &b"proxy"[..]);
    let (query, datagram) = query(Ask::Coa, &list);
    let request = bench.request(&datagram);
    assert!(coa(&request.0).is_authorize_only());
    assert_eq!(coa(&request.0).only(&[]), Ok(()));
    let ack = bench.answer(&request, CoaReply::ack());
    assert_eq!(ack, Err(AnswerError::AuthorizeOnly));
    bench.send(&request, CoaReply::request_initiated());
    let packet = query.accept(&bench.out, &secret(), true).unwrap();
    assert_eq!(packet.code(), Code::COA_NAK);
    assert_eq!(packet.get(attr::ERROR_CAUSE), Some(507));
    assert_eq!(packet.get(attr::SERVICE_TYPE), Some(17));
    assert_eq!(packet.all(attr::STATE), [b"state"]);
    assert_eq!(packet.all(attr::PROXY_STATE), [b"proxy"]);
}

#[test]
fn error_causes_stay_in_the_answers_they_belong_into() {
    let mut bench = Bench::new();
    let (query, datagram) = query(Ask::Coa, &tim());
    let request = bench.request(&datagram);
    let residual = ErrorCause::ResidualSessionContextRemoved;
    let gone = ErrorCause::SessionContextNotFound;
    let wrong = [
        (CoaReply::nak(residual), residual),
        (
            CoaReply::nak(ErrorCause::InvalidEapPacket),
            ErrorCause::InvalidEapPacket,
        ),
        (
            CoaReply::nak(ErrorCause::Other(299)),
            ErrorCause::Other(299),
        ),
        (CoaReply::ack().with(attr::ERROR_CAUSE, 201), residual),
        (CoaReply::ack().with(attr::ERROR_CAUSE, 503), gone),
    ];
    for (reply, cause) in wrong {
        assert_eq!(
            bench.answer(&request, reply),
            Err(AnswerError::Cause(cause))
        );
    }
    let strange = CoaReply::nak(ErrorCause::Other(4_711));
    assert_eq!(bench.answer(&request, strange), Ok(Answered::Send));
    let packet = query.accept(&bench.out, &secret(), true).unwrap();
    assert_eq!(packet.get(attr::ERROR_CAUSE), Some(4_711));
    let (query, datagram) = encode(Ask::Disconnect, 7, false, &tim());
    let request = bench.request(&datagram);
    bench.send(&request, DisconnectReply::ack_residual());
    let packet = query.accept(&bench.out, &secret(), true).unwrap();
    assert_eq!(packet.code(), Code::DISCONNECT_ACK);
    assert_eq!(packet.get(attr::ERROR_CAUSE), Some(201));
}

#[test]
fn every_attribute_counts() {
    let supported = [
        attr::SESSION_TIMEOUT.spec(),
        attr::mikrotik::RATE_LIMIT.spec(),
    ];
    let judged = |list: &AttributeList| {
        let mut bench = Bench::new();
        let (incoming, _ticket) = bench.request(&query(Ask::Coa, list).1);
        let judged = coa(&incoming).only(&supported);
        judged.map_err(|objection| {
            assert_eq!(objection.cause(), ErrorCause::UnsupportedAttribute);
            objection.attribute().to_string()
        })
    };
    let fine = sent_at(NOW)
        .with(attr::NAS_IDENTIFIER, "us")
        .with(attr::STATE, &b"s"[..])
        .with(attr::PROXY_STATE, &b"p"[..])
        .with(attr::mikrotik::RATE_LIMIT, "1M")
        .with(attr::SESSION_TIMEOUT, 60);
    assert_eq!(judged(&fine), Ok(()));
    let bad = |list: AttributeList| judged(&list).unwrap_err();
    assert_eq!(bad(fine.clone().with(attr::FILTER_ID, "f")), "11");
    assert_eq!(bad(fine.clone().with(attr::CLASS, &b"c"[..])), "25");
    assert_eq!(bad(fine.clone().with(attr::SERVICE_TYPE, 2)), "6");
    assert_eq!(bad(raw(fine.clone(), 250, &[1])), "250");
    assert_eq!(bad(raw(fine.clone(), 241, &[1, 2])), "241.1");
    // Of a vendor, each one counts, and what cannot be taken apart too.
    let mikrotik = |value: &[u8]| raw(fine.clone(), 26, &[&[0, 0, 0x3a, 0x8c], value].concat());
    assert_eq!(bad(mikrotik(&[8, 3, b'x', 1, 6, 0, 0, 0, 1])), "26.14988.1");
    assert_eq!(bad(mikrotik(&[8, 9, b'x'])), "26.14988");
    let cisco = fine.clone().with(attr::cisco::AVPAIR, "a=b");
    assert_eq!(bad(cisco), "26.9");
    assert_eq!(bad(raw(fine, 26, &[0, 0])), "26");
}

#[test]
fn another_nas_is_told_apart() {
    let us: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    let judged = |list: AttributeList| {
        let mut bench = Bench::new();
        let (incoming, _ticket) = bench.request(&query(Ask::Coa, &list).1);
        let judged = coa(&incoming).names_nas("us", &us);
        judged.map_err(|objection| {
            let reply = CoaReply::from(objection);
            assert_eq!(reply.refused(), Some(ErrorCause::NasIdentificationMismatch));
            objection.attribute().to_string()
        })
    };
    let address = |last| Ipv4Addr::new(192, 0, 2, last);
    let other = "2001:db8::2".parse::<std::net::Ipv6Addr>().unwrap();
    assert_eq!(judged(tim()), Ok(()));
    let named = tim()
        .with(attr::NAS_IDENTIFIER, "us")
        .with(attr::NAS_IP_ADDRESS, address(1));
    assert_eq!(judged(named.clone()), Ok(()));
    let bad = |list| judged(list).unwrap_err();
    assert_eq!(bad(named.with(attr::NAS_IPV6_ADDRESS, other)), "95");
    assert_eq!(bad(tim().with(attr::NAS_IDENTIFIER, "them")), "32");
    assert_eq!(bad(tim().with(attr::NAS_IP_ADDRESS, address(2))), "4");
}

#[test]
fn what_names_a_session_is_seen_at_a_glance() {
    let list = tim()
        .with(attr::ACCT_SESSION_ID, "8d-0001")
        .with(attr::FRAMED_IP_ADDRESS, Ipv4Addr::new(10, 0, 0, 7))
        .with(attr::OPERATOR_NAME, "1visited.example")
        .with(attr::OPERATOR_NAS_IDENTIFIER, &b"nas-7"[..]);
    let mut bench = Bench::new();
    let (incoming, _ticket) = bench.request(&query(Ask::Coa, &list).1);
    let asked = incoming.session();
    assert!(!asked.is_empty());
    assert_eq!(asked.acct_session_id, Some("8d-0001"));
    assert_eq!(incoming.nas().operator_realm, Some("visited.example"));
    assert_eq!(incoming.nas().operator_nas_identifier, Some(&b"nas-7"[..]));
    let mut session = asked.clone();
    session.nas_port = Some(3);
    assert!(asked.mean(&session), "it has a key more");
    session.framed_ip_address = None;
    assert!(!asked.mean(&session), "it has a key less");
    session.framed_ip_address = Some(Ipv4Addr::new(10, 0, 0, 8));
    assert!(!asked.mean(&session), "it has another address");
}

#[test]
fn message_authenticator_covers_request_and_answer_where_there_is_one() {
    for ask in [Ask::Coa, Ask::Disconnect] {
        for protect in [true, false] {
            let mut bench = Bench::new();
            let (query, datagram) = encode(ask, 7, protect, &tim());
            let sent = Packet::parse(&datagram).unwrap();
            assert_eq!(sent.has(attr::MESSAGE_AUTHENTICATOR), protect);
            let request = bench.request(&datagram);
            let reply: Reply = match ask {
                Ask::Coa => CoaReply::ack().into(),
                _ => DisconnectReply::ack().into(),
            };
            bench.send(&request, reply);
            let answer = bench.out.clone();
            let packet = query.accept(&answer, &secret(), true).unwrap();
            assert_eq!(packet.has(attr::MESSAGE_AUTHENTICATOR), protect);
        }
    }
    // Signed by the secret, but with a Message-Authenticator that is not: either way.
    let list = raw(tim(), 80, &[7; 16]);
    let mut bench = Bench::new();
    let (_, datagram) = query(Ask::Coa, &list);
    let discarded = bench.discard(&datagram);
    assert_eq!(discarded, Some(Discard::MessageAuthenticatorWrong));
    let (query, datagram) = query(Ask::Coa, &tim());
    let request = bench.request(&datagram);
    let mut forged = CoaReply::ack();
    let spec = Spec::new(&[80], DataType::Octets);
    let mut attributes = AttributeList::new();
    attributes.push(&spec, 0, &[7; 16]);
    forged = forged.with_all(&attributes);
    bench.send(&request, forged);
    let refused = query.accept(&bench.out, &secret(), true).unwrap_err();
    assert_eq!(refused, BadReply::MessageAuthenticatorWrong);
}
