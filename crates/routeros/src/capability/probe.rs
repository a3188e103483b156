//! Asking a router what it can do.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    pin::Pin,
    task::Poll,
};

use super::{
    Capabilities, Device, DeviceMode, Licence, known6,
    menus::{COMMANDS, VALUES, leads_on},
    syntax::{self, Syntax},
};
use crate::{Command, Error, Record, Router, Version};

type Commands = BTreeMap<String, BTreeSet<String>>;
type Values = BTreeMap<(String, String), BTreeSet<String>>;

/// How many questions are asked at the same time.
const AT_ONCE: usize = 16;
/// The most menus and commands that are believed of one router.
const MOST_COMMANDS: usize = 20_000;

/// What may be copied or placed when an item is added, and not when it is changed.
const ONLY_ADDED: [&str; 2] = ["copy-from", "place-before"];

/// Asks a router what it is and what it can do.
///
/// On RouterOS 7 these are about 150 short questions (`/console/inspect`), several at the same
/// time; nothing is changed and no item is read.
///
/// # Errors
/// Those of [`Router::call`]; [`Error::NotSupported`] for a version 7 that cannot describe itself.
pub async fn probe(router: &Router) -> Result<Capabilities, Error> {
    let asked = ["version", "board-name", "architecture-name"];
    let resource = first(router.print("/system/resource", &asked, &[]).await?);
    let version: Version = resource
        .get("version")
        .unwrap_or_default()
        .parse()
        .map_err(|cause| Error::Protocol(format!("/system/resource: {cause}")))?;
    let mut device = device(router, &resource).await?;
    if version.major < 7 {
        let (commands, values) = known6::of(version, &device.disabled_packages);
        return Ok(Capabilities::new(version, commands, values).with_device(device));
    }
    let (commands, values) = inspect(router, version).await?;
    if commands.contains_key("/system/device-mode/print") {
        device.mode = device_mode(optional(
            router.print("/system/device-mode", &[], &[]).await,
        )?);
    }
    Ok(Capabilities::new(version, commands, values).with_device(device))
}

fn first(records: Vec<Record>) -> Record {
    records.into_iter().next().unwrap_or_default()
}

/// A menu that may be missing, or closed to this user.
fn optional(answer: Result<Vec<Record>, Error>) -> Result<Vec<Record>, Error> {
    match answer {
        Err(Error::NoSuchCommand { .. } | Error::NotPermitted { .. }) => Ok(Vec::new()),
        other => other,
    }
}

async fn device(router: &Router, resource: &Record) -> Result<Device, Error> {
    let packages = router.print("/system/package", &["name", "disabled"], &[]);
    let packages = optional(packages.await)?;
    let wanted = ["model", "serial-number", "routerboard"];
    let board = first(optional(
        router.print("/system/routerboard", &wanted, &[]).await,
    )?);
    let licence = first(optional(router.print("/system/license", &[], &[]).await)?);
    let text = |record: &Record, name: &str| {
        let value = record.get(name).filter(|value| !value.is_empty());
        value.map(str::to_owned)
    };
    let named = |disabled: bool| {
        let of = packages
            .iter()
            .filter(move |package| package.flag("disabled").unwrap_or(false) == disabled);
        of.filter_map(|package| text(package, "name")).collect()
    };
    let level = text(&licence, "level").or_else(|| text(&licence, "nlevel"));
    Ok(Device {
        board: text(resource, "board-name").unwrap_or_default(),
        architecture: text(resource, "architecture-name").unwrap_or_default(),
        model: text(&board, "model"),
        serial: text(&board, "serial-number"),
        packages: named(false),
        disabled_packages: named(true),
        licence: level.map(|level| Licence {
            level,
            id: text(&licence, "software-id").or_else(|| text(&licence, "system-id")),
        }),
        mode: None,
    })
}

fn device_mode(records: Vec<Record>) -> Option<DeviceMode> {
    let record = first(records);
    let mode = record.get("mode")?.to_owned();
    let features = record.iter().map(|(name, _)| name);
    let allows = features.filter_map(|name| Some((name.to_owned(), record.flag(name)?)));
    Some(DeviceMode {
        allows: allows.collect(),
        mode,
    })
}

async fn inspect(router: &Router, version: Version) -> Result<(Commands, Values), Error> {
    let mut commands = walk(router).await.map_err(|error| match error {
        Error::NoSuchCommand { .. } => Error::NotSupported(format!(
            "RouterOS {version} cannot describe itself (/console/inspect): upgrade it first"
        )),
        other => other,
    })?;
    if commands.is_empty() {
        return Err(Error::NotPermitted {
            command: "/console/inspect".to_owned(),
            message: "it describes no menu: does the user's group have the policy read?".to_owned(),
        });
    }
    arguments(router, &mut commands).await?;
    let values = values(router, &commands).await?;
    Ok((commands, values))
}

/// The commands of the menus, by walking down from the root: a menu is asked for only when the
/// one above says that it has it.
async fn walk(router: &Router) -> Result<Commands, Error> {
    let mut commands = Commands::new();
    let mut level = vec![String::new()];
    while !level.is_empty() {
        let mut next = Vec::new();
        for (menu, children) in ask(router, "child", &level).await? {
            for child in children {
                let Some(name) = child.get("name").filter(|name| is_name(name)) else {
                    continue;
                };
                let path = format!("{menu}/{name}");
                match child.get("node-type") {
                    Some("dir" | "path") if leads_on(&path) => next.push(path),
                    Some("cmd") => {
                        commands.insert(path, BTreeSet::new());
                    }
                    _ => {}
                }
            }
            if commands.len() + next.len() > MOST_COMMANDS {
                return Err(Error::Protocol("/console/inspect has no end".to_owned()));
            }
        }
        level = next;
    }
    Ok(commands)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b",/".contains(&b))
}

/// The arguments of `add`, of `set` where there is no `add`, and of [`COMMANDS`]. Where a menu
/// has both, `set` takes what `add` does, and `numbers`, without what only adding has.
async fn arguments(router: &Router, commands: &mut Commands) -> Result<(), Error> {
    let is_asked = |command: &String| match command.rsplit_once('/') {
        Some((_, "add")) => true,
        Some((menu, "set")) => !commands.contains_key(&format!("{menu}/add")),
        _ => COMMANDS.contains(&command.as_str()),
    };
    let asked: Vec<String> = commands.keys().filter(|c| is_asked(c)).cloned().collect();
    for (command, children) in ask(router, "child", &asked).await? {
        let arguments = children
            .iter()
            .filter(|child| child.get("node-type") == Some("arg"))
            .filter_map(|child| child.get("name").map(str::to_owned))
            .collect();
        commands.insert(command, arguments);
    }
    for command in asked {
        let Some(menu) = command.strip_suffix("/add") else {
            continue;
        };
        let set = format!("{menu}/set");
        if commands.contains_key(&set) {
            let mut arguments = commands.get(&command).cloned().unwrap_or_default();
            arguments.retain(|name| !ONLY_ADDED.contains(&name.as_str()));
            arguments.insert("numbers".to_owned());
            commands.insert(set, arguments);
        }
    }
    Ok(())
}

async fn values(router: &Router, commands: &Commands) -> Result<Values, Error> {
    let known = VALUES.iter().filter(|(command, argument)| {
        let arguments = commands.get(*command);
        arguments.is_some_and(|arguments| arguments.contains(*argument))
    });
    let known: Vec<_> = known.collect();
    let asked: Vec<String> = known
        .iter()
        .map(|(command, argument)| format!("{command}/{argument}"))
        .collect();
    let mut values = Values::new();
    let answers = ask(router, "syntax", &asked).await?;
    for ((command, argument), (_, records)) in known.into_iter().zip(answers) {
        let texts = records.iter().filter_map(|record| record.get("text"));
        let found = texts
            .filter_map(syntax::parse)
            .find_map(|syntax| match syntax {
                Syntax::Values { names, .. } => Some(names.into_iter().collect::<BTreeSet<_>>()),
                _ => None,
            });
        let Some(names) = found else { continue };
        if let Some(menu) = command.strip_suffix("/add") {
            values.insert(
                (format!("{menu}/set"), (*argument).to_owned()),
                names.clone(),
            );
        }
        values.insert(((*command).to_owned(), (*argument).to_owned()), names);
    }
    Ok(values)
}

/// Asks the same of many paths. The answers come in the order of the paths.
async fn ask(
    router: &Router,
    request: &str,
    paths: &[String],
) -> Result<Vec<(String, Vec<Record>)>, Error> {
    let mut answers = Vec::with_capacity(paths.len());
    for some in paths.chunks(AT_ONCE) {
        let calls = some.iter().map(async |path| {
            let command = Command::new("/console/inspect")
                .with("request", request)
                .with("path", path.trim_start_matches('/').replace('/', ","));
            Ok((path.clone(), router.call(&command).await?.records))
        });
        for answer in all(calls).await {
            answers.push(answer?);
        }
    }
    Ok(answers)
}

/// Waits for all of some futures at the same time.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures
        .map(|future| (Some(Box::pin(future)), None))
        .collect();
    poll_fn(|context| {
        let mut ready = true;
        for (future, output) in &mut waiting {
            let Some(running) = future.as_mut() else {
                continue;
            };
            match Pin::new(running).poll(context) {
                Poll::Ready(done) => (*future, *output) = (None, Some(done)),
                Poll::Pending => ready = false,
            }
        }
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    waiting
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
}
