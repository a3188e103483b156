use std::{collections::HashMap, sync::Arc};

use portreeve_proto::{
    Attr, DataType, Dictionary, Hiding, Oid, Packet, Spec, Value, attr,
    dictionary::{Attribute, Pair, PairError},
};

use super::{Line, describe::shown};
use crate::{
    shown::Shown,
    station::{Mac, called},
};

/// A dictionary, with what has been looked up in it so far: lines of many owners name the same few
/// attributes.
#[derive(Debug)]
pub struct Lexicon<'d> {
    dictionary: &'d Dictionary,
    known: Arc<Known>,
}

/// What has been looked up in one dictionary. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    subjects: HashMap<Oid, Arc<Subject>>,
    /// Names that are in no dictionary. Finding what was meant costs a search through all of it,
    /// and a dictionary file that is missing makes it as many names as there are subscribers.
    unknown: HashMap<String, PairError>,
}

/// An attribute that conditions are about, with all that comparing and showing its values takes.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) spec: Spec,
    pub(super) is_secret: bool,
    is_station: bool,
    /// By rising number.
    value_names: Box<[(u64, Box<str>)]>,
}

/// A value that conditions are about.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// A hardware address, with its network where one is named, however it is spelt.
    Station { mac: Mac, ssid: Option<Box<str>> },
    /// Any other value.
    Value(Value),
}

impl<'d> Lexicon<'d> {
    /// The most unknown names that are remembered.
    const UNKNOWN_MAX: usize = 1024;

    /// A dictionary in which nothing has been looked up yet.
    pub fn new(dictionary: &'d Dictionary) -> Self {
        Self::knowing(dictionary, Arc::default())
    }

    /// A dictionary in which something has been looked up before.
    pub(crate) const fn knowing(dictionary: &'d Dictionary, known: Arc<Known>) -> Self {
        Self { dictionary, known }
    }

    /// What has been looked up.
    pub(crate) fn into_known(self) -> Arc<Known> {
        self.known
    }

    pub(super) const fn dictionary(&self) -> &'d Dictionary {
        self.dictionary
    }

    /// The attribute and the value of a line.
    pub(super) fn pair(&mut self, line: &Line<'_>) -> Result<Pair, PairError> {
        if let Some(error) = self.known.unknown.get(line.name) {
            return Err(error.clone());
        }
        let pair = self.dictionary.pair_of(line.name, line.value);
        if let Err(error @ PairError::Unknown { .. }) = &pair
            && self.known.unknown.len() < Self::UNKNOWN_MAX
        {
            let unknown = &mut Arc::make_mut(&mut self.known).unknown;
            unknown.insert(line.name.to_owned(), error.clone());
        }
        pair
    }

    /// The attribute of a number, for conditions.
    pub(super) fn subject(&mut self, oid: &Oid) -> Arc<Subject> {
        if let Some(subject) = self.known.subjects.get(oid) {
            return Arc::clone(subject);
        }
        let subject = Arc::new(Subject::new(self.dictionary, self.dictionary.describe(oid)));
        let subjects = &mut Arc::make_mut(&mut self.known).subjects;
        subjects.insert(*oid, Arc::clone(&subject));
        subject
    }
}

impl Subject {
    fn new(dictionary: &Dictionary, attribute: Attribute<'_>) -> Self {
        let oid = attribute.spec.oid;
        let stations = [
            attr::CALLING_STATION_ID.spec(),
            attr::CALLED_STATION_ID.spec(),
        ];
        let names = dictionary.values(&oid);
        Self {
            name: attribute.name.into_owned(),
            spec: attribute.spec,
            is_secret: attribute.secret || attribute.spec.hiding != Hiding::None,
            is_station: stations.iter().any(|spec| spec.oid == oid),
            value_names: names.map(|(number, name)| (number, name.into())).collect(),
        }
    }

    /// What a condition asks for.
    pub(super) fn wanted(&self, pair: &Pair) -> Wanted {
        // Where a name has been defined anew since, the number decides what its octets mean.
        match Value::decode(self.spec.data_type, &pair.octets()) {
            Value::Text(text) if self.is_station => match called(&text) {
                Some((mac, ssid)) => Wanted::Station {
                    mac,
                    ssid: ssid.map(Into::into),
                },
                None => Wanted::Value(Value::Text(text)),
            },
            value => Wanted::Value(value),
        }
    }

    /// The values in a request, without tags.
    pub(super) fn found(&self, packet: &Packet<'_>) -> Vec<Value> {
        let found = packet.all(Attr::<attr::Octets>::new(self.spec));
        found.into_iter().map(|octets| self.value(octets)).collect()
    }

    fn value(&self, octets: &[u8]) -> Value {
        let is_string = matches!(self.spec.data_type, DataType::Text | DataType::Octets);
        match octets {
            // Some send a tag of 0 before text too, where RFC 2868 has them leave it out.
            [0, octets @ ..] if self.spec.tagged && is_string => {
                Value::decode(self.spec.data_type, octets)
            }
            octets => Value::decode_tagged(&self.spec, octets).1,
        }
    }

    /// A value as people read it.
    pub(super) fn shown(&self, value: &Value) -> Shown {
        let named = |number| {
            let names = &self.value_names;
            let place = names.binary_search_by_key(&number, |(number, _)| *number);
            place.ok().map(|place| &*names[place].1)
        };
        shown(value, value.number().and_then(named))
    }
}

impl Wanted {
    /// Whether a value in a request is this one.
    pub(super) fn is(&self, found: &Value) -> bool {
        match (self, found) {
            (Self::Station { mac, ssid }, Value::Text(text)) => {
                called(text) == Some((*mac, ssid.as_deref()))
            }
            (Self::Station { .. }, _) => false,
            (Self::Value(value), found) => value == found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_looked_up_once_for_all() {
        let dictionary = Dictionary::builtin();
        let mut lexicon = Lexicon::new(dictionary);
        let oid = attr::NAS_PORT_TYPE.spec().oid;
        let first = lexicon.subject(&oid);
        let mut later = Lexicon::knowing(dictionary, lexicon.into_known());
        assert!(Arc::ptr_eq(&first, &later.subject(&oid)));
        assert_eq!(first.shown(&Value::Integer(15)).as_str(), "Ethernet");
    }

    #[test]
    fn only_so_many_unknown_names_are_remembered() {
        let empty = Dictionary::default();
        let mut lexicon = Lexicon::new(&empty);
        for number in 0..2 * Lexicon::UNKNOWN_MAX {
            let text = format!("Own-{number}=1");
            let line = Line::parse(&text).unwrap();
            for _ in 0..2 {
                let unknown = lexicon.pair(&line).unwrap_err();
                assert!(unknown.to_string().contains(line.name), "{unknown}");
            }
        }
        assert_eq!(lexicon.known.unknown.len(), Lexicon::UNKNOWN_MAX);
    }
}
