use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::site::Site;

#[test]
fn the_sample_passes_on_an_empty_data_directory() {
    let site = Site::new();
    let sample = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/examples/portreeve.toml"
    );
    site.ok(&["check", "--config", sample]);
    assert!(!site.data().exists());
}

#[test]
fn every_mistake_in_a_file_is_told_with_its_place() {
    let site = Site::new();
    site.configure("[listen]\nauht = ['127.0.0.1:0']\n[security]\nreject_delay_ms = 'long'\n");
    let config = site.config();
    let config = config.to_str().unwrap();
    for command in ["check", "serve"] {
        let said = site.fails(78, &[command, "--config", config]);
        assert!(
            said.contains("portreeve.toml:2:1: unknown key \"auht\""),
            "{said}"
        );
        assert!(said.contains("did you mean \"auth\"?"), "{said}");
        assert!(said.contains("portreeve.toml:4:19: "), "{said}");
    }
    assert!(!site.data().exists());
    site.fails(78, &["check", "--config", "/nonexistent/portreeve.toml"]);
}

#[test]
fn the_file_in_the_data_directory_is_read_unless_another_is_named() {
    let site = Site::new();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    fs::write(site.data().join("portreeve.toml"), "nonsense = 1\n").unwrap();
    site.fails(78, &["check"]);
    site.ok(&["check", "--config", site.config().to_str().unwrap()]);
}

#[test]
fn users_who_could_not_log_in_are_named() {
    let site = Site::new();
    site.ok(&[
        "user",
        "add",
        "tim",
        "--password",
        "12345",
        "--store",
        "bcrypt",
    ]);
    site.ok(&["nas", "add", "ap", "192.0.2.1", "--secret", "testing123"]);
    let ended = site.run(&["check"]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.err.contains("cannot serve CHAP, MS-CHAP: tim"),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("nas 'ap'"), "{}", ended.err);
}

#[test]
fn a_dictionary_of_ones_own_names_attributes_and_losing_it_is_a_problem() {
    let site = Site::new();
    site.ok(&["group", "add", "staff"]);
    let own = site.data().join("dictionary.own");
    fs::write(&own, "ATTRIBUTE Own-Thing 250 string\n").unwrap();
    let config = site.data().join("portreeve.toml");
    fs::write(&config, "[dictionary]\ninclude = ['dictionary.own']\n").unwrap();
    site.ok(&[
        "user",
        "add",
        "tim",
        "--password",
        "12345",
        "--attr",
        "Own-Thing=x",
    ]);
    site.ok(&["check"]);
    fs::remove_file(config).unwrap();
    let said = site.fails(78, &["check"]);
    assert!(said.contains("Own-Thing"), "{said}");
    fs::write(
        site.data().join("portreeve.toml"),
        "[dictionary]\ninclude = ['gone']\n",
    )
    .unwrap();
    let said = site.fails(78, &["check"]);
    assert!(said.contains("gone"), "{said}");
}

#[test]
fn a_directory_that_is_open_to_others_is_warned_of() {
    let site = Site::new();
    site.ok(&["group", "add", "staff"]);
    fs::set_permissions(site.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let ended = site.run(&["check"]);
    assert!(ended.err.contains("chmod go="), "{}", ended.err);
}

#[test]
fn a_damaged_database_is_told_as_such() {
    let site = Site::new();
    site.ok(&["group", "add", "staff"]);
    fs::write(
        site.data().join("portreeve.db"),
        "this is no database at all",
    )
    .unwrap();
    for arguments in [&["check"][..], &["user", "list"], &["serve"]] {
        let said = site.fails(1, arguments);
        assert!(
            said.contains("portreeve.db") && said.contains("damaged"),
            "{said}"
        );
    }
    assert!(Path::new(&site.data()).exists());
}
