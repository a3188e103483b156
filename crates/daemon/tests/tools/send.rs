use std::{
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use md5::{Digest as _, Md5};

use crate::{
    inn::{Open, SECRET},
    program::{Ended, run, run_with},
};

const METHODS: [&str; 4] = ["pap", "chap", "mschap", "mschapv2"];
/// Two quick transmissions: for what will not be answered.
const QUICK: [&str; 4] = ["--timeout", "200ms", "--retries", "1"];

fn login(server: &str, user: &str, password: &str, more: &[&str]) -> Ended {
    let mut arguments = vec!["send", "auth", server, "--secret", SECRET];
    arguments.extend(["--user", user, "--password", password]);
    arguments.extend(more);
    run(&arguments)
}

#[test]
fn every_method_logs_in_and_the_answer_is_shown() {
    let open = Open::new();
    for server in open.addresses() {
        for method in METHODS {
            let ended = login(&server.to_string(), "tim", "12345", &["--method", method]);
            assert_eq!(ended.code, 0, "{method}: {ended:?}");
            ended.says(&[
                &format!("accepted: Access-Accept from {server} in "),
                "Session-Timeout",
                "= 3600",
                "= (secret)",
            ]);
            assert!(!ended.stdout.contains("between us"));
        }
    }
}

#[test]
fn mutual_authentication_and_keys_are_told() {
    let open = Open::new();
    let more = ["--method", "mschapv2"];
    let ended = login(&open.address(), "tim", "12345", &more);
    ended.says(&[
        "the server has proven that it knows the password",
        "the MPPE keys are there and are the right ones",
    ]);
    let more = ["--method", "mschapv2", "--json", "--show-secrets"];
    let answer = login(&open.address(), "tim", "12345", &more).json();
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["verdict"], "accepted");
    assert_eq!(answer["server_proven"], true);
    assert_eq!(answer["mppe_keys"], "present");
    assert!(answer.to_string().contains("between us"));
    let ended = login(&open.address(), "tim", "54321", &["--method", "mschapv2"]);
    assert_eq!(ended.code, 1);
    ended.says(&["Access-Reject", "MS-CHAP error 691, wrong name or password"]);
}

#[test]
fn an_impostor_who_lets_anybody_in_is_no_success() {
    let open = Open::new();
    let ended = login(&open.address(), "anyone", "x", &["--method", "mschapv2"]);
    assert_eq!(ended.code, 1);
    ended.says(&["accepted, but", "a NAS would hang up"]);
}

#[test]
fn the_exit_code_says_whether_the_answer_was_expected() {
    let open = Open::new();
    let ended = login(&open.address(), "tim", "54321", &[]);
    assert_eq!(ended.code, 1);
    ended.says(&["rejected: Access-Reject", "unknown guest"]);
    let ended = login(&open.address(), "tim", "54321", &["--expect", "reject"]);
    assert_eq!(ended.code, 0);
    let ended = login(&open.address(), "token", "x", &["--expect", "challenge"]);
    assert_eq!(ended.code, 0);
    ended.says(&["challenged: Access-Challenge"]);
    let ended = login(&open.address(), "tim", "12345", &["--expect", "reject"]);
    assert_eq!(ended.code, 1);
    ended.says(&["Access-Reject was expected"]);
}

#[test]
fn accounting_status_and_dynamic_authorisation_are_sent() {
    let open = Open::new();
    let address = open.address();
    let ask = |arguments: &[&str]| {
        let mut all = vec!["send", arguments[0], &address, "--secret", SECRET];
        all.extend(&arguments[1..]);
        run(&all)
    };
    let ended = ask(&[
        "acct",
        "--status",
        "stop",
        "--session-id",
        "s-1",
        "--user",
        "tim",
    ]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&["recorded: Accounting-Response"]);
    let ended = ask(&["acct", "--attr", "Acct-Status-Type=Alive"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&["session "]);
    let ended = ask(&["status"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&["alive: Access-Accept"]);
    let ended = ask(&["coa", "--session-id", "s-1", "--attr", "Session-Timeout=60"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&["done: CoA-ACK"]);
    let ended = ask(&["disconnect", "--session-id", "s-2"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    ended.says(&["refused: Disconnect-NAK", "Session-Context-Not-Found"]);
}

#[test]
fn records_report_what_the_options_say() {
    let open = Open::new();
    let address = open.address();
    let ended = run(&[
        "send",
        "acct",
        &address,
        "--secret",
        SECRET,
        "--status",
        "interim",
        "--session-id",
        "s-1",
        "--session-time",
        "60",
        "--input-octets",
        "5000000000",
        "-v",
    ]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&[
        "Acct-Session-Time = 60",
        "Acct-Input-Octets = 705032704",
        "Acct-Input-Gigawords = 1",
        "Acct-Session-Id = \"s-1\"",
    ]);
}

#[test]
fn packets_are_printed_without_their_secrets() {
    let open = Open::new();
    let ended = login(&open.address(), "tim", "12345", &["--verbose"]);
    ended.says(&[
        "Access-Request",
        "User-Name = \"tim\"",
        "User-Password = (secret)",
    ]);
    assert!(!ended.stderr.contains("12345"));
    let ended = login(
        &open.address(),
        "tim",
        "12345",
        &["--verbose", "--show-secrets"],
    );
    ended.says(&["User-Password = \"12345\"", "between us"]);
}

#[test]
fn secrets_and_passwords_need_not_be_on_the_command_line() {
    let open = Open::new();
    let address = open.address();
    let arguments = ["send", "auth", &address, "-u", "tim", "--password-stdin"];
    let ended = run_with(&arguments, &[("PORTREEVE_SECRET", SECRET)], b"12345\n");
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn several_requests_are_summed_up() {
    let open = Open::new();
    let ended = login(&open.address(), "tim", "12345", &["-n", "20", "-p", "4"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&["20 requests, 20 answered as expected; round trip min"]);
    let ended = login(&open.address(), "tim", "12345", &["-n", "3", "--json"]);
    assert_eq!(ended.json_lines().len(), 3);
}

#[test]
fn silence_is_explained() {
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = deaf.local_addr().unwrap().to_string();
    let ended = login(&address, "tim", "12345", &QUICK);
    assert_eq!(ended.code, 1);
    ended.says(&[
        &format!("no answer from {address} after 2 tries"),
        "does it know this address as a NAS",
        "`portreeve log` on the server",
    ]);
    let open = Open::with_secret("another");
    let mut more = QUICK.to_vec();
    more.push("--json");
    let answer = login(&open.address(), "tim", "12345", &more);
    assert_eq!(answer.code, 1);
    assert_eq!(answer.json()["verdict"], "no_answer");
}

#[test]
fn a_closed_port_is_told_from_silence() {
    let address = {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().to_string()
    };
    let ended = login(&address, "tim", "12345", &QUICK);
    assert_eq!(ended.code, 1);
    ended.says(&[&format!("nothing listens on {address}")]);
}

#[test]
fn answers_that_do_not_verify_mean_another_secret() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let mut forged = vec![2, buffer[1], 0, 20];
            forged.extend([7; 16]);
            socket.send_to(&forged, from).unwrap();
        }
    });
    let ended = login(&address, "tim", "12345", &QUICK);
    assert_eq!(ended.code, 1);
    ended.says(&["the shared secrets differ"]);
}

/// A server from before 2024: it accepts everything, without Message-Authenticator.
fn old_server() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let patience = Some(Duration::from_secs(20));
    socket.set_read_timeout(patience).unwrap();
    thread::spawn(move || {
        let mut request = [0; 4096];
        while let Ok((_, from)) = socket.recv_from(&mut request) {
            let mut answer = vec![2, request[1], 0, 20];
            let digest = Md5::new()
                .chain_update(&answer)
                .chain_update(&request[4..20])
                .chain_update(SECRET)
                .finalize();
            answer.extend(digest);
            socket.send_to(&answer, from).unwrap();
        }
    });
    address
}

#[test]
fn an_accept_without_message_authenticator_counts_only_where_that_is_asked_for() {
    let address = old_server();
    let ended = login(&address, "tim", "12345", &QUICK);
    assert_eq!(ended.code, 1);
    ended.says(&["answers without Message-Authenticator"]);
    let trust = ["--no-require-message-authenticator"];
    let ended = login(&address, "tim", "12345", &trust);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&["accepted", "the answer carries no Message-Authenticator"]);
}

#[test]
fn an_old_server_is_alive_all_the_same() {
    let address = old_server();
    let mut status = vec!["send", "status", &address, "--secret", SECRET];
    let ended = run(&status);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&["alive", "the answer carries no Message-Authenticator"]);
    status.extend(["--require-message-authenticator"]);
    status.extend(QUICK);
    assert_eq!(run(&status).code, 1);
}

#[test]
fn wrong_usage_is_said_before_anything_is_sent() {
    let long = "x".repeat(129);
    let port = ["send", "status", "localhost:0", "--secret", "x"];
    let missing = ["send", "status", "localhost"];
    let bare = [
        "send",
        "auth",
        "localhost",
        "--secret",
        "x",
        "--user",
        "tim",
    ];
    let slip = [
        "send",
        "status",
        "localhost",
        "--secret",
        "x",
        "-a",
        "Sesion-Timeout=1",
    ];
    let pair = [
        "send",
        "auth",
        "localhost",
        "--secret",
        "x",
        "-u",
        "a",
        "--password",
        &long,
    ];
    for (arguments, said) in [
        (&port[..], "is no port"),
        (&missing, "give the shared secret"),
        (&bare, "--password-stdin"),
        (&slip, "did you mean Session-Timeout?"),
        (&pair, "password"),
    ] {
        let began = Instant::now();
        let ended = run(arguments);
        assert_eq!(ended.code, 2, "{ended:?}");
        ended.says(&[said]);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
