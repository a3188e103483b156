//! A peer whose secret is being changed: both secrets for a while, and one for each exchange.

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

use md5::{Digest as _, Md5};
use portreeve_proto::{
    AccessReply, AccountingReply, Answered, Arrival, Ask, AttributeList, BadReply, CoaReply,
    Discard, DisconnectReply, DuplicateLimits, Endpoint, Incoming, Peer, PeerTable, Query,
    Received, Reply, RequireMessageAuthenticator, Role, Secret, Ticket, attr,
};

const OVERLAP: Duration = Duration::from_hours(1);

fn old() -> Secret {
    Secret::new("the old secret").unwrap()
}

fn new() -> Secret {
    Secret::new("the new secret").unwrap()
}

fn random(octets: &mut [u8]) {
    octets.fill(0x5a);
}

struct Bench {
    endpoint: Endpoint,
    peers: PeerTable,
    now: Instant,
    out: Vec<u8>,
}

impl Bench {
    fn new(require: RequireMessageAuthenticator) -> Self {
        let now = Instant::now();
        let peer = Peer::new("hotel", new())
            .previous_secret(old(), now + OVERLAP)
            .require_message_authenticator(require, false);
        Self {
            endpoint: Endpoint::new(&DuplicateLimits::default()),
            peers: PeerTable::new([("192.0.2.0/24".parse().unwrap(), Arc::new(peer))]),
            now,
            out: Vec::new(),
        }
    }

    fn strict() -> Self {
        Self::new(RequireMessageAuthenticator::Yes)
    }

    fn receive(&mut self, datagram: &[u8]) -> Received {
        let from: SocketAddr = "192.0.2.7:40000".parse().unwrap();
        let arrival = Arrival {
            now: self.now,
            clock: UNIX_EPOCH,
            listener: 0,
            role: Role::Any,
            from,
            datagram,
        };
        self.endpoint
            .receive(&self.peers, &arrival, &mut random, &mut self.out)
    }

    fn discard(&mut self, datagram: &[u8]) -> Option<Discard> {
        match self.receive(datagram) {
            Received::Discarded(discard, _) => Some(discard),
            _ => None,
        }
    }

    fn request(&mut self, datagram: &[u8]) -> (Incoming, Ticket) {
        match self.receive(datagram) {
            Received::Request(incoming, ticket) => (incoming, ticket),
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, incoming: &Incoming, ticket: &Ticket, reply: &Reply) {
        let answered = self.endpoint.answer(
            self.now,
            incoming,
            ticket,
            reply,
            &mut random,
            &mut self.out,
        );
        assert_eq!(answered, Ok(Answered::Send));
    }
}

fn asked(ask: Ask, identifier: u8, list: &AttributeList, secret: &Secret) -> (Query, Vec<u8>) {
    let mut out = Vec::new();
    let query = Query::encode(ask, identifier, list, secret, false, &mut random, &mut out).unwrap();
    (query, out)
}

fn pap(password: &str) -> AttributeList {
    AttributeList::new()
        .with(attr::USER_NAME, "tim")
        .with(attr::USER_PASSWORD, password)
}

/// The same packet without Message-Authenticator, which is its first attribute.
fn bare(datagram: &[u8]) -> Vec<u8> {
    assert_eq!(datagram[20..22], [80, 18]);
    let mut octets = datagram.to_vec();
    octets.drain(20..38);
    let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
    octets[2..4].copy_from_slice(&length);
    octets
}

fn reply_to(incoming: &Incoming) -> Reply {
    match incoming {
        Incoming::Access(_) => AccessReply::accept()
            .with(attr::microsoft::MPPE_SEND_KEY, [7; 16].as_slice())
            .into(),
        Incoming::Accounting(_) => AccountingReply::recorded().into(),
        Incoming::Coa(_) => CoaReply::ack().into(),
        Incoming::Disconnect(_) => DisconnectReply::ack().into(),
    }
}

#[test]
fn every_request_is_taken_by_either_secret_and_answered_by_its_own() {
    let name = AttributeList::new().with(attr::USER_NAME, "tim");
    for (identifier, ask) in (1..).zip([
        Ask::Access,
        Ask::Accounting,
        Ask::Coa,
        Ask::Disconnect,
        Ask::Status,
    ]) {
        let mut bench = Bench::strict();
        let list = match ask {
            Ask::Access => pap("12345"),
            _ => name.clone(),
        };
        for (secret, other, is_previous) in [(old(), new(), true), (new(), old(), false)] {
            let (query, datagram) = asked(ask, identifier, &list, &secret);
            if ask == Ask::Status {
                assert!(matches!(bench.receive(&datagram), Received::Status));
            } else {
                let (incoming, ticket) = bench.request(&datagram);
                assert_eq!(incoming.uses_previous_secret(), is_previous);
                assert!(incoming.is_protected());
                if ask == Ask::Access {
                    let password = incoming.reveal(attr::USER_PASSWORD).unwrap();
                    assert_eq!(*password, b"12345");
                }
                bench.answer(&incoming, &ticket, &reply_to(&incoming));
            }
            let answer = bench.out.clone();
            let accepted = query.accept(&answer, &secret, true).unwrap();
            if ask == Ask::Access {
                // Vendor-Specific: type, length, vendor, and the vendor's type and length.
                let hidden = accepted.find(26).unwrap().value;
                let spec = attr::microsoft::MPPE_SEND_KEY.spec();
                let key = query.reveal(spec, &hidden[6..], &secret).unwrap();
                assert_eq!(*key, [7; 16]);
            }
            assert!(query.accept(&answer, &other, true).is_err(), "{ask:?}");
            if ask != Ask::Status {
                assert!(matches!(bench.receive(&datagram), Received::Replayed));
                assert_eq!(bench.out, answer, "{ask:?}");
            }
        }
    }
}

#[test]
fn the_previous_secret_ends_when_its_time_is_up_and_is_named_then() {
    let mut bench = Bench::strict();
    bench.now += OVERLAP;
    for (ask, wrong) in [
        (Ask::Access, Discard::MessageAuthenticatorWrong),
        (Ask::Status, Discard::MessageAuthenticatorWrong),
        (Ask::Accounting, Discard::RequestAuthenticatorWrong),
    ] {
        let list = AttributeList::new().with(attr::USER_NAME, "tim");
        let by = |secret: &Secret| asked(ask, 7, &list, secret).1;
        let expired = bench.discard(&by(&old()));
        assert_eq!(expired, Some(Discard::PreviousSecretExpired), "{ask:?}");
        let other = Secret::new("yet another").unwrap();
        assert_eq!(bench.discard(&by(&other)), Some(wrong), "{ask:?}");
        assert_eq!(bench.discard(&by(&new())), None, "{ask:?}");
    }
    assert!(Discard::PreviousSecretExpired.ends_stream());
}

#[test]
fn a_packet_that_is_half_by_one_secret_and_half_by_the_other_is_by_neither() {
    let list = AttributeList::new().with(attr::USER_NAME, "tim");
    let mut octets = Vec::new();
    Query::encode(
        Ask::Accounting,
        7,
        &list,
        &new(),
        true,
        &mut random,
        &mut octets,
    )
    .unwrap();
    assert_eq!(octets[20..22], [80, 18]);
    assert_eq!(Bench::strict().discard(&octets), None);
    // Its Message-Authenticator is by one, now its Request Authenticator is by the other.
    let parts: [&[u8]; 4] = [&octets[..4], &[0; 16], &octets[20..], b"the old secret"];
    let digest = Md5::digest(parts.concat());
    octets[4..20].copy_from_slice(&digest);
    let discarded = Bench::strict().discard(&octets);
    assert_eq!(discarded, Some(Discard::RequestAuthenticatorWrong));
}

#[test]
fn an_answer_under_one_secret_is_no_answer_to_the_same_request_under_the_other() {
    let mut bench = Bench::strict();
    // As a NAS asks that turns from one entry to the next: same port, Identifier, authenticator.
    let (_, first) = asked(Ask::Access, 7, &pap("12345"), &old());
    let (query, second) = asked(Ask::Access, 7, &pap("12345"), &new());
    let (incoming, ticket) = bench.request(&first);
    bench.answer(&incoming, &ticket, &AccessReply::accept().into());
    let (incoming, ticket) = bench.request(&second);
    bench.answer(&incoming, &ticket, &AccessReply::accept().into());
    assert!(query.accept(&bench.out, &new(), true).is_ok());
}

#[test]
fn without_any_proof_the_password_tells_which_secret_hid_it() {
    let mut bench = Bench::new(RequireMessageAuthenticator::No);
    for (identifier, password) in (1..).zip(["", "x", "12345", "pässwörd", "0123456789abcdefg"]) {
        for (secret, is_previous) in [(old(), true), (new(), false), (old(), true)] {
            let (query, datagram) = asked(Ask::Access, identifier, &pap(password), &secret);
            // The duplicates of the round before are over.
            bench.now += Duration::from_mins(1);
            let (incoming, ticket) = bench.request(&bare(&datagram));
            assert!(!incoming.is_protected());
            assert_eq!(incoming.uses_previous_secret(), is_previous, "{password:?}");
            let revealed = incoming.reveal(attr::USER_PASSWORD).unwrap();
            assert_eq!(*revealed, password.as_bytes());
            bench.answer(&incoming, &ticket, &AccessReply::reject().into());
            assert!(query.accept(&bench.out, &secret, true).is_ok());
        }
    }
    // Neither makes a text of it: it is checked once all the same, under one of them.
    let other = Secret::new("yet another").unwrap();
    let (_, datagram) = asked(Ask::Access, 99, &pap("12345"), &other);
    let (incoming, _ticket) = bench.request(&bare(&datagram));
    assert!(incoming.uses_previous_secret());
}

#[test]
fn without_any_proof_and_password_the_previous_one_holds_until_the_new_one_is_seen() {
    let mut bench = Bench::new(RequireMessageAuthenticator::No);
    let chap = AttributeList::new()
        .with(attr::USER_NAME, "tim")
        .with(attr::CHAP_PASSWORD, [3; 17].as_slice());
    let by = |bench: &mut Bench, identifier| {
        let (query, datagram) = asked(Ask::Access, identifier, &chap, &new());
        let (incoming, ticket) = bench.request(&bare(&datagram));
        bench.answer(&incoming, &ticket, &AccessReply::reject().into());
        match query.accept(&bench.out, &old(), true) {
            Ok(_) => "old",
            Err(BadReply::ResponseAuthenticatorWrong | BadReply::MessageAuthenticatorWrong) => {
                assert!(query.accept(&bench.out, &new(), true).is_ok());
                "new"
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(by(&mut bench, 1), "old");
    let list = AttributeList::new().with(attr::USER_NAME, "tim");
    for (identifier, secret, then) in [(2, old(), "old"), (3, new(), "new"), (4, old(), "new")] {
        let (_, proven) = asked(Ask::Accounting, identifier, &list, &secret);
        let (_incoming, _ticket) = bench.request(&proven);
        assert_eq!(by(&mut bench, identifier), then);
    }
    let mut told = Bench::new(RequireMessageAuthenticator::No);
    let peer = Peer::new("hotel", new())
        .previous_secret(old(), told.now + OVERLAP)
        .prefers_present_secret(true)
        .require_message_authenticator(RequireMessageAuthenticator::No, false);
    told.peers = PeerTable::new([("192.0.2.0/24".parse().unwrap(), Arc::new(peer))]);
    assert_eq!(by(&mut told, 6), "new");
    let mut late = Bench::new(RequireMessageAuthenticator::No);
    late.now += OVERLAP;
    assert_eq!(by(&mut late, 5), "new");
}
