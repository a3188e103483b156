//! The way of a small router: UDP to Portreeve, RadSec from there to a home server that is not
//! ours.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use portreeve_interop::certificates::{Certificates, Identity};
use portreeve_interop::freeradius::{Extras, FreeRadius};
use portreeve_interop::portreeve::{Portreeve, Setup};
use portreeve_interop::radsecproxy::{Back, Leg, Radsecproxy};
use portreeve_interop::tcp_relay::{Pace, TcpRelay};
use portreeve_interop::tools::{self, Ended, radclient};
use portreeve_interop::wire::{Reply, Request, attribute, code, exchange};
use portreeve_interop::world::{SECRET, User, World};
use portreeve_interop::{Must as _, eventually, free_port, pyrad2};

const LONG: Duration = Duration::from_secs(8);

/// The household, at home elsewhere.
fn abroad() -> World {
    let household = World::household();
    let users = [
        ("bob@example.org", "hello world"),
        ("alice@example.org", "wonder land"),
    ];
    let users = users.map(|(name, password)| User {
        name,
        password,
        group: None,
        attributes: vec![
            ("Session-Timeout", "3600"),
            ("Mikrotik-Rate-Limit", "10M/50M"),
        ],
    });
    World {
        users: users.into(),
        ..household
    }
}

/// A network with nobody at home.
fn transit() -> World {
    World {
        users: Vec::new(),
        groups: Vec::new(),
        ..World::household()
    }
}

fn home(server: &Identity) -> FreeRadius {
    let extras = Extras {
        tls: Some(server.clone()),
        ..Extras::default()
    };
    FreeRadius::with(&abroad(), &extras)
}

/// A `[[home]]` over TLS.
fn over_tls(name: &str, address: SocketAddr, client: &Identity) -> String {
    format!(
        "[[home]]\nname = \"{name}\"\naddress = \"{address}\"\ntransport = \"tls\"\n\
         certificate = \"{}\"\nkey = \"{}\"\nca = \"{}\"\ntimeout_ms = 2000\n",
        client.pair.certificate.display(),
        client.pair.key.display(),
        client.ca.display()
    )
}

/// A `[[pool]]` of these homes, and the realm `example.org` in it.
fn realm(homes: &[&str], more: &str) -> String {
    format!(
        "[[pool]]\nname = \"upstream\"\nhomes = {homes:?}\n[[realm]]\nname = \"example.org\"\n\
         pool = \"upstream\"\n{more}"
    )
}

fn between(homes: &[(&str, SocketAddr)], client: &Identity, more: &str) -> Portreeve {
    let names: Vec<&str> = homes.iter().map(|(name, _)| *name).collect();
    let blocks = homes.iter().map(|(name, to)| over_tls(name, *to, client));
    let text = blocks.collect::<String>() + &realm(&names, more);
    Portreeve::with(&transit(), &Setup::default().configured(&text))
}

struct Pki {
    _certificates: Certificates,
    server: Identity,
    client: Identity,
}

fn pki() -> Pki {
    let certificates = Certificates::new();
    Pki {
        server: certificates.identity(certificates.server()),
        client: certificates.identity(certificates.client()),
        _certificates: certificates,
    }
}

fn log_in(server: &Portreeve, password: &str) -> Ended {
    let request = format!("User-Name = \"bob@example.org\"\nUser-Password = \"{password}\"");
    radclient(server.ports().auth_v4(), "auth", SECRET, &request)
}

#[track_caller]
fn says(ended: &Ended, text: &str) {
    assert!(ended.stdout.contains(text), "{}", ended.said());
}

fn account(server: &Portreeve, status: &str, session: &str) -> Ended {
    let request = format!(
        "User-Name = \"bob@example.org\"\nAcct-Status-Type = {status}\n\
         Acct-Session-Id = \"{session}\"\nNAS-IP-Address = 192.0.2.9"
    );
    radclient(server.ports().acct_v4(), "acct", SECRET, &request)
}

#[test]
fn every_method_and_accounting_go_in_by_udp_and_out_by_radsec() {
    let pki = pki();
    let freeradius = home(&pki.server);
    let to = freeradius.ports().tls_v4();
    let server = between(&[("home", to)], &pki.client, "trust = \"own\"\n");
    for kind in ["User-Password", "CHAP-Password", "MS-CHAP-Password"] {
        for (password, expected) in [
            ("hello world", "Received Access-Accept"),
            ("hello worlD", "Received Access-Reject"),
        ] {
            let request = format!("User-Name = \"bob@example.org\"\n{kind} = \"{password}\"");
            let ended = radclient(server.ports().auth_v4(), "auth", SECRET, &request);
            says(&ended, expected);
            if expected.contains("Accept") {
                says(&ended, "Mikrotik-Rate-Limit = \"10M/50M\"");
            }
            if expected.contains("Accept") && kind == "MS-CHAP-Password" {
                // Hidden by the home server, shown here, hidden again.
                says(&ended, "MS-CHAP-MPPE-Keys = 0x");
            }
        }
    }
    let (address, port) = (server.ports().auth_v4().ip(), server.ports().auth);
    let user = "bob@example.org";
    let reply = tools::pyrad2(
        "client.py",
        &[&"mschapv2", &address, &port, &SECRET, &user, &"hello world"],
    );
    assert_eq!(reply["code"], code::ACCESS_ACCEPT, "{reply}");
    assert_eq!(reply["mutual"], true, "{reply}");
    for status in ["Start", "Interim-Update", "Stop"] {
        says(&account(&server, status, "chain-1"), "Accounting-Response");
    }
    let count = || freeradius.records().matches("\"chain-1\"").count();
    eventually(|| count() == 3);
    assert_eq!(count(), 3, "{}", freeradius.records());
}

#[test]
fn attributes_of_a_foreign_server_are_filtered() {
    let pki = pki();
    let freeradius = home(&pki.server);
    let to = freeradius.ports().tls_v4();
    let server = between(&[("home", to)], &pki.client, "");
    let ended = log_in(&server, "hello world");
    says(&ended, "Session-Timeout = 3600");
    assert!(!ended.stdout.contains("Mikrotik"), "{}", ended.stdout);
}

#[test]
fn radius_1_1_to_the_home_server_is_plain_radius_to_the_router() {
    let pki = pki();
    let python = pyrad2::Server::radsec(&pki.server, pyrad2::V11);
    // pyrad2 knows bob, so the realm is taken off.
    let to = python.address();
    let server = between(&[("home", to)], &pki.client, "strip = \"yes\"\n");
    says(&log_in(&server, "hello world"), "pyrad2 knows bob");
    says(&log_in(&server, "hello worlD"), "Received Access-Reject");
    let handled = python.handled_at_least(2);
    assert!(
        handled.iter().all(|request| request["radius"] == "1.1"),
        "{handled:?}"
    );
}

#[test]
fn proxy_states_of_the_router_come_back_and_ours_do_not() {
    let pki = pki();
    let freeradius = home(&pki.server);
    let to = freeradius.ports().tls_v4();
    let server = between(&[("home", to)], &pki.client, "");
    let socket = UdpSocket::bind("127.0.0.1:0").must("a socket");
    let states: [&[u8]; 2] = [b"one", &[0, 1, 255]];
    for (password, expected) in [
        ("hello world", code::ACCESS_ACCEPT),
        ("wrong", code::ACCESS_REJECT),
    ] {
        let request = Request::access(9)
            .pap("bob@example.org", password, SECRET)
            .with(attribute::PROXY_STATE, states[0])
            .with(attribute::PROXY_STATE, states[1])
            .encode(SECRET);
        let to = server.ports().auth_v4();
        let reply = exchange(&socket, to, &request, LONG).must("an answer");
        let reply = Reply::verified(&reply, &request, SECRET);
        assert_eq!(reply.code, expected);
        assert_eq!(reply.values(attribute::PROXY_STATE), states);
    }
}

#[test]
fn accounting_waits_for_a_home_server_that_is_away_and_arrives_once() {
    let pki = pki();
    let mut freeradius = home(&pki.server);
    let to = freeradius.ports().tls_v4();
    let mut server = between(&[("home", to)], &pki.client, "");
    says(&account(&server, "Start", "spool-0"), "Accounting-Response");
    // Were its answer lost with the server, it would rightly be sent again.
    let delivered = || server.status()["pools"]["upstream"]["delivered"] == 1;
    eventually(delivered);
    assert!(delivered(), "{}", server.status());
    freeradius.kill();
    for number in 1..=5 {
        // On our disk is safe enough to say so.
        let ended = account(&server, "Start", &format!("spool-{number}"));
        says(&ended, "Accounting-Response");
    }
    server.kill();
    server.restart();
    freeradius.restart();
    let count = |number: u32| {
        let records = freeradius.records();
        records.matches(&format!("\"spool-{number}\"")).count()
    };
    let deadline = Instant::now() + Duration::from_secs(40);
    while Instant::now() < deadline && (1..=5).any(|number| count(number) == 0) {
        std::thread::sleep(Duration::from_millis(200));
    }
    for number in 0..=5 {
        assert_eq!(count(number), 1, "spool-{number}: {}", freeradius.records());
    }
}

#[test]
fn a_log_in_goes_to_the_second_home_server_while_the_first_is_away() {
    let pki = pki();
    let mut first = home(&pki.server);
    let second = home(&pki.server);
    let homes = [
        ("first", first.ports().tls_v4()),
        ("second", second.ports().tls_v4()),
    ];
    let server = between(&homes, &pki.client, "");
    says(&log_in(&server, "hello world"), "Received Access-Accept");
    first.kill();
    let begin = Instant::now();
    let accepted = || {
        log_in(&server, "hello world")
            .stdout
            .contains("Access-Accept")
    };
    while !accepted() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "never fails over"
        );
    }
    let begin = Instant::now();
    for _ in 0..5 {
        says(&log_in(&server, "hello world"), "Received Access-Accept");
    }
    assert!(begin.elapsed() < Duration::from_secs(3), "slow ever after");
}

#[test]
fn a_connection_that_is_cut_is_made_again() {
    let pki = pki();
    let freeradius = home(&pki.server);
    let relay = TcpRelay::to(freeradius.ports().tls_v4(), Pace::default());
    let server = between(&[("home", relay.address())], &pki.client, "");
    says(&log_in(&server, "hello world"), "Received Access-Accept");
    relay.cut();
    eventually(|| {
        log_in(&server, "hello world")
            .stdout
            .contains("Access-Accept")
    });
    says(&log_in(&server, "hello world"), "Received Access-Accept");
    assert!(relay.connections() >= 2);
}

#[test]
fn a_loop_is_found_and_broken() {
    let pki = pki();
    // radsecproxy brings back to us whatever we send away.
    let back = free_port();
    let udp = Leg::Udp(SECRET.to_owned());
    let away = Back::one(udp, ([127, 0, 0, 1], back).into());
    let proxy = Radsecproxy::between(&Leg::Tls(pki.server.clone()), &away);
    let text = over_tls("home", proxy.address(), &pki.client)
        + &realm(&["home"], "when_dead = \"silent\"\n");
    let server = Portreeve::with(&transit(), &Setup::default().configured(&text));
    let relay = portreeve_interop::relay::Relay::on(back, server.ports().auth_v4());
    let ended = log_in(&server, "hello world");
    // Over UDP nothing is said of an error on the way: the NAS turns to its other server.
    let said = ended.said();
    assert!(!said.contains("Received Access-Accept"), "{said}");
    let passed = relay.passed().iter().filter(|p| p.to_server).count();
    assert_eq!(passed, 1, "not once round: {}", proxy.said());
    let log = server.command(&["log"]);
    assert!(log.contains("passed through this server before"), "{log}");
}
