//! The attributes inside a TTLS tunnel, in the form of Diameter (RFC 5281 section 10).

use zeroize::Zeroizing;

const VENDOR: u8 = 0x80;
const MANDATORY: u8 = 0x40;
const HEADER_OCTETS: usize = 8;
/// The most attributes in one message. A log-in needs three.
const MOST: usize = 32;
const ALIGNMENT: usize = 4;
/// A name and a password of the longest kinds, and what is around them.
const LOG_IN_OCTETS: usize = 2_048;

/// Which attribute: the number alone is RADIUS's own where the vendor is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Code {
    pub(crate) vendor: u32,
    pub(crate) number: u32,
}

impl Code {
    pub(crate) const USER_NAME: Self = Self::radius(1);
    pub(crate) const USER_PASSWORD: Self = Self::radius(2);
    pub(crate) const CHAP_PASSWORD: Self = Self::radius(3);
    pub(crate) const CHAP_CHALLENGE: Self = Self::radius(60);
    pub(crate) const EAP_MESSAGE: Self = Self::radius(79);
    pub(crate) const MS_CHAP_RESPONSE: Self = Self::microsoft(1);
    pub(crate) const MS_CHAP_ERROR: Self = Self::microsoft(2);
    pub(crate) const MS_CHAP_CHALLENGE: Self = Self::microsoft(11);
    pub(crate) const MS_CHAP2_RESPONSE: Self = Self::microsoft(25);
    pub(crate) const MS_CHAP2_SUCCESS: Self = Self::microsoft(26);

    const fn radius(number: u32) -> Self {
        Self { vendor: 0, number }
    }

    const fn microsoft(number: u32) -> Self {
        Self {
            vendor: 311,
            number,
        }
    }
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avp<'a> {
    pub(crate) code: Code,
    /// Whether who does not know it must give up.
    pub(crate) is_mandatory: bool,
    pub(crate) data: &'a [u8],
}

/// Octets that are not whole attributes, or too many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads one attribute after the other. The reserved flags and what the padding holds are ignored,
/// and the padding of the last may be missing.
pub(crate) fn parse(mut octets: &[u8]) -> Result<Vec<Avp<'_>>, Malformed> {
    let mut avps = Vec::new();
    while !octets.is_empty() {
        let (number, rest) = octets.split_first_chunk::<4>().ok_or(Malformed)?;
        let (&[flags, length @ ..], _) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
        let [high, middle, low] = length;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        let body = octets.get(HEADER_OCTETS..length).ok_or(Malformed)?;
        let (vendor, data) = if flags & VENDOR == 0 {
            (0, body)
        } else {
            let (vendor, data) = body.split_first_chunk::<4>().ok_or(Malformed)?;
            (u32::from_be_bytes(*vendor), data)
        };
        if avps.len() == MOST {
            return Err(Malformed);
        }
        avps.push(Avp {
            code: Code {
                vendor,
                number: u32::from_be_bytes(*number),
            },
            is_mandatory: flags & MANDATORY != 0,
            data,
        });
        let padded = length.next_multiple_of(ALIGNMENT);
        octets = octets.get(padded..).unwrap_or_default();
    }
    Ok(avps)
}

/// Attributes being written one after the other, all of them mandatory.
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Default for Writer {
    /// With room for a log-in, so that no password is left behind by growing.
    fn default() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(LOG_IN_OCTETS)))
    }
}

impl Writer {
    /// The same and one more, of at most [`MOST_DATA`] octets; what is beyond is cut off.
    pub(crate) fn with(mut self, code: Code, data: &[u8]) -> Self {
        let data = &data[..data.len().min(MOST_DATA)];
        let (flags, vendor) = match code.vendor {
            0 => (MANDATORY, None),
            vendor => (VENDOR | MANDATORY, Some(vendor.to_be_bytes())),
        };
        let vendor = vendor.as_ref().map_or(&[][..], |octets| &octets[..]);
        let length = u32::try_from(HEADER_OCTETS + vendor.len() + data.len()).unwrap_or_default();
        let [_, length @ ..] = length.to_be_bytes();
        let out = &mut self.0;
        out.extend_from_slice(&code.number.to_be_bytes());
        out.push(flags);
        out.extend_from_slice(&length);
        out.extend_from_slice(vendor);
        out.extend_from_slice(data);
        let padded = out.len().next_multiple_of(ALIGNMENT);
        out.resize(padded, 0);
        self
    }

    /// What has been written.
    pub(crate) fn octets(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// The most octets of one attribute's data: an EAP packet's.
pub(crate) const MOST_DATA: usize = 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let octets = Writer::default()
            .with(Code::USER_NAME, b"tim.b")
            .with(Code::MS_CHAP_CHALLENGE, &[9; 8])
            .octets();
        let name = [
            0, 0, 0, 1, 0x40, 0, 0, 13, b't', b'i', b'm', b'.', b'b', 0, 0, 0,
        ];
        assert_eq!(octets[..16], name);
        assert_eq!(octets[16..28], [0, 0, 0, 11, 0xc0, 0, 0, 20, 0, 0, 1, 55]);
        let avps = parse(&octets).unwrap();
        assert_eq!(avps.len(), 2);
        assert_eq!(
            (avps[0].code, avps[0].data),
            (Code::USER_NAME, &b"tim.b"[..])
        );
        assert_eq!(avps[1].code, Code::MS_CHAP_CHALLENGE);
        assert!(avps[1].is_mandatory);
        // The last one's padding is not missed.
        assert_eq!(parse(&octets[..13]).unwrap()[0], avps[0]);
    }

    #[test]
    fn a_vendor_of_zero_is_no_vendor_and_reserved_flags_mean_nothing() {
        let octets = [0, 0, 0, 1, 0x9f, 0, 0, 13, 0, 0, 0, 0, b'x'];
        let avps = parse(&octets).unwrap();
        assert_eq!((avps[0].code, avps[0].data), (Code::USER_NAME, &b"x"[..]));
        assert!(!avps[0].is_mandatory);
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for octets in [
            &[0, 0, 0, 1, 0x40, 0, 0][..],
            &[0, 0, 0, 1, 0x40, 0, 0, 7],
            &[0, 0, 0, 1, 0x40, 0, 0, 0],
            &[0, 0, 0, 1, 0x40, 0, 0, 9],
            &[0, 0, 0, 1, 0x40, 0xff, 0xff, 0xff, 0],
            &[0, 0, 0, 1, 0x80, 0, 0, 8],
            &[0, 0, 0, 1, 0x80, 0, 0, 11, 0, 0, 1],
            &[0, 0, 0, 1, 0x40, 0, 0, 8, 0],
        ] {
            assert_eq!(parse(octets), Err(Malformed), "{octets:?}");
        }
        let many = [0, 0, 0, 7, 0, 0, 0, 8].repeat(MOST);
        assert_eq!(parse(&many).unwrap().len(), MOST);
        assert_eq!(
            parse(&[0, 0, 0, 7, 0, 0, 0, 8].repeat(MOST + 1)),
            Err(Malformed)
        );
    }
}
