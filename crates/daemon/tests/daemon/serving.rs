use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use portreeve::{Access, Accounting, Client, attr, blocking, client::Retry};

use crate::site::{CONFIG, SECRET, Site, client, soon};

#[test]
fn the_first_run_makes_everything_ready_and_says_what_to_do_next() {
    let site = Site::new();
    let server = site.serve();
    let said = site.said();
    for words in [
        "user add tim --generate",
        "send auth 127.0.0.1:",
        "/radius add address=",
        "made now",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains(&server.auth.to_string()), "{said}");
    let nas = site.json(&["nas", "show", "localhost", "--reveal-secret", "--json"]);
    let secret = nas["secret"].as_str().unwrap();
    assert!(said.contains(secret), "{said}");
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    soon("the new user is let in", || {
        let asked = client(server.auth, secret).access(Access::pap("tim", "12345"));
        asked.unwrap().is_accept()
    });
}

#[test]
fn the_nas_of_the_first_run_gives_way_to_the_administrators_own() {
    let site = Site::new();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    let server = site.serve();
    site.ok(&["nas", "add", "mine", "127.0.0.0/8", "--secret", SECRET]);
    soon("the new secret counts", || {
        let asked = crate::site::unheard(server.auth, SECRET).access(Access::pap("tim", "12345"));
        asked.is_ok_and(|outcome| outcome.is_accept())
    });
    assert!(
        site.fails(1, &["nas", "add", "other", "127.0.0.0/8"])
            .contains("exists")
    );
}

#[test]
fn every_method_lets_in_with_the_attributes_of_user_and_group() {
    let site = Site::with_nas();
    site.ok(&[
        "group",
        "add",
        "staff",
        "--attr",
        "Idle-Timeout=900",
        "--attr",
        "Session-Timeout=9",
    ]);
    site.ok(&[
        "user",
        "add",
        "tim",
        "--password",
        "pässwörd €",
        "--group",
        "staff",
        "--attr",
        "Session-Timeout=3600",
    ]);
    let server = site.serve();
    for address in [server.auth, server.auth6] {
        let client = client(address, SECRET);
        let (user, password) = ("tim", "pässwörd €");
        for access in [
            Access::pap(user, password),
            Access::chap(user, password),
            Access::mschapv1(user, password),
            Access::mschapv2(user, password),
        ] {
            let outcome = client.access(access).unwrap();
            assert!(outcome.is_accept());
            let packet = outcome.response().packet();
            assert_eq!(packet.all(attr::SESSION_TIMEOUT), [3600]);
            assert_eq!(packet.get(attr::IDLE_TIMEOUT), Some(900));
            assert!(packet.has(attr::CLASS));
        }
        for access in [
            Access::pap(user, "wrong"),
            Access::chap(user, "wrong"),
            Access::mschapv1(user, "wrong"),
            Access::mschapv2(user, "wrong"),
            Access::pap("nobody", password),
            Access::mschapv2("nobody", password),
        ] {
            assert!(!client.access(access).unwrap().is_accept());
        }
    }
}

#[test]
fn every_way_of_keeping_a_password_lets_in_by_pap() {
    let site = Site::with_nas();
    let schemes = [
        "clear",
        "nt",
        "argon2id",
        "bcrypt",
        "sha512-crypt",
        "yescrypt",
        "ssha512",
    ];
    for scheme in schemes {
        site.ok(&[
            "user",
            "add",
            scheme,
            "--password",
            "12345",
            "--store",
            scheme,
        ]);
    }
    let server = site.serve();
    let client = client(server.auth, SECRET);
    for scheme in schemes {
        assert!(
            client
                .access(Access::pap(scheme, "12345"))
                .unwrap()
                .is_accept(),
            "{scheme}"
        );
        assert!(
            !client
                .access(Access::pap(scheme, "12346"))
                .unwrap()
                .is_accept(),
            "{scheme}"
        );
        assert!(
            !client.access(Access::pap(scheme, "")).unwrap().is_accept(),
            "{scheme}"
        );
    }
    assert!(
        !client
            .access(Access::chap("argon2id", "12345"))
            .unwrap()
            .is_accept()
    );
    assert!(
        client
            .access(Access::mschapv2("nt", "12345"))
            .unwrap()
            .is_accept()
    );
}

#[test]
fn changes_take_effect_within_a_second_and_without_a_restart() {
    let site = Site::with_nas();
    let server = site.serve();
    let client = client(server.auth, SECRET);
    let let_in = |user, password| {
        client
            .access(Access::pap(user, password))
            .unwrap()
            .is_accept()
    };
    assert!(!let_in("tim", "12345"));
    let within_a_second = |what: &str, holds: &dyn Fn() -> bool| {
        let changed = Instant::now();
        soon(what, holds);
        // A reject that was asked for just before takes its own time, and so may a busy machine.
        assert!(changed.elapsed() < Duration::from_secs(3), "{what}");
    };
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    within_a_second("added", &|| let_in("tim", "12345"));
    site.ok(&["user", "set", "tim", "--password", "54321"]);
    within_a_second("changed", &|| {
        let_in("tim", "54321") && !let_in("tim", "12345")
    });
    site.ok(&["user", "disable", "tim"]);
    within_a_second("disabled", &|| !let_in("tim", "54321"));
    site.ok(&["user", "enable", "tim"]);
    within_a_second("enabled", &|| let_in("tim", "54321"));
    site.ok(&["user", "remove", "tim"]);
    within_a_second("removed", &|| !let_in("tim", "54321"));
}

#[test]
fn every_reject_looks_the_same_to_whoever_gets_it() {
    let site = Site::with_nas();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    site.ok(&["user", "add", "off", "--password", "12345"]);
    site.ok(&["user", "disable", "off"]);
    let kept = ["user", "add", "hashed", "--password", "12345", "--store"];
    site.ok(&[&kept[..], &["sha512-crypt"]].concat());
    let conditions = ["user", "add", "tied", "--password", "12345", "--check"];
    site.ok(&[&conditions[..], &["NAS-Port=77"]].concat());
    let server = site.serve();
    let client = client(server.auth, SECRET);
    // The wrong password, then no such user, then the right password of those who may not come in.
    let tries = [
        ("tim", "wrong"),
        ("nobody", "12345"),
        ("off", "12345"),
        ("hashed", "12345"),
        ("tied", "12345"),
    ];
    for method in [Access::mschapv2, Access::chap] {
        let shapes = tries.map(|(user, password)| {
            let outcome = client.access(method(user, password)).unwrap();
            assert!(!outcome.is_accept(), "{user}");
            assert!(
                outcome.response().elapsed() >= Duration::from_millis(100),
                "{user}"
            );
            let packet = outcome.response().packet();
            let lengths = packet
                .attributes()
                .map(|found| (found.number, found.value.len()));
            lengths.collect::<Vec<_>>()
        });
        for shape in &shapes {
            assert_eq!(*shape, shapes[0]);
        }
    }
}

#[test]
fn a_nas_is_taken_on_and_let_go_while_serving() {
    let site = Site::new();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    site.ok(&["nas", "add", "local", "127.0.0.1", "--secret", SECRET]);
    site.ok(&["nas", "add", "local6", "::1", "--secret", SECRET]);
    let server = site.serve();
    let let_in = || {
        let builder = Client::udp(server.auth.to_string(), SECRET);
        let retry = Retry::once(Duration::from_millis(300));
        let builder = builder
            .retry(retry)
            .source(Ipv4Addr::new(127, 0, 0, 2).into());
        let outcome = blocking::Client::new(builder)
            .unwrap()
            .access(Access::pap("tim", "12345"));
        outcome.is_ok_and(|outcome| outcome.is_accept())
    };
    assert!(!let_in());
    site.ok(&["nas", "add", "other", "127.0.0.2", "--secret", SECRET]);
    soon("the new NAS is heard", let_in);
    site.ok(&["nas", "set", "other", "--secret", "quite another secret"]);
    soon("the old secret is worth nothing", || !let_in());
    site.ok(&["nas", "set", "other", "--secret", SECRET]);
    soon("the secret is the old one again", let_in);
    site.ok(&["nas", "remove", "other"]);
    soon("the removed NAS meets silence", || !let_in());
}

#[test]
fn accounting_becomes_a_session_and_survives_a_power_cut() {
    let site = Site::with_nas();
    let server = site.serve();
    let accounting = client(server.accounting, SECRET);
    let about = |record: Accounting| {
        record
            .with(attr::USER_NAME, "tim")
            .with(attr::FRAMED_IP_ADDRESS, Ipv4Addr::new(192, 0, 2, 7))
    };
    for number in 0..20 {
        let id = format!("s{number}");
        accounting
            .accounting(about(Accounting::start(&id)))
            .unwrap();
    }
    server.kill();
    let server = site.serve();
    soon("all that was answered is there", || {
        site.json(&["session", "list", "--json"])
            .as_array()
            .unwrap()
            .len()
            == 20
    });
    let accounting = client(server.accounting, SECRET);
    let stop = Accounting::stop("s7").with(attr::ACCT_INPUT_OCTETS, 1000);
    accounting
        .accounting(about(stop.with(attr::ACCT_SESSION_TIME, 60)))
        .unwrap();
    soon("the stopped one is closed", || {
        site.json(&["session", "list", "--json"])
            .as_array()
            .unwrap()
            .len()
            == 19
    });
    let shown = site.json(&["session", "show", "s7", "--json"]);
    assert_eq!(shown[0]["open"], false);
    assert_eq!(shown[0]["user"], "tim");
    assert_eq!(shown[0]["input_octets"], 1000);
    let all = site.json(&[
        "session", "list", "--all", "--user", "tim", "--nas", "local", "--json",
    ]);
    assert_eq!(all.as_array().unwrap().len(), 20);
    site.fails(1, &["session", "show", "s99"]);
}

#[test]
fn status_tells_a_server_that_answers_from_one_that_does_not() {
    let site = Site::with_nas();
    assert!(site.fails(1, &["status"]).contains("no server is running"));
    let server = site.serve();
    let shown = site.ok(&["status"]);
    assert_eq!(shown.matches("answering within").count(), 3, "{shown}");
    let status = site.json(&["status", "--json"]);
    assert_eq!(status["answering"], true);
    assert_eq!(status["probes"].as_array().unwrap().len(), 3);
    server.signal("STOP");
    site.fails(1, &["status"]);
    server.signal("CONT");
    server.kill();
    assert!(site.fails(1, &["status"]).contains("no server is running"));
}

#[test]
fn a_server_that_is_told_to_stop_answers_what_is_at_work_and_ends_well() {
    let site = Site::with_nas();
    site.configure(&CONFIG.replace("= 100", "= 1500"));
    let server = site.serve();
    let (address, asked) = (server.auth, Instant::now());
    let waiting = std::thread::spawn(move || {
        client(address, SECRET)
            .access(Access::pap("nobody", "wrong"))
            .unwrap()
            .is_accept()
    });
    soon("the request is at work", || {
        site.json(&["status", "--json"])["requests"]["access"] == 1
    });
    server.signal("TERM");
    assert!(!waiting.join().unwrap());
    assert!(asked.elapsed() > Duration::from_secs(1));
    assert_eq!(server.ended(), Some(0));
    assert!(!site.data().join("control.sock").exists());
}

#[test]
fn log_lines_may_be_json() {
    let site = Site::with_nas();
    site.configure(&format!("{CONFIG}[log]\nformat = 'json'\n"));
    let server = site.serve();
    server.signal("INT");
    assert_eq!(server.ended(), Some(0));
    let said = std::fs::read_to_string(site.path("serve.err")).unwrap();
    assert!(!said.is_empty());
    for line in said.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].is_string());
    }
}
