//! Packets as a capture file that other programs read.

use std::fs;
use std::path::Path;

use crate::Must as _;
use crate::relay::Passed;

const CLIENT: [u8; 4] = [192, 0, 2, 1];
const SERVER: [u8; 4] = [192, 0, 2, 2];
const CLIENT_PORT: u16 = 40_000;

/// Writes `packets` as if they had passed an Ethernet, the server on `server_port`.
pub fn write(path: &Path, server_port: u16, packets: &[Passed]) {
    let mut file = Vec::new();
    // Magic number, version 2.4, zone, accuracy, length, Ethernet.
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(65_535_u32.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for (second, packet) in (1_700_000_000_u32..).zip(packets) {
        let frame = frame(server_port, packet);
        let length = u32::try_from(frame.len())
            .must("a short frame")
            .to_le_bytes();
        file.extend(second.to_le_bytes());
        file.extend([0; 4]);
        file.extend(length);
        file.extend(length);
        file.extend(frame);
    }
    fs::write(path, file).must("write the capture file");
}

fn frame(server_port: u16, packet: &Passed) -> Vec<u8> {
    let client = (CLIENT, CLIENT_PORT);
    let server = (SERVER, server_port);
    let (from, to) = if packet.to_server {
        (client, server)
    } else {
        (server, client)
    };
    let length = |extra: usize| {
        u16::try_from(packet.bytes.len() + extra)
            .must("a short packet")
            .to_be_bytes()
    };
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let mut ip = vec![0x45, 0];
    ip.extend(length(28));
    ip.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    ip.extend(from.0);
    ip.extend(to.0);
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    frame.extend(ip);
    frame.extend(from.1.to_be_bytes());
    frame.extend(to.1.to_be_bytes());
    frame.extend(length(8));
    // UDP over IPv4 may go without a checksum.
    frame.extend([0, 0]);
    frame.extend(&packet.bytes);
    frame
}

fn checksum(header: &[u8]) -> u16 {
    let words = header
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        let header = [
            0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0,
            0xc7,
        ];
        assert_eq!(checksum(&header), 0xb861);
    }
}
