//! What an argument may be, and how the router writes it back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Trap;

/// What an argument is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Text {
        least: usize,
        most: usize,
    },
    Bool,
    Number {
        low: i64,
        high: i64,
    },
    /// One of these.
    Choice(Vec<String>),
    /// Any of these, with commas between, in their own order.
    Several(Vec<String>),
    /// A span, with bounds in milliseconds, or one of these words.
    Time {
        low: u64,
        high: u64,
        words: Vec<String>,
    },
    Address {
        four: bool,
        six: bool,
        vrf: bool,
    },
    /// An address and a length.
    Prefix,
    /// Any number of them.
    Prefixes,
    Mac,
    /// The name of an item elsewhere, or one of these words.
    Reference {
        menu: String,
        key: String,
        words: Vec<String>,
        many: bool,
    },
}

impl Kind {
    /// Any text.
    pub(crate) fn any() -> Self {
        Self::Text {
            least: 0,
            most: usize::MAX,
        }
    }

    /// What the router's own description says, such as `10ms..1m    (time interval)`.
    pub(crate) fn described(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("string value") {
            let bound = |name: &str| {
                let (_, rest) = rest.split_once(name)?;
                let digits = rest.trim_start().split(',').next()?;
                digits.trim().parse().ok()
            };
            return Some(Self::Text {
                least: bound("min length").unwrap_or(0),
                most: bound("max length").unwrap_or(usize::MAX),
            });
        }
        if let Some(range) = text.strip_suffix("(time interval)") {
            return Self::time(range.trim());
        }
        if text == "time interval" {
            return Self::time("");
        }
        if text.ends_with("(MAC address)") {
            return Some(Self::Mac);
        }
        if text.starts_with("A.B.C.D    (IP address)") {
            return Some(Self::Address {
                four: true,
                six: false,
                vrf: false,
            });
        }
        let (words, _) = text.strip_suffix("*]")?.rsplit_once("[,")?;
        let words = words.split('|').map(str::to_owned).collect();
        Some(Self::Several(words))
    }

    /// Of `10ms..1m`, or nothing for any.
    pub(crate) fn time(range: &str) -> Option<Self> {
        let (low, high) = match range.split_once("..") {
            Some((low, high)) => (milliseconds(low)?, milliseconds(high).unwrap_or(u64::MAX)),
            None => (0, u64::MAX),
        };
        Some(Self::Time {
            low,
            high,
            words: Vec::new(),
        })
    }

    /// The value as the router writes it back, or what is wrong with it. `has` says how many
    /// items of a menu have a value at a key, and how many begin with it.
    pub(crate) fn check(
        &self,
        name: &str,
        value: &str,
        has: &dyn Fn(&str, &str, &str) -> (bool, usize),
    ) -> Result<String, Trap> {
        let invalid = || Trap::of(1, format!("invalid value for argument {name}"));
        let unmatched = || Trap::of(1, format!("input does not match any value of {name}"));
        match self {
            Self::Text { least, most } => {
                let length = value.len();
                if !value.is_empty() && length < *least {
                    return Err(Trap::of(1, format!("value of {name} is too short")));
                }
                if length > *most {
                    return Err(Trap::of(1, format!("value of {name} is too long")));
                }
                Ok(value.to_owned())
            }
            Self::Bool => match value {
                "yes" | "true" => Ok("true".into()),
                "no" | "false" => Ok("false".into()),
                _ => Err(unmatched()),
            },
            Self::Number { low, high } => {
                let number: i64 = value.parse().map_err(|_| invalid())?;
                if (*low..=*high).contains(&number) {
                    Ok(number.to_string())
                } else {
                    let text = format!("value of {name} out of range ({low}..{high})");
                    Err(Trap::of(1, text))
                }
            }
            Self::Choice(words) => {
                let value = if words.iter().any(|word| word == "yes") {
                    yes_or_no(value)
                } else {
                    value
                };
                let known = words.iter().any(|word| word == value);
                known.then(|| value.to_owned()).ok_or_else(unmatched)
            }
            Self::Several(words) => several(words, value).ok_or_else(unmatched),
            Self::Time { low, high, words } => {
                if words.iter().any(|word| word == value) {
                    return Ok(value.to_owned());
                }
                let span = milliseconds(value).ok_or_else(invalid)?;
                if (*low..=*high).contains(&span) {
                    Ok(span_of(span))
                } else {
                    let (low, high) = (span_of(*low), span_of(*high));
                    let text = format!("value of {name} out of range ({low}..{high})");
                    Err(Trap::of(1, text))
                }
            }
            Self::Address { four, six, vrf } => {
                address(value, *four, *six, *vrf).ok_or_else(invalid)
            }
            Self::Prefix => prefix(value)
                .map(|(address, length)| format!("{address}/{length}"))
                .ok_or_else(invalid),
            Self::Prefixes => prefixes(value).ok_or_else(invalid),
            Self::Mac => mac(value).ok_or_else(invalid),
            Self::Reference { .. } => self.referred(name, value, has),
        }
    }

    fn referred(
        &self,
        name: &str,
        value: &str,
        has: &dyn Fn(&str, &str, &str) -> (bool, usize),
    ) -> Result<String, Trap> {
        let Self::Reference {
            menu,
            key,
            words,
            many,
        } = self
        else {
            return Ok(value.to_owned());
        };
        if *many {
            for part in value.split(',').filter(|part| !part.is_empty()) {
                one_of(name, part, menu, key, words, has)?;
            }
            return Ok(value.to_owned());
        }
        one_of(name, value, menu, key, words, has)?;
        Ok(value.to_owned())
    }
}

fn one_of(
    name: &str,
    value: &str,
    menu: &str,
    key: &str,
    words: &[String],
    has: &dyn Fn(&str, &str, &str) -> (bool, usize),
) -> Result<(), Trap> {
    let value = value.strip_prefix('!').unwrap_or(value);
    if words.iter().any(|word| word == value) {
        return Ok(());
    }
    match has(menu, key, value) {
        (true, _) => Ok(()),
        (false, 0 | 1) => {
            let text = format!("input does not match any value of {name}");
            Err(Trap::of(1, text))
        }
        (false, _) => {
            let text =
                format!("ambiguous value of {name}, more than one possible value matches input");
            Err(Trap::of(1, text))
        }
    }
}

fn yes_or_no(value: &str) -> &str {
    match value {
        "true" => "yes",
        "false" => "no",
        value => value,
    }
}

/// The words in the order in which the router has them, whichever way they were given.
fn several(words: &[String], value: &str) -> Option<String> {
    let given: Vec<&str> = value.split(',').filter(|part| !part.is_empty()).collect();
    if given
        .iter()
        .any(|part| !words.iter().any(|word| word == part))
    {
        return None;
    }
    let kept = words.iter().filter(|word| given.contains(&word.as_str()));
    let kept: Vec<&str> = kept.map(String::as_str).collect();
    Some(kept.join(","))
}

/// Reads a span in any form of RouterOS: `1d2h3m4s5ms`, `00:00:02`, `1d 00:05:00.5`, `30`.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let mut rest = text;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit());
        let (number, tail) = rest.split_at(digits.unwrap_or(rest.len()));
        if tail.starts_with(':') {
            return total.checked_add(clock(rest)?);
        }
        let number: u64 = number.parse().ok()?;
        if let Some(fraction) = tail.strip_prefix('.') {
            // A fraction is of seconds, and ends the span.
            let fraction = fraction.strip_suffix('s').unwrap_or(fraction);
            let thousandths = thousandths(fraction)?;
            return total.checked_add(number.checked_mul(1000)?.checked_add(thousandths)?);
        }
        let units: [(&str, u64); 6] = [
            ("ms", 1),
            ("w", 604_800_000),
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1000),
        ];
        let unit = units.iter().find(|(name, _)| tail.starts_with(name));
        let (length, size) = match unit {
            Some((name, size)) => (name.len(), *size),
            None if tail.is_empty() => (0, 1000),
            None => return None,
        };
        total = total.checked_add(number.checked_mul(size)?)?;
        rest = tail.get(length..)?.trim_start();
    }
    Some(total)
}

/// `hh:mm:ss` or `hh:mm:ss.mmm` or `hh:mm`.
fn clock(text: &str) -> Option<u64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let mut seconds: u64 = 0;
    let parts: Vec<u64> = whole
        .split(':')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let scales: &[u64] = match parts.len() {
        2 => &[3600, 60],
        3 => &[3600, 60, 1],
        _ => return None,
    };
    for (part, scale) in parts.iter().zip(scales) {
        seconds = seconds.checked_add(part.checked_mul(*scale)?)?;
    }
    seconds
        .checked_mul(1000)?
        .checked_add(thousandths(fraction)?)
}

/// What stands behind the point, in thousandths.
fn thousandths(digits: &str) -> Option<u64> {
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{digits:0<3}");
    digits.get(..3)?.parse().ok()
}

/// Writes a span as RouterOS does: `1w2d3h4m5s600ms`, `0s`.
pub(crate) fn span_of(milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "0s".into();
    }
    let mut rest = milliseconds;
    let mut text = String::new();
    for (name, size) in [
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ] {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            text.push_str(&count.to_string());
            text.push_str(name);
        }
    }
    text
}

fn address(value: &str, four: bool, six: bool, vrf: bool) -> Option<String> {
    let (address, rest) = match value.split_once('@') {
        Some((address, _)) if vrf => (address, &value[address.len()..]),
        Some(_) => return None,
        None => (value, ""),
    };
    match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(known) if four => Some(format!("{known}{rest}")),
        IpAddr::V6(known) if six => Some(format!("{known}{rest}")),
        _ => None,
    }
}

fn prefix(value: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match value.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (value, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(length) => length.parse().ok()?,
        None => most,
    };
    (length <= most).then_some((address, length))
}

/// A list of networks: single addresses get `/32`, host bits go.
fn prefixes(value: &str) -> Option<String> {
    let parts = value
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let parts: Option<Vec<String>> = parts
        .map(|part| {
            let (address, length) = prefix(part)?;
            Some(format!("{}/{length}", network(address, length)))
        })
        .collect();
    Some(parts?.join(","))
}

fn network(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

/// Whether a network such as `10.0.0.0/8` has an address in it.
pub(crate) fn prefix_has(text: &str, address: IpAddr) -> bool {
    prefix(text.trim()).is_some_and(|(known, length)| {
        known.is_ipv4() == address.is_ipv4() && network(known, length) == network(address, length)
    })
}

fn mac(value: &str) -> Option<String> {
    let digits: String = value
        .chars()
        .filter(|letter| !matches!(letter, ':' | '-' | '.'))
        .collect();
    if digits.len() != 12 || !digits.chars().all(|letter| letter.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_uppercase();
    let pairs: Vec<&str> = (0..6)
        .filter_map(|at| digits.get(2 * at..2 * at + 2))
        .collect();
    Some(pairs.join(":"))
}

#[cfg(test)]
mod tests;
