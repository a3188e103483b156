//! `portreeve router check|harden`.

use clap::Args;
use portreeve_routeros::{
    Command,
    check::{self, Finding, Severity},
    harden,
};
use serde::Serialize;

use super::plain;
use crate::{
    cli::{Context, Listing},
    failure::Failure,
    output::{Output, printable},
    routers::{Folder, Kept, Link, RouterError, Routers, ours, wait_for},
};

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The router [default: all]
    name: Option<String>,
    /// Mend what can be mended without a risk
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct Harden {
    /// The router [default: all]
    name: Option<String>,
    /// Mend what can be mended without a risk
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    listing: Listing,
}

/// How often is mended what shows behind what was mended.
const ROUNDS: usize = 4;

/// What was found of one router.
#[derive(Serialize)]
struct Found {
    name: String,
    findings: Vec<Finding>,
    fixed: Vec<String>,
    trouble: Option<String>,
}

#[derive(Clone, Copy)]
enum Look {
    Check,
    Harden,
}

pub(super) fn run(arguments: &Check, context: &mut Context<'_>) -> Result<(), Failure> {
    let name = arguments.name.as_deref();
    look(Look::Check, name, arguments.fix, arguments.listing, context)
}

pub(super) fn harden(arguments: &Harden, context: &mut Context<'_>) -> Result<(), Failure> {
    let name = arguments.name.as_deref();
    look(
        Look::Harden,
        name,
        arguments.fix,
        arguments.listing,
        context,
    )
}

fn look(
    what: Look,
    name: Option<&str>,
    fix: bool,
    listing: Listing,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let folders = Routers::of(&context.data).some(name)?;
    let mut all = Vec::new();
    for folder in &folders {
        let found = match wait_for(look_at(what, folder, fix, context)) {
            Ok(found) => found,
            Err(failure) => Found {
                name: folder.name().to_owned(),
                findings: Vec::new(),
                fixed: Vec::new(),
                trouble: Some(failure.words()),
            },
        };
        remember(what, folder, &found)?;
        if !listing.json {
            print(&found, &mut context.output)?;
        }
        all.push(found);
    }
    if listing.json {
        context.output.json(&all)?;
    }
    let is_bad = |found: &Found| {
        found.trouble.is_some() || plain::count(&found.findings, Severity::Error) > 0
    };
    if all.iter().any(is_bad) {
        return Err(Failure::Said);
    }
    Ok(())
}

async fn look_at(
    what: Look,
    folder: &Folder,
    fix: bool,
    context: &mut Context<'_>,
) -> Result<Found, Failure> {
    let kept = folder.read()?;
    let _guard = if fix { Some(folder.lock()?) } else { None };
    let link = Link::open(&kept).await?;
    let mut found = Found {
        name: kept.name.clone(),
        findings: judge(what, &kept, &link, context).await?,
        fixed: Vec::new(),
        trouble: None,
    };
    if !fix {
        return Ok(found);
    }
    // What is mended may show what was hidden behind it.
    for _ in 0..ROUNDS {
        let before = found.fixed.len();
        mend(&mut found, &kept, &link, context).await?;
        if found.fixed.len() == before {
            break;
        }
        found.findings = judge(what, &kept, &link, context).await?;
    }
    Ok(found)
}

/// Mends what can be, and says so as it goes. What cannot be is said, and the rest goes on.
async fn mend(
    found: &mut Found,
    kept: &Kept,
    link: &Link,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let output = &mut context.output;
    for finding in &found.findings {
        let Some(repair) = &finding.repair else {
            continue;
        };
        let spoken = |command: &Command| command.to_string();
        let mut commands = repair.commands.iter().map(spoken);
        if commands.all(|command| found.fixed.contains(&command)) {
            continue;
        }
        match repair.apply(&link.router).await {
            Ok(inverse) => {
                for command in &repair.commands {
                    output.note(printable(&format!("done on '{}': {command}", kept.name)))?;
                    found.fixed.push(spoken(command));
                }
                for command in &inverse {
                    output.note(printable(&format!("  to take it back: {command}")))?;
                }
            }
            Err(error) => {
                let words = format!("not mended: {} ({error})", finding.what);
                output.warn(printable(&words))?;
                if error.is_fatal() {
                    return Err(RouterError::of(&kept.name, error).into());
                }
            }
        }
    }
    Ok(())
}

async fn judge(
    what: Look,
    kept: &Kept,
    link: &Link,
    context: &Context<'_>,
) -> Result<Vec<Finding>, Failure> {
    match what {
        Look::Check => {
            let router = link.said(check::gather(&link.router, &link.can).await)?;
            let ours = ours::side(kept, &context.data)?;
            Ok(check::diagnose(&router, &ours, &ours::expectation(kept)))
        }
        Look::Harden => {
            let router = link.said(harden::gather(&link.router, &link.can).await)?;
            Ok(harden::examine(&router))
        }
    }
}

fn remember(what: Look, folder: &Folder, found: &Found) -> Result<(), RouterError> {
    let now = crate::service::now_ms();
    folder.saw(|state| {
        state.trouble.clone_from(&found.trouble);
        if found.trouble.is_some() {
            return;
        }
        state.answered_ms = Some(now);
        if matches!(what, Look::Check) {
            state.checked_ms = Some(now);
            state.errors = Some(plain::count(&found.findings, Severity::Error));
            state.warnings = Some(plain::count(&found.findings, Severity::Warning));
        }
    })
}

fn print(found: &Found, output: &mut Output<'_>) -> Result<(), Failure> {
    let name = &found.name;
    if let Some(trouble) = &found.trouble {
        return Ok(output.warn(printable(trouble))?);
    }
    if found.findings.is_empty() {
        return Ok(output.line(format!("router '{name}': nothing is wrong"))?);
    }
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
        let count = plain::count(&found.findings, severity);
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {severity}{plural}")
    });
    output.line(format!("router '{name}': {}", counts.join(", ")))?;
    output.line("")?;
    plain::findings(&found.findings, output)
}
