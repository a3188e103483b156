//! The text that `/export` writes: sections of a menu, and the commands in it.

use similar::TextDiff;

use crate::{Version, secret::is_sensitive};

/// The most octets of an export that is read.
const LARGEST: usize = 64 << 20;
/// What stands for a secret in a diff.
const HIDDEN: &str = "[hidden]";
/// The verbs that begin a command of an export.
const VERBS: [&str; 9] = [
    "add", "set", "remove", "unset", "move", "enable", "disable", "reset", "comment",
];

/// An export that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// What its first lines say.
    pub header: Header,
    /// Its commands, in order.
    pub commands: Vec<Line>,
    /// What the router says it could not export.
    pub complaints: Vec<String>,
}

/// What the first lines of an export say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// When it was made, as the router writes it.
    pub made: String,
    /// The version of the router.
    pub version: Option<Version>,
    /// The model of the router, where it is no CHR.
    pub model: Option<String>,
    /// The serial number of the router, where it is no CHR.
    pub serial: Option<String>,
}

/// One command of an export.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// The menu, with slashes: `/ip/firewall/filter`.
    pub menu: String,
    /// The command without its menu, on one line. It may hold secrets.
    pub text: String,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.menu, masked(&self.text))
    }
}

/// Why an export cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadExport {
    /// It does not begin as an export does.
    #[error("it does not begin with the line that RouterOS puts first: # ... by RouterOS ...")]
    Foreign,
    /// It ends in the middle of a line.
    #[error("it ends in the middle of line {0}: it is not whole")]
    CutShort(usize),
    /// A line is no command, no menu and no comment.
    #[error("line {0} is neither a menu nor a command nor a comment")]
    NotACommand(usize),
    /// It is larger than any configuration.
    #[error("it has more than {LARGEST} octets")]
    TooLarge,
}

/// Reads an export, and sees that it is not cut short.
pub fn parse(text: &str) -> Result<Export, BadExport> {
    if text.len() > LARGEST {
        return Err(BadExport::TooLarge);
    }
    let mut export = Export {
        header: Header::default(),
        commands: Vec::new(),
        complaints: Vec::new(),
    };
    let mut menu = String::new();
    let mut seen_header = false;
    for (number, line) in joined(text)? {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            seen_header |= read_comment(comment.trim(), &mut export);
        } else if !seen_header && !line.is_empty() {
            return Err(BadExport::Foreign);
        } else if line.starts_with('/') {
            let (place, command) = place(line).ok_or(BadExport::NotACommand(number))?;
            menu = place;
            if !command.is_empty() {
                enter(&mut export, &menu, command, number)?;
            }
        } else if !line.is_empty() {
            enter(&mut export, &menu, line, number)?;
        }
    }
    if !seen_header {
        return Err(BadExport::Foreign);
    }
    if !text.ends_with('\n') {
        return Err(BadExport::CutShort(text.lines().count()));
    }
    Ok(export)
}

fn enter(export: &mut Export, menu: &str, text: &str, number: usize) -> Result<(), BadExport> {
    let verb = text.split(' ').next().unwrap_or_default();
    if menu.is_empty() || !VERBS.contains(&verb) {
        return Err(BadExport::NotACommand(number));
    }
    export.commands.push(Line {
        menu: menu.to_owned(),
        text: text.to_owned(),
    });
    Ok(())
}

/// Whether this is the line that says by which version the export was made.
fn read_comment(comment: &str, export: &mut Export) -> bool {
    if let Some((made, version)) = comment.split_once(" by RouterOS ") {
        let header = &mut export.header;
        made.clone_into(&mut header.made);
        header.version = version.trim().parse().ok();
        return true;
    }
    let value_of = |name: &str| {
        let rest = comment.strip_prefix(name)?.trim_start();
        rest.strip_prefix('=').map(|value| value.trim().to_owned())
    };
    if let Some(model) = value_of("model") {
        export.header.model = Some(model);
    } else if let Some(serial) = value_of("serial number") {
        export.header.serial = Some(serial);
    } else if comment.contains("error exporting") {
        export.complaints.push(comment.to_owned());
    }
    false
}

/// The lines with their numbers, those that go on (`\` at the end) joined with what follows.
fn joined(text: &str) -> Result<Vec<(usize, String)>, BadExport> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut last = 0;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        let line = line.trim_end_matches('\r');
        let (start, mut whole) = match open.take() {
            Some((start, before)) => (start, before + line.trim_start()),
            None => (number, line.to_owned()),
        };
        let is_comment = whole.trim_start().starts_with('#');
        let slashes = whole.len() - whole.trim_end_matches('\\').len();
        if slashes % 2 == 1 && !is_comment {
            whole.pop();
            open = Some((start, whole));
        } else {
            if !is_comment && !is_balanced(&whole) {
                return Err(BadExport::CutShort(start));
            }
            lines.push((start, whole));
        }
    }
    match open {
        Some(_) => Err(BadExport::CutShort(last)),
        None => Ok(lines),
    }
}

/// Whether every quote and bracket of a line is closed.
fn is_balanced(line: &str) -> bool {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0i32);
    for letter in line.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '[' | '(' | '{' if !quoted => depth += 1,
            ']' | ')' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    !quoted && !escaped && depth == 0
}

/// The words of a line. What is in quotes or brackets is not taken apart.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut quoted, mut escaped, mut depth, mut start) = (false, false, 0i32, None);
    for (at, letter) in line.char_indices() {
        let is_space = letter == ' ' && !quoted && !escaped && depth <= 0;
        match (is_space, start) {
            (true, Some(begun)) => {
                words.push(&line[begun..at]);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '[' | '(' | '{' if !quoted => depth += 1,
            ']' | ')' | '}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    words.extend(start.map(|begun| &line[begun..]));
    words
}

/// The menu of a line that begins with a slash, and the command behind it, if there is one.
fn place(line: &str) -> Option<(String, &str)> {
    let mut menu = String::new();
    for word in words(line) {
        if VERBS.contains(&word) {
            let at = word.as_ptr().addr() - line.as_ptr().addr();
            return Some((menu, line.get(at..)?));
        }
        for part in word.split('/').filter(|part| !part.is_empty()) {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if !part.bytes().all(fits) {
                return None;
            }
            menu.push('/');
            menu.push_str(part);
        }
    }
    (!menu.is_empty()).then_some((menu, ""))
}

/// An export in the form in which two are compared: without the date and the software id of its
/// header, every command on one line under its menu. A text that is no export comes back as it is.
pub fn normalise(text: &str) -> String {
    let Ok(export) = parse(text) else {
        return text.to_owned();
    };
    let version = export.header.version.iter();
    let mut lines: Vec<String> = version.map(|v| format!("# RouterOS {v}")).collect();
    lines.extend(export.complaints.iter().map(|text| format!("# {text}")));
    let mut menu = "";
    for line in &export.commands {
        if line.menu != menu {
            lines.push(line.menu.clone());
            menu = &line.menu;
        }
        lines.push(line.text.clone());
    }
    lines.push(String::new());
    lines.join("\n")
}

/// What changed between two exports, as a unified diff of their normal forms. A secret that
/// changed shows as a change, its values hidden. Empty where nothing changed.
pub fn diff(old: &str, new: &str) -> String {
    let (old, new) = (normalise(old), normalise(new));
    if old == new {
        return String::new();
    }
    let changes = TextDiff::from_lines(&old, &new);
    let unified = changes.unified_diff().context_radius(3).to_string();
    let mut shown = String::with_capacity(unified.len());
    for line in unified.lines() {
        shown.push_str(&masked(line));
        shown.push('\n');
    }
    shown
}

/// A command with the values of its secrets hidden.
pub fn masked(line: &str) -> String {
    let mut shown = Vec::new();
    for word in words(line) {
        match word.split_once('=') {
            Some((name, value)) if is_sensitive(name) && value != "\"\"" => {
                shown.push(format!("{name}={HIDDEN}"));
            }
            _ => shown.push(word.to_owned()),
        }
    }
    let indent = line.len() - line.trim_start_matches(' ').len();
    " ".repeat(indent) + &shown.join(" ")
}

/// How many items a menu's section adds.
pub fn added(export: &Export, menu: &str) -> usize {
    let lines = export.commands.iter();
    lines
        .filter(|line| line.menu == menu && line.text.starts_with("add"))
        .count()
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
