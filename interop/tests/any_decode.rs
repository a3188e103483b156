//! Other programs read the server's packets.

use std::path::PathBuf;
use std::process::Command;

use portreeve_interop::Must as _;
use portreeve_interop::pcap;
use portreeve_interop::relay::Relay;
use portreeve_interop::subject::Subject;
use portreeve_interop::tools::{self, Ended, radclient};
use portreeve_interop::world::SECRET;
use tempfile::TempDir;

/// A capture file with one accept of user `alice` or `gina`.
fn capture(user: &str, password: &str) -> (TempDir, PathBuf) {
    let server = Subject::household();
    let relay = Relay::to(server.auth());
    let attributes = format!("User-Name = \"{user}\"\nUser-Password = \"{password}\"");
    let ended = radclient(relay.address(), "auth", SECRET, &attributes);
    assert!(
        ended.stdout.contains("Received Access-Accept"),
        "{}",
        ended.said()
    );
    let folder = tempfile::tempdir().must("a temporary folder");
    let path = folder.path().join("radius.pcap");
    let passed = relay.passed();
    assert_eq!(passed.len(), 2, "a question and its answer");
    pcap::write(&path, 1812, &passed);
    (folder, path)
}

fn tshark(path: &PathBuf) -> Ended {
    let mut command = Command::new(tools::program("tshark"));
    command.args(["-n", "-V", "-o", &format!("radius.shared_secret:{SECRET}")]);
    command
        .args(["-o", "radius.validate_authenticator:TRUE"])
        .arg("-r")
        .arg(path);
    tools::run(&mut command, "")
}

#[test]
fn tshark_reads_every_attribute_and_finds_the_authenticator_right() {
    let (_folder, path) = capture("alice", "wonder land");
    let ended = tshark(&path);
    assert!(ended.succeeded, "{}", ended.said());
    for text in [
        "Code: Access-Accept (2)",
        "[Valid Authenticator: True]",
        "Session-Timeout: 3600",
        "Reply-Message: welcome, alice",
        "10M/50M",
        "7374616666",
        "Framed-IP-Address: 192.0.2.77",
    ] {
        assert!(
            ended.stdout.contains(text),
            "{text} is missing:\n{}",
            ended.stdout
        );
    }
    assert!(!ended.stdout.contains("Malformed"), "{}", ended.stdout);
}

#[test]
fn tshark_reads_tags() {
    let (_folder, path) = capture("gina", "group member");
    let ended = tshark(&path);
    for text in [
        "t=Tunnel-Type(64) l=6 Tag=0x01 val=VLAN(13)",
        "t=Tunnel-Medium-Type(65) l=6 Tag=0x01 val=IEEE-802(6)",
        "t=Tunnel-Private-Group-Id(81) l=6 Tag=0x01 val=100",
    ] {
        assert!(
            ended.stdout.contains(text),
            "{text} is missing:\n{}",
            ended.stdout
        );
    }
}

#[test]
fn radsniff_reads_the_answer() {
    let (_folder, path) = capture("alice", "wonder land");
    let mut command = Command::new(tools::program("radsniff"));
    command.args(["-x", "-s", SECRET, "-I"]).arg(&path);
    let ended = tools::run(&mut command, "");
    for text in [
        "Access-Accept",
        "Session-Timeout = 3600",
        "Mikrotik-Rate-Limit = \"10M/50M\"",
    ] {
        assert!(
            ended.said().contains(text),
            "{text} is missing:\n{}",
            ended.said()
        );
    }
}
