//! Devices.

use portreeve_aaa::{
    definition::{Device, Membership},
    port::{Definition, Put},
    station::Mac,
};
use rusqlite::{Row, Rows, Transaction, params};

use super::{
    definitions::{expect, lines, log, removed, there},
    fault::{Cause, Fault},
};

const DEVICE_COLUMNS: &str = "SELECT d.mac, d.label, d.enabled, d.checks, d.replies, d.remark,
    m.group_name, m.priority";

fn damaged() -> Fault {
    Cause::Value("devices").into()
}

/// Reads an address as it is kept: in the one form in which it is shown.
pub(super) fn address(text: &str) -> Result<Mac, Fault> {
    let mac = Mac::parse(text).filter(|mac| mac.to_string() == text);
    mac.ok_or_else(damaged)
}

pub(super) fn device(transaction: &Transaction<'_>, mac: Mac) -> Result<Device, Fault> {
    let query = format!(
        "{DEVICE_COLUMNS} FROM devices d LEFT JOIN device_memberships m ON m.mac = d.mac
         WHERE d.mac = $1 ORDER BY m.place"
    );
    let mut statement = transaction.prepare_cached(&query)?;
    let mut devices = gather(statement.query([mac.to_string()])?)?;
    devices
        .pop()
        .ok_or_else(|| Fault::NotFound(Definition::Device, mac.to_string()))
}

pub(super) fn devices(
    transaction: &Transaction<'_>,
    group: Option<&str>,
) -> Result<Vec<Device>, Fault> {
    let query = format!(
        "{DEVICE_COLUMNS} FROM devices d LEFT JOIN device_memberships m ON m.mac = d.mac
         WHERE $1 IS NULL OR d.mac IN (
             SELECT mac FROM device_memberships WHERE group_name = $1
         ) ORDER BY d.mac, m.place"
    );
    let mut statement = transaction.prepare_cached(&query)?;
    gather(statement.query([group])?)
}

/// One device from each run of rows with the same address; each row may tell of a membership.
fn gather(mut rows: Rows<'_>) -> Result<Vec<Device>, Fault> {
    let mut devices: Vec<Device> = Vec::new();
    while let Some(row) = rows.next()? {
        let mac = address(row.get_ref(0)?.as_str().map_err(|_| damaged())?)?;
        if devices.last().is_none_or(|last| last.mac != mac) {
            devices.push(read(row, mac)?);
        }
        let group: Option<String> = row.get(6)?;
        if let (Some(group), Some(device)) = (group, devices.last_mut()) {
            device.groups.push(Membership {
                group,
                priority: row.get(7)?,
            });
        }
    }
    Ok(devices)
}

fn read(row: &Row<'_>, mac: Mac) -> Result<Device, Fault> {
    Ok(Device {
        mac,
        label: row.get(1)?,
        enabled: row.get(2)?,
        groups: Vec::new(),
        check: lines(row.get_ref(3)?.as_str().unwrap_or_default(), "devices")?,
        reply: lines(row.get_ref(4)?.as_str().unwrap_or_default(), "devices")?,
        comment: row.get(5)?,
    })
}

pub(super) fn put_device(
    transaction: &Transaction<'_>,
    device: &Device,
    put: Put,
) -> Result<(), Fault> {
    let mac = device.mac.to_string();
    let known = there(transaction, "SELECT 1 FROM devices WHERE mac = $1", &mac)?;
    expect(put, known, Definition::Device, &mac)?;
    transaction
        .prepare_cached(
            "INSERT INTO devices (mac, label, enabled, checks, replies, remark)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (mac) DO UPDATE SET label = excluded.label,
                 enabled = excluded.enabled, checks = excluded.checks,
                 replies = excluded.replies, remark = excluded.remark",
        )?
        .execute(params![
            mac,
            device.label,
            device.enabled,
            serde_json::to_string(&device.check)?,
            serde_json::to_string(&device.reply)?,
            device.comment,
        ])?;
    transaction
        .prepare_cached("DELETE FROM device_memberships WHERE mac = $1")?
        .execute([&mac])?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO device_memberships (mac, place, group_name, priority)
         VALUES ($1, $2, $3, $4)",
    )?;
    for (place, membership) in (0_i64..).zip(&device.groups) {
        insert.execute(params![mac, place, membership.group, membership.priority])?;
    }
    log(transaction, Definition::Device, &mac)
}

pub(super) fn remove_device(transaction: &Transaction<'_>, mac: Mac) -> Result<(), Fault> {
    let mac = mac.to_string();
    let count = transaction
        .prepare_cached("DELETE FROM devices WHERE mac = $1")?
        .execute([&mac])?;
    removed(count, Definition::Device, &mac)?;
    log(transaction, Definition::Device, &mac)
}
