//! What menus hold from the factory, what their arguments are, and what names their items.

mod factory;

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::{
    Board, Record, Release,
    schema::{self, Schema},
    table::Table,
    value::Kind,
};

const MENUS: &str = include_str!("menu/menus.txt");

/// One menu of this version.
#[derive(Debug, Default)]
pub(crate) struct Menu {
    one: bool,
    /// The property that names items.
    pub(crate) key: Option<String>,
    /// Properties that items cannot have in common, each group together.
    pub(crate) unique: Vec<Vec<String>>,
    /// Properties for those with the policy `sensitive`.
    pub(crate) secrets: HashSet<String>,
    kinds: HashMap<String, Kind>,
    arguments: BTreeSet<String>,
    new: Record,
    has: Record,
    items: Vec<Record>,
}

impl Menu {
    /// Whether the menu is one item and not a list.
    pub(crate) fn is_one(&self) -> bool {
        self.one
    }

    /// Whether a property is one that a user can set.
    pub(crate) fn is_argument(&self, name: &str) -> bool {
        self.arguments.contains(name)
    }
}

/// All menus of this version.
#[derive(Debug, Default)]
pub(crate) struct Menus {
    menus: HashMap<String, Menu>,
    everywhere: HashMap<String, Kind>,
}

impl Menus {
    pub(crate) fn of(release: Release, board: Board, schema: &Schema) -> Result<Self, String> {
        let mut menus = Self::default();
        for path in schema.menus() {
            menus.menus.insert(path.clone(), empty(schema, &path));
        }
        let mut current = String::new();
        for (at, line) in MENUS.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with('/') {
                line.clone_into(&mut current);
                continue;
            }
            menus
                .line(&current, line, release, board)
                .map_err(|what| format!("menus.txt, line {}: {what}", at + 1))?;
        }
        Ok(menus)
    }

    fn line(
        &mut self,
        path: &str,
        line: &str,
        release: Release,
        board: Board,
    ) -> Result<(), String> {
        let line = match line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            Some((when, rest)) => {
                if !schema::holds(when, release, board).ok_or("no such condition")? {
                    return Ok(());
                }
                rest.trim()
            }
            None => line,
        };
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if path == "/*" {
            for (name, kind) in kinds(word, rest)? {
                self.everywhere.insert(name, kind);
            }
            return Ok(());
        }
        let Some(menu) = self.menus.get_mut(path) else {
            return Ok(());
        };
        match word {
            "key" => menu.key = Some(rest.to_owned()),
            "unique" => {
                let names = rest.split(' ').map(str::to_owned).collect();
                menu.unique.push(names);
            }
            "secret" => menu.secrets.extend(rest.split(' ').map(str::to_owned)),
            "new" => menu.take(rest, |menu| &mut menu.new),
            "has" => menu.take(rest, |menu| &mut menu.has),
            "item" => {
                let mut item = menu.values(rest);
                let missing: Vec<_> = menu
                    .new
                    .iter()
                    .filter(|(name, _)| item.get(name).is_none())
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                for (name, value) in missing {
                    item.set(name, value);
                }
                menu.items.push(item);
            }
            word if word.starts_with('@') => {
                let known = factory::items(word, release, board);
                menu.items.extend(known.ok_or("no such factory items")?);
            }
            word => menu.kinds.extend(kinds(word, rest)?),
        }
        Ok(())
    }

    /// A menu of this version.
    pub(crate) fn get(&self, path: &str) -> Option<&Menu> {
        self.menus.get(path)
    }

    /// What an argument is.
    pub(crate) fn kind(&self, path: &str, name: &str, description: Option<&str>) -> Kind {
        let own = self.menus.get(path).and_then(|menu| menu.kinds.get(name));
        if let Some(kind) = own {
            return kind.clone();
        }
        let described = description.and_then(Kind::described);
        let known = described.or_else(|| self.everywhere.get(name).cloned());
        known.unwrap_or_else(Kind::any)
    }

    /// The tables as they come from the factory.
    pub(crate) fn factory(&self) -> HashMap<String, Table> {
        let mut tables = HashMap::new();
        for (path, menu) in &self.menus {
            let mut table = Table {
                one: menu.has.clone(),
                ..Table::default()
            };
            for item in &menu.items {
                table.insert(item.clone(), false, None);
            }
            tables.insert(path.clone(), table);
        }
        tables
    }

    /// Values of a new item, with what is not given.
    pub(crate) fn completed(&self, path: &str, values: Record) -> Record {
        let mut values = values;
        if let Some(menu) = self.menus.get(path) {
            for (name, value) in menu.new.iter() {
                if values.get(name).is_none() {
                    values.set(name, value);
                }
            }
        }
        values
    }

    /// What a property is when it is unset. `None` where it is then not there.
    pub(crate) fn unset(&self, path: &str, name: &str) -> Option<String> {
        let menu = self.menus.get(path)?;
        let value = menu.new.get(name).or_else(|| menu.has.get(name));
        value.map(str::to_owned)
    }
}

impl Menu {
    /// `a=b c=d`: what the version does not know is left out, unless it has a `!` before it.
    fn values(&self, text: &str) -> Record {
        let mut record = Record::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let value = value.replace("%20", " ");
            match name.strip_prefix('!') {
                Some(name) => record.set(name, value),
                None if self.arguments.contains(name) => record.set(name, value),
                None => {}
            }
        }
        record
    }

    fn take(&mut self, text: &str, place: impl Fn(&mut Self) -> &mut Record) {
        let values = self.values(text);
        let place = place(self);
        values
            .iter()
            .for_each(|(name, value)| place.set(name, value));
    }
}

fn empty(schema: &Schema, path: &str) -> Menu {
    let mut menu = Menu::default();
    let Some(node) = schema.node(path) else {
        return menu;
    };
    menu.one = node.command("find").is_none() && node.command("add").is_none();
    for name in ["add", "set"] {
        let known = node.command(name).map(|command| &command.children);
        menu.arguments
            .extend(known.into_iter().flatten().map(|(name, _)| name.clone()));
    }
    for other in ["numbers", "copy-from", "place-before"] {
        menu.arguments.remove(other);
    }
    menu
}

/// `number a b : 1..65535`.
fn kinds(word: &str, rest: &str) -> Result<Vec<(String, Kind)>, String> {
    let (names, details) = match rest.split_once(" : ") {
        Some((names, details)) => (names, details.trim()),
        None => (rest, ""),
    };
    let words = |text: &str| -> Vec<String> {
        let words = text.split(',').filter(|word| !word.is_empty());
        words.map(|word| word.replace("%20", " ")).collect()
    };
    let address = |four, six, vrf| Kind::Address { four, six, vrf };
    let kind = match word {
        "bool" => Kind::Bool,
        "text" => Kind::any(),
        "number" => {
            let (low, high) = details.split_once("..").ok_or("number needs A..B")?;
            Kind::Number {
                low: low.parse().map_err(|_| "number needs numbers")?,
                high: high.parse().map_err(|_| "number needs numbers")?,
            }
        }
        "enum" => Kind::Choice(words(details)),
        "set" => Kind::Several(words(details)),
        "time" => {
            let (range, others) = details.split_once('|').unwrap_or((details, ""));
            match Kind::time(range.trim()).ok_or("no such span")? {
                Kind::Time { low, high, .. } => Kind::Time {
                    low,
                    high,
                    words: words(others),
                },
                other => other,
            }
        }
        "ip" => address(true, true, false),
        "ip4" => address(true, false, false),
        "ipvrf" => address(true, true, true),
        "prefix" => Kind::Prefix,
        "prefixes" => Kind::Prefixes,
        "mac" => Kind::Mac,
        "ref" | "refs" => {
            let mut parts = details.split(' ');
            let (menu, key) = (parts.next(), parts.next());
            let others = parts.next().unwrap_or_default();
            Kind::Reference {
                menu: menu.unwrap_or_default().to_owned(),
                key: key.ok_or("ref needs a menu and a key")?.to_owned(),
                words: words(others),
                many: word == "refs",
            }
        }
        other => return Err(format!("no such word: {other}")),
    };
    let names = names.split(' ').filter(|name| !name.is_empty());
    Ok(names.map(|name| (name.to_owned(), kind.clone())).collect())
}

#[cfg(test)]
mod tests;
