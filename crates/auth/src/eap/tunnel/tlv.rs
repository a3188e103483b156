//! The TLVs of PEAP and TEAP (RFC 9930 section 4.2): two flags, a type of 14 bits, a length.

const MANDATORY: u16 = 0x8000;
const KIND: u16 = 0x3fff;
const HEADER_OCTETS: usize = 4;
/// The most TLVs in one message. No message needs more than a handful.
const MOST: usize = 32;
/// A name and a password of the longest kinds, and what is around them.
const LOG_IN_OCTETS: usize = 600;

/// A type and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tlv<'a> {
    /// Whether who does not know the type must say so.
    pub(crate) is_mandatory: bool,
    pub(crate) kind: u16,
    pub(crate) value: &'a [u8],
}

impl Tlv<'_> {
    /// Its value as a number of two octets.
    pub(crate) fn number(&self) -> Option<u16> {
        self.value.try_into().ok().map(u16::from_be_bytes)
    }
}

/// Octets that are not whole TLVs, or too many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads one TLV after the other. The reserved flag is ignored.
pub(crate) fn parse(mut octets: &[u8]) -> Result<Vec<Tlv<'_>>, Malformed> {
    let mut tlvs = Vec::new();
    while !octets.is_empty() {
        let (&[a, b, c, d], rest) = octets
            .split_first_chunk::<HEADER_OCTETS>()
            .ok_or(Malformed)?;
        let (flags, length) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let (value, rest) = rest
            .split_at_checked(usize::from(length))
            .ok_or(Malformed)?;
        if tlvs.len() == MOST {
            return Err(Malformed);
        }
        tlvs.push(Tlv {
            is_mandatory: flags & MANDATORY != 0,
            kind: flags & KIND,
            value,
        });
        octets = rest;
    }
    Ok(tlvs)
}

/// TLVs being written one after the other.
pub(crate) struct Writer(Vec<u8>);

impl Default for Writer {
    /// With room for a name and a password, so that none is left behind by growing.
    fn default() -> Self {
        Self(Vec::with_capacity(LOG_IN_OCTETS))
    }
}

impl Writer {
    /// The same and a TLV that the other side has to know.
    pub(crate) fn mandatory(self, kind: u16, value: &[u8]) -> Self {
        self.write(MANDATORY | kind & KIND, value)
    }

    /// The same and a TLV that the other side may leave out.
    pub(crate) fn optional(self, kind: u16, value: &[u8]) -> Self {
        self.write(kind & KIND, value)
    }

    /// What has been written.
    pub(crate) fn octets(self) -> Vec<u8> {
        self.0
    }

    /// A value is an EAP packet at most, which has no more octets than a length can say.
    fn write(mut self, flags: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&flags.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(&value[..usize::from(length)]);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let octets = Writer::default()
            .mandatory(3, &[0, 1])
            .optional(12, b"")
            .octets();
        assert_eq!(octets, [0x80, 3, 0, 2, 0, 1, 0, 12, 0, 0]);
        let tlvs = parse(&octets).unwrap();
        assert_eq!(tlvs.len(), 2);
        assert_eq!(
            (tlvs[0].is_mandatory, tlvs[0].kind, tlvs[0].number()),
            (true, 3, Some(1))
        );
        assert_eq!(
            (tlvs[1].is_mandatory, tlvs[1].kind, tlvs[1].number()),
            (false, 12, None)
        );
        // The reserved flag means nothing.
        assert_eq!(parse(&[0xc0, 3, 0, 0]).unwrap()[0].kind, 3);
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for octets in [
            &[0x80][..],
            &[0x80, 3, 0],
            &[0x80, 3, 0, 1],
            &[0x80, 3, 0xff, 0xff, 0],
            &[0x80, 3, 0, 0, 0],
        ] {
            assert_eq!(parse(octets), Err(Malformed), "{octets:?}");
        }
        let many = [0, 7, 0, 0].repeat(MOST);
        assert_eq!(parse(&many).unwrap().len(), MOST);
        assert_eq!(parse(&[0, 7, 0, 0].repeat(MOST + 1)), Err(Malformed));
    }
}
