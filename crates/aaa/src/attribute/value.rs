use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use portreeve_proto::{
    AttributeList, DataType, Dictionary, Oid,
    attr::{self, Encodes, Reads},
    dictionary::Attribute,
};

use super::line::is_secret;
use crate::{shown::Shown, station::Mac};

/// Why a value does not fit its attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadValue {
    /// Not an address of the kind the attribute holds.
    #[error("the value must be an {0}")]
    Address(&'static str),
    /// The attribute only holds other attributes.
    #[error("the attribute only holds others; give those by their names")]
    Container,
    /// An odd number of digits after `0x`, or something else than digits.
    #[error("after 0x come pairs of hexadecimal digits")]
    Hexadecimal,
    /// More octets than the attribute may have, or not the number it must have.
    #[error("the value has the wrong length")]
    Length,
    /// Longer than any packet.
    #[error("the value is longer than a packet")]
    Long,
    /// Neither a number nor one of the names the dictionary has for this attribute.
    #[error("the value must be a number or one of the names the dictionary has for it")]
    Name,
    /// Quotes that do not end, or an unknown escape.
    #[error("the quotes do not end, or an escape in them is unknown")]
    Quotes,
    /// A number beyond the attribute's range.
    #[error("the number is out of the attribute's range")]
    Range,
    /// Not UTF-8.
    #[error("the value must be UTF-8 text")]
    Text,
}

/// Reads a value as it is written by people: a number or its name in the dictionary, an address, a
/// prefix, text, or `0x` and hexadecimal digits where octets are asked for.
pub fn read(
    dictionary: &Dictionary,
    attribute: &Attribute<'_>,
    value: &[u8],
) -> Result<Vec<u8>, BadValue> {
    let data_type = attribute.spec.data_type;
    if data_type == DataType::Octets {
        let octets = match value.strip_prefix(b"0x") {
            Some(digits) => hexadecimal(digits)?,
            None => value.to_vec(),
        };
        let fits = attribute
            .octets
            .is_none_or(|wanted| usize::from(wanted) == octets.len());
        return if fits {
            Ok(octets)
        } else {
            Err(BadValue::Length)
        };
    }
    let text = str::from_utf8(value).map_err(|_| BadValue::Text)?;
    let number = || number(dictionary, &attribute.spec.oid, text);
    let mut out = Vec::new();
    match data_type {
        DataType::Text => out.extend_from_slice(value),
        DataType::Byte => put::<attr::Byte, u8>(narrow(number()?)?, &mut out),
        DataType::Short => put::<attr::Short, u16>(narrow(number()?)?, &mut out),
        DataType::Integer | DataType::Time => {
            put::<attr::Integer, u32>(narrow(number()?)?, &mut out);
        }
        DataType::Integer64 => put::<attr::Integer64, u64>(number()?, &mut out),
        DataType::Signed => match text.parse::<i32>() {
            Ok(signed) => put::<attr::Signed, i32>(signed, &mut out),
            Err(_) => put::<attr::Signed, i32>(narrow(number()?)?, &mut out),
        },
        DataType::Ipv4 => put::<attr::Ipv4, Ipv4Addr>(address(text, "IPv4 address")?, &mut out),
        DataType::Ipv6 => put::<attr::Ipv6, Ipv6Addr>(address(text, "IPv6 address")?, &mut out),
        DataType::ComboIp => put::<attr::ComboIp, IpAddr>(address(text, "IP address")?, &mut out),
        DataType::Ipv4Prefix => {
            let net = address::<Ipv4Net>(text, "IPv4 prefix")
                .or_else(|why| text.parse::<Ipv4Addr>().map(Ipv4Net::from).map_err(|_| why))?;
            put::<attr::Ipv4Prefix, Ipv4Net>(net, &mut out);
        }
        DataType::Ipv6Prefix => {
            let net = address::<Ipv6Net>(text, "IPv6 prefix")
                .or_else(|why| text.parse::<Ipv6Addr>().map(Ipv6Net::from).map_err(|_| why))?;
            put::<attr::Ipv6Prefix, Ipv6Net>(net, &mut out);
        }
        DataType::Ether => {
            let mac = Mac::parse(text).ok_or(BadValue::Address("Ethernet address"))?;
            out.extend_from_slice(&mac.octets());
        }
        DataType::InterfaceId => {
            let whole = address::<Ipv6Addr>(&format!("::{text}"), "interface id a:b:c:d")?;
            out.extend_from_slice(&whole.octets()[8..]);
        }
        DataType::Octets
        | DataType::Evs
        | DataType::Extended
        | DataType::LongExtended
        | DataType::Tlv
        | DataType::Vsa => return Err(BadValue::Container),
    }
    Ok(out)
}

fn put<K: attr::Kind, V: Encodes<K>>(value: V, out: &mut Vec<u8>) {
    value.encode(out);
}

fn address<T: std::str::FromStr>(text: &str, wanted: &'static str) -> Result<T, BadValue> {
    text.parse().map_err(|_| BadValue::Address(wanted))
}

fn narrow<T: TryFrom<u64>>(number: u64) -> Result<T, BadValue> {
    T::try_from(number).map_err(|_| BadValue::Range)
}

fn number(dictionary: &Dictionary, oid: &Oid, text: &str) -> Result<u64, BadValue> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    match (parsed, dictionary.value_number(oid, text)) {
        (_, Some(number)) | (Ok(number), None) => Ok(number),
        (Err(_), None) if text.bytes().all(|octet| octet.is_ascii_digit()) && !text.is_empty() => {
            Err(BadValue::Range)
        }
        (Err(_), None) => Err(BadValue::Name),
    }
}

fn hexadecimal(digits: &[u8]) -> Result<Vec<u8>, BadValue> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(BadValue::Hexadecimal);
    }
    let nibble = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|nibble| u8::try_from(nibble).ok())
    };
    pairs
        .iter()
        .map(|[high, low]| {
            nibble(*high)
                .zip(nibble(*low))
                .map(|(high, low)| high << 4 | low)
        })
        .collect::<Option<_>>()
        .ok_or(BadValue::Hexadecimal)
}

/// Writes a value for people: `Framed-User`, `192.0.2.1`, text, or `0x` and digits; `(hidden)`
/// where it must not be shown. `octets` are without tag and not hidden.
pub fn show(dictionary: &Dictionary, attribute: &Attribute<'_>, octets: &[u8]) -> Shown {
    if is_secret(attribute) {
        return Shown::from("(hidden)");
    }
    let oid = &attribute.spec.oid;
    let named = |number: u64| match dictionary.value_name(oid, number) {
        Some(name) => name.to_owned(),
        None => number.to_string(),
    };
    let text = match attribute.spec.data_type {
        DataType::Text => return Shown::new(octets),
        DataType::Octets if !octets.is_empty() && octets.iter().all(u8::is_ascii_graphic) => {
            return Shown::new(octets);
        }
        DataType::Byte => attr::Byte::read(octets).map(|number| named(number.into())),
        DataType::Short => attr::Short::read(octets).map(|number| named(number.into())),
        DataType::Integer => attr::Integer::read(octets).map(|number| named(number.into())),
        DataType::Time => attr::Time::read(octets).map(|seconds| seconds.to_string()),
        DataType::Integer64 => attr::Integer64::read(octets).map(named),
        DataType::Signed => attr::Signed::read(octets).map(|number| number.to_string()),
        DataType::Ipv4 => attr::Ipv4::read(octets).map(|address| address.to_string()),
        DataType::Ipv6 => attr::Ipv6::read(octets).map(|address| address.to_string()),
        DataType::ComboIp => attr::ComboIp::read(octets).map(|address| address.to_string()),
        DataType::Ipv4Prefix => attr::Ipv4Prefix::read(octets).map(|net| net.to_string()),
        DataType::Ipv6Prefix => attr::Ipv6Prefix::read(octets).map(|net| net.to_string()),
        _ => None,
    };
    Shown::new(text.unwrap_or_else(|| {
        let digits = octets
            .iter()
            .take(Shown::MAX / 2)
            .map(|octet| format!("{octet:02x}"));
        format!("0x{}", digits.collect::<String>())
    }))
}

/// Attributes for people, one `Name = value` each; hidden values are not shown.
pub fn describe(dictionary: &Dictionary, attributes: &AttributeList) -> Vec<Shown> {
    attributes
        .iter()
        .map(|entry| {
            let mut attribute = dictionary.describe(&entry.spec.oid);
            // What must be hidden stays hidden, whatever the dictionary says of it.
            attribute.spec.hiding = entry.spec.hiding;
            let value = show(dictionary, &attribute, entry.value);
            match entry.tag {
                0 => Shown::sentence(&format!("{} = {value}", attribute.name)),
                tag => Shown::sentence(&format!("{}:{tag} = {value}", attribute.name)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_named(name: &str, value: &str) -> Result<Vec<u8>, BadValue> {
        let dictionary = Dictionary::builtin();
        read(
            dictionary,
            &dictionary.attribute(name).unwrap(),
            value.as_bytes(),
        )
    }

    #[test]
    fn values_are_read_and_shown_by_their_kind() {
        let dictionary = Dictionary::builtin();
        for (name, text, octets) in [
            ("Session-Timeout", "3600", vec![0, 0, 14, 16]),
            ("Service-Type", "Framed-User", vec![0, 0, 0, 2]),
            ("Framed-IP-Address", "192.0.2.7", vec![192, 0, 2, 7]),
            ("Reply-Message", "hello there", b"hello there".to_vec()),
            ("Class", "0x00ff", vec![0, 255]),
            ("Mikrotik-Rate-Limit", "10M/20M", b"10M/20M".to_vec()),
            (
                "Framed-IPv6-Prefix",
                "2001:db8::/32",
                vec![0, 32, 0x20, 1, 0x0d, 0xb8],
            ),
            (
                "Framed-Interface-Id",
                "0:0:0:1",
                vec![0, 0, 0, 0, 0, 0, 0, 1],
            ),
        ] {
            let attribute = dictionary.attribute(name).unwrap();
            assert_eq!(read_named(name, text), Ok(octets.clone()), "{name}");
            if name != "Framed-Interface-Id" {
                assert_eq!(show(dictionary, &attribute, &octets).as_str(), text);
            }
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        for (name, text, why) in [
            ("Session-Timeout", "4294967296", BadValue::Range),
            ("Session-Timeout", "", BadValue::Name),
            (
                "Session-Timeout",
                "99999999999999999999999",
                BadValue::Range,
            ),
            (
                "Framed-IP-Address",
                "2001:db8::1",
                BadValue::Address("IPv4 address"),
            ),
            ("Class", "0x0", BadValue::Hexadecimal),
            ("Class", "0xzz", BadValue::Hexadecimal),
            ("Vendor-Specific", "0x00", BadValue::Container),
        ] {
            assert_eq!(read_named(name, text), Err(why), "{name}={text}");
        }
    }

    #[test]
    fn hidden_values_are_described_without_their_value() {
        let list = AttributeList::new().with(attr::TUNNEL_PASSWORD, (1, "opensesame"));
        let shown = describe(Dictionary::builtin(), &list);
        assert_eq!(shown[0].as_str(), "Tunnel-Password:1 = (hidden)");
    }
}
