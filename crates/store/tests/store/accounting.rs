use portreeve_aaa::{
    accounting::Status,
    port::{Applied, Batch, JournalPosition, RowFilter, SessionFilter},
    session::{Session, SessionKey},
};
use portreeve_store::{Backend, Unreadable};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::reports::{INTERIM, NOW, Report, START, STOP, batch, position};

const MINUTE: u64 = 60 * 1000;

fn all() -> SessionFilter {
    SessionFilter {
        open_only: false,
        ..SessionFilter::default()
    }
}

fn sorted(mut sessions: Vec<Session>) -> Vec<Session> {
    sessions.sort_by(|a, b| a.key.cmp(&b.key));
    sessions
}

fn ids(sessions: &[Session]) -> Vec<&str> {
    sessions
        .iter()
        .map(|session| session.session_id.as_str())
        .collect()
}

pub(crate) fn a_batch_is_written_as_a_whole(store: &mut dyn Backend) {
    let batch = batch(
        0,
        &[
            Report::new(START, "s1", "tim", NOW),
            Report::new(START, "s2", "zoe", NOW + 5).with(31, b"02-00-5e-00-53-01"),
            Report::new(STOP, "s1", "tim", NOW + MINUTE)
                .with(46, &[0, 0, 0, 60])
                .with(49, &[0; 4]),
        ],
    );
    assert_eq!(
        store.apply(&batch).unwrap(),
        Applied {
            rows: 3,
            duplicates: 0
        }
    );
    assert_eq!(store.journal_position().unwrap(), Some(batch.position));
    assert_eq!(store.accounting_count().unwrap(), 3);
    let rows = store.accounting_rows(&RowFilter::default()).unwrap();
    for (row, entry) in rows.iter().zip(&batch.entries) {
        assert_eq!(row.record, entry.record);
        assert_eq!(row.digest, entry.digest);
        assert_eq!(
            (row.status, row.time_ms),
            (entry.event.status, entry.event.time_ms)
        );
        assert_eq!(
            (&row.session_id, &row.user),
            (&entry.event.session_id, &entry.event.user)
        );
    }
    assert_eq!(rows[2].status, Status::Stop);
    assert_eq!(
        sorted(store.sessions(&all()).unwrap()),
        sorted(batch.sessions)
    );
    assert_eq!(ids(&store.open_sessions().unwrap()), ["s2"]);
}

pub(crate) fn a_batch_that_was_applied_changes_nothing(store: &mut dyn Backend) {
    let first = batch(0, &[Report::new(START, "s1", "tim", NOW)]);
    let second = batch(1, &[Report::new(START, "s2", "tim", NOW)]);
    store.apply(&first).unwrap();
    store.apply(&second).unwrap();
    for batch in [&first, &second] {
        assert_eq!(store.apply(batch).unwrap(), Applied::default());
    }
    assert_eq!(store.accounting_count().unwrap(), 2);
    assert_eq!(store.journal_position().unwrap(), Some(second.position));
    let later = JournalPosition {
        segment: 2,
        offset: 1,
    };
    store
        .apply(&Batch {
            position: later,
            ..Batch::default()
        })
        .unwrap();
    assert_eq!(store.journal_position().unwrap(), Some(later));
    store.apply(&second).unwrap();
    assert_eq!(store.journal_position().unwrap(), Some(later));
}

pub(crate) fn what_a_batch_repeats_of_the_journal_is_left_out(store: &mut dyn Backend) {
    // No digest in common: only the positions tell that these are the same records.
    let report = |number: u64| Report::new(INTERIM, "s1", "tim", NOW + number * MINUTE);
    let numbered = |number: u64| report(number).with(46, &[0, 0, 0, u8::try_from(number).unwrap()]);
    let reports: Vec<_> = (0..6).map(numbered).collect();
    store.apply(&batch(0, &reports[..4])).unwrap();
    let overlapping = batch(0, &reports);
    assert_eq!(
        store.apply(&overlapping).unwrap(),
        Applied {
            rows: 2,
            duplicates: 0
        }
    );
    assert_eq!(store.accounting_count().unwrap(), 6);
}

pub(crate) fn a_retransmission_is_one_row(store: &mut dyn Backend) {
    let first = Report::new(START, "s1", "tim", NOW);
    let again = Report {
        at_ms: NOW + 10_000,
        ..first.clone()
    }
    .with(41, &[0, 0, 0, 10]);
    let twice = batch(0, &[first.clone(), again.clone()]);
    assert_eq!(
        store.apply(&twice).unwrap(),
        Applied {
            rows: 1,
            duplicates: 1
        }
    );
    let late = Report {
        at_ms: NOW + 14 * MINUTE,
        ..first
    };
    let more = batch(2, &[late, again]);
    assert_eq!(
        store.apply(&more).unwrap(),
        Applied {
            rows: 0,
            duplicates: 2
        }
    );
    assert_eq!(store.accounting_count().unwrap(), 1);
    assert_eq!(
        store.accounting_rows(&RowFilter::default()).unwrap()[0].time_ms,
        NOW
    );
}

pub(crate) fn an_id_used_again_later_is_another_row(store: &mut dyn Backend) {
    let first = Report::new(START, "s1", "tim", NOW);
    let later = Report {
        at_ms: NOW + 16 * MINUTE,
        ..first.clone()
    };
    let applied = store.apply(&batch(0, &[first, later])).unwrap();
    assert_eq!(
        applied,
        Applied {
            rows: 2,
            duplicates: 0
        }
    );
}

pub(crate) fn a_stamped_report_is_itself_whenever_it_comes(store: &mut dyn Backend) {
    let stamp = u32::try_from(NOW / 1000).unwrap().to_be_bytes();
    let first = Report::new(START, "s1", "tim", NOW).with(55, &stamp);
    let later = Report {
        at_ms: NOW + 600 * MINUTE,
        ..first.clone()
    };
    let applied = store.apply(&batch(0, &[first, later])).unwrap();
    assert_eq!(
        applied,
        Applied {
            rows: 1,
            duplicates: 1
        }
    );
}

pub(crate) fn sessions_are_found_by_user_nas_and_state(store: &mut dyn Backend) {
    let reports = [
        Report::new(START, "s1", "tim", NOW),
        Report::new(START, "s2", "tim", NOW + 3).at("vpn"),
        Report::new(START, "s3", "zoe", NOW + 1),
        Report::new(STOP, "s3", "zoe", NOW + 9),
        Report::new(START, "s4", "zoe", NOW + 2),
    ];
    store.apply(&batch(0, &reports)).unwrap();
    let mut found = |filter: SessionFilter| ids(&store.sessions(&filter).unwrap()).join(" ");
    let open = SessionFilter::default();
    assert_eq!(found(open.clone()), "s2 s4 s1");
    assert_eq!(found(all()), "s2 s4 s3 s1");
    assert_eq!(found(SessionFilter { limit: 2, ..all() }), "s2 s4");
    assert_eq!(
        found(SessionFilter {
            user: Some("zoe".into()),
            ..all()
        }),
        "s4 s3"
    );
    assert_eq!(
        found(SessionFilter {
            user: Some("zoe".into()),
            ..open.clone()
        }),
        "s4"
    );
    assert_eq!(
        found(SessionFilter {
            nas: Some("vpn".into()),
            ..open.clone()
        }),
        "s2"
    );
    let both = SessionFilter {
        user: Some("zoe".into()),
        nas: Some("vpn".into()),
        ..all()
    };
    assert_eq!(found(both), "");
    assert_eq!(
        found(SessionFilter {
            user: Some("ZOE".into()),
            ..open
        }),
        ""
    );
}

pub(crate) fn a_session_is_replaced_by_its_newer_state(store: &mut dyn Backend) {
    store
        .apply(&batch(0, &[Report::new(START, "s1", "tim", NOW)]))
        .unwrap();
    let start = Report::new(START, "s1", "tim", NOW);
    let stop = Report::new(STOP, "s1", "tim", NOW + MINUTE).with(42, &[0, 0, 1, 0]);
    let mut newer = batch(1, &[start, stop]);
    newer.entries.clear();
    store.apply(&newer).unwrap();
    assert_eq!(store.sessions(&all()).unwrap(), newer.sessions);
    assert_eq!(newer.sessions[0].input_octets, 256);
    assert!(store.open_sessions().unwrap().is_empty());
}

pub(crate) fn of_several_incarnations_the_last_is_given(store: &mut dyn Backend) {
    let mut batch = batch(0, &[Report::new(START, "s1", "tim", NOW)]);
    let first = batch.sessions[0].clone();
    for incarnation in [2, 1] {
        let mut session = first.clone();
        session.key.incarnation = incarnation;
        batch.sessions.push(session);
    }
    store.apply(&batch).unwrap();
    let found = store.session(&first.key).unwrap().unwrap();
    assert_eq!(found.key.incarnation, 2);
    assert_eq!(store.sessions(&all()).unwrap().len(), 3);
    let unknown = SessionKey {
        octets: b"unknown".to_vec(),
        incarnation: 0,
    };
    assert_eq!(store.session(&unknown).unwrap(), None);
}

pub(crate) fn rows_come_in_pages_and_by_session_and_user(store: &mut dyn Backend) {
    let reports = [
        Report::new(START, "s1", "tim", NOW),
        Report::new(START, "s2", "zoe", NOW + 1),
        Report::new(STOP, "s1", "tim", NOW + 2),
        Report::new(STOP, "s2", "zoe", NOW + 3),
    ];
    store.apply(&batch(0, &reports)).unwrap();
    let mut times = |filter: &RowFilter| -> Vec<u64> {
        let rows = store.accounting_rows(filter).unwrap();
        assert!(rows.is_sorted_by(|a, b| a.row < b.row));
        rows.iter().map(|row| row.time_ms - NOW).collect()
    };
    let any = RowFilter::default();
    assert_eq!(
        times(&RowFilter {
            session_id: Some("s1".into()),
            ..any.clone()
        }),
        [0, 2]
    );
    assert_eq!(
        times(&RowFilter {
            user: Some("zoe".into()),
            ..any.clone()
        }),
        [1, 3]
    );
    let neither = RowFilter {
        session_id: Some("s1".into()),
        user: Some("zoe".into()),
        ..any.clone()
    };
    assert!(times(&neither).is_empty());
    assert_eq!(
        times(&RowFilter {
            limit: 3,
            ..any.clone()
        }),
        [0, 1, 2]
    );
    let page = store
        .accounting_rows(&RowFilter {
            limit: 3,
            ..any.clone()
        })
        .unwrap();
    let rest = RowFilter {
        after: Some(page[2].row),
        ..any
    };
    assert_eq!(store.accounting_rows(&rest).unwrap().len(), 1);
}

pub(crate) fn unreadable_records_are_kept_as_they_are(store: &mut dyn Backend) {
    let bad: Vec<_> = (1..4_u8)
        .map(|n| Unreadable {
            position: position(n.into()),
            octets: vec![n; 5],
        })
        .collect();
    let batch = batch(3, &[Report::new(START, "s1", "tim", NOW)]);
    store.apply_all(&batch, &bad).unwrap();
    store.apply_all(&batch, &bad).unwrap();
    assert_eq!(store.unreadable(10).unwrap(), bad);
    assert_eq!(store.unreadable(1).unwrap(), bad[..1]);
    assert_eq!(store.accounting_count().unwrap(), 1);
}

pub(crate) fn any_report_survives_the_store(store: &mut dyn Backend) {
    let attribute = (1_u8..=255, proptest::collection::vec(any::<u8>(), 0..20));
    let report = (
        0..9_u32,
        "\\PC{0,9}",
        any::<u32>(),
        proptest::collection::vec(attribute, 0..9),
    );
    let mut runner = TestRunner::new(Config {
        cases: 48,
        ..Config::default()
    });
    let mut place = 0;
    let store = std::cell::RefCell::new(store);
    let place = std::cell::RefCell::new(&mut place);
    runner
        .run(&report, |(status, user, ago, attributes)| {
            let mut report = Report::new(status, "s", &user, NOW - u64::from(ago));
            for (number, value) in attributes {
                report = report.with(number, &value);
            }
            let batch = batch(**place.borrow(), &[report]);
            **place.borrow_mut() += 1;
            let mut store = store.borrow_mut();
            let before = store.accounting_count().unwrap();
            let applied = store.apply(&batch).unwrap();
            prop_assert_eq!(applied.rows + applied.duplicates, 1);
            for session in &batch.sessions {
                let found = store.session(&session.key).unwrap();
                prop_assert_eq!(found.as_ref(), Some(session));
            }
            if applied.rows == 1 {
                let rows = store.accounting_rows(&RowFilter::default()).unwrap();
                prop_assert_eq!(rows.len() as u64, before + 1);
                prop_assert_eq!(&rows.last().unwrap().record, &batch.entries[0].record);
                prop_assert_eq!(rows.last().unwrap().status, batch.entries[0].event.status);
            }
            Ok(())
        })
        .unwrap();
}
