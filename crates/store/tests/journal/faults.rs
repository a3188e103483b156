//! Every call of a run fails in turn, in every way; what was acknowledged is there exactly once.

use std::{path::Path, sync::Arc};

use portreeve_store::journal::{AppendError, Journal, JournalError, Options};

use super::{
    reading::everything,
    simulated::{Crash, Fault, Sim},
};

const RECORDS: u32 = 24;

fn options() -> Options {
    Options {
        segment_bytes: 160,
        ..Options::default()
    }
}

fn open(sim: &Sim) -> Result<Journal, JournalError> {
    Journal::open_on(Arc::new(sim.clone()), Path::new("/j"), options()).map(|(journal, _)| journal)
}

fn payload(number: u32) -> Vec<u8> {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(4 + number as usize % 13, 0xab);
    payload
}

fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(*payload.first_chunk().unwrap())
}

/// Appends each record once, alone or in groups, and says which were acknowledged.
fn load(journal: &Journal, numbers: std::ops::Range<u32>, together: usize) -> Vec<u32> {
    let mut acknowledged = Vec::new();
    for group in numbers.collect::<Vec<_>>().chunks(together) {
        let queued: Vec<_> = group
            .iter()
            .map(|n| (*n, journal.append(payload(*n))))
            .collect();
        for (number, appended) in queued {
            if appended.wait().is_ok() {
                acknowledged.push(number);
            }
        }
    }
    acknowledged
}

/// What is there must hold all acknowledged records in order, each once, and nothing foreign.
fn check(found: &[Vec<u8>], acknowledged: &[u32], context: &str) {
    let numbers: Vec<u32> = found.iter().map(|payload| number(payload)).collect();
    assert!(
        numbers.is_sorted_by(|a, b| a < b),
        "order or double: {numbers:?} {context}"
    );
    assert!(
        found.iter().all(|found| *found == payload(number(found))),
        "{context}"
    );
    let kept: Vec<u32> = numbers
        .iter()
        .copied()
        .filter(|number| acknowledged.contains(number))
        .collect();
    assert_eq!(kept, acknowledged, "{context}");
}

#[test]
fn what_was_acknowledged_survives_a_failure_at_any_call() {
    for fault in [
        Fault::Refuse,
        Fault::Half,
        Fault::Full,
        Fault::Lie,
        Fault::Power,
    ] {
        for crash in [Crash::Nothing, Crash::Everything, Crash::Torn] {
            for together in [1, 5] {
                let mut call = 0;
                while one_run(call, fault, crash, together) {
                    call += 1;
                }
                assert!(call > 20, "{call} calls only");
            }
        }
    }
}

/// One run whose `call`-th call fails; false when the run has fewer calls than that.
fn one_run(call: usize, fault: Fault, crash: Crash, together: usize) -> bool {
    let context = format!("{fault:?} at call {call}, {crash:?}, {together} together");
    let sim = Sim::default();
    sim.fail(call, fault);
    let mut acknowledged = Vec::new();
    let mut came = true;
    if let Ok(journal) = open(&sim) {
        acknowledged = load(&journal, 0..RECORDS, together);
        came = sim.failed();
        if fault != Fault::Power {
            sim.heal();
            let more = load(&journal, RECORDS..RECORDS + 5, 1);
            assert_eq!(more.len(), 5, "goes on when the disk does: {context}");
            assert_eq!(journal.alarm(), None, "{context}");
            acknowledged.extend(more);
            check(&everything(&journal), &acknowledged, &context);
        }
    }
    sim.crash(crash);
    let journal = open(&sim).unwrap_or_else(|error| panic!("{error}: {context}"));
    check(&everything(&journal), &acknowledged, &context);
    let more = load(&journal, 100..103, 1);
    assert_eq!(more.len(), 3);
    acknowledged.extend(more);
    drop(journal);
    sim.crash(Crash::Nothing);
    check(&everything(&open(&sim).unwrap()), &acknowledged, &context);
    came
}

#[test]
fn a_failure_while_recovering_loses_nothing_either() {
    for fault in [Fault::Refuse, Fault::Full, Fault::Lie, Fault::Power] {
        for call in 0..200 {
            let sim = Sim::default();
            let journal = open(&sim).unwrap();
            let acknowledged = load(&journal, 0..RECORDS, 3);
            // The write passes, its sync does not: a torn end for the recovery to cut.
            sim.fail(1, Fault::Power);
            assert!(load(&journal, 50..51, 1).is_empty());
            drop(journal);
            sim.crash(Crash::Torn);
            sim.fail(call, fault);
            let opened = open(&sim);
            let done = !sim.failed();
            drop(opened);
            sim.crash(Crash::Torn);
            check(
                &everything(&open(&sim).unwrap()),
                &acknowledged,
                &format!("{fault:?} {call}"),
            );
            if done {
                assert!(call > 5);
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_is_told_as_such_and_forgotten_when_there_is_room() {
    let sim = Sim::default();
    let journal = open(&sim).unwrap();
    journal.append_blocking(payload(0)).unwrap();
    sim.fail(0, Fault::Full);
    for number in 1..10 {
        let refused = journal.append_blocking(payload(number));
        assert_eq!(refused, Err(AppendError::DiskFull));
        assert_eq!(journal.alarm(), Some(AppendError::DiskFull));
    }
    assert_eq!(journal.counts().failed, 9);
    sim.heal();
    journal.append_blocking(payload(10)).unwrap();
    assert_eq!(journal.alarm(), None);
    check(
        &everything(&journal),
        &[0, 10],
        "after the disk had room again",
    );
    assert_eq!(everything(&journal).len(), 2);
}

#[test]
fn a_segment_that_may_have_a_successor_takes_no_more_records() {
    let sim = Sim::default();
    let journal = open(&sim).unwrap();
    journal.append_blocking(vec![1; 90]).unwrap();
    // The next segment is created and only the sync of its name says it failed.
    sim.fail(3, Fault::Lie);
    assert!(journal.append_blocking(vec![2; 90]).is_err());
    sim.fail(1, Fault::Power);
    assert!(journal.append_blocking(vec![3; 5]).is_err());
    drop(journal);
    sim.crash(Crash::Torn);
    assert_eq!(everything(&open(&sim).unwrap()), [vec![1; 90]]);
}
