//! Changes to the collected trees, as `changes.txt` lists them.

use crate::{
    Board, Release,
    schema::{Kind, Node, Schema},
};

const CHANGES: &str = include_str!("changes.txt");

/// Makes a collected tree that of a version and device.
pub(super) fn apply(schema: &mut Schema, release: Release, board: Board) -> Result<(), String> {
    for (at, line) in CHANGES.lines().enumerate() {
        let mut words = line.split_whitespace();
        let Some(when) = words.next().filter(|word| !word.starts_with('#')) else {
            continue;
        };
        let wrong = |what: &str| format!("changes.txt, line {}: {what}", at + 1);
        if !holds(when, release, board).ok_or_else(|| wrong("no such condition"))? {
            continue;
        }
        let (Some(operation), Some(path)) = (words.next(), words.next()) else {
            return Err(wrong("an operation and a path must follow the condition"));
        };
        let rest: Vec<&str> = words.collect();
        one(schema, operation, path, &rest).map_err(|what| wrong(&what))?;
    }
    Ok(())
}

/// Whether a condition such as `7.13-@hAP-ax2` holds. `None` where it is not one.
pub(crate) fn holds(when: &str, release: Release, board: Board) -> Option<bool> {
    let (versions, device) = match when.split_once('@') {
        Some((versions, device)) => (versions, Some(Board::named(device)?)),
        None => (when, None),
    };
    if device.is_some_and(|device| device != board) {
        return Some(false);
    }
    if versions == "*" {
        return Some(true);
    }
    let numbers = release.numbers();
    let Some((low, high)) = versions.split_once('-') else {
        let (major, minor) = version(versions)?;
        return Some(numbers.0 == major && minor.is_none_or(|minor| numbers.1 == minor));
    };
    let above = match low {
        "" => true,
        low => {
            let (major, minor) = version(low)?;
            numbers >= (major, minor.unwrap_or(0))
        }
    };
    let below = match high {
        "" => true,
        high => {
            let (major, minor) = version(high)?;
            numbers <= (major, minor.unwrap_or(u16::MAX))
        }
    };
    Some(above && below)
}

fn version(text: &str) -> Option<(u16, Option<u16>)> {
    match text.split_once('.') {
        Some((major, minor)) => Some((major.parse().ok()?, Some(minor.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

fn one(schema: &mut Schema, operation: &str, path: &str, words: &[&str]) -> Result<(), String> {
    let (parent, last) = path.rsplit_once('/').ok_or("a path begins with a slash")?;
    match operation {
        "list" => build(schema, path, words, &LIST),
        "items" => build(schema, path, words, &ITEMS),
        "one" => build(schema, path, words, &ONE),
        "shown" => build(schema, path, words, &["get", "print"]),
        "shows" => build(schema, path, words, &["find", "get", "print"]),
        "command" => {
            let node = command(words);
            schema.made(parent).children.insert(last.to_owned(), node);
        }
        "drop" => {
            if let Some(node) = schema.node_mut(parent) {
                node.children.remove(last);
            }
        }
        "with" | "without" | "says" => arguments(schema, operation, path, words),
        "take" => {
            let name = words.first().copied().unwrap_or_default();
            let release = Release::named(name).ok_or("take needs a version")?;
            let other = Schema::bundled(release)?;
            let node = other.node(path).ok_or("that version has no such menu")?;
            schema
                .made(parent)
                .children
                .insert(last.to_owned(), node.clone());
        }
        _ => return Err(format!("no such operation: {operation}")),
    }
    Ok(())
}

const LIST: [&str; 13] = [
    "add", "comment", "disable", "edit", "enable", "export", "find", "get", "move", "print",
    "remove", "reset", "set",
];
const ITEMS: [&str; 9] = [
    "comment", "disable", "edit", "enable", "export", "find", "get", "print", "set",
];
const ONE: [&str; 5] = ["edit", "export", "get", "print", "set"];

/// Puts commands into a menu, with the arguments that each has everywhere.
fn build(schema: &mut Schema, path: &str, words: &[&str], commands: &[&str]) {
    let is_list = commands.contains(&"find");
    let node = schema.made(path);
    node.children.retain(|_, child| child.kind == Kind::Menu);
    for name in commands {
        let mut known: Vec<&str> = match *name {
            "add" => vec!["comment", "copy-from", "disabled", "place-before"],
            "comment" => vec!["comment", "numbers"],
            "disable" | "enable" | "remove" => vec!["numbers"],
            "edit" | "get" => vec!["number", "value-name"],
            "export" => vec!["compact", "file", "hide-sensitive", "terse", "verbose"],
            "find" => vec!["where"],
            "move" => vec!["destination", "numbers"],
            "print" if is_list => vec!["count-only", "detail", "follow", "follow-only", "where"],
            "set" | "reset" if is_list => vec!["comment", "disabled", "numbers"],
            _ => vec![],
        };
        if matches!(*name, "add" | "set" | "reset") {
            known.extend(words);
        }
        node.children.insert((*name).to_owned(), command(&known));
    }
}

fn command(arguments: &[&str]) -> Node {
    let mut node = Node::new(Kind::Command);
    for argument in arguments {
        let child = Node::new(Kind::Argument);
        node.children.insert((*argument).to_owned(), child);
    }
    node
}

fn arguments(schema: &mut Schema, operation: &str, path: &str, words: &[&str]) {
    let Some(menu) = schema.node_mut(path) else {
        return;
    };
    for name in ["add", "set", "reset"] {
        let Some(command) = menu.children.get_mut(name) else {
            continue;
        };
        match operation {
            "with" => {
                for word in words {
                    let child = Node::new(Kind::Argument);
                    command.children.insert((*word).to_owned(), child);
                }
            }
            "without" => command
                .children
                .retain(|name, _| !words.contains(&name.as_str())),
            _ => {
                let Some((argument, description)) = words.split_first() else {
                    continue;
                };
                if let Some(node) = command.children.get_mut(*argument) {
                    node.description = Some(description.join(" "));
                }
            }
        }
    }
}
