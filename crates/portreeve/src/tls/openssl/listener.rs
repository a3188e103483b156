//! The server's side of DTLS: one UDP socket for all clients.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, UdpSocket as StdSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use openssl::{
    error::ErrorStack,
    ssl::{Ssl, SslContext},
};
use tokio::{
    net::UdpSocket,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    association::{Association, LONGEST_RECORD},
    case::{Case, Judge},
    context,
    cookie::{Answer, FirstHello, Jar},
    stream::{self, Link},
};
use crate::tls::{Acceptor, Hangup, Refused, Session, Stream, server::InForce};

/// How long a cookie's key is in use; a cookie is good for one to two times as long.
const KEY_TURNS: Duration = Duration::from_mins(1);
/// How often what has ended is cleared away.
const SWEEP: Duration = Duration::from_secs(1);
/// Datagrams that wait for one association; more are lost.
const INBOX: usize = 64;
/// Outcomes that wait to be taken by [`DtlsListener::accept`].
const OUTCOMES: usize = 64;

/// The bounds of a [`DtlsListener`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct DtlsLimits {
    /// Associations in all, those in their handshake among them.
    pub(crate) total: usize,
    /// Associations in their handshake.
    pub(crate) half_open: usize,
    /// How long a handshake may take.
    pub(crate) handshake: Duration,
}

impl Default for DtlsLimits {
    /// 16,384 associations, 256 of them in their handshake, which takes at most 30 s.
    fn default() -> Self {
        Self {
            total: 16_384,
            half_open: 256,
            handshake: Duration::from_secs(30),
        }
    }
}

/// What became of the datagrams that made no association. Shared by all clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct DtlsCounters(Arc<Cells>);

#[derive(Debug, Default)]
struct Cells {
    asked: AtomicU64,
    stray: AtomicU64,
    not_allowed: AtomicU64,
    half_open_full: AtomicU64,
    full: AtomicU64,
    overrun: AtomicU64,
}

impl DtlsCounters {
    /// Greetings without a good cookie, that were asked to come again with one.
    #[cfg(test)]
    pub(crate) fn asked(&self) -> u64 {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// Datagrams that belong to no association and begin none.
    pub(crate) fn stray(&self) -> u64 {
        self.0.stray.load(Ordering::Relaxed)
    }

    /// Greetings from addresses that no peer may connect from.
    pub(crate) fn not_allowed(&self) -> u64 {
        self.0.not_allowed.load(Ordering::Relaxed)
    }

    /// Greetings that came while there were as many unfinished handshakes as may be.
    pub(crate) fn half_open_full(&self) -> u64 {
        self.0.half_open_full.load(Ordering::Relaxed)
    }

    /// Greetings that came while there were as many associations as may be.
    pub(crate) fn full(&self) -> u64 {
        self.0.full.load(Ordering::Relaxed)
    }
}

fn count(cell: &AtomicU64) {
    cell.fetch_add(1, Ordering::Relaxed);
}

type Outcome = (Result<(Box<dyn Stream>, Session), Refused>, SocketAddr);

/// Accepts DTLS associations on a UDP socket.
///
/// Dropping it takes in nobody new; associations that stand go on.
#[derive(Debug)]
pub(crate) struct DtlsListener {
    outcomes: mpsc::Receiver<Outcome>,
    local: SocketAddr,
    counters: DtlsCounters,
}

impl DtlsListener {
    /// Opens the socket, and begins to serve it. To be called within a tokio runtime.
    ///
    /// A machine with several addresses should have a listener on each: an answer leaves from the
    /// address that the system chooses.
    pub(crate) fn bind(
        address: SocketAddr,
        acceptor: Acceptor,
        limits: DtlsLimits,
    ) -> io::Result<Self> {
        let own = open(address)?;
        let sender = Arc::new(own.try_clone()?);
        let socket = UdpSocket::from_std(own)?;
        let local = socket.local_addr()?;
        let (done, outcomes) = mpsc::channel(OUTCOMES);
        let counters = DtlsCounters::default();
        let in_force = acceptor.in_force();
        let post = Post {
            sender,
            jar: Jar::new()?,
            context: engine(&in_force)?,
            in_force,
            acceptor,
            limits,
            table: HashMap::new(),
            total: Arc::new(Semaphore::new(limits.total.min(Semaphore::MAX_PERMITS))),
            half_open: Arc::new(Semaphore::new(limits.half_open.min(Semaphore::MAX_PERMITS))),
            handshakes: JoinSet::new(),
            done,
            counters: counters.clone(),
        };
        tokio::spawn(post.serve(socket));
        Ok(Self {
            outcomes,
            local,
            counters,
        })
    }

    /// The next association that stands, or that was refused. Refusals are given away where nobody
    /// takes them in time.
    pub(crate) async fn accept(&mut self) -> Outcome {
        match self.outcomes.recv().await {
            Some(outcome) => outcome,
            // The other end lives as long as this one.
            None => std::future::pending().await,
        }
    }

    /// The address of the socket.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What became of the datagrams that made no association.
    pub(crate) fn counters(&self) -> &DtlsCounters {
        &self.counters
    }
}

/// As for connections, an IPv6 address takes IPv6 only.
fn open(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn engine(in_force: &InForce) -> Result<SslContext, ErrorStack> {
    let peers = in_force.config.peers();
    let keys = peers.iter().any(|peer| peer.pre_shared_key().is_some());
    context::dtls_server(&in_force.config.identity, keys)
}

/// One association, as the socket sees it.
struct Seat {
    inbox: mpsc::Sender<Vec<u8>>,
    /// The random octets of the greeting that began it.
    random: [u8; 32],
    stands: Arc<AtomicBool>,
}

impl Seat {
    fn is_alive(&self) -> bool {
        !self.inbox.is_closed()
    }
}

/// The associations of one client address: the one that stands, and one that may take its place.
/// Whoever holds the address can begin anew, but only a handshake that is done ends what stands.
#[derive(Default)]
struct Entry {
    standing: Option<Seat>,
    opening: Option<Seat>,
}

impl Entry {
    fn tidy(&mut self) {
        self.standing.take_if(|seat| !seat.is_alive());
        self.opening.take_if(|seat| !seat.is_alive());
        let stands = |seat: &mut Seat| seat.stands.load(Ordering::Acquire);
        if let Some(seat) = self.opening.take_if(stands) {
            self.standing = Some(seat);
        }
    }

    fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.standing.iter().chain(&self.opening)
    }

    fn is_empty(&self) -> bool {
        self.seats().next().is_none()
    }
}

/// Hands the datagrams of a socket to those they are for.
struct Post {
    sender: Arc<StdSocket>,
    jar: Jar,
    context: SslContext,
    in_force: Arc<InForce>,
    acceptor: Acceptor,
    limits: DtlsLimits,
    table: HashMap<SocketAddr, Entry>,
    total: Arc<Semaphore>,
    half_open: Arc<Semaphore>,
    handshakes: JoinSet<()>,
    done: mpsc::Sender<Outcome>,
    counters: DtlsCounters,
}

impl Post {
    async fn serve(mut self, socket: UdpSocket) {
        let mut datagram = vec![0; LONGEST_RECORD + 1024];
        let mut sweep = ticks(SWEEP);
        let mut turn = ticks(KEY_TURNS);
        loop {
            tokio::select! {
                arrived = socket.recv_from(&mut datagram) => match arrived {
                    Ok((length, from)) => self.take(&datagram[..length], from),
                    // An ICMP message about somebody who is gone.
                    Err(error) => tracing::debug!(%error, "receiving on a DTLS socket"),
                },
                _ = sweep.tick() => {
                    self.sweep();
                    if self.done.is_closed() && self.table.is_empty() {
                        return;
                    }
                }
                _ = turn.tick() => self.jar.turn(),
                Some(_) = self.handshakes.join_next() => {}
            }
        }
    }

    fn sweep(&mut self) {
        self.table.retain(|_, entry| {
            entry.tidy();
            !entry.is_empty()
        });
        self.follow();
    }

    /// Takes over a configuration that was put in force.
    fn follow(&mut self) {
        let in_force = self.acceptor.in_force();
        if Arc::ptr_eq(&in_force, &self.in_force) {
            return;
        }
        match engine(&in_force) {
            Ok(context) => {
                self.context = context;
                self.in_force = in_force;
            }
            Err(error) => {
                tracing::error!(%error, "DTLS goes on with the certificate it had");
                self.in_force = in_force;
            }
        }
    }

    fn take(&mut self, datagram: &[u8], from: SocketAddr) {
        if let Some(entry) = self.table.get_mut(&from) {
            entry.tidy();
            if entry.is_empty() {
                self.table.remove(&from);
            }
        }
        let entry = self.table.get(&from);
        let hello = FirstHello::read(datagram).filter(|hello| {
            let random = hello.random();
            !entry.is_some_and(|entry| entry.seats().any(|seat| seat.random == random))
        });
        match (hello, entry) {
            (Some(hello), _) => self.greet(&hello, datagram, from),
            (None, Some(entry)) => {
                for seat in entry.seats() {
                    if seat.inbox.try_send(datagram.to_vec()).is_err() {
                        count(&self.counters.0.overrun);
                    }
                }
            }
            (None, None) => count(&self.counters.0.stray),
        }
    }

    /// Somebody wants to begin.
    fn greet(&mut self, hello: &FirstHello<'_>, datagram: &[u8], from: SocketAddr) {
        self.follow();
        let peers = self.in_force.config.peers();
        if self.done.is_closed() || !peers.iter().any(|peer| peer.allows(from.ip())) {
            return count(&self.counters.0.not_allowed);
        }
        match self.jar.judge(from, hello) {
            Answer::Proven if self.in_force.config.loop_guard.is_ours(&hello.random()) => {
                let refused = Refused::new(Hangup::SelfConnection);
                // Nobody may be there to take it; the greeting is not answered either way.
                drop(self.done.try_send((Err(refused), from)));
            }
            Answer::Proven => self.open(hello, datagram, from),
            Answer::Ask(request) => {
                count(&self.counters.0.asked);
                // What is lost is asked for again.
                drop(self.sender.send_to(&request, from));
            }
            Answer::Nothing => count(&self.counters.0.stray),
        }
    }

    /// Somebody who owns their address begins.
    fn open(&mut self, hello: &FirstHello<'_>, datagram: &[u8], from: SocketAddr) {
        // An attempt before this one is given up by this one.
        if let Some(entry) = self.table.get_mut(&from) {
            entry.opening = None;
        }
        let Ok(half_open) = Arc::clone(&self.half_open).try_acquire_owned() else {
            return count(&self.counters.0.half_open_full);
        };
        let Ok(seat) = Arc::clone(&self.total).try_acquire_owned() else {
            return count(&self.counters.0.full);
        };
        if self.table.len() > self.limits.total {
            self.sweep();
        }
        let judge = Judge::Server(Arc::clone(&self.in_force), from.ip());
        let config = &self.in_force.config;
        let case = Case::new(judge, config.versions, config.oldest);
        let association = match self.associate(&case, hello, datagram) {
            Ok(association) => association,
            Err(error) => {
                tracing::debug!(%error, "OpenSSL refuses a greeting");
                return count(&self.counters.0.stray);
            }
        };
        let (inbox, receiver) = mpsc::channel(INBOX);
        let stands = Arc::new(AtomicBool::new(false));
        let link = Link::Shared {
            sender: Arc::clone(&self.sender),
            to: from,
            inbox: receiver,
            _seat: seat,
        };
        self.table.entry(from).or_default().opening = Some(Seat {
            inbox,
            random: hello.random(),
            stands: Arc::clone(&stands),
        });
        let handshake = Handshake {
            case,
            stands,
            done: self.done.clone(),
            from,
            limit: self.limits.handshake,
            _half_open: half_open,
        };
        self.handshakes.spawn(handshake.run(association, link));
    }

    fn associate(
        &self,
        case: &Arc<Case>,
        hello: &FirstHello<'_>,
        datagram: &[u8],
    ) -> Result<Association, ErrorStack> {
        let mut ssl = Ssl::new(&self.context)?;
        case.attach(&mut ssl)?;
        Association::answer(ssl, hello, datagram)
    }
}

struct Handshake {
    case: Arc<Case>,
    stands: Arc<AtomicBool>,
    done: mpsc::Sender<Outcome>,
    from: SocketAddr,
    limit: Duration,
    _half_open: OwnedSemaphorePermit,
}

impl Handshake {
    async fn run(self, association: Association, link: Link) {
        match stream::shake(association, link, &self.case, self.limit).await {
            Ok((stream, session)) => {
                self.stands.store(true, Ordering::Release);
                let stream: Box<dyn Stream> = Box::new(stream);
                // Where nobody accepts any more, the stream is closed by being dropped.
                drop(self.done.send((Ok((stream, session)), self.from)).await);
            }
            Err(refused) => drop(self.done.try_send((Err(refused), self.from))),
        }
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
