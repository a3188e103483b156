//! The device's mode and its mail.

use std::sync::Arc;

use crate::{Board, Call, Machine, Outcome, Record, Release, Session, control, device};

async fn done(machine: &Arc<Machine>, call: Call) -> Outcome {
    machine.execute(&Session::system(), &call).await
}

#[tokio::test]
async fn what_the_mode_forbids_is_not_done_until_the_button_is_pressed() {
    let machine = Machine::new(Release::V7_20, Board::HapAx2).unwrap();
    device::attach(&machine);
    let forbid = Record::new()
        .with("scheduler", "false")
        .with("email", "false");
    machine.update("/system/device-mode", "", &forbid);
    let add = || {
        Call::new("/system/scheduler/add")
            .with("name", "x")
            .with("on-event", ":put 1")
    };
    let forbidden = done(&machine, add()).await.unwrap_err();
    assert_eq!(forbidden[0].message, "failure: not allowed by device-mode");
    let mail = Call::new("/tool/e-mail/send").with("to", "a@example.org");
    let forbidden = done(&machine, mail).await.unwrap_err();
    assert_eq!(forbidden[0].message, "failure: not allowed by device-mode");
    assert!(
        !control::of(&machine).press(&machine),
        "nothing was asked for"
    );
    let update = Call::new("/system/device-mode/update").with("scheduler", "yes");
    let asked = done(&machine, update).await.unwrap_err();
    assert!(asked[0].message.starts_with("update: please activate"));
    assert!(done(&machine, add()).await.is_err());
    assert!(control::of(&machine).press(&machine));
    done(&machine, add()).await.unwrap();
    assert_eq!(*machine.boots().borrow(), 2);
}

#[tokio::test]
async fn health_is_a_record_in_six_and_a_list_in_seven() {
    for release in [Release::V6_49, Release::V7_24] {
        let machine = Machine::new(release, Board::usual(release)).unwrap();
        device::attach(&machine);
        let print = Call::new("/system/health/print");
        let records = done(&machine, print).await.unwrap().records;
        if release.is_six() {
            assert_eq!(records[0].text("voltage"), "24.1");
        } else {
            assert_eq!(records[0].text("name"), "voltage");
            assert_eq!(records[0].text("value"), "24.1");
        }
    }
}
