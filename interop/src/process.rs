//! A server running as our child.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Must as _;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// A child whose output goes to a file, and which dies with this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .must("open the log");
        let errors = file.try_clone().must("share the log");
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn();
        let what = format!("start {}", command.get_program().display());
        Self {
            child: child.must(&what),
            log: log.to_owned(),
        }
    }

    /// Waits until `ready` says so.
    pub(crate) fn wait_until(&mut self, ready: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().must("look after the server") {
                panic!("the server ended with {status}; it said:\n{}", self.said());
            }
            if ready() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "no server after {PATIENCE:?}:\n{}",
                self.said()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Everything it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .must("log")
    }

    /// What it has in memory, in kB (proc(5), `VmRSS`).
    pub(crate) fn resident_kb(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path).must(&path);
        let line = text.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.must("VmRSS").split_whitespace().nth(1);
        number.must("a number").parse().must("a number")
    }

    /// The processor time it has used, in steps of 10 ms (proc(5), fields 14 and 15 of `stat`).
    pub(crate) fn cpu_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = fs::read_to_string(&path).must(&path);
        // The second field is the name in parentheses, which may hold spaces.
        let fields = text.rsplit_once(')').must("a stat line").1;
        let ticks = |field: usize| {
            let text = fields.split_whitespace().nth(field - 3).must("a field");
            text.parse::<u64>().must("ticks")
        };
        Duration::from_millis((ticks(14) + ticks(15)) * 10)
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        self.child.kill().ok();
        self.child.wait().must("bury the server");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
