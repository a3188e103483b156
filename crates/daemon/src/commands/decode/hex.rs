//! Octets written as hexadecimal digits.

/// Why a text is not octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotHex {
    #[error("line {line}, column {column}: '{found}' is no hexadecimal digit")]
    Digit {
        line: usize,
        column: usize,
        found: char,
    },
    #[error("there is no hexadecimal digit")]
    Empty,
    #[error("there are {0} hexadecimal digits, an odd number: half an octet is missing")]
    Odd(usize),
}

/// The packets of a text. Spaces, colons, hyphens, commas and `0x` may stand between the digits,
/// and `#` begins a comment. Lines that each hold exactly one packet, by its Length field, are
/// packets of their own; otherwise all lines together are one.
pub(crate) fn packets(text: &str) -> Result<Vec<Vec<u8>>, NotHex> {
    let mut digits: Vec<Vec<u8>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let found = line_digits(line, index + 1)?;
        if !found.is_empty() {
            digits.push(found);
        }
    }
    let lines: Option<Vec<Vec<u8>>> = digits.iter().map(|line| octets(line)).collect();
    if let Some(lines) = lines
        && lines.len() > 1
        && lines.iter().all(|line| is_whole(line))
    {
        return Ok(lines);
    }
    let all = digits.concat();
    if all.is_empty() {
        return Err(NotHex::Empty);
    }
    octets(&all)
        .map(|all| vec![all])
        .ok_or(NotHex::Odd(all.len()))
}

/// Whether a text is meant as hexadecimal digits, right or wrong: nothing else is in it but a slip.
pub(crate) fn looks_like(text: &str) -> bool {
    let (mut right, mut wrong) = (0, 0);
    for character in text.chars().filter(|c| !is_between(*c)) {
        if character.is_ascii_hexdigit() {
            right += 1;
        } else {
            wrong += 1;
        }
    }
    right >= 8 && wrong <= 2
}

/// Whether a file holds text, and so digits or nothing that we can read: a packet holds octets that
/// no text has.
pub(crate) fn is_text(text: &str) -> bool {
    text.chars()
        .all(|character| !character.is_control() || character.is_whitespace())
}

fn line_digits(line: &str, number: usize) -> Result<Vec<u8>, NotHex> {
    let mut found = Vec::new();
    let mut characters = line.chars().enumerate().peekable();
    while let Some((column, character)) = characters.next() {
        if character == '0'
            && characters
                .next_if(|(_, next)| matches!(next, 'x' | 'X'))
                .is_some()
        {
            continue;
        }
        match character
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
        {
            Some(digit) => found.push(digit),
            None if is_between(character) => {}
            None => {
                return Err(NotHex::Digit {
                    line: number,
                    column: column + 1,
                    found: character,
                });
            }
        }
    }
    Ok(found)
}

const fn is_between(character: char) -> bool {
    character.is_whitespace() || matches!(character, ':' | '-' | ',' | '\u{feff}')
}

fn octets(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn is_whole(packet: &[u8]) -> bool {
    match packet {
        [_, _, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])) == packet.len(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_spelling_is_read() {
        for text in [
            "01020aff",
            "01 02 0A FF",
            "01:02:0a:ff",
            "0x01020aff\n",
            "01-02\n0a,ff # x",
        ] {
            assert_eq!(packets(text).unwrap(), [[1, 2, 10, 255]], "{text}");
        }
    }

    #[test]
    fn lines_that_are_packets_stay_apart() {
        let line = "0cb30014925f6b66dd5fed571fcb1db7ad388260";
        assert_eq!(packets(&format!("{line}\n\n{line}\n")).unwrap().len(), 2);
        let (head, tail) = line.split_at(20);
        assert_eq!(packets(&format!("{head}\n{tail}")).unwrap().len(), 1);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert_eq!(packets("0102a").unwrap_err(), NotHex::Odd(5));
        assert_eq!(packets(" \n# 01").unwrap_err(), NotHex::Empty);
        let error = packets("0102\n01 g2").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2, column 4: 'g' is no hexadecimal digit"
        );
    }

    #[test]
    fn a_slip_still_looks_like_hexadecimal_digits() {
        assert!(looks_like("0102030405g6"));
        assert!(!looks_like("capture.pcap"));
        assert!(!looks_like("beef"));
    }
}
