//! Adding, setting, moving and removing items.

use crate::{
    Call, Change, Machine, Outcome, Record, Reply, Session, Trap,
    menu::Menu,
    table::{self, Table},
};

/// Arguments that say what to do and not what an item is.
const STEERING: [&str; 6] = [
    "numbers",
    ".id",
    "copy-from",
    "place-before",
    ".proplist",
    "number",
];

impl Machine {
    pub(super) fn add(&self, session: &Session, call: &Call) -> Outcome {
        let menu = call.menu();
        let mut values = self.copied(call)?;
        for (name, value) in self.checked(call)?.iter() {
            values.set(name, value);
        }
        let mut values = self.menus.completed(menu, values);
        if call.get("comment").is_none_or(str::is_empty) {
            values.remove("comment");
        }
        for guard in self.guards(menu) {
            guard(self, &mut values)?;
        }
        self.unlike_others(menu, None, &values)?;
        let before = call.get("place-before");
        let id = self.changing(session, menu, "added", |table, key| {
            let at = match before {
                Some(word) => {
                    let id = table.find(word, key).ok_or_else(Trap::no_such_item)?;
                    table.position(id)
                }
                None => None,
            };
            Ok(table.insert(values, false, at))
        })?;
        let id = table::text_of(id);
        self.announce(menu, Some(id.clone()), Change::Added);
        Ok(Reply::ret(id))
    }

    /// What `copy-from` names, without what is its own.
    fn copied(&self, call: &Call) -> Result<Record, Trap> {
        let Some(word) = call.get("copy-from") else {
            return Ok(Record::new());
        };
        let known = self.menus.get(call.menu());
        let key = known.and_then(|menu| menu.key.as_deref());
        let state = self.lock();
        let table = state.tables.get(call.menu());
        let item = table.and_then(|table| table.item(table.find(word, key)?));
        let mut values = item.ok_or_else(Trap::no_such_item)?.values.clone();
        values.retain(|name| known.is_none_or(|menu| menu.is_argument(name)));
        Ok(values)
    }

    /// The values of a command, as the router will write them.
    fn checked(&self, call: &Call) -> Result<Record, Trap> {
        let path = call.path();
        let node = self.schema.node(path);
        let has = |menu: &str, key: &str, value: &str| {
            let all = self.read(menu);
            let values = all.iter().filter_map(|record| record.get(key));
            let like = values
                .clone()
                .filter(|known| known.starts_with(value))
                .count();
            (values.clone().any(|known| known == value), like)
        };
        let mut checked = Record::new();
        for (name, value) in call.arguments.iter() {
            if STEERING.contains(&name) || name.starts_with('.') {
                continue;
            }
            let node = node.and_then(|node| node.children.get(name));
            let described = node.and_then(|node| node.description.as_deref());
            let kind = self.menus.kind(call.menu(), name, described);
            checked.set(name, kind.check(name, value, &has)?);
        }
        Ok(checked)
    }

    pub(super) fn set(&self, session: &Session, call: &Call) -> Outcome {
        let values = self.checked(call)?;
        let menu = call.menu();
        if self.menus.get(menu).is_some_and(Menu::is_one) {
            let now = self.stored(menu).into_iter().next().unwrap_or_default();
            let next = self.guarded(menu, laid_over(now, &values))?;
            self.changing(session, menu, "changed", |table, _| {
                table.one = next;
                Ok(())
            })?;
            self.announce(menu, None, Change::Changed);
            return Ok(Reply::done());
        }
        self.set_items(session, call, |_| values.clone())
    }

    /// Lays values over each item that is named, all or none of them.
    fn set_items(
        &self,
        session: &Session,
        call: &Call,
        values: impl Fn(&Record) -> Record,
    ) -> Outcome {
        let menu = call.menu();
        let mut next = Vec::new();
        for id in self.numbered(call)? {
            let item = self.stored_item(menu, id)?;
            let changed = laid_over(item.clone(), &values(&item));
            let changed = self.guarded(menu, changed)?;
            self.unlike_others(menu, Some(id), &changed)?;
            next.push((id, changed));
        }
        let ids: Vec<u32> = next.iter().map(|(id, _)| *id).collect();
        self.changing(session, menu, "changed", |table, _| {
            for (id, values) in next {
                if let Some(item) = table.item_mut(id) {
                    item.values = values;
                }
            }
            Ok(())
        })?;
        for id in ids {
            self.announce(menu, Some(table::text_of(id)), Change::Changed);
        }
        Ok(Reply::done())
    }

    fn stored_item(&self, menu: &str, id: u32) -> Result<Record, Trap> {
        let state = self.lock();
        let item = state.tables.get(menu).and_then(|table| table.item(id));
        item.map(|item| item.values.clone())
            .ok_or_else(Trap::no_such_item)
    }

    fn guarded(&self, menu: &str, mut values: Record) -> Result<Record, Trap> {
        if values.text("comment").is_empty() {
            values.remove("comment");
        }
        for guard in self.guards(menu) {
            guard(self, &mut values)?;
        }
        Ok(values)
    }

    /// Sets one property.
    pub(super) fn switch(
        &self,
        session: &Session,
        call: &Call,
        name: &str,
        value: &str,
    ) -> Outcome {
        self.set_items(session, call, |_| Record::new().with(name, value))
    }

    /// `unset value-name=`: back to nothing.
    pub(super) fn unset(&self, session: &Session, call: &Call) -> Outcome {
        let name = call.get("value-name").unwrap_or_default();
        let known = self.menus.get(call.menu());
        if !known.is_some_and(|menu| menu.is_argument(name)) {
            let text = "input does not match any value of value-name";
            return Err(Trap::of(1, text).into());
        }
        self.back(session, call, &[name])
    }

    /// `reset`: the arguments that are given go back to their defaults.
    pub(super) fn reset(&self, session: &Session, call: &Call) -> Outcome {
        let names = call.arguments.iter().map(|(name, _)| name);
        let names: Vec<&str> = names
            .filter(|name| !STEERING.contains(name) && !name.starts_with('.'))
            .collect();
        self.back(session, call, &names)
    }

    fn back(&self, session: &Session, call: &Call, names: &[&str]) -> Outcome {
        let menu = call.menu();
        let turned = |values: &mut Record| {
            for name in names {
                match self.menus.unset(menu, name) {
                    Some(value) => values.set(*name, value),
                    None => drop(values.remove(name)),
                }
            }
        };
        let one = self.menus.get(menu).is_some_and(Menu::is_one);
        let ids = if one {
            Vec::new()
        } else {
            self.numbered(call)?
        };
        self.changing(session, menu, "changed", |table, _| {
            if one {
                turned(&mut table.one);
            }
            for id in &ids {
                if let Some(item) = table.item_mut(*id) {
                    turned(&mut item.values);
                }
            }
            Ok(())
        })?;
        for id in ids {
            self.announce(menu, Some(table::text_of(id)), Change::Changed);
        }
        Ok(Reply::done())
    }

    pub(super) fn remove(&self, session: &Session, call: &Call) -> Outcome {
        let menu = call.menu();
        let ids = self.numbered(call)?;
        for id in &ids {
            let item = self.stored_item(menu, *id)?;
            if item.is("default") || item.is("builtin") {
                let text = format!("can not remove default {}", noun(menu));
                return Err(Trap::failure(&text).into());
            }
        }
        self.keeps_somebody(menu, &ids)?;
        let removed = |table: &mut Table, _: Option<&str>| {
            table.items.retain(|item| !ids.contains(&item.id));
            Ok(())
        };
        self.changing(session, menu, "removed", removed)?;
        for id in ids {
            self.announce(menu, Some(table::text_of(id)), Change::Removed);
        }
        Ok(Reply::done())
    }

    /// The last user who may everything stays.
    fn keeps_somebody(&self, menu: &str, gone: &[u32]) -> Result<(), Trap> {
        if menu != "/user" {
            return Ok(());
        }
        let stays = self.read(menu).into_iter().any(|user| {
            let id = table::number_of(user.id());
            let going = id.is_some_and(|id| gone.contains(&id));
            !going && !user.is("disabled") && user.text("group") == "full"
        });
        if stays {
            Ok(())
        } else {
            Err(Trap::failure(
                "last user with full access can not be removed",
            ))
        }
    }

    pub(super) fn move_items(&self, session: &Session, call: &Call) -> Outcome {
        let menu = call.menu();
        let ids = self.numbered(call)?;
        let destination = call.get("destination").filter(|word| !word.is_empty());
        self.changing(session, menu, "moved", |table, key| {
            let before = match destination {
                Some(word) => Some(table.find(word, key).ok_or_else(Trap::no_such_item)?),
                None => None,
            };
            if before.is_some_and(|before| ids.contains(&before)) {
                return Ok(());
            }
            let (moved, mut kept): (Vec<_>, Vec<_>) = std::mem::take(&mut table.items)
                .into_iter()
                .partition(|item| ids.contains(&item.id));
            let at = before.and_then(|before| kept.iter().position(|item| item.id == before));
            let at = at.unwrap_or(kept.len());
            kept.splice(at..at, moved);
            table.items = kept;
            Ok(())
        })?;
        for id in ids {
            self.announce(menu, Some(table::text_of(id)), Change::Changed);
        }
        Ok(Reply::done())
    }

    pub(super) fn reset_counters(&self, call: &Call) -> Outcome {
        const COUNTERS: [&str; 6] = [
            "bytes",
            "packets",
            "bytes-in",
            "bytes-out",
            "uptime",
            "hits",
        ];
        let ids = match call.verb() {
            "reset-counters" if call.get("numbers").or(call.get(".id")).is_some() => {
                Some(self.numbered(call)?)
            }
            _ => None,
        };
        let mut state = self.lock();
        let table = state.tables.entry(call.menu().to_owned()).or_default();
        for item in &mut table.items {
            if ids.as_ref().is_some_and(|ids| !ids.contains(&item.id)) {
                continue;
            }
            for name in COUNTERS {
                let zero = match item.values.get(name) {
                    Some(value) if value.contains('/') => "0/0",
                    Some(value) if value.ends_with('s') => "0s",
                    Some(_) => "0",
                    None => continue,
                };
                item.values.set(name, zero);
            }
        }
        Ok(Reply::done())
    }

    /// No two items may have the key, or a whole group of properties, in common.
    fn unlike_others(&self, menu: &str, own: Option<u32>, values: &Record) -> Result<(), Trap> {
        let Some(known) = self.menus.get(menu) else {
            return Ok(());
        };
        let state = self.lock();
        let Some(table) = state.tables.get(menu) else {
            return Ok(());
        };
        let same = |names: &[String]| {
            let others = table.items.iter().filter(|item| Some(item.id) != own);
            let all = |item: &Record| {
                let mut each = names.iter();
                each.all(|name| item.get(name).is_some() && item.get(name) == values.get(name))
            };
            others.into_iter().any(|item| all(&item.values))
        };
        if known.key.clone().is_some_and(|key| same(&[key])) {
            return Err(Trap::failure(&already(menu)));
        }
        if known.unique.iter().any(|names| same(names)) {
            return Err(Trap::failure("already have such entry"));
        }
        Ok(())
    }

    /// Changes a table, remembering how it was.
    fn changing<T>(
        &self,
        session: &Session,
        menu: &str,
        what: &str,
        change: impl FnOnce(&mut Table, Option<&str>) -> Result<T, Trap>,
    ) -> Result<T, Trap> {
        let time = self.date_and_time();
        let key = self.menus.get(menu).and_then(|menu| menu.key.as_deref());
        let mut state = self.lock();
        let state = &mut *state;
        let table = state.tables.entry(menu.to_owned()).or_default();
        let before = table.clone();
        let done = change(table, key)?;
        let text = format!("{} {what}", noun(menu));
        state
            .history
            .push(menu, &text, &session.user, &time, before);
        Ok(done)
    }
}

fn laid_over(mut item: Record, values: &Record) -> Record {
    values
        .iter()
        .for_each(|(name, value)| item.set(name, value));
    item
}

/// What an item of a menu is called in what the router says.
fn noun(menu: &str) -> String {
    let last = menu.rsplit('/').next().unwrap_or_default();
    match menu {
        "/ppp/profile" | "/ip/hotspot/profile" | "/ip/hotspot/user/profile" => "profile".into(),
        "/interface/wireless/security-profiles" => "security profile".into(),
        "/ip/firewall/filter" | "/ip/firewall/nat" | "/ip/firewall/mangle" => {
            format!("{last} rule")
        }
        "/system/logging/action" => "logging action".into(),
        _ => last.replace('-', " "),
    }
}

/// The words for a name that is taken: some menus have their own.
fn already(menu: &str) -> String {
    match menu {
        "/user" | "/user/group" | "/ppp/secret" | "/ppp/profile" | "/system/script" => {
            let last = menu.rsplit('/').next().unwrap_or_default();
            format!("{last} with the same name already exists")
        }
        "/ip/hotspot/user" => "already have user with this name for this server".into(),
        _ => "already have such entry".into(),
    }
}
