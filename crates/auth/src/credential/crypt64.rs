//! The base64 of `crypt(3)`: its own alphabet, least significant bits first, no padding.

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub(super) fn encode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for group in octets.chunks(3) {
        let mut bits = group
            .iter()
            .rev()
            .fold(0, |bits, &octet| bits << 8 | usize::from(octet));
        for _ in 0..=group.len() {
            text.push(char::from(ALPHABET[bits & 63]));
            bits >>= 6;
        }
    }
    text
}

/// The octets of a text, or nothing if it is not exactly what [`encode`] makes of some octets.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.as_bytes().chunks(4) {
        let mut bits = 0;
        for character in group.iter().rev() {
            let value = ALPHABET.iter().position(|c| c == character)?;
            bits = bits << 6 | value;
        }
        for _ in 1..group.len() {
            octets.push(u8::try_from(bits & 255).ok()?);
            bits >>= 8;
        }
        // One character alone holds no octet, and bits beyond the last octet must be zero.
        if group.len() == 1 || bits != 0 {
            return None;
        }
    }
    Some(octets)
}

/// Whether every character is of the alphabet.
pub(super) fn is_text(text: &str) -> bool {
    text.bytes().all(|octet| ALPHABET.contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_reads_back() {
        let octets: Vec<u8> = (0..70).map(|i: u8| i.wrapping_mul(151)).collect();
        for length in 0..octets.len() {
            let text = encode(&octets[..length]);
            assert_eq!(decode(&text).as_deref(), Some(&octets[..length]));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["a", "abcde", "a=", "a b.", "zz", "\u{e9}"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
