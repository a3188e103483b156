//! There and back, whatever happens on the way.

use std::io;

use proptest::prelude::*;

use super::{
    assert_same,
    memory::{Fault, Memory},
    now, planned,
    random::{self, TAG},
};
use crate::{
    Record,
    plan::{
        Failed, Progress, Trouble, Undo, Wanted,
        apply::{Applied, apply_by},
        menu::is_dynamic,
        undo::take_back,
    },
};

fn carry_out(wanted: &Wanted, router: &mut Memory) -> Result<Applied, Box<Failed>> {
    let plan = planned(wanted, router);
    now(apply_by(router, &plan, |_| Ok(()))).map_err(Box::new)
}

/// What is wanted, looked at without the planner.
fn is_as_wanted(router: &Memory, wanted: &Wanted) {
    let radius = &router.menus["/radius"];
    for (entry, server) in radius.iter().zip(&wanted.servers) {
        assert_eq!(entry.get("address"), Some(&*server.address.to_string()));
        assert_eq!(entry.get("comment"), Some(TAG));
        assert_eq!(entry.get("secret"), Some(server.secret.reveal()));
        assert_eq!(entry.flag("disabled"), Some(false));
        let mut services = entry.list("service");
        let mut names = wanted.services.names();
        services.sort_unstable();
        names.sort_unstable();
        assert_eq!(services, names);
    }
    let ours = |record: &&Record| record.get("comment") == Some(TAG);
    assert_eq!(radius.iter().filter(ours).count(), wanted.servers.len());
    if let Some(coa) = &wanted.coa {
        let filter: Vec<&Record> = router.menus["/ip/firewall/filter"]
            .iter()
            .filter(|rule| !is_dynamic(rule))
            .collect();
        let first = filter.iter().position(|rule| {
            let action = rule.get("action").unwrap();
            rule.get("chain") == Some("input")
                && rule.flag("disabled") == Some(false)
                && ["drop", "reject", "jump"].contains(&action)
        });
        for server in &wanted.servers {
            let address = server.address.to_string();
            let own: Vec<usize> = (0..filter.len())
                .filter(|at| filter[*at].get("comment") == Some(TAG))
                .filter(|at| filter[*at].get("src-address") == Some(&*address))
                .collect();
            assert_eq!(own.len(), 1);
            assert!(first.is_none_or(|first| own[0] < first));
            let rule = filter[own[0]];
            assert_eq!(rule.get("dst-port"), Some(&*coa.port.to_string()));
            assert_eq!(rule.get("action"), Some("accept"));
            assert_eq!(rule.flag("disabled"), Some(false));
        }
        let incoming = &router.menus["/radius/incoming"][0];
        assert_eq!(incoming.flag("accept"), Some(true));
    }
    if wanted.services.ppp.is_some() {
        assert_eq!(router.menus["/ppp/aaa"][0].flag("use-radius"), Some(true));
    }
    if wanted.services.login.is_some() {
        assert_eq!(router.menus["/user/aaa"][0].flag("use-radius"), Some(true));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_plan_leads_there_and_its_undo_back(
        wanted in random::wanted(),
        mut router in random::router(),
    ) {
        let start = router.export();
        let applied = carry_out(&wanted, &mut router).unwrap();
        is_as_wanted(&router, &wanted);
        let again = planned(&wanted, &router);
        prop_assert!(again.is_empty(), "{again}");

        let json = serde_json::to_string(&applied.undo).unwrap();
        let mut undo: Undo = serde_json::from_str(&json).unwrap();
        let (undone, ended) = now(take_back(&mut router, &mut undo));
        prop_assert!(ended.is_ok() && undone.left.is_empty(), "{undone:?} {ended:?}");
        prop_assert_eq!(router.export(), start);
    }

    #[test]
    fn whatever_fails_nothing_stays(
        wanted in random::wanted(),
        mut router in random::router(),
        kind in 0usize..4,
        at in 0usize..40,
    ) {
        let start = router.export();
        let plan = planned(&wanted, &router);
        prop_assume!(!plan.steps().is_empty());
        let at = at % plan.steps().len();
        router.fault = Some(match kind {
            0 => Fault::LostBefore(at),
            1 => Fault::LostAfter(at),
            2 => Fault::Refused(at),
            _ => Fault::Ignored(at),
        });
        let failed = now(apply_by(&mut router, &plan, |_| Ok(()))).unwrap_err();
        prop_assert_eq!(failed.step, at);
        prop_assert!(failed.undo.is_none() && failed.left.is_empty(), "{failed}");
        prop_assert_eq!(router.export(), start);
    }

    #[test]
    fn a_journal_kept_before_a_step_outlives_a_crash(
        wanted in random::wanted(),
        router in random::router(),
        at in 0usize..40,
        was_done in any::<bool>(),
    ) {
        let start = router.export();
        let plan = planned(&wanted, &router);
        prop_assume!(!plan.steps().is_empty());
        let at = at % plan.steps().len();
        // The program ends at a step, before or after the router has heard of it.
        let mut kept = None;
        let mut crashed = router.clone();
        crashed.fault = Some(if was_done { Fault::LostAfter(at) } else { Fault::LostBefore(at) });
        let keep = |progress: Progress<'_>| {
            if let Progress::Before { undo, .. } = progress {
                kept = Some(undo.clone());
            }
            Ok(())
        };
        now(apply_by(&mut Dead(&mut crashed), &plan, keep)).unwrap_err();
        let mut router = crashed;
        now(crate::plan::hands::Hands::reconnect(&mut router)).unwrap();
        router.fault = None;
        let (undone, ended) = now(take_back(&mut router, &mut kept.unwrap()));
        prop_assert!(ended.is_ok() && undone.left.is_empty(), "{undone:?} {ended:?}");
        prop_assert_eq!(router.export(), start);
    }
}

/// A connection that cannot be made again.
struct Dead<'a>(&'a mut Memory);

impl crate::plan::hands::Hands for Dead<'_> {
    async fn call(&mut self, command: &crate::Command) -> Result<crate::Answer, crate::Error> {
        self.0.call(command).await
    }

    async fn reconnect(&mut self) -> Result<(), crate::Error> {
        Err(crate::Error::Closed {
            during: "a test".to_owned(),
        })
    }
}

#[test]
fn somebody_elses_edit_stops_the_work_and_stays() {
    let mut router = random::full(|_| true);
    let wanted = random::all();
    let steps = planned(&wanted, &router).steps().len();
    let aaa = planned(&wanted, &router)
        .steps()
        .iter()
        .position(|step| step.menu == "/ppp/aaa")
        .unwrap();
    assert!(aaa > 3 && aaa < steps);
    router.editor = Some((aaa - 1, |menus| {
        menus.get_mut("/ppp/aaa").unwrap()[0].set("interim-update", "7m");
    }));
    let mut expected = router.clone();
    expected.menus.get_mut("/ppp/aaa").unwrap()[0].set("interim-update", "7m");
    let failed = carry_out(&wanted, &mut router).unwrap_err();
    assert!(
        matches!(&failed.trouble, Trouble::Changed { menu, .. } if menu == "/ppp/aaa"),
        "{failed}"
    );
    assert_eq!(failed.rolled_back, aaa);
    assert_same(&router, &expected.export());
}

#[test]
fn undo_leaves_what_others_have_made_of_it_and_says_so() {
    let mut router = random::full(|_| true);
    let start = router.clone();
    let mut undo = carry_out(&random::all(), &mut router).unwrap().undo;
    router.menus.get_mut("/ppp/aaa").unwrap()[0].set("interim-update", "7m");
    let added = router.menus.get_mut("/radius").unwrap();
    assert_eq!(added[2].get("protocol"), Some("radsec"));
    added[2].set("timeout", "9s");
    router.push("/radius", &[("address", "10.5.5.5"), ("comment", "new")]);
    let (undone, ended) = now(take_back(&mut router, &mut undo));
    ended.unwrap();
    let left: Vec<String> = undone.left.iter().map(ToString::to_string).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[0].contains("7m") && left[1].contains("9s"), "{left:?}");
    let mut expected = start;
    expected.menus.get_mut("/ppp/aaa").unwrap()[0].set("interim-update", "7m");
    router.menus.get_mut("/radius").unwrap().retain(|record| {
        record.get("timeout") != Some("9s") && record.get("comment") != Some("new")
    });
    assert_same(&router, &expected.export());
}

#[test]
fn a_restarted_router_has_other_ids_and_is_undone_all_the_same() {
    let mut router = random::full(|_| true);
    let start = router.export();
    let mut undo = carry_out(&random::all(), &mut router).unwrap().undo;
    for items in router.menus.values_mut() {
        for (place, item) in items.iter_mut().enumerate() {
            if item.id().is_some() {
                item.set(".id", format!("*{:X}", place + 1));
            }
        }
    }
    let (undone, ended) = now(take_back(&mut router, &mut undo));
    ended.unwrap();
    assert!(undone.left.is_empty(), "{undone:?}");
    assert_same(&router, &start);
}

#[test]
fn a_journal_that_cannot_be_kept_stops_everything() {
    let mut router = random::full(|_| true);
    let start = router.export();
    let plan = planned(&random::all(), &router);
    let full = |progress: Progress<'_>| match progress {
        Progress::Before { index: 3, .. } => Err(io::Error::other("no space left on device")),
        _ => Ok(()),
    };
    let failed = now(apply_by(&mut router, &plan, full)).unwrap_err();
    assert!(matches!(failed.trouble, Trouble::Journal(_)), "{failed}");
    assert_eq!((failed.step, failed.rolled_back), (3, 3));
    assert_same(&router, &start);
}
