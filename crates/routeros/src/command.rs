//! What a router is told.

use std::{fmt, time::Duration};

use crate::{
    plan::script::{is_bare, quoted},
    secret::is_sensitive,
};

/// One command with its arguments, such as `/radius/add address=10.0.0.1 service=ppp`.
///
/// The same command goes over the API and over REST. Printing one with `{:?}` leaves out the
/// values that are secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    path: String,
    arguments: Vec<(String, String)>,
    queries: Vec<Query>,
    properties: Vec<String>,
    patience: Option<Duration>,
}

impl Command {
    /// A command by its whole path with slashes: `/ip/hotspot/profile/print`.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            arguments: Vec::new(),
            queries: Vec::new(),
            properties: Vec::new(),
            patience: None,
        }
    }

    /// With an argument.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.arguments.push((name.into(), value.into()));
        self
    }

    /// With an argument that has no value, such as `once`.
    #[must_use]
    pub fn flag(self, name: impl Into<String>) -> Self {
        self.with(name, "")
    }

    /// Only items that the query fits. Several queries must all fit.
    #[must_use]
    pub fn only_where(mut self, query: Query) -> Self {
        self.queries.push(query);
        self
    }

    /// Only these properties are asked for (`.proplist`). Without it a router also works out its
    /// slow ones, file contents among them.
    #[must_use]
    pub fn asking<P: Into<String>>(mut self, properties: impl IntoIterator<Item = P>) -> Self {
        self.properties
            .extend(properties.into_iter().map(Into::into));
        self
    }

    /// Its answer may take so long, whatever the target says: a certificate is signed, a backup
    /// written. REST never gives more than 60 s.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// How long its answer may take, where the target's time is not to be used.
    pub fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// The whole path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The menu, without the command at its end.
    pub fn menu(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(menu, _)| menu)
    }

    /// The command at the end of the path.
    pub fn verb(&self) -> &str {
        self.path
            .rsplit_once('/')
            .map_or(&*self.path, |(_, verb)| verb)
    }

    /// Names and values.
    pub fn arguments(&self) -> &[(String, String)] {
        &self.arguments
    }

    /// The queries.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The properties asked for. Empty: all.
    pub fn properties(&self) -> &[String] {
        &self.properties
    }
}

/// As it is typed at a router's terminal, of version 6 and 7. Secrets are left out.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.path.split('/').filter(|word| !word.is_empty());
        for (place, word) in words.enumerate() {
            write!(f, "{}{word}", if place == 0 { "/" } else { " " })?;
        }
        for (name, value) in &self.arguments {
            match &**name {
                ".id" | "numbers" => write!(f, " {value}")?,
                name if is_sensitive(name) => write!(f, " {name}=[redacted]")?,
                name if is_bare(value) => write!(f, " {name}={value}")?,
                name => write!(f, " {name}={}", quoted(value))?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for (name, value) in &self.arguments {
            let value = if is_sensitive(name) {
                "[redacted]"
            } else {
                value
            };
            write!(f, " {name}={value:?}")?;
        }
        for query in &self.queries {
            write!(f, " ?{}", query.word())?;
        }
        Ok(())
    }
}

/// A test of one property of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The property has this value.
    Equals(String, String),
    /// The property is there.
    Has(String),
    /// The property is not there.
    Lacks(String),
    /// The property is less than this.
    Less(String, String),
    /// The property is more than this.
    More(String, String),
    /// Operations on the results so far: `!`, `&`, `|`, `.` and indexes.
    Operations(String),
}

impl Query {
    /// The property has this value.
    pub fn equals(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Equals(name.into(), value.into())
    }

    /// The word of the API, without the `?` it begins with there.
    pub fn word(&self) -> String {
        match self {
            Self::Equals(name, value) => format!("{name}={value}"),
            Self::Has(name) => name.clone(),
            Self::Lacks(name) => format!("-{name}"),
            Self::Less(name, value) => format!("<{name}={value}"),
            Self::More(name, value) => format!(">{name}={value}"),
            Self::Operations(operations) => format!("#{operations}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_knows_its_parts_and_hides_its_secrets() {
        let command = Command::new("/radius/add")
            .with("address", "10.0.0.1")
            .with("secret", "12345");
        assert_eq!((command.menu(), command.verb()), ("/radius", "add"));
        assert_eq!(
            format!("{command:?}"),
            "/radius/add address=\"10.0.0.1\" secret=\"[redacted]\""
        );
        let command = Command::new("/ip/service/set")
            .with(".id", "*2")
            .with("disabled", "no")
            .with("address", "")
            .with("comment", "by \"us\" for $5");
        assert_eq!(
            command.to_string(),
            r#"/ip service set *2 disabled=no address="" comment="by \"us\" for \$5""#
        );
    }
}
