//! How much is done for a packet: steps over attributes, counted, so that no input costs more than
//! in proportion to its length.

use std::{cell::Cell, net::SocketAddr, sync::Arc, time::Instant};

use proptest::prelude::*;

use crate::{
    AccessReply, Arrival, Ask, AttributeList, DataType, Dictionary, DuplicateLimits, Endpoint,
    Incoming, Oid, Peer, PeerTable, Query, Received, Role, Secret, Spec, attr,
};

thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

/// Counts one step.
pub(crate) fn count() {
    STEPS.set(STEPS.get() + 1);
}

fn steps(work: impl FnOnce()) -> usize {
    STEPS.set(0);
    work();
    STEPS.get()
}

fn fixed(octets: &mut [u8]) {
    octets.fill(0x5a);
}

struct Bench {
    endpoint: Endpoint,
    peers: PeerTable,
    from: SocketAddr,
    out: Vec<u8>,
}

impl Bench {
    fn new(secret: &Secret) -> Self {
        let peer = Peer::new("nas", secret.clone()).limit_proxy_state(false);
        Self {
            endpoint: Endpoint::new(&DuplicateLimits::default()),
            peers: PeerTable::new([("192.0.2.0/24".parse().unwrap(), Arc::new(peer))]),
            from: "192.0.2.1:1".parse().unwrap(),
            out: Vec::new(),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test needs some starting point"
    )]
    fn serve(&mut self, datagram: &[u8]) {
        let now = Instant::now();
        let (from, role) = (self.from, Role::Auth);
        let arrival = Arrival {
            now,
            clock: std::time::UNIX_EPOCH,
            listener: 0,
            role,
            from,
            datagram,
        };
        let received = self
            .endpoint
            .receive(&self.peers, &arrival, &mut fixed, &mut self.out);
        let Received::Request(incoming, ticket) = received else {
            return;
        };
        assert!(matches!(incoming, Incoming::Access(_)));
        let reply = AccessReply::reject().into();
        let answer =
            self.endpoint
                .answer(now, &incoming, &ticket, &reply, &mut fixed, &mut self.out);
        assert!(answer.is_ok());
    }
}

/// A genuine request of `count` attributes of one type.
fn genuine(number: u32, value: &[u8], count: usize, secret: &Secret) -> Vec<u8> {
    let spec = Spec::of(Oid::from_parts(&[number]).unwrap(), DataType::Octets);
    let mut list = AttributeList::new();
    for _ in 0..count {
        list.push(&spec, 0, value);
    }
    let mut out = Vec::new();
    Query::encode(Ask::Access, 7, &list, secret, true, &mut fixed, &mut out).unwrap();
    out
}

/// Passes over the attributes that receiving and answering may take.
const PASSES: usize = 12;

#[test]
fn twice_the_attributes_are_at_most_twice_the_work() {
    let secret = Secret::new("xyzzy5461").unwrap();
    for number in [1, 26, 33, 79, 241, 245] {
        let work = |count: usize| {
            let datagram = genuine(number, b"abcdefg", count, &secret);
            steps(|| Bench::new(&secret).serve(&datagram))
        };
        let (few, many) = (work(100), work(200));
        assert!(many > few, "the work is counted");
        assert!(many <= few * 2, "{number}: {few} steps, then {many}");
        assert!(many <= PASSES * 201, "{number}: {many} steps");
    }
}

proptest! {
    #[test]
    fn arbitrary_attributes_cost_in_proportion_to_their_length(
        datagram in proptest::collection::vec(any::<u8>(), 20..4096),
        code in 1..5_u8,
    ) {
        let mut datagram = datagram;
        let length = u16::try_from(datagram.len()).unwrap().to_be_bytes();
        datagram[0] = code;
        datagram[2..4].copy_from_slice(&length);
        let secret = Secret::new("xyzzy5461").unwrap();
        let steps = steps(|| Bench::new(&secret).serve(&datagram));
        prop_assert!(steps <= PASSES * datagram.len());
    }

    #[test]
    fn putting_a_packet_into_words_costs_in_proportion_to_its_length(
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 1..60),
        number in prop_oneof![Just(26_u32), Just(241), Just(245), 1..255_u32],
    ) {
        let secret = Secret::new("xyzzy5461").unwrap();
        let spec = Spec::of(Oid::from_parts(&[number]).unwrap(), DataType::Octets);
        let mut list = AttributeList::new();
        for value in &values {
            list.push(&spec, 0, value);
        }
        let mut out = Vec::new();
        prop_assume!(
            Query::encode(Ask::Access, 7, &list, &secret, true, &mut fixed, &mut out).is_ok()
        );
        let packet = crate::Packet::parse(&out).unwrap();
        let steps = steps(|| {
            assert!(!Dictionary::builtin().decode(&packet).is_empty());
            let _name = packet.get(attr::USER_NAME);
        });
        prop_assert!(steps <= PASSES * out.len());
    }
}
