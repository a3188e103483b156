//! The emulator as a child process.

#[path = "program.rs"]
mod program;

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use portreeve_routeros::{Login, Router, Target, Transport};
use program::program;

/// The versions that the emulator has, oldest first.
const VERSIONS: [&str; 8] = [
    "6.42", "6.49", "7.9", "7.12", "7.15", "7.18", "7.20", "7.24",
];
const PASSWORD: &str = "a router's p\u{e4}ssword";

/// A router that runs until this is dropped.
pub(crate) struct Emulated {
    pub(crate) version: &'static str,
    child: Child,
    services: serde_json::Value,
    login: Login,
    // What it says later has a place to go.
    _said: BufReader<ChildStdout>,
}

/// Runs a test once for each version.
pub(crate) async fn each_version(test: impl AsyncFn(Emulated)) {
    for version in VERSIONS {
        println!("RouterOS {version}");
        test(Emulated::start(version)).await;
    }
}

impl Emulated {
    pub(crate) fn start(version: &'static str) -> Self {
        let mut child = Command::new(program())
            .args(["--version", version, "--password", PASSWORD])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self {
            version,
            child,
            services: told["services"].clone(),
            login: Login::new("admin", PASSWORD),
            _said: said,
        }
    }

    /// The way to one of its services.
    pub(crate) fn target(&self, transport: Transport) -> Target {
        let at = self.services[transport.service()].as_str().unwrap();
        let at: SocketAddr = at.parse().unwrap();
        Target {
            port: at.port(),
            timeout: Duration::from_secs(20),
            ..Target::new(at.ip().to_string(), transport)
        }
    }

    /// Who may everything.
    pub(crate) fn login(&self) -> Login {
        self.login.clone()
    }

    pub(crate) async fn router(&self) -> Router {
        let target = self.target(Transport::Api);
        Router::connect(&target, &self.login()).await.unwrap()
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
