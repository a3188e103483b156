use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::site::{Site, soon};

/// Issues to a peer and returns what is said of it as JSON.
fn issued(site: &Site, name: &str, more: &[&str]) -> serde_json::Value {
    let out = site.path("out");
    fs::create_dir_all(&out).unwrap();
    let out = out.display().to_string();
    let mut arguments = vec!["cert", "issue", "--peer", name, "--out", &out, "--json"];
    arguments.extend(more);
    site.json(&arguments)
}

#[test]
fn the_first_run_says_that_a_ca_was_made_and_the_second_does_not() {
    let site = Site::new();
    let server = site.serve();
    soon("the welcome", || site.said().contains("a CA was made"));
    let shown = site.json(&["cert", "show", "ca", "--json"]);
    let fingerprint = shown["fingerprint_sha256"].as_str().unwrap();
    assert!(site.said().contains(fingerprint), "{}", site.said());
    server.signal("TERM");
    assert_eq!(server.ended(), Some(0));
    let server = site.serve();
    soon("the welcome", || site.said().contains("authentication"));
    assert!(!site.said().contains("a CA was made"));
    drop(server);
}

#[test]
fn a_running_server_makes_its_certificate_anew_when_its_file_is_lost() {
    let site = Site::new();
    let server = site.serve();
    let before = site.json(&["cert", "show", "server", "--json"]);
    server.signal("TERM");
    assert_eq!(server.ended(), Some(0));
    fs::write(site.data().join("ca/server.pem"), "torn").unwrap();
    let _server = site.serve();
    let after = site.json(&["cert", "show", "server", "--json"]);
    assert_ne!(before["serial"], after["serial"]);
    assert_eq!(before["issuer"], after["issuer"]);
}

#[test]
fn a_server_without_a_ca_it_can_read_says_so_and_serves() {
    let site = Site::new();
    site.ok(&["cert", "init"]);
    fs::write(site.data().join("ca/ca.crt"), "torn").unwrap();
    let _server = site.serve();
    soon("the trouble", || site.said().contains("ca.crt"));
    let checked = site.run(&["check"]);
    assert!(checked.err.contains("ca.crt"), "{}", checked.err);
}

#[test]
fn a_peer_is_issued_what_its_nas_is_called_and_where_it_is() {
    let site = Site::new();
    site.ok(&["nas", "add", "office", "192.0.2.9"]);
    let peer = issued(
        &site,
        "office",
        &["--dns", "office.example.org", "--days", "20"],
    );
    assert_eq!(peer["purpose"], "peer");
    assert_eq!(peer["state"], "expires soon");
    assert_eq!(peer["days_left"], 19);
    assert_eq!(peer["addresses"][0], "192.0.2.9");
    assert_eq!(peer["dns"].as_array().unwrap().len(), 2);
    let key = peer["files"]["key"].as_str().unwrap();
    let mode = fs::metadata(key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = site.run(&["cert", "list"]);
    assert!(listed.out.contains("expires soon"), "{}", listed.out);
    assert!(
        listed.err.contains("portreeve cert issue --peer 'office'"),
        "{}",
        listed.err
    );
    assert!(site.run(&["check"]).err.contains("office"));
}

#[test]
fn nothing_is_overwritten_and_nothing_issued_for_it() {
    let site = Site::new();
    let first = issued(&site, "ap", &[]);
    let key = first["files"]["key"].as_str().unwrap();
    let before = fs::read(key).unwrap();
    let out = site.path("out").display().to_string();
    let said = site.fails(1, &["cert", "issue", "--peer", "ap", "--out", &out]);
    assert!(said.contains("--force"), "{said}");
    assert_eq!(fs::read(key).unwrap(), before);
    assert_eq!(
        site.json(&["cert", "list", "--json"])
            .as_array()
            .unwrap()
            .len(),
        4
    );
    issued(&site, "ap", &["--force"]);
    assert_ne!(fs::read(key).unwrap(), before);
    let nowhere = site.path("nowhere").display().to_string();
    let said = site.fails(1, &["cert", "issue", "--peer", "ap2", "--out", &nowhere]);
    assert!(said.contains("nowhere"), "{said}");
    assert_eq!(
        site.json(&["cert", "list", "--json"])
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

#[test]
fn several_of_a_name_are_told_by_their_serials() {
    let site = Site::new();
    let first = issued(&site, "ap", &[]);
    let second = issued(&site, "ap", &["--force"]);
    let said = site.fails(1, &["cert", "revoke", "ap"]);
    for certificate in [&first, &second] {
        assert!(
            said.contains(certificate["serial"].as_str().unwrap()),
            "{said}"
        );
    }
    let serial = first["serial"].as_str().unwrap();
    let revoked = site.json(&["cert", "revoke", serial, "--reason", "superseded", "--json"]);
    assert_eq!(revoked["state"], "revoked");
    assert_eq!(revoked["revocation_reason"], "superseded");
    assert_eq!(
        site.json(&["cert", "show", "ap", "--json"])["serial"],
        second["serial"]
    );
    let said = site.fails(1, &["cert", "revoke", serial]);
    assert!(said.contains("already"), "{said}");
    let said = site.fails(1, &["cert", "show", "nobody"]);
    assert!(said.contains("cert list --all"), "{said}");
}

#[test]
fn of_our_own_certificates_the_one_in_use_is_listed() {
    let site = Site::new();
    let server = site.serve();
    let before = site.json(&["cert", "show", "server", "--json"]);
    site.ok(&["cert", "issue", "--server", "--dns", "radius.example.org"]);
    site.ok(&["cert", "revoke", "client"]);
    let listed = site.json(&["cert", "list", "--json"]);
    let purposes: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["purpose"].as_str().unwrap())
        .collect();
    assert_eq!(purposes, ["ca", "server", "client"]);
    assert_ne!(listed[1]["serial"], before["serial"]);
    assert!(
        listed[1]["dns"]
            .as_array()
            .unwrap()
            .contains(&"radius.example.org".into())
    );
    assert!(
        site.json(&["cert", "list", "--all", "--json"])
            .as_array()
            .unwrap()
            .len()
            > 3
    );
    server.signal("TERM");
    assert_eq!(server.ended(), Some(0));
    assert!(!site.said().contains("ERROR"), "{}", site.said());
}

#[test]
fn the_log_says_once_that_an_end_is_near() {
    let site = Site::new();
    issued(&site, "office", &["--days", "20"]);
    let server = site.serve();
    soon("the warning", || site.said().contains("'office'"));
    assert!(
        site.said().contains("expires in 19 days"),
        "{}",
        site.said()
    );
    let record = site.json(&["cert", "show", "office", "--json"]);
    let path = format!("ca/issued/{}.json", record["serial"].as_str().unwrap());
    let told = || fs::read_to_string(site.data().join(&path)).unwrap();
    soon("the warning is remembered", || {
        told().contains("\"warned\": 30")
    });
    server.kill();
    issued(&site, "branch", &["--days", "5"]);
    let _server = site.serve();
    soon("the other warning", || site.said().contains("'branch'"));
    assert!(!site.said().contains("'office'"), "{}", site.said());
}

#[test]
fn wrong_usage_names_the_flag() {
    let site = Site::new();
    for (arguments, named) in [
        (&["cert", "issue"][..], "--peer"),
        (&["cert", "issue", "--peer", "../x"], "--peer"),
        (&["cert", "issue", "--peer", "a", "--days", "0"], "--days"),
        (&["cert", "issue", "--peer", "a", "--dns", "a b"], "--dns"),
        (&["cert", "issue", "--server", "--days", "3"], "--days"),
        (&["cert", "issue", "--peer", "a", "--legacy-p12"], "--p12"),
        (&["cert", "init", "--permit", "example.org"], "--permit"),
    ] {
        let said = site.fails(2, arguments);
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}
