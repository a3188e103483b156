//! The log of decisions: bounded, never waited for, readable beside the server.

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

    use portreeve_aaa::{
        decision::{Asked, CheckOutcome, Decision, DecisionId, Outcome},
        port::StoreError,
    };
    use portreeve_store::{
        DecisionCounts, DecisionFilter, DecisionLog, DecisionLogOptions, DecisionReader, Logged,
        Sqlite,
    };

    fn decision(number: u64) -> Decision {
        let user = if number.is_multiple_of(2) {
            "tim"
        } else {
            "zoe"
        };
        let nas = if number.is_multiple_of(3) {
            "ap"
        } else {
            "vpn"
        };
        let from = "192.0.2.1:40000".parse().unwrap();
        let mut draft =
            Decision::draft(DecisionId(number), 1_800_000_000_000 + number % 1000, from)
                .asked(Asked::Access)
                .user(user.as_bytes())
                .nas(nas);
        draft.check(
            "password",
            CheckOutcome::Passed,
            "PAP \u{1b}[31m 'quoted' \\ \"text\"",
        );
        if number.is_multiple_of(5) {
            draft.challenged(number)
        } else {
            draft.accepted(number, Vec::new())
        }
    }

    fn quick() -> DecisionLogOptions {
        DecisionLogOptions {
            linger: Duration::ZERO,
            ..DecisionLogOptions::default()
        }
    }

    fn write(path: &Path, options: DecisionLogOptions, numbers: std::ops::Range<u64>) {
        let log = DecisionLog::open(path, options).unwrap();
        numbers.for_each(|number| log.record(decision(number)));
    }

    fn numbers(found: &[Logged]) -> Vec<u64> {
        assert!(found.is_sorted_by(|a, b| a.place < b.place));
        found.iter().map(|logged| logged.decision.id.0).collect()
    }

    #[test]
    fn a_decision_reads_back_by_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions.db");
        let log = DecisionLog::open(&path, quick()).unwrap();
        for number in [3, u64::MAX, 0] {
            log.record(decision(number));
        }
        drop(log);
        let mut reader = DecisionReader::open(&path).unwrap();
        for number in [0, 3, u64::MAX] {
            let found = reader.by_id(DecisionId(number)).unwrap().unwrap();
            assert_eq!(found.decision, decision(number));
        }
        assert_eq!(reader.by_id(DecisionId(4)).unwrap(), None);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn the_tail_is_followed_and_filtered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions.db");
        write(&path, quick(), 0..30);
        let mut reader = DecisionReader::open(&path).unwrap();
        let all = DecisionFilter::default();
        let last = reader.tail(None, 3, &all).unwrap();
        assert_eq!(numbers(&last), [27, 28, 29]);
        let since = Some(last[2].place);
        assert!(reader.tail(since, 9, &all).unwrap().is_empty());
        write(&path, quick(), 30..35);
        assert_eq!(numbers(&reader.tail(since, 2, &all).unwrap()), [30, 31]);
        assert_eq!(
            numbers(&reader.tail(since, 9, &all).unwrap()),
            [30, 31, 32, 33, 34]
        );
        let mut tail = |filter| numbers(&reader.tail(None, 3, &filter).unwrap());
        let tim = Some("tim".to_owned());
        assert_eq!(
            tail(DecisionFilter {
                user: tim.clone(),
                ..all.clone()
            }),
            [30, 32, 34]
        );
        assert_eq!(
            tail(DecisionFilter {
                nas: Some("ap".into()),
                ..all.clone()
            }),
            [27, 30, 33]
        );
        let challenged = Some(Outcome::Challenged);
        assert_eq!(
            tail(DecisionFilter {
                outcome: challenged,
                ..all
            }),
            [20, 25, 30]
        );
        let none = DecisionFilter {
            user: tim,
            nas: Some("none".into()),
            outcome: challenged,
        };
        assert!(tail(none).is_empty());
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions.db");
        write(
            &path,
            DecisionLogOptions {
                rows: 10,
                ..quick()
            },
            0..100,
        );
        let mut reader = DecisionReader::open(&path).unwrap();
        let kept = reader.tail(None, 1000, &DecisionFilter::default()).unwrap();
        assert_eq!(numbers(&kept), (90..100).collect::<Vec<_>>());
        assert_eq!(reader.by_id(DecisionId(5)).unwrap(), None);
    }

    #[test]
    fn what_does_not_fit_the_queue_is_counted_and_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions.db");
        let options = DecisionLogOptions {
            queue: 0,
            ..quick()
        };
        let mut log = DecisionLog::open(&path, options).unwrap();
        (0..5).for_each(|number| log.record(decision(number)));
        assert_eq!(
            log.counts(),
            DecisionCounts {
                written: 0,
                dropped: 5
            }
        );
        log.close();
        let mut log = DecisionLog::open(&path, quick()).unwrap();
        (0..5).for_each(|number| log.record(decision(number)));
        log.close();
        log.record(decision(9));
        assert_eq!(
            log.counts(),
            DecisionCounts {
                written: 5,
                dropped: 1
            }
        );
    }

    #[test]
    fn a_damaged_log_is_set_aside_and_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions.db");
        let junk = "junk ".repeat(1000);
        fs::write(&path, &junk).unwrap();
        write(&path, quick(), 0..3);
        let mut reader = DecisionReader::open(&path).unwrap();
        assert_eq!(
            reader
                .tail(None, 9, &DecisionFilter::default())
                .unwrap()
                .len(),
            3
        );
        let aside = fs::read_to_string(dir.path().join("decisions.db.damaged")).unwrap();
        assert_eq!(aside, junk);
    }

    #[test]
    fn a_log_that_is_not_there_or_not_a_log_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions.db");
        let error = DecisionReader::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Unreadable(_)), "{error:?}");
        assert!(!path.exists());
        drop(Sqlite::open(&path).unwrap());
        let error = DecisionReader::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Unreadable(_)), "{error:?}");
        assert!(DecisionLog::open(&path, quick()).is_err());
    }

    #[test]
    fn a_damaged_row_is_an_error_not_a_panic() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions.db");
        write(&path, quick(), 0..1);
        let direct = rusqlite::Connection::open(&path).unwrap();
        direct
            .execute_batch("UPDATE decisions SET body = '{}'")
            .unwrap();
        let mut reader = DecisionReader::open(&path).unwrap();
        assert!(matches!(
            reader.by_id(DecisionId(0)),
            Err(StoreError::Corrupt(_))
        ));
        let tail = reader.tail(None, 1, &DecisionFilter::default());
        assert!(matches!(tail, Err(StoreError::Corrupt(_))));
    }
}
