//! What the router is told, and what it answers.

use crate::Record;

/// One command: its whole path with slashes, its arguments, and its queries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    path: String,
    /// Names and values, `.proplist` and `.id` among them, `.tag` not. A flag such as `once` has
    /// an empty value.
    pub arguments: Record,
    /// The query words without the `?`, in their order.
    pub queries: Vec<String>,
}

impl Call {
    /// A command by its whole path: `/radius/add`.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }

    /// With an argument.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.arguments.set(name, value);
        self
    }

    /// With a query word, without the `?`.
    #[must_use]
    pub fn query(mut self, word: impl Into<String>) -> Self {
        self.queries.push(word.into());
        self
    }

    /// The whole path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The menu, without the command at its end. The root is an empty text.
    pub fn menu(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(menu, _)| menu)
    }

    /// The command at the end of the path.
    pub fn verb(&self) -> &str {
        let last = self.path.rsplit_once('/');
        last.map_or(&*self.path, |(_, verb)| verb)
    }

    /// An argument's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.arguments.get(name)
    }

    /// Whether a flag such as `once` is given, and not as `no`.
    pub fn has(&self, name: &str) -> bool {
        !matches!(self.get(name), None | Some("no" | "false"))
    }
}

/// A command that was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// One for each `!re`.
    pub records: Vec<Record>,
    /// What `!done` carries as `=ret=`.
    pub ret: Option<String>,
    /// Whether this is a list, so that 7.18 and later say `!empty` where it has no records.
    pub list: bool,
}

impl Reply {
    /// Nothing to say but that it was done.
    pub fn done() -> Self {
        Self::default()
    }

    /// A value.
    pub fn ret(value: impl Into<String>) -> Self {
        Self {
            ret: Some(value.into()),
            ..Self::default()
        }
    }

    /// A list, which may be empty.
    pub fn list(records: Vec<Record>) -> Self {
        Self {
            records,
            ret: None,
            list: true,
        }
    }
}

/// Why a command was not done. One fault may give several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// The router's words.
    pub message: String,
    /// 0 missing item or command, 1 argument value, 2 interrupted, 3 scripting, 4 general, 5 API,
    /// 6 terminal, 7 a value of `:return`.
    pub category: Option<u8>,
}

impl Trap {
    /// Without a category.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            category: None,
        }
    }

    /// With a category.
    pub fn of(category: u8, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            category: Some(category),
        }
    }

    /// `failure: ...`
    pub fn failure(message: &str) -> Self {
        Self::new(format!("failure: {message}"))
    }

    /// The item is not there.
    pub fn no_such_item() -> Self {
        Self::of(0, "no such item")
    }

    /// The user's group lacks a policy.
    pub fn not_permitted() -> Self {
        Self::new("not enough permissions (9)")
    }
}

/// What comes of a command.
pub type Outcome = Result<Reply, Vec<Trap>>;

impl From<Trap> for Vec<Trap> {
    fn from(trap: Trap) -> Self {
        vec![trap]
    }
}
