//! The tables on disk, so that a demonstration survives its end.

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::{Machine, table::Table};

/// Reads the tables back. A file that is not there is no fault: it will be.
pub(crate) fn load(machine: &Machine, path: &Path) -> Result<(), String> {
    let wrong = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(wrong(&error)),
    };
    let tables: BTreeMap<String, Table> =
        serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
    let mut state = machine.lock();
    for (menu, table) in tables {
        // What another version had and this one has not stays away, as after an upgrade.
        if machine.menus.get(&menu).is_some() {
            state.tables.insert(menu, table);
        }
    }
    Ok(())
}

/// Writes all that is not dynamic, beside the file first.
pub(crate) fn save(machine: &Machine, path: &Path) -> Result<(), String> {
    let wrong = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let text = {
        let state = machine.lock();
        let tables: BTreeMap<&String, Table> = state
            .tables
            .iter()
            .map(|(menu, table)| {
                let mut table = table.clone();
                table.items.retain(|item| !item.dynamic);
                (menu, table)
            })
            .collect();
        serde_json::to_vec(&tables).map_err(|error| wrong(&error))?
    };
    let beside = path.with_extension("new");
    fs::write(&beside, text).map_err(|error| wrong(&error))?;
    fs::rename(&beside, path).map_err(|error| wrong(&error))
}
