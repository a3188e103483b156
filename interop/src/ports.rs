//! Ports nobody else uses.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Must as _;

/// Below the range from which the system takes ports for clients, so that no client of another
/// test sits on a port between our choosing and the server's binding it.
const FIRST: u16 = 20_000;
const SPAN: u16 = 10_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// The ports of a server, the same on `127.0.0.1` and `::1`.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Where Access-Requests go.
    pub auth: u16,
    /// Where Accounting-Requests go.
    pub acct: u16,
    /// RadSec, over TCP and over UDP.
    pub tls: u16,
    /// CoA and Disconnect.
    pub coa: u16,
}

impl Ports {
    /// Ports that are free now on both families.
    pub fn free() -> Self {
        Self {
            auth: free_port(),
            acct: free_port(),
            tls: free_port(),
            coa: free_port(),
        }
    }

    /// The authentication port on loopback.
    pub fn auth_v4(self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.auth).into()
    }

    /// The accounting port on loopback.
    pub fn acct_v4(self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.acct).into()
    }

    /// The RadSec port on loopback.
    pub fn tls_v4(self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.tls).into()
    }

    /// The port for CoA and Disconnect on loopback.
    pub fn coa_v4(self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.coa).into()
    }

    /// The authentication port on IPv6 loopback.
    pub fn auth_v6(self) -> SocketAddr {
        (Ipv6Addr::LOCALHOST, self.auth).into()
    }

    /// The accounting port on IPv6 loopback.
    pub fn acct_v6(self) -> SocketAddr {
        (Ipv6Addr::LOCALHOST, self.acct).into()
    }
}

/// A port that is free now for UDP and TCP, on both families.
pub fn free_port() -> u16 {
    // Test binaries may run at the same time; each starts elsewhere.
    let offset = u16::try_from(std::process::id() * 37 % u32::from(SPAN)).must("an offset");
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let ports = (0..SPAN).map(|_| NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(offset));
    ports
        .map(|step| FIRST + step % SPAN)
        .find(|port| {
            loopback.iter().all(|address| {
                let place = (*address, *port);
                UdpSocket::bind(place).is_ok() && TcpListener::bind(place).is_ok()
            })
        })
        .must("a port that is free on 127.0.0.1 and ::1 (is IPv6 loopback there?)")
}

/// Waits until some program listens on `port`, without touching the port.
///
/// # Panics
/// If none does within `patience`.
pub fn wait_until_bound(port: u16, datagrams: bool, patience: Duration) {
    let deadline = Instant::now() + patience;
    while !is_bound(port, datagrams) {
        assert!(Instant::now() < deadline, "nobody listens on port {port}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether some program has `port` open, by the tables of the system (proc(5)).
pub(crate) fn is_bound(port: u16, datagrams: bool) -> bool {
    // 0A is the state LISTEN; a socket for datagrams has 07 until it is connected.
    let (tables, state) = if datagrams {
        (["/proc/net/udp", "/proc/net/udp6"], "07")
    } else {
        (["/proc/net/tcp", "/proc/net/tcp6"], "0A")
    };
    let local = format!(":{port:04X}");
    tables.iter().any(|table| {
        let text = fs::read_to_string(table).unwrap_or_default();
        text.lines().skip(1).any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let (address, found) = (fields.next(), fields.nth(1));
            address.is_some_and(|address| address.ends_with(&local)) && found == Some(state)
        })
    })
}
