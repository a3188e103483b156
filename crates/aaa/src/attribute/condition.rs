use portreeve_proto::{Attr, DataType, Dictionary, Packet, Spec, attr};

use super::{
    Fault, Line, Operator, Owner, Problem,
    line::{is_secret, wrong_line},
    show,
};
use crate::{refusal::FailedCheck, shown::Shown, station};

/// What must hold of a request: all of it.
#[derive(Debug, Clone, Default)]
pub struct Conditions(Vec<Condition>);

/// What must hold of one attribute of a request.
#[derive(Debug, Clone)]
pub struct Condition {
    attribute: String,
    spec: Spec,
    /// With `negated` the attribute must have none of these values, otherwise one of them.
    values: Vec<Vec<u8>>,
    negated: bool,
    wanted: Shown,
}

impl Conditions {
    /// Reads check lines. Several lines `Name=..` of one attribute are alternatives; each
    /// `Name!=..` holds by itself, and holds too where the request has no such attribute.
    pub fn read(dictionary: &Dictionary, owner: &Owner, lines: &[String]) -> Result<Self, Problem> {
        let mut conditions: Vec<Condition> = Vec::new();
        for text in lines {
            let wrong = |fault| wrong_line(dictionary, owner, text, fault);
            let line = Line::parse(text).map_err(wrong)?;
            let (attribute, octets) = line.resolve(dictionary).map_err(wrong)?;
            if is_secret(&attribute) {
                return Err(wrong(Fault::Uncheckable));
            }
            let negated = match line.operator {
                Operator::Equal => false,
                Operator::NotEqual => true,
                Operator::Add => return Err(wrong(Fault::WrongOperator { allowed: "= or !=" })),
            };
            let known = conditions.iter_mut().find(|condition| {
                !negated && !condition.negated && condition.spec.oid == attribute.spec.oid
            });
            match known {
                Some(condition) => {
                    condition.values.push(octets);
                    let either = format!("{} or {}", condition.wanted, line_value(text));
                    condition.wanted = Shown::sentence(&either);
                }
                None => conditions.push(Condition {
                    attribute: attribute.name.clone().into_owned(),
                    spec: attribute.spec,
                    values: vec![octets],
                    negated,
                    wanted: Shown::from(text.as_str()),
                }),
            }
        }
        Ok(Self(conditions))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many attributes they concern.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Checks a request.
    ///
    /// # Errors
    /// The first condition that does not hold; `group` is whose conditions these are.
    pub fn check(
        &self,
        dictionary: &Dictionary,
        packet: &Packet<'_>,
        group: Option<&str>,
    ) -> Result<(), FailedCheck> {
        self.0.iter().try_for_each(|condition| {
            let found = condition.found(packet);
            if condition.holds(&found) {
                return Ok(());
            }
            let attribute = dictionary.describe(&condition.spec.oid);
            Err(FailedCheck {
                attribute: condition.attribute.clone(),
                wanted: condition.wanted.clone(),
                found: found
                    .first()
                    .map(|octets| show(dictionary, &attribute, octets)),
                group: group.map(str::to_owned),
            })
        })
    }
}

impl Condition {
    fn holds(&self, found: &[&[u8]]) -> bool {
        let any = found
            .iter()
            .any(|found| self.values.iter().any(|value| self.equal(found, value)));
        any != self.negated
    }

    fn equal(&self, found: &[u8], value: &[u8]) -> bool {
        let is_station = [
            attr::CALLING_STATION_ID.spec(),
            attr::CALLED_STATION_ID.spec(),
        ]
        .iter()
        .any(|spec| spec.oid == self.spec.oid);
        match (str::from_utf8(found), str::from_utf8(value)) {
            (Ok(found), Ok(value)) if is_station => station::is_same(found, value),
            // A tagged number has three octets (RFC 2868 section 3.1).
            _ if self.spec.tagged && self.spec.data_type == DataType::Integer => {
                value.ends_with(found)
            }
            _ => found == value,
        }
    }

    /// The values in a request, without tags.
    fn found<'p>(&self, packet: &Packet<'p>) -> Vec<&'p [u8]> {
        let mut found = packet.all(Attr::<attr::Octets>::new(self.spec));
        if self.spec.tagged {
            for octets in &mut found {
                let is_number = self.spec.data_type == DataType::Integer;
                if let [tag, value @ ..] = *octets
                    && (is_number || *tag <= 0x1f)
                {
                    *octets = value;
                }
            }
        }
        found
    }
}

fn line_value(line: &str) -> &str {
    line.split_once('=')
        .map_or(line, |(_, value)| value.trim_start_matches('=').trim())
}

#[cfg(test)]
mod tests {
    use portreeve_proto::{Ask, AttributeList, Query, Secret};

    use super::*;

    fn outcome(checks: &[&str], request: &AttributeList) -> Result<(), String> {
        let dictionary = Dictionary::builtin();
        let lines: Vec<_> = checks.iter().map(|&line| line.to_owned()).collect();
        let owner = Owner::User("tim".into());
        let conditions =
            Conditions::read(dictionary, &owner, &lines).map_err(|problem| problem.to_string())?;
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
            .check(dictionary, &packet, None)
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
                        has NAS-Identifier = hall";
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
    fn what_cannot_be_checked_is_a_problem_and_shows_no_value() {
        let request = AttributeList::new();
        let hidden = outcome(&["User-Password=opensesame"], &request).unwrap_err();
        assert!(!hidden.contains("opensesame"), "{hidden}");
        assert!(outcome(&["NAS-Port+=1"], &request).is_err());
        assert!(outcome(&["Simultaneous-Use-X=1"], &request).is_err());
    }
}
