//! From a path and a body to a command.

use serde_json::Value;

use crate::{Call, Machine, schema::Kind};

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A menu.
    Menu(String),
    /// A command by its whole path.
    Command(String),
    /// An item of a menu: the query word that finds it.
    Item {
        menu: String,
        query: String,
        id: String,
    },
    /// Neither: the word that is not known.
    Unknown(String),
}

/// What the path behind `/rest` means.
pub(super) fn target(machine: &Machine, path: &str) -> Target {
    let words: Vec<String> = path
        .split('/')
        .filter(|word| !word.is_empty())
        .map(decoded)
        .collect();
    let mut known = String::new();
    for (at, word) in words.iter().enumerate() {
        let next = format!("{known}/{word}");
        let last = at + 1 == words.len();
        match machine.schema.node(&next).map(|node| node.kind) {
            Some(Kind::Menu) => known = next,
            Some(Kind::Command) if last => return Target::Command(next),
            _ if last && !known.is_empty() && machine.schema.node(&known).is_some() => {
                return item(machine, known, word);
            }
            _ => return Target::Unknown(word.clone()),
        }
    }
    Target::Menu(known)
}

fn item(machine: &Machine, menu: String, word: &str) -> Target {
    let properties = machine.menus.get(&menu);
    if properties.is_none_or(crate::menu::Menu::is_one) {
        return Target::Unknown(word.to_owned());
    }
    let key = properties.and_then(|menu| menu.key.clone());
    match key {
        _ if word.starts_with('*') => Target::Item {
            menu,
            query: format!(".id={word}"),
            id: word.to_owned(),
        },
        Some(key) => Target::Item {
            menu,
            query: format!("{key}={word}"),
            id: word.to_owned(),
        },
        None => Target::Unknown(word.to_owned()),
    }
}

/// `%2A` and the like.
pub(super) fn decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let mut ahead = rest.clone();
        let digit = |octet: Option<u8>| char::from(octet?).to_digit(16);
        match (octet, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                octets.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = ahead;
            }
            _ => octets.push(octet),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// `?name=x&.proplist=a,b` of a GET.
pub(super) fn filtered(mut call: Call, query: &str) -> Call {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(&value.replace('+', " ")));
        call = match &*name {
            ".proplist" => call.with(name, value),
            _ => call.query(format!("{name}={value}")),
        };
    }
    call
}

/// The properties of a JSON object as arguments.
///
/// # Errors
///
/// The router's words.
pub(super) fn arguments(mut call: Call, body: &[u8]) -> Result<Call, &'static str> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(call);
    }
    let value: Value = serde_json::from_slice(body).map_err(|_| "invalid JSON body")?;
    let Value::Object(object) = value else {
        return Err("invalid JSON body: expected an object");
    };
    for (name, value) in object {
        if name == ".query" {
            let Value::Array(words) = value else {
                return Err("invalid value for argument .query");
            };
            for word in words {
                let word = text(&word);
                call = call.query(word.strip_prefix('?').unwrap_or(&word));
            }
        } else {
            call = call.with(name, text(&value));
        }
    }
    Ok(call)
}

/// Values of a command are texts.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
