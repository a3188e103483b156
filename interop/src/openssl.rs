//! `openssl s_client` and `openssl s_server`: TLS and DTLS that are not ours, with RADIUS by hand.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use crate::certificates::Identity;
use crate::ports::wait_until_bound;
use crate::tools::{self, Ended, program};
use crate::{Must as _, free_port, wire};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one side brings to the handshake.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    arguments: Vec<String>,
    datagrams: bool,
}

impl Terms {
    /// With neither certificate nor trust.
    pub fn none() -> Self {
        Self::default()
    }

    /// With a certificate, trusting an authority and nobody else.
    pub fn of(identity: &Identity) -> Self {
        let path = |path: &std::path::Path| path.display().to_string();
        Self::none()
            .option(&["-cert", &path(&identity.pair.certificate)])
            .option(&["-key", &path(&identity.pair.key)])
            .trusting(identity)
    }

    /// With no certificate, but trusting the authority of `identity`.
    pub fn anonymous(identity: &Identity) -> Self {
        Self::none().trusting(identity)
    }

    /// With a pre-shared key in hexadecimal and nothing else.
    pub fn psk(identity: &str, key: &str) -> Self {
        Self::none().option(&["-psk_identity", identity, "-psk", key])
    }

    /// Offers or, as a server, takes these protocols: `radius/1.0,radius/1.1`.
    #[must_use]
    pub fn alpn(self, protocols: &str) -> Self {
        self.option(&["-alpn", protocols])
    }

    /// TLS 1.2 at most.
    #[must_use]
    pub fn tls12(self) -> Self {
        self.option(&["-tls1_2"])
    }

    /// TLS 1.3 at least.
    #[must_use]
    pub fn tls13(self) -> Self {
        self.option(&["-tls1_3"])
    }

    /// DTLS 1.2 instead of TLS.
    #[must_use]
    pub fn dtls(mut self) -> Self {
        self.datagrams = true;
        self.option(&["-dtls1_2"])
    }

    /// Any further options of the command.
    #[must_use]
    pub fn option(mut self, options: &[&str]) -> Self {
        self.arguments
            .extend(options.iter().map(ToString::to_string));
        self
    }

    fn trusting(self, identity: &Identity) -> Self {
        let ca = identity.trusted_in_one_file().display().to_string();
        let terms = self.option(&["-CAfile", &ca]);
        match identity.crl {
            Some(_) => terms.option(&["-crl_check"]),
            None => terms,
        }
    }
}

/// One end of a connection that `openssl` holds for us; it ends with this value.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    stream: Vec<u8>,
    ended: bool,
    errors: NamedTempFile,
    /// Where a server listens.
    port: u16,
}

impl Peer {
    /// Connects to `server`.
    pub fn client(server: SocketAddr, terms: &Terms) -> Self {
        let mut command = Command::new(program("openssl"));
        command
            .args(["s_client", "-quiet", "-connect", &server.to_string()])
            .args(&terms.arguments);
        Self::start(&mut command, server.port())
    }

    /// Listens on a port of its own for one connection after the other; every client has to show
    /// a certificate, unless `terms` are a pre-shared key.
    pub fn server(terms: &Terms) -> Self {
        let port = free_port();
        let mut command = Command::new(program("openssl"));
        command
            .args(["s_server", "-quiet", "-accept"])
            .arg(format!("127.0.0.1:{port}"))
            .args(&terms.arguments);
        if terms.arguments.iter().any(|option| option == "-psk") {
            command.arg("-nocert");
        } else {
            command.args(["-Verify", "2", "-verify_return_error"]);
        }
        if terms.datagrams {
            command.args(["-listen", "-timeout"]);
        }
        let peer = Self::start(&mut command, port);
        wait_until_bound(port, terms.datagrams, PATIENCE);
        peer
    }

    fn start(command: &mut Command, port: u16) -> Self {
        let errors = NamedTempFile::new().must("a file for complaints");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.reopen().must("the same file"));
        let mut child = command.spawn().must("start openssl");
        let input = child.stdin.take();
        let mut from = child.stdout.take().must("its output");
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 16_384];
            // Nothing more comes after the end or an error.
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            input,
            output,
            stream: Vec::new(),
            ended: false,
            errors,
            port,
        }
    }

    /// Where a server listens.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Sends octets; whether the other side still takes them shows in what comes back.
    pub fn send(&mut self, octets: &[u8]) {
        if let Some(input) = &mut self.input {
            // A broken pipe means that openssl has ended, which `closed` tells.
            input.write_all(octets).and_then(|()| input.flush()).ok();
        }
    }

    /// Waits for the next whole packet.
    pub fn receive(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(packet) = wire::take_packet(&mut self.stream) {
                return Some(packet);
            }
            if self.ended {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(octets) => self.stream.extend(octets),
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
                Err(RecvTimeoutError::Timeout) => return None,
            }
        }
    }

    /// Sends a request made by hand and returns the packet that comes next.
    pub fn exchange(&mut self, request: &[u8], patience: Duration) -> Option<Vec<u8>> {
        self.send(request);
        self.receive(patience)
    }

    /// Whether the connection ends within `patience`; what comes before that can be received.
    pub fn closed(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !self.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(octets) => self.stream.extend(octets),
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
        true
    }

    /// What it has complained about, alerts included.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(self.errors.path()).must("read the complaints");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One handshake without any data: what was agreed on, as `openssl s_client` prints it.
pub fn handshake(server: SocketAddr, terms: &Terms) -> Ended {
    let mut command = Command::new(program("openssl"));
    command
        .args(["s_client", "-connect", &server.to_string()])
        .args(&terms.arguments);
    tools::run(&mut command, "")
}

/// The protocol that a [`handshake`] has agreed on.
pub fn agreed_alpn(handshake: &Ended) -> Option<&str> {
    let mut lines = handshake.stdout.lines();
    lines.find_map(|line| line.strip_prefix("ALPN protocol: "))
}
