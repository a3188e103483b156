use std::sync::Arc;

use portreeve_proto::{Packet, Value};

use super::{
    Fault, Lexicon, Line, Operator, Owner, Problem,
    lexicon::{Subject, Wanted},
    line::wrong_line,
};
use crate::{refusal::FailedCheck, shown::Shown};

/// What must hold of a request: all of it.
#[derive(Debug, Clone, Default)]
pub struct Conditions(Vec<Condition>);

/// What must hold of one attribute of a request.
#[derive(Debug, Clone)]
struct Condition {
    subject: Arc<Subject>,
    /// With `negated` the attribute must have none of these values, otherwise one of them.
    values: Vec<Wanted>,
    negated: bool,
    /// As the administrator wrote it.
    wanted: Shown,
}

impl Conditions {
    /// Reads check lines. Several lines `Name=..` of one attribute are alternatives; each
    /// `Name!=..` holds by itself, and holds too where the request has no such attribute. Tags are
    /// of no account.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub fn read(
        lexicon: &mut Lexicon<'_>,
        owner: &Owner,
        lines: &[String],
    ) -> Result<Self, Problem> {
        let mut conditions = Self::default();
        for text in lines {
            conditions
                .take(lexicon, text)
                .map_err(|fault| wrong_line(lexicon, owner, text, fault))?;
        }
        Ok(conditions)
    }

    fn take(&mut self, lexicon: &mut Lexicon<'_>, text: &str) -> Result<(), Fault> {
        let line = Line::parse(text)?;
        let negated = match line.operator {
            Operator::Equal => false,
            Operator::NotEqual => true,
            Operator::Add => return Err(Fault::WrongOperator { allowed: "= or !=" }),
        };
        let pair = lexicon.pair(&line)?;
        let subject = lexicon.subject(&pair.spec.oid);
        if pair.secret || subject.is_secret {
            return Err(Fault::Uncheckable);
        }
        let value = subject.wanted(&pair);
        let alike = |condition: &&mut Condition| {
            !negated && !condition.negated && condition.subject.spec.oid == subject.spec.oid
        };
        if let Some(condition) = self.0.iter_mut().find(alike) {
            condition.values.push(value);
            let either = format!("{} or {}", condition.wanted, line.value);
            condition.wanted = Shown::sentence(&either);
        } else {
            self.0.push(Condition {
                subject,
                values: vec![value],
                negated,
                wanted: Shown::from(text),
            });
        }
        Ok(())
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many attributes they concern.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Checks a request. Everything but the request has been read and looked up before.
    ///
    /// # Errors
    /// The first condition that does not hold; `owner` is whose conditions these are.
    pub fn check(&self, packet: &Packet<'_>, owner: impl Fn() -> Owner) -> Result<(), FailedCheck> {
        self.0.iter().try_for_each(|condition| {
            let found = condition.subject.found(packet);
            if condition.holds(&found) {
                return Ok(());
            }
            Err(FailedCheck {
                attribute: condition.subject.name.clone(),
                wanted: condition.wanted.clone(),
                found: found.first().map(|value| condition.subject.shown(value)),
                owner: owner(),
            })
        })
    }
}

impl Condition {
    fn holds(&self, found: &[Value]) -> bool {
        let any = found
            .iter()
            .any(|found| self.values.iter().any(|wanted| wanted.is(found)));
        any != self.negated
    }
}

#[cfg(test)]
mod tests {
    use portreeve_proto::{Ask, AttributeList, DataType, Dictionary, Query, Secret, Spec, attr};

    use super::*;

    fn outcome(checks: &[&str], request: &AttributeList) -> Result<(), String> {
        let mut lexicon = Lexicon::new(Dictionary::builtin());
        let lines: Vec<_> = checks.iter().map(|&line| line.to_owned()).collect();
        let owner = Owner::User("tim".into());
        let conditions = Conditions::read(&mut lexicon, &owner, &lines)
            .map_err(|problem| problem.to_string())?;
        let mut octets = Vec::new();
        let secret = Secret::new("s3cret").unwrap();
        let mut random = |octets: &mut [u8]| octets.fill(7);
        Query::encode(
            Ask::Access,
            1,
            request,
            &secret,
            true,
            &mut random,
            &mut octets,
        )
        .unwrap();
        let packet = Packet::parse(&octets).unwrap();
        conditions
            .check(&packet, || owner.clone())
            .map_err(|failed| failed.to_string())
    }

    #[test]
    fn one_of_several_values_is_enough_and_none_is_not() {
        let request = AttributeList::new().with(attr::NAS_IDENTIFIER, "hall");
        let two = ["NAS-Identifier=attic", "NAS-Identifier==hall"];
        assert_eq!(outcome(&two, &request), Ok(()));
        assert_eq!(outcome(&[], &request), Ok(()));
        let wrong = outcome(&["NAS-Identifier=attic", "NAS-Identifier=shed"], &request);
        let sentence = "the user's check asks for NAS-Identifier=attic or shed, and the request \
                        has NAS-Identifier = \"hall\"";
        assert_eq!(wrong, Err(sentence.to_owned()));
        let absent = outcome(&["NAS-Port-Type=Ethernet"], &request).unwrap_err();
        assert!(absent.ends_with("has no NAS-Port-Type"), "{absent}");
    }

    #[test]
    fn a_negated_check_holds_where_the_attribute_is_absent() {
        let request = AttributeList::new().with(attr::NAS_PORT_TYPE, 5);
        assert!(outcome(&["NAS-Port-Type!=Virtual"], &request).is_err());
        assert_eq!(outcome(&["NAS-Port-Type!=Ethernet"], &request), Ok(()));
        assert_eq!(
            outcome(&["NAS-Port-Type!=Virtual"], &AttributeList::new()),
            Ok(())
        );
    }

    #[test]
    fn stations_are_compared_as_addresses() {
        let request = AttributeList::new()
            .with(attr::CALLING_STATION_ID, "AA:BB:CC:DD:EE:FF")
            .with(attr::TUNNEL_TYPE, (1, 13));
        assert_eq!(
            outcome(&["Calling-Station-Id=aabbccddeeff"], &request),
            Ok(())
        );
        assert!(outcome(&["Calling-Station-Id=aabbccddeefe"], &request).is_err());
        assert_eq!(outcome(&["Tunnel-Type=VLAN"], &request), Ok(()));
        assert!(outcome(&["Tunnel-Type=GRE"], &request).is_err());
    }

    #[test]
    fn what_was_found_is_shown_by_its_name() {
        let request = AttributeList::new().with(attr::NAS_PORT_TYPE, 15);
        let failed = outcome(&["NAS-Port-Type=Virtual"], &request).unwrap_err();
        assert!(failed.ends_with("NAS-Port-Type = Ethernet"), "{failed}");
        let request = AttributeList::new().with(attr::NAS_PORT_TYPE, 99_999);
        let failed = outcome(&["NAS-Port-Type=Virtual"], &request).unwrap_err();
        assert!(failed.ends_with("NAS-Port-Type = 99999"), "{failed}");
    }

    #[test]
    fn a_tag_plays_no_part() {
        for octets in [&b"20"[..], b"\x0020", b"\x1f20"] {
            let mut request = AttributeList::new();
            let plain = Spec::of(attr::TUNNEL_PRIVATE_GROUP_ID.spec().oid, DataType::Octets);
            request.push(&plain, 0, octets);
            let group = |line| outcome(&[line], &request);
            assert_eq!(group("Tunnel-Private-Group-Id=20"), Ok(()));
            assert_eq!(group("Tunnel-Private-Group-Id:1=20"), Ok(()));
            assert!(group("Tunnel-Private-Group-Id!=20").is_err());
        }
    }

    #[test]
    fn values_are_compared_and_not_their_octets() {
        let mut request = AttributeList::new();
        // RFC 3162 section 2.3: an address may be sent longer than its prefix asks for.
        let mut prefix = vec![0, 32, 0x20, 1, 0x0d, 0xb8];
        prefix.resize(18, 0);
        request.push(attr::FRAMED_IPV6_PREFIX.spec(), 0, &prefix);
        let one = outcome(&["Framed-IPv6-Prefix=2001:db8::/32"], &request);
        assert_eq!(one, Ok(()));
        assert!(outcome(&["Framed-IPv6-Prefix=2001:db8::/48"], &request).is_err());
    }

    #[test]
    fn what_cannot_be_checked_is_a_problem_and_shows_no_value() {
        let request = AttributeList::new();
        let hidden = outcome(&["User-Password=opensesame"], &request).unwrap_err();
        assert!(!hidden.contains("opensesame"), "{hidden}");
        assert!(outcome(&["NAS-Port+=1"], &request).is_err());
        assert!(outcome(&["Simultaneous-Use-X=1"], &request).is_err());
    }
}
