//! Attributes as an administrator writes them: `Session-Timeout=3600`, `NAS-Port-Type!=Virtual`.

mod condition;
mod describe;
mod lexicon;
mod line;

use std::fmt;

use portreeve_proto::{EncodeError, dictionary::PairError};

use crate::{shown::Shown, station::Mac};

pub use condition::Conditions;
pub use describe::describe;
pub(crate) use lexicon::Known;
pub use lexicon::Lexicon;
pub use line::{Line, Operator, reply};

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
    /// A device, by address.
    Device(Mac),
    /// A group, by name.
    Group(String),
    /// A key of the configuration.
    Setting(&'static str),
    /// A user, by name.
    User(String),
}

/// What is wrong with an attribute line or a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// What is stored to check the user cannot be read.
    Credential(portreeve_auth::CredentialError),
    /// The value cannot be put into a packet.
    Encode(Box<EncodeError>),
    /// A group that does not exist.
    GroupMissing(String),
    /// Only the server itself may set it, or it means nothing in a reply.
    NotForReply,
    /// It is no attribute with its value.
    Pair(Box<PairError>),
    /// Its value is secret, and so cannot be compared.
    Uncheckable,
    /// An operator that means nothing here.
    WrongOperator {
        /// Those that do.
        allowed: &'static str,
    },
}

impl From<PairError> for Fault {
    fn from(error: PairError) -> Self {
        Self::Pair(Box::new(error))
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
            Self::Device(mac) => write!(f, "device {mac}"),
            Self::Group(name) => write!(f, "group {}", Shown::new(name)),
            Self::Setting(key) => write!(f, "setting {key}"),
            Self::User(name) => write!(f, "user {}", Shown::new(name)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(why) => write!(f, "the stored credential cannot be read: {why}"),
            Self::Encode(why) => write!(f, "{why}"),
            Self::GroupMissing(name) => write!(f, "there is no group {}", Shown::new(name)),
            Self::NotForReply => f.write_str("this attribute cannot be given by a definition"),
            Self::Pair(why) => write!(f, "{}", Shown::sentence(&why.to_string())),
            Self::Uncheckable => f.write_str("the attribute is secret and cannot be compared"),
            Self::WrongOperator { allowed } => write!(f, "here the operator is {allowed}"),
        }
    }
}
