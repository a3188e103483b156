//! Calling-Station-Id and Called-Station-Id, which every vendor spells differently.

use std::fmt;

/// A 48-bit hardware address, shown as `aa-bb-cc-dd-ee-ff`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

impl Mac {
    /// Reads `aa:bb:cc:dd:ee:ff`, `AA-BB-CC-DD-EE-FF`, `aabb.ccdd.eeff`, `aabbcc-ddeeff` or
    /// `aabbccddeeff`: twelve digits in equal groups with one kind of separator.
    pub fn parse(text: &str) -> Option<Self> {
        let (mac, rest) = Self::prefix(text)?;
        rest.is_empty().then_some(mac)
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
        if !matches!(separator, b'-' | b':' | b'.') {
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
            if let Some(mac) = Mac::parse(&text) {
                prop_assert_eq!(Mac::parse(&mac.to_string()), Some(mac));
            }
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
