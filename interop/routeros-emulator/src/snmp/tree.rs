//! What the agent knows.

use std::collections::BTreeMap;

use crate::{Machine, Record, snmp::ber::Value};

/// Names and values, in order.
pub(super) type Tree = BTreeMap<Vec<u32>, Value>;

const SYSTEM: [u32; 7] = [1, 3, 6, 1, 2, 1, 1];
const INTERFACES: [u32; 7] = [1, 3, 6, 1, 2, 1, 2];
const HOST_RESOURCES: [u32; 7] = [1, 3, 6, 1, 2, 1, 25];
const MIKROTIK: [u32; 9] = [1, 3, 6, 1, 4, 1, 14988, 1, 1];

/// All values of now.
pub(super) fn of(machine: &Machine) -> Tree {
    let mut tree = Tree::new();
    system(machine, &mut tree);
    interfaces(machine, &mut tree);
    processors(machine, &mut tree);
    mikrotik(machine, &mut tree);
    tree
}

fn put(tree: &mut Tree, start: &[u32], rest: &[u32], value: Value) {
    tree.insert([start, rest].concat(), value);
}

fn text(value: &str) -> Value {
    Value::Text(value.as_bytes().to_vec())
}

fn small(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn system(machine: &Machine, tree: &mut Tree) {
    let board = machine.board().resource();
    let snmp = machine.one("/snmp");
    let ticks = machine.uptime().as_millis() / 10 % (1 << 32);
    let mut put = |number, value| put(tree, &SYSTEM, &[number, 0], value);
    put(1, text(&format!("RouterOS {}", board.text("board-name"))));
    put(2, Value::Name(vec![1, 3, 6, 1, 4, 1, 14988, 1]));
    put(3, Value::Ticks(u32::try_from(ticks).unwrap_or(0)));
    put(4, text(snmp.text("contact")));
    put(5, text(&machine.identity()));
    put(6, text(snmp.text("location")));
    put(7, Value::Integer(78));
}

fn interfaces(machine: &Machine, tree: &mut Tree) {
    let all = machine.read("/interface");
    put(tree, &INTERFACES, &[1, 0], Value::Integer(small(all.len())));
    for (at, interface) in all.iter().enumerate() {
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let running = interface.is("running");
        let disabled = interface.is("disabled");
        let mut put = |column, value| put(tree, &INTERFACES, &[2, 1, column, number], value);
        put(1, Value::Integer(i64::from(number)));
        put(2, text(interface.text("name")));
        put(3, Value::Integer(kind(interface)));
        let mtu = interface.number("mtu").or(interface.number("actual-mtu"));
        put(
            4,
            Value::Integer(i64::try_from(mtu.unwrap_or(1500)).unwrap_or(1500)),
        );
        put(5, Value::Gauge(1_000_000_000));
        put(6, Value::Text(mac(interface.text("mac-address"))));
        put(7, Value::Integer(if disabled { 2 } else { 1 }));
        put(8, Value::Integer(if running && !disabled { 1 } else { 2 }));
        let octets = |name| {
            let count = interface.number(name).unwrap_or(0) % (1 << 32);
            Value::Counter(u32::try_from(count).unwrap_or(0))
        };
        put(10, octets("rx-byte"));
        put(16, octets("tx-byte"));
    }
}

/// IANA's numbers: Ethernet, bridge, wireless, PPP.
fn kind(interface: &Record) -> i64 {
    match interface.text("type") {
        "bridge" => 209,
        "wlan" | "wifi" => 71,
        "ether" => 6,
        _ => 1,
    }
}

fn mac(text: &str) -> Vec<u8> {
    text.split(':')
        .filter_map(|part| u8::from_str_radix(part, 16).ok())
        .collect()
}

fn processors(machine: &Machine, tree: &mut Tree) {
    let resource = machine.one("/system/resource");
    let load = resource.number("cpu-load").unwrap_or(0);
    let count = resource.number("cpu-count").unwrap_or(1).min(64);
    let ticks = machine.uptime().as_millis() / 10 % (1 << 32);
    let ticks = u32::try_from(ticks).unwrap_or(0);
    put(tree, &HOST_RESOURCES, &[1, 1, 0], Value::Ticks(ticks));
    for number in 1..=u32::try_from(count).unwrap_or(1) {
        let load = Value::Integer(i64::try_from(load).unwrap_or(0));
        put(tree, &HOST_RESOURCES, &[3, 3, 1, 2, number], load);
    }
    let kilobytes = |name| {
        let octets: u64 = resource.number(name).unwrap_or(0);
        i64::try_from(octets / 1024).unwrap_or(i64::MAX)
    };
    let stores = [
        (65_536, "main memory", "total-memory", "free-memory"),
        (131_073, "system disk", "total-hdd-space", "free-hdd-space"),
    ];
    for (number, name, total, free) in stores {
        let mut put = |column, value| {
            put(tree, &HOST_RESOURCES, &[2, 3, 1, column, number], value);
        };
        put(1, Value::Integer(i64::from(number)));
        put(3, text(name));
        put(4, Value::Integer(1024));
        put(5, Value::Integer(kilobytes(total)));
        put(6, Value::Integer(kilobytes(total) - kilobytes(free)));
    }
}

/// MIKROTIK-MIB: mtxrHealth (3), mtxrLicense (4), mtxrSystem (7).
fn mikrotik(machine: &Machine, tree: &mut Tree) {
    let health = machine.read("/system/health");
    let value = |name: &str| {
        let listed = health
            .iter()
            .find(|record| record.get("name") == Some(name));
        let value = listed.map(|record| record.text("value"));
        let value = value.or_else(|| health.first().and_then(|record| record.get(name)));
        // The agent gives tenths.
        value.and_then(tenths)
    };
    for (number, name) in [(8, "voltage"), (10, "temperature")] {
        if let Some(value) = value(name) {
            put(tree, &MIKROTIK, &[3, number, 0], Value::Gauge(value));
        }
    }
    put(
        tree,
        &MIKROTIK,
        &[4, 4, 0],
        text(machine.release().version()),
    );
    let board = machine.one("/system/routerboard");
    if board.get("serial-number").is_some() {
        put(
            tree,
            &MIKROTIK,
            &[7, 3, 0],
            text(board.text("serial-number")),
        );
        put(
            tree,
            &MIKROTIK,
            &[7, 4, 0],
            text(board.text("current-firmware")),
        );
        put(tree, &MIKROTIK, &[7, 8, 0], text(board.text("board-name")));
    }
}

/// `24.1` is 241.
fn tenths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let part: u32 = part.get(..1)?.parse().ok()?;
    whole
        .parse::<u32>()
        .ok()?
        .checked_mul(10)?
        .checked_add(part)
}
