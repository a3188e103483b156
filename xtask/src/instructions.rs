//! `cargo xtask instructions`: what a request costs in instructions, without sockets, by callgrind.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::Value;

/// What is counted, in the words of `crates/auth/benches/request.rs`.
const KINDS: [&str; 7] = [
    "stranger",
    "forged",
    "duplicate",
    "pap",
    "chap",
    "mschapv2",
    "accounting",
];
/// Two lengths of a run: their difference is free of what starting and ending cost.
const SHORT: u64 = 1_000;
const LONG: u64 = 3_000;

/// Why nothing was counted.
#[derive(Debug)]
enum Failure {
    Build,
    Start(&'static str),
    Count(&'static str),
}

/// Builds the bench, runs each kind twice under callgrind, and prints a table in Markdown.
pub(crate) fn run(root: &Path) -> ExitCode {
    let bench = match build(root) {
        Ok(bench) => bench,
        Err(failure) => return report(&failure),
    };
    println!("| request | instructions |\n|---|---:|");
    for kind in KINDS {
        let both =
            count(&bench, kind, SHORT).and_then(|short| Ok((short, count(&bench, kind, LONG)?)));
        match both {
            Ok((short, long)) => println!("| {kind} | {} |", (long - short) / (LONG - SHORT)),
            Err(failure) => return report(&failure),
        }
    }
    ExitCode::SUCCESS
}

fn report(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Build => println!("xtask: the bench does not build"),
        Failure::Start(program) => {
            println!("xtask: cannot start {program}; install it first (apt-get install valgrind)");
        }
        Failure::Count(kind) => println!("xtask: callgrind gave no count for {kind}"),
    }
    ExitCode::FAILURE
}

fn build(root: &Path) -> Result<PathBuf, Failure> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args([
            "bench",
            "--package",
            "portreeve-auth",
            "--bench",
            "request",
            "--no-run",
        ])
        .arg("--message-format=json")
        .output()
        .map_err(|_| Failure::Start("cargo"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "request")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or(Failure::Build)
}

fn count(bench: &Path, kind: &'static str, requests: u64) -> Result<u64, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(bench)
        .args([kind, &requests.to_string()])
        .output()
        .map_err(|_| Failure::Start("valgrind"))?;
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
        .ok_or(Failure::Count(kind))
}
