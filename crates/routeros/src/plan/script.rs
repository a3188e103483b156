//! A plan as a RouterOS script.

use std::{fmt::Write as _, net::IpAddr};

use super::{Item, Place, Plan, Step, Verb, draft::is_volatile, menu};
use crate::{Record, Version, secret::is_sensitive};

/// Whether a script holds the secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// A placeholder stands for each.
    Placeholders,
    /// They are there, in the clear.
    Shown,
}

impl Plan {
    /// The plan as a script for this router and its version: for `/import`, or to be pasted line
    /// by line. Items are found by what they are, not by number. Each step is one line; comments
    /// have lines of their own, since RouterOS takes none behind a continued line.
    pub fn script(&self, secrets: Secrets) -> String {
        let mut text = format!("# For RouterOS {}.\n", self.version);
        for step in &self.steps {
            // A reason never holds a line end, but what it cites might.
            let why: String = step.why.chars().filter(|c| !c.is_control()).collect();
            writeln!(text, "# {why}").unwrap_or_default();
            writeln!(text, "{}", line(step, self.version, secrets)).unwrap_or_default();
        }
        text
    }
}

/// The way a version's console writes a menu: `/ppp aaa`, from RouterOS 7 on `/ppp/aaa`.
fn path(menu: &str, version: Version) -> String {
    if version.is_at_least(7, 0) {
        return menu.to_owned();
    }
    let words = menu.trim_start_matches('/').replace('/', " ");
    format!("/{words}")
}

fn line(step: &Step, version: Version, secrets: Secrets) -> String {
    let path = path(&step.menu, version);
    let values = values(&step.after, secrets);
    let found = step.item.as_ref().map(|item| find(step, item, &path));
    match (step.verb, found) {
        (Verb::Add, _) => {
            let place = before(step, &path)
                .map_or_else(String::new, |at| format!(" place-before=[:pick [{at}] 0]"));
            format!("{path} add{values}{place}")
        }
        (Verb::Set, None) => format!("{path} set{values}"),
        (Verb::Set, Some(found)) => format!("{path} set [{found}]{values}"),
        (Verb::Remove, found) => {
            // Only the first of several that are alike.
            let found = found.unwrap_or_default();
            format!("{path} remove [:pick [{found}] 0]")
        }
        (Verb::Move, found) => {
            let found = found.unwrap_or_default();
            let to = before(step, &path)
                .map_or_else(String::new, |at| format!(" destination=[:pick [{at}] 0]"));
            format!("{path} move [:pick [{found}] 0]{to}")
        }
    }
}

fn before(step: &Step, path: &str) -> Option<String> {
    match step.to.as_ref()? {
        Place::Before(item) => Some(find(step, item, path)),
        Place::Last => None,
    }
}

/// The `find` that finds an item, by what tells it from the others.
fn find(step: &Step, item: &Item, path: &str) -> String {
    let identity = menu::of(&step.menu).map_or(&[][..], |menu| menu.identity);
    let by_identity = has_any(&item.content, identity);
    let tests: Vec<String> = item
        .content
        .iter()
        .filter(|(name, _)| !is_volatile(name) && !is_sensitive(name) && *name != "disabled")
        .filter(|(name, _)| !by_identity || identity.contains(name) || step.menu.contains("filter"))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| test(name, value))
        .collect();
    format!("{path} find where {}", tests.join(" and "))
}

fn has_any(content: &Record, names: &[&str]) -> bool {
    let mut names = names.iter();
    names.any(|name| content.get(name).is_some_and(|value| !value.is_empty()))
}

/// A test of one property. An address is compared as a text: in some menus it is one, in others
/// it is not and never equals one. A boolean is one everywhere.
fn test(name: &str, value: &str) -> String {
    match value.parse() {
        // A dot stands for any character, but four numbers have no room for another one.
        Ok(IpAddr::V4(address)) => return format!("{name}~\"^{address}\\$\""),
        Ok(IpAddr::V6(address)) => return format!("{name}~\"^{address}(/128)?\\$\""),
        Err(_) => {}
    }
    match value {
        "true" | "yes" => format!("{name}=yes"),
        "false" | "no" => format!("{name}=no"),
        text => format!("{name}={}", quoted(text)),
    }
}

fn values(values: &Record, secrets: Secrets) -> String {
    let mut text = String::new();
    for (name, value) in values.iter() {
        let value = if is_sensitive(name) && secrets == Secrets::Placeholders && value != "radsec" {
            format!("\"PUT-THE-{}-HERE\"", name.to_uppercase())
        } else if is_bare(value) {
            value.to_owned()
        } else {
            quoted(value)
        };
        write!(text, " {name}={value}").unwrap_or_default();
    }
    text
}

/// Whether a value needs no quotes.
pub(crate) fn is_bare(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".,:-_/".contains(c);
    !value.is_empty() && value.chars().all(plain)
}

/// A text in quotes, with what means something there escaped.
pub(crate) fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for octet in value.bytes() {
        match octet {
            b'"' | b'\\' | b'$' | b'?' => {
                text.push('\\');
                text.push(char::from(octet));
            }
            0x20..=0x7e => text.push(char::from(octet)),
            other => write!(text, "\\{other:02X}").unwrap_or_default(),
        }
    }
    text.push('"');
    text
}
