//! Connections towards one server: opened when needed, kept, and opened again.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use portreeve_proto::{Query, Random as _, Transport, Version};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
};

use super::{
    How, Upstream,
    counters::Tally,
    ledger::{IDENTIFIERS, Ledger, Place, Waiting},
    target::{Chance, Means},
};
#[cfg(feature = "openssl")]
use crate::tls::openssl::connect_dtls;
use crate::{
    Trace,
    connection::{Asks, Connection, Nobody, Patience, Rhythm, Watch},
    random::OsRandom,
    server::{connections::Way, running::State},
    tls::{Hangup, Refused, Session, Stream},
};

/// For the system to connect, and again for the handshake.
const CONNECT: Duration = Duration::from_secs(5);
/// Between two attempts to connect, at least (radiusdtls-bis section 4.6).
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// And at most.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// The share of the wait that chance adds to it.
const JITTER: f64 = 0.2;
/// Requests that may wait to be sent down one connection.
const ORDERS: usize = 256;
/// After so long without a packet an idle server is asked whether it is there (RFC 3539 section
/// 3.4.1 recommends 30 s), where nothing comes down the connection.
const IDLE_WATCH: Duration = Duration::from_secs(30);

/// What becomes of requests that come down a connection that we opened.
pub(crate) trait Host: Send + Sync {
    /// Runs the connection until it is over.
    fn host(&self, connection: Connection<Nobody>)
    -> Pin<Box<dyn Future<Output = Refused> + Send>>;

    /// After so long without a packet the server is asked whether it is there.
    fn idle_watch(&self) -> Duration {
        IDLE_WATCH
    }
}

/// They meet silence.
pub(super) struct NoHost;

impl Host for NoHost {
    fn host(
        &self,
        connection: Connection<Nobody>,
    ) -> Pin<Box<dyn Future<Output = Refused> + Send>> {
        Box::pin(connection.run())
    }
}

/// The connections towards one server. Opens another where all identifiers are in use, up to a
/// bound; beyond it requests wait for an identifier.
pub(super) struct Dial {
    upstream: Arc<Upstream>,
    source: Option<IpAddr>,
    tally: Arc<Tally>,
    trace: Trace,
    random: Arc<Chance>,
    host: Arc<dyn Host>,
    watch_after: Duration,
    free: Arc<Semaphore>,
    links: Mutex<Links>,
    /// Held by whoever opens a connection; requests that find an identifier do not wait for it.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Links {
    open: Vec<Arc<Link>>,
    /// Attempts that failed since the last that did not.
    failures: u32,
    not_before: Option<Instant>,
}

/// One connection.
pub(super) struct Link {
    way: Way,
    session: Option<Session>,
    ended: Arc<Mutex<Option<Refused>>>,
    /// Letting go of it ends the connection.
    _state: watch::Sender<State>,
}

impl Link {
    /// The way down a connection that somebody else keeps.
    pub(super) fn of(way: Way) -> Self {
        Self {
            way,
            session: None,
            ended: Arc::default(),
            _state: watch::Sender::new(State::Serving),
        }
    }

    /// Why it is over; `None` while it is open.
    pub(super) fn ended(&self) -> Option<Refused> {
        self.ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn is_open(&self) -> bool {
        !self.way.orders.is_closed()
    }

    /// An identifier of this connection, if one is free.
    pub(super) fn slot(self: &Arc<Self>, waiting: Waiting) -> Result<Slot, Waiting> {
        let place = self.way.ledger.occupy(waiting)?;
        Ok(Slot {
            link: Arc::clone(self),
            place,
            permit: None,
        })
    }
}

/// An identifier in use; dropping it gives it back.
pub(super) struct Slot {
    link: Arc<Link>,
    place: Place,
    permit: Option<OwnedSemaphorePermit>,
}

impl Slot {
    pub(super) fn identifier(&self) -> u32 {
        self.place.identifier()
    }

    pub(super) fn version(&self) -> Version {
        self.link.way.ledger.version()
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// From now on, answers to this query are waited for.
    pub(super) fn expect(&self, query: Query) {
        self.place.expect(query);
    }

    /// Hands a packet over for sending; false where the connection is over.
    pub(super) async fn send(&self, octets: Vec<u8>) -> bool {
        self.link.way.orders.send(octets).await.is_ok()
    }
}

impl Dial {
    pub(super) fn new(upstream: Arc<Upstream>, tally: Arc<Tally>, means: &Means) -> Self {
        let most = means
            .sockets
            .max(1)
            .saturating_mul(IDENTIFIERS as usize - 1);
        Self {
            upstream,
            source: means.source,
            tally,
            trace: means.trace.clone(),
            random: Arc::clone(&means.random),
            host: Arc::clone(&means.host),
            watch_after: means.watchdog.interval,
            free: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            links: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> usize {
        let links = self.links();
        links.open.iter().filter(|link| link.is_open()).count()
    }

    /// What the handshake of an open connection settled.
    pub(super) fn session(&self) -> Option<Session> {
        let links = self.links();
        let link = links.open.iter().find(|link| link.is_open())?;
        link.session.clone()
    }

    /// An identifier of some connection; waits until there is one, and until the server may be
    /// connected to again.
    pub(super) async fn slot(&self, waiting: Waiting) -> Result<Slot, Refused> {
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let permit = permit.map_err(|_| Refused::from(Hangup::Stopping))?;
        let mut slot = match self.occupy(waiting) {
            Ok(slot) => slot,
            Err(waiting) => self.slot_of_another(waiting).await?,
        };
        slot.permit = Some(permit);
        Ok(slot)
    }

    /// An identifier of a connection that is open.
    fn occupy(&self, mut waiting: Waiting) -> Result<Slot, Waiting> {
        let mut links = self.links();
        links.open.retain(|link| link.is_open());
        for link in &links.open {
            match link.slot(waiting) {
                Ok(slot) => return Ok(slot),
                Err(back) => waiting = back,
            }
        }
        Err(waiting)
    }

    /// Opens another connection, unless somebody else has just done so.
    async fn slot_of_another(&self, waiting: Waiting) -> Result<Slot, Refused> {
        let _opening = self.opening.lock().await;
        let waiting = match self.occupy(waiting) {
            Ok(slot) => return Ok(slot),
            Err(waiting) => waiting,
        };
        let not_before = self.links().not_before;
        if let Some(not_before) = not_before {
            tokio::time::sleep_until(not_before.into()).await;
        }
        let opened = self.open_one().await;
        let now = Instant::now();
        let mut links = self.links();
        let link = match opened {
            Ok(link) => Arc::new(link),
            Err(refused) => {
                links.not_before = Some(now + self.wait(links.failures));
                links.failures = links.failures.saturating_add(1);
                return Err(refused);
            }
        };
        // A server that takes connections and ends them at once is not asked faster either.
        links.not_before = Some(now + self.wait(0));
        links.failures = 0;
        links.open.push(Arc::clone(&link));
        drop(links);
        let slot = link.slot(waiting);
        slot.map_err(|_| Hangup::PeerVanished.into())
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, failures: u32) -> Duration {
        let grown = FIRST_WAIT.saturating_mul(1 << failures.min(7));
        let chance = self.random.draw().unit();
        grown.min(LONGEST_WAIT).mul_f64(1.0 + JITTER * chance)
    }

    async fn open_one(&self) -> Result<Link, Refused> {
        let server = self.upstream.address;
        let connected = match &self.upstream.how {
            #[cfg(feature = "openssl")]
            How::Dtls(config) => {
                let limit = CONNECT * 2;
                let (stream, session) = connect_dtls(config, server, self.source, limit).await?;
                (stream, Some(session), local_of(server))
            }
            How::Tls(config) => {
                let stream = self.connect().await?;
                let to = stream.local_addr().unwrap_or_else(|_| local_of(server));
                let connecting = config.connect(stream, server);
                let connected = tokio::time::timeout(CONNECT, connecting).await;
                let (stream, session) = connected.map_err(|_| too_late())??;
                (stream, Some(session), to)
            }
            How::Tcp | How::Udp => {
                let stream = self.connect().await?;
                let to = stream.local_addr().unwrap_or_else(|_| local_of(server));
                (Box::new(stream) as Box<dyn Stream>, None, to)
            }
        };
        self.keep(connected)
    }

    async fn connect(&self) -> Result<TcpStream, Refused> {
        let server = self.upstream.address;
        let connecting = async {
            let socket = if server.is_ipv4() {
                TcpSocket::new_v4()?
            } else {
                TcpSocket::new_v6()?
            };
            if let Some(source) = self.source {
                socket.bind(SocketAddr::new(source, 0))?;
            }
            socket.connect(server).await
        };
        let connected = tokio::time::timeout(CONNECT, connecting).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream =
            connected.map_err(|error| Refused::because(Hangup::Unreachable, &error.to_string()))?;
        // Packets are written whole; nothing is gained by waiting for more.
        drop(stream.set_nodelay(true));
        Ok(stream)
    }

    /// Has a connection served from now on.
    fn keep(
        &self,
        (stream, session, to): (Box<dyn Stream>, Option<Session>, SocketAddr),
    ) -> Result<Link, Refused> {
        let transport = self.upstream.how.transport();
        let version = session.as_ref().map_or(Version::V1_0, Session::version);
        let mut start = [0; 4];
        self.random.draw().fill(&mut start);
        let start = u32::from_be_bytes(start);
        let ledger = Ledger::of_connection(version, start, self.trace.clone());
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (state, told) = watch::channel(State::Serving);
        let way = Way {
            ledger: Arc::new(ledger),
            upstream: Arc::clone(&self.upstream),
            tally: Arc::clone(&self.tally),
            orders,
        };
        let watch = self.watch()?;
        let connection = Connection {
            stream,
            transport,
            from: self.upstream.address,
            to,
            serves: None,
            asks: Asks {
                ledger: Arc::clone(&way.ledger),
                upstream: Arc::clone(&way.upstream),
                tally: Arc::clone(&way.tally),
                orders: ordered,
                watch,
            },
            patience: Patience {
                idle: Duration::from_hours(24 * 365),
                midway: Duration::from_secs(10),
                sending: Duration::from_secs(30),
            },
            judged: session.clone().map(|session| (session, None)),
            state: told,
        };
        let ended = Arc::<Mutex<Option<Refused>>>::default();
        let running = self.host.host(connection);
        let (noted, server) = (Arc::clone(&ended), self.upstream.address);
        tokio::spawn(async move {
            let refused = running.await;
            tracing::debug!(%server, reason = refused.reason.label(), "a connection is over");
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
        });
        Ok(Link {
            way,
            session,
            ended,
            _state: state,
        })
    }

    fn watch(&self) -> Result<Option<Watch>, Refused> {
        if self.watch_after.is_zero() {
            return Ok(None);
        }
        let rhythm = Rhythm {
            waiting: self.watch_after,
            idle: self.host.idle_watch().max(self.watch_after),
        };
        let random = OsRandom::new().map_err(|_| Refused::from(Hangup::HandshakeFailed))?;
        Ok(Some(Watch::new(rhythm, random, Instant::now())))
    }
}

fn too_late() -> Refused {
    Hangup::HandshakeTimeout.into()
}

fn local_of(server: SocketAddr) -> SocketAddr {
    if server.is_ipv4() {
        ([0; 4], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    }
}

impl How {
    pub(super) fn transport(&self) -> Transport {
        match self {
            #[cfg(feature = "openssl")]
            Self::Dtls(_) => Transport::Dtls,
            Self::Tcp => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
            Self::Udp => Transport::Udp,
        }
    }
}
