//! The foreign programs among themselves: what the other tests build on works without us.

use std::net::SocketAddr;
use std::time::Duration;

use portreeve_interop::Must as _;
use portreeve_interop::certificates::{Certificates, Identity, Wanted};
use portreeve_interop::freeradius::{By, Extras, FreeRadius, Upstream};
use portreeve_interop::openssl::{Peer, Terms, agreed_alpn, handshake};
use portreeve_interop::radsecproxy::{Back, Leg, Radsecproxy};
use portreeve_interop::tools::{json_holds, radclient, radclient_bare};
use portreeve_interop::wire::{Reply, Request, answer, code};
use portreeve_interop::world::{SECRET, World};
use portreeve_interop::{Ports, pyrad2};

const LONG: Duration = Duration::from_secs(5);
const BOB: &str = "User-Name = \"bob\"\nUser-Password = \"hello world\"";
const START: &str = "User-Name = \"bob\"\nAcct-Status-Type = Start\nAcct-Session-Id = \"peers-1\"";

fn both(certificates: &Certificates) -> [Identity; 2] {
    [
        certificates.identity(certificates.server()),
        certificates.identity(certificates.client()),
    ]
}

#[track_caller]
fn accepted(server: SocketAddr) {
    let ended = radclient(server, "auth", SECRET, BOB);
    assert!(
        ended.stdout.contains("Received Access-Accept"),
        "{}",
        ended.said()
    );
}

#[test]
fn radsecproxy_speaks_dtls_and_tls_to_itself_and_udp_to_freeradius() {
    let certificates = Certificates::new();
    let [server, client] = both(&certificates);
    let freeradius = FreeRadius::start(&World::household());
    let back = Back {
        leg: Leg::Udp(SECRET.to_owned()),
        auth: freeradius.ports().auth_v4(),
        acct: freeradius.ports().acct_v4(),
    };
    for (far, near) in [
        (Leg::Tls(server.clone()), Leg::Tls(client.clone())),
        (Leg::Dtls(server.clone()), Leg::Dtls(client.clone())),
    ] {
        let far = Radsecproxy::between(&far, &back);
        let near = Radsecproxy::between(
            &Leg::Udp(SECRET.to_owned()),
            &Back::one(near, far.address()),
        );
        accepted(near.address());
        // radsecproxy 1.9.2 takes no accounting with Message-Authenticator.
        let ended = radclient_bare(near.address(), "acct", SECRET, START);
        assert!(
            ended.stdout.contains("Received Accounting-Response"),
            "{}\n{}",
            ended.said(),
            near.said()
        );
    }
    let records = freeradius.records();
    assert_eq!(records.matches("peers-1").count(), 2, "{records}");
}

#[test]
fn radsecproxy_forwards_neither_coa_nor_disconnect() {
    let freeradius = FreeRadius::with(
        &World::household(),
        &Extras {
            coa: true,
            ..Extras::default()
        },
    );
    let back = Back::one(Leg::Udp(SECRET.to_owned()), freeradius.ports().coa_v4());
    let proxy = Radsecproxy::between(&Leg::Udp(SECRET.to_owned()), &back);
    let request = "User-Name = \"bob\"\nAcct-Session-Id = \"coa-1\"";
    let ended = radclient(proxy.address(), "coa", SECRET, request);
    assert!(!ended.stdout.contains("Received CoA"), "{}", ended.said());
    assert_eq!(freeradius.asked(), "");
}

#[test]
fn freeradius_sends_over_radsec_what_it_gets_over_udp() {
    let certificates = Certificates::new();
    let [server, client] = both(&certificates);
    let far = FreeRadius::with(
        &World::household(),
        &Extras {
            tls: Some(server),
            ..Extras::default()
        },
    );
    let upstream = Upstream {
        address: far.ports().tls_v4(),
        by: By::Tls(client),
    };
    let near = FreeRadius::with(
        &World::household(),
        &Extras {
            upstream: Some(upstream),
            ..Extras::default()
        },
    );
    accepted(near.ports().auth_v4());
    let ended = radclient(near.ports().acct_v4(), "acct", SECRET, START);
    assert!(ended.stdout.contains("Received Accounting-Response"));
    assert!(far.records().contains("peers-1"));
}

#[test]
fn freeradius_confirms_the_sessions_it_knows() {
    let server = FreeRadius::with(
        &World::household(),
        &Extras {
            coa: true,
            ..Extras::default()
        },
    );
    for (kind, ack, nak) in [
        ("coa", "CoA-ACK", "CoA-NAK"),
        ("disconnect", "Disconnect-ACK", "Disconnect-NAK"),
    ] {
        for (session, expected) in [("coa-1", ack), ("elsewhere", nak)] {
            let request = format!("User-Name = \"bob\"\nAcct-Session-Id = \"{session}\"");
            let ended = radclient(server.ports().coa_v4(), kind, SECRET, &request);
            assert!(
                ended.stdout.contains(&format!("Received {expected}")),
                "{kind} {session}: {}",
                ended.said()
            );
        }
    }
    assert!(server.asked().contains("coa-1"), "{}", server.asked());
}

#[test]
fn pyrad2_confirms_the_sessions_it_knows_over_udp() {
    let server = pyrad2::Server::coa(SECRET);
    for (kind, ack, nak) in [
        ("coa", code::COA_ACK, code::COA_NAK),
        ("disconnect", code::DISCONNECT_ACK, code::DISCONNECT_NAK),
    ] {
        for (session, expected) in [("coa-1", ack), ("elsewhere", nak)] {
            let reply = pyrad2::coa(kind, server.address(), SECRET, session);
            assert_eq!(reply["code"], expected, "{kind} {session}: {reply}");
        }
        let request = "User-Name = \"bob\"\nAcct-Session-Id = \"coa-2\"";
        let ended = radclient(server.address(), kind, SECRET, request);
        assert!(ended.stdout.contains("-ACK"), "{}", ended.said());
    }
    assert_eq!(server.handled_at_least(6).len(), 6, "{}", server.said());
}

#[test]
fn pyrad2_speaks_both_versions_to_itself() {
    let certificates = Certificates::new();
    let [server, client] = both(&certificates);
    let server = pyrad2::Server::radsec(&server, pyrad2::BOTH);
    for version in [pyrad2::V10, pyrad2::V11] {
        let ask = |method, password| {
            let to = server.address();
            pyrad2::radsec(method, to, &client, version, "bob", password)
        };
        for (method, password, expected) in [
            ("pap", "hello world", code::ACCESS_ACCEPT),
            ("pap", "hello worlD", code::ACCESS_REJECT),
            ("start", "peers-2", code::ACCOUNTING_RESPONSE),
            ("coa", "coa-1", code::COA_ACK),
            ("disconnect", "elsewhere", code::DISCONNECT_NAK),
        ] {
            let reply = ask(method, password);
            assert_eq!(
                reply["code"],
                expected,
                "{method} {version}: {reply} {}",
                server.said()
            );
            assert_eq!(reply["radius"], version, "{reply}");
        }
    }
    assert!(
        server
            .handled()
            .iter()
            .any(|request| json_holds(request, "1.1")),
        "{}",
        server.said()
    );
}

/// A request from one `openssl` to the other, and an answer back.
#[track_caller]
fn carried(server: &Terms, client: &Terms) {
    let mut server = Peer::server(server);
    let mut client = Peer::client(server.address(), client);
    let request = Request::access(1)
        .pap("bob", "hello world", "radsec")
        .encode("radsec");
    client.send(&request);
    let received = server.receive(LONG);
    assert_eq!(
        received.as_ref(),
        Some(&request),
        "{}\n{}",
        client.said(),
        server.said()
    );
    server.send(&answer(&request, code::ACCESS_ACCEPT, &[], "radsec"));
    let reply = client.receive(LONG).must("an answer");
    assert_eq!(
        Reply::verified(&reply, &request, "radsec").code,
        code::ACCESS_ACCEPT
    );
}

#[test]
fn openssl_carries_packets_over_every_handshake() {
    let certificates = Certificates::new();
    let [server, client] = both(&certificates);
    let (of_server, of_client) = (Terms::of(&server), Terms::of(&client));
    carried(&of_server, &of_client);
    carried(&of_server, &of_client.clone().tls12());
    carried(&of_server.clone().dtls(), &of_client.clone().dtls());
    let psk = Terms::psk("nas", "00112233445566778899aabbccddeeff");
    carried(&psk.clone().tls13(), &psk.clone().tls13());
    let old = psk.option(&["-cipher", "PSK"]);
    carried(&old.clone().tls12(), &old.clone().tls12());
    carried(&old.clone().dtls(), &old.clone().dtls());
}

#[test]
fn openssl_refuses_whom_it_should() {
    let certificates = Certificates::new();
    let server = certificates.identity(certificates.server());
    let server = Peer::server(&Terms::of(&server));
    let bad = [
        certificates.issue(&Wanted::client().expired()),
        certificates.issue(&Wanted::client().by_another_authority()),
    ];
    for pair in bad {
        let client = certificates.identity(pair);
        let mut client = Peer::client(server.address(), &Terms::of(&client));
        assert!(client.closed(LONG), "{}", client.said());
        assert!(client.said().contains("alert"), "{}", client.said());
    }
}

#[test]
fn openssl_tells_which_protocol_was_agreed_on() {
    let certificates = Certificates::new();
    let [server, client] = both(&certificates);
    let server = Peer::server(&Terms::of(&server).alpn("radius/1.1"));
    let ended = handshake(server.address(), &Terms::of(&client).alpn("radius/1.1"));
    assert_eq!(agreed_alpn(&ended), Some("radius/1.1"), "{}", ended.said());
    let ended = handshake(server.address(), &Terms::of(&client).alpn("radius/1.0"));
    assert!(
        ended.said().contains("alert number 120"),
        "{}",
        ended.said()
    );
    let ended = handshake(server.address(), &Terms::of(&client));
    assert_eq!(agreed_alpn(&ended), None, "{}", ended.said());
}

#[test]
fn ports_are_not_given_twice() {
    let (one, other) = (Ports::free(), Ports::free());
    let mut all = [one, other]
        .map(|ports| [ports.auth, ports.acct, ports.tls, ports.coa])
        .concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 8);
}
