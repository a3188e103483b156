//! Octets that came as text.

/// The octets of a file or a piece of one, of which it is known how many there are.
///
/// Both transports read what is not UTF-8 as Latin-1. Whether they did so with this text is seen
/// from its length: a text with any character that is not ASCII has more octets in UTF-8 than in
/// Latin-1. `None` where neither gives as many octets as there are.
pub(super) fn read(text: &str, expected: u64) -> Option<Vec<u8>> {
    let expected = usize::try_from(expected).ok()?;
    if text.len() == expected {
        return Some(text.as_bytes().to_vec());
    }
    let octets: Vec<u8> = text
        .chars()
        .map(u8::try_from)
        .collect::<Result<_, _>>()
        .ok()?;
    (octets.len() == expected).then_some(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text;

    proptest! {
        #[test]
        fn any_octets_come_back(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let said = text::read(&octets);
            prop_assert_eq!(read(&said, octets.len() as u64), Some(octets));
        }

        #[test]
        fn any_text_comes_back(text in "\\PC{0,60}") {
            prop_assert_eq!(read(&text, text.len() as u64), Some(text.into_bytes()));
        }
    }

    #[test]
    fn another_length_is_no_file() {
        assert_eq!(read("abc", 4), None);
        assert_eq!(read("ab\u{20ac}", 3), None);
        assert_eq!(read("", 0), Some(Vec::new()));
    }
}
