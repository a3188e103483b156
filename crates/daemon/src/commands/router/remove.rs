//! `portreeve router remove`.

use clap::Args;
use portreeve_routeros::{
    Command, Error, Login, Transport,
    plan::{self, Step, Undo},
};

use super::{ask, backup, plain, progress, retreat};
use crate::{
    cli::Context,
    failure::Failure,
    routers::{Folder, Journal, Kept, Link, RouterError, Routers, wait_for},
};

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Remove {
    /// The router
    name: String,
    /// Log in to the router as this user, not as the one that was made for this server
    #[arg(long, short = 'u')]
    user: Option<String>,
    /// Read that user's password from standard input, one line [default: ask for it]
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// Forget the router even if it cannot be put back
    #[arg(long)]
    force: bool,
    /// Also remove its backups
    #[arg(long)]
    with_backups: bool,
    /// Ask nothing
    #[arg(long, short = 'y')]
    yes: bool,
}

pub(super) fn run(arguments: &Remove, context: &mut Context<'_>) -> Result<(), Failure> {
    let folder = Routers::of(&context.data).find(&arguments.name)?;
    let kept = folder.read()?;
    let _guard = folder.lock()?;
    let name = &kept.name;
    let question = format!(
        "Take back all that was done to router '{name}', and remove nas '{}'?",
        kept.nas
    );
    if !arguments.yes && !ask::confirm(&question, "say --yes to do it")? {
        return Err(RouterError::Refused("nothing was changed".to_owned()).into());
    }
    let login = match &arguments.user {
        None => Login::new(&kept.user, kept.password.reveal()),
        Some(user) => {
            let prompt = format!("Password of {user} on {}", kept.target.host);
            let secret = ask::password(&prompt, arguments.password_stdin)?;
            Login::new(user, secret.as_str())
        }
    };
    match wait_for(put_back(&kept, &login, &folder, context)) {
        Ok(steps) => context.output.note(format!(
            "{} taken back on router '{name}'",
            plain::steps(steps)
        ))?,
        Err(failure) if arguments.force => {
            context.output.warn(failure.words())?;
            context.output.warn(format!(
                "the router stays as it is; what was made on it is called '{}' there",
                kept.user
            ))?;
        }
        Err(failure) => {
            let instead = "once the router can be reached, do this again; or say --force to \
                           forget it as it is";
            context.output.note(instead)?;
            return Err(failure);
        }
    }
    retreat::forget_ours(&kept, context)?;
    folder.forget(arguments.with_backups)?;
    if folder.backups().list()?.is_empty() {
        return Ok(context.output.note(format!("router '{name}' forgotten"))?);
    }
    Ok(context.output.note(format!(
        "router '{name}' forgotten; its backups stay: {}",
        folder.backups().path().display()
    ))?)
}

/// Puts the router back as it was before it was enrolled.
async fn put_back(
    kept: &Kept,
    login: &Login,
    folder: &Folder,
    context: &mut Context<'_>,
) -> Result<usize, Failure> {
    let link = Link::open_as(
        &kept.name,
        &kept.target,
        login,
        kept.ssh_host_key.as_deref(),
    )
    .await?;
    link.sweep().await?;
    let mut steps = backup::take_off(&link).await?;
    let mut journal: Journal = folder.undo()?.unwrap_or_default();
    steps += progress::take_back(&link, folder, &mut journal, &mut context.output).await?;
    if let Some(undo) = &mut journal.foundation {
        let own = own_steps(kept, login, undo);
        let mut taken = plan::undo(&link.router, undo).await;
        if let (Ok(undone), false) = (&mut taken, own.is_empty()) {
            undone.steps += own.len();
            undo.steps = own;
            match leave(&link, &kept.user).await {
                Ok(()) => undo.steps.clear(),
                Err(error) => taken = Err(error),
            }
        } else {
            undo.steps.splice(0..0, own);
        }
        let rest = undo.steps.iter().map(|step| step.menu.as_str());
        let is_group_only = rest.clone().next().is_some() && rest.eq(["/user/group"]);
        match taken {
            Ok(undone) => {
                steps += undone.steps;
                for left in undone.left {
                    context.output.warn(format!("left as it is: {left}"))?;
                }
            }
            // The user has taken itself away, and with it the right to take the group away.
            Err(_) if is_group_only => context.output.warn(format!(
                "the group '{user}' is left on the router: /user group remove {user}",
                user = kept.user
            ))?,
            Err(error) => {
                folder.write_undo(&journal)?;
                link.said::<()>(Err(error))?;
            }
        }
        journal.foundation = None;
        folder.write_undo(&journal)?;
    }
    Ok(steps)
}

/// The steps that made our user and its group, taken off the others where that user itself is to
/// take them back over REST: there every request logs in anew, and the second would be refused.
fn own_steps(kept: &Kept, login: &Login, undo: &mut Undo) -> Vec<Step> {
    let is_rest = matches!(kept.target.transport, Transport::Rest | Transport::RestSsl);
    let menus = undo.steps.iter().take(2).map(|step| step.menu.as_str());
    let is_ours = menus.eq(["/user/group", "/user"]);
    if is_rest && is_ours && login.user == kept.user {
        undo.steps.drain(..2).collect()
    } else {
        Vec::new()
    }
}

/// Takes our user and its group away in one go.
async fn leave(link: &Link, user: &str) -> Result<(), Error> {
    let script =
        format!("/user remove [find name=\"{user}\"]; /user group remove [find name=\"{user}\"]");
    let command = Command::new("/execute")
        .with("script", script)
        .flag("as-string");
    let answer = link.router.call(&command).await?;
    match answer.returned().unwrap_or_default().trim() {
        "" => Ok(()),
        said => Err(Error::Failure {
            command: "/execute".to_owned(),
            category: None,
            message: said.to_owned(),
        }),
    }
}
