//! The built-in dictionary: sorted text, searched in place. Nothing is built when the program
//! starts.
//!
//! `attributes.txt` holds a line for every name, sorted by number, the usual name of a number
//! first: number, form, name and, where the values have names, where in `values.txt` they start.
//! The form is a letter for the data type ([`CODES`]) and letters for the flags. `names.txt` holds
//! the offset of each line of `attributes.txt`, sorted by name. `vendors.txt` is sorted by number.

use std::cmp::Ordering;

use super::Vendor;
use crate::{DataType, Hiding, Oid, Spec, VendorFormat};

const ATTRIBUTES: &str = include_str!("builtin/attributes.txt");
const NAMES: &str = include_str!("builtin/names.txt");
const VALUES: &str = include_str!("builtin/values.txt");
const VENDORS: &str = include_str!("builtin/vendors.txt");

/// Octets of a line of `names.txt`.
const NAMES_LINE: usize = 6;

/// Every data type, its letter in `attributes.txt`, and its name in dictionaries.
pub(super) const CODES: [(DataType, u8, &str); 20] = [
    (DataType::Byte, b'b', "byte"),
    (DataType::ComboIp, b'p', "combo-ip"),
    (DataType::Ether, b'e', "ether"),
    (DataType::Evs, b'V', "evs"),
    (DataType::Extended, b'X', "extended"),
    (DataType::Integer, b'i', "integer"),
    (DataType::Integer64, b'I', "integer64"),
    (DataType::InterfaceId, b'f', "ifid"),
    (DataType::Ipv4, b'4', "ipaddr"),
    (DataType::Ipv4Prefix, b'n', "ipv4prefix"),
    (DataType::Ipv6, b'6', "ipv6addr"),
    (DataType::Ipv6Prefix, b'N', "ipv6prefix"),
    (DataType::LongExtended, b'L', "long-extended"),
    (DataType::Octets, b'o', "octets"),
    (DataType::Short, b's', "short"),
    (DataType::Signed, b'g', "signed"),
    (DataType::Text, b't', "string"),
    (DataType::Time, b'd', "date"),
    (DataType::Tlv, b'v', "tlv"),
    (DataType::Vsa, b'A', "vsa"),
];

/// A line of `attributes.txt`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) name: &'static str,
    pub(super) spec: Spec,
    pub(super) array: bool,
    pub(super) secret: bool,
    pub(super) octets: Option<u16>,
    values: Option<usize>,
}

impl Record {
    /// The numbers of this attribute that have names, by rising number, the usual name first.
    pub(super) fn values(&self) -> impl Iterator<Item = (u64, &'static str)> + use<> {
        self.values
            .and_then(|offset| body(VALUES).get(offset..))
            .unwrap_or_default()
            .lines()
            .map_while(|line| {
                let (number, name) = line.split_once(' ')?;
                Some((number.parse().ok()?, name))
            })
    }
}

/// The usual attribute of a number.
pub(super) fn by_oid(oid: &Oid) -> Option<Record> {
    let line = first_not_less(body(ATTRIBUTES), |line| {
        line_oid(line).map_or(Ordering::Greater, |found| found.cmp(oid))
    })?;
    record(line).filter(|record| record.spec.oid == *oid)
}

/// The attribute of a name, in any case of letters.
pub(super) fn by_name(name: &str) -> Option<Record> {
    let names = body(NAMES).as_bytes();
    let (mut low, mut high) = (0, names.len() / NAMES_LINE);
    while low < high {
        let middle = usize::midpoint(low, high);
        let line = line_of_entry(middle)?;
        match compare_names(line_name(line)?, name) {
            Ordering::Less => low = middle + 1,
            Ordering::Equal => return record(line),
            Ordering::Greater => high = middle,
        }
    }
    None
}

/// Every attribute, aliases included, by rising number.
pub(super) fn records() -> impl Iterator<Item = Record> {
    body(ATTRIBUTES).lines().filter_map(record)
}

/// Every name, by rising number of its attribute.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    body(ATTRIBUTES)
        .lines()
        .filter_map(|line| line.split(' ').nth(2))
}

/// The vendor of a private enterprise number.
pub(super) fn vendor(number: u32) -> Option<Vendor<'static>> {
    let line = first_not_less(body(VENDORS), |line| {
        let found = line.split(' ').next().and_then(|found| found.parse().ok());
        found.map_or(Ordering::Greater, |found: u32| found.cmp(&number))
    })?;
    parse_vendor(line).filter(|vendor| vendor.number == number)
}

/// Every vendor, by rising number.
pub(super) fn vendors() -> impl Iterator<Item = Vendor<'static>> {
    body(VENDORS).lines().filter_map(parse_vendor)
}

/// The order of `names.txt`: as octets, capitals as small letters.
pub(super) fn compare_names(a: &str, b: &str) -> Ordering {
    a.bytes()
        .map(|octet| octet.to_ascii_lowercase())
        .cmp(b.bytes().map(|octet| octet.to_ascii_lowercase()))
}

/// The table without its first line, which says where it comes from.
fn body(table: &'static str) -> &'static str {
    table.split_once('\n').map_or("", |(_, body)| body)
}

/// The first line of a sorted table that `compare` does not call less.
fn first_not_less(
    table: &'static str,
    mut compare: impl FnMut(&'static str) -> Ordering,
) -> Option<&'static str> {
    let (mut low, mut high) = (0, table.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let start = table
            .get(low..middle)?
            .rfind('\n')
            .map_or(low, |at| low + at + 1);
        let line = table.get(start..)?.lines().next()?;
        if compare(line) == Ordering::Less {
            low = (start + line.len() + 1).min(table.len());
        } else {
            high = start;
        }
    }
    table.get(low..)?.lines().next()
}

fn line_of_entry(index: usize) -> Option<&'static str> {
    let at = index * NAMES_LINE;
    let offset = body(NAMES).get(at..at + NAMES_LINE - 1)?;
    let offset = usize::from_str_radix(offset, 16).ok()?;
    body(ATTRIBUTES).get(offset..)?.lines().next()
}

fn line_name(line: &str) -> Option<&str> {
    line.split(' ').nth(2)
}

fn line_oid(line: &str) -> Option<Oid> {
    line.split(' ').next()?.parse().ok()
}

fn record(line: &'static str) -> Option<Record> {
    let mut words = line.split(' ');
    let oid: Oid = words.next()?.parse().ok()?;
    let form = words.next()?;
    let name = words.next()?;
    let values = words
        .next()
        .and_then(|word| usize::from_str_radix(word.strip_prefix('@')?, 16).ok());
    let (form, octets) = match form.split_once('=') {
        Some((form, octets)) => (form, octets.parse().ok()),
        None => (form, None),
    };
    let (&code, flags) = form.as_bytes().split_first()?;
    let data_type = CODES.iter().find(|(_, letter, _)| *letter == code)?.0;
    let mut record = Record {
        name,
        spec: Spec::of(oid, data_type),
        array: false,
        secret: false,
        octets,
        values,
    };
    for flag in flags {
        match flag {
            b'g' => record.spec.tagged = true,
            b'1' => record.spec.hiding = Hiding::UserPassword,
            b'2' => record.spec.hiding = Hiding::Salted,
            b'3' => record.spec.hiding = Hiding::Ascend,
            b'c' => record.spec.concat = true,
            b'm' => record.array = true,
            b's' => record.secret = true,
            _ => return None,
        }
    }
    if let [26, number, _, ..] = oid.parts()
        && let Some(vendor) = vendor(*number)
    {
        record.spec.format = vendor.format;
    }
    Some(record)
}

fn parse_vendor(line: &'static str) -> Option<Vendor<'static>> {
    let mut words = line.split(' ');
    let number = words.next()?.parse().ok()?;
    let name = words.next()?;
    let format = match words.next() {
        Some(format) => super::syntax::vendor_format(format).ok()?,
        None => VendorFormat::STANDARD,
    };
    Some(Vendor {
        name,
        number,
        format,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_by_its_number_and_by_its_name() {
        let mut count = 0;
        for found in records() {
            let usual = by_oid(&found.spec.oid).unwrap();
            assert_eq!(usual.spec.oid, found.spec.oid);
            let named = by_name(&found.name.to_ascii_uppercase()).unwrap();
            assert_eq!(named.name, found.name);
            assert_eq!(named.spec, found.spec);
            count += 1;
        }
        assert_eq!(count, body(ATTRIBUTES).lines().count());
        assert_eq!(count, body(NAMES).len() / NAMES_LINE);
        assert!(count > 7300, "{count}");
    }

    #[test]
    fn every_vendor_is_found_by_its_number() {
        let mut count = 0;
        for found in vendors() {
            assert_eq!(vendor(found.number), Some(found));
            count += 1;
        }
        assert_eq!(count, body(VENDORS).lines().count());
        assert!(count > 180, "{count}");
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for oid in [&[26, 4_294_967_295, 1][..], &[1, 1], &[26], &[255, 255]] {
            let found = by_oid(&Oid::from_parts(oid).unwrap());
            assert!(found.is_none_or(|found| oid == [26] && found.name == "Vendor-Specific"));
        }
        for name in ["", "Aaa", "zzz", "User-Nam", "User-Name-", "é"] {
            assert!(by_name(name).is_none(), "{name}");
        }
        assert_eq!(vendor(0), None);
        assert_eq!(vendor(u32::MAX), None);
    }

    #[test]
    fn every_value_is_a_number_with_a_name() {
        let lines = body(VALUES).lines().filter(|line| !line.is_empty()).count();
        let mut seen = 0;
        let mut last = None;
        for record in records().filter(|record| record.values.is_some()) {
            if last.replace(record.spec.oid) != Some(record.spec.oid) {
                seen += record.values().count();
            }
        }
        assert_eq!(seen, lines);
    }
}
