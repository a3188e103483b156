//! `/system/backup`: the router's tables in the file format of [`crate::backup`].

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    Call, Change, Machine, Outcome, Reply, Session, Trap,
    backup::{self, Encryption, Store},
    device, files,
    table::Table,
};

/// What is in no backup: files, and User Manager's data.
const LEFT_OUT: [&str; 4] = ["/file", "/log", "/user-manager", "/tool/user-manager"];

/// Plugs in.
pub(crate) fn attach(machine: &Arc<Machine>) {
    machine.register("/system/backup/save", save);
    machine.register("/system/backup/load", load);
}

async fn save(machine: Arc<Machine>, session: Session, call: Call) -> Outcome {
    let name = call.get("name").filter(|name| !name.is_empty());
    let dated = || {
        let now = machine.local_time();
        format!("{}-{}", machine.identity(), now.strftime("%Y%m%d-%H%M"))
    };
    let name = name.map_or_else(dated, str::to_owned);
    let old = machine.release().numbers() < (6, 43);
    let given = call.get("password").filter(|password| !password.is_empty());
    // Until 6.43 the user's own password was taken where none was given.
    let own = || {
        let own = machine.password_of(&session.user, session.from);
        own.filter(|own| old && !own.is_empty())
    };
    let password = given.map(str::to_owned).or_else(own);
    let password = password.filter(|_| !call.has("dont-encrypt"));
    let by_rc4 = call.get("encryption").map_or(old, |given| given == "rc4");
    let encryption = if by_rc4 {
        Encryption::Rc4
    } else {
        Encryption::Aes
    };
    let protection = password.as_deref().map(|password| (encryption, password));
    let mut salt = [0; 32];
    let failed = || Trap::failure("cannot make the backup");
    getrandom::fill(&mut salt).map_err(|_| failed())?;
    let file = backup::write(&stores(&machine), protection, salt).map_err(|_| failed())?;
    files::write(&machine, &files::named(&name, ".backup"), &file)?;
    machine.log("system,info", "Configuration backup saved");
    Ok(Reply::done())
}

async fn load(machine: Arc<Machine>, _: Session, call: Call) -> Outcome {
    let name = files::named(call.get("name").unwrap_or_default(), ".backup");
    let Some(file) = files::contents(&machine, &name) else {
        return Err(Trap::failure("backup file not found").into());
    };
    let password = call.get("password").filter(|password| !password.is_empty());
    let stores = backup::read(&file, password);
    let stores = stores.map_err(|error| Trap::failure(&error.to_string()))?;
    restore(&machine, stores).map_err(|()| Trap::failure("backup file is damaged"))?;
    machine.log("system,info", "Configuration restored, rebooting");
    device::restart_soon(&machine);
    Ok(Reply::done())
}

fn stores(machine: &Machine) -> Vec<Store> {
    let state = machine.lock();
    let mut names: Vec<&String> = state.tables.keys().collect();
    names.sort();
    let kept = names.into_iter().filter(|name| !left_out(name));
    kept.filter_map(|name| Some(store(name, state.tables.get(name)?)))
        .collect()
}

fn left_out(menu: &str) -> bool {
    LEFT_OUT.iter().any(|start| menu.starts_with(start))
}

/// The first entry is the table without its items; then one for each item that is not dynamic.
fn store(name: &str, table: &Table) -> Store {
    let mut whole = json!(table);
    let items = whole
        .as_object_mut()
        .and_then(|whole| whole.remove("items"));
    let items = match items {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let lasting = items
        .iter()
        .filter(|item| item["dynamic"] != Value::Bool(true));
    let entries = std::iter::once(&whole).chain(lasting);
    Store {
        name: name.trim_start_matches('/').to_owned(),
        entries: entries
            .map(|entry| entry.to_string().into_bytes())
            .collect(),
    }
}

fn restore(machine: &Machine, stores: Vec<Store>) -> Result<(), ()> {
    let mut tables = Vec::new();
    for store in stores {
        let mut entries = store
            .entries
            .iter()
            .map(|entry| serde_json::from_slice(entry));
        let mut whole: Value = entries.next().ok_or(())?.map_err(|_| ())?;
        let items = entries.collect::<Result<Vec<Value>, _>>().map_err(|_| ())?;
        whole["items"] = Value::Array(items);
        let table: Table = serde_json::from_value(whole).map_err(|_| ())?;
        tables.push((format!("/{}", store.name), table));
    }
    let mut state = machine.lock();
    state.tables.retain(|menu, _| left_out(menu));
    let mut restored = Vec::new();
    for (menu, table) in tables {
        restored.push(menu.clone());
        state.tables.insert(menu, table);
    }
    drop(state);
    for menu in restored {
        machine.announce(&menu, None, Change::Changed);
    }
    Ok(())
}
