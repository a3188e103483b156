use std::{io::Write as _, net::UdpSocket, time::Instant};

use serde_json::Value;

use crate::{
    inn::{Open, SECRET},
    program::{Ended, run},
};

fn bench(kind: &str, server: &str, more: &[&str]) -> Ended {
    let mut arguments = vec!["bench", kind, server, "--secret", SECRET];
    arguments.extend(more);
    run(&arguments)
}

fn report(ended: &Ended, code: i32) -> Value {
    assert_eq!(ended.code, code, "{ended:?}");
    ended.json()
}

#[test]
fn numbered_users_log_in_by_every_method() {
    let open = Open::new();
    for method in ["pap", "chap", "mschap", "mschapv2"] {
        let more = [
            "--user",
            "user%d",
            "--password",
            "user%d",
            "--method",
            method,
            "-n",
            "300",
            "--json",
        ];
        let report = report(&bench("auth", &open.address(), &more), 0);
        assert_eq!(report["ok"], true);
        assert_eq!(report["requests"], 300);
        assert_eq!(report["outcomes"]["accept"], 300);
        assert!(report["latency_ms"]["p99_9"].as_f64().unwrap() > 0.0);
        assert!(report["answers_per_second"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn sessions_are_accounted_for_over_many_sockets() {
    let open = Open::new();
    let more = ["-n", "900", "-p", "600", "--json"];
    let report = report(&bench("acct", &open.address(), &more), 0);
    assert_eq!(report["outcomes"]["recorded"], 900);
    assert_eq!(report["sockets"], 8);
}

#[test]
fn a_person_gets_a_short_report() {
    let open = Open::new();
    let more = ["--user", "tim", "--password", "12345", "-n", "50"];
    let ended = bench("auth", &open.address(), &more);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&[
        "50 PAP requests to",
        "accepted",
        "latency",
        "p50",
        "p99.9",
        "max",
    ]);
    assert!(!ended.stderr.contains('\u{1b}'), "{ended:?}");
}

#[test]
fn users_come_from_a_file() {
    let open = Open::new();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"tim 12345\nuser7\tuser7\nnobody x\n")
        .unwrap();
    let users = file.path().to_str().unwrap();
    let more = ["--users", users, "-n", "30", "--json"];
    let report = report(&bench("auth", &open.address(), &more), 1);
    assert_eq!(report["outcomes"]["accept"], 20);
    assert_eq!(report["outcomes"]["reject"], 10);
}

#[test]
fn time_and_rate_bound_a_load() {
    let open = Open::new();
    let more = [
        "--user",
        "tim",
        "--password",
        "12345",
        "--duration",
        "1s",
        "--rate",
        "100",
        "--json",
    ];
    let report = report(&bench("auth", &open.address(), &more), 0);
    let requests = report["requests"].as_u64().unwrap();
    assert!((50..=110).contains(&requests), "{report}");
}

#[test]
fn an_accept_without_the_servers_proof_is_counted_apart() {
    let open = Open::new();
    let more = [
        "--user",
        "anyone",
        "--password",
        "x",
        "--method",
        "mschapv2",
        "-n",
        "10",
        "--json",
    ];
    let report = report(&bench("auth", &open.address(), &more), 1);
    assert_eq!(report["outcomes"]["server_unproven"], 10);
    assert_eq!(report["outcomes"]["accept"], 0);
}

#[test]
fn nobody_listening_or_answering_ends_a_load_soon() {
    let closed = {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().to_string()
    };
    let began = Instant::now();
    let login = [
        "--user",
        "tim",
        "--password",
        "12345",
        "--json",
        "--timeout",
        "200ms",
    ];
    let report_closed = report(&bench("auth", &closed, &login), 1);
    assert_eq!(report_closed["ended"], "nobody_listens");
    assert!(
        report_closed["advice"]
            .as_str()
            .unwrap()
            .contains("nothing listens")
    );
    let open = Open::with_secret("another");
    let report_silent = report(&bench("auth", &open.address(), &login), 1);
    assert_eq!(report_silent["ended"], "nobody_answers");
    assert!(report_silent["retransmissions"].as_u64().unwrap() > 0);
    assert!(began.elapsed().as_secs() < 30);
}

#[test]
fn the_deadline_ends_what_still_waits() {
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = deaf.local_addr().unwrap().to_string();
    let more = [
        "--deadline",
        "300ms",
        "--timeout",
        "60s",
        "-n",
        "5",
        "--json",
    ];
    let report = report(&bench("acct", &address, &more), 1);
    assert_eq!(report["ended"], "deadline");
    assert_eq!(report["outcomes"]["unfinished"], 5);
}

#[test]
fn wrong_usage_is_said() {
    for (more, said) in [
        (&["--user", "tim"][..], "--password PASSWORD"),
        (&["--users", "f", "--user", "tim"], "cannot be used with"),
        (
            &["--user", "a", "--password", "b", "--rate", "0"],
            "requests a second",
        ),
        (
            &["--user", "a", "--password", "b", "--duration", "0"],
            "write a time",
        ),
    ] {
        let ended = bench("auth", "127.0.0.1:9", more);
        assert_eq!(ended.code, 2, "{ended:?}");
        ended.says(&[said]);
    }
}
