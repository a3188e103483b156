//! The words of a dictionary line: numbers, types, flags.

use super::Fault;
use crate::{DataType, Hiding, Oid, VendorFormat};

/// The words of a line without its comment; a `#` inside double quotes is no comment.
pub(super) fn words(line: &str) -> Vec<&str> {
    let mut quoted = false;
    let end = line
        .bytes()
        .position(|octet| {
            quoted ^= octet == b'"';
            octet == b'#' && !quoted
        })
        .unwrap_or(line.len());
    line[..end].split_whitespace().collect()
}

/// An unsigned number, decimal or `0x` hexadecimal.
pub(super) fn unsigned(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // `from_str_radix` alone would take a sign.
    let plain = digits.chars().all(|digit| digit.is_digit(radix));
    plain
        .then(|| u64::from_str_radix(digits, radix).ok())
        .flatten()
}

/// The parts of a dotted number.
pub(super) fn number_parts(text: &str) -> Result<Vec<u32>, Fault> {
    let parts: Vec<u32> = text
        .split('.')
        .take(Oid::MAX_PARTS + 1)
        .map(|part| {
            unsigned(part)
                .and_then(|number| u32::try_from(number).ok())
                .ok_or_else(|| Fault::Number {
                    number: text.to_owned(),
                    min: 0,
                    max: u32::MAX.into(),
                })
        })
        .collect::<Result<_, _>>()?;
    if parts.len() > Oid::MAX_PARTS {
        return Err(Fault::Depth {
            number: text.to_owned(),
        });
    }
    Ok(parts)
}

/// `t,l` or `t,l,c`.
pub(super) fn vendor_format(text: &str) -> Result<VendorFormat, Fault> {
    let parts: Vec<&str> = text.split(',').collect();
    let (sizes, continuation) = match parts[..] {
        [kind, length] => ((kind, length), false),
        [kind, length, "c"] => ((kind, length), true),
        _ => (("", ""), false),
    };
    let (type_octets, length_octets) = match sizes {
        (kind @ ("1" | "2" | "4"), length @ ("0" | "1" | "2")) => {
            (kind.as_bytes()[0] - b'0', length.as_bytes()[0] - b'0')
        }
        _ => {
            return Err(Fault::Format {
                text: text.to_owned(),
            });
        }
    };
    Ok(VendorFormat {
        type_octets,
        length_octets,
        continuation,
    })
}

/// A data type as a dictionary names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeWord {
    pub(super) data_type: DataType,
    /// The fixed length of `octets[N]`.
    pub(super) octets: Option<u16>,
}

pub(super) fn data_type(word: &str) -> Result<TypeWord, Fault> {
    let unknown = || Fault::UnknownType {
        name: word.to_owned(),
    };
    let lower = word.to_ascii_lowercase();
    let (name, length) = match lower.split_once('[') {
        Some((name, rest)) => {
            let length: u16 = rest
                .strip_suffix(']')
                .and_then(|length| length.parse().ok())
                .ok_or_else(unknown)?;
            (name, Some(length))
        }
        None => (&*lower, None),
    };
    let data_type = match name {
        "bool" | "byte" | "uint8" => DataType::Byte,
        "combo-ip" | "comboip" => DataType::ComboIp,
        "date" | "time" => DataType::Time,
        "ether" => DataType::Ether,
        "evs" => DataType::Evs,
        "extended" => DataType::Extended,
        "ifid" => DataType::InterfaceId,
        "integer" | "uint32" | "time_delta" | "enum" => DataType::Integer,
        "integer64" | "uint64" => DataType::Integer64,
        "ipaddr" | "ipv4addr" => DataType::Ipv4,
        "ipv4prefix" => DataType::Ipv4Prefix,
        "ipv6addr" => DataType::Ipv6,
        "ipv6prefix" => DataType::Ipv6Prefix,
        "long-extended" | "long_extended" => DataType::LongExtended,
        "short" | "uint16" => DataType::Short,
        "signed" | "int32" => DataType::Signed,
        "string" | "text" => DataType::Text,
        "tlv" => DataType::Tlv,
        "vsa" => DataType::Vsa,
        // Forms that are kept as octets: Ascend's binary filters, and what only other protocols
        // use.
        "abinary" | "octets" | "struct" | "group" | "union" | "bit" | "vendor" | "combo-prefix"
        | "int8" | "int16" | "int64" | "float" | "float32" | "float64" | "uint24" | "size"
        | "attribute" | "void" => DataType::Octets,
        _ => return Err(unknown()),
    };
    let octets = length.filter(|_| name == "octets");
    if length.is_some() && !matches!(name, "octets" | "string" | "struct" | "bit" | "union") {
        return Err(unknown());
    }
    Ok(TypeWord { data_type, octets })
}

/// What the words after the type say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of its own in a dictionary"
)]
pub(super) struct Flags {
    pub(super) tagged: bool,
    pub(super) hiding: Hiding,
    pub(super) concat: bool,
    pub(super) array: bool,
    pub(super) secret: bool,
    pub(super) internal: bool,
    pub(super) extended: bool,
    pub(super) long_extended: bool,
}

/// Reads the flags; several may share a word, separated by commas.
pub(super) fn flags(words: &[&str]) -> Result<Flags, Fault> {
    let mut flags = Flags::default();
    for flag in words.iter().flat_map(|word| word.split(',')) {
        let lower = flag.to_ascii_lowercase();
        match &*lower {
            "" | "encrypt=0" => {}
            "has_tag" => flags.tagged = true,
            "concat" => flags.concat = true,
            "array" => flags.array = true,
            "secret" => flags.secret = true,
            "internal" => flags.internal = true,
            "extended" => flags.extended = true,
            "long" | "long_extended" | "long-extended" => flags.long_extended = true,
            "encrypt=1" | "encrypt=user-password" => flags.hiding = Hiding::UserPassword,
            "encrypt=2" | "encrypt=tunnel-password" => flags.hiding = Hiding::Salted,
            "encrypt=3" | "encrypt=ascend-secret" | "encrypt=ascend-send-secret" => {
                flags.hiding = Hiding::Ascend;
            }
            other if is_ignored(other) => {}
            _ => {
                return Err(Fault::UnknownFlag {
                    flag: flag.to_owned(),
                });
            }
        }
    }
    flags.secret |= flags.hiding != Hiding::None;
    Ok(flags)
}

/// Flags that say nothing about how RADIUS carries the attribute.
fn is_ignored(flag: &str) -> bool {
    const WITH_VALUE: &[&str] = &[
        "bits",
        "clone",
        "enum",
        "flat",
        "format",
        "key",
        "length",
        "max",
        "min",
        "offset",
        "parent",
        "precision",
        "prefix",
        "protocol",
        "ref",
        "subtype",
        "uses",
    ];
    const ALONE: &[&str] = &[
        "abinary",
        "compressed",
        "counter",
        "dns_label",
        "encode=dns_label",
        "evs",
        "exists",
        "header",
        "key",
        "leaf",
        "no_hex",
        "option",
        "oid",
        "partial",
        "raw",
        "root",
        "uncompressed",
        "unsafe",
        "virtual",
        "is_unknown",
        "allow_flat",
        "nested",
        "hexdump",
        "option_ref",
    ];
    match flag.split_once('=') {
        Some((name, _)) => WITH_VALUE.contains(&name),
        None => ALONE.contains(&flag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_end_a_line_except_inside_quotes() {
        assert_eq!(
            words("  VALUE\tA  \"b#c\" 1 # x"),
            ["VALUE", "A", "\"b#c\"", "1"]
        );
        assert!(words("# only").is_empty());
    }

    #[test]
    fn types_have_many_spellings() {
        for (word, expected) in [
            ("String", DataType::Text),
            ("UINT32", DataType::Integer),
            ("ipv4addr", DataType::Ipv4),
            ("abinary", DataType::Octets),
            ("long-extended", DataType::LongExtended),
            ("bool", DataType::Byte),
            ("struct", DataType::Octets),
        ] {
            assert_eq!(data_type(word).unwrap().data_type, expected, "{word}");
        }
        assert_eq!(data_type("octets[50]").unwrap().octets, Some(50));
        for word in [
            "",
            "strng",
            "octets[",
            "octets[x]",
            "octets[-1]",
            "integer[4]",
        ] {
            assert!(data_type(word).is_err(), "{word}");
        }
    }

    #[test]
    fn formats_are_those_in_use() {
        for text in ["1,1", "2,1", "2,2", "4,0", "4,1", "1,1,c"] {
            vendor_format(text).unwrap();
        }
        for text in ["", "1", "3,1", "1,3", "1,1,d", "1,1,c,c", "a,b"] {
            assert!(vendor_format(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(unsigned("0x06300001"), Some(0x0630_0001));
        assert_eq!(unsigned("18446744073709551615"), Some(u64::MAX));
        for text in ["", "0x", "+1", "-1", "1_0", "0x+1", "18446744073709551616"] {
            assert_eq!(unsigned(text), None, "{text}");
        }
        assert_eq!(number_parts("28.11.5.1").unwrap(), [28, 11, 5, 1]);
        assert!(matches!(
            number_parts(&"1.".repeat(40)),
            Err(Fault::Number { .. } | Fault::Depth { .. })
        ));
    }

    #[test]
    fn flags_share_a_word_or_stand_apart() {
        let both = flags(&["has_tag,encrypt=2"]).unwrap();
        assert_eq!(
            both,
            flags(&["has_tag", "encrypt=Tunnel-Password"]).unwrap()
        );
        assert!(both.tagged && both.secret && both.hiding == Hiding::Salted);
        assert!(flags(&["has_tags"]).is_err());
        assert!(flags(&["encrypt=4"]).is_err());
    }
}
