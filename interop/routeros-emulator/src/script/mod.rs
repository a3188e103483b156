//! The router's own language: `/execute`, `/import`, `/system/script` and the scheduler.
//!
//! The part of it that programs use which talk to routers: commands of menus in both spellings,
//! `find` with conditions, variables, expressions, `:if`, `:foreach`, `:for`, `:while`, `:do` with
//! `on-error`, `:onerror`, `:put`, `:log`, `:error` and the conversions.

mod commands;
mod conditions;
mod expressions;
mod format;
mod parse;
mod reader;
mod run;
mod text;
mod tree;
mod value;
mod words;

use crate::Trap;

pub(crate) use format::printed;
pub(crate) use parse::Parser;
pub(crate) use run::Run;
use tree::Place;

/// Why a script does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The router's words.
    pub(crate) message: String,
    /// Whether it is the script's own spelling. No `on-error` catches that.
    pub(crate) spelling: bool,
    /// `:return` and its value, which is no fault but comes the same way.
    pub(crate) returned: Option<value::Value>,
}

impl Fault {
    /// A command failed.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            spelling: false,
            returned: None,
        }
    }

    fn spelled(message: &str, at: Place) -> Self {
        Self {
            message: format!("{message} (line {} column {})", at.line, at.column),
            spelling: true,
            returned: None,
        }
    }

    fn syntax(at: Place) -> Self {
        Self::spelled("syntax error", at)
    }

    fn returning(value: value::Value) -> Self {
        Self {
            message: String::new(),
            spelling: false,
            returned: Some(value),
        }
    }
}

impl From<Vec<Trap>> for Fault {
    fn from(traps: Vec<Trap>) -> Self {
        let messages: Vec<String> = traps.into_iter().map(|trap| trap.message).collect();
        Self::new(messages.join("; "))
    }
}

#[cfg(test)]
mod tests;
