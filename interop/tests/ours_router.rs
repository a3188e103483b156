//! `portreeve router` with routers that are none: the whole story on several versions, and what
//! goes wrong on the way.

use std::net::{Ipv4Addr, SocketAddr};

use portreeve_interop::driven_router::own_address;
use portreeve_interop::stage::{NAME, PASSWORD, Stage, started};
use portreeve_interop::{Must as _, eventually};
use serde_json::{Value, json};

/// An export without the group of our user, which stays until the router is removed.
fn without_foundation(export: &str) -> Vec<&str> {
    let mut is_ours = false;
    let theirs = |line: &&str| {
        if line.starts_with('/') {
            is_ours = *line == "/user group";
        }
        !is_ours
    };
    export.lines().filter(theirs).collect()
}

/// Enrolled, used, changed by somebody, brought back, taken back.
#[track_caller]
fn whole_story(version: &str, way: &str, radius: &str) {
    let stage = Stage::set(version);
    let before = stage.router.export();
    let server = stage.address.to_string();
    let mut more = vec!["--services", "ppp,login"];
    more.extend(match radius {
        "radsec" => ["--radsec", "--server"].as_slice(),
        _ => ["--udp"].as_slice(),
    });
    if radius == "radsec" {
        more.push(&server);
    }
    let report = stage.enrolled(way, &more);
    assert_eq!(report["radius"], radius, "{report}");
    assert_eq!(report["proof"], "logged-in", "{report}");

    let dialled = stage.dial();
    assert_eq!(dialled["in"], true, "{dialled}");
    eventually(|| !stage.server.sessions_with("subscriber").is_empty());
    let sessions = stage.server.sessions_with("subscriber");
    assert_eq!(sessions[0]["nas"], NAME, "{sessions:?}");
    let seen: Value = serde_json::from_str(
        &stage
            .good(&["sessions", NAME, "--of", "subscriber", "--json"])
            .stdout,
    )
    .must("sessions in JSON");
    assert_eq!(seen.as_array().map(Vec::len), Some(1), "{seen}");

    let id = sessions[0]["session_id"].as_str().must("an id");
    let kicked = stage.server.command(&["session", "kick", id]);
    let expected = match radius {
        "radsec" => "ended on the router",
        _ => "ended by Disconnect-Request",
    };
    assert!(kicked.contains(expected), "{kicked}");
    let left = stage.router.act("sessions", &json!({}));
    assert_eq!(left.as_array().map(Vec::len), Some(0), "{left}");

    stage.good(&["backup", NAME]);
    stage.good(&["backup", NAME, "--verify"]);
    let listed = stage.good(&["backup", NAME, "--list"]).stdout;
    assert_eq!(listed.lines().count(), 3, "{listed}");

    stage.good(&["diff", NAME]);
    stage.router.run("/ppp/aaa/set", &[("use-radius", "no")]);
    let drifted = stage.router(&["diff", NAME]);
    assert_eq!(drifted.code, Some(1), "{}", drifted.said());
    assert!(drifted.stdout.contains("use-radius"), "{}", drifted.said());
    stage.good(&["apply", NAME, "--yes"]);
    stage.good(&["diff", NAME]);

    stage.good(&["undo", NAME, "--yes"]);
    let undone = stage.router.export();
    assert_eq!(without_foundation(&undone), without_foundation(&before));
    stage.good(&["apply", NAME, "--yes"]);
    stage.remove();
    assert_eq!(stage.router.export(), before);
    assert!(!stage.nases().contains(NAME));
}

#[test]
fn the_story_on_6_49_by_the_api_over_udp() {
    whole_story("6.49", "api", "udp");
}

#[test]
fn the_story_on_7_12_by_the_api_over_udp() {
    whole_story("7.12", "api", "udp");
}

#[test]
fn the_story_on_7_12_by_rest_over_radsec() {
    whole_story("7.12", "rest", "radsec");
}

#[test]
fn the_story_on_7_24_by_the_api_over_radsec() {
    whole_story("7.24", "api", "radsec");
}

#[test]
fn the_story_on_7_24_by_rest_over_udp() {
    whole_story("7.24", "rest", "udp");
}

#[test]
fn the_first_way_in_is_made_safe_and_nothing_of_that_is_left_afterwards() {
    // Some of them only root may have.
    let stage = Stage::with(started("7.24", &["--ports", "real"]));
    let before = stage.router.export();
    let address = stage.router.address.to_string();
    let arguments = |more: &'static [&'static str]| {
        let usual = [
            "router",
            "enrol",
            &address,
            "--password-stdin",
            "--name",
            NAME,
            "--yes",
        ];
        let all = usual.iter().chain(more).map(ToString::to_string);
        all.collect::<Vec<String>>()
    };
    let enrol = |more| {
        let arguments = arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        stage.server.home().try_command_told(&arguments, PASSWORD)
    };
    // Nobody has agreed to the password crossing the network readable.
    let refused = enrol(&["--udp"]);
    assert_eq!(refused.code, Some(2), "{}", refused.said());
    assert!(refused.stderr.contains("--yes-plain"), "{}", refused.said());
    let ended = enrol(&["--udp", "--yes-plain", "--json"]);
    assert!(ended.succeeded, "{}", ended.said());
    let report: Value = serde_json::from_str(&ended.stdout).must("a report in JSON");
    assert_eq!(report["transport"], "api-ssl", "{report}");
    stage.good(&["diff", NAME]);
    stage.good(&["remove", NAME, "--yes"]);
    assert_eq!(stage.router.export(), before);
}

#[test]
fn a_dry_run_changes_nothing_on_either_end() {
    let stage = Stage::set("7.24");
    let (before, nases) = (stage.router.export(), stage.nases());
    let ended = stage.enrol("api", &["--dry-run", "--udp"]);
    assert!(ended.succeeded, "{}", ended.said());
    assert!(ended.stdout.contains("/radius"), "{}", ended.said());
    assert_eq!(stage.router.export(), before);
    assert_eq!(stage.nases(), nases);
    assert!(stage.router(&["check", NAME]).stderr.contains("no router"));
}

#[test]
fn enrolling_again_changes_nothing() {
    let stage = Stage::set("7.24");
    stage.enrolled("api", &["--udp"]);
    let (before, nases) = (stage.router.export(), stage.nases());
    let again = stage.enrol("api", &[]);
    assert!(again.succeeded, "{}", again.said());
    assert!(again.stderr.contains("nothing to do"), "{}", again.said());
    assert_eq!(stage.router.export(), before);
    assert_eq!(stage.nases(), nases);
}

#[test]
fn a_wrong_password_is_told_and_is_in_no_output() {
    let stage = Stage::set("7.24");
    let before = stage.router.export();
    let ended = stage.enrol_with("api", &["--udp"], "wrong-and-secret");
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert!(ended.stderr.contains("refused to log"), "{}", ended.said());
    assert!(!ended.said().contains("wrong-and-secret"));
    assert_eq!(stage.router.export(), before);
    assert!(!stage.nases().contains(NAME));
}

#[test]
fn a_router_that_is_not_there_is_told_as_such() {
    let stage = Stage::set("7.24");
    let nowhere = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 77).into(), 9).to_string();
    let ended = stage.server.home().try_command_told(
        &[
            "router",
            "enrol",
            &nowhere,
            "--password-stdin",
            "--yes",
            "--yes-plain",
        ],
        PASSWORD,
    );
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert!(
        ended.stderr.contains("no way to the router"),
        "{}",
        ended.said()
    );
}

#[test]
fn a_user_who_may_too_little_leaves_both_ends_as_they_were() {
    let stage = Stage::set("7.24");
    let before = stage.router.export();
    stage.router.faults(&json!({"deny": ["policy"]}));
    let ended = stage.enrol("api", &["--udp"]);
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    stage.router.faults(&json!({}));
    assert_eq!(stage.router.export(), before);
    assert!(!stage.nases().contains(NAME));
}

#[test]
fn a_connection_lost_midway_leaves_no_half_of_it() {
    let stage = Stage::set("7.24");
    let before = stage.router.export();
    let strike = json!({"close": {"after": 2, "path": "/radius", "done": true}});
    stage.router.faults(&strike);
    let ended = stage.enrol("api", &["--udp", "--services", "ppp,login"]);
    stage.router.faults(&json!({}));
    if ended.succeeded {
        // It connected again and went on.
        stage.good(&["diff", NAME]);
        stage.good(&["remove", NAME, "--yes"]);
    }
    assert_eq!(stage.router.export(), before, "{}", ended.said());
    assert!(!stage.nases().contains(NAME));
}

#[test]
fn a_router_that_cannot_prove_itself_is_put_back() {
    let stage = Stage::set("7.24");
    let before = stage.router.export();
    // Nobody answers there.
    let server = own_address().to_string();
    let ended = stage.enrol(
        "api",
        &[
            "--udp",
            "--services",
            "login",
            "--server",
            &server,
            "--timeout",
            "50ms",
        ],
    );
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert!(ended.stderr.contains("test log-in"), "{}", ended.said());
    assert_eq!(stage.router.export(), before);
    assert!(!stage.nases().contains(NAME));
    assert!(
        !stage
            .server
            .command(&["user", "list"])
            .contains("portreeve-test")
    );
}

#[test]
fn a_secret_is_changed_on_both_ends_and_log_ins_go_on() {
    let stage = Stage::set("7.24");
    stage.enrolled("api", &["--udp", "--services", "ppp,login"]);
    let secret = |stage: &Stage| {
        stage
            .server
            .command(&["nas", "show", NAME, "--reveal-secret"])
    };
    let before = secret(&stage);
    let rotated = stage.good(&["rotate", NAME, "--yes"]);
    assert!(rotated.stderr.contains("logged in"), "{}", rotated.said());
    assert_ne!(secret(&stage), before);
    assert_eq!(stage.dial()["in"], true);
    stage.good(&["diff", NAME]);
}

#[test]
fn a_check_finds_nothing_on_a_healthy_router_and_something_on_a_broken_one() {
    let stage = Stage::bare(started("7.24", &[]));
    stage.enrolled("api", &["--udp", "--services", "ppp,login"]);
    let well = stage.router(&["check", NAME, "--json"]);
    let found: Value = serde_json::from_str(&well.stdout).must("findings in JSON");
    let errors = |found: &Value| {
        let findings = found[0]["findings"].as_array().cloned().unwrap_or_default();
        findings
            .iter()
            .filter(|one| one["severity"] == "error")
            .map(|one| one["code"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(errors(&found), Vec::<String>::new(), "{found}");
    assert!(well.succeeded, "{}", well.said());
    stage.router.run("/ppp/aaa/set", &[("use-radius", "no")]);
    let broken = stage.router(&["check", NAME, "--json"]);
    let found: Value = serde_json::from_str(&broken.stdout).must("findings in JSON");
    assert!(
        errors(&found).contains(&"service-not-enabled".to_owned()),
        "{found}"
    );
    assert_eq!(broken.code, Some(1));
}
