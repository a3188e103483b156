//! Taking back what a plan did.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Step;
use crate::{Error, Router, Version};

/// What takes back the steps of a plan. Keep it where secrets are kept: it holds the values that
/// were there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The tag of what is ours.
    pub tag: String,
    /// The version the plan was made for, as text.
    pub version: String,
    /// The steps that were done or begun, in the order they were done in.
    pub steps: Vec<Step>,
}

/// What taking back did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// How many steps were taken back.
    pub steps: usize,
    /// How many needed nothing: they had not been done, or were taken back before.
    pub nothing: usize,
    /// What was left as somebody else has made it since.
    pub left: Vec<Left>,
}

/// Something that was not taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The menu.
    pub menu: String,
    /// What is left, and why. Holds no secret.
    pub why: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.menu, self.why)
    }
}

/// Takes back what a plan did, last step first. What somebody else has changed since is left as
/// it is, and said. Doing it twice does no harm.
///
/// # Errors
///
/// What the router says, except that something is no longer there.
pub async fn undo(_router: &Router, _undo: &Undo) -> Result<Undone, Error> {
    Err(Error::NotSupported("in the making".to_owned()))
}

impl Undo {
    pub(super) fn new(tag: &str, version: Version) -> Self {
        Self {
            tag: tag.to_owned(),
            version: version.to_string(),
            steps: Vec::new(),
        }
    }
}
