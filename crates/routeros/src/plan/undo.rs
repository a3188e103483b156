//! Taking back what a plan did.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
};

use serde::{Deserialize, Serialize};

use super::{
    Item, Place, Step, Verb,
    draft::{equals, has_all, is_identical, successor},
    hands::{Hands, Session},
    steps::{self, by_content, by_id, find, is_place, read, shown},
    value::{alike, blank},
};
use crate::{Command, Error, Id, Record, Router, Version};

/// What takes back the steps of a plan. Keep it where secrets are kept: it holds the values that
/// were there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The tag of what is ours.
    pub tag: String,
    /// The version the plan was made for, as text.
    pub version: String,
    /// The steps that were done or begun, in the order they were done in. Only of the last one
    /// it may be that it was not done.
    pub steps: Vec<Step>,
}

/// What taking back did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// How many steps were taken back.
    pub steps: usize,
    /// How many needed nothing: they had not been done, or were taken back before.
    pub nothing: usize,
    /// What was left as somebody else has made it since.
    pub left: Vec<Left>,
}

/// Something that was not taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The menu.
    pub menu: String,
    /// What is left, and why. Holds no secret.
    pub why: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.menu, self.why)
    }
}

/// Takes back what a plan did, last step first. What somebody else has changed since is left as
/// it is, and said.
///
/// What is taken back is taken off `undo`. When that breaks off, what is left of it takes back
/// the rest; a step that turns out to be taken back already does no harm.
///
/// # Errors
///
/// What the router says, except that something is no longer there.
pub async fn undo(router: &Router, undo: &mut Undo) -> Result<Undone, Error> {
    let never = || std::future::ready(Err(Error::NotSupported(String::new())));
    let (undone, ended) = take_back(&mut Session::new(router, never), undo).await;
    ended.map(|()| undone)
}

impl Undo {
    pub(super) fn new(tag: &str, version: Version) -> Self {
        Self {
            tag: tag.to_owned(),
            version: version.to_string(),
            steps: Vec::new(),
        }
    }
}

/// What is learnt on the way back.
#[derive(Default)]
struct Way {
    /// The `.id`s of items that were put back, by the ones they had.
    renamed: BTreeMap<Id, Id>,
    /// Items of ours that stay: they do not count as a change of the order.
    stay: BTreeSet<Id>,
}

/// What became of one step.
enum Was {
    Undone,
    Nothing,
    Left(String),
}

/// Takes back as much as goes, and says with what it ended.
pub(super) async fn take_back<H: Hands>(
    hands: &mut H,
    undo: &mut Undo,
) -> (Undone, Result<(), Error>) {
    let mut undone = Undone::default();
    let mut way = Way::default();
    while let Some(step) = undo.steps.last() {
        let step = with_new_ids(step, &way.renamed);
        match one(hands, &step, &mut way).await {
            Ok(Was::Undone) => undone.steps += 1,
            Ok(Was::Nothing) => undone.nothing += 1,
            Ok(Was::Left(why)) => undone.left.push(Left {
                menu: step.menu.clone(),
                why,
            }),
            Err(error) => {
                // Whoever goes on with the rest knows nothing of the new `.id`s.
                for step in &mut undo.steps {
                    *step = with_new_ids(step, &way.renamed);
                }
                return (undone, Err(error));
            }
        }
        undo.steps.pop();
    }
    (undone, Ok(()))
}

/// An item that was put back has another `.id` than the steps before it know.
fn with_new_ids(step: &Step, renamed: &BTreeMap<Id, Id>) -> Step {
    let mut step = step.clone();
    let rename = |item: &mut Item| {
        if let Some(new) = renamed.get(&item.id) {
            item.id = new.clone();
        }
    };
    if let Some(item) = &mut step.item {
        rename(item);
    }
    for place in [&mut step.from, &mut step.to] {
        if let Some(Place::Before(item)) = place {
            rename(item);
        }
    }
    step
}

async fn one<H: Hands>(hands: &mut H, step: &Step, way: &mut Way) -> Result<Was, Error> {
    let now = match read(hands, &step.menu).await {
        Err(Error::NoSuchCommand { .. }) => {
            return Ok(Was::Left("the router no longer has this menu".to_owned()));
        }
        other => other?,
    };
    match step.verb {
        Verb::Add => added(hands, step, &now, way).await,
        Verb::Set => was_set(hands, step, &now).await,
        Verb::Remove => removed(hands, step, &now, way).await,
        Verb::Move => moved(hands, step, &now, way).await,
    }
}

async fn added<H: Hands>(
    hands: &mut H,
    step: &Step,
    now: &[Record],
    way: &mut Way,
) -> Result<Was, Error> {
    let menu = &*step.menu;
    let ours = |record: &&Record| is_identical(menu, record, &step.after);
    let Some(record) = now.iter().rev().find(ours) else {
        return Ok(Was::Nothing);
    };
    let exact = now
        .iter()
        .rev()
        .find(|record| has_all(menu, record, &step.after));
    let Some(id) = exact.and_then(Record::id) else {
        let names = step.after.iter().map(|(name, _)| name);
        let changed: Vec<String> = names
            .filter(|name| !alike(menu, name, record, &step.after))
            .map(|name| shown(name, record.get(name)))
            .collect();
        way.stay.extend(record.id());
        return Ok(Was::Left(format!(
            "an item that was added has been changed since ({})",
            changed.join(", ")
        )));
    };
    hands.call(&steps::remove(menu, &id)).await?;
    Ok(Was::Undone)
}

async fn was_set<H: Hands>(hands: &mut H, step: &Step, now: &[Record]) -> Result<Was, Error> {
    let menu = &*step.menu;
    let record = match &step.item {
        None => now.first(),
        Some(item) => {
            // It has the values it was given, and may be known by them.
            let mut given = item.clone();
            for (name, value) in step.after.iter() {
                given.content.set(name, value);
            }
            // Its like may stand beside it: another one can have the values it was to be given.
            by_id(menu, now, &given)
                .or_else(|| by_id(menu, now, item))
                .or_else(|| by_content(menu, now, &given))
                .or_else(|| by_content(menu, now, item))
        }
    };
    let Some(record) = record else {
        return Ok(Was::Left(
            "an item that was changed is no longer there".to_owned(),
        ));
    };
    let (mut back, mut blanks, mut left) = (Record::new(), Vec::new(), Vec::new());
    for (name, _) in step.after.iter() {
        if alike(menu, name, record, &step.before) {
            continue;
        }
        if !alike(menu, name, record, &step.after) {
            left.push(shown(name, record.get(name)));
        } else if let Some(old) = step.before.get(name).or_else(|| blank(menu, name)) {
            back.set(name, old);
        } else {
            blanks.push(name);
        }
    }
    let nothing = back.is_empty() && blanks.is_empty();
    if !back.is_empty() {
        let command = match record.id() {
            Some(id) => steps::set(menu, &id, &back),
            None => steps::filled(Command::new(format!("{menu}/set")), &back),
        };
        hands.call(&command).await?;
    }
    for name in blanks {
        let mut command = Command::new(format!("{menu}/unset"));
        if let Some(id) = record.id() {
            command = command.with(".id", id.as_str());
        }
        hands.call(&command.with("value-name", name)).await?;
    }
    Ok(if !left.is_empty() {
        Was::Left(format!("it has been changed since ({})", left.join(", ")))
    } else if nothing {
        Was::Nothing
    } else {
        Was::Undone
    })
}

async fn removed<H: Hands>(
    hands: &mut H,
    step: &Step,
    now: &[Record],
    way: &mut Way,
) -> Result<Was, Error> {
    let menu = &*step.menu;
    let Some(item) = &step.item else {
        return Ok(Was::Nothing);
    };
    let equal = |record: &&Record| equals(menu, record, &item.content);
    if now.iter().filter(equal).count() > step.twins {
        return Ok(Was::Nothing);
    }
    let before = match &step.from {
        Some(Place::Before(next)) => find(menu, now, next).and_then(Record::id),
        _ => None,
    };
    let values: Record = item
        .content
        .iter()
        .filter(|(name, value)| is_given(name, value))
        .collect();
    let answer = hands
        .call(&steps::add(menu, &values, before.as_ref()))
        .await?;
    if let Some(id) = answer.returned() {
        way.renamed.insert(item.id.clone(), Id::new(id));
    }
    Ok(Was::Undone)
}

/// Whether a property of a removed item is given when it is added again. Those that only the
/// router sets are not, nor those without a value.
fn is_given(name: &str, value: &str) -> bool {
    !super::draft::is_volatile(name) && !value.is_empty()
}

async fn moved<H: Hands>(
    hands: &mut H,
    step: &Step,
    now: &[Record],
    way: &Way,
) -> Result<Was, Error> {
    let menu = &*step.menu;
    let item = step.item.as_ref();
    let found = item.and_then(|item| find(menu, now, item));
    let (Some(id), Some(from), Some(to)) = (found.and_then(Record::id), &step.from, &step.to)
    else {
        return Ok(Was::Left(
            "an item that was moved is no longer there".to_owned(),
        ));
    };
    let counted: Vec<Record> = now
        .iter()
        .filter(|record| record.id().is_none_or(|id| !way.stay.contains(&id)))
        .cloned()
        .collect();
    let at = successor(menu, &counted, &id);
    if is_place(menu, now, &at, from) {
        return Ok(Was::Nothing);
    }
    let target = match from {
        Place::Last => None,
        Place::Before(next) => match find(menu, now, next).and_then(Record::id) {
            Some(next) => Some(next),
            None => return Ok(Was::Left("what the item stood before is gone".to_owned())),
        },
    };
    if !is_place(menu, now, &at, to) {
        return Ok(Was::Left("the order has been changed since".to_owned()));
    }
    hands.call(&steps::put(menu, &id, target.as_ref())).await?;
    Ok(Was::Undone)
}

/// Like [`undo`], over a connection that is made anew when it is lost midway.
///
/// # Errors
///
/// What the router says, or why it could not be reached again.
pub async fn undo_persistently<R, F>(
    router: &Router,
    undo: &mut Undo,
    reconnect: R,
) -> Result<Undone, Error>
where
    R: FnMut() -> F,
    F: Future<Output = Result<Router, Error>>,
{
    let mut session = Session::new(router, reconnect);
    let mut all = Undone::default();
    for _ in 0..2 {
        let (undone, ended) = take_back(&mut session, undo).await;
        all.steps += undone.steps;
        all.nothing += undone.nothing;
        all.left.extend(undone.left);
        match ended {
            Ok(()) => return Ok(all),
            Err(error) if error.is_fatal() => session.reconnect().await?,
            Err(error) => return Err(error),
        }
    }
    let (undone, ended) = take_back(&mut session, undo).await;
    all.steps += undone.steps;
    all.left.extend(undone.left);
    ended.map(|()| all)
}
