//! `portreeve router diff|apply|undo|script`.

use clap::Args;
use portreeve_routeros::plan::{Plan, Secrets};
use serde::Serialize;

use super::{ask, plain, progress, secret};
use crate::{
    cli::{Context, Listing},
    data::DataDir,
    failure::Failure,
    output::Output,
    routers::{Folder, Journal, Kept, Link, RouterError, Routers, wait_for},
};

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The router [default: all]
    name: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The router [default: the only one]
    name: Option<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask nothing
    #[arg(long, short = 'y')]
    yes: bool,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The router [default: the only one]
    name: Option<String>,
    /// Ask nothing
    #[arg(long, short = 'y')]
    yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Script {
    /// The router [default: the only one]
    name: Option<String>,
    /// Also print the secrets, in the clear; without it a placeholder stands for each
    #[arg(long)]
    reveal_secrets: bool,
}

#[derive(Serialize)]
struct Drift<'a> {
    name: &'a str,
    steps: usize,
    plan: Option<&'a Plan>,
    trouble: Option<String>,
}

pub(super) fn diff(arguments: &Diff, context: &mut Context<'_>) -> Result<(), Failure> {
    let routers = Routers::of(&context.data);
    let folders = routers.some(arguments.name.as_deref())?;
    let looked: Vec<(String, Result<Plan, RouterError>)> = wait_for(async {
        let mut looked = Vec::new();
        for folder in &folders {
            let plan = look(folder).await;
            remember(folder, &plan)?;
            looked.push((folder.name().to_owned(), plan));
        }
        Ok::<_, RouterError>(looked)
    })?;
    let is_well = |plan: &Result<Plan, RouterError>| plan.as_ref().is_ok_and(Plan::is_empty);
    if arguments.listing.json {
        let shown: Vec<Drift<'_>> = looked
            .iter()
            .map(|(name, plan)| Drift {
                name,
                steps: plan.as_ref().map_or(0, |plan| plan.steps().len()),
                plan: plan.as_ref().ok(),
                trouble: plan
                    .as_ref()
                    .err()
                    .map(|error| crate::failure::chain(error)),
            })
            .collect();
        context.output.json(&shown)?;
    } else {
        for (name, plan) in &looked {
            print(name, plan, &mut context.output)?;
        }
    }
    if looked.iter().all(|(_, plan)| is_well(plan)) {
        return Ok(());
    }
    Err(Failure::Said)
}

fn print(
    name: &str,
    plan: &Result<Plan, RouterError>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    match plan {
        Ok(plan) if plan.is_empty() => {
            Ok(output.note(format!("router '{name}' is as it was left"))?)
        }
        Ok(plan) => {
            output.line(format!("router '{name}' has drifted; to be as wanted:"))?;
            progress::show(plan, output)?;
            let next = format!("bring it back with: portreeve router apply {name}");
            Ok(output.note(next)?)
        }
        Err(error) => Ok(output.warn(crate::failure::chain(error))?),
    }
}

/// What is to be done for a router to be as wanted.
async fn look(folder: &Folder) -> Result<Plan, RouterError> {
    let kept = folder.read()?;
    let link = Link::open(&kept).await?;
    link.plan(&kept.wanted()).await
}

/// Keeps what was seen, for `list`.
fn remember(folder: &Folder, plan: &Result<Plan, RouterError>) -> Result<(), RouterError> {
    let now = crate::service::now_ms();
    folder.saw(|state| match plan {
        Ok(plan) => {
            state.answered_ms = Some(now);
            state.drift = Some(plan.steps().len());
            state.trouble = None;
        }
        Err(error) => state.trouble = Some(crate::failure::chain(error)),
    })
}

pub(super) fn apply(arguments: &Apply, context: &mut Context<'_>) -> Result<(), Failure> {
    let routers = Routers::of(&context.data);
    let folder = routers.one(arguments.name.as_deref())?;
    let kept = enrolled(&folder)?;
    let _guard = folder.lock()?;
    let json = arguments.listing.json;
    let (data, output) = (&context.data, &mut context.output);
    let done: (Plan, usize) = wait_for(async {
        let link = Link::open(&kept).await?;
        let plan = link.plan(&kept.wanted()).await?;
        if !json {
            progress::show(&plan, output)?;
        }
        if arguments.dry_run {
            return Ok::<_, Failure>((plan, 0));
        }
        if plan.is_empty() {
            settle(&kept, data, output).await?;
            return Ok((plan, 0));
        }
        output.flush()?;
        let question = format!("Do this to router '{}'?", kept.name);
        let instead = "say --yes to do it, or --dry-run to see it only";
        if !arguments.yes && !ask::confirm(&question, instead)? {
            return Err(RouterError::Refused("nothing was changed".to_owned()).into());
        }
        let steps = progress::carry_out_or_not(&link, &kept, &folder, &plan, output).await?;
        remember(&folder, &link.plan(&kept.wanted()).await)?;
        settle(&kept, data, output).await?;
        Ok((plan, steps))
    })?;
    let (plan, steps) = done;
    if json {
        return Ok(context.output.json(&Drift {
            name: &kept.name,
            steps,
            plan: Some(&plan),
            trouble: None,
        })?);
    }
    let name = &kept.name;
    let words = match (plan.is_empty(), arguments.dry_run) {
        (true, _) => format!("router '{name}' is as wanted: nothing to do"),
        (false, true) => "nothing was changed: this was a dry run".to_owned(),
        (false, false) => format!("router '{name}' is as wanted: {}", plain::steps(steps)),
    };
    Ok(context.output.note(words)?)
}

/// Has this server go by the secret that the router has again.
async fn settle(kept: &Kept, data: &DataDir, output: &mut Output<'_>) -> Result<(), Failure> {
    if secret::settle(data, kept).await? {
        output.note(format!(
            "nas '{}' has the router's secret for its present one again",
            kept.nas
        ))?;
    }
    Ok(())
}

pub(super) fn undo(arguments: &Undo, context: &mut Context<'_>) -> Result<(), Failure> {
    let routers = Routers::of(&context.data);
    let folder = routers.one(arguments.name.as_deref())?;
    let kept = enrolled(&folder)?;
    let _guard = folder.lock()?;
    let mut journal: Journal = folder.undo()?.unwrap_or_default();
    let steps: usize = journal.applied.iter().map(|undo| undo.steps.len()).sum();
    let name = &kept.name;
    if steps == 0 {
        let words = format!("nothing was applied to router '{name}' that could be taken back");
        return Ok(context.output.note(words)?);
    }
    let question = format!(
        "Take back {} of router '{name}'? Its users are then no longer asked for here.",
        plain::steps(steps)
    );
    if !arguments.yes && !ask::confirm(&question, "say --yes to do it")? {
        return Err(RouterError::Refused("nothing was changed".to_owned()).into());
    }
    let output = &mut context.output;
    let taken = wait_for(async {
        let link = Link::open(&kept).await?;
        progress::take_back(&link, &folder, &mut journal, output).await
    })?;
    folder.saw(|state| state.drift = None)?;
    Ok(context.output.note(format!(
        "{} taken back; the router is still enrolled, and this server's user '{user}' \
         is still on it with its group: portreeve router apply {name} does the steps again, \
         portreeve router remove {name} takes the user away too",
        plain::steps(taken),
        user = kept.user
    ))?)
}

pub(super) fn script(arguments: &Script, context: &mut Context<'_>) -> Result<(), Failure> {
    let routers = Routers::of(&context.data);
    let kept = routers.one(arguments.name.as_deref())?.read()?;
    let plan = wait_for(async {
        let link = Link::open(&kept).await?;
        link.plan(&kept.wanted()).await
    })?;
    let secrets = if arguments.reveal_secrets {
        Secrets::Shown
    } else {
        Secrets::Placeholders
    };
    if plan.is_empty() {
        let words = format!("router '{}' is as wanted: nothing to do", kept.name);
        return Ok(context.output.note(words)?);
    }
    Ok(context.output.raw(plan.script(secrets).as_bytes())?)
}

/// What is kept of a router whose enrolment has come to its end.
pub(super) fn enrolled(folder: &Folder) -> Result<Kept, RouterError> {
    let kept = folder.read()?;
    if kept.enrolled_ms.is_some() {
        return Ok(kept);
    }
    Err(RouterError::Refused(format!(
        "enrolling router '{name}' was cut short; enrol it again, or take back what was done: \
         portreeve router remove {name}",
        name = kept.name
    )))
}
