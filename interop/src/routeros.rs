//! RouterOS, as the emulator has it, and the Python libraries that speak to routers.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::Must as _;
use crate::portreeve::built;
use crate::process::Process;
use crate::tools;

/// The versions on offer, oldest first.
pub const VERSIONS: [&str; 8] = [
    "6.42", "6.49", "7.9", "7.12", "7.15", "7.18", "7.20", "7.24",
];

/// The user's password.
pub const PASSWORD: &str = "a router's password";

/// A router that runs until this is dropped.
#[derive(Debug)]
pub struct RouterOs {
    process: Process,
    // After the process that writes to it.
    _folder: TempDir,
    services: BTreeMap<String, SocketAddr>,
    control: Option<SocketAddr>,
}

impl RouterOs {
    /// A router of a version, whose user `admin` has [`PASSWORD`], on free ports of 127.0.0.1,
    /// with more arguments.
    ///
    /// # Panics
    /// If the emulator is not built or does not start.
    pub fn start(version: &str, more: &[&str]) -> Self {
        let folder = TempDir::new().must("a folder");
        let log = folder.path().join("log");
        let mut command = Command::new(built("PORTREEVE_ROUTEROS_BIN", "debug/routeros-emulator"));
        command
            .args(["--version", version, "--password", PASSWORD])
            .args(more);
        let mut process = Process::start(&mut command, &log);
        let line = |said: &str| {
            said.lines()
                .find(|line| line.starts_with('{'))
                .map(str::to_owned)
        };
        let written = || fs::read_to_string(&log).is_ok_and(|said| line(&said).is_some());
        process.wait_until(written);
        let line = line(&process.said()).must("the line that says where it listens");
        let told: Value = serde_json::from_str(&line).must("JSON");
        let services = told["services"].as_object().must("services");
        let services = services
            .iter()
            .map(|(name, at)| {
                let at = at.as_str().must("an address").parse().must("an address");
                (name.clone(), at)
            })
            .collect();
        let control = told["control"]
            .as_str()
            .map(|at| at.parse().must("an address"));
        Self {
            process,
            _folder: folder,
            services,
            control,
        }
    }

    /// Where a service such as `api` listens.
    ///
    /// # Panics
    /// If it does not.
    pub fn service(&self, name: &str) -> SocketAddr {
        *self.services.get(name).must(name)
    }

    /// Where its control port is, if it was started with `--control`.
    ///
    /// # Panics
    /// If it was not.
    pub fn control(&self) -> SocketAddr {
        self.control.must("--control")
    }

    /// What it has written.
    pub fn said(&self) -> String {
        self.process.said()
    }
}

/// One run of a script in `interop/routeros`, logged in to a router as `admin`.
///
/// # Panics
/// If Python or its libraries are missing, or if the script fails.
pub fn script(name: &str, router: &RouterOs, how: &str) -> Value {
    let api = router.service("api");
    let mut command = tools::script_in("routeros", name);
    command
        .args([api.ip().to_string(), api.port().to_string()])
        .args(["admin", PASSWORD, how]);
    tools::last_line(name, &mut command)
}
