//! `/console/inspect`: what the router says of its own menus.

use crate::{
    Call, Machine, Outcome, Record, Reply, Trap,
    schema::{Kind, Node},
    value,
};

impl Machine {
    /// Answers from the very tree that commands are checked against.
    pub(crate) fn inspect(&self, call: &Call) -> Outcome {
        let path = call.get("path").unwrap_or_default();
        let words: Vec<&str> = path
            .split([',', '/', ' '])
            .filter(|word| !word.is_empty())
            .collect();
        let joined = words.join("/");
        let Some(node) = self.schema.node(&joined) else {
            return Ok(Reply::list(Vec::new()));
        };
        let name = words.last().copied().unwrap_or_default();
        let records = match call.get("request").unwrap_or("self") {
            "self" => vec![described("self", name, node)],
            "child" => {
                let children = node.children.iter();
                let each = children.map(|(name, child)| described("child", name, child));
                each.collect()
            }
            "syntax" => self.syntax(&words, node),
            "completion" => {
                let input = call.get("input").unwrap_or_default();
                self.completion(&words, node, input)
            }
            "highlight" | "error" => Vec::new(),
            _ => {
                let text = "input does not match any value of request";
                return Err(Trap::of(1, text).into());
            }
        };
        Ok(Reply::list(records))
    }

    fn syntax(&self, words: &[&str], node: &Node) -> Vec<Record> {
        let row = |symbol: &str, kind: &str, text: &str| {
            Record::new()
                .with("type", "syntax")
                .with("symbol", symbol)
                .with("symbol-type", kind)
                .with("nested", "0")
                .with("nonorm", "false")
                .with("text", text)
        };
        let name = words.last().copied().unwrap_or_default();
        if node.kind != Kind::Argument {
            let children = node.children.keys();
            return children.map(|name| row(name, "explanation", "")).collect();
        }
        let text = node.description.clone().unwrap_or_default();
        if !text.is_empty() {
            return vec![row(name, "explanation", &text)];
        }
        let values = self.values(words, node);
        if values.is_empty() {
            return Vec::new();
        }
        // Several rows, as routers have for what is one of a list: its definition, then its words.
        let first = row(name, "definition", &values.join(" | "));
        let rest = values.iter().map(|value| row(value, "explanation", ""));
        std::iter::once(first).chain(rest).collect()
    }

    /// What may follow: the values of an argument, or the names in a menu, that begin as `input`
    /// does.
    fn completion(&self, words: &[&str], node: &Node, input: &str) -> Vec<Record> {
        let (words, node, begun) = match input.split_once('=') {
            Some((name, begun)) => match node.children.get(name) {
                Some(child) => ([words, &[name]].concat(), child, begun),
                None => return Vec::new(),
            },
            None => (words.to_vec(), node, input),
        };
        let found = if node.kind == Kind::Argument {
            self.values(&words, node)
        } else {
            node.children.keys().cloned().collect()
        };
        let fitting = found.into_iter().filter(|word| word.starts_with(begun));
        fitting
            .map(|word| {
                Record::new()
                    .with("type", "completion")
                    .with("completion", word)
                    .with("offset", (input.len() - begun.len()).to_string())
                    .with("preference", "96")
                    .with("show", "true")
                    .with("style", "none")
                    .with("text", "")
            })
            .collect()
    }

    /// The values of an argument that is one of a list.
    fn values(&self, words: &[&str], node: &Node) -> Vec<String> {
        let Some((name, rest)) = words.split_last() else {
            return Vec::new();
        };
        let menu = rest.split_last().map_or(rest, |(_, menu)| menu);
        let menu = format!("/{}", menu.join("/"));
        match self.menus.kind(&menu, name, node.description.as_deref()) {
            value::Kind::Bool => vec!["no".into(), "yes".into()],
            value::Kind::Choice(words)
            | value::Kind::Several(words)
            | value::Kind::Time { words, .. } => words,
            value::Kind::Reference {
                menu, key, words, ..
            } => {
                let all = self.read(&menu);
                let names = all.iter().filter_map(|record| record.get(&key));
                names.map(str::to_owned).chain(words).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn described(kind: &str, name: &str, node: &Node) -> Record {
    let node_type = match node.kind {
        Kind::Menu => "dir",
        Kind::Command => "cmd",
        Kind::Argument => "arg",
    };
    Record::new()
        .with("type", kind)
        .with("name", name)
        .with("node-type", node_type)
}
