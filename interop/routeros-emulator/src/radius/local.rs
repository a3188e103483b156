//! What the router decides itself: addresses of pools, hardware addresses and their spellings.

use std::net::Ipv4Addr;

use super::{Radius, rate::RateLimit, terms::Terms};
use crate::Record;

/// The most addresses of a range that are looked through.
const LOOKED_THROUGH: u32 = 65_536;

/// A hardware address in any of its spellings.
pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let digits: String = text
        .chars()
        .filter(|it| !matches!(it, ':' | '-' | '.' | ' '))
        .collect();
    if digits.len() != 12 {
        return None;
    }
    let number = u64::from_str_radix(&digits, 16).ok()?;
    number.to_be_bytes().get(2..)?.try_into().ok()
}

/// `AA:BB:CC:00:11:22`.
pub(super) fn colons(mac: [u8; 6]) -> String {
    spelt(mac, "XX:XX:XX:XX:XX:XX")
}

/// `AA-BB-CC-00-11-22`.
pub(super) fn dashes(mac: [u8; 6]) -> String {
    spelt(mac, "XX-XX-XX-XX-XX-XX")
}

/// As `radius-mac-format` says: each `X` is a digit in capitals, each `x` a small one.
pub(super) fn spelt(mac: [u8; 6], pattern: &str) -> String {
    let mut digits = nibbles(mac);
    let mut text = String::new();
    for letter in pattern.chars() {
        match letter {
            'X' | 'A' => text.extend(digits.next().map(|it| it.to_ascii_uppercase())),
            'x' | 'a' => text.extend(digits.next()),
            letter => text.push(letter),
        }
    }
    text
}

/// What the letters of `/interface/wifi/aaa` formats stand for.
pub(super) struct Letters<'a> {
    /// The client.
    pub(super) client: [u8; 6],
    /// The access point.
    pub(super) ap: [u8; 6],
    /// The interface.
    pub(super) interface: &'a str,
    /// The network.
    pub(super) ssid: &'a str,
}

impl Letters<'_> {
    /// Fills a format in: `a`, `A` a digit of the client, `i`, `I` one of the access point, `N`
    /// the interface, `S` the network.
    pub(super) fn fill(&self, pattern: &str) -> String {
        let (mut client, mut ap) = (nibbles(self.client), nibbles(self.ap));
        let mut text = String::new();
        for letter in pattern.chars() {
            match letter {
                'a' => text.extend(client.next()),
                'A' => text.extend(client.next().map(|it| it.to_ascii_uppercase())),
                'i' => text.extend(ap.next()),
                'I' => text.extend(ap.next().map(|it| it.to_ascii_uppercase())),
                'N' => text.push_str(self.interface),
                'S' => text.push_str(self.ssid),
                letter => text.push(letter),
            }
        }
        text
    }
}

fn nibbles(mac: [u8; 6]) -> impl Iterator<Item = char> {
    mac.into_iter().flat_map(|octet| {
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
        [digit(octet >> 4), digit(octet & 0xf)]
    })
}

/// The client-id of a lease as RADIUS gets it: type 1, then each octet without leading zeros.
pub(super) fn client_id(mac: [u8; 6]) -> String {
    let octets = mac.map(|octet| format!("{octet:x}"));
    format!("1:{}", octets.join(":"))
}

/// The addresses of `ranges=`: `10.0.0.2-10.0.0.254,10.1.0.0/24,10.2.0.1`.
pub(super) fn ranges(text: &str) -> Vec<(u32, u32)> {
    let parts = text.split(',').map(str::trim);
    parts.filter_map(range).collect()
}

fn range(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.parse::<Ipv4Addr>().ok().map(u32::from);
    if let Some((first, last)) = text.split_once('-') {
        return Some((number(first)?, number(last)?));
    }
    if let Some((network, bits)) = text.split_once('/') {
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let host = u32::MAX.checked_shr(bits).unwrap_or(0);
        let first = number(network)? & !host;
        return Some((first, first | host));
    }
    let one = number(text)?;
    Some((one, one))
}

/// Who logs in by the router's own tables.
pub(super) enum Own {
    /// Nobody of this name: RADIUS may be asked.
    Unknown,
    /// Let in, with the item of the table.
    In(Box<Record>),
    /// There is one of this name, and it does not let them in.
    Out,
}

impl Radius {
    /// A free address of a pool, or the one address that stands in its place.
    pub(super) fn address_of(&self, pool: &str) -> Option<Ipv4Addr> {
        if let Ok(address) = pool.parse() {
            return Some(address);
        }
        let row = self.machine().find("/ip/pool", "name", pool)?;
        let leases = self.machine().stored("/ip/dhcp-server/lease");
        let sessions = self.sessions();
        let is_free = |address: Ipv4Addr| {
            let text = address.to_string();
            !sessions.holds(address) && !leases.iter().any(|row| row.get("address") == Some(&text))
        };
        let mut all = ranges(row.text("ranges"))
            .into_iter()
            .flat_map(|(first, last)| first..=last.min(first.saturating_add(LOOKED_THROUGH)))
            .map(Ipv4Addr::from);
        all.find(|address| is_free(*address))
    }

    /// Looks somebody up in one of the router's own tables. `fits` says whether the item is for
    /// them at all.
    pub(super) fn own(
        &self,
        menu: &str,
        (user, password): (&str, &str),
        fits: impl Fn(&Record) -> bool,
    ) -> Own {
        let rows = self.machine().read(menu);
        let known = rows
            .into_iter()
            .find(|row| row.get("name") == Some(user) && !row.is("disabled") && fits(row));
        match known {
            None => Own::Unknown,
            Some(row) if row.text("password") == password => Own::In(Box::new(row)),
            Some(_) => Own::Out,
        }
    }
}

/// The queue and the address list that terms ask for.
pub(super) fn side_rows(
    (name, target): (&str, &str),
    terms: &Terms,
    address: Ipv4Addr,
) -> Vec<(&'static str, Record)> {
    let mut rows = Vec::new();
    if let Some(rate) = &terms.rate {
        rows.push(("/queue/simple", queue(name, target, rate)));
    }
    if let Some(list) = &terms.address_list {
        let row = Record::new()
            .with("list", list)
            .with("address", address.to_string());
        rows.push(("/ip/firewall/address-list", row));
    }
    rows
}

/// A simple queue.
pub(super) fn queue(name: &str, target: &str, rate: &RateLimit) -> Record {
    let mut row = Record::new()
        .with("name", name)
        .with("target", target)
        .with("parent", "none")
        .with("queue", "default-small/default-small")
        .with("disabled", "false");
    for (property, value) in rate.queue() {
        row.set(property, value);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0, 0x0e, 1, 0xc3, 0x8c, 0xf8];

    #[test]
    fn hardware_addresses_in_every_spelling() {
        for text in [
            "00:0e:01:c3:8c:f8",
            "00-0E-01-C3-8C-F8",
            "000e01c38cf8",
            "000e.01c3.8cf8",
        ] {
            assert_eq!(mac(text), Some(MAC), "{text}");
        }
        assert_eq!(mac("00:0e:01:c3:8c"), None);
        assert_eq!(colons(MAC), "00:0E:01:C3:8C:F8");
        assert_eq!(spelt(MAC, "XXXX:XXXX:XXXX"), "000E:01C3:8CF8");
        assert_eq!(spelt(MAC, "xxxxxx-xxxxxx"), "000e01-c38cf8");
        assert_eq!(spelt(MAC, "XX XX XX XX XX XX"), "00 0E 01 C3 8C F8");
    }

    /// The form of a capture: the type first, and no zeros in front.
    #[test]
    fn a_client_id_has_no_leading_zeros() {
        assert_eq!(
            client_id([0, 0x0e, 0x1c, 0x38, 0xc8, 0xf8]),
            "1:0:e:1c:38:c8:f8"
        );
    }

    #[test]
    fn formats_of_wifi() {
        let letters = Letters {
            client: MAC,
            ap: [0xaa; 6],
            interface: "wifi1",
            ssid: "Home",
        };
        assert_eq!(
            letters.fill("II-II-II-II-II-II:S"),
            "AA-AA-AA-AA-AA-AA:Home"
        );
        assert_eq!(letters.fill("aa:AA"), "00:0E");
        assert_eq!(letters.fill("N/S"), "wifi1/Home");
    }

    #[test]
    fn ranges_of_a_pool() {
        let text = "10.0.0.2-10.0.0.3, 10.1.0.0/30,10.2.0.1,x";
        let all: Vec<_> = ranges(text)
            .into_iter()
            .map(|(first, last)| (Ipv4Addr::from(first).to_string(), last - first + 1))
            .collect();
        let expected = [("10.0.0.2", 2), ("10.1.0.0", 4), ("10.2.0.1", 1)];
        assert_eq!(
            all,
            expected.map(|(first, count)| (first.to_owned(), count))
        );
    }
}
