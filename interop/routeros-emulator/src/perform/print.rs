//! What a menu holds, for those who may see it.

use crate::{
    Call, Machine, Outcome, Record, Reply, Session, Trap, files, menu::Menu, query, script::printed,
};

/// Names with a full stop before them that are not hidden.
const SHOWN: [&str; 6] = [".id", ".dead", ".section", ".nextid", ".about", ".tag"];

impl Machine {
    /// What somebody may see of an item.
    pub fn shown(&self, session: &Session, menu: &str, record: &Record) -> Record {
        let secrets = self.menus.get(menu).map(|menu| &menu.secrets);
        let sensitive = session.may("sensitive");
        let each = record.iter().filter(|(name, value)| {
            let hidden = name.starts_with('.') && !SHOWN.contains(name);
            let void = *name == "comment" && value.is_empty();
            !hidden && !void
        });
        each.map(|(name, value)| {
            let secret = secrets.is_some_and(|secrets| secrets.contains(name));
            let stars = secret && !sensitive && !value.is_empty();
            (name, if stars { "*****" } else { value })
        })
        .collect()
    }

    /// The items that fit the queries, with all that somebody may see of them.
    fn fitting(&self, session: &Session, call: &Call) -> Result<Vec<Record>, Trap> {
        let wanted: Option<Vec<&str>> = call
            .get(".id")
            .or_else(|| call.get("from").or_else(|| call.get("numbers")))
            .map(|words| words.split(',').collect());
        let key = self
            .menus
            .get(call.menu())
            .and_then(|menu| menu.key.as_deref());
        let mut fitting = Vec::new();
        for record in self.read(call.menu()) {
            let record = self.shown(session, call.menu(), &record);
            let named = wanted.as_ref().is_none_or(|wanted| {
                let name = key.and_then(|key| record.get(key));
                let mut each = wanted.iter();
                each.any(|word| *word == record.id() || name == Some(word))
            });
            let buffer = call.get("buffer");
            let in_buffer = buffer.is_none_or(|buffer| record.get("buffer") == Some(buffer));
            let fits =
                query::fits(&call.queries, &record).ok_or_else(|| Trap::new("invalid query"))?;
            if named && fits && in_buffer {
                fitting.push(record);
            }
        }
        Ok(fitting)
    }

    pub(super) fn print(&self, session: &Session, call: &Call) -> Outcome {
        let fitting = self.fitting(session, call)?;
        if call.has("count-only") {
            return Ok(Reply::ret(fitting.len().to_string()));
        }
        let records = fitting.into_iter().map(|record| only(call, record));
        if let Some(name) = call.get("file").filter(|name| !name.is_empty()) {
            let one = self.menus.get(call.menu()).is_some_and(Menu::is_one);
            let text = printed(one, &records.collect::<Vec<_>>());
            files::write(self, &files::named(name, ".txt"), text.as_bytes())?;
            return Ok(Reply::done());
        }
        let one = self.menus.get(call.menu()).is_some_and(Menu::is_one);
        // A menu that is one item and has no values says nothing, and that is no empty list.
        let mut reply = Reply::list(records.filter(|record| !record.is_empty()).collect());
        reply.list = !one;
        Ok(reply)
    }

    pub(super) fn find_items(&self, session: &Session, call: &Call) -> Outcome {
        let fitting = self.fitting(session, call)?;
        let ids: Vec<&str> = fitting.iter().map(Record::id).collect();
        Ok(Reply::ret(ids.join(";")))
    }

    pub(super) fn get(&self, session: &Session, call: &Call) -> Outcome {
        let one = self.menus.get(call.menu()).is_some_and(Menu::is_one);
        let record = if one {
            self.one(call.menu())
        } else {
            let id = self.numbered(call)?;
            let id = id.first().map(|id| crate::table::text_of(*id));
            let all = self.read(call.menu());
            let mut all = all.into_iter();
            let found = all.find(|record| Some(record.id()) == id.as_deref());
            found.ok_or_else(Trap::no_such_item)?
        };
        let record = self.shown(session, call.menu(), &record);
        let Some(name) = call.get("value-name") else {
            let all = record.iter().map(|(name, value)| format!("{name}={value}"));
            return Ok(Reply::ret(all.collect::<Vec<_>>().join(";")));
        };
        match record.get(name) {
            Some(value) => Ok(Reply::ret(value)),
            None if self
                .menus
                .get(call.menu())
                .is_some_and(|menu| menu.is_argument(name)) =>
            {
                Ok(Reply::ret(""))
            }
            None => {
                let text = format!("unknown value name {name}");
                Err(Trap::of(1, text).into())
            }
        }
    }
}

/// Only the properties of `.proplist`, in its order.
pub(crate) fn only(call: &Call, record: Record) -> Record {
    let names = call.get(".proplist").or_else(|| call.get("proplist"));
    let Some(names) = names else {
        return record;
    };
    let names = names.split(',').map(str::trim);
    names
        .filter_map(|name| Some((name, record.get(name)?)))
        .collect()
}
