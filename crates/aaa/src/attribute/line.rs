use std::borrow::Cow;

use portreeve_proto::{
    Ask, AttributeList, Dictionary, Hiding, Oid, Query, Secret, attr, dictionary::Attribute,
};

use super::{BadValue, Fault, Owner, Problem, read};
use crate::shown::Shown;

/// One attribute line, taken apart but not looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// The attribute's name, without tag.
    pub name: &'a str,
    /// The RFC 2868 tag written after the name, `Tunnel-Type:1=VLAN`; 0 for none.
    pub tag: u8,
    /// What stands between name and value.
    pub operator: Operator,
    /// The value without quotes and escapes.
    pub value: Cow<'a, [u8]>,
}

/// What stands between name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+=`
    Add,
    /// `=`, `:=` or `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl<'a> Line<'a> {
    /// The most octets an attribute's value may have here: a packet holds no more.
    const VALUE_MAX: usize = 4096;

    /// Takes a line apart: `Name=Value`, the value bare, in `"double quotes"` with escapes `\n`,
    /// `\t`, `\"`, `\\` and `\x1b`, or in `'single quotes'` as it stands.
    pub fn parse(line: &'a str) -> Result<Self, Fault> {
        let (left, right) = line.split_once('=').ok_or(Fault::NoOperator)?;
        let right = right.strip_prefix('=').unwrap_or(right);
        let (left, operator) = match left.as_bytes().last() {
            Some(b'!') => (&left[..left.len() - 1], Operator::NotEqual),
            Some(b'+') => (&left[..left.len() - 1], Operator::Add),
            Some(b':') => (&left[..left.len() - 1], Operator::Equal),
            _ => (left, Operator::Equal),
        };
        let left = left.trim();
        let (name, tag) = match left.rsplit_once(':') {
            Some((name, tag)) => {
                let tag = tag
                    .parse()
                    .ok()
                    .filter(|tag| *tag <= 31)
                    .ok_or(Fault::Tag)?;
                (name, tag)
            }
            None => (left, 0),
        };
        if name.is_empty() {
            return Err(Fault::NoOperator);
        }
        let value = unquote(right.trim())?;
        if value.len() > Self::VALUE_MAX {
            return Err(bad(BadValue::Long));
        }
        Ok(Self {
            name,
            tag,
            operator,
            value,
        })
    }

    /// Looks the name up and reads the value.
    pub fn resolve<'d>(
        &self,
        dictionary: &'d Dictionary,
    ) -> Result<(Attribute<'d>, Vec<u8>), Fault> {
        let attribute = dictionary
            .attribute(self.name)
            .ok_or_else(|| Fault::UnknownAttribute {
                name: Shown::from(self.name),
            })?;
        if self.tag != 0 && !attribute.spec.tagged {
            return Err(Fault::Tag);
        }
        let octets = read(dictionary, &attribute, &self.value).map_err(|why| match why {
            BadValue::Name => Fault::NameUnknown {
                oid: Box::new(attribute.spec.oid),
                value: Shown::new(&self.value),
            },
            why => Fault::BadValue(why),
        })?;
        Ok((attribute, octets))
    }
}

/// What a user or group gives to a reply: attributes that stand where nobody before gave the same
/// one, and attributes that are added to whatever others give.
pub fn reply(
    dictionary: &Dictionary,
    owner: &Owner,
    lines: &[String],
) -> Result<(AttributeList, AttributeList), Problem> {
    let (mut given, mut added) = (AttributeList::new(), AttributeList::new());
    for text in lines {
        let wrong = |fault| wrong_line(dictionary, owner, text, fault);
        let line = Line::parse(text).map_err(wrong)?;
        let (attribute, octets) = line.resolve(dictionary).map_err(wrong)?;
        if is_ours(&attribute.spec.oid) {
            return Err(wrong(Fault::NotForReply));
        }
        match line.operator {
            Operator::Equal => given.push(&attribute.spec, line.tag, &octets),
            Operator::Add => added.push(&attribute.spec, line.tag, &octets),
            Operator::NotEqual => {
                return Err(wrong(Fault::WrongOperator { allowed: "= or +=" }));
            }
        }
    }
    for list in [&given, &added] {
        encodable(list).map_err(|fault| Problem {
            owner: owner.clone(),
            line: None,
            fault,
        })?;
    }
    Ok((given, added))
}

/// What is wrong with a line, quoting of it what may be shown: its value only where the attribute
/// is known and no secret.
pub(super) fn wrong_line(
    dictionary: &Dictionary,
    owner: &Owner,
    text: &str,
    fault: Fault,
) -> Problem {
    let left = text.split('=').next().unwrap_or_default();
    let name = left.split(':').next().unwrap_or_default();
    let name = name.trim_end_matches(['!', '+']).trim();
    let known = dictionary.attribute(name);
    let quoted = match known {
        Some(attribute) if !is_secret(&attribute) => text,
        _ => name,
    };
    Problem {
        owner: owner.clone(),
        line: Some(Shown::from(quoted)),
        fault,
    }
}

/// Whether an attribute is for the endpoint and the methods alone to set.
fn is_ours(oid: &Oid) -> bool {
    [
        attr::USER_PASSWORD.spec(),
        attr::CHAP_PASSWORD.spec(),
        attr::CHAP_CHALLENGE.spec(),
        attr::STATE.spec(),
        attr::PROXY_STATE.spec(),
        attr::EAP_MESSAGE.spec(),
        attr::MESSAGE_AUTHENTICATOR.spec(),
    ]
    .iter()
    .any(|spec| spec.oid == *oid)
}

/// Whether a packet can carry the attributes: found out by making one.
fn encodable(list: &AttributeList) -> Result<(), Fault> {
    if list.is_empty() {
        return Ok(());
    }
    let Ok(secret) = Secret::new("trial") else {
        return Ok(());
    };
    let mut random = |octets: &mut [u8]| octets.fill(0);
    let mut out = Vec::new();
    Query::encode(
        Ask::Accounting,
        0,
        list,
        &secret,
        false,
        &mut random,
        &mut out,
    )
    .map(drop)
    .map_err(|why| Fault::Encode(Box::new(why)))
}

/// Whether a value may be shown.
pub(super) fn is_secret(attribute: &Attribute<'_>) -> bool {
    attribute.secret || attribute.spec.hiding != Hiding::None
}

pub(super) const fn bad(why: BadValue) -> Fault {
    Fault::BadValue(why)
}

fn unquote(text: &str) -> Result<Cow<'_, [u8]>, Fault> {
    let inside = |quote: char| {
        text.strip_prefix(quote)
            .map(|rest| rest.strip_suffix(quote).ok_or(bad(BadValue::Quotes)))
    };
    if let Some(literal) = inside('\'') {
        return Ok(Cow::Borrowed(literal?.as_bytes()));
    }
    let Some(escaped) = inside('"') else {
        return Ok(Cow::Borrowed(text.as_bytes()));
    };
    let mut rest = escaped?.as_bytes();
    let mut octets = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        rest = after;
        let octet = match (first, after) {
            (b'"', _) | (b'\\', []) => return Err(bad(BadValue::Quotes)),
            (b'\\', [b'x', high, low, after @ ..]) => {
                rest = after;
                let digit = |octet: u8| char::from(octet).to_digit(16);
                let octet = digit(*high)
                    .zip(digit(*low))
                    .map(|(high, low)| high << 4 | low);
                let octet = octet.and_then(|octet| u8::try_from(octet).ok());
                octet.ok_or(bad(BadValue::Quotes))?
            }
            (b'\\', [letter, after @ ..]) => {
                rest = after;
                match letter {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'"' | b'\\' | b'\'' => *letter,
                    _ => return Err(bad(BadValue::Quotes)),
                }
            }
            (octet, _) => *octet,
        };
        octets.push(octet);
    }
    Ok(Cow::Owned(octets))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owner() -> Owner {
        Owner::User("tim".into())
    }

    fn given(line: &str) -> Result<String, Fault> {
        reply(Dictionary::builtin(), &owner(), &[line.to_owned()])
            .map(|(given, added)| format!("{given:?}{added:?}"))
            .map_err(|problem| problem.fault)
    }

    #[test]
    fn lines_are_taken_apart() {
        for (text, name, tag, operator, value) in [
            (
                "Session-Timeout=3600",
                "Session-Timeout",
                0,
                Operator::Equal,
                &b"3600"[..],
            ),
            (
                "Session-Timeout := 3600",
                "Session-Timeout",
                0,
                Operator::Equal,
                b"3600",
            ),
            ("NAS-Port != 1", "NAS-Port", 0, Operator::NotEqual, b"1"),
            (
                "Cisco-AVPair+=a=b",
                "Cisco-AVPair",
                0,
                Operator::Add,
                b"a=b",
            ),
            (
                "Tunnel-Type:1=VLAN",
                "Tunnel-Type",
                1,
                Operator::Equal,
                b"VLAN",
            ),
            (
                r#"Reply-Message="a \"b\"\x0a""#,
                "Reply-Message",
                0,
                Operator::Equal,
                b"a \"b\"\n",
            ),
            (
                "Filter-Id == 'a\\n'",
                "Filter-Id",
                0,
                Operator::Equal,
                b"a\\n",
            ),
        ] {
            let value = Cow::Borrowed(value);
            assert_eq!(
                Line::parse(text),
                Ok(Line {
                    name,
                    tag,
                    operator,
                    value
                }),
                "{text}"
            );
        }
        for text in [
            "Session-Timeout",
            "=1",
            "",
            "A:99=1",
            "A=\"b",
            "A='b",
            r#"A="\q""#,
        ] {
            assert!(Line::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_reply_cannot_carry_is_refused() {
        assert!(given("Session-Timeout=3600").is_ok());
        assert!(given("Framed-Route+=0.0.0.0/0").is_ok());
        for (line, part) in [
            ("Sesion-Timeout=1", "no attribute called Sesion-Timeout"),
            ("Session-Timeout=soon", "soon is neither a number"),
            ("Session-Timeout!=1", "= or +="),
            ("Message-Authenticator=0x00", "cannot be given"),
            ("State=abc", "cannot be given"),
            ("Session-Timeout:1=1", "a tag is"),
            ("Reply-Message=", "no value"),
        ] {
            let fault = given(line).unwrap_err().to_string();
            assert!(fault.contains(part), "{line}: {fault}");
        }
        let long = format!("Filter-Id={}", "a".repeat(254));
        assert!(matches!(given(&long), Err(Fault::Encode(_))));
    }

    #[test]
    fn what_was_meant_is_suggested() {
        let dictionary = Dictionary::builtin();
        for (line, meant) in [
            ("Sesion-Timeout=1", "; did you mean Session-Timeout?"),
            ("Service-Type=Framed-Usr", "; did you mean Framed-User?"),
            ("Session-Timeout=4294967296", "range"),
        ] {
            let problem = reply(dictionary, &owner(), &[line.to_owned()]).unwrap_err();
            let text = problem.explain(dictionary);
            assert!(text.ends_with(meant), "{text}");
        }
    }

    #[test]
    fn a_secret_value_is_not_quoted_in_a_problem() {
        let lines = ["Tunnel-Password:99=opensesame".to_owned()];
        let problem = reply(Dictionary::builtin(), &owner(), &lines).unwrap_err();
        assert!(!problem.to_string().contains("opensesame"), "{problem}");
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in "[A-Za-z:!+= \"'\\\\-]{0,20}=.{0,30}") {
            if let Err(fault) = given(&line) {
                prop_assert!(!fault.to_string().is_empty());
            }
        }
    }
}
