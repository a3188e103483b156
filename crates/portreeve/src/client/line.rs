//! UDP sockets towards one server.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use portreeve_proto::Query;
use tokio::{
    net::UdpSocket,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};

use super::{
    Upstream,
    counters::Tally,
    ledger::{IDENTIFIERS, Ledger, Place, Waiting},
    target::Means,
};
use crate::Trace;

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
    most: usize,
    free: Arc<Semaphore>,
    lines: Mutex<Vec<(Arc<Line>, AbortHandle)>>,
}

impl Pool {
    pub(super) fn new(upstream: Arc<Upstream>, tally: Arc<Tally>, means: &Means) -> Self {
        let most = means.sockets.max(1);
        let identifiers = most.saturating_mul(IDENTIFIERS as usize);
        Self {
            upstream,
            source: means.source,
            tally,
            trace: means.trace.clone(),
            most,
            free: Arc::new(Semaphore::new(identifiers.min(Semaphore::MAX_PERMITS))),
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
            match line.ledger.occupy(waiting) {
                Ok(place) => return Ok(Slot::new(line, place, permit)),
                Err(back) => waiting = back,
            }
        }
        if lines.len() >= self.most {
            for (line, _) in lines.iter() {
                match line.ledger.occupy_even_resting(waiting) {
                    Ok(place) => return Ok(Slot::new(line, place, permit)),
                    Err(back) => waiting = back,
                }
            }
        }
        let line = Arc::new(Line::open(&self.upstream, self.source, self.trace.clone())?);
        let task = tokio::spawn(read(
            Arc::clone(&line),
            Arc::clone(&self.upstream),
            Arc::clone(&self.tally),
        ));
        lines.push((Arc::clone(&line), task.abort_handle()));
        let occupied = line.ledger.occupy(waiting);
        let place = occupied.map_err(|_| io::ErrorKind::WouldBlock)?;
        Ok(Slot::new(&line, place, permit))
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
    ledger: Arc<Ledger>,
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
            ledger: Arc::new(Ledger::of_socket(trace)),
        })
    }
}

/// An identifier in use; dropping it gives it back.
pub(super) struct Slot {
    line: Arc<Line>,
    place: Place,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    fn new(line: &Arc<Line>, place: Place, permit: OwnedSemaphorePermit) -> Self {
        Self {
            line: Arc::clone(line),
            place,
            _permit: permit,
        }
    }

    pub(super) fn identifier(&self) -> u32 {
        self.place.identifier()
    }

    /// From now on, answers to this query are waited for.
    pub(super) fn expect(&self, query: Query) {
        self.place.expect(query);
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

async fn read(line: Arc<Line>, upstream: Arc<Upstream>, tally: Arc<Tally>) {
    let mut octets = vec![0; LONGEST];
    loop {
        match line.socket.recv(&mut octets).await {
            Ok(length) => {
                let datagram = octets.get(..length).unwrap_or_default();
                // What is wrong with a datagram is counted, and ends nothing.
                line.ledger.take_in(datagram, &upstream, &tally).ok();
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::ConnectionRefused {
                    line.ledger.refused();
                }
                tracing::debug!(server = %upstream.address, %error, "a socket could not be read");
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
    }
}
