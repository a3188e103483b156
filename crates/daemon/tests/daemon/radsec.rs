//! NASes that connect over TLS and TCP, from the command that defines them to the connection that
//! ends when they are no longer trusted.

use std::{fs, io::Write as _, net::TcpStream, time::Duration};

use portreeve::{
    Access, Client, blocking,
    client::Retry,
    tls::{ClientConfig, Identity, Trust},
};
use serde_json::Value;

use crate::site::{CONFIG, SECRET, Server, Site, client, soon, unheard};

/// Issues a certificate to a NAS and gives what it connects with.
fn issued(site: &Site, name: &str) -> ClientConfig {
    let folder = site.path(name);
    fs::create_dir_all(&folder).unwrap();
    let out = folder.display().to_string();
    site.ok(&["cert", "issue", "--peer", name, "--out", &out, "--force"]);
    let read = |end: &str| fs::read(folder.join(format!("{name}.{end}"))).unwrap();
    let identity = Identity::from_pem(&read("crt"), &read("key")).unwrap();
    let trust = Trust::from_pem(site.ok(&["cert", "ca"]).as_bytes()).unwrap();
    ClientConfig::new(identity, trust, "127.0.0.1").unwrap()
}

fn connect(server: &Server, config: &ClientConfig) -> blocking::Client {
    let builder = Client::radsec(server.tls().to_string(), config.clone());
    blocking::Client::new(builder.retry(Retry::once(Duration::from_secs(3)))).unwrap()
}

fn lets_in(client: &blocking::Client) -> bool {
    let asked = client.access(Access::pap("tim", "12345"));
    asked.is_ok_and(|outcome| outcome.is_accept())
}

fn nas(site: &Site, name: &str) -> Value {
    let status = site.json(&["status", "--json"]);
    let all = status["nas"].as_array().unwrap().clone();
    all.into_iter().find(|nas| nas["name"] == name).unwrap()
}

#[test]
fn a_nas_over_tls_is_defined_issued_to_and_served_while_the_server_runs() {
    let site = Site::with_nas();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    let server = site.serve();
    let added = site.run(&["nas", "add", "office", "any", "--transport", "tls"]);
    assert_eq!(
        (added.code, added.out.as_str()),
        (Some(0), ""),
        "{}",
        added.err
    );
    assert!(
        added.err.contains("DNS name office")
            && added
                .err
                .contains("portreeve cert issue --peer 'office' --out ."),
        "{}",
        added.err
    );
    let config = issued(&site, "office");
    let office = connect(&server, &config);
    soon("it is let in", || lets_in(&office));
    soon("it is seen", || nas(&site, "office")["connections"] == 1);
    let seen = nas(&site, "office");
    assert_eq!(seen["tls"], "TLS 1.3");
    assert_eq!(seen["radius"], "1.1");
    assert_eq!(seen["grade"], "A+");
    assert!(seen["certificate_days_left"].as_i64().unwrap() > 700);
    let local = nas(&site, "local");
    assert_eq!(
        (&local["grade"], &local["transport"]),
        (&"C".into(), &"udp".into())
    );
    let shown = site.ok(&["status"]);
    assert!(
        shown.contains("tls ") && shown.contains("TLS 1.3"),
        "{shown}"
    );
    // A connection that came before the NAS was known has a record too, and no version.
    let log_in = || {
        let mut decisions = site.decisions().into_iter();
        decisions.find(|decision| !decision["radius"].is_null())
    };
    soon("the record", || log_in().is_some());
    let decision = &log_in().unwrap();
    assert_eq!(
        (&decision["transport"], &decision["radius"]),
        (&"tls".into(), &"1.1".into())
    );
    let told = site.ok(&["explain", decision["id"].as_str().unwrap()]);
    assert!(told.contains("over TLS (RADIUS/1.1)"), "{told}");
    assert!(site.said().contains("connected"), "{}", site.said());
    // Another, who comes and goes, ends nothing here.
    site.ok(&["nas", "add", "other", "192.0.2.7", "--transport", "tls"]);
    site.ok(&["nas", "remove", "other"]);
    assert!(lets_in(&office));
    site.ok(&["nas", "remove", "office"]);
    soon("it is out", || !lets_in(&office));
    let status = site.json(&["status", "--json"]);
    assert_eq!(status["connections"]["hung_up"]["trust_withdrawn"], 1);
}

#[test]
fn a_revoked_nas_is_out_within_a_second_and_the_log_says_why() {
    let site = Site::with_nas();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    site.ok(&["nas", "add", "office", "any", "--transport", "tls"]);
    site.ok(&["nas", "add", "attic", "any", "--transport", "tls"]);
    let server = site.serve();
    let (office, attic) = (issued(&site, "office"), issued(&site, "attic"));
    let (office, attic) = (connect(&server, &office), connect(&server, &attic));
    soon("both are let in", || lets_in(&office) && lets_in(&attic));
    site.ok(&["cert", "revoke", "office"]);
    soon("one is out", || !lets_in(&office));
    assert!(lets_in(&attic));
    soon("the line", || site.said().contains("certificate_revoked"));
    let said = site.said();
    assert!(
        said.contains("portreeve cert issue --peer office"),
        "{said}"
    );
    soon("the record", || {
        let decisions = site.decisions();
        let mut reasons = decisions.iter().map(|decision| &decision["reason"]);
        reasons.any(|reason| reason == "certificate_revoked")
    });
}

#[test]
fn a_nas_that_uses_tls_is_not_heard_without() {
    let site = Site::with_nas();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    let server = site.serve();
    assert!(
        client(server.auth, SECRET)
            .access(Access::pap("tim", "12345"))
            .is_ok()
    );
    let set = site.run(&["nas", "set", "local", "--transport", "tls"]);
    assert!(
        set.err.contains("its shared secret is removed"),
        "{}",
        set.err
    );
    assert!(site.json(&["nas", "show", "local", "--reveal-secret", "--json"])["secret"].is_null());
    soon("silence", || {
        unheard(server.auth, SECRET)
            .access(Access::pap("tim", "12345"))
            .is_err()
    });
    let back = site.ok(&["nas", "set", "local", "--transport", "udp"]);
    let secret = back.strip_prefix("secret: ").unwrap().trim().to_owned();
    soon("it is heard with the new secret", || {
        let asked = unheard(server.auth, &secret).access(Access::pap("tim", "12345"));
        asked.is_ok_and(|outcome| outcome.is_accept())
    });
}

#[test]
fn a_stranger_on_the_tls_port_is_counted_and_makes_no_noise() {
    let site = Site::with_nas();
    let server = site.serve();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(server.tls()).unwrap();
        stream.write_all(b"\x01plain RADIUS, or so").unwrap();
    }
    soon("they are counted", || {
        let status = site.json(&["status", "--json"]);
        status["connections"]["hung_up"]["not_tls"] == 3
    });
    soon("they are on record", || {
        let decisions = site.decisions();
        decisions
            .iter()
            .any(|decision| decision["reason"] == "not_tls")
    });
    assert!(!site.said().contains("not_tls"), "{}", site.said());
}

#[test]
fn bare_tcp_is_served_where_it_is_asked_for() {
    let site = Site::new();
    site.configure(&CONFIG.replace("tls = [", "tcp = ['127.0.0.1:0']\ntls = ["));
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    let tcp = ["--transport", "tcp", "--secret", SECRET];
    site.ok(&[&["nas", "add", "lab", "127.0.0.1"][..], &tcp].concat());
    site.ok(&["nas", "add", "local", "127.0.0.0/8", "--secret", SECRET]);
    site.ok(&["nas", "add", "local6", "::1", "--secret", SECRET]);
    let mut command = site.serve_command();
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let mut listener = Value::Null;
    soon("it runs", || {
        // UDP is not for the NAS that has this address: the server need not count as answering.
        let status = site.run(&["status", "--json"]);
        let status: Value = serde_json::from_str(&status.out).unwrap_or_default();
        listener = status["listen"]["tcp"][0].clone();
        listener.is_string()
    });
    let builder = Client::tcp(listener.as_str().unwrap(), SECRET);
    let lab = builder.retry(Retry::once(Duration::from_secs(3)));
    let lab = blocking::Client::new(lab).unwrap();
    let let_in = lets_in(&lab);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(let_in);
}

#[test]
fn what_does_not_go_together_is_refused_by_the_name_of_the_flag() {
    let site = Site::new();
    let add = ["nas", "add", "ap", "192.0.2.1"];
    for (more, flag) in [
        (&["--identity", "any"][..], "--identity"),
        (&["--max-connections", "3"], "--max-connections"),
        (&["--transport", "tls", "--secret", SECRET], "--secret"),
        (&["--transport", "tls", "--identity", "cn:ap"], "--identity"),
        (
            &["--transport", "tls", "--identity", "psk:ap"],
            "--psk-identity",
        ),
        (&["--transport", "tls", "--ca", "/nonexistent"], "--ca"),
        (
            &["--transport", "tls", "--psk-identity", "ap"],
            "--psk-identity",
        ),
        (&["--transport", "tls", "--psk", "00"], "--psk"),
        (&["--transport", "tls", "--psk", "0x"], "--psk"),
        (&["--psk-generate"], "--psk-generate"),
        (&["--transport", "carrier-pigeon"], "--transport"),
    ] {
        let said = site.fails(2, &[&add[..], more].concat());
        assert!(said.contains(flag), "{more:?}: {said}");
    }
    let nowhere = ["nas", "add", "the attic", "any", "--transport", "tls"];
    assert!(site.fails(2, &nowhere).contains("--identity"));
    let source = [&nowhere[..], &["--identity", "source"]].concat();
    assert!(site.fails(2, &source).contains("--identity source"));
    if !cfg!(feature = "openssl") {
        let said = site.fails(2, &[&add[..], &["--transport", "dtls"]].concat());
        assert!(said.contains("--features openssl"), "{said}");
    }
}

#[test]
fn what_a_nas_is_recognised_by_is_shown_and_taken_back() {
    let site = Site::new();
    let ca = site.path("ca.crt").display().to_string();
    site.ok(&["cert", "init"]);
    site.ok(&["cert", "ca", "--out", &ca]);
    let how = [
        "--identity",
        "dns:AP.example",
        "--identity",
        "ip:192.0.2.1",
        "--ca",
        &ca,
    ];
    let more = ["--max-connections", "4"];
    let add = ["nas", "add", "ap", "192.0.2.0/24", "--transport", "tls"];
    site.ok(&[&add[..], &how, &more].concat());
    let shown = site.json(&["nas", "show", "ap", "--json"]);
    assert_eq!(
        shown["marks"],
        serde_json::json!(["dns:ap.example", "ip:192.0.2.1"])
    );
    assert_eq!(shown["max_connections"], 4);
    assert!(shown["ca"].as_str().unwrap().contains("BEGIN CERTIFICATE"));
    let words = site.ok(&["nas", "show", "ap"]);
    assert!(
        words.contains("dns:ap.example") && words.contains("not needed"),
        "{words}"
    );
    let back = [
        "--identity",
        "default",
        "--ca",
        "default",
        "--max-connections",
        "0",
    ];
    site.ok(&[&["nas", "set", "ap"][..], &back].concat());
    let shown = site.json(&["nas", "show", "ap", "--json"]);
    assert_eq!(shown["marks"], serde_json::json!([]));
    assert!(shown["ca"].is_null() && shown["max_connections"].is_null());
    let listed = site.ok(&["nas", "list"]);
    assert!(
        listed.contains("TRANSPORT") && listed.contains("tls"),
        "{listed}"
    );
}

#[test]
fn a_taken_port_is_named_with_the_key_that_switches_it_off() {
    let site = Site::with_nas();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    site.configure(&CONFIG.replace("tls = ['127.0.0.1:0']", &format!("tls = ['{address}']")));
    let output = site.serve_command().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&address.to_string()) && said.contains("`listen.tls = []`"),
        "{said}"
    );
}

#[test]
fn files_of_the_configuration_are_checked_and_used() {
    let site = Site::with_nas();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    site.ok(&["nas", "add", "office", "any", "--transport", "tls"]);
    let config = issued(&site, "office");
    let own = fs::read(site.data().join("ca/server.pem")).unwrap();
    fs::write(site.path("server.pem"), &own).unwrap();
    fs::copy(site.data().join("ca/ca.crt"), site.path("ca.crt")).unwrap();
    let files = "[tls]\ncertificate = 'server.pem'\nkey = 'server.pem'\nca = 'ca.crt'\n";
    site.configure(&format!("{CONFIG}{files}"));
    let configured = site.config().display().to_string();
    site.ok(&["check", "--config", &configured]);
    let server = site.serve();
    soon("it is let in", || lets_in(&connect(&server, &config)));
    drop(server);
    fs::write(site.path("server.pem"), "torn").unwrap();
    let said = site.fails(78, &["check", "--config", &configured]);
    assert!(
        said.contains("`tls.certificate`") && said.contains("server.pem"),
        "{said}"
    );
}
