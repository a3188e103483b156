//! `portreeve router rotate`: a new shared secret on both ends.

use std::time::Duration;

use clap::Args;
use portreeve_aaa::{
    definition::{Nas, Reach, SharedSecret},
    port::{Put, Store as _},
};

use portreeve_routeros::{
    Login, Router, Secret,
    plan::rotation::{self, Overlap, Rotation, ServerSide},
};

use super::{ask, drift, proof};
use crate::{
    cli::Context,
    commands::nas,
    data::DataDir,
    failure::Failure,
    routers::{Folder, Hidden, Journal, Kept, Link, RouterError, Routers, wait_for},
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
    let link = Link::open(kept).await?;
    let mut renewed = kept.clone();
    let secret = Hidden::new(nas::generate_secret()?);
    let changed = Nas {
        reach: Reach::Udp(SharedSecret::new(secret.reveal().as_bytes())?),
        ..entry.clone()
    };
    changed.validate()?;
    let login = Login::new(&kept.user, kept.password.reveal());
    let reconnect = || {
        let (target, login) = (kept.target.clone(), login.clone());
        async move { Router::connect(&target, &login).await }
    };
    let mut journal: Journal = folder.undo()?.unwrap_or_default();
    for server in kept.wanted().servers {
        let rotation = Rotation {
            tag: kept.wanted().tag,
            address: server.address,
            secret: Secret::new(secret.reveal()),
        };
        let mut ours = Ours {
            data: &context.data,
            old: entry,
            new: &changed,
        };
        let done = rotation::rotate(&link.router, &link.can, &rotation, &mut ours, reconnect);
        let undo = done
            .await
            .map_err(|error| RouterError::Refused(error.to_string()))?;
        journal.applied.push(undo);
        folder.write_undo(&journal)?;
    }
    renewed.secret = Some(secret);
    folder.write(&renewed)?;
    context.output.note("both ends have the new secret")?;
    if arguments.no_test {
        return Ok(());
    }
    let proof = proof::prove(&renewed, &link, context).await?;
    Ok(context.output.note(proof.words())?)
}

/// This server's end: one secret for each NAS, which a running server learns of within a second.
/// What the router asks meanwhile is met with silence, and it asks again.
struct Ours<'a> {
    data: &'a DataDir,
    old: &'a Nas,
    new: &'a Nas,
}

impl Ours<'_> {
    async fn put(&self, nas: &Nas) -> Result<(), String> {
        let written = self
            .data
            .open()
            .and_then(|mut store| Ok(store.put_nas(nas, Put::Replace)?));
        written.map_err(|failure| failure.words())?;
        until_known(self.data)
            .await
            .map_err(|failure| failure.words())
    }
}

impl ServerSide for Ours<'_> {
    async fn prepare(&mut self) -> Result<Overlap, String> {
        Ok(Overlap::One)
    }

    async fn commit(&mut self) -> Result<(), String> {
        self.put(self.new).await
    }

    async fn revert(&mut self) -> Result<(), String> {
        self.put(self.old).await
    }

    async fn wait(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Waits until a running server decides by what is in the store now.
async fn until_known(data: &DataDir) -> Result<(), Failure> {
    let wanted = data.open()?.definitions()?.seq;
    let deadline = tokio::time::Instant::now() + LEARNS;
    while tokio::time::Instant::now() < deadline {
        match control::ask(data) {
            Ok(report) if report.definitions.seq < wanted => {}
            // None runs, or it knows.
            _ => return Ok(()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
