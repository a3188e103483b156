//! A plan as a readable diff, and as JSON.

use std::fmt::{self, Write as _};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::{Item, Note, Place, Plan, Step, Verb, menu};
use crate::{Record, secret::is_sensitive};

const HIDDEN: &str = "(secret)";

/// One line of a step: its sign, the property, and the value or both values.
struct Line {
    sign: char,
    name: String,
    value: String,
}

impl fmt::Display for Plan {
    /// A block for each step, under its menu: `+` for what is added, `-` for what is removed, `~`
    /// for what changes or moves. Secrets are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            writeln!(f, "Nothing to change: the router is as wanted.")?;
        }
        let mut menu = "";
        for step in &self.steps {
            if step.menu != menu {
                writeln!(f, "{}", step.menu)?;
                menu = &step.menu;
            }
            block(f, step)?;
        }
        if !self.notes.is_empty() {
            writeln!(f, "Notes")?;
        }
        for Note { menu, text } in &self.notes {
            writeln!(f, "  {menu}: {text}")?;
        }
        Ok(())
    }
}

fn block(f: &mut fmt::Formatter<'_>, step: &Step) -> fmt::Result {
    writeln!(f, "  # {}", step.why)?;
    if let Some(title) = title(step) {
        writeln!(f, "  {} {title}", sign(step.verb))?;
    }
    let lines = lines(step);
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let indent = if step.item.is_some() { "    " } else { "  " };
    for Line { sign, name, value } in lines {
        let line = format!("{indent}{sign} {name:<width$}  {value}");
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

fn sign(verb: Verb) -> char {
    match verb {
        Verb::Add => '+',
        Verb::Remove => '-',
        Verb::Set | Verb::Move => '~',
    }
}

/// What item a step is about.
fn title(step: &Step) -> Option<String> {
    let item = step.item.as_ref()?;
    let name = name_of(&step.menu, item);
    Some(match step.verb {
        Verb::Move => format!("{name}: {}", place(&step.menu, step.to.as_ref())),
        _ => name,
    })
}

/// An item by what tells it from the others.
pub(super) fn name_of(menu: &str, item: &Item) -> String {
    let identity = menu::of(menu).map_or(&[][..], |menu| menu.identity);
    let parts: Vec<String> = identity
        .iter()
        .filter_map(|name| Some((name, item.content.get(name)?)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", plain(value)))
        .collect();
    if parts.is_empty() {
        item.id.to_string()
    } else {
        parts.join(" ")
    }
}

/// A value on one line, however hostile.
fn plain(value: &str) -> String {
    let awkward = |c: char| c.is_control() || c == '"' || c.is_whitespace();
    if value.is_empty() || value.contains(awkward) {
        format!("{value:?}")
    } else {
        value.to_owned()
    }
}

fn place(menu: &str, to: Option<&Place>) -> String {
    match to {
        Some(Place::Before(item)) => format!("before {}", name_of(menu, item)),
        Some(Place::Last) => "last".to_owned(),
        None => String::new(),
    }
}

fn masked(name: &str, value: Option<&str>) -> String {
    match value {
        Some(_) if is_sensitive(name) => HIDDEN.to_owned(),
        Some(value) => plain(value),
        None => "(none)".to_owned(),
    }
}

fn lines(step: &Step) -> Vec<Line> {
    let line = |sign: char, name: &str, value: String| Line {
        sign,
        name: name.to_owned(),
        value,
    };
    match step.verb {
        Verb::Add => {
            let all = step.after.iter();
            let mut lines: Vec<Line> = all
                .map(|(name, value)| line('+', name, masked(name, Some(value))))
                .collect();
            if step.to.is_some() {
                lines.push(line('+', "(place)", place(&step.menu, step.to.as_ref())));
            }
            lines
        }
        Verb::Set => {
            let changes = step.after.iter().map(|(name, new)| {
                let (old, new) = (masked(name, step.before.get(name)), masked(name, Some(new)));
                let value = if is_sensitive(name) {
                    "(changes)".to_owned()
                } else {
                    format!("{old} -> {new}")
                };
                line('~', name, value)
            });
            changes.collect()
        }
        Verb::Remove | Verb::Move => Vec::new(),
    }
}

/// A record without its secrets.
struct Masked<'a>(&'a Record);

impl Serialize for Masked<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| {
            let value = if is_sensitive(name) { HIDDEN } else { value };
            (name, value)
        }))
    }
}

struct Shown<'a>(&'a Step);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let step = self.0;
        let mut out = to.serialize_struct("Step", 7)?;
        out.serialize_field("menu", &step.menu)?;
        out.serialize_field("verb", &step.verb)?;
        let item = step.item.as_ref().map(|item| name_of(&step.menu, item));
        out.serialize_field("item", &item)?;
        out.serialize_field("before", &Masked(&step.before))?;
        out.serialize_field("after", &Masked(&step.after))?;
        let to = step.to.as_ref().map(|to| place(&step.menu, Some(to)));
        out.serialize_field("place", &to)?;
        out.serialize_field("why", &step.why)?;
        out.end()
    }
}

impl Serialize for Plan {
    /// `version`, `steps` and `notes`; secrets are left out.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut out = to.serialize_struct("Plan", 3)?;
        out.serialize_field("version", &self.version.to_string())?;
        let steps: Vec<Shown<'_>> = self.steps.iter().map(Shown).collect();
        out.serialize_field("steps", &steps)?;
        out.serialize_field("notes", &self.notes)?;
        out.end()
    }
}

impl Plan {
    /// One line for each step, without values.
    pub fn summary(&self) -> Vec<String> {
        let one = |step: &Step| {
            let mut text = format!("{} {}", sign(step.verb), step.menu);
            if let Some(item) = &step.item {
                write!(text, " {}", name_of(&step.menu, item)).unwrap_or_default();
            }
            text
        };
        self.steps.iter().map(one).collect()
    }
}
