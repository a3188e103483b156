//! A tunnel by hand: `openssl s_client` speaks TLS, and what it says goes into EAP messages.
//!
//! A supplicant forgets a session that did not lead anywhere. This client keeps it, and comes back.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::Place;
use super::talk::{IDENTITY, NAK, Talk};
use crate::Must as _;
use crate::tools::program;
use crate::wire::{Reply, code};

/// EAP-TTLS.
pub const TTLS: u8 = 21;
/// PEAP.
pub const PEAP: u8 = 25;

/// When this long nothing has come, nothing will.
const QUIET: Duration = Duration::from_millis(150);
/// More messages than a handshake takes.
const ROUNDS: usize = 60;
/// What goes into one EAP message.
const PIECE: usize = 1000;

const LENGTH_FOLLOWS: u8 = 0x80;
const MORE_FOLLOWS: u8 = 0x40;

/// A conversation that has come as far as TLS goes.
#[derive(Debug)]
pub struct Tunnel<'a> {
    talk: Talk<'a>,
    method: u8,
    child: Child,
    stdin: ChildStdin,
    stream: TcpStream,
    said: Arc<Mutex<Vec<u8>>>,
    /// The last answer of the server; none if it was silent.
    pub last: Option<Reply>,
}

impl<'a> Tunnel<'a> {
    /// Shakes hands as bob with more `options` for `openssl s_client`, such as `-tls1_2`.
    ///
    /// # Panics
    /// If the server does not begin the method.
    pub fn open(place: &'a Place, method: u8, options: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").must("a port for s_client");
        let mut command = Command::new(program("openssl"));
        command
            .args(["s_client", "-ign_eof", "-connect"])
            .arg(listener.local_addr().must("its address").to_string())
            .arg("-CAfile")
            .arg(place.certificates.ca())
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().must("start openssl s_client");
        let stdin = child.stdin.take().must("its input");
        let mut stdout = child.stdout.take().must("its output");
        let (stream, _) = listener.accept().must("a connection of s_client");
        stream.set_read_timeout(Some(QUIET)).must("a timeout");
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                let mut said = heard.lock().must("what it said");
                said.extend_from_slice(&buffer[..length]);
            }
        });
        let mut talk = Talk::new(place, "bob");
        talk.expect_challenge(&[&[IDENTITY], b"bob".as_slice()].concat());
        if talk.heard[4] != method {
            talk.expect_challenge(&[NAK, method]);
        }
        assert_eq!(talk.heard[4], method, "{:?}", talk.heard);
        let mut tunnel = Self {
            talk,
            method,
            child,
            stdin,
            stream,
            said,
            last: None,
        };
        tunnel.shake_hands();
        tunnel
    }

    /// Keeps the session in a file, as an option for [`open`](Self::open).
    pub fn keeping(file: &Path) -> [String; 2] {
        ["-sess_out".to_owned(), file.display().to_string()]
    }

    /// Comes back with the session of a file, as an option for [`open`](Self::open).
    pub fn returning(file: &Path) -> [String; 2] {
        ["-sess_in".to_owned(), file.display().to_string()]
    }

    /// What `openssl s_client` has printed.
    pub fn said(&self) -> String {
        let said = self.said.lock().must("what it said");
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Whether TLS has got to its end.
    pub fn is_open(&self) -> bool {
        self.said().contains("Cipher is TLS_") || self.said().contains("Cipher is ECDHE")
    }

    /// Whether it resumed the session it was given.
    pub fn is_resumed(&self) -> bool {
        self.said().contains("Reused, TLSv1")
    }

    /// Whether the server has let it in.
    pub fn is_accepted(&self) -> bool {
        let last = self.last.as_ref();
        last.is_some_and(|reply| reply.code == code::ACCESS_ACCEPT)
    }

    /// Sends octets through the tunnel.
    pub fn say(&mut self, octets: &[u8]) {
        self.stdin.write_all(octets).must("write into the tunnel");
        self.stdin.flush().must("write into the tunnel");
        let pending = self.pending();
        self.send(&pending);
    }

    /// Answers with nothing.
    pub fn say_nothing(&mut self) {
        self.send(&[]);
    }

    fn shake_hands(&mut self) {
        for _ in 0..ROUNDS {
            let pending = self.pending();
            if pending.is_empty() && self.is_open() {
                return;
            }
            self.send(&pending);
            let goes_on = |reply: &Reply| reply.code == code::ACCESS_CHALLENGE;
            if !self.last.as_ref().is_some_and(goes_on) {
                return;
            }
        }
    }

    /// What `openssl s_client` wants to send.
    fn pending(&mut self) -> Vec<u8> {
        let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return all,
                Ok(length) => all.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(_) => return all,
            }
        }
    }

    /// Sends octets of TLS in as many messages as it takes, and hands over what comes back.
    fn send(&mut self, octets: &[u8]) {
        let pieces: Vec<&[u8]> = octets.chunks(PIECE).collect();
        let last = pieces.len().saturating_sub(1);
        for (place, piece) in pieces.iter().enumerate() {
            let flags = if place < last { MORE_FOLLOWS } else { 0 };
            self.send_message(&[&[self.method, flags], *piece].concat());
        }
        if pieces.is_empty() {
            self.send_message(&[self.method, 0]);
        }
        self.hand_over();
    }

    fn send_message(&mut self, data: &[u8]) {
        let message = self.talk.response(data);
        self.last = self.talk.send(&message);
    }

    /// Collects a message of the server, piece by piece, for `openssl s_client`.
    fn hand_over(&mut self) {
        loop {
            let [_, _, _, _, method, flags, rest @ ..] = &self.talk.heard[..] else {
                return;
            };
            let is_ours = self.last.is_some() && *method == self.method;
            if !is_ours {
                return;
            }
            let start = if flags & LENGTH_FOLLOWS == 0 { 0 } else { 4 };
            let data = rest.get(start..).unwrap_or_default();
            // It may have hung up.
            self.stream.write_all(data).ok();
            if flags & MORE_FOLLOWS == 0 {
                return;
            }
            self.send_message(&[self.method, 0]);
        }
    }
}

impl Drop for Tunnel<'_> {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A name and a password as EAP-TTLS carries them (RFC 5281, section 10).
pub fn pap(name: &str, password: &str) -> Vec<u8> {
    let mut hidden = password.as_bytes().to_vec();
    hidden.resize(hidden.len().next_multiple_of(16), 0);
    [pair(1, name.as_bytes()), pair(2, &hidden)].concat()
}

fn pair(number: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len() + 8).must("a short value");
    let mut octets = vec![0, 0, 0, number, 0x40, 0, 0, length];
    octets.extend_from_slice(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}
