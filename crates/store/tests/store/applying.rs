use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};

use portreeve_aaa::{
    accounting::Absence,
    port::{Applied, JournalPosition, RowFilter, SessionFilter, Store as _},
    session::{Change, EndedBy, Session, Sessions},
};
use portreeve_store::{
    Applier, ApplierOptions, Backend as _, Sqlite,
    journal::{Journal, Options},
};

use super::{
    flaky::Flaky,
    reports::{INTERIM, NOW, Report, START, STOP, batch},
};

const MINUTE: u64 = 60 * 1000;

fn journal(dir: &Path, applied: Option<JournalPosition>) -> Journal {
    let options = Options {
        segment_bytes: 1000,
        applied: applied.unwrap_or_default(),
        ..Options::default()
    };
    Journal::open(&dir.join("journal"), options).unwrap().0
}

fn store(dir: &Path) -> Sqlite {
    Sqlite::open(&dir.join("portreeve.db")).unwrap()
}

fn small() -> ApplierOptions {
    ApplierOptions {
        batch_records: 7,
        sessions: 4,
        ..ApplierOptions::default()
    }
}

fn append(journal: &Journal, report: &Report) {
    let mut octets = Vec::new();
    report.entry(0).record.encode(&mut octets);
    journal.append_blocking(octets).unwrap();
}

fn append_all(journal: &Journal, reports: &[Report]) {
    for report in reports {
        append(journal, report);
    }
}

/// The reports of a dozen sessions, interleaved; every third one never ends.
fn day() -> Vec<Report> {
    let mut reports = Vec::new();
    for minute in 0..8_u32 {
        for number in 0..12_u32 {
            let id = format!("s{number}");
            let at = NOW + u64::from(minute) * MINUTE + u64::from(number);
            let status = match minute {
                0 => START,
                7 if number % 3 == 0 => INTERIM,
                7 => STOP,
                _ => INTERIM,
            };
            let time = (minute * 60).to_be_bytes();
            let octets = (minute * 1000 + number).to_be_bytes();
            let user = format!("user {}", number % 5);
            reports.push(
                Report::new(status, &id, &user, at)
                    .with(46, &time)
                    .with(42, &octets),
            );
        }
    }
    reports
}

fn sessions(store: &mut Sqlite) -> Vec<Session> {
    let all = SessionFilter {
        open_only: false,
        ..SessionFilter::default()
    };
    sorted(store.sessions(&all).unwrap())
}

fn sorted(mut sessions: Vec<Session>) -> Vec<Session> {
    sessions.sort_by(|a, b| a.key.cmp(&b.key));
    sessions
}

/// What the sessions must be after `reports`.
fn expected(reports: &[Report]) -> Vec<Session> {
    let mut table = Sessions::new(1000, []);
    for report in reports {
        drop(table.apply(&report.entry(0).event));
    }
    sorted(table.changed())
}

fn drain(applier: &mut Applier<Sqlite>) -> u64 {
    let mut records = 0;
    loop {
        match applier.step().unwrap().records {
            0 => return records,
            some => records += some,
        }
    }
}

#[test]
fn what_is_journalled_becomes_rows_and_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal(dir.path(), None);
    let reports = day();
    append_all(&journal, &reports);
    let mut applier = Applier::new(journal.reader(), store(dir.path()), small()).unwrap();
    assert_eq!(drain(&mut applier), reports.len() as u64);
    assert_eq!(applier.position(), journal.end());
    let mut store = store(dir.path());
    assert_eq!(store.accounting_count().unwrap(), reports.len() as u64);
    assert_eq!(sessions(&mut store), expected(&reports));
    assert_eq!(store.open_sessions().unwrap().len(), 4);
    assert_eq!(store.journal_position().unwrap(), Some(journal.end()));
    assert!(journal.size() < 1100, "applied segments are gone");
}

#[test]
fn progress_tells_what_became_of_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal(dir.path(), None);
    let start = Report::new(START, "s1", "tim", NOW);
    for report in [
        &start,
        &start,
        &Report::new(STOP, "s1", "tim", NOW + MINUTE),
    ] {
        append(&journal, report);
    }
    let mut applier = Applier::new(journal.reader(), store(dir.path()), small()).unwrap();
    let progress = applier.step().unwrap();
    assert_eq!(
        progress.applied,
        Applied {
            rows: 2,
            duplicates: 1
        }
    );
    let changes: Vec<_> = progress.changes.iter().map(|(_, change)| *change).collect();
    assert_eq!(changes, [Change::Opened, Change::Updated, Change::Closed]);
    assert_eq!(applier.step().unwrap().records, 0);
}

#[test]
fn a_record_nobody_can_read_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal(dir.path(), None);
    let good = Report::new(START, "s1", "tim", NOW);
    let mut short = good.clone();
    short.packet.truncate(19);
    let mut cut = Vec::new();
    let record = portreeve_aaa::accounting::Record {
        packet: short.packet,
        ..good.entry(0).record
    };
    record.encode(&mut cut);
    let junk = [b"junk".to_vec(), vec![1], vec![255; 40], cut];
    for junk in &junk {
        journal.append_blocking(junk.clone()).unwrap();
    }
    append(&journal, &good);
    let mut applier = Applier::new(journal.reader(), store(dir.path()), small()).unwrap();
    let progress = applier.step().unwrap();
    assert_eq!((progress.unreadable, progress.applied.rows), (4, 1));
    let kept = store(dir.path()).unreadable(9).unwrap();
    assert_eq!(
        kept.into_iter().map(|kept| kept.octets).collect::<Vec<_>>(),
        junk
    );
    assert_eq!(applier.position(), journal.end());
}

#[test]
fn restarting_after_any_number_of_batches_changes_nothing() {
    let reports = day();
    for batches in [0, 1, 2, 5, 13] {
        let dir = tempfile::tempdir().unwrap();
        let mut left = reports.as_slice();
        for _ in 0..4 {
            let mut store = store(dir.path());
            let journal = journal(dir.path(), store.journal_position().unwrap());
            let (now, later) = left.split_at(left.len().min(27));
            left = later;
            append_all(&journal, now);
            let mut applier = Applier::new(journal.reader(), store, small()).unwrap();
            for _ in 0..batches {
                applier.step().unwrap();
            }
        }
        let mut store = store(dir.path());
        let journal = journal(dir.path(), store.journal_position().unwrap());
        drain(&mut Applier::new(journal.reader(), self::store(dir.path()), small()).unwrap());
        assert_eq!(
            store.accounting_count().unwrap(),
            reports.len() as u64,
            "{batches}"
        );
        assert_eq!(sessions(&mut store), expected(&reports), "{batches}");
    }
}

#[test]
fn a_store_that_fails_before_or_after_its_work_costs_neither_loss_nor_double() {
    let reports = day();
    for every in 9..16 {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(dir.path(), None);
        append_all(&journal, &reports);
        let calls = Arc::default();
        let flaky = || Flaky {
            inner: store(dir.path()),
            every,
            calls: Arc::clone(&calls),
        };
        let mut failures = 0;
        let mut applier = None;
        while applier
            .as_ref()
            .is_none_or(|one: &Applier<Flaky>| one.position() < journal.end())
        {
            match &mut applier {
                None => applier = Applier::new(journal.reader(), flaky(), small()).ok(),
                Some(one) => failures += usize::from(one.step().is_err()),
            }
        }
        assert!(failures > 2);
        let mut store = store(dir.path());
        assert_eq!(
            store.accounting_count().unwrap(),
            reports.len() as u64,
            "{every}"
        );
        assert_eq!(sessions(&mut store), expected(&reports), "{every}");
    }
}

#[test]
fn a_session_longer_than_the_table_remembers_is_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal(dir.path(), None);
    let begin = Report::new(START, "long", "tim", NOW).with(31, b"02-00-5E-00-53-01");
    append(&journal, &begin);
    for number in 0..20 {
        append(
            &journal,
            &Report::new(START, &format!("s{number}"), "zoe", NOW + number),
        );
    }
    let mut applier = Applier::new(journal.reader(), store(dir.path()), small()).unwrap();
    drain(&mut applier);
    append(&journal, &Report::new(STOP, "long", "tim", NOW + MINUTE));
    drain(&mut applier);
    let key = &batch(0, &[begin]).sessions[0].key;
    let session = store(dir.path()).session(key).unwrap().unwrap();
    assert_eq!(session.started_ms, NOW);
    assert_eq!(
        session.calling_station.as_deref(),
        Some("02-00-5E-00-53-01")
    );
    assert!(session.ended.is_some());
}

#[test]
fn running_keeps_up_and_ends_with_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = journal(dir.path(), None);
    let reports = day();
    let calls = Arc::default();
    let options = ApplierOptions {
        linger: Duration::from_millis(1),
        pause: Duration::from_millis(1),
        ..small()
    };
    let flaky = Flaky {
        inner: store(dir.path()),
        every: 11,
        calls: Arc::clone(&calls),
    };
    calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let mut applier = Applier::new(journal.reader(), flaky, options).unwrap();
    let running = thread::spawn(move || {
        let (mut records, mut failures) = (0, 0);
        applier.run(&AtomicBool::new(false), |outcome| match outcome {
            Ok(progress) => records += progress.records,
            Err(_) => failures += 1,
        });
        (records, failures)
    });
    append_all(&journal, &reports);
    journal.close();
    let (records, failures) = running.join().unwrap();
    assert_eq!(records, reports.len() as u64);
    assert!(failures > 0);
    let mut store = store(dir.path());
    let rows = store.accounting_rows(&RowFilter::default()).unwrap();
    assert!(rows.is_sorted_by(|a, b| a.time_ms < b.time_ms));
    assert_eq!(rows.len(), reports.len());
}

#[test]
fn a_stopped_applier_leaves_the_rest_for_later() {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal(dir.path(), None);
    append(&journal, &Report::new(START, "s1", "tim", NOW));
    let mut applier = Applier::new(journal.reader(), store(dir.path()), small()).unwrap();
    applier.run(&AtomicBool::new(true), |_| panic!("nothing was to be done"));
    assert_eq!(drain(&mut applier), 1);
}

#[test]
fn sessions_seen_to_be_gone_are_closed_once_and_without_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal(dir.path(), None);
    append_all(&journal, &day());
    drain(&mut Applier::new(journal.reader(), store(dir.path()), small()).unwrap());
    let mut store = store(dir.path());
    let rows = store.accounting_count().unwrap();
    let open = store.open_sessions().unwrap();
    assert_eq!(open.len(), 4);
    let gone = Absence {
        seen_ms: NOW + 60 * MINUTE,
        sessions: open.iter().map(|session| session.key.clone()).collect(),
    };
    let mut octets = Vec::new();
    gone.encode(&mut octets);
    for _ in 0..2 {
        journal.append_blocking(octets.clone()).unwrap();
        // None of them need be at hand.
        let options = ApplierOptions {
            sessions: 1,
            ..small()
        };
        let mut applier = Applier::new(journal.reader(), self::store(dir.path()), options).unwrap();
        assert_eq!(drain(&mut applier), 1);
    }
    assert!(store.open_sessions().unwrap().is_empty());
    assert_eq!(store.accounting_count().unwrap(), rows);
    assert!(store.unreadable(10).unwrap().is_empty());
    let all = sessions(&mut store);
    let closed = all.iter().filter(|session| {
        let ended = session.ended.unwrap();
        ended.by == EndedBy::Absent && ended.at_ms == gone.seen_ms
    });
    assert_eq!(closed.count(), 4);
}
