//! `portreeve router backup`.

use clap::Args;
use portreeve_routeros::backup as copies;
use serde::Serialize;

use super::{drift, plain};
use crate::{
    cli::{Context, Listing},
    commands::rows,
    config::Config,
    failure::Failure,
    output::{Output, printable},
    routers::{
        Backup, BackupWish, Folder, Link, Retention, RouterError, Routers, SYSTEM, schedule,
        wait_for,
    },
};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what"))]
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
    /// With --on-router: have it mail them to this address
    #[arg(long, value_name = "ADDRESS", requires = "on_router")]
    mail: Option<String>,
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
        return on_router(&routers.one(name)?, arguments.mail.as_deref(), context);
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
    let config = Config::of(&context.data, None)?;
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
                    context.output.note(format!("backup {id} is old and was removed"))?;
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
        let shown: Vec<_> = taken.iter().map(|(name, one)| Described::of(name, one)).collect();
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
        let shown: Vec<_> = all.iter().map(|(name, one)| Described::of(name, one)).collect();
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
    let heading = ["router", "backup", "taken", "why", "version", "size", "holds"];
    Ok(context.output.table(&heading, rows.collect(), "no backup is kept yet")?)
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
            *(if troubles.is_empty() { &mut good } else { &mut bad }) += 1;
        }
    }
    output.line(format!("{good} backups are whole and can be read, {bad} are not"))?;
    if bad > 0 { Err(Failure::Said) } else { Ok(()) }
}

fn on_router(
    folder: &Folder,
    mail: Option<&str>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let kept = drift::enrolled(folder)?;
    let config = Config::of(&context.data, None)?;
    let every = config.routers.backup;
    let version = kept.known.release().ok_or_else(|| {
        RouterError::Refused(format!("the version of router '{}' is not known", kept.name))
    })?;
    let script = schedule::script(version, every, mail)?;
    context.output.raw(script.as_bytes())?;
    Ok(context.output.note(format!(
        "for RouterOS {} by {}; paste it into a terminal of the router. Replace PASSWORD first: \
         without one RouterOS does not encrypt a backup",
        version,
        plain::transport(kept.target.transport)
    ))?)
}
