//! A router with people on it, for demonstrations: sessions of all kinds come and go.

use std::time::Duration;

use serde::Deserialize;

use super::{
    Radius, dhcp::Discover, eap::Device, hotspot::Guest, local, meter::Meter, ppp::Dial,
    wire::random, wireless::Association,
};
use portreeve_proto::attr::acct_terminate_cause as cause;

/// How often somebody may come or go.
const STEP: Duration = Duration::from_millis(250);
/// The most sessions.
const MOST: usize = 10_000;

/// How busy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Busy {
    /// How many sessions are to be there.
    pub sessions: usize,
    /// Who comes; without any, `demo1` with password `demo-1` and so on.
    #[serde(default)]
    pub users: Vec<Person>,
    /// How long somebody stays on average, in seconds.
    #[serde(default = "stay")]
    pub stay: u64,
}

/// Somebody the server knows.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Person {
    /// User-Name.
    pub name: String,
    /// The password.
    pub password: String,
}

fn stay() -> u64 {
    300
}

/// Furnishes the router for every service, and lets so many people come and go.
pub fn begin(radius: &Radius, sessions: usize) {
    radius.furnish();
    let busy = Busy {
        sessions,
        users: Vec::new(),
        stay: stay(),
    };
    start(radius, busy);
}

/// Lets people come and go, until the router's process ends.
pub fn start(radius: &Radius, busy: Busy) {
    tokio::spawn(run(radius.clone(), busy));
}

async fn run(radius: Radius, busy: Busy) {
    let wanted = busy.sessions.min(MOST);
    loop {
        tokio::time::sleep(STEP).await;
        let there = numbers(&radius);
        if there.len() < wanted {
            come(&radius, &busy).await;
        }
        // Each stays for as many steps on average as `stay` says.
        let steps = (busy.stay.max(1) * 4).max(1);
        for number in there {
            match below(steps) {
                0 => {
                    radius.end(number, cause::USER_REQUEST);
                }
                1..=3 => {
                    radius.pace(number, some_traffic());
                }
                _ => {}
            }
        }
    }
}

fn numbers(radius: &Radius) -> Vec<u64> {
    radius.sessions().iter().map(|it| it.number).collect()
}

/// Somebody comes by one of the services; what the router does not serve is another's turn.
async fn come(radius: &Radius, busy: &Busy) {
    let person = somebody(busy);
    let mac = device();
    let number = match below(10) {
        0..=4 => {
            let dial = Dial {
                service: "pppoe",
                user: person.name,
                password: person.password,
                caller: local::colons(mac),
                method: None,
                called: None,
            };
            radius.dial(&dial).await
        }
        5 | 6 => {
            let guest = Guest {
                server: None,
                user: person.name,
                password: person.password,
                mac,
                address: None,
                by: None,
            };
            radius.guest(&guest).await
        }
        7 | 8 => {
            let association = Association {
                network: None,
                mac,
                device: Some(Device {
                    user: person.name,
                    password: person.password,
                    ..Device::default()
                }),
                psk: None,
            };
            radius.associate(&association).await
        }
        _ => {
            let discover = Discover {
                server: None,
                mac,
                host_name: None,
            };
            radius.lease(&discover).await
        }
    };
    if let Ok(number) = number {
        radius.pace(number, some_traffic());
    }
}

fn somebody(busy: &Busy) -> Person {
    let among = if busy.users.is_empty() {
        busy.sessions
    } else {
        busy.users.len()
    };
    let index = usize::try_from(below(u64::try_from(among.max(1)).unwrap_or(1))).unwrap_or(0);
    busy.users.get(index).cloned().unwrap_or_else(|| Person {
        name: format!("demo{}", index + 1),
        password: format!("demo-{}", index + 1),
    })
}

/// A device of somebody's own making, as its second bit says.
fn device() -> [u8; 6] {
    let mut mac = [0; 6];
    random(&mut mac);
    mac[0] = (mac[0] & 0xfc) | 2;
    mac
}

/// Mostly little, sometimes a film.
fn some_traffic() -> Meter {
    let scale = match below(10) {
        0..=3 => 0,
        4..=7 => 20_000,
        8 => 250_000,
        _ => 1_500_000,
    };
    Meter {
        up: below(scale / 8 + 1),
        down: below(scale + 1),
    }
}

/// A number below a bound, which must not be 0.
fn below(bound: u64) -> u64 {
    let mut octets = [0; 8];
    random(&mut octets);
    u64::from_le_bytes(octets) % bound.max(1)
}
