//! `send` and `bench` over connections.

use std::{fs, net::TcpListener, path::Path};

use portreeve::{
    Role, Transport,
    tls::{Identity, Mark, ServerConfig, TlsPeer, Trust, Versions},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    inn::{Open, SECRET},
    program::{Ended, run},
};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// A certificate for a name and loopback, and its key.
    fn issue(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![purpose];
        let loopback = SanType::IpAddress([127, 0, 0, 1].into());
        params.subject_alt_names.push(loopback);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// A server over TLS, and the files of a client.
struct Site {
    open: Open,
    files: TempDir,
    flag: &'static str,
}

impl Site {
    fn new(versions: Versions) -> Self {
        Self::of(Role::Home, versions)
    }

    fn of(role: Role, versions: Versions) -> Self {
        Self::by(Transport::Tls, |config| {
            Open::radsec(role, config.versions(versions))
        })
    }

    /// With a server that is made of its configuration.
    fn by(transport: Transport, open: impl Fn(ServerConfig) -> Open) -> Self {
        let (authority, other) = (Authority::new(), Authority::new());
        let files = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            fs::write(files.path().join(name), content).unwrap();
        };
        write("ca.crt", &authority.0.pem());
        write("other-ca.crt", &other.0.pem());
        for (name, issuer) in [
            ("nas", &authority),
            ("guest", &authority),
            ("foreign", &other),
        ] {
            let whose = format!("{}.example", if name == "foreign" { "nas" } else { name });
            let (certificate, key) = issuer.issue(&whose, ExtendedKeyUsagePurpose::ClientAuth);
            write(&format!("{name}.crt"), &certificate);
            write(&format!("{name}.key"), &key);
        }
        let (chain, key) = authority.issue("radius.example", ExtendedKeyUsagePurpose::ServerAuth);
        let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        let nas = TlsPeer::named("nas", transport).unwrap();
        let config = ServerConfig::new(identity)
            .trust(Trust::from_pem(authority.0.pem().as_bytes()).unwrap())
            .peer(nas.mark(Mark::Dns("nas.example".to_owned())));
        Self {
            open: open(config),
            flag: if transport == Transport::Dtls {
                "--dtls"
            } else {
                "--tls"
            },
            files,
        }
    }

    fn path(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    /// Runs a command towards this server with the certificate of `whose`.
    fn run_as(&self, whose: &str, ca: &str, command: [&str; 2], more: &[&str]) -> Ended {
        let cert = self.path(&format!("{whose}.crt"));
        let key = self.path(&format!("{whose}.key"));
        let (ca, address) = (self.path(ca), self.open.address());
        let mut arguments = vec![command[0], command[1], &address, self.flag];
        arguments.extend(["--cert", &cert, "--key", &key, "--ca", &ca]);
        arguments.extend(more);
        run(&arguments)
    }

    fn send(&self, what: &str, more: &[&str]) -> Ended {
        self.run_as("nas", "ca.crt", ["send", what], more)
    }
}

const TIM: [&str; 4] = ["--user", "tim", "--password", "12345"];
const USERS: [&str; 4] = ["--user", "user%d", "--password", "user%d"];

fn with<'a>(base: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [base, more].concat()
}

#[test]
fn a_log_in_says_how_it_went_over_the_wire() {
    let site = Site::new(Versions::Both);
    for (method, radius) in [
        ("pap", "1.1"),
        ("chap", "1.1"),
        ("mschapv2", "1.0"),
        ("pap", "historic"),
    ] {
        let ended = site.send(
            "auth",
            &with(&TIM, &["--method", method, "--radius", radius]),
        );
        assert_eq!(ended.code, 0, "{ended:?}");
        let version = if radius == "1.1" { "1.1" } else { "1.0" };
        ended.says(&[
            "accepted: Access-Accept from 127.0.0.1:",
            "Session-Timeout",
            "over TLS 1.3 (TLS13_",
            &format!("), RADIUS/{version}, server "),
            "CN=radius.example (dns:radius.example, ip:127.0.0.1), certificate good for ",
            " days\n",
        ]);
        assert!(!ended.stdout.contains("BEGIN"), "{ended:?}");
        assert!(!ended.stdout.contains("CVE-2024-3596"), "{ended:?}");
    }
}

#[test]
fn json_has_the_same_as_fields() {
    let site = Site::new(Versions::Both);
    let answer = site
        .send("auth", &with(&TIM, &["--radius11", "--json"]))
        .json();
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["transport"], "tls");
    assert_eq!(answer["tls"], "TLS 1.3");
    assert_eq!(answer["radius"], "1.1");
    assert!(answer["cipher"].as_str().unwrap().starts_with("TLS13_"));
    let certificate = &answer["server_certificate"];
    assert!(
        certificate["subject"]
            .as_str()
            .unwrap()
            .contains("CN=radius.example")
    );
    assert_eq!(certificate["sans"][0], "dns:radius.example");
    assert!(certificate["not_after"].as_str().unwrap().ends_with('Z'));
    let hash = certificate["sha256"].as_str().unwrap();
    assert_eq!(hash.len(), 64);
    let pinned = site.send("auth", &with(&TIM, &["--pin", hash]));
    assert_eq!(pinned.code, 0, "{pinned:?}");
    let udp = Open::new();
    let mut arguments = vec!["send", "auth"];
    let address = udp.address();
    arguments.extend([&*address, "--secret", SECRET, "--json"]);
    arguments.extend(TIM);
    let answer = run(&arguments).json();
    assert_eq!(answer["transport"], "udp");
    assert_eq!(answer["radius"], "1.0");
    assert_eq!(answer["tls"], Value::Null);
}

#[test]
fn accounting_status_and_dynamic_authorisation_go_over_tls_too() {
    let site = Site::of(Role::Any, Versions::Both);
    for (what, more, code, said) in [
        ("acct", &["--session-id", "s-1"][..], 0, "recorded"),
        ("status", &[], 0, "alive"),
        ("status", &["--radius", "1.0"], 0, "alive"),
        ("coa", &["--session-id", "s-1"], 0, "done: CoA-ACK"),
        (
            "disconnect",
            &["--session-id", "s-1"],
            1,
            "Session-Context-Not-Found",
        ),
    ] {
        let ended = site.send(what, more);
        assert_eq!(ended.code, code, "{ended:?}");
        ended.says(&[said, "over TLS 1.3"]);
    }
    let home = Site::new(Versions::Both);
    let ended = home.send("coa", &["--session-id", "s-1"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    ended.says(&["Protocol-Error, Unsupported-Extension"]);
}

#[test]
fn several_requests_share_a_connection() {
    let site = Site::new(Versions::Both);
    let ended = site.send("auth", &with(&TIM, &["-n", "50", "-p", "20"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&["50 requests, 50 answered as expected", "over TLS 1.3"]);
    assert_eq!(site.open.running().counters().accepted, 1);
}

#[test]
fn a_refused_connection_says_why_and_what_to_change() {
    let site = Site::new(Versions::V1_0);
    let strict = with(&TIM, &["--radius11", "--json"]);
    let name = with(&TIM, &["--server-name", "other.example", "--json"]);
    let digits = "ab".repeat(32);
    let pin = with(&TIM, &["--pin", &digits, "--json"]);
    let plain = with(&TIM, &["--json"]);
    for (whose, ca, more, verdict, said) in [
        ("nas", "other-ca.crt", &plain, "unknown_ca", "--ca"),
        ("nas", "ca.crt", &name, "name_mismatch", "--server-name"),
        ("nas", "ca.crt", &pin, "name_mismatch", "--pin"),
        ("nas", "ca.crt", &strict, "version_refused", "--radius"),
        ("guest", "ca.crt", &plain, "peer_refused_us", "--cert"),
        ("foreign", "ca.crt", &plain, "peer_refused_us", "--cert"),
    ] {
        let ended = site.run_as(whose, ca, ["send", "auth"], more);
        assert_eq!(ended.code, 1, "{ended:?}");
        let answer = ended.json();
        assert_eq!(answer["verdict"], verdict, "{answer}");
        assert_eq!(answer["transport"], "tls");
        let words = answer["explanation"].as_str().unwrap();
        assert!(words.contains(said), "{words}");
    }
    let ended = site.run_as("nas", "other-ca.crt", ["send", "auth"], &TIM);
    ended.says(&[
        "failed: no answer over TLS from",
        "subject",
        "--ca says which CA",
    ]);
}

#[test]
fn a_port_that_is_closed_or_speaks_no_tls_is_told() {
    let site = Site::new(Versions::Both);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let plain = Open::tcp(SECRET).address();
    let (pair, ca) = (site.path("nas.crt"), site.path("ca.crt"));
    let key = site.path("nas.key");
    for (address, said) in [
        (&closed, "nobody takes connections there"),
        (&plain, "no answer over TLS"),
    ] {
        let mut arguments = vec!["send", "status", address, "--tls"];
        arguments.extend(["--cert", &pair, "--key", &key, "--ca", &ca]);
        arguments.extend(["--timeout", "1s", "--retries", "0"]);
        let ended = run(&arguments);
        assert_eq!(ended.code, 1, "{ended:?}");
        ended.says(&[said]);
    }
}

#[test]
fn wrong_usage_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("ca")).unwrap();
    fs::write(folder.path().join("ca").join("ca.crt"), "x").unwrap();
    let data = folder.path().to_str().unwrap();
    let tls = ["send", "status", "localhost", "--tls", "--data", data];
    for (more, said) in [
        (&["--secret", "hush"][..], "takes no shared secret"),
        (&[], "cert issue --peer NAME"),
        (&["--tcp"], "cannot be used with"),
    ] {
        let ended = run(&with(&tls, more));
        assert_eq!(ended.code, 2, "{ended:?}");
        ended.says(&[said]);
        assert!(!ended.stderr.contains("hush"), "{ended:?}");
    }
    assert!(!Path::new(data).join("portreeve.db").exists());
}

#[test]
fn tcp_takes_the_shared_secret() {
    let open = Open::tcp(SECRET);
    let address = open.address();
    let ask = |secret, more: &[&str]| {
        let base = ["send", "auth", &address, "--tcp", "--secret", secret];
        run(&[&base[..], &TIM, more].concat())
    };
    let ended = ask(SECRET, &["--method", "mschapv2"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&["accepted", "over TCP, RADIUS/1.0, not encrypted"]);
    let ended = ask("another", &["--timeout", "1s", "--retries", "0"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    ended.says(&["no answer over TCP from", "the shared secrets differ"]);
}

#[test]
fn a_load_goes_over_as_many_connections_as_are_wanted() {
    let site = Site::new(Versions::Both);
    for (what, connections, more, outcome) in [
        ("auth", "3", &USERS[..], "accept"),
        ("acct", "1", &[], "recorded"),
    ] {
        let before = site.open.running().counters().accepted;
        let common = [
            "-n",
            "400",
            "-p",
            "48",
            "--json",
            "--connections",
            connections,
        ];
        let ended = site.run_as("nas", "ca.crt", ["bench", what], &with(&common, more));
        assert_eq!(ended.code, 0, "{ended:?}");
        let report = ended.json();
        assert_eq!(report["ok"], true);
        assert_eq!(report["outcomes"][outcome], 400);
        assert_eq!(report["sockets"].to_string(), connections);
        assert_eq!(report["transport"], "tls");
        assert_eq!(report["radius"], "1.1");
        assert!(report["latency_ms"]["p99"].as_f64().unwrap() > 0.0);
        let opened = site.open.running().counters().accepted - before;
        assert_eq!(opened.to_string(), connections);
    }
}

#[test]
fn a_load_over_tcp_is_told_to_a_person() {
    let open = Open::tcp(SECRET);
    let address = open.address();
    let base = [
        "bench", "auth", &address, "--tcp", "--secret", SECRET, "-p", "300",
    ];
    let ended = run(&[&base[..], &USERS, &["-n", "600", "--method", "chap"]].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&[
        "600 CHAP requests to",
        "over 2 connections",
        "latency",
        "opening",
        "over TCP, RADIUS/1.0, not encrypted",
    ]);
    let paced = ["-d", "1s", "--rate", "100", "--json"];
    let ended = run(&[&base[..], &USERS, &paced].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    let requests = ended.json()["requests"].as_u64().unwrap();
    assert!((50..=110).contains(&requests), "{ended:?}");
}

#[test]
fn a_load_that_nobody_takes_ends_soon_and_says_why() {
    let site = Site::new(Versions::V1_0);
    let ended = site.run_as("guest", "ca.crt", ["bench", "acct"], &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    ended.says(&["the peer refused us", "--cert"]);
    let more = ["--connections", "64", "-p", "32"];
    let ended = site.run_as("nas", "ca.crt", ["bench", "acct"], &more);
    assert_eq!(ended.code, 2, "{ended:?}");
    ended.says(&["--connections 64 is more than --parallel 32"]);
    let udp = [
        "bench",
        "acct",
        "localhost",
        "--secret",
        "x",
        "--connections",
        "2",
    ];
    let ended = run(&udp);
    assert_eq!(ended.code, 2, "{ended:?}");
    ended.says(&["--tls"]);
    // Takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let base = ["bench", "acct", &address, "--tcp", "--secret", "x"];
    let quick = ["--timeout", "300ms", "--retries", "0", "--json"];
    let ended = run(&[&base[..], &quick].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
    let report = ended.json();
    assert_eq!(report["ended"], "nobody_answers");
    assert_eq!(report["outcomes"]["no_answer"], 32);
    let deadline = ["--timeout", "60s", "--deadline", "300ms", "--retries", "0"];
    let ended = run(&[&base[..], &deadline].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
}

#[cfg(feature = "openssl")]
mod engine {
    use portreeve::tls::Psk;

    use super::*;

    #[test]
    fn dtls_carries_log_ins_and_loads() {
        let site = Site::by(Transport::Dtls, Open::dtls);
        let ended = site.send("auth", &with(&TIM, &["--method", "mschapv2"]));
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.says(&[
            "over DTLS 1.2 (",
            "RADIUS/1.0, server CN=radius.example",
            "certificate good for ",
        ]);
        let name = with(&TIM, &["--server-name", "other.example", "--json"]);
        let ended = site.send("auth", &name);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert_eq!(ended.json()["verdict"], "name_mismatch");
        let more = with(&USERS, &["-n", "200", "--connections", "2", "--json"]);
        let ended = site.run_as("nas", "ca.crt", ["bench", "auth"], &more);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_eq!(ended.json()["outcomes"]["accept"], 200);
    }

    #[test]
    fn a_shared_key_takes_the_place_of_certificates() {
        let digits = "5a".repeat(32);
        for (flag, transport) in [("--tls", Transport::Tls), ("--dtls", Transport::Dtls)] {
            let site = Site::by(transport, |config| {
                let nas = TlsPeer::named("keyed", transport).unwrap();
                let key = Psk::new("nas1", &[0x5a; 32]).unwrap();
                match transport {
                    Transport::Dtls => Open::dtls(config.peer(nas.psk(key.for_tls12()))),
                    _ => Open::radsec(Role::Home, config.peer(nas.psk(key))),
                }
            });
            let address = site.open.address();
            let ask = |identity, key| {
                let keys = ["--psk-identity", identity, "--psk", key];
                let base = ["send", "auth", &address, flag, "--json", "--retries", "0"];
                run(&[&base[..], &keys, &TIM].concat())
            };
            let answer = ask("nas1", &digits);
            assert_eq!(answer.code, 0, "{answer:?}");
            assert_eq!(answer.json()["psk_identity"], "nas1");
            assert_eq!(answer.json()["server_certificate"], Value::Null);
            let other = "5b".repeat(32);
            for (identity, key) in [("nas1", &other), ("nas2", &digits)] {
                let ended = ask(identity, key);
                assert_eq!(ended.code, 1, "{ended:?}");
                let words = ended.json()["explanation"].to_string();
                assert!(words.contains("over "), "{words}");
                assert!(!words.contains(key.as_str()), "{words}");
            }
        }
    }
}
