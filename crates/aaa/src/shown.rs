//! Text that somebody else chose, made fit to be shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Text for a terminal, a log or a page: escaped and of bounded length, whoever chose it.
///
/// Control characters (and with them the escape sequences of terminals), characters that turn the
/// direction of writing or take no room, and octets that are not UTF-8 are written as `\u{1b}` or
/// `\xff`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Shown(String);

impl Shown {
    /// The most octets of one text; what is beyond is cut and marked with an ellipsis.
    pub const MAX: usize = 300;

    /// Makes octets fit to be shown. Work is bounded by [`MAX`](Self::MAX), whatever the input.
    pub fn new(octets: impl AsRef<[u8]>) -> Self {
        Self::bounded(octets.as_ref(), Self::MAX)
    }

    /// Makes a sentence of our own, which may quote what somebody else chose, fit to be shown.
    pub fn sentence(text: &str) -> Self {
        Self::bounded(text.as_bytes(), 4 * Self::MAX)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn bounded(octets: &[u8], max: usize) -> Self {
        let mut shown = String::new();
        for chunk in octets[..octets.len().min(max)].utf8_chunks() {
            for character in chunk.valid().chars() {
                if is_plain(character) {
                    shown.push(character);
                } else {
                    shown.extend(character.escape_unicode());
                }
            }
            // A character that the bound cuts in two is dropped below, not shown as broken.
            let cut = octets.len() > max && chunk.invalid().len() < 4;
            if !(cut && chunk.valid().len() + chunk.invalid().len() == max) {
                let escaped = chunk
                    .invalid()
                    .iter()
                    .flat_map(|octet| octet.escape_ascii());
                shown.extend(escaped.map(char::from));
            }
        }
        if octets.len() > max || shown.len() > max {
            let end = shown.floor_char_boundary(max);
            shown.truncate(end);
            shown.push('…');
        }
        Self(shown)
    }
}

fn is_plain(character: char) -> bool {
    let invisible = matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..='\u{10ffff}'
    );
    !character.is_control() && !invisible
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        // What was shown once is read back unchanged: its escapes are plain, and the ellipsis may
        // be one over.
        if text.chars().all(is_plain) && text.len() <= 4 * Self::MAX + '…'.len_utf8() {
            return Self(text);
        }
        Self::sentence(&text)
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_deceive_is_escaped() {
        for (octets, shown) in [
            (&b"tim"[..], "tim"),
            ("J\u{fc}rgen".as_bytes(), "J\u{fc}rgen"),
            (b"a\x1b[31mb", "a\\u{1b}[31mb"),
            (b"a\r\nb\0", "a\\u{d}\\u{a}b\\u{0}"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            (b"a\xffb", "a\\xffb"),
            ("\u{9b}2J".as_bytes(), "\\u{9b}2J"),
        ] {
            assert_eq!(Shown::new(octets).as_str(), shown);
        }
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character() {
        let shown = Shown::new("ü".repeat(4000));
        assert_eq!(shown.as_str(), "ü".repeat(150) + "…");
        let odd = Shown::new(format!("a{}", "ü".repeat(4000)));
        assert_eq!(odd.as_str(), format!("a{}…", "ü".repeat(149)));
    }

    proptest! {
        #[test]
        fn anything_is_shown_bounded_and_read_back(octets: Vec<u8>) {
            let shown = Shown::new(&octets);
            prop_assert!(shown.as_str().chars().all(is_plain));
            prop_assert!(shown.as_str().len() <= Shown::MAX + 3);
            let json = serde_json::to_string(&shown).unwrap();
            prop_assert_eq!(serde_json::from_str::<Shown>(&json).unwrap(), shown);
        }
    }
}
