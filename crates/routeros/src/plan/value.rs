//! Values as RouterOS writes them, and when two spellings are the same value.

use std::{collections::BTreeSet, net::IpAddr};

use crate::{Record, time};

/// A span of time in RouterOS's spelling, for serde: `5m`.
pub(super) mod span {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::time;

    pub(in crate::plan) fn serialize<S: Serializer>(
        span: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time::spell(*span))
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        time::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no span of time such as 5m")))
    }
}

const SPANS: [&str; 5] = [
    "aaa.interim-update",
    "timeout",
    "interim-update",
    "radius-interim-update",
    "radsec-timeout",
];

const LISTS: [&str; 9] = [
    "security.authentication-types",
    "service",
    "authentication-types",
    "eap-methods",
    "encryption",
    "group-encryption",
    "exclude-groups",
    "topics",
    "auth-types",
];

/// What a property that the router does not print stands at. `None`: it has no value at all, and
/// is brought back there by `unset`.
pub(super) fn blank(menu: &str, property: &str) -> Option<&'static str> {
    let may_be_unset = [
        "/caps-man/security",
        "/interface/wifi",
        "/ip/firewall",
        "/ipv6/firewall",
    ];
    match property {
        "comment" => return Some(""),
        "disabled" => return Some("no"),
        _ if may_be_unset.iter().any(|start| menu.starts_with(start)) => return None,
        _ => {}
    }
    Some(match property {
        "use-radius"
        | "accounting"
        | "accounting-backup"
        | "accept"
        | "radius-accounting"
        | "radius-eap-accounting"
        | "radius-mac-accounting"
        | "xauth-use-radius" => "no",
        "certificate" | "mode" => "none",
        "src-address" | "address" => "0.0.0.0",
        "protocol" => "udp",
        "interim-update" | "radius-interim-update" => "0s",
        "called-id"
        | "domain"
        | "realm"
        | "service"
        | "exclude-groups"
        | "authentication-types"
        | "prefix" => "",
        _ => return None,
    })
}

/// The value of a property, or what it stands at where the router does not print it.
pub(super) fn value<'a>(menu: &str, record: &'a Record, property: &str) -> Option<&'a str> {
    record.get(property).or_else(|| blank(menu, property))
}

/// Whether a property has the same value in two records, however it is spelled.
pub(super) fn alike(menu: &str, property: &str, one: &Record, other: &Record) -> bool {
    let pair = (value(menu, one, property), value(menu, other, property));
    match pair {
        (None, None) => true,
        (Some(one), Some(other)) => same(property, one, other),
        // Menus whose properties may be without a value print an empty one in some versions.
        (Some(value), None) | (None, Some(value)) => value.is_empty(),
    }
}

/// Whether two texts are the same value of a property.
pub(super) fn same(property: &str, one: &str, other: &str) -> bool {
    one == other || normal(property, one) == normal(property, other)
}

#[derive(PartialEq, Eq)]
enum Normal {
    Text(String),
    Set(BTreeSet<String>),
}

fn normal(property: &str, text: &str) -> Normal {
    if LISTS.contains(&property) {
        let parts = text.split(',').map(|part| part.trim().to_owned());
        return Normal::Set(parts.filter(|part| !part.is_empty()).collect());
    }
    if SPANS.contains(&property) {
        let text = match text {
            "received" | "none" | "" => "0s",
            other => other,
        };
        if let Some(span) = time::parse(text) {
            return Normal::Text(time::spell(span));
        }
    }
    Normal::Text(match (property, text) {
        ("comment" | "secret" | "name", text) => text.to_owned(),
        (_, "true") => "yes".to_owned(),
        (_, "false") => "no".to_owned(),
        ("certificate", "") => "none".to_owned(),
        ("src-address", "" | "::") => "0.0.0.0".to_owned(),
        ("address" | "src-address", text) => address(text),
        (_, text) => text.to_owned(),
    })
}

/// An address in its usual spelling, without the prefix of a single host.
fn address(text: &str) -> String {
    let bare = text
        .strip_suffix("/32")
        .or_else(|| text.strip_suffix("/128"))
        .unwrap_or(text);
    bare.parse::<IpAddr>()
        .map_or_else(|_| bare.to_owned(), |address| address.to_string())
}

/// Whether an address lies in a list such as `192.168.88.0/24,10.0.0.1`. In an empty list
/// every address does.
pub(super) fn lies_in(address: IpAddr, list: &str) -> bool {
    let mut networks = list
        .split(',')
        .map(str::trim)
        .filter(|n| !n.is_empty())
        .peekable();
    networks.peek().is_none() || networks.any(|network| is_in(address, network).unwrap_or(false))
}

/// Whether an address lies in a network such as `192.168.88.1/24`.
pub(super) fn is_in(address: IpAddr, network: &str) -> Option<bool> {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<u32>().ok()?)),
        None => (network, None),
    };
    let (one, other, width) = match (address, base.parse().ok()?) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (u128::from(one.to_bits()), u128::from(other.to_bits()), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), 128),
        _ => return Some(false),
    };
    let shift = width - length.unwrap_or(width).min(width);
    let high = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
    Some(high(one) == high(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_are_the_same() {
        assert!(same("use-radius", "true", "yes") && same("timeout", "00:00:02", "2s"));
        assert!(same("service", "ppp,login", "login, ppp") && !same("service", "ppp", ""));
        assert!(same("radius-interim-update", "received", "0s"));
        assert!(same("src-address", "10.0.0.1/32", "10.0.0.1"));
        assert!(same("certificate", "none", "") && !same("certificate", "none", "c"));
        assert!(!same("comment", "yes", "true") && !same("secret", "no", "false"));
    }

    #[test]
    fn an_address_is_found_in_its_networks() {
        let here = "192.168.88.7".parse().unwrap();
        assert!(lies_in(here, "") && lies_in(here, "10.0.0.0/8,192.168.88.0/24"));
        assert!(lies_in(here, "192.168.88.7") && lies_in(here, "0.0.0.0/0"));
        assert!(!lies_in(here, "10.0.0.0/8") && !lies_in(here, "::/0"));
        assert!(!lies_in(here, "nonsense"));
    }
}
