//! Scripts that are kept, and when they run.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::passed;
use crate::{Board, Call, Machine, Record, Release, Session, scripts};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn machine() -> Arc<Machine> {
    let machine = Machine::new(Release::V7_18, Board::Chr).unwrap();
    scripts::attach(&machine);
    machine
}

/// Waits until the router is called so.
async fn named(machine: &Machine, name: &str) {
    for _ in 0..100 {
        if machine.identity() == name {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the router is called {}", machine.identity());
}

fn renaming(name: &str) -> String {
    format!("/system identity set name={name}")
}

#[tokio::test]
async fn an_import_is_rehearsed_without_being_done() {
    let machine = machine();
    let import = |text: &str, dry: bool| {
        crate::files::write(&machine, "a.rsc", text.as_bytes()).unwrap();
        let call = Call::new("/import").with("file-name", "a.rsc");
        if dry {
            call.with("verbose", "yes").with("dry-run", "")
        } else {
            call
        }
    };
    let good = "/ip pool\nadd name=one ranges=192.0.2.1\nset one comment=x\n";
    let call = import(good, true);
    machine.execute(&Session::system(), &call).await.unwrap();
    assert_eq!(machine.read("/ip/pool"), []);
    for bad in [
        "/ip pool\nadd nmae=one\n",
        "/ip pool\nadd name=one\nad name=two\n",
    ] {
        let call = import(bad, true);
        machine
            .execute(&Session::system(), &call)
            .await
            .unwrap_err();
        assert_eq!(machine.read("/ip/pool"), []);
    }
    let call = import(good, false);
    machine.execute(&Session::system(), &call).await.unwrap();
    assert_eq!(machine.read("/ip/pool").len(), 1);
}

#[test]
fn an_event_is_due_once_and_again_after_its_interval() {
    assert!(passed(at(100), 0, at(99), at(100), true));
    assert!(!passed(at(100), 0, at(100), at(101), true));
    assert!(passed(at(100), 10_000, at(109), at(110), true));
    assert!(!passed(at(100), 10_000, at(110), at(119), true));
    // The clock was set forward by an hour: due once.
    assert!(passed(at(100), 10_000, at(119), at(3719), true));
}

#[tokio::test]
async fn the_scheduler_goes_by_the_clock_of_the_router() {
    let machine = machine();
    let tomorrow = machine
        .local_time()
        .checked_add(jiff::Span::new().days(1))
        .unwrap();
    let event = Record::new()
        .with("name", "later")
        .with("start-date", tomorrow.strftime("%Y-%m-%d").to_string())
        .with("start-time", tomorrow.strftime("%H:%M:%S").to_string())
        .with("on-event", renaming("later"));
    machine.insert("/system/scheduler", event, false);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(machine.identity(), "MikroTik");
    machine.set_clock_offset(24 * 60 * 60 + 5);
    named(&machine, "later").await;
    let event = machine.find("/system/scheduler", "name", "later").unwrap();
    assert_eq!(event.text("run-count"), "1");
}

#[tokio::test]
async fn a_script_runs_by_name_and_at_the_start() {
    let machine = machine();
    let script = Record::new()
        .with("name", "s")
        .with("source", renaming("by-name"));
    machine.insert("/system/script", script, false);
    let event = Record::new()
        .with("name", "boot")
        .with("start-time", "startup")
        .with("on-event", "s");
    machine.insert("/system/scheduler", event, false);
    named(&machine, "by-name").await;
    let call = Call::new("/system/script/run").with("number", "s");
    machine.update("/system/identity", "", &Record::new().with("name", "other"));
    machine.execute(&Session::system(), &call).await.unwrap();
    assert_eq!(machine.identity(), "by-name");
    let mut less = Session::system();
    less.policies.remove("sensitive");
    let refused = machine.execute(&less, &call).await.unwrap_err();
    assert_eq!(refused[0].message, "not enough permissions (9)");
}
