//! One step at a router: how it stands there, and the command that does it.

use super::{
    Item, Place, Step, Verb,
    draft::{equals, has_all, is_identical, position, successor},
    hands::Hands,
    menu::{self, is_dynamic},
    value::{alike, value},
};
use crate::{Command, Error, Id, Record, secret::is_sensitive};

/// The items of a menu without those the router made itself, or its one record.
pub(super) async fn read<H: Hands>(hands: &mut H, menu: &str) -> Result<Vec<Record>, Error> {
    let properties = menu::of(menu).map_or(&[][..], |menu| menu.properties);
    let print = Command::new(format!("{menu}/print")).asking(properties.iter().copied());
    let mut records = hands.call(&print).await?.records;
    records.retain(|record| !is_dynamic(record));
    Ok(records)
}

/// The item meant, although its `.id` may be another one by now.
pub(super) fn find<'a>(menu: &str, now: &'a [Record], item: &Item) -> Option<&'a Record> {
    by_id(menu, now, item).or_else(|| by_content(menu, now, item))
}

/// The item meant, if it still has its `.id`.
pub(super) fn by_id<'a>(menu: &str, now: &'a [Record], item: &Item) -> Option<&'a Record> {
    let record = position(now, &item.id).and_then(|place| now.get(place));
    record.filter(|record| is_identical(menu, record, &item.content))
}

/// The item meant, by what it is.
pub(super) fn by_content<'a>(menu: &str, now: &'a [Record], item: &Item) -> Option<&'a Record> {
    let same = |record: &&Record| is_identical(menu, record, &item.content);
    let mut all = now.iter().filter(|record| !is_dynamic(record));
    all.clone()
        .find(|record| equals(menu, record, &item.content))
        .or_else(|| all.find(same))
}

/// What an item is to be put before is no longer there.
struct Gone;

/// The item a place is before. `None`: it is the last.
fn referred(menu: &str, now: &[Record], place: &Place) -> Result<Option<Id>, Gone> {
    match place {
        Place::Last => Ok(None),
        Place::Before(item) => find(menu, now, item)
            .and_then(Record::id)
            .map(Some)
            .ok_or(Gone),
    }
}

/// Whether two places are one, by what is there now.
pub(super) fn is_place(menu: &str, now: &[Record], at: &Place, wanted: &Place) -> bool {
    match (at, wanted) {
        (Place::Last, Place::Last) => true,
        (Place::Before(at), Place::Before(wanted)) => {
            find(menu, now, wanted).and_then(Record::id).as_ref() == Some(&at.id)
        }
        _ => false,
    }
}

/// A value for a message.
pub(super) fn shown(name: &str, value: Option<&str>) -> String {
    match value {
        Some(_) if is_sensitive(name) => format!("another {name}"),
        Some(value) => format!("{name}={value:?}"),
        None => format!("no {name}"),
    }
}

/// Whether the router is as it was when the step was planned: what is there now, if not. Holds no
/// secret.
pub(super) fn stands_before(step: &Step, now: &[Record]) -> Result<(), String> {
    let menu = &*step.menu;
    if step.verb == Verb::Add {
        return may_be_added(step, now);
    }
    let record = match &step.item {
        None => now.first(),
        Some(item) => find(menu, now, item),
    };
    let record = record.ok_or("the item is gone")?;
    let expected = match (step.verb, &step.item) {
        (Verb::Set, _) => Some((&step.after, &step.before)),
        (Verb::Remove, Some(item)) => Some((&item.content, &item.content)),
        _ => None,
    };
    if let Some((names, values)) = expected {
        let mut names = names.iter().map(|(name, _)| name);
        if let Some(name) = names.find(|name| !alike(menu, name, record, values)) {
            return Err(format!("it has {} now", shown(name, record.get(name))));
        }
    }
    if let (Verb::Move, Some(from), Some(id)) = (step.verb, &step.from, record.id())
        && !is_place(menu, now, &successor(menu, now, &id), from)
    {
        return Err("the order is another one now".to_owned());
    }
    Ok(())
}

fn may_be_added(step: &Step, now: &[Record]) -> Result<(), String> {
    let menu = &*step.menu;
    let mut all = now.iter();
    if all.any(|record| is_identical(menu, record, &step.after)) {
        return Err("what is to be added has come to be there".to_owned());
    }
    let place = step.to.iter();
    for place in place {
        referred(menu, now, place)
            .map_err(|Gone| "the item it is to be put before is gone".to_owned())?;
    }
    Ok(())
}

/// The command that does a step.
pub(super) fn command(step: &Step, now: &[Record]) -> Result<Command, Error> {
    let menu = &*step.menu;
    let path = |verb: &str| format!("{menu}/{verb}");
    let id = match &step.item {
        Some(item) => find(menu, now, item).and_then(Record::id),
        None => None,
    };
    let gone = || Error::NoSuchItem {
        command: path(verb(step.verb)),
    };
    let place = match &step.to {
        Some(place) => referred(menu, now, place).map_err(|Gone| gone())?,
        None => None,
    };
    Ok(match step.verb {
        Verb::Add => add(menu, &step.after, place.as_ref()),
        Verb::Set => match (&step.item, id) {
            (None, _) => filled(Command::new(path("set")), &step.after),
            (Some(_), Some(id)) => set(menu, &id, &step.after),
            (Some(_), None) => return Err(gone()),
        },
        Verb::Remove => remove(menu, &id.ok_or_else(gone)?),
        Verb::Move => put(menu, &id.ok_or_else(gone)?, place.as_ref()),
    })
}

pub(super) fn add(menu: &str, values: &Record, before: Option<&Id>) -> Command {
    let command = filled(Command::new(format!("{menu}/add")), values);
    match before {
        Some(before) => command.with("place-before", before.as_str()),
        None => command,
    }
}

pub(super) fn set(menu: &str, id: &Id, values: &Record) -> Command {
    let command = Command::new(format!("{menu}/set")).with(".id", id.as_str());
    filled(command, values)
}

pub(super) fn remove(menu: &str, id: &Id) -> Command {
    Command::new(format!("{menu}/remove")).with(".id", id.as_str())
}

pub(super) fn put(menu: &str, id: &Id, before: Option<&Id>) -> Command {
    let command = Command::new(format!("{menu}/move")).with("numbers", id.as_str());
    match before {
        Some(before) => command.with("destination", before.as_str()),
        None => command,
    }
}

pub(super) fn filled(command: Command, values: &Record) -> Command {
    values
        .iter()
        .fold(command, |command, (name, value)| command.with(name, value))
}

pub(super) fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Add => "add",
        Verb::Set => "set",
        Verb::Remove => "remove",
        Verb::Move => "move",
    }
}

/// Whether a step took: what is not as it should be, if it did not.
pub(super) fn stands_after(step: &Step, now: &[Record]) -> Result<(), String> {
    let menu = &*step.menu;
    let record = match (&step.item, step.verb) {
        (None, Verb::Add) => {
            let there = |record: &&Record| has_all(menu, record, &step.after);
            let mut all = now.iter().rev();
            let near = |record: &&Record| is_identical(menu, record, &step.after);
            all.clone().find(there).or_else(|| all.find(near))
        }
        (None, _) => now.first(),
        (Some(item), Verb::Set) => position(now, &item.id)
            .and_then(|place| now.get(place))
            .or_else(|| find(menu, now, item)),
        (Some(item), _) => find(menu, now, item),
    };
    if step.verb == Verb::Remove {
        let item = step.item.iter();
        let left = item
            .flat_map(|item| now.iter().filter(|r| equals(menu, r, &item.content)))
            .count();
        let gone = left <= step.twins;
        return if gone {
            Ok(())
        } else {
            Err("the item is still there".to_owned())
        };
    }
    let Some(record) = record else {
        return Err("the item is not there".to_owned());
    };
    let unread = |name: &str| is_sensitive(name) && record.get(name).is_none();
    let mut given = step.after.iter();
    let wrong = given.find(|(name, _)| !(unread(name) || alike(menu, name, record, &step.after)));
    if let Some((name, _)) = wrong {
        let has = shown(name, value(menu, record, name));
        return Err(format!("it has {has}"));
    }
    let (Some(to), Some(id)) = (&step.to, record.id()) else {
        return Ok(());
    };
    if is_place(menu, now, &successor(menu, now, &id), to) {
        Ok(())
    } else {
        Err("it is at another place".to_owned())
    }
}
