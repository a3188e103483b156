mod security;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use clap::Args;
use portreeve::{Client, Transport, blocking, client::Retry};
use portreeve_aaa::{definition::Nas, port::Store as _};
use serde::Serialize;

use self::security::Secured;
use super::rows;
use crate::{
    cli::{Context, Listing},
    data::DataDir,
    failure::Failure,
    output::{Colour, Output},
    routers::Routers,
    serving::control::{self, PoolReport, Report},
};

/// How long a probe waits for its answer, each time.
const PATIENCE: Duration = Duration::from_millis(700);
/// How often a probe is sent.
const TRIES: u32 = 3;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    listing: Listing,
}

/// The server is not answering.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotServing {
    #[error("no server is running on {}; start one: portreeve serve", path.display())]
    NotRunning { path: std::path::PathBuf },
    #[error("the server (process {pid}) runs but does not answer on {address}: {why}")]
    Silent {
        pid: u32,
        address: SocketAddr,
        why: Silence,
    },
    #[error("the server's control socket does not answer")]
    Stuck(#[source] io::Error),
}

impl NotServing {
    /// Why the server on a data directory could not be asked.
    pub(crate) fn of(error: io::Error, data: &DataDir) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Self::NotRunning {
                path: data.path().to_owned(),
            },
            _ => Self::Stuck(error),
        }
    }
}

/// Why a probe got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Silence {
    #[error(
        "no NAS that uses UDP is defined for this machine's own address; add one: portreeve nas \
         add NAME ADDRESS"
    )]
    NoSecret,
    #[error("no answer within two seconds")]
    NoAnswer,
    #[error("what answers there does not know the shared secret: another server has the port")]
    NotBelieved,
    #[error("the network refuses")]
    Unreachable,
}

/// One address that was asked.
#[derive(Debug, Serialize)]
struct Probe {
    address: SocketAddr,
    role: &'static str,
    answered: bool,
    took_us: Option<u64>,
    why: Option<Silence>,
}

#[derive(Serialize)]
struct Status<'a> {
    answering: bool,
    probes: &'a [Probe],
    nas: &'a [Secured],
    routers: &'a [RouterSeen],
    #[serde(flatten)]
    report: &'a Report,
}

/// How an enrolled router stood when it was last looked at.
#[derive(Debug, Serialize)]
struct RouterSeen {
    name: String,
    standing: String,
    drift: Option<usize>,
    trouble: Option<String>,
}

/// How the routers stand; those that cannot be read are told by `router list`.
fn standings(routers: &Routers) -> Vec<RouterSeen> {
    let names = routers.names().unwrap_or_default().into_iter();
    let standing = |name: String| {
        let state = routers.find(&name).ok()?.state().ok()?;
        Some(RouterSeen {
            name,
            standing: state.standing(),
            drift: state.drift,
            trouble: state.trouble,
        })
    };
    names.filter_map(standing).collect()
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    let report =
        control::ask(&context.data).map_err(|error| NotServing::of(error, &context.data))?;
    let nases = context.data.open()?.nases()?;
    let probes: Vec<Probe> = [
        ("auth", &report.listen.auth),
        ("accounting", &report.listen.accounting),
    ]
    .into_iter()
    .flat_map(|(role, addresses)| addresses.iter().map(move |address| (role, *address)))
    .map(|(role, address)| probe(role, address, &nases))
    .collect();
    let secured = security::of(&nases, &report);
    let routers = standings(&Routers::of(&context.data));
    let silent = probes
        .iter()
        .find_map(|probe| Some((probe.address, probe.why?)));
    if arguments.listing.json {
        let status = Status {
            answering: silent.is_none(),
            probes: &probes,
            nas: &secured,
            routers: &routers,
            report: &report,
        };
        context.output.json(&status)?;
    } else {
        print(&report, &probes, (&secured, &routers), &mut context.output)?;
    }
    match silent {
        None => Ok(()),
        Some((address, why)) => Err(NotServing::Silent {
            pid: report.pid,
            address,
            why,
        }
        .into()),
    }
}

/// Sends a Status-Server to a listener, as a NAS would (RFC 5997).
fn probe(role: &'static str, listener: SocketAddr, nases: &[Nas]) -> Probe {
    let address = reachable(listener);
    let asked = ask(address, nases);
    Probe {
        address: listener,
        role,
        answered: asked.is_ok(),
        took_us: asked
            .ok()
            .map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
        why: asked.err(),
    }
}

fn ask(address: SocketAddr, nases: &[Nas]) -> Result<Duration, Silence> {
    let here = own_address(address).ok_or(Silence::Unreachable)?;
    let nas = nas_at(here, nases).ok_or(Silence::NoSecret)?;
    let secret = nas.secret().ok_or(Silence::NoSecret)?;
    let retry = Retry {
        initial: PATIENCE,
        maximum: PATIENCE,
        count: TRIES,
        ..Retry::default()
    };
    let builder = Client::udp(address.to_string(), secret.expose()).retry(retry);
    let client = blocking::Client::new(builder).map_err(|_| Silence::Unreachable)?;
    let started = Instant::now();
    match client.status() {
        Ok(_) => Ok(started.elapsed()),
        Err(portreeve::Error::NoAnswer { .. }) => Err(Silence::NoAnswer),
        Err(portreeve::Error::Socket { .. }) => Err(Silence::Unreachable),
        Err(_) => Err(Silence::NotBelieved),
    }
}

/// The address of this machine that a packet to `address` leaves from. None is sent.
fn own_address(address: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(address).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// The NAS that this machine is when it asks from an address over UDP.
fn nas_at(here: IpAddr, nases: &[Nas]) -> Option<&Nas> {
    let here = here.to_canonical();
    // One that is to use TLS has its address too, if it has one to itself.
    let has_place = |nas: &&Nas| nas.secret().is_some() || nas.host().is_some();
    let holding = nases
        .iter()
        .filter(|nas| nas.prefix.contains(&here))
        .filter(has_place);
    let narrowest = holding.max_by_key(|nas| (nas.prefix.prefix_len(), nas.secret().is_some()));
    narrowest.filter(|nas| nas.transport() == Transport::Udp)
}

/// Where to reach a listener from this machine.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let mut address = listener;
    address.set_ip(ip);
    address
}

fn print(
    report: &Report,
    probes: &[Probe],
    (secured, routers): (&[Secured], &[RouterSeen]),
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let style = output.style();
    for probe in probes {
        let word = match (probe.took_us, probe.why) {
            (Some(took), _) => {
                let word = style.paint(Colour::Green, "answering");
                format!("{word} within {}.{:01} ms", took / 1000, took / 100 % 10)
            }
            (None, why) => {
                let word = style.paint(Colour::Red, "silent");
                why.map_or_else(|| word.to_string(), |why| format!("{word}: {why}"))
            }
        };
        output.line(format!(
            "{:<11} {:<24} {word}",
            probe.role,
            probe.address.to_string()
        ))?;
    }
    for (name, addresses) in [
        ("tls", &report.listen.tls),
        ("dtls", &report.listen.dtls),
        ("tcp", &report.listen.tcp),
    ] {
        for address in addresses {
            output.line(format!("{name:<11} {:<24} listening", address.to_string()))?;
        }
    }
    let mut pairs = pairs(report);
    if !routers.is_empty() {
        let routers: Vec<String> = routers
            .iter()
            .map(|router| format!("{}: {}", router.name, router.standing))
            .collect();
        pairs.push(("routers", routers.join("\n")));
    }
    output.pairs(&pairs)?;
    Ok(security::print(secured, report.seen_left_out, output)?)
}

fn pairs(report: &Report) -> Vec<(&'static str, String)> {
    let count = |map: &std::collections::BTreeMap<String, u64>| {
        let some = map.iter().filter(|(_, count)| **count > 0);
        let words: Vec<String> = some
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(", ")
        }
    };
    let journal = &report.journal;
    let mut pairs = vec![
        ("version", report.version.clone()),
        ("process", report.pid.to_string()),
        ("up", rows::duration(report.uptime_s)),
        ("users", report.definitions.users.to_string()),
        ("nases", report.definitions.nases.to_string()),
        ("requests", count(&report.requests)),
        ("replies", count(&report.replies)),
        ("silence", count(&report.discards)),
        (
            "connections",
            format!(
                "{} open, {} half open, {} since the start",
                report.connections.open, report.connections.half_open, report.connections.accepted
            ),
        ),
        ("hung up", count(&report.connections.hung_up)),
        (
            "accounting",
            format!(
                "{} recorded, {} octets not in the database yet",
                journal.recorded, journal.lag_octets
            ),
        ),
    ];
    if !report.pools.is_empty() {
        let pools: Vec<String> = report.pools.iter().map(pool).collect();
        pairs.push(("sent on", pools.join("\n")));
    }
    let troubles = [
        &journal.alarm,
        &journal.trouble,
        &report.definitions.trouble,
    ];
    let troubles: Vec<String> = troubles.into_iter().flatten().cloned().collect();
    if !troubles.is_empty() {
        pairs.push(("trouble", troubles.join("\n")));
    }
    pairs
}

fn pool((name, pool): (&String, &PoolReport)) -> String {
    let server = |(address, alive): &(SocketAddr, bool)| {
        let state = if *alive { "" } else { " (dead)" };
        format!("{address}{state}")
    };
    let servers: Vec<String> = pool.servers.iter().map(server).collect();
    let mut words = format!(
        "{name}: {}; accounting {} taken, {} delivered",
        servers.join(", "),
        pool.taken,
        pool.delivered
    );
    if pool.undeliverable > 0 {
        words.push_str(", ");
        words.push_str(&pool.undeliverable.to_string());
        words.push_str(" set aside");
    }
    words
}

#[cfg(test)]
mod tests {
    use portreeve_aaa::definition::{Reach, Recognition, SharedSecret};

    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:1812"), "127.0.0.1:1812");
        assert_eq!(reached("[::]:1812"), "[::1]:1812");
        assert_eq!(reached("192.0.2.1:1812"), "192.0.2.1:1812");
    }

    #[test]
    fn the_narrowest_nas_gives_the_secret() {
        let nas = |name, prefix: &str, secret| {
            Nas::new(
                name,
                prefix.parse().unwrap(),
                SharedSecret::new(secret).unwrap(),
            )
        };
        let nases = [
            nas("a", "127.0.0.0/8", "wide"),
            nas("b", "127.0.0.1/32", "narrow"),
        ];
        let found = nas_at(Ipv4Addr::LOCALHOST.into(), &nases);
        assert_eq!(found.unwrap().name, "b");
        let own = Reach::Tls(Recognition::default());
        let own = Nas::reached("c", "127.0.0.1/32".parse().unwrap(), own);
        let [a, b] = nases.clone();
        assert!(nas_at(Ipv4Addr::LOCALHOST.into(), &[a.clone(), own.clone()]).is_none());
        let found = [a, b, own];
        assert_eq!(
            nas_at(Ipv4Addr::LOCALHOST.into(), &found).unwrap().name,
            "b"
        );
        assert!(nas_at(Ipv6Addr::LOCALHOST.into(), &nases).is_none());
    }

    #[test]
    fn silence_is_told_from_an_answer() {
        let deaf = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = deaf.local_addr().unwrap();
        let probe = probe("auth", address, &[]);
        assert_eq!(probe.why, Some(Silence::NoSecret));
        assert!(!probe.answered);
        let secret = SharedSecret::new("a-shared-secret-of-32-characters").unwrap();
        let nas = Nas::new("localhost", "127.0.0.0/8".parse().unwrap(), secret);
        assert_eq!(
            super::probe("auth", address, &[nas]).why,
            Some(Silence::NoAnswer)
        );
    }
}
