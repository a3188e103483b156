//! dnsmasq as the name server of a test.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::tools::program;
use crate::{Must as _, free_port, ports};

/// What it knows.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    options: Vec<String>,
}

impl Zone {
    /// A domain about which nobody else is asked: what is not said of it, is not there.
    #[must_use]
    pub fn of(domain: &str) -> Self {
        Self::default().option(format!("--local=/{domain}/"))
    }

    /// A NAPTR record whose flag is `s` or `a`.
    #[must_use]
    pub fn naptr(self, name: &str, flag: char, service: &str, replacement: &str) -> Self {
        self.option(format!(
            "--naptr-record={name},10,10,{flag},{service},,{replacement}"
        ))
    }

    /// An SRV record.
    #[must_use]
    pub fn srv(self, name: &str, target: &str, port: u16) -> Self {
        self.option(format!("--srv-host={name},{target},{port}"))
    }

    /// An address.
    #[must_use]
    pub fn host(self, name: &str, address: &str) -> Self {
        self.option(format!("--host-record={name},{address}"))
    }

    fn option(mut self, option: String) -> Self {
        self.options.push(option);
        self
    }
}

/// A running dnsmasq on `127.0.0.1`.
#[derive(Debug)]
pub struct Dnsmasq {
    // Before the directory it writes to, so that it is gone first.
    process: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl Dnsmasq {
    /// Starts it, and waits until it listens.
    pub fn start(zone: &Zone) -> Self {
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let folder = tempfile::tempdir().must("a temporary folder");
        let log: PathBuf = folder.path().join("dnsmasq.log");
        let mut command = Command::new(program("dnsmasq"));
        command
            .args(["--no-daemon", "--conf-file=/dev/null", "--no-resolv"])
            .args(["--no-hosts", "--bind-interfaces", "--log-queries"])
            .arg("--listen-address=127.0.0.1")
            .arg(format!("--port={}", address.port()))
            .args(&zone.options);
        let process = Process::start(&mut command, &log);
        ports::wait_until_bound(address.port(), true, Duration::from_secs(10));
        Self {
            process,
            _folder: folder,
            address,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has logged, every question among it.
    pub fn said(&self) -> String {
        self.process.said()
    }
}
