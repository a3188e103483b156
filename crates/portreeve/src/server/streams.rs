//! Listeners that take connections: TCP, TLS, and with OpenSSL DTLS.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use portreeve_proto::{Endpoint, Peer, PeerTable, Random as _, Role, Transport, Version};
use socket2::{Domain, Socket};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{
    connections::{OpenConnection, Registered, Registry, Way},
    counters::Cells,
    desk::{Desk, Means},
    observer::{Connected, HungUp},
    running::State,
};
#[cfg(feature = "openssl")]
use crate::tls::openssl::DtlsListener;
use crate::{
    Error, Handler,
    client::{Ledger, Tally, Upstream},
    connection::{Asks, Connection, Serves, Tray, Whom},
    random::OsRandom,
    tls::{Acceptor, Hangup, Refused, Session, Stream},
};

/// How long to wait where the system gives no socket.
const AFTER_ERROR: Duration = Duration::from_millis(100);
/// Connections that wait to be taken; the system may allow fewer.
const BACKLOG: i32 = 1024;
/// Requests of ours that may wait to be sent down one connection.
const ORDERS: usize = 64;

/// What a listener takes.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Tcp,
    Tls(Acceptor),
    #[cfg(feature = "openssl")]
    Dtls(Acceptor),
}

impl Kind {
    fn transport(&self) -> Transport {
        match self {
            Self::Tcp => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
            #[cfg(feature = "openssl")]
            Self::Dtls(_) => Transport::Dtls,
        }
    }
}

impl Kind {
    /// Who judges those who connect.
    fn acceptor(&self) -> Option<&Acceptor> {
        match self {
            Self::Tcp => None,
            Self::Tls(acceptor) => Some(acceptor),
            #[cfg(feature = "openssl")]
            Self::Dtls(acceptor) => Some(acceptor),
        }
    }
}

/// A listener in the making.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) address: SocketAddr,
    pub(super) role: Role,
    pub(super) kind: Kind,
}

/// What the listeners and connections of a server share.
pub(super) struct Hall<H> {
    pub(super) means: Means<H>,
    pub(super) cells: Arc<Cells>,
    pub(super) peers: Arc<ArcSwap<PeerTable>>,
    pub(super) registry: Arc<Registry>,
}

/// Opens a listener and has it served; gives its address.
pub(super) fn listen<H: Handler>(hall: &Arc<Hall<H>>, wanted: Wanted) -> Result<SocketAddr, Error> {
    let address = wanted.address;
    let failed = |error| Error::Listen { address, error };
    let transport = wanted.kind.transport();
    let door = Door {
        hall: Arc::clone(hall),
        role: wanted.role,
        kind: wanted.kind,
    };
    let bound = match door.kind.clone() {
        Kind::Tcp | Kind::Tls(_) => {
            let listener = bind(address).map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            tokio::spawn(door.take_streams(listener));
            bound
        }
        #[cfg(feature = "openssl")]
        Kind::Dtls(acceptor) => {
            let limits = hall.registry.limits.for_dtls();
            let listener = DtlsListener::bind(address, acceptor, limits).map_err(failed)?;
            let bound = listener.local_addr();
            let doors = &hall.registry.doors;
            doors
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push(listener.counters().clone());
            tokio::spawn(door.take_associations(listener));
            bound
        }
    };
    tracing::info!(address = %bound, role = ?wanted.role, %transport, "listening");
    Ok(bound)
}

/// As for datagrams, an IPv6 address takes IPv6 only, so that one may listen on both.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let kind = socket2::Type::STREAM;
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// One listener at work.
struct Door<H> {
    hall: Arc<Hall<H>>,
    role: Role,
    kind: Kind,
}

/// A connection whose other end is known.
struct Admitted {
    stream: Box<dyn Stream>,
    session: Option<Session>,
    peer: Arc<Peer>,
    from: SocketAddr,
    to: SocketAddr,
}

impl<H: Handler> Door<H> {
    async fn take_streams(self, listener: TcpListener) {
        let _at_work = self.hall.registry.at_work();
        let mut state = self.hall.registry.state.subscribe();
        let door = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = state.wait_for(|state| *state != State::Serving) => return,
            };
            match accepted {
                Ok((stream, from)) => door.greet(stream, from),
                Err(error) => {
                    // Descriptors run out, or the other end was faster to leave.
                    tracing::debug!(%error, "a connection could not be taken");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    #[cfg(feature = "openssl")]
    async fn take_associations(self, mut listener: DtlsListener) {
        let _at_work = self.hall.registry.at_work();
        let mut state = self.hall.registry.state.subscribe();
        let door = Arc::new(self);
        let to = listener.local_addr();
        loop {
            let (settled, from) = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = state.wait_for(|state| *state != State::Serving) => return,
            };
            let door = Arc::clone(&door);
            match settled {
                Ok((stream, session)) => {
                    tokio::spawn(async move { door.settled(stream, session, from, to).await });
                }
                Err(refused) => door.hung_up(from, to, None, &refused),
            }
        }
    }

    /// Begins a handshake, if there is room for one.
    fn greet(self: &Arc<Self>, stream: TcpStream, from: SocketAddr) {
        let to = stream.local_addr().unwrap_or(([0; 4], 0).into());
        let half_open = match self.hall.registry.begin(from.ip()) {
            Ok(half_open) => half_open,
            Err(reason) => return self.hung_up(from, to, None, &reason.into()),
        };
        // Packets are written whole; nothing is gained by waiting for more.
        drop(stream.set_nodelay(true));
        let door = Arc::clone(self);
        tokio::spawn(async move {
            let limit = door.hall.registry.limits.handshake;
            let settled = match tokio::time::timeout(limit, door.identify(stream, from)).await {
                Ok(settled) => settled,
                Err(_) => Err(Hangup::HandshakeTimeout.into()),
            };
            drop(half_open);
            match settled {
                Ok((stream, Some(session))) => door.settled(stream, session, from, to).await,
                Ok((stream, None)) => door.known_by_address(stream, from, to).await,
                Err(refused) => door.hung_up(from, to, None, &refused),
            }
        });
    }

    async fn identify(
        &self,
        stream: TcpStream,
        from: SocketAddr,
    ) -> Result<(Box<dyn Stream>, Option<Session>), Refused> {
        match &self.kind {
            Kind::Tcp => Ok((Box::new(stream), None)),
            Kind::Tls(acceptor) => {
                let (stream, session) = acceptor.accept(stream, from).await?;
                Ok((stream, Some(session)))
            }
            #[cfg(feature = "openssl")]
            Kind::Dtls(_) => Err(Hangup::HandshakeFailed.into()),
        }
    }

    async fn known_by_address(&self, stream: Box<dyn Stream>, from: SocketAddr, to: SocketAddr) {
        let table = self.hall.peers.load_full();
        let Some(peer) = table.find(from.ip()).map(Arc::clone) else {
            return self.hung_up(from, to, None, &Hangup::AddressNotAllowed.into());
        };
        let admitted = Admitted {
            stream,
            session: None,
            peer,
            from,
            to,
        };
        self.serve(admitted).await;
    }

    async fn settled(
        &self,
        stream: Box<dyn Stream>,
        session: Session,
        from: SocketAddr,
        to: SocketAddr,
    ) {
        let Some(peer) = session.peer().map(Arc::clone) else {
            return self.hung_up(from, to, None, &Hangup::NotRecognised.into());
        };
        let admitted = Admitted {
            stream,
            session: Some(session),
            peer,
            from,
            to,
        };
        self.serve(admitted).await;
    }

    /// Serves a connection until it is over.
    async fn serve(&self, admitted: Admitted) {
        let (from, to, peer) = (admitted.from, admitted.to, Arc::clone(&admitted.peer));
        let _at_work = self.hall.registry.at_work();
        let refused = match self.connection(admitted) {
            Ok((connection, registered)) => {
                let ended = connection.run().await;
                drop(registered);
                ended
            }
            Err(refused) => refused,
        };
        self.hung_up(from, to, Some(&peer), &refused);
    }

    fn connection(&self, admitted: Admitted) -> Result<(Connection<H>, Registered), Refused> {
        let Admitted {
            stream,
            session,
            peer,
            from,
            to,
        } = admitted;
        let hall = &self.hall;
        let transport = self.kind.transport();
        let version = session.as_ref().map_or(Version::V1_0, Session::version);
        let no_random = |_| Refused::from(Hangup::HandshakeFailed);
        let mut random = OsRandom::new().map_err(no_random)?;
        let (way, ordered) = self.way(&peer, from, version, &mut random);
        let about = OpenConnection {
            peer: Arc::clone(&peer),
            from,
            transport,
            version,
            session: session.clone(),
            since: SystemTime::now(),
        };
        let registered = hall.registry.open(about.clone(), way.clone())?;
        hall.cells.accepted.add(1);
        hall.means
            .observer
            .connected(&Connected { connection: &about });
        let endpoint = Endpoint::connection(transport, version, &hall.means.tuning.duplicates);
        let (tray, done) = mpsc::unbounded_channel();
        let cells = Arc::clone(&hall.cells);
        let tray = Arc::new(Tray(tray));
        let serves = Serves {
            desk: Desk::new(hall.means.clone(), cells, endpoint, tray, random),
            role: self.role,
            from_whom: match &session {
                Some(_) => Whom::Peer(peer),
                None => Whom::Address(Arc::clone(&hall.peers)),
            },
            done,
        };
        let asks = Asks {
            ledger: way.ledger,
            upstream: way.upstream,
            tally: way.tally,
            orders: ordered,
            watch: None,
        };
        let connection = Connection {
            stream,
            transport,
            from,
            to,
            serves: Some(serves),
            asks,
            patience: hall.registry.limits.patience(),
            judged: session.map(|session| (session, self.kind.acceptor().cloned())),
            state: hall.registry.state.subscribe(),
        };
        Ok((connection, registered))
    }

    /// The way down a connection that is about to open.
    fn way(
        &self,
        peer: &Peer,
        from: SocketAddr,
        version: Version,
        random: &mut OsRandom,
    ) -> (Way, mpsc::Receiver<Vec<u8>>) {
        let mut start = [0; 4];
        random.fill(&mut start);
        let trace = self.hall.means.trace.clone();
        let ledger = Ledger::of_connection(version, u32::from_be_bytes(start), trace);
        let (orders, ordered) = mpsc::channel(ORDERS);
        let way = Way {
            ledger: Arc::new(ledger),
            upstream: Arc::new(Upstream::of_peer(peer, from, self.kind.transport())),
            tally: Arc::<Tally>::default(),
            orders,
        };
        (way, ordered)
    }

    /// Counts the end of a connection, and tells those who watch.
    fn hung_up(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        peer: Option<&Arc<Peer>>,
        refused: &Refused,
    ) {
        self.hall.cells.hung_up(refused.reason);
        let peer = peer.or(refused.peer.as_ref());
        tracing::debug!(%from, %to, reason = refused.reason.label(), "a connection is over");
        self.hall.means.observer.hung_up(&HungUp {
            from,
            to,
            transport: self.kind.transport(),
            peer,
            refused,
        });
    }
}
