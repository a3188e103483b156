//! Portreeve as a child process, known only by its command line.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::certificates::Identity;
use crate::eap::EapTerms;
use crate::process::Process;
use crate::tools::{self, Ended};
use crate::world::World;
use crate::{Must as _, Ports};

/// What the RadSec client is called that [`Setup::radsec`] knows.
pub const RADSEC_NAS: &str = "radsec";
/// Where every client of the suite is.
const NETWORK: &str = "127.0.0.0/8";

/// A server with a data directory of its own.
#[derive(Debug)]
pub struct Portreeve {
    // Before the directory it writes to, so that it is gone first.
    process: Option<Process>,
    home: Home,
    ports: Ports,
}

impl Portreeve {
    /// Prepares `world` through the command line and starts the server.
    pub fn start(world: &World) -> Self {
        Self::with(world, &Setup::default())
    }

    /// As [`start`](Self::start), with more to do.
    pub fn with(world: &World, setup: &Setup) -> Self {
        let home = Home::of(if setup.openssl {
            openssl_binary()
        } else {
            binary()
        });
        home.prepare(world);
        for command in &setup.commands {
            let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
            home.command(&arguments);
        }
        let ports = Ports::free();
        let mut text = listen_with(ports, setup.radsec_at);
        if setup.openssl {
            text.extend(["dtls = [\"", &ports.tls_v4().to_string(), "\"]\n"]);
        }
        home.configure(&(text + &setup.configuration));
        let mut server = Self {
            process: None,
            home,
            ports,
        };
        server.restart();
        server
    }

    /// Where it listens.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Its data directory and command line.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Runs a command on the data directory and expects it to succeed.
    pub fn command(&self, arguments: &[&str]) -> String {
        self.home.command(arguments)
    }

    /// Ends the server as a power cut would.
    pub fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill();
        }
    }

    /// Starts the server on what is in its directory, and waits until it answers.
    pub fn restart(&mut self) {
        self.kill();
        let mut process = Process::start(&mut self.home.serve(), &self.home.path("serve.log"));
        process.wait_until(|| self.home.try_command(&["status"]).succeeded);
        self.process = Some(process);
    }

    /// The processor time the server has used, in steps of 10 ms.
    pub fn cpu_time(&self) -> Duration {
        self.process
            .as_ref()
            .map(Process::cpu_time)
            .unwrap_or_default()
    }

    /// What the server has in memory, in kB.
    pub fn resident_kb(&self) -> f64 {
        self.process
            .as_ref()
            .map(Process::resident_kb)
            .unwrap_or_default()
    }

    /// What the server has logged.
    pub fn said(&self) -> String {
        self.process.as_ref().map(Process::said).unwrap_or_default()
    }

    /// What `status --json` says.
    pub fn status(&self) -> Value {
        let printed = self.command(&["status", "--json"]);
        serde_json::from_str(&printed).must("status in JSON")
    }

    /// Everything `session list --all --json` knows.
    pub fn sessions(&self) -> Vec<Value> {
        tools::json_rows(&self.command(&["session", "list", "--all", "--json"]))
    }

    /// Those sessions that hold `id` as one of their values.
    pub fn sessions_with(&self, id: &str) -> Vec<Value> {
        let sessions = self.sessions().into_iter();
        sessions
            .filter(|session| tools::json_holds(session, id))
            .collect()
    }
}

/// What a Portreeve does beside answering over UDP.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Commands on the data directory before the server starts.
    commands: Vec<Vec<String>>,
    /// What stands in `portreeve.toml` after `[listen]`.
    configuration: String,
    /// The program that was built on OpenSSL, listening for DTLS as well.
    openssl: bool,
    /// Where RadSec is listened for as well.
    radsec_at: Option<SocketAddr>,
}

impl Setup {
    /// A RadSec server that shows `identity`, takes clients of its authority that are named
    /// `nas.test`, and closes the door to those on its list of revocations.
    pub fn radsec(identity: &Identity) -> Self {
        Self::radsec_with(identity, "")
    }

    /// As [`radsec`](Self::radsec), with more keys in `[tls]`.
    pub fn radsec_with(identity: &Identity, more: &str) -> Self {
        let path = |path: &Path| path.display().to_string();
        let mut tls = format!(
            "[tls]\ncertificate = \"{}\"\nkey = \"{}\"\nca = \"{}\"\n",
            path(&identity.pair.certificate),
            path(&identity.pair.key),
            path(&identity.ca)
        );
        if let Some(crl) = &identity.crl {
            tls.extend(["crl = \"", &path(crl), "\"\n"]);
        }
        tls += more;
        Self::default()
            .configured(&tls)
            .radsec_nas(RADSEC_NAS, "dns:nas.test")
    }

    /// A server that takes part in EAP, and does not wait before it rejects.
    pub fn eap(terms: &EapTerms) -> Self {
        Self::default().configured(&format!(
            "[security]\nreject_delay_ms = 0\n{}",
            terms.toml()
        ))
    }

    /// Knows a RadSec client on loopback by this rule.
    #[must_use]
    pub fn radsec_nas(self, name: &str, rule: &str) -> Self {
        self.command(&[
            "nas",
            "add",
            name,
            NETWORK,
            "--transport",
            "tls",
            "--identity",
            rule,
        ])
    }

    /// Runs a command on the data directory before the server starts.
    #[must_use]
    pub fn command(mut self, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string);
        self.commands.push(arguments.collect());
        self
    }

    /// Adds to `portreeve.toml`; a key without a table goes to the table that was last.
    #[must_use]
    pub fn configured(mut self, text: &str) -> Self {
        self.configuration += text;
        self
    }

    /// Listens for RadSec there as well: routers have a port they insist on.
    #[must_use]
    pub fn radsec_at(mut self, address: SocketAddr) -> Self {
        self.radsec_at = Some(address);
        self
    }

    /// Runs the program that was built on OpenSSL, and listens for DTLS.
    #[must_use]
    pub fn on_openssl(mut self) -> Self {
        self.openssl = true;
        self
    }
}

/// A data directory and the commands on it, with or without a running server.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    program: PathBuf,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// An empty one.
    pub fn new() -> Self {
        Self::of(binary())
    }

    /// An empty one for the program that was built on OpenSSL.
    pub fn on_openssl() -> Self {
        Self::of(openssl_binary())
    }

    fn of(program: PathBuf) -> Self {
        Self {
            folder: tempfile::tempdir().must("a temporary folder"),
            program,
        }
    }

    /// A path beside the data directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `portreeve.toml`.
    pub fn configure(&self, text: &str) {
        fs::write(self.path("portreeve.toml"), text).must("write portreeve.toml");
    }

    /// The command that starts the server.
    pub fn serve(&self) -> Command {
        let mut command = self.program(&["serve"]);
        command.arg("--config").arg(self.path("portreeve.toml"));
        command
    }

    /// Runs a command and expects it to succeed; returns what it printed.
    ///
    /// # Panics
    /// If it fails.
    pub fn command(&self, arguments: &[&str]) -> String {
        let ended = self.try_command(arguments);
        assert!(
            ended.succeeded,
            "portreeve {} failed:\n{}",
            arguments.join(" "),
            ended.said()
        );
        ended.stdout
    }

    /// Runs a command that is given something on standard input, to its end, whatever that is.
    pub fn try_command_told(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = self
            .program(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .must("run portreeve");
        let mut ear = child.stdin.take().must("its input");
        // It may have ended before it heard all.
        ear.write_all(input.as_bytes()).ok();
        drop(ear);
        Ended::from(child.wait_with_output().must("wait for portreeve"))
    }

    /// Runs a command at a terminal of its own, and types an answer whenever a text has come.
    ///
    /// # Panics
    /// If there is no terminal to be had.
    pub fn at_a_terminal(&self, arguments: &[&str], talk: &[(&str, &str)]) -> Talked {
        let talk = serde_json::to_string(talk).must("what is to be typed");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("routeros/at_a_terminal.py");
        let program = self.program(arguments);
        let mut command = Command::new(tools::program("python3"));
        command.arg("-B").arg(script).arg(talk);
        command.arg(program.get_program()).args(program.get_args());
        let said = tools::last_line("at_a_terminal.py", &mut command);
        let flags = said["echoes"].as_array().must("what was shown");
        Talked {
            code: said["code"].as_i64().must("an exit code"),
            shown: said["shown"].as_str().must("what was shown").to_owned(),
            echoes: flags.iter().filter_map(Value::as_bool).collect(),
            echo_after: said["echo_after"].as_bool().must("a flag"),
        }
    }

    /// Runs a command to its end, whatever that is.
    pub fn try_command(&self, arguments: &[&str]) -> Ended {
        let output: Output = self
            .program(arguments)
            .stdin(Stdio::null())
            .output()
            .must("run portreeve");
        Ended::from(output)
    }

    /// Starts a command, to be ended before it is done.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = self.program(arguments);
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().must("run portreeve")
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--data").arg(self.path("data"));
        command
    }

    fn prepare(&self, world: &World) {
        for group in &world.groups {
            let attributes = attributes(&group.attributes);
            self.command_with(&["group", "add", group.name], &attributes);
        }
        for user in &world.users {
            let mut arguments = vec!["user", "add", user.name, "--password", user.password];
            arguments.extend(user.group.iter().flat_map(|group| ["--group", group]));
            self.command_with(&arguments, &attributes(&user.attributes));
        }
        for nas in &world.nases {
            self.command(&["nas", "add", nas.name, nas.network, "--secret", nas.secret]);
        }
    }

    fn command_with(&self, arguments: &[&str], attributes: &[String]) {
        let attributes = attributes
            .iter()
            .flat_map(|attribute| ["--attr", attribute]);
        let arguments: Vec<&str> = arguments.iter().copied().chain(attributes).collect();
        self.command(&arguments);
    }
}

fn attributes(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// What happened at a terminal.
#[derive(Debug)]
pub struct Talked {
    /// The exit code, less than nought after a signal.
    pub code: i64,
    /// All that was to be seen there.
    pub shown: String,
    /// For each thing typed, whether the terminal shows what is typed.
    pub echoes: Vec<bool>,
    /// Whether it does so afterwards.
    pub echo_after: bool,
}

/// A configuration that listens on loopback only.
pub fn listen(ports: Ports) -> String {
    listen_with(ports, None)
}

fn listen_with(ports: Ports, radsec: Option<SocketAddr>) -> String {
    let more = radsec.map_or_else(String::new, |address| format!(", \"{address}\""));
    format!(
        "[listen]\nauth = [\"{}\", \"{}\"]\naccounting = [\"{}\", \"{}\"]\ntls = \
         [\"{}\"{more}]\n",
        ports.auth_v4(),
        ports.auth_v6(),
        ports.acct_v4(),
        ports.acct_v6(),
        ports.tls_v4()
    )
}

/// The program under test: `PORTREEVE_BIN`, or the release build of this workspace.
///
/// # Panics
/// If it has not been built.
pub fn binary() -> PathBuf {
    built("PORTREEVE_BIN", "release/portreeve")
}

/// The same with feature `openssl`: `PORTREEVE_OPENSSL_BIN`, or where `cargo xtask test` puts it.
///
/// # Panics
/// If it has not been built.
pub fn openssl_binary() -> PathBuf {
    built("PORTREEVE_OPENSSL_BIN", "debug/portreeve-openssl")
}

pub(crate) fn built(variable: &str, usual: &str) -> PathBuf {
    let set = std::env::var_os(variable).map(PathBuf::from);
    let path = set.unwrap_or_else(|| tools::target().join(usual));
    assert!(
        Path::is_file(&path),
        "{} is missing: run cargo xtask test",
        path.display()
    );
    path
}
