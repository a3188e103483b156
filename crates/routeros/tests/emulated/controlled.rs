//! The emulator as a child process, with its control port.

#[path = "program.rs"]
mod program;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command as Process, Stdio},
    time::Duration,
};

use portreeve_routeros::{Capabilities, Login, Router, Target, Transport, capability};
use program::program;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A router that runs until this is dropped.
pub(crate) struct Emulated {
    process: Child,
    services: BTreeMap<String, SocketAddr>,
    control: SocketAddr,
    user: String,
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
        let mut process = Process::new(program())
            .args(["--version", version, "--board", board, "--password", "pass"])
            .args(["--user", user, "--control", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let services = told["services"].as_object().unwrap().iter();
        Self {
            process,
            services: services
                .map(|(name, at)| (name.clone(), at.as_str().unwrap().parse().unwrap()))
                .collect(),
            control: told["control"].as_str().unwrap().parse().unwrap(),
            user: user.to_owned(),
        }
    }

    pub(crate) fn target(&self, transport: Transport) -> Target {
        let at = self.services[transport.service()];
        let timeout = Duration::from_secs(30);
        Target {
            port: at.port(),
            timeout,
            ..Target::new(at.ip().to_string(), transport)
        }
    }

    pub(crate) async fn router(&self, transport: Transport) -> (Router, Capabilities) {
        let login = Login::new(&*self.user, "pass");
        let router = Router::connect(&self.target(transport), &login)
            .await
            .unwrap();
        let can = capability::probe(&router).await.unwrap();
        (router, can)
    }

    /// Access over SFTP, to a host key that is seen for the first time.
    #[cfg(feature = "sftp")]
    pub(crate) async fn sftp(&self) -> portreeve_routeros::files::sftp::Access {
        let at = self.services["ssh"];
        let within = Duration::from_secs(20);
        let host = at.ip().to_string();
        let seen = portreeve_routeros::files::sftp::host_key_of(&host, at.port(), within).await;
        portreeve_routeros::files::sftp::Access {
            host,
            port: at.port(),
            login: Login::new(&*self.user, "pass"),
            host_key: seen.unwrap(),
            timeout: within,
        }
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
