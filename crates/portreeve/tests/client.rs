//! The client against our server, with all kinds of mishap between them.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use md5::{Digest as _, Md5};
use portreeve::{
    Access, AccessOutcome, AccessReply, AccessRequest, Accounting, AccountingReply,
    AccountingRequest, AttributeList, Client, CoaReply, CoaRequest, Code, DisconnectReply,
    DisconnectRequest, Error, ErrorCause, Handler, Packet, Proves as _, Running, Server, attr,
    blocking,
    client::{ClientBuilder, Retry, Upstream, Watchdog},
};

use crate::relay::{Relay, black_hole};

const SECRET: &str = "xyzzy5461";

/// Serves everything: tim and his password by any method, `slow` after a while, `anyone` without a
/// proof.
struct Inn;

const SLOW: Duration = Duration::from_millis(300);

impl Handler for Inn {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        match request.user_name() {
            Some("tim") if request.proves("12345") => {
                AccessReply::accept().with(attr::TUNNEL_PASSWORD, (1, "between us"))
            }
            Some("slow") => {
                tokio::time::sleep(SLOW).await;
                AccessReply::accept()
            }
            Some("anyone") => AccessReply::accept(),
            Some("token") => AccessReply::challenge().with(attr::STATE, b"more"),
            _ => AccessReply::reject().with(attr::REPLY_MESSAGE, "no"),
        }
    }

    async fn accounting(&self, _: &AccountingRequest) -> AccountingReply {
        AccountingReply::recorded()
    }

    async fn coa(&self, request: &CoaRequest) -> CoaReply {
        if request.has(attr::EVENT_TIMESTAMP) && request.has(attr::MESSAGE_AUTHENTICATOR) {
            CoaReply::ack()
        } else {
            CoaReply::nak(ErrorCause::MissingAttribute)
        }
    }

    async fn disconnect(&self, _: &DisconnectRequest) -> DisconnectReply {
        DisconnectReply::nak(ErrorCause::SessionContextNotFound)
    }
}

async fn inn_at(address: SocketAddr) -> Running {
    let server = Server::new(Inn).peer("127.0.0.0/8", SECRET).workers(1);
    server
        .reject_delay(Duration::ZERO)
        .udp(address)
        .start()
        .await
        .unwrap()
}

async fn inn() -> Running {
    inn_at(([127, 0, 0, 1], 0).into()).await
}

/// Timing for tests: the first wait, doubling.
fn quick(initial: u64) -> Retry {
    Retry {
        initial: Duration::from_millis(initial),
        ..Retry::default()
    }
}

fn client(server: SocketAddr) -> ClientBuilder {
    Client::udp(server, SECRET)
}

fn tim() -> Access {
    Access::pap("tim", "12345")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_lets_in_with_the_right_password_only() {
    let running = inn().await;
    let client = client(running.address()).await.unwrap();
    let methods = [
        Access::pap,
        Access::chap,
        Access::chap_without_challenge,
        Access::mschapv1,
        Access::mschapv2,
    ];
    for method in methods {
        let outcome = client.access(method("tim", "12345")).await.unwrap();
        assert!(outcome.is_accept(), "{outcome:?}");
        let outcome = client.access(method("tim", "54321")).await.unwrap();
        let AccessOutcome::Reject(reply) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(reply.message(), Some("no"));
    }
    let outcome = client.access(Access::pap("token", "1")).await.unwrap();
    let AccessOutcome::Challenge(reply) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(reply.get(attr::STATE), Some(b"more".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_attribute_of_the_answer_is_revealed() {
    let running = inn().await;
    let client = client(running.address()).await.unwrap();
    let outcome = client.access(tim()).await.unwrap();
    let reply = outcome.response();
    let password = reply.reveal(attr::TUNNEL_PASSWORD).unwrap();
    assert_eq!(password.as_slice(), b"between us");
    assert_eq!(
        (reply.server(), reply.transmissions()),
        (running.address(), 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accept_without_the_servers_own_proof_does_not_count() {
    let running = inn().await;
    let client = client(running.address()).await.unwrap();
    assert!(
        client
            .access(Access::chap("anyone", "x"))
            .await
            .unwrap()
            .is_accept()
    );
    let error = client
        .access(Access::mschapv2("anyone", "x"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::ServerUnproven { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_identifiers_take_another_socket() {
    let running = inn().await;
    let client = client(running.address()).await.unwrap();
    let asked: Vec<_> = (0..300)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.access(Access::pap("slow", "x")).await })
        })
        .collect();
    for answer in asked {
        assert!(answer.await.unwrap().unwrap().is_accept());
    }
    assert_eq!(client.sockets(), 2);
    assert_eq!(running.counters().replies(Code::ACCESS_ACCEPT), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_where_no_further_socket_is_allowed() {
    let running = inn().await;
    let client = client(running.address()).sockets(1).await.unwrap();
    let start = Instant::now();
    let asked: Vec<_> = (0..300)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.access(Access::pap("slow", "x")).await })
        })
        .collect();
    for answer in asked {
        assert!(answer.await.unwrap().unwrap().is_accept());
    }
    assert!(
        start.elapsed() >= 2 * SLOW,
        "the last ones waited for the first"
    );
    assert_eq!(client.sockets(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_dropped_gives_its_identifier_back() {
    let hole = black_hole();
    let client = client(hole.local_addr().unwrap()).sockets(1).await.unwrap();
    for round in 1..=2 {
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..256 {
            let client = client.clone();
            asked.spawn(async move { client.access(tim()).await });
        }
        let start = Instant::now();
        while client
            .counters()
            .any(|(_, counters)| counters.requests < round * 256)
        {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "no identifier is free"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        asked.shutdown().await;
    }
    assert_eq!(client.sockets(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retransmission_is_the_same_packet_from_the_same_port() {
    let running = inn().await;
    let relay = Relay::losing(running.address(), 2);
    let client = client(relay.address).retry(quick(150)).await.unwrap();
    let outcome = client.access(tim()).await.unwrap();
    assert_eq!(outcome.response().transmissions(), 3);
    let seen = relay.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|sent| *sent == seen[0]));
    let (_, counters) = client.counters().next().unwrap();
    assert_eq!(
        (
            counters.requests,
            counters.retransmissions,
            counters.answered
        ),
        (1, 2, 1)
    );
    assert_eq!(counters.timeouts, 2);
}

fn delay(packet: &[u8]) -> Option<u32> {
    Packet::parse(packet).unwrap().get(attr::ACCT_DELAY_TIME)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_sent_again_says_how_old_it_is() {
    let running = inn().await;
    let relay = Relay::losing(running.address(), 1);
    let client = client(relay.address).retry(quick(1200)).await.unwrap();
    let record = Accounting::start("0001").with(attr::ACCT_DELAY_TIME, 5);
    client.accounting(record).await.unwrap();
    let seen = relay.seen();
    let delays: Vec<_> = seen
        .iter()
        .map(|(_, packet)| delay(packet).unwrap())
        .collect();
    assert_eq!(delays, [5, 6]);
    assert_ne!(
        seen[0].1[1], seen[1].1[1],
        "another packet has another identifier"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_an_earlier_transmission_of_a_record_counts() {
    let running = inn().await;
    // Only the first transmission reaches the server, and its answer takes its time.
    let late = |reply: &[u8]| {
        std::thread::sleep(Duration::from_millis(400));
        vec![reply.to_vec()]
    };
    let relay = Relay::new(running.address(), |count| count == 0, late);
    let client = client(relay.address).retry(quick(150)).await.unwrap();
    let reply = client.accounting(Accounting::stop("0001")).await.unwrap();
    assert_eq!(reply.code(), Code::ACCOUNTING_RESPONSE);
    assert!(relay.seen().len() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_record_is_answered() {
    let running = inn().await;
    let relay = Relay::honest(running.address());
    let client = client(relay.address).nas_identifier("inn").await.unwrap();
    let kinds = [
        Accounting::start,
        Accounting::interim,
        Accounting::stop,
        Accounting::on,
        Accounting::off,
    ];
    for kind in kinds {
        client.accounting(kind("0001")).await.unwrap();
    }
    let seen = relay.seen();
    let statuses: Vec<_> = seen
        .iter()
        .map(|(_, octets)| {
            let packet = Packet::parse(octets).unwrap();
            assert_eq!(packet.get(attr::NAS_IDENTIFIER), Some("inn"));
            assert_eq!(packet.get(attr::ACCT_SESSION_ID), Some("0001"));
            packet.get(attr::ACCT_STATUS_TYPE).unwrap()
        })
        .collect();
    assert_eq!(statuses, [1, 3, 2, 7, 8]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_replies_are_counted_and_otherwise_ignored() {
    let running = inn().await;
    let forge = |reply: &[u8]| {
        let changed = |index: usize, by: u8| {
            let mut forged = reply.to_vec();
            forged[index] ^= by;
            forged
        };
        let (code, identifier, authenticator, last) = (0, 1, 4, reply.len() - 1);
        vec![
            vec![],
            b"noise".to_vec(),
            changed(code, 2 ^ 5),
            changed(code, 2 ^ 3),
            changed(identifier, 1),
            changed(authenticator, 1),
            changed(last, 1),
            reply[..reply.len() - 1].to_vec(),
            reply.to_vec(),
            reply.to_vec(),
        ]
    };
    let relay = Relay::new(running.address(), |_| true, forge);
    let client = client(relay.address).await.unwrap();
    for _ in 0..3 {
        let outcome = client.access(tim()).await.unwrap();
        assert!(outcome.is_accept());
        assert_eq!(outcome.response().transmissions(), 1);
    }
    let (_, counters) = client.counters().next().unwrap();
    assert_eq!(counters.answered, 3);
    assert_eq!(counters.unknown_types, 3);
    assert_eq!(counters.bad_authenticators, 9);
    assert_eq!(counters.malformed, 3);
    assert!(counters.unexpected >= 9, "{counters:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_reply_verifies_the_secret_is_suspected() {
    let running = inn().await;
    let forge = |reply: &[u8]| {
        let mut forged = reply.to_vec();
        forged[4] ^= 1;
        vec![forged]
    };
    let relay = Relay::new(running.address(), |_| true, forge);
    let retry = Retry::once(Duration::from_millis(500));
    let client = client(relay.address).retry(retry).await.unwrap();
    let error = client.access(tim()).await.unwrap_err();
    assert!(
        matches!(error, Error::SecretsDiffer { replies: 1, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("shared secret differs"));
}

/// A server from before Message-Authenticator: accepts everybody, signs with the Response
/// Authenticator alone.
fn old_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut octets = [0; 4096];
        while let Ok((_, from)) = socket.recv_from(&mut octets) {
            let mut reply = vec![2, octets[1], 0, 20];
            reply.extend_from_slice(&octets[4..20]);
            let signature = Md5::new()
                .chain_update(&reply)
                .chain_update(SECRET)
                .finalize();
            reply[4..20].copy_from_slice(&signature);
            socket.send_to(&reply, from).unwrap();
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn message_authenticator_is_demanded_unless_told_otherwise() {
    let address = old_server();
    let retry = Retry::once(Duration::from_millis(500));
    let strict = client(address).retry(retry).await.unwrap();
    let error = strict.access(tim()).await.unwrap_err();
    assert!(
        matches!(error, Error::UnprotectedReplies { replies: 1, .. }),
        "{error}"
    );
    let upstream = Upstream::new(address, SECRET)
        .unwrap()
        .require_message_authenticator(false);
    let lenient = Client::builder().server_with(upstream).await.unwrap();
    assert!(lenient.access(tim()).await.unwrap().is_accept());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_port_is_told_from_a_silent_one() {
    let hole = black_hole();
    let address = hole.local_addr().unwrap();
    let retry = Retry {
        count: 2,
        ..quick(50)
    };
    let silent = client(address)
        .retry(retry)
        .await
        .unwrap()
        .access(tim())
        .await
        .unwrap_err();
    assert!(
        matches!(
            silent,
            Error::NoAnswer {
                sent: 2,
                refused: false,
                ..
            }
        ),
        "{silent}"
    );
    drop(hole);
    let closed = client(address)
        .retry(retry)
        .await
        .unwrap()
        .access(tim())
        .await
        .unwrap_err();
    assert!(
        matches!(
            closed,
            Error::NoAnswer {
                sent: 2,
                refused: true,
                ..
            }
        ),
        "{closed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_packet_is_no_reason_to_leave_a_server() {
    let (first, second) = (inn().await, inn().await);
    let relay = Relay::losing(first.address(), 1);
    let builder = client(relay.address).server(second.address(), SECRET);
    let client = builder.retry(quick(150)).await.unwrap();
    let outcome = client.access(tim()).await.unwrap();
    assert_eq!(outcome.response().server(), relay.address);
    assert!(client.servers().all(|(_, alive)| alive));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_left_until_it_answers_status_server() {
    let hole = black_hole();
    let address = hole.local_addr().unwrap();
    let second = inn().await;
    let watchdog = Watchdog {
        interval: Duration::from_millis(40),
        ..Watchdog::default()
    };
    let builder = client(address)
        .server(second.address(), SECRET)
        .watchdog(watchdog);
    let client = builder.retry(quick(80)).await.unwrap();
    let is_first_alive = || client.servers().next().unwrap().1;
    for _ in 0..2 {
        let outcome = client.access(tim()).await.unwrap();
        assert_eq!(outcome.response().server(), second.address());
    }
    assert!(!is_first_alive());
    let asked_before = client.counters().next().unwrap().1.requests;
    assert!(client.access(tim()).await.unwrap().is_accept());
    let asked_first = |packet: &[u8]| packet[0] == 1;
    let mut octets = [0; 4096];
    hole.set_nonblocking(true).unwrap();
    let mut log_ins = 0;
    while let Ok(length) = hole.recv(&mut octets) {
        log_ins += usize::from(asked_first(&octets[..length]));
    }
    assert_eq!(
        log_ins, 3,
        "two for the first log-in, one for the second, none for the third"
    );
    assert!(asked_before >= 2);
    drop(hole);
    let first = inn_at(address).await;
    let start = Instant::now();
    while !is_first_alive() {
        assert!(start.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(first.counters().status >= 3);
    let outcome = client.access(tim()).await.unwrap();
    assert_eq!(outcome.response().server(), address);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_that_knows_no_status_server_is_pardoned() {
    let hole = black_hole();
    let watchdog = Watchdog {
        lost: 1,
        interval: Duration::from_millis(20),
        pardon: Duration::from_millis(100),
        ..Watchdog::default()
    };
    let retry = Retry::once(Duration::from_millis(20));
    let builder = client(hole.local_addr().unwrap())
        .watchdog(watchdog)
        .retry(retry);
    let client = builder.await.unwrap();
    client.access(tim()).await.unwrap_err();
    assert!(client.servers().all(|(_, alive)| !alive));
    let start = Instant::now();
    while client.servers().any(|(_, alive)| !alive) {
        assert!(start.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_servers_are_dead_each_is_tried_all_the_same() {
    let holes = [black_hole(), black_hole()];
    let addresses = holes.each_ref().map(|hole| hole.local_addr().unwrap());
    let watchdog = Watchdog {
        lost: 1,
        ..Watchdog::default()
    };
    let retry = Retry {
        count: 1,
        ..quick(30)
    };
    let builder = client(addresses[0]).server(addresses[1], SECRET);
    let client = builder.watchdog(watchdog).retry(retry).await.unwrap();
    let error = client.access(tim()).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. }), "{error}");
    let error = client.access(tim()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::AllDead {
                servers: 2,
                sent: 2,
                ..
            }
        ),
        "{error}"
    );
    drop(holes);
    let second = inn_at(addresses[1]).await;
    let outcome = client.access(tim()).await.unwrap();
    assert_eq!(outcome.response().server(), second.address());
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_changed_and_ended() {
    let running = inn().await;
    let client = client(running.address()).await.unwrap();
    let session = || AttributeList::new().with(attr::ACCT_SESSION_ID, "0001");
    assert!(client.coa(session()).await.unwrap().is_ack());
    let outcome = client.disconnect(session()).await.unwrap();
    assert!(!outcome.is_ack());
    assert_eq!(outcome.response().get(attr::ERROR_CAUSE), Some(503));
    assert_eq!(client.status().await.unwrap().code(), Code::ACCESS_ACCEPT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_fit_is_refused_at_once() {
    let hole = black_hole();
    let client = client(hole.local_addr().unwrap()).await.unwrap();
    let start = Instant::now();
    let huge = tim().with(attr::REPLY_MESSAGE, "x".repeat(254));
    let error = client.access(huge).await.unwrap_err();
    assert!(matches!(error, Error::Encode(_)), "{error}");
    let error = client
        .access(Access::pap("tim", &"x".repeat(129)))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Password(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn what_is_wrong_with_an_argument_is_told_when_the_client_is_built() {
    let error = Client::udp("localhost", "s").await.unwrap_err();
    assert!(matches!(error, Error::Address { .. }), "{error}");
    let error = Client::udp("127.0.0.1:1812", "").await.unwrap_err();
    assert!(matches!(error, Error::EmptySecret { .. }), "{error}");
    let error = Client::builder().await.unwrap_err();
    assert!(matches!(error, Error::NoServer), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_blocking_client_does_the_same_and_is_shared_between_threads() {
    let running = inn().await;
    let address = running.address();
    let blocking = move || {
        let client = Arc::new(blocking::Client::udp(address, SECRET).unwrap());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let client = Arc::clone(&client);
                std::thread::spawn(move || {
                    assert!(
                        client
                            .access(Access::chap("tim", "12345"))
                            .unwrap()
                            .is_accept()
                    );
                    assert!(!client.access(Access::chap("tim", "x")).unwrap().is_accept());
                    client.accounting(Accounting::start("0001")).unwrap();
                    client.status().unwrap();
                    let session = AttributeList::new().with(attr::ACCT_SESSION_ID, "0001");
                    assert!(client.coa(session.clone()).unwrap().is_ack());
                    assert!(!client.disconnect(session).unwrap().is_ack());
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    };
    tokio::task::spawn_blocking(blocking).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_ipv6_servers_work() {
    let server = Server::new(Inn).peer("::1", SECRET).udp("[::1]:0");
    let running = server.start().await.unwrap();
    let client = client(running.address()).await.unwrap();
    assert!(client.access(tim()).await.unwrap().is_accept());
}
