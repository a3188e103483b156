//! The EAP packet (RFC 3748 section 4).

use std::fmt;

/// Octets before the type: code, identifier and length.
pub const HEADER_OCTETS: usize = 4;
/// The most octets of one packet; its length field has 16 bits.
pub const MAX_OCTETS: usize = u16::MAX as usize;

/// What a packet is (RFC 3748 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// From the server, to be answered.
    Request,
    /// The peer's answer.
    Response,
    /// The end, with access.
    Success,
    /// The end, without.
    Failure,
}

impl Code {
    const fn octet(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::Response => 2,
            Self::Success => 3,
            Self::Failure => 4,
        }
    }

    const fn of(octet: u8) -> Option<Self> {
        Some(match octet {
            1 => Self::Request,
            2 => Self::Response,
            3 => Self::Success,
            4 => Self::Failure,
            _ => return None,
        })
    }
}

/// What a Request or Response is about: mostly a method (RFC 3748 section 5). Types of the IETF
/// have vendor 0, in the short form and in the expanded one alike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Type {
    vendor: u32,
    number: u32,
}

impl Type {
    /// Who the peer says they are.
    pub const IDENTITY: Self = Self::ietf(1);
    /// A message for the person (RFC 3748 section 5.2).
    pub const NOTIFICATION: Self = Self::ietf(2);
    /// Another method is wanted; only in a Response.
    pub const NAK: Self = Self::ietf(3);
    /// MD5-Challenge, the CHAP of EAP.
    pub const MD5: Self = Self::ietf(4);
    /// Generic Token Card: a prompt and an answer in clear.
    pub const GTC: Self = Self::ietf(6);
    /// EAP-TLS (RFC 5216, RFC 9190).
    pub const TLS: Self = Self::ietf(13);
    /// EAP-TTLS (RFC 5281).
    pub const TTLS: Self = Self::ietf(21);
    /// PEAP.
    pub const PEAP: Self = Self::ietf(25);
    /// EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2).
    pub const MSCHAPV2: Self = Self::ietf(26);
    /// The TLVs that end a PEAP conversation.
    pub const TLV: Self = Self::ietf(33);
    /// EAP-pwd (RFC 5931).
    pub const PWD: Self = Self::ietf(52);
    /// TEAP (RFC 9930).
    pub const TEAP: Self = Self::ietf(55);

    /// Says in a Nak that nothing else is wanted.
    const NOTHING: u8 = 0;
    const EXPANDED: u8 = 254;
    /// Octets of an expanded type: 254, vendor, number.
    const EXPANDED_OCTETS: usize = 8;

    /// A type of the IETF.
    pub const fn ietf(number: u8) -> Self {
        Self {
            vendor: 0,
            number: number as u32,
        }
    }

    /// A type of a vendor (RFC 3748 section 5.7); vendor 0 is the IETF. Only the lower 24 bits of
    /// `vendor` count.
    pub const fn expanded(vendor: u32, number: u32) -> Self {
        Self {
            vendor: vendor & 0x00ff_ffff,
            number,
        }
    }

    /// Its number, if it is one of the IETF that has a short form.
    pub const fn short(self) -> Option<u8> {
        if self.vendor == 0 && self.number < Self::EXPANDED as u32 {
            Some(self.number.to_be_bytes()[3])
        } else {
            None
        }
    }

    /// Its name, if it is one that is known here.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::IDENTITY => "Identity",
            Self::NOTIFICATION => "Notification",
            Self::NAK => "Nak",
            Self::MD5 => "EAP-MD5",
            Self::GTC => "EAP-GTC",
            Self::TLS => "EAP-TLS",
            Self::TTLS => "EAP-TTLS",
            Self::PEAP => "PEAP",
            Self::MSCHAPV2 => "EAP-MSCHAPv2",
            Self::TLV => "PEAP TLV",
            Self::PWD => "EAP-pwd",
            Self::TEAP => "TEAP",
            _ => return other_name(self),
        })
    }

    fn parse(octets: &[u8]) -> Option<(Self, &[u8])> {
        let (&first, rest) = octets.split_first()?;
        if first != Self::EXPANDED {
            return Some((Self::ietf(first), rest));
        }
        let (&[a, b, c], rest) = rest.split_first_chunk::<3>()?;
        let (number, rest) = rest.split_first_chunk::<4>()?;
        let vendor = u32::from_be_bytes([0, a, b, c]);
        Some((Self::expanded(vendor, u32::from_be_bytes(*number)), rest))
    }

    fn write(self, out: &mut Vec<u8>) {
        match self.short() {
            Some(number) => out.push(number),
            None => self.write_expanded(out),
        }
    }

    fn write_expanded(self, out: &mut Vec<u8>) {
        let [_, vendor @ ..] = self.vendor.to_be_bytes();
        out.push(Self::EXPANDED);
        out.extend_from_slice(&vendor);
        out.extend_from_slice(&self.number.to_be_bytes());
    }
}

/// Names of methods that are not spoken here, for those who ask for them.
const fn other_name(kind: Type) -> Option<&'static str> {
    Some(match kind.short() {
        Some(5) => "EAP-OTP",
        Some(17) => "LEAP",
        Some(18) => "EAP-SIM",
        Some(23) => "EAP-AKA",
        Some(43) => "EAP-FAST",
        Some(47) => "EAP-PSK",
        Some(49) => "EAP-IKEv2",
        Some(50) => "EAP-AKA'",
        Some(51) => "EAP-GPSK",
        _ => return None,
    })
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.vendor) {
            (Some(name), _) => f.write_str(name),
            (None, 0) => write!(f, "EAP type {}", self.number),
            (None, vendor) => write!(f, "EAP type {} of vendor {vendor}", self.number),
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A packet that has been checked to have the form of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    code: Code,
    identifier: u8,
    body: Option<(Type, &'a [u8])>,
    octets: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet. Octets beyond its length are padding and left out (RFC 3748 section 4.1).
    ///
    /// # Errors
    ///
    /// [`Malformed`] if it is shorter than it says, of no known code, a Request or Response
    /// without a type, or a Success or Failure with more than its header.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let (&[code, identifier, high, low], _) = octets
            .split_first_chunk::<HEADER_OCTETS>()
            .ok_or(Malformed::Short)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let octets = octets.get(..length).ok_or(Malformed::Length)?;
        let rest = octets.get(HEADER_OCTETS..).ok_or(Malformed::Length)?;
        let code = Code::of(code).ok_or(Malformed::Code)?;
        let body = match code {
            Code::Request | Code::Response => Some(Type::parse(rest).ok_or(Malformed::Type)?),
            Code::Success | Code::Failure if rest.is_empty() => None,
            Code::Success | Code::Failure => return Err(Malformed::Length),
        };
        Ok(Self {
            code,
            identifier,
            body,
            octets,
        })
    }

    /// What it is.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What a Response has in common with its Request.
    pub const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// The type and its data; `None` of a Success or Failure.
    pub const fn body(&self) -> Option<(Type, &'a [u8])> {
        self.body
    }

    /// All of it, without padding.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The methods that a Nak, short or expanded, asks for instead; `None` if it is none.
    pub fn wishes(&self) -> Option<Vec<Type>> {
        let (Code::Response, Some((Type::NAK, data))) = (self.code, self.body) else {
            return None;
        };
        let is_expanded = self.octets.get(HEADER_OCTETS) == Some(&Type::EXPANDED);
        let nothing = Type::ietf(Type::NOTHING);
        let wishes: Vec<Type> = if is_expanded {
            data.chunks_exact(Type::EXPANDED_OCTETS)
                .filter_map(|chunk| Type::parse(chunk).map(|(kind, _)| kind))
                .collect()
        } else {
            data.iter().map(|&number| Type::ietf(number)).collect()
        };
        Some(wishes.into_iter().filter(|kind| *kind != nothing).collect())
    }
}

/// Why octets are no EAP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// Less than a header.
    #[error("the EAP packet is shorter than its header")]
    Short,
    /// The length does not fit what there is.
    #[error("the EAP packet's length does not fit its octets")]
    Length,
    /// A code of no meaning.
    #[error("the EAP packet has an unknown code")]
    Code,
    /// A Request or Response without a whole type.
    #[error("the EAP packet has no type")]
    Type,
}

/// Writes a Request. `None` where it would be longer than a packet can be.
pub fn request(identifier: u8, kind: Type, data: &[u8]) -> Option<Vec<u8>> {
    typed(Code::Request, identifier, kind, data)
}

/// Writes a Response. `None` where it would be longer than a packet can be.
pub fn response(identifier: u8, kind: Type, data: &[u8]) -> Option<Vec<u8>> {
    typed(Code::Response, identifier, kind, data)
}

/// Writes a Success. Its identifier is that of the Response it follows (RFC 3748 section 4.2).
pub const fn success(identifier: u8) -> [u8; HEADER_OCTETS] {
    [Code::Success.octet(), identifier, 0, 4]
}

/// Writes a Failure. Its identifier is that of the Response it follows (RFC 3748 section 4.2).
pub const fn failure(identifier: u8) -> [u8; HEADER_OCTETS] {
    [Code::Failure.octet(), identifier, 0, 4]
}

/// Writes the Response that asks for other methods, none of them where `wishes` is empty. It is
/// expanded where the Request was or where a wish has no short form (RFC 3748 section 5.3).
pub fn nak(identifier: u8, asked: Type, wishes: &[Type]) -> Option<Vec<u8>> {
    let short: Option<Vec<u8>> = wishes.iter().map(|kind| kind.short()).collect();
    match (asked.short(), short) {
        (Some(_), Some(mut short)) => {
            if short.is_empty() {
                short.push(Type::NOTHING);
            }
            response(identifier, Type::NAK, &short)
        }
        (Some(_), None) => {
            // To a short Request a short Nak; it says that expanded ones are wanted.
            response(identifier, Type::NAK, &[Type::EXPANDED])
        }
        (None, _) => {
            let mut body = Vec::new();
            Type::NAK.write_expanded(&mut body);
            let nothing = [Type::ietf(Type::NOTHING)];
            for kind in if wishes.is_empty() { &nothing } else { wishes } {
                kind.write_expanded(&mut body);
            }
            written(Code::Response, identifier, &body)
        }
    }
}

fn typed(code: Code, identifier: u8, kind: Type, data: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(Type::EXPANDED_OCTETS + data.len());
    kind.write(&mut body);
    body.extend_from_slice(data);
    written(code, identifier, &body)
}

fn written(code: Code, identifier: u8, body: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(HEADER_OCTETS + body.len()).ok()?;
    let mut packet = Vec::with_capacity(usize::from(length));
    packet.extend_from_slice(&[code.octet(), identifier]);
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(body);
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let octets = request(7, Type::TLS, &[0x20]).unwrap();
        assert_eq!(octets, [1, 7, 0, 6, 13, 0x20]);
        let packet = Packet::parse(&octets).unwrap();
        assert_eq!(packet.code(), Code::Request);
        assert_eq!(packet.body(), Some((Type::TLS, &[0x20][..])));
        let vendor = Type::expanded(311, 5);
        let octets = response(8, vendor, b"x").unwrap();
        assert_eq!(octets, [2, 8, 0, 13, 254, 0, 1, 55, 0, 0, 0, 5, b'x']);
        let packet = Packet::parse(&octets).unwrap();
        assert_eq!(packet.body(), Some((vendor, &b"x"[..])));
    }

    #[test]
    fn an_expanded_type_of_the_ietf_is_the_short_one() {
        let octets = [2, 8, 0, 12, 254, 0, 0, 0, 0, 0, 0, 13];
        let packet = Packet::parse(&octets).unwrap();
        assert_eq!(packet.body(), Some((Type::TLS, &[][..])));
    }

    #[test]
    fn padding_is_left_out_and_what_is_missing_noticed() {
        let padded = [2, 1, 0, 5, 1, 99, 99];
        let packet = Packet::parse(&padded).unwrap();
        assert_eq!(packet.body(), Some((Type::IDENTITY, &[][..])));
        assert_eq!(packet.octets().len(), 5);
        let cases: [(&[u8], Malformed); 8] = [
            (&[2, 1, 0], Malformed::Short),
            (&[2, 1, 0, 6, 1], Malformed::Length),
            (&[2, 1, 0, 3, 1], Malformed::Length),
            (&[2, 1, 0, 4], Malformed::Type),
            (&[2, 1, 0, 8, 254, 0, 0, 0], Malformed::Type),
            (&[5, 1, 0, 4], Malformed::Code),
            (&[3, 1, 0, 5, 0], Malformed::Length),
            (&[0, 1, 0, 5, 0], Malformed::Code),
        ];
        for (octets, why) in cases {
            assert_eq!(Packet::parse(octets), Err(why), "{octets:?}");
        }
    }

    #[test]
    fn naks_say_what_is_wanted() {
        let octets = nak(3, Type::MD5, &[Type::PEAP, Type::TLS]).unwrap();
        assert_eq!(octets, [2, 3, 0, 7, 3, 25, 13]);
        let wishes = Packet::parse(&octets).unwrap().wishes();
        assert_eq!(wishes, Some(vec![Type::PEAP, Type::TLS]));
        let octets = nak(3, Type::MD5, &[]).unwrap();
        assert_eq!(octets, [2, 3, 0, 6, 3, 0]);
        assert_eq!(Packet::parse(&octets).unwrap().wishes(), Some(vec![]));
        let vendor = Type::expanded(311, 5);
        let octets = nak(3, vendor, &[vendor, Type::TLS]).unwrap();
        assert_eq!(octets.len(), 4 + 3 * 8);
        let wishes = Packet::parse(&octets).unwrap().wishes();
        assert_eq!(wishes, Some(vec![vendor, Type::TLS]));
        let other = response(3, Type::TLS, &[]).unwrap();
        assert_eq!(Packet::parse(&other).unwrap().wishes(), None);
    }
}
