//! A plan as a RouterOS script.

use super::Plan;

/// Whether a script holds the secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// A placeholder stands for each.
    Placeholders,
    /// They are there, in the clear.
    Shown,
}

impl Plan {
    /// The plan as a script for this router and its version: for `/import`, or to be pasted
    /// line by line.
    pub fn script(&self, _secrets: Secrets) -> String {
        String::new()
    }
}
