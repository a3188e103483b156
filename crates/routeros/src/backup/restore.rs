//! Putting a configuration back.

use super::{
    binary::{self, Encryption},
    export::{Export, parse},
    take::temporary,
};
use crate::{Capabilities, Command, Error, Secret, files::Files};

/// What to know before an export is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guidance {
    /// What speaks against it. Empty: it fits this router.
    pub objections: Vec<String>,
    /// What to expect.
    pub notes: Vec<String>,
    /// How many commands there are.
    pub commands: usize,
}

/// Compares an export with the router that it is to be imported on.
pub fn guide(export: &Export, capabilities: &Capabilities) -> Guidance {
    let mut objections = Vec::new();
    let version = capabilities.version();
    match export.header.version {
        Some(of) if of.major != version.major => objections.push(format!(
            "it is of RouterOS {of} and this router has {version}: menus and parameters have \
             other names"
        )),
        Some(of) if of > version => objections.push(format!(
            "it is of RouterOS {of}, later than this router's {version}: upgrade the router first"
        )),
        Some(_) => {}
        None => objections.push("it does not say by which version it was made".to_owned()),
    }
    let device = capabilities.device();
    match (&export.header.model, &device.model) {
        (Some(of), Some(here)) if of != here => objections.push(format!(
            "it is of a {of} and this router is a {here}: interfaces have other names"
        )),
        _ => {}
    }
    if let (Some(of), Some(here)) = (&export.header.serial, &device.serial)
        && of != here
    {
        objections.push(format!(
            "it is of the device with the serial number {of}; this one has {here}"
        ));
    }
    let has_secrets = export
        .commands
        .iter()
        .any(|line| line.text.contains("secret="));
    let mut notes = vec![
        "an import adds: items that are there already are refused, or come twice. Import on a \
         router that was reset (/system/reset-configuration no-defaults=yes)"
            .to_owned(),
        "an import stops at the first command that fails, and does not take back what it did"
            .to_owned(),
        "passwords of users, certificates, SSH keys and databases are not in it".to_owned(),
    ];
    if !has_secrets {
        notes.push("it holds no secrets: they must be entered again".to_owned());
    }
    if capabilities.takes("/import", "dry-run") {
        notes.push("this version can try all of it first, without changing anything".to_owned());
    }
    Guidance {
        objections,
        notes,
        commands: export.commands.len(),
    }
}

/// Has the router try an export without changing anything, where its version can (`dry-run`).
/// `false` where it cannot.
///
/// # Errors
/// [`Error::NotWhole`] for an export that is cut short; what the router says of the first command
/// that would fail.
pub async fn rehearse(files: &Files<'_>, text: &Secret) -> Result<bool, Error> {
    read(text)?;
    if !files.capabilities().takes("/import", "dry-run") {
        return Ok(false);
    }
    // It is tried only where it is also told line by line.
    let tried = |name: &str| {
        let import = Command::new("/import").with("file-name", name);
        import.with("verbose", "yes").flag("dry-run")
    };
    run(files, text, tried).await.map(|()| true)
}

/// Imports an export. Its file is removed from the router. Whoever wants to see first what would
/// happen calls [`guide`] and [`rehearse`].
///
/// Over REST RouterOS gives this no more than 60 s; use the API for a large one.
///
/// # Errors
/// [`Error::NotWhole`] for an export that is cut short; [`Error::NotSupported`] with the
/// objections of [`guide`], unless `despite_objections`; what the router says of a command that
/// failed: what stands before it has been done.
pub async fn import(
    files: &Files<'_>,
    text: &Secret,
    despite_objections: bool,
) -> Result<Guidance, Error> {
    let guidance = guide(&read(text)?, files.capabilities());
    if !guidance.objections.is_empty() && !despite_objections {
        return Err(Error::NotSupported(guidance.objections.join("; ")));
    }
    let done = |name: &str| Command::new("/import").with("file-name", name);
    run(files, text, done).await.map(|()| guidance)
}

fn read(text: &Secret) -> Result<Export, Error> {
    parse(text.reveal()).map_err(|cause| Error::NotWhole {
        file: "the export".to_owned(),
        what: cause.to_string(),
    })
}

/// Stores the text, gives a command for it, and removes it.
async fn run(
    files: &Files<'_>,
    text: &Secret,
    command: impl Fn(&str) -> Command,
) -> Result<(), Error> {
    let name = format!("{}.rsc", temporary()?);
    files.store(&name, text.reveal().as_bytes()).await?;
    let done = files.router().call(&command(&name)).await.map(drop);
    let removed = files.remove(&name).await;
    done.and(removed)
}

/// Loads a system backup, and gives the name of its file. The router then starts again, and the
/// connection ends; where its storage outlives that, the file is still there: remove it then.
///
/// # Errors
/// [`Error::NotWhole`] for a backup that is cut short or does not open with the password; those
/// of [`Files::store`].
pub async fn load(files: &Files<'_>, backup: &[u8], password: &Secret) -> Result<String, Error> {
    let opened = binary::verify(backup, Some(password)).map_err(|cause| Error::NotWhole {
        file: "the backup".to_owned(),
        what: cause.to_string(),
    })?;
    let name = format!("{}.backup", temporary()?);
    files.store(&name, backup).await?;
    let given = match opened.encryption {
        Encryption::None => "",
        Encryption::Rc4 | Encryption::Aes => password.reveal(),
    };
    let command = Command::new("/system/backup/load")
        .with("name", &name)
        .with("password", given);
    match files.router().call(&command).await {
        Ok(_) | Err(Error::Closed { .. } | Error::TimedOut { .. }) => Ok(name),
        Err(error) => {
            if let Err(cause) = files.remove(&name).await {
                tracing::warn!(%cause, file = name, "the backup is still on the router");
            }
            Err(error)
        }
    }
}
