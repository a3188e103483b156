//! `portreeve router backup`.

use std::time::Duration;

use clap::Args;
use portreeve_routeros::{
    Query, Secret,
    backup::{
        self as copies,
        schedule::{self, Mail, Schedule, Tls},
    },
};
use serde::Serialize;

use super::drift;
use crate::{
    cli::{Context, Listing},
    commands::rows,
    config::Config,
    failure::Failure,
    output::{Output, printable},
    routers::{
        Backup, BackupWish, Folder, Link, Retention, RouterError, Routers, SYSTEM, wait_for,
    },
};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what"))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Take {
    /// The router [default: all; with --diff and --on-router the only one]
    name: Option<String>,
    /// List the backups that are kept
    #[arg(long, group = "what")]
    list: bool,
    /// Compare two backups; `now` stands for the router as it is
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], group = "what")]
    diff: Option<Vec<String>>,
    /// Look whether all backups that are kept are whole and can be read
    #[arg(long, group = "what")]
    verify: bool,
    /// Fetch the export alone, without the encrypted backup of the system
    #[arg(long, group = "what")]
    export_only: bool,
    /// Print a script that has the router make its own backups on a schedule
    #[arg(long, group = "what")]
    on_router: bool,
    /// With --on-router: set it up on the router instead of printing it
    #[arg(long, requires = "on_router")]
    install: bool,
    /// With --on-router: have it mail them to this address
    #[arg(long, value_name = "ADDRESS", requires_all = ["on_router", "mail_server"])]
    mail: Option<String>,
    /// The mail server, with STARTTLS on port 587; RouterOS 6 takes an address only
    #[arg(long, value_name = "HOST", requires = "mail")]
    mail_server: Option<String>,
    /// Who sends the mail [default: whom it is sent to]
    #[arg(long, value_name = "ADDRESS", requires = "mail")]
    mail_from: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

/// A backup as JSON, without its password.
#[derive(Serialize)]
struct Described<'a> {
    router: &'a str,
    id: &'a str,
    at: String,
    reason: &'a str,
    version: &'a str,
    octets: u64,
    encrypted_system_backup: bool,
    missing: &'a [String],
    path: String,
}

impl<'a> Described<'a> {
    fn of(router: &'a str, backup: &'a Backup) -> Self {
        let manifest = &backup.manifest;
        Self {
            router,
            id: &backup.id,
            at: rows::rfc3339(manifest.at_ms),
            reason: &manifest.reason,
            version: &manifest.known.version,
            octets: backup.octets(),
            encrypted_system_backup: manifest.files.iter().any(|file| file.name == SYSTEM),
            missing: &manifest.missing,
            path: backup.path().display().to_string(),
        }
    }
}

pub(super) fn run(arguments: &Take, context: &mut Context<'_>) -> Result<(), Failure> {
    let routers = Routers::of(&context.data);
    let name = arguments.name.as_deref();
    if let Some(pair) = &arguments.diff {
        return diff(&routers.one(name)?, pair, &mut context.output);
    }
    if arguments.on_router {
        return on_router(&routers.one(name)?, arguments, context);
    }
    let folders = routers.some(name)?;
    if arguments.list {
        return list(&folders, arguments.listing, context);
    }
    if arguments.verify {
        return verify(&folders, &mut context.output);
    }
    take(&folders, arguments, context)
}

fn take(folders: &[Folder], arguments: &Take, context: &mut Context<'_>) -> Result<(), Failure> {
    let config = Config::in_force(&context.data, None)?;
    let retention = Retention::of(&config.routers);
    let (mut taken, mut failed) = (Vec::new(), false);
    for folder in folders {
        match fetch(folder, arguments.export_only, retention) {
            Ok((backup, removed)) => {
                for missing in &backup.manifest.missing {
                    let words = format!("not in the backup of '{}': {missing}", folder.name());
                    context.output.warn(printable(&words))?;
                }
                context.output.note(format!(
                    "router '{}': backup {} kept, {} octets",
                    folder.name(),
                    backup.id,
                    backup.octets()
                ))?;
                for id in removed {
                    context
                        .output
                        .note(format!("backup {id} is old and was removed"))?;
                }
                taken.push((folder.name().to_owned(), backup));
            }
            Err(error) => {
                failed = true;
                context.output.warn(crate::failure::chain(&error))?;
            }
        }
    }
    if arguments.listing.json {
        let shown: Vec<_> = taken
            .iter()
            .map(|(name, one)| Described::of(name, one))
            .collect();
        context.output.json(&shown)?;
    }
    if failed { Err(Failure::Said) } else { Ok(()) }
}

fn fetch(
    folder: &Folder,
    export_only: bool,
    retention: Retention,
) -> Result<(Backup, Vec<String>), RouterError> {
    let kept = drift::enrolled(folder)?;
    let _guard = folder.lock()?;
    let now = crate::service::now_ms();
    let wish = BackupWish {
        reason: "asked",
        password: Some(&kept.backup_password).filter(|_| !export_only),
    };
    let taken = wait_for(async {
        let link = Link::open(&kept).await?;
        link.back_up(folder, &wish, now).await
    });
    folder.saw(|state| match &taken {
        Ok(backup) => {
            state.backup_ms = Some(backup.manifest.at_ms);
            state.backup_trouble = None;
        }
        Err(error) => state.backup_trouble = Some(crate::failure::chain(error)),
    })?;
    let backup = taken?;
    Ok((backup, folder.backups().prune(retention, now)?))
}

fn list(folders: &[Folder], listing: Listing, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut all = Vec::new();
    for folder in folders {
        for backup in folder.backups().list()? {
            all.push((folder.name(), backup));
        }
    }
    if listing.json {
        let shown: Vec<_> = all
            .iter()
            .map(|(name, one)| Described::of(name, one))
            .collect();
        return Ok(context.output.json(&shown)?);
    }
    let rows = all.iter().map(|(name, backup)| {
        let manifest = &backup.manifest;
        let system = manifest.files.iter().any(|file| file.name == SYSTEM);
        vec![
            (*name).to_owned(),
            backup.id.clone(),
            rows::moment(manifest.at_ms),
            manifest.reason.clone(),
            manifest.known.version.clone(),
            rows::octets(backup.octets()),
            if system { "export, system" } else { "export" }.to_owned(),
        ]
    });
    let heading = [
        "router", "backup", "taken", "why", "version", "size", "holds",
    ];
    Ok(context
        .output
        .table(&heading, rows.collect(), "no backup is kept yet")?)
}

fn diff(folder: &Folder, pair: &[String], output: &mut Output<'_>) -> Result<(), Failure> {
    let [old, new] = pair else {
        return Err(RouterError::Usage("--diff needs two backups".to_owned()).into());
    };
    let (old, new) = (text_of(folder, old)?, text_of(folder, new)?);
    let shown = copies::diff(&old, &new);
    if shown.is_empty() {
        return Ok(output.note("no difference")?);
    }
    for line in shown.lines() {
        output.line(printable(line))?;
    }
    Ok(())
}

/// The export of a backup, or of the router as it is.
fn text_of(folder: &Folder, id: &str) -> Result<String, Failure> {
    if id != "now" {
        return Ok(folder.backups().find(Some(id))?.export()?);
    }
    let kept = folder.read()?;
    let text = wait_for(async {
        let link = Link::open(&kept).await?;
        link.export(copies::Secrets::Hidden).await
    })?;
    Ok(text.reveal().to_owned())
}

fn verify(folders: &[Folder], output: &mut Output<'_>) -> Result<(), Failure> {
    let (mut good, mut bad) = (0, 0);
    for folder in folders {
        for backup in folder.backups().list()? {
            let troubles = backup.troubles();
            for trouble in &troubles {
                let words = format!("{} {}: {trouble}", folder.name(), backup.id);
                output.warn(printable(&words))?;
            }
            *(if troubles.is_empty() {
                &mut good
            } else {
                &mut bad
            }) += 1;
        }
    }
    output.line(format!(
        "{good} backups are whole and can be read, {bad} are not"
    ))?;
    if bad > 0 { Err(Failure::Said) } else { Ok(()) }
}

/// What the script and the schedule are called on a router.
const OWN: &str = "portreeve-own-backup";

fn on_router(folder: &Folder, arguments: &Take, context: &mut Context<'_>) -> Result<(), Failure> {
    let kept = drift::enrolled(folder)?;
    let config = Config::in_force(&context.data, None)?;
    let mail = arguments.mail.clone().zip(arguments.mail_server.clone());
    let plan = Schedule {
        name: OWN.to_owned(),
        first: jiff::Zoned::now()
            .datetime()
            .saturating_add(jiff::Span::new().days(1)),
        interval: config.routers.backup.unwrap_or(Duration::from_hours(24)),
        password: Secret::new(kept.backup_password.reveal()),
        mail: mail.map(|(to, server)| Mail {
            server,
            port: 587,
            tls: Tls::StartTls,
            from: arguments.mail_from.clone().unwrap_or_else(|| to.clone()),
            to,
            user: None,
            password: None,
        }),
    };
    let _guard = folder.lock()?;
    let output = &mut context.output;
    wait_for(async {
        let link = Link::open(&kept).await?;
        if !arguments.install {
            let text = link.said(schedule::text(&plan, &link.can))?;
            output.raw(text.reveal().as_bytes())?;
            return Ok(output.note(format!(
                "for RouterOS {}; paste it into a terminal of the router. It holds the password \
                 of the backups",
                link.can.version()
            ))?);
        }
        let commands = link.said(schedule::commands(&plan, &link.can))?;
        // What an earlier one set up makes room.
        take_off(&link).await?;
        for command in commands {
            if let Err(error) = link.router.call(&command).await {
                take_off(&link).await?;
                link.said::<()>(Err(error))?;
            }
        }
        Ok::<_, Failure>(output.note(format!(
            "router '{}' makes its own backups from now on; to take that back, on the router: \
             /system scheduler remove {OWN}; /system script remove {OWN}. It also goes with: \
             portreeve router remove {}",
            kept.name, kept.name
        ))?)
    })
}

/// Takes the router's own backups off it, where it makes some for us.
pub(super) async fn take_off(link: &Link) -> Result<usize, RouterError> {
    let mut taken = 0;
    for command in schedule::removal(OWN) {
        let named = [Query::equals("name", OWN)];
        let found = link.router.print(command.menu(), &["name"], &named).await;
        if link.said(found)?.is_empty() {
            continue;
        }
        link.said(link.router.call(&command).await)?;
        taken += 1;
    }
    Ok(taken)
}
