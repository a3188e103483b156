//! What a router says, made safe to hold and to show.

/// The most characters of a router's text that an error quotes.
const MOST_QUOTED: usize = 300;

/// Reads octets as text. RouterOS stores what it is given: octets that are not UTF-8 come from
/// somebody who typed in a one-octet code, and are read as Latin-1, so that nothing is lost.
pub(crate) fn read(octets: &[u8]) -> String {
    match str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().map(|octet| char::from(*octet)).collect(),
    }
}

/// What an error may quote: no control characters, none that turn the direction of writing, and
/// not without end.
pub(crate) fn quotable(text: &str) -> String {
    let text = text.trim();
    let mut shown: String = text.chars().take(MOST_QUOTED).map(harmless).collect();
    if text.chars().nth(MOST_QUOTED).is_some() {
        shown.push_str("...");
    }
    shown
}

fn harmless(letter: char) -> char {
    let turns = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}');
    match letter {
        '\t' | '\n' | '\r' => ' ',
        letter if letter.is_control() || turns => '\u{fffd}',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_read_whatever_their_code() {
        assert_eq!(read("Büro".as_bytes()), "Büro");
        assert_eq!(read(b"B\xfcro"), "Büro");
    }

    #[test]
    fn quoted_text_is_one_short_line() {
        assert_eq!(
            quotable("a\r\nb\u{1b}[31m\u{202e}c\0 "),
            "a  b\u{fffd}[31m\u{fffd}c\u{fffd}"
        );
        let long = quotable(&"x".repeat(10_000));
        assert_eq!(long.len(), MOST_QUOTED + 3);
        assert!(long.ends_with("x..."));
    }
}
