//! Which menus, commands and arguments a version has: what its routers say of themselves.

mod change;

pub(crate) use change::holds;

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::Value;

use crate::{Board, Release};

/// What routers of each version say of themselves, oldest first.
const COLLECTED: [&[u8]; 6] = [
    include_bytes!("../schema/7.9.2.json"),
    include_bytes!("../schema/7.12.2.json"),
    include_bytes!("../schema/7.15.json"),
    include_bytes!("../schema/7.18.2.json"),
    include_bytes!("../schema/7.20.8.json"),
    include_bytes!("../schema/7.24.json"),
];

/// The same, read.
static READ: [OnceLock<Result<Node, String>>; 6] = [const { OnceLock::new() }; 6];

/// What a word of a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Menu,
    Command,
    Argument,
}

/// A menu, a command, or an argument.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Of an argument: what values it takes, in the router's words.
    pub(crate) description: Option<String>,
    pub(crate) children: BTreeMap<String, Node>,
}

impl Node {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            description: None,
            children: BTreeMap::new(),
        }
    }

    /// A command of this menu.
    pub(crate) fn command(&self, name: &str) -> Option<&Self> {
        let node = self.children.get(name)?;
        (node.kind == Kind::Command).then_some(node)
    }

    fn read(value: &Value) -> Self {
        let kind = match value.get("_type").and_then(Value::as_str) {
            Some("cmd") => Kind::Command,
            Some("arg") => Kind::Argument,
            _ => Kind::Menu,
        };
        let mut node = Self::new(kind);
        for (name, child) in value.as_object().into_iter().flatten() {
            match child {
                Value::String(text) if name == "desc" => node.description = Some(text.clone()),
                Value::Object(_) => {
                    node.children.insert(name.clone(), Self::read(child));
                }
                _ => {}
            }
        }
        node
    }
}

/// All menus of one version.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    root: Node,
}

impl Schema {
    pub(crate) fn of(release: Release, board: Board) -> Result<Self, String> {
        let mut schema = Self::bundled(release)?;
        change::apply(&mut schema, release, board)?;
        Ok(schema)
    }

    /// The tree as it was collected. RouterOS 6 begins with the oldest of 7.
    fn bundled(release: Release) -> Result<Self, String> {
        let at = match release {
            Release::V6_42 | Release::V6_45 | Release::V6_49 | Release::V7_9 => 0,
            Release::V7_12 => 1,
            Release::V7_15 => 2,
            Release::V7_18 => 3,
            Release::V7_20 => 4,
            Release::V7_24 => 5,
        };
        let read = || {
            let value: Value = serde_json::from_slice(COLLECTED[at])
                .map_err(|error| format!("the schema of {release} is broken: {error}"))?;
            Ok(Node::read(&value))
        };
        let root = READ[at].get_or_init(read).clone()?;
        Ok(Self { root })
    }

    /// The root of all menus.
    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    /// What is at a path with slashes. An empty one is the root.
    pub(crate) fn node(&self, path: &str) -> Option<&Node> {
        words(path).try_fold(&self.root, |node, word| node.children.get(word))
    }

    fn node_mut(&mut self, path: &str) -> Option<&mut Node> {
        words(path).try_fold(&mut self.root, |node, word| node.children.get_mut(word))
    }

    /// The node at a path, made of menus where there is none.
    fn made(&mut self, path: &str) -> &mut Node {
        words(path).fold(&mut self.root, |node, word| {
            let place = node.children.entry(word.to_owned());
            place.or_insert_with(|| Node::new(Kind::Menu))
        })
    }

    /// The paths of all menus, with a slash before each.
    pub(crate) fn menus(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![(String::new(), &self.root)];
        while let Some((path, node)) = open.pop() {
            for (name, child) in &node.children {
                if child.kind == Kind::Menu {
                    open.push((format!("{path}/{name}"), child));
                }
            }
            if !path.is_empty() {
                found.push(path);
            }
        }
        found.sort();
        found
    }
}

fn words(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
