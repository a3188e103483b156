//! From text to characters with places.

use crate::script::{Fault, tree::Place};

/// The text of a script and how far it is read.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    text: Vec<char>,
    at: usize,
    line: usize,
    column: usize,
}

impl Reader {
    /// At the beginning.
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text
                .chars()
                .filter(|&character| character != '\r')
                .collect(),
            at: 0,
            line: 1,
            column: 1,
        }
    }

    pub(super) fn place(&self) -> Place {
        Place {
            line: self.line,
            column: self.column,
        }
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The text between two offsets.
    pub(super) fn between(&self, from: usize, to: usize) -> String {
        self.text[from.min(to)..to].iter().collect()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    pub(super) fn starts_with(&self, wanted: &str) -> bool {
        let each = wanted.chars().enumerate();
        each.into_iter()
            .all(|(ahead, character)| self.peek_at(ahead) == Some(character))
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += 1;
        if character == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(character)
    }

    /// Takes a character if it is the next one.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.next();
        }
        there
    }

    /// Takes a text if it comes next.
    pub(super) fn take_all(&mut self, wanted: &str) -> bool {
        let there = self.starts_with(wanted);
        if there {
            wanted.chars().for_each(|_| {
                self.next();
            });
        }
        there
    }

    /// Passes blanks, and lines that go on after a backslash.
    pub(super) fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t') => {
                    self.next();
                }
                Some('\\') if self.peek_at(1) == Some('\n') => {
                    self.next();
                    self.next();
                }
                _ => return,
            }
        }
    }

    /// Passes blanks, ends of lines and of commands, and remarks.
    pub(super) fn gaps(&mut self) {
        loop {
            self.blanks();
            match self.peek() {
                Some('\n' | ';') => {
                    self.next();
                }
                Some('#') => {
                    while self.peek().is_some_and(|character| character != '\n') {
                        self.next();
                    }
                }
                _ => return,
            }
        }
    }

    /// Passes blanks and ends of lines, as inside of parentheses.
    pub(super) fn space(&mut self) {
        loop {
            self.blanks();
            if !self.take('\n') {
                return;
            }
        }
    }

    /// Whether a command ends here.
    pub(super) fn at_end(&self) -> bool {
        matches!(self.peek(), None | Some('\n' | ';' | ']' | '}' | ')'))
    }

    /// A name: letters, digits and hyphens, full stops too.
    pub(super) fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(character) = self.peek() {
            if !(character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | '*')) {
                break;
            }
            word.push(character);
            self.next();
        }
        word
    }

    /// The name of a variable: no hyphen in it.
    pub(super) fn variable(&mut self) -> Result<String, Fault> {
        if self.take('"') {
            let mut name = String::new();
            while let Some(character) = self.next() {
                if character == '"' {
                    return Ok(name);
                }
                name.push(character);
            }
            return Err(Fault::syntax(self.place()));
        }
        let mut name = String::new();
        while let Some(character) = self.peek() {
            if !character.is_alphanumeric() {
                break;
            }
            name.push(character);
            self.next();
        }
        if name.is_empty() {
            return Err(Fault::syntax(self.place()));
        }
        Ok(name)
    }
}
