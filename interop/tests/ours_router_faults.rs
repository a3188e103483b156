//! `portreeve router` where things go wrong: each time it says what to do, both ends are as they
//! were, and no secret is told.

use std::fs;

use portreeve_interop::Must as _;
use portreeve_interop::driven_router::text;
use portreeve_interop::stage::{NAME, PASSWORD, Stage, USER, started};
use portreeve_interop::tools::Ended;
use serde_json::{Value, json};

const SERVICES: [&str; 3] = ["--udp", "--services", "ppp,login"];

/// What must be as it was when something has failed.
#[derive(Debug, PartialEq, Eq)]
struct Before {
    export: String,
    users: Vec<String>,
    files: Vec<String>,
    nases: String,
    subscribers: String,
}

fn names(stage: &Stage, menu: &str) -> Vec<String> {
    let items = stage.router.menu(menu);
    items
        .iter()
        .map(|item| text(item, "name").to_owned())
        .collect()
}

fn before(stage: &Stage) -> Before {
    Before {
        export: stage.router.export(),
        users: names(stage, "/user"),
        files: names(stage, "/file"),
        nases: stage.nases(),
        subscribers: stage.server.command(&["user", "list"]),
    }
}

/// No secret, and nothing that a terminal would obey.
#[track_caller]
fn is_clean(said: &str) {
    assert!(!said.contains(PASSWORD), "{said}");
    let is_odd = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!said.contains(is_odd), "{said:?}");
}

/// None of the secrets that were made up for the router is told anywhere.
#[track_caller]
fn tells_no_secret(stage: &Stage, said: &str) {
    let kept = stage
        .server
        .home()
        .path("data/routers")
        .join(NAME)
        .join("router.json");
    let kept = fs::read_to_string(kept).must("what is kept of the router");
    let kept: Value = serde_json::from_str(&kept).must("JSON");
    let told = [said, &stage.server.said(), &stage.router.log().join("\n")].concat();
    for name in ["password", "backup_password", "secret"] {
        let secret = kept[name].as_str().must(name);
        assert!(secret.len() > 8 && !told.contains(secret), "{name}: {told}");
    }
}

/// Enrols with something wrong. Where that fails, it says all of `words`, and both ends are as
/// they were; where it succeeds all the same, it can be taken back.
#[track_caller]
fn enrolled_despite(stage: &Stage, way: &str, faults: &Value, words: &[&str]) -> Ended {
    let was = before(stage);
    stage.router.faults(faults);
    let ended = stage.enrol(way, &SERVICES);
    stage.router.faults(&json!({}));
    is_clean(&ended.said());
    is_clean(&stage.server.said());
    is_clean(&stage.router.log().join("\n"));
    if ended.succeeded {
        tells_no_secret(stage, &ended.said());
        assert!(words.is_empty(), "{way} {faults}:\n{}", ended.said());
        stage.good(&["apply", NAME, "--yes"]);
        stage.good(&["diff", NAME]);
        stage.good(&["remove", NAME, "--yes"]);
    } else {
        assert_eq!(ended.code, Some(1), "{way} {faults}:\n{}", ended.said());
        for word in words {
            assert!(
                ended.stderr.contains(word),
                "{way} {faults}:\n{}",
                ended.said()
            );
        }
        if stage.router(&["list"]).stdout.contains(NAME) {
            // It was away just then: later it can be taken back.
            stage.remove();
        }
    }
    assert_eq!(before(stage), was, "{way} {faults}:\n{}", ended.said());
    ended
}

#[test]
fn hostile_answers_are_no_router() {
    for way in ["api", "rest"] {
        let stage = Stage::set("7.24");
        for how in ["huge-length", "endless", "endless-sentence", "control"] {
            let hostile = json!({ "hostile": how });
            enrolled_despite(&stage, way, &hostile, &["is not a RouterOS router"]);
        }
    }
    let stage = Stage::set("7.24");
    let hostile = json!({ "hostile": "escapes" });
    enrolled_despite(&stage, "rest", &hostile, &["is not a RouterOS router"]);
}

#[test]
fn a_full_flash_is_told_with_what_to_do() {
    for (version, way) in [("6.49", "api"), ("7.24", "api"), ("7.24", "rest")] {
        let stage = Stage::set(version);
        let full = json!({ "full-flash": true });
        enrolled_despite(&stage, way, &full, &["storage is full", "Remove files"]);
    }
}

#[test]
fn a_user_who_may_too_little_is_told_before_anything_is_begun() {
    let stage = Stage::set("7.24");
    let group = [("name", "some"), ("policy", "read,write,api,rest-api")];
    stage.router.run("/user/group/add", &group);
    let all = stage.router.menu("/user");
    let admin = all
        .iter()
        .find(|user| text(user, "name") == USER)
        .must("admin");
    let limits = [(".id", text(admin, ".id")), ("group", "some")];
    // Somebody else has to be able to do everything.
    let other = [("name", "boss"), ("group", "full"), ("password", "another")];
    stage.router.run("/user/add", &other);
    stage.router.run("/user/set", &limits);
    for way in ["api", "rest"] {
        let words = ["may not do what is needed", "policy", "ftp", "group full"];
        enrolled_despite(&stage, way, &json!({}), &words);
    }
}

#[test]
fn what_a_router_refuses_midway_is_taken_back() {
    for way in ["api", "rest"] {
        let stage = Stage::set("7.24");
        for policy in ["read", "policy"] {
            let deny = json!({ "deny": [policy] });
            enrolled_despite(&stage, way, &deny, &["does not permit", "group full"]);
        }
    }
}

/// Where an enrolment can be struck, and how many such commands are answered before.
const PLACES: [(&str, u64); 14] = [
    ("/console/inspect", 9),
    ("/export", 0),
    ("/file", 1),
    ("/system/backup", 0),
    ("/user/group/add", 0),
    ("/user/add", 0),
    ("/user/group/print", 2),
    ("/radius/add", 0),
    ("/radius/print", 2),
    ("/ip/firewall/filter/add", 0),
    ("/radius/incoming/set", 0),
    ("/ppp/aaa/set", 0),
    ("/user/aaa/set", 0),
    ("/user/aaa/print", 1),
];

#[test]
fn connections_that_are_lost_anywhere_leave_nothing() {
    for way in ["api", "rest"] {
        let stage = Stage::set("7.24");
        for (place, (path, after)) in PLACES.into_iter().enumerate() {
            // Whether the router has heard what it did not answer.
            let done = (place % 2 == 0) == (way == "api");
            let strike = json!({ "close": { "after": after, "path": path, "done": done } });
            enrolled_despite(&stage, way, &strike, &[]);
        }
    }
}

#[test]
fn a_router_that_starts_again_anywhere_is_left_with_nothing() {
    for (way, first) in [("api", 0), ("rest", 1)] {
        let stage = Stage::set("7.24");
        for (path, after) in PLACES.into_iter().skip(first).step_by(3) {
            let strike = json!({ "reboot": { "after": after, "path": path } });
            enrolled_despite(&stage, way, &strike, &[]);
        }
    }
}

#[test]
fn what_others_change_meanwhile_is_left_to_them() {
    let stage = Stage::set("7.24");
    let editor = json!({ "editor": {
        "path": "/ppp/aaa/set",
        "user": "bob",
        "command": "/system/identity/set",
        "arguments": { "name": "bob-was-here" },
    } });
    stage.router.faults(&editor);
    let ended = stage.enrol("api", &SERVICES);
    assert!(ended.succeeded, "{}", ended.said());
    stage.good(&["diff", NAME]);
    stage.good(&["remove", NAME, "--yes"]);
    let export = stage.router.export();
    assert!(export.contains("bob-was-here"), "{export}");
    assert!(!export.contains("portreeve"), "{export}");
}

#[test]
fn an_item_that_somebody_takes_away_meanwhile_is_noticed() {
    let stage = Stage::set("7.24");
    let was = before(&stage);
    let editor = json!({ "editor": {
        "path": "/ppp/aaa/set",
        "user": "bob",
        "command": "/radius/remove",
        "arguments": { "numbers": "*1" },
    } });
    stage.router.faults(&editor);
    let ended = stage.enrol("api", &SERVICES);
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert_eq!(before(&stage), was, "{}", ended.said());
}

#[test]
fn a_router_that_is_away_is_told_by_every_command() {
    let stage = Stage::bare(started("7.24", &[]));
    stage.enrolled("api", &SERVICES);
    let Stage { router, server, .. } = stage;
    drop(router);
    for arguments in [
        ["router", "check", NAME, "--fix"].as_slice(),
        &["router", "diff", NAME],
        &["router", "apply", NAME, "--yes"],
        &["router", "undo", NAME, "--yes"],
        &["router", "backup", NAME],
        &["router", "harden", NAME],
        &["router", "sessions", NAME],
        &["router", "monitor", NAME],
        &["router", "rotate", NAME, "--yes"],
        &["router", "remove", NAME, "--yes"],
    ] {
        let ended = server.home().try_command(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {}", ended.said());
        let said = ended.said();
        assert!(
            said.contains(NAME) && said.contains("cannot"),
            "{arguments:?}: {said}"
        );
        is_clean(&said);
    }
    let forced = server
        .home()
        .try_command(&["router", "remove", NAME, "--yes", "--force"]);
    assert!(forced.succeeded, "{}", forced.said());
    assert!(!server.command(&["nas", "list"]).contains(NAME));
}
