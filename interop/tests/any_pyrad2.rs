//! `pyrad2`, the RADIUS client that Python programs use.

use std::net::SocketAddr;

use portreeve_interop::subject::Subject;
use portreeve_interop::tools::pyrad2;
use portreeve_interop::wire::code;
use portreeve_interop::world::SECRET;
use serde_json::{Value, json};

/// What `client.py` reports of one request. It sends Message-Authenticator and takes no answer
/// without one, unless the method says otherwise.
fn ask(method: &str, server: SocketAddr, user: &str, password: &str) -> Value {
    let (address, port) = (server.ip(), server.port());
    pyrad2(
        "client.py",
        &[&method, &address, &port, &SECRET, &user, &password],
    )
}

#[test]
fn pap_is_accepted_and_its_attributes_are_read() {
    let server = Subject::household();
    let reply = ask("pap", server.auth(), "alice", "wonder land");
    assert_eq!(reply["code"], code::ACCESS_ACCEPT, "{reply}");
    assert_eq!(reply["Session-Timeout"], json!([3600]));
    assert_eq!(reply["Reply-Message"], json!(["welcome, alice"]));
    assert_eq!(reply["Mikrotik-Rate-Limit"], json!(["10M/50M"]));
    assert_eq!(reply["Framed-IP-Address"], json!(["192.0.2.77"]));
}

#[test]
fn chap_is_accepted() {
    let server = Subject::household();
    let reply = ask("chap", server.auth(), "bob", "hello world");
    assert_eq!(reply["code"], code::ACCESS_ACCEPT, "{reply}");
}

#[test]
fn ms_chap_v2_is_accepted_and_the_server_proves_itself() {
    let server = Subject::household();
    let reply = ask("mschapv2", server.auth(), "bob", "hello world");
    assert_eq!(reply["code"], code::ACCESS_ACCEPT, "{reply}");
    assert_eq!(reply["mutual"], true, "{reply}");
}

#[test]
fn a_wrong_password_is_rejected_by_every_method() {
    let server = Subject::household();
    for method in ["pap", "chap", "mschapv2"] {
        let reply = ask(method, server.auth(), "bob", "hello worlD");
        assert_eq!(reply["code"], code::ACCESS_REJECT, "{method}: {reply}");
    }
}

#[test]
fn a_failed_ms_chap_v2_says_so_in_ms_chap_error() {
    let server = Subject::household();
    let reply = ask("mschapv2", server.auth(), "bob", "hello worlD");
    let error = reply["MS-CHAP-Error"][0].as_str().unwrap_or_default();
    // The identifier, then `E=691 R=` in hexadecimal.
    assert!(error.starts_with("07453d36393120523d"), "{reply}");
}

#[test]
fn accounting_is_answered() {
    let server = Subject::household();
    for method in ["start", "interim", "stop"] {
        let reply = ask(method, server.acct(), "bob", "");
        assert_eq!(
            reply["code"],
            code::ACCOUNTING_RESPONSE,
            "{method}: {reply}"
        );
    }
}

#[test]
fn status_is_answered_on_both_ports() {
    let server = Subject::household();
    let reply = ask("status-auth", server.auth(), "", "");
    assert_eq!(reply["code"], code::ACCESS_ACCEPT, "{reply}");
    let reply = ask("status-acct", server.acct(), "", "");
    assert_eq!(reply["code"], code::ACCOUNTING_RESPONSE, "{reply}");
}

#[test]
fn ipv6_is_served_like_ipv4() {
    let server = Subject::household();
    let reply = ask("pap", server.ports().auth_v6(), "bob", "hello world");
    assert_eq!(reply["code"], code::ACCESS_ACCEPT, "{reply}");
}
