//! Asking whoever sits at the terminal.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write as _},
};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
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
    let typed = hidden_line(&mut terminal);
    drop(hushed);
    writeln!(terminal)?;
    typed?.ok_or_else(|| RouterError::Refused("interrupted: nothing was done".to_owned()).into())
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
    Read::take(reader, LONGEST as u64).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACES: [u8; 2] = [0x08, 0x7f];
const ERASE_LINE: u8 = 0x15;

/// What is typed until the line ends; none where it is broken off. Keys come one by one, so that
/// breaking off leaves the terminal as it was.
fn hidden_line(terminal: &mut impl Read) -> io::Result<Option<Zeroizing<String>>> {
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut key = [0];
    while terminal.read(&mut key)? == 1 {
        match key[0] {
            b'\n' | b'\r' => break,
            END if typed.is_empty() => return Ok(None),
            INTERRUPT => return Ok(None),
            key if BACKSPACES.contains(&key) => {
                // All octets of one character.
                while typed.pop().is_some_and(|octet| octet & 0xc0 == 0x80) {}
            }
            ERASE_LINE => typed.clear(),
            key if typed.len() < LONGEST => typed.push(key),
            _ => {}
        }
    }
    match str::from_utf8(&typed) {
        Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
        Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A terminal that does not show what is typed and gives it key by key, until this is dropped.
struct Hushed {
    terminal: File,
    before: Termios,
}

impl Hushed {
    fn new(terminal: &File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut hushed = before.clone();
        let off = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        hushed.local_modes.remove(off);
        hushed.special_codes[SpecialCodeIndex::VMIN] = 1;
        hushed.special_codes[SpecialCodeIndex::VTIME] = 0;
        let terminal = terminal.try_clone()?;
        tcsetattr(&terminal, OptionalActions::Flush, &hushed)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hushed {
    fn drop(&mut self) {
        tcsetattr(&self.terminal, OptionalActions::Now, &self.before).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Option<String> {
        let mut keys = keys;
        let line = hidden_line(&mut keys).unwrap();
        line.map(|line| line.to_string())
    }

    #[test]
    fn keys_that_mend_a_line_mend_it() {
        assert_eq!(typed(b"hunter2\r").as_deref(), Some("hunter2"));
        assert_eq!(
            typed("h\u{fc}\u{7f}unter2\n".as_bytes()).as_deref(),
            Some("hunter2")
        );
        assert_eq!(typed(b"wrong\x15right\n").as_deref(), Some("right"));
        assert_eq!(typed(b"\x7f\n").as_deref(), Some(""));
        assert_eq!(
            typed(&vec![b'x'; LONGEST + 9]).map(|line| line.len()),
            Some(LONGEST)
        );
    }

    #[test]
    fn a_line_can_be_broken_off() {
        assert_eq!(typed(b"hunt\x03er2\n"), None);
        assert_eq!(typed(b"\x04"), None);
        let octets: &[u8] = b"\xff\n";
        assert!(hidden_line(&mut { octets }).is_err());
    }
}
