//! Words and sentences on the wire: a length in one to five octets, then as many octets.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A sentence of a client is not longer, all its words together.
const MOST: usize = 1 << 20;
/// Before the log-in.
const MOST_BEFORE: usize = 1 << 12;

/// Puts a word into a buffer.
pub(super) fn write(word: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(word.len()).unwrap_or(u32::MAX);
    let octets = length.to_be_bytes();
    match length {
        0..0x80 => out.extend(&octets[3..]),
        0x80..0x4000 => out.extend([octets[2] | 0x80, octets[3]]),
        0x4000..0x20_0000 => out.extend([octets[1] | 0xC0, octets[2], octets[3]]),
        0x20_0000..0x1000_0000 => {
            out.extend([octets[0] | 0xE0, octets[1], octets[2], octets[3]]);
        }
        _ => {
            out.push(0xF0);
            out.extend(octets);
        }
    }
    out.extend(word);
}

/// Puts a sentence into a buffer.
pub(super) fn write_sentence<W: AsRef<[u8]>>(words: &[W], out: &mut Vec<u8>) {
    for word in words {
        write(word.as_ref(), out);
    }
    write(&[], out);
}

/// Reads one sentence. `None` at the end of the connection, at a control octet, and where more
/// comes than a router reads.
pub(super) async fn read_sentence<S: AsyncRead + Unpin>(
    stream: &mut S,
    logged_in: bool,
) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut room = if logged_in { MOST } else { MOST_BEFORE };
    loop {
        let length = read_length(stream).await?;
        if length == 0 {
            if words.is_empty() {
                // An empty sentence says nothing.
                continue;
            }
            return Some(words);
        }
        room = room.checked_sub(length.checked_add(1)?)?;
        let mut word = vec![0; length];
        stream.read_exact(&mut word).await.ok()?;
        // What is not UTF-8 is Latin-1 to a router; nothing that is checked here depends on it.
        let word = match String::from_utf8(word) {
            Ok(word) => word,
            Err(error) => error.as_bytes().iter().copied().map(char::from).collect(),
        };
        words.push(word);
    }
}

async fn read_length<S: AsyncRead + Unpin>(stream: &mut S) -> Option<usize> {
    let first = stream.read_u8().await.ok()?;
    let (more, bits) = match first {
        0..0x80 => (0, first),
        0x80..0xC0 => (1, first & 0x3F),
        0xC0..0xE0 => (2, first & 0x1F),
        0xE0..0xF0 => (3, first & 0x0F),
        0xF0 => (4, 0),
        _ => return None,
    };
    let mut length = u32::from(bits);
    for _ in 0..more {
        let next = stream.read_u8().await.ok()?;
        length = (length << 8) | u32::from(next);
    }
    usize::try_from(length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_length_comes_back() {
        for length in [1, 0x7F, 0x80, 0x3FFF, 0x4000, 0xF_FFF0] {
            let word = "x".repeat(length);
            let mut wire = Vec::new();
            write_sentence(&[&word], &mut wire);
            let back = read_sentence(&mut wire.as_slice(), true).await;
            assert_eq!(back, Some(vec![word]), "{length}");
        }
    }

    #[test]
    fn lengths_are_written_as_the_manual_has_them() {
        let head = |length: usize| {
            let mut out = Vec::new();
            write(&vec![0; length], &mut out);
            out.truncate(out.len() - length);
            out
        };
        assert_eq!(head(0), [0]);
        assert_eq!(head(0x7F), [0x7F]);
        assert_eq!(head(0x80), [0x80, 0x80]);
        assert_eq!(head(0x3FFF), [0xBF, 0xFF]);
        assert_eq!(head(0x4000), [0xC0, 0x40, 0x00]);
        assert_eq!(head(0x1F_FFFF), [0xDF, 0xFF, 0xFF]);
        assert_eq!(head(0x20_0000), [0xE0, 0x20, 0x00, 0x00]);
    }

    #[tokio::test]
    async fn a_control_octet_or_too_much_ends_the_conversation() {
        assert_eq!(read_sentence(&mut [0xF8, 0].as_slice(), true).await, None);
        assert_eq!(read_sentence(&mut [5, b'a'].as_slice(), true).await, None);
        let mut wire = Vec::new();
        write_sentence(&["x".repeat(5000)], &mut wire);
        assert!(read_sentence(&mut wire.as_slice(), true).await.is_some());
        assert_eq!(read_sentence(&mut wire.as_slice(), false).await, None);
        // Five octets of length, more than any router has memory.
        let huge = [0xF0, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(read_sentence(&mut huge.as_slice(), true).await, None);
    }
}
