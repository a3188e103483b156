//! What `/console/inspect request=syntax` says of the value of an argument.

use std::time::Duration;

use crate::time;

/// What an argument takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Syntax {
    /// One of a list of words, or several of them with commas between.
    Values {
        /// The words.
        names: Vec<String>,
        /// Whether there may be several.
        several: bool,
    },
    /// A text, with its least and most characters.
    Text(Option<u32>, Option<u32>),
    /// Hexadecimal digits, with their least and most.
    Hexadecimal(Option<u32>, Option<u32>),
    /// A span of time, with the shortest and the longest.
    Span(Option<Duration>, Option<Duration>),
    /// A whole number, with the least and the greatest.
    Number(Option<i64>, Option<i64>),
    /// An IPv4 address.
    Address,
    /// A range of IPv4 addresses.
    AddressRange,
    /// An IPv4 prefix.
    Prefix,
    /// An IPv6 prefix.
    Prefix6,
    /// A MAC address.
    Mac,
    /// A script.
    Script,
    /// RouterOS does not say: `see documentation`.
    Undocumented,
}

/// Reads the text of one record. `None` for one that is none of the known forms.
pub fn parse(text: &str) -> Option<Syntax> {
    let text = text.trim();
    if let Some((range, kind)) = text.split_once("    (") {
        return known_kind(range.trim(), kind.strip_suffix(')')?);
    }
    match text {
        "see documentation" => return Some(Syntax::Undocumented),
        "script" => return Some(Syntax::Script),
        "time interval" => return Some(Syntax::Span(None, None)),
        _ => {}
    }
    if let Some(limits) = text.strip_prefix("string value") {
        return lengths(limits).map(|(least, most)| Syntax::Text(least, most));
    }
    if let Some(limits) = text.strip_prefix("hexadecimal string value") {
        return lengths(limits).map(|(least, most)| Syntax::Hexadecimal(least, most));
    }
    words(text)
}

fn known_kind(range: &str, kind: &str) -> Option<Syntax> {
    Some(match kind {
        "time interval" => {
            let (from, to) = range.split_once("..")?;
            Syntax::Span(end(from, time::parse)?, end(to, time::parse)?)
        }
        "integer number" => {
            let (from, to) = range.split_once("..")?;
            let read = |text: &str| text.parse().ok();
            Syntax::Number(end(from, read)?, end(to, read)?)
        }
        "IP address" => Syntax::Address,
        "IP address range" => Syntax::AddressRange,
        "IP prefix" => Syntax::Prefix,
        "IPv6 prefix" => Syntax::Prefix6,
        "MAC address" => Syntax::Mac,
        _ => return None,
    })
}

/// One end of a range. Nothing written is no limit; what is written must be read.
#[expect(
    clippy::option_option,
    reason = "no limit is not the same as a limit that cannot be read"
)]
fn end<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() {
        return Some(None);
    }
    read(text).map(Some)
}

/// `, min length 2, max length 96`
fn lengths(text: &str) -> Option<(Option<u32>, Option<u32>)> {
    let (mut least, mut most) = (None, None);
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        if let Some(number) = part.strip_prefix("min length ") {
            least = Some(number.parse().ok()?);
        } else {
            most = Some(part.strip_prefix("max length ")?.parse().ok()?);
        }
    }
    Some((least, most))
}

/// `ppp|login|hotspot[,Service*]`: the end says that there may be several.
fn words(text: &str) -> Option<Syntax> {
    let (list, several) = match text.split_once("[,") {
        Some((list, rest)) => {
            let name = rest.strip_suffix("*]")?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return None;
            }
            (list, true)
        }
        None => (text, false),
    };
    let names: Vec<String> = list.split('|').map(str::to_owned).collect();
    let is_word = |name: &String| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._:+/".contains(&b);
        !name.is_empty() && name.bytes().all(allowed)
    };
    (names.iter().all(is_word) && (several || names.len() > 1))
        .then_some(Syntax::Values { names, several })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn gather(node: &Value, into: &mut BTreeSet<String>) {
        let Value::Object(node) = node else { return };
        if let Some(Value::String(text)) = node.get("desc") {
            into.insert(text.clone());
        }
        for child in node.values() {
            gather(child, into);
        }
    }

    #[test]
    fn every_syntax_of_six_real_versions_is_read() {
        let schema =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/routeros-emulator/schema");
        for version in ["7.9.2", "7.12.2", "7.15", "7.18.2", "7.20.8", "7.24"] {
            let text = fs::read_to_string(schema.join(format!("{version}.json"))).unwrap();
            let mut all = BTreeSet::new();
            gather(&serde_json::from_str(&text).unwrap(), &mut all);
            assert!(all.len() > 50, "{version}: {}", all.len());
            let unread: Vec<_> = all.iter().filter(|text| parse(text).is_none()).collect();
            assert!(unread.is_empty(), "{version}: {unread:?}");
        }
    }

    #[test]
    fn the_forms_mean_what_they_say() {
        let several = parse("ppp|login|hotspot[,Service*]").unwrap();
        let names = ["ppp", "login", "hotspot"].map(str::to_owned).to_vec();
        assert_eq!(
            several,
            Syntax::Values {
                names,
                several: true
            }
        );
        let second = Duration::from_secs(1);
        let span = Syntax::Span(Some(Duration::from_millis(100)), Some(second));
        assert_eq!(parse("100ms..1s    (time interval)"), Some(span));
        let hour = Syntax::Span(None, Some(3600 * second));
        assert_eq!(parse("..1h    (time interval)"), Some(hour));
        let text = Syntax::Text(Some(2), Some(96));
        assert_eq!(
            parse("string value, min length 2, max length 96"),
            Some(text)
        );
        let number = Syntax::Number(Some(1), Some(65535));
        assert_eq!(parse("1..65535    (integer number)"), Some(number));
        for unknown in [
            "",
            "word",
            "a|b c",
            "a|b[,X",
            "x..1s    (time interval)",
            "(",
            "||",
        ] {
            assert_eq!(parse(unknown), None, "{unknown:?}");
        }
    }

    proptest! {
        #[test]
        fn lists_are_read_back(
            names in proptest::collection::vec("[a-z][a-z0-9-]{0,8}", 2..8),
            several in any::<bool>(),
        ) {
            let text = names.join("|") + if several { "[,Things*]" } else { "" };
            prop_assert_eq!(parse(&text), Some(Syntax::Values { names, several }));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,60}") {
            drop(parse(&text));
        }
    }
}
