//! The SNMP agent: versions 2c and 3, the system group, processors, interfaces, and MikroTik's
//! health.

mod ber;
mod tree;
mod v3;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{net::UdpSocket, task::JoinHandle};

use crate::{Machine, Record, control};
use ber::{Message, Value, Varbind};

const GET: u8 = 0xA0;
const GET_NEXT: u8 = 0xA1;
const RESPONSE: u8 = 0xA2;
const SET: u8 = 0xA3;
const GET_BULK: u8 = 0xA5;

/// RFC 3416, section 3.
const NOT_WRITABLE: i64 = 17;
/// More values than this are not put into one answer.
const MOST_VALUES: usize = 100;
/// The port of SNMP, and of the API from the factory: together or not at all.
const PORT: u16 = 161;
const API_PORT: &str = "8728";

/// Plugs in: listens while `/snmp enabled=yes`.
pub(crate) fn attach(machine: &Arc<Machine>) {
    let weak = Arc::downgrade(machine);
    let mut events = machine.events();
    tokio::spawn(async move {
        let mut listening: Option<JoinHandle<()>> = None;
        loop {
            let Some(machine) = weak.upgrade() else { break };
            let enabled = machine.one("/snmp").is("enabled");
            if enabled && listening.is_none() {
                listening = listen(&machine).await;
            } else if !enabled && let Some(task) = listening.take() {
                task.abort();
                control::of(&machine).set_snmp(None);
            }
            drop(machine);
            loop {
                use tokio::sync::broadcast::error::RecvError;
                match events.recv().await {
                    Ok(event) if event.menu == "/snmp" => break,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                }
            }
        }
        if let Some(task) = listening {
            task.abort();
        }
    });
}

async fn listen(machine: &Arc<Machine>) -> Option<JoinHandle<()>> {
    let api = machine.find("/ip/service", "name", "api");
    let real = api.is_some_and(|api| api.text("port") == API_PORT);
    let at = SocketAddr::new(machine.address()?, if real { PORT } else { 0 });
    let socket = match UdpSocket::bind(at).await {
        Ok(socket) => socket,
        Err(error) => {
            machine.log("snmp,error", format!("cannot listen at {at}: {error}"));
            return None;
        }
    };
    control::of(machine).set_snmp(socket.local_addr().ok());
    let weak = Arc::downgrade(machine);
    Some(tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                // An error of an earlier answer; the next question may be a good one.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let Some(machine) = weak.upgrade() else {
                return;
            };
            if let Some(answer) = answer(&machine, &buffer[..length], from.ip())
                && let Err(error) = socket.send_to(&answer, from).await
            {
                tracing::debug!(%error, "an SNMP answer was not sent");
            }
        }
    }))
}

/// What is sent back; nothing to who asks wrongly.
fn answer(machine: &Machine, datagram: &[u8], from: IpAddr) -> Option<Vec<u8>> {
    let Some(message) = Message::read(datagram) else {
        let user = |name: &str| community(machine, name, from);
        let answer = v3::answer(machine, datagram, user, respond)?;
        return (!answer.is_empty()).then_some(answer);
    };
    let community = community(machine, &message.community, from)?;
    // A name with passwords is no name of version 2c.
    let bare = matches!(community.get("security"), None | Some("" | "none"));
    respond(machine, message)
        .filter(|_| bare)
        .map(|message| message.write())
}

/// A community that whoever asks from there may read by.
fn community(machine: &Machine, name: &str, from: IpAddr) -> Option<Record> {
    let community = machine.find("/snmp/community", "name", name)?;
    let addresses = community.text("addresses");
    let open = matches!(addresses, "" | "0.0.0.0/0" | "::/0");
    let known = open || crate::serve::allowed(addresses, from);
    let readable = !matches!(community.get("read-access"), Some("false" | "no"));
    (known && readable && !community.is("disabled")).then_some(community)
}

/// What is said to a question.
fn respond(machine: &Machine, mut message: Message) -> Option<Message> {
    let tree = tree::of(machine);
    let values = match message.kind {
        GET => message
            .values
            .iter()
            .map(|asked| Varbind {
                value: tree
                    .get(&asked.name)
                    .cloned()
                    .unwrap_or(Value::NoSuchObject),
                name: asked.name.clone(),
            })
            .collect(),
        GET_NEXT => message
            .values
            .iter()
            .map(|asked| next(&tree, &asked.name))
            .collect(),
        GET_BULK => bulk(&tree, &message),
        SET => {
            message.status = NOT_WRITABLE;
            message.index = 1;
            message.values.clone()
        }
        _ => return None,
    };
    if message.kind != SET {
        (message.status, message.index) = (0, 0);
    }
    message.kind = RESPONSE;
    message.values = values;
    Some(message)
}

fn next(tree: &tree::Tree, name: &[u32]) -> Varbind {
    use std::ops::Bound::{Excluded, Unbounded};
    let mut after = tree.range::<[u32], _>((Excluded(name), Unbounded));
    match after.next() {
        Some((name, value)) => Varbind {
            name: name.clone(),
            value: value.clone(),
        },
        None => Varbind {
            name: name.to_vec(),
            value: Value::EndOfView,
        },
    }
}

/// RFC 3416, section 4.2.3. The status is the number of those asked once, the index how often
/// the others are.
fn bulk(tree: &tree::Tree, message: &Message) -> Vec<Varbind> {
    let once = usize::try_from(message.status)
        .unwrap_or(0)
        .min(message.values.len());
    let times = usize::try_from(message.index).unwrap_or(0);
    let (single, repeated) = message.values.split_at(once);
    let mut values: Vec<Varbind> = single.iter().map(|asked| next(tree, &asked.name)).collect();
    let mut names: Vec<Vec<u32>> = repeated.iter().map(|asked| asked.name.clone()).collect();
    for _ in 0..times {
        if names.is_empty() || values.len() + names.len() > MOST_VALUES {
            break;
        }
        for name in &mut names {
            let found = next(tree, name);
            name.clone_from(&found.name);
            values.push(found);
        }
    }
    values
}
