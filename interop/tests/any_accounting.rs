//! Accounting by `radclient`.

use portreeve_interop::subject::Subject;
use portreeve_interop::tools::radclient;
use portreeve_interop::world::SECRET;

const SESSION: &str = "User-Name = \"bob\"
Acct-Session-Id = \"interop-1\"
NAS-IP-Address = 192.0.2.9
NAS-Port = 7
Framed-IP-Address = 192.0.2.50
Calling-Station-Id = \"02-00-00-00-00-01\"";

const START: &str = "Acct-Status-Type = Start";
const INTERIM: &str = "Acct-Status-Type = Interim-Update
Acct-Session-Time = 60
Acct-Input-Octets = 1000
Acct-Input-Gigawords = 1
Acct-Output-Octets = 2000";
const STOP: &str = "Acct-Status-Type = Stop
Acct-Session-Time = 120
Acct-Input-Octets = 3000
Acct-Input-Gigawords = 1
Acct-Output-Octets = 4000
Acct-Terminate-Cause = User-Request";

#[test]
fn start_interim_and_stop_are_answered() {
    let server = Subject::household();
    for status in [START, INTERIM, STOP] {
        let ended = radclient(
            server.acct(),
            "acct",
            SECRET,
            &format!("{SESSION}\n{status}"),
        );
        assert!(
            ended.stdout.contains("Received Accounting-Response"),
            "{}",
            ended.said()
        );
    }
}

#[test]
fn the_start_and_the_end_of_a_nas_are_answered() {
    let server = Subject::household();
    for status in ["Accounting-On", "Accounting-Off"] {
        let attributes = format!(
            "Acct-Status-Type = {status}\nNAS-IP-Address = 192.0.2.9\nAcct-Session-Id = \"0\""
        );
        let ended = radclient(server.acct(), "acct", SECRET, &attributes);
        assert!(
            ended.stdout.contains("Received Accounting-Response"),
            "{}",
            ended.said()
        );
    }
}

#[test]
fn ipv6_is_served_like_ipv4() {
    let server = Subject::household();
    let attributes = format!("{SESSION}\n{START}");
    let ended = radclient(server.ports().acct_v6(), "acct", SECRET, &attributes);
    assert!(
        ended.stdout.contains("Received Accounting-Response"),
        "{}",
        ended.said()
    );
}

#[test]
fn a_wrong_secret_gets_no_answer() {
    let server = Subject::household();
    let attributes = format!("{SESSION}\n{START}");
    let ended = radclient(server.acct(), "acct", "another secret", &attributes);
    assert!(!ended.stdout.contains("Received"), "{}", ended.stdout);
    let ended = radclient(server.acct(), "acct", SECRET, &attributes);
    assert!(
        ended.stdout.contains("Received Accounting-Response"),
        "{}",
        ended.said()
    );
}
