//! The REST, files, certificates, SSH and SNMP of our RouterOS against curl, OpenSSH, OpenSSL and
//! Net-SNMP.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use portreeve_interop::routeros::{PASSWORD, RouterOs, VERSIONS};
use portreeve_interop::tools::{Ended, program, run};
use portreeve_interop::{Must as _, eventually};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The versions that have REST.
const SEVEN: [&str; 6] = ["7.9", "7.12", "7.15", "7.18", "7.20", "7.24"];

fn start(version: &str) -> RouterOs {
    RouterOs::start(version, &["--control", "0"])
}

/// One run of curl: the status and the body as JSON.
fn curl(arguments: &[&str], body: &Value) -> (u16, Value) {
    let mut command = Command::new(program("curl"));
    command.args(["-s", "-m", "20", "-w", "\n%{http_code}"]);
    if !body.is_null() {
        command.args([
            "-H",
            "Content-Type: application/json",
            "-d",
            &body.to_string(),
        ]);
    }
    let ended = run(command.args(arguments), "");
    let (text, status) = ended.stdout.rsplit_once('\n').must("a status");
    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    (status.parse().must("a number"), value)
}

fn asked_as(router: &RouterOs, user: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("http://{}/rest{path}", router.service("www"));
    curl(&["-X", method, "-u", user, &url], body)
}

fn asked(router: &RouterOs, method: &str, path: &str, body: &Value) -> (u16, Value) {
    asked_as(router, &format!("admin:{PASSWORD}"), method, path, body)
}

/// What is asked for must be had.
#[track_caller]
fn had(router: &RouterOs, method: &str, path: &str, body: &Value) -> Value {
    let (status, value) = asked(router, method, path, body);
    assert!(
        (200..300).contains(&status),
        "{method} {path}: {status} {value:#}"
    );
    value
}

fn controlled(router: &RouterOs, method: &str, path: &str, body: &Value) -> Value {
    let url = format!("http://{}{path}", router.control());
    curl(&["-X", method, &url], body).1
}

fn error(status: u16, message: &str, detail: &str) -> (u16, Value) {
    let mut value = json!({ "error": status, "message": message });
    if !detail.is_empty() {
        value["detail"] = detail.into();
    }
    (status, value)
}

#[test]
fn records_are_made_found_changed_and_taken_away_on_every_version() {
    for version in SEVEN {
        let router = start(version);
        assert_eq!(
            asked(&router, "GET", "/system/identity", &Value::Null),
            (200, json!({ "name": "MikroTik" })),
            "{version}"
        );
        assert_eq!(
            asked(&router, "GET", "/radius", &Value::Null),
            (200, json!([]))
        );
        let wanted = json!({
            "address": "10.0.0.1", "secret": "s3cret", "service": "ppp,login",
            "authentication-port": 1645, "comment": "the first",
        });
        let (status, made) = asked(&router, "PUT", "/radius", &wanted);
        assert_eq!(status, 201, "{version}: {made:#}");
        assert_eq!(made[".id"], "*1");
        assert_eq!(made["authentication-port"], "1645", "all values are texts");
        assert_eq!(made["disabled"], "false");
        let path = "/radius?comment=the%20first&.proplist=address,service";
        let found = json!([{ "address": "10.0.0.1", "service": "ppp,login" }]);
        assert_eq!(had(&router, "GET", path, &Value::Null), found);
        let other = "/radius?comment=other";
        assert_eq!(had(&router, "GET", other, &Value::Null), json!([]));
        let set = json!({ "timeout": "2s", "disabled": true });
        let changed = had(&router, "PATCH", "/radius/*1", &set);
        assert_eq!(
            (&changed["timeout"], &changed["disabled"]),
            (&json!("2s"), &json!("true"))
        );
        let query = json!({
            ".query": ["address=10.0.0.1", "address=10.0.0.2", "#|"], ".proplist": [".id"],
        });
        let printed = had(&router, "POST", "/radius/print", &query);
        assert_eq!(printed, json!([{ ".id": "*1" }]));
        let named = had(
            &router,
            "GET",
            "/ip/service/api?.proplist=name",
            &Value::Null,
        );
        assert_eq!(named, json!({ "name": "api" }));
        assert_eq!(
            asked(&router, "DELETE", "/radius/*1", &Value::Null),
            (204, json!(""))
        );
        let again = asked(&router, "DELETE", "/radius/*1", &Value::Null);
        assert_eq!(again, error(404, "Not Found", ""), "{version}");
    }
}

#[test]
fn faults_are_said_in_the_words_of_a_router() {
    for version in SEVEN {
        let router = start(version);
        let bad = |method: &str, path: &str, body: Value| asked(&router, method, path, &body);
        let unknown = bad("PUT", "/radius", json!({ "nothing": "1" }));
        assert_eq!(
            unknown,
            error(400, "Bad Request", "unknown parameter nothing")
        );
        let value = bad("PUT", "/radius", json!({ "service": "nothing" }));
        let text = "input does not match any value of service";
        assert_eq!(value, error(400, "Bad Request", text));
        let verb = bad("DELETE", "/ip/service/api", Value::Null);
        assert_eq!(
            verb,
            error(
                406,
                "Not Acceptable",
                "no such command or directory (remove)"
            )
        );
        let nowhere = bad("GET", "/no/such", Value::Null);
        assert_eq!(
            nowhere,
            error(400, "Bad Request", "no such command or directory (no)")
        );
        let missing = bad("GET", "/radius/*99", Value::Null);
        assert_eq!(missing, error(404, "Not Found", ""));
        let stranger = asked_as(&router, "admin:x", "GET", "/radius", &Value::Null);
        assert_eq!(stranger, error(401, "Unauthorized", ""));
        let child = json!({ "request": "child", "path": "radius,add" });
        let children = had(&router, "POST", "/console/inspect", &child);
        let names = children.as_array().must("a list").iter();
        let knows = names
            .filter(|child| child["name"] == "require-message-auth")
            .count();
        assert_eq!(knows == 1, !matches!(version, "7.9" | "7.12"), "{version}");
    }
}

#[test]
fn there_is_no_rest_in_six_nor_where_it_is_switched_off() {
    for version in ["6.42", "6.49"] {
        let router = start(version);
        assert_eq!(asked(&router, "GET", "/radius", &Value::Null).0, 404);
    }
    let router = start("7.24");
    had(
        &router,
        "POST",
        "/ip/service/webserver/set",
        &json!({ "rest-plain": "no" }),
    );
    assert_eq!(asked(&router, "GET", "/radius", &Value::Null).0, 404);
}

#[test]
fn a_group_needs_the_policy_of_rest_and_that_of_the_command() {
    let router = start("7.18");
    for (name, policy) in [("none", "read,api"), ("reader", "read,rest-api")] {
        had(
            &router,
            "PUT",
            "/user/group",
            &json!({ "name": name, "policy": policy }),
        );
        let user = json!({ "name": name, "group": name, "password": "pw" });
        had(&router, "PUT", "/user", &user);
    }
    let outside = asked_as(&router, "none:pw", "GET", "/radius", &Value::Null);
    assert_eq!(outside.0, 401);
    assert_eq!(
        asked_as(&router, "reader:pw", "GET", "/radius", &Value::Null).0,
        200
    );
    let body = json!({ "address": "10.0.0.1" });
    let denied = asked_as(&router, "reader:pw", "PUT", "/radius", &body);
    assert_eq!(
        denied,
        error(400, "Bad Request", "not enough permissions (9)")
    );
}

#[test]
fn a_request_may_not_take_longer_than_the_cap() {
    let router = start("7.20");
    controlled(&router, "PUT", "/faults", &json!({ "rest-cap": 300 }));
    let script = json!({ "script": ":delay 5s", "as-string": "" });
    let late = asked(&router, "POST", "/execute", &script);
    assert_eq!(late, error(400, "Bad Request", "Session closed"));
}

#[test]
fn scripts_run_and_say_what_is_wrong_with_them() {
    for version in SEVEN {
        let router = start(version);
        let said = |script: &str| {
            let body = json!({ "script": script, "as-string": "" });
            let value = had(&router, "POST", "/execute", &body);
            value["ret"].as_str().must("a text").to_owned()
        };
        assert_eq!(said(":put (1 + 2 * 3)"), "7");
        said("/radius add address=10.0.0.1 comment=\"a b\" service=ppp");
        said("/radius/add address=10.0.0.2 comment=c; /radius set [find comment=c] timeout=3s");
        let loops = ":foreach i in=[/radius find] do={ :put [/radius get $i timeout] }";
        assert_eq!(said(loops), "300ms\r\n3s", "{version}");
        assert_eq!(
            said("frobnicate"),
            "bad command name frobnicate (line 1 column 1)"
        );
        assert_eq!(
            said(":put 1\n/radius put"),
            "bad command name put (line 2 column 9)"
        );
        assert_eq!(said("/no/such"), "syntax error (line 1 column 4)");
        let parameter = "bad parameter nothing (line 1 column 13)";
        assert_eq!(said("/radius add nothing=1"), parameter);
        let caught = ":do { /radius remove *77 } on-error={ :put caught }";
        assert_eq!(said(caught), "caught");
        let error = said(":put before\n:error stop");
        let newer = ["7.18", "7.20", "7.24"].contains(&version);
        let suffix = if newer { " (:error; line 2)" } else { "" };
        assert_eq!(error, format!("before\r\nstop{suffix}"));
        let job = had(
            &router,
            "POST",
            "/execute",
            &json!({ "script": ":delay 1s" }),
        );
        assert!(
            job["ret"].as_str().is_some_and(|id| id.starts_with('*')),
            "{job}"
        );
    }
}

/// A batch of commands for OpenSSH's `sftp`.
fn sftp(router: &RouterOs, user: &str, folder: &Path, batch: &str) -> Ended {
    let ask = folder.join("ask");
    let password = if user == "admin" { PASSWORD } else { "pw" };
    fs::write(&ask, format!("#!/bin/sh\necho \"{password}\"\n")).must("write");
    fs::set_permissions(&ask, fs::Permissions::from_mode(0o700)).must("make it run");
    let at = router.service("ssh");
    let mut command = Command::new(program("sftp"));
    command
        .env("SSH_ASKPASS", &ask)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args(["-o", "BatchMode=no", "-o", "NumberOfPasswordPrompts=1"])
        .args([
            "-o",
            "PreferredAuthentications=password",
            "-P",
            &at.port().to_string(),
        ])
        .args(["-b", "-", &format!("{user}@{}", at.ip())])
        .current_dir(folder);
    run(&mut command, batch)
}

#[test]
fn sftp_fetches_exports_and_brings_files_that_are_imported() {
    for version in VERSIONS {
        let router = start(version);
        let folder = TempDir::new().must("a folder");
        let run = json!({ "command": "/export", "arguments": { "file": "all", "compact": "" } });
        controlled(&router, "POST", "/run", &run);
        fs::write(
            folder.path().join("new.rsc"),
            "/radius\nadd address=10.9.8.7 comment=\"from a file\" \\\n    service=ppp\n",
        )
        .must("write");
        let ended = sftp(
            &router,
            "admin",
            folder.path(),
            "ls -l\nget all.rsc\nput new.rsc\n",
        );
        assert!(ended.succeeded, "{version}: {}", ended.said());
        assert!(ended.stdout.contains("all.rsc"), "{}", ended.said());
        let export = fs::read_to_string(folder.path().join("all.rsc")).must("the export");
        let head = export.lines().next().must("a line");
        assert!(head.contains(" by RouterOS "), "{head}");
        let iso = !matches!(version, "6.42" | "6.49" | "7.9");
        assert_eq!(head.starts_with("# 20"), iso, "{head}");
        let run = json!({ "command": "/import", "arguments": { "file-name": "new.rsc" } });
        controlled(&router, "POST", "/run", &run);
        let entries = controlled(&router, "GET", "/menu/radius", &Value::Null);
        assert_eq!(entries[0]["address"], "10.9.8.7", "{version}: {entries:#}");
        assert_eq!(entries[0]["comment"], "from a file");
    }
}

#[test]
fn sftp_is_for_those_with_the_policy() {
    let router = start("7.15");
    let folder = TempDir::new().must("a folder");
    had(
        &router,
        "PUT",
        "/user/group",
        &json!({ "name": "s", "policy": "ssh,read" }),
    );
    had(
        &router,
        "PUT",
        "/user",
        &json!({ "name": "s", "group": "s", "password": "pw" }),
    );
    let ended = sftp(&router, "s", folder.path(), "ls\n");
    assert!(!ended.succeeded, "{}", ended.said());
}

/// OpenSSL undoes the encryption of a backup, by the public description of the format.
fn decrypted(file: &[u8], password: &str, folder: &Path) -> Vec<u8> {
    let salt = &file[8..40];
    let salted = folder.join("salted");
    fs::write(&salted, [salt, password.as_bytes()].concat()).must("write");
    let openssl = || Command::new(program("openssl"));
    let digest = run(openssl().args(["dgst", "-sha256", "-r"]).arg(&salted), "");
    let key = &digest.stdout[..32];
    let hex: Vec<String> = salt[..16]
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let hex = hex.concat();
    let (secret, plain) = (folder.join("secret"), folder.join("plain"));
    fs::write(&secret, [&[0; 16], &file[72..]].concat()).must("write");
    let ended = run(
        openssl()
            .args(["enc", "-d", "-aes-128-ctr", "-K", key, "-iv", &hex, "-in"])
            .arg(&secret)
            .arg("-out")
            .arg(&plain),
        "",
    );
    assert!(ended.succeeded, "{}", ended.said());
    fs::read(plain).must("read").split_off(16)
}

#[test]
fn a_backup_has_the_format_of_a_router_and_is_loaded_again() {
    let router = start("7.20");
    let folder = TempDir::new().must("a folder");
    had(
        &router,
        "PUT",
        "/radius",
        &json!({ "address": "10.0.0.1", "comment": "kept" }),
    );
    let save = json!({ "name": "b", "password": "a password" });
    had(&router, "POST", "/system/backup/save", &save);
    had(
        &router,
        "POST",
        "/system/backup/save",
        &json!({ "name": "plain" }),
    );
    let ended = sftp(
        &router,
        "admin",
        folder.path(),
        "get b.backup\nget plain.backup\n",
    );
    assert!(ended.succeeded, "{}", ended.said());
    let plain = fs::read(folder.path().join("plain.backup")).must("read");
    assert_eq!(plain[..4], [0x88, 0xAC, 0xA1, 0xB1]);
    let file = fs::read(folder.path().join("b.backup")).must("read");
    assert_eq!(file[..4], [0xEF, 0xA8, 0x91, 0x73]);
    let length = u32::from_le_bytes(file[4..8].try_into().must("four octets"));
    assert_eq!(usize::try_from(length), Ok(file.len()));
    let inside = decrypted(&file, "a password", folder.path());
    assert_eq!(inside[..4], [0x88, 0xAC, 0xA1, 0xB1]);
    had(&router, "DELETE", "/radius/*1", &Value::Null);
    let load = |password: &str| json!({ "name": "b.backup", "password": password });
    let wrong = asked(&router, "POST", "/system/backup/load", &load("another"));
    assert_eq!(wrong.0, 400);
    assert_eq!(had(&router, "GET", "/radius", &Value::Null), json!([]));
    had(&router, "POST", "/system/backup/load", &load("a password"));
    eventually(|| boots(&router) == 2);
    eventually(|| asked(&router, "GET", "/radius", &Value::Null).0 == 200);
    let entries = had(&router, "GET", "/radius", &Value::Null);
    assert_eq!(entries[0]["comment"], "kept");
}

fn boots(router: &RouterOs) -> u64 {
    let about = controlled(router, "GET", "/", &Value::Null);
    about["boots"].as_u64().must("a number")
}

#[test]
fn openssl_reads_the_certificates_and_speaks_tls_with_them() {
    for version in ["7.9", "7.24"] {
        let router = start(version);
        let folder = TempDir::new().must("a folder");
        let ca = json!({
            "name": "ca", "common-name": "our CA", "key-usage": "key-cert-sign,crl-sign",
        });
        had(&router, "PUT", "/certificate", &ca);
        had(
            &router,
            "POST",
            "/certificate/sign",
            &json!({ "number": "ca" }),
        );
        let server = json!({
            "name": "server", "common-name": "router", "subject-alt-name": "IP:127.0.0.1",
            "key-usage": "tls-server,digital-signature",
        });
        had(&router, "PUT", "/certificate", &server);
        let sign = json!({ "number": "server", "ca": "ca" });
        had(&router, "POST", "/certificate/sign", &sign);
        for name in ["ca", "server"] {
            let export = json!({ "numbers": name, "file-name": name });
            had(&router, "POST", "/certificate/export-certificate", &export);
        }
        let ended = sftp(
            &router,
            "admin",
            folder.path(),
            "get ca.crt\nget server.crt\n",
        );
        assert!(ended.succeeded, "{}", ended.said());
        let openssl = |arguments: &[&str]| {
            let mut command = Command::new(program("openssl"));
            run(command.args(arguments).current_dir(folder.path()), "")
        };
        let verified = openssl(&["verify", "-CAfile", "ca.crt", "server.crt"]);
        assert!(verified.succeeded, "{}", verified.said());
        let read = openssl(
            &"x509 -in server.crt -noout -fingerprint -sha256"
                .split(' ')
                .collect::<Vec<_>>(),
        );
        let print = read.stdout.trim().rsplit('=').next().must("a fingerprint");
        let print = print.replace(':', "").to_lowercase();
        let item = had(&router, "GET", "/certificate/server", &Value::Null);
        assert_eq!(item["fingerprint"], print.as_str());
        let set = json!({ "certificate": "server" });
        had(&router, "PATCH", "/ip/service/api-ssl", &set);
        let at = router.service("api-ssl").to_string();
        let spoken = openssl(&[
            "s_client",
            "-connect",
            &at,
            "-CAfile",
            "ca.crt",
            "-verify_ip",
            "127.0.0.1",
            "-verify_return_error",
            "-brief",
        ]);
        assert!(
            spoken.said().contains("Verification: OK"),
            "{}",
            spoken.said()
        );
    }
}

#[test]
fn net_snmp_reads_the_agent() {
    let router = start("7.24");
    assert!(controlled(&router, "GET", "/", &Value::Null)["snmp"].is_null());
    had(
        &router,
        "POST",
        "/system/identity/set",
        &json!({ "name": "edge" }),
    );
    had(&router, "POST", "/snmp/set", &json!({ "enabled": "yes" }));
    let agent = || controlled(&router, "GET", "/", &Value::Null)["snmp"].clone();
    eventually(|| agent().is_string());
    let agent = agent().as_str().must("an address").to_owned();
    let ask = |tool: &str, community: &str, names: &[&str]| {
        let mut command = Command::new(program(tool));
        command.args(["-v2c", "-c", community, "-t", "1", "-r", "0", "-On", &agent]);
        run(command.args(names), "")
    };
    let health = ".1.3.6.1.4.1.14988.1.1.3.10.0";
    let said = ask(
        "snmpget",
        "public",
        &[".1.3.6.1.2.1.1.5.0", health, ".1.3.6.1.9.9"],
    );
    assert!(said.stdout.contains("STRING: \"edge\""), "{}", said.said());
    assert!(said.stdout.contains("Gauge32: 410"), "{}", said.said());
    assert!(said.stdout.contains("No Such Object"), "{}", said.said());
    let walked = ask("snmpwalk", "public", &[".1.3.6.1.2.1.2"]);
    assert!(walked.stdout.contains("\"ether1\""), "{}", walked.said());
    let stranger = ask("snmpget", "other", &[".1.3.6.1.2.1.1.5.0"]);
    assert!(stranger.said().contains("Timeout"), "{}", stranger.said());
}

#[test]
fn a_restart_keeps_the_configuration_and_shuts_everybody_out_for_a_second() {
    let router = start("7.18");
    had(&router, "PUT", "/radius", &json!({ "address": "10.0.0.1" }));
    had(&router, "POST", "/system/reboot", &Value::Null);
    eventually(|| boots(&router) == 2);
    assert_eq!(asked(&router, "GET", "/radius", &Value::Null).0, 0);
    eventually(|| asked(&router, "GET", "/radius", &Value::Null).0 == 200);
    let entries = had(&router, "GET", "/radius", &Value::Null);
    assert_eq!(entries.as_array().map(Vec::len), Some(1));
    assert_eq!(boots(&router), 2);
}

#[test]
fn faults_are_set_and_strike() {
    let router = start("7.24");
    let set = |faults: Value| controlled(&router, "PUT", "/faults", &faults);
    set(json!({ "close": { "after": 1, "path": "/radius", "done": true } }));
    had(&router, "GET", "/radius", &Value::Null);
    let body = json!({ "address": "10.0.0.1" });
    assert_eq!(
        asked(&router, "PUT", "/radius", &body).0,
        0,
        "closed without an answer"
    );
    let entries = had(&router, "GET", "/radius", &Value::Null);
    assert_eq!(entries.as_array().map(Vec::len), Some(1), "and yet done");
    set(json!({ "full-flash": true }));
    let full = asked(&router, "POST", "/export", &json!({ "file": "x" }));
    assert_eq!(
        full,
        error(400, "Bad Request", "failure: not enough space on disk")
    );
    set(json!({ "editor": {
        "user": "eve", "path": "/radius/set", "command": "/radius/remove",
        "arguments": { ".id": "*1" },
    } }));
    let gone = asked(&router, "PATCH", "/radius/*1", &json!({ "timeout": "1s" }));
    assert_eq!(gone, error(404, "Not Found", ""));
    set(json!({ "deny": ["write"] }));
    let denied = asked(&router, "PUT", "/radius", &body);
    assert_eq!(
        denied,
        error(400, "Bad Request", "not enough permissions (9)")
    );
    set(json!({ "hostile": "control" }));
    assert_eq!(asked(&router, "GET", "/radius", &Value::Null).0, 0);
    set(json!({ "slow": 700 }));
    let before = std::time::Instant::now();
    had(&router, "GET", "/radius", &Value::Null);
    assert!(before.elapsed() >= Duration::from_millis(700));
    let wrong = controlled(&router, "PUT", "/faults", &json!({ "nonsense": 1 }));
    assert!(
        wrong["error"]
            .as_str()
            .is_some_and(|text| text.contains("nonsense"))
    );
}

/// The first octets that come back on a plain log-in to the API.
fn answered(router: &RouterOs, most: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(router.service("api")).must("connect");
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).must("have patience");
    let words = ["/login", "=name=admin", "=password=x", ""];
    let octets = words.iter().flat_map(|word| {
        let length = u8::try_from(word.len()).must("a short word");
        [&[length], word.as_bytes()].concat()
    });
    let sentence: Vec<u8> = octets.collect();
    stream.write_all(&sentence).must("send");
    let mut answer = vec![0; most];
    stream.read_exact(&mut answer).must("an answer");
    answer
}

#[test]
fn hostile_octets_come_in_place_of_an_answer() {
    let router = start("7.18");
    assert_eq!(answered(&router, 6), b"\x05!trap");
    let cases: [(&str, &[u8]); 4] = [
        ("huge-length", b"\x03!re\xF0\xFF\xFF\xFF\xFF"),
        ("control", b"\x03!re\xF8\xFF"),
        ("endless-sentence", b"\x03!re\x0B=name=again\x0B=name=again"),
        ("escapes", b"\x03!re\x07=.id=*1\x0F=name=\0\x1B[2J"),
    ];
    for (hostile, wanted) in cases {
        controlled(&router, "PUT", "/faults", &json!({ "hostile": hostile }));
        assert_eq!(answered(&router, wanted.len()), wanted, "{hostile}");
    }
    controlled(&router, "PUT", "/faults", &json!({ "hostile": "endless" }));
    let much = answered(&router, 1 << 22);
    assert!(much.windows(4).filter(|four| *four == b"\x03!re").count() > 100_000);
    controlled(&router, "DELETE", "/faults", &Value::Null);
    assert_eq!(answered(&router, 6), b"\x05!trap", "and then all is well");
}

#[test]
fn a_mail_is_kept_with_what_hangs_on_it() {
    let router = start("7.24");
    let mail = json!({ "to": "a@example.org", "subject": "backup", "file": "x.rsc" });
    let sent = asked(&router, "POST", "/tool/e-mail/send", &mail);
    assert_eq!(sent.0, 400, "no server is set: {}", sent.1);
    had(
        &router,
        "POST",
        "/tool/e-mail/set",
        &json!({ "server": "192.0.2.25" }),
    );
    assert_eq!(
        asked(&router, "POST", "/tool/e-mail/send", &mail).0,
        400,
        "no such file"
    );
    had(&router, "POST", "/export", &json!({ "file": "x" }));
    had(&router, "POST", "/tool/e-mail/send", &mail);
    let mails = controlled(&router, "GET", "/mails", &Value::Null);
    assert_eq!(mails[0]["subject"], "backup");
    assert!(mails[0]["attached x.rsc"].is_string(), "{mails:#}");
}
