use portreeve_proto::{
    Ask, AttributeList, Hiding, Oid, Query, Secret, attr,
    dictionary::{Attribute, PairError},
};

use super::{Fault, Lexicon, Owner, Problem};
use crate::shown::Shown;

/// One attribute line, split at its operator; name and value are still to be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The attribute's name, with its tag where it has one: `Tunnel-Type:1`.
    pub name: &'a str,
    /// What stands between name and value.
    pub operator: Operator,
    /// The value as it is written.
    pub value: &'a str,
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
    /// Splits a line at its first operator.
    ///
    /// # Errors
    /// There is none, or what stands before it is not a single word with its tag.
    pub fn parse(line: &'a str) -> Result<Self, PairError> {
        let (left, right) = line.split_once('=').ok_or(PairError::Form)?;
        let (name, operator) = match left.as_bytes().last() {
            Some(b'!') => (&left[..left.len() - 1], Operator::NotEqual),
            Some(b'+') => (&left[..left.len() - 1], Operator::Add),
            Some(b':') => (&left[..left.len() - 1], Operator::Equal),
            _ => (left, Operator::Equal),
        };
        let name = name.trim();
        let rest = name[bare_name(name).len()..].trim_start();
        if !rest.is_empty() && !rest.starts_with(':') {
            return Err(PairError::Form);
        }
        Ok(Self {
            name,
            operator,
            value: right.strip_prefix('=').unwrap_or(right).trim(),
        })
    }
}

/// What a user or group gives to a reply: attributes that stand where nobody before gave the same
/// one, and attributes that are added to whatever others give.
///
/// # Errors
/// The first line that cannot be used.
pub fn reply(
    lexicon: &mut Lexicon<'_>,
    owner: &Owner,
    lines: &[String],
) -> Result<(AttributeList, AttributeList), Problem> {
    let (mut given, mut added) = (AttributeList::new(), AttributeList::new());
    for text in lines {
        give(lexicon, text, &mut given, &mut added)
            .map_err(|fault| wrong_line(lexicon, owner, text, fault))?;
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

fn give(
    lexicon: &mut Lexicon<'_>,
    text: &str,
    given: &mut AttributeList,
    added: &mut AttributeList,
) -> Result<(), Fault> {
    let line = Line::parse(text)?;
    let list = match line.operator {
        Operator::Equal => given,
        Operator::Add => added,
        Operator::NotEqual => return Err(Fault::WrongOperator { allowed: "= or +=" }),
    };
    match lexicon.pair(&line) {
        Ok(pair) if is_ours(&pair.spec.oid) => Err(Fault::NotForReply),
        Ok(pair) => {
            list.push(&pair.spec, pair.tag, &pair.octets());
            Ok(())
        }
        // No value would do.
        Err(_) if attribute(lexicon, text).is_some_and(|found| is_ours(&found.spec.oid)) => {
            Err(Fault::NotForReply)
        }
        Err(error) => Err(error.into()),
    }
}

/// What is wrong with a line, quoting of it what may be shown: its value only where the attribute
/// is known and no secret.
pub(super) fn wrong_line(
    lexicon: &Lexicon<'_>,
    owner: &Owner,
    text: &str,
    fault: Fault,
) -> Problem {
    let is_plain =
        |attribute: Attribute<'_>| !attribute.secret && attribute.spec.hiding == Hiding::None;
    let quoted = if attribute(lexicon, text).is_some_and(is_plain) {
        text
    } else {
        bare_name(text)
    };
    Problem {
        owner: owner.clone(),
        line: Some(Shown::from(quoted)),
        fault,
    }
}

fn attribute<'d>(lexicon: &Lexicon<'d>, text: &str) -> Option<Attribute<'d>> {
    lexicon.dictionary().attribute(bare_name(text))
}

/// What stands for the attribute's name even in a line that has no form: no more, as the rest may
/// be secret.
fn bare_name(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|letter: char| letter.is_whitespace() || "=:!+".contains(letter));
    &text[..end.unwrap_or(text.len())]
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

#[cfg(test)]
mod tests {
    use portreeve_proto::Dictionary;
    use proptest::prelude::*;

    use super::*;

    fn owner() -> Owner {
        Owner::User("tim".into())
    }

    fn read(line: &str) -> Result<(AttributeList, AttributeList), Problem> {
        let mut lexicon = Lexicon::new(Dictionary::builtin());
        reply(&mut lexicon, &owner(), &[line.to_owned()])
    }

    #[test]
    fn lines_are_split_at_their_operator() {
        use Operator::{Add, Equal, NotEqual};
        for (text, name, operator, value) in [
            ("Session-Timeout=3600", "Session-Timeout", Equal, "3600"),
            ("Session-Timeout := 3600", "Session-Timeout", Equal, "3600"),
            ("NAS-Port != 1", "NAS-Port", NotEqual, "1"),
            ("Cisco-AVPair+=a=b", "Cisco-AVPair", Add, "a=b"),
            ("Cisco-AVPair=a+=b", "Cisco-AVPair", Equal, "a+=b"),
            ("Tunnel-Type:1=VLAN", "Tunnel-Type:1", Equal, "VLAN"),
            ("Tunnel-Type:1:=VLAN", "Tunnel-Type:1", Equal, "VLAN"),
            ("Filter-Id == \" a\"", "Filter-Id", Equal, "\" a\""),
        ] {
            let line = Line {
                name,
                operator,
                value,
            };
            assert_eq!(Line::parse(text), Ok(line), "{text}");
        }
        for text in ["Session-Timeout", "Session Timeout=1", "A!!=1", ""] {
            assert_eq!(Line::parse(text), Err(PairError::Form), "{text}");
        }
    }

    #[test]
    fn equal_lines_are_given_and_plus_lines_are_added() {
        let lines = [
            "Class=0x00ff",
            "Class=b",
            "Filter-Id+=a",
            "Tunnel-Type:1=VLAN",
        ];
        let mut lexicon = Lexicon::new(Dictionary::builtin());
        let (given, added) = reply(&mut lexicon, &owner(), &lines.map(str::to_owned)).unwrap();
        let values: Vec<_> = given
            .iter()
            .map(|entry| (entry.tag, entry.value.to_vec()))
            .collect();
        let wanted = [
            (0, vec![0, 255]),
            (0, b"b".to_vec()),
            (1, vec![0, 0, 0, 13]),
        ];
        assert_eq!(values, wanted);
        let oid = attr::FILTER_ID.spec().oid;
        assert_eq!(added.find(&oid).unwrap().value, b"a");
        assert_eq!(added.len(), 1);
    }

    #[test]
    fn what_a_reply_cannot_carry_is_refused() {
        assert!(read("Session-Timeout=3600").is_ok());
        assert!(read("Framed-Route+=0.0.0.0/0").is_ok());
        for (line, part) in [
            (
                "Sesion-Timeout=1",
                "\"Sesion-Timeout\": unknown attribute \"Sesion-Timeout\"; did you mean \
                 Session-Timeout?",
            ),
            ("Service-Type=Framed-Usr", "; did you mean Framed-User?"),
            ("Session-Timeout=soon", "neither a number nor"),
            ("Session-Timeout=4294967296", "outside 0 to 4294967295"),
            ("Session-Timeout!=1", "= or +="),
            ("Session-Timeout", "expected Name=Value"),
            ("=1", "expected Name=Value"),
            ("Message-Authenticator=0x00", "cannot be given"),
            ("State=abc", "cannot be given"),
            ("Session-Timeout:1=1", "carries no tag"),
            ("Vendor-Specific=0x00", "only contains other attributes"),
            ("Reply-Message=", "no value"),
        ] {
            let problem = read(line).unwrap_err().to_string();
            assert!(problem.contains(part), "{line}: {problem}");
        }
        let long = format!("Filter-Id={}", "a".repeat(254));
        assert!(matches!(read(&long).unwrap_err().fault, Fault::Encode(_)));
    }

    #[test]
    fn an_unknown_name_is_wrong_for_everybody_alike() {
        let mut lexicon = Lexicon::new(Dictionary::builtin());
        let lines = ["Sesion-Timeout=1".to_owned()];
        let first = reply(&mut lexicon, &owner(), &lines).unwrap_err();
        assert_eq!(reply(&mut lexicon, &owner(), &lines).unwrap_err(), first);
        assert!(reply(&mut lexicon, &owner(), &["Session-Timeout=1".into()]).is_ok());
    }

    #[test]
    fn a_secret_value_is_not_quoted_in_a_problem() {
        for line in [
            "Tunnel-Password:99=opensesame",
            "Tunnel-Password!=opensesame",
            "Tunnel-Pasword=opensesame",
            "Tunnel-Password opensesame",
            "Tunnel-Password opensesame=1",
            " Tunnel-Password:1 opensesame",
        ] {
            let problem = read(line).unwrap_err();
            let shown = format!("{problem}{problem:?}");
            assert!(!shown.contains("opensesame"), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in "[A-Za-z:!+= \"'\\\\-]{0,20}=.{0,30}") {
            if let Err(problem) = read(&line) {
                let shown = problem.to_string();
                prop_assert!(!shown.chars().any(char::is_control), "{}", shown);
            }
        }
    }
}
