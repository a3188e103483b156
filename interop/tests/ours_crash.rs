//! `kill -9` under accounting load: what was answered is there, exactly once.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use portreeve_interop::portreeve::Portreeve;
use portreeve_interop::wire::{Reply, Request, attribute, code, exchange};
use portreeve_interop::world::{SECRET, World};
use portreeve_interop::{Must as _, eventually};

/// Senders, each with a socket of its own.
const SENDERS: usize = 4;
/// Requests that one sender has under way at a time.
const WINDOW: u8 = 64;
/// Answers to wait for before the server is killed.
const ENOUGH: usize = 5000;
const PATIENCE: Duration = Duration::from_mins(1);

/// What a sender knows: which sessions were answered, and which were not.
#[derive(Default)]
struct Sent {
    answered: Vec<String>,
    unanswered: Vec<String>,
}

fn start(id: u8, session: &str) -> Vec<u8> {
    Request::accounting(id)
        .with(attribute::ACCT_STATUS_TYPE, &[0, 0, 0, 1])
        .with(attribute::ACCT_SESSION_ID, session.as_bytes())
        .with(attribute::USER_NAME, b"bob")
        .with(attribute::NAS_PORT, &[0, 0, 0, 1])
        .encode(SECRET)
}

/// Sends one window after the other until `stop`, and believes verified answers only.
fn send(name: &str, server: SocketAddr, count: &AtomicUsize, stop: &AtomicBool) -> Sent {
    let socket = UdpSocket::bind("127.0.0.1:0").must("a socket");
    socket
        .set_read_timeout(Some(Duration::from_millis(300)))
        .must("a timeout");
    let mut sent = Sent::default();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let mut waiting = BTreeMap::new();
        for id in 0..WINDOW {
            let session = format!("{name}-{round}-{id}");
            let request = start(id, &session);
            // Once the server is dead the system refuses; nothing is answered then.
            socket.send_to(&request, server).ok();
            waiting.insert(id, (session, request));
        }
        let mut buffer = [0; 4096];
        while !waiting.is_empty() {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                break;
            };
            assert_eq!(from, server);
            // An answer to the round before may be late; its window has been given up.
            let late = waiting
                .get(&buffer[1])
                .is_none_or(|(_, request)| !is_answer(&buffer[..length], request));
            if !late && let Some((session, _)) = waiting.remove(&buffer[1]) {
                sent.answered.push(session);
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        sent.unanswered
            .extend(waiting.into_values().map(|(session, _)| session));
    }
    sent
}

fn is_answer(reply: &[u8], request: &[u8]) -> bool {
    let reply = Reply::read(reply, request, SECRET);
    reply.is_ok_and(|reply| reply.code == code::ACCOUNTING_RESPONSE)
}

/// Loads the server, kills it in full flight, and returns what the senders know.
fn crash(server: &mut Portreeve, run: &str) -> Sent {
    let count = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let to = server.ports().acct_v4();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (count, stop) = (Arc::clone(&count), Arc::clone(&stop));
            let name = format!("{run}-{sender}");
            thread::spawn(move || send(&name, to, &count, &stop))
        })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    while count.load(Ordering::Relaxed) < ENOUGH {
        assert!(
            Instant::now() < deadline,
            "{} answers only",
            count.load(Ordering::Relaxed)
        );
        thread::sleep(Duration::from_millis(5));
    }
    server.kill();
    stop.store(true, Ordering::Relaxed);
    let mut all = Sent::default();
    for sender in senders {
        let sent = sender.join().must("a sender");
        all.answered.extend(sent.answered);
        all.unanswered.extend(sent.unanswered);
    }
    all
}

/// How often each session is listed.
fn listed(server: &Portreeve) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for session in server.sessions() {
        for id in strings(&session) {
            *count.entry(id.to_owned()).or_default() += 1;
        }
    }
    count
}

fn strings(session: &serde_json::Value) -> Vec<&str> {
    session
        .as_object()
        .must("a session")
        .values()
        .filter_map(serde_json::Value::as_str)
        .collect()
}

#[test]
fn every_answered_session_is_there_exactly_once_after_kill_nine() {
    let mut server = Portreeve::start(&World::household());
    for run in ["first", "second"] {
        let sent = crash(&mut server, run);
        assert!(sent.answered.len() >= ENOUGH);
        assert!(
            !sent.unanswered.is_empty(),
            "the server was not under load when it was killed"
        );
        server.restart();
        let missing = |listed: &BTreeMap<String, usize>| {
            sent.answered.iter().any(|id| !listed.contains_key(id))
        };
        // The journal may still be on its way into the listing.
        eventually(|| !missing(&listed(&server)));
        let listed = listed(&server);
        let wrong: Vec<_> = sent
            .answered
            .iter()
            .filter(|id| listed.get(*id).copied() != Some(1))
            .collect();
        assert!(
            wrong.is_empty(),
            "{} of {} answered sessions are not there exactly once, such as {:?}",
            wrong.len(),
            sent.answered.len(),
            &wrong[..wrong.len().min(5)]
        );
        let twice = listed
            .iter()
            .find(|(id, count)| id.starts_with(run) && **count > 1);
        assert_eq!(
            twice, None,
            "a session that was never answered is there twice"
        );
    }
}

#[test]
fn a_request_repeated_after_the_crash_is_answered_and_counted_once() {
    let mut server = Portreeve::start(&World::household());
    let socket = UdpSocket::bind("127.0.0.1:0").must("a socket");
    let to = server.ports().acct_v4();
    let request = start(1, "again-1");
    let patience = Duration::from_secs(5);
    exchange(&socket, to, &request, patience).must("an answer");
    server.kill();
    server.restart();
    let reply = exchange(&socket, to, &request, patience).must("an answer to the repetition");
    assert_eq!(
        Reply::verified(&reply, &request, SECRET).code,
        code::ACCOUNTING_RESPONSE
    );
    eventually(|| !server.sessions_with("again-1").is_empty());
    assert_eq!(server.sessions_with("again-1").len(), 1);
}
