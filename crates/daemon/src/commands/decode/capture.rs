//! Reading pcap and pcapng files as a stream, with bounded memory.

use std::{io::Read, net::SocketAddr, ops::ControlFlow};

use jiff::Timestamp;
use pcap_parser::{Linktype, PcapBlockOwned, PcapError, create_reader, pcapng::Block};

use super::link::{self, Content};

/// The longest block of a capture that is read, in octets.
const LONGEST_BLOCK: usize = 1 << 20;
/// The most interfaces that a section of a pcapng file may describe.
const MOST_INTERFACES: usize = 4096;
const NANOSECONDS: i128 = 1_000_000_000;

/// How the files we read begin: pcap in either order of octets, with microseconds, nanoseconds or
/// in its "modified" form, and pcapng.
const MAGIC: [[u8; 4]; 7] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
    [0x34, 0xcd, 0xb2, 0xa1],
    [0x0a, 0x0d, 0x0d, 0x0a],
];

/// Whether a file that begins so is a capture.
pub(crate) fn is_capture(beginning: &[u8]) -> bool {
    MAGIC.iter().any(|magic| beginning.starts_with(magic))
}

/// One UDP datagram of a capture.
#[derive(Debug)]
pub(crate) struct Datagram<'a> {
    /// The frame's number in the file, from 1, as other programs count.
    pub(crate) frame: u64,
    pub(crate) time: Option<Timestamp>,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) payload: &'a [u8],
    /// Octets of the frame that the capture did not keep.
    pub(crate) missing: u32,
}

/// What a capture held.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) datagrams: u64,
    pub(crate) fragments: u64,
    pub(crate) unknown_links: u64,
}

/// Why a capture could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CaptureError {
    #[error("the capture is broken after frame {0}")]
    Broken(u64),
    #[error("the capture has a block of more than 1 MiB after frame {0}")]
    Block(u64),
    #[error("the capture describes more than 4096 interfaces")]
    Interfaces,
    #[error("the capture cannot be read on after frame {0}")]
    Read(u64),
    #[error("the capture ends in the middle of what follows frame {0}; its beginning is above")]
    Torn(u64),
}

/// Calls `visit` with every UDP datagram, in order; it may stop the reading. Says what was there,
/// also where the file breaks off.
pub(crate) fn read(
    source: impl Read + Send,
    visit: &mut dyn FnMut(Datagram<'_>) -> ControlFlow<()>,
) -> (Tally, Result<(), CaptureError>) {
    let mut walk = Walk {
        interfaces: Vec::new(),
        tally: Tally::default(),
    };
    let result = walk.all(source, visit);
    (walk.tally, result)
}

struct Walk {
    interfaces: Vec<Interface>,
    tally: Tally,
}

/// How to read the frames of an interface.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: Linktype,
    /// Units of its timestamps in a second; `None` where that does not fit 64 bits.
    resolution: Option<i128>,
    /// Seconds to add.
    offset: i64,
}

impl Walk {
    fn all(
        &mut self,
        source: impl Read + Send,
        visit: &mut dyn FnMut(Datagram<'_>) -> ControlFlow<()>,
    ) -> Result<(), CaptureError> {
        let mut reader =
            create_reader(LONGEST_BLOCK, source).map_err(|error| self.fault(&error))?;
        loop {
            match reader.next() {
                Ok((octets, block)) => {
                    let flow = self.block(&block, visit)?;
                    reader.consume(octets);
                    if flow.is_break() {
                        return Ok(());
                    }
                }
                Err(PcapError::Eof) => return Ok(()),
                Err(PcapError::Incomplete(_)) => {
                    let before = reader.data().len();
                    reader.refill().map_err(|error| self.fault(&error))?;
                    if reader.data().len() == before && !reader.reader_exhausted() {
                        return Err(CaptureError::Block(self.tally.frames));
                    }
                }
                Err(error) => return Err(self.fault(&error)),
            }
        }
    }

    fn fault<I>(&self, error: &PcapError<I>) -> CaptureError {
        let frames = self.tally.frames;
        match error {
            PcapError::BufferTooSmall => CaptureError::Block(frames),
            PcapError::Eof | PcapError::Incomplete(_) | PcapError::UnexpectedEof => {
                CaptureError::Torn(frames)
            }
            PcapError::ReadError => CaptureError::Read(frames),
            PcapError::HeaderNotRecognized
            | PcapError::NomError(..)
            | PcapError::OwnedNomError(..) => CaptureError::Broken(frames),
        }
    }

    fn block(
        &mut self,
        block: &PcapBlockOwned<'_>,
        visit: &mut dyn FnMut(Datagram<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, CaptureError> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let nanoseconds = header.is_nanosecond_precision();
                self.interfaces.push(Interface {
                    link: header.network,
                    resolution: Some(if nanoseconds { NANOSECONDS } else { 1_000_000 }),
                    offset: 0,
                });
            }
            PcapBlockOwned::Legacy(frame) => {
                let Some(interface) = self.interfaces.first().copied() else {
                    return Err(CaptureError::Broken(self.tally.frames));
                };
                let units = interface.resolution.unwrap_or(1);
                let time = i128::from(frame.ts_sec) * units + i128::from(frame.ts_usec);
                let missing = frame.origlen.saturating_sub(frame.caplen);
                return Ok(self.frame(interface, Some(time), frame.data, missing, visit));
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(described)) => {
                if self.interfaces.len() == MOST_INTERFACES {
                    return Err(CaptureError::Interfaces);
                }
                self.interfaces.push(Interface {
                    link: described.linktype,
                    resolution: resolution(described.if_tsresol),
                    offset: described.if_tsoffset,
                });
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let Some(interface) = self.interface(packet.if_id) else {
                    return Err(CaptureError::Broken(self.tally.frames));
                };
                let time = i128::from(packet.ts_high) << 32 | i128::from(packet.ts_low);
                let kept = kept(packet.data, packet.caplen);
                let missing = packet.origlen.saturating_sub(packet.caplen);
                return Ok(self.frame(interface, Some(time), kept, missing, visit));
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let Some(interface) = self.interface(0) else {
                    return Err(CaptureError::Broken(self.tally.frames));
                };
                let kept = kept(packet.data, packet.origlen);
                let length = u32::try_from(kept.len()).unwrap_or(u32::MAX);
                let missing = packet.origlen.saturating_sub(length);
                return Ok(self.frame(interface, None, kept, missing, visit));
            }
            PcapBlockOwned::NG(_) => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn interface(&self, index: u32) -> Option<Interface> {
        let index = usize::try_from(index).ok()?;
        self.interfaces.get(index).copied()
    }

    fn frame(
        &mut self,
        interface: Interface,
        time: Option<i128>,
        octets: &[u8],
        missing: u32,
        visit: &mut dyn FnMut(Datagram<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.tally.frames += 1;
        match link::content(interface.link, octets) {
            Content::Fragment => self.tally.fragments += 1,
            Content::Other => {}
            Content::UnknownLink => self.tally.unknown_links += 1,
            Content::Udp { from, to, payload } => {
                self.tally.datagrams += 1;
                return visit(Datagram {
                    frame: self.tally.frames,
                    time: time.and_then(|time| interface.time(time)),
                    from,
                    to,
                    payload,
                    missing,
                });
            }
        }
        ControlFlow::Continue(())
    }
}

impl Interface {
    fn time(self, units: i128) -> Option<Timestamp> {
        let resolution = self.resolution?;
        let (seconds, rest) = (units / resolution, units % resolution);
        let seconds = seconds.checked_add(i128::from(self.offset))?;
        let nanoseconds = seconds.checked_mul(NANOSECONDS)? + rest * NANOSECONDS / resolution;
        Timestamp::from_nanosecond(nanoseconds).ok()
    }
}

/// The octet that says the resolution: a power of two where its top bit is set, else of ten.
fn resolution(octet: u8) -> Option<i128> {
    let power = u32::from(octet & 0x7f);
    let base: u64 = if octet & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(power).map(i128::from)
}

/// A block's data without the padding at its end.
fn kept(data: &[u8], length: u32) -> &[u8] {
    usize::try_from(length)
        .ok()
        .and_then(|length| data.get(..length))
        .unwrap_or(data)
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use proptest::prelude::*;

    use super::*;

    fn frame() -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([192, 0, 2, 7], [192, 0, 2, 1], 64)
            .udp(5000, 1812)
            .write(&mut packet, b"abc")
            .unwrap();
        packet
    }

    fn legacy(nanoseconds: bool) -> Vec<u8> {
        let magic: u32 = if nanoseconds {
            0xa1b2_3c4d
        } else {
            0xa1b2_c3d4
        };
        let mut file = magic.to_be_bytes().to_vec();
        file.extend([0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 101]);
        let frame = frame();
        let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
        file.extend(1_700_000_000_u32.to_be_bytes());
        file.extend(123_456_u32.to_be_bytes());
        file.extend(length);
        file.extend(length);
        file.extend(frame);
        file
    }

    fn ng_block(kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].concat()
    }

    fn ng(resolution: u8) -> Vec<u8> {
        let section = [
            0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        ];
        let mut file = ng_block(0x0a0d_0d0a, &section);
        let interface = [
            101, 0, 0, 0, 0, 0, 1, 0, 9, 0, 1, 0, resolution, 0, 0, 0, 0, 0, 0, 0,
        ];
        file.extend(ng_block(1, &interface));
        let frame = frame();
        let units: u64 = 1_700_000_000 << 16 | 1 << 15;
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        let mut packet = vec![0; 4];
        packet.extend(u32::try_from(units >> 32).unwrap().to_le_bytes());
        packet.extend(u32::try_from(units & 0xffff_ffff).unwrap().to_le_bytes());
        packet.extend(length);
        packet.extend(length);
        packet.extend(frame);
        file.extend(ng_block(6, &packet));
        file
    }

    type Seen = Vec<(u64, Option<String>, Vec<u8>)>;

    fn seen(file: &[u8]) -> (Seen, Tally, Result<(), CaptureError>) {
        let mut seen = Vec::new();
        let (tally, result) = read(file, &mut |datagram| {
            let time = datagram.time.map(|time| time.to_string());
            seen.push((datagram.frame, time, datagram.payload.to_vec()));
            ControlFlow::Continue(())
        });
        (seen, tally, result)
    }

    #[test]
    fn both_formats_are_read_with_their_clocks() {
        for (file, time) in [
            (legacy(false), "2023-11-14T22:13:20.123456Z"),
            (legacy(true), "2023-11-14T22:13:20.000123456Z"),
            (ng(0x80 | 16), "2023-11-14T22:13:20.5Z"),
        ] {
            assert!(is_capture(&file));
            let (seen, tally, result) = seen(&file);
            assert_eq!(result, Ok(()));
            assert_eq!(seen, [(1, Some(time.to_owned()), b"abc".to_vec())]);
            assert_eq!((tally.frames, tally.datagrams), (1, 1));
        }
    }

    #[test]
    fn a_torn_capture_is_read_up_to_the_tear() {
        let mut file = legacy(false);
        let whole = file.clone();
        file.extend(&whole[24..whole.len() - 2]);
        let (seen, _, result) = seen(&file);
        assert_eq!(seen.len(), 1);
        assert_eq!(result, Err(CaptureError::Torn(1)));
    }

    #[test]
    fn a_frame_that_claims_gigabytes_is_refused() {
        let mut file = legacy(false);
        file[32..36].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
        file.resize(4 << 20, 0);
        assert_eq!(seen(&file).2, Err(CaptureError::Block(0)));
    }

    proptest! {
        #[test]
        fn damaged_captures_end(at in 0_usize..120, octet: u8, cut in 0_usize..150) {
            for mut file in [legacy(false), ng(6)] {
                let at = at % file.len();
                file[at] = octet;
                file.truncate(cut.max(4));
                let (seen, tally, _) = seen(&file);
                prop_assert!(u64::try_from(seen.len()).unwrap() <= tally.frames);
            }
        }
    }
}
