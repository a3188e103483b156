//! What Portreeve promises of RadSec beyond what every server does: RADIUS/1.1, plain words for
//! every refusal, and certificates that change while it runs.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use portreeve_interop::certificates::{Certificates, Identity, Wanted};
use portreeve_interop::openssl::{Peer, Terms, agreed_alpn, handshake};
use portreeve_interop::portreeve::{Portreeve, RADSEC_NAS, Setup};
use portreeve_interop::tcp_relay::{Pace, TcpRelay};
use portreeve_interop::wire::{Reply, Request, attribute, code, v11};
use portreeve_interop::world::World;
use portreeve_interop::{Must as _, eventually, pyrad2};

const RADSEC: &str = "radsec";
const LONG: Duration = Duration::from_secs(5);
const BOTH: &str = "radius/1.0,radius/1.1";

struct Stage {
    certificates: Certificates,
    identity: Identity,
    server: Portreeve,
}

impl Stage {
    fn new() -> Self {
        Self::configured("")
    }

    /// With more in `[tls]`.
    fn configured(more: &str) -> Self {
        let certificates = Certificates::new();
        // The list is there from the beginning, so that it can change.
        let identity = certificates.watchful(certificates.server());
        let setup = Setup::radsec_with(&identity, more);
        let server = Portreeve::with(&World::household(), &setup);
        Self {
            certificates,
            identity,
            server,
        }
    }

    fn tls(&self) -> SocketAddr {
        self.server.ports().tls_v4()
    }

    fn client(&self) -> Identity {
        self.certificates.identity(self.certificates.client())
    }

    fn connect(&self) -> Peer {
        Peer::client(self.tls(), &Terms::of(&self.client()))
    }

    /// How often connections have ended for this reason.
    fn hung_up(&self, reason: &str) -> u64 {
        let status = self.server.status();
        let count = &status["connections"]["hung_up"][reason];
        count.as_u64().must(reason)
    }

    /// Waits until a connection has ended for this reason.
    #[track_caller]
    fn counted(&self, reason: &str) {
        eventually(|| self.hung_up(reason) > 0);
        let all = &self.server.status()["connections"];
        assert!(self.hung_up(reason) > 0, "{reason} is not counted: {all}");
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
    // RFC 3579 demands it nowhere else, but every answer of ours begins with it.
    assert_eq!(
        reply.attributes.first().map(|(kind, _)| *kind),
        Some(attribute::MESSAGE_AUTHENTICATOR)
    );
}

#[test]
fn pyrad2_speaks_radius_1_1() {
    let stage = Stage::new();
    let client = stage.client();
    for versions in [pyrad2::V11, pyrad2::BOTH] {
        for (method, password, expected) in [
            ("pap", "hello world", code::ACCESS_ACCEPT),
            ("pap", "hello worlD", code::ACCESS_REJECT),
            ("chap", "hello world", code::ACCESS_ACCEPT),
            ("start", "eleven-1", code::ACCOUNTING_RESPONSE),
            ("status", "", code::ACCESS_ACCEPT),
        ] {
            let reply = pyrad2::radsec(method, stage.tls(), &client, versions, "bob", password);
            assert_eq!(reply["code"], expected, "{method}: {reply}");
            assert_eq!(reply["radius"], "1.1", "{method}: {reply}");
        }
    }
    eventually(|| !stage.server.sessions_with("eleven-1").is_empty());
    assert_eq!(stage.server.sessions_with("eleven-1").len(), 1);
    let status = stage.server.status();
    let nases = status["nas"].as_array().must("the NASes");
    let nas = nases.iter().find(|nas| nas["name"] == RADSEC_NAS);
    let nas = nas.must("the RadSec client");
    assert_eq!(nas["radius"], "1.1", "{nas}");
    assert_eq!(nas["tls"], "TLS 1.3", "{nas}");
}

#[test]
fn a_radius_1_1_packet_by_hand_is_answered_by_its_token() {
    let stage = Stage::new();
    let terms = Terms::of(&stage.client()).alpn("radius/1.1");
    let mut client = Peer::client(stage.tls(), &terms);
    for (token, password, expected) in [
        (0xfedc_ba98, "hello world", code::ACCESS_ACCEPT),
        (0xfedc_ba99, "hello worlD", code::ACCESS_REJECT),
    ] {
        let mut request = v11::Request::new(code::ACCESS_REQUEST, token)
            .pap("bob", password)
            .encode();
        // Reserved octets are not looked at (RFC 9765 section 4.1).
        request[1] = 77;
        request[8..20].fill(0xaa);
        let reply = client.exchange(&request, LONG).must("an answer");
        let reply = v11::Reply::read(&reply);
        assert_eq!((reply.code, reply.token), (expected, token));
        assert_eq!(reply.reserved, [0; 13]);
        assert!(reply.values(attribute::MESSAGE_AUTHENTICATOR).is_empty());
    }
}

#[test]
fn radius_1_1_answers_more_requests_than_there_are_identifiers() {
    let stage = Stage::new();
    let terms = Terms::of(&stage.client()).alpn("radius/1.1");
    let mut client = Peer::client(stage.tls(), &terms);
    let tokens = 1000..1400_u32;
    for token in tokens.clone() {
        let request = v11::Request::new(code::ACCESS_REQUEST, token).pap("bob", "hello world");
        client.send(&request.encode());
    }
    let mut answered: Vec<u32> = tokens
        .clone()
        .map(|_| v11::Reply::read(&client.receive(LONG).must("an answer to each")).token)
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, tokens.collect::<Vec<_>>());
}

#[test]
fn versions_are_negotiated_as_in_rfc_9765() {
    let refused = Some("refused");
    let [one, eleven] = [Some("radius/1.0"), Some("radius/1.1")];
    // By what the client offers: nothing, 1.0, 1.1, both.
    for (mode, expected) in [
        ("historic", [None, None, None, None]),
        ("1.0", [None, one, refused, one]),
        ("1.1", [refused, refused, eleven, eleven]),
        ("both", [None, one, eleven, eleven]),
    ] {
        let stage = Stage::configured(&format!("radius = \"{mode}\"\n"));
        let terms = Terms::of(&stage.client()).tls13();
        let offers = ["", "radius/1.0", "radius/1.1", BOTH];
        for (offer, expected) in offers.into_iter().zip(expected) {
            let terms = match offer {
                "" => terms.clone(),
                some => terms.clone().alpn(some),
            };
            let ended = handshake(stage.tls(), &terms);
            let said = ended.said();
            if expected == refused {
                // A client that offers nothing has no alert of its own to understand.
                let mut client = Peer::client(stage.tls(), &terms);
                assert_eq!(client.exchange(&bob(1).encode(RADSEC), LONG), None);
                assert!(client.closed(LONG), "{mode} {offer}");
                let told = said.contains("alert number 120");
                assert!(told || offer.is_empty(), "{mode} {offer}: {said}");
            } else {
                assert_eq!(agreed_alpn(&ended), expected, "{mode} {offer}: {said}");
            }
        }
        if mode == "1.1" {
            stage.counted("version_refused");
        }
    }
}

#[test]
fn radius_1_1_is_never_agreed_on_over_tls_1_2() {
    let stage = Stage::new();
    let terms = Terms::of(&stage.client()).tls12().alpn(BOTH);
    let ended = handshake(stage.tls(), &terms);
    assert_eq!(agreed_alpn(&ended), Some("radius/1.0"), "{}", ended.said());
    let strict = Stage::configured("radius = \"1.1\"\n");
    let terms = Terms::of(&strict.client()).tls12().alpn(BOTH);
    let mut client = Peer::client(strict.tls(), &terms);
    assert_eq!(client.exchange(&bob(1).encode(RADSEC), LONG), None);
    assert!(client.closed(LONG));
}

/// Each way to be refused: a name for the counter, a certificate, and words in the log.
#[test]
fn every_refusal_is_counted_and_put_into_words() {
    let stage = Stage::new();
    let revoked = stage.certificates.client();
    stage.certificates.revoke(&revoked);
    stage.certificates.crl();
    let good = stage.client();
    let issue = |wanted: Wanted| Terms::of(&good_with(&good, stage.certificates.issue(&wanted)));
    let elsewhere = Wanted::client().named("DNS:elsewhere.test");
    // A list that has changed counts within a second.
    thread::sleep(Duration::from_millis(2500));
    for (reason, terms, words) in [
        ("no_certificate", Terms::anonymous(&good), "no certificate"),
        (
            "unknown_ca",
            issue(Wanted::client().by_another_authority()),
            "CA",
        ),
        (
            "certificate_expired",
            issue(Wanted::client().expired()),
            "expired",
        ),
        (
            "certificate_not_yet_valid",
            issue(Wanted::client().not_yet_valid()),
            "not valid yet",
        ),
        (
            "certificate_revoked",
            Terms::of(&good_with(&good, revoked)),
            "revoked",
        ),
        ("not_recognised", issue(elsewhere), "elsewhere.test"),
    ] {
        let mut client = Peer::client(stage.tls(), &terms);
        let reply = client.exchange(&bob(1).encode(RADSEC), LONG);
        assert_eq!(reply, None, "{reason}: this was answered");
        assert!(client.closed(LONG), "{reason}: {}", client.said());
        let said = client.said();
        assert!(said.contains("alert"), "{reason}: {said}");
        stage.counted(reason);
        let told = || stage.server.command(&["log"]).contains(words);
        eventually(told);
        assert!(told(), "{reason}:\n{}", stage.server.command(&["log"]));
    }
    accepted(&mut stage.connect(), 1);
}

fn good_with(good: &Identity, pair: portreeve_interop::certificates::Pair) -> Identity {
    Identity {
        pair,
        ..good.clone()
    }
}

#[test]
fn plain_radius_and_bad_packets_are_counted() {
    let stage = Stage::new();
    let mut plain = TcpStream::connect(stage.tls()).must("connect");
    std::io::Write::write_all(&mut plain, &bob(1).encode(RADSEC)).must("send");
    stage.counted("not_tls");
    let mut good = stage.connect();
    accepted(&mut good, 1);
    let whole = bob(2).encode(RADSEC);
    let mut forged = whole.clone();
    forged[22] ^= 1;
    let mut short = whole.clone();
    short[2..4].copy_from_slice(&[0, 19]);
    let mut endless = whole;
    endless[39] = 0;
    for octets in [short, endless, forged] {
        let before = stage.hung_up("bad_packet");
        let mut client = stage.connect();
        client.send(&octets);
        assert!(client.closed(LONG), "still open after {octets:?}");
        assert_eq!(client.receive(LONG), None);
        eventually(|| stage.hung_up("bad_packet") > before);
        assert!(stage.hung_up("bad_packet") > before, "{octets:?}");
    }
    accepted(&mut good, 3);
}

#[test]
fn many_packets_in_one_record_are_all_answered() {
    let stage = Stage::new();
    let mut client = stage.connect();
    accepted(&mut client, 250);
    let requests: Vec<Vec<u8>> = (0..200).map(|id| bob(id).encode(RADSEC)).collect();
    client.send(&requests.concat());
    let mut seen = [false; 200];
    for _ in 0..200 {
        let reply = client.receive(LONG).must("an answer to each");
        let id = usize::from(reply[1]);
        let reply = Reply::verified(&reply, &requests[id], RADSEC);
        assert_eq!(reply.code, code::ACCESS_ACCEPT);
        assert!(!std::mem::replace(&mut seen[id], true), "{id} came twice");
    }
}

#[test]
fn a_handshake_that_drips_is_given_up() {
    let stage = Stage::configured("handshake_timeout_ms = 1000\n");
    let pace = Pace {
        drip: Some(Duration::from_millis(20)),
    };
    let relay = TcpRelay::to(stage.tls(), pace);
    let mut slow = Peer::client(relay.address(), &Terms::of(&stage.client()));
    let silent = TcpStream::connect(stage.tls()).must("connect");
    accepted(&mut stage.connect(), 1);
    assert!(slow.closed(LONG), "a handshake of many seconds goes on");
    stage.counted("handshake_timeout");
    eventually(|| stage.hung_up("handshake_timeout") == 2);
    assert_eq!(stage.hung_up("handshake_timeout"), 2);
    drop(silent);
}

#[test]
fn unfinished_handshakes_are_bounded_and_make_way() {
    let stage = Stage::configured("half_open = 8\nhandshake_timeout_ms = 1500\n");
    let flood: Vec<TcpStream> = (0..64)
        .map(|_| TcpStream::connect(stage.tls()).must("connect"))
        .collect();
    stage.counted("too_many_half_open");
    let half_open = stage.server.status()["connections"]["half_open"].clone();
    assert!(
        half_open.as_u64().is_some_and(|count| count <= 8),
        "{half_open}"
    );
    // Whoever comes when the unfinished ones have been given up is served.
    thread::sleep(Duration::from_secs(2));
    accepted(&mut stage.connect(), 1);
    drop(flood);
}

#[test]
fn connections_of_one_nas_are_bounded() {
    let stage = Stage::configured("connections_per_nas = 2\n");
    let (mut first, mut second) = (stage.connect(), stage.connect());
    accepted(&mut first, 1);
    accepted(&mut second, 1);
    let mut third = stage.connect();
    assert_eq!(third.exchange(&bob(1).encode(RADSEC), LONG), None);
    assert!(third.closed(LONG));
    stage.counted("too_many_from_peer");
    accepted(&mut first, 2);
    drop(second);
    eventually(|| {
        let request = bob(3).encode(RADSEC);
        stage.connect().exchange(&request, LONG).is_some()
    });
    accepted(&mut stage.connect(), 4);
}

#[test]
fn whoever_is_revoked_while_connected_is_cut_off() {
    let stage = Stage::new();
    let (kept, revoked) = (stage.client(), stage.client());
    let mut keeping = Peer::client(stage.tls(), &Terms::of(&kept));
    let mut leaving = Peer::client(stage.tls(), &Terms::of(&revoked));
    accepted(&mut keeping, 1);
    accepted(&mut leaving, 1);
    stage.certificates.revoke(&revoked.pair);
    stage.certificates.crl();
    assert!(leaving.closed(LONG), "still connected");
    accepted(&mut keeping, 2);
    let mut again = Peer::client(stage.tls(), &Terms::of(&revoked));
    assert_eq!(again.exchange(&bob(1).encode(RADSEC), LONG), None);
    assert!(again.said().contains("revoked"), "{}", again.said());
}

#[test]
fn certificates_are_renewed_without_dropping_connections() {
    let stage = Stage::new();
    let shown = || {
        let ended = handshake(stage.tls(), &Terms::of(&stage.client()));
        let pem = ended.stdout.split("-----").nth(2).unwrap_or_default();
        pem.trim().to_owned()
    };
    let mut old = stage.connect();
    accepted(&mut old, 1);
    let before = shown();
    let fresh = stage.certificates.server();
    // Key first; what does not fit together yet must not be taken over.
    fs::copy(&fresh.key, &stage.identity.pair.key).must("a new key");
    thread::sleep(Duration::from_millis(1200));
    accepted(&mut stage.connect(), 1);
    fs::copy(&fresh.certificate, &stage.identity.pair.certificate).must("a new certificate");
    eventually(|| shown() != before);
    let text = fs::read_to_string(&fresh.certificate).must("the new certificate");
    assert!(text.contains(&shown()), "the new one is not shown");
    accepted(&mut old, 2);
    accepted(&mut stage.connect(), 1);
}

#[test]
fn our_own_authority_serves_whom_it_certifies_and_cuts_off_whom_it_revokes() {
    let setup = Setup::default().radsec_nas("office", "dns:office");
    let server = Portreeve::with(&World::household(), &setup);
    let folder = server.home().path("issued");
    fs::create_dir(&folder).must("a folder");
    let out = folder.display().to_string();
    server.command(&["cert", "issue", "--peer", "office", "--out", &out]);
    let identity = Identity {
        pair: portreeve_interop::certificates::Pair {
            certificate: folder.join("office.crt"),
            key: folder.join("office.key"),
        },
        ca: folder.join("ca.crt"),
        crl: None,
    };
    let terms = Terms::of(&identity).option(&["-verify_ip", "127.0.0.1", "-verify_return_error"]);
    let mut client = Peer::client(server.ports().tls_v4(), &terms);
    accepted(&mut client, 1);
    let listed = server.command(&["cert", "list", "--json"]);
    assert!(listed.contains("office"), "{listed}");
    server.command(&["cert", "revoke", "office"]);
    assert!(client.closed(LONG), "still connected");
    let mut again = Peer::client(server.ports().tls_v4(), &terms);
    assert_eq!(again.exchange(&bob(1).encode(RADSEC), LONG), None);
    let crl = server.home().path("ours.crl").display().to_string();
    server.command(&["cert", "crl", "--out", &crl]);
    let text = fs::read_to_string(&crl).must("the list");
    assert!(text.contains("BEGIN X509 CRL"), "{text}");
}
