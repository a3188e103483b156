//! A plan in the making: a copy of what was observed, changed step by step.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Item, Note, Objection, Observed, Place, Risk, Step, Verb,
    menu::{self, is_dynamic},
    value::{alike, same},
};
use crate::{Capabilities, Id, Record, secret::is_sensitive};

pub(super) struct Draft<'a> {
    pub(super) can: &'a Capabilities,
    menus: BTreeMap<String, Vec<Record>>,
    accepted: &'a BTreeSet<Risk>,
    pub(super) steps: Vec<Step>,
    pub(super) notes: Vec<Note>,
    pub(super) objections: Vec<Objection>,
    added: usize,
}

/// The first character of the `.id` an item has that is not yet on the router.
const NOT_YET: char = '+';

impl<'a> Draft<'a> {
    pub(super) fn new(
        observed: &Observed,
        can: &'a Capabilities,
        accepted: &'a BTreeSet<Risk>,
    ) -> Self {
        Self {
            can,
            menus: observed.menus.clone(),
            accepted,
            steps: Vec::new(),
            notes: Vec::new(),
            objections: Vec::new(),
            added: 0,
        }
    }

    /// The items of a menu as they are after the steps so far, without those the router made.
    pub(super) fn items(&self, menu: &str) -> impl DoubleEndedIterator<Item = &Record> + Clone {
        let all = self.menus.get(menu).map_or(&[][..], Vec::as_slice);
        all.iter().filter(|record| !is_dynamic(record))
    }

    /// The item of this name.
    pub(super) fn named(&self, menu: &str, name: &str) -> Option<Record> {
        self.items(menu)
            .find(|item| item.get("name") == Some(name))
            .cloned()
    }

    /// The names in a menu, to be told to whoever named one that is not there.
    pub(super) fn names(&self, menu: &str) -> String {
        let names: Vec<&str> = self.items(menu).filter_map(|i| i.get("name")).collect();
        match names.len() {
            0 => "none".to_owned(),
            1..=20 => names.join(", "),
            more => format!("{}, and {} more", names[..20].join(", "), more - 20),
        }
    }

    /// Whether the router has a menu in which items can be set.
    pub(super) fn has(&self, menu: &str) -> bool {
        self.can.has(&format!("{menu}/set"))
    }

    pub(super) fn note(&mut self, menu: &str, text: impl Into<String>) {
        self.notes.push(Note {
            menu: menu.to_owned(),
            text: text.into(),
        });
    }

    pub(super) fn object(
        &mut self,
        menu: &str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.objections.push(Objection {
            menu: menu.to_owned(),
            what: what.into(),
            remedy: remedy.into(),
            risk: None,
        });
    }

    /// Objects, unless the administrator takes the risk: then it is noted.
    pub(super) fn warn(&mut self, risk: Risk, menu: &str, what: &str, remedy: &str) {
        if self.accepted.contains(&risk) {
            self.note(menu, format!("{what} (accepted)"));
        } else {
            self.objections.push(Objection {
                menu: menu.to_owned(),
                what: what.to_owned(),
                remedy: remedy.to_owned(),
                risk: Some(risk),
            });
        }
    }

    /// Leaves out the properties this version lacks, and says so: a note for those that are
    /// `may`, an objection for the others.
    fn known(&mut self, command: &str, values: &Record, may: &[&str]) -> Record {
        let menu = command.rsplit_once('/').map_or(command, |(menu, _)| menu);
        let mut kept = Record::new();
        for (name, value) in values.iter() {
            if self.can.takes(command, name) {
                kept.set(name, value);
                continue;
            }
            let version = self.can.version();
            let what = format!("RouterOS {version} has no {name} here");
            if may.contains(&name) {
                self.note(menu, format!("{what}: left out"));
            } else {
                let remedy = "Leave this service out, or upgrade the router";
                self.object(menu, what, remedy);
            }
        }
        kept
    }

    /// Sets what differs. `id` is `None` for a menu that is one item.
    pub(super) fn set(
        &mut self,
        menu: &str,
        id: Option<&Id>,
        values: &Record,
        may: &[&str],
        why: &str,
    ) {
        let Some(place) = self.place_of(menu, id) else {
            let remedy = "The user may lack the policy read";
            self.object(menu, "nothing could be read here", remedy);
            return;
        };
        let wanted = self.known(&format!("{menu}/set"), values, may);
        let Some(record) = self.menus.get_mut(menu).and_then(|all| all.get_mut(place)) else {
            return;
        };
        let whole = record.clone();
        let (mut before, mut after) = (Record::new(), Record::new());
        for (name, value) in wanted.iter() {
            let new = Record::new().with(name, value);
            if alike(menu, name, record, &new) {
                continue;
            }
            if let Some(old) = record.get(name) {
                before.set(name, old);
            }
            after.set(name, value);
            record.set(name, value);
        }
        if after.is_empty() {
            return;
        }
        self.steps.push(Step {
            menu: menu.to_owned(),
            verb: Verb::Set,
            item: item(&whole),
            before,
            after,
            from: None,
            to: None,
            twins: 0,
            why: why.to_owned(),
        });
    }

    /// Adds an item before another, or at the end, and gives the `.id` it has in the draft.
    pub(super) fn add(
        &mut self,
        menu: &str,
        values: &Record,
        may: &[&str],
        before: Option<&Id>,
        why: &str,
    ) -> Id {
        let after = self.known(&format!("{menu}/add"), values, may);
        let place = before.and_then(|id| self.place_of(menu, Some(id)));
        let to = is_ordered(menu).then(|| self.reference(menu, before));
        self.added += 1;
        let id = Id::new(format!("{NOT_YET}{}", self.added));
        let mut record = Record::new().with(".id", id.as_str());
        for (name, value) in after.iter() {
            record.set(name, value);
        }
        let all = self.menus.entry(menu.to_owned()).or_default();
        all.insert(place.unwrap_or(all.len()), record);
        self.steps.push(Step {
            menu: menu.to_owned(),
            verb: Verb::Add,
            item: None,
            before: Record::new(),
            after,
            from: None,
            to,
            twins: 0,
            why: why.to_owned(),
        });
        id
    }

    /// Removes an item of an ordered menu.
    pub(super) fn remove(&mut self, menu: &str, id: &Id, why: &str) {
        let Some(place) = self.place_of(menu, Some(id)) else {
            return;
        };
        let from = Some(self.after(menu, id));
        let Some(all) = self.menus.get_mut(menu) else {
            return;
        };
        let record = all.remove(place);
        let equal = |other: &&Record| equals(menu, other, &record);
        let twins = all.iter().filter(equal).count();
        self.steps.push(Step {
            menu: menu.to_owned(),
            verb: Verb::Remove,
            item: item(&record),
            before: Record::new(),
            after: Record::new(),
            from,
            to: None,
            twins,
            why: why.to_owned(),
        });
    }

    /// Puts an item before another.
    pub(super) fn put_before(&mut self, menu: &str, id: &Id, before: &Id, why: &str) {
        let from = Some(self.after(menu, id));
        let to = Some(self.reference(menu, Some(before)));
        let Some(place) = self.place_of(menu, Some(id)) else {
            return;
        };
        let Some(all) = self.menus.get_mut(menu) else {
            return;
        };
        let record = all.remove(place);
        let target = position(all, before).unwrap_or(all.len());
        all.insert(target, record.clone());
        self.steps.push(Step {
            menu: menu.to_owned(),
            verb: Verb::Move,
            item: item(&record),
            before: Record::new(),
            after: Record::new(),
            from,
            to,
            twins: 0,
            why: why.to_owned(),
        });
    }

    fn place_of(&self, menu: &str, id: Option<&Id>) -> Option<usize> {
        let all = self.menus.get(menu)?;
        match id {
            Some(id) => position(all, id),
            None => (all.len() == 1).then_some(0),
        }
    }

    fn reference(&self, menu: &str, id: Option<&Id>) -> Place {
        let all = self.menus.get(menu).map_or(&[][..], Vec::as_slice);
        let found = id.and_then(|id| all.get(position(all, id)?));
        place(menu, found)
    }

    /// Where an item is: before the next one that may be referred to.
    fn after(&self, menu: &str, id: &Id) -> Place {
        successor(menu, self.menus.get(menu).map_or(&[], Vec::as_slice), id)
    }
}

fn is_ordered(menu: &str) -> bool {
    menu::of(menu).is_some_and(|menu| menu.ordered)
}

pub(super) fn position(all: &[Record], id: &Id) -> Option<usize> {
    all.iter()
        .position(|item| item.get(".id") == Some(id.as_str()))
}

/// Where an item is among its like: before the next that the router did not make itself.
pub(super) fn successor(menu: &str, all: &[Record], id: &Id) -> Place {
    let mut later = all
        .iter()
        .skip_while(|item| item.get(".id") != Some(id.as_str()))
        .skip(1);
    place(menu, later.find(|item| !is_dynamic(item)))
}

fn place(menu: &str, record: Option<&Record>) -> Place {
    let Some((record, id)) = record.and_then(|record| Some((record, record.id()?))) else {
        return Place::Last;
    };
    let identity = menu::of(menu).map_or(&[][..], |menu| menu.identity);
    // What a place refers to is often not ours: no secret of it is to be kept.
    let content = record
        .iter()
        .filter(|(name, _)| identity.contains(name) || SHORT.contains(name))
        .collect();
    Place::Before(Item { id, content })
}

const SHORT: [&str; 9] = [
    "action",
    "service",
    "connection-state",
    "in-interface",
    "in-interface-list",
    "protocol",
    "dst-port",
    "src-address-list",
    "jump-target",
];

fn item(record: &Record) -> Option<Item> {
    let id = record.id()?;
    let content = record.iter().filter(|(name, _)| *name != ".id").collect();
    Some(Item { id, content })
}

/// Whether two items are equal in all but their `.id`.
pub(super) fn equals(menu: &str, one: &Record, other: &Record) -> bool {
    let names = one.iter().chain(other.iter()).map(|(name, _)| name);
    names
        .filter(|name| !is_volatile(name))
        .all(|name| alike(menu, name, one, other) || unreadable(name, one, other))
}

/// A property that is not part of what somebody configured.
pub(super) fn is_volatile(name: &str) -> bool {
    matches!(
        name,
        ".id" | "dynamic" | "invalid" | "status" | ".nextid" | "default"
    )
}

/// Whether a secret could be read on one side only: then it says nothing.
fn unreadable(name: &str, one: &Record, other: &Record) -> bool {
    is_sensitive(name) && (one.get(name).is_none() || other.get(name).is_none())
}

/// Whether an item has all of these values.
pub(super) fn has_all(menu: &str, record: &Record, values: &Record) -> bool {
    values
        .iter()
        .all(|(name, _)| alike(menu, name, record, values) || unreadable(name, record, values))
}

/// Whether an item is the one meant, by what tells it from others.
pub(super) fn is_identical(menu: &str, record: &Record, like: &Record) -> bool {
    let identity = menu::of(menu).map_or(&[][..], |menu| menu.identity);
    !identity.is_empty()
        && identity.iter().all(|name| {
            let pair = (record.get(name), like.get(name));
            match pair {
                (Some(one), Some(other)) => same(name, one, other),
                _ => alike(menu, name, record, like),
            }
        })
}
