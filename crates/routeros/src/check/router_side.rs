//! What a router says of itself.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use crate::{Record, Version};

/// What came of reading one menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Menu {
    /// Its items, or the one record of a menu that is one item.
    Items(Vec<Record>),
    /// The router has no such menu.
    Absent,
    /// It could not be read; the router's own words.
    Refused(String),
}

/// All that was read of a router, as it said it.
#[derive(Debug, Clone)]
pub struct RouterSide {
    version: Version,
    menus: BTreeMap<String, Menu>,
    /// The counters of `/radius/monitor`, by the `.id` of the entry.
    monitors: BTreeMap<String, Record>,
    /// When the clock was read, by our own clock, and how long that took.
    pub read_at: SystemTime,
    /// How long one question over the API took: a measure of the way there and back.
    pub round_trip: Duration,
}

impl RouterSide {
    /// Of a version, with nothing read yet.
    pub fn new(version: Version, read_at: SystemTime) -> Self {
        Self {
            version,
            menus: BTreeMap::new(),
            monitors: BTreeMap::new(),
            read_at,
            round_trip: Duration::ZERO,
        }
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Sets what a menu holds.
    pub fn set(&mut self, menu: impl Into<String>, items: Menu) {
        self.menus.insert(menu.into(), items);
    }

    /// Sets the counters of a `/radius` entry.
    pub fn set_monitor(&mut self, id: impl Into<String>, counters: Record) {
        self.monitors.insert(id.into(), counters);
    }

    /// What came of reading a menu. `None`: it was not asked for.
    pub fn menu(&self, menu: &str) -> Option<&Menu> {
        self.menus.get(menu)
    }

    /// The items of a menu; none where it is absent or could not be read.
    pub fn items(&self, menu: &str) -> &[Record] {
        match self.menus.get(menu) {
            Some(Menu::Items(items)) => items,
            _ => &[],
        }
    }

    /// The record of a menu that is one item.
    pub fn one(&self, menu: &str) -> Option<&Record> {
        self.items(menu).first()
    }

    /// Whether the router has a menu and it was read.
    pub fn has(&self, menu: &str) -> bool {
        matches!(self.menus.get(menu), Some(Menu::Items(_)))
    }

    /// The counters of a `/radius` entry.
    pub fn monitor(&self, entry: &Record) -> Option<&Record> {
        self.monitors.get(entry.get(".id")?)
    }

    /// The names of the router's own users, of every service.
    pub fn local_users(&self) -> Vec<&str> {
        ["/ppp/secret", "/ip/hotspot/user", "/user"]
            .iter()
            .flat_map(|menu| self.items(menu))
            .filter_map(|user| user.get("name"))
            .collect()
    }

    /// The menus that could not be read, with the router's words.
    pub fn refused(&self) -> impl Iterator<Item = (&str, &str)> {
        self.menus.iter().filter_map(|(name, menu)| match menu {
            Menu::Refused(words) => Some((name.as_str(), words.as_str())),
            _ => None,
        })
    }
}
