//! Attributes from text: `Tunnel-Type:1 = VLAN`.

use std::fmt;

use super::{Attribute, Dictionary};
use crate::{DataType, Oid, Spec, Value, attr::MAX_TAG, value::ValueError};

/// An attribute with its value, from text.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// What the codec must know.
    pub spec: Spec,
    /// The name as the dictionary writes it.
    pub name: String,
    /// The RFC 2868 tag, 0 for none.
    pub tag: u8,
    /// The value.
    pub value: Value,
    /// Whether the value must not be shown.
    pub secret: bool,
}

impl Pair {
    /// The value as it stands on the wire, before hiding and without its tag.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        self.value.encode(&mut octets);
        octets
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.tag != 0 {
            write!(f, ":{}", self.tag)?;
        }
        if self.secret {
            return f.write_str(" = (secret)");
        }
        write!(f, " = {}", self.value)
    }
}

/// Why a text is no attribute with its value, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// Only space for attributes: Vendor-Specific, extended.
    #[error("{name} only contains other attributes; set one of those")]
    Container {
        /// The attribute.
        name: String,
    },
    /// No `=`.
    #[error("expected Name=Value, such as Session-Timeout=3600")]
    Form,
    /// A name that stands for something inside a server.
    #[error("{name} lives only inside a server and cannot be in a packet")]
    Internal {
        /// The name as written.
        name: String,
    },
    /// A fixed length that the value does not have.
    #[error("{name} holds exactly {octets} octets, not {found}")]
    Length {
        /// The attribute.
        name: String,
        /// The length it must have.
        octets: u16,
        /// The length of the value.
        found: usize,
    },
    /// A tag that is no number from 0 to 31, or before an attribute that carries none.
    #[error("{name} {}", if *.takes_one {
        "takes a tag from 0 to 31 after the colon"
    } else {
        "carries no tag; leave out the colon and what follows it"
    })]
    Tag {
        /// The attribute.
        name: String,
        /// Whether it carries tags at all.
        takes_one: bool,
    },
    /// No such attribute.
    #[error("unknown attribute {name:?}{}", or_nothing(.suggestion.as_deref()))]
    Unknown {
        /// The name as written.
        name: String,
        /// The nearest name there is.
        suggestion: Option<String>,
    },
    /// A value that does not fit.
    #[error("{name}: {error}{}", or_nothing(.suggestion.as_deref()))]
    Value {
        /// The attribute.
        name: String,
        /// What does not fit.
        error: ValueError,
        /// The nearest name of a value there is.
        suggestion: Option<String>,
    },
}

fn or_nothing(suggestion: Option<&str>) -> String {
    suggestion
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

impl Dictionary {
    /// Reads an attribute with its value: `Session-Timeout=3600`, `Tunnel-Type:1 = VLAN`,
    /// `Reply-Message = "hello"`, `26.14988.8=0x316d`, `Attr-250 = 0x00`.
    ///
    /// After a number in place of a name, `0x` introduces the octets of the wire. See
    /// [`Value::parse`] for what values look like.
    pub fn pair(&self, text: &str) -> Result<Pair, PairError> {
        let (name, value) = text.split_once('=').ok_or(PairError::Form)?;
        self.pair_of(name, value)
    }

    /// As [`Self::pair`], of a name, with its tag after a colon, and a value that already stand
    /// apart.
    ///
    /// # Errors
    /// As [`Self::pair`]. What is not known is searched for in the whole dictionary, to suggest
    /// what is near.
    pub fn pair_of(&self, name: &str, value: &str) -> Result<Pair, PairError> {
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return Err(PairError::Form);
        }
        let (name, tag) = match name.split_once(':') {
            Some((name, tag)) => (name.trim_end(), Some(tag.trim())),
            None => (name, None),
        };
        let attribute = self.attribute(name).ok_or_else(|| self.unknown(name))?;
        let spec = attribute.spec;
        if matches!(
            spec.data_type,
            DataType::Evs | DataType::Extended | DataType::LongExtended | DataType::Vsa
        ) {
            return Err(PairError::Container {
                name: attribute.name.into_owned(),
            });
        }
        let tag = self::tag(&attribute, tag)?;
        let value = self.pair_value(&attribute, is_number(name), value)?;
        check_length(&attribute, &value)?;
        Ok(Pair {
            spec,
            name: attribute.name.into_owned(),
            tag,
            value,
            secret: attribute.secret,
        })
    }

    fn unknown(&self, name: &str) -> PairError {
        if self.is_internal(name) {
            return PairError::Internal {
                name: name.to_owned(),
            };
        }
        PairError::Unknown {
            name: name.to_owned(),
            suggestion: self.suggest(name),
        }
    }

    fn pair_value(
        &self,
        attribute: &Attribute<'_>,
        by_number: bool,
        text: &str,
    ) -> Result<Value, PairError> {
        let spec = &attribute.spec;
        if by_number
            && text
                .get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("0x"))
        {
            let octets = Value::parse(DataType::Octets, text, &|_| None);
            let octets = octets.map_err(|error| self.misfit(attribute, error, text))?;
            return Ok(match octets {
                Value::Octets(octets) => Value::decode(spec.data_type, &octets),
                other => other,
            });
        }
        let named = |name: &str| self.value_number(&spec.oid, name);
        let value = Value::parse(spec.data_type, text, &named);
        let value = value.map_err(|error| self.misfit(attribute, error, text))?;
        match value {
            // RFC 2868 section 3.1: the tag takes the first of the four octets.
            Value::Integer(number) if spec.tagged && number > 0x00ff_ffff => {
                let range = ValueError::Range {
                    min: 0,
                    max: 0x00ff_ffff,
                };
                Err(self.misfit(attribute, range, text))
            }
            value => Ok(value),
        }
    }

    fn misfit(&self, attribute: &Attribute<'_>, error: ValueError, text: &str) -> PairError {
        let wants_name = error == ValueError::Name;
        let suggestion = self.suggest_value(&attribute.spec.oid, text.trim_matches('"'));
        PairError::Value {
            name: attribute.name.to_string(),
            error,
            suggestion: suggestion.filter(|_| wants_name),
        }
    }
}

/// Whether an attribute is named by its number.
fn is_number(name: &str) -> bool {
    let number = match name.split_at_checked(5) {
        Some((prefix, number)) if prefix.eq_ignore_ascii_case("Attr-") => number,
        _ => name,
    };
    number.parse::<Oid>().is_ok()
}

fn tag(attribute: &Attribute<'_>, text: Option<&str>) -> Result<u8, PairError> {
    let Some(text) = text else {
        return Ok(0);
    };
    let takes_one = attribute.spec.tagged;
    let tag = text.parse().ok().filter(|tag| *tag <= MAX_TAG && takes_one);
    tag.ok_or_else(|| PairError::Tag {
        name: attribute.name.to_string(),
        takes_one,
    })
}

fn check_length(attribute: &Attribute<'_>, value: &Value) -> Result<(), PairError> {
    match (attribute.octets, value) {
        (Some(octets), Value::Octets(value)) if value.len() != usize::from(octets) => {
            Err(PairError::Length {
                name: attribute.name.to_string(),
                octets,
                found: value.len(),
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Ask, AttributeList, Packet, Query, Secret, attr};

    fn pair(text: &str) -> Result<Pair, PairError> {
        Dictionary::builtin().pair(text)
    }

    #[test]
    fn names_tags_and_values_are_read() {
        for (text, name, tag, octets) in [
            (
                "Session-Timeout=3600",
                "Session-Timeout",
                0,
                &[0, 0, 0x0e, 0x10][..],
            ),
            (
                "session-timeout = 0x10",
                "Session-Timeout",
                0,
                &[0, 0, 0, 0x10],
            ),
            ("Tunnel-Type:1=VLAN", "Tunnel-Type", 1, &[0, 0, 0, 13]),
            (
                "Tunnel-Private-Group-Id : 2 = \"20\"",
                "Tunnel-Private-Group-Id",
                2,
                b"20",
            ),
            ("Reply-Message=a=b", "Reply-Message", 0, b"a=b"),
            ("Service-Type=login", "Service-Type", 0, &[0, 0, 0, 1]),
            ("26.14988.8=0x316d", "Mikrotik-Rate-Limit", 0, b"1m"),
            ("Attr-26.14988.8=1m", "Mikrotik-Rate-Limit", 0, b"1m"),
            ("27=0x00000010", "Session-Timeout", 0, &[0, 0, 0, 0x10]),
            ("27=16", "Session-Timeout", 0, &[0, 0, 0, 0x10]),
            ("Attr-250=0x00ff", "X-Ascend-Assign-IP-Server", 0, &[0, 255]),
            ("26.999999.5=0x01", "Attr-26.999999.5", 0, &[1]),
            (
                "Framed-IPv6-Prefix=2001:db8::/32",
                "Framed-IPv6-Prefix",
                0,
                &[0, 32, 0x20, 1, 0xd, 0xb8],
            ),
        ] {
            let read = pair(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            if text != "Attr-250=0x00ff" {
                assert_eq!(read.name, name, "{text}");
            }
            assert_eq!((read.tag, read.octets()), (tag, octets.to_vec()), "{text}");
        }
        assert_eq!(
            pair("User-Password=x").unwrap().spec,
            *attr::USER_PASSWORD.spec()
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_a_suggestion() {
        for (text, error) in [
            (
                "Session-Timout=1",
                "unknown attribute \"Session-Timout\"; did you mean Session-Timeout?",
            ),
            ("Qqqqq=1", "unknown attribute \"Qqqqq\""),
            (
                "Session-Timeout",
                "expected Name=Value, such as Session-Timeout=3600",
            ),
            (" =1", "expected Name=Value, such as Session-Timeout=3600"),
            (
                "Vendor-Specific=0x00",
                "Vendor-Specific only contains other attributes; set one of those",
            ),
            (
                "Session-Timeout:1=5",
                "Session-Timeout carries no tag; leave out the colon and what follows it",
            ),
            (
                "Tunnel-Type:32=VLAN",
                "Tunnel-Type takes a tag from 0 to 31 after the colon",
            ),
            (
                "Tunnel-Type:1=16777216",
                "Tunnel-Type: the number is outside 0 to 16777215",
            ),
            (
                "Tunnel-Type=VLAM",
                "Tunnel-Type: neither a number nor a named value of this attribute; did you mean \
                 VLAN?",
            ),
            (
                "MS-CHAP-Response=0x00",
                "MS-CHAP-Response holds exactly 50 octets, not 1",
            ),
            (
                "Framed-IP-Address=x",
                "Framed-IP-Address: not an IP address of the kind expected here",
            ),
        ] {
            assert_eq!(pair(text).unwrap_err().to_string(), error, "{text}");
        }
    }

    #[test]
    fn pairs_come_back_from_the_wire_as_they_were_written() {
        let lines = [
            "User-Name = \"bob\"",
            "NAS-IP-Address = 192.0.2.1",
            "Service-Type = Framed-User",
            "Event-Timestamp = 2026-01-31T12:00:00Z",
            "Tunnel-Type:1 = VLAN",
            "Tunnel-Private-Group-Id:1 = \"20\"",
            "Framed-IPv6-Prefix = 2001:db8::/32",
            "Framed-Interface-Id = 0001:0002:0003:0004",
            "Mikrotik-Rate-Limit = \"1m/1m\"",
            "Cisco-AVPair = \"a=b\"",
            "WiMAX-Release = \"1.2\"",
            "Frag-Status = Fragmentation-Supported",
            "IP-Port-Ext-IPv4-Addr = 192.0.2.9",
            "DHCPv4-Options = 0x3501",
            "FreeRADIUS-802.1X-Anonce = 0x00112233",
            "USR-Last-Number-Dialed-Out = \"123\"",
            "SN-VPN-Name = \"vpn\"",
            "Attr-26.999999.7 = 0x0102",
        ];
        let mut list = AttributeList::new();
        for line in lines {
            let read = pair(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            list.push(&read.spec, read.tag, &read.octets());
        }
        let secret = Secret::new("xyzzy5461").unwrap();
        let mut zeros = |octets: &mut [u8]| octets.fill(0);
        let mut out = Vec::new();
        Query::encode(
            Ask::Accounting,
            1,
            &list,
            &secret,
            false,
            &mut zeros,
            &mut out,
        )
        .unwrap();
        let packet = Packet::parse(&out).unwrap();
        let decoded = Dictionary::builtin().decode(&packet);
        let shown: Vec<String> = decoded.iter().map(ToString::to_string).collect();
        assert_eq!(shown, lines);
    }

    #[test]
    fn name_and_value_may_come_apart() {
        let known = Dictionary::builtin();
        assert_eq!(
            known.pair_of("Tunnel-Private-Group-Id : 2 ", " \"a=b\""),
            pair("Tunnel-Private-Group-Id:2=\"a=b\"")
        );
        assert_eq!(known.pair_of(" ", "1"), Err(PairError::Form));
        let error = known.pair_of("Session-Timeout=", "1").unwrap_err();
        assert!(matches!(error, PairError::Unknown { .. }), "{error}");
    }

    #[test]
    fn secrets_print_redacted() {
        let read = pair("User-Password=hunter2").unwrap();
        assert_eq!(format!("{read:?}"), "User-Password = (secret)");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}|[A-Z][a-z-]{0,12}[:=][ -~]{0,30}") {
            if let Ok(read) = pair(&text) {
                let _octets = read.octets();
            }
        }
    }
}
