//! Packets in a stream of octets: their lengths are all that parts them (RFC 6613 section 2.6.4).

use crate::{Malformed, Packet};

/// What is kept of a buffer when nothing is in it.
const KEPT: usize = 4096;

/// Cuts a stream into packets. Holds at most one packet that is not whole, and what was read with
/// it; an idle stream holds next to nothing.
#[derive(Debug, Default)]
pub struct Frames {
    octets: Vec<u8>,
    taken: usize,
}

impl Frames {
    /// A stream of which nothing has come.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where to append what has come. Packets that were taken are gone from it.
    pub fn space(&mut self) -> &mut Vec<u8> {
        if self.taken > 0 {
            self.octets.drain(..self.taken);
            self.taken = 0;
        }
        if self.octets.is_empty() {
            self.octets.shrink_to(KEPT);
        }
        &mut self.octets
    }

    /// The next whole packet, by its Length field alone; `None` until more has come. A length below
    /// 20 or above `longest` is an error, after which the stream has no meaning any more.
    pub fn next(&mut self, longest: usize) -> Result<Option<&[u8]>, Malformed> {
        let rest = self.octets.get(self.taken..).unwrap_or_default();
        let [_, _, high, low, ..] = rest else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if !(Packet::HEADER..=longest).contains(&length) {
            return Err(Malformed::Length);
        }
        if rest.len() < length {
            return Ok(None);
        }
        let start = self.taken;
        self.taken += length;
        Ok(self.octets.get(start..self.taken))
    }

    /// Whether part of a packet has come, and not the rest.
    pub fn is_midway(&self) -> bool {
        self.taken < self.octets.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(length: u16) -> Vec<u8> {
        let mut octets = vec![7; usize::from(length)];
        octets[2..4].copy_from_slice(&length.to_be_bytes());
        octets
    }

    #[test]
    fn lengths_outside_the_bounds_end_the_stream() {
        for (length, longest) in [(0, 4096), (19, 4096), (4097, 4096)] {
            let mut frames = Frames::new();
            frames.space().extend_from_slice(&[1, 1]);
            frames.space().extend_from_slice(&u16::to_be_bytes(length));
            assert_eq!(frames.next(longest), Err(Malformed::Length), "{length}");
        }
        let mut frames = Frames::new();
        frames.space().extend_from_slice(&packet(u16::MAX));
        let whole = frames.next(Packet::MAX_STREAM).unwrap().unwrap();
        assert_eq!(whole.len(), Packet::MAX_STREAM);
    }

    #[test]
    fn an_idle_stream_keeps_no_large_buffer() {
        let mut frames = Frames::new();
        frames.space().extend_from_slice(&packet(60_000));
        assert!(frames.next(Packet::MAX_STREAM).unwrap().is_some());
        assert!(!frames.is_midway());
        assert!(frames.space().capacity() <= KEPT);
    }

    proptest! {
        #[test]
        fn packets_come_out_as_they_went_in_however_they_are_cut(
            lengths in proptest::collection::vec(20_u16..300, 1..20),
            cuts in proptest::collection::vec(1_usize..200, 1..50),
        ) {
            let packets: Vec<_> = lengths.iter().map(|length| packet(*length)).collect();
            let stream = packets.concat();
            let mut rest = stream.as_slice();
            let mut cuts = cuts.iter().cycle();
            let (mut frames, mut seen) = (Frames::new(), Vec::new());
            while !rest.is_empty() {
                let (piece, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                frames.space().extend_from_slice(piece);
                rest = later;
                while let Some(packet) = frames.next(4096).unwrap() {
                    seen.push(packet.to_vec());
                }
            }
            prop_assert!(!frames.is_midway());
            prop_assert_eq!(seen, packets);
        }
    }
}
