//! Commands, as anybody gives them.

use std::sync::Arc;

use crate::{Attempt, Board, Call, Change, Machine, Record, Refused, Release, Session, Trap};

fn machine(release: Release) -> Arc<Machine> {
    Machine::new(release, Board::usual(release)).unwrap()
}

/// Done by the router itself: the value or the records, or the first complaint.
async fn run(machine: &Arc<Machine>, call: Call) -> Result<crate::Reply, String> {
    let outcome = machine.execute(&Session::system(), &call).await;
    outcome.map_err(|traps| traps[0].message.clone())
}

async fn ret(machine: &Arc<Machine>, call: Call) -> String {
    run(machine, call).await.unwrap().ret.unwrap()
}

async fn records(machine: &Arc<Machine>, call: Call) -> Vec<Record> {
    run(machine, call).await.unwrap().records
}

fn add(address: &str) -> Call {
    Call::new("/radius/add")
        .with("address", address)
        .with("service", "login,ppp")
        .with("secret", "a secret")
}

#[tokio::test]
async fn an_item_lives_from_add_to_remove() {
    for release in Release::ALL {
        let machine = machine(release);
        let first = ret(&machine, add("10.0.0.1")).await;
        assert_eq!(first, "*1");
        let second = ret(&machine, add("10.0.0.2").with("place-before", "*1")).await;
        assert_eq!(second, "*2");
        let call = Call::new("/radius/print").with(".proplist", "address,.id,service,timeout");
        let all = records(&machine, call.clone()).await;
        assert_eq!(all[0].get("address"), Some("10.0.0.2"));
        assert_eq!(all[1].get("address"), Some("10.0.0.1"));
        assert_eq!(all[1].get("service"), Some("ppp,login"));
        assert_eq!(all[1].get("timeout"), Some("300ms"));
        assert_eq!(all[1].get("secret"), None);

        let set = Call::new("/radius/set").with("timeout", "00:00:02");
        let set = set.with(".id", "*1").with("accounting-port", "1646");
        run(&machine, set).await.unwrap();
        let item = machine.find("/radius", ".id", "*1").unwrap();
        assert_eq!(item.get("timeout"), Some("2s"));
        assert_eq!(item.get("accounting-port"), Some("1646"));

        let call = Call::new("/radius/move")
            .with("numbers", "*1")
            .with("destination", "*2");
        run(&machine, call).await.unwrap();
        assert_eq!(machine.read("/radius")[0].id(), "*1");

        let call = Call::new("/radius/remove").with(".id", "*1,*2");
        run(&machine, call.clone()).await.unwrap();
        assert!(machine.read("/radius").is_empty());
        assert_eq!(run(&machine, call).await, Err("no such item".into()));
        assert_eq!(
            ret(&machine, add("10.0.0.3")).await,
            "*3",
            "numbers never come back"
        );
    }
}

#[tokio::test]
async fn complaints_are_the_routers_own() {
    let machine = machine(Release::V7_24);
    for (call, wanted) in [
        (
            add("10.0.0.1").with("service", "wifi"),
            "input does not match any value of service",
        ),
        (
            add("radius.example.org"),
            "invalid value for argument address",
        ),
        (
            add("10.0.0.1").with("nothing", "1"),
            "unknown parameter nothing",
        ),
        (
            add("10.0.0.1").with("authentication-port", "0"),
            "value of authentication-port out of range (1..65535)",
        ),
        (
            add("10.0.0.1").with("certificate", "mine"),
            "input does not match any value of certificate",
        ),
        (Call::new("/radius/set").with(".id", "*9"), "no such item"),
        (
            Call::new("/radius/frobnicate"),
            "no such command or directory (frobnicate)",
        ),
        (
            Call::new("/nowhere/print"),
            "no such command or directory (nowhere)",
        ),
        (
            Call::new("/ppp/profile/add").with("name", "default"),
            "failure: profile with the same name already exists",
        ),
        (
            Call::new("/ppp/profile/remove").with("numbers", "default"),
            "failure: can not remove default profile",
        ),
        (
            Call::new("/user/remove").with("numbers", "admin"),
            "failure: last user with full access can not be removed",
        ),
    ] {
        assert_eq!(
            run(&machine, call.clone()).await,
            Err(wanted.into()),
            "{call:?}"
        );
    }
    assert!(machine.read("/radius").is_empty(), "nothing was half done");
    let unknown = machine
        .execute(&Session::system(), &Call::new("/system/nothing/print"))
        .await;
    let wanted = vec![
        Trap::new("no such command or directory (nothing)"),
        Trap::new("no such command prefix"),
    ];
    assert_eq!(unknown, Err(wanted));
}

#[tokio::test]
async fn routeros_6_does_not_name_what_it_does_not_know() {
    for release in [Release::V6_42, Release::V6_49] {
        let machine = machine(release);
        let call = add("10.0.0.1").with("require-message-auth", "no");
        assert_eq!(run(&machine, call).await, Err("unknown parameter".into()));
    }
    let old = machine(Release::V6_42);
    let call = add("10.0.0.1").with("service", "dot1x");
    let wanted = "input does not match any value of service";
    assert_eq!(run(&old, call).await, Err(wanted.into()));
}

#[tokio::test]
async fn newer_versions_take_more() {
    let six = "2001:db8::1";
    let newest = machine(Release::V7_24);
    let call = add("10.0.0.1").with("src-address", six);
    run(&newest, call.clone()).await.unwrap();
    let older = machine(Release::V7_20);
    let wanted = "invalid value for argument src-address";
    assert_eq!(run(&older, call).await, Err(wanted.into()));
}

#[tokio::test]
async fn a_menu_that_is_one_item_is_set_and_read() {
    let machine = machine(Release::V7_24);
    let call = Call::new("/radius/incoming/set")
        .with("accept", "yes")
        .with("port", "1700");
    run(&machine, call).await.unwrap();
    let all = records(&machine, Call::new("/radius/incoming/print")).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].get("accept"), Some("true"));
    assert_eq!(all[0].get("port"), Some("1700"));
    assert_eq!(all[0].get(".id"), None);
    let call = Call::new("/radius/incoming/get").with("value-name", "port");
    assert_eq!(ret(&machine, call).await, "1700");
    let call = Call::new("/radius/incoming/reset").with("port", "");
    run(&machine, call).await.unwrap();
    assert_eq!(machine.one("/radius/incoming").get("port"), Some("3799"));
}

#[tokio::test]
async fn what_is_printed_goes_to_a_file_where_one_is_named() {
    for release in [Release::V6_49, Release::V7_24] {
        let machine = machine(release);
        let call = Call::new("/system/identity/print").with("file", "it");
        assert!(records(&machine, call).await.is_empty());
        let text = crate::files::contents(&machine, "it.txt").unwrap();
        assert!(String::from_utf8(text).unwrap().contains("MikroTik"));
        let rule = Call::new("/system/logging/add").with("topics", "radius");
        run(&machine, rule).await.unwrap();
        let rules = machine.read("/system/logging");
        assert_eq!(rules.last().unwrap().text("action"), "memory");
    }
}

#[tokio::test]
async fn print_filters_counts_and_hides() {
    let machine = machine(Release::V7_18);
    let count = Call::new("/ip/service/print").with("count-only", "");
    assert_eq!(ret(&machine, count).await, "8");
    let call = Call::new("/ip/service/print")
        .query("disabled=true")
        .query("port=443");
    assert_eq!(
        records(&machine, call).await[0].get("name"),
        Some("www-ssl")
    );
    let users = records(&machine, Call::new("/user/print")).await;
    assert_eq!(users[0].get("name"), Some("admin"));
    assert!(users[0].iter().all(|(name, _)| !name.contains("password")));
    let none = run(&machine, Call::new("/radius/print")).await.unwrap();
    assert!(none.list && none.records.is_empty());
    let by_name = Call::new("/ip/service/set")
        .with("numbers", "api")
        .with("port", "9000");
    run(&machine, by_name).await.unwrap();
    let api = machine.find("/ip/service", "name", "api").unwrap();
    assert_eq!(api.get("port"), Some("9000"));
}

#[tokio::test]
async fn switching_commenting_and_unsetting() {
    let machine = machine(Release::V7_24);
    let id = ret(&machine, add("10.0.0.1").with("comment", "ours")).await;
    let verb = |verb: &str| Call::new(format!("/radius/{verb}")).with("numbers", &id);
    run(&machine, verb("disable")).await.unwrap();
    assert!(machine.read("/radius")[0].is("disabled"));
    run(&machine, verb("enable")).await.unwrap();
    assert!(!machine.read("/radius")[0].is("disabled"));
    run(&machine, verb("comment").with("comment", "theirs"))
        .await
        .unwrap();
    assert_eq!(machine.read("/radius")[0].get("comment"), Some("theirs"));
    run(&machine, verb("set").with("comment", ""))
        .await
        .unwrap();
    assert_eq!(machine.read("/radius")[0].get("comment"), None);
    run(&machine, verb("reset").with("secret", ""))
        .await
        .unwrap();
    assert_eq!(machine.read("/radius")[0].get("secret"), Some(""));
    let copy = Call::new("/radius/add")
        .with("copy-from", &id)
        .with("realm", "x");
    run(&machine, copy).await.unwrap();
    assert_eq!(machine.read("/radius")[1].get("address"), Some("10.0.0.1"));
}

#[tokio::test]
async fn what_was_done_can_be_undone() {
    let machine = machine(Release::V7_24);
    run(&machine, add("10.0.0.1")).await.unwrap();
    run(&machine, Call::new("/radius/remove").with("numbers", "*1"))
        .await
        .unwrap();
    assert_eq!(
        records(&machine, Call::new("/system/history/print"))
            .await
            .len(),
        2
    );
    run(&machine, Call::new("/undo")).await.unwrap();
    assert_eq!(machine.read("/radius").len(), 1);
    run(&machine, Call::new("/redo")).await.unwrap();
    assert!(machine.read("/radius").is_empty());
    run(&machine, Call::new("/undo")).await.unwrap();
    run(&machine, Call::new("/undo")).await.unwrap();
    let nothing = run(&machine, Call::new("/undo")).await;
    assert_eq!(nothing, Err("failure: nothing to undo".into()));
}

fn attempt(user: &str, password: &str, via: &str) -> Attempt {
    Attempt {
        user: user.into(),
        password: password.into(),
        from: Some([127, 0, 0, 1].into()),
        via: via.into(),
    }
}

#[tokio::test]
async fn groups_bound_what_users_may() {
    let machine = machine(Release::V7_24);
    let group = Call::new("/user/group/add")
        .with("name", "few")
        .with("policy", "api,read");
    run(&machine, group).await.unwrap();
    let few = machine.find("/user/group", "name", "few").unwrap();
    assert!(
        few.text("policy").starts_with("read,api,!local,"),
        "{few:?}"
    );
    let user = Call::new("/user/add")
        .with("name", "tim")
        .with("group", "few");
    run(&machine, user.with("password", "12345")).await.unwrap();
    run(&machine, add("10.0.0.1")).await.unwrap();

    let session = machine
        .log_in(attempt("tim", "12345", "api"))
        .await
        .unwrap();
    let denied = machine.execute(&session, &add("10.0.0.2")).await;
    assert_eq!(denied, Err(vec![Trap::not_permitted()]));
    let seen = machine
        .execute(&session, &Call::new("/radius/print"))
        .await
        .unwrap();
    assert_eq!(seen.records[0].get("secret"), Some("*****"));
    let wrong = machine.log_in(attempt("tim", "1234", "api")).await;
    assert_eq!(wrong, Err(Refused::Wrong));
    let rest = machine.log_in(attempt("tim", "12345", "rest-api")).await;
    assert_eq!(rest, Err(Refused::Policy));
    let set = Call::new("/user/set")
        .with("numbers", "tim")
        .with("address", "10.0.0.0/8");
    run(&machine, set).await.unwrap();
    let elsewhere = machine.log_in(attempt("tim", "12345", "api")).await;
    assert_eq!(elsewhere, Err(Refused::Wrong));
    let log = machine.read("/log");
    let failure = "login failure for user tim from 127.0.0.1 via api";
    assert!(log.iter().any(|line| line.get("message") == Some(failure)));
}

#[tokio::test]
async fn changes_are_announced_and_a_restart_ends_what_is_dynamic() {
    let machine = machine(Release::V7_24);
    let mut events = machine.events();
    let id = machine.insert("/ppp/active", Record::new().with("name", "tim"), true);
    let event = events.recv().await.unwrap();
    assert_eq!((&*event.menu, event.change), ("/ppp/active", Change::Added));
    let boots = machine.boots();
    machine.reboot();
    assert_eq!(*boots.borrow(), 2);
    assert!(machine.read("/ppp/active").is_empty());
    assert!(!machine.delete("/ppp/active", &id));
}

#[tokio::test]
async fn the_router_describes_itself() {
    let machine = machine(Release::V7_15);
    let inspect = |request: &str, path: &str| {
        Call::new("/console/inspect")
            .with("request", request)
            .with("path", path)
    };
    let children = records(&machine, inspect("child", "radius,add")).await;
    let names: Vec<&str> = children.iter().map(|child| child.text("name")).collect();
    assert!(names.contains(&"require-message-auth"));
    assert!(!names.contains(&"radsec-timeout"));
    assert!(
        children
            .iter()
            .all(|child| child.text("node-type") == "arg")
    );
    let syntax = records(&machine, inspect("syntax", "radius,add,service")).await;
    assert!(syntax[0].text("text").starts_with("ppp|login|hotspot"));
    let values = records(&machine, inspect("completion", "radius,add,protocol")).await;
    let values: Vec<&str> = values
        .iter()
        .map(|value| value.text("completion"))
        .collect();
    assert_eq!(values, ["udp", "radsec"]);
    assert!(
        records(&machine, inspect("child", "nowhere"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn the_clock_is_set_and_written_as_the_version_does() {
    let machine = machine(Release::V6_49);
    let call = Call::new("/system/clock/set").with("date", "jan/23/2025");
    run(&machine, call.with("time", "02:52:34")).await.unwrap();
    let clock = machine.one("/system/clock");
    assert_eq!(clock.get("date"), Some("jan/23/2025"));
    assert!(clock.text("time").starts_with("02:52:3"));
    let newer = self::machine(Release::V7_24);
    let call = Call::new("/system/clock/set").with("date", "2025-01-23");
    run(&newer, call).await.unwrap();
    assert_eq!(newer.one("/system/clock").get("date"), Some("2025-01-23"));
}

/// Every device with every version it can have.
fn all_machines() -> Vec<Arc<Machine>> {
    let all = Release::ALL.into_iter();
    let each = all.flat_map(|release| Board::ALL.map(|board| (release, board)));
    each.filter_map(|(release, board)| Machine::new(release, board).ok())
        .collect()
}

#[tokio::test]
async fn every_menu_that_can_be_printed_is() {
    let machines = all_machines();
    // One device of the three came with RouterOS 7.
    assert_eq!(machines.len(), 3 * 9 - 3);
    for machine in machines {
        for menu in machine.schema.menus() {
            let node = machine.schema.node(&menu).unwrap();
            if node.command("print").is_none() {
                continue;
            }
            let reply = run(&machine, Call::new(format!("{menu}/print"))).await;
            let reply = reply.unwrap_or_else(|text| panic!("{menu}: {text}"));
            let list = node.command("find").is_some() || node.command("add").is_some();
            assert_eq!(reply.list, list, "{menu}");
            assert!(list || reply.records.len() <= 1, "{menu}");
        }
    }
}

/// What a menu has from the factory must pass its own validation.
#[tokio::test]
async fn every_value_from_the_factory_can_be_set_again() {
    let mut complaints = Vec::new();
    for machine in all_machines() {
        for menu in machine.schema.menus() {
            let path = format!("{menu}/set");
            let Some(node) = machine.schema.node(&path) else {
                continue;
            };
            if machine.source(&menu).is_some() {
                continue;
            }
            for item in machine.stored(&menu) {
                let values = item
                    .iter()
                    .filter(|(name, value)| node.children.contains_key(*name) && !value.is_empty());
                let id = item.get(".id").map(|id| (".id", id));
                let arguments = values
                    .chain(id)
                    .fold(Call::new(&path), |call, (name, value)| {
                        call.with(name, value)
                    });
                let outcome = run(&machine, arguments.clone()).await;
                let release = machine.release();
                if let Err(text) = outcome {
                    complaints.push(format!("{release} {menu}: {text}"));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}
