//! A network that loses, doubles and reorders: what a request does, it does exactly once.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use portreeve_interop::portreeve::Portreeve;
use portreeve_interop::relay::Relay;
use portreeve_interop::tools::{program, run};
use portreeve_interop::weather::Weather;
use portreeve_interop::wire::{Reply, Request, attribute, code, exchange};
use portreeve_interop::world::{SECRET, World};
use portreeve_interop::{Must as _, eventually};

/// A tenth of everything is lost, a fifth doubled, and nearly half is late.
const STORM: Weather = Weather {
    seed: 20_260_101,
    lost: 10,
    doubled: 20,
    late: 45,
    delay: Duration::from_millis(120),
};
/// How long a NAS waits before it asks again.
const AGAIN: Duration = Duration::from_millis(250);
const TRIES: usize = 40;

/// Sends the same octets until they are answered, as a NAS does.
fn insist(socket: &UdpSocket, server: SocketAddr, request: &[u8]) -> Reply {
    for _ in 0..TRIES {
        let answer = exchange(socket, server, request, AGAIN);
        // What comes late answers a request of before; the NAS goes on waiting.
        if let Some(reply) = answer.and_then(|reply| Reply::read(&reply, request, SECRET).ok()) {
            return reply;
        }
    }
    panic!("no answer after {TRIES} tries");
}

fn record(id: u8, session: &str, status: u8, octets: u32) -> Vec<u8> {
    Request::accounting(id)
        .with(attribute::ACCT_STATUS_TYPE, &[0, 0, 0, status])
        .with(attribute::ACCT_SESSION_ID, session.as_bytes())
        .with(attribute::USER_NAME, b"bob")
        .with(attribute::NAS_PORT, &[0, 0, 0, 1])
        .with(attribute::ACCT_INPUT_OCTETS, &octets.to_be_bytes())
        .encode(SECRET)
}

#[test]
fn every_session_is_kept_exactly_once() {
    let server = Portreeve::start(&World::household());
    let relay = Relay::through(server.ports().acct_v4(), STORM);
    let socket = UdpSocket::bind("127.0.0.1:0").must("a socket");
    let sessions: Vec<String> = (0..40).map(|number| format!("storm-{number}")).collect();
    for (id, session) in (0..).zip(&sessions) {
        let start = record(id, session, 1, 0);
        let reply = insist(&socket, relay.address(), &start);
        assert_eq!(reply.code, code::ACCOUNTING_RESPONSE);
    }
    for (id, session) in (100..).zip(&sessions) {
        let stop = record(id, session, 2, 1000);
        let reply = insist(&socket, relay.address(), &stop);
        assert_eq!(reply.code, code::ACCOUNTING_RESPONSE);
    }
    let fates = relay.fates();
    assert!(
        fates.lost > 5 && fates.doubled > 10 && fates.late > 20,
        "the weather was fine: {fates:?}"
    );
    for session in &sessions {
        eventually(|| !server.sessions_with(session).is_empty());
        let found = server.sessions_with(session);
        assert_eq!(found.len(), 1, "{session}: {found:?}");
    }
    let status = server.status();
    // Whatever came twice was answered twice and kept once.
    assert_eq!(status["journal"]["recorded"], 80, "{status}");
}

#[test]
fn log_ins_are_decided_exactly_once() {
    let server = Portreeve::start(&World::household());
    let relay = Relay::through(server.ports().auth_v4(), STORM);
    let socket = UdpSocket::bind("127.0.0.1:0").must("a socket");
    for id in 0..60 {
        let request = Request::access(id).pap("bob", "hello world", SECRET);
        let reply = insist(&socket, relay.address(), &request.encode(SECRET));
        assert_eq!(reply.code, code::ACCESS_ACCEPT);
    }
    let status = server.status();
    // One of its own probes may ask for the status, but nobody else logs in.
    assert_eq!(status["requests"]["access"], 60, "{status}");
}

#[test]
fn radclient_gets_through() {
    let server = Portreeve::start(&World::household());
    let relay = Relay::through(server.ports().acct_v4(), STORM);
    let requests: Vec<String> = (0..20)
        .map(|number| {
            format!(
                "User-Name = \"bob\"\nAcct-Status-Type = Start\n\
                 Acct-Session-Id = \"gale-{number}\"\nNAS-IP-Address = 192.0.2.9\n\n"
            )
        })
        .collect();
    let mut command = std::process::Command::new(program("radclient"));
    command
        .args(["-r", "20", "-t", "0.3", "-s"])
        .arg(relay.address().to_string())
        .args(["acct", SECRET]);
    let ended = run(&mut command, &requests.concat());
    assert!(ended.succeeded, "{}", ended.said());
    for number in 0..20 {
        let session = format!("gale-{number}");
        eventually(|| !server.sessions_with(&session).is_empty());
        assert_eq!(server.sessions_with(&session).len(), 1, "{session}");
    }
    assert_ne!(relay.fates(), portreeve_interop::weather::Fates::default());
}
