//! What commands print: aligned tables, JSON, a little colour, and never a panic on a closed pipe.

use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write},
};

use comfy_table::{Table, presets};
use serde::Serialize;

/// Where a command prints what it was asked for, and what it has to say besides.
pub(crate) struct Output<'a> {
    out: &'a mut dyn Write,
    notes: &'a mut dyn Write,
    style: Style,
}

impl<'a> Output<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, notes: &'a mut dyn Write, style: Style) -> Self {
        Self { out, notes, style }
    }

    /// One line of what was asked for.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{}", text.as_ref())
    }

    /// Text as it is.
    pub(crate) fn raw(&mut self, text: &[u8]) -> io::Result<()> {
        self.out.write_all(text)
    }

    /// Something to know that is not the answer; goes to standard error.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.notes, "{}", text.as_ref())
    }

    /// As [`Self::note`], for what an administrator should see to.
    pub(crate) fn warn(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        let word = self.style.paint(Colour::Yellow, "warning:");
        writeln!(self.notes, "{word} {}", text.as_ref())
    }

    /// One JSON value over several lines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *self.out, value)?;
        writeln!(self.out)
    }

    /// One JSON value on one line.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self.out, value)?;
        writeln!(self.out)
    }

    /// Rows under a heading, in columns; `nothing` where there are no rows.
    pub(crate) fn table(
        &mut self,
        heading: &[&str],
        rows: Vec<Vec<String>>,
        nothing: &str,
    ) -> io::Result<()> {
        if rows.is_empty() {
            return self.note(nothing);
        }
        let mut table = plain_table();
        table.set_header(heading.iter().map(|word| word.to_uppercase()));
        for row in rows {
            table.add_row(row.iter().map(|cell| printable(cell).into_owned()));
        }
        trim_columns(&mut table);
        let text = table.trim_fmt();
        let (head, body) = text.split_once('\n').unwrap_or((&text, ""));
        writeln!(
            self.out,
            "{}",
            self.style.paint(Colour::Bold, head.trim_end())
        )?;
        writeln!(self.out, "{body}")
    }

    /// Names and what they stand for, one pair a line, aligned.
    pub(crate) fn pairs(&mut self, pairs: &[(&str, String)]) -> io::Result<()> {
        let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
        for (name, value) in pairs {
            let (first, rest) = value.split_once('\n').unwrap_or((value, ""));
            writeln!(self.out, "{name:width$}{}", printable(first))?;
            for line in rest.lines() {
                writeln!(self.out, "{:width$}{}", "", printable(line))?;
            }
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// How to colour what goes to [`Self::line`].
    pub(crate) fn style(&self) -> Style {
        self.style
    }
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    table
}

fn trim_columns(table: &mut Table) {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
}

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Coloured,
    Plain,
}

impl Style {
    /// For standard output: coloured on a terminal, unless `NO_COLOR` is set (no-color.org).
    pub(crate) fn of_stdout() -> Self {
        Self::on(io::stdout().is_terminal())
    }

    /// As [`Self::of_stdout`], for standard error.
    pub(crate) fn of_stderr() -> Self {
        Self::on(io::stderr().is_terminal())
    }

    fn on(terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if terminal && !refused && !dumb {
            Self::Coloured
        } else {
            Self::Plain
        }
    }

    pub(crate) fn paint(self, colour: Colour, text: &str) -> Cow<'_, str> {
        match self {
            Self::Coloured => Cow::Owned(format!("\x1b[{}m{text}\x1b[0m", colour.code())),
            Self::Plain => Cow::Borrowed(text),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Colour {
    Bold,
    Green,
    Red,
    Yellow,
}

impl Colour {
    const fn code(self) -> u8 {
        match self {
            Self::Bold => 1,
            Self::Green => 32,
            Self::Red => 31,
            Self::Yellow => 33,
        }
    }
}

/// A text that cannot move the cursor, colour the screen or turn the direction of writing, whoever
/// wrote it.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_dangerous(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(print: impl FnOnce(&mut Output<'_>) -> io::Result<()>) -> String {
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        print(&mut Output::new(&mut out, &mut notes, Style::Plain)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_without_borders() {
        let rows = vec![
            vec!["tim".to_owned(), "yes".to_owned()],
            vec!["annabelle".to_owned(), "no".to_owned()],
        ];
        let text = printed(|output| output.table(&["name", "enabled"], rows, "none"));
        assert_eq!(text, "NAME       ENABLED\ntim        yes\nannabelle  no\n");
    }

    #[test]
    fn control_characters_and_direction_marks_are_shown_and_not_obeyed() {
        assert_eq!(printable("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(printable("\u{202e}abc"), "\\u{202e}abc");
        assert!(matches!(printable("pässwörd €"), Cow::Borrowed(_)));
    }

    #[test]
    fn pairs_are_aligned_and_long_values_stay_in_their_column() {
        let text = printed(|output| {
            output.pairs(&[("name", "tim".to_owned()), ("reply", "a\nb".to_owned())])
        });
        assert_eq!(text, "name   tim\nreply  a\n       b\n");
    }

    #[test]
    fn colour_is_only_for_terminals() {
        assert_eq!(Style::Plain.paint(Colour::Red, "no"), "no");
        assert_eq!(
            Style::Coloured.paint(Colour::Red, "no"),
            "\x1b[31mno\x1b[0m"
        );
    }
}
