//! Packets in the log, as topics `radius,debug,packet` have them.

use std::net::SocketAddr;

use portreeve_proto::{
    Ask, AttributeList, Dictionary, Packet, Value,
    dictionary::{Content, Decoded},
};

use crate::Machine;

const TOPICS: &str = "radius,debug,packet";

/// A packet that leaves.
pub(super) fn sending(machine: &Machine, octets: &[u8], to: SocketAddr) {
    write(machine, octets, |code, id| {
        format!("sending {code} with id {id} to {to}")
    });
}

/// A packet that has come.
pub(super) fn received(machine: &Machine, octets: &[u8], from: SocketAddr) {
    write(machine, octets, |code, id| {
        format!("received {code} with id {id} from {from}")
    });
}

/// What leaves over TLS, where the packet is laid out later.
pub(super) fn sending_list(machine: &Machine, ask: Ask, list: &AttributeList, to: SocketAddr) {
    let code = ask.code().name().unwrap_or("?");
    machine.log(TOPICS, format!("sending {code} to {to}"));
    for entry in list.iter() {
        let attribute = Dictionary::builtin().describe(&entry.spec.oid);
        let is_open = entry.spec.hiding == portreeve_proto::Hiding::None;
        let (_, value) = Value::decode_tagged(&entry.spec, entry.value);
        let value = if is_open { shown(&value) } else { "***".into() };
        machine.log(TOPICS, format!("    {} = {value}", name(&attribute.name)));
    }
}

fn write(machine: &Machine, octets: &[u8], head: impl FnOnce(&str, u8) -> String) {
    let Ok(packet) = Packet::parse(octets) else {
        return;
    };
    let code = packet.code().name().unwrap_or("?");
    machine.log(TOPICS, head(code, packet.identifier()));
    let signature = hex(&packet.authenticator());
    machine.log(TOPICS, format!("    Signature = {signature}"));
    for value in Dictionary::builtin().decode(&packet) {
        machine.log(TOPICS, format!("    {}", line(&value)));
    }
}

/// Numbers stay numbers, and `Mikrotik` is `MT`.
fn line(decoded: &Decoded<'_>) -> String {
    let value = match decoded.content {
        Content::Clear => shown(&decoded.value),
        _ => hex(&decoded.octets),
    };
    format!("{} = {value}", name(&decoded.attribute.name))
}

fn name(name: &str) -> String {
    match name.strip_prefix("Mikrotik-") {
        Some(rest) => format!("MT-{rest}"),
        None => name.to_owned(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Octets(octets) => hex(octets),
        Value::Time(seconds) => seconds.to_string(),
        value => match value.number() {
            Some(number) => number.to_string(),
            None => value.to_string(),
        },
    }
}

fn hex(octets: &[u8]) -> String {
    let digits = octets.iter().flat_map(|octet| [octet >> 4, octet & 0xf]);
    let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    "0x".chars().chain(digits).collect()
}
