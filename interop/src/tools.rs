//! The foreign programs: finding them, running them, reading what they say.

use std::fmt::Display;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::Must as _;

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Ended {
    /// Exit code 0.
    pub succeeded: bool,
    /// The exit code, none after a signal.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Ended {
    /// Both outputs.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            succeeded: output.status.success(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .must("a workspace around this crate")
        .to_path_buf()
}

/// The folder cargo builds into.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |t| root().join(t))
}

/// The path of a program.
///
/// # Panics
/// If it is not installed.
pub fn program(name: &str) -> PathBuf {
    first_of(&[name])
}

/// The path of the first of several names for one program.
///
/// # Panics
/// If none is installed.
pub fn first_of(names: &[&str]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(system).collect();
    let files = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    match files.into_iter().find(|file| file.is_file()) {
        Some(file) => file,
        None => panic!("{} is missing: run cargo xtask test", names[0]),
    }
}

/// One of the programs of hostap that were built with TEAP: `eapol_test` or `hostapd`.
///
/// # Panics
/// If it has not been built.
pub fn hostap(name: &str) -> PathBuf {
    let set = std::env::var_os("PORTREEVE_HOSTAP").map(PathBuf::from);
    let file = set.unwrap_or_else(|| target().join("hostap")).join(name);
    assert!(
        file.is_file(),
        "{} is missing: run cargo xtask test",
        file.display()
    );
    file
}

/// Runs `command` to its end with `input` as its standard input.
pub fn run(command: &mut Command, input: &str) -> Ended {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().must("start a program");
    let mut stdin = child.stdin.take().must("its input");
    stdin.write_all(input.as_bytes()).must("write its input");
    drop(stdin);
    Ended::from(child.wait_with_output().must("wait for it"))
}

/// One run of `radclient`: a request with `attributes`, one line each, and what came back.
///
/// Message-Authenticator is added, as versions newer than that of Debian 12 do by themselves.
pub fn radclient(server: SocketAddr, kind: &str, secret: &str, attributes: &str) -> Ended {
    let request = format!("{attributes}\nMessage-Authenticator = 0x00\n");
    radclient_bare(server, kind, secret, &request)
}

/// As [`radclient`], but nothing is added.
pub fn radclient_bare(server: SocketAddr, kind: &str, secret: &str, attributes: &str) -> Ended {
    let mut command = Command::new(program("radclient"));
    // Three seconds are enough for a reject that is delayed, and short for one that never comes.
    command
        .args(["-x", "-r", "1", "-t", "3"])
        .arg(server.to_string())
        .args([kind, secret]);
    run(&mut command, attributes)
}

/// One run of `radtest` with method `pap`, `chap` or `mschap`.
pub fn radtest(
    server: SocketAddr,
    method: &str,
    user: &str,
    password: &str,
    secret: &str,
) -> Ended {
    let mut command = Command::new(program("radtest"));
    command.args(["-x", "-t", method]);
    let nas = if server.is_ipv6() { "::1" } else { "127.0.0.1" };
    if server.is_ipv6() {
        command.arg("-6");
    }
    command
        .args([user, password])
        .arg(server.to_string())
        .args(["0", secret, "0", nas]);
    run(&mut command, "")
}

/// One run of a script in `interop/pyrad2`; its last line is JSON.
///
/// # Panics
/// If Python or pyrad2 is missing, or if the script fails.
pub fn pyrad2(name: &str, arguments: &[&dyn Display]) -> Value {
    let mut command = script(name);
    command.args(arguments.iter().map(ToString::to_string));
    last_line(name, &mut command)
}

/// Runs a script to its end; its last line is JSON.
pub(crate) fn last_line(name: &str, command: &mut Command) -> Value {
    let ended = run(command, "");
    assert!(ended.succeeded, "{name} failed:\n{}", ended.said());
    let last = ended.stdout.lines().last().must("a line from the script");
    serde_json::from_str(last).must("JSON from the script")
}

/// The command that runs a script in `interop/pyrad2`.
///
/// # Panics
/// If Python is missing.
pub(crate) fn script(name: &str) -> Command {
    script_in("pyrad2", name)
}

/// The command that runs a script in a folder of `interop`.
///
/// # Panics
/// If Python is missing.
pub(crate) fn script_in(folder: &str, name: &str) -> Command {
    let set = std::env::var_os("PORTREEVE_VENV").map(PathBuf::from);
    let python = set
        .unwrap_or_else(|| target().join("venv"))
        .join("bin/python");
    assert!(
        python.is_file(),
        "{} is missing: run cargo xtask test",
        python.display()
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut command = Command::new(python);
    command.arg("-B").arg(folder.join(name));
    command
}

/// The rows of a listing in JSON: an array, an object around one, or one object a line.
pub fn json_rows(text: &str) -> Vec<Value> {
    match serde_json::from_str(text) {
        Ok(Value::Array(rows)) => rows,
        Ok(Value::Object(object)) => {
            let inner = object.values().find_map(|value| value.as_array().cloned());
            inner.unwrap_or_else(|| vec![Value::Object(object)])
        }
        _ => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            lines
                .map(|line| serde_json::from_str(line).must("a row of JSON"))
                .collect()
        }
    }
}

/// Whether `text` is one of the values in `value`, however deep.
pub fn json_holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string == text,
        Value::Array(values) => values.iter().any(|value| json_holds(value, text)),
        Value::Object(object) => object.values().any(|value| json_holds(value, text)),
        _ => false,
    }
}
