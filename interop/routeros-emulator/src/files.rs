//! The router's files: `/file`, what it holds, and how much.
//!
//! An item of `/file` keeps what is in the file in the hidden property `.data`, as Base64.
//! `contents` is there for text that is short enough, as on a router.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{Call, Machine, Outcome, Record, Release, Reply, Session, Trap, faults};

/// The most of a file that `/file/read` gives at once.
const LARGEST_CHUNK: usize = 32_768;

/// Plugs in.
pub(crate) fn attach(machine: &Arc<Machine>) {
    machine.guard("/file", complete);
    machine.register("/file/read", read);
}

/// How much text `contents` holds.
fn most_contents(release: Release) -> usize {
    if release.is_six() { 4096 } else { 61_440 }
}

/// What is in a file. A slash before the name makes no difference.
pub(crate) fn contents(machine: &Machine, name: &str) -> Option<Vec<u8>> {
    let item = machine.find("/file", "name", name.trim_start_matches('/'))?;
    (item.text("type") != "directory").then(|| data(&item))
}

/// Makes a file, or writes it anew.
///
/// # Errors
///
/// The flash is full.
pub(crate) fn write(machine: &Machine, name: &str, bytes: &[u8]) -> Result<(), Trap> {
    let name = name.trim_start_matches('/');
    let known = machine.find("/file", "name", name);
    let before = known.as_ref().map_or(0, |known| data(known).len());
    room(machine, before, bytes.len())?;
    let mut values = known.clone().unwrap_or_default().with("name", name);
    values.remove(".id");
    put(machine, &mut values, bytes);
    match known {
        Some(known) => {
            machine.update("/file", known.id(), &values);
        }
        None => {
            machine.insert("/file", values, false);
        }
    }
    Ok(())
}

/// Takes a file away. Whether there was one.
pub(crate) fn remove(machine: &Machine, name: &str) -> bool {
    let known = machine.find("/file", "name", name.trim_start_matches('/'));
    known.is_some_and(|known| machine.delete("/file", known.id()))
}

/// What a file that was made by this command would be called.
pub(crate) fn named(name: &str, extension: &str) -> String {
    let name = name.trim_start_matches('/');
    if name.ends_with(extension) {
        name.to_owned()
    } else {
        format!("{name}{extension}")
    }
}

/// What an item's file holds.
pub(crate) fn data(item: &Record) -> Vec<u8> {
    STANDARD.decode(item.text(".data")).unwrap_or_default()
}

fn room(machine: &Machine, before: usize, after: usize) -> Result<(), Trap> {
    let total = machine.board().resource().number("total-hdd-space");
    let files = machine.stored("/file");
    let used: usize = files.iter().map(|item| data(item).len()).sum();
    let wanted = u64::try_from(used - before.min(used) + after).unwrap_or(u64::MAX);
    // A quarter of it holds the system.
    let most = total.unwrap_or(u64::MAX) / 4 * 3;
    if wanted > most || (after > 0 && faults::of(machine).flash_is_full()) {
        return Err(Trap::failure("not enough space on disk"));
    }
    Ok(())
}

/// Sets all that follows from what is in a file.
fn put(machine: &Machine, values: &mut Record, bytes: &[u8]) {
    let release = machine.release();
    values.set("type", kind(values.text("name")));
    values.set("size", bytes.len().to_string());
    let written = machine.date_and_time();
    if release.numbers() >= (7, 16) {
        values.set("last-modified", written);
    } else if values.get("creation-time").is_none() {
        values.set("creation-time", written);
    }
    let text = std::str::from_utf8(bytes);
    match text {
        Ok(text) if bytes.len() <= most_contents(release) && !text.contains('\0') => {
            values.set("contents", text);
        }
        _ => {
            values.remove("contents");
        }
    }
    values.set(".data", STANDARD.encode(bytes));
}

fn kind(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((_, "rsc")) => "script".into(),
        Some((_, "backup")) => "backup".into(),
        Some((_, "npk")) => "package".into(),
        Some((_, extension)) if !extension.contains('/') => format!(".{extension} file"),
        _ => "file".into(),
    }
}

/// A user makes a file or changes its contents.
fn complete(machine: &Machine, item: &mut Record) -> Result<(), Trap> {
    if item.text("type") == "directory" {
        return Ok(());
    }
    let before = data(item);
    let after = match item.get("contents") {
        Some(contents) => contents.as_bytes().to_vec(),
        None => before.clone(),
    };
    let known = item.get(".data").is_some();
    if known && before == after {
        return Ok(());
    }
    if after.len() > most_contents(machine.release()) {
        return Err(Trap::failure("new contents too long"));
    }
    room(machine, before.len(), after.len())?;
    put(machine, item, &after);
    Ok(())
}

async fn read(machine: Arc<Machine>, _: Session, call: Call) -> Outcome {
    let name = call.get("file").unwrap_or_default();
    let named = machine.find("/file", ".id", name);
    let bytes = match named {
        Some(item) => Some(data(&item)),
        None => contents(&machine, name),
    };
    let Some(bytes) = bytes else {
        return Err(Trap::no_such_item().into());
    };
    let number = |name: &str| call.get(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("chunk-size").unwrap_or(LARGEST_CHUNK);
    if size == 0 || size > LARGEST_CHUNK {
        let text = format!("value of chunk-size out of range (1..{LARGEST_CHUNK})");
        return Err(Trap::of(1, text).into());
    }
    let from = number("offset").unwrap_or(0).min(bytes.len());
    let chunk = &bytes[from..(from + size).min(bytes.len())];
    let text = match std::str::from_utf8(chunk) {
        Ok(text) => text.to_owned(),
        // So that no octet is lost where a piece ends within a character.
        Err(_) => chunk.iter().copied().map(char::from).collect(),
    };
    Ok(Reply::list(vec![Record::new().with("data", text)]))
}

#[cfg(test)]
mod tests;
