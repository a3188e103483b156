//! Captures made by hand.

/// Builds a pcap file of Ethernet frames, with microseconds, in big-endian order.
pub(crate) struct Capture {
    file: Vec<u8>,
    microseconds: u32,
}

/// An end of a UDP datagram on 192.0.2.0/24: the last octet of its address, and its port.
pub(crate) type End = (u8, u16);

impl Capture {
    pub(crate) fn new() -> Self {
        let mut file = 0xa1b2_c3d4_u32.to_be_bytes().to_vec();
        file.extend([0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        Self {
            file,
            microseconds: 0,
        }
    }

    /// Adds a UDP datagram in a frame with a VLAN tag, a millisecond after the one before.
    pub(crate) fn datagram(&mut self, from: End, to: End, payload: &[u8]) -> &mut Self {
        self.ip(from, to, payload, 0)
    }

    /// Adds the first fragment of a UDP datagram.
    pub(crate) fn fragment(&mut self, from: End, to: End, payload: &[u8]) -> &mut Self {
        self.ip(from, to, payload, 0x20)
    }

    pub(crate) fn file(&self) -> &[u8] {
        &self.file
    }

    fn ip(&mut self, from: End, to: End, payload: &[u8], flags: u8) -> &mut Self {
        let udp = u16::try_from(8 + payload.len()).unwrap();
        let mut frame = vec![1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x81, 0, 0, 7, 8, 0];
        frame.extend([0x45, 0]);
        frame.extend((20 + udp).to_be_bytes());
        frame.extend([
            0, 1, flags, 0, 64, 17, 0, 0, 192, 0, 2, from.0, 192, 0, 2, to.0,
        ]);
        frame.extend(from.1.to_be_bytes());
        frame.extend(to.1.to_be_bytes());
        frame.extend(udp.to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(payload);
        self.microseconds += 1000;
        let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
        self.file.extend(1_700_000_000_u32.to_be_bytes());
        self.file.extend(self.microseconds.to_be_bytes());
        self.file.extend(length);
        self.file.extend(length);
        self.file.extend(frame);
        self
    }
}
