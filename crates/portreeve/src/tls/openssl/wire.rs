//! What OpenSSL reads from and writes to instead of a socket.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
};

const RECORD_HEADER: usize = 13;

/// The datagrams of one association. One read takes one datagram, one write makes one.
#[derive(Default)]
pub(super) struct Datagrams {
    arrived: VecDeque<Vec<u8>>,
    departing: Vec<Vec<u8>>,
    shift: u64,
}

impl Datagrams {
    pub(super) fn arrive(&mut self, datagram: Vec<u8>) {
        self.arrived.push_back(datagram);
    }

    /// Takes what was written.
    pub(super) fn depart(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.departing)
    }

    /// The first of what was written.
    pub(super) fn departing(&self) -> Option<&[u8]> {
        self.departing.first().map(Vec::as_slice)
    }

    /// From here on, records of epoch 0 leave with numbers that are higher by `shift`.
    pub(super) fn shift_records(&mut self, shift: u64) {
        self.shift = shift;
    }
}

impl Read for Datagrams {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(datagram) = self.arrived.pop_front() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let count = datagram.len().min(into.len());
        into[..count].copy_from_slice(&datagram[..count]);
        Ok(count)
    }
}

impl Write for Datagrams {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut datagram = octets.to_vec();
        if self.shift > 0 {
            shift_records(&mut datagram, self.shift);
        }
        self.departing.push(datagram);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Raises the numbers of the records of epoch 0, which nothing authenticates.
fn shift_records(datagram: &mut [u8], shift: u64) {
    let mut rest = datagram;
    while let Some((header, after)) = rest.split_at_mut_checked(RECORD_HEADER) {
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        if header[3..5] == [0, 0] {
            let mut number = [0; 8];
            number[2..].copy_from_slice(&header[5..11]);
            let raised = u64::from_be_bytes(number).wrapping_add(shift).to_be_bytes();
            header[5..11].copy_from_slice(&raised[2..]);
        }
        let Some(next) = after.get_mut(length..) else {
            return;
        };
        rest = next;
    }
}

/// The octets of one connection over TCP.
#[derive(Default)]
pub(super) struct Octets {
    arrived: VecDeque<u8>,
    ended: bool,
    departing: VecDeque<u8>,
}

impl Octets {
    pub(super) fn arrive(&mut self, octets: &[u8]) {
        self.arrived.extend(octets);
    }

    /// Nothing more will arrive.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// The first of what is to leave.
    pub(super) fn departing(&self) -> &[u8] {
        self.departing.as_slices().0
    }

    /// How much is to leave, in octets.
    pub(super) fn waiting(&self) -> usize {
        self.departing.len()
    }

    /// The first `count` octets have left.
    pub(super) fn departed(&mut self, count: usize) {
        self.departing.drain(..count.min(self.departing.len()));
    }
}

impl Read for Octets {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.arrived.is_empty() && !self.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.arrived.read(into)
    }
}

impl Write for Octets {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.departing.extend(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u8, number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        let header = [22, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, number, 0, length];
        [&header, content].concat()
    }

    #[test]
    fn only_records_of_epoch_0_are_shifted() {
        let mut wire = Datagrams::default();
        wire.shift_records(3);
        let datagram = [record(0, 1, b"ab"), record(0, 2, b""), record(1, 0, b"c")].concat();
        wire.write_all(&datagram).unwrap();
        let shifted = [record(0, 4, b"ab"), record(0, 5, b""), record(1, 0, b"c")].concat();
        assert_eq!(wire.depart(), [shifted]);
        for end in 0..datagram.len() {
            shift_records(&mut datagram[..end].to_vec(), 1);
        }
    }

    #[test]
    fn one_read_takes_one_datagram() {
        let mut wire = Datagrams::default();
        wire.arrive(b"one".to_vec());
        wire.arrive(b"two".to_vec());
        let mut into = [0; 16];
        assert_eq!(wire.read(&mut into).unwrap(), 3);
        assert_eq!(&into[..3], b"one");
        assert_eq!(wire.read(&mut into).unwrap(), 3);
        let error = wire.read(&mut into).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
