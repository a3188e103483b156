//! `kill -9` under accounting load: every acknowledged record is in the store exactly once.

use std::{
    collections::HashMap,
    env,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::AtomicBool,
    thread,
    time::Duration,
};

use portreeve_aaa::port::{RowFilter, SessionFilter, Store as _};
use portreeve_store::{
    Applier, ApplierOptions, Sqlite,
    journal::{Journal, Options},
};

use super::reports::{NOW, Report, START};

const ROLE: &str = "PORTREEVE_KILLED_IN";
const ROUNDS: u64 = 6;

fn open(dir: &Path) -> (Journal, Applier<Sqlite>) {
    let mut store = Sqlite::open_checked(&dir.join("portreeve.db")).unwrap();
    let applied = store.journal_position().unwrap().unwrap_or_default();
    let options = Options {
        segment_bytes: 20_000,
        applied,
        ..Options::default()
    };
    let (journal, recovery) = Journal::open(&dir.join("journal"), options).unwrap();
    assert!(
        !recovery.behind_store && recovery.missing.is_empty(),
        "{recovery:?}"
    );
    let options = ApplierOptions {
        batch_records: 50,
        linger: Duration::from_millis(1),
        ..ApplierOptions::default()
    };
    let started = Applier::new(journal.reader(), store, options).unwrap();
    (journal, started)
}

/// Appends for ever and says what was acknowledged, until killed.
fn server(dir: &Path, round: &str) {
    let (journal, mut applier) = open(dir);
    thread::scope(|scope| {
        for appender in 0..4 {
            let journal = &journal;
            scope.spawn(move || {
                for number in 0.. {
                    let id = format!("{round}-{appender}-{number}");
                    let mut octets = Vec::new();
                    Report::new(START, &id, "tim", NOW)
                        .entry(0)
                        .record
                        .encode(&mut octets);
                    journal.append_blocking(octets).unwrap();
                    println!("ack {id}");
                }
            });
        }
        applier.run(&AtomicBool::new(false), |outcome| drop(outcome.unwrap()));
    });
}

/// Runs a server, kills it in the midst of its work, and gives what it had acknowledged.
fn killed_server(dir: &Path, round: u64) -> Vec<String> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "killing::what_was_acknowledged_survives_a_kill",
            "--nocapture",
        ])
        .env(ROLE, dir)
        .env("ROUND", round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let enough = 150 + usize::try_from(round).unwrap() * 37;
    while let Some(Ok(line)) = lines.next() {
        if let Some(id) = line.strip_prefix("ack ") {
            acknowledged.push(id.to_owned());
        }
        if acknowledged.len() == enough {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(acknowledged.len(), enough, "the server ended by itself");
    acknowledged
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Some(dir) = env::var_os(ROLE) {
        return server(Path::new(&dir), &env::var("ROUND").unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        acknowledged.extend(killed_server(dir.path(), round));
    }
    let (mut journal, mut applier) = open(dir.path());
    journal.close();
    applier.run(&AtomicBool::new(false), |outcome| drop(outcome.unwrap()));
    let mut store = Sqlite::open_checked(&dir.path().join("portreeve.db")).unwrap();
    let mut times_there = HashMap::new();
    for row in store.accounting_rows(&RowFilter::default()).unwrap() {
        *times_there.entry(row.session_id.unwrap()).or_insert(0) += 1;
    }
    for id in &acknowledged {
        assert_eq!(times_there.get(id), Some(&1), "{id}");
    }
    assert!(times_there.values().all(|times| *times == 1));
    let sessions = store.sessions(&SessionFilter::default()).unwrap();
    assert_eq!(sessions.len(), times_there.len());
}
