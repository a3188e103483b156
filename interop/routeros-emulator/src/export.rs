//! `/export`: the configuration as a script.

mod lines;

use std::{collections::HashMap, sync::Arc};

use crate::{
    Call, Machine, Outcome, Record, Reply, Session, files,
    menu::Menu,
    schema::{Kind, Node},
    table::{Table, text_of},
};

/// Menus that others refer to come first, in this order; then all others by name.
const FIRST: [&str; 16] = [
    "/interface/bridge",
    "/interface/ethernet",
    "/interface/list",
    "/interface/wireless/security-profiles",
    "/interface/wifi/security",
    "/interface/wifi/aaa",
    "/interface/wifi/configuration",
    "/ip/hotspot/profile",
    "/ip/hotspot/user/profile",
    "/ip/ipsec/profile",
    "/ip/pool",
    "/ip/dhcp-server",
    "/ppp/profile",
    "/queue/simple",
    "/system/logging/action",
    "/user/group",
];

/// What is never exported: users, keys, files, User Manager's data, and what is not configuration.
const NEVER: [&str; 8] = [
    "/user",
    "/certificate",
    "/file",
    "/log",
    "/system/history",
    "/user-manager",
    "/tool/user-manager",
    "/system/script/job",
];

/// What the script of the default configuration names, where it leaves no comment.
const ADDED: [&str; 4] = ["defconf", "default-dhcp", "WAN", "LAN"];

/// How much, and how.
#[derive(Debug, Clone, Copy)]
struct Style {
    verbose: bool,
    terse: bool,
    secrets: bool,
}

/// Plugs in.
pub(crate) fn attach(machine: &Arc<Machine>) {
    let menus = machine.schema.menus();
    for menu in menus.iter().map(String::as_str).chain([""]) {
        let node = machine.schema.node(menu);
        if node.and_then(|node| node.command("export")).is_some() {
            machine.register(&format!("{menu}/export"), export);
        }
    }
}

/// Over the API the text goes to a file, or nowhere.
async fn export(machine: Arc<Machine>, session: Session, call: Call) -> Outcome {
    let text = text(&machine, &session, &call);
    if let Some(name) = call.get("file") {
        let name = files::named(name, ".rsc");
        files::write(&machine, &name, text.as_bytes())?;
    }
    Ok(Reply::done())
}

/// The text of an export of the command's menu and what is below it.
pub(crate) fn text(machine: &Machine, session: &Session, call: &Call) -> String {
    let shown = if machine.release().is_six() {
        !call.has("hide-sensitive")
    } else {
        call.has("show-sensitive") && !call.has("hide-sensitive")
    };
    let style = Style {
        verbose: call.has("verbose"),
        terse: call.has("terse"),
        secrets: shown && session.may("sensitive"),
    };
    let factory = machine.menus.factory();
    let mut text = header(machine);
    for menu in chosen(machine, call) {
        section(machine, &menu, style, &factory, &mut text);
    }
    text
}

fn header(machine: &Machine) -> String {
    let mut text = format!(
        "# {} by RouterOS {}\n# software id = {}\n#\n",
        machine.date_and_time(),
        machine.release(),
        crate::device::software_id(machine)
    );
    if let Some(model) = machine.board().model() {
        let serial = crate::device::serial(machine);
        text.extend(["# model = ", model, "\n# serial number = ", &serial, "\n"]);
    }
    text
}

/// The menus that are exported, in their order.
fn chosen(machine: &Machine, call: &Call) -> Vec<String> {
    let root = call.menu();
    let paths: Vec<&str> = call.get("path").unwrap_or_default().split(',').collect();
    let below = |menu: &str, path: &str| {
        let rest = menu.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut menus = machine.schema.menus();
    menus.retain(|menu| {
        let node = machine.schema.node(menu);
        let wanted = paths
            .iter()
            .filter(|path| !path.is_empty() && !path.starts_with('!'));
        let mut unwanted = paths.iter().filter_map(|path| path.strip_prefix('!'));
        let mut wanted = wanted.peekable();
        node.is_some_and(is_configuration)
            && below(menu, root)
            && !is_never(menu)
            && (wanted.peek().is_none() || wanted.any(|path| below(menu, path)))
            && !unwanted.any(|path| below(menu, path))
    });
    menus.sort_by_key(|menu| {
        let first = FIRST.iter().position(|first| first == menu);
        (first.unwrap_or(FIRST.len()), menu.clone())
    });
    menus
}

fn is_configuration(node: &Node) -> bool {
    ["set", "add"]
        .iter()
        .any(|command| node.command(command).is_some())
}

fn is_never(menu: &str) -> bool {
    let whole = ["/user-manager", "/tool/user-manager", "/certificate"];
    NEVER.contains(&menu)
        || whole.iter().any(|start| {
            menu.strip_prefix(start)
                .is_some_and(|rest| rest.starts_with('/'))
        })
}

fn section(
    machine: &Machine,
    path: &str,
    style: Style,
    factory: &HashMap<String, Table>,
    text: &mut String,
) {
    let Some(menu) = machine.menus.get(path) else {
        return;
    };
    let stored = machine.stored(path);
    let made = factory.get(path);
    let commands: Vec<(String, Vec<(String, String)>)> = if menu.is_one() {
        let before = made.map(|table| table.one.clone()).unwrap_or_default();
        let values = stored
            .first()
            .map(|one| differing(menu, one, &before, style));
        values
            .filter(|values| !values.is_empty())
            .map(|values| ("set".to_owned(), values))
            .into_iter()
            .collect()
    } else {
        let adds = has_command(machine, path, "add");
        let each = stored.iter().filter(|item| !item.is("dynamic"));
        each.filter_map(|item| entry(machine, path, menu, item, made, adds, style))
            .collect()
    };
    if commands.is_empty() {
        return;
    }
    let shown = spaced(path);
    if !style.terse {
        text.push_str(&shown);
        text.push('\n');
    }
    for (command, values) in commands {
        let start = if style.terse {
            format!("{shown} {command}")
        } else {
            command
        };
        lines::write(
            text,
            &start,
            &values,
            style.terse,
            machine.release().is_six(),
        );
    }
}

fn has_command(machine: &Machine, path: &str, name: &str) -> bool {
    let node = machine.schema.node(path);
    node.and_then(|node| node.children.get(name))
        .is_some_and(|node| node.kind == Kind::Command)
}

/// One item: what makes it, or what makes it of the one from the factory.
fn entry(
    machine: &Machine,
    path: &str,
    menu: &Menu,
    item: &Record,
    made: Option<&Table>,
    adds: bool,
    style: Style,
) -> Option<(String, Vec<(String, String)>)> {
    let mut original = made.into_iter().flat_map(|table| &table.items);
    let original = original.find(|known| text_of(known.id) == item.id());
    // What the script of the default configuration added is there like what anybody adds.
    let added = |known: &Record| {
        let is_named = ADDED.contains(&known.text("name"));
        adds && (is_named || known.text("comment").starts_with("defconf"))
    };
    match original.filter(|known| !added(&known.record())) {
        Some(original) => {
            let before = original.record();
            let values = differing(menu, item, &before, style);
            (!values.is_empty()).then(|| (format!("set {}", which(menu, &before)), values))
        }
        None if adds => {
            let before = machine.menus.completed(path, Record::new());
            Some(("add".into(), differing(menu, item, &before, style)))
        }
        None => None,
    }
}

/// How an item from the factory is found again.
fn which(menu: &Menu, before: &Record) -> String {
    let found =
        |name: &str, value: &str| format!("[ find {name}={} ]", lines::quoted(value, false));
    if let Some(name) = before.get("default-name") {
        return found("default-name", name);
    }
    if before.is("default") {
        return "[ find default=yes ]".into();
    }
    match &menu.key {
        Some(key) => lines::quoted(before.text(key), false),
        None => before.id().to_owned(),
    }
}

/// What a user can set and is not as it was; all of it in a verbose export.
fn differing(menu: &Menu, now: &Record, before: &Record, style: Style) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> = now
        .iter()
        .filter(|(name, _)| menu.is_argument(name) && !name.starts_with('.'))
        .filter(|(name, _)| style.secrets || !menu.secrets.contains(*name))
        .filter(|(name, value)| style.verbose || before.get(name).unwrap_or_default() != *value)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    values.sort();
    values
}

/// `/ip/firewall/filter` as exports write it: `/ip firewall filter`.
fn spaced(path: &str) -> String {
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    format!("/{}", words.join(" "))
}

#[cfg(test)]
mod tests;
