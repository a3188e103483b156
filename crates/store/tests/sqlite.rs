//! What is SQLite's own: files, versions, damage, other processes.

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::PermissionsExt as _,
        path::{Path, PathBuf},
        thread,
    };

    use portreeve_aaa::{
        definition::{DialectName, Nas, Require, SharedSecret, User},
        port::{Changes, Put, Store as _, StoreError, UserFilter},
    };
    use portreeve_store::Sqlite;

    fn here() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data").join("portreeve.db");
        (dir, path)
    }

    /// The whole explanation, down to the innermost cause.
    fn story(error: &StoreError) -> String {
        let mut text = error.to_string();
        let mut next = std::error::Error::source(error);
        while let Some(source) = next {
            text = format!("{text}: {source}");
            next = source.source();
        }
        text
    }

    fn names_file(error: &StoreError, path: &Path) -> bool {
        story(error).contains(path.to_str().unwrap())
    }

    #[test]
    fn only_the_owner_can_read_what_is_created() {
        let (_dir, path) = here();
        let mut store = Sqlite::open(&path).unwrap();
        store.put_user(&User::new("tim"), Put::Create).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert!(files.len() >= 2, "the database and its log");
        for file in files {
            assert_eq!(mode(&file.unwrap().path()), 0o600);
        }
        drop(store);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        Sqlite::open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn definitions_are_there_after_reopening_and_seen_by_another_process_at_once() {
        let (_dir, path) = here();
        let mut one = Sqlite::open_checked(&path).unwrap();
        let mut two = Sqlite::open(&path).unwrap();
        one.put_user(&User::new("tim"), Put::Create).unwrap();
        let Changes::These(changes) = two.changes_since(0).unwrap() else {
            panic!()
        };
        assert_eq!(changes.users, [User::new("tim")]);
        two.remove_user("tim").unwrap();
        let Changes::These(changes) = one.changes_since(changes.seq).unwrap() else {
            panic!()
        };
        assert_eq!(changes.removed_users, ["tim"]);
        drop((one, two));
        let seq = Sqlite::open_checked(&path)
            .unwrap()
            .definitions()
            .unwrap()
            .seq;
        assert_eq!(seq, changes.seq);
    }

    #[test]
    fn many_may_open_a_new_database_at_once_and_write() {
        let (_dir, path) = here();
        thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let mut store = Sqlite::open(path).unwrap();
                    for user in 0..5 {
                        let user = User::new(format!("{number}-{user}"));
                        store.put_user(&user, Put::Create).unwrap();
                    }
                });
            }
        });
        let mut store = Sqlite::open_checked(&path).unwrap();
        assert_eq!(store.users(&UserFilter::default()).unwrap().len(), 40);
    }

    #[test]
    fn a_newer_database_is_refused_and_left_alone() {
        let (_dir, path) = here();
        drop(Sqlite::open(&path).unwrap());
        let direct = rusqlite::Connection::open(&path).unwrap();
        direct.pragma_update(None, "user_version", 1000).unwrap();
        drop(direct);
        let before = fs::read(&path).unwrap();
        let error = Sqlite::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 1000, known } if known < 1000));
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn another_programs_database_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.db");
        let direct = rusqlite::Connection::open(&path).unwrap();
        direct
            .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
            .unwrap();
        drop(direct);
        let error = Sqlite::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Unreadable(_)) && names_file(&error, &path));
        let direct = rusqlite::Connection::open(&path).unwrap();
        let tables: u32 = direct
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn a_file_that_is_no_database_is_corrupt_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("portreeve.db");
        fs::write(
            &path,
            "no database, however long you look at it ".repeat(500),
        )
        .unwrap();
        let error = Sqlite::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
        assert!(
            names_file(&error, &path) && story(&error).contains("backup"),
            "{}",
            story(&error)
        );
    }

    #[test]
    fn a_damaged_page_is_found_at_start() {
        let (_dir, path) = here();
        let mut store = Sqlite::open(&path).unwrap();
        for number in 0..200 {
            let mut user = User::new(format!("user {number}"));
            user.comment = "c".repeat(900);
            store.put_user(&user, Put::Create).unwrap();
        }
        drop(store);
        let mut bytes = fs::read(&path).unwrap();
        let end = bytes.len();
        bytes[4096 * 20..end].fill(0x5a);
        fs::write(&path, &bytes).unwrap();
        let error = Sqlite::open_checked(&path).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
        assert!(names_file(&error, &path), "{}", story(&error));
    }

    #[test]
    fn a_value_nobody_wrote_is_corrupt_not_a_panic() {
        let (_dir, path) = here();
        let mut store = Sqlite::open(&path).unwrap();
        store.put_user(&User::new("tim"), Put::Create).unwrap();
        let direct = rusqlite::Connection::open(&path).unwrap();
        for damage in [
            "UPDATE users SET checks = 'x'",
            "UPDATE users SET checks = x'00ff'",
            "UPDATE users SET checks = '[]', enabled = 'maybe'",
        ] {
            direct.execute_batch(damage).unwrap();
            let error = store.user("tim").unwrap_err();
            assert!(
                matches!(error, StoreError::Corrupt(_)),
                "{damage}: {error:?}"
            );
        }
        direct
            .execute_batch(
                "INSERT INTO nases VALUES ('ap', 'nowhere', 'udp', x'01', '[]', NULL, NULL, NULL,
                     NULL, 'generic', 'yes', 0, 0, '', NULL, NULL, 0)",
            )
            .unwrap();
        assert!(matches!(store.nases(), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn a_database_of_the_first_version_is_brought_up_to_date_with_all_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("portreeve.db");
        let direct = rusqlite::Connection::open(&path).unwrap();
        direct
            .execute_batch(include_str!("../migrations/sqlite/0001_begin.sql"))
            .unwrap();
        direct
            .execute_batch(
                "PRAGMA application_id = 0x50545256; PRAGMA user_version = 1;
                 INSERT INTO nases VALUES ('ap', '192.0.2.0/24', x'00ff0701', 'mikrotik', 'auto',
                     1, 0, 'attic');
                 INSERT INTO change_log (kind, name) VALUES ('nas', 'ap')",
            )
            .unwrap();
        drop(direct);
        let mut store = Sqlite::open_checked(&path).unwrap();
        let secret = SharedSecret::new(vec![0, 255, 7, 1]).unwrap();
        let ap = Nas {
            dialect: DialectName::Mikrotik,
            require_message_authenticator: Require::Auto,
            latched: true,
            limit_proxy_state: false,
            comment: "attic".to_owned(),
            ..Nas::new("ap", "192.0.2.0/24".parse().unwrap(), secret)
        };
        assert_eq!(store.nases().unwrap(), [ap]);
        assert_eq!(store.definitions().unwrap().seq, 1);
    }

    #[test]
    fn a_path_that_cannot_be_opened_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = Sqlite::open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::Unreadable(_)), "{error:?}");
        assert!(names_file(&error, dir.path()), "{}", story(&error));
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let below = file.join("portreeve.db");
        let error = Sqlite::open(&below).unwrap_err();
        assert!(matches!(error, StoreError::Unreadable(_)), "{error:?}");
    }

    #[test]
    fn a_database_locked_for_long_is_busy_and_then_usable() {
        let (_dir, path) = here();
        let mut store = Sqlite::open(&path).unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let refused = store.put_user(&User::new("tim"), Put::Create);
        assert!(matches!(refused, Err(StoreError::Busy)));
        assert!(store.users(&UserFilter::default()).unwrap().is_empty());
        other.execute_batch("ROLLBACK").unwrap();
        store.put_user(&User::new("tim"), Put::Create).unwrap();
    }

    #[test]
    fn a_backup_is_whole_private_and_never_overwrites() {
        let (dir, path) = here();
        let mut store = Sqlite::open(&path).unwrap();
        store.put_user(&User::new("tim"), Put::Create).unwrap();
        let copy = dir.path().join("copy.db");
        store.backup_to(&copy).unwrap();
        assert_eq!(
            fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
            0o600
        );
        store.remove_user("tim").unwrap();
        let refused = store.backup_to(&copy).unwrap_err();
        assert!(
            story(&refused).contains("exists already"),
            "{}",
            story(&refused)
        );
        let mut restored = Sqlite::open_checked(&copy).unwrap();
        assert_eq!(restored.user("tim").unwrap(), User::new("tim"));
    }
}
