//! `portreeve send` over RadSec and bare TCP to servers that are not ours.

use std::net::SocketAddr;
use std::time::Duration;

use portreeve_interop::Must as _;
use portreeve_interop::certificates::{Certificates, Identity, Wanted};
use portreeve_interop::freeradius::{Extras, FreeRadius};
use portreeve_interop::openssl::{Peer, Terms};
use portreeve_interop::portreeve::Home;
use portreeve_interop::pyrad2;
use portreeve_interop::radsecproxy::{Back, Leg, Radsecproxy};
use portreeve_interop::tools::Ended;
use portreeve_interop::wire::{answer, attribute, code};
use portreeve_interop::world::{SECRET, World};

const LONG: Duration = Duration::from_secs(5);
const METHODS: [&str; 4] = ["pap", "chap", "mschap", "mschapv2"];

/// `portreeve send KIND SERVER --tls` with this identity and more.
fn send(kind: &str, server: SocketAddr, client: &Identity, more: &[&str]) -> Ended {
    let server = server.to_string();
    let path = |path: &std::path::Path| path.display().to_string();
    let (certificate, key, ca) = (
        path(&client.pair.certificate),
        path(&client.pair.key),
        path(&client.ca),
    );
    let mut arguments = vec!["send", kind, server.as_str(), "--tls"];
    arguments.extend(["--cert", &certificate, "--key", &key, "--ca", &ca]);
    arguments.extend(more);
    Home::new().try_command(&arguments)
}

fn auth(server: SocketAddr, client: &Identity, method: &str, password: &str) -> Ended {
    let more = ["--user", "bob", "--password", password, "--method", method];
    send("auth", server, client, &more)
}

const START: [&str; 6] = [
    "--attr",
    "User-Name=bob",
    "--attr",
    "Acct-Session-Id=sent-tls-1",
    "--attr",
    "Acct-Status-Type=Start",
];

#[track_caller]
fn says(ended: &Ended, code: i32, text: &str) {
    assert_eq!(ended.code, Some(code), "{}", ended.said());
    assert!(ended.said().contains(text), "{}", ended.said());
}

/// Both ends of a connection by one authority.
struct Pki {
    certificates: Certificates,
    server: Identity,
    client: Identity,
}

fn pki() -> Pki {
    let certificates = Certificates::new();
    Pki {
        server: certificates.identity(certificates.server()),
        client: certificates.identity(certificates.client()),
        certificates,
    }
}

fn freeradius(server: &Identity) -> FreeRadius {
    let extras = Extras {
        tls: Some(server.clone()),
        ..Extras::default()
    };
    FreeRadius::with(&World::household(), &extras)
}

#[test]
fn freeradius_answers_everything() {
    let pki = pki();
    let server = freeradius(&pki.server);
    let to = server.ports().tls_v4();
    for method in METHODS {
        says(
            &auth(to, &pki.client, method, "hello world"),
            0,
            "Access-Accept",
        );
        says(
            &auth(to, &pki.client, method, "hello worlD"),
            1,
            "Access-Reject",
        );
    }
    says(
        &send("acct", to, &pki.client, &START),
        0,
        "Accounting-Response",
    );
    says(&send("status", to, &pki.client, &[]), 0, "");
    assert!(server.records().contains("sent-tls-1"));
}

#[test]
fn radsecproxy_answers_everything() {
    let pki = pki();
    let behind = FreeRadius::start(&World::household());
    let back = Back {
        leg: Leg::Udp(SECRET.to_owned()),
        auth: behind.ports().auth_v4(),
        acct: behind.ports().acct_v4(),
    };
    let proxy = Radsecproxy::between(&Leg::Tls(pki.server.clone()), &back);
    let to = proxy.address();
    for method in METHODS {
        says(
            &auth(to, &pki.client, method, "hello world"),
            0,
            "Access-Accept",
        );
    }
    says(
        &auth(to, &pki.client, "pap", "hello worlD"),
        1,
        "Access-Reject",
    );
    says(
        &send("acct", to, &pki.client, &START),
        0,
        "Accounting-Response",
    );
    says(&send("status", to, &pki.client, &[]), 0, "");
    assert!(behind.records().contains("sent-tls-1"));
}

#[test]
fn pyrad2_answers_in_both_versions() {
    let pki = pki();
    for (versions, option, expected) in [
        (pyrad2::V10, None, "1.0"),
        (pyrad2::BOTH, None, "1.1"),
        (pyrad2::V11, Some("--radius11"), "1.1"),
    ] {
        let server = pyrad2::Server::radsec(&pki.server, versions);
        let ask = |kind, more: &[&str]| {
            let more: Vec<&str> = more.iter().copied().chain(option).collect();
            send(kind, server.address(), &pki.client, &more)
        };
        let log_in = |method, password| {
            let user = ["--user", "bob", "--password", password];
            ask("auth", &[&user[..], &["--method", method]].concat())
        };
        says(&log_in("pap", "hello world"), 0, "pyrad2 knows bob");
        says(&log_in("pap", "hello worlD"), 1, "Access-Reject");
        says(&log_in("chap", "hello world"), 0, "Access-Accept");
        says(&ask("acct", &START), 0, "Accounting-Response");
        says(&ask("status", &[]), 0, "");
        let handled = server.handled_at_least(4);
        assert_eq!(handled.len(), 4, "{}", server.said());
        assert!(
            handled.iter().all(|request| request["radius"] == expected),
            "{handled:?}"
        );
    }
}

#[test]
fn a_server_that_only_speaks_1_0_is_told_apart_from_one_that_is_away() {
    let pki = pki();
    let server = pyrad2::Server::radsec(&pki.server, pyrad2::V10);
    let more = ["--user", "bob", "--password", "hello world", "--radius11"];
    let ended = send("auth", server.address(), &pki.client, &more);
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert!(ended.said().contains("1.1"), "{}", ended.said());
    let away = ([127, 0, 0, 1], portreeve_interop::free_port()).into();
    let ended = send("auth", away, &pki.client, &more);
    assert_eq!(ended.code, Some(1), "{}", ended.said());
}

#[test]
fn openssl_gets_what_radsec_asks_for() {
    let pki = pki();
    let mut server = Peer::server(&Terms::of(&pki.server).alpn("radius/1.0"));
    let to = server.address();
    let client = pki.client.clone();
    let sending = std::thread::spawn(move || auth(to, &client, "pap", "hello world"));
    let request = server.receive(2 * LONG).must("a request");
    assert_eq!(request[0], code::ACCESS_REQUEST);
    // Identifier 0 is for Status-Server on a connection.
    assert_ne!(request[1], 0);
    assert_eq!(request[20], attribute::MESSAGE_AUTHENTICATOR);
    let greeting: &[(u8, &[u8])] = &[(18, b"by hand")];
    server.send(&answer(&request, code::ACCESS_ACCEPT, greeting, "radsec"));
    says(&sending.join().must("the client"), 0, "by hand");
}

#[test]
fn servers_that_do_not_prove_themselves_are_refused_with_the_reason() {
    let pki = pki();
    for (wanted, option, words) in [
        (
            Wanted::server().by_another_authority(),
            &[][..],
            "not signed by",
        ),
        (Wanted::server().expired(), &[], "expired"),
        (Wanted::server().not_yet_valid(), &[], "not valid yet"),
        (
            Wanted::server().named("DNS:elsewhere.test"),
            &[],
            "elsewhere.test",
        ),
        (
            Wanted::server(),
            &["--server-name", "other.test"],
            "other.test",
        ),
    ] {
        let identity = pki.certificates.identity(pki.certificates.issue(&wanted));
        let server = Peer::server(&Terms::of(&identity));
        let more = [&["--user", "bob", "--password", "hello world"], option].concat();
        let ended = send("auth", server.address(), &pki.client, &more);
        assert_eq!(ended.code, Some(1), "{wanted:?}: {}", ended.said());
        assert!(ended.said().contains(words), "{words}: {}", ended.said());
    }
}

#[test]
fn a_server_may_be_asked_for_by_another_name_of_its_certificate() {
    let pki = pki();
    let mut server = Peer::server(&Terms::of(&pki.server));
    let (to, client) = (server.address(), pki.client.clone());
    let more = [
        "--user",
        "bob",
        "--password",
        "x",
        "--server-name",
        "radius.test",
    ];
    let sending = std::thread::spawn(move || send("auth", to, &client, &more));
    let request = server.receive(2 * LONG).must("a request");
    server.send(&answer(&request, code::ACCESS_ACCEPT, &[], "radsec"));
    says(&sending.join().must("the client"), 0, "Access-Accept");
}

#[test]
fn a_server_that_refuses_us_is_told_with_its_alert() {
    let pki = pki();
    let server = Peer::server(&Terms::of(&pki.server));
    let stranger = Identity {
        pair: pki
            .certificates
            .issue(&Wanted::client().by_another_authority()),
        ..pki.client.clone()
    };
    let ended = auth(server.address(), &stranger, "pap", "hello world");
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert!(ended.said().contains("refused"), "{}", ended.said());
}

#[test]
fn bare_tcp_reaches_radsecproxy() {
    let behind = FreeRadius::start(&World::household());
    let back = Back {
        leg: Leg::Udp(SECRET.to_owned()),
        auth: behind.ports().auth_v4(),
        acct: behind.ports().acct_v4(),
    };
    let proxy = Radsecproxy::between(&Leg::Tcp(SECRET.to_owned()), &back);
    let to = proxy.address().to_string();
    for (password, code, text) in [
        ("hello world", 0, "Access-Accept"),
        ("hello worlD", 1, "Access-Reject"),
    ] {
        let ended = Home::new().try_command(&[
            "send",
            "auth",
            &to,
            "--tcp",
            "--secret",
            SECRET,
            "--user",
            "bob",
            "--password",
            password,
        ]);
        says(&ended, code, text);
    }
}
