//! EAP as `eapol_test` speaks it: every method, and what a server owes to every NAS.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::thread;

use portreeve_interop::Must as _;
use portreeve_interop::certificates::Key;
use portreeve_interop::eap::matrix::{self, Site};

#[test]
fn every_method_with_every_key_version_length_and_mistake() {
    let starting = Key::ALL.map(|key| (key, thread::spawn(move || Site::start(key))));
    let started = starting.map(|(key, site)| (key, site.join().expect("a site")));
    let sites = BTreeMap::from(started);
    let report = matrix::run(&matrix::cases(), &sites);
    // Past the harness, which shows what a test prints only if it fails.
    let mut terminal = std::io::stderr();
    terminal
        .write_all(report.table().as_bytes())
        .must("print the table");
    assert!(
        report.failures.is_empty(),
        "{} failed; the first ones:\n\n{}",
        report.failures.len(),
        report.failures[..report.failures.len().min(8)].join("\n\n")
    );
}
