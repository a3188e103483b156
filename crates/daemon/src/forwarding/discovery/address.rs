//! Which addresses a name out of DNS may lead to. Whoever controls a zone must not be able to have
//! us knock at doors that are closed to them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The port of RADIUS over TLS (RFC 6614 section 2.1).
pub(crate) const RADSEC: u16 = 2083;
/// Ports below belong to services that have nothing to do with RADIUS.
const LEAST_PORT: u16 = 1024;
/// Except this one, behind which RADIUS passes where nothing else does.
const HTTPS: u16 = 443;

/// Whether a server may be asked at a port.
pub(crate) fn port_is_fit(port: u16) -> bool {
    port >= LEAST_PORT || port == HTTPS
}

/// Whether a server may be at an address; `allow_private` admits those of one's own network too.
pub(crate) fn address_is_fit(address: IpAddr, allow_private: bool) -> bool {
    if allow_private {
        !address.is_multicast() && !address.is_unspecified() && !is_broadcast(address)
    } else {
        is_public(address)
    }
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Not one of the special-purpose addresses (RFC 6890 and its registry).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        (0 | 10 | 127 | 224.., ..)
        | (169, 254, _)
        | (192, 168, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 51, 100)
        | (203, 0, 113) => true,
        (100, b, _) => b & 0xc0 == 64,
        (172, b, _) => b & 0xf0 == 16,
        (198, b, _) => b & 0xfe == 18,
        _ => false,
    };
    !is_special
}

/// Global unicast; where an IPv4 address is inside, that has to be public too.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let (segments, octets) = (address.segments(), address.octets());
    let inside = |at: usize| {
        let inside = octets.get(at..).and_then(<[u8]>::first_chunk::<4>);
        inside.is_some_and(|octets| is_public_v4(Ipv4Addr::from(*octets)))
    };
    match segments {
        // NAT64 (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => inside(12),
        // 6to4 (RFC 3056).
        [0x2002, ..] => inside(2),
        // Protocol assignments, Teredo among them, and documentation.
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x3fff, second, ..] => second >= 0x1000,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked_unless_private_ones_are_allowed() {
        for (text, is_private) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("172.31.255.255", true),
            ("192.168.88.1", true),
            ("100.64.0.1", true),
            ("169.254.169.254", true),
            ("198.19.0.1", true),
            ("192.0.2.1", true),
            ("::1", true),
            ("fe80::1", true),
            ("fd00::1", true),
            ("fec0::1", true),
            ("2001:db8::1", true),
            ("2001::1", true),
            ("::127.0.0.1", true),
            ("64:ff9b::7f00:1", true),
            ("2002:7f00:1::1", true),
            ("172.32.0.1", false),
            ("100.128.0.1", false),
            ("198.20.0.1", false),
            ("8.8.8.8", false),
            ("2a00:1450::1", false),
            ("2001:4860::1", false),
            ("64:ff9b::808:808", false),
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(address_is_fit(address, false), !is_private, "{text}");
            assert!(address_is_fit(address, true), "{text}");
        }
        for text in ["224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "ff02::1"] {
            let address: IpAddr = text.parse().unwrap();
            assert!(!address_is_fit(address, true), "{text}");
            assert!(!address_is_fit(address, false), "{text}");
        }
    }

    #[test]
    fn ports_of_other_services_are_not_asked() {
        for port in [0, 22, 25, 53, 80] {
            assert!(!port_is_fit(port), "{port}");
        }
        for port in [443, 1812, RADSEC, 65535] {
            assert!(port_is_fit(port), "{port}");
        }
    }
}
