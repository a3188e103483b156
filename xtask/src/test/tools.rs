//! Programs the tests need, from Debian and from the Python package index.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, fs};

use super::{hostap, steps, stream};

/// The client library from the Python package index, and what its MS-CHAP needs.
const PYRAD2: &str = "pyrad2[mschap]==3.2";
/// The two libraries that Python programs speak to MikroTik routers with, beside it.
const ROUTERS: [&str; 2] = ["librouteros==4.2.2", "RouterOS-api==0.21.0"];
/// Pythons to look for; pyrad2 wants 3.12, our scripts make do with less (see interop/README.md).
const PYTHONS: [&str; 4] = ["python3.14", "python3.13", "python3.12", "python3"];

/// What the interop suite needs.
pub(super) const INTEROP: &[Tool] = &[
    Tool::FreeRadius,
    Tool::Dictionaries,
    Tool::FreeRadiusUtils,
    Tool::Tshark,
    Tool::Pyrad2,
    Tool::Openssl,
    Tool::Curl,
    Tool::OpensshClient,
    Tool::Snmp,
    Tool::Radsecproxy,
    Tool::Dnsmasq,
    Tool::EapolTest,
    Tool::Hostapd,
    Tool::WpaSupplicant,
    Tool::NetworkManager,
    Tool::PythonGi,
    Tool::Iproute,
    Tool::Libssl,
    Tool::PkgConfig,
    Tool::BuildEssential,
    Tool::Hostap,
];

/// What the feature `openssl` is built with.
pub(super) const OPENSSL: &[Tool] = &[Tool::Libssl, Tool::PkgConfig];

/// A program, or a set of them, that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    FreeRadius,
    Dictionaries,
    FreeRadiusUtils,
    Tshark,
    Pyrad2,
    Openssl,
    Curl,
    OpensshClient,
    Snmp,
    Radsecproxy,
    Dnsmasq,
    EapolTest,
    Hostapd,
    WpaSupplicant,
    NetworkManager,
    PythonGi,
    Iproute,
    Libssl,
    PkgConfig,
    BuildEssential,
    Hostap,
}

impl Tool {
    /// How it is called, by its package.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FreeRadius => "freeradius",
            Self::Dictionaries => "freeradius-common",
            Self::FreeRadiusUtils => "freeradius-utils",
            Self::Tshark => "tshark",
            Self::Pyrad2 => "pyrad2",
            Self::Openssl => "openssl",
            Self::Curl => "curl",
            Self::OpensshClient => "openssh-client",
            Self::Snmp => "snmp",
            Self::Radsecproxy => "radsecproxy",
            Self::Dnsmasq => "dnsmasq-base",
            Self::EapolTest => "eapoltest",
            Self::Hostapd => "hostapd",
            Self::WpaSupplicant => "wpasupplicant",
            Self::NetworkManager => "gir1.2-nm-1.0",
            Self::PythonGi => "python3-gi",
            Self::Iproute => "iproute2",
            Self::Libssl => "libssl-dev",
            Self::PkgConfig => "pkg-config",
            Self::BuildEssential => "build-essential",
            Self::Hostap => "hostap with TEAP",
        }
    }

    /// What it is good for.
    pub(super) fn purpose(self) -> &'static str {
        match self {
            Self::FreeRadius => "the reference server",
            Self::Dictionaries => "its dictionaries, read by clients and by our parser's tests",
            Self::FreeRadiusUtils => "radclient, radtest, radsniff",
            Self::Tshark => "reads our packets",
            Self::Pyrad2 => "RADIUS and RouterOS clients in Python, in target/venv",
            Self::Openssl => "makes certificates, speaks TLS and DTLS",
            Self::Curl => "asks routers by REST",
            Self::OpensshClient => "sftp, fetches files from routers",
            Self::Snmp => "snmpget and snmpwalk, ask routers",
            Self::Radsecproxy => "RadSec and DTLS, both as client and as server",
            Self::Dnsmasq => "a name server that names home servers",
            Self::EapolTest => "a supplicant for EAP without a network",
            Self::Hostapd => "a switch that asks who is there, and an EAP server",
            Self::WpaSupplicant => "a supplicant at the end of a cable",
            Self::NetworkManager => "NetworkManager's own reader of connection files",
            Self::PythonGi => "lets Debian's Python use it",
            Self::Iproute => "lays the cable: veth and network namespaces",
            Self::Libssl => "what the feature openssl is built on, and hostap",
            Self::PkgConfig => "finds it",
            Self::BuildEssential => "builds what Debian has in source only",
            Self::Hostap => "a supplicant and a server for TEAP, built in target/hostap",
        }
    }

    /// Whether it can be used now.
    pub(super) fn is_present(self, root: &Path) -> bool {
        match self {
            Self::FreeRadius => on_path("freeradius")
                .or_else(|| on_path("radiusd"))
                .is_some(),
            Self::Dictionaries => Path::new("/usr/share/freeradius/dictionary").is_file(),
            Self::FreeRadiusUtils => ["radclient", "radtest", "radsniff"]
                .iter()
                .all(|name| on_path(name).is_some()),
            Self::Tshark => on_path("tshark").is_some(),
            Self::Pyrad2 => has_pyrad2(root),
            Self::Openssl => on_path("openssl").is_some(),
            Self::Curl => on_path("curl").is_some(),
            Self::OpensshClient => on_path("sftp").is_some(),
            Self::Snmp => on_path("snmpget").is_some() && on_path("snmpwalk").is_some(),
            Self::Radsecproxy => on_path("radsecproxy").is_some(),
            Self::Dnsmasq => on_path("dnsmasq").is_some(),
            Self::EapolTest => on_path("eapol_test").is_some(),
            Self::Hostapd => on_path("hostapd").is_some() && on_path("hostapd_cli").is_some(),
            Self::WpaSupplicant => {
                on_path("wpa_supplicant").is_some() && on_path("wpa_cli").is_some()
            }
            Self::NetworkManager => debian_python("import gi; gi.require_version('NM', '1.0')"),
            Self::PythonGi => debian_python("import gi"),
            Self::Iproute => on_path("ip").is_some(),
            Self::Libssl => Path::new("/usr/include/openssl/ssl.h").is_file(),
            Self::PkgConfig => on_path("pkg-config").is_some(),
            Self::BuildEssential => ["dpkg-source", "make", "gcc"]
                .iter()
                .all(|name| on_path(name).is_some()),
            Self::Hostap => hostap::is_present(root),
        }
    }

    fn is_debian(self) -> bool {
        !matches!(self, Self::Pyrad2 | Self::Hostap)
    }
}

/// Why the tools cannot be had, and what to type.
#[derive(Debug)]
pub(super) enum Problem {
    NoApt(Vec<&'static str>),
    NotRoot(Vec<&'static str>),
    NoPython,
    Failed { command: String, reason: String },
    StillMissing(&'static str),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoApt(packages) => write!(
                f,
                "The interop tests need {}, and there is no apt-get to install them with.\n\
                 Install them by this system's own means, or run with --no-install.",
                packages.join(", ")
            ),
            Self::NotRoot(packages) => write!(
                f,
                "The interop tests need Debian packages that only root may install. Run\n\n    \
                 sudo apt-get update && sudo apt-get install -y {}\n\n\
                 and start again, or run with --no-install.",
                packages.join(" ")
            ),
            Self::NoPython => write!(
                f,
                "No python3 with the modules venv and ensurepip was found. Run\n\n    \
                 sudo apt-get install -y python3-venv\n\nand start again, or run with --no-install."
            ),
            Self::Failed { command, reason } => write!(f, "`{command}` failed: {reason}"),
            Self::StillMissing(name) => write!(f, "`{name}` was installed and still is not found"),
        }
    }
}

/// Installs what is missing of `wanted`, if it may, and returns what is missing after that.
///
/// # Errors
/// If something is missing, may be installed, and cannot be.
pub(super) fn provide(
    root: &Path,
    wanted: &BTreeSet<Tool>,
    may_install: bool,
) -> Result<BTreeSet<Tool>, Problem> {
    let absent = || wanted.iter().copied().filter(|tool| !tool.is_present(root));
    let missing: BTreeSet<Tool> = absent().collect();
    if missing.is_empty() || !may_install {
        return Ok(missing);
    }
    println!("\n=== tools: installing what is missing");
    let mut packages: Vec<&'static str> = missing
        .iter()
        .filter(|tool| tool.is_debian())
        .map(|tool| tool.name())
        .collect();
    if missing.contains(&Tool::Pyrad2) && find_python().is_none() {
        packages.push("python3-venv");
    }
    if !packages.is_empty() {
        install_from_debian(&packages)?;
    }
    if missing.contains(&Tool::Pyrad2) {
        install_pyrad2(root)?;
    }
    if missing.contains(&Tool::Hostap) {
        hostap::install(root)?;
    }
    match absent().next() {
        Some(tool) => Err(Problem::StillMissing(tool.name())),
        None => Ok(BTreeSet::new()),
    }
}

/// The Python environment of the interop tests.
pub(super) fn venv(root: &Path) -> PathBuf {
    steps::target(root).join("venv")
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let folders: Vec<PathBuf> = env::split_paths(&path).chain(system).collect();
    folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn install_from_debian(packages: &[&'static str]) -> Result<(), Problem> {
    if on_path("apt-get").is_none() {
        return Err(Problem::NoApt(packages.to_vec()));
    }
    let root = succeeds(Command::new("id").arg("-u"), |said| said.trim() == "0");
    let sudo = !root && succeeds(Command::new("sudo").args(["-n", "true"]), |_| true);
    if !root && !sudo {
        return Err(Problem::NotRoot(packages.to_vec()));
    }
    println!("Debian packages: {}", packages.join(" "));
    if packages.contains(&"freeradius") {
        println!("note: where there is an init system, the package freeradius starts a service on");
        println!(
            "      ports 1812 and 1813. The tests use other ports; stop it if you do not want"
        );
        println!("      it: systemctl disable --now freeradius");
    }
    let apt = |arguments: &[&str]| {
        let mut command = if sudo {
            Command::new("sudo")
        } else {
            Command::new("env")
        };
        if sudo {
            command.args(["-n", "env"]);
        }
        command
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
            .args(arguments);
        finish(&mut command)
    };
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())
}

fn succeeds(command: &mut Command, check: fn(&str) -> bool) -> bool {
    let output = command.output();
    output.is_ok_and(|o| o.status.success() && check(&String::from_utf8_lossy(&o.stdout)))
}

/// Runs a command to its end.
///
/// # Errors
/// If it does not succeed.
pub(super) fn finish(command: &mut Command) -> Result<(), Problem> {
    let failed = |command: &Command, reason: String| {
        Err(Problem::Failed {
            command: stream::describe(command),
            reason,
        })
    };
    match stream::run(command, &mut Vec::new()) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(command, status.to_string()),
        Err(error) => failed(command, error.to_string()),
    }
}

fn has_pyrad2(root: &Path) -> bool {
    let check = "from importlib.metadata import version as v; v('cryptography'); \
                 print(v('pyrad2'), v('librouteros'), v('RouterOS-api'))";
    let python = venv(root).join("bin/python");
    succeeds(Command::new(python).args(["-c", check]), |said| {
        let wanted = [PYRAD2].into_iter().chain(ROUTERS);
        let mut found = said.split_whitespace();
        wanted.into_iter().all(|wanted| {
            let (_, version) = wanted.rsplit_once('=').unwrap_or_default();
            found.next() == Some(version)
        })
    })
}

/// Whether Debian's own Python, which its packages are for, can do something.
fn debian_python(what: &str) -> bool {
    succeeds(Command::new("/usr/bin/python3").args(["-c", what]), |_| {
        true
    })
}

/// The first Python that can make an environment.
fn find_python() -> Option<&'static str> {
    PYTHONS.into_iter().find(|name| {
        succeeds(
            Command::new(name).args(["-c", "import venv, ensurepip"]),
            |_| true,
        )
    })
}

fn install_pyrad2(root: &Path) -> Result<(), Problem> {
    let python = find_python().ok_or(Problem::NoPython)?;
    let venv = venv(root);
    if let Some(parent) = venv.parent() {
        let made = fs::create_dir_all(parent);
        made.map_err(|error| Problem::Failed {
            command: format!("mkdir {}", parent.display()),
            reason: error.to_string(),
        })?;
    }
    finish(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&venv),
    )?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    // Its metadata asks for Python 3.12 for the sake of one name, which our scripts supply.
    let pyrad2 = ["--ignore-requires-python", PYRAD2];
    finish(
        Command::new(venv.join("bin/python"))
            .args(pip)
            .args(pyrad2)
            .args(ROUTERS),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_installed_when_it_may_not_be() {
        let nowhere = tempfile::tempdir().unwrap();
        let missing = provide(nowhere.path(), &BTreeSet::from([Tool::Pyrad2]), false).unwrap();
        assert_eq!(missing, BTreeSet::from([Tool::Pyrad2]));
        assert!(!nowhere.path().join("target").exists());
    }

    #[test]
    fn the_person_who_may_not_install_is_told_what_to_type() {
        let text = Problem::NotRoot(vec!["freeradius", "tshark"]).to_string();
        assert!(
            text.contains("sudo apt-get install -y freeradius tshark\n"),
            "{text}"
        );
        assert!(text.contains("--no-install"), "{text}");
    }

    #[test]
    fn programs_are_found_by_name() {
        assert!(on_path("sh").is_some());
        assert_eq!(on_path("no-such-program-anywhere"), None);
    }
}
