//! The bytes of a segment: a header, then records, each with its length and checksum.
//!
//! ```text
//! header  magic[8] version:u32 segment:u64 previous:u64 crc32c:u32       (little endian, 32 bytes)
//! record  length:u32 crc32c:u32 payload[length]        crc32c over the length and the payload
//! ```

use std::io;

use super::layer::{self, LayerFile};

/// The length of a segment's header in bytes.
pub(super) const HEADER_LEN: u64 = HEADER_SIZE as u64;

/// The same, for arrays.
pub(super) const HEADER_SIZE: usize = 32;

/// The length and the checksum before each payload, in bytes.
pub(super) const FRAME_LEN: usize = 8;

/// The longest payload in bytes: above any RADIUS packet with what is kept beside it.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// The most bytes that are written between two syncs. Whatever lies behind the last whole record
/// cannot be longer than this if only a write was cut short.
pub(super) const MAX_GROUP: usize = 1024 * 1024;

const MAGIC: [u8; 8] = *b"PRTRVJNL";
const VERSION: u32 = 1;
const WINDOW: usize = 256 * 1024;

/// What is wrong with a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The header is not one of a journal segment.
    #[error("the header is not that of a journal segment")]
    Header,
    /// The header belongs to another segment number than the file's name says.
    #[error("the header names another segment than the file's name")]
    Misnamed,
    /// The file ends inside a record.
    #[error("the file ends inside a record")]
    Truncated,
    /// A record's length is zero or above [`MAX_PAYLOAD`].
    #[error("a record's length is impossible")]
    Length,
    /// A record's checksum does not match.
    #[error("a record's checksum does not match")]
    Checksum,
}

/// A readable header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) segment: u64,
    /// The segment written before this one, 0 for the first.
    pub(super) previous: u64,
}

/// Why a header could not be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HeaderError {
    Newer(u32),
    Damaged,
}

impl Header {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::from(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.segment.to_le_bytes());
        bytes.extend_from_slice(&self.previous.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let Some((body, check)) = bytes.split_last_chunk::<4>() else {
            return Err(HeaderError::Damaged);
        };
        let intact = crc32c::crc32c(body) == u32::from_le_bytes(*check);
        let (Some((magic, rest)), true) = (body.split_first_chunk::<8>(), intact) else {
            return Err(HeaderError::Damaged);
        };
        let Some((version, rest)) = rest.split_first_chunk::<4>() else {
            return Err(HeaderError::Damaged);
        };
        let version = u32::from_le_bytes(*version);
        let (numbers, []) = rest.as_chunks::<8>() else {
            return Err(HeaderError::Damaged);
        };
        match (*magic == MAGIC, version, numbers) {
            (true, VERSION, &[segment, previous]) => Ok(Self {
                segment: u64::from_le_bytes(segment),
                previous: u64::from_le_bytes(previous),
            }),
            (true, newer, _) if newer > VERSION => Err(HeaderError::Newer(newer)),
            _ => Err(HeaderError::Damaged),
        }
    }
}

/// The eight bytes that stand before `payload`.
pub(super) fn frame(payload: &[u8]) -> [u8; FRAME_LEN] {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    let check = crc32c::crc32c_append(crc32c::crc32c(&length), payload).to_le_bytes();
    let mut bytes = [0; FRAME_LEN];
    bytes[..4].copy_from_slice(&length);
    bytes[4..].copy_from_slice(&check);
    bytes
}

/// What a cursor found.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A whole record that ended before `end`.
    Record { end: u64, payload: &'a [u8] },
    /// The limit was reached behind a whole record.
    End,
    /// What starts at `offset` is no whole record.
    Damaged { offset: u64, damage: Damage },
}

/// Walks the records of a segment from an offset up to a limit, a window at a time.
pub(super) struct Cursor<'f> {
    file: &'f dyn LayerFile,
    offset: u64,
    limit: u64,
    window: Vec<u8>,
    used: usize,
}

impl<'f> Cursor<'f> {
    pub(super) fn new(file: &'f dyn LayerFile, offset: u64, limit: u64) -> Self {
        Self {
            file,
            offset: offset.max(HEADER_LEN),
            limit,
            window: Vec::new(),
            used: 0,
        }
    }

    pub(super) fn advance(&mut self) -> io::Result<Step<'_>> {
        let offset = self.offset;
        if offset >= self.limit {
            return Ok(Step::End);
        }
        let damaged = |damage| Ok(Step::Damaged { offset, damage });
        if !self.hold(FRAME_LEN)? {
            return damaged(Damage::Truncated);
        }
        let Some(frame) = self.held().first_chunk::<FRAME_LEN>().copied() else {
            return damaged(Damage::Truncated);
        };
        let [a, b, c, d, ..] = frame;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length == 0 || length > MAX_PAYLOAD {
            return damaged(Damage::Length);
        }
        if !self.hold(FRAME_LEN + length)? {
            return damaged(Damage::Truncated);
        }
        let from = self.used + FRAME_LEN;
        let Some(payload) = self.window.get(from..from + length) else {
            return damaged(Damage::Truncated);
        };
        if self::frame(payload) != frame {
            return damaged(Damage::Checksum);
        }
        self.used = from + length;
        self.offset += (FRAME_LEN + length) as u64;
        Ok(Step::Record {
            end: self.offset,
            payload,
        })
    }

    fn held(&self) -> &[u8] {
        self.window.get(self.used..).unwrap_or_default()
    }

    /// Has `count` unread bytes in the window, or says that the segment has fewer.
    fn hold(&mut self, count: usize) -> io::Result<bool> {
        if self.held().len() >= count {
            return Ok(true);
        }
        let left = usize::try_from(self.limit - self.offset).unwrap_or(usize::MAX);
        if left < count {
            return Ok(false);
        }
        self.window.drain(..self.used);
        self.used = 0;
        let have = self.window.len();
        self.window.resize(count.max(WINDOW).min(left), 0);
        let fresh = self.window.get_mut(have..).unwrap_or_default();
        let read = layer::read_full(self.file, fresh, self.offset + have as u64)?;
        self.window.truncate(have + read);
        Ok(self.window.len() >= count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back() {
        let header = Header {
            segment: 7,
            previous: 5,
        };
        let bytes = header.encode();
        assert_eq!(bytes.len() as u64, HEADER_LEN);
        assert_eq!(Header::decode(&bytes), Ok(header));
    }

    #[test]
    fn every_flipped_header_bit_is_noticed() {
        let bytes = Header {
            segment: 7,
            previous: 5,
        }
        .encode();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bad), Err(HeaderError::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_header_of_a_later_version_is_told_apart_from_damage() {
        let mut bytes = Header {
            segment: 1,
            previous: 0,
        }
        .encode();
        bytes.truncate(28);
        bytes[8..12].copy_from_slice(&9_u32.to_le_bytes());
        let check = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(HeaderError::Newer(9)));
    }

    #[test]
    fn zeros_are_not_a_record() {
        assert_ne!(frame(&[]), [0; FRAME_LEN]);
    }
}
