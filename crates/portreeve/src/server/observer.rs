//! What a program may watch of a server's work.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use portreeve_proto::{AnswerError, Code, Discard, Incoming, Peer, Reply, Transport};

use super::connections::OpenConnection;
use crate::tls::Refused;

/// Is told of every datagram and what became of it, once.
///
/// Its methods run on the thread that reads the socket: they must neither block nor panic, and what
/// they do for a stranger's datagram must not allocate. A panic ends the server.
pub trait Observer: Send + Sync + 'static {
    /// A datagram was met with silence, before any handler saw it.
    fn discarded(&self, datagram: &Discarded<'_>) {
        let _ = datagram;
    }

    /// A retransmission got the answer it had got before.
    fn replayed(&self, from: SocketAddr) {
        let _ = from;
    }

    /// A Status-Server was answered.
    fn status(&self, from: SocketAddr) {
        let _ = from;
    }

    /// A request was answered: what is to be sent has been handed over for sending.
    fn answered(&self, answer: &Answer<'_>) {
        let _ = answer;
    }

    /// A request that a handler saw gets no answer: [`Discard::HandlerSilent`],
    /// [`Discard::HandlerTimeout`], [`Discard::NotServing`], [`Discard::ReplyUnencodable`] or
    /// [`Discard::TableFull`]; `None` where its sender has given it up and sent another in its
    /// place.
    fn unanswered(&self, request: &Arc<Incoming>, reason: Option<Discard>, elapsed: Duration) {
        let _ = (request, reason, elapsed);
    }

    /// A connection was opened, and whose it is has been settled.
    fn connected(&self, connected: &Connected<'_>) {
        let _ = connected;
    }

    /// A connection was refused, or is over.
    fn hung_up(&self, hung_up: &HungUp<'_>) {
        let _ = hung_up;
    }

    /// A handler is defective: what it decided does not count. [`Self::answered`] or
    /// [`Self::unanswered`] follows.
    fn faulted(&self, request: &Arc<Incoming>, fault: Fault) {
        let _ = (request, fault);
    }
}

/// A connection that was opened.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Connected<'a> {
    /// What is known of it.
    pub connection: &'a OpenConnection,
}

/// A connection that was refused, or is over.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct HungUp<'a> {
    /// Where it came from.
    pub from: SocketAddr,
    /// The listener that it came to.
    pub to: SocketAddr,
    /// What it was.
    pub transport: Transport,
    /// Whose it was. Where it was refused, whose it claimed to be, if it said so.
    pub peer: Option<&'a Arc<Peer>>,
    /// Why.
    pub refused: &'a Refused,
}

/// A datagram that was met with silence.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Discarded<'a> {
    /// Where it came from.
    pub from: SocketAddr,
    /// The listener that it came to.
    pub to: SocketAddr,
    /// The peer that has the source address, if one has.
    pub peer: Option<&'a Arc<Peer>>,
    /// Why.
    pub reason: Discard,
    /// What came. Nothing of it is to be believed.
    pub datagram: &'a [u8],
}

/// An answer and what it answers.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// What was asked.
    pub request: &'a Arc<Incoming>,
    /// What was answered.
    pub reply: &'a Reply,
    /// The code that goes on the wire.
    pub code: Code,
    /// From receipt until the handler had decided.
    pub decided: Duration,
    /// From receipt until the answer was handed over: longer where a reject is held back.
    pub elapsed: Duration,
}

/// What is wrong with a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It panicked.
    Panicked,
    /// Its answer cannot be sent.
    Unencodable(AnswerError),
}

impl fmt::Debug for Discarded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} to {}", self.reason, self.from, self.to)
    }
}

/// Watches nothing.
pub(crate) struct Blind;

impl Observer for Blind {}
