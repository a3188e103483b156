//! `eapol_test` and `hostapd` with TEAP, which Debian's packages leave out, built from Debian's
//! source of those packages.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::steps;
use super::tools::{Problem, finish};

/// What Debian calls the source.
const SOURCE: &str = "wpa";
/// What is built, and in which folder of the source.
const PROGRAMS: [(&str, &str, &str); 2] = [
    ("wpa_supplicant", "eapol_test", SUPPLICANT),
    ("hostapd", "hostapd", SERVER),
];
const SUPPLICANT: &str = "
CONFIG_DRIVER_NONE=y
CONFIG_IEEE8021X_EAPOL=y
CONFIG_EAP_MD5=y
CONFIG_EAP_MSCHAPV2=y
CONFIG_EAP_TLS=y
CONFIG_EAP_PEAP=y
CONFIG_EAP_TTLS=y
CONFIG_EAP_GTC=y
CONFIG_EAP_TEAP=y
CONFIG_EAP_PWD=y
CONFIG_TLS=openssl
CONFIG_CTRL_IFACE=y
CONFIG_BACKEND=file
";
// Only with EAP-FAST can it be told the key without which it refuses TEAP.
const SERVER: &str = "
CONFIG_DRIVER_NONE=y
CONFIG_EAP=y
CONFIG_EAP_MD5=y
CONFIG_EAP_TLS=y
CONFIG_EAP_MSCHAPV2=y
CONFIG_EAP_PEAP=y
CONFIG_EAP_GTC=y
CONFIG_EAP_TTLS=y
CONFIG_EAP_PWD=y
CONFIG_EAP_TEAP=y
CONFIG_EAP_FAST=y
CONFIG_RADIUS_SERVER=y
CONFIG_TLS=openssl
";

/// Where the programs are once they are built.
pub(super) fn folder(root: &Path) -> PathBuf {
    steps::target(root).join("hostap")
}

/// Whether they have been built.
pub(super) fn is_present(root: &Path) -> bool {
    let folder = folder(root);
    PROGRAMS
        .iter()
        .all(|(_, program, _)| folder.join(program).is_file())
}

/// Fetches the source with lists and caches of our own, so that nothing of the system changes,
/// and builds it.
///
/// # Errors
/// If a command fails, or a file cannot be written.
pub(super) fn install(root: &Path) -> Result<(), Problem> {
    let folder = folder(root);
    let work = folder.join("source");
    let source = fetch(&work).map_err(|error| match error {
        Fetching::Io(error) => unwritable(&work, &error),
        Fetching::Command(problem) => problem,
    })?;
    for (part, program, configuration) in PROGRAMS {
        let place = source.join(part);
        fs::write(place.join(".config"), configuration)
            .map_err(|error| unwritable(&place, &error))?;
        finish(
            Command::new("make")
                .args(["-j2", program])
                .current_dir(&place),
        )?;
        fs::copy(place.join(program), folder.join(program))
            .map_err(|error| unwritable(&folder, &error))?;
    }
    // The source is not needed any more.
    fs::remove_dir_all(&work).map_err(|error| unwritable(&work, &error))
}

enum Fetching {
    Io(io::Error),
    Command(Problem),
}

impl From<io::Error> for Fetching {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Unpacks the source into `work`, and returns its folder.
fn fetch(work: &Path) -> Result<PathBuf, Fetching> {
    if work.exists() {
        fs::remove_dir_all(work)?;
    }
    for part in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(work.join(part))?;
    }
    let list = work.join("sources.list");
    let release = fs::read_to_string("/etc/os-release")?;
    let name = codename(&release).unwrap_or("stable");
    let line = format!("deb-src http://deb.debian.org/debian {name} main\n");
    fs::write(&list, line)?;
    let apt = |arguments: &[&str]| {
        let option = |name: &str, path: &Path| format!("-o{name}={}", path.display());
        let mut command = Command::new("apt-get");
        command
            .arg(option("Dir::Etc::sourcelist", &list))
            .arg("-oDir::Etc::sourceparts=-")
            .arg(option("Dir::State::lists", &work.join("lists")))
            .arg(option("Dir::Cache", &work.join("cache")))
            .args(arguments)
            .current_dir(work);
        finish(&mut command).map_err(Fetching::Command)
    };
    apt(&["update"])?;
    apt(&["source", SOURCE])?;
    let entries = fs::read_dir(work)?.filter_map(Result::ok);
    let mut folders = entries.map(|entry| entry.path());
    let found = folders.find(|path| path.join("wpa_supplicant").is_dir());
    found.ok_or_else(|| io::Error::other("the source has no folder wpa_supplicant").into())
}

/// The name of the release, such as `bookworm`, if it is one of Debian's own.
fn codename(release: &str) -> Option<&str> {
    let mut lines = release
        .lines()
        .filter(|_| release.lines().any(|line| line == "ID=debian"));
    lines.find_map(|line| line.strip_prefix("VERSION_CODENAME="))
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::Failed {
        command: format!("build hostap in {}", path.display()),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_from_what_the_system_says() {
        let text = "ID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID=\"12\"\n";
        assert_eq!(codename(text), Some("bookworm"));
        assert_eq!(codename("ID=debian\n"), None);
        assert_eq!(codename(&text.replace("debian", "ubuntu")), None);
    }

    #[test]
    fn nothing_is_built_until_both_programs_are_there() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_present(folder.path()));
    }
}
