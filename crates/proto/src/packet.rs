use crate::Code;

/// A packet whose structure has been checked, borrowed from the datagram that carried it.
///
/// Structure only: the length field, and attributes that fill it exactly (RFC 2865 section 3).
/// Nothing has been authenticated and no value has been interpreted.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    octets: &'a [u8],
}

/// One attribute as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// The type octet; never 0.
    pub number: u8,
    /// What follows the length octet: 0 to 253 octets.
    pub value: &'a [u8],
    /// Where the attribute starts, in octets from the start of the packet.
    pub offset: usize,
}

/// Why a datagram is not a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// An attribute's length is 0 or 1, or runs past the end of the packet.
    #[error("an attribute's length is below 2 or runs past the end of the packet")]
    AttributeLength,
    /// An attribute of type 0.
    #[error("an attribute of type 0")]
    AttributeZero,
    /// The Length field is outside what a packet may have, or more than what arrived.
    #[error("the length field is below 20, too large, or more than what arrived")]
    Length,
}

impl<'a> Packet<'a> {
    /// Octets before the first attribute.
    pub const HEADER: usize = 20;
    /// The most octets of a packet over UDP.
    pub const MAX: usize = 4096;
    /// The most octets of a packet over TCP or TLS (RFC 7930 section 3).
    pub const MAX_STREAM: usize = 65_535;

    /// Checks the structure of a datagram. Octets after the packet's own length are padding and
    /// ignored (RFC 2865 section 3). Costs time linear in the length, and allocates nothing.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        Self::parse_within(datagram, Self::MAX)
    }

    /// As [`Self::parse`], for a packet of at most `longest` octets.
    pub fn parse_within(datagram: &'a [u8], longest: usize) -> Result<Self, Malformed> {
        let [_, _, high, low, ..] = datagram else {
            return Err(Malformed::Length);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if !(Self::HEADER..=longest).contains(&length) {
            return Err(Malformed::Length);
        }
        let octets = datagram.get(..length).ok_or(Malformed::Length)?;
        let mut rest = &octets[Self::HEADER..];
        while let [number, more @ ..] = rest {
            let [length, ..] = more else {
                return Err(Malformed::AttributeLength);
            };
            if *number == 0 {
                return Err(Malformed::AttributeZero);
            }
            if *length < 2 {
                return Err(Malformed::AttributeLength);
            }
            rest = rest
                .get(usize::from(*length)..)
                .ok_or(Malformed::AttributeLength)?;
        }
        Ok(Self { octets })
    }

    /// Octets that [`Self::parse`] has accepted before, and that carry no padding.
    pub(crate) fn checked(octets: &'a [u8]) -> Self {
        debug_assert!(
            Self::parse_within(octets, Self::MAX_STREAM)
                .is_ok_and(|packet| packet.octets.len() == octets.len())
        );
        Self { octets }
    }

    /// What the packet asks or answers.
    pub fn code(&self) -> Code {
        Code(self.octets[0])
    }

    /// The Identifier octet.
    pub fn identifier(&self) -> u8 {
        self.octets[1]
    }

    /// The 16 octets of Request or Response Authenticator.
    pub fn authenticator(&self) -> [u8; 16] {
        let mut authenticator = [0; 16];
        authenticator.copy_from_slice(&self.octets[4..Self::HEADER]);
        authenticator
    }

    /// The Token of a RADIUS/1.1 packet (RFC 9765 section 4.1), which stands where the
    /// authenticator begins in others.
    pub fn token(&self) -> u32 {
        u32::from_be_bytes([
            self.octets[4],
            self.octets[5],
            self.octets[6],
            self.octets[7],
        ])
    }

    /// The packet without padding.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The attributes in the order they arrived.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes {
            octets: self.octets,
            offset: Self::HEADER,
        }
    }

    /// The first attribute of a type.
    pub fn find(&self, number: u8) -> Option<RawAttribute<'a>> {
        self.attributes()
            .find(|attribute| attribute.number == number)
    }
}

/// The attributes of a [`Packet`]; always advances, so it ends.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    octets: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = RawAttribute<'a>;

    fn next(&mut self) -> Option<RawAttribute<'a>> {
        #[cfg(test)]
        crate::work::count();
        let rest = self.octets.get(self.offset..)?;
        let [number, length, ..] = rest else {
            return None;
        };
        let value = rest.get(2..usize::from(*length))?;
        let offset = self.offset;
        self.offset += usize::from(*length);
        Some(RawAttribute {
            number: *number,
            value,
            offset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(attributes: &[u8]) -> Vec<u8> {
        let mut octets = vec![1, 7, 0, 0];
        octets.extend_from_slice(&[9; 16]);
        octets.extend_from_slice(attributes);
        let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
        octets[2..4].copy_from_slice(&length);
        octets
    }

    #[test]
    fn order_and_unknown_attributes_are_kept() {
        let octets = packet(&[1, 3, b'a', 250, 2, 1, 3, b'b']);
        let parsed = Packet::parse(&octets).unwrap();
        let seen: Vec<_> = parsed
            .attributes()
            .map(|a| (a.number, a.value.to_vec()))
            .collect();
        assert_eq!(
            seen,
            [(1, b"a".to_vec()), (250, vec![]), (1, b"b".to_vec())]
        );
    }

    #[test]
    fn octets_after_the_length_are_padding() {
        let mut octets = packet(&[1, 3, b'a']);
        octets.extend_from_slice(&[0, 0, 0]);
        assert_eq!(Packet::parse(&octets).unwrap().octets().len(), 23);
    }

    #[test]
    fn broken_attributes_are_malformed() {
        for (attributes, reason) in [
            (&[1, 0][..], Malformed::AttributeLength),
            (&[1, 1], Malformed::AttributeLength),
            (&[1, 4, 0], Malformed::AttributeLength),
            (&[1], Malformed::AttributeLength),
            (&[0, 2], Malformed::AttributeZero),
        ] {
            assert_eq!(
                Packet::parse(&packet(attributes)).unwrap_err(),
                reason,
                "{attributes:?}"
            );
        }
    }

    #[test]
    fn lengths_outside_20_to_4096_are_malformed() {
        for length in [0_u16, 19, 4097, 65535] {
            let mut octets = vec![0; 70_000];
            octets[2..4].copy_from_slice(&length.to_be_bytes());
            assert_eq!(
                Packet::parse(&octets).unwrap_err(),
                Malformed::Length,
                "{length}"
            );
        }
        assert_eq!(
            Packet::parse(&packet(&[])[..19]).unwrap_err(),
            Malformed::Length
        );
        assert_eq!(Packet::parse(&[]).unwrap_err(), Malformed::Length);
    }
}
