//! The `ClientHello`, read before anybody answers it: which engine is to take a TCP connection, and
//! for DTLS whether the sender owns its address.
//!
//! Every octet is a stranger's. Nothing is kept, and reading never goes beyond what is there.

use crate::tls::Psk;

const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const PRE_SHARED_KEY: u16 = 41;

/// Whether a greeting, in the records it came in, is that of a client that shares a key: it names
/// an external identity (TLS 1.3), or offers cipher suites with a shared and an ephemeral key (TLS
/// 1.2). The identities of resumed sessions do not count, for they are no text.
pub(in crate::tls) fn offers_psk(mut records: &[u8]) -> bool {
    let mut message = Vec::new();
    while let Some(&[HANDSHAKE_RECORD, 3, _, high, low]) = records.first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let rest = &records[5..];
        let (fragment, rest) = rest.split_at(length.min(rest.len()));
        message.extend_from_slice(fragment);
        records = rest;
    }
    let Some((&CLIENT_HELLO, rest)) = message.split_first() else {
        return false;
    };
    Cursor(rest)
        .vector(3)
        .and_then(|body| Body::read(body.0, false))
        .is_some_and(|body| body.offers_psk())
}

/// The body of a `ClientHello` of TLS or DTLS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a> {
    pub(super) version: &'a [u8],
    pub(super) random: &'a [u8],
    pub(super) session: &'a [u8],
    /// Empty in TLS.
    pub(super) cookie: &'a [u8],
    pub(super) suites: &'a [u8],
    /// Compression methods and extensions, as they came.
    pub(super) tail: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Body<'a> {
    /// `None` where the structure is not that of a `ClientHello`.
    pub(super) fn read(octets: &'a [u8], dtls: bool) -> Option<Self> {
        let mut cursor = Cursor(octets);
        let version = cursor.take(2)?;
        let random = cursor.take(32)?;
        let session = cursor.vector(1).filter(|session| session.0.len() <= 32)?.0;
        let cookie = if dtls { cursor.vector(1)?.0 } else { &[] };
        let suites = cursor.vector(2)?.0;
        let tail = cursor.0;
        cursor.vector(1)?;
        let extensions = if cursor.0.is_empty() {
            &[]
        } else {
            cursor.vector(2)?.0
        };
        let sound = cursor.0.is_empty() && !suites.is_empty() && suites.len().is_multiple_of(2);
        sound.then_some(Self {
            version,
            random,
            session,
            cookie,
            suites,
            tail,
            extensions,
        })
    }

    fn offers_psk(&self) -> bool {
        self.suites.chunks_exact(2).any(is_ephemeral_psk) || self.names_identity().unwrap_or(false)
    }

    /// Whether one of the identities of `pre_shared_key` is such as an administrator gives.
    fn names_identity(&self) -> Option<bool> {
        let mut extensions = Cursor(self.extensions);
        while !extensions.0.is_empty() {
            let kind = extensions.number()?;
            let mut content = extensions.vector(2)?;
            if kind != PRE_SHARED_KEY {
                continue;
            }
            let mut identities = content.vector(2)?;
            while !identities.0.is_empty() {
                if external(identities.vector(2)?.0).is_some() {
                    return Some(true);
                }
                // The obfuscated age of a ticket.
                identities.take(4)?;
            }
        }
        Some(false)
    }
}

/// An identity that may be looked up: text of 1 to [`Psk::MAX_IDENTITY`] octets without control
/// characters (RFC 9813 section 4.2).
pub(super) fn external(identity: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(identity).ok()?;
    let fits = (1..=Psk::MAX_IDENTITY).contains(&text.len());
    (fits && !text.chars().any(char::is_control)).then_some(text)
}

/// The cipher suites with a shared and an ephemeral key: `DHE_PSK` (RFC 4279, 5487, 7905) and
/// `ECDHE_PSK` (RFC 5489, 7905, 8442).
fn is_ephemeral_psk(suite: &[u8]) -> bool {
    matches!(
        suite,
        [0x00, 0x2d | 0x8e..=0x91 | 0xaa | 0xab | 0xb2..=0xb5]
            | [0xc0, 0x33..=0x3b]
            | [0xcc, 0xac | 0xad]
            | [0xd0, 0x01 | 0x02 | 0x03 | 0x05]
    )
}

/// Octets from which lengths are taken with a check each.
#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// A vector whose length stands before it in `width` octets.
    fn vector(&mut self, width: usize) -> Option<Cursor<'a>> {
        let length = self
            .take(width)?
            .iter()
            .fold(0, |length, octet| length << 8 | usize::from(*octet));
        self.take(length).map(Cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(width: usize, octets: &[u8]) -> Vec<u8> {
        let length = octets.len().to_be_bytes();
        [&length[length.len() - width..], octets].concat()
    }

    fn hello(suites: &[u8], identities: &[&[u8]]) -> Vec<u8> {
        let mut offered = Vec::new();
        for identity in identities {
            offered.extend(vector(2, identity));
            offered.extend([0; 4]);
        }
        let mut extensions = [&[0, 23][..], &vector(2, &[])].concat();
        if !identities.is_empty() {
            let binders = vector(2, &vector(1, &[7; 32]));
            let content = [vector(2, &offered), binders].concat();
            extensions.extend(PRE_SHARED_KEY.to_be_bytes());
            extensions.extend(vector(2, &content));
        }
        let mut body = vec![3, 3];
        body.extend([9; 32]);
        body.extend(vector(1, &[]));
        body.extend(vector(2, suites));
        body.extend(vector(1, &[0]));
        body.extend(vector(2, &extensions));
        [&[CLIENT_HELLO][..], &vector(3, &body)].concat()
    }

    /// Records of at most `most` octets.
    fn records(message: &[u8], most: usize) -> Vec<u8> {
        let record = |chunk| [&[22, 3, 1][..], &vector(2, chunk)].concat();
        message.chunks(most).flat_map(record).collect()
    }

    #[test]
    fn keys_and_certificates_are_told_apart() {
        type Case = (&'static [u8], &'static [&'static [u8]], bool);
        let cases: &[Case] = &[
            (&[0x13, 0x01], &[], false),
            (&[0x13, 0x01, 0xc0, 0x2b], &[], false),
            (&[0x13, 0x01], &[b"ap-17"], true),
            (&[0x13, 0x01], &[&[0x80; 32]], false),
            (&[0x13, 0x01], &[&[0x80; 32], b"z\xc3\xbcrich"], true),
            (&[0x13, 0x01], &[b"line\nfeed"], false),
            (&[0xc0, 0x2b, 0xcc, 0xac], &[], true),
            (&[0xd0, 0x01], &[], true),
            // Plain PSK, without an ephemeral key, is not answered by anybody.
            (&[0x00, 0xa8], &[], false),
        ];
        for (suites, identities, psk) in cases {
            for most in [1, 50, 1 << 14] {
                let octets = records(&hello(suites, identities), most);
                assert_eq!(offers_psk(&octets), *psk, "{suites:x?} {identities:?}");
            }
        }
    }

    #[test]
    fn no_change_and_no_cut_does_harm() {
        let message = hello(&[0x13, 0x01, 0xc0, 0x2b], &[b"ap-17", b"b"]);
        let sound = records(&message, 1 << 14);
        for at in 0..sound.len() {
            assert!(!offers_psk(&sound[..at]), "cut at {at}");
            for change in [0x01, 0x80, 0xff] {
                let mut octets = sound.clone();
                octets[at] ^= change;
                offers_psk(&octets);
            }
        }
    }
}
