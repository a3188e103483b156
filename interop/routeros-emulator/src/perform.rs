//! The commands that every menu has, done as the console does them.

mod change;
mod check;
mod print;

pub(crate) use print::only;

use crate::{Call, Machine, Outcome, Session, Trap};

impl Machine {
    /// Does a command that has passed [`Machine::check`] and belongs to no module.
    pub(crate) fn perform(&self, session: &Session, call: &Call) -> Outcome {
        match call.verb() {
            "print" | "getall" => self.print(session, call),
            "get" => self.get(session, call),
            "find" => self.find_items(session, call),
            "add" => self.add(session, call),
            "set" => self.set(session, call),
            "remove" => self.remove(session, call),
            "move" => self.move_items(session, call),
            "enable" => self.switch(session, call, "disabled", "false"),
            "disable" => self.switch(session, call, "disabled", "true"),
            "comment" => {
                let comment = call.get("comment").unwrap_or_default();
                self.switch(session, call, "comment", comment)
            }
            "unset" => self.unset(session, call),
            "reset" => self.reset(session, call),
            "reset-counters" | "reset-counters-all" => self.reset_counters(call),
            _ => Err(Trap::failure("the emulator does not do this command").into()),
        }
    }

    /// The items that `numbers` or `.id` name, in order.
    fn numbered(&self, call: &Call) -> Result<Vec<u32>, Trap> {
        let words = call.get(".id").or_else(|| call.get("numbers"));
        let words = words.or_else(|| call.get("number"));
        let key = self
            .menus
            .get(call.menu())
            .and_then(|menu| menu.key.clone());
        let state = self.lock();
        let table = state.tables.get(call.menu());
        let (Some(words), Some(table)) = (words, table) else {
            return Err(Trap::no_such_item());
        };
        let each = words.split([',', ';']).filter(|word| !word.is_empty());
        let found: Option<Vec<u32>> = each.map(|word| table.find(word, key.as_deref())).collect();
        match found {
            Some(found) if !found.is_empty() => Ok(found),
            _ => Err(Trap::no_such_item()),
        }
    }
}

#[cfg(test)]
mod tests;
