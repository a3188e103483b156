//! A value whose type is known only at run time.

mod date;
mod text;

use std::{
    fmt::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{Ipv4Net, Ipv6Net};
pub use text::{ValueError, escape};

use crate::{
    DataType, Spec,
    attr::{self, Encodes, MAX_TAG, Reads},
};

/// A value of one of the data types of RFC 8044, owned.
///
/// Shown as it is parsed: numbers in decimal, text in quotes with what is not printable escaped,
/// octets as `0x` and hexadecimal digits, times as `2026-01-31T12:00:00Z`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// One octet, unsigned.
    Byte(u8),
    /// An Ethernet address.
    Ether([u8; 6]),
    /// 4 octets, unsigned.
    Integer(u32),
    /// 8 octets, unsigned.
    Integer64(u64),
    /// An interface identifier.
    InterfaceId([u8; 8]),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv4 prefix; bits beyond its length are not sent.
    Ipv4Prefix(Ipv4Net),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// An IPv6 prefix; bits beyond its length are not sent.
    Ipv6Prefix(Ipv6Net),
    /// Octets without further form, and whatever does not fit its data type.
    Octets(Vec<u8>),
    /// 2 octets, unsigned.
    Short(u16),
    /// 4 octets, two's complement.
    Signed(i32),
    /// UTF-8 text.
    Text(String),
    /// Seconds since 1970.
    Time(u32),
}

impl Value {
    /// Reads a value as it stands on the wire, after unhiding and without its tag. Octets that do
    /// not fit the type, an "invalid attribute" of RFC 8044 section 1.2, come back as
    /// [`Value::Octets`].
    pub fn decode(data_type: DataType, octets: &[u8]) -> Self {
        Self::read(data_type, octets).unwrap_or_else(|| Self::Octets(octets.to_vec()))
    }

    /// As [`Value::decode`], for an attribute that may carry a tag in front of its value: the first
    /// of the four octets of a number, or an octet from 1 to 31 before text and octets (RFC 2868
    /// section 3). Gives the tag where there is one.
    pub fn decode_tagged(spec: &Spec, octets: &[u8]) -> (Option<u8>, Self) {
        match (spec.tagged, spec.data_type) {
            (true, DataType::Integer) => match <attr::Tagged<attr::Integer>>::read(octets) {
                Some((tag, value)) => (Some(tag), Self::Integer(value)),
                None => (None, Self::Octets(octets.to_vec())),
            },
            (true, data_type @ (DataType::Text | DataType::Octets)) => match octets {
                [tag @ 1..=MAX_TAG, value @ ..] => (Some(*tag), Self::decode(data_type, value)),
                value => (None, Self::decode(data_type, value)),
            },
            (_, data_type) => (None, Self::decode(data_type, octets)),
        }
    }

    /// Appends the value as it stands on the wire, before hiding and without a tag.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Byte(value) => Encodes::<attr::Byte>::encode(value, out),
            Self::Ether(value) => Encodes::<attr::Ether>::encode(value, out),
            Self::Integer(value) => Encodes::<attr::Integer>::encode(value, out),
            Self::Integer64(value) => Encodes::<attr::Integer64>::encode(value, out),
            Self::InterfaceId(value) => Encodes::<attr::InterfaceId>::encode(value, out),
            Self::Ipv4(value) => Encodes::<attr::Ipv4>::encode(value, out),
            Self::Ipv4Prefix(value) => Encodes::<attr::Ipv4Prefix>::encode(value, out),
            Self::Ipv6(value) => Encodes::<attr::Ipv6>::encode(value, out),
            Self::Ipv6Prefix(value) => Encodes::<attr::Ipv6Prefix>::encode(value, out),
            Self::Octets(value) => Encodes::<attr::Octets>::encode(&value.as_slice(), out),
            Self::Short(value) => Encodes::<attr::Short>::encode(value, out),
            Self::Signed(value) => Encodes::<attr::Signed>::encode(value, out),
            Self::Text(value) => Encodes::<attr::Text>::encode(&value.as_str(), out),
            Self::Time(value) => Encodes::<attr::Time>::encode(value, out),
        }
    }

    /// Reads a value from text; `values` gives the numbers of a dictionary's named values.
    ///
    /// Numbers are decimal or `0x`; text and octets may stand in quotes, with `\n`, `\t`, `\"`,
    /// `\x41`, `\101` and `\u{41}` understood; octets may be `0x` and hexadecimal digits; times are
    /// seconds since 1970 or a date such as `2026-01-31`, `2026-01-31T12:00:00Z`; a prefix without
    /// a length is a single address; every type but numbers and text also takes `0x` and the octets
    /// of the wire.
    ///
    /// # Errors
    /// Says what does not fit; nothing is cut off or rounded.
    pub fn parse(
        data_type: DataType,
        text: &str,
        values: &dyn Fn(&str) -> Option<u64>,
    ) -> Result<Self, ValueError> {
        text::parse(data_type, text, values)
    }

    /// The value as a number, where it is one that dictionaries name.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Byte(value) => Some((*value).into()),
            Self::Short(value) => Some((*value).into()),
            Self::Integer(value) => Some((*value).into()),
            Self::Integer64(value) => Some(*value),
            Self::Signed(value) => Some(value.cast_unsigned().into()),
            _ => None,
        }
    }

    fn read(data_type: DataType, octets: &[u8]) -> Option<Self> {
        match data_type {
            DataType::Byte => attr::Byte::read(octets).map(Self::Byte),
            DataType::ComboIp => attr::ComboIp::read(octets).map(|address| match address {
                IpAddr::V4(address) => Self::Ipv4(address),
                IpAddr::V6(address) => Self::Ipv6(address),
            }),
            DataType::Ether => attr::Ether::read(octets).map(Self::Ether),
            DataType::Integer => attr::Integer::read(octets).map(Self::Integer),
            DataType::Integer64 => attr::Integer64::read(octets).map(Self::Integer64),
            DataType::InterfaceId => attr::InterfaceId::read(octets).map(Self::InterfaceId),
            DataType::Ipv4 => attr::Ipv4::read(octets).map(Self::Ipv4),
            DataType::Ipv4Prefix => attr::Ipv4Prefix::read(octets).map(Self::Ipv4Prefix),
            DataType::Ipv6 => attr::Ipv6::read(octets).map(Self::Ipv6),
            DataType::Ipv6Prefix => attr::Ipv6Prefix::read(octets).map(Self::Ipv6Prefix),
            DataType::Short => attr::Short::read(octets).map(Self::Short),
            DataType::Signed => attr::Signed::read(octets).map(Self::Signed),
            DataType::Text => attr::Text::read(octets).map(|text| Self::Text(text.to_owned())),
            DataType::Time => attr::Time::read(octets).map(Self::Time),
            DataType::Evs
            | DataType::Extended
            | DataType::LongExtended
            | DataType::Octets
            | DataType::Tlv
            | DataType::Vsa => Some(Self::Octets(octets.to_vec())),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(value) => write!(f, "{value}"),
            Self::Ether(octets) => groups(octets, 1, f),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Integer64(value) => write!(f, "{value}"),
            Self::InterfaceId(octets) => groups(octets, 2, f),
            Self::Ipv4(value) => write!(f, "{value}"),
            Self::Ipv4Prefix(value) => write!(f, "{value}"),
            Self::Ipv6(value) => write!(f, "{value}"),
            Self::Ipv6Prefix(value) => write!(f, "{value}"),
            Self::Octets(value) => {
                f.write_str("0x")?;
                value.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
            Self::Short(value) => write!(f, "{value}"),
            Self::Signed(value) => write!(f, "{value}"),
            Self::Text(value) => {
                f.write_char('"')?;
                escape(value, f)?;
                f.write_char('"')
            }
            Self::Time(value) => date::write(*value, f),
        }
    }
}

/// Hexadecimal digits with a colon between groups of `size` octets.
fn groups(octets: &[u8], size: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, octet) in octets.iter().enumerate() {
        if index > 0 && index % size == 0 {
            f.write_char(':')?;
        }
        write!(f, "{octet:02x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = (DataType, Value)> {
        prop_oneof![
            any::<u8>().prop_map(|x| (DataType::Byte, Value::Byte(x))),
            any::<u16>().prop_map(|x| (DataType::Short, Value::Short(x))),
            any::<u32>().prop_map(|x| (DataType::Integer, Value::Integer(x))),
            any::<u64>().prop_map(|x| (DataType::Integer64, Value::Integer64(x))),
            any::<i32>().prop_map(|x| (DataType::Signed, Value::Signed(x))),
            any::<u32>().prop_map(|x| (DataType::Time, Value::Time(x))),
            any::<[u8; 6]>().prop_map(|x| (DataType::Ether, Value::Ether(x))),
            any::<[u8; 8]>().prop_map(|x| (DataType::InterfaceId, Value::InterfaceId(x))),
            any::<Ipv4Addr>().prop_map(|x| (DataType::Ipv4, Value::Ipv4(x))),
            any::<Ipv6Addr>().prop_map(|x| (DataType::Ipv6, Value::Ipv6(x))),
            any::<Ipv4Addr>().prop_map(|x| (DataType::ComboIp, Value::Ipv4(x))),
            any::<Ipv6Addr>().prop_map(|x| (DataType::ComboIp, Value::Ipv6(x))),
            (any::<Ipv4Addr>(), 0..=32_u8).prop_map(|(address, len)| {
                let net = Ipv4Net::new(address, len).unwrap().trunc();
                (DataType::Ipv4Prefix, Value::Ipv4Prefix(net))
            }),
            (any::<Ipv6Addr>(), 0..=128_u8).prop_map(|(address, len)| {
                let net = Ipv6Net::new(address, len).unwrap().trunc();
                (DataType::Ipv6Prefix, Value::Ipv6Prefix(net))
            }),
            any::<String>().prop_map(|x| (DataType::Text, Value::Text(x))),
            any::<Vec<u8>>().prop_map(|x| (DataType::Octets, Value::Octets(x))),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself((data_type, value) in values()) {
            let mut octets = Vec::new();
            value.encode(&mut octets);
            prop_assert_eq!(Value::decode(data_type, &octets), value);
        }

        #[test]
        fn what_is_shown_parses_to_itself((data_type, value) in values()) {
            let shown = value.to_string();
            prop_assert_eq!(Value::parse(data_type, &shown, &|_| None), Ok(value));
            prop_assert!(!shown.chars().any(char::is_control), "{}", shown);
        }

        #[test]
        fn any_octets_decode_and_keep_their_content(octets: Vec<u8>) {
            for data_type in [DataType::Byte, DataType::Integer, DataType::Text, DataType::Octets,
                DataType::Ipv6Prefix, DataType::ComboIp, DataType::Ether, DataType::Tlv] {
                if let Value::Octets(kept) = Value::decode(data_type, &octets) {
                    prop_assert_eq!(&kept, &octets);
                }
            }
        }
    }

    #[test]
    fn a_tag_is_taken_off_where_the_attribute_carries_one() {
        let text = |text: &str| Value::Text(text.to_owned());
        let group = attr::TUNNEL_PRIVATE_GROUP_ID.spec();
        let kind = attr::TUNNEL_TYPE.spec();
        for (spec, octets, read) in [
            (kind, &[1, 0, 0, 13][..], (Some(1), Value::Integer(13))),
            (kind, &[0, 0, 0, 13], (Some(0), Value::Integer(13))),
            (kind, &[1, 0, 13], (None, Value::Octets(vec![1, 0, 13]))),
            (group, b"\x1f20", (Some(31), text("20"))),
            (group, b"20", (None, text("20"))),
            (
                attr::NAS_IDENTIFIER.spec(),
                b"\x0120",
                (None, text("\x0120")),
            ),
        ] {
            assert_eq!(Value::decode_tagged(spec, octets), read);
        }
    }

    #[test]
    fn octets_that_do_not_fit_stay_octets() {
        let five = [1, 2, 3, 4, 5];
        for data_type in [
            DataType::Integer,
            DataType::Ipv4,
            DataType::Time,
            DataType::Ether,
        ] {
            assert_eq!(
                Value::decode(data_type, &five),
                Value::Octets(five.to_vec())
            );
        }
        let latin = Value::decode(DataType::Text, b"caf\xe9");
        assert_eq!(latin, Value::Octets(b"caf\xe9".to_vec()));
    }
}
