//! Addresses and networks as RouterOS writes them.

use std::net::IpAddr;

/// Whether an address lies in a network, given as an address and the length of its prefix.
pub(crate) fn covers(network: (IpAddr, u8), address: IpAddr) -> bool {
    let masked = |bits: u128, width: u8, length: u8| {
        let drop = u32::from(width.saturating_sub(length));
        bits.checked_shr(drop).unwrap_or(0)
    };
    match (network.0.to_canonical(), address.to_canonical()) {
        (IpAddr::V4(net), IpAddr::V4(one)) => {
            let length = network.1.min(32);
            masked(net.to_bits().into(), 32, length) == masked(one.to_bits().into(), 32, length)
        }
        (IpAddr::V6(net), IpAddr::V6(one)) => {
            let length = network.1.min(128);
            masked(net.to_bits(), 128, length) == masked(one.to_bits(), 128, length)
        }
        _ => false,
    }
}

/// Reads `192.0.2.1`, `192.0.2.0/24` or `192.0.2.1@vrf`.
pub(crate) fn parse(text: &str) -> Option<(IpAddr, u8)> {
    let text = text.split(['@', '%']).next()?.trim();
    match text.split_once('/') {
        None => {
            let address = text.parse::<IpAddr>().ok()?;
            Some((address, if address.is_ipv4() { 32 } else { 128 }))
        }
        Some((address, length)) => {
            let address = address.parse::<IpAddr>().ok()?;
            let length = length.parse().ok()?;
            (length <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, length))
        }
    }
}

/// Reads an address that is set: `0.0.0.0` and `::` are none.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    parse(text)
        .map(|(address, _)| address)
        .filter(|address| !address.is_unspecified())
}

/// Whether an address is in an item of an address list: an address, a network or a range.
pub(crate) fn within(item: &str, address: IpAddr) -> Option<bool> {
    if let Some((low, high)) = item.split_once('-')
        && let (Ok(low), Ok(high)) = (low.trim().parse::<IpAddr>(), high.trim().parse::<IpAddr>())
    {
        return Some(low <= address && address <= high && low.is_ipv4() == address.is_ipv4());
    }
    parse(item).map(|network| covers(network, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_cover_what_lies_in_them() {
        let of = |text: &str| parse(text).unwrap();
        let one = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(covers(of("192.0.2.0/24"), one("192.0.2.255")));
        assert!(!covers(of("192.0.2.0/24"), one("192.0.3.0")));
        assert!(covers(of("0.0.0.0/0"), one("203.0.113.9")));
        assert!(!covers(of("0.0.0.0/0"), one("::1")));
        assert!(covers(of("::/0"), one("2001:db8::1")));
        assert!(covers(of("192.0.2.7"), one("::ffff:192.0.2.7")));
        assert_eq!(parse("192.0.2.0/33"), None);
        assert_eq!(address("0.0.0.0"), None);
        assert_eq!(within("192.0.2.1-192.0.2.9", one("192.0.2.9")), Some(true));
        assert_eq!(
            within("192.0.2.1-192.0.2.9", one("192.0.2.10")),
            Some(false)
        );
        assert_eq!(within("router.example", one("192.0.2.10")), None);
    }
}
