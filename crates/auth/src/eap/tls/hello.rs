//! What can be read of a handshake as it passes by in clear: the client's hello, and the
//! randoms that a Session-Id of TLS 1.2 is made of (RFC 5216 section 2.3).

use super::fragments::MAX_MESSAGE_OCTETS;

/// Octets of a record's header.
const RECORD_HEADER: usize = 5;
/// The most octets of a record's content, encrypted (RFC 5246 section 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// Type, length, version and random: all that is wanted of the server's hello.
const HELLO_START: usize = 4 + 2 + RANDOM_OCTETS;
const RANDOM_OCTETS: usize = 32;
/// The most of each list that is kept.
const MAX_LISTED: usize = 128;

const EXTENSION_GROUPS: u16 = 10;
const EXTENSION_SIGNATURES: u16 = 13;
const EXTENSION_VERSIONS: u16 = 43;

/// A random of a hello.
pub(super) type Random = [u8; RANDOM_OCTETS];

/// What a device offered, in its own order; numbers as the IANA registers them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    pub(super) random: Random,
    /// TLS versions, such as 0x0303 for TLS 1.2.
    pub versions: Vec<u16>,
    /// Cipher suites.
    pub suites: Vec<u16>,
    /// Groups for the key exchange.
    pub groups: Vec<u16>,
    /// Signature schemes.
    pub signatures: Vec<u16>,
}

impl Hello {
    /// Reads the body of the client's hello.
    fn parse(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        let legacy = cursor.u16()?;
        let random = *cursor.take(RANDOM_OCTETS)?.first_chunk()?;
        let session = cursor.u8()?;
        cursor.take(session.into())?;
        let suites = cursor.u16()?;
        let suites = numbers(cursor.take(suites.into())?);
        let compressions = cursor.u8()?;
        cursor.take(compressions.into())?;
        let mut hello = Self {
            random,
            versions: Vec::new(),
            suites,
            groups: Vec::new(),
            signatures: Vec::new(),
        };
        if let Some(length) = cursor.u16() {
            let mut extensions = Cursor(cursor.take(length.into())?);
            while let Some(kind) = extensions.u16() {
                let length = extensions.u16()?;
                hello.extension(kind, extensions.take(length.into())?);
            }
        }
        if hello.versions.is_empty() {
            hello.versions.push(legacy);
        }
        Some(hello)
    }

    fn extension(&mut self, kind: u16, body: &[u8]) {
        match kind {
            EXTENSION_VERSIONS => self.versions = numbers(body.get(1..).unwrap_or(&[])),
            EXTENSION_GROUPS => self.groups = numbers(body.get(2..).unwrap_or(&[])),
            EXTENSION_SIGNATURES => self.signatures = numbers(body.get(2..).unwrap_or(&[])),
            _ => {}
        }
    }
}

fn numbers(octets: &[u8]) -> Vec<u16> {
    octets
        .chunks_exact(2)
        .take(MAX_LISTED)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect()
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(octets)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|octets| octets[0])
    }

    fn u16(&mut self) -> Option<u16> {
        let octets = self.take(2)?;
        Some(u16::from_be_bytes([octets[0], octets[1]]))
    }
}

/// Follows the records of one direction, and keeps the beginning of its first message.
#[derive(Default)]
pub(super) struct Records {
    header: Vec<u8>,
    /// What is left of the content of the record at hand.
    left: usize,
    is_handshake: bool,
    is_done: bool,
    first: Vec<u8>,
}

impl Records {
    /// Takes what passes by. An error is a header that no record of TLS has; the version that it
    /// names does not count beyond being one (RFC 8446 section 5.1).
    pub(super) fn pass(&mut self, mut octets: &[u8]) -> Result<(), &'static str> {
        while !octets.is_empty() {
            if self.left > 0 {
                let (content, rest) = octets.split_at(self.left.min(octets.len()));
                self.keep(content);
                self.left -= content.len();
                octets = rest;
                continue;
            }
            let wanted = RECORD_HEADER - self.header.len();
            let (part, rest) = octets.split_at(wanted.min(octets.len()));
            self.header.extend_from_slice(part);
            octets = rest;
            if let Some(header) = self.header.first_chunk::<RECORD_HEADER>() {
                let [kind, major, minor, high, low] = *header;
                self.left = u16::from_be_bytes([high, low]).into();
                self.is_handshake = kind == HANDSHAKE;
                if !(20..=24).contains(&kind) || major != 3 || minor > 4 {
                    return Err("it is not TLS");
                }
                if self.left > MAX_RECORD {
                    return Err("a record is too long");
                }
                self.header.clear();
            }
        }
        Ok(())
    }

    fn keep(&mut self, content: &[u8]) {
        if self.is_done || !self.is_handshake {
            return;
        }
        let room = MAX_MESSAGE_OCTETS.saturating_sub(self.first.len());
        self.first
            .extend_from_slice(&content[..content.len().min(room)]);
    }

    /// The client's hello, once the whole of it has passed; no more is kept then.
    pub(super) fn client_hello(&mut self) -> Option<Hello> {
        let (&[kind, a, b, c], rest) = self.first.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
        let body = rest.get(..length);
        if kind == CLIENT_HELLO && body.is_none() && length < MAX_MESSAGE_OCTETS {
            return None;
        }
        let hello = body.filter(|_| kind == CLIENT_HELLO).and_then(Hello::parse);
        self.finish();
        hello
    }

    /// The random of the server's hello, once it has passed; no more is kept then.
    pub(super) fn server_random(&mut self) -> Option<Random> {
        let start = self.first.first_chunk::<HELLO_START>()?;
        let random = *start.last_chunk()?;
        let is_hello = start[0] == SERVER_HELLO;
        self.finish();
        is_hello.then_some(random)
    }

    fn finish(&mut self) {
        self.is_done = true;
        self.first = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client's hello of RFC 8448 section 3, in its record.
    const RFC_8448: &[u8] = &[
        0x16, 0x03, 0x01, 0x00, 0xc4, 0x01, 0x00, 0x00, 0xc0, 0x03, 0x03, 0xcb, 0x34, 0xec, 0xb1,
        0xe7, 0x81, 0x63, 0xba, 0x1c, 0x38, 0xc6, 0xda, 0xcb, 0x19, 0x6a, 0x6d, 0xff, 0xa2, 0x1a,
        0x8d, 0x99, 0x12, 0xec, 0x18, 0xa2, 0xef, 0x62, 0x83, 0x02, 0x4d, 0xec, 0xe7, 0x00, 0x00,
        0x06, 0x13, 0x01, 0x13, 0x03, 0x13, 0x02, 0x01, 0x00, 0x00, 0x91, 0x00, 0x00, 0x00, 0x0b,
        0x00, 0x09, 0x00, 0x00, 0x06, 0x73, 0x65, 0x72, 0x76, 0x65, 0x72, 0xff, 0x01, 0x00, 0x01,
        0x00, 0x00, 0x0a, 0x00, 0x14, 0x00, 0x12, 0x00, 0x1d, 0x00, 0x17, 0x00, 0x18, 0x00, 0x19,
        0x01, 0x00, 0x01, 0x01, 0x01, 0x02, 0x01, 0x03, 0x01, 0x04, 0x00, 0x23, 0x00, 0x00, 0x00,
        0x33, 0x00, 0x26, 0x00, 0x24, 0x00, 0x1d, 0x00, 0x20, 0x99, 0x38, 0x1d, 0xe5, 0x60, 0xe4,
        0xbd, 0x43, 0xd2, 0x3d, 0x8e, 0x43, 0x5a, 0x7d, 0xba, 0xfe, 0xb3, 0xc0, 0x6e, 0x51, 0xc1,
        0x3c, 0xae, 0x4d, 0x54, 0x13, 0x69, 0x1e, 0x52, 0x9a, 0xaf, 0x2c, 0x00, 0x2b, 0x00, 0x03,
        0x02, 0x03, 0x04, 0x00, 0x0d, 0x00, 0x20, 0x00, 0x1e, 0x04, 0x03, 0x05, 0x03, 0x06, 0x03,
        0x02, 0x03, 0x08, 0x04, 0x08, 0x05, 0x08, 0x06, 0x04, 0x01, 0x05, 0x01, 0x06, 0x01, 0x02,
        0x01, 0x04, 0x02, 0x05, 0x02, 0x06, 0x02, 0x02, 0x02, 0x00, 0x2d, 0x00, 0x02, 0x01, 0x01,
        0x00, 0x1c, 0x00, 0x02, 0x40, 0x01,
    ];

    fn check(hello: &Hello) {
        assert_eq!(hello.random[..4], [0xcb, 0x34, 0xec, 0xb1]);
        assert_eq!(hello.versions, [0x0304]);
        assert_eq!(hello.suites, [0x1301, 0x1303, 0x1302]);
        assert_eq!(hello.groups[..3], [0x1d, 0x17, 0x18]);
        assert_eq!(hello.signatures.first(), Some(&0x0403));
        assert_eq!(hello.signatures.len(), 15);
    }

    #[test]
    fn a_hello_is_read_as_it_comes() {
        let mut records = Records::default();
        records.pass(RFC_8448).unwrap();
        check(&records.client_hello().unwrap());
        assert_eq!(records.client_hello(), None);
        let mut records = Records::default();
        for (index, octet) in RFC_8448.iter().enumerate() {
            assert_eq!(records.client_hello(), None, "{index}");
            records.pass(&[*octet]).unwrap();
        }
        check(&records.client_hello().unwrap());
        // In two records.
        let (start, end) = RFC_8448[5..].split_at(50);
        let record = |content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[22, 3, 3, 0, length], content].concat()
        };
        let mut records = Records::default();
        records
            .pass(&[record(start), record(end)].concat())
            .unwrap();
        check(&records.client_hello().unwrap());
    }

    #[test]
    fn one_that_is_cut_short_or_none_is_not_read() {
        for length in 0..RFC_8448.len() - 5 {
            let hello = Hello::parse(&RFC_8448[9..9 + length.min(RFC_8448.len() - 10)]);
            assert!(
                hello.is_none_or(|hello| hello.versions == [0x0303]),
                "{length}"
            );
        }
        let mut records = Records::default();
        records.pass(&[22, 3, 3, 0, 5, 2, 0, 0, 1, 0]).unwrap();
        assert_eq!(records.client_hello(), None);
    }

    #[test]
    fn what_is_not_tls_is_noticed() {
        let mut cases = vec![b"GET / HTTP/1.1\r\n".to_vec()];
        for (index, octet) in [(0, 19), (0, 25), (1, 2), (1, 4), (2, 5), (3, 0x49)] {
            let mut octets = RFC_8448.to_vec();
            octets[index] = octet;
            cases.push(octets);
        }
        for octets in cases {
            assert!(Records::default().pass(&octets).is_err());
        }
    }
}
