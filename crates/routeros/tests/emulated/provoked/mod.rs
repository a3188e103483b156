//! Every finding of the doctor, provoked on an emulated router, found through what it reads there,
//! mended where it offers to, and taken back; what the server knows
//! comes from a server that the router asks.

mod healthy;
mod server;
mod sites;
mod stage;
mod table;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use portreeve_routeros::{
    Command,
    check::{Code, Finding, OurSide, Severity},
};
use sites::Site;
use stage::{Stage, codes};
use table::{Case, NOT_HERE, cases};

const US: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[test]
fn no_finding_is_left_out() {
    let provoked: BTreeSet<Code> = cases().map(|case| case.code).collect();
    let excused: BTreeSet<Code> = NOT_HERE.iter().map(|(code, _)| *code).collect();
    for code in Code::ALL {
        assert!(
            provoked.contains(code) != excused.contains(code),
            "{code} must be provoked here, or be excused with a reason, and not both"
        );
    }
    assert!(NOT_HERE.iter().all(|(_, why)| !why.is_empty()));
}

/// All cases of a site, one router for each version.
async fn provoke_all(site: Site) {
    let of_site = || cases().filter(|case| case.site == site);
    let versions: BTreeSet<&str> = of_site().flat_map(|case| case.versions).copied().collect();
    let mut wrong = Vec::new();
    for version in versions {
        // There a certificate comes by SFTP or not at all.
        let by_sftp = version.starts_with('6') && matches!(site, Site::Branch | Site::Hardened);
        if by_sftp && !cfg!(feature = "sftp") {
            continue;
        }
        let mut stage = Stage::set(site, version).await;
        let healthy = stage.configured().await;
        let known = stage.look(|_| ()).await;
        if site != Site::Old {
            let bad: Vec<_> = known
                .iter()
                .filter(|one| one.severity != Severity::Note)
                .collect();
            assert!(bad.is_empty(), "{site:?} {version}: {bad:#?}");
            assert!(
                known.is_empty() || site == Site::Hardened,
                "{version}: {known:#?}"
            );
        }
        for case in of_site().filter(|case| case.versions.contains(&version)) {
            for step in case.steps {
                stage.act(step).await;
            }
            let known = if site == Site::Old { &[][..] } else { &known };
            if let Err(what) = examine(&stage, case, known).await {
                wrong.push(format!(
                    "{} in {version} {:?}: {what}",
                    case.code, case.steps
                ));
            }
            stage.back().await;
            let now = stage.configured().await;
            assert_eq!(changes(&healthy, &now), [""; 0], "{} {version}", case.code);
            if site != Site::Old {
                let left = stage.look(|_| ()).await;
                assert_eq!(left, known, "{} {version}", case.code);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether what was provoked is found, and nothing else.
async fn examine(stage: &Stage, case: &Case, known: &[Finding]) -> Result<(), String> {
    let look = async || {
        let mut extra = OurSide::default();
        stage.pass_ports(&mut extra).await;
        let mut found = stage
            .look(|ours| {
                ours.authentication_ports.extend(extra.authentication_ports);
                (case.ours)(ours);
            })
            .await;
        found.retain(|one| !known.contains(one));
        found
    };
    let found = look().await;
    // A timeout that is short so that the case is quick is too short on a busy machine.
    let is_hasty = case.steps.iter().any(|step| step.contains("timeout=100ms"));
    let others: Vec<_> = codes(&found)
        .into_iter()
        .filter(|code| *code != case.code && !case.also.contains(code))
        .filter(|code| !(is_hasty && *code == Code::TimeoutShort))
        .collect();
    if !others.is_empty() {
        return Err(format!("{others:?} too: {found:#?}"));
    }
    let of_code = || found.iter().filter(|one| one.code == case.code);
    let right = of_code().find(|one| {
        let said = one.what.contains(case.seen)
            || one.evidence.iter().any(|fact| fact.contains(case.seen));
        said && one.fix.contains(case.fix) && one.severity == case.severity
    });
    let Some(right) = right else {
        return Err(format!("it is not found as it should be: {found:#?}"));
    };
    let text = format!("{found:?}") + &serde_json::to_string(&found).unwrap();
    if text.contains(server::SECRET) || text.contains("testing123") {
        return Err("a secret shows".to_owned());
    }
    match (&right.repair, case.mends) {
        (None, false) => Ok(()),
        (Some(_), false) => Err(format!("it offers to mend it: {right:#?}")),
        (None, true) => Err(format!("it does not offer to mend it: {right:#?}")),
        (Some(_), true) => mend(stage, case, right, look).await,
    }
}

/// Mends it: then it is gone, nothing else has changed, and it can be taken back.
async fn mend(
    stage: &Stage,
    case: &Case,
    finding: &Finding,
    look: impl AsyncFn() -> Vec<Finding>,
) -> Result<(), String> {
    let repair = finding.repair.as_ref().unwrap();
    let before = stage.configured().await;
    let undo = repair
        .apply(&stage.router)
        .await
        .map_err(|error| error.to_string())?;
    let after = stage.configured().await;
    let menus: BTreeSet<&str> = repair.commands.iter().map(Command::menu).collect();
    let changed = changes(&before, &after);
    if changed.is_empty() {
        return Err("mending it changed nothing".to_owned());
    }
    let strange = changed.iter().find(|line| {
        let menu = line.split(' ').next().unwrap_or_default();
        !menus.contains(menu)
    });
    if let Some(strange) = strange {
        return Err(format!("mending it changed {strange}"));
    }
    if changed.len() > 4 * repair.commands.len() {
        return Err(format!("mending it changed {changed:#?}"));
    }
    let left = look().await;
    if left.iter().any(|one| one.code == case.code) {
        return Err(format!("mended, it is still found: {left:#?}"));
    }
    let new = left.iter().find(|one| !case.also.contains(&one.code));
    if let Some(new) = new {
        return Err(format!("mending it made {new:#?}"));
    }
    for command in &undo {
        stage
            .router
            .call(command)
            .await
            .map_err(|error| error.to_string())?;
    }
    let again = stage.configured().await;
    let changed = changes(&before, &again);
    if !changed.is_empty() {
        return Err(format!("taken back, it is not as before: {changed:#?}"));
    }
    Ok(())
}

/// Lines that are in one and not in the other, and lines that have moved.
fn changes<'a>(before: &'a [String], after: &'a [String]) -> Vec<&'a str> {
    let only = |these: &'a [String], those: &'a [String]| {
        let those: BTreeSet<&String> = those.iter().collect();
        let lines = these.iter().filter(move |line| !those.contains(line));
        lines.map(String::as_str).collect::<Vec<_>>()
    };
    let mut all = only(before, after);
    all.extend(only(after, before));
    if all.is_empty() && before != after {
        let moved = before.iter().zip(after).filter(|(a, b)| a != b);
        all.extend(moved.map(|(line, _)| line.as_str()));
    }
    all
}

#[tokio::test]
async fn each_trouble_of_a_provider_is_found_and_mended() {
    provoke_all(Site::Provider).await;
}

#[tokio::test]
async fn an_old_version_is_told_so() {
    provoke_all(Site::Old).await;
}

#[tokio::test]
async fn each_trouble_of_a_hotel_is_found_and_mended() {
    provoke_all(Site::Hotel).await;
}

#[tokio::test]
async fn each_trouble_of_an_office_is_found_and_mended() {
    provoke_all(Site::Office).await;
}

#[tokio::test]
async fn each_trouble_of_a_branch_is_found_and_mended() {
    provoke_all(Site::Branch).await;
}

#[tokio::test]
async fn each_weakness_of_a_router_is_found_and_mended() {
    provoke_all(Site::Hardened).await;
}
