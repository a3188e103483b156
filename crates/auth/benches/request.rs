//! One request after another through `Endpoint`, without sockets, for counting instructions:
//! `cargo xtask instructions` runs it under callgrind at two lengths and takes the difference.
//!
//! `request KIND COUNT`, where KIND is one of `stranger`, `forged`, `duplicate`, `pap`, `chap`,
//! `mschapv2`, `accounting`.

#![expect(
    clippy::disallowed_methods,
    reason = "a measurement needs some starting point"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement stops where something is not as expected"
)]

use std::{hint::black_box, net::SocketAddr, sync::Arc, time::Instant};

use portreeve_auth::{Credential, Login, Method, Proof, prove};
use portreeve_proto::{
    AccessReply, AccountingReply, Answered, Arrival, Ask, AttributeList, DuplicateLimits, Endpoint,
    Incoming, Peer, PeerTable, Query, Received, Reply, Role, Secret, attr,
};

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let (Some(kind), Some(count)) = (arguments.next(), arguments.next()) else {
        return;
    };
    let count: u32 = count.parse().unwrap();
    match kind.as_str() {
        "stranger" => discarded("198.51.100.1:1", count, |_| {}),
        "forged" => discarded("192.0.2.1:1", count, |octets| octets[30] ^= 1),
        "duplicate" => served(Ask::Access, Some(Method::Pap), count, true),
        "pap" => served(Ask::Access, Some(Method::Pap), count, false),
        "chap" => served(Ask::Access, Some(Method::Chap), count, false),
        "mschapv2" => served(Ask::Access, Some(Method::MsChapV2), count, false),
        "accounting" => served(Ask::Accounting, None, count, false),
        _ => panic!("no such kind: {kind}"),
    }
}

fn fixed(octets: &mut [u8]) {
    octets.fill(0x5a);
}

fn secret() -> Secret {
    Secret::new("0123456789abcdef0123456789abcdef").unwrap()
}

fn peers() -> PeerTable {
    let peer = Arc::new(Peer::new("nas", secret()));
    PeerTable::new([("192.0.2.0/24".parse().unwrap(), peer)])
}

/// What a router sends with a log-in or a report.
fn request(ask: Ask, method: Option<Method>) -> Vec<u8> {
    let mut list = match method {
        Some(method) => {
            Login::new(method, "tim", "correct horse", &mut fixed)
                .unwrap()
                .into_parts()
                .0
        }
        None => AttributeList::new()
            .with(attr::USER_NAME, "tim")
            .with(attr::ACCT_STATUS_TYPE, 3)
            .with(attr::ACCT_SESSION_ID, "80000001")
            .with(attr::ACCT_INPUT_OCTETS, 123_456)
            .with(attr::ACCT_OUTPUT_OCTETS, 654_321),
    };
    list.add(attr::NAS_IDENTIFIER, "router.example");
    list.add(attr::CALLING_STATION_ID, "00-11-22-33-44-55");
    list.add(attr::NAS_PORT, 15_728_640);
    let mut out = Vec::new();
    Query::encode(ask, 0, &list, &secret(), false, &mut fixed, &mut out).unwrap();
    out
}

fn discarded(from: &str, count: u32, change: impl Fn(&mut [u8])) {
    let mut datagram = request(Ask::Access, Some(Method::Pap));
    change(&mut datagram);
    let (peers, from) = (peers(), from.parse().unwrap());
    let mut endpoint = Endpoint::new(&DuplicateLimits::default());
    let mut out = Vec::new();
    let now = Instant::now();
    for _ in 0..count {
        let arrival = Arrival {
            now,
            clock: std::time::UNIX_EPOCH,
            listener: 0,
            role: Role::Auth,
            from,
            datagram: &datagram,
        };
        let received = endpoint.receive(&peers, &arrival, &mut fixed, &mut out);
        assert!(matches!(black_box(received), Received::Discarded(..)));
    }
}

/// Requests from many ports, so that each is new; or one and the same, so that all but the first
/// are answered from memory.
fn served(ask: Ask, method: Option<Method>, count: u32, same: bool) {
    let datagram = request(ask, method);
    let (peers, credential) = (peers(), Credential::parse("{CLEAR}correct horse").unwrap());
    let mut endpoint = Endpoint::new(&DuplicateLimits::default());
    let mut out = Vec::new();
    let now = Instant::now();
    let role = if ask == Ask::Access {
        Role::Auth
    } else {
        Role::Accounting
    };
    for turn in 0..count {
        let port = if same {
            1
        } else {
            u16::try_from(turn % 60_000).unwrap() + 1
        };
        let from = SocketAddr::from(([192, 0, 2, 1], port));
        let arrival = Arrival {
            now,
            clock: std::time::UNIX_EPOCH,
            listener: 0,
            role,
            from,
            datagram: &datagram,
        };
        let Received::Request(incoming, ticket) =
            endpoint.receive(&peers, &arrival, &mut fixed, &mut out)
        else {
            assert!(same);
            continue;
        };
        let reply = decide(&incoming, &credential);
        let answered = endpoint
            .answer(now, &incoming, &ticket, &reply, &mut fixed, &mut out)
            .unwrap();
        assert_eq!(black_box(answered), Answered::Send);
    }
}

fn decide(incoming: &Incoming, credential: &Credential) -> Reply {
    let Incoming::Access(request) = incoming else {
        return AccountingReply::recorded().into();
    };
    let Proof::Proven(keys) = prove(request, credential) else {
        panic!("not proven")
    };
    request.on_accept(keys.into_attributes());
    AccessReply::accept()
        .with(attr::SESSION_TIMEOUT, 3600)
        .into()
}
