//! Carrying a plan out while saying so, with a journal that outlives this process.

use std::io;

use portreeve_routeros::{
    Login, Router,
    plan::{self, Plan, Progress, Undo},
};

use super::plain;
use crate::{
    failure::Failure,
    output::Output,
    routers::{Folder, Journal, Kept, Link, RouterError},
};

/// Does work until it ends or somebody presses Ctrl-C. What was done by then is in the journal;
/// the caller takes it back.
pub(super) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        pressed = tokio::signal::ctrl_c() => match pressed {
            Ok(()) => Err(RouterError::Interrupted.into()),
            Err(error) => Err(RouterError::Runtime(error).into()),
        },
    }
}

/// Shows a plan, and what is to be known of it.
pub(super) fn show(plan: &Plan, output: &mut Output<'_>) -> Result<(), Failure> {
    for line in plan.to_string().lines() {
        output.line(crate::output::printable(line))?;
    }
    Ok(())
}

/// As [`show`], beside what is asked for where that is JSON.
pub(super) fn show_beside(json: bool, plan: &Plan, output: &mut Output<'_>) -> Result<(), Failure> {
    if !json {
        return show(plan, output);
    }
    for line in plan.to_string().lines() {
        output.note(crate::output::printable(line))?;
    }
    Ok(())
}

/// Carries a plan out. Every step is in the journal before it is done; what fails is taken back.
pub(super) async fn carry_out(
    link: &Link,
    kept: &Kept,
    folder: &Folder,
    plan: &Plan,
    output: &mut Output<'_>,
) -> Result<usize, Failure> {
    let mut journal: Journal = folder.undo()?.unwrap_or_default();
    let before = journal.applied.len();
    let login = Login::new(&kept.user, kept.password.reveal());
    let target = kept.target.clone();
    let reconnect = || {
        let (target, login) = (target.clone(), login.clone());
        async move { Router::connect(&target, &login).await }
    };
    let total = plan.steps().len();
    let done = plan::apply(&link.router, plan, reconnect, |progress| {
        tell(progress, total, &mut journal, before, folder, output)
    });
    match done.await {
        Ok(applied) => {
            replace(&mut journal, before, Some(applied.undo));
            folder.write_undo(&journal)?;
            Ok(applied.steps)
        }
        Err(failed) => {
            let words = plain::failed(&failed);
            replace(&mut journal, before, failed.undo);
            folder.write_undo(&journal)?;
            Err(RouterError::Refused(words).into())
        }
    }
}

/// As [`carry_out`], and takes back what was done where somebody presses Ctrl-C.
pub(super) async fn carry_out_or_not(
    link: &Link,
    kept: &Kept,
    folder: &Folder,
    plan: &Plan,
    output: &mut Output<'_>,
) -> Result<usize, Failure> {
    let applied = |journal: &Option<Journal>| journal.as_ref().map_or(0, |one| one.applied.len());
    let before = applied(&folder.undo()?);
    let done = unless_interrupted(carry_out(link, kept, folder, plan, output)).await;
    let Err(Failure::Router(RouterError::Interrupted)) = done else {
        return done;
    };
    output.warn("interrupted; what was done is taken back")?;
    let mut journal: Journal = folder.undo()?.unwrap_or_default();
    unless_interrupted(take_back_to(before, link, folder, &mut journal, output)).await?;
    done
}

/// Puts one undo behind those that were there, or none.
fn replace(journal: &mut Journal, before: usize, undo: Option<Undo>) {
    journal.applied.truncate(before);
    journal
        .applied
        .extend(undo.filter(|undo| !undo.steps.is_empty()));
}

fn tell(
    progress: Progress<'_>,
    total: usize,
    journal: &mut Journal,
    before: usize,
    folder: &Folder,
    output: &mut Output<'_>,
) -> io::Result<()> {
    match progress {
        Progress::Before { undo, .. } => {
            replace(journal, before, Some(undo.clone()));
            folder.write_undo(journal).map_err(io::Error::other)
        }
        Progress::Done { index, step } => output.note(crate::output::printable(&format!(
            "  {}/{total} {} {}: {}",
            index + 1,
            step.menu,
            plain::verb(step.verb),
            step.why
        ))),
        Progress::RollingBack { because } => {
            output.warn(format!("{because}; what was done is taken back"))
        }
    }
}

/// Takes back all that was applied, the last first, and forgets it as it goes.
pub(super) async fn take_back(
    link: &Link,
    folder: &Folder,
    journal: &mut Journal,
    output: &mut Output<'_>,
) -> Result<usize, Failure> {
    take_back_to(0, link, folder, journal, output).await
}

/// Takes back what was applied, the last first, until so many plans are left.
async fn take_back_to(
    left: usize,
    link: &Link,
    folder: &Folder,
    journal: &mut Journal,
    output: &mut Output<'_>,
) -> Result<usize, Failure> {
    let mut steps = 0;
    while journal.applied.len() > left
        && let Some(mut undo) = journal.applied.last().cloned()
    {
        let taken = plan::undo(&link.router, &mut undo).await;
        if taken.is_err() {
            // What is left of it takes back the rest.
            replace(journal, journal.applied.len() - 1, Some(undo));
            folder.write_undo(journal)?;
        }
        let undone = link.said(taken)?;
        steps += undone.steps;
        for left in &undone.left {
            output.warn(format!("left as it is: {left}"))?;
        }
        journal.applied.pop();
        folder.write_undo(journal)?;
    }
    Ok(steps)
}
