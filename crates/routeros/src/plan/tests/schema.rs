//! Every command a plan gives is one that the version has, with arguments it has, and values it
//! takes: by what real routers say of themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde_json::Value;

use super::{memory::Memory, now, random};
use crate::{
    Capabilities, Command, Version,
    capability::known6,
    plan::{Plan, Risk, apply::apply_by, plan, steps::read, undo::take_back},
};

/// RouterOS 6 cannot be asked: what is known of it stands in a table.
const VERSIONS: [&str; 8] = [
    "6.42", "6.49.17", "7.9.2", "7.12.2", "7.15", "7.18.2", "7.20.8", "7.24",
];

/// What the API takes with any command of its kind, although the console does not list it.
const OF_THE_API: [&str; 2] = [".id", "numbers"];

/// What says where an item goes, which the table of RouterOS 6 leaves out.
const PLACES: [&str; 2] = ["place-before", "destination"];

/// What RouterOS 6 has although the table leaves it out.
const OF_SIX: [&str; 1] = ["/caps-man/security/unset"];

fn tree(version: &str) -> Value {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.push(format!(
        "../../interop/routeros-emulator/schema/{version}.json"
    ));
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn walk(
    node: &Value,
    path: &str,
    commands: &mut BTreeMap<String, BTreeSet<String>>,
    values: &mut BTreeMap<(String, String), BTreeSet<String>>,
) {
    for (name, child) in node.as_object().unwrap() {
        if name.starts_with('_') || !child.is_object() {
            continue;
        }
        let path = format!("{path}/{name}");
        if child["_type"] != "cmd" {
            walk(child, &path, commands, values);
            continue;
        }
        let arguments = child.as_object().unwrap().iter();
        for (argument, node) in arguments.filter(|(name, _)| !name.starts_with('_')) {
            let all = commands.entry(path.clone()).or_default();
            all.insert(argument.clone());
            // `ppp|login|hotspot[,Service*]`: one of these, or several.
            let description = node["desc"].as_str().unwrap_or_default();
            if let Some((list, _)) = description.split_once("[,") {
                let list = list.split('|').map(str::to_owned).collect();
                values.insert((path.clone(), argument.clone()), list);
            }
        }
        commands.entry(path).or_default();
    }
}

pub(super) fn capabilities(version: &str) -> Capabilities {
    if version.starts_with('6') {
        let version = version.parse::<Version>().unwrap();
        let (commands, values) = known6::of(version, &BTreeSet::new());
        return Capabilities::new(version, commands, values);
    }
    let (mut commands, mut values) = (BTreeMap::new(), BTreeMap::new());
    walk(&tree(version), "", &mut commands, &mut values);
    Capabilities::new(version.parse::<Version>().unwrap(), commands, values)
}

pub(super) fn newest() -> &'static Capabilities {
    use std::sync::OnceLock;
    static NEWEST: OnceLock<Capabilities> = OnceLock::new();
    NEWEST.get_or_init(|| capabilities("7.24"))
}

fn fits(command: &Command, can: &Capabilities) -> Result<(), String> {
    let path = command.path();
    let six = !can.version().is_at_least(7, 0);
    if six && OF_SIX.contains(&path) {
        return Ok(());
    }
    if !can.has(path) {
        return Err(format!("{} has no {path}", can.version()));
    }
    for (name, value) in command.arguments() {
        let steering = OF_THE_API.contains(&&**name) || six && PLACES.contains(&&**name);
        if !can.takes(path, name) && !steering {
            return Err(format!("{}: {path} has no {name}", can.version()));
        }
        if let Some(values) = can.values(path, name) {
            for part in value.split(',').filter(|part| !part.is_empty()) {
                if !values.contains(part) {
                    return Err(format!("{}: {path} {name}={part}", can.version()));
                }
            }
        }
    }
    Ok(())
}

/// Everything that can be wanted of a version, on a router that has something in every menu.
fn everything(can: &Capabilities) -> (Plan, Memory) {
    let has = |menu: &str| {
        let commands = ["add", "set"];
        commands.iter().any(|c| can.has(&format!("{menu}/{c}")))
            || menu == "/interface"
            || menu == "/ip/ipsec/user"
    };
    let mut lacks = vec!["require-message-auth", "protocol", "certificate"];
    lacks.retain(|name| !can.takes("/radius/add", name));
    let (router, wanted) = (random::full_lacking(has, &lacks), random::all_of(has));
    let mut wanted = wanted;
    if !can.takes("/radius/add", "protocol") {
        wanted.servers.pop();
    }
    if !can.has("/ip/ipsec/settings/set") {
        wanted.services.ipsec = None;
    }
    if !can.has("/interface/dot1x/server/add") {
        wanted.services.dot1x = None;
    }
    wanted.accepted.insert(Risk::NoLocalNetwork);
    let made = plan(&wanted, &router.observed(), can);
    (
        made.unwrap_or_else(|o| panic!("{}: {o:?}", can.version())),
        router,
    )
}

#[test]
fn every_command_is_one_the_version_knows() {
    let mut emitted = BTreeSet::new();
    for version in VERSIONS {
        let can = capabilities(version);
        let (plan, mut router) = everything(&can);
        let applied = now(apply_by(&mut router, &plan, |_| Ok(()))).unwrap();
        let mut undo = applied.undo;
        let (undone, ended) = now(take_back(&mut router, &mut undo));
        ended.unwrap();
        assert!(undone.left.is_empty(), "{version}: {undone:?}");
        for command in &router.told {
            if let Err(wrong) = fits(command, &can) {
                panic!("{wrong}");
            }
            emitted.insert(command.path().to_owned());
        }
        assert!(router.told.len() > 20, "{version}: {}", router.told.len());
        assert!(!now(read(&mut router, "/radius")).unwrap().is_empty());
    }
    for path in [
        "/radius/add",
        "/radius/set",
        "/radius/move",
        "/radius/remove",
    ] {
        assert!(
            emitted.contains(path),
            "{path} was never needed: {emitted:?}"
        );
    }
}

#[test]
fn what_a_version_lacks_is_noted_and_not_sent() {
    for (version, has) in [("7.12.2", false), ("7.15", true)] {
        let (plan, _) = everything(&capabilities(version));
        let sent = plan
            .steps()
            .iter()
            .any(|step| step.after.get("require-message-auth").is_some());
        let noted = plan
            .notes()
            .iter()
            .any(|note| note.text.contains("require-message-auth"));
        assert_eq!((sent, noted), (has, !has), "{version}");
    }
}
