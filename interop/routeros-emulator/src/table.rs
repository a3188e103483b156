//! The items of one menu.

use serde::{Deserialize, Serialize};

use crate::Record;

/// One item of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Item {
    /// Never used again in its list.
    pub(crate) id: u32,
    /// Whether the router made it and takes it away, as the entries of `/ppp/active`.
    pub(crate) dynamic: bool,
    /// All but `.id` and `dynamic`.
    pub(crate) values: Record,
}

impl Item {
    /// As `print` gives it.
    pub(crate) fn record(&self) -> Record {
        let mut record = Record::new().with(".id", text_of(self.id));
        for (name, value) in self.values.iter() {
            record.set(name, value);
        }
        if self.dynamic {
            record.set("dynamic", "true");
        }
        record
    }
}

/// The items of a list in their order, or the one item of a menu that is one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Table {
    /// The number of the item that came last.
    pub(crate) next: u32,
    pub(crate) items: Vec<Item>,
    /// The values of a menu that is one item.
    pub(crate) one: Record,
}

impl Table {
    /// Puts an item at a place, or at the end, and gives its number.
    pub(crate) fn insert(&mut self, values: Record, dynamic: bool, at: Option<usize>) -> u32 {
        self.next += 1;
        let item = Item {
            id: self.next,
            dynamic,
            values,
        };
        let at = at.unwrap_or(self.items.len()).min(self.items.len());
        self.items.insert(at, item);
        self.next
    }

    /// The place of an item.
    pub(crate) fn position(&self, id: u32) -> Option<usize> {
        self.items.iter().position(|item| item.id == id)
    }

    /// The item.
    pub(crate) fn item(&self, id: u32) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// The item.
    pub(crate) fn item_mut(&mut self, id: u32) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.id == id)
    }

    /// The number behind `*1A`, or behind a name, where `key` is the property that names items.
    pub(crate) fn find(&self, word: &str, key: Option<&str>) -> Option<u32> {
        if let Some(id) = number_of(word) {
            return self.item(id).map(|item| item.id);
        }
        let key = key?;
        let mut all = self.items.iter();
        all.find(|item| item.values.get(key) == Some(word))
            .map(|item| item.id)
    }
}

/// `*1A` of 26.
pub(crate) fn text_of(id: u32) -> String {
    format!("*{id:X}")
}

/// 26 of `*1A`.
pub(crate) fn number_of(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix('*')?, 16).ok()
}
