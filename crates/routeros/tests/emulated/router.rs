//! The emulator as a child process, with its control port.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command as Process, Stdio},
    time::Duration,
};

use portreeve_routeros::{Capabilities, Login, Router, Target, Transport, capability};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::program::program;

/// The versions that the emulator has, oldest first.
pub(crate) const VERSIONS: [&str; 8] = [
    "6.42", "6.49", "7.9", "7.12", "7.15", "7.18", "7.20", "7.24",
];
/// Of its first user.
pub(crate) const PASSWORD: &str = "a router's p\u{e4}ssword";

/// A router that runs until this is dropped.
pub(crate) struct Emulated {
    pub(crate) version: String,
    pub(crate) services: BTreeMap<String, SocketAddr>,
    process: Child,
    control: SocketAddr,
    login: Login,
    // What it says later has a place to go.
    _said: BufReader<ChildStdout>,
}

/// Runs a test once for each version.
pub(crate) async fn each_version(test: impl AsyncFn(Emulated)) {
    for version in VERSIONS {
        test(Emulated::start(version)).await;
    }
}

impl Emulated {
    /// A router with nothing configured.
    pub(crate) fn start(version: &str) -> Self {
        Self::of(version, "CHR")
    }

    pub(crate) fn of(version: &str, board: &str) -> Self {
        Self::of_user(version, board, "admin")
    }

    /// With another name for its first user.
    pub(crate) fn of_user(version: &str, board: &str, user: &str) -> Self {
        println!("RouterOS {version} on {board}");
        // Another program may take a port that it has found free: then it starts again.
        let mut attempts = (0..5).filter_map(|_| Self::try_start(version, board, user));
        attempts.next().unwrap()
    }

    fn try_start(version: &str, board: &str, user: &str) -> Option<Self> {
        let mut process = Process::new(program())
            .args(["--version", version, "--board", board])
            .args(["--user", user, "--password", PASSWORD, "--control", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        if line.is_empty() {
            process.wait().unwrap();
            return None;
        }
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let services = told["services"].as_object().unwrap().iter();
        Some(Self {
            version: version.to_owned(),
            services: services
                .map(|(name, at)| (name.clone(), at.as_str().unwrap().parse().unwrap()))
                .collect(),
            process,
            control: told["control"].as_str().unwrap().parse().unwrap(),
            login: Login::new(user, PASSWORD),
            _said: said,
        })
    }

    /// The way to one of its services.
    pub(crate) fn target(&self, transport: Transport) -> Target {
        let at = self.services[transport.service()];
        Target {
            port: at.port(),
            timeout: Duration::from_secs(30),
            ..Target::new(at.ip().to_string(), transport)
        }
    }

    /// Who may everything.
    pub(crate) fn login(&self) -> Login {
        self.login.clone()
    }

    pub(crate) async fn router(&self, transport: Transport) -> Router {
        let target = self.target(transport);
        Router::connect(&target, &self.login).await.unwrap()
    }

    /// The same, and what it can do.
    pub(crate) async fn probed(&self, transport: Transport) -> (Router, Capabilities) {
        let router = self.router(transport).await;
        let can = capability::probe(&router).await.unwrap();
        (router, can)
    }

    /// What no router has: the control port.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let (status, value) = self.try_ask(method, path, body).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    /// The same, whatever it says.
    pub(crate) async fn try_ask(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, serde_json::Value) {
        let mut stream = tokio::net::TcpStream::connect(self.control).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: control\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap())
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
