//! Accounting rows, sessions and the journal's position.

use portreeve_aaa::{
    accounting::{Record, Status},
    port::{
        AccountingRow, Applied, Batch, Digest, Entry, JournalPosition, RowFilter, SessionFilter,
    },
    session::{Session, SessionKey},
};
use rusqlite::{CachedStatement, OptionalExtension as _, Row, Transaction, params};

use super::{
    fault::{Cause, Fault},
    integer, limit, natural, wanted,
};
use crate::backend::Unreadable;

/// An SQLite file is written by the journal of one node.
const NODE: &str = "local";

/// How far apart two reports with one digest may be, in milliseconds, to be one report sent twice;
/// a report with an Event-Timestamp is itself whenever it comes.
const WINDOW_MS: u64 = 15 * 60 * 1000;

pub(super) fn position(transaction: &Transaction<'_>) -> Result<Option<JournalPosition>, Fault> {
    let mut query = transaction
        .prepare_cached("SELECT segment, place FROM journal_positions WHERE node = $1")?;
    Ok(query
        .query_row([NODE], |row| read_position(row, 0))
        .optional()?)
}

fn read_position(row: &Row<'_>, column: usize) -> rusqlite::Result<JournalPosition> {
    Ok(JournalPosition {
        segment: natural(row.get(column)?),
        offset: natural(row.get(column + 1)?),
    })
}

pub(super) fn apply(
    transaction: &Transaction<'_>,
    batch: &Batch,
    unreadable: &[Unreadable],
) -> Result<Applied, Fault> {
    let kept = position(transaction)?;
    let is_new = |position: JournalPosition| kept.is_none_or(|kept| position > kept);
    if !is_new(batch.position) {
        return Ok(Applied::default());
    }
    let mut applied = Applied::default();
    let mut rows = Rows::new(transaction)?;
    for entry in batch.entries.iter().filter(|entry| is_new(entry.position)) {
        if rows.put(entry)? {
            applied.rows += 1;
        } else {
            applied.duplicates += 1;
        }
    }
    put_sessions(transaction, &batch.sessions)?;
    put_unreadable(transaction, unreadable)?;
    transaction
        .prepare_cached(
            "INSERT INTO journal_positions (node, segment, place) VALUES ($1, $2, $3)
             ON CONFLICT (node) DO UPDATE SET segment = excluded.segment, place = excluded.place",
        )?
        .execute(params![
            NODE,
            integer(batch.position.segment),
            integer(batch.position.offset)
        ])?;
    Ok(applied)
}

/// Writes accounting rows, each report once.
struct Rows<'t> {
    known: CachedStatement<'t>,
    insert: CachedStatement<'t>,
    octets: Vec<u8>,
}

impl<'t> Rows<'t> {
    fn new(transaction: &'t Transaction<'_>) -> Result<Self, Fault> {
        let known = transaction.prepare_cached(
            "SELECT 1 FROM accounting WHERE digest = $1 AND time_ms BETWEEN $2 AND $3",
        )?;
        let insert = transaction.prepare_cached(
            "INSERT INTO accounting (digest, status, time_ms, nas, session_id, user_name, record)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )?;
        Ok(Self {
            known,
            insert,
            octets: Vec::new(),
        })
    }

    /// False when the row is there already.
    fn put(&mut self, entry: &Entry) -> Result<bool, Fault> {
        let Entry {
            record,
            event,
            digest,
            ..
        } = entry;
        let span = if record.is_stamped() {
            u64::MAX
        } else {
            WINDOW_MS
        };
        let from = integer(event.time_ms.saturating_sub(span));
        let to = integer(event.time_ms.saturating_add(span));
        if self.known.exists(params![digest.as_slice(), from, to])? {
            return Ok(false);
        }
        self.octets.clear();
        record.encode(&mut self.octets);
        self.insert.execute(params![
            digest.as_slice(),
            event.status.number(),
            integer(event.time_ms),
            record.nas,
            event.session_id,
            event.user,
            self.octets,
        ])?;
        Ok(true)
    }
}

fn put_sessions(transaction: &Transaction<'_>, sessions: &[Session]) -> Result<(), Fault> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO sessions (octets, incarnation, nas, session_id, user_name, started_ms,
             updated_ms, ended_ms, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (octets, incarnation) DO UPDATE SET nas = excluded.nas,
             session_id = excluded.session_id, user_name = excluded.user_name,
             started_ms = excluded.started_ms, updated_ms = excluded.updated_ms,
             ended_ms = excluded.ended_ms, body = excluded.body",
    )?;
    for session in sessions {
        put.execute(params![
            session.key.octets,
            session.key.incarnation,
            session.nas,
            session.session_id,
            session.user,
            integer(session.started_ms),
            integer(session.updated_ms),
            session.ended.map(|ended| integer(ended.at_ms)),
            serde_json::to_string(session)?,
        ])?;
    }
    Ok(())
}

fn put_unreadable(transaction: &Transaction<'_>, unreadable: &[Unreadable]) -> Result<(), Fault> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO unreadable (node, segment, place, octets) VALUES ($1, $2, $3, $4)
         ON CONFLICT (node, segment, place) DO NOTHING",
    )?;
    for Unreadable { position, octets } in unreadable {
        put.execute(params![
            NODE,
            integer(position.segment),
            integer(position.offset),
            octets
        ])?;
    }
    Ok(())
}

pub(super) fn unreadable(
    transaction: &Transaction<'_>,
    most: usize,
) -> Result<Vec<Unreadable>, Fault> {
    let mut query = transaction.prepare_cached(
        "SELECT segment, place, octets FROM unreadable WHERE node = $1
         ORDER BY segment, place LIMIT $2",
    )?;
    query
        .query_and_then(params![NODE, limit(most)], |row| {
            Ok(Unreadable {
                position: read_position(row, 0)?,
                octets: row.get(2)?,
            })
        })?
        .collect()
}

fn read_session(row: &Row<'_>) -> Result<Session, Fault> {
    let body = row
        .get_ref(0)?
        .as_str()
        .map_err(|_| Cause::Value("sessions"))?;
    serde_json::from_str(body).map_err(|_| Cause::Value("sessions").into())
}

pub(super) fn sessions(
    transaction: &Transaction<'_>,
    filter: &SessionFilter,
) -> Result<Vec<Session>, Fault> {
    let user = wanted("user_name", 1, filter.user.as_ref());
    let nas = wanted("nas", 2, filter.nas.as_ref());
    let open = if filter.open_only {
        "AND ended_ms IS NULL"
    } else {
        ""
    };
    let query = format!(
        "SELECT body FROM sessions WHERE {user} AND {nas} {open}
         ORDER BY started_ms DESC, id DESC LIMIT $3"
    );
    let mut query = transaction.prepare_cached(&query)?;
    query
        .query_and_then(
            params![filter.user, filter.nas, limit(filter.limit)],
            read_session,
        )?
        .collect()
}

pub(super) fn session(
    transaction: &Transaction<'_>,
    key: &SessionKey,
) -> Result<Option<Session>, Fault> {
    let mut query = transaction.prepare_cached(
        "SELECT body FROM sessions WHERE octets = $1 ORDER BY incarnation DESC LIMIT 1",
    )?;
    let mut rows = query.query([&key.octets])?;
    rows.next()?.map(read_session).transpose()
}

pub(super) fn count(transaction: &Transaction<'_>) -> Result<u64, Fault> {
    let count = transaction
        .prepare_cached("SELECT count(*) FROM accounting")?
        .query_row([], |row| row.get(0))?;
    Ok(natural(count))
}

pub(super) fn rows(
    transaction: &Transaction<'_>,
    filter: &RowFilter,
) -> Result<Vec<AccountingRow>, Fault> {
    let session = wanted("session_id", 2, filter.session_id.as_ref());
    let user = wanted("user_name", 3, filter.user.as_ref());
    let query = format!(
        "SELECT id, digest, status, time_ms, session_id, user_name, record FROM accounting
         WHERE id > $1 AND {session} AND {user} ORDER BY id LIMIT $4"
    );
    let mut query = transaction.prepare_cached(&query)?;
    let after = integer(filter.after.unwrap_or(0));
    query
        .query_and_then(
            params![after, filter.session_id, filter.user, limit(filter.limit)],
            read_row,
        )?
        .collect()
}

fn read_row(row: &Row<'_>) -> Result<AccountingRow, Fault> {
    let damaged = || Cause::Value("accounting");
    let digest = row.get_ref(1)?.as_blob().map_err(|_| damaged())?;
    let record = row.get_ref(6)?.as_blob().map_err(|_| damaged())?;
    Ok(AccountingRow {
        row: natural(row.get(0)?),
        digest: Digest::try_from(digest).map_err(|_| damaged())?,
        status: status(row.get(2)?),
        time_ms: natural(row.get(3)?),
        session_id: row.get(4)?,
        user: row.get(5)?,
        record: Record::decode(record).map_err(|_| damaged())?,
    })
}

fn status(number: u32) -> Status {
    [
        Status::Start,
        Status::Stop,
        Status::InterimUpdate,
        Status::AccountingOn,
        Status::AccountingOff,
    ]
    .into_iter()
    .find(|status| status.number() == number)
    .unwrap_or(Status::Other(number))
}
