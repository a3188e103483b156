//! Asking whoever sits at the terminal.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, IsTerminal as _, Write as _},
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::{commands::password, failure::Failure, routers::RouterError};

/// The longest line that is read.
const LONGEST: usize = 1_024;

/// Asks a question that has yes and no for answers; anything but a yes is a no. Where nobody can
/// be asked, `instead` says what to do.
pub(super) fn confirm(question: &str, instead: &str) -> Result<bool, Failure> {
    let Ok(mut terminal) = terminal() else {
        return Err(
            RouterError::Usage(format!("{question} Nobody can be asked here: {instead}")).into(),
        );
    };
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let answer = line(&terminal)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// A password: from standard input, or typed without being shown.
pub(super) fn password(prompt: &str, from_stdin: bool) -> Result<Zeroizing<String>, Failure> {
    if from_stdin {
        return password::from_stdin(&mut io::stdin().lock());
    }
    let Ok(mut terminal) = terminal() else {
        let words = "give the router's password with --password-stdin: nobody can be asked here";
        return Err(RouterError::Usage(words.to_owned()).into());
    };
    write!(terminal, "{prompt}: ")?;
    terminal.flush()?;
    let hushed = Hushed::new(&terminal)?;
    let typed = line(&terminal);
    drop(hushed);
    writeln!(terminal)?;
    Ok(typed?)
}

/// The terminal, where somebody sits at it: where both standard input and standard error go
/// elsewhere, this is a script.
fn terminal() -> io::Result<File> {
    if !io::stdin().is_terminal() && !io::stderr().is_terminal() {
        return Err(io::ErrorKind::NotFound.into());
    }
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

fn line(terminal: &File) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::with_capacity(LONGEST));
    let reader = BufReader::new(terminal);
    io::Read::take(reader, LONGEST as u64).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hushed<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Hushed<'a> {
    fn new(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut hushed = before.clone();
        hushed.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &hushed)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hushed<'_> {
    fn drop(&mut self) {
        tcsetattr(self.terminal, OptionalActions::Now, &self.before).ok();
    }
}
