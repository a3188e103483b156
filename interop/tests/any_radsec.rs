//! RadSec by four programs that are not ours, and everybody who must stay outside.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use portreeve_interop::Must as _;
use portreeve_interop::certificates::{Certificates, Identity, Wanted};
use portreeve_interop::freeradius::{By, Extras, FreeRadius, Upstream};
use portreeve_interop::openssl::{Peer, Terms};
use portreeve_interop::pyrad2;
use portreeve_interop::radsecproxy::{Back, Leg, Radsecproxy};
use portreeve_interop::subject::Subject;
use portreeve_interop::tcp_relay::{Pace, TcpRelay};
use portreeve_interop::tools::{self, radclient, radclient_bare};
use portreeve_interop::wire::{Reply, Request, attribute, code};
use portreeve_interop::world::{SECRET, World};

const RADSEC: &str = "radsec";
const LONG: Duration = Duration::from_secs(5);
/// Long enough to call it silence.
const SILENCE: Duration = Duration::from_millis(1500);

/// A server, and what it takes to be let in.
struct Stage {
    certificates: Certificates,
    server: Subject,
}

impl Stage {
    fn new() -> Self {
        let certificates = Certificates::new();
        let server = Subject::radsec(&certificates.identity(certificates.server()));
        Self {
            certificates,
            server,
        }
    }

    fn client(&self) -> Identity {
        self.certificates.identity(self.certificates.client())
    }

    fn bad(&self, wanted: &Wanted) -> Identity {
        self.certificates.identity(self.certificates.issue(wanted))
    }

    /// A log-in by a good client, which shows that the server is well.
    #[track_caller]
    fn is_well(&self) {
        let mut client = Peer::client(self.server.tls(), &Terms::of(&self.client()));
        accepted(&mut client, 200);
    }
}

fn bob(id: u8) -> Request {
    Request::access(id).pap("bob", "hello world", RADSEC)
}

#[track_caller]
fn accepted(client: &mut Peer, id: u8) {
    let request = bob(id).encode(RADSEC);
    let Some(reply) = client.exchange(&request, LONG) else {
        panic!("no answer: {}", client.said());
    };
    let reply = Reply::verified(&reply, &request, RADSEC);
    assert_eq!(reply.code, code::ACCESS_ACCEPT);
}

/// Connects with `terms` and asks; no octet of an answer may come.
#[track_caller]
fn refused(server: SocketAddr, terms: &Terms) {
    let mut client = Peer::client(server, terms);
    let reply = client.exchange(&bob(1).encode(RADSEC), LONG);
    assert_eq!(reply, None, "this was answered");
    assert!(client.closed(LONG), "still open: {}", client.said());
}

#[test]
fn openssl_logs_in_over_tls_1_3_and_1_2() {
    let stage = Stage::new();
    let terms = Terms::of(&stage.client());
    for terms in [terms.clone().tls13(), terms.tls12()] {
        let mut client = Peer::client(stage.server.tls(), &terms);
        accepted(&mut client, 1);
        let wrong = Request::access(2).pap("bob", "hello worlD", RADSEC);
        let wrong = wrong.encode(RADSEC);
        let reply = client.exchange(&wrong, LONG).must("a reject");
        let reply = Reply::verified(&reply, &wrong, RADSEC);
        assert_eq!(reply.code, code::ACCESS_REJECT);
        accepted(&mut client, 3);
    }
}

#[test]
fn openssl_logs_in_with_rsa_and_with_p256() {
    let certificates = Certificates::new();
    let pair = certificates.issue(&Wanted::server().rsa());
    let server = Subject::radsec(&certificates.identity(pair));
    for wanted in [Wanted::client(), Wanted::client().rsa()] {
        let client = certificates.identity(certificates.issue(&wanted));
        accepted(&mut Peer::client(server.tls(), &Terms::of(&client)), 1);
    }
}

#[test]
fn accounting_and_status_share_the_connection() {
    let stage = Stage::new();
    let mut client = Peer::client(stage.server.tls(), &Terms::of(&stage.client()));
    accepted(&mut client, 1);
    let start = Request::accounting(2)
        .with(attribute::ACCT_STATUS_TYPE, &[0, 0, 0, 1])
        .with(attribute::ACCT_SESSION_ID, b"radsec-1")
        .with(attribute::USER_NAME, b"bob")
        .with(attribute::NAS_PORT, &[0, 0, 0, 1])
        .encode(RADSEC);
    let reply = client.exchange(&start, LONG).must("an answer");
    let reply = Reply::verified(&reply, &start, RADSEC);
    assert_eq!(reply.code, code::ACCOUNTING_RESPONSE);
    let status = Request::status(0).encode(RADSEC);
    let reply = client.exchange(&status, LONG).must("an answer");
    let reply = Reply::verified(&reply, &status, RADSEC);
    assert_eq!(reply.code, code::ACCESS_ACCEPT);
}

#[test]
fn requests_are_under_way_on_one_connection_at_the_same_time() {
    let stage = Stage::new();
    let mut client = Peer::client(stage.server.tls(), &Terms::of(&stage.client()));
    accepted(&mut client, 250);
    let requests: Vec<Vec<u8>> = (0..8)
        .map(|id| Request::access(id).pap("bob", "wrong", RADSEC))
        .map(|request| request.encode(RADSEC))
        .collect();
    let begin = Instant::now();
    for request in &requests {
        client.send(request);
        // Of several packets in one record FreeRADIUS 3.2.1 takes the first.
        thread::sleep(Duration::from_millis(20));
    }
    // A reject waits for a second; what is accepted meanwhile does not.
    accepted(&mut client, 100);
    let mut seen = [false; 8];
    for _ in 0..8 {
        let reply = client.receive(LONG).must("an answer to each");
        let id = usize::from(reply[1]);
        let reply = Reply::verified(&reply, &requests[id], RADSEC);
        assert_eq!(reply.code, code::ACCESS_REJECT);
        assert!(!std::mem::replace(&mut seen[id], true), "{id} came twice");
    }
    assert!(begin.elapsed() < Duration::from_secs(4), "one by one");
}

#[test]
fn a_packet_in_pieces_is_put_together() {
    let stage = Stage::new();
    let pace = Pace {
        drip: Some(Duration::from_micros(500)),
    };
    let relay = TcpRelay::to(stage.server.tls(), pace);
    let mut client = Peer::client(relay.address(), &Terms::of(&stage.client()));
    let request = bob(1).encode(RADSEC);
    client.send(&request[..10]);
    thread::sleep(Duration::from_millis(100));
    let reply = client
        .exchange(&request[10..], 2 * LONG)
        .must("an answer to a slow client");
    let reply = Reply::verified(&reply, &request, RADSEC);
    assert_eq!(reply.code, code::ACCESS_ACCEPT);
}

#[test]
fn pyrad2_logs_in_accounts_and_asks_for_the_status() {
    let stage = Stage::new();
    let client = stage.client();
    for (method, password, expected) in [
        ("pap", "hello world", code::ACCESS_ACCEPT),
        ("pap", "hello worlD", code::ACCESS_REJECT),
        ("chap", "hello world", code::ACCESS_ACCEPT),
        ("start", "radsec-2", code::ACCOUNTING_RESPONSE),
        ("stop", "radsec-2", code::ACCOUNTING_RESPONSE),
        ("status", "", code::ACCESS_ACCEPT),
    ] {
        let to = stage.server.tls();
        let reply = pyrad2::radsec(method, to, &client, pyrad2::V10, "bob", password);
        assert_eq!(reply["code"], expected, "{method}: {reply}");
    }
    let to = stage.server.tls();
    let reply = pyrad2::radsec("mschapv2", to, &client, pyrad2::V10, "bob", "hello world");
    assert_eq!(reply["code"], code::ACCESS_ACCEPT, "{reply}");
    assert_eq!(reply["mutual"], true, "{reply}");
}

#[test]
fn radsecproxy_brings_every_method_and_accounting() {
    let stage = Stage::new();
    let back = Back::one(Leg::Tls(stage.client()), stage.server.tls());
    let proxy = Radsecproxy::between(&Leg::Udp(SECRET.to_owned()), &back);
    for attribute in ["User-Password", "CHAP-Password", "MS-CHAP-Password"] {
        for (password, expected) in [
            ("hello world", "Received Access-Accept"),
            ("hello worlD", "Received Access-Reject"),
        ] {
            let request = format!("User-Name = \"bob\"\n{attribute} = \"{password}\"");
            let ended = radclient(proxy.address(), "auth", SECRET, &request);
            let said = ended.said();
            assert!(
                said.contains(expected),
                "{attribute}: {said}{}",
                proxy.said()
            );
        }
    }
    let (address, port) = (proxy.address().ip(), proxy.address().port());
    let arguments: [&dyn std::fmt::Display; 6] = [
        &"mschapv2",
        &address,
        &port,
        &SECRET,
        &"bob",
        &"hello world",
    ];
    let reply = tools::pyrad2("client.py", &arguments);
    assert_eq!(reply["code"], code::ACCESS_ACCEPT, "{reply}");
    assert_eq!(reply["mutual"], true, "{reply}");
    for status in ["Start", "Interim-Update", "Stop"] {
        let request = format!(
            "User-Name = \"bob\"\nAcct-Status-Type = {status}\nAcct-Session-Id = \"radsec-3\""
        );
        // radsecproxy 1.9.2 takes no accounting with Message-Authenticator.
        let ended = radclient_bare(proxy.address(), "acct", SECRET, &request);
        let said = ended.said();
        assert!(said.contains("Received Accounting-Response"), "{said}");
    }
}

#[test]
fn freeradius_forwards_over_radsec() {
    let stage = Stage::new();
    let upstream = Upstream {
        address: stage.server.tls(),
        by: By::Tls(stage.client()),
    };
    let extras = Extras {
        upstream: Some(upstream),
        ..Extras::default()
    };
    let near = FreeRadius::with(&World::household(), &extras);
    let ports = near.ports();
    for (password, expected) in [
        ("hello world", "Received Access-Accept"),
        ("hello worlD", "Received Access-Reject"),
    ] {
        let request = format!("User-Name = \"bob\"\nUser-Password = \"{password}\"");
        let ended = radclient(ports.auth_v4(), "auth", SECRET, &request);
        assert!(ended.stdout.contains(expected), "{}", ended.said());
    }
    let request = "User-Name = \"bob\"\nAcct-Status-Type = Start\nAcct-Session-Id = \"radsec-4\"";
    let ended = radclient(ports.acct_v4(), "acct", SECRET, request);
    let said = ended.said();
    assert!(said.contains("Received Accounting-Response"), "{said}");
}

#[test]
fn whoever_has_no_good_certificate_is_refused() {
    let stage = Stage::new();
    let to = stage.server.tls();
    refused(to, &Terms::anonymous(&stage.client()));
    for wanted in [
        Wanted::client().by_another_authority(),
        Wanted::client().expired(),
        Wanted::client().not_yet_valid(),
    ] {
        let client = stage.bad(&wanted);
        for terms in [Terms::of(&client).tls13(), Terms::of(&client).tls12()] {
            refused(to, &terms);
        }
    }
    stage.is_well();
}

#[test]
fn a_revoked_certificate_is_refused() {
    let certificates = Certificates::new();
    let (kept, revoked) = (certificates.client(), certificates.client());
    certificates.revoke(&revoked);
    let server = Subject::radsec(&certificates.watchful(certificates.server()));
    refused(server.tls(), &Terms::of(&certificates.identity(revoked)));
    let kept = Terms::of(&certificates.identity(kept));
    accepted(&mut Peer::client(server.tls(), &kept), 1);
}

#[test]
fn old_tls_is_refused() {
    let stage = Stage::new();
    // OpenSSL itself must be talked into it.
    let terms = Terms::of(&stage.client()).option(&["-tls1_1", "-cipher", "ALL@SECLEVEL=0"]);
    refused(stage.server.tls(), &terms);
    stage.is_well();
}

#[test]
fn plain_radius_on_the_tls_port_gets_nothing() {
    let stage = Stage::new();
    let mut stream = TcpStream::connect(stage.server.tls()).must("connect");
    stream.set_read_timeout(Some(LONG)).must("a timeout");
    stream.write_all(&bob(1).encode(RADSEC)).must("send");
    let mut back = Vec::new();
    // A server may reset the connection, which is an error here.
    stream.read_to_end(&mut back).ok();
    assert!(
        back.is_empty() || back[0] == 21,
        "an answer other than an alert: {back:?}"
    );
    stage.is_well();
}

#[test]
fn garbage_inside_tls_is_never_answered() {
    let stage = Stage::new();
    let mut good = Peer::client(stage.server.tls(), &Terms::of(&stage.client()));
    accepted(&mut good, 1);
    let whole = bob(2).encode(RADSEC);
    let mut forged = whole.clone();
    forged[22] ^= 1;
    let mut short = whole;
    short[2..4].copy_from_slice(&[0, 19]);
    for octets in [vec![0xff; 64], short, forged] {
        let mut client = Peer::client(stage.server.tls(), &Terms::of(&stage.client()));
        client.send(&octets);
        assert_eq!(client.receive(SILENCE), None, "{octets:?} was answered");
    }
    accepted(&mut good, 3);
}

#[test]
fn half_a_packet_holds_nobody_else_up() {
    let stage = Stage::new();
    let mut halves: Vec<Peer> = (0..8)
        .map(|_| Peer::client(stage.server.tls(), &Terms::of(&stage.client())))
        .collect();
    for half in &mut halves {
        half.send(&bob(1).encode(RADSEC)[..30]);
    }
    thread::sleep(Duration::from_millis(500));
    let begin = Instant::now();
    stage.is_well();
    let elapsed = begin.elapsed();
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

#[test]
fn connections_that_never_begin_to_speak_hold_nobody_up() {
    let stage = Stage::new();
    let silent: Vec<TcpStream> = (0..8)
        .map(|_| TcpStream::connect(stage.server.tls()).must("connect"))
        .collect();
    thread::sleep(Duration::from_millis(300));
    let begin = Instant::now();
    stage.is_well();
    let elapsed = begin.elapsed();
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    drop(silent);
}
