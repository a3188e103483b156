//! What a PAP log-in over `RadSec` costs: Portreeve and FreeRADIUS as servers side by side, and
//! radsecproxy between TLS and Portreeve's UDP, under the same load from `portreeve bench` over one
//! and over many connections, in turns.
//!
//! `cargo build --release && cargo run --release -p portreeve-interop --example radsec_cost`,
//! optionally with the number of requests in a run. Prints a table in Markdown: microseconds of
//! processor time per request, and requests a second with the load generator on the same machine,
//! each the median of the turns.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use portreeve_interop::Must as _;
use portreeve_interop::certificates::{Certificates, Identity};
use portreeve_interop::freeradius::{Extras, FreeRadius};
use portreeve_interop::portreeve::{Portreeve, Setup, binary};
use portreeve_interop::radsecproxy::{Back, Leg, Radsecproxy};
use portreeve_interop::world::{SECRET, World};

/// Requests in one run: enough that steps of 10 ms do not matter.
const REQUESTS: u32 = 30_000;
/// Runs of each server and number of connections.
const TURNS: usize = 3;
/// Connections at a time. FreeRADIUS takes 256 here.
const CONNECTIONS: [u32; 3] = [1, 4, 8];

/// Who is asked.
struct Asked<'a> {
    name: &'static str,
    address: SocketAddr,
    cpu_time: Box<dyn Fn() -> Duration + 'a>,
}

fn main() {
    let requests = std::env::args()
        .nth(1)
        .map_or(REQUESTS, |text| text.parse().must("a number"));
    let certificates = Certificates::new();
    let shown = certificates.identity(certificates.server());
    let client = certificates.identity(certificates.client());
    let world = World::household();
    let ours = Portreeve::with(&world, &Setup::radsec(&shown));
    let tls = Some(shown.clone());
    let extras = Extras {
        tls,
        ..Extras::default()
    };
    let theirs = FreeRadius::with(&world, &extras);
    let back = Back::one(Leg::Udp(SECRET.to_owned()), ours.ports().auth_v4());
    let between = Radsecproxy::between(&Leg::Tls(shown), &back);
    let asked = [
        Asked {
            name: "Portreeve",
            address: ours.ports().tls_v4(),
            cpu_time: Box::new(|| ours.cpu_time()),
        },
        Asked {
            name: "FreeRADIUS 3.2.1",
            address: theirs.ports().tls_v4(),
            cpu_time: Box::new(|| theirs.cpu_time()),
        },
        Asked {
            name: "radsecproxy 1.9, in front of Portreeve",
            address: between.address(),
            cpu_time: Box::new(|| between.cpu_time()),
        },
    ];
    println!("| server | connections | µs a request | requests a second |");
    println!("|---|---:|---:|---:|");
    for connections in CONNECTIONS {
        let mut runs = vec![Vec::new(); asked.len()];
        for _ in 0..TURNS {
            for (asked, runs) in asked.iter().zip(&mut runs) {
                runs.extend(run(asked, &client, connections, requests));
            }
        }
        for (asked, runs) in asked.iter().zip(&runs) {
            let cost = median(runs.iter().map(|(cost, _)| *cost));
            let rate = median(runs.iter().map(|(_, rate)| *rate));
            println!("| {} | {connections} | {cost} | {rate} |", asked.name);
        }
    }
}

/// Microseconds of processor time a request, and requests a second; none where some were lost.
fn run(
    asked: &Asked<'_>,
    client: &Identity,
    connections: u32,
    requests: u32,
) -> Option<(f64, f64)> {
    let before = (asked.cpu_time)();
    let began = Instant::now();
    let output = Command::new(binary())
        .args(["bench", "auth", &asked.address.to_string(), "--tls"])
        .args([
            "--user",
            "bob",
            "--password",
            "hello world",
            "--radius",
            "1.0",
        ])
        .args(["--count", &requests.to_string()])
        .args(["--connections", &connections.to_string()])
        .args(["--parallel", &connections.max(32).to_string()])
        .args(["--server-name", "127.0.0.1"])
        .arg("--cert")
        .arg(&client.pair.certificate)
        .arg("--key")
        .arg(&client.pair.key)
        .arg("--ca")
        .arg(&client.ca)
        .output()
        .must("run portreeve bench");
    let took = began.elapsed();
    let spent = (asked.cpu_time)().saturating_sub(before);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("nothing said").to_owned();
        println!("<!-- {}: {last} -->", asked.name);
        return None;
    }
    let requests = f64::from(requests);
    Some((
        spent.as_secs_f64() * 1e6 / requests,
        requests / took.as_secs_f64(),
    ))
}

fn median(values: impl Iterator<Item = f64>) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2);
    middle.map_or("-".to_owned(), |value| format!("{value:.0}"))
}
