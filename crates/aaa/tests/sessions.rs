//! Reports of sessions in every order, twice, late and under ids used again.

use portreeve_aaa::{
    accounting::{Absence, Counters, Event, Status, TerminateCause},
    grant::ClassId,
    session::{Change, EndedBy, Note, Session, Sessions, Trimmed},
};
use proptest::prelude::*;

const T0: u64 = 1_800_000_000_000;
const HOUR: u64 = 3_600_000;

fn event(status: Status, session_id: &str, time_ms: u64) -> Event {
    Event {
        status,
        time_ms,
        received_ms: time_ms,
        nas: "ap".into(),
        nas_identifier: None,
        nas_address: None,
        nas_port: Some(1),
        nas_port_id: None,
        session_id: Some(session_id.into()),
        multi_session_id: None,
        user: Some("tim".into()),
        class: None,
        framed_ip: None,
        framed_ipv6: None,
        delegated_ipv6: None,
        calling_station: Some("AA-BB-CC-DD-EE-FF".into()),
        called_station: None,
        counters: Counters::default(),
        terminate_cause: None,
    }
}

fn report(status: Status, session_id: &str, seconds: u32, octets: u64, wide: bool) -> Event {
    let mut event = event(status, session_id, T0 + u64::from(seconds) * 1000);
    let bytes = octets.to_be_bytes();
    let high = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let low = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    event.counters = Counters {
        session_time_s: Some(seconds),
        input_octets: Some(low),
        output_octets: Some(low / 2),
        input_gigawords: wide.then_some(high),
        output_gigawords: wide.then_some(0),
        input_packets: Some(seconds),
        output_packets: Some(1),
    };
    event
}

fn applied(events: &[Event]) -> Sessions {
    let mut sessions = Sessions::new(100, []);
    for event in events {
        drop(sessions.apply(event));
    }
    sessions
}

fn only(mut sessions: Sessions) -> Session {
    let mut changed = sessions.changed();
    assert_eq!(changed.len(), 1, "{changed:?}");
    changed.remove(0)
}

/// One honest session: a Start, up to seven Interim-Updates and a Stop, counters rising.
fn story() -> impl Strategy<Value = Vec<Event>> {
    let step = (
        1_u32..3000,
        0_u64..2_000_000_000,
        any::<Option<[u8; 4]>>(),
        any::<bool>(),
    );
    (
        proptest::collection::vec(step, 1..8),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(steps, wide, classed)| {
            let mut events = vec![event(Status::Start, "s1", T0)];
            let (mut seconds, mut octets) = (0, 0);
            let last = steps.len() - 1;
            for (index, (pause, used, address, named)) in steps.into_iter().enumerate() {
                seconds += pause;
                octets += used;
                let status = if index == last {
                    Status::Stop
                } else {
                    Status::InterimUpdate
                };
                let mut told = report(status, "s1", seconds, octets, wide);
                told.framed_ip = address.map(Into::into);
                told.called_station = named.then(|| format!("ap:{index}"));
                told.terminate_cause = (index == last).then_some(TerminateCause(1));
                events.push(told);
            }
            if classed {
                let class = ClassId::new([7; 16]).encode().to_vec();
                for event in &mut events {
                    event.class = Some(class.clone());
                }
            }
            events
        })
}

proptest! {
    #[test]
    fn order_and_repetition_of_reports_do_not_matter(
        (told, shuffled) in story().prop_flat_map(|events| {
            let twice = [events.clone(), events.clone()].concat();
            (Just(events), Just(twice).prop_shuffle())
        })
    ) {
        let straight = only(applied(&told));
        let stop = told.last().unwrap();
        prop_assert_eq!(straight.ended.unwrap().at_ms, stop.time_ms);
        prop_assert_eq!(straight.started_ms, T0);
        prop_assert_eq!(only(applied(&shuffled)), straight);
    }

    #[test]
    fn an_absence_is_taken_in_anywhere_among_the_reports(
        (told, at) in story().prop_flat_map(|events| {
            let count = events.len();
            (Just(events), 0..=count)
        }),
        seen in 0_u64..20_000,
    ) {
        let straight = only(applied(&told));
        let gone = Absence { seen_ms: T0 + seen * 1000, sessions: vec![straight.key.clone()] };
        let mut sessions = applied(&told[..at]);
        drop(sessions.close(&gone));
        for event in &told[at..] {
            drop(sessions.apply(event));
        }
        // The Stop has the last word, wherever it was thought that there would be none.
        prop_assert_eq!(only(sessions), straight);
    }

    #[test]
    fn counters_of_32_bits_are_carried_over_their_wraps(steps in proptest::collection::vec(
        0_u64..2_000_000_000, 1..40,
    )) {
        let mut octets = 0;
        let mut sessions = Sessions::new(10, []);
        for (seconds, step) in (1..).zip(steps) {
            octets += step;
            let told = report(Status::InterimUpdate, "s1", seconds * 60, octets, false);
            drop(sessions.apply(&told));
            prop_assert_eq!(sessions.open().next().unwrap().input_octets, octets);
        }
    }
}

#[test]
fn an_update_without_a_start_opens_the_session_where_it_began() {
    let session = only(applied(&[report(
        Status::InterimUpdate,
        "s1",
        600,
        5,
        true,
    )]));
    assert_eq!((session.started_ms, session.ended), (T0, None));
    assert_eq!(session.updated_ms, T0 + 600_000);
}

#[test]
fn a_stop_is_final() {
    let mut sessions = applied(&[report(Status::Stop, "s1", 600, 5, true)]);
    let late = report(Status::InterimUpdate, "s1", 700, 9, true);
    assert_eq!(sessions.apply(&late).changes[0].1, Change::Updated);
    assert_eq!(sessions.open().count(), 0);
    assert_eq!(only(sessions).ended.unwrap().by, EndedBy::Stop);
}

#[test]
fn a_restart_closes_what_its_nas_had_before() {
    let mut elsewhere = event(Status::Start, "s2", T0);
    elsewhere.nas = "other".into();
    let before = event(Status::Start, "s1", T0);
    let after = event(Status::Start, "s3", T0 + HOUR + 1000);
    let mut sessions = applied(&[before, elsewhere, after]);
    let on = event(Status::AccountingOn, "", T0 + HOUR);
    let effects = sessions.apply(&on);
    assert_eq!(effects.changes.len(), 1);
    let closed = sessions.find(&effects.changes[0].0.octets).unwrap();
    assert_eq!(closed.session_id, "s1");
    let ended = closed.ended.unwrap();
    assert_eq!(ended.cause, Some(TerminateCause::NAS_REBOOT));
    assert_eq!((ended.at_ms, ended.by), (T0 + HOUR, EndedBy::NasReboot));
    assert_eq!(sessions.apply(&on).changes, []);
    assert_eq!(sessions.open().count(), 2);
}

#[test]
fn a_restart_spares_the_other_devices_of_one_definition() {
    let mut told = vec![];
    for (id, address) in [("s1", "192.0.2.1"), ("s2", "192.0.2.2")] {
        let mut start = event(Status::Start, id, T0);
        start.nas_address = Some(address.parse().unwrap());
        told.push(start);
    }
    let mut off = event(Status::AccountingOff, "", T0 + HOUR);
    off.nas_address = told[1].nas_address;
    told.push(off.clone());
    off.nas_identifier = Some("third".into());
    off.nas_address = None;
    told.push(off);
    let sessions = applied(&told);
    let open: Vec<_> = sessions
        .open()
        .map(|session| session.session_id.as_str())
        .collect();
    assert_eq!(open, ["s1"]);
}

#[test]
fn a_session_that_goes_on_after_a_restart_is_open_again() {
    let start = event(Status::Start, "s1", T0);
    let on = event(Status::AccountingOn, "", T0 + 100_000);
    let mut sessions = applied(&[start.clone(), on]);
    assert_eq!(sessions.open().count(), 0);
    assert_eq!(sessions.apply(&start).changes[0].1, Change::Updated);
    let alive = report(Status::InterimUpdate, "s1", 600, 5, true);
    assert_eq!(sessions.apply(&alive).changes[0].1, Change::Reopened);
    assert_eq!(sessions.open().count(), 1);
    let stop = report(Status::Stop, "s1", 700, 5, true);
    assert_eq!(sessions.apply(&stop).changes[0].1, Change::Closed);
}

fn absent(sessions: &Sessions, seen_ms: u64) -> Absence {
    Absence {
        seen_ms,
        sessions: sessions.open().map(|session| session.key.clone()).collect(),
    }
}

#[test]
fn a_session_that_its_nas_has_no_more_is_closed_until_it_is_heard_of() {
    let mut sessions = applied(&[report(Status::InterimUpdate, "s1", 300, 5, true)]);
    let gone = absent(&sessions, T0 + 400_000);
    assert_eq!(sessions.close(&gone).changes[0].1, Change::Closed);
    assert_eq!(sessions.close(&gone).changes, []);
    assert_eq!(sessions.open().count(), 0);
    let ended = only(sessions).ended.unwrap();
    assert_eq!((ended.at_ms, ended.by), (T0 + 400_000, EndedBy::Absent));

    let mut sessions = applied(&[report(Status::InterimUpdate, "s1", 300, 5, true)]);
    drop(sessions.close(&gone));
    let late = report(Status::InterimUpdate, "s1", 350, 5, true);
    assert_eq!(sessions.apply(&late).changes[0].1, Change::Updated);
    let alive = report(Status::InterimUpdate, "s1", 401, 6, true);
    assert_eq!(sessions.apply(&alive).changes[0].1, Change::Reopened);
    // What was seen before the newest report is no longer so.
    assert_eq!(sessions.close(&gone).changes, []);
    let stop = report(Status::Stop, "s1", 500, 7, true);
    assert_eq!(sessions.apply(&stop).changes[0].1, Change::Closed);
    assert_eq!(only(sessions).ended.unwrap().by, EndedBy::Stop);
}

#[test]
fn a_stop_tells_better_when_a_session_ended_than_its_absence() {
    let mut sessions = applied(&[report(Status::InterimUpdate, "s1", 300, 5, true)]);
    drop(sessions.close(&absent(&sessions, T0 + 400_000)));
    let stop = report(Status::Stop, "s1", 310, 7, true);
    assert_eq!(sessions.apply(&stop).changes[0].1, Change::Updated);
    let session = only(sessions);
    let ended = session.ended.unwrap();
    assert_eq!((ended.at_ms, ended.by), (T0 + 310_000, EndedBy::Stop));
    assert_eq!(session.input_octets, 7);
}

#[test]
fn the_absence_of_a_session_is_not_that_of_the_next_one_of_its_id() {
    let mut sessions = applied(&[event(Status::Start, "s1", T0)]);
    let gone = absent(&sessions, T0 + 2 * HOUR);
    drop(sessions.apply(&event(Status::Start, "s1", T0 + HOUR)));
    assert_eq!(sessions.close(&gone).changes, []);
    assert_eq!(sessions.open().count(), 1);
}

#[test]
fn an_id_used_again_is_another_session() {
    let first = report(Status::Stop, "s1", 600, 5, true);
    let second = event(Status::Start, "s1", T0 + HOUR);
    let mut sessions = applied(&[first.clone(), second]);
    assert_eq!(sessions.apply(&first).note, Some(Note::Outdated));
    let third = event(Status::Start, "s1", T0 + 3 * HOUR);
    let effects = sessions.apply(&third);
    let changes: Vec<_> = effects.changes.iter().map(|(_, change)| *change).collect();
    assert_eq!(changes, [Change::Closed, Change::Opened]);
    let rows = sessions.changed();
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.key.incarnation, row.ended.map(|ended| ended.by)))
        .collect();
    let by = EndedBy::Superseded;
    assert_eq!(seen, [(0, Some(EndedBy::Stop)), (1, Some(by)), (2, None)]);
}

#[test]
fn users_and_nases_do_not_share_sessions() {
    let first = event(Status::Start, "s1", T0);
    let mut second = first.clone();
    second.user = Some("ann".into());
    let mut third = first.clone();
    third.nas = "other".into();
    let mut classed = first.clone();
    classed.class = Some(ClassId::new([1; 16]).encode().to_vec());
    assert_eq!(applied(&[first, second, third, classed]).len(), 4);
}

#[test]
fn what_cannot_be_told_apart_is_not_made_a_session() {
    let mut nobody = event(Status::Start, "", T0);
    nobody.user = None;
    nobody.calling_station = None;
    nobody.nas_port = None;
    let mut sessions = Sessions::new(10, []);
    assert_eq!(sessions.apply(&nobody).note, Some(Note::Unidentified));
    let tunnel = event(Status::Other(9), "s1", T0);
    assert_eq!(sessions.apply(&tunnel).note, Some(Note::StatusNotKept));
    assert!(sessions.is_empty());
}

#[test]
fn the_table_is_bounded_and_loses_nothing_unwritten() {
    let mut sessions = Sessions::new(2, []);
    for id in ["a", "b", "c"] {
        drop(sessions.apply(&event(Status::Start, id, T0)));
    }
    drop(sessions.apply(&report(Status::Stop, "a", 60, 1, true)));
    assert_eq!(sessions.trim(), Trimmed::default());
    assert_eq!(sessions.changed().len(), 3);
    assert_eq!(sessions.trim(), Trimmed { ended: 1, open: 0 });
    let more = event(Status::Start, "d", T0);
    drop(sessions.apply(&more));
    let kept = sessions.changed();
    assert_eq!(sessions.trim(), Trimmed { ended: 0, open: 1 });
    assert_eq!(sessions.len(), 2);

    let update = report(Status::InterimUpdate, "d", 60, 1, true);
    let missing = sessions.missing(&update).unwrap();
    assert_eq!(missing, kept[0].key);
    sessions.admit(kept[0].clone());
    assert_eq!(sessions.missing(&update), None);
    assert_eq!(sessions.apply(&update).changes[0].1, Change::Updated);
}

#[test]
fn open_sessions_from_the_store_are_carried_on() {
    let mut first = applied(&[event(Status::Start, "s1", T0)]);
    let rows = first.changed();
    let mut second = Sessions::new(10, rows);
    let on = event(Status::AccountingOn, "", T0 + HOUR);
    assert_eq!(second.apply(&on).changes[0].1, Change::Closed);
}

#[test]
fn a_session_survives_json() {
    let events = [
        event(Status::Start, "s1", T0),
        report(Status::InterimUpdate, "s1", 60, 9, false),
    ];
    let session = only(applied(&events));
    let text = serde_json::to_string(&session).unwrap();
    assert_eq!(serde_json::from_str::<Session>(&text).unwrap(), session);
}
