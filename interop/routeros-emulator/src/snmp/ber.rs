//! SNMP's part of the Basic Encoding Rules.

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(Vec<u8>),
    Name(Vec<u32>),
    Counter(u32),
    Gauge(u32),
    Ticks(u32),
    NoSuchObject,
    EndOfView,
    /// Something that only a SET has.
    Other,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Varbind {
    pub(super) name: Vec<u32>,
    pub(super) value: Value,
}

/// A message of version 2c.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) community: String,
    /// The tag of the protocol data unit.
    pub(super) kind: u8,
    pub(super) request: i64,
    /// Error status, or non-repeaters.
    pub(super) status: i64,
    /// Error index, or max-repetitions.
    pub(super) index: i64,
    pub(super) values: Vec<Varbind>,
}

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT: u8 = 0x06;
/// The number of version 2c.
const VERSION_2C: i64 = 1;

impl Message {
    pub(super) fn read(datagram: &[u8]) -> Option<Self> {
        let mut rest = datagram;
        let mut whole = tagged(&mut rest, SEQUENCE)?;
        if integer(tagged(&mut whole, INTEGER)?)? != VERSION_2C {
            return None;
        }
        let community = String::from_utf8(tagged(&mut whole, OCTETS)?.to_vec()).ok()?;
        Self::read_unit(&mut whole, community)
    }

    /// The protocol data unit, which is the same in version 3.
    pub(super) fn read_unit(rest: &mut &[u8], community: String) -> Option<Self> {
        let (kind, mut unit) = element(rest)?;
        let request = integer(tagged(&mut unit, INTEGER)?)?;
        let status = integer(tagged(&mut unit, INTEGER)?)?;
        let index = integer(tagged(&mut unit, INTEGER)?)?;
        let mut list = tagged(&mut unit, SEQUENCE)?;
        let mut values = Vec::new();
        while !list.is_empty() {
            let mut pair = tagged(&mut list, SEQUENCE)?;
            let name = object(tagged(&mut pair, OBJECT)?)?;
            let (tag, contents) = element(&mut pair)?;
            let value = match tag {
                NULL => Value::Null,
                INTEGER => Value::Integer(integer(contents)?),
                OCTETS => Value::Text(contents.to_vec()),
                OBJECT => Value::Name(object(contents)?),
                _ => Value::Other,
            };
            values.push(Varbind { name, value });
        }
        Some(Self {
            community,
            kind,
            request,
            status,
            index,
            values,
        })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let whole = [
            number(INTEGER, VERSION_2C),
            wrap(OCTETS, self.community.as_bytes()),
            self.write_unit(),
        ];
        wrap(SEQUENCE, &whole.concat())
    }

    pub(super) fn write_unit(&self) -> Vec<u8> {
        let pairs = self.values.iter().flat_map(|pair| {
            let name = wrap(OBJECT, &object_octets(&pair.name));
            wrap(SEQUENCE, &[name, pair.value.write()].concat())
        });
        let pairs: Vec<u8> = pairs.collect();
        let unit = [
            number(INTEGER, self.request),
            number(INTEGER, self.status),
            number(INTEGER, self.index),
            wrap(SEQUENCE, &pairs),
        ];
        wrap(self.kind, &unit.concat())
    }
}

impl Value {
    fn write(&self) -> Vec<u8> {
        match self {
            Self::Null | Self::Other => wrap(NULL, &[]),
            Self::Integer(value) => number(INTEGER, *value),
            Self::Text(text) => wrap(OCTETS, text),
            Self::Name(name) => wrap(OBJECT, &object_octets(name)),
            Self::Counter(value) => number(0x41, i64::from(*value)),
            Self::Gauge(value) => number(0x42, i64::from(*value)),
            Self::Ticks(value) => number(0x43, i64::from(*value)),
            Self::NoSuchObject => wrap(0x80, &[]),
            Self::EndOfView => wrap(0x82, &[]),
        }
    }
}

fn element<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, after) = rest.split_first()?;
    let (&first, mut after) = after.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let (octets, behind) = after.split_at_checked(usize::from(first & 0x7F))?;
        after = behind;
        if octets.is_empty() || octets.len() > 4 {
            return None;
        }
        octets
            .iter()
            .fold(0, |sum, octet| sum << 8 | usize::from(*octet))
    };
    let (contents, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((tag, contents))
}

pub(super) fn tagged<'a>(rest: &mut &'a [u8], wanted: u8) -> Option<&'a [u8]> {
    let (tag, contents) = element(rest)?;
    (tag == wanted).then_some(contents)
}

pub(super) fn integer(octets: &[u8]) -> Option<i64> {
    if octets.is_empty() || octets.len() > 8 {
        return None;
    }
    let start = if octets[0] & 0x80 == 0 { 0 } else { -1 };
    Some(
        octets
            .iter()
            .fold(start, |sum: i64, octet| sum << 8 | i64::from(*octet)),
    )
}

fn object(octets: &[u8]) -> Option<Vec<u32>> {
    let mut name = Vec::new();
    let mut number: u32 = 0;
    for octet in octets {
        if number > u32::MAX >> 7 {
            return None;
        }
        number = number << 7 | u32::from(octet & 0x7F);
        if octet & 0x80 == 0 {
            if name.is_empty() {
                let first = (number / 40).min(2);
                name.extend([first, number - first * 40]);
            } else {
                name.push(number);
            }
            number = 0;
        }
    }
    octets
        .last()
        .is_none_or(|last| last & 0x80 == 0)
        .then_some(name)
}

fn object_octets(name: &[u32]) -> Vec<u8> {
    let first = name.first().copied().unwrap_or(0) * 40 + name.get(1).copied().unwrap_or(0);
    let rest = name.iter().skip(2).copied();
    let mut octets = Vec::new();
    for number in std::iter::once(first).chain(rest) {
        let mut groups: Vec<u8> = (0..5)
            .map(|group| u8::try_from(number >> (7 * group) & 0x7F).unwrap_or(0))
            .collect();
        while groups.len() > 1 && groups.last() == Some(&0) {
            groups.pop();
        }
        for (at, group) in groups.iter().enumerate().rev() {
            octets.push(if at == 0 { *group } else { group | 0x80 });
        }
    }
    octets
}

pub(super) fn number(tag: u8, value: i64) -> Vec<u8> {
    let octets = value.to_be_bytes();
    // As few octets as keep the sign.
    let mut from = 0;
    while from < 7 {
        let spare = match octets[from] {
            0 => octets[from + 1] & 0x80 == 0,
            0xFF => octets[from + 1] & 0x80 != 0,
            _ => false,
        };
        if !spare {
            break;
        }
        from += 1;
    }
    wrap(tag, &octets[from..])
}

pub(super) fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut octets = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => octets.push(short),
        Ok(short) => octets.extend([0x81, short]),
        Err(_) => {
            let [.., high, low] = length.to_be_bytes();
            octets.extend([0x82, high, low]);
        }
    }
    octets.extend(contents);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let message = Message {
            community: "public".into(),
            kind: 0xA0,
            request: -559_038_737,
            status: 0,
            index: 128,
            values: vec![
                Varbind {
                    name: vec![1, 3, 6, 1, 4, 1, 14988, 1, 1, 3, 10, 0],
                    value: Value::Null,
                },
                Varbind {
                    name: vec![2, 100, u32::MAX],
                    value: Value::Text(vec![b'x'; 300]),
                },
            ],
        };
        assert_eq!(Message::read(&message.write()), Some(message.clone()));
        let octets = message.write();
        for end in 0..octets.len() {
            assert_eq!(Message::read(&octets[..end]), None);
        }
    }

    /// sysUpTime.0 of 1 second, as RFC 3416 and X.690 have it.
    #[test]
    fn octets_are_as_the_rules_say() {
        let pair = Varbind {
            name: vec![1, 3, 6, 1, 2, 1, 1, 3, 0],
            value: Value::Ticks(128),
        };
        assert_eq!(object_octets(&pair.name), [0x2B, 6, 1, 2, 1, 1, 3, 0]);
        assert_eq!(pair.value.write(), [0x43, 2, 0, 0x80]);
    }
}
