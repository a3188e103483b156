//! `portreeve router restore`.

use std::time::Duration;

use clap::Args;
use portreeve_routeros::{Error, Login, Secret, Target, backup as copies, time};
use tokio::time::Instant;

use super::{
    ask, drift,
    reimport::{self, Reimport},
};
use crate::{
    cli::Context,
    commands::rows,
    failure::Failure,
    output::printable,
    routers::{
        Backup, BackupWish, Folder, Kept, Known, Link, RouterError, Routers, SENSITIVE, SYSTEM,
        wait_for,
    },
};

/// How long a router may take to start again.
const PATIENCE: Duration = Duration::from_mins(5);
/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Restore {
    /// The router
    name: String,
    /// The backup, or the beginning of its name [default: the newest]
    backup: Option<String>,
    /// As whom to log in; a user of the router's group full
    #[arg(long, short = 'u', default_value = "admin")]
    pub(super) user: String,
    /// Read the password from standard input, one line [default: ask for it]
    #[arg(long)]
    pub(super) password_stdin: bool,
    /// Only show what is different now, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the export with its secrets, for another device, and do nothing
    #[arg(long, conflicts_with = "dry_run")]
    script: bool,
    /// Ask nothing
    #[arg(long, short = 'y')]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) reimport: Reimport,
}

pub(super) fn run(arguments: &Restore, context: &mut Context<'_>) -> Result<(), Failure> {
    let folder = Routers::of(&context.data).find(&arguments.name)?;
    let kept = drift::enrolled(&folder)?;
    let backup = folder.backups().find(arguments.backup.as_deref())?;
    if arguments.script {
        return script(&backup, context);
    }
    let _guard = folder.lock()?;
    if arguments.reimport.export {
        return wait_for(reimport::run(arguments, &folder, &kept, &backup, context));
    }
    let system = backup.file(SYSTEM)?;
    let present = wait_for(async {
        let link = Link::open(&kept).await?;
        Ok::<_, RouterError>((
            link.export(copies::Secrets::Hidden).await?,
            link.known().await?,
        ))
    })?;
    let (export, known) = present;
    let changes = copies::diff(export.reveal(), &backup.export()?);
    for line in changes.lines() {
        context.output.line(printable(line))?;
    }
    if changes.is_empty() {
        context
            .output
            .note("what an export shows is as in the backup already")?;
    }
    explain(&kept, &backup, &known, context)?;
    if arguments.dry_run {
        return Ok(context
            .output
            .note("nothing was changed: this was a dry run")?);
    }
    let Some(system) = system else {
        return Err(RouterError::Refused(format!(
            "backup {} holds no backup of the system: an export cannot be put back whole over \
             what is there. Reset the router and import it with --export, or print it by --script",
            backup.id
        ))
        .into());
    };
    if known.board != backup.manifest.known.board {
        return Err(RouterError::Refused(format!(
            "backup {} is of a {}, and this is a {}: a backup of the system is for the very \
             device. For another one, use --export or --script",
            backup.id, backup.manifest.known.board, known.board
        ))
        .into());
    }
    context.output.flush()?;
    let question = format!("Restore router '{}' to backup {}?", kept.name, backup.id);
    if !arguments.yes && !ask::confirm(&question, "say --yes to do it")? {
        return Err(RouterError::Refused("nothing was changed".to_owned()).into());
    }
    let prompt = format!("Password of {} on {}", arguments.user, kept.target.host);
    let secret = ask::password(&prompt, arguments.password_stdin)?;
    let login = Login::new(&arguments.user, secret.as_str());
    wait_for(restore(&kept, &login, &folder, &backup, &system, context))
}

fn script(backup: &Backup, context: &mut Context<'_>) -> Result<(), Failure> {
    let octets = if let Some(octets) = backup.file(SENSITIVE)? {
        octets
    } else {
        let note = "this backup has no export with secrets; they are missing below";
        context.output.warn(note)?;
        backup.export()?.into_bytes()
    };
    Ok(context.output.raw(&octets)?)
}

/// Says what there is to know before.
fn explain(
    kept: &Kept,
    backup: &Backup,
    present: &Known,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (output, past) = (&mut context.output, &backup.manifest.known);
    output.note(format!(
        "backup {} was taken on {} ({})",
        backup.id,
        rows::moment(backup.manifest.at_ms),
        backup.manifest.reason
    ))?;
    output.note("first a backup of the router as it is now is fetched and kept")?;
    output.note(
        "then the whole of the router is replaced, and it starts again: everybody who is \
         connected loses the connection",
    )?;
    if present.board != past.board {
        output.warn(printable(&format!(
            "the router is a {}, the backup is of a {}",
            present.board, past.board
        )))?;
    }
    if present.version != past.version {
        output.warn(printable(&format!(
            "the router now runs RouterOS {}, the backup is of {}: RouterOS takes older ones, but \
             not all newer ones",
            present.version, past.version
        )))?;
    }
    if kept
        .enrolled_ms
        .is_some_and(|at| backup.manifest.at_ms < at)
    {
        output.warn(format!(
            "the backup is from before the router was enrolled: it will not know this server. \
             Afterwards: portreeve router remove {} --force, and enrol it again",
            kept.name
        ))?;
    }
    Ok(())
}

async fn restore(
    kept: &Kept,
    login: &Login,
    folder: &Folder,
    backup: &Backup,
    system: &[u8],
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let key = kept.ssh_host_key.as_deref();
    let link = Link::open_to_store(&kept.name, &kept.target, login, key).await?;
    say_host_key(kept, &link, context)?;
    let wish = BackupWish {
        reason: "restore",
        password: Some(&kept.backup_password),
    };
    let before = link
        .back_up(folder, &wish, crate::service::now_ms())
        .await?;
    context
        .output
        .note(format!("as it is now: backup {}", before.id))?;
    let password = backup.manifest.password.as_ref();
    let password = Secret::new(password.map_or("", |password| password.reveal()));
    let back = Back {
        name: &kept.name,
        target: &kept.target,
        login,
        key,
    };
    let since = Instant::now();
    let file = link.said(copies::load(&link.files(), system, &password).await)?;
    drop(link);
    context
        .output
        .note("the router starts again; waiting for it")?;
    let Some(link) = back.wait(Some(since)).await else {
        return Err(RouterError::Refused(format!(
            "the router did not come back within {} minutes; what it was before is backup {}",
            PATIENCE.as_secs() / 60,
            before.id
        ))
        .into());
    };
    clear_away(&link, &file, context).await?;
    let export = link.export(copies::Secrets::Hidden).await?;
    let changes = copies::diff(export.reveal(), &backup.export()?);
    if changes.is_empty() {
        let note = format!("router '{}' is as in backup {}", kept.name, backup.id);
        return Ok(context.output.note(note)?);
    }
    context
        .output
        .warn("the router is back, and not quite as in the backup:")?;
    for line in changes.lines() {
        context.output.line(printable(line))?;
    }
    Err(Failure::Said)
}

/// Removes the file that was loaded, which some devices keep and others forget.
pub(super) async fn clear_away(
    link: &Link,
    file: &str,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    match link.files().remove(file).await {
        Ok(()) | Err(Error::NoSuchItem { .. }) => Ok(()),
        Err(error) => Ok(context
            .output
            .warn(format!("{file} is still on the router: {error}"))?),
    }
}

/// Says whose files are trusted over SFTP, where nobody knew the key before.
pub(super) fn say_host_key(
    kept: &Kept,
    link: &Link,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    match (&kept.ssh_host_key, link.ssh_host_key()) {
        (None, Some(key)) => Ok(context.output.note(format!(
            "files go over SFTP, to the SSH host key {key}, which was not known before"
        ))?),
        _ => Ok(()),
    }
}

/// A router that starts again.
pub(super) struct Back<'a> {
    pub(super) name: &'a str,
    pub(super) target: &'a Target,
    pub(super) login: &'a Login,
    pub(super) key: Option<&'a str>,
}

impl Back<'_> {
    /// Waits until the router answers and, where a moment is given, has started since.
    pub(super) async fn wait(&self, since: Option<Instant>) -> Option<Link> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            tokio::time::sleep(PAUSE).await;
            let opened = Link::open_to_store(self.name, self.target, self.login, self.key).await;
            let Ok(link) = opened else { continue };
            let Some(since) = since else {
                return Some(link);
            };
            // It says yes and goes on for a moment before it goes down.
            let resource = link
                .router
                .print("/system/resource", &["uptime"], &[])
                .await;
            let Ok(resource) = resource else { continue };
            let uptime = resource
                .first()
                .and_then(|one| time::parse(one.get("uptime")?));
            if uptime.is_none_or(|uptime| uptime <= since.elapsed()) {
                return Some(link);
            }
        }
        None
    }
}
