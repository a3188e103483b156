//! TLS with shared keys over TCP (RFC 9813).

use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use openssl::{
    error::ErrorStack,
    ssl::{Error, ErrorCode, Ssl, SslStream},
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::{
    case::{Case, Judge, must_wait, translated},
    context,
    wire::Octets,
};
use crate::tls::{
    ClientConfig, Hangup, Psk, Refused, Session, Stream,
    hello::Hello,
    server::{InForce, linger},
};

/// Octets that wait to leave before writing waits for them, and the most of one write.
const MOST_WAITING: usize = 1 << 16;
const MOST_AT_ONCE: usize = 1 << 14;

/// Shakes hands with a client that shares a key. `greeting` is what was read of it already; the
/// caller sets the deadline.
pub(in crate::tls) async fn accept_psk(
    in_force: &Arc<InForce>,
    greeting: &[u8],
    io: impl Stream,
    from: IpAddr,
) -> Result<(Box<dyn Stream>, Session), Refused> {
    let judge = Judge::Server(Arc::clone(in_force), from);
    let config = &in_force.config;
    let case = Case::new(judge, config.versions, config.oldest);
    let mut stream = context::tls_server()
        .and_then(|ssl| TlsStream::new(ssl, &case, Side::Server, io))
        .map_err(unready)?;
    stream.ssl.get_mut().arrive(greeting);
    shake(stream, &case).await
}

/// Shakes hands with a server that we share a key with; the caller sets the deadline.
pub(in crate::tls) async fn connect_psk(
    config: &ClientConfig,
    psk: &Psk,
    io: impl Stream,
    server: SocketAddr,
) -> Result<(Box<dyn Stream>, Session), Refused> {
    super::usable(psk)?;
    let case = Case::new(Judge::Sharer(psk.clone()), config.versions, config.oldest);
    let mut stream = context::tls_client(psk)
        .and_then(|mut ssl| {
            let names = config.versions.names(!psk.is_for_tls12());
            super::name_versions(&mut ssl, &names)?;
            TlsStream::new(ssl, &case, Side::Client, io)
        })
        .map_err(unready)?;
    // The first flight is written to memory; it leaves once it is remembered.
    drop(stream.ssl.do_handshake());
    let random = Hello::random(stream.ssl.get_ref().departing());
    let greeting = random.map(|random| config.loop_guard.announce(random));
    let connected = shake(stream, &case).await;
    if greeting.is_some_and(|greeting| greeting.came_back()) {
        let details = format!("{server} is this very server");
        return Err(Refused::because(Hangup::SelfConnection, &details));
    }
    connected
}

pub(super) fn unready(error: ErrorStack) -> Refused {
    Refused::because(Hangup::HandshakeFailed, &format!("OpenSSL: {error}"))
}

async fn shake<IO: Stream>(
    mut stream: TlsStream<IO>,
    case: &Case,
) -> Result<(Box<dyn Stream>, Session), Refused> {
    let settled = match poll_fn(|cx| stream.poll_shake(cx)).await {
        Ok(()) => case.settle(stream.ssl.ssl()),
        Err(Failure::Tls(error)) => {
            // The alert, if it can still be delivered.
            drop(stream.flush().await);
            linger(stream.io).await;
            return Err(case.failed(&error));
        }
        Err(Failure::Io(error)) => return Err(Refused::ended(&error)),
    };
    match settled {
        Ok(session) => Ok((Box::new(stream), session)),
        Err(refused) => {
            // The peer may be gone; what was found out stays true.
            drop(stream.shutdown().await);
            Err(refused)
        }
    }
}

enum Side {
    Server,
    Client,
}

enum Failure {
    Tls(Error),
    Io(io::Error),
}

/// OpenSSL over any stream, by way of memory.
struct TlsStream<IO> {
    ssl: SslStream<Octets>,
    io: IO,
    ended: bool,
    closed: bool,
}

impl<IO: Stream> TlsStream<IO> {
    fn new(mut ssl: Ssl, case: &Arc<Case>, side: Side, io: IO) -> Result<Self, ErrorStack> {
        case.attach(&mut ssl)?;
        match side {
            Side::Server => ssl.set_accept_state(),
            Side::Client => ssl.set_connect_state(),
        }
        Ok(Self {
            ssl: SslStream::new(ssl, Octets::default())?,
            io,
            ended: false,
            closed: false,
        })
    }

    fn poll_shake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            let tried = self.ssl.do_handshake();
            let left = self.poll_leave(cx).map_err(Failure::Io)?;
            match tried {
                Ok(()) => {
                    ready!(left);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if must_wait(&error) => {
                    ready!(self.poll_fill(cx)).map_err(Failure::Io)?;
                }
                Err(_) if self.ended => {
                    let gone = ErrorKind::UnexpectedEof.into();
                    return Poll::Ready(Err(Failure::Io(gone)));
                }
                Err(error) => return Poll::Ready(Err(Failure::Tls(error))),
            }
        }
    }

    /// Reads what has arrived into memory.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut octets = [0; 8192];
        let mut into = ReadBuf::new(&mut octets);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut into))?;
        if into.filled().is_empty() {
            self.ended = true;
            self.ssl.get_mut().end();
        } else {
            self.ssl.get_mut().arrive(into.filled());
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what waits in memory.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ssl.get_ref().waiting() > 0 {
            let waiting = self.ssl.get_ref().departing();
            let count = ready!(Pin::new(&mut self.io).poll_write(cx, waiting))?;
            if count == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.ssl.get_mut().departed(count);
        }
        Poll::Ready(Ok(()))
    }

    fn broken(&self, error: &Error) -> io::Error {
        if self.ended {
            return ErrorKind::UnexpectedEof.into();
        }
        io::Error::new(ErrorKind::InvalidData, translated(error))
    }
}

impl<IO: Stream> AsyncRead for TlsStream<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let tried = this.ssl.ssl_read(into.initialize_unfilled());
            // What reading makes us say is not worth waiting for.
            if let Poll::Ready(left) = this.poll_leave(cx) {
                left?;
            }
            match tried {
                Ok(count) => {
                    into.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if must_wait(&error) => ready!(this.poll_fill(cx))?,
                Err(error) if error.code() == ErrorCode::ZERO_RETURN => {
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(this.broken(&error))),
            }
        }
    }
}

impl<IO: Stream> AsyncWrite for TlsStream<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.ssl.get_ref().waiting() > MOST_WAITING {
            ready!(this.poll_leave(cx))?;
        }
        let piece = &octets[..octets.len().min(MOST_AT_ONCE)];
        if piece.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let count = match this.ssl.ssl_write(piece) {
            Ok(count) => count,
            Err(error) => return Poll::Ready(Err(this.broken(&error))),
        };
        if let Poll::Ready(left) = this.poll_leave(cx) {
            left?;
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_leave(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closed {
            self.closed = true;
            // It only writes the farewell to memory.
            drop(self.ssl.shutdown());
        }
        ready!(self.poll_leave(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
