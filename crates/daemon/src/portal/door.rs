//! Connections of strangers: how many, how long, and how much each may send.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
    time::{Instant, Sleep, sleep, timeout},
};
use tokio_rustls::server::TlsStream;

use super::{guard::network, tls::Shown};

/// The most connections of one address, or of one /64.
const OF_ONE: usize = 16;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long neither side may have anything to say.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a connection may last; whoever has more to ask opens another.
const LIFE: Duration = Duration::from_mins(2);
/// How much a connection may bring in all.
const MOST_READ: u64 = 128 << 10;
/// How long to wait where the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(500);

/// How many connections there may be; all doors share one.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    all: Arc<Semaphore>,
    each: Arc<Mutex<HashMap<IpAddr, usize>>>,
    pub(super) silence: Duration,
    pub(super) life: Duration,
}

/// The right to one connection, until it is dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    limits: Limits,
    network: IpAddr,
}

impl Limits {
    pub(super) fn new(all: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS))),
            each: Arc::default(),
            silence: SILENCE,
            life: LIFE,
        }
    }

    fn place(&self, from: SocketAddr) -> Option<Place> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let network = network(from.ip());
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let count = each.entry(network).or_insert(0);
        if *count >= OF_ONE {
            return None;
        }
        *count += 1;
        drop(each);
        Some(Place {
            _permit: permit,
            limits: self.clone(),
            network,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let each = &self.limits.each;
        let mut each = each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = each.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                each.remove(&self.network);
            }
        }
    }
}

/// Where connections come in.
pub(super) struct Door {
    address: SocketAddr,
    ready: mpsc::Receiver<(Stream, SocketAddr)>,
    task: JoinHandle<()>,
}

impl Door {
    pub(super) fn plain(listener: TcpListener, limits: Limits) -> Self {
        Self::new(listener, limits, None)
    }

    pub(super) fn secured(listener: TcpListener, limits: Limits, shown: Arc<Shown>) -> Self {
        Self::new(listener, limits, Some(shown))
    }

    fn new(listener: TcpListener, limits: Limits, shown: Option<Arc<Shown>>) -> Self {
        let (sender, ready) = mpsc::channel(16);
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Self {
            address: listener.local_addr().unwrap_or(nowhere),
            ready,
            task: tokio::spawn(admit(listener, limits, shown, sender)),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener for Door {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            // Nobody will come any more.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn admit(
    listener: TcpListener,
    limits: Limits,
    shown: Option<Arc<Shown>>,
    sender: mpsc::Sender<(Stream, SocketAddr)>,
) {
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection to the portal was not accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(place) = limits.place(from) else {
            tracing::debug!(%from, "too many connections to the portal");
            continue;
        };
        let (sender, shown) = (sender.clone(), shown.clone());
        tokio::spawn(async move {
            let wire = match shown {
                None => Wire::Plain(stream),
                Some(shown) => match timeout(HANDSHAKE, shown.accept(stream)).await {
                    Ok(Ok(stream)) => Wire::Secured(Box::new(stream)),
                    Ok(Err(error)) => {
                        return tracing::debug!(%from, %error, "no handshake at the portal");
                    }
                    Err(_) => return,
                },
            };
            sender.send((Stream::new(wire, place), from)).await.ok();
        });
    }
}

enum Wire {
    Plain(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
}

/// A connection that ends by itself.
pub(super) struct Stream {
    wire: Wire,
    silence: Pin<Box<Sleep>>,
    life: Pin<Box<Sleep>>,
    read: u64,
    place: Place,
}

impl Stream {
    fn new(wire: Wire, place: Place) -> Self {
        Self {
            wire,
            silence: Box::pin(sleep(place.limits.silence)),
            life: Box::pin(sleep(place.limits.life)),
            read: 0,
            place,
        }
    }

    /// Whether its time is over; else it is woken then.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        self.silence.as_mut().poll(context).is_ready()
            || self.life.as_mut().poll(context).is_ready()
    }

    fn stirs(&mut self) {
        let next = Instant::now() + self.place.limits.silence;
        self.silence.as_mut().reset(next);
    }

    /// What an operation came to, unless the time is over.
    fn settle<T>(
        &mut self,
        context: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.stirs();
            return done;
        }
        if self.is_over(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= MOST_READ || self.life.is_elapsed() {
            return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
        }
        let before = buffer.filled().len();
        let done = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Secured(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        self.read += (buffer.filled().len() - before) as u64;
        self.settle(context, done)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Wire::Secured(stream) => Pin::new(stream).poll_write(context, octets),
        };
        self.settle(context, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(context),
            Wire::Secured(stream) => Pin::new(stream).poll_flush(context),
        };
        match done {
            // Nothing was waiting: that is no sign of life.
            Poll::Ready(_) => done,
            Poll::Pending => self.settle(context, done),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Secured(stream) => Pin::new(stream).poll_shutdown(context),
        };
        self.settle(context, done)
    }
}
