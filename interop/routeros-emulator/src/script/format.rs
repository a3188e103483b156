//! How `print` looks on a screen.

use crate::Record;

/// The flags of items, with their letters.
const FLAGS: [(&str, char); 6] = [
    ("disabled", 'X'),
    ("invalid", 'I'),
    ("dynamic", 'D'),
    ("default", '*'),
    ("radius", 'R'),
    ("active", 'A'),
];

/// One item with a line for each property, or a list with an item after the other.
pub(crate) fn printed(one: bool, records: &[Record]) -> String {
    if one {
        return records.iter().map(properties).collect();
    }
    let present: Vec<_> = FLAGS
        .into_iter()
        .filter(|(name, _)| records.iter().any(|record| record.get(name).is_some()))
        .collect();
    let mut text = String::new();
    if !present.is_empty() {
        let each = present
            .iter()
            .map(|(name, letter)| format!("{letter} - {name}"));
        text.extend(["Flags: ", &each.collect::<Vec<_>>().join(", "), "\n"]);
    }
    for (at, record) in records.iter().enumerate() {
        let flags: String = present
            .iter()
            .map(|(name, letter)| if record.is(name) { *letter } else { ' ' })
            .collect();
        let mut line = format!("{at:2} {flags} ");
        if let Some(comment) = record.get("comment").filter(|comment| !comment.is_empty()) {
            line.extend([";;; ", comment, "\n     "]);
        }
        let shown = record.iter().filter(|(name, _)| {
            !name.starts_with('.')
                && *name != "comment"
                && !FLAGS.iter().any(|(flag, _)| flag == name)
        });
        let each = shown.map(|(name, value)| format!("{name}={}", quoted(value)));
        line.push_str(&each.collect::<Vec<_>>().join(" "));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn properties(record: &Record) -> String {
    let shown = || record.iter().filter(|(name, _)| !name.starts_with('.'));
    let width = shown().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    let mut text = String::new();
    for (name, value) in shown() {
        let value = match value {
            "true" => "yes",
            "false" => "no",
            value => value,
        };
        let line = format!("{name:>width$}: {value}\n");
        text.push_str(&line);
    }
    text
}

/// Numbers, times and single words stand as they are, all else in quotes.
fn quoted(value: &str) -> String {
    match value {
        "true" => "yes".into(),
        "false" => "no".into(),
        value if value.starts_with(|first: char| first.is_ascii_digit()) => value.to_owned(),
        value => format!("{value:?}"),
    }
}
