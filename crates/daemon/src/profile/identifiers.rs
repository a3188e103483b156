//! Names that stay the same for the same thing, so that a newer profile takes an older one's place.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// A UUID of version 8 (RFC 9562, 5.8) that only depends on the parts.
pub(crate) fn uuid(parts: &[&[u8]]) -> String {
    let mut octets = [0; 16];
    octets.copy_from_slice(&digest(parts)[..16]);
    octets[6] = octets[6] & 0x0f | 0x80;
    octets[8] = octets[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, octet) in octets.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a text does not fail.
        write!(text, "{octet:02X}").ok();
    }
    text
}

/// Eight octets of the parts in hexadecimal.
pub(crate) fn short(parts: &[&[u8]]) -> String {
    hex(&digest(parts)[..8])
}

/// Hexadecimal, in lower case.
pub(crate) fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        write!(text, "{octet:02x}").ok();
    }
    text
}

/// A name from the other end, as identifiers begin: `org.example.radius`.
pub(crate) fn reversed(name: &str) -> String {
    let mut labels: Vec<&str> = name.split('.').collect();
    labels.reverse();
    labels.join(".")
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths keep `ab`, `c` from being `a`, `bc`.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_depend_on_every_part_and_where_it_ends() {
        let one = uuid(&[b"ab", b"c"]);
        assert_eq!(one, uuid(&[b"ab", b"c"]));
        assert_ne!(one, uuid(&[b"a", b"bc"]));
        assert_ne!(short(&[b"ab"]), short(&[b"ab", b""]));
        assert_eq!(one.len(), 36);
        assert_eq!(&one[14..15], "8");
        assert!("89AB".contains(&one[19..20]), "{one}");
    }

    #[test]
    fn names_are_reversed_by_label() {
        assert_eq!(reversed("radius.example.org"), "org.example.radius");
        assert_eq!(reversed("router"), "router");
    }
}
