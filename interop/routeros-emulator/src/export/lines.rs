//! Lines of an export: quotes, and breaks before the eightieth column.

/// How long a line may be.
const WIDTH: usize = 78;

/// Writes a command with its values.
pub(super) fn write(
    text: &mut String,
    start: &str,
    values: &[(String, String)],
    terse: bool,
    six: bool,
) {
    let mut line = start.to_owned();
    for (name, value) in values {
        let name = format!("{name}=");
        let value = quoted(value, six);
        if terse {
            line.extend([" ", &name, &value]);
            continue;
        }
        if line.len() + 1 + name.len() > WIDTH {
            line.push_str(" \\\n");
            text.push_str(&line);
            line = format!("    {name}");
        } else {
            line.push(' ');
            line.push_str(&name);
        }
        if line.len() + value.len() <= WIDTH {
            line.push_str(&value);
        } else if value.starts_with('"') {
            line = broken(text, line, &value);
        } else {
            line.push_str("\\\n");
            text.push_str(&line);
            line = format!("    {value}");
        }
    }
    text.push_str(&line);
    text.push('\n');
}

/// Text in quotes goes on in the next line wherever it is full; not within an escape.
fn broken(text: &mut String, mut line: String, value: &str) -> String {
    let mut rest = value.chars().peekable();
    while let Some(character) = rest.next() {
        let mut unit = String::from(character);
        if character == '\\' {
            let second = rest.next();
            unit.extend(second);
            if second.is_some_and(|second| second.is_ascii_digit() || second.is_ascii_uppercase()) {
                unit.extend(rest.next());
            }
        }
        if line.len() + unit.len() > WIDTH {
            line.push_str("\\\n");
            text.push_str(&line);
            line = "    ".into();
            // A blank at the beginning of a line would not count.
            if unit == " " {
                unit = "\\_".into();
            }
        }
        line.push_str(&unit);
    }
    line
}

/// A value as a script has it: in quotes where it must be.
pub(super) fn quoted(value: &str, six: bool) -> String {
    match value {
        "" => return "\"\"".into(),
        "true" => return "yes".into(),
        "false" => return "no".into(),
        _ => {}
    }
    let plain = |character: char| {
        character.is_ascii_alphanumeric()
            || matches!(
                character,
                '.' | '_' | ':' | '/' | ',' | '-' | '*' | '@' | '+' | '!'
            )
    };
    if value.chars().all(plain) {
        return value.to_owned();
    }
    let mut text = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' | '$' => text.extend(['\\', character]),
            '?' if six => text.push_str("\\?"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            character if character.is_control() => {
                let code = format!("\\{:02X}", u32::from(character));
                text.push_str(&code);
            }
            character => text.push(character),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[(&str, &str)], terse: bool) -> String {
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut text = String::new();
        write(&mut text, "add", &values, terse, false);
        text
    }

    #[test]
    fn values_are_in_quotes_where_they_must_be() {
        let cases = [
            ("ppp,login", "ppp,login"),
            ("a b", "\"a b\""),
            ("", "\"\""),
            ("true", "yes"),
            ("a\"$b\\\n", "\"a\\\"\\$b\\\\\\n\""),
        ];
        for (value, wanted) in cases {
            assert_eq!(quoted(value, false), wanted);
        }
        assert_eq!(quoted("a?", true), "\"a\\?\"");
    }

    #[test]
    fn lines_break_before_a_value_and_within_a_text() {
        let long = "x".repeat(60);
        let text = line(&[("address", "192.0.2.1"), ("comment", &long)], false);
        assert_eq!(
            text,
            format!("add address=192.0.2.1 comment=\\\n    {long}\n")
        );
        let words = "word ".repeat(30);
        let text = line(&[("comment", &words)], false);
        assert!(text.lines().all(|line| line.len() <= WIDTH + 1), "{text}");
        assert_eq!(line(&[("comment", &words)], true).lines().count(), 1);
    }
}
