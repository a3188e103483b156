//! Every input that a fuzzer ever found worth keeping, once more.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as expected"
)]

use std::{fs, path::Path};

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        run(&fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", corpus.display());
}

#[test]
fn receive() {
    replay("receive", portreeve_fuzz::receive);
}

#[test]
fn connection() {
    replay("connection", portreeve_fuzz::connection);
}

#[test]
fn reply() {
    replay("reply", portreeve_fuzz::reply);
}

#[test]
fn attributes() {
    replay("attributes", portreeve_fuzz::attributes);
}

#[test]
fn dictionary() {
    replay("dictionary", portreeve_fuzz::dictionary);
}

#[test]
fn configuration() {
    replay("configuration", portreeve_fuzz::configuration);
}

#[test]
fn credential() {
    replay("credential", portreeve_fuzz::credential);
}

#[test]
fn eap() {
    replay("eap", portreeve_fuzz::eap);
}

#[test]
fn routeros() {
    replay("routeros", portreeve_fuzz::routeros);
}
