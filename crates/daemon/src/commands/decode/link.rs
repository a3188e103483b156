//! From a captured frame to the UDP datagram inside, whatever the link.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice, ip_number};
use pcap_parser::Linktype;

/// What a frame holds, as far as we care.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// One part of a UDP datagram that IP has cut; parts are not put together.
    Fragment,
    /// No UDP, or broken.
    Other,
    /// A UDP datagram, perhaps cut short by the capture.
    Udp {
        from: SocketAddr,
        to: SocketAddr,
        payload: &'a [u8],
    },
    /// A link that we cannot read.
    UnknownLink,
}

/// Raw IP under the numbers it had before the registry gave it 101.
const RAW_BSD: Linktype = Linktype(12);
const RAW_OPENBSD: Linktype = Linktype(14);
/// Octets of a Linux cooked header, version 1 and 2.
const COOKED_1: usize = 16;
const COOKED_2: usize = 20;
/// Octets before the packet on BSD's loopback: the address family.
const FAMILY: usize = 4;

/// Reads a frame of a link type.
pub(crate) fn content(link: Linktype, frame: &[u8]) -> Content<'_> {
    let sliced = match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(frame).ok(),
        Linktype::LINUX_SLL => cooked(frame, COOKED_1 - 2, COOKED_1),
        Linktype::LINUX_SLL2 => cooked(frame, 0, COOKED_2),
        Linktype::NULL | Linktype::LOOP => frame.get(FAMILY..).and_then(ip),
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 | RAW_BSD | RAW_OPENBSD => ip(frame),
        _ => return Content::UnknownLink,
    };
    sliced.map_or(Content::Other, |sliced| udp(&sliced))
}

fn ip(packet: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    LaxSlicedPacket::from_ip(packet).ok()
}

/// A cooked header keeps the Ethernet type of what follows it in one of its fields.
fn cooked(frame: &[u8], field: usize, header: usize) -> Option<LaxSlicedPacket<'_>> {
    let kind = u16::from_be_bytes([*frame.get(field)?, *frame.get(field + 1)?]);
    let payload = frame.get(header..)?;
    Some(LaxSlicedPacket::from_ether_type(EtherType(kind), payload))
}

fn udp<'a>(sliced: &LaxSlicedPacket<'a>) -> Content<'a> {
    let (source, destination): (IpAddr, IpAddr) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            (
                header.source_addr().into(),
                header.destination_addr().into(),
            )
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            (
                header.source_addr().into(),
                header.destination_addr().into(),
            )
        }
        Some(LaxNetSlice::Arp(_)) | None => return Content::Other,
    };
    if sliced
        .ip_payload()
        .is_some_and(|payload| payload.fragmented && payload.ip_number == ip_number::UDP)
    {
        return Content::Fragment;
    }
    match &sliced.transport {
        Some(TransportSlice::Udp(udp)) => Content::Udp {
            from: SocketAddr::new(source, udp.source_port()),
            to: SocketAddr::new(destination, udp.destination_port()),
            payload: udp.payload(),
        },
        _ => Content::Other,
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{IpFragOffset, PacketBuilder, VlanId};

    use super::*;

    fn found(link: Linktype, frame: &[u8]) -> Option<Found> {
        match content(link, frame) {
            Content::Udp { from, to, payload } => {
                Some((from.to_string(), to.to_string(), payload.to_vec()))
            }
            _ => None,
        }
    }

    fn ipv4() -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([192, 0, 2, 7], [192, 0, 2, 1], 64)
            .udp(5000, 1812)
            .write(&mut packet, b"abc")
            .unwrap();
        packet
    }

    type Found = (String, String, Vec<u8>);

    fn expected() -> Found {
        (
            "192.0.2.7:5000".into(),
            "192.0.2.1:1812".into(),
            b"abc".to_vec(),
        )
    }

    #[test]
    fn every_link_leads_to_the_same_datagram() {
        let ip = ipv4();
        for link in [Linktype::RAW, Linktype::IPV4, RAW_BSD, RAW_OPENBSD] {
            assert_eq!(found(link, &ip), Some(expected()));
        }
        let loopback: Vec<u8> = [2, 0, 0, 0].into_iter().chain(ip.clone()).collect();
        assert_eq!(found(Linktype::NULL, &loopback), Some(expected()));
        let mut cooked = vec![0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0];
        cooked.extend(&ip);
        assert_eq!(found(Linktype::LINUX_SLL, &cooked), Some(expected()));
        let mut cooked = vec![8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0];
        cooked.extend(&ip);
        assert_eq!(found(Linktype::LINUX_SLL2, &cooked), Some(expected()));
    }

    #[test]
    fn vlan_tags_are_passed_over() {
        let mut frame = Vec::new();
        let [outer, inner] = [7, 9].map(|id| VlanId::try_new(id).unwrap());
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .double_vlan(outer, inner)
            .ipv6([0xfe; 16], [0xfd; 16], 64)
            .udp(5000, 1813)
            .write(&mut frame, b"abc")
            .unwrap();
        let (from, _, payload) = found(Linktype::ETHERNET, &frame).unwrap();
        assert_eq!(from, "[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe]:5000");
        assert_eq!(payload, b"abc");
    }

    #[test]
    fn fragments_are_told_apart() {
        let mut packet = ipv4();
        let offset = IpFragOffset::try_new(0).unwrap().value().to_be_bytes();
        packet[6] = 0x20 | offset[0];
        assert_eq!(content(Linktype::RAW, &packet), Content::Fragment);
    }

    #[test]
    fn rubbish_is_nothing() {
        for length in 0..40 {
            let frame = vec![0x45; length];
            for link in [0, 1, 101, 108, 113, 276] {
                assert_eq!(content(Linktype(link), &frame), Content::Other);
            }
        }
        assert_eq!(content(Linktype(127), &[0; 40]), Content::UnknownLink);
    }
}
