//! A DTLS association as a stream of RADIUS packets.

use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket as StdSocket},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UdpSocket,
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    association::{Association, LONGEST_RECORD, Received},
    case::{Case, translated},
};
use crate::tls::{Hangup, Refused, Session};

/// How often a handshake is tried again, so that OpenSSL looks at its timer (1 s at first).
const TRY_AGAIN: Duration = Duration::from_millis(250);
/// The shortest RADIUS packet.
const PACKET_HEADER: usize = 20;

/// Where the datagrams of one association go, and come from.
pub(super) enum Link {
    /// A socket of its own, connected.
    Own {
        socket: UdpSocket,
        sender: StdSocket,
    },
    /// A share of a server's socket.
    Shared {
        sender: Arc<StdSocket>,
        to: SocketAddr,
        inbox: mpsc::Receiver<Vec<u8>>,
        /// Held as long as the association is.
        _seat: OwnedSemaphorePermit,
    },
}

impl Link {
    /// The next datagram; `None` when none can come any more.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        match self {
            Self::Own { socket, .. } => {
                let mut octets = [0; LONGEST_RECORD];
                let mut into = ReadBuf::new(&mut octets);
                ready!(socket.poll_recv(cx, &mut into))?;
                Poll::Ready(Ok(Some(into.filled().to_vec())))
            }
            Self::Shared { inbox, .. } => inbox.poll_recv(cx).map(Ok),
        }
    }

    /// Sends what an association has to say. What cannot be sent is lost, as datagrams may be: both
    /// DTLS and RADIUS say it again.
    fn send(&self, association: &mut Association) {
        for datagram in association.depart() {
            let sent = match self {
                Self::Own { sender, .. } => sender.send(&datagram),
                Self::Shared { sender, to, .. } => sender.send_to(&datagram, *to),
            };
            if let Err(error) = sent {
                tracing::debug!(%error, "a DTLS datagram could not be sent");
            }
        }
    }
}

/// Takes a handshake to its end.
pub(super) async fn shake(
    mut association: Association,
    mut link: Link,
    case: &Case,
    limit: Duration,
) -> Result<(DtlsStream, Session), Refused> {
    let deadline = Instant::now() + limit;
    let mut again = interval(TRY_AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let tried = association.handshake();
        link.send(&mut association);
        match tried {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) => return Err(case.failed(&error)),
        }
        tokio::select! {
            arrived = poll_fn(|cx| link.poll_receive(cx)) => match arrived {
                Ok(Some(datagram)) => association.arrive(datagram),
                Ok(None) => return Err(Refused::new(Hangup::PeerVanished)),
                Err(error) => return Err(Refused::ended(&error)),
            },
            _ = again.tick() => {}
            () = sleep_until(deadline) => return Err(case.timed_out()),
        }
    }
    let mut stream = DtlsStream {
        association,
        link,
        packet: Vec::new(),
        read: 0,
        closed: false,
    };
    match case.settle(stream.association.ssl()) {
        Ok(session) => Ok((stream, session)),
        Err(refused) => {
            stream.close();
            Err(refused)
        }
    }
}

/// An association that stands. Every write is one RADIUS packet and becomes one record; reading
/// gives whole packets, one after the other, without the padding of their records.
pub(super) struct DtlsStream {
    association: Association,
    link: Link,
    /// The packet that is being read, and how much of it was.
    packet: Vec<u8>,
    read: usize,
    closed: bool,
}

impl DtlsStream {
    fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.association.close();
            self.link.send(&mut self.association);
        }
    }
}

impl Drop for DtlsStream {
    fn drop(&mut self) {
        self.close();
    }
}

impl AsyncRead for DtlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let waiting = &this.packet[this.read..];
            if !waiting.is_empty() {
                let count = waiting.len().min(into.remaining());
                into.put_slice(&waiting[..count]);
                this.read += count;
                return Poll::Ready(Ok(()));
            }
            if this.closed {
                return Poll::Ready(Ok(()));
            }
            let mut record = [0; LONGEST_RECORD];
            let received = this.association.receive(&mut record);
            this.link.send(&mut this.association);
            match received {
                Ok(Received::Record(count)) => {
                    let Some(packet) = packet(&record[..count]) else {
                        this.close();
                        let why = "a DTLS record holds no whole RADIUS packet";
                        return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, why)));
                    };
                    this.packet.clear();
                    this.packet.extend_from_slice(packet);
                    this.read = 0;
                }
                Ok(Received::Nothing) => match ready!(this.link.poll_receive(cx)) {
                    Ok(Some(datagram)) => this.association.arrive(datagram),
                    Ok(None) => this.close(),
                    // Somebody on the way says that it was not delivered, or the peer is just
                    // starting: RADIUS asks again, and gives up when it is time.
                    Err(error) => tracing::debug!(%error, "a DTLS datagram was not delivered"),
                },
                Ok(Received::Closed) => this.close(),
                Err(error) => {
                    this.closed = true;
                    let error = io::Error::new(ErrorKind::InvalidData, translated(&error));
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}

impl AsyncWrite for DtlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.closed {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        if packet(octets) != Some(octets) {
            let why = "every write on DTLS must be one whole RADIUS packet";
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidInput, why)));
        }
        let sent = this.association.send(octets);
        this.link.send(&mut this.association);
        Poll::Ready(match sent {
            Ok(()) => Ok(octets.len()),
            Err(error) => Err(io::Error::new(ErrorKind::InvalidData, translated(&error))),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close();
        Poll::Ready(Ok(()))
    }
}

/// The packet within a record; what follows it is padding (RFC 7360 section 5.1).
fn packet(record: &[u8]) -> Option<&[u8]> {
    let &[_, _, high, low, ..] = record else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    record.get(..length).filter(|_| length >= PACKET_HEADER)
}
