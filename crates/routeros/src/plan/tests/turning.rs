//! Secrets changed on both ends: at every moment an entry is asked whose secret the server takes.

use std::{cell::RefCell, rc::Rc, time::Duration};

use super::{
    memory::{Fault, Memory},
    now,
    random::TAG,
    schema,
};
use crate::{
    Answer, Command, Error, Secret,
    plan::{
        self, Wanted,
        apply::apply_by,
        hands::Hands,
        rotation::{Overlap, Rotation, ServerSide, Unrotated, rotate_by},
        undo::take_back,
    },
};

const OLD: &str = "the old secret";
const NEW: &str = "the new secret";

/// What the server takes, shared with the router that looks at it after each command.
type Taken = Rc<RefCell<Vec<&'static str>>>;

struct Server {
    overlap: Overlap,
    taken: Taken,
    waited: Duration,
    turned: bool,
    fails: bool,
}

impl ServerSide for Server {
    async fn prepare(&mut self) -> Result<Overlap, String> {
        if self.overlap == Overlap::Both {
            self.taken.borrow_mut().push(NEW);
        }
        Ok(self.overlap)
    }

    async fn turned(&mut self) -> Result<(), String> {
        assert!(!self.turned && self.waited.is_zero());
        self.turned = true;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), String> {
        assert_eq!(self.turned, self.overlap == Overlap::Both);
        if self.fails {
            return Err("the store is away".to_owned());
        }
        *self.taken.borrow_mut() = vec![NEW];
        Ok(())
    }

    async fn revert(&mut self) -> Result<(), String> {
        *self.taken.borrow_mut() = vec![OLD];
        Ok(())
    }

    async fn wait(&mut self, time: Duration) {
        self.waited += time;
    }
}

/// A router whose log-ins are tried after every command.
struct Watched {
    router: Memory,
    taken: Taken,
    /// How many entries had to be asked, each time.
    asked: Vec<usize>,
}

impl Watched {
    fn try_log_in(&mut self) {
        let entries = &self.router.menus["/radius"];
        let taken = self.taken.borrow();
        let good = |secret: Option<&str>| secret.is_some_and(|s| taken.contains(&s));
        let asked = entries.iter().position(|entry| good(entry.get("secret")));
        self.asked
            .push(asked.expect("an entry whose secret the server takes"));
    }
}

impl Hands for Watched {
    async fn call(&mut self, command: &Command) -> Result<Answer, Error> {
        self.try_log_in();
        let answer = self.router.call(command).await;
        self.try_log_in();
        answer
    }

    async fn reconnect(&mut self) -> Result<(), Error> {
        self.router.reconnect().await
    }
}

fn watched(taken: &Taken) -> Watched {
    let mut router = Memory::default();
    for (address, comment) in [("10.0.0.1", TAG), ("10.9.9.9", "somebody's")] {
        let values = [
            ("address", address),
            ("comment", comment),
            ("secret", if comment == TAG { OLD } else { "another" }),
            ("timeout", "2s"),
        ];
        router.push("/radius", &values);
    }
    Watched {
        router,
        taken: taken.clone(),
        asked: Vec::new(),
    }
}

fn rotation() -> Rotation {
    Rotation {
        tag: TAG.to_owned(),
        address: "10.0.0.1".parse().unwrap(),
        secret: Secret::new(NEW),
    }
}

fn server(overlap: Overlap, taken: &Taken) -> Server {
    Server {
        overlap,
        taken: taken.clone(),
        waited: Duration::ZERO,
        turned: false,
        fails: false,
    }
}

#[test]
fn with_both_secrets_taken_nobody_waits_and_nothing_is_lost() {
    let taken = Taken::new(RefCell::new(vec![OLD]));
    let mut hands = watched(&taken);
    let start = hands.router.export();
    let mut side = server(Overlap::Both, &taken);
    let can = schema::newest();
    let mut undo = now(rotate_by(&mut hands, can, &rotation(), &mut side)).unwrap();
    assert!(hands.asked.iter().all(|asked| *asked == 0));
    assert_eq!(side.waited, Duration::from_secs(10));
    assert_eq!(*taken.borrow(), [NEW]);
    assert_eq!(hands.router.export(), start.replace(OLD, NEW));
    let (_, ended) = now(take_back(&mut hands.router, &mut undo));
    ended.unwrap();
    assert_eq!(hands.router.export(), start);
}

#[test]
fn with_one_at_a_time_the_new_entry_is_there_before_it_is_needed() {
    let taken = Taken::new(RefCell::new(vec![OLD]));
    let mut hands = watched(&taken);
    let start = hands.router.export();
    let mut side = server(Overlap::One, &taken);
    now(rotate_by(
        &mut hands,
        schema::newest(),
        &rotation(),
        &mut side,
    ))
    .unwrap();
    // Between the two changes the second entry is asked; never a third, and never none.
    assert!(hands.asked.contains(&1) && hands.asked.iter().all(|asked| *asked < 2));
    assert_eq!(hands.router.export(), start.replace(OLD, NEW));
}

#[test]
fn a_server_that_fails_leaves_both_ends_as_they_were() {
    for overlap in [Overlap::Both, Overlap::One] {
        let taken = Taken::new(RefCell::new(vec![OLD]));
        let mut hands = watched(&taken);
        let start = hands.router.export();
        let mut side = server(overlap, &taken);
        side.fails = true;
        let failed = now(rotate_by(
            &mut hands,
            schema::newest(),
            &rotation(),
            &mut side,
        ));
        assert!(matches!(failed, Err(Unrotated::Server(_))), "{failed:?}");
        assert_eq!(hands.router.export(), start);
        assert_eq!(*taken.borrow(), [OLD]);
    }
}

#[test]
fn a_router_that_fails_leaves_both_ends_as_they_were() {
    for overlap in [Overlap::Both, Overlap::One] {
        for at in 0..3 {
            for fault in [Fault::Refused(at), Fault::LostAfter(at)] {
                let taken = Taken::new(RefCell::new(vec![OLD]));
                let mut router = watched(&taken).router;
                let start = router.export();
                router.fault = Some(fault);
                let mut side = server(overlap, &taken);
                let (can, rotation) = (schema::newest(), rotation());
                let rotated = rotate_by(&mut router, can, &rotation, &mut side);
                let failed = now(rotated).unwrap_err();
                assert!(matches!(failed, Unrotated::Router(_)), "{failed}");
                assert_eq!(router.export(), start, "{overlap:?} {fault:?}");
                assert_eq!(*taken.borrow(), [OLD]);
            }
        }
    }
}

#[test]
fn radsec_and_unknown_entries_are_refused_at_once() {
    let taken = Taken::new(RefCell::new(vec![OLD]));
    let mut hands = watched(&taken);
    let entry = &mut hands.router.menus.get_mut("/radius").unwrap()[0];
    entry.set("protocol", "radsec");
    for tag in [TAG, "portreeve:other"] {
        let mut side = server(Overlap::Both, &taken);
        let rotation = Rotation {
            tag: tag.to_owned(),
            ..rotation()
        };
        let failed = now(rotate_by(
            &mut hands,
            schema::newest(),
            &rotation,
            &mut side,
        ));
        assert!(matches!(failed, Err(Unrotated::NoEntry(_))), "{failed:?}");
        assert_eq!(*taken.borrow(), [OLD]);
    }
    assert!(hands.router.told.is_empty());
}

#[test]
fn the_next_plan_clears_up_after_a_crash_in_between() {
    let taken = Taken::new(RefCell::new(vec![OLD]));
    let mut router = watched(&taken).router;
    let second = [
        ("address", "10.0.0.1"),
        ("comment", &*format!("{TAG} (new secret)")),
        ("secret", NEW),
    ];
    router.push("/radius", &second);
    let address = "10.0.0.1".parse().unwrap();
    let mut wanted = Wanted::new(TAG, plan::Server::udp(address, Secret::new(OLD)));
    wanted.coa = None;
    let plan = super::planned(&wanted, &router);
    now(apply_by(&mut router, &plan, |_| Ok(()))).unwrap();
    let entries = &router.menus["/radius"];
    let at = entries
        .iter()
        .filter(|e| e.get("address") == Some("10.0.0.1"));
    let secrets: Vec<_> = at.map(|entry| entry.get("secret")).collect();
    assert_eq!(secrets, [Some(OLD)]);
}
