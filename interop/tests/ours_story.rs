//! The whole story of a router, and that the page of it says what really happens; and what a
//! running server notices about a router by itself.

use portreeve_interop::story::{Story, kept, stable};
use portreeve_interop::{Must as _, eventually};
use serde_json::{Value, json};

#[test]
fn the_page_of_the_story_is_what_happens() {
    let page = Story::tell("7.24").page();
    let (kept, told) = (stable(&kept()), stable(&page));
    let differs = kept.iter().zip(&told).position(|(kept, told)| kept != told);
    let line = differs.unwrap_or_else(|| kept.len().min(told.len()));
    assert!(
        kept == told,
        "the README tells another story from its line {} on; make it anew with: cargo run -p \
         portreeve-interop --example story\nkept: {:?}\ntold: {:?}\n{page}",
        line + 1,
        kept.get(line),
        told.get(line)
    );
}

#[test]
fn the_story_of_an_old_router() {
    Story::tell("6.49");
}

/// The labels of what was noticed, the oldest first.
fn noticed(story: &Story) -> Vec<String> {
    let rows = story
        .server
        .command(&["log", "--outcome", "noticed", "--json"]);
    let row = |line: &str| serde_json::from_str::<Value>(line).must("an event in JSON");
    let rows = rows.lines().map(row);
    rows.map(|row| row["reason"].as_str().must("a reason").to_owned())
        .collect()
}

/// Waits for so many events: a look every ten seconds, which takes a while.
fn waited(story: &Story, events: usize) -> Vec<String> {
    for _ in 0..4 {
        eventually(|| noticed(story).len() >= events);
    }
    noticed(story)
}

#[test]
fn each_change_of_a_router_is_noticed_once_and_shown_where_one_looks() {
    let story = Story::enrolled("7.18", &[]);
    let list = || story.server.command(&["router", "list"]);
    story.router.run("/ppp/aaa/set", &[("use-radius", "no")]);
    assert_eq!(waited(&story, 1), ["router_drifted"]);
    assert!(list().contains("drifted in 1"), "{}", list());
    let status = story.server.command(&["status"]);
    assert!(status.contains("attic: ") && status.contains("drifted in 1"));
    let said = story.server.said();
    assert_eq!(said.matches("router_drifted").count(), 1, "{said}");
    let explained = story.server.command(&["explain", "--nas", "attic"]);
    for part in [
        "Event",
        "/ppp/aaa: use-radius changed",
        "router apply attic",
    ] {
        assert!(explained.contains(part), "{explained}");
    }

    // At least one round in which nothing is new.
    let checked = || {
        let rows = story.server.command(&["router", "list", "--json"]);
        let rows: Value = serde_json::from_str(&rows).must("routers in JSON");
        rows[0]["state"]["checked_ms"].as_u64().must("a time")
    };
    let before = checked();
    for _ in 0..3 {
        eventually(|| checked() > before);
    }
    assert!(checked() > before);
    assert_eq!(noticed(&story), ["router_drifted"]);

    story.router.faults(&json!({"hostile": "huge-length"}));
    let events = waited(&story, 2);
    assert_eq!(
        events.get(1).map(String::as_str),
        Some("router_not_reached")
    );
    assert!(list().contains("not reached"), "{}", list());
    story.router.faults(&json!({}));
    let events = waited(&story, 3);
    assert_eq!(events.get(2).map(String::as_str), Some("router_reached"));

    // What this sees is seen before the server sees it, which tells it all the same.
    story.server.command(&["router", "apply", "attic", "--yes"]);
    let events = waited(&story, 4);
    let expected = [
        "router_drifted",
        "router_not_reached",
        "router_reached",
        "router_as_left",
    ];
    assert_eq!(events, expected);
    assert!(!list().contains("drifted"), "{}", list());
}

#[test]
fn a_router_says_why_it_does_not_change_a_session() {
    let story = Story::enrolled("7.18", &[]);
    let id = story.dialled();
    let malformed = ["session", "set", &id, "--attr", "Mikrotik-Rate-Limit=fast"];
    let ended = story.server.home().try_command(&malformed);
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert!(ended.stderr.contains("RouterOS will ignore it"));
    let cause = "Invalid Attribute Value (the NAS cannot make sense";
    assert!(ended.stdout.contains(cause), "{}", ended.said());
}

#[test]
fn a_router_that_takes_no_coa_ends_what_it_cannot_change() {
    let story = Story::enrolled("7.18", &["--coa", "no"]);
    let id = story.dialled();
    let set = ["session", "set", &id, "--rate", "2M/1M"];
    let ended = story.server.home().try_command(&set);
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert!(ended.stdout.contains("set up not to take it"));
    assert_eq!(story.router.menu("/ppp/active").len(), 1);
    let said = story.server.command(&[&set[..], &["--else-kick"]].concat());
    assert!(
        said.contains("ended on the router 'attic' itself"),
        "{said}"
    );
    assert!(story.router.menu("/ppp/active").is_empty());
}
