//! Packets of RADIUS/1.1 (RFC 9765) by hand: no MD5, nothing hidden, a Token instead of the
//! authenticator.

use super::attribute;
use crate::Must as _;

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Request {
    code: u8,
    token: [u8; 4],
    attributes: Vec<(u8, Vec<u8>)>,
}

impl Request {
    /// A packet of this code with a Token that no other request of the connection has.
    pub fn new(code: u8, token: u32) -> Self {
        Self {
            code,
            token: token.to_be_bytes(),
            attributes: Vec::new(),
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, kind: u8, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    /// Adds User-Name and User-Password, which TLS alone protects.
    #[must_use]
    pub fn pap(self, user: &str, password: &str) -> Self {
        self.with(attribute::USER_NAME, user.as_bytes())
            .with(attribute::USER_PASSWORD, password.as_bytes())
    }

    /// The octets: code, a zero, length, Token, twelve zeros, attributes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.code, 0, 0, 0];
        bytes.extend(self.token);
        bytes.extend([0; 12]);
        for (kind, value) in &self.attributes {
            let length = u8::try_from(value.len() + 2).must("a short attribute");
            bytes.extend([*kind, length]);
            bytes.extend(value);
        }
        let length = u16::try_from(bytes.len()).must("a packet that fits");
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        bytes
    }
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Packet code.
    pub code: u8,
    /// The Token of the request it answers.
    pub token: u32,
    /// What stands where the identifier and the rest of the authenticator were.
    pub reserved: Vec<u8>,
    /// Type and value, in order.
    pub attributes: Vec<(u8, Vec<u8>)>,
}

impl Reply {
    /// Takes a whole packet apart.
    ///
    /// # Panics
    /// If it is none.
    pub fn read(bytes: &[u8]) -> Self {
        let token: [u8; 4] = bytes[4..8].try_into().must("a token");
        let mut reserved = vec![bytes[1]];
        reserved.extend(&bytes[8..20]);
        Self {
            code: bytes[0],
            token: u32::from_be_bytes(token),
            reserved,
            attributes: super::attributes(&bytes[20..]).must("attributes that fit"),
        }
    }

    /// Every value of one attribute, in order.
    pub fn values(&self, kind: u8) -> Vec<&[u8]> {
        let found = self.attributes.iter().filter(|(found, _)| *found == kind);
        found.map(|(_, value)| value.as_slice()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_as_in_rfc_9765() {
        let request = Request::new(1, 0x0102_0304).pap("a", "b").encode();
        let mut expected = vec![1, 0, 0, 26, 1, 2, 3, 4];
        expected.extend([0; 12]);
        expected.extend([1, 3, b'a', 2, 3, b'b']);
        assert_eq!(request, expected);
        let read = Reply::read(&request);
        assert_eq!((read.code, read.token), (1, 0x0102_0304));
        assert_eq!(read.reserved, [0; 13]);
        assert_eq!(read.values(2), [b"b"]);
    }
}
