//! The server on the loopback interface, asked by hand.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use portreeve::{
    AccessReply, AccessRequest, AccountingReply, AccountingRequest, AttributeList, Code, Discard,
    DuplicateLimits, Error, Handler, Incoming, Packet, Peer, PeerTable, Running, Secret, Server,
    Verdict, attr,
    server::{
        Observer,
        observer::{Answer, Discarded, Fault},
    },
};
use portreeve_proto::Ask;

use crate::nas::{self, Nas, PATIENCE, pap};

const SECRET: &str = "xyzzy5461";

/// Lets tim in with his password; `slow` takes its time, `panic` panics, `huge` cannot be answered.
#[derive(Default)]
struct Hotel {
    asked: AtomicUsize,
    accounted: AtomicUsize,
}

const SLOW: Duration = Duration::from_millis(700);

impl Handler for Hotel {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let password = request.reveal(attr::USER_PASSWORD);
        let password = password.as_deref().map(Vec::as_slice);
        match (request.user_name(), password) {
            (Some("tim"), Some(b"12345")) => {
                AccessReply::accept().with(attr::SESSION_TIMEOUT, 3600)
            }
            (Some("slow"), _) => {
                tokio::time::sleep(SLOW).await;
                AccessReply::accept()
            }
            (Some("never"), _) => std::future::pending().await,
            (Some("panic"), _) => panic!("as asked"),
            (Some("panic later"), _) => {
                tokio::task::yield_now().await;
                panic!("as asked")
            }
            (Some("huge"), _) => AccessReply::accept().with(attr::REPLY_MESSAGE, "x".repeat(254)),
            _ => AccessReply::reject().with(attr::REPLY_MESSAGE, "unknown guest"),
        }
    }

    async fn accounting(&self, request: &AccountingRequest) -> AccountingReply {
        self.accounted.fetch_add(1, Ordering::SeqCst);
        match request.user_name() {
            Some("lost") => AccountingReply::silent(),
            Some("panic") => panic!("as asked"),
            Some("huge") => AccountingReply::recorded().with(attr::REPLY_MESSAGE, "x".repeat(254)),
            _ => AccountingReply::recorded(),
        }
    }
}

fn server(handler: &Arc<Hotel>) -> Server<Arc<Hotel>> {
    Server::new(Arc::clone(handler))
        .peer("127.0.0.0/8", SECRET)
        .peer("::1", SECRET)
        .reject_delay(Duration::ZERO)
}

async fn started() -> (Arc<Hotel>, Running) {
    let hotel = Arc::new(Hotel::default());
    let running = server(&hotel).udp("127.0.0.1:0").start().await.unwrap();
    (hotel, running)
}

/// Waits until the counters say so; they are written just after the answer is queued.
fn eventually(running: &Running, says_so: impl Fn(&portreeve::Counters) -> bool) {
    let start = Instant::now();
    while !says_so(&running.counters()) {
        assert!(start.elapsed() < PATIENCE, "{:?}", running.counters());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_is_accepted_and_a_wrong_one_rejected() {
    let (_, running) = started().await;
    let mut nas = Nas::new(running.address(), SECRET);
    let (code, octets) = nas.log_in("tim", "12345");
    assert_eq!(code, Code::ACCESS_ACCEPT);
    let packet = Packet::parse(&octets).unwrap();
    assert_eq!(packet.get(attr::SESSION_TIMEOUT), Some(3600));
    let first = packet.attributes().next().unwrap();
    assert_eq!(first.number, 80, "Message-Authenticator comes first");
    let (code, octets) = nas.log_in("tim", "54321");
    assert_eq!(code, Code::ACCESS_REJECT);
    let packet = Packet::parse(&octets).unwrap();
    assert_eq!(packet.get(attr::REPLY_MESSAGE), Some("unknown guest"));
    eventually(&running, |counters| {
        counters.replies(Code::ACCESS_ACCEPT) == 1 && counters.replies(Code::ACCESS_REJECT) == 1
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retransmission_gets_the_same_octets_and_no_second_decision() {
    let (hotel, running) = started().await;
    let mut nas = Nas::new(running.address(), SECRET);
    let sent = nas.send(Ask::Access, &pap("tim", "12345"));
    let first = nas.receive();
    for _ in 0..3 {
        nas.send_again(&sent);
        assert_eq!(nas.receive(), first);
    }
    assert_eq!(hotel.asked.load(Ordering::SeqCst), 1);
    eventually(&running, |counters| counters.replayed == 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retransmission_while_the_handler_works_is_dropped() {
    let (hotel, running) = started().await;
    let mut nas = Nas::new(running.address(), SECRET);
    let sent = nas.send(Ask::Access, &pap("slow", "x"));
    nas.send_again(&sent);
    nas.send_again(&sent);
    let octets = nas.receive();
    assert_eq!(
        nas.verify(&sent, &octets).unwrap().code(),
        Code::ACCESS_ACCEPT
    );
    assert!(nas.hears_nothing());
    assert_eq!(hotel.asked.load(Ordering::SeqCst), 1);
    assert_eq!(
        running.counters().discarded(Discard::DuplicateInProgress),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_handler_delays_nobody_else() {
    let hotel = Arc::new(Hotel::default());
    let running = server(&hotel)
        .workers(1)
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let mut nas = Nas::new(running.address(), SECRET);
    let slow: Vec<_> = (0..20)
        .map(|_| nas.send(Ask::Access, &pap("slow", "x")))
        .collect();
    let start = Instant::now();
    let mut other = Nas::new(running.address(), SECRET);
    for _ in 0..20 {
        assert_eq!(other.log_in("tim", "12345").0, Code::ACCESS_ACCEPT);
    }
    assert!(start.elapsed() < SLOW, "{:?}", start.elapsed());
    for _ in slow {
        nas.receive();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reject_is_held_back_and_nothing_else_is() {
    let delay = Duration::from_millis(400);
    let hotel = Arc::new(Hotel::default());
    let running = server(&hotel)
        .workers(1)
        .reject_delay(delay)
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let mut nas = Nas::new(running.address(), SECRET);
    let start = Instant::now();
    let rejected = nas.send(Ask::Access, &pap("nobody", "x"));
    nas.send_again(&rejected);
    let mut other = Nas::new(running.address(), SECRET);
    assert_eq!(other.log_in("tim", "12345").0, Code::ACCESS_ACCEPT);
    assert!(
        start.elapsed() < delay.mul_f64(0.9),
        "{:?}",
        start.elapsed()
    );
    let octets = nas.receive();
    assert!(
        start.elapsed() >= delay.mul_f64(0.89),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        nas.verify(&rejected, &octets).unwrap().code(),
        Code::ACCESS_REJECT
    );
    eventually(&running, |counters| {
        counters.delayed == 0 && counters.discarded(Discard::DuplicateInProgress) == 1
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_waits_for_handlers_and_for_rejects_that_are_held_back() {
    let hotel = Arc::new(Hotel::default());
    let delay = Duration::from_millis(300);
    let running = server(&hotel)
        .reject_delay(delay)
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let address = running.address();
    let mut nas = Nas::new(address, SECRET);
    let slow = nas.send(Ask::Access, &pap("slow", "x"));
    let rejected = nas.send(Ask::Access, &pap("nobody", "x"));
    eventually(&running, |counters| {
        counters.in_flight + counters.delayed == 2
    });
    let counters = running.stop().await;
    assert_eq!((counters.in_flight, counters.delayed), (0, 0));
    let octets = nas.receive();
    assert_eq!(
        nas.verify(&rejected, &octets).unwrap().code(),
        Code::ACCESS_REJECT
    );
    let octets = nas.receive();
    assert_eq!(
        nas.verify(&slow, &octets).unwrap().code(),
        Code::ACCESS_ACCEPT
    );
    running.ended().await.unwrap();
    std::net::UdpSocket::bind(address).expect("the port is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_server_takes_nothing_new_but_repeats_its_answers() {
    let hotel = Arc::new(Hotel::default());
    let running = Arc::new(server(&hotel).udp("127.0.0.1:0").start().await.unwrap());
    let mut nas = Nas::new(running.address(), SECRET);
    let answered = nas.send(Ask::Access, &pap("tim", "12345"));
    let answer = nas.receive();
    nas.send(Ask::Access, &pap("slow", "x"));
    eventually(&running, |counters| counters.in_flight == 1);
    let stopping = tokio::spawn({
        let running = Arc::clone(&running);
        async move { running.stop().await }
    });
    let start = Instant::now();
    while running.counters().discarded(Discard::NotServing) == 0 && start.elapsed() < SLOW {
        let late = nas.send(Ask::Access, &pap("late", "x"));
        if let Some(octets) = nas.receive_within(Duration::from_millis(20)) {
            assert!(
                nas.verify(&late, &octets).is_ok(),
                "served just before the drain began"
            );
        }
    }
    nas.send_again(&answered);
    assert_eq!(nas.receive(), answer);
    let counters = stopping.await.unwrap();
    assert!(counters.discarded(Discard::NotServing) > 0);
    assert_eq!(counters.in_flight, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_longer_than_the_drain_allows() {
    let hotel = Arc::new(Hotel::default());
    let drain = Duration::from_millis(100);
    let running = server(&hotel)
        .drain(drain)
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let mut nas = Nas::new(running.address(), SECRET);
    nas.send(Ask::Access, &pap("never", "x"));
    eventually(&running, |counters| counters.in_flight == 1);
    let start = Instant::now();
    assert_eq!(running.stop().await.in_flight, 1);
    assert!(start.elapsed() < PATIENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_are_swapped_while_the_server_works() {
    let (_, running) = started().await;
    let mut old = Nas::new(running.address(), SECRET);
    assert_eq!(old.log_in("tim", "12345").0, Code::ACCESS_ACCEPT);
    let slow = old.send(Ask::Access, &pap("slow", "x"));
    eventually(&running, |counters| counters.in_flight == 1);
    let peer = Peer::new("new", Secret::new("another").unwrap());
    running.peers().swap(PeerTable::new([(
        "127.0.0.0/8".parse().unwrap(),
        Arc::new(peer),
    )]));
    let mut new = Nas::new(running.address(), "another");
    assert_eq!(new.log_in("tim", "12345").0, Code::ACCESS_ACCEPT);
    let octets = old.receive();
    assert!(
        old.verify(&slow, &octets).is_ok(),
        "answered under the peer it came from"
    );
    old.send(Ask::Access, &pap("tim", "12345"));
    assert!(old.hears_nothing());
    assert_eq!(
        running
            .counters()
            .discarded(Discard::MessageAuthenticatorWrong),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_has_made_no_decision() {
    let (_, running) = started().await;
    let mut nas = Nas::new(running.address(), SECRET);
    for name in ["panic", "panic later"] {
        assert_eq!(nas.log_in(name, "x").0, Code::ACCESS_REJECT);
    }
    nas.send(Ask::Accounting, &pap("panic", "x"));
    assert!(nas.hears_nothing());
    assert_eq!(nas.log_in("tim", "12345").0, Code::ACCESS_ACCEPT);
    eventually(&running, |counters| {
        counters.panicked == 3 && counters.discarded(Discard::HandlerSilent) == 1
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_fit_becomes_a_plain_reject_or_silence() {
    let (_, running) = started().await;
    let mut nas = Nas::new(running.address(), SECRET);
    let (code, octets) = nas.log_in("huge", "x");
    assert_eq!(code, Code::ACCESS_REJECT);
    assert!(!Packet::parse(&octets).unwrap().has(attr::REPLY_MESSAGE));
    let sent = nas.send(Ask::Accounting, &pap("huge", "x"));
    assert!(nas.hears_nothing());
    assert_eq!(running.counters().discarded(Discard::ReplyUnencodable), 2);
    nas.send_again(&sent);
    assert!(nas.hears_nothing());
    assert_eq!(
        running.counters().discarded(Discard::ReplyUnencodable),
        3,
        "tried anew"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_takes_too_long_is_dropped_and_may_be_asked_again() {
    let hotel = Arc::new(Hotel::default());
    let limit = Duration::from_millis(100);
    let running = server(&hotel)
        .handler_timeout(limit)
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let mut nas = Nas::new(running.address(), SECRET);
    let sent = nas.send(Ask::Access, &pap("never", "x"));
    eventually(&running, |counters| {
        counters.in_flight == 0 && counters.discarded(Discard::HandlerTimeout) == 1
    });
    nas.send_again(&sent);
    eventually(&running, |_| hotel.asked.load(Ordering::SeqCst) == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_is_bounded() {
    let hotel = Arc::new(Hotel::default());
    let limits = DuplicateLimits {
        entries: 4,
        ..DuplicateLimits::default()
    };
    let running = server(&hotel)
        .workers(1)
        .duplicates(limits)
        .drain(Duration::ZERO)
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let mut nas = Nas::new(running.address(), SECRET);
    for _ in 0..10 {
        nas.send(Ask::Access, &pap("never", "x"));
    }
    eventually(&running, |counters| {
        counters.discarded(Discard::TableFull) == 6
    });
    assert_eq!(running.counters().in_flight, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_leaves_from_the_address_that_was_asked() {
    let hotel = Arc::new(Hotel::default());
    let running = server(&hotel).udp("0.0.0.0:0").start().await.unwrap();
    let port = running.address().port();
    for address in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
        let address: IpAddr = address.parse().unwrap();
        // Its socket is connected, so it hears no other address.
        let mut nas = Nas::new(SocketAddr::new(address, port), SECRET);
        assert_eq!(nas.log_in("tim", "12345").0, Code::ACCESS_ACCEPT);
        assert_eq!(
            nas.ask(Ask::Status, &AttributeList::new()).0,
            Code::ACCESS_ACCEPT
        );
        assert_eq!(nas.log_in("nobody", "x").0, Code::ACCESS_REJECT);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_is_served_beside_ipv4() {
    let hotel = Arc::new(Hotel::default());
    let running = server(&hotel)
        .udp("[::1]:0")
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    for address in running.addresses() {
        let mut nas = Nas::new(*address, SECRET);
        assert_eq!(nas.log_in("tim", "12345").0, Code::ACCESS_ACCEPT);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_takes_what_its_role_allows() {
    let hotel = Arc::new(Hotel::default());
    let running = server(&hotel)
        .auth("127.0.0.1:0")
        .accounting("127.0.0.1:0")
        .dynamic("127.0.0.1:0")
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let all = [
        Ask::Access,
        Ask::Accounting,
        Ask::Coa,
        Ask::Disconnect,
        Ask::Status,
    ];
    let codes = |address: SocketAddr| {
        let mut nas = Nas::new(address, SECRET);
        all.map(|ask| {
            let sent = nas.send(ask, &pap("tim", "12345"));
            let octets = nas.receive_within(nas::SILENCE)?;
            Some(nas.verify(&sent, &octets).unwrap().code().0)
        })
    };
    let found: Vec<_> = running
        .addresses()
        .iter()
        .map(|address| codes(*address))
        .collect();
    assert_eq!(
        found,
        [
            [Some(2), None, None, None, Some(2)],
            [None, Some(5), None, None, Some(5)],
            [None, None, Some(45), Some(42), None],
            [Some(2), Some(5), Some(45), Some(42), Some(2)],
        ]
    );
    assert_eq!(running.counters().discarded(Discard::CodeNotAllowed), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_defaults_reject_stay_silent_and_refuse_as_unsupported() {
    struct Nothing;
    impl Handler for Nothing {}
    let running = Server::new(Nothing)
        .peer("127.0.0.1", SECRET)
        .reject_delay(Duration::ZERO)
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let mut nas = Nas::new(running.address(), SECRET);
    assert_eq!(nas.log_in("tim", "12345").0, Code::ACCESS_REJECT);
    for (ask, nak) in [
        (Ask::Coa, Code::COA_NAK),
        (Ask::Disconnect, Code::DISCONNECT_NAK),
    ] {
        let (code, octets) = nas.ask(ask, &AttributeList::new().with(attr::USER_NAME, "tim"));
        assert_eq!(code, nak);
        let packet = Packet::parse(&octets).unwrap();
        assert_eq!(packet.get(attr::ERROR_CAUSE), Some(406));
    }
    nas.send(Ask::Accounting, &pap("tim", "x"));
    assert!(nas.hears_nothing());
    assert_eq!(running.counters().discarded(Discard::HandlerSilent), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_serves() {
    let running = Server::access(|request| match request.user_name() {
        Some("tim") => AccessReply::accept(),
        _ => AccessReply::reject(),
    })
    .peer("127.0.0.1", SECRET)
    .udp("127.0.0.1:0")
    .start()
    .await
    .unwrap();
    let mut nas = Nas::new(running.address(), SECRET);
    assert_eq!(nas.log_in("tim", "12345").0, Code::ACCESS_ACCEPT);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_devices_are_spread_over_workers_and_all_answered() {
    let hotel = Arc::new(Hotel::default());
    let running = server(&hotel)
        .workers(4)
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let mut devices: Vec<_> = (0..32)
        .map(|_| Nas::new(running.address(), SECRET))
        .collect();
    for round in 0..8 {
        let sent: Vec<_> = devices
            .iter_mut()
            .map(|nas| nas.send(Ask::Access, &pap("tim", "12345")))
            .collect();
        for (nas, sent) in devices.iter().zip(&sent) {
            let octets = nas.receive();
            assert!(nas.verify(sent, &octets).is_ok(), "round {round}");
        }
    }
    eventually(&running, |counters| {
        counters.replies(Code::ACCESS_ACCEPT) == 256
    });
    assert_eq!(hotel.asked.load(Ordering::SeqCst), 256);
}

#[derive(Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

struct Watcher(Arc<Diary>);

impl Observer for Watcher {
    fn discarded(&self, datagram: &Discarded<'_>) {
        let peer = datagram.peer.map_or("-", |peer| peer.name());
        self.0.note(format!("discarded {} {peer}", datagram.reason));
    }

    fn replayed(&self, _: SocketAddr) {
        self.0.note("replayed".to_owned());
    }

    fn status(&self, _: SocketAddr) {
        self.0.note("status".to_owned());
    }

    fn answered(&self, answer: &Answer<'_>) {
        assert!(answer.decided <= answer.elapsed);
        let name = answer.request.user_name().unwrap_or_default();
        self.0.note(format!("answered {name} {}", answer.code));
        if let portreeve::Reply::Access(reply) = answer.reply {
            assert_eq!(reply.verdict() == Verdict::Accept, name == "tim");
        }
    }

    fn unanswered(&self, request: &Arc<Incoming>, reason: Option<Discard>, _: Duration) {
        let name = request.user_name().unwrap_or_default();
        self.0.note(format!("unanswered {name} {reason:?}"));
    }

    fn faulted(&self, _: &Arc<Incoming>, fault: Fault) {
        self.0.note(format!("faulted {fault:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_sees_every_datagram_once() {
    let diary = Arc::new(Diary::default());
    let hotel = Arc::new(Hotel::default());
    let running = server(&hotel)
        .observer(Watcher(Arc::clone(&diary)))
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let mut nas = Nas::new(running.address(), SECRET);
    let sent = nas.send(Ask::Access, &pap("tim", "12345"));
    nas.receive();
    nas.send_again(&sent);
    nas.receive();
    nas.ask(Ask::Status, &AttributeList::new());
    nas.log_in("panic", "x");
    nas.send(Ask::Accounting, &pap("lost", "x"));
    nas.socket.send(b"noise").unwrap();
    eventually(&running, |counters| counters.received == 6);
    running.stop().await;
    let seen = diary.0.lock().unwrap().clone();
    assert_eq!(
        seen,
        [
            "answered tim Access-Accept",
            "replayed",
            "status",
            "faulted Panicked",
            "answered panic Access-Reject",
            "unanswered lost Some(HandlerSilent)",
            "discarded length 127.0.0.0/8",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_given_up_gets_no_answer() {
    let (_, running) = started().await;
    let mut nas = Nas::new(running.address(), SECRET);
    let first = nas.send(Ask::Access, &pap("slow", "x"));
    eventually(&running, |counters| counters.in_flight == 1);
    // 256 requests later the identifier is used again.
    for _ in 0..255 {
        nas.encode(Ask::Access, &pap("x", "x")).unwrap();
    }
    let second = nas.send(Ask::Access, &pap("tim", "12345"));
    assert_eq!(first.query.identifier(), second.query.identifier());
    let octets = nas.receive();
    assert_eq!(
        nas.verify(&second, &octets).unwrap().code(),
        Code::ACCESS_ACCEPT
    );
    eventually(&running, |counters| counters.superseded == 1);
    assert!(nas.hears_nothing());
}

#[tokio::test]
async fn what_is_wrong_with_an_argument_is_told_at_the_start() {
    let server = || Server::access(|_| AccessReply::reject());
    let refused = |error: Error, text: &str| {
        assert!(error.to_string().contains(text), "{error} / {text}");
    };
    refused(
        server().start().await.unwrap_err(),
        "no address to listen on",
    );
    let listening = || server().udp("127.0.0.1:0");
    refused(
        listening().peer("router", "s").run().await.unwrap_err(),
        "`router`",
    );
    refused(
        listening().peer("10.0.0.1", "").run().await.unwrap_err(),
        "10.0.0.1/32 is empty",
    );
    refused(
        server().udp("localhost").run().await.unwrap_err(),
        "`localhost`",
    );
    let first_counts = listening().peer("one", "s").peer("two", "s");
    refused(first_counts.run().await.unwrap_err(), "`one`");
    let holder = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = server().udp(holder.local_addr().unwrap());
    refused(taken.workers(2).run().await.unwrap_err(), "in use");
}
