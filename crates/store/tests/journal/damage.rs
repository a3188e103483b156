use std::{fs, path::Path};

use portreeve_store::journal::{Damage, Journal, JournalError, Options, ReadError};
use proptest::prelude::*;

use super::reading::{START, everything};

fn options() -> Options {
    Options {
        segment_bytes: 200,
        ..Options::default()
    }
}

/// A journal of three or more segments, closed.
fn written() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options()).unwrap();
    for number in 0..20_u8 {
        journal.append_blocking(vec![number; 20]).unwrap();
    }
    dir
}

fn segment(dir: &Path, number: u64) -> std::path::PathBuf {
    dir.join(format!("{number:016}.seg"))
}

fn last(dir: &Path) -> u64 {
    (1..100)
        .take_while(|number| segment(dir, *number).exists())
        .last()
        .unwrap()
}

fn refusal(dir: &Path) -> JournalError {
    Journal::open(dir, options()).unwrap_err()
}

#[test]
fn a_torn_end_is_cut_at_the_last_whole_record_wherever_it_tore() {
    let dir = written();
    let path = segment(dir.path(), last(dir.path()));
    let whole = fs::read(&path).unwrap();
    let first_end = 32 + 8 + 20;
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (journal, recovery) = Journal::open(dir.path(), options()).unwrap();
        let kept = cut.saturating_sub(32) / 28;
        let tail = if cut < 32 { cut } else { (cut - 32) % 28 };
        assert_eq!(recovery.cut_bytes, tail as u64, "cut at {cut}");
        let all = everything(&journal);
        assert_eq!(all.len(), 20 - (whole.len() - 32) / 28 + kept);
        journal.append_blocking(vec![99; 3]).unwrap();
        assert_eq!(everything(&journal).last().unwrap(), &[99; 3]);
        assert!(first_end <= whole.len());
        drop(journal);
        let next = segment(dir.path(), last(dir.path()));
        if next != path {
            fs::remove_file(next).unwrap();
        }
    }
}

#[test]
fn damage_before_the_last_segment_is_an_error_that_says_where() {
    let dir = written();
    let path = segment(dir.path(), 1);
    let whole = fs::read(&path).unwrap();
    let mut bad = whole.clone();
    bad[32 + 28 + 8] ^= 1;
    fs::write(&path, &bad).unwrap();
    let error = refusal(dir.path());
    let text = error.to_string();
    assert!(
        text.contains(path.to_str().unwrap()) && text.contains("byte 60"),
        "{text}"
    );
    let JournalError::Damaged {
        offset: 60,
        damage: Damage::Checksum,
        ..
    } = error
    else {
        panic!("{error}")
    };
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let error = refusal(dir.path());
    assert!(
        matches!(
            error,
            JournalError::Damaged {
                damage: Damage::Truncated,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn following_the_errors_advice_opens_the_journal() {
    let dir = written();
    let path = segment(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[32 + 28 + 8] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let JournalError::Damaged { offset, .. } = refusal(dir.path()) else {
        panic!()
    };
    bytes.truncate(usize::try_from(offset).unwrap());
    let lost = 5;
    fs::write(&path, &bytes).unwrap();
    let (journal, _) = Journal::open(dir.path(), options()).unwrap();
    assert_eq!(everything(&journal).len(), 20 - lost);
}

#[test]
fn damage_too_long_for_an_interrupted_write_is_not_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), Options::default()).unwrap();
    for _ in 0..30 {
        journal.append_blocking(vec![1; 100_000]).unwrap();
    }
    drop(journal);
    let path = segment(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[32 + 50] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = Journal::open(dir.path(), Options::default()).unwrap_err();
    assert!(
        matches!(error, JournalError::Damaged { offset: 32, .. }),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn foreign_newer_and_renamed_segments_are_told_apart() {
    let dir = written();
    let path = segment(dir.path(), 1);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, vec![b'x'; 100]).unwrap();
    let error = refusal(dir.path());
    assert!(
        matches!(
            error,
            JournalError::Header {
                damage: Damage::Header,
                ..
            }
        ),
        "{error}"
    );

    fs::write(&path, fs::read(segment(dir.path(), 2)).unwrap()).unwrap();
    let error = refusal(dir.path());
    assert!(
        matches!(
            error,
            JournalError::Header {
                damage: Damage::Misnamed,
                ..
            }
        ),
        "{error}"
    );

    let mut newer = whole[..28].to_vec();
    newer[8] = 2;
    newer.extend_from_slice(&crc32c::crc32c(&newer).to_le_bytes());
    fs::write(&path, newer).unwrap();
    let error = refusal(dir.path());
    assert!(
        matches!(error, JournalError::Newer { version: 2, .. }),
        "{error}"
    );
}

#[test]
fn a_missing_segment_is_reported_and_the_rest_is_read() {
    let dir = written();
    fs::remove_file(segment(dir.path(), 2)).unwrap();
    let (journal, recovery) = Journal::open(dir.path(), options()).unwrap();
    assert_eq!(recovery.missing, [(2, 2)]);
    assert_eq!(everything(&journal).len() as u64, recovery.records);
    assert!(recovery.records < 20);
}

#[test]
fn other_files_in_the_directory_are_left_alone() {
    let dir = written();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    fs::write(dir.path().join("7.seg"), "not ours").unwrap();
    let (journal, recovery) = Journal::open(dir.path(), options()).unwrap();
    assert_eq!(recovery.records, 20);
    let end = journal.end();
    journal.reader().release(end).unwrap();
    assert_eq!(fs::read(dir.path().join("notes.txt")).unwrap(), b"mine");
    assert_eq!(fs::read(dir.path().join("7.seg")).unwrap(), b"not ours");
}

#[test]
fn a_directory_that_cannot_be_one_is_named_in_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "").unwrap();
    let error = Journal::open(&path, options()).unwrap_err();
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn damage_that_comes_while_open_is_read_up_to_and_then_named() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), Options::default()).unwrap();
    for number in 0..5_u8 {
        journal.append_blocking(vec![number; 20]).unwrap();
    }
    let path = segment(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[32 + 2 * 28 + 9] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let mut reader = journal.reader();
    let batch = reader.read_from(START, 100, 1 << 20).unwrap();
    assert_eq!(batch.records.len(), 2);
    let error = reader
        .read_from(batch.records[1].end, 100, 1 << 20)
        .unwrap_err();
    assert!(
        matches!(error, ReadError::Damaged { offset: 88, .. }),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_octets_behind_the_last_record_are_survived(
        tail in proptest::collection::vec(any::<u8>(), 0..300),
        keep in 0_usize..150,
    ) {
        let dir = tempfile::tempdir().unwrap();
        {
            let (journal, _) = Journal::open(dir.path(), options()).unwrap();
            for number in 0..4_u8 {
                journal.append_blocking(vec![number; 20]).unwrap();
            }
        }
        let path = segment(dir.path(), 1);
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(keep);
        bytes.extend_from_slice(&tail);
        fs::write(&path, &bytes).unwrap();
        match Journal::open(dir.path(), options()) {
            Ok((journal, _)) => {
                let whole = keep.saturating_sub(32) / 28;
                prop_assert!(everything(&journal).len() >= whole.min(4));
                journal.append_blocking(vec![7]).unwrap();
                let all = everything(&journal);
                prop_assert_eq!(all.last().unwrap(), &[7]);
            }
            Err(error) => prop_assert!(
                keep < 32 && matches!(error, JournalError::Header { .. }), "{}", error
            ),
        }
    }
}
