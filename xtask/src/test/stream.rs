//! Running a command so that its output is seen at once and its closing lines are kept.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Runs `command`, passing its output on line by line, and adds the lines with which test
/// runners close to `closing`.
pub(super) fn run(command: &mut Command, closing: &mut Vec<String>) -> io::Result<ExitStatus> {
    println!("$ {}", describe(command));
    run_into(command, closing, io::stdout(), io::stderr())
}

fn run_into(
    command: &mut Command,
    closing: &mut Vec<String>,
    output: impl Write,
    errors: impl Write + Send,
) -> io::Result<ExitStatus> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let errors = stderr.map(|pipe| scope.spawn(|| pass_on(pipe, errors)));
        if let Some(pipe) = stdout {
            closing.extend(pass_on(pipe, output));
        }
        if let Some(Ok(lines)) = errors.map(thread::ScopedJoinHandle::join) {
            closing.extend(lines);
        }
    });
    child.wait()
}

/// Waits for `child` no longer than `patience`; one that takes longer is killed.
///
/// Returns `None` if it was killed.
pub(super) fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// The command as one would type it.
pub(super) fn describe(command: &Command) -> String {
    // cargo tells its subcommands where it lives; nobody types that.
    let program = Path::new(command.get_program());
    let program = if program.ends_with("cargo") {
        Path::new("cargo")
    } else {
        program
    };
    let mut words = vec![program.display().to_string()];
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.insert(
                0,
                format!("{}={}", name.to_string_lossy(), value.to_string_lossy()),
            );
        }
    }
    words.extend(
        command
            .get_args()
            .map(|argument| argument.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

fn pass_on(pipe: impl Read, mut onward: impl Write) -> Vec<String> {
    let mut closing = Vec::new();
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(length) = reader.read_until(b'\n', &mut line) {
        if length == 0 {
            break;
        }
        // Whoever closed our own output no longer wants to see it; the step goes on.
        onward.write_all(&line).and_then(|()| onward.flush()).ok();
        let text = without_colours(&String::from_utf8_lossy(&line));
        if is_closing(&text) {
            closing.push(text.trim().to_owned());
        }
        line.clear();
    }
    closing
}

/// `test result: ...` of cargo test, `Summary [...] ...` of nextest.
fn is_closing(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("test result: ")
        || (line.starts_with("Summary [") && line.contains("tests run"))
}

fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_both_runners_are_kept() {
        let output = "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed\n\
            \u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] 3 tests run: 3 passed, 0 skipped\n\
            Summary [of nothing]\n";
        let mut onward = Vec::new();
        let closing = pass_on(output.as_bytes(), &mut onward);
        assert_eq!(
            closing,
            [
                "test result: ok. 1 passed; 0 failed",
                "Summary [   0.1s] 3 tests run: 3 passed, 0 skipped"
            ]
        );
        assert_eq!(
            onward,
            output.as_bytes(),
            "the output itself is passed on unchanged"
        );
    }

    #[test]
    fn both_outputs_of_a_command_are_read() {
        let mut closing = Vec::new();
        let script = "echo 'test result: out'; echo 'test result: err' >&2; exit 3";
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let status = run_into(&mut command, &mut closing, &mut output, &mut errors).unwrap();
        assert_eq!(output, b"test result: out\n");
        assert_eq!(errors, b"test result: err\n");
        assert_eq!(status.code(), Some(3));
        closing.sort();
        assert_eq!(closing, ["test result: err", "test result: out"]);
    }

    #[test]
    fn a_child_that_hangs_is_killed() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(wait(&mut child, Duration::from_millis(50)).unwrap(), None);
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("cargo");
        command
            .args(["doc", "--no-deps"])
            .env("RUSTDOCFLAGS", "-Dwarnings");
        assert_eq!(
            describe(&command),
            "RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps"
        );
    }
}
