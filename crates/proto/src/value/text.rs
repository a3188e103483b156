//! Values from text, and text made safe to show.

use std::fmt;

use super::{Value, date};
use crate::DataType;

/// Why a text is no value of its data type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ValueError {
    /// Not an address of the right family.
    #[error("not an IP address of the kind expected here")]
    Address,
    /// Neither seconds since 1970 nor a date, or before 1970 or after February 2106.
    #[error("not a time; write 2026-01-31T12:00:00Z or seconds since 1970")]
    Date,
    /// A backslash with nothing known after it.
    #[error("unknown escape; known are \\n \\r \\t \\\\ \\\" \\' \\x41 \\101 \\u{{41}}")]
    Escape,
    /// Not an Ethernet address.
    #[error("not an Ethernet address such as 00:11:22:33:44:55")]
    Ether,
    /// `0x` with an odd number of digits after it, or with something that is no digit.
    #[error("after 0x there must be an even number of hexadecimal digits")]
    Hex,
    /// Not an interface identifier.
    #[error("not an interface identifier such as 0011:2233:4455:6677")]
    InterfaceId,
    /// `0x` with octets that the type cannot be.
    #[error("these octets are no value of this type")]
    Length,
    /// Neither a number nor the name of a value.
    #[error("neither a number nor a named value of this attribute")]
    Name,
    /// Not a prefix.
    #[error("not a prefix such as 192.0.2.0/24 or 2001:db8::/32")]
    Prefix,
    /// Bits set beyond the length of the prefix.
    #[error("the address has bits set beyond the length of the prefix")]
    PrefixBits,
    /// Text that starts with a quote but does not end with it.
    #[error("the closing quote is missing, or something follows it")]
    Quote,
    /// A number outside what the type holds.
    #[error("the number is outside {min} to {max}")]
    Range {
        /// The least the type holds.
        min: i64,
        /// The most.
        max: u64,
    },
    /// Escapes that together are no UTF-8.
    #[error("the text is not UTF-8; this attribute holds text")]
    Utf8,
    /// A container, whose content can only be given as octets.
    #[error("this attribute contains others; give its content as 0x.. or set those")]
    Container,
}

pub(super) fn parse(
    data_type: DataType,
    text: &str,
    values: &dyn Fn(&str) -> Option<u64>,
) -> Result<Value, ValueError> {
    let text = text.trim();
    if data_type == DataType::Text {
        let octets = unquote(text)?;
        return String::from_utf8(octets)
            .map(Value::Text)
            .map_err(|_| ValueError::Utf8);
    }
    if let Some((min, max)) = limits(data_type) {
        return number(data_type, &plain(text)?, values, min, max);
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let octets = hex(digits).ok_or(ValueError::Hex)?;
        let fits = Value::read(data_type, &octets);
        return fits.ok_or(ValueError::Length);
    }
    if data_type == DataType::Octets {
        return unquote(text).map(Value::Octets);
    }
    form(data_type, &plain(text)?)
}

/// Writes text without what a terminal would obey: control characters, and characters that change
/// the direction of writing or show nothing, become escapes that [`Value::parse`] understands; so
/// do the double quote and the backslash.
pub fn escape(text: &str, out: &mut impl fmt::Write) -> fmt::Result {
    for letter in text.chars() {
        match letter {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            letter if is_unsafe(letter) => write!(out, "\\u{{{:x}}}", u32::from(letter))?,
            letter => out.write_char(letter)?,
        }
    }
    Ok(())
}

fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The least and the most of a type whose values may have names.
fn limits(data_type: DataType) -> Option<(i64, u64)> {
    match data_type {
        DataType::Byte => Some((0, u8::MAX.into())),
        DataType::Short => Some((0, u16::MAX.into())),
        DataType::Integer => Some((0, u32::MAX.into())),
        DataType::Integer64 => Some((0, u64::MAX)),
        DataType::Signed => Some((i32::MIN.into(), i32::MAX.cast_unsigned().into())),
        _ => None,
    }
}

fn number(
    data_type: DataType,
    text: &str,
    values: &dyn Fn(&str) -> Option<u64>,
    min: i64,
    max: u64,
) -> Result<Value, ValueError> {
    let range = ValueError::Range { min, max };
    if data_type == DataType::Signed {
        let value = if let Some(named) = values(text) {
            // A dictionary holds them as they stand on the wire.
            u32::try_from(named).map_err(|_| range)?.cast_signed()
        } else {
            let value = signed(text).ok_or(ValueError::Name)?;
            i32::try_from(value).map_err(|_| range)?
        };
        return Ok(Value::Signed(value));
    }
    let value = match unsigned(text) {
        Some(value) => value,
        None => values(text).map(u128::from).ok_or(ValueError::Name)?,
    };
    let value = u64::try_from(value)
        .ok()
        .filter(|value| *value <= max)
        .ok_or(range)?;
    let fitted = match data_type {
        DataType::Byte => u8::try_from(value).map(Value::Byte),
        DataType::Short => u16::try_from(value).map(Value::Short),
        DataType::Integer => u32::try_from(value).map(Value::Integer),
        _ => Ok(Value::Integer64(value)),
    };
    fitted.map_err(|_| range)
}

/// A number of any size, decimal or `0x`; beyond 128 bits it counts as the largest of them.
fn unsigned(text: &str) -> Option<u128> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    Some(u128::from_str_radix(digits, radix).unwrap_or(u128::MAX))
}

fn signed(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = i128::try_from(unsigned(digits)?).unwrap_or(i128::MAX);
    Some(if negative { -value } else { value })
}

/// The types with a form of their own.
fn form(data_type: DataType, text: &str) -> Result<Value, ValueError> {
    match data_type {
        DataType::Time => match unsigned(text) {
            Some(seconds) => u32::try_from(seconds).ok(),
            None => date::parse(text),
        }
        .map(Value::Time)
        .ok_or(ValueError::Date),
        DataType::Ipv4 => text
            .parse()
            .map(Value::Ipv4)
            .map_err(|_| ValueError::Address),
        DataType::Ipv6 => text
            .parse()
            .map(Value::Ipv6)
            .map_err(|_| ValueError::Address),
        DataType::ComboIp => text
            .parse()
            .map(Value::Ipv4)
            .or_else(|_| text.parse().map(Value::Ipv6))
            .map_err(|_| ValueError::Address),
        DataType::Ipv4Prefix => {
            let net: ipnet::Ipv4Net = with_length(text, "/32")
                .parse()
                .map_err(|_| ValueError::Prefix)?;
            let clean = net.trunc() == net;
            clean
                .then_some(Value::Ipv4Prefix(net))
                .ok_or(ValueError::PrefixBits)
        }
        DataType::Ipv6Prefix => {
            let net: ipnet::Ipv6Net = with_length(text, "/128")
                .parse()
                .map_err(|_| ValueError::Prefix)?;
            let clean = net.trunc() == net;
            clean
                .then_some(Value::Ipv6Prefix(net))
                .ok_or(ValueError::PrefixBits)
        }
        DataType::Ether => ether(text).map(Value::Ether).ok_or(ValueError::Ether),
        DataType::InterfaceId => interface_id(text)
            .map(Value::InterfaceId)
            .ok_or(ValueError::InterfaceId),
        _ => Err(ValueError::Container),
    }
}

fn with_length(text: &str, length: &str) -> String {
    let length = if text.contains('/') { "" } else { length };
    [text, length].concat()
}

/// `00:11:22:33:44:55`, `00-11-22-33-44-55`, `0011.2233.4455`, `001122334455`.
fn ether(text: &str) -> Option<[u8; 6]> {
    let group = match text.find([':', '-', '.']) {
        None => text.len(),
        Some(at) => at,
    };
    if !matches!(group, 2 | 4 | 12) {
        return None;
    }
    let separator = text.get(group..=group).unwrap_or("\0");
    let mut digits = String::new();
    for part in text.split(separator) {
        if part.len() != group {
            return None;
        }
        digits += part;
    }
    hex(&digits)?.try_into().ok()
}

fn interface_id(text: &str) -> Option<[u8; 8]> {
    let mut id = [0; 8];
    let mut parts = text.split(':');
    for place in id.chunks_mut(2) {
        let part = parts.next().filter(|part| (1..=4).contains(&part.len()))?;
        let plain = part.bytes().all(|octet| octet.is_ascii_hexdigit());
        let part = plain
            .then(|| u16::from_str_radix(part, 16).ok())
            .flatten()?;
        place.copy_from_slice(&part.to_be_bytes());
    }
    parts.next().is_none().then_some(id)
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?))
        .collect()
}

fn nibble(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Text that may stand in quotes, for types whose values hold none.
fn plain(text: &str) -> Result<String, ValueError> {
    String::from_utf8(unquote(text)?).map_err(|_| ValueError::Utf8)
}

/// What a text in quotes stands for; without quotes it stands for itself.
fn unquote(text: &str) -> Result<Vec<u8>, ValueError> {
    let Some(quote) = text
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))
    else {
        return Ok(text.as_bytes().to_vec());
    };
    let mut octets = Vec::with_capacity(text.len());
    let mut letters = text[1..].chars();
    loop {
        match letters.next().ok_or(ValueError::Quote)? {
            letter if letter == quote => break,
            '\\' => escaped(&mut letters, &mut octets)?,
            letter => push(letter, &mut octets),
        }
    }
    if letters.next().is_some() {
        return Err(ValueError::Quote);
    }
    Ok(octets)
}

fn push(letter: char, octets: &mut Vec<u8>) {
    octets.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Reads what follows a backslash.
fn escaped(letters: &mut std::str::Chars<'_>, octets: &mut Vec<u8>) -> Result<(), ValueError> {
    match letters.next().ok_or(ValueError::Quote)? {
        'n' => octets.push(b'\n'),
        'r' => octets.push(b'\r'),
        't' => octets.push(b'\t'),
        letter @ ('\\' | '"' | '\'') => push(letter, octets),
        'x' => octets.push(code(letters, 16, 2)?),
        first @ '0'..='3' => {
            let high = first.to_digit(8).unwrap_or_default();
            let low = u32::from(code(letters, 8, 2)?);
            octets.push(u8::try_from(high * 64 + low).map_err(|_| ValueError::Escape)?);
        }
        'u' => {
            let rest = letters
                .as_str()
                .strip_prefix('{')
                .ok_or(ValueError::Escape)?;
            let (digits, rest) = rest.split_once('}').ok_or(ValueError::Escape)?;
            let plain = digits.len() <= 6 && digits.bytes().all(|octet| octet.is_ascii_hexdigit());
            let number = u32::from_str_radix(digits, 16).ok().filter(|_| plain);
            let letter = number.and_then(char::from_u32).ok_or(ValueError::Escape)?;
            push(letter, octets);
            *letters = rest.chars();
        }
        _ => return Err(ValueError::Escape),
    }
    Ok(())
}

fn code(letters: &mut std::str::Chars<'_>, radix: u32, digits: usize) -> Result<u8, ValueError> {
    let mut value = 0;
    for _ in 0..digits {
        let digit = letters.next().and_then(|letter| letter.to_digit(radix));
        value = value * radix + digit.ok_or(ValueError::Escape)?;
    }
    u8::try_from(value).map_err(|_| ValueError::Escape)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [DataType; 20] = [
        DataType::Byte,
        DataType::ComboIp,
        DataType::Ether,
        DataType::Evs,
        DataType::Extended,
        DataType::Integer,
        DataType::Integer64,
        DataType::InterfaceId,
        DataType::Ipv4,
        DataType::Ipv4Prefix,
        DataType::Ipv6,
        DataType::Ipv6Prefix,
        DataType::LongExtended,
        DataType::Octets,
        DataType::Short,
        DataType::Signed,
        DataType::Text,
        DataType::Time,
        DataType::Tlv,
        DataType::Vsa,
    ];

    fn names(name: &str) -> Option<u64> {
        match name {
            "Framed-User" => Some(2),
            "Large" => Some(300),
            "Minus" => Some(0xffff_ffff),
            _ => None,
        }
    }

    fn parsed(data_type: DataType, text: &str) -> Result<Value, ValueError> {
        parse(data_type, text, &names)
    }

    #[test]
    fn every_spelling_is_understood() {
        let mac = Value::Ether([0, 0x11, 0x22, 0x33, 0x44, 0xff]);
        for (data_type, text, value) in [
            (DataType::Integer, "Framed-User", Value::Integer(2)),
            (DataType::Integer, "\"Framed-User\"", Value::Integer(2)),
            (DataType::Integer, " 0x10 ", Value::Integer(16)),
            (DataType::Signed, "-5", Value::Signed(-5)),
            (DataType::Signed, "Minus", Value::Signed(-1)),
            (
                DataType::Integer64,
                "18446744073709551615",
                Value::Integer64(u64::MAX),
            ),
            (DataType::Ether, "00:11:22:33:44:FF", mac.clone()),
            (DataType::Ether, "00-11-22-33-44-ff", mac.clone()),
            (DataType::Ether, "0011.2233.44ff", mac.clone()),
            (DataType::Ether, "0011223344ff", mac.clone()),
            (DataType::Ether, "0x0011223344ff", mac),
            (DataType::Octets, "0x00fF", Value::Octets(vec![0, 255])),
            (
                DataType::Octets,
                "\"a\\x00b\"",
                Value::Octets(vec![b'a', 0, b'b']),
            ),
            (DataType::Octets, "staff", Value::Octets(b"staff".to_vec())),
            (DataType::Octets, "0x", Value::Octets(vec![])),
            (
                DataType::Text,
                "plain words",
                Value::Text("plain words".into()),
            ),
            (DataType::Text, "0x41", Value::Text("0x41".into())),
            (DataType::Text, "'it\\'s'", Value::Text("it's".into())),
            (
                DataType::Text,
                r#""\101\x42\u{43}\n""#,
                Value::Text("ABC\n".into()),
            ),
            (DataType::Text, r#""\xc3\xa9""#, Value::Text("é".into())),
            (
                DataType::Ipv4Prefix,
                "10.0.0.1",
                Value::Ipv4Prefix("10.0.0.1/32".parse().unwrap()),
            ),
            (
                DataType::Ipv6Prefix,
                "2001:db8::/32",
                Value::Ipv6Prefix("2001:db8::/32".parse().unwrap()),
            ),
            (
                DataType::InterfaceId,
                "1:2:3:ffff",
                Value::InterfaceId([0, 1, 0, 2, 0, 3, 255, 255]),
            ),
            (
                DataType::Ipv4,
                "0x0a000001",
                Value::Ipv4([10, 0, 0, 1].into()),
            ),
            (DataType::Tlv, "0x0104", Value::Octets(vec![1, 4])),
        ] {
            assert_eq!(parsed(data_type, text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_reason() {
        let range = |min, max| ValueError::Range { min, max };
        for (data_type, text, error) in [
            (DataType::Ipv4, "2001:db8::1", ValueError::Address),
            (DataType::Ipv6, "192.0.2.1", ValueError::Address),
            (DataType::ComboIp, "host", ValueError::Address),
            (DataType::Time, "yesterday", ValueError::Date),
            (DataType::Time, "4294967296", ValueError::Date),
            (DataType::Text, r#""\q""#, ValueError::Escape),
            (DataType::Text, r#""\u{d800}""#, ValueError::Escape),
            (DataType::Text, r#""\u{+41}""#, ValueError::Escape),
            (DataType::Text, r#""\x4""#, ValueError::Escape),
            (DataType::Ether, "00:11:22:33:44", ValueError::Ether),
            (DataType::Ether, "00:11:22:33:44:5g", ValueError::Ether),
            (DataType::Octets, "0x123", ValueError::Hex),
            (DataType::Octets, "0xzz", ValueError::Hex),
            (DataType::InterfaceId, "1:2:3", ValueError::InterfaceId),
            (DataType::InterfaceId, "1:2:3:+4", ValueError::InterfaceId),
            (DataType::Ipv4, "0x0a00", ValueError::Length),
            (DataType::Integer, "Framed", ValueError::Name),
            (DataType::Integer, "", ValueError::Name),
            (DataType::Integer, "-1", ValueError::Name),
            (DataType::Ipv4Prefix, "10.0.0.0/33", ValueError::Prefix),
            (DataType::Ipv6Prefix, "x", ValueError::Prefix),
            (DataType::Ipv4Prefix, "10.0.0.1/8", ValueError::PrefixBits),
            (
                DataType::Ipv6Prefix,
                "2001:db8::1/32",
                ValueError::PrefixBits,
            ),
            (DataType::Text, "\"open", ValueError::Quote),
            (DataType::Text, "\"a\" b", ValueError::Quote),
            (DataType::Text, "\"a\\", ValueError::Quote),
            (DataType::Byte, "Large", range(0, 255)),
            (DataType::Integer, "4294967296", range(0, 4_294_967_295)),
            (DataType::Integer, &"9".repeat(99), range(0, 4_294_967_295)),
            (
                DataType::Signed,
                "2147483648",
                range(-2_147_483_648, 2_147_483_647),
            ),
            (DataType::Text, r#""\xff""#, ValueError::Utf8),
            (DataType::Tlv, "words", ValueError::Container),
        ] {
            assert_eq!(parsed(data_type, text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let mut shown = String::new();
        escape("a\u{1b}[31m\u{202e}\"b\\\r\n\u{9b}\u{200b}é", &mut shown).unwrap();
        assert_eq!(shown, r#"a\u{1b}[31m\u{202e}\"b\\\r\n\u{9b}\u{200b}é"#);
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "\\PC{0,40}|[\"'\\\\xu{}0-9a-f:./-]{0,40}") {
            for data_type in ALL {
                if let Ok(value) = parsed(data_type, &text) {
                    prop_assert_eq!(parsed(data_type, &value.to_string()), Ok(value));
                }
            }
        }
    }
}
