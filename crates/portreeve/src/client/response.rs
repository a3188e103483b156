//! What a server answered.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use portreeve_auth::Expectation;
use portreeve_proto::{
    Attr, Code, ErrorCause, Packet, Query, Spec,
    attr::{self, Kind, Octets, Reads},
};
use zeroize::Zeroizing;

use super::{Upstream, ledger::Answer};

/// What came of a log-in.
#[derive(Debug)]
#[must_use]
pub enum AccessOutcome {
    /// Let in.
    Accept(Response),
    /// The server asks for more.
    Challenge(Response),
    /// Refused.
    Reject(Response),
}

impl AccessOutcome {
    /// Whether they were let in.
    pub fn is_accept(&self) -> bool {
        matches!(self, Self::Accept(_))
    }

    /// The answer, whatever it says.
    pub fn response(&self) -> &Response {
        match self {
            Self::Accept(response) | Self::Challenge(response) | Self::Reject(response) => response,
        }
    }
}

/// What came of a CoA-Request or a Disconnect-Request.
#[derive(Debug)]
#[must_use]
pub enum DynamicOutcome {
    /// Done.
    Ack(Response),
    /// Not done; [`DynamicOutcome::cause`] may say why.
    Nak(Response),
}

impl DynamicOutcome {
    /// Whether it was done.
    pub fn is_ack(&self) -> bool {
        matches!(self, Self::Ack(_))
    }

    /// What the device says of it (Error-Cause, RFC 5176 section 3.5): why it was not done, or what
    /// there is to say of what was done.
    pub fn cause(&self) -> Option<ErrorCause> {
        let number = self.response().get(attr::ERROR_CAUSE);
        number.map(ErrorCause::from_number)
    }

    /// Whether it was not done because there is no such session (503): whoever wants it ended has
    /// what they want.
    pub fn is_gone(&self) -> bool {
        !self.is_ack() && self.cause() == Some(ErrorCause::SessionContextNotFound)
    }

    /// The answer, whatever it says.
    pub fn response(&self) -> &Response {
        match self {
            Self::Ack(response) | Self::Nak(response) => response,
        }
    }
}

/// An answer that has been verified: the server that shares the secret gave it to this very
/// request.
pub struct Response {
    octets: Box<[u8]>,
    pub(super) query: Query,
    pub(super) upstream: Arc<Upstream>,
    expectation: Option<Expectation>,
    transmissions: u32,
    elapsed: Duration,
}

impl Response {
    pub(super) fn new(
        answer: Answer,
        upstream: &Arc<Upstream>,
        expectation: Option<Expectation>,
        transmissions: u32,
        elapsed: Duration,
    ) -> Self {
        Self {
            octets: answer.octets,
            query: answer.query,
            upstream: Arc::clone(upstream),
            expectation,
            transmissions,
            elapsed,
        }
    }

    /// The packet as it came.
    pub fn packet(&self) -> Packet<'_> {
        match Packet::parse_within(&self.octets, Packet::MAX_STREAM) {
            Ok(packet) => packet,
            Err(_) => unreachable!("it was parsed when it came"),
        }
    }

    /// What it answers.
    pub fn code(&self) -> Code {
        self.packet().code()
    }

    /// The server that gave it.
    pub fn server(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// How often the request was sent to that server.
    pub fn transmissions(&self) -> u32 {
        self.transmissions
    }

    /// From the first transmission to that server until the answer.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The first value of an attribute that fits its kind.
    pub fn get<K: Reads>(&self, attr: Attr<K>) -> Option<K::Value<'_>> {
        self.packet().get(attr)
    }

    /// Every value of an attribute that fits its kind, in order.
    pub fn all<K: Reads>(&self, attr: Attr<K>) -> Vec<K::Value<'_>> {
        self.packet().all(attr)
    }

    /// Whether the attribute is there, whatever its value.
    pub fn has<K: Kind>(&self, attr: Attr<K>) -> bool {
        self.packet().has(attr)
    }

    /// The values of an attribute put together in order: EAP-Message.
    pub fn joined<K: Kind>(&self, attr: Attr<K>) -> Option<Vec<u8>> {
        self.packet().joined(attr)
    }

    /// The first value of a hidden attribute in the clear, without its tag; wiped when dropped.
    /// `None` where it is absent or cannot have been hidden this way.
    pub fn reveal<K: Kind>(&self, attr: Attr<K>) -> Option<Zeroizing<Vec<u8>>> {
        self.reveal_spec(attr.spec())
    }

    /// As [`Self::reveal`], for an attribute known only at run time.
    pub fn reveal_spec(&self, spec: &Spec) -> Option<Zeroizing<Vec<u8>>> {
        let as_it_came: Attr<Octets> = Attr::new(*spec);
        self.reveal_octets(spec, self.packet().get(as_it_came)?)
    }

    /// The value of one occurrence of a hidden attribute, given as it stands on the wire.
    pub fn reveal_octets(&self, spec: &Spec, hidden: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.query.reveal(spec, hidden, self.upstream.secret())
    }

    /// What an MS-CHAP log-in expects of its answer: the error's text, and the keys.
    pub fn expectation(&self) -> Option<&Expectation> {
        self.expectation.as_ref()
    }

    /// Reply-Message, where there is one that is text.
    pub fn message(&self) -> Option<&str> {
        self.get(attr::REPLY_MESSAGE)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.code(), self.server())
    }
}
