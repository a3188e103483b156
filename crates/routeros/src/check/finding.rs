//! What a check says.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::Command;

use super::Code;

/// How bad it is. The worst comes first in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Somebody is refused, not counted or not protected because of it, now.
    Error,
    /// It works, but it is fragile, or weak, or wrong as soon as something else changes.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// One thing that is wrong, and why one thinks so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which of the known troubles it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The trouble in one sentence.
    pub what: String,
    /// What was seen, on the router or on our side, one fact each.
    pub evidence: Vec<String>,
    /// What to do.
    pub fix: String,
    /// The fix as commands, where giving them is safe.
    pub repair: Option<Repair>,
}

impl Finding {
    /// An error.
    pub(crate) fn error(code: Code, what: impl Into<String>) -> Self {
        Self::of(code, Severity::Error, what.into())
    }

    /// A warning.
    pub(crate) fn warning(code: Code, what: impl Into<String>) -> Self {
        Self::of(code, Severity::Warning, what.into())
    }

    /// A note.
    pub(crate) fn note(code: Code, what: impl Into<String>) -> Self {
        Self::of(code, Severity::Note, what.into())
    }

    fn of(code: Code, severity: Severity, what: String) -> Self {
        Self {
            code,
            severity,
            what: printable(&what),
            evidence: Vec::new(),
            fix: String::new(),
            repair: None,
        }
    }

    /// With one fact more.
    #[must_use]
    pub(crate) fn seen(mut self, fact: impl Into<String>) -> Self {
        self.evidence.push(printable(&fact.into()));
        self
    }

    /// With several facts more.
    #[must_use]
    pub(crate) fn all_seen(mut self, facts: impl IntoIterator<Item = String>) -> Self {
        self.evidence
            .extend(facts.into_iter().map(|fact| printable(&fact)));
        self
    }

    /// With what to do.
    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = printable(&fix.into());
        self
    }

    /// With commands that do it.
    #[must_use]
    pub(crate) fn repair(mut self, repair: Option<Repair>) -> Self {
        self.repair = repair;
        self
    }
}

/// Names, comments and log lines come from whoever set them: nothing of them may steer a terminal
/// or fill a page.
fn printable(text: &str) -> String {
    const LONGEST: usize = 400;
    let mut clean: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        clean.push('\u{2026}');
    }
    clean
}

/// Commands that mend a finding and that cannot lock anybody out, and those that take them back.
///
/// Serialised, each is one line as [`Command`] prints it: secrets are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repair {
    /// In the order they are to be given.
    pub commands: Vec<Command>,
    /// What puts things back, in the order to be given.
    pub inverse: Vec<Command>,
}

impl Serialize for Repair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let lines = |all: &[Command]| all.iter().map(|c| format!("{c:?}")).collect::<Vec<_>>();
        let mut shape = serializer.serialize_struct("Repair", 2)?;
        shape.serialize_field("commands", &lines(&self.commands))?;
        shape.serialize_field("inverse", &lines(&self.inverse))?;
        shape.end()
    }
}
