//! The connections that are open, and how many there may be.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use portreeve_proto::{Peer, Transport, Version};
use tokio::sync::{mpsc, watch};

use super::running::State;
use crate::{
    Trace,
    client::{Client, Ledger, Tally, Upstream},
    connection::Patience,
    tls::{Hangup, Session},
};

/// How many connections a server takes, and how long it bears with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections in all; by default 16384.
    pub total: usize,
    /// Unfinished handshakes in all; by default 256.
    pub half_open: usize,
    /// Unfinished handshakes from one IPv4 address, or from one IPv6 /64; by default 16.
    pub half_open_per_address: usize,
    /// Connections of one peer, unless it has a limit of its own; by default 64.
    pub per_peer: usize,
    /// From the first octet of a handshake to its end; by default 5 s.
    pub handshake: Duration,
    /// Without a packet; by default 15 min. Peers that keep a watchdog are never silent for so
    /// long.
    pub idle: Duration,
    /// From the first octet of a packet to its last; by default 10 s.
    pub packet: Duration,
    /// For the peer to take what is sent to it; by default 30 s.
    pub sending: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total: 16_384,
            half_open: 256,
            half_open_per_address: 16,
            per_peer: 64,
            handshake: Duration::from_secs(5),
            idle: Duration::from_mins(15),
            packet: Duration::from_secs(10),
            sending: Duration::from_secs(30),
        }
    }
}

impl ConnectionLimits {
    #[cfg(feature = "openssl")]
    pub(super) fn for_dtls(&self) -> crate::tls::openssl::DtlsLimits {
        crate::tls::openssl::DtlsLimits {
            total: self.total,
            half_open: self.half_open,
            // Lost datagrams are sent again after 1 s, 2 s, 4 s: a handshake takes its time.
            handshake: self.handshake * 4,
        }
    }

    pub(super) fn patience(&self) -> Patience {
        Patience {
            idle: self.idle,
            midway: self.packet,
            sending: self.sending,
        }
    }
}

/// The connections of a running server: to look at, and to send requests down (reverse CoA).
/// Clones stand for the same server.
#[derive(Clone)]
pub struct Connections(Arc<Registry>);

/// One connection that is open.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpenConnection {
    /// Whose it is.
    pub peer: Arc<Peer>,
    /// Where it comes from.
    pub from: SocketAddr,
    /// What it is.
    pub transport: Transport,
    /// The form of the protocol that is spoken on it.
    pub version: Version,
    /// What the TLS handshake settled; `None` over TCP.
    pub session: Option<Session>,
    /// Since when it is open.
    pub since: SystemTime,
}

impl Connections {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        Self(registry)
    }

    /// Every connection that is open, in the order in which they came.
    pub fn list(&self) -> Vec<OpenConnection> {
        let entries = self.0.entries();
        let mut open: Vec<_> = entries.open.iter().collect();
        open.sort_unstable_by_key(|(id, _)| **id);
        open.into_iter()
            .map(|(_, entry)| entry.about.clone())
            .collect()
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.0.entries().open.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A client whose requests go down the newest connection that a peer of this name has opened
    /// (reverse CoA, draft-ietf-radext-reverse-coa): for a NAS behind NAT that can be reached no
    /// other way. It works as long as that connection is open. `None` where there is none.
    ///
    /// The NAS must be set to take CoA-Request and Disconnect-Request this way: one that is not
    /// leaves them unanswered.
    pub fn toward(&self, peer: &str) -> Option<Client> {
        let entries = self.0.entries();
        let newest = entries
            .open
            .iter()
            .filter(|(_, entry)| &**entry.about.peer.name() == peer)
            .max_by_key(|(id, _)| **id);
        newest.and_then(|(_, entry)| Client::over(entry.way.clone(), self.0.trace.clone()).ok())
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

/// The way down a connection that is open.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) orders: mpsc::Sender<Vec<u8>>,
}

/// What a server knows of its connections.
pub(super) struct Registry {
    pub(super) limits: ConnectionLimits,
    trace: Trace,
    entries: Mutex<Entries>,
    /// What the connections are to do.
    pub(super) state: watch::Sender<State>,
    /// What the DTLS listeners sent away before there was anything to tell of.
    #[cfg(feature = "openssl")]
    pub(super) doors: Mutex<Vec<crate::tls::openssl::DtlsCounters>>,
    /// How many tasks accept or serve.
    at_work: watch::Sender<usize>,
}

#[derive(Default)]
struct Entries {
    open: HashMap<u64, Entry>,
    by_peer: HashMap<Arc<str>, usize>,
    half_open: usize,
    half_open_from: HashMap<IpAddr, usize>,
    next: u64,
}

struct Entry {
    about: OpenConnection,
    way: Way,
}

impl Registry {
    pub(super) fn new(limits: ConnectionLimits, trace: Trace) -> Self {
        Self {
            limits,
            trace,
            entries: Mutex::default(),
            state: watch::Sender::new(State::Serving),
            #[cfg(feature = "openssl")]
            doors: Mutex::default(),
            at_work: watch::Sender::new(0),
        }
    }

    /// Room for one more handshake.
    pub(super) fn begin(self: &Arc<Self>, from: IpAddr) -> Result<HalfOpen, Hangup> {
        let address = network(from);
        let mut entries = self.entries();
        if entries.open.len() + entries.half_open >= self.limits.total {
            return Err(Hangup::TooManyConnections);
        }
        let here = entries.half_open_from.get(&address).copied().unwrap_or(0);
        let limits = &self.limits;
        if entries.half_open >= limits.half_open || here >= limits.half_open_per_address {
            return Err(Hangup::TooManyHalfOpen);
        }
        entries.half_open += 1;
        entries.half_open_from.insert(address, here + 1);
        drop(entries);
        Ok(HalfOpen {
            registry: Arc::clone(self),
            address,
        })
    }

    /// Room for one more connection of a peer.
    pub(super) fn open(
        self: &Arc<Self>,
        about: OpenConnection,
        way: Way,
    ) -> Result<Registered, Hangup> {
        let own = about.session.as_ref().and_then(Session::connection_limit);
        let most = own.unwrap_or(self.limits.per_peer);
        let name = Arc::clone(about.peer.name());
        let mut entries = self.entries();
        let count = entries.by_peer.get(&name).copied().unwrap_or(0);
        if count >= most {
            return Err(Hangup::TooManyFromPeer);
        }
        entries.by_peer.insert(Arc::clone(&name), count + 1);
        let id = entries.next;
        entries.next += 1;
        entries.open.insert(id, Entry { about, way });
        drop(entries);
        Ok(Registered {
            registry: Arc::clone(self),
            id,
            name,
        })
    }

    /// How many are open, and how many handshakes are under way.
    pub(super) fn counts(&self) -> (usize, usize) {
        let entries = self.entries();
        (entries.open.len(), entries.half_open)
    }

    /// Stands for a task at work.
    pub(super) fn at_work(self: &Arc<Self>) -> AtWork {
        self.at_work.send_modify(|tasks| *tasks += 1);
        AtWork(Arc::clone(self))
    }

    pub(super) async fn until_ended(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        drop(self.at_work.subscribe().wait_for(|tasks| *tasks == 0).await);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one subscriber of a network can have addresses in: an IPv4 address, an IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// A handshake that is under way.
pub(super) struct HalfOpen {
    registry: Arc<Registry>,
    address: IpAddr,
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        let mut entries = self.registry.entries();
        entries.half_open -= 1;
        if let Some(here) = entries.half_open_from.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                entries.half_open_from.remove(&self.address);
            }
        }
    }
}

/// A connection that is open.
pub(super) struct Registered {
    registry: Arc<Registry>,
    id: u64,
    name: Arc<str>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut entries = self.registry.entries();
        entries.open.remove(&self.id);
        if let Some(count) = entries.by_peer.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                entries.by_peer.remove(&self.name);
            }
        }
    }
}

/// A task at work.
pub(super) struct AtWork(Arc<Registry>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.send_modify(|tasks| *tasks -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(limits: ConnectionLimits) -> Arc<Registry> {
        Arc::new(Registry::new(limits, Trace::off()))
    }

    #[test]
    fn unfinished_handshakes_are_bounded_in_all_and_by_network() {
        let registry = registry(ConnectionLimits {
            half_open: 3,
            half_open_per_address: 2,
            ..ConnectionLimits::default()
        });
        let begin = |from: &str| registry.begin(from.parse().unwrap());
        let first = begin("2001:db8::1").ok();
        let second = begin("2001:db8::2").ok();
        assert!(first.is_some() && second.is_some());
        assert_eq!(begin("2001:db8::3").err(), Some(Hangup::TooManyHalfOpen));
        let third = begin("192.0.2.1").ok();
        assert!(third.is_some());
        assert_eq!(begin("192.0.2.2").err(), Some(Hangup::TooManyHalfOpen));
        drop(first);
        assert!(begin("::ffff:192.0.2.2").is_ok());
        drop((second, third));
        assert_eq!(registry.counts(), (0, 0));
        assert!(registry.entries().half_open_from.is_empty());
    }

    #[test]
    fn there_are_no_more_than_there_may_be_in_all() {
        let registry = registry(ConnectionLimits {
            total: 1,
            ..ConnectionLimits::default()
        });
        let address = [192, 0, 2, 1].into();
        let _only = registry.begin(address).ok();
        let second = registry.begin(address).err();
        assert_eq!(second, Some(Hangup::TooManyConnections));
    }
}
