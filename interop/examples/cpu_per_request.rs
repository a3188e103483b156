//! How much processor time a request costs the server: Portreeve and FreeRADIUS side by side, each
//! with the same users, under the same load from `portreeve bench`, in turns.
//!
//! `cargo build --release && cargo run --release -p portreeve-interop --example cpu_per_request`,
//! optionally with the number of requests in a run. Prints a table in Markdown: microseconds of
//! processor time per request, the median of the turns, and the range of their ratio.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::process::Command;
use std::time::Duration;

use portreeve_interop::{
    Must as _, Ports,
    freeradius::FreeRadius,
    portreeve::{Portreeve, binary},
    world::{SECRET, World},
};

/// Requests in one run: enough that steps of 10 ms do not matter.
const REQUESTS: u32 = 60_000;
/// Runs of each server and kind.
const TURNS: usize = 5;
/// The share of a run that goes before the measurement, to warm up.
const WARM_UP: u32 = 10;

/// What is asked: a title, and the arguments of `portreeve bench`.
const KINDS: [(&str, &[&str]); 5] = [
    ("PAP", &["auth", "--method", "pap"]),
    ("CHAP", &["auth", "--method", "chap"]),
    ("MS-CHAPv1", &["auth", "--method", "mschap"]),
    ("MS-CHAPv2", &["auth", "--method", "mschapv2"]),
    ("accounting", &["acct"]),
];

fn main() {
    let requests = std::env::args()
        .nth(1)
        .map_or(REQUESTS, |text| text.parse().must("a number"));
    let world = World::household();
    let (ours, theirs) = (Portreeve::start(&world), FreeRadius::start(&world));
    println!("| request | Portreeve, µs | FreeRADIUS, µs | ratio, least to most |");
    println!("|---|---:|---:|---:|");
    for (title, arguments) in KINDS {
        let mut turns = Vec::new();
        for _ in 0..TURNS {
            turns.push((
                cost(|| ours.cpu_time(), ours.ports(), arguments, requests),
                cost(|| theirs.cpu_time(), theirs.ports(), arguments, requests),
            ));
        }
        let ours = median(turns.iter().map(|(ours, _)| *ours));
        let theirs = median(turns.iter().map(|(_, theirs)| *theirs));
        let mut ratios: Vec<f64> = turns.iter().map(|(ours, theirs)| ours / theirs).collect();
        ratios.sort_by(f64::total_cmp);
        let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
        println!("| {title} | {ours:.1} | {theirs:.1} | {least:.2} to {most:.2} |");
    }
}

/// Microseconds of processor time that one request costs a server.
fn cost(cpu_time: impl Fn() -> Duration, ports: Ports, arguments: &[&str], requests: u32) -> f64 {
    load(ports, arguments, requests / WARM_UP);
    let before = cpu_time();
    load(ports, arguments, requests);
    cpu_time().saturating_sub(before).as_secs_f64() * 1e6 / f64::from(requests)
}

fn load(ports: Ports, arguments: &[&str], requests: u32) {
    let server = if arguments[0] == "acct" {
        ports.acct_v4()
    } else {
        ports.auth_v4()
    };
    let (what, rest) = arguments.split_first().must("a kind");
    let output = Command::new(binary())
        .args(["bench", what, &server.to_string(), "--secret", SECRET])
        .args([
            "--user",
            "bob",
            "--password",
            "hello world",
            "--count",
            &requests.to_string(),
        ])
        .args(rest)
        .output()
        .must("run portreeve bench");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
