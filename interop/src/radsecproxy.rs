//! radsecproxy as a child process, between any two of UDP, TCP, TLS and DTLS.
//!
//! Version 1.9.2, as Debian 12 has it, forwards Access-Request and Accounting-Request and answers
//! Status-Server itself; CoA and Disconnect it drops in both directions. Over DTLS it takes the
//! secret `radsec` by itself where the standard says `radius/dtls`, so that is configured.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::certificates::Identity;
use crate::process::Process;
use crate::tools::program;
use crate::{Must as _, free_port, ports};

/// A transport and what it takes.
#[derive(Debug, Clone)]
pub enum Leg {
    /// UDP with a shared secret.
    Udp(String),
    /// TCP without TLS, with a shared secret.
    Tcp(String),
    /// RadSec.
    Tls(Identity),
    /// RADIUS over DTLS.
    Dtls(Identity),
}

impl Leg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Udp(_) => "udp",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Dtls(_) => "dtls",
        }
    }

    fn is_datagrams(&self) -> bool {
        matches!(self, Self::Udp(_) | Self::Dtls(_))
    }

    fn secret(&self) -> &str {
        match self {
            Self::Udp(secret) | Self::Tcp(secret) => secret,
            Self::Tls(_) => "radsec",
            Self::Dtls(_) => "radius/dtls",
        }
    }

    /// The block that says what is shown and what is trusted.
    fn tls(&self, name: &str) -> Option<String> {
        let (Self::Tls(identity) | Self::Dtls(identity)) = self else {
            return None;
        };
        let trusted = identity.trusted_in_one_file();
        let check = if identity.crl.is_some() { "on" } else { "off" };
        Some(format!(
            "tls {name} {{\nCACertificateFile {}\nCertificateFile {}\nCertificateKeyFile {}\n\
             CRLCheck {check}\n}}\n",
            trusted.display(),
            identity.pair.certificate.display(),
            identity.pair.key.display()
        ))
    }
}

/// The server behind the proxy.
#[derive(Debug, Clone)]
pub struct Back {
    /// How it is reached.
    pub leg: Leg,
    /// Where Access-Requests go.
    pub auth: SocketAddr,
    /// Where Accounting-Requests go; over anything but UDP the same place.
    pub acct: SocketAddr,
}

impl Back {
    /// A server that takes everything in one place, as every transport but UDP does.
    pub fn one(leg: Leg, address: SocketAddr) -> Self {
        Self {
            leg,
            auth: address,
            acct: address,
        }
    }
}

/// A running proxy for every realm and every client on `127.0.0.1`.
#[derive(Debug)]
pub struct Radsecproxy {
    // Before the directory with its configuration, so that it is gone first.
    process: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl Radsecproxy {
    /// Starts a proxy from `front` to `back`, and waits until it listens and, where there is a
    /// connection to make, is connected.
    pub fn between(front: &Leg, back: &Back) -> Self {
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let folder = tempfile::tempdir().must("a temporary folder");
        let file = folder.path().join("radsecproxy.conf");
        fs::write(&file, configuration(front, back, address)).must("write its configuration");
        let mut process = start(&file, &folder.path().join("radsecproxy.log"));
        let patience = Duration::from_secs(10);
        ports::wait_until_bound(address.port(), front.is_datagrams(), patience);
        if !matches!(back.leg, Leg::Udp(_)) {
            let log = folder.path().join("radsecproxy.log");
            process.wait_until(|| {
                let said = fs::read_to_string(&log).unwrap_or_default();
                said.contains("connectionok") || said.contains(" up")
            });
        }
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

    /// The processor time it has used, in steps of 10 ms.
    pub fn cpu_time(&self) -> Duration {
        self.process.cpu_time()
    }

    /// What it has logged.
    pub fn said(&self) -> String {
        self.process.said()
    }
}

fn start(file: &Path, log: &Path) -> Process {
    let mut command = Command::new(program("radsecproxy"));
    command.args(["-f", "-d", "5", "-c"]).arg(file);
    Process::start(&mut command, log)
}

fn configuration(front: &Leg, back: &Back, address: SocketAddr) -> String {
    let mut text = format!(
        "Listen{} {address}\nLoopPrevention off\n",
        front.kind().to_uppercase()
    );
    text.extend(front.tls("front"));
    text.extend(back.leg.tls("back"));
    // Where there is no TLS block the name must not be used either.
    let tls = |leg: &Leg, name| {
        leg.tls(name)
            .map_or(String::new(), |_| format!("tls {name}\n"))
    };
    let mut block = |name: &str, leg: &Leg, host: String, tls: String| {
        let (kind, secret) = (leg.kind(), leg.secret());
        write!(
            text,
            "{name} {{\nhost {host}\ntype {kind}\nsecret \"{secret}\"\n{tls}}}\n"
        )
        .must("write to a string");
    };
    block(
        "client front",
        front,
        "127.0.0.1".to_owned(),
        tls(front, "front"),
    );
    for (name, to) in [("server auth", back.auth), ("server acct", back.acct)] {
        if name == "server auth" || back.acct != back.auth {
            block(name, &back.leg, to.to_string(), tls(&back.leg, "back"));
        }
    }
    let acct = if back.acct == back.auth {
        "auth"
    } else {
        "acct"
    };
    write!(
        text,
        "realm * {{\nserver auth\naccountingServer {acct}\n}}\n"
    )
    .must("write to a string");
    text
}
