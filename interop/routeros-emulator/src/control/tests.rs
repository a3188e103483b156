//! Faults and actions without a port.

use std::sync::Arc;

use serde_json::json;

use crate::{
    Board, Call, Machine, Outcome, Release, Session, control,
    faults::{self, Settings},
};

fn machine() -> Arc<Machine> {
    let machine = Machine::new(Release::V7_15, Board::Chr).unwrap();
    faults::attach(&machine);
    machine
}

async fn done(machine: &Arc<Machine>, call: Call) -> Outcome {
    machine.execute(&Session::system(), &call).await
}

fn set(machine: &Machine, settings: serde_json::Value) {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    faults::of(machine).set(settings);
}

#[tokio::test]
async fn a_strike_counts_the_commands_that_it_is_for() {
    let machine = machine();
    set(
        &machine,
        json!({ "reboot": { "after": 1, "path": "/radius" } }),
    );
    let add = || Call::new("/radius/add").with("address", "10.0.0.1");
    done(&machine, Call::new("/system/identity/print"))
        .await
        .unwrap();
    done(&machine, add()).await.unwrap();
    assert_eq!(*machine.boots().borrow(), 1);
    let struck = done(&machine, add()).await.unwrap_err();
    assert_eq!(struck[0].message, "interrupted");
    assert_eq!(*machine.boots().borrow(), 2);
    assert!(faults::of(&machine).is_down());
    assert_eq!(machine.read("/radius").len(), 1, "and was not done");
    done(&machine, add()).await.unwrap();
    assert_eq!(machine.read("/radius").len(), 2, "it strikes once");
}

#[tokio::test]
async fn another_administrator_comes_in_between() {
    let machine = machine();
    let editor = json!({
        "path": "/radius/set", "user": "eve", "command": "/radius/add",
        "arguments": { "address": "10.6.6.6" },
    });
    set(&machine, json!({ "editor": editor }));
    done(&machine, Call::new("/radius/print")).await.unwrap();
    assert!(machine.read("/radius").is_empty());
    let set = Call::new("/radius/set")
        .with(".id", "*1")
        .with("timeout", "1s");
    done(&machine, set).await.unwrap();
    let entries = machine.read("/radius");
    assert_eq!(entries[0].text("address"), "10.6.6.6");
    assert_eq!(entries[0].text("timeout"), "1s");
}

#[tokio::test]
async fn policies_are_taken_from_everybody() {
    let machine = machine();
    set(&machine, json!({ "deny": ["write"] }));
    let add = Call::new("/radius/add").with("address", "10.0.0.1");
    let denied = done(&machine, add.clone()).await.unwrap_err();
    assert_eq!(denied[0].message, "not enough permissions (9)");
    done(&machine, Call::new("/radius/print")).await.unwrap();
    let unknown = Call::new("/radius/add").with("nothing", "1");
    let unknown = done(&machine, unknown).await.unwrap_err();
    assert_eq!(unknown[0].message, "unknown parameter nothing");
    set(&machine, json!({}));
    done(&machine, add).await.unwrap();
}

#[tokio::test]
async fn a_fault_that_does_not_exist_is_not_taken() {
    let wrong = serde_json::from_value::<Settings>(json!({ "clsoe": {} }));
    assert!(wrong.unwrap_err().to_string().contains("clsoe"));
    let machine = machine();
    control::of(&machine).register("greet", |machine, value| async move {
        Ok(json!({ "to": value, "from": machine.identity() }))
    });
    assert_eq!(format!("{:?}", control::of(&machine)), "{\"greet\"}");
}
