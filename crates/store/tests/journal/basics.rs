use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use portreeve_aaa::port::JournalPosition;
use portreeve_store::journal::{
    AppendError, Journal, JournalError, MAX_PAYLOAD, Options, Recovery,
};

use super::reading::{START, drain, everything};

fn small() -> Options {
    Options {
        segment_bytes: 200,
        ..Options::default()
    }
}

fn open(dir: &Path, options: Options) -> (Journal, Recovery) {
    Journal::open(dir, options).unwrap()
}

fn payload(number: u32) -> Vec<u8> {
    format!("record {number}").into_bytes()
}

fn segments(dir: &Path) -> usize {
    let names = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    names
        .filter(|path| path.extension().is_some_and(|ending| ending == "seg"))
        .count()
}

#[test]
fn what_was_appended_is_there_after_reopening_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, fresh) = open(dir.path(), small());
    assert_eq!(fresh, Recovery::default());
    for number in 0..50 {
        journal.append_blocking(payload(number)).unwrap();
    }
    let before = everything(&journal);
    drop(journal);
    assert!(segments(dir.path()) > 3);
    let (journal, recovery) = open(dir.path(), small());
    assert_eq!((recovery.records, recovery.cut_bytes), (50, 0));
    assert_eq!(everything(&journal), before);
    assert_eq!(before, (0..50).map(payload).collect::<Vec<_>>());
    journal.append_blocking(payload(50)).unwrap();
    assert_eq!(everything(&journal).len(), 51);
}

#[test]
fn positions_rise_and_reading_goes_on_behind_each() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), small());
    let ends: Vec<_> = (0..30)
        .map(|number| journal.append_blocking(payload(number)).unwrap())
        .collect();
    assert!(ends.is_sorted_by(|a, b| a < b));
    assert_eq!(journal.end(), *ends.last().unwrap());
    let mut reader = journal.reader();
    for (index, end) in ends.iter().enumerate() {
        let rest = drain(&mut reader, *end);
        let expected: Vec<_> = ends.iter().skip(index + 1).copied().collect();
        assert_eq!(
            rest.iter().map(|record| record.end).collect::<Vec<_>>(),
            expected
        );
    }
}

#[test]
fn only_the_owner_can_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("journal");
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    let (journal, _) = open(&root, small());
    journal.append_blocking(payload(1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_second_server_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), small());
    let refused = Journal::open(dir.path(), small()).unwrap_err();
    assert!(matches!(refused, JournalError::InUse { .. }), "{refused}");
    drop(journal);
    open(dir.path(), small());
}

#[test]
fn a_payload_of_impossible_length_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), small());
    assert_eq!(
        journal.append_blocking(Vec::new()),
        Err(AppendError::Length)
    );
    assert_eq!(
        journal.append_blocking(vec![0; MAX_PAYLOAD + 1]),
        Err(AppendError::Length)
    );
    journal.append_blocking(vec![7; MAX_PAYLOAD]).unwrap();
    assert_eq!(everything(&journal), [vec![7; MAX_PAYLOAD]]);
}

#[test]
fn after_closing_an_append_is_refused_and_nothing_queued_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), Options::default());
    let queued: Vec<_> = (0..500)
        .map(|number| journal.append(payload(number)))
        .collect();
    journal.close();
    assert_eq!(
        journal.append_blocking(payload(0)),
        Err(AppendError::Closed)
    );
    assert!(queued.into_iter().all(|appended| appended.wait().is_ok()));
    assert_eq!(everything(&journal).len(), 500);
    assert_eq!(journal.counts().appended, 500);
    assert!(journal.reader().closed());
}

#[test]
fn many_appenders_keep_their_own_order_and_share_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(
        dir.path(),
        Options {
            segment_bytes: 4096,
            ..Options::default()
        },
    );
    thread::scope(|scope| {
        for appender in 0..16_u32 {
            let journal = &journal;
            scope.spawn(move || {
                for number in 0..50_u32 {
                    journal
                        .append_blocking(payload(appender * 1000 + number))
                        .unwrap();
                }
            });
        }
    });
    let all: Vec<u32> = everything(&journal)
        .iter()
        .map(|payload| std::str::from_utf8(payload).unwrap()[7..].parse().unwrap())
        .collect();
    assert_eq!(all.len(), 800);
    for appender in 0..16 {
        let own = all.iter().filter(|number| *number / 1000 == appender);
        assert!(own.clone().is_sorted() && own.count() == 50);
    }
    assert!(journal.counts().groups <= 800);
}

#[test]
fn a_reader_is_woken_by_a_record_and_by_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path(), Options::default());
    let reader = journal.reader();
    assert!(!reader.wait(START, Duration::from_millis(1)));
    let patience = Duration::from_mins(1);
    let begun = Instant::now();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.wait(START, patience));
        journal.append_blocking(payload(1)).unwrap();
        assert!(waiting.join().unwrap());
    });
    let end = journal.end();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.wait(end, patience));
        thread::sleep(Duration::from_millis(10));
        journal.close();
        assert!(!waiting.join().unwrap());
    });
    assert!(begun.elapsed() < patience);
}

#[test]
fn wholly_applied_segments_are_removed_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), small());
    let ends: Vec<_> = (0..40)
        .map(|number| journal.append_blocking(payload(number)).unwrap())
        .collect();
    let before = segments(dir.path());
    let mut reader = journal.reader();
    assert_eq!(reader.release(START).unwrap(), 0);
    let middle = ends[20];
    let removed = reader.release(middle).unwrap();
    assert!(removed > 0);
    assert_eq!(segments(dir.path()), before - removed);
    assert_eq!(drain(&mut reader, middle).len(), 19);
    let from_start = drain(&mut reader, START);
    assert!(from_start.len() >= 19 && from_start.last().unwrap().end == ends[39]);
    reader.release(ends[39]).unwrap();
    assert_eq!(segments(dir.path()), 1);
    drop((reader, journal));
    let (journal, recovery) = open(dir.path(), small());
    assert!(recovery.missing.is_empty());
    assert!(journal.append_blocking(payload(40)).unwrap() > ends[39]);
}

#[test]
fn a_journal_that_lags_behind_the_store_goes_on_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let applied = JournalPosition {
        segment: 9,
        offset: 5000,
    };
    let options = Options { applied, ..small() };
    let (journal, recovery) = open(dir.path(), options);
    assert!(recovery.behind_store);
    assert!(journal.append_blocking(payload(1)).unwrap() > applied);
    assert_eq!(drain(&mut journal.reader(), applied).len(), 1);
    drop(journal);
    let (journal, recovery) = open(dir.path(), options);
    assert!(!recovery.behind_store);
    drop(journal);
    let later = JournalPosition {
        segment: 10,
        offset: 5000,
    };
    let (journal, recovery) = open(
        dir.path(),
        Options {
            applied: later,
            ..small()
        },
    );
    assert!(recovery.behind_store && recovery.missing.is_empty());
    assert!(journal.append_blocking(payload(2)).unwrap() > later);
}

#[test]
fn a_full_queue_says_busy_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        queue_records: 0,
        ..small()
    };
    let (journal, _) = open(dir.path(), options);
    assert_eq!(journal.append_blocking(payload(1)), Err(AppendError::Busy));
    drop(journal);
    let (journal, _) = open(
        dir.path(),
        Options {
            queue_bytes: 10,
            ..small()
        },
    );
    assert_eq!(journal.append_blocking(payload(1)), Err(AppendError::Busy));
    assert_eq!(
        journal.append_blocking(vec![1]).map(|end| end.segment),
        Ok(1)
    );
    assert_eq!(journal.counts().busy, 1);
}
