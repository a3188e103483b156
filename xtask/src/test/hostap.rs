//! `eapol_test` and `hostapd` with TEAP, which Debian's packages leave out, built from the source
//! of those packages. It comes from where the system gets its packages.

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
    let line = codename(&release).and_then(|name| {
        let mut texts = configured().into_iter();
        texts.find_map(|text| source_of(&text, name))
    });
    let line =
        line.ok_or_else(|| io::Error::other("apt's sources name no main of this release"))?;
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

/// The name of the release, such as `bookworm`.
fn codename(release: &str) -> Option<&str> {
    let mut lines = release.lines();
    lines.find_map(|line| line.strip_prefix("VERSION_CODENAME="))
}

/// Apt's own lists of sources, as far as they can be read.
fn configured() -> Vec<String> {
    let mut paths = vec![PathBuf::from("/etc/apt/sources.list")];
    let parts = fs::read_dir("/etc/apt/sources.list.d");
    let parts = parts.into_iter().flatten().filter_map(Result::ok);
    paths.extend(parts.map(|entry| entry.path()));
    let texts = paths.iter().map(fs::read_to_string);
    texts.filter_map(Result::ok).collect()
}

/// The line for the sources of a release that belongs to its packages, whichever way these are
/// listed (sources.list(5)).
fn source_of(text: &str, name: &str) -> Option<String> {
    let line = |options: &str, address: &str| format!("deb-src {options} {address} {name} main\n");
    let lines = text.lines().find_map(|entry| {
        let rest = entry.trim().strip_prefix("deb ")?.trim();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest
                .split_once(']')
                .map(|(it, rest)| (format!("[{it}]"), rest))?,
            None => (String::new(), rest),
        };
        let mut words = rest.split_whitespace();
        let (address, suite) = (words.next()?, words.next()?);
        let is_it = suite == name && words.any(|word| word == "main");
        is_it.then(|| line(&options, address))
    });
    let stanzas = || {
        text.split("\n\n").find_map(|stanza| {
            let field = |key: &str| {
                let mut lines = stanza.lines();
                lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
            };
            let has =
                |key, word| field(key).is_some_and(|it| it.split_whitespace().any(|w| w == word));
            let is_it = has("Types", "deb") && has("Suites", name) && has("Components", "main");
            let key = field("Signed-By")
                .map(str::trim)
                .filter(|key| key.starts_with('/'));
            let options = key
                .map(|key| format!("[signed-by={key}]"))
                .unwrap_or_default();
            let address = field("URIs")?.split_whitespace().next()?;
            is_it.then(|| line(&options, address))
        })
    };
    lines.or_else(stanzas)
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
    }

    #[test]
    fn sources_come_from_where_packages_come_from() {
        let stanza = |suites: &str| {
            format!(
                "Types: deb\nURIs: http://mirror.test/x\nSuites: {suites}\nComponents: main\n\
                 Signed-By: /keys/a.gpg\n"
            )
        };
        let text = [stanza("nodistro"), stanza("bookworm bookworm-updates")].join("\n");
        let expected = "deb-src [signed-by=/keys/a.gpg] http://mirror.test/x bookworm main\n";
        assert_eq!(source_of(&text, "bookworm").as_deref(), Some(expected));
        assert_eq!(source_of(&text, "trixie"), None);
        let text =
            "# deb http://a.test x main\ndeb [arch=amd64] http://b.test bookworm contrib main\n";
        let expected = "deb-src [arch=amd64] http://b.test bookworm main\n";
        assert_eq!(source_of(text, "bookworm").as_deref(), Some(expected));
        assert_eq!(
            source_of("deb http://b.test bookworm contrib", "bookworm"),
            None
        );
    }

    #[test]
    fn nothing_is_built_until_both_programs_are_there() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_present(folder.path()));
    }
}
