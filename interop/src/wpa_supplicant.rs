//! `wpa_supplicant` at the far end of a cable.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::Must as _;
use crate::cable::Cable;
use crate::process::Process;
use crate::supplicant::Network;
use crate::tools::{self, program};

/// A wired supplicant; it ends with this value.
#[derive(Debug)]
pub struct WpaSupplicant {
    process: Process,
    folder: TempDir,
    interface: String,
}

impl WpaSupplicant {
    /// Plugs it in.
    pub fn start(cable: &Cable, network: &Network) -> Self {
        let folder = tempfile::tempdir().must("a temporary folder");
        let (configuration, control) = (folder.path().join("conf"), folder.path().join("ctrl"));
        let text = format!(
            "ctrl_interface={}\nap_scan=0\n{}",
            control.display(),
            network.block()
        );
        fs::write(&configuration, text).must("write its configuration");
        let interface = cable.far();
        let mut command = cable.inside("wpa_supplicant");
        command
            .args(["-d", "-D", "wired", "-i", &interface, "-c"])
            .arg(&configuration);
        let mut process = Process::start(&mut command, &folder.path().join("log"));
        process.wait_until(|| control.join(&interface).exists());
        Self {
            process,
            folder,
            interface,
        }
    }

    /// What it has logged.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// One of the values of `wpa_cli status`, such as `suppPortStatus`.
    pub fn status(&self, name: &str) -> Option<String> {
        let status = self.command("status");
        let mut pairs = status.lines().filter_map(|line| line.split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    }

    /// Whether its port is open.
    pub fn is_authorized(&self) -> bool {
        self.status("suppPortStatus").as_deref() == Some("Authorized")
    }

    /// Says that it leaves.
    pub fn log_off(&self) {
        self.command("logoff");
    }

    /// Says that it is back.
    pub fn log_on(&self) {
        self.command("logon");
    }

    /// Runs a command of `wpa_cli` and returns what it printed.
    ///
    /// # Panics
    /// If it fails, or if the supplicant has gone.
    pub fn command(&self, name: &str) -> String {
        let mut command = Command::new(program("wpa_cli"));
        command.arg("-p").arg(self.folder.path().join("ctrl"));
        command.args(["-i", &self.interface, name]);
        let ended = tools::run(&mut command, "");
        assert!(ended.succeeded, "wpa_cli {name}: {}", ended.said());
        ended.stdout
    }
}
