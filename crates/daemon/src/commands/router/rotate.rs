//! `portreeve router rotate`: a new shared secret on both ends.

use std::time::Duration;

use clap::Args;
use portreeve_aaa::{
    definition::{Nas, Reach, SharedSecret},
    port::{Put, Store as _},
};

use super::{ask, drift, progress, proof};
use crate::{
    cli::Context,
    commands::nas,
    failure::Failure,
    routers::{Folder, Hidden, Kept, Link, RouterError, Routers, wait_for},
    serving::control,
};

/// How long a running server may take to learn of the new secret.
const LEARNS: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The router [default: the only one]
    name: Option<String>,
    /// Make no test log-in at the end
    #[arg(long)]
    no_test: bool,
    /// Ask nothing
    #[arg(long, short = 'y')]
    yes: bool,
}

pub(super) fn run(arguments: &Rotate, context: &mut Context<'_>) -> Result<(), Failure> {
    let folder = Routers::of(&context.data).one(arguments.name.as_deref())?;
    let kept = drift::enrolled(&folder)?;
    let _guard = folder.lock()?;
    let name = &kept.name;
    if kept.secret.is_none() {
        return Err(RouterError::Refused(format!(
            "router '{name}' comes over RadSec: there is no secret to change. Its certificate is \
             made anew by: portreeve router remove {name}, then enrol it again"
        ))
        .into());
    }
    let entry = context.data.open()?.nas(&kept.nas)?;
    let question = format!("Give router '{name}' and nas '{}' a new secret?", kept.nas);
    if !arguments.yes && !ask::confirm(&question, "say --yes to do it")? {
        return Err(RouterError::Refused("nothing was changed".to_owned()).into());
    }
    wait_for(rotate(arguments, &kept, &folder, &entry, context))
}

async fn rotate(
    arguments: &Rotate,
    kept: &Kept,
    folder: &Folder,
    entry: &Nas,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    // Both ends are to be within reach before either is changed.
    let link = Link::open(kept).await?;
    let drifted = link.plan(&kept.wanted()).await?;
    if !drifted.is_empty() {
        return Err(RouterError::Refused(format!(
            "router '{name}' has drifted; first bring it back: portreeve router apply {name}",
            name = kept.name
        ))
        .into());
    }
    let mut renewed = kept.clone();
    renewed.secret = Some(Hidden::new(nas::generate_secret()?));
    let plan = link.plan(&renewed.wanted()).await?;
    change_ours(entry, renewed.secret.as_ref(), context)?;
    // From here to the end of the next step the ends differ: what the router asks meanwhile is met
    // with silence, and it asks again.
    wait_until_known(context).await?;
    let done = progress::carry_out(&link, kept, folder, &plan, &mut context.output).await;
    if let Err(failure) = done {
        context.data.open()?.put_nas(entry, Put::Replace)?;
        context.output.warn("the old secret is back on this side")?;
        return Err(failure);
    }
    folder.write(&renewed)?;
    if arguments.no_test {
        return Ok(context.output.note("both ends have the new secret")?);
    }
    match proof::prove(&renewed, &link, context).await {
        Ok(proof) => {
            context.output.note("both ends have the new secret")?;
            Ok(context.output.note(proof.words())?)
        }
        Err(failure) => {
            context.output.warn("the new secret does not work; the old one is put back")?;
            context.data.open()?.put_nas(entry, Put::Replace)?;
            let back = link.plan(&kept.wanted()).await?;
            progress::carry_out(&link, &renewed, folder, &back, &mut context.output).await?;
            folder.write(kept)?;
            Err(failure)
        }
    }
}

fn change_ours(
    entry: &Nas,
    secret: Option<&Hidden>,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let text = secret.map_or("", Hidden::reveal);
    let renewed = Nas {
        reach: Reach::Udp(SharedSecret::new(text.as_bytes())?),
        ..entry.clone()
    };
    renewed.validate()?;
    Ok(context.data.open()?.put_nas(&renewed, Put::Replace)?)
}

/// Waits until a running server decides by what is in the store now.
async fn wait_until_known(context: &Context<'_>) -> Result<(), Failure> {
    let wanted = context.data.open()?.definitions()?.seq;
    let deadline = tokio::time::Instant::now() + LEARNS;
    while tokio::time::Instant::now() < deadline {
        match control::ask(&context.data) {
            Ok(report) if report.definitions.seq < wanted => {}
            // None runs, or it knows.
            _ => return Ok(()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
