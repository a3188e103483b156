//! Names and values in their order.

use serde::{Deserialize, Serialize};

/// The properties of one item, or of a menu that is one item.
///
/// Names that begin with a full stop are not shown to anybody who asks the router, `.id`, `.dead`,
/// `.section` and the like excepted: modules keep what belongs to an item there, such as the key
/// of a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record(Vec<(String, String)>);

impl Record {
    /// No properties.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one property more.
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

    /// Takes a property away.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// The value of a property.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a property, or an empty text.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The `.id`, or an empty text for a menu that is one item.
    pub fn id(&self) -> &str {
        self.text(".id")
    }

    /// Whether a property is `true` or `yes`.
    pub fn is(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "yes"))
    }

    /// A property that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// The parts of a property that is a list with commas between.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let parts = self.text(name).split(',').map(str::trim);
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps what the condition holds for.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
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
