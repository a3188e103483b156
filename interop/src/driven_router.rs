//! The emulated router with people around it: driven through its control port.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::portreeve::built;
use crate::process::Process;
use crate::{Must as _, eventually};

/// How long the control port may take for an answer: a log-in that nobody answers takes seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// A MikroTik router that is none.
#[derive(Debug)]
pub struct DrivenRouter {
    // Before the folder it writes to.
    _process: Process,
    _folder: TempDir,
    started: Value,
    control: SocketAddr,
    /// The router's own address.
    pub address: IpAddr,
}

impl DrivenRouter {
    /// Starts a router of a version, such as `7.18`, on an address of its own.
    pub fn start(version: &str, address: IpAddr) -> Self {
        Self::with(version, address, &[])
    }

    /// As [`start`](Self::start), with more arguments.
    pub fn with(version: &str, address: IpAddr, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().must("a temporary folder");
        let log = folder.path().join("router.log");
        let address_text = address.to_string();
        let mut command = Command::new(built("PORTREEVE_ROUTEROS_BIN", "debug/routeros-emulator"));
        command
            .args(["--version", version, "--address", &address_text])
            .args(["--control", "0"])
            .args(more);
        let mut process = Process::start(&mut command, &log);
        let first = || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let line = said.lines().find(|line| line.starts_with('{'))?;
            serde_json::from_str::<Value>(line).ok()
        };
        process.wait_until(|| first().is_some());
        let started = first().must("what the router says when it listens");
        let control = started["control"].as_str().must("a control port");
        Self {
            _process: process,
            _folder: folder,
            control: control.parse().must("the control port's address"),
            started,
            address,
        }
    }

    /// Where a service such as `api` or `www` listens.
    pub fn service(&self, name: &str) -> SocketAddr {
        let text = self.started["services"][name].as_str().must(name);
        text.parse().must("the service's address")
    }

    /// Does a command as the router itself.
    ///
    /// # Panics
    /// If the router does not take it.
    #[track_caller]
    pub fn run(&self, command: &str, arguments: &[(&str, &str)]) -> Vec<Value> {
        let arguments: serde_json::Map<String, Value> = arguments
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        let order = json!({ "command": command, "arguments": arguments });
        let answer = self.post("/run", &order);
        let records = answer["records"].as_array().cloned();
        records.must(&format!("{command} failed: {answer}"))
    }

    /// Drives what is around the router.
    ///
    /// # Panics
    /// If the order is not understood.
    #[track_caller]
    pub fn act(&self, name: &str, order: &Value) -> Value {
        self.post(&format!("/do/{name}"), order)
    }

    /// Has things go wrong from now on; nothing any more where `faults` is empty.
    #[track_caller]
    pub fn faults(&self, faults: &Value) {
        self.ask("PUT", "/faults", &faults.to_string());
    }

    /// The configuration as the router exports it, without the comments at its head.
    pub fn export(&self) -> String {
        self.run("/export", &[("file", "interop")]);
        let files = self.run("/file/print", &[]);
        let file = files.iter().find(|file| file["name"] == "interop.rsc");
        let file = file.must("the export");
        let lines = text(file, "contents")
            .lines()
            .filter(|line| !line.starts_with('#'));
        let lines: Vec<&str> = lines.collect();
        self.run("/file/remove", &[(".id", text(file, ".id"))]);
        lines.join("\n")
    }

    /// The items of a menu.
    pub fn menu(&self, menu: &str) -> Vec<Value> {
        let answer = self.ask("GET", &format!("/menu{menu}"), "");
        answer.as_array().cloned().must("a list")
    }

    /// The mails that it has sent.
    pub fn mails(&self) -> Vec<Value> {
        let answer = self.ask("GET", "/mails", "");
        answer.as_array().cloned().must("a list")
    }

    /// What the log says, line by line: topics and message.
    pub fn log(&self) -> Vec<String> {
        let lines = self.run("/log/print", &[]);
        lines
            .iter()
            .map(|line| format!("{} {}", text(line, "topics"), text(line, "message")))
            .collect()
    }

    /// Waits until the log has a line with this text in it.
    ///
    /// # Panics
    /// If it does not get one.
    #[track_caller]
    pub fn says(&self, what: &str) {
        let has = || self.log().iter().any(|line| line.contains(what));
        eventually(has);
        assert!(
            has(),
            "{what:?} is not in the log:\n{}",
            self.log().join("\n")
        );
    }

    /// What the API says to a log-in, as it came.
    pub fn api_log_in(&self, user: &str, password: &str) -> String {
        self.api_session(user, password).1
    }

    /// Logs in by the API: the session, which lasts until it is dropped, and what the API says.
    pub fn api_session(&self, user: &str, password: &str) -> (TcpStream, String) {
        let api = self.service("api");
        let mut stream = TcpStream::connect(api).must("connect to the API");
        stream.set_read_timeout(Some(PATIENCE)).must("a time limit");
        let (user, password) = (format!("=name={user}"), format!("=password={password}"));
        for word in ["/login", &user, &password, ""] {
            let length = u8::try_from(word.len()).must("a short word");
            let octets = [&[length], word.as_bytes()].concat();
            stream.write_all(&octets).must("ask");
        }
        let mut said = Vec::new();
        let mut octets = [0; 512];
        while !String::from_utf8_lossy(&said).contains("!done") {
            match stream.read(&mut octets) {
                Ok(0) | Err(_) => break,
                Ok(length) => said.extend_from_slice(&octets[..length]),
            }
        }
        (stream, String::from_utf8_lossy(&said).into_owned())
    }

    /// Imports every file of a folder as a certificate or a key, as an administrator would.
    #[track_caller]
    pub fn import(&self, folder: &Path) {
        let files = fs::read_dir(folder).must("the folder");
        let mut paths: Vec<_> = files.map(|file| file.must("a file").path()).collect();
        // A key finds its certificate only where that is there.
        paths.sort();
        for path in paths {
            let name = path.file_name().must("a name").to_string_lossy();
            let contents = fs::read_to_string(&path).must("a file in PEM");
            self.run("/file/add", &[("name", &name), ("contents", &contents)]);
            let import = [("file-name", &*name), ("passphrase", "")];
            self.run("/certificate/import", &import);
        }
    }

    /// The name of the certificate that has a private key.
    pub fn own_certificate(&self) -> String {
        let rows = self.menu("/certificate");
        let own = rows.iter().find(|row| text(row, "private-key") == "true");
        text(own.must("a certificate with its key"), "name").to_owned()
    }

    #[track_caller]
    fn post(&self, path: &str, order: &Value) -> Value {
        self.ask("POST", path, &order.to_string())
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(self.control).must("connect to the control port");
        stream.set_read_timeout(Some(PATIENCE)).must("a time limit");
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: router\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).must("ask");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).must("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").must("a whole answer");
        assert!(head.contains(" 200 "), "{method} {path}: {answer}");
        serde_json::from_str(body).must("an answer in JSON")
    }
}

/// An address of loopback that no other test has: the process and a count choose it. The ports of
/// CoA and RadSec, which are what they are, are free there.
pub fn own_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(2);
    loop {
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let next = NEXT.fetch_add(1, Ordering::Relaxed).max(2);
        // 127.64.0.0 and on: other suites have 127.0.0.0/16.
        let address = Ipv4Addr::new(127, 64 | (high & 63), low, next);
        let is_free =
            UdpSocket::bind((address, 3799)).is_ok() && TcpListener::bind((address, 2083)).is_ok();
        if is_free {
            return address.into();
        }
    }
}

/// A property of an item, or an empty text.
pub fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or_default()
}
