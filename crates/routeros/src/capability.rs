//! What this router knows: its version, its packages, its menus and their parameters.

pub mod menus;
pub mod syntax;

use std::collections::{BTreeMap, BTreeSet};

use crate::{Error, Router, Version};

/// Asks a router what it can do: few questions, at the same time.
pub async fn probe(_router: &Router) -> Result<Capabilities, Error> {
    Err(Error::NotSupported("in the making".to_owned()))
}

/// What a router's version accepts, as it says itself or, before RouterOS 7, as is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    version: Version,
    /// The arguments of each command: `/radius/add` -> `address`, `secret`, ...
    commands: BTreeMap<String, BTreeSet<String>>,
    /// The values of an argument that is one of a list: `/radius/add service` -> `ppp`, `login`.
    values: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Capabilities {
    /// Of a version, with the commands and their arguments.
    pub fn new(
        version: Version,
        commands: BTreeMap<String, BTreeSet<String>>,
        values: BTreeMap<(String, String), BTreeSet<String>>,
    ) -> Self {
        Self {
            version,
            commands,
            values,
        }
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether the router has a command, such as `/radius/add`.
    pub fn has(&self, command: &str) -> bool {
        self.commands.contains_key(command)
    }

    /// Whether a command takes an argument: `takes("/radius/add", "require-message-auth")`.
    pub fn takes(&self, command: &str, argument: &str) -> bool {
        self.commands
            .get(command)
            .is_some_and(|known| known.contains(argument))
    }

    /// The values a command's argument may have, where the router lists them.
    pub fn values(&self, command: &str, argument: &str) -> Option<&BTreeSet<String>> {
        self.values.get(&(command.to_owned(), argument.to_owned()))
    }
}
