//! A router in memory: menus, items in order, and the faults a real one can have.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    Answer, Command, Error, Record,
    plan::{
        Observed,
        hands::Hands,
        menu::{self, is_dynamic},
    },
};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Fault {
    /// The connection is lost before this change is done, counted from 0.
    LostBefore(usize),
    /// The connection is lost after it is done, before its answer.
    LostAfter(usize),
    /// This change is not permitted.
    Refused(usize),
    /// This change is taken, but nothing comes of it.
    Ignored(usize),
}

/// Done to the menus by somebody else.
pub(in crate::plan) type Edit = fn(&mut BTreeMap<String, Vec<Record>>);

#[derive(Debug, Clone, Default)]
pub(in crate::plan) struct Memory {
    pub(in crate::plan) menus: BTreeMap<String, Vec<Record>>,
    pub(in crate::plan) fault: Option<Fault>,
    /// Somebody else's edit, just before this many changes were done.
    pub(in crate::plan) editor: Option<(usize, Edit)>,
    /// All commands that change something, in order.
    pub(in crate::plan) told: Vec<Command>,
    /// Properties this version does not have.
    pub(in crate::plan) lacks: Vec<&'static str>,
    lost: bool,
    next: usize,
}

const ONE: [&str; 6] = [
    "/radius/incoming",
    "/ppp/aaa",
    "/user/aaa",
    "/caps-man/aaa",
    "/ip/dhcp-server/config",
    "/ip/ipsec/settings",
];

fn printed(value: &str) -> &str {
    match value {
        "yes" => "true",
        "no" => "false",
        "5m" => "00:05:00",
        other => other,
    }
}

impl Memory {
    pub(in crate::plan) fn with_one(mut self, menu: &str, values: &[(&str, &str)]) -> Self {
        let record = values.iter().copied().collect();
        self.menus.insert(menu.to_owned(), vec![record]);
        self
    }

    pub(in crate::plan) fn push(&mut self, menu: &str, values: &[(&str, &str)]) {
        let record: Record = values.iter().copied().collect();
        self.insert(menu, &record, None);
    }

    fn insert(&mut self, menu: &str, values: &Record, at: Option<usize>) -> String {
        self.next += 1;
        let id = format!("*{:X}", self.next);
        let mut record = Record::new().with(".id", &*id);
        for (name, value) in defaults(menu) {
            if !self.lacks.contains(name) {
                record.set(*name, *value);
            }
        }
        for (name, value) in values.iter() {
            record.set(name, printed(value));
        }
        let all = self.menus.entry(menu.to_owned()).or_default();
        all.insert(at.unwrap_or(all.len()), record);
        id
    }

    /// What `/export` would give: all that is configured, in order, without any `.id` and without
    /// what has its default.
    pub(in crate::plan) fn export(&self) -> String {
        let mut text = String::new();
        for (menu, items) in &self.menus {
            for item in items.iter().filter(|item| !is_dynamic(item)) {
                let mut words: Vec<String> = item
                    .iter()
                    .filter(|(name, value)| !name.starts_with('.') && !value.is_empty())
                    .filter(|pair| *pair != ("src-address", "0.0.0.0"))
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                words.sort();
                writeln!(text, "{menu} {}", words.join(" ")).unwrap();
            }
        }
        text
    }

    pub(in crate::plan) fn observed(&self) -> Observed {
        let known = self
            .menus
            .iter()
            .filter(|(menu, _)| menu::of(menu).is_some());
        Observed {
            menus: known.map(|(m, all)| (m.clone(), all.clone())).collect(),
            here: Some("192.168.88.7".parse().unwrap()),
            user: Some("admin".to_owned()),
        }
    }

    fn position(&self, menu: &str, id: &str) -> Result<usize, Error> {
        let gone = || Error::NoSuchItem {
            command: menu.to_owned(),
        };
        let all = self.menus.get(menu).ok_or_else(gone)?;
        let found = all.iter().position(|item| item.get(".id") == Some(id));
        found.ok_or_else(gone)
    }

    fn change(&mut self, command: &Command) -> Result<Answer, Error> {
        let menu = command.menu().to_owned();
        let argument = |name: &str| {
            let mut all = command.arguments().iter();
            all.find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        let values: Record = command
            .arguments()
            .iter()
            .filter(|(name, _)| {
                ![".id", "numbers", "place-before", "destination"].contains(&&**name)
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let id = argument(".id").or_else(|| argument("numbers"));
        let at = match argument("place-before").or_else(|| argument("destination")) {
            Some(id) => Some(self.position(&menu, &id)?),
            None => None,
        };
        let mut answer = Answer::default();
        match command.verb() {
            "add" => answer.done.set("ret", self.insert(&menu, &values, at)),
            "set" => {
                let place = match id {
                    Some(id) => self.position(&menu, &id)?,
                    None if ONE.contains(&&*menu) => 0,
                    None => panic!("set without an item in {menu}"),
                };
                let record = &mut self.menus.get_mut(&menu).unwrap()[place];
                for (name, value) in values.iter() {
                    record.set(name, printed(value));
                }
            }
            "unset" => {
                let place = self.position(&menu, &id.unwrap())?;
                let record = &mut self.menus.get_mut(&menu).unwrap()[place];
                let name = argument("value-name").unwrap();
                *record = record.iter().filter(|(known, _)| *known != name).collect();
            }
            "remove" => {
                let place = self.position(&menu, &id.unwrap())?;
                self.menus.get_mut(&menu).unwrap().remove(place);
            }
            "move" => {
                let place = self.position(&menu, &id.unwrap())?;
                let all = self.menus.get_mut(&menu).unwrap();
                let record = all.remove(place);
                let at = at.map_or(all.len(), |at| if at > place { at - 1 } else { at });
                all.insert(at, record);
            }
            other => panic!("{other} is no command of this router"),
        }
        Ok(answer)
    }
}

/// What an added item has beside what it is given.
fn defaults(menu: &str) -> &'static [(&'static str, &'static str)] {
    match menu {
        "/radius" => &[
            ("service", ""),
            ("called-id", ""),
            ("domain", ""),
            ("address", "0.0.0.0"),
            ("secret", ""),
            ("authentication-port", "1812"),
            ("accounting-port", "1813"),
            ("timeout", "300ms"),
            ("accounting-backup", "false"),
            ("realm", ""),
            ("protocol", "udp"),
            ("certificate", "none"),
            ("require-message-auth", "yes-for-request-resp"),
            ("disabled", "false"),
        ],
        "/ip/firewall/filter" => &[
            ("log", "false"),
            ("log-prefix", ""),
            ("disabled", "false"),
            ("dynamic", "false"),
        ],
        "/system/logging" => &[("prefix", ""), ("disabled", "false")],
        _ => &[],
    }
}

impl Hands for Memory {
    async fn call(&mut self, command: &Command) -> Result<Answer, Error> {
        let closed = || Error::Closed {
            during: "a test".to_owned(),
        };
        if self.lost {
            return Err(closed());
        }
        if command.verb() == "print" {
            let mut records = self.menus.get(command.menu()).cloned().unwrap_or_default();
            if !command.properties().is_empty() {
                let asked = |name: &str| command.properties().iter().any(|p| p == name);
                for record in &mut records {
                    *record = record.iter().filter(|(name, _)| asked(name)).collect();
                }
            }
            let done = Record::new();
            return Ok(Answer { records, done });
        }
        let number = self.told.len();
        if let Some((at, edit)) = self.editor
            && at == number
        {
            edit(&mut self.menus);
            self.editor = None;
        }
        self.told.push(command.clone());
        match self.fault {
            Some(Fault::LostBefore(at)) if at == number => {
                self.lost = true;
                Err(closed())
            }
            Some(Fault::LostAfter(at)) if at == number => {
                self.change(command)?;
                self.lost = true;
                Err(closed())
            }
            Some(Fault::Refused(at)) if at == number => Err(Error::NotPermitted {
                command: command.path().to_owned(),
                message: "not enough permissions (9)".to_owned(),
            }),
            Some(Fault::Ignored(at)) if at == number => Ok(Answer::default()),
            _ => self.change(command),
        }
    }

    async fn reconnect(&mut self) -> Result<(), Error> {
        self.lost = false;
        Ok(())
    }
}
