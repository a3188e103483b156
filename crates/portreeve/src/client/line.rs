//! Sockets towards one server: identifiers, and which datagram answers what.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use portreeve_proto::{BadReply, Query};
use tokio::{
    net::UdpSocket,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::AbortHandle,
};

use super::{Upstream, counters::Tally, target::Means};
use crate::Trace;

/// Identifiers of one socket.
const IDENTIFIERS: usize = 256;
/// The longest datagram that can hold an answer; padding beyond it does not matter.
const LONGEST: usize = 4096;
/// How long to leave a socket alone that cannot be read.
const AFTER_ERROR: Duration = Duration::from_millis(20);

/// The sockets towards one server. Opens another where all identifiers are in use, up to a bound;
/// beyond it requests wait for an identifier.
pub(super) struct Pool {
    upstream: Arc<Upstream>,
    source: Option<IpAddr>,
    tally: Arc<Tally>,
    trace: Trace,
    free: Arc<Semaphore>,
    lines: Mutex<Vec<(Arc<Line>, AbortHandle)>>,
}

impl Pool {
    pub(super) fn new(upstream: Arc<Upstream>, tally: Arc<Tally>, means: &Means) -> Self {
        let most = means.sockets.max(1).saturating_mul(IDENTIFIERS);
        Self {
            upstream,
            source: means.source,
            tally,
            trace: means.trace.clone(),
            free: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            lines: Mutex::default(),
        }
    }

    /// An identifier of some socket; waits until there is one.
    pub(super) async fn slot(&self, waiting: Waiting) -> io::Result<Slot> {
        let permit = Arc::clone(&self.free).acquire_owned().await;
        self.occupy(permit.map_err(io::Error::other)?, waiting)
    }

    /// An identifier of some socket, if one is free.
    pub(super) fn slot_now(&self, waiting: Waiting) -> Option<io::Result<Slot>> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(self.occupy(permit, waiting))
    }

    /// Sockets that are open.
    pub(super) fn sockets(&self) -> usize {
        self.lines().len()
    }

    fn occupy(&self, permit: OwnedSemaphorePermit, mut waiting: Waiting) -> io::Result<Slot> {
        let mut lines = self.lines();
        for (line, _) in lines.iter() {
            match line.slots().occupy(waiting) {
                Ok(identifier) => return Ok(Slot::new(line, identifier, permit)),
                Err(back) => waiting = back,
            }
        }
        let line = Arc::new(Line::open(&self.upstream, self.source, self.trace.clone())?);
        let task = tokio::spawn(read(
            Arc::clone(&line),
            Arc::clone(&self.upstream),
            Arc::clone(&self.tally),
        ));
        lines.push((Arc::clone(&line), task.abort_handle()));
        let occupied = line.slots().occupy(waiting);
        let identifier = occupied.map_err(|_| io::ErrorKind::WouldBlock)?;
        Ok(Slot::new(&line, identifier, permit))
    }

    fn lines(&self) -> MutexGuard<'_, Vec<(Arc<Line>, AbortHandle)>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for (_, task) in self.lines().iter() {
            task.abort();
        }
    }
}

/// One socket, connected, so that the kernel lets only the server's datagrams through.
pub(super) struct Line {
    socket: UdpSocket,
    slots: Mutex<Slots>,
    trace: Trace,
}

impl Line {
    fn open(upstream: &Upstream, source: Option<IpAddr>, trace: Trace) -> io::Result<Self> {
        let server = upstream.address;
        let any: IpAddr = if server.is_ipv4() {
            [0; 4].into()
        } else {
            [0_u16; 8].into()
        };
        let socket = std::net::UdpSocket::bind(SocketAddr::new(source.unwrap_or(any), 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
            slots: Mutex::new(Slots::new()),
            trace,
        })
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a datagram to the request it answers, if it does: a bad one changes nothing.
    fn take_in(&self, datagram: &[u8], upstream: &Upstream, tally: &Tally) {
        let slots = self.slots();
        let identifier = datagram.get(1).map(|identifier| usize::from(*identifier));
        let waiting = identifier.and_then(|identifier| slots.waiting.get(identifier)?.as_ref());
        let Some((waiting, query)) =
            waiting.and_then(|waiting| Some((waiting, waiting.query.as_ref()?)))
        else {
            self.trace
                .datagram(upstream.address, "nobody waits for it", datagram);
            return tally.unexpected.add();
        };
        match query.accept(
            datagram,
            &upstream.secret,
            upstream.require_message_authenticator,
        ) {
            Ok(packet) => {
                let head = format_args!("received from {}", upstream.address);
                self.trace
                    .exchange(head, packet.octets(), query, &upstream.secret);
                let answer = Answer {
                    octets: packet.octets().into(),
                    query: query.clone(),
                };
                if waiting.tell.try_send(answer).is_err() {
                    tally.unexpected.add();
                }
            }
            Err(reason) => {
                self.trace
                    .datagram(upstream.address, "it does not verify", datagram);
                tally.bad_reply(reason);
                waiting.suspicions.note(reason);
                tracing::debug!(server = %upstream.address, %reason, "a reply does not count");
            }
        }
    }
}

struct Slots {
    waiting: Vec<Option<Waiting>>,
    next: usize,
}

impl Slots {
    fn new() -> Self {
        let mut waiting = Vec::with_capacity(IDENTIFIERS);
        waiting.resize_with(IDENTIFIERS, || None);
        Self { waiting, next: 0 }
    }

    /// Takes the identifier that has been free for longest, or near it, so that late answers find
    /// nobody.
    fn occupy(&mut self, waiting: Waiting) -> Result<u8, Waiting> {
        let order = (0..IDENTIFIERS).map(|step| (self.next + step) % IDENTIFIERS);
        let mut free = order.filter(|index| matches!(self.waiting.get(*index), Some(None)));
        let found = free.next();
        let taken = found.and_then(|index| {
            let identifier = u8::try_from(index).ok()?;
            Some((index, identifier, self.waiting.get_mut(index)?))
        });
        let Some((index, identifier, place)) = taken else {
            return Err(waiting);
        };
        *place = Some(waiting);
        self.next = index + 1;
        Ok(identifier)
    }

    fn at(&mut self, identifier: u8) -> Option<&mut Option<Waiting>> {
        self.waiting.get_mut(usize::from(identifier))
    }
}

/// Who waits for an answer under an identifier.
#[derive(Clone)]
pub(super) struct Waiting {
    query: Option<Query>,
    tell: mpsc::Sender<Answer>,
    suspicions: Arc<Suspicions>,
}

impl Waiting {
    pub(super) fn new(tell: mpsc::Sender<Answer>, suspicions: Arc<Suspicions>) -> Self {
        Self {
            query: None,
            tell,
            suspicions,
        }
    }
}

/// An answer that verifies.
pub(super) struct Answer {
    pub(super) octets: Box<[u8]>,
    pub(super) query: Query,
}

/// What came that does not count, to tell the reason of a failure by.
#[derive(Default)]
pub(super) struct Suspicions {
    wrong: AtomicU32,
    unprotected: AtomicU32,
    refused: AtomicBool,
}

impl Suspicions {
    /// Replies whose authenticators are wrong.
    pub(super) fn wrong(&self) -> u32 {
        self.wrong.load(Ordering::Relaxed)
    }

    /// Replies that lack the Message-Authenticator that is demanded.
    pub(super) fn unprotected(&self) -> u32 {
        self.unprotected.load(Ordering::Relaxed)
    }

    /// Whether the server's machine said that nobody listens there.
    pub(super) fn refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn note(&self, reason: BadReply) {
        match reason {
            BadReply::MessageAuthenticatorWrong | BadReply::ResponseAuthenticatorWrong => {
                self.wrong.fetch_add(1, Ordering::Relaxed);
            }
            BadReply::MessageAuthenticatorMissing => {
                self.unprotected.fetch_add(1, Ordering::Relaxed);
            }
            BadReply::Code
            | BadReply::Identifier
            | BadReply::Malformed(_)
            | BadReply::MessageAuthenticatorMalformed => {}
        }
    }
}

/// An identifier in use; dropping it gives it back.
pub(super) struct Slot {
    line: Arc<Line>,
    identifier: u8,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    fn new(line: &Arc<Line>, identifier: u8, permit: OwnedSemaphorePermit) -> Self {
        Self {
            line: Arc::clone(line),
            identifier,
            _permit: permit,
        }
    }

    pub(super) fn identifier(&self) -> u8 {
        self.identifier
    }

    /// From now on, answers to this query are waited for.
    pub(super) fn expect(&self, query: Query) {
        let mut slots = self.line.slots();
        if let Some(Some(waiting)) = slots.at(self.identifier) {
            waiting.query = Some(query);
        }
    }

    /// Sends from the socket that the identifier belongs to. What the network says of earlier
    /// datagrams is no failure of this one.
    pub(super) async fn send(&self, octets: &[u8]) -> io::Result<()> {
        match self.line.socket.send(octets).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.line.socket.send(octets).await.map(drop)
            }
            sent => sent.map(drop),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(place) = self.line.slots().at(self.identifier) {
            *place = None;
        }
    }
}

async fn read(line: Arc<Line>, upstream: Arc<Upstream>, tally: Arc<Tally>) {
    let mut octets = vec![0; LONGEST];
    loop {
        match line.socket.recv(&mut octets).await {
            Ok(length) => {
                line.take_in(octets.get(..length).unwrap_or_default(), &upstream, &tally);
            }
            Err(error) => {
                let refused = error.kind() == io::ErrorKind::ConnectionRefused;
                if refused {
                    for waiting in line.slots().waiting.iter().flatten() {
                        waiting.suspicions.refused.store(true, Ordering::Relaxed);
                    }
                }
                tracing::debug!(server = %upstream.address, %error, "a socket could not be read");
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting() -> Waiting {
        Waiting::new(mpsc::channel(1).0, Arc::default())
    }

    #[test]
    fn all_identifiers_are_handed_out_once_and_used_again_as_late_as_can_be() {
        let mut slots = Slots::new();
        for expected in 0..=255 {
            assert_eq!(slots.occupy(waiting()).ok(), Some(expected));
        }
        assert!(slots.occupy(waiting()).is_err());
        *slots.at(200).unwrap() = None;
        *slots.at(7).unwrap() = None;
        assert_eq!(slots.occupy(waiting()).ok(), Some(7));
        *slots.at(7).unwrap() = None;
        assert_eq!(slots.occupy(waiting()).ok(), Some(200));
        assert_eq!(slots.occupy(waiting()).ok(), Some(7));
    }
}
