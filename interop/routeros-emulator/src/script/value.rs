//! Values of a script.

use std::cmp::Ordering;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Nothing,
    Truth(bool),
    Number(i64),
    Text(String),
    /// A list, some of it with names.
    List(Vec<(Option<String>, Value)>),
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list without names.
    pub(crate) fn list(values: impl IntoIterator<Item = Self>) -> Self {
        Self::List(values.into_iter().map(|value| (None, value)).collect())
    }

    /// What a word without quotes is.
    pub(crate) fn of_word(word: &str) -> Self {
        match word {
            "true" | "yes" => Self::Truth(true),
            "false" | "no" => Self::Truth(false),
            word => match word.parse() {
                Ok(number) if !word.starts_with('+') => Self::Number(number),
                _ => Self::text(word),
            },
        }
    }

    /// As `:put` prints it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Truth(truth) => truth.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::List(items) => {
                let each = items.iter().map(|(name, value)| match name {
                    Some(name) => format!("{name}={}", value.shown()),
                    None => value.shown(),
                });
                each.collect::<Vec<_>>().join(";")
            }
        }
    }

    /// As an argument of a command takes it.
    pub(crate) fn argument(&self) -> String {
        match self {
            Self::Truth(true) => "yes".into(),
            Self::Truth(false) => "no".into(),
            Self::List(items) => {
                let each = items.iter().map(|(_, value)| value.argument());
                each.collect::<Vec<_>>().join(",")
            }
            other => other.shown(),
        }
    }

    /// The items of a list; anything else but nothing is one item.
    pub(crate) fn items(&self) -> Vec<Self> {
        match self {
            Self::Nothing => Vec::new(),
            Self::List(items) => items.iter().map(|(_, value)| value.clone()).collect(),
            other => vec![other.clone()],
        }
    }

    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Truth(truth) => Some(i64::from(*truth)),
            Self::Nothing | Self::List(_) => None,
        }
    }

    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Truth(truth) => Some(*truth),
            Self::Text(text) => match text.as_str() {
                "true" | "yes" => Some(true),
                "false" | "no" => Some(false),
                _ => None,
            },
            Self::Number(number) => Some(*number != 0),
            Self::Nothing | Self::List(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Truth(_) => "bool",
            Self::Number(_) => "num",
            Self::Text(text) if text.starts_with('*') => "id",
            Self::Text(_) => "str",
            Self::List(_) => "array",
        }
    }

    /// Whether two values are the same, however they are written: `yes` is `true`.
    pub(crate) fn same(&self, other: &Self) -> bool {
        if let (Some(one), Some(two)) = (self.plain_truth(), other.plain_truth()) {
            return one == two;
        }
        self.shown() == other.shown()
    }

    fn plain_truth(&self) -> Option<bool> {
        match self {
            Self::Truth(_) | Self::Text(_) => self.truth(),
            _ => None,
        }
    }

    /// Which comes first: numbers as numbers, all else as text.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self.number(), other.number()) {
            (Some(one), Some(two)) => one.cmp(&two),
            _ => self.shown().cmp(&other.shown()),
        }
    }
}
