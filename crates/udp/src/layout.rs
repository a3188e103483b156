//! The kernel's structures for addresses and packet information, read and written as octets.
//!
//! `sockaddr_in`, `sockaddr_in6`, `cmsghdr`, `in_pktinfo` and `in6_pktinfo` are fixed by the
//! kernel's interface, so no C library's idea of them (they differ in types) is needed here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

const V4_NAME: usize = 16;
const V6_NAME: usize = 28;
/// `cmsghdr`: the length as a machine word, then level and type. Always a multiple of the word.
const CONTROL_HEADER: usize = size_of::<usize>() + 8;
const V4_INFO: usize = 12;
const V6_INFO: usize = 20;

/// A local address to send from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Local {
    /// The source address.
    pub address: IpAddr,
    /// The index of the interface to leave through; 0 lets the routing table choose, which is
    /// right for all but link-local addresses.
    pub interface: u32,
}

/// A socket address as the kernel reads and writes it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Name(pub(crate) [u8; 32]);

impl Name {
    pub(crate) const EMPTY: Name = Name([0; 32]);

    /// The kernel's form of `address`, and how many octets of it count.
    pub(crate) fn write(address: SocketAddr) -> (Name, usize) {
        let mut name = Name::EMPTY;
        let octets = &mut name.0;
        octets[2..4].copy_from_slice(&address.port().to_be_bytes());
        let length = match address {
            SocketAddr::V4(v4) => {
                octets[..2].copy_from_slice(&family(libc::AF_INET));
                octets[4..8].copy_from_slice(&v4.ip().octets());
                V4_NAME
            }
            SocketAddr::V6(v6) => {
                octets[..2].copy_from_slice(&family(libc::AF_INET6));
                octets[4..8].copy_from_slice(&v6.flowinfo().to_be_bytes());
                octets[8..24].copy_from_slice(&v6.ip().octets());
                octets[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
                V6_NAME
            }
        };
        (name, length)
    }

    /// The address in the first `length` octets; `None` for anything but IPv4 and IPv6.
    ///
    /// The flow label is left out, so that one peer has one address; an IPv4 address in IPv6
    /// clothes is unwrapped.
    pub(crate) fn read(&self, length: usize) -> Option<SocketAddr> {
        let mut rest = self.0.get(..length)?;
        let family = i32::from(u16::from_ne_bytes(take(&mut rest)?));
        let port = u16::from_be_bytes(take(&mut rest)?);
        match family {
            libc::AF_INET => {
                let ip = Ipv4Addr::from(take::<4>(&mut rest)?);
                Some(SocketAddrV4::new(ip, port).into())
            }
            libc::AF_INET6 => {
                let _flow = take::<4>(&mut rest)?;
                let ip = Ipv6Addr::from(take::<16>(&mut rest)?);
                let scope = u32::from_ne_bytes(take(&mut rest)?);
                Some(canonical(SocketAddrV6::new(ip, port, 0, scope).into()))
            }
            _ => None,
        }
    }
}

/// Where a datagram was sent to, from the kernel's control messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The destination in the packet's header; may be broadcast or multicast.
    pub(crate) to: Option<IpAddr>,
    /// Our own address that an answer can leave from.
    pub(crate) own: Option<IpAddr>,
    /// The interface it came in by; 0 is unknown.
    pub(crate) interface: u32,
}

/// Control messages as the kernel reads and writes them: room for one packet information of
/// either family, with something to spare.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Control(pub(crate) [u8; 64]);

impl Control {
    pub(crate) const EMPTY: Control = Control([0; 64]);

    /// The control message that asks for `source`, and how many octets of it count (0 for none).
    pub(crate) fn write(source: Option<Local>) -> (Control, usize) {
        let mut control = Control::EMPTY;
        let Some(Local { address, interface }) = source else {
            return (control, 0);
        };
        let (header, payload) = control.0.split_at_mut(CONTROL_HEADER);
        let (level, kind, length) = match address {
            IpAddr::V4(v4) => {
                payload[..4].copy_from_slice(&interface.to_ne_bytes());
                payload[4..8].copy_from_slice(&v4.octets());
                (libc::IPPROTO_IP, libc::IP_PKTINFO, V4_INFO)
            }
            IpAddr::V6(v6) => {
                payload[..16].copy_from_slice(&v6.octets());
                payload[16..20].copy_from_slice(&interface.to_ne_bytes());
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, V6_INFO)
            }
        };
        let (word, tail) = header.split_at_mut(size_of::<usize>());
        word.copy_from_slice(&(CONTROL_HEADER + length).to_ne_bytes());
        tail[..4].copy_from_slice(&level.to_ne_bytes());
        tail[4..].copy_from_slice(&kind.to_ne_bytes());
        (
            control,
            CONTROL_HEADER + length.next_multiple_of(size_of::<usize>()),
        )
    }

    /// The packet information in the first `length` octets; all unknown if there is none.
    pub(crate) fn read(&self, length: usize) -> Arrival {
        let mut rest = self.0.get(..length).unwrap_or(&self.0);
        while let Some((level, kind, payload)) = next_message(&mut rest) {
            let arrival = match (level, kind) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => v4_arrival(payload),
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => v6_arrival(payload),
                _ => None,
            };
            if let Some(arrival) = arrival {
                return arrival;
            }
        }
        Arrival::default()
    }
}

/// An IPv4 address in IPv6 clothes (`::ffff:a.b.c.d`) as the IPv4 address it is.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddrV4::new(v4, address.port()).into(),
        IpAddr::V6(_) => address,
    }
}

/// `true` for `fe80::/10`, where an address means nothing without its interface.
pub(crate) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

fn v4_arrival(mut payload: &[u8]) -> Option<Arrival> {
    let interface = u32::from_ne_bytes(take(&mut payload)?);
    let own = Ipv4Addr::from(take::<4>(&mut payload)?);
    let to = Ipv4Addr::from(take::<4>(&mut payload)?);
    // For a broadcast the kernel names the interface's own address in `ipi_spec_dst`.
    let own = (!own.is_unspecified()).then_some(IpAddr::V4(own));
    Some(Arrival {
        to: Some(to.into()),
        own,
        interface,
    })
}

fn v6_arrival(mut payload: &[u8]) -> Option<Arrival> {
    let to = Ipv6Addr::from(take::<16>(&mut payload)?);
    let interface = u32::from_ne_bytes(take(&mut payload)?);
    let to = IpAddr::V6(to).to_canonical();
    Some(Arrival {
        to: Some(to),
        own: (!to.is_multicast()).then_some(to),
        interface,
    })
}

/// Level, type and payload of the first control message, which is cut from `rest`; `None` at the
/// end and at a message that is cut short.
fn next_message<'a>(rest: &mut &'a [u8]) -> Option<(i32, i32, &'a [u8])> {
    let length = usize::from_ne_bytes(take(rest)?);
    let level = i32::from_ne_bytes(take(rest)?);
    let kind = i32::from_ne_bytes(take(rest)?);
    let length = length.checked_sub(CONTROL_HEADER)?;
    let payload = rest.get(..length)?;
    *rest = rest
        .get(length.next_multiple_of(size_of::<usize>())..)
        .unwrap_or_default();
    Some((level, kind, payload))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

/// The address family as `sa_family_t`; both families are small numbers.
fn family(family: i32) -> [u8; 2] {
    u16::try_from(family).unwrap_or_default().to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_address() -> impl Strategy<Value = SocketAddr> {
        let v6 = (any::<[u8; 16]>(), any::<u16>(), any::<u32>()).prop_map(|(ip, port, scope)| {
            SocketAddr::from(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, scope))
        });
        let v4 = (any::<[u8; 4]>(), any::<u16>()).prop_map(SocketAddr::from);
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn addresses_survive_the_kernel_form(address in any_address()) {
            let (name, length) = Name::write(address);
            prop_assert_eq!(name.read(length), Some(canonical(address)));
        }

        #[test]
        fn any_control_octets_are_read_without_panic(octets: [u8; 32], length in 0_usize..100) {
            let mut control = Control::EMPTY;
            control.0[..32].copy_from_slice(&octets);
            let arrival = control.read(length);
            prop_assert!(arrival.own.is_none() || arrival.to.is_some());
        }

        #[test]
        fn any_control_length_field_is_survived(
            declared in prop_oneof![0_usize..100, any::<usize>()],
            length in 0_usize..100,
        ) {
            let source = Local { address: Ipv6Addr::LOCALHOST.into(), interface: 1 };
            let (mut control, _) = Control::write(Some(source));
            control.0[..size_of::<usize>()].copy_from_slice(&declared.to_ne_bytes());
            let whole = declared >= CONTROL_HEADER + V6_INFO && declared <= length.min(64);
            prop_assert_eq!(control.read(length).to.is_some(), whole);
        }
    }

    #[test]
    fn octets_are_where_the_c_library_puts_them() {
        let address: SocketAddr = "[fe80::1%7]:1812".parse().unwrap();
        let (name, length) = Name::write(address);
        assert_eq!(length, size_of::<libc::sockaddr_in6>());
        assert_eq!(
            name.0[std::mem::offset_of!(libc::sockaddr_in6, sin6_scope_id)..][..4],
            7_u32.to_ne_bytes()
        );
        assert_eq!(
            Name::write("1.2.3.4:5".parse().unwrap()).1,
            size_of::<libc::sockaddr_in>()
        );
        assert_eq!(V4_INFO, size_of::<libc::in_pktinfo>());
        assert_eq!(V6_INFO, size_of::<libc::in6_pktinfo>());
        assert_eq!(CONTROL_HEADER, size_of::<libc::cmsghdr>());
    }

    #[test]
    fn ipv4_in_ipv6_clothes_is_ipv4() {
        let (name, length) = Name::write("[::ffff:192.0.2.1]:1812".parse().unwrap());
        assert_eq!(name.read(length), Some("192.0.2.1:1812".parse().unwrap()));
    }

    #[test]
    fn scope_of_a_link_local_peer_survives() {
        let peer: SocketAddr = "[fe80::1%3]:1812".parse().unwrap();
        let (name, length) = Name::write(peer);
        assert_eq!(name.read(length), Some(peer));
    }

    #[test]
    fn short_and_foreign_names_are_refused() {
        let (mut name, length) = Name::write("[::1]:1812".parse().unwrap());
        assert_eq!(name.read(length - 1), None);
        assert_eq!(name.read(0), None);
        name.0[..2].copy_from_slice(&family(libc::AF_UNIX));
        assert_eq!(name.read(length), None);
    }

    #[test]
    fn packet_information_behind_another_message_is_found() {
        let (info, length) = Control::write(Some(Local {
            address: Ipv6Addr::LOCALHOST.into(),
            interface: 9,
        }));
        let mut control = Control::EMPTY;
        let first = CONTROL_HEADER + 4;
        control.0[..size_of::<usize>()].copy_from_slice(&first.to_ne_bytes());
        let start = first.next_multiple_of(size_of::<usize>());
        control.0[start..].copy_from_slice(&info.0[..64 - start]);
        let arrival = control.read(start + length);
        assert_eq!(arrival.to, Some(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(arrival.interface, 9);
    }

    #[test]
    fn multicast_is_no_address_to_answer_from() {
        let group: IpAddr = "ff02::1".parse().unwrap();
        let (control, length) = Control::write(Some(Local {
            address: group,
            interface: 2,
        }));
        let arrival = control.read(length);
        assert_eq!((arrival.to, arrival.own), (Some(group), None));
    }
}
