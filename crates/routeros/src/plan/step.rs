//! What a plan consists of.

use serde::{Deserialize, Serialize};

use super::Risk;
use crate::{Id, Record, Version};

/// What is to be done to a router, in order. Empty when the router is as wanted.
///
/// `Display` shows it as a diff, with secrets left out; so does serializing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(super) tag: String,
    pub(super) version: Version,
    pub(super) steps: Vec<Step>,
    pub(super) notes: Vec<Note>,
}

impl Plan {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What is to be done, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What the administrator should know but that stops nothing.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The version the plan was made for.
    pub fn version(&self) -> Version {
        self.version
    }
}

/// One change of one item.
///
/// Holds secrets in the clear: its `Debug` and the plan's displays leave them out, its
/// serialized form (in an [`Undo`](super::Undo)) does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The menu, with slashes: `/ip/hotspot/profile`.
    pub menu: String,
    /// What is done.
    pub verb: Verb,
    /// The item as it was read, whole. `None` for an added one and for a menu that is one item.
    pub item: Option<Item>,
    /// For `set`: the properties that change, as they were. Empty otherwise.
    pub before: Record,
    /// For `set`: the same properties as they are to be. For `add`: all that are given.
    pub after: Record,
    /// For `remove` and `move` in an ordered menu: where the item was.
    pub from: Option<Place>,
    /// For `add` and `move` in an ordered menu: where the item goes.
    pub to: Option<Place>,
    /// For `remove`: how many items equal to this one stay.
    pub twins: usize,
    /// Why.
    pub why: String,
}

/// What is done to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It is added.
    Add,
    /// Properties of it are set.
    Set,
    /// It is removed.
    Remove,
    /// It is put elsewhere among its like.
    Move,
}

/// An item as it was read. Its `.id` may be another one after the router has started again, so
/// that the content counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The `.id` at the time.
    pub id: Id,
    /// All that was read of it, without the `.id`.
    pub content: Record,
}

/// A place in an ordered menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Just before this item.
    Before(Item),
    /// After all others.
    Last,
}

/// What the administrator should know but that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Where: a menu.
    pub menu: String,
    /// What.
    pub text: String,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{menu}: {what}. {remedy}")]
pub struct Objection {
    /// Where: a menu.
    pub menu: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// The risk that, once accepted, lets the plan be made. `None`: nothing does.
    pub risk: Option<Risk>,
}
