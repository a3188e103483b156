//! Attributes as an administrator writes them: `Session-Timeout=3600`, `NAS-Port-Type!=Virtual`.

mod condition;
mod line;
mod value;

use std::fmt;

use portreeve_proto::{Dictionary, EncodeError, Oid};

use crate::shown::Shown;

pub use condition::{Condition, Conditions};
pub use line::{Line, Operator, reply};
pub use value::{BadValue, describe, read, show};

/// Something an administrator wrote that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is written.
    pub owner: Owner,
    /// The attribute line, where it is one.
    pub line: Option<Shown>,
    /// What is wrong.
    pub fault: Fault,
}

/// Whose definition it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// A group, by name.
    Group(String),
    /// A user, by name.
    User(String),
}

/// What is wrong with an attribute line or a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The value does not fit the attribute.
    BadValue(BadValue),
    /// What is stored to check the user cannot be read.
    Credential(portreeve_auth::CredentialError),
    /// The value cannot be put into a packet.
    Encode(Box<EncodeError>),
    /// A group that does not exist.
    GroupMissing(String),
    /// The value is neither a number nor one of the attribute's named values.
    NameUnknown {
        /// The attribute.
        oid: Box<Oid>,
        /// The value.
        value: Shown,
    },
    /// There is no `=` in it.
    NoOperator,
    /// Only the server itself may set it, or it means nothing in a reply.
    NotForReply,
    /// A tag on an attribute that has none, or one above 31.
    Tag,
    /// Its value is hidden, and so cannot be compared.
    Uncheckable,
    /// No attribute of that name.
    UnknownAttribute {
        /// The name as written.
        name: Shown,
    },
    /// An operator that means nothing here.
    WrongOperator {
        /// Those that do.
        allowed: &'static str,
    },
}

impl Problem {
    /// The problem in words, with what may have been meant. As costly as [`Fault::suggestion`].
    pub fn explain(&self, dictionary: &Dictionary) -> String {
        match self.fault.suggestion(dictionary) {
            Some(meant) => format!("{self}; did you mean {meant}?"),
            None => self.to_string(),
        }
    }
}

impl Fault {
    /// What may have been meant. Searches the whole dictionary, so ask for it only where somebody
    /// reads it.
    pub fn suggestion(&self, dictionary: &Dictionary) -> Option<String> {
        match self {
            Self::NameUnknown { oid, value } => dictionary.suggest_value(oid, value.as_str()),
            Self::UnknownAttribute { name } => dictionary.suggest(name.as_str()),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.owner)?;
        if let Some(line) = &self.line {
            write!(f, "\"{line}\": ")?;
        }
        write!(f, "{}", self.fault)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group {}", Shown::new(name)),
            Self::User(name) => write!(f, "user {}", Shown::new(name)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadValue(why) => write!(f, "{why}"),
            Self::Credential(why) => write!(f, "the stored credential cannot be read: {why}"),
            Self::Encode(why) => write!(f, "{why}"),
            Self::GroupMissing(name) => write!(f, "there is no group {}", Shown::new(name)),
            Self::NameUnknown { value, .. } => write!(
                f,
                "{value} is neither a number nor one of the names the dictionary has for it"
            ),
            Self::NoOperator => f.write_str("an attribute is written Name=Value"),
            Self::NotForReply => f.write_str("this attribute cannot be given by a definition"),
            Self::Tag => f.write_str("a tag is a number up to 31, on attributes that carry one"),
            Self::Uncheckable => f.write_str("the attribute is hidden and cannot be compared"),
            Self::UnknownAttribute { name } => {
                write!(f, "no attribute called {name} is in the dictionary")
            }
            Self::WrongOperator { allowed } => write!(f, "here the operator is {allowed}"),
        }
    }
}
