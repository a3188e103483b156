use std::fs;

use crate::site::{Site, soon};

/// A site with the users tim and anna.
fn site() -> Site {
    let site = Site::new();
    for name in ["tim", "anna"] {
        site.ok(&["user", "add", name, "--password", "a long password"]);
    }
    site
}

/// Issues to a user and returns what is said of it as JSON.
#[track_caller]
fn issued(site: &Site, user: &str, more: &[&str]) -> serde_json::Value {
    let out = site.path("out");
    fs::create_dir_all(&out).unwrap();
    let out = out.display().to_string();
    let mut arguments = vec!["cert", "issue", "--user", user, "--out", &out, "--json"];
    arguments.extend(more);
    site.json(&arguments)
}

#[test]
fn a_user_gets_files_for_a_device_and_is_told_what_to_set_there() {
    let site = site();
    let told = issued(&site, "tim", &["--device", "Tim's phone", "--p12"]);
    assert_eq!(told["purpose"], "user");
    assert_eq!(told["device"], "Tim's phone");
    assert_eq!(told["upns"][0], "tim");
    assert_eq!(told["days_left"], 397);
    assert!(told["pkcs12_password"].as_str().unwrap().len() >= 20);
    let name = told["server_name"].as_str().unwrap();
    assert!(name.contains('.'), "{name}");
    for kind in ["certificate", "key", "ca", "pkcs12"] {
        let path = told["files"][kind].as_str().unwrap();
        assert!(fs::metadata(path).unwrap().len() > 100, "{path}");
    }
    assert!(site.path("out/tim-Tim_s phone.p12").exists());
    let out = site.path("out").display().to_string();
    let said = site.ok(&["cert", "issue", "--user", "anna", "--out", &out]);
    assert!(said.contains("EAP-TLS") && said.contains(name), "{said}");
    let shown = site.json(&["cert", "show", "tim", "--json"]);
    assert!(
        shown["subject"]
            .as_str()
            .unwrap()
            .contains("OU=Tim's phone"),
        "{shown}"
    );
}

#[test]
fn a_user_whom_nobody_knows_gets_no_certificate_by_mistake() {
    let site = site();
    site.ok(&["cert", "init"]);
    let out = site.path("").display().to_string();
    let arguments = ["cert", "issue", "--user", "tmi", "--out", &out];
    let said = site.fails(1, &arguments);
    assert!(said.contains("did you mean 'tim'?"), "{said}");
    assert!(said.contains("--unknown-user"), "{said}");
    assert!(!site.path("tmi.key").exists());
    site.ok(&[&arguments[..], &["--unknown-user"]].concat());
    assert!(site.path("tmi.key").exists());
}

#[test]
fn the_devices_of_a_user_are_listed_and_revoked_one_by_one_or_all() {
    let site = site();
    for device in ["phone", "laptop", "tablet"] {
        issued(&site, "tim", &["--device", device]);
    }
    issued(&site, "anna", &["--device", "phone"]);
    let listed = |user: &str| {
        let listed = site.json(&["cert", "list", "--user", user, "--json"]);
        let listed = listed.as_array().unwrap().iter();
        let devices = listed.map(|one| one["device"].as_str().unwrap().to_owned());
        devices.collect::<Vec<_>>()
    };
    assert_eq!(listed("tim"), ["laptop", "phone", "tablet"]);
    let said = site.ok(&["cert", "list", "--user", "anna"]);
    assert!(said.contains("DEVICE") && said.contains("phone"), "{said}");
    assert!(!said.contains("tim"), "{said}");
    let one = [
        "cert", "revoke", "--user", "tim", "--device", "phone", "--json",
    ];
    assert_eq!(site.json(&one)[0]["state"], "revoked");
    assert_eq!(listed("tim"), ["laptop", "tablet"]);
    let all = [
        "cert",
        "revoke",
        "--user",
        "tim",
        "--reason",
        "cessation-of-operation",
    ];
    let said = site.run(&all).err;
    assert_eq!(said.matches(" revoked\n").count(), 2, "{said}");
    assert!(listed("tim").is_empty());
    assert_eq!(listed("anna"), ["phone"]);
    let said = site.fails(1, &all);
    assert!(said.contains("'tim'"), "{said}");
    let said = site.fails(1, &["cert", "show", "tim"]);
    assert_eq!(said.matches("revoked").count(), 3, "{said}");
}

#[test]
fn a_certificate_is_issued_anew_as_it_was() {
    let site = site();
    let old = issued(
        &site,
        "tim",
        &["--device", "phone", "--key-type", "p384", "--days", "100"],
    );
    let out = site.path("out").display().to_string();
    let new = site.json(&["cert", "renew", "tim", "--out", &out, "--force", "--json"]);
    for same in ["name", "device", "upns", "days_left", "purpose"] {
        assert_eq!(old[same], new[same], "{same}");
    }
    assert_ne!(old["serial"], new["serial"]);
    let serial = new["serial"].as_str().unwrap();
    let shown = site.json(&["cert", "show", serial, "--json"]);
    assert_eq!(shown["key"], "EC P-384");
    let said = site.fails(1, &["cert", "renew", "server", "--out", &out]);
    assert!(said.contains("our own"), "{said}");
    let said = site.fails(2, &["cert", "renew", "--out", &out]);
    assert!(said.contains("NAME|SERIAL"), "{said}");
    let ours = site.json(&["cert", "renew", "--json"]);
    assert_eq!(ours.as_array().unwrap().len(), 2);
}

#[test]
fn what_is_asked_of_the_server_s_certificate_is_in_it_and_stays() {
    let site = Site::new();
    let arguments = ["cert", "issue", "--server", "--name", "wifi.example.org"];
    site.ok(&[
        &arguments[..],
        &["--key-type", "rsa3072", "--tod", "strict"],
    ]
    .concat());
    let server = site.serve();
    let shown = site.ok(&["cert", "show", "server"]);
    for words in ["RSA 3072", "strict", "wifi.example.org"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let told = site.json(&["cert", "show", "server", "--json"]);
    assert_eq!(told["server_name"], "wifi.example.org");
    assert_eq!(told["trust_override"], "strict");
    site.ok(&["cert", "renew"]);
    let again = site.ok(&["cert", "show", "server"]);
    assert_ne!(shown, again);
    assert!(
        again.contains("RSA 3072") && again.contains("strict"),
        "{again}"
    );
    soon("the server has it", || !site.said().contains("ERROR"));
    drop(server);
    let said = site.fails(2, &["cert", "issue", "--server", "--name", "wifi"]);
    assert!(said.contains("with a dot"), "{said}");
}

#[test]
fn wrong_usage_names_the_flag() {
    let site = site();
    for (arguments, named) in [
        (
            &["cert", "issue", "--user", "tim", "--peer", "x"][..],
            "--peer",
        ),
        (&["cert", "issue", "--peer", "x", "--device", "y"], "--user"),
        (
            &["cert", "issue", "--user", "tim", "--tod", "strict"],
            "--server",
        ),
        (
            &["cert", "issue", "--user", "tim", "--days", "826"],
            "--days",
        ),
        (
            &["cert", "issue", "--user", "tim", "--device", ""],
            "--device",
        ),
        (&["cert", "issue", "--server", "--p12"], "--p12"),
        (&["cert", "revoke"], "--user"),
        (&["cert", "revoke", "tim", "--device", "phone"], "--user"),
        (&["cert", "init", "--key-type", "p512"], "p384"),
    ] {
        let said = site.fails(2, arguments);
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}

#[test]
fn a_certificate_is_verified_by_our_own_ca() {
    let site = site();
    let issued = issued(&site, "tim", &[]);
    let file = issued["files"]["certificate"].as_str().unwrap();
    let said = site.json(&["cert", "verify", file, "--json"]);
    assert_eq!(
        (&said["status"], &said["good"]),
        (&"good".into(), &true.into())
    );
    let (other, ca) = (Site::new(), issued["files"]["ca"].as_str().unwrap());
    other.ok(&["cert", "init"]);
    let said = other.run(&["cert", "verify", file, "--json"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.out.contains("our own CA has not signed it"),
        "{}",
        said.out
    );
    let said = other.ok(&["cert", "verify", file, "--ca", ca]);
    assert!(said.contains("nobody was asked"), "{said}");
    site.ok(&["cert", "revoke", "tim", "--reason", "superseded"]);
    let said = site.run(&["cert", "verify", file]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("superseded"), "{}", said.out);
    let key = issued["files"]["key"].as_str().unwrap();
    let said = site.fails(1, &["cert", "verify", key]);
    assert!(said.contains("is no certificate"), "{said}");
    let ask = ["cert", "verify", file, "--ocsp", "http://a.example/"];
    assert!(site.fails(2, &ask).contains("--ca"));
}

#[test]
fn what_is_wrong_with_the_portal_is_told_before_the_start() {
    let site = Site::new();
    site.configure("[portal]\ncertificate = 'none.crt'\nkey = 'none.key'\n");
    let config = site.config().display().to_string();
    let said = site.fails(78, &["check", "--config", &config]);
    assert!(said.contains("portal.certificate"), "{said}");
}
