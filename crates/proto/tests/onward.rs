//! A packet from hop to hop: what goes on, and what is hidden anew.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs some starting point in time"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as expected"
)]

use std::{net::Ipv4Addr, sync::Arc, time::Instant};

use portreeve_proto::{
    Arrival, Ask, AttributeList, Dictionary, DuplicateLimits, Endpoint, Incoming, Oid, Packet,
    Peer, PeerTable, Query, Received, RequireMessageAuthenticator, Role, Secret, attr,
};
use proptest::prelude::*;

fn random(octets: &mut [u8]) {
    octets.fill(0x5a);
}

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

/// The request as the proxy has it from its client.
fn received(octets: &[u8]) -> Incoming {
    let peer = Peer::new("nas", secret("near"))
        .require_message_authenticator(RequireMessageAuthenticator::No, false)
        .limit_proxy_state(false);
    let peers = PeerTable::new([("0.0.0.0/0".parse().unwrap(), Arc::new(peer))]);
    let arrival = Arrival {
        now: Instant::now(),
        clock: std::time::UNIX_EPOCH,
        listener: 0,
        role: Role::Any,
        from: ([192, 0, 2, 1], 1024).into(),
        datagram: octets,
    };
    let mut endpoint = Endpoint::new(&DuplicateLimits::default());
    match endpoint.receive(&peers, &arrival, &mut random, &mut Vec::new()) {
        Received::Request(incoming, _) => incoming,
        other => panic!("{other:?}"),
    }
}

fn asked(attributes: &AttributeList, text: &str) -> (Query, Vec<u8>) {
    let mut out = Vec::new();
    let secret = secret(text);
    let query = Query::encode(
        Ask::Access,
        1,
        attributes,
        &secret,
        false,
        &mut random,
        &mut out,
    );
    (query.unwrap(), out)
}

fn everything(_: &Oid) -> bool {
    true
}

#[test]
fn a_request_goes_on_in_order_hidden_anew_and_without_what_belongs_to_one_hop() {
    let attributes = AttributeList::new()
        .with(attr::USER_NAME, "nemo@example.org")
        .with(attr::USER_PASSWORD, "arctangent")
        .with(attr::NAS_IP_ADDRESS, Ipv4Addr::new(192, 0, 2, 7))
        .with(attr::mikrotik::RATE_LIMIT, "1M")
        .with(attr::TUNNEL_PASSWORD, (3, "psk"))
        .with(attr::PROXY_STATE, &b"first"[..])
        .with(attr::RESPONSE_LENGTH, 9000)
        .with(attr::PROXY_STATE, &b"second"[..]);
    let (_, octets) = asked(&attributes, "near");
    let incoming = received(&octets);
    let list = incoming
        .onward(Dictionary::builtin(), &everything)
        .unwrap()
        .with(attr::PROXY_STATE, &b"ours"[..]);
    let (_, far) = asked(&list, "far");
    let packet = Packet::parse(&far).unwrap();
    let numbers: Vec<_> = packet.attributes().map(|one| one.number).collect();
    assert_eq!(numbers, [80, 1, 2, 4, 26, 69, 33, 33, 33]);
    assert_eq!(
        packet.all(attr::PROXY_STATE),
        [&b"first"[..], b"second", b"ours"]
    );
    assert_eq!(packet.get(attr::mikrotik::RATE_LIMIT), Some("1M"));
    let peer = Peer::new("proxy", secret("far"));
    let peers = PeerTable::new([("0.0.0.0/0".parse().unwrap(), Arc::new(peer))]);
    let arrival = Arrival {
        now: Instant::now(),
        clock: std::time::UNIX_EPOCH,
        listener: 0,
        role: Role::Auth,
        from: ([192, 0, 2, 2], 1024).into(),
        datagram: &far,
    };
    let mut endpoint = Endpoint::new(&DuplicateLimits::default());
    let Received::Request(home, _) =
        endpoint.receive(&peers, &arrival, &mut random, &mut Vec::new())
    else {
        panic!("the home server takes it");
    };
    assert_eq!(
        home.reveal(attr::USER_PASSWORD).unwrap().as_slice(),
        b"arctangent"
    );
    assert_eq!(
        home.reveal(attr::TUNNEL_PASSWORD).unwrap().as_slice(),
        b"psk"
    );
}

#[test]
fn chap_against_the_authenticator_takes_its_challenge_along() {
    let attributes = AttributeList::new()
        .with(attr::USER_NAME, "flopsy")
        .with(attr::CHAP_PASSWORD, &[9_u8; 17][..]);
    let (query, octets) = asked(&attributes, "near");
    let list = received(&octets)
        .onward(Dictionary::builtin(), &everything)
        .unwrap();
    let challenge = list.find(&attr::CHAP_CHALLENGE.spec().oid).unwrap();
    assert_eq!(challenge.value, query.authenticator());
}

#[test]
fn filters_see_vendor_attributes_one_by_one() {
    let attributes = AttributeList::new()
        .with(attr::USER_NAME, "nemo")
        .with(attr::mikrotik::RATE_LIMIT, "1M")
        .with(attr::mikrotik::GROUP, "full");
    let (_, octets) = asked(&attributes, "near");
    let group = attr::mikrotik::GROUP.spec().oid;
    let list = received(&octets)
        .onward(Dictionary::builtin(), &|oid| *oid != group)
        .unwrap();
    let (_, far) = asked(&list, "far");
    let packet = Packet::parse(&far).unwrap();
    assert_eq!(packet.get(attr::mikrotik::RATE_LIMIT), Some("1M"));
    assert!(!packet.has(attr::mikrotik::GROUP));
}

#[test]
fn keys_in_an_answer_are_hidden_for_the_hop_they_go_to() {
    let (query, octets) = asked(&AttributeList::new().with(attr::USER_NAME, "nemo"), "far");
    let home = Peer::new("proxy", secret("far"));
    let peers = PeerTable::new([("0.0.0.0/0".parse().unwrap(), Arc::new(home))]);
    let arrival = Arrival {
        now: Instant::now(),
        clock: std::time::UNIX_EPOCH,
        listener: 0,
        role: Role::Auth,
        from: ([192, 0, 2, 2], 1024).into(),
        datagram: &octets,
    };
    let mut endpoint = Endpoint::new(&DuplicateLimits::default());
    let mut out = Vec::new();
    let Received::Request(request, ticket) =
        endpoint.receive(&peers, &arrival, &mut random, &mut out)
    else {
        panic!("it is taken");
    };
    let reply = portreeve_proto::AccessReply::accept()
        .with(attr::microsoft::MPPE_SEND_KEY, &[1_u8; 32][..])
        .with(attr::microsoft::MPPE_RECV_KEY, &[2_u8; 32][..])
        .with(attr::STATE, &b"state"[..]);
    let answered = endpoint.answer(
        arrival.now,
        &request,
        &ticket,
        &reply.into(),
        &mut random,
        &mut out,
    );
    assert!(answered.is_ok());
    let answer = query.accept(&out, &secret("far"), true).unwrap();
    let list = query
        .onward(&answer, &secret("far"), Dictionary::builtin(), &everything)
        .unwrap();
    let key = |oid: Oid| list.find(&oid).unwrap().value.to_vec();
    assert_eq!(key(attr::microsoft::MPPE_SEND_KEY.spec().oid), [1; 32]);
    assert_eq!(key(attr::microsoft::MPPE_RECV_KEY.spec().oid), [2; 32]);
    assert_eq!(key(attr::STATE.spec().oid), b"state");
    assert!(
        !format!("{list:?}").contains("1, 1, 1"),
        "they print redacted"
    );
}

proptest! {
    #[test]
    fn whatever_comes_goes_on_or_is_refused_and_stays_a_packet(
        pieces in proptest::collection::vec(
            (1_u8.., proptest::collection::vec(any::<u8>(), 0..60)),
            0..40,
        ),
    ) {
        let mut octets = vec![1, 1, 0, 0];
        octets.extend_from_slice(&[9; 16]);
        for (number, value) in pieces.iter().filter(|(number, _)| ![79, 80].contains(number)) {
            octets.push(*number);
            octets.push(u8::try_from(value.len() + 2).unwrap());
            octets.extend_from_slice(value);
        }
        let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
        octets[2..4].copy_from_slice(&length);
        let incoming = received(&octets);
        if let Ok(list) = incoming.onward(Dictionary::builtin(), &everything) {
            let mut out = Vec::new();
            let secret = secret("far");
            let encoded =
                Query::encode(Ask::Access, 1, &list, &secret, false, &mut random, &mut out);
            if encoded.is_ok() {
                prop_assert!(Packet::parse(&out).is_ok());
            }
        }
    }
}
