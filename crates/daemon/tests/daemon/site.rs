//! A data directory, the commands on it, and a server on it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use portreeve::{Client, blocking, client::Retry};
use serde_json::Value;
use tempfile::TempDir;

/// The secret of the NASes that [`Site::with_nas`] defines.
pub(crate) const SECRET: &str = "a-shared-secret-of-32-characters";
/// Rejects come soon, so that tests do; ports are those the system has to spare.
pub(crate) const CONFIG: &str = "[listen]\nauth = ['127.0.0.1:0', '[::1]:0']\n\
     accounting = ['127.0.0.1:0']\ntls = ['127.0.0.1:0']\n[security]\nreject_delay_ms = 100\n";
/// More than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Site {
    folder: TempDir,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        site.configure(CONFIG);
        site
    }

    /// With this machine as a NAS whose secret is [`SECRET`].
    pub(crate) fn with_nas() -> Self {
        let site = Self::new();
        site.ok(&["nas", "add", "local", "127.0.0.0/8", "--secret", SECRET]);
        site.ok(&["nas", "add", "local6", "::1", "--secret", SECRET]);
        site
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("portreeve.toml")
    }

    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portreeve"));
        command.args(arguments).arg("--data").arg(self.data());
        command.env_remove("PORTREEVE_DATA").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.program(arguments).output().unwrap().into()
    }

    /// What a command prints that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(
            ended.code,
            Some(0),
            "{arguments:?}: {}{}",
            ended.out,
            ended.err
        );
        ended.out
    }

    /// As [`Self::ok`], read as JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// What a command says that must fail with a code.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(
            ended.code,
            Some(code),
            "{arguments:?}: {}{}",
            ended.out,
            ended.err
        );
        ended.err
    }

    /// A command that reads from standard input.
    pub(crate) fn fed(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut command = self.program(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// The command that serves, with the site's own configuration.
    pub(crate) fn serve_command(&self) -> Command {
        let mut command = self.program(&["serve"]);
        command.arg("--config").arg(self.config());
        command
    }

    /// A server that is answering.
    pub(crate) fn serve(&self) -> Server {
        let out = fs::File::create(self.path("serve.out")).unwrap();
        let err = fs::File::create(self.path("serve.err")).unwrap();
        let mut child = self
            .serve_command()
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.run(&["status", "--json"]);
            if status.code == Some(0) {
                let status: Value = serde_json::from_str(&status.out).unwrap();
                let at = |role: &str, index: usize| {
                    let address = status["listen"][role][index].as_str().unwrap();
                    address.parse().unwrap()
                };
                return Server {
                    child,
                    auth: at("auth", 0),
                    auth6: at("auth", 1),
                    accounting: at("accounting", 0),
                    tls: status["listen"]["tls"][0]
                        .as_str()
                        .map(|at| at.parse().unwrap()),
                };
            }
            let gone = child.try_wait().unwrap();
            let said = fs::read_to_string(self.path("serve.err")).unwrap();
            assert!(
                gone.is_none() && Instant::now() < deadline,
                "{}\n{said}",
                status.err
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything the server has said so far.
    pub(crate) fn said(&self) -> String {
        let read = |name| fs::read_to_string(self.path(name)).unwrap();
        read("serve.out") + &read("serve.err")
    }

    /// The decisions on record, oldest first.
    pub(crate) fn decisions(&self) -> Vec<Value> {
        let ended = self.run(&["log", "--json"]);
        let lines = ended.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A server at work; it is killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) auth: SocketAddr,
    pub(crate) auth6: SocketAddr,
    pub(crate) accounting: SocketAddr,
    tls: Option<SocketAddr>,
}

impl Server {
    pub(crate) fn tls(&self) -> SocketAddr {
        self.tls.unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the server does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A client that waits as long as the machine may be busy.
pub(crate) fn client(server: SocketAddr, secret: &str) -> blocking::Client {
    let builder = Client::udp(server.to_string(), secret).retry(Retry::once(PATIENCE));
    blocking::Client::new(builder).unwrap()
}

/// A client that expects silence.
pub(crate) fn unheard(server: SocketAddr, secret: &str) -> blocking::Client {
    let retry = Retry::once(Duration::from_millis(300));
    let builder = Client::udp(server.to_string(), secret).retry(retry);
    blocking::Client::new(builder).unwrap()
}

/// Waits until something holds, as it soon must.
#[track_caller]
pub(crate) fn soon(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The rights of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Runs a command whose reader goes away at once, and gives its exit code and what it complains of.
pub(crate) fn unread(mut command: Command) -> (Option<i32>, String) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    (child.wait().unwrap().code(), said)
}
