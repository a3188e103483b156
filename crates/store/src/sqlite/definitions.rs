//! Users and groups, and the log of what changes.

use std::collections::BTreeSet;

use portreeve_aaa::{
    definition::{Group, Membership, StoredCredential, User},
    port::{ChangeSet, Changes, Definition, Definitions, Put, UserFilter},
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{
    devices::{address, device, devices},
    fault::{Cause, Fault},
    integer, limit,
    nases::{nas, nases},
    natural,
};

/// How many changes the log keeps. Whoever lags behind by more reads everything.
const CHANGES_KEPT: i64 = 2000;

pub(super) fn all(transaction: &Transaction<'_>) -> Result<Definitions, Fault> {
    Ok(Definitions {
        users: users(transaction, &UserFilter::default())?,
        devices: devices(transaction, None)?,
        groups: groups(transaction)?,
        nases: nases(transaction)?,
        seq: last_change(transaction)?,
    })
}

pub(super) fn changes_since(transaction: &Transaction<'_>, seq: u64) -> Result<Changes, Fault> {
    let last = last_change(transaction)?;
    let mut set = ChangeSet {
        seq: last,
        ..ChangeSet::default()
    };
    if last == seq {
        return Ok(Changes::These(set));
    }
    let mut first = transaction.prepare_cached("SELECT min(seq) FROM change_log")?;
    let first: Option<i64> = first.query_row([], |row| row.get(0))?;
    if last < seq || first.is_none_or(|first| natural(first) > seq + 1) {
        return Ok(Changes::Everything);
    }
    let mut changed =
        transaction.prepare_cached("SELECT DISTINCT kind, name FROM change_log WHERE seq > $1")?;
    let changed: BTreeSet<(String, String)> = changed
        .query_map([integer(seq)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (kind, name) in changed {
        match kind.as_str() {
            "user" => sort(
                user(transaction, &name),
                name,
                &mut set.users,
                &mut set.removed_users,
            ),
            "device" => {
                let mac = address(&name)?;
                let found = device(transaction, mac);
                sort(found, mac, &mut set.devices, &mut set.removed_devices)
            }
            "group" => sort(
                group(transaction, &name),
                name,
                &mut set.groups,
                &mut set.removed_groups,
            ),
            "nas" => sort(
                nas(transaction, &name),
                name,
                &mut set.nases,
                &mut set.removed_nases,
            ),
            _ => Err(Cause::Value("change_log").into()),
        }?;
    }
    Ok(Changes::These(set))
}

/// Puts a definition among those that are there, or its name among those that are gone.
fn sort<T, N>(
    found: Result<T, Fault>,
    name: N,
    there: &mut Vec<T>,
    gone: &mut Vec<N>,
) -> Result<(), Fault> {
    match found {
        Ok(definition) => there.push(definition),
        Err(Fault::NotFound(..)) => gone.push(name),
        Err(fault) => return Err(fault),
    }
    Ok(())
}

fn last_change(transaction: &Transaction<'_>) -> Result<u64, Fault> {
    let mut last = transaction.prepare_cached("SELECT coalesce(max(seq), 0) FROM change_log")?;
    Ok(natural(last.query_row([], |row| row.get(0))?))
}

pub(super) fn log(
    transaction: &Transaction<'_>,
    kind: Definition,
    name: &str,
) -> Result<(), Fault> {
    transaction
        .prepare_cached("INSERT INTO change_log (kind, name) VALUES ($1, $2)")?
        .execute(params![word(kind), name])?;
    let seq = transaction.last_insert_rowid();
    transaction
        .prepare_cached("DELETE FROM change_log WHERE seq <= $1")?
        .execute([seq - CHANGES_KEPT])?;
    Ok(())
}

fn word(kind: Definition) -> &'static str {
    match kind {
        Definition::Device => "device",
        Definition::Group => "group",
        Definition::Nas => "nas",
        Definition::User => "user",
    }
}

/// Sees that a definition is there, or is not, as `put` demands.
pub(super) fn expect(put: Put, there: bool, kind: Definition, name: &str) -> Result<(), Fault> {
    match (put, there) {
        (Put::Create, true) => Err(Fault::Exists(kind, name.to_owned())),
        (Put::Replace, false) => Err(Fault::NotFound(kind, name.to_owned())),
        (Put::Create, false) | (Put::Replace, true) => Ok(()),
    }
}

pub(super) fn there(transaction: &Transaction<'_>, query: &str, name: &str) -> Result<bool, Fault> {
    Ok(transaction.prepare_cached(query)?.exists([name])?)
}

pub(super) fn removed(count: usize, kind: Definition, name: &str) -> Result<(), Fault> {
    if count == 0 {
        Err(Fault::NotFound(kind, name.to_owned()))
    } else {
        Ok(())
    }
}

pub(super) fn lines(text: &str, table: &'static str) -> Result<Vec<String>, Fault> {
    serde_json::from_str(text).map_err(|_| Cause::Value(table).into())
}

const USER_COLUMNS: &str = "SELECT u.name, u.credential, u.enabled, u.checks, u.replies, u.remark,
    m.group_name, m.priority";

pub(super) fn user(transaction: &Transaction<'_>, name: &str) -> Result<User, Fault> {
    let query = format!(
        "{USER_COLUMNS} FROM users u LEFT JOIN memberships m ON m.user_name = u.name
         WHERE u.name = $1 ORDER BY m.place"
    );
    let mut statement = transaction.prepare_cached(&query)?;
    let mut users = gather(statement.query([name])?)?;
    users
        .pop()
        .ok_or_else(|| Fault::NotFound(Definition::User, name.to_owned()))
}

pub(super) fn users(
    transaction: &Transaction<'_>,
    filter: &UserFilter,
) -> Result<Vec<User>, Fault> {
    let query = format!(
        "{USER_COLUMNS} FROM (
             SELECT * FROM users WHERE name > coalesce($1, '') AND ($2 IS NULL OR EXISTS (
                 SELECT 1 FROM memberships WHERE group_name = $2 AND user_name = name
             )) ORDER BY name LIMIT $3
         ) u LEFT JOIN memberships m ON m.user_name = u.name ORDER BY u.name, m.place"
    );
    let mut statement = transaction.prepare_cached(&query)?;
    gather(statement.query(params![filter.after, filter.group, limit(filter.limit)])?)
}

/// One user from each run of rows with the same name; each row may tell of a membership.
fn gather(mut rows: rusqlite::Rows<'_>) -> Result<Vec<User>, Fault> {
    let mut users: Vec<User> = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row
            .get_ref(0)?
            .as_str()
            .map_err(|_| Cause::Value("users"))?;
        if users.last().is_none_or(|last| last.name != name) {
            users.push(read_user(row)?);
        }
        let group: Option<String> = row.get(6)?;
        if let (Some(group), Some(user)) = (group, users.last_mut()) {
            user.groups.push(Membership {
                group,
                priority: row.get(7)?,
            });
        }
    }
    Ok(users)
}

fn read_user(row: &Row<'_>) -> Result<User, Fault> {
    let credential: Option<String> = row.get(1)?;
    Ok(User {
        name: row.get(0)?,
        credential: credential.map(StoredCredential::new),
        enabled: row.get(2)?,
        groups: Vec::new(),
        check: lines(row.get_ref(3)?.as_str().unwrap_or_default(), "users")?,
        reply: lines(row.get_ref(4)?.as_str().unwrap_or_default(), "users")?,
        comment: row.get(5)?,
    })
}

pub(super) fn put_user(transaction: &Transaction<'_>, user: &User, put: Put) -> Result<(), Fault> {
    let known = there(
        transaction,
        "SELECT 1 FROM users WHERE name = $1",
        &user.name,
    )?;
    expect(put, known, Definition::User, &user.name)?;
    transaction
        .prepare_cached(
            "INSERT INTO users (name, credential, enabled, checks, replies, remark)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (name) DO UPDATE SET credential = excluded.credential,
                 enabled = excluded.enabled, checks = excluded.checks,
                 replies = excluded.replies, remark = excluded.remark",
        )?
        .execute(params![
            user.name,
            user.credential.as_ref().map(StoredCredential::expose),
            user.enabled,
            serde_json::to_string(&user.check)?,
            serde_json::to_string(&user.reply)?,
            user.comment,
        ])?;
    transaction
        .prepare_cached("DELETE FROM memberships WHERE user_name = $1")?
        .execute([&user.name])?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO memberships (user_name, place, group_name, priority)
         VALUES ($1, $2, $3, $4)",
    )?;
    for (place, membership) in (0_i64..).zip(&user.groups) {
        insert.execute(params![
            user.name,
            place,
            membership.group,
            membership.priority
        ])?;
    }
    log(transaction, Definition::User, &user.name)
}

pub(super) fn remove_user(transaction: &Transaction<'_>, name: &str) -> Result<(), Fault> {
    let count = transaction
        .prepare_cached("DELETE FROM users WHERE name = $1")?
        .execute([name])?;
    removed(count, Definition::User, name)?;
    log(transaction, Definition::User, name)
}

const GROUP_COLUMNS: &str = "SELECT name, priority, checks, replies, remark FROM user_groups";

fn read_group(row: &Row<'_>) -> Result<Group, Fault> {
    Ok(Group {
        name: row.get(0)?,
        priority: row.get(1)?,
        check: lines(row.get_ref(2)?.as_str().unwrap_or_default(), "user_groups")?,
        reply: lines(row.get_ref(3)?.as_str().unwrap_or_default(), "user_groups")?,
        comment: row.get(4)?,
    })
}

pub(super) fn group(transaction: &Transaction<'_>, name: &str) -> Result<Group, Fault> {
    let query = format!("{GROUP_COLUMNS} WHERE name = $1");
    let mut statement = transaction.prepare_cached(&query)?;
    let mut rows = statement.query([name])?;
    match rows.next()? {
        Some(row) => read_group(row),
        None => Err(Fault::NotFound(Definition::Group, name.to_owned())),
    }
}

pub(super) fn groups(transaction: &Transaction<'_>) -> Result<Vec<Group>, Fault> {
    let query = format!("{GROUP_COLUMNS} ORDER BY name");
    let mut statement = transaction.prepare_cached(&query)?;
    statement.query_and_then([], read_group)?.collect()
}

pub(super) fn put_group(
    transaction: &Transaction<'_>,
    group: &Group,
    put: Put,
) -> Result<(), Fault> {
    let known = there(
        transaction,
        "SELECT 1 FROM user_groups WHERE name = $1",
        &group.name,
    )?;
    expect(put, known, Definition::Group, &group.name)?;
    transaction
        .prepare_cached(
            "INSERT INTO user_groups (name, priority, checks, replies, remark)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name) DO UPDATE SET priority = excluded.priority,
                 checks = excluded.checks, replies = excluded.replies, remark = excluded.remark",
        )?
        .execute(params![
            group.name,
            group.priority,
            serde_json::to_string(&group.check)?,
            serde_json::to_string(&group.reply)?,
            group.comment,
        ])?;
    log(transaction, Definition::Group, &group.name)
}

pub(super) fn remove_group(transaction: &Transaction<'_>, name: &str) -> Result<(), Fault> {
    let mut member = transaction.prepare_cached(
        "SELECT * FROM (
             SELECT user_name FROM memberships WHERE group_name = $1 ORDER BY user_name LIMIT 1
         ) UNION ALL SELECT * FROM (
             SELECT mac FROM device_memberships WHERE group_name = $1 ORDER BY mac LIMIT 1
         ) LIMIT 1",
    )?;
    let member: Option<String> = member.query_row([name], |row| row.get(0)).optional()?;
    let count = transaction
        .prepare_cached("DELETE FROM user_groups WHERE name = $1")?
        .execute([name])?;
    removed(count, Definition::Group, name)?;
    match member {
        Some(by) => Err(Fault::InUse {
            group: name.to_owned(),
            by,
        }),
        None => log(transaction, Definition::Group, name),
    }
}
