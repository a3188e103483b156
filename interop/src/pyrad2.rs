//! pyrad2, the RADIUS library of Python programs: clients that run to their end, servers that
//! stay, both printing JSON, one object a line.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::certificates::Identity;
use crate::process::Process;
use crate::tools::{self, script};
use crate::{Must as _, eventually, free_port};

/// Versions of RADIUS that a RadSec end offers.
pub const V10: &str = "1.0";
/// RADIUS/1.1 and nothing else.
pub const V11: &str = "1.1";
/// Both, with RADIUS/1.1 preferred.
pub const BOTH: &str = "1.0,1.1";

/// One request over RadSec. `method` is `pap`, `chap`, `mschapv2`, `start`, `stop`, `status`,
/// `coa` or `disconnect`; the result says `code`, the `radius` version, and the attributes, or the
/// `error` that stood in the way.
pub fn radsec(
    method: &str,
    server: SocketAddr,
    identity: &Identity,
    versions: &str,
    user: &str,
    password: &str,
) -> Value {
    let [certificate, key, ca] = paths(identity);
    let (address, port) = (server.ip(), server.port());
    let arguments: [&dyn Display; 9] = [
        &method,
        &address,
        &port,
        &certificate,
        &key,
        &ca,
        &versions,
        &user,
        &password,
    ];
    tools::pyrad2("radsec_client.py", &arguments)
}

/// One CoA or Disconnect over UDP, for the session `id`.
pub fn coa(kind: &str, server: SocketAddr, secret: &str, id: &str) -> Value {
    let (address, port) = (server.ip(), server.port());
    tools::pyrad2("coa_client.py", &[&kind, &address, &port, &secret, &id])
}

/// A server of pyrad2.
#[derive(Debug)]
pub struct Server {
    // Before the directory it writes to, so that it is gone first.
    process: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl Server {
    /// A RadSec server that knows `bob`, and the sessions `coa-1` and `coa-2`.
    pub fn radsec(identity: &Identity, versions: &str) -> Self {
        let port = free_port();
        let [certificate, key, ca] = paths(identity);
        let arguments = [port.to_string(), certificate, key, ca, versions.to_owned()];
        Self::start("radsec_server.py", port, &arguments)
    }

    /// A server for CoA and Disconnect over UDP that knows the sessions `coa-1` and `coa-2`.
    pub fn coa(secret: &str) -> Self {
        let port = free_port();
        Self::start(
            "coa_server.py",
            port,
            &[port.to_string(), secret.to_owned()],
        )
    }

    fn start(name: &str, port: u16, arguments: &[String]) -> Self {
        let folder = tempfile::tempdir().must("a temporary folder");
        let mut command: Command = script(name);
        command.args(arguments);
        let log: PathBuf = folder.path().join("pyrad2.log");
        let mut process = Process::start(&mut command, &log);
        process.wait_until(|| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            said.contains("{\"listening\": true}")
        });
        Self {
            process,
            _folder: folder,
            address: ([127, 0, 0, 1], port).into(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests it has handled.
    pub fn handled(&self) -> Vec<Value> {
        let said = self.process.said();
        let objects = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        objects
            .filter(|line: &Value| !line["code"].is_null())
            .collect()
    }

    /// The requests it has handled, once there are `count`.
    pub fn handled_at_least(&self, count: usize) -> Vec<Value> {
        eventually(|| self.handled().len() >= count);
        self.handled()
    }

    /// Everything it has printed.
    pub fn said(&self) -> String {
        self.process.said()
    }
}

fn paths(identity: &Identity) -> [String; 3] {
    [&identity.pair.certificate, &identity.pair.key, &identity.ca]
        .map(|path| path.display().to_string())
}
