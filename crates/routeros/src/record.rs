//! What a router answers.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{secret::is_sensitive, time};

/// The `.id` of an item, such as `*1A`. Opaque; it may change when the router starts again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Id(String);

impl Id {
    /// Takes what the router said.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it is written on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The properties of one item, or of a menu that is one item, in the order they came in.
///
/// Printing one with `{:?}` leaves out the values that are secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record(Vec<(String, String)>);

impl Record {
    /// No properties.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one property more. A second one of the same name replaces the first.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a property, replacing one of the same name in its place.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(place) => place.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// The value of a property. `None` where the router did not say it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The item's `.id`. A menu that is one item has none.
    pub fn id(&self) -> Option<Id> {
        self.get(".id").map(Id::new)
    }

    /// A property that is yes or no: `true` and `yes` are, `false` and `no` are not.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => None,
        }
    }

    /// A property that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// A property that is a span of time, in any of the forms RouterOS writes.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        time::parse(self.get(name)?)
    }

    /// A property that is a list with commas between, empty ones left out.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let text = self.get(name).unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): (&str, &str)| {
            let value = if is_sensitive(name) {
                "[redacted]"
            } else {
                value
            };
            (name.to_owned(), value.to_owned())
        };
        f.debug_map().entries(self.iter().map(shown)).finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Record {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut record = Self::new();
        for (name, value) in pairs {
            record.set(name, value);
        }
        record
    }
}

/// All that a router says to one command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// One for each `!re`, or for each object of a REST list.
    pub records: Vec<Record>,
    /// What came with `!done`: `ret` holds the `.id` of what was added, or what a command returns.
    pub done: Record,
}

impl Answer {
    /// What a command returned, such as the `.id` of the item it added.
    pub fn returned(&self) -> Option<&str> {
        self.done.get("ret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_its_properties() {
        let record = Record::new()
            .with(".id", "*1")
            .with("disabled", "false")
            .with("timeout", "300ms")
            .with("service", "ppp, login")
            .with("secret", "12345");
        assert_eq!(record.id(), Some(Id::new("*1")));
        assert_eq!(record.flag("disabled"), Some(false));
        assert_eq!(record.duration("timeout"), Some(Duration::from_millis(300)));
        assert_eq!(record.list("service"), ["ppp", "login"]);
        assert!(!format!("{record:?}").contains("12345"));
    }
}
