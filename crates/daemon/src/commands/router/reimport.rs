//! `portreeve router restore --export`: an export is imported, on a router that was reset or on
//! another one.

use portreeve_routeros::{Login, Secret, Target, backup as copies, dial::parse_fingerprint};

use super::{
    ask,
    enrol::split,
    restore::{Back, Restore, clear_away, say_host_key},
    way::{By, Search},
};
use crate::{
    cli::Context,
    failure::Failure,
    output::printable,
    routers::{Backup, BackupWish, EXPORT, Folder, Kept, Link, RouterError, SENSITIVE, SYSTEM},
};

/// Where the export goes, and what is known to be different there.
#[derive(Debug, clap::Args)]
pub(super) struct Reimport {
    /// Import the export instead of loading the backup of the system: on a router that was reset
    /// without its defaults, or on another one
    #[arg(long, conflicts_with = "script")]
    pub(super) export: bool,
    /// Where that router is [default: as it was enrolled]
    #[arg(long, value_name = "ADDRESS[:PORT]", requires = "export")]
    to: Option<String>,
    /// With --to: how to speak to it [default: the best way it has]
    #[arg(long, value_enum, value_name = "WAY", requires = "to")]
    transport: Option<By>,
    /// With --to: the SHA-256 fingerprint of its certificate, 64 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = fingerprint, requires = "to")]
    fingerprint: Option<[u8; 32]>,
    /// With --to: log in over the API in the clear if there is no other way
    #[arg(long, requires = "to")]
    yes_plain: bool,
    /// Import it although it is of another model, device or version
    #[arg(long, requires = "export")]
    despite: bool,
}

fn fingerprint(text: &str) -> Result<[u8; 32], &'static str> {
    parse_fingerprint(text).ok_or("not a SHA-256 fingerprint of 64 hexadecimal digits")
}

/// All that is needed for it.
struct Work<'a> {
    arguments: &'a Restore,
    folder: &'a Folder,
    kept: &'a Kept,
    backup: &'a Backup,
    text: Secret,
    login: Login,
}

/// Imports the export of a backup. What fails midway is taken back by loading a backup that was
/// made just before.
pub(super) async fn run(
    arguments: &Restore,
    folder: &Folder,
    kept: &Kept,
    backup: &Backup,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let sensitive = backup.file(SENSITIVE)?;
    let octets = match sensitive {
        Some(octets) => Some(octets),
        None => backup.file(EXPORT)?,
    };
    let text = String::from_utf8_lossy(&octets.unwrap_or_default()).into_owned();
    let host = arguments
        .reimport
        .to
        .as_deref()
        .unwrap_or(&kept.target.host);
    let prompt = format!("Password of {} on {host}", arguments.user);
    let secret = ask::password(&prompt, arguments.password_stdin)?;
    let work = Work {
        arguments,
        folder,
        kept,
        backup,
        text: Secret::new(text),
        login: Login::new(&arguments.user, secret.as_str()),
    };
    let (target, link) = work.link(context).await?;
    let guidance = work.explain(&link, context)?;
    let rehearsed = link.said(copies::rehearse(&link.files(), &work.text).await)?;
    if rehearsed {
        context
            .output
            .note("the router has tried all of it, and finds no fault")?;
    }
    if arguments.dry_run {
        return Ok(context
            .output
            .note("nothing was changed: this was a dry run")?);
    }
    if !guidance.objections.is_empty() && !arguments.reimport.despite {
        return Err(RouterError::Refused(format!(
            "nothing was changed: the export does not fit this router ({}). If it is to be \
             imported all the same, say --despite",
            guidance.objections.join("; ")
        ))
        .into());
    }
    context.output.flush()?;
    let question = format!(
        "Import the {} commands of backup {}?",
        guidance.commands, backup.id
    );
    if !arguments.yes && !ask::confirm(&question, "say --yes to do it")? {
        return Err(RouterError::Refused("nothing was changed".to_owned()).into());
    }
    work.import(&target, &link, context).await
}

impl Work<'_> {
    async fn link(&self, context: &mut Context<'_>) -> Result<(Target, Link), Failure> {
        let (kept, how) = (self.kept, &self.arguments.reimport);
        let Some(to) = how.to.as_deref() else {
            let key = kept.ssh_host_key.as_deref();
            let link = Link::open_to_store(&kept.name, &kept.target, &self.login, key).await?;
            say_host_key(kept, &link, context)?;
            return Ok((kept.target.clone(), link));
        };
        let (host, port) = split(to);
        let search = Search {
            host,
            port,
            by: how.transport,
            pin: how.fingerprint,
            login: &self.login,
            yes: self.arguments.yes,
            yes_plain: how.yes_plain,
        };
        let way = search.find(&mut context.output).await?;
        let (name, target) = (&kept.name, way.target);
        Ok((
            target.clone(),
            Link::open_to_store(name, &target, &self.login, None).await?,
        ))
    }

    /// Says what there is to know before.
    fn explain(&self, link: &Link, context: &mut Context<'_>) -> Result<copies::Guidance, Failure> {
        let damaged = |cause| {
            let words = format!("the export of backup {}: {cause}", self.backup.id);
            RouterError::Refused(words)
        };
        let export = copies::parse(self.text.reveal()).map_err(damaged)?;
        let guidance = copies::guide(&export, &link.can);
        for objection in &guidance.objections {
            context.output.warn(printable(objection))?;
        }
        for note in &guidance.notes {
            context.output.note(printable(note))?;
        }
        Ok(guidance)
    }

    async fn import(
        &self,
        target: &Target,
        link: &Link,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        let wish = BackupWish {
            reason: "restore",
            password: Some(&self.kept.backup_password),
        };
        let now = crate::service::now_ms();
        let before = link.back_up(self.folder, &wish, now).await?;
        let output = &mut context.output;
        output.note(format!("as it is now: backup {}", before.id))?;
        let Some(system) = before.file(SYSTEM)? else {
            return Err(RouterError::Refused(format!(
                "nothing was changed: no backup of the system could be made, so that a failed \
                 import could not be taken back ({})",
                before.manifest.missing.join("; ")
            ))
            .into());
        };
        let imported = copies::import(&link.files(), &self.text, true).await;
        if let Err(cause) = imported {
            output.warn(printable(&format!(
                "the import failed ({cause}); the router is put back as it was, and starts again"
            )))?;
            self.put_back(target, &system, &before, context).await?;
            return Err(RouterError::Refused(printable(&format!(
                "the router is as it was: {cause}. Print the export with --script and take from \
                 it what fits"
            ))
            .into_owned())
            .into());
        }
        let export = link.export(copies::Secrets::Hidden).await?;
        let changes = copies::diff(export.reveal(), &self.backup.export()?);
        if changes.is_empty() {
            output.note("the router's export is as in the backup")?;
        } else {
            output.note("imported; what is different from the backup:")?;
        }
        for line in changes.lines() {
            output.line(printable(line))?;
        }
        Ok(output.note(format!(
            "users, their passwords and certificates are in no export; for this server to look \
             after the router: portreeve router remove {} --force, and enrol it again",
            self.kept.name
        ))?)
    }

    /// Loads the backup from just before, on a connection of its own: the one of the import may
    /// have ended with it.
    async fn put_back(
        &self,
        target: &Target,
        system: &[u8],
        before: &Backup,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        let login = &self.login;
        let lost = || {
            RouterError::Refused(format!(
                "the router did not come back; what it was before is backup {}: portreeve router \
                 restore {} {0}",
                before.id, self.kept.name
            ))
        };
        let key = self.kept.ssh_host_key.as_deref();
        let back = Back {
            name: &self.kept.name,
            target,
            login,
            key: key.filter(|_| *target == self.kept.target),
        };
        let link = back.wait(None).await.ok_or_else(lost)?;
        let password = Secret::new(self.kept.backup_password.reveal());
        let since = tokio::time::Instant::now();
        let file = link.said(copies::load(&link.files(), system, &password).await)?;
        drop(link);
        let link = back.wait(Some(since)).await.ok_or_else(lost)?;
        clear_away(&link, &file, context).await
    }
}
