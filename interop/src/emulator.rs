//! A MikroTik router that is none, as a child process: `routeros-emulator`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::{Must as _, tools};

/// The user of every emulated router, and the password.
pub const USER: &str = "admin";
/// See [`USER`].
pub const PASSWORD: &str = "not-the-factory-one";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running router. It dies with this value.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    address: IpAddr,
    control: SocketAddr,
    services: Value,
}

impl Emulator {
    /// Starts a version on an address of loopback that nobody else here has.
    pub fn start(version: &str) -> Self {
        Self::with(version, "free")
    }

    /// As [`start`](Self::start), on the ports that RouterOS has, some of which only root may have.
    pub fn on_real_ports(version: &str) -> Self {
        Self::with(version, "real")
    }

    fn with(version: &str, ports: &str) -> Self {
        let address = address();
        let mut child = Command::new(binary())
            .args(["--version", version, "--address", &address.to_string()])
            .args(["--ports", ports, "--control", "0"])
            .args(["--user", USER, "--password", PASSWORD])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .must("start the emulator");
        let mut output = BufReader::new(child.stdout.take().must("its output"));
        let mut line = String::new();
        output.read_line(&mut line).must("what it listens on");
        let said: Value = serde_json::from_str(&line).must("its first line in JSON");
        let control = said["control"].as_str().must("its control port");
        Self {
            child,
            address: address.into(),
            control: control.parse().must("an address"),
            services: said["services"].clone(),
        }
    }

    /// Its own address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Where one of its services listens: `api`, `api-ssl`, `www`, `www-ssl`.
    pub fn service(&self, name: &str) -> SocketAddr {
        let text = self.services[name].as_str().must(name);
        text.parse().must("an address")
    }

    /// Has something happen around it: who dials in, how much passes, who leaves.
    pub fn happen(&self, what: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/do/{what}"), body)
    }

    /// Has things go wrong from now on; nothing any more where `faults` is empty.
    pub fn faults(&self, faults: &Value) {
        self.ask("PUT", "/faults", faults);
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(self.control).must("its control port");
        stream.set_read_timeout(Some(PATIENCE)).must("a timeout");
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .must("tell it");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).must("its answer");
        let (head, body) = answer.split_once("\r\n\r\n").must("a body");
        assert!(
            head.starts_with("HTTP/1.1 2"),
            "{method} {path} was refused: {answer}"
        );
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    /// Gives a command over the API in the clear, with our own few lines of it, and returns what
    /// came as `!re`.
    ///
    /// # Panics
    /// If the router refuses.
    pub fn command(&self, words: &[&str]) -> Vec<Vec<(String, String)>> {
        let mut talk = Api::log_in(self.service("api"));
        talk.send(words);
        talk.answer().must(words[0])
    }

    /// The configuration as the router exports it, without the line that says when.
    pub fn export(&self) -> String {
        self.command(&["/export", "=file=interop"]);
        let files = self.command(&[
            "/file/print",
            "?name=interop.rsc",
            "=.proplist=.id,contents",
        ]);
        let file = files.first().must("the export");
        let property = |name: &str| {
            let found = file.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).must(name)
        };
        let id = format!("=.id={}", property(".id"));
        self.command(&["/file/remove", &id]);
        let text = property("contents");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The program: `ROUTEROS_EMULATOR_BIN`, or the release build of this workspace.
///
/// # Panics
/// If it has not been built.
pub fn binary() -> PathBuf {
    let set = std::env::var_os("ROUTEROS_EMULATOR_BIN").map(PathBuf::from);
    let path = set.unwrap_or_else(|| tools::target().join("release/routeros-emulator"));
    assert!(
        path.is_file(),
        "{} is missing: run cargo xtask test",
        path.display()
    );
    path
}

/// An address of loopback that no other test has: the process and a count choose it.
pub fn address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    loop {
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        // 127.64.0.0 and on: other suites have 127.0.0.0/16.
        let address = Ipv4Addr::new(127, 64 | (high & 63), low, next.max(2));
        // CoA wants its very port, and RadSec wants another.
        let is_free =
            UdpSocket::bind((address, 3799)).is_ok() && TcpListener::bind((address, 2083)).is_ok();
        if is_free {
            return address;
        }
    }
}

/// A few lines of the API, so that a test does not ask through what it tests.
struct Api(TcpStream);

impl Api {
    fn log_in(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).must("the router's API");
        stream.set_read_timeout(Some(PATIENCE)).must("a timeout");
        let mut api = Self(stream);
        api.send(&[
            "/login",
            &format!("=name={USER}"),
            &format!("=password={PASSWORD}"),
        ]);
        api.answer().must("log in");
        api
    }

    fn send(&mut self, words: &[&str]) {
        let mut octets = Vec::new();
        for word in words.iter().copied().chain([""]) {
            match u16::try_from(word.len()).must("a short word") {
                short @ ..0x80 => octets.extend(&short.to_be_bytes()[1..]),
                long => octets.extend((long | 0x8000).to_be_bytes()),
            }
            octets.extend(word.as_bytes());
        }
        self.0.write_all(&octets).must("send a sentence");
    }

    fn answer(&mut self) -> Result<Vec<Vec<(String, String)>>, String> {
        let (mut records, mut trap) = (Vec::new(), None);
        loop {
            let sentence = self.sentence();
            let pairs = || {
                let words = sentence.iter().filter_map(|word| word.strip_prefix('='));
                let pairs = words.filter_map(|word| word.split_once('='));
                pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
            };
            match sentence.first().map(String::as_str) {
                Some("!re") => records.push(pairs().collect()),
                Some("!trap" | "!fatal") => trap = Some(sentence.join(" ")),
                Some("!done") => return trap.map_or(Ok(records), Err),
                _ => {}
            }
        }
    }

    fn sentence(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        loop {
            let length = self.length();
            if length == 0 {
                return words;
            }
            let mut word = vec![0; length];
            self.0.read_exact(&mut word).must("a word");
            words.push(String::from_utf8_lossy(&word).into_owned());
        }
    }

    fn length(&mut self) -> usize {
        let mut octet = || {
            let mut one = [0];
            self.0.read_exact(&mut one).must("a length");
            usize::from(one[0])
        };
        let first = octet();
        let (more, mask) = match first {
            0..0x80 => return first,
            0x80..0xC0 => (1, 0x3F),
            0xC0..0xE0 => (2, 0x1F),
            _ => (3, 0x0F),
        };
        (0..more).fold(first & mask, |length, _| length << 8 | octet())
    }
}
