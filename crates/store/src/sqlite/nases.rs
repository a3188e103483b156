//! NASes.

use portreeve_aaa::{
    definition::{
        DialectName, Nas, PreSharedKey, PreviousSecret, Reach, Recognition, Require, SharedSecret,
        Transport,
    },
    port::{Definition, Put},
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{
    definitions::{expect, lines, log, removed, there},
    fault::{Cause, Fault},
    integer, natural,
};

const NAS_COLUMNS: &str = "SELECT name, prefix, transport, secret, marks, ca, psk_identity, psk,
    max_connections, dialect, require_mac, latched, limit_proxy_state, remark, previous_secret,
    previous_until_ms, previous_superseded FROM nases";

fn damaged() -> Fault {
    Cause::Value("nases").into()
}

fn text<'a>(row: &'a Row<'_>, column: &str) -> Result<&'a str, Fault> {
    row.get_ref(column)?.as_str().map_err(|_| damaged())
}

fn read_nas(row: &Row<'_>) -> Result<Nas, Fault> {
    Ok(Nas {
        name: row.get("name")?,
        prefix: text(row, "prefix")?.parse().map_err(|_| damaged())?,
        reach: read_reach(row)?,
        previous: read_previous(row)?,
        max_connections: row.get("max_connections")?,
        dialect: DialectName::parse(text(row, "dialect")?).ok_or_else(damaged)?,
        require_message_authenticator: Require::parse(text(row, "require_mac")?)
            .ok_or_else(damaged)?,
        latched: row.get("latched")?,
        limit_proxy_state: row.get("limit_proxy_state")?,
        comment: row.get("remark")?,
    })
}

fn read_reach(row: &Row<'_>) -> Result<Reach, Fault> {
    let word = text(row, "transport")?;
    let transport = Transport::ALL
        .into_iter()
        .find(|known| known.label() == word);
    Ok(match transport.ok_or_else(damaged)? {
        Transport::Dtls => Reach::Dtls(read_recognition(row)?),
        Transport::Tcp => Reach::Tcp(read_secret(row)?),
        Transport::Tls => Reach::Tls(read_recognition(row)?),
        Transport::Udp => Reach::Udp(read_secret(row)?),
    })
}

fn read_secret(row: &Row<'_>) -> Result<SharedSecret, Fault> {
    let secret: Option<Vec<u8>> = row.get("secret")?;
    SharedSecret::new(secret.ok_or_else(damaged)?).map_err(|_| damaged())
}

fn read_previous(row: &Row<'_>) -> Result<Option<PreviousSecret>, Fault> {
    let secret: Option<Vec<u8>> = row.get("previous_secret")?;
    let until_ms: Option<i64> = row.get("previous_until_ms")?;
    let Some((secret, until_ms)) = secret.zip(until_ms) else {
        return Ok(None);
    };
    Ok(Some(PreviousSecret {
        secret: SharedSecret::new(secret).map_err(|_| damaged())?,
        until_ms: natural(until_ms),
        superseded: row.get("previous_superseded")?,
    }))
}

fn read_recognition(row: &Row<'_>) -> Result<Recognition, Fault> {
    let identity: Option<String> = row.get("psk_identity")?;
    let key: Option<Vec<u8>> = row.get("psk")?;
    let psk = identity
        .zip(key)
        .map(|(identity, key)| PreSharedKey::new(identity, key));
    Ok(Recognition {
        marks: lines(text(row, "marks")?, "nases")?,
        ca: row.get("ca")?,
        psk: psk.transpose().map_err(|_| damaged())?,
    })
}

pub(super) fn nas(transaction: &Transaction<'_>, name: &str) -> Result<Nas, Fault> {
    let query = format!("{NAS_COLUMNS} WHERE name = $1");
    let mut statement = transaction.prepare_cached(&query)?;
    let mut rows = statement.query([name])?;
    match rows.next()? {
        Some(row) => read_nas(row),
        None => Err(Fault::NotFound(Definition::Nas, name.to_owned())),
    }
}

pub(super) fn nases(transaction: &Transaction<'_>) -> Result<Vec<Nas>, Fault> {
    let query = format!("{NAS_COLUMNS} ORDER BY name");
    let mut statement = transaction.prepare_cached(&query)?;
    statement.query_and_then([], read_nas)?.collect()
}

pub(super) fn put_nas(transaction: &Transaction<'_>, nas: &Nas, put: Put) -> Result<(), Fault> {
    let known = there(
        transaction,
        "SELECT 1 FROM nases WHERE name = $1",
        &nas.name,
    )?;
    expect(put, known, Definition::Nas, &nas.name)?;
    let prefix = nas.prefix.to_string();
    let recognition = nas.reach.recognition();
    let psk = recognition.and_then(|recognition| recognition.psk.as_ref());
    if let Some(other) = in_the_way(transaction, nas, &prefix, psk)? {
        return Err(Fault::Exists(Definition::Nas, other));
    }
    let previous = nas.previous.as_ref();
    let marks = recognition.map(|recognition| recognition.marks.as_slice());
    transaction
        .prepare_cached(
            "INSERT INTO nases (name, prefix, transport, secret, marks, ca, psk_identity, psk,
                 max_connections, dialect, require_mac, latched, limit_proxy_state, remark,
                 previous_secret, previous_until_ms, previous_superseded)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                 $17)
             ON CONFLICT (name) DO UPDATE SET prefix = excluded.prefix,
                 transport = excluded.transport, secret = excluded.secret,
                 marks = excluded.marks, ca = excluded.ca,
                 psk_identity = excluded.psk_identity, psk = excluded.psk,
                 max_connections = excluded.max_connections, dialect = excluded.dialect,
                 require_mac = excluded.require_mac, latched = excluded.latched,
                 limit_proxy_state = excluded.limit_proxy_state, remark = excluded.remark,
                 previous_secret = excluded.previous_secret,
                 previous_until_ms = excluded.previous_until_ms,
                 previous_superseded = excluded.previous_superseded",
        )?
        .execute(params![
            nas.name,
            prefix,
            nas.transport().label(),
            nas.secret().map(SharedSecret::expose),
            serde_json::to_string(marks.unwrap_or_default())?,
            recognition.and_then(|recognition| recognition.ca.as_deref()),
            psk.map(PreSharedKey::identity),
            psk.map(PreSharedKey::expose),
            nas.max_connections,
            nas.dialect.as_str(),
            nas.require_message_authenticator.as_str(),
            nas.latched,
            nas.limit_proxy_state,
            nas.comment,
            previous.map(|previous| previous.secret.expose()),
            previous.map(|previous| integer(previous.until_ms)),
            previous.is_some_and(|previous| previous.superseded),
        ])?;
    log(transaction, Definition::Nas, &nas.name)
}

/// Another NAS that nobody could tell from this one: by its address where there is no TLS, by the
/// identity of its pre-shared key.
fn in_the_way(
    transaction: &Transaction<'_>,
    nas: &Nas,
    prefix: &str,
    psk: Option<&PreSharedKey>,
) -> Result<Option<String>, Fault> {
    let mut other = transaction.prepare_cached(
        "SELECT name FROM nases WHERE name <> $1 AND (
             ($2 AND prefix = $3 AND transport IN ('udp', 'tcp')) OR psk_identity = $4
         ) LIMIT 1",
    )?;
    let by_address = nas.secret().is_some();
    let identity = psk.map(PreSharedKey::identity);
    let found = other.query_row(params![nas.name, by_address, prefix, identity], |row| {
        row.get(0)
    });
    Ok(found.optional()?)
}

pub(super) fn remove_nas(transaction: &Transaction<'_>, name: &str) -> Result<(), Fault> {
    let count = transaction
        .prepare_cached("DELETE FROM nases WHERE name = $1")?
        .execute([name])?;
    removed(count, Definition::Nas, name)?;
    log(transaction, Definition::Nas, name)
}

pub(super) fn latch_nas(transaction: &Transaction<'_>, name: &str) -> Result<(), Fault> {
    let known = there(transaction, "SELECT 1 FROM nases WHERE name = $1", name)?;
    expect(Put::Replace, known, Definition::Nas, name)?;
    let count = transaction
        .prepare_cached("UPDATE nases SET latched = $1 WHERE name = $2 AND NOT latched")?
        .execute(params![true, name])?;
    if count == 0 {
        Ok(())
    } else {
        log(transaction, Definition::Nas, name)
    }
}

pub(super) fn forget_previous_secret(
    transaction: &Transaction<'_>,
    name: &str,
    until_ms: u64,
) -> Result<(), Fault> {
    let known = there(transaction, "SELECT 1 FROM nases WHERE name = $1", name)?;
    expect(Put::Replace, known, Definition::Nas, name)?;
    let count = transaction
        .prepare_cached(
            "UPDATE nases SET previous_secret = NULL, previous_until_ms = NULL,
                 previous_superseded = 0
             WHERE name = $1 AND previous_until_ms = $2",
        )?
        .execute(params![name, integer(until_ms)])?;
    if count == 0 {
        Ok(())
    } else {
        log(transaction, Definition::Nas, name)
    }
}
