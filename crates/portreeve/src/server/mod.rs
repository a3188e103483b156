//! The server: sockets, workers, and what goes on between them and a [`Handler`].

pub mod connections;
pub(crate) mod counters;
pub(crate) mod desk;
pub(crate) mod exchange;
mod listener;
pub mod observer;
pub(crate) mod running;
mod schedule;
mod streams;
mod worker;

use std::{fmt, io, net::SocketAddr, num::NonZero, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use portreeve_proto::{AccessReply, AccessRequest, DuplicateLimits, Peer, PeerTable, Role, Secret};
use tokio::runtime::Handle;

use self::{
    connections::Registry,
    desk::{Means, Tuning},
    observer::Blind,
    running::{Alive, Shared, State},
    streams::{Hall, Kind, Wanted},
    worker::Worker,
};
pub use self::{
    connections::{ConnectionLimits, Connections, OpenConnection},
    counters::Counters,
    observer::Observer,
    running::{Meter, Peers, Running},
};
use crate::{Error, Handler, ToAddress, ToPrefix, Trace, handler::AccessFn, random::OsRandom, tls};

/// A RADIUS server in the making: say whom it serves and where it listens, then [`run`](Self::run)
/// or [`start`](Self::start) it. What is wrong with an argument is told then.
#[must_use]
pub struct Server<H> {
    handler: H,
    peers: Vec<(IpNet, Arc<Peer>)>,
    listeners: Vec<(SocketAddr, Role)>,
    streams: Vec<Wanted>,
    limits: ConnectionLimits,
    workers: usize,
    receive_buffer: Option<usize>,
    observer: Arc<dyn Observer>,
    tuning: Tuning,
    trace: Option<Trace>,
    /// The first thing that was wrong.
    wrong: Option<Error>,
}

impl<H: Handler> Server<H> {
    /// A server that lets `handler` decide.
    pub fn new(handler: H) -> Self {
        Self {
            handler,
            peers: Vec::new(),
            listeners: Vec::new(),
            streams: Vec::new(),
            limits: ConnectionLimits::default(),
            workers: thread::available_parallelism().map_or(1, NonZero::get),
            receive_buffer: None,
            observer: Arc::new(Blind),
            tuning: Tuning::default(),
            trace: None,
            wrong: None,
        }
    }

    /// Serves the device at an address, or the devices in a range of addresses, that shares
    /// `secret` with us. Of several ranges that hold an address the narrowest counts. Whoever is
    /// not a peer meets silence.
    ///
    /// The peer must send Message-Authenticator with every Access-Request; see [`Self::peer_with`]
    /// for one that cannot.
    pub fn peer(mut self, prefix: impl ToPrefix, secret: impl AsRef<[u8]>) -> Self {
        let prefix = match prefix.to_prefix() {
            Ok(prefix) => prefix,
            Err(given) => return self.refuse(Error::Prefix { given }),
        };
        let name: Arc<str> = prefix.to_string().into();
        let Ok(secret) = Secret::new(secret) else {
            let of = (*name).into();
            return self.refuse(Error::EmptySecret { of });
        };
        self.peers.push((prefix, Arc::new(Peer::new(name, secret))));
        self
    }

    /// As [`Self::peer`], for a peer with a name and demands of its own.
    pub fn peer_with(mut self, peer: impl Into<Arc<Peer>>, prefix: impl ToPrefix) -> Self {
        match prefix.to_prefix() {
            Ok(prefix) => self.peers.push((prefix, peer.into())),
            Err(given) => return self.refuse(Error::Prefix { given }),
        }
        self
    }

    /// Listens on a UDP address, for every kind of request. Port 0 takes any free port. An IPv6
    /// address takes IPv6 only: for both, listen on both.
    pub fn udp(self, address: impl ToAddress) -> Self {
        self.udp_as(Role::Any, address)
    }

    /// Listens on a UDP address for Access-Request and Status-Server only; usually port 1812.
    pub fn auth(self, address: impl ToAddress) -> Self {
        self.udp_as(Role::Auth, address)
    }

    /// Listens on a UDP address for Accounting-Request and Status-Server only; usually port 1813.
    pub fn accounting(self, address: impl ToAddress) -> Self {
        self.udp_as(Role::Accounting, address)
    }

    /// Listens on a UDP address for CoA-Request and Disconnect-Request only; usually port 3799 (RFC
    /// 5176), for some older equipment 1700. Every peer may send them unless
    /// [`Peer::may_change_sessions`] says otherwise: name here only those whose word ends sessions.
    /// How old they may be, [`DuplicateLimits::dynamic`] says.
    pub fn dynamic(self, address: impl ToAddress) -> Self {
        self.udp_as(Role::Dynamic, address)
    }

    /// Listens on a UDP address for the requests of one role.
    pub fn udp_as(mut self, role: Role, address: impl ToAddress) -> Self {
        match address.to_address() {
            Ok(address) => self.listeners.push((address, role)),
            Err(given) => return self.refuse(Error::Address { given }),
        }
        self
    }

    /// Listens on a TCP address for TLS connections (`RadSec`), usually port 2083: for log-ins,
    /// accounting and Status-Server. Who may connect, and whose requests they are, `acceptor` says.
    pub fn radsec(self, address: impl ToAddress, acceptor: tls::Acceptor) -> Self {
        self.stream_as(Role::Home, address, Kind::Tls(acceptor))
    }

    /// As [`Self::radsec`], for the requests of one role.
    pub fn radsec_as(self, role: Role, address: impl ToAddress, acceptor: tls::Acceptor) -> Self {
        self.stream_as(role, address, Kind::Tls(acceptor))
    }

    /// Listens on a UDP address for DTLS associations, usually port 2083: as [`Self::radsec`].
    /// Needs the cargo feature `openssl`.
    #[cfg(feature = "openssl")]
    pub fn dtls(self, address: impl ToAddress, acceptor: tls::Acceptor) -> Self {
        self.stream_as(Role::Home, address, Kind::Dtls(acceptor))
    }

    /// As [`Self::dtls`], for the requests of one role.
    #[cfg(feature = "openssl")]
    pub fn dtls_as(self, role: Role, address: impl ToAddress, acceptor: tls::Acceptor) -> Self {
        self.stream_as(role, address, Kind::Dtls(acceptor))
    }

    /// Listens on a TCP address for bare connections (RFC 6613) of peers that are to use
    /// [`Transport::Tcp`](portreeve_proto::Transport): for tests and trusted links.
    pub fn tcp(self, address: impl ToAddress) -> Self {
        self.tcp_as(Role::Any, address)
    }

    /// As [`Self::tcp`], for the requests of one role.
    pub fn tcp_as(self, role: Role, address: impl ToAddress) -> Self {
        self.stream_as(role, address, Kind::Tcp)
    }

    /// How many connections there may be, and how long each may take over what.
    pub fn connections(mut self, limits: ConnectionLimits) -> Self {
        self.limits = limits;
        self
    }

    fn stream_as(mut self, role: Role, address: impl ToAddress, kind: Kind) -> Self {
        match address.to_address() {
            Ok(address) => self.streams.push(Wanted {
                address,
                role,
                kind,
            }),
            Err(given) => return self.refuse(Error::Address { given }),
        }
        self
    }

    /// How many threads read the sockets, each with sockets of its own; by default one for each
    /// processor. The kernel always gives one peer's port to the same thread. 0 counts as 1.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// How long after its receipt a request is rejected, and up to a tenth of it more at random; by
    /// default 1 s. It slows guessing down, and hides how long the decision took. It
    /// delays nobody else, and nothing but Access-Reject. Zero sends rejects at once; more than
    /// half of [`DuplicateLimits::in_progress`] counts as that.
    pub fn reject_delay(mut self, delay: Duration) -> Self {
        self.tuning.reject_delay = delay;
        self
    }

    /// How long after a request's receipt its handler is dropped; by default, and at most, as long
    /// as [`DuplicateLimits::in_progress`].
    pub fn handler_timeout(mut self, limit: Duration) -> Self {
        self.tuning.handler_timeout = limit;
        self
    }

    /// What is remembered to tell retransmissions from new requests, for each worker. The number of
    /// entries is also the most requests that one worker has in flight, and the most rejects that
    /// it holds back.
    pub fn duplicates(mut self, limits: DuplicateLimits) -> Self {
        self.tuning.duplicates = limits;
        self
    }

    /// How long [`Running::stop`] waits for what is in flight; by default 5 s.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.tuning.drain = limit;
        self
    }

    /// The receive buffer of each socket in octets of kernel memory (a small datagram takes about
    /// 800); by default the system's. What the system grants less is logged as a warning.
    pub fn receive_buffer(mut self, octets: usize) -> Self {
        self.receive_buffer = Some(octets);
        self
    }

    /// Tells `observer` of every datagram and what became of it.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Writes packets out in words, or not; by default as the environment says.
    pub fn trace(mut self, trace: Trace) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Serves until something fails, or until the future is dropped.
    pub async fn run(self) -> Result<(), Error> {
        self.start().await?.ended().await
    }

    /// Starts to serve, and gives the server at work: what has arrived on its ports from now on is
    /// answered.
    ///
    /// Must be called inside a Tokio runtime whose timers are on.
    #[expect(
        clippy::unused_async,
        reason = "only inside a runtime is there something to start on, and so it stays"
    )]
    pub async fn start(self) -> Result<Running, Error> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        if self.listeners.is_empty() && self.streams.is_empty() {
            return Err(Error::NothingToListenOn);
        }
        if self.peers.is_empty() && self.streams.is_empty() {
            tracing::warn!("no peers: every request will meet silence until there are some");
        }
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let mut bound = listener::bind(&self.listeners, self.workers, self.receive_buffer)?;
        let peers = Arc::new(ArcSwap::from_pointee(PeerTable::new(self.peers)));
        let means = Means {
            handler: Arc::new(self.handler),
            observer: self.observer,
            runtime,
            trace: self.trace.unwrap_or_else(Trace::from_env),
            tuning: self.tuning,
            faults: Arc::default(),
        };
        let mut workers = Vec::with_capacity(self.workers);
        for sockets in std::mem::take(&mut bound.by_worker) {
            if sockets.is_empty() {
                continue;
            }
            let random = OsRandom::new()?;
            let worker = Worker::new(means.clone(), Arc::clone(&peers), random, sockets);
            workers.push(worker.map_err(Error::Start)?);
        }
        let registry = Arc::new(Registry::new(self.limits, means.trace.clone()));
        let shared = Arc::new(Shared::new(
            peers,
            workers.iter().map(Worker::shared).collect(),
            registry,
        ));
        let hall = Arc::new(Hall {
            means,
            cells: Arc::clone(&shared.cells),
            peers: Arc::clone(&shared.peers),
            registry: Arc::clone(&shared.registry),
        });
        for wanted in self.streams {
            match streams::listen(&hall, wanted) {
                Ok(address) => bound.addresses.push(address),
                Err(error) => {
                    shared.ask(State::Stopped);
                    return Err(error);
                }
            }
        }
        let running = Running::new(Arc::clone(&shared), bound.addresses);
        for (number, worker) in workers.into_iter().enumerate() {
            let thread = spawn(number, worker, Alive::new(Arc::clone(&shared)), &shared);
            running.adopt(thread.map_err(Error::Start)?);
        }
        Ok(running)
    }

    fn refuse(mut self, error: Error) -> Self {
        self.wrong.get_or_insert(error);
        self
    }
}

impl<F> Server<AccessFn<F>>
where
    F: Fn(&AccessRequest) -> AccessReply + Send + Sync + 'static,
{
    /// A server that lets a closure decide about log-ins; see [`crate::handler::access`].
    pub fn access(decide: F) -> Self {
        Self::new(crate::handler::access(decide))
    }
}

impl<H> fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("peers", &self.peers)
            .field("listeners", &self.listeners)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

fn spawn<H: Handler>(
    number: usize,
    worker: Worker<H>,
    alive: Alive,
    shared: &Arc<Shared>,
) -> io::Result<thread::JoinHandle<()>> {
    let shared = Arc::clone(shared);
    let name = format!("radius-{number}");
    thread::Builder::new().name(name).spawn(move || {
        let result = worker.run(&shared);
        alive.ended(result);
    })
}
