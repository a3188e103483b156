//! Calling-Station-Id and Called-Station-Id, which every vendor spells differently.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A 48-bit hardware address, shown as `aa-bb-cc-dd-ee-ff`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

/// The text is not the address of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotADevice {
    /// All zeros: what is written where there is no address.
    #[error("an address of zeros belongs to no device")]
    Zero,
    /// An address of many receivers, such as that of a broadcast.
    #[error("this is an address of many receivers (multicast or broadcast), not of one device")]
    Multicast,
    /// Not a hardware address at all.
    #[error(
        "not a MAC address such as aa:bb:cc:dd:ee:ff, AA-BB-CC-DD-EE-FF, aabb.ccdd.eeff or \
         aabbccddeeff"
    )]
    NotAMac,
}

impl Mac {
    /// Reads `aa:bb:cc:dd:ee:ff`, `AA-BB-CC-DD-EE-FF`, `AA BB CC DD EE FF`, `aabb.ccdd.eeff`,
    /// `aabbcc-ddeeff` or `aabbccddeeff`: twelve digits in equal groups with one kind of separator.
    pub fn parse(text: &str) -> Option<Self> {
        let (mac, rest) = Self::prefix(text)?;
        rest.is_empty().then_some(mac)
    }

    /// Reads a Calling-Station-Id: as [`parse`](Self::parse), and also as a DHCP server sends the
    /// client identifier of RFC 2132 section 9.14, `1:0:e1:c:38:c8:f8`, where the first number is
    /// the type of the hardware and no number is filled up with zeros.
    pub fn calling(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| Self::client_identifier(text))
    }

    fn client_identifier(text: &str) -> Option<Self> {
        let ethernet = ["1:", "01:"];
        let rest = ethernet.iter().find_map(|kind| text.strip_prefix(kind))?;
        let mut parts = rest.split(':');
        let mut octets = [0_u8; 6];
        for octet in &mut octets {
            let part = parts.next()?;
            let is_number = (1..=2).contains(&part.len());
            if !is_number || !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            *octet = u8::from_str_radix(part, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(octets))
    }

    /// Reads a hardware address at the start of a text, and gives what follows it.
    fn prefix(text: &str) -> Option<(Self, &str)> {
        [17, 14, 13, 12].into_iter().find_map(|len| {
            let (head, rest) = text.split_at_checked(len)?;
            let group = match len {
                17 => 2,
                14 => 4,
                13 => 6,
                _ => 12,
            };
            Some((Self::grouped(head.as_bytes(), group)?, rest))
        })
    }

    fn grouped(text: &[u8], group: usize) -> Option<Self> {
        let separator = *text.get(group).unwrap_or(&b'-');
        if !matches!(separator, b'-' | b':' | b'.' | b' ') {
            return None;
        }
        let mut octets = [0_u8; 6];
        let mut digits = 0;
        for (index, octet) in text.iter().enumerate() {
            if index % (group + 1) == group {
                if *octet != separator {
                    return None;
                }
                continue;
            }
            let digit = char::from(*octet)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())?;
            octets[digits / 2] = octets[digits / 2] << 4 | digit;
            digits += 1;
        }
        (digits == 12).then_some(Self(octets))
    }

    /// The six octets.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Whether the address was made up locally, as telephones do for privacy: it may change any
    /// time.
    pub const fn is_locally_administered(self) -> bool {
        self.0[0] & 2 != 0
    }

    /// Whether it is an address of many receivers; that of a broadcast is one.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// The address, if it can be that of one device.
    ///
    /// # Errors
    /// It is an address of many receivers, or all zeros.
    pub fn of_a_device(self) -> Result<Self, NotADevice> {
        match self.0 {
            [0, 0, 0, 0, 0, 0] => Err(NotADevice::Zero),
            _ if self.is_multicast() => Err(NotADevice::Multicast),
            _ => Ok(self),
        }
    }
}

impl FromStr for Mac {
    type Err = NotADevice;

    /// Reads the address of a device, as [`parse`](Self::parse).
    fn from_str(text: &str) -> Result<Self, NotADevice> {
        Self::parse(text).ok_or(NotADevice::NotAMac)?.of_a_device()
    }
}

impl From<[u8; 6]> for Mac {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.0;
        write!(f, "{first:02x}")?;
        rest.iter().try_for_each(|octet| write!(f, "-{octet:02x}"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mac({self})")
    }
}

/// The access point and network a Called-Station-Id names: `AA-BB-CC-DD-EE-FF:ssid` (RFC 3580
/// section 3.20). The SSID may hold any character, colons too. `None` where the text does not start
/// with a hardware address.
pub fn called(text: &str) -> Option<(Mac, Option<&str>)> {
    let (mac, rest) = Mac::prefix(text)?;
    match rest.strip_prefix(':') {
        Some(ssid) => Some((mac, Some(ssid))),
        None => rest.is_empty().then_some((mac, None)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_an_address_is_the_same_station() {
        let mac = Mac::parse("aa-bb-cc-dd-ee-0f").unwrap();
        for text in [
            "AA:BB:CC:DD:EE:0F",
            "aabb.ccdd.ee0f",
            "aabbccddee0f",
            "aabbcc-ddee0f",
            "AABB:CCDD:EE0F",
            "AABBCC:DDEE0F",
            "AA BB CC DD EE 0F",
            "AA-BB-CC-DD-EE-0F",
        ] {
            assert_eq!(Mac::parse(text), Some(mac), "{text}");
            assert_eq!(called(text), Some((mac, None)), "{text}");
        }
        assert_eq!(mac.to_string(), "aa-bb-cc-dd-ee-0f");
        assert!(mac.is_locally_administered());
        for text in [
            "",
            "192.0.2.1",
            "aa:bb-cc:dd:ee:0f",
            "aabbccddee0",
            "gg:bb:cc:dd:ee:0f",
        ] {
            assert_eq!(Mac::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_of_nobody_or_of_many_is_no_device() {
        assert_eq!("00-00-00-00-00-00".parse::<Mac>(), Err(NotADevice::Zero));
        for many in [
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
            "33:33:00:00:00:01",
        ] {
            assert_eq!(many.parse::<Mac>(), Err(NotADevice::Multicast), "{many}");
        }
        assert_eq!("printer".parse::<Mac>(), Err(NotADevice::NotAMac));
        assert_eq!("00:00:00:00:00:01".parse(), Ok(Mac([0, 0, 0, 0, 0, 1])));
    }

    #[test]
    fn a_dhcp_client_identifier_is_read_where_a_station_stands() {
        let mac = Mac([0x00, 0xe1, 0x0c, 0x38, 0xc8, 0xf8]);
        for text in ["1:0:e1:c:38:c8:f8", "01:00:e1:0c:38:c8:f8", "00E10C38C8F8"] {
            assert_eq!(Mac::calling(text), Some(mac), "{text}");
        }
        for text in [
            "1:0:e1:c:38:c8",
            "1:0:e1:c:38:c8:f8:0",
            "6:0:e1:c:38:c8:f8",
            "1:0:e1:c:38:c8:+f",
            "1:0:e1:c:38:c8:",
            "1:0:e1:c:38:c8:0f8",
            "192.0.2.1",
        ] {
            assert_eq!(Mac::calling(text), None, "{text}");
        }
    }

    #[test]
    fn a_network_may_have_colons_in_its_name() {
        let (mac, ssid) = called("AA-BB-CC-DD-EE-FF:caf\u{e9}: 5 GHz").unwrap();
        assert_eq!(mac.octets(), [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
        assert_eq!(ssid, Some("caf\u{e9}: 5 GHz"));
        assert_eq!(called("AA-BB-CC-DD-EE-FF/lan"), None);
        assert_eq!(called("aabbccddeeff:Lan"), Some((mac, Some("Lan"))));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text: String) {
            if let Some(mac) = Mac::calling(&text) {
                prop_assert_eq!(Mac::parse(&mac.to_string()), Some(mac));
            }
        }

        #[test]
        fn any_address_is_read_in_any_usual_spelling(
            octets: [u8; 6],
            size in prop::sample::select(vec![1_usize, 2, 3, 6]),
            separator in "[-:. ]",
            is_upper: bool,
        ) {
            let digits = octets.map(|octet| format!("{octet:02x}"));
            let groups = digits.chunks(size).map(<[String]>::concat);
            let mut text = groups.collect::<Vec<_>>().join(&separator);
            if is_upper {
                text.make_ascii_uppercase();
            }
            let mac = Mac(octets);
            prop_assert_eq!(Mac::parse(&text), Some(mac));
            prop_assert_eq!(Mac::calling(&text), Some(mac));
            prop_assert_eq!(mac.is_locally_administered(), octets[0] & 0b10 != 0);
            prop_assert_eq!(text.parse::<Mac>().is_ok(), octets[0] & 1 == 0 && octets != [0; 6]);
            // A digit less, or a separator that stands alone, and it is none.
            prop_assert_eq!(Mac::parse(&text[1..]), None);
            let odd = format!("{text}{separator}");
            prop_assert_eq!(Mac::parse(&odd), None);
        }

        #[test]
        fn any_client_identifier_is_its_address(octets: [u8; 6]) {
            let text = octets.map(|octet| format!("{octet:x}")).join(":");
            let mac = Mac::calling(&format!("1:{text}"));
            prop_assert_eq!(mac, Some(Mac(octets)));
        }

        #[test]
        fn a_network_is_told_in_every_spelling_of_its_access_point(
            octets: [u8; 6],
            separator in "[:-]?",
            ssid in prop::option::of(".{0,32}"),
        ) {
            let digits = octets.map(|octet| format!("{octet:02X}")).join(&separator);
            let rest = ssid.as_ref().map(|ssid| format!(":{ssid}")).unwrap_or_default();
            let text = format!("{digits}{rest}");
            prop_assert_eq!(called(&text), Some((Mac(octets), ssid.as_deref())));
        }
    }
}
