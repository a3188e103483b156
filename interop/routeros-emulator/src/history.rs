//! `/system/history`: what was changed, and how it was before.

use std::collections::VecDeque;

use crate::{Record, table::Table};

/// How many actions the router remembers.
const MOST: usize = 100;

/// Actions that can be undone, the latest last.
#[derive(Debug, Default)]
pub(crate) struct History {
    next: u32,
    done: VecDeque<Action>,
    undone: Vec<Action>,
}

#[derive(Debug)]
struct Action {
    id: u32,
    text: String,
    by: String,
    time: String,
    menu: String,
    /// The other state of the menu: before the action, or, once undone, after it.
    other: Table,
}

impl History {
    /// Remembers an action by the state before it.
    pub(crate) fn push(&mut self, menu: &str, text: &str, by: &str, time: &str, before: Table) {
        self.next += 1;
        self.undone.clear();
        self.done.push_back(Action {
            id: self.next,
            text: text.to_owned(),
            by: by.to_owned(),
            time: time.to_owned(),
            menu: menu.to_owned(),
            other: before,
        });
        if self.done.len() > MOST {
            self.done.pop_front();
        }
    }

    /// The last action's menu, with how it was before. Hand back how it is now with `turned`.
    pub(crate) fn undo(&mut self, swap: impl FnOnce(&str, Table) -> Table) -> Option<String> {
        let mut action = self.done.pop_back()?;
        action.other = swap(&action.menu, action.other);
        let menu = action.menu.clone();
        self.undone.push(action);
        Some(menu)
    }

    /// The reverse.
    pub(crate) fn redo(&mut self, swap: impl FnOnce(&str, Table) -> Table) -> Option<String> {
        let mut action = self.undone.pop()?;
        action.other = swap(&action.menu, action.other);
        let menu = action.menu.clone();
        self.done.push_back(action);
        Some(menu)
    }

    /// As `print` gives it, the latest first.
    pub(crate) fn records(&self) -> Vec<Record> {
        let one = |action: &Action, undoable: bool| {
            Record::new()
                .with(".id", crate::table::text_of(action.id))
                .with("action", &action.text)
                .with("by", &action.by)
                .with("policy", "write")
                .with("time", &action.time)
                .with("undoable", undoable.to_string())
                .with("redoable", (!undoable).to_string())
        };
        let undone = self.undone.iter().map(|action| one(action, false));
        let done = self.done.iter().rev().map(|action| one(action, true));
        undone.chain(done).collect()
    }
}
