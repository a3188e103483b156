//! `portreeve router rotate`: a new shared secret on both ends.
//!
//! From before the router has the new secret until after it was proven to use it, this server takes
//! both. What is kept of the router says the old one until no entry of it has that any more, so a
//! rotation that was cut short at any point is taken up by `router apply`, and nothing is lost
//! meanwhile.

use std::time::Duration;

use clap::Args;
use portreeve_aaa::port::Store as _;
use portreeve_routeros::{
    Login, Router,
    plan::{
        self,
        rotation::{self, Overlap, Rotation, ServerSide},
    },
};

use super::{ask, drift, proof, secret};
use crate::{
    cli::Context,
    commands::nas,
    data::DataDir,
    failure::{Failure, chain},
    routers::{Folder, Hidden, Journal, Kept, Link, RouterError, Routers, wait_for},
    service::now_ms,
};

/// How long both secrets are accepted should the rotation never come to its end.
const OVERLAP: Duration = Duration::from_hours(24);

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
    let question = format!("Give router '{name}' and nas '{}' a new secret?", kept.nas);
    if !arguments.yes && !ask::confirm(&question, "say --yes to do it")? {
        return Err(RouterError::Refused("nothing was changed".to_owned()).into());
    }
    wait_for(rotate(arguments, &kept, &folder, context))
}

async fn rotate(
    arguments: &Rotate,
    kept: &Kept,
    folder: &Folder,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let link = Link::open(kept).await?;
    settled(kept, &link).await?;
    let mut renewed = kept.clone();
    renewed.secret = Some(Hidden::new(nas::generate_secret()?));
    let until_ms = nas::after(now_ms(), OVERLAP);
    let login = Login::new(&kept.user, kept.password.reveal());
    let reconnect = || {
        let (target, login) = (kept.target.clone(), login.clone());
        async move { Router::connect(&target, &login).await }
    };
    let mut journal: Journal = folder.undo()?.unwrap_or_default();
    let before = journal.applied.len();
    let wanted = renewed.wanted();
    let mut left = wanted.servers.len();
    for server in wanted.servers {
        left -= 1;
        let mut ours = Ours {
            data: &context.data,
            folder,
            old: kept,
            new: &renewed,
            until_ms,
            is_begun: left + 1 < kept.bare.servers.len(),
            is_last: left == 0,
        };
        let rotation = Rotation {
            tag: wanted.tag.clone(),
            address: server.address,
            secret: server.secret,
        };
        let done = rotation::rotate(&link.router, &link.can, &rotation, &mut ours, reconnect);
        match done.await {
            Ok(undo) => {
                journal.applied.push(undo);
                folder.write_undo(&journal)?;
            }
            Err(error) => {
                let mut words = error.to_string();
                if let Err(trouble) = go_back(kept, folder, &mut journal, before, context).await {
                    words = format!(
                        "{words}; then {}: portreeve router apply {}",
                        trouble.words(),
                        kept.name
                    );
                }
                return Err(RouterError::Refused(words).into());
            }
        }
    }
    context.output.note("both ends have the new secret")?;
    if !arguments.no_test {
        let proof = proof::prove(&renewed, &link, context).await?;
        context.output.note(proof.words())?;
    }
    // The router has no entry with the old one any more, and what it asked by it has ended.
    let mut store = context.data.open()?;
    store.forget_previous_secret(&kept.nas, until_ms)?;
    Ok(context
        .output
        .note("the old secret is no longer accepted")?)
}

/// Gives those entries their old secret again that have the new one already, where a later one
/// failed. This server takes both for as long as it was told to.
async fn go_back(
    kept: &Kept,
    folder: &Folder,
    journal: &mut Journal,
    before: usize,
    context: &Context<'_>,
) -> Result<(), Failure> {
    if journal.applied.len() == before {
        return Ok(());
    }
    // The connection may be what failed.
    let link = Link::open(kept).await?;
    while journal.applied.len() > before
        && let Some(undo) = journal.applied.last_mut()
    {
        let undone = link.said(plan::undo(&link.router, undo).await)?;
        if let Some(left) = undone.left.first() {
            return Err(RouterError::Refused(left.to_string()).into());
        }
        journal.applied.pop();
        folder.write_undo(journal)?;
    }
    secret::settle(&context.data, kept).await?;
    Ok(())
}

/// Refuses a router whose entries are not as they are kept: it may be in the middle of a rotation
/// that was cut short, and have any secret.
async fn settled(kept: &Kept, link: &Link) -> Result<(), Failure> {
    let plan = link.plan(&kept.wanted()).await?;
    if plan.steps().iter().any(|step| step.menu == "/radius") {
        let name = &kept.name;
        return Err(RouterError::Refused(format!(
            "router '{name}' is not as it was left: portreeve router apply {name}, then rotate"
        ))
        .into());
    }
    Ok(())
}

/// This server's end: it takes both secrets from before the router has the new one, and a running
/// server learns of that within a second.
struct Ours<'a> {
    data: &'a DataDir,
    folder: &'a Folder,
    old: &'a Kept,
    new: &'a Kept,
    until_ms: u64,
    /// Another entry of the router has the new secret already.
    is_begun: bool,
    /// After this one no entry has the old secret.
    is_last: bool,
}

impl Ours<'_> {
    /// Takes both: the first is the present one.
    async fn take(&self, present: &Kept, previous: &Kept, superseded: bool) -> Result<(), String> {
        let how = (self.until_ms, superseded);
        let taken = secret::take(self.data, present, previous, how).await;
        taken.map_err(|failure| failure.words())
    }
}

impl ServerSide for Ours<'_> {
    async fn prepare(&mut self) -> Result<Overlap, String> {
        self.take(self.new, self.old, self.is_begun).await?;
        Ok(Overlap::Both)
    }

    async fn turned(&mut self) -> Result<(), String> {
        self.take(self.new, self.old, true).await
    }

    async fn commit(&mut self) -> Result<(), String> {
        if self.is_last {
            let written = self.folder.write(self.new);
            written.map_err(|error| chain(&error))?;
        }
        Ok(())
    }

    /// Both are taken still: what the router asked by the new entry may be under way.
    async fn revert(&mut self) -> Result<(), String> {
        if self.is_begun {
            return Ok(());
        }
        self.take(self.old, self.new, true).await
    }

    async fn wait(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
