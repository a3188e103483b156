//! DTLS and pre-shared keys, by the program that is built on OpenSSL.

use std::net::SocketAddr;
use std::time::Duration;

use portreeve_interop::Must as _;
use portreeve_interop::certificates::{Certificates, Identity, Wanted};
use portreeve_interop::freeradius::FreeRadius;
use portreeve_interop::openssl::{Peer, Terms};
use portreeve_interop::portreeve::{Home, Portreeve, Setup};
use portreeve_interop::radsecproxy::{Back, Leg, Radsecproxy};
use portreeve_interop::relay::Relay;
use portreeve_interop::tools::{Ended, radclient, radclient_bare};
use portreeve_interop::weather::Weather;
use portreeve_interop::wire::{Reply, Request, answer, code, v11};
use portreeve_interop::world::{SECRET, World};

const RADSEC: &str = "radsec";
const DTLS: &str = "radius/dtls";
const LONG: Duration = Duration::from_secs(8);
const KEY: &str = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf";

struct Stage {
    certificates: Certificates,
    server: Portreeve,
}

impl Stage {
    /// Knows one NAS over DTLS by certificate, one over TLS and one over DTLS by key.
    fn new() -> Self {
        let certificates = Certificates::new();
        let identity = certificates.identity(certificates.server());
        let nas = |name, transport, more: &[&'static str]| {
            let mut command = vec!["nas", "add", name, "127.0.0.0/8", "--transport", transport];
            command.extend(more);
            command
        };
        let setup = Setup::radsec(&identity)
            .command(&nas("dtls", "dtls", &["--identity", "dns:nas.test"]))
            .command(&nas("key", "tls", &["--psk-identity", "key", "--psk", KEY]))
            .command(&nas(
                "dtlskey",
                "dtls",
                &["--psk-identity", "dtlskey", "--psk", OTHER_KEY],
            ))
            .on_openssl();
        Self {
            server: Portreeve::with(&World::household(), &setup),
            certificates,
        }
    }

    fn tls(&self) -> SocketAddr {
        self.server.ports().tls_v4()
    }

    fn client(&self) -> Identity {
        self.certificates.identity(self.certificates.client())
    }
}

/// No two devices have the same key.
const OTHER_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[track_caller]
fn accepted(client: &mut Peer, secret: &str) {
    let request = Request::access(1)
        .pap("bob", "hello world", secret)
        .encode(secret);
    let Some(reply) = client.exchange(&request, LONG) else {
        panic!("no answer: {}", client.said());
    };
    let reply = Reply::verified(&reply, &request, secret);
    assert_eq!(reply.code, code::ACCESS_ACCEPT);
}

#[track_caller]
fn unanswered(client: &mut Peer, secret: &str) {
    let request = Request::access(1)
        .pap("bob", "hello world", secret)
        .encode(secret);
    let reply = client.exchange(&request, Duration::from_secs(3));
    assert_eq!(reply, None, "this was answered");
}

#[test]
fn openssl_logs_in_over_dtls_with_a_certificate() {
    let stage = Stage::new();
    let terms = Terms::of(&stage.client()).dtls();
    let mut client = Peer::client(stage.tls(), &terms);
    accepted(&mut client, DTLS);
    accepted(&mut client, DTLS);
}

#[test]
fn openssl_logs_in_with_a_key_over_tls_and_dtls() {
    let stage = Stage::new();
    let key = Terms::psk("key", KEY);
    accepted(&mut Peer::client(stage.tls(), &key.clone().tls13()), RADSEC);
    let dtls = Terms::psk("dtlskey", OTHER_KEY)
        .dtls()
        .option(&["-cipher", "PSK"]);
    accepted(&mut Peer::client(stage.tls(), &dtls), DTLS);
    let mut eleven = Peer::client(stage.tls(), &key.tls13().alpn("radius/1.1"));
    let request = v11::Request::new(code::ACCESS_REQUEST, 7).pap("bob", "hello world");
    let reply = eleven.exchange(&request.encode(), LONG).must("an answer");
    assert_eq!(v11::Reply::read(&reply).code, code::ACCESS_ACCEPT);
}

#[test]
fn keys_and_certificates_that_are_wrong_are_refused() {
    let stage = Stage::new();
    for terms in [
        Terms::psk("key", OTHER_KEY).tls13(),
        Terms::psk("nobody", KEY).tls13(),
        Terms::psk("key", OTHER_KEY)
            .tls12()
            .option(&["-cipher", "PSK"]),
        Terms::psk("nobody", KEY).dtls().option(&["-cipher", "PSK"]),
    ] {
        unanswered(&mut Peer::client(stage.tls(), &terms), RADSEC);
    }
    for wanted in [
        Wanted::client().by_another_authority(),
        Wanted::client().expired(),
    ] {
        let client = stage
            .certificates
            .identity(stage.certificates.issue(&wanted));
        let terms = Terms::of(&client).dtls();
        unanswered(&mut Peer::client(stage.tls(), &terms), DTLS);
    }
    let anonymous = Terms::anonymous(&stage.client()).dtls();
    unanswered(&mut Peer::client(stage.tls(), &anonymous), DTLS);
    let terms = Terms::of(&stage.client()).dtls();
    accepted(&mut Peer::client(stage.tls(), &terms), DTLS);
}

#[test]
fn radsecproxy_brings_every_method_over_dtls() {
    let stage = Stage::new();
    let back = Back::one(Leg::Dtls(stage.client()), stage.tls());
    let proxy = Radsecproxy::between(&Leg::Udp(SECRET.to_owned()), &back);
    for kind in ["User-Password", "CHAP-Password", "MS-CHAP-Password"] {
        for (password, expected) in [
            ("hello world", "Received Access-Accept"),
            ("hello worlD", "Received Access-Reject"),
        ] {
            let request = format!("User-Name = \"bob\"\n{kind} = \"{password}\"");
            let ended = radclient(proxy.address(), "auth", SECRET, &request);
            assert!(ended.stdout.contains(expected), "{kind}: {}", ended.said());
        }
    }
    let request = "User-Name = \"bob\"\nAcct-Status-Type = Start\nAcct-Session-Id = \"dtls-1\"";
    // radsecproxy 1.9.2 takes no accounting with Message-Authenticator.
    let ended = radclient_bare(proxy.address(), "acct", SECRET, request);
    let said = ended.said();
    assert!(said.contains("Received Accounting-Response"), "{said}");
}

fn send(kind: &str, server: SocketAddr, more: &[&str]) -> Ended {
    let server = server.to_string();
    let arguments = [&["send", kind, server.as_str()], more].concat();
    Home::on_openssl().try_command(&arguments)
}

#[track_caller]
fn says(ended: &Ended, code: i32, text: &str) {
    assert_eq!(ended.code, Some(code), "{}", ended.said());
    assert!(ended.said().contains(text), "{}", ended.said());
}

#[test]
fn we_send_over_dtls_to_radsecproxy() {
    let certificates = Certificates::new();
    let server = certificates.identity(certificates.server());
    let client = certificates.identity(certificates.client());
    let behind = FreeRadius::start(&World::household());
    let back = Back {
        leg: Leg::Udp(SECRET.to_owned()),
        auth: behind.ports().auth_v4(),
        acct: behind.ports().acct_v4(),
    };
    let proxy = Radsecproxy::between(&Leg::Dtls(server), &back);
    let path = |path: &std::path::Path| path.display().to_string();
    let (certificate, key, ca) = (
        path(&client.pair.certificate),
        path(&client.pair.key),
        path(&client.ca),
    );
    let dtls = ["--dtls", "--cert", &certificate, "--key", &key, "--ca", &ca];
    for (password, code, text) in [
        ("hello world", 0, "Access-Accept"),
        ("hello worlD", 1, "Access-Reject"),
    ] {
        let user = ["--user", "bob", "--password", password];
        let ended = send("auth", proxy.address(), &[&dtls[..], &user].concat());
        says(&ended, code, text);
    }
    // A bad network between, so that DTLS and RADIUS have to repeat themselves.
    let weather = Weather {
        seed: 5,
        lost: 4,
        doubled: 10,
        late: 10,
        delay: Duration::from_millis(100),
    };
    let relay = Relay::through(proxy.address(), weather);
    let user = ["--user", "bob", "--password", "hello world"];
    let ended = send("auth", relay.address(), &[&dtls[..], &user].concat());
    says(&ended, 0, "Access-Accept");
}

#[test]
fn we_send_with_a_key_to_openssl() {
    for (carrier, terms, secret) in [
        ("--tls", Terms::psk("us", KEY).tls13(), RADSEC),
        (
            "--dtls",
            Terms::psk("us", KEY).dtls().option(&["-cipher", "PSK"]),
            DTLS,
        ),
    ] {
        let mut server = Peer::server(&terms);
        let to = server.address();
        let sending = std::thread::spawn(move || {
            let key = ["--psk-identity", "us", "--psk", KEY];
            let user = ["--user", "bob", "--password", "hello world"];
            send("auth", to, &[&[carrier][..], &key, &user].concat())
        });
        let request = server.receive(LONG).must("a request");
        let greeting: &[(u8, &[u8])] = &[(18, b"by hand")];
        server.send(&answer(&request, code::ACCESS_ACCEPT, greeting, secret));
        says(&sending.join().must("the client"), 0, "by hand");
    }
}

#[test]
fn the_usual_program_says_how_to_get_dtls() {
    let server = "127.0.0.1:2083";
    let key = ["--dtls", "--psk-identity", "us", "--psk", KEY];
    let arguments = [&["send", "status", server][..], &key].concat();
    let ended = Home::new().try_command(&arguments);
    assert!(!ended.succeeded);
    assert!(ended.said().contains("openssl"), "{}", ended.said());
}
