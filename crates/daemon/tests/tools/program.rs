//! The built binary.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::Value;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Standard output as one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Standard output as a JSON value a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Fails unless every text is in one of the outputs.
    pub(crate) fn says(&self, texts: &[&str]) {
        for text in texts {
            let found = self.stdout.contains(text) || self.stderr.contains(text);
            assert!(found, "{text:?} is missing in {self:?}");
        }
    }
}

/// Runs `portreeve` with these arguments.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    run_with(arguments, &[], b"")
}

/// As [`run`], with environment variables and standard input.
pub(crate) fn run_with(arguments: &[&str], environment: &[(&str, &str)], input: &[u8]) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portreeve"))
        .args(arguments)
        .env_remove("PORTREEVE_SECRET")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input may be gone already.
    child.stdin.take().unwrap().write_all(input).ok();
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
