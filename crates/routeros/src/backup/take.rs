//! Taking exports and backups.

use std::time::Duration;

use super::{
    binary::{self, Encryption},
    export::{added, parse},
};
use crate::{Command, Error, Query, Secret, files::Files};

/// How long a router may take to write an export or a backup.
const WRITING: Duration = Duration::from_secs(90);
/// The menus whose items are counted to see whether an export is whole. Nothing of a router's
/// default configuration is in them, and the last two stand near an export's end.
const COUNTED: [&str; 4] = [
    "/ppp/secret",
    "/radius",
    "/system/scheduler",
    "/system/script",
];

/// Whether an export holds passwords and other secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Left out.
    Hidden,
    /// Written in the clear: what is needed to restore, and what must be kept safe.
    Shown,
}

/// Takes an export (`/export compact`) and removes its file from the router.
///
/// The text is as the router wrote it. It is read, and counted against the router's own menus, so
/// that one that is cut short is never taken for whole.
///
/// # Errors
/// Those of [`Files::fetch`]; [`Error::NotWhole`] where it is cut short or unreadable.
pub async fn export(files: &Files<'_>, secrets: Secrets) -> Result<Secret, Error> {
    let stem = temporary()?;
    let name = format!("{stem}.rsc");
    let command = spoken(files, secrets).with("file", &stem);
    files.router().call(&command).await?;
    let fetched = fetched(files, &name, true).await;
    let octets = match fetched {
        Err(Error::NotSupported(why)) => said(files, secrets).await.map_err(|error| {
            let none = matches!(error, Error::NotSupported(_));
            if none {
                Error::NotSupported(why)
            } else {
                error
            }
        })?,
        other => other?,
    };
    let text = Secret::new(crate::text::read(&octets));
    let not_whole = |what: String| Error::NotWhole {
        file: name.clone(),
        what,
    };
    let read = parse(text.reveal()).map_err(|cause| not_whole(cause.to_string()))?;
    if let Some(first) = read.complaints.first() {
        return Err(not_whole(format!("the router says: {first}")));
    }
    for menu in COUNTED {
        let there = count(files, menu).await?;
        let exported = added(&read, menu);
        if there > exported {
            return Err(not_whole(format!(
                "{menu} has {there} items, of which it has {exported}"
            )));
        }
    }
    Ok(text)
}

/// Takes an encrypted system backup and removes its file from the router. It is checked to be
/// whole and to open with the password.
///
/// From 6.43 on it is encrypted with AES; before, with RC4, which is broken: such a backup must be
/// kept like a password.
///
/// # Errors
/// Those of [`Files::fetch`]; [`Error::NotWhole`] where it is cut short or does not open;
/// [`Error::BadValue`] for an empty password.
pub async fn save(files: &Files<'_>, password: &Secret) -> Result<Vec<u8>, Error> {
    const SAVE: &str = "/system/backup/save";
    if password.reveal().is_empty() {
        return Err(Error::BadValue {
            command: SAVE.to_owned(),
            message: "without a password RouterOS does not encrypt it".to_owned(),
        });
    }
    let stem = temporary()?;
    let mut command = Command::new(SAVE)
        .with("name", &stem)
        .with("password", password.reveal());
    if files.capabilities().takes(SAVE, "encryption") {
        command = command.with("encryption", "aes-sha256");
    }
    files.router().call(&command).await?;
    let name = format!("{stem}.backup");
    let backup = fetched(files, &name, true).await?;
    let not_whole = |what: String| Error::NotWhole {
        file: name.clone(),
        what,
    };
    let opened = binary::verify(&backup, Some(password));
    match opened
        .map_err(|cause| not_whole(cause.to_string()))?
        .encryption
    {
        Encryption::None => Err(not_whole("the router did not encrypt it".to_owned())),
        Encryption::Rc4 | Encryption::Aes => Ok(backup),
    }
}

/// Waits for a file that the router writes, fetches it, and removes it whether that succeeded or
/// not: no copy of the secrets stays behind.
async fn fetched(files: &Files<'_>, name: &str, remove: bool) -> Result<Vec<u8>, Error> {
    let octets = match files.settled(name, WRITING).await {
        Ok(_) => files.fetch(name).await,
        Err(error) => Err(error),
    };
    if !remove || octets.as_ref().is_err_and(Error::is_fatal) {
        return octets;
    }
    match (octets, files.remove(name).await) {
        (Ok(octets), Ok(())) => Ok(octets),
        (Err(error), _) | (Ok(_), Err(error)) => Err(error),
    }
}

/// The command with what this version needs to show secrets or to hide them: RouterOS 7 hides
/// them unless told otherwise, RouterOS 6 shows them.
fn spoken(files: &Files<'_>, secrets: Secrets) -> Command {
    let takes = |argument: &str| files.capabilities().takes("/export", argument);
    let mut command = Command::new("/export");
    if takes("compact") {
        command = command.flag("compact");
    }
    let wanted = match secrets {
        Secrets::Hidden => "hide-sensitive",
        Secrets::Shown => "show-sensitive",
    };
    if takes(wanted) {
        command = command.flag(wanted);
    }
    command
}

/// The export as what a script prints, where its file cannot be fetched.
async fn said(files: &Files<'_>, secrets: Secrets) -> Result<Vec<u8>, Error> {
    if !files.capabilities().takes("/execute", "as-string") {
        return Err(Error::NotSupported(String::new()));
    }
    let mut script = "/export".to_owned();
    for (argument, _) in spoken(files, secrets).arguments() {
        script.push(' ');
        script.push_str(argument);
    }
    let command = Command::new("/execute")
        .with("script", script)
        .flag("as-string");
    let answer = files.router().call(&command).await?;
    Ok(answer.returned().unwrap_or_default().as_bytes().to_vec())
}

/// How many items of a menu an export must hold: those that are not dynamic.
async fn count(files: &Files<'_>, menu: &str) -> Result<usize, Error> {
    if !files.capabilities().has(&format!("{menu}/add")) {
        return Ok(0);
    }
    let lasting = [
        Query::equals("dynamic", "true"),
        Query::Operations("!".to_owned()),
    ];
    let items = files
        .router()
        .print(menu, &[".id", "dynamic"], &lasting)
        .await?;
    Ok(items
        .iter()
        .filter(|item| item.flag("dynamic") != Some(true))
        .count())
}

/// How the names of files begin that are there for a moment.
const TEMPORARY: &str = "portreeve-";
/// How many random octets, as hexadecimal digits, come then.
const RANDOM: usize = 6;

/// Whether a file of this name is one that [`export`], [`save`] or a restoring made, and that was
/// to be gone again after a moment.
pub fn is_temporary(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default();
    let stem = name
        .strip_suffix(".rsc")
        .or_else(|| name.strip_suffix(".backup"));
    let digits = stem.and_then(|stem| stem.strip_prefix(TEMPORARY));
    digits.is_some_and(|digits| {
        digits.len() == RANDOM * 2 && digits.bytes().all(|octet| octet.is_ascii_hexdigit())
    })
}

/// A name that no other file has.
pub(super) fn temporary() -> Result<String, Error> {
    let mut random = [0u8; RANDOM];
    getrandom::fill(&mut random)
        .map_err(|cause| Error::NotSupported(format!("no randomness: {cause}")))?;
    let halves = random.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    let digits = halves.filter_map(|half| char::from_digit(u32::from(half), 16));
    Ok(TEMPORARY.chars().chain(digits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_for_a_moment_is_called_so() {
        let made = temporary().unwrap();
        assert!(is_temporary(&format!("{made}.rsc")), "{made}");
        assert!(is_temporary(&format!("flash/{made}.backup")), "{made}");
        for other in [
            &*made,
            "portreeve-own-backup.backup",
            "portreeve-own-backup-2026-11-22.backup",
            "portreeve-0123456789a.rsc",
            "0123456789ab.rsc",
        ] {
            assert!(!is_temporary(other), "{other}");
        }
    }
}
