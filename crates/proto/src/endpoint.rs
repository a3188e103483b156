use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Instant, SystemTime},
};

use crate::{
    AccessRequest, AccountingRequest, CoaRequest, Code, Discard, DisconnectRequest,
    DuplicateLimits, DynamicLimits, EncodeError, ErrorCause, Incoming, Packet, Peer, PeerTable,
    Random, Reply, Request, Secret, Transport, Version,
    answer::Answering,
    attr,
    authenticator::{self, Checked},
    duplicates::{Duplicates, Key, Seen, Shelf, Shelves},
    dynamic, hide,
    peer::Which,
    request::Vouched,
    transport::Wire,
};

/// What a port is for: which codes it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Accounting-Request and Status-Server.
    Accounting,
    /// Every request there is; a Status-Server is answered as on an authentication port.
    Any,
    /// Access-Request and Status-Server.
    Auth,
    /// CoA-Request and Disconnect-Request.
    Dynamic,
    /// Access-Request, Accounting-Request and Status-Server.
    Home,
}

impl Role {
    fn allows(self, code: Code) -> bool {
        match self {
            Self::Accounting => [Code::ACCOUNTING_REQUEST, Code::STATUS_SERVER].contains(&code),
            Self::Any => [
                Code::ACCESS_REQUEST,
                Code::ACCOUNTING_REQUEST,
                Code::COA_REQUEST,
                Code::DISCONNECT_REQUEST,
                Code::STATUS_SERVER,
            ]
            .contains(&code),
            Self::Auth => [Code::ACCESS_REQUEST, Code::STATUS_SERVER].contains(&code),
            Self::Home => [
                Code::ACCESS_REQUEST,
                Code::ACCOUNTING_REQUEST,
                Code::STATUS_SERVER,
            ]
            .contains(&code),
            Self::Dynamic => [Code::COA_REQUEST, Code::DISCONNECT_REQUEST].contains(&code),
        }
    }
}

/// A packet and how it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// When, to measure from.
    pub now: Instant,
    /// When, by the clock on the wall: Event-Timestamp is held against it.
    pub clock: SystemTime,
    /// On which listener: any number that tells this endpoint's listeners apart.
    pub listener: u16,
    /// What that listener is for.
    pub role: Role,
    /// From where.
    pub from: SocketAddr,
    /// What: a datagram, or one whole packet of a stream.
    pub datagram: &'a [u8],
}

/// What became of a packet.
#[derive(Debug)]
#[must_use]
pub enum Received {
    /// Silence, and why; the peer where the source address has one.
    Discarded(Discard, Option<Arc<Peer>>),
    /// It is not served, and why: `out` holds a Protocol-Error that says so.
    Refused(Discard, Arc<Peer>),
    /// A retransmission: `out` holds the answer it got before.
    Replayed,
    /// A new, authentic request. It is to be answered or abandoned.
    Request(Incoming, Ticket),
    /// A new, authentic request that RFC 5176 leaves only this answer: it is to be answered with
    /// it, and no handler need be asked.
    Settled(Incoming, Ticket, Reply),
    /// A Status-Server: `out` holds the answer (RFC 5997).
    Status,
}

/// Stands for a request until it is answered or abandoned.
#[derive(Debug)]
#[must_use]
pub struct Ticket {
    key: Key,
    serial: u64,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Answered {
    /// `out` holds the packet to send.
    Send,
    /// Nothing is to be sent: the handler stays silent.
    Silent,
    /// Nothing is to be sent: the peer has given the request up and sent another in its place.
    Superseded,
}

/// The server's end of the protocol, without sockets or clock: for all datagrams of some listeners,
/// or for one stream.
///
/// A packet passes ordered gates: known peer, length, attributes, code, authenticity, age,
/// duplicate, bound. Nothing that is not authentic is interpreted, nor remembered.
pub struct Endpoint {
    shelves: Shelves,
    dynamic: DynamicLimits,
    wire: Wire,
    serving: bool,
}

impl Endpoint {
    /// An endpoint for UDP that serves at once.
    pub fn new(limits: &DuplicateLimits) -> Self {
        Self::on(Wire::UDP, limits)
    }

    /// An endpoint for one connection that serves at once. RADIUS/1.1 over TLS never repeats a
    /// request, so there an answer is not kept (RFC 9765 section 4.2.2).
    pub fn connection(transport: Transport, version: Version, limits: &DuplicateLimits) -> Self {
        Self::on(Wire { transport, version }, limits)
    }

    fn on(wire: Wire, limits: &DuplicateLimits) -> Self {
        Self {
            shelves: Shelves::new(limits),
            dynamic: limits.dynamic,
            wire,
            serving: true,
        }
    }

    /// Sets whether new requests are taken. While it is not, retransmissions still get their
    /// answers, and Status-Server gets none (RFC 5997 section 4.2).
    pub fn set_serving(&mut self, serving: bool) {
        self.serving = serving;
    }

    /// Requests that are remembered: worked on, or answered lately.
    pub fn remembered(&self) -> usize {
        self.shelves.len()
    }

    /// Takes in a datagram. `out` is cleared, and holds what is to be sent where the result says
    /// so. Works in time linear in the datagram; a stranger's datagram costs one look-up and
    /// allocates nothing.
    pub fn receive(
        &mut self,
        peers: &PeerTable,
        arrival: &Arrival<'_>,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Received {
        let Some(peer) = peers.find(arrival.from.ip()) else {
            out.clear();
            return Received::Discarded(Discard::UnknownPeer, None);
        };
        self.receive_from(peer, arrival, random, out)
    }

    /// As [`Self::receive`], from a peer that is known otherwise: by the connection that carries
    /// the packet.
    pub fn receive_from(
        &mut self,
        peer: &Arc<Peer>,
        arrival: &Arrival<'_>,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Received {
        out.clear();
        match self.admit(peer, arrival, random, out) {
            Ok(received) => received,
            Err(discard) => Received::Discarded(discard, Some(Arc::clone(peer))),
        }
    }

    /// Encodes the answer to a request into `out`, signs it and remembers it. On an error nothing
    /// has changed, and another answer may be tried.
    pub fn answer(
        &mut self,
        now: Instant,
        request: &Incoming,
        ticket: &Ticket,
        reply: &Reply,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<Answered, AnswerError> {
        if !fits(request, reply) {
            return Err(AnswerError::Mismatched);
        }
        dynamic::check_reply(request, reply)?;
        let answering = Answering {
            request: request.packet(),
            secret: request.secret(),
            wire: self.wire,
        };
        if let Some(code) = reply.code() {
            let proof = match request {
                Incoming::Access(request) => request.proof_attributes(code),
                _ => None,
            };
            let attributes = reply.attributes();
            let lists = [Some(attributes.as_ref()), proof];
            match answering.encode(code, &lists, random, out) {
                // RFC 7930 section 4: the peer may ask for longer answers, or another server.
                Err(EncodeError::PacketTooLong) if self.wire.transport.is_secure() => {
                    answering.protocol_error(ErrorCause::ResponseTooBig, random, out)?;
                }
                encoded => encoded?,
            }
        } else if let Some(cause) = reply.failure(self.wire) {
            answering.protocol_error(cause, random, out)?;
        } else {
            self.table(&ticket.key).forget(&ticket.key, ticket.serial);
            return Ok(Answered::Silent);
        }
        let sent = self.remember(now, ticket, out);
        Ok(if sent {
            Answered::Send
        } else {
            Answered::Superseded
        })
    }

    /// Gives a request up without an answer, so that a retransmission is worked on anew.
    pub fn abandon(&mut self, ticket: &Ticket) {
        self.table(&ticket.key).forget(&ticket.key, ticket.serial);
    }

    fn admit(
        &mut self,
        peer: &Arc<Peer>,
        arrival: &Arrival<'_>,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<Received, Discard> {
        if peer.uses() != self.wire.transport {
            return Err(Discard::TransportNotAllowed);
        }
        let longest = self.wire.transport.longest_packet();
        let packet = Packet::parse_within(arrival.datagram, longest)?;
        let code = packet.code();
        if !arrival.role.allows(code) {
            return self.refuse(&packet, peer, random, out);
        }
        let (kept_on, vouched) = self.vouched(&packet, peer, arrival)?;
        let key = self.key(arrival, &packet, kept_on, vouched.secret);
        let (serving, never_repeats) = (self.serving, self.never_repeats());
        let distinguishes = self.distinguishes(&packet);
        let serial = match self.table(&key).see(arrival.now, key, distinguishes) {
            Seen::InProgress if never_repeats => return Err(Discard::TokenReused),
            Seen::Answered(answer) => {
                out.extend_from_slice(answer);
                return Ok(Received::Replayed);
            }
            Seen::Full => return Err(Discard::TableFull),
            Seen::InProgress => return Err(Discard::DuplicateInProgress),
            Seen::New(serial) => serial,
        };
        let ticket = Ticket { key, serial };
        if !serving {
            self.abandon(&ticket);
            return Err(Discard::NotServing);
        }
        if code == Code::STATUS_SERVER {
            return self.answer_status(&packet, peer, arrival, &ticket, random, out);
        }
        let (from, now) = (arrival.from, arrival.now);
        let request = Request::new(&packet, Arc::clone(peer), from, now, vouched, self.wire);
        let incoming = match code {
            Code::ACCESS_REQUEST => Incoming::Access(AccessRequest::new(request)),
            Code::ACCOUNTING_REQUEST => Incoming::Accounting(AccountingRequest(request)),
            Code::COA_REQUEST => Incoming::Coa(CoaRequest(request)),
            _ => Incoming::Disconnect(DisconnectRequest(request)),
        };
        Ok(match dynamic::only_answer(&incoming) {
            Some(reply) => Received::Settled(incoming, ticket, reply),
            None => Received::Request(incoming, ticket),
        })
    }

    /// How far a packet can be relied on, if it is to be taken at all: that says where it is
    /// remembered.
    fn vouched(
        &self,
        packet: &Packet<'_>,
        peer: &Peer,
        arrival: &Arrival<'_>,
    ) -> Result<(Shelf, Vouched), Discard> {
        let is_dynamic = packet.code().is_dynamic();
        if is_dynamic && !peer.changes_sessions() {
            return Err(Discard::DynamicNotAllowed);
        }
        let vouched = match self.wire.version {
            Version::V1_0 => authentic(packet, peer, self.wire.transport, arrival.now)?,
            Version::V1_1 => Vouched {
                protected: true,
                secret: Which::Current,
            },
        };
        let dated = is_dynamic && dynamic::is_dated(packet, arrival.clock, &self.dynamic)?;
        let shelf = match (is_dynamic, dated, vouched.protected) {
            (true, true, _) => Shelf::Dated,
            (true, false, _) => Shelf::Undated,
            (false, _, true) => Shelf::Protected,
            (false, _, false) => Shelf::Unprotected,
        };
        Ok((shelf, vouched))
    }

    /// RFC 5997 section 3: an Access-Accept on the authentication port, an Accounting-Response on
    /// the other, with nothing but Message-Authenticator.
    fn answer_status(
        &mut self,
        packet: &Packet<'_>,
        peer: &Peer,
        arrival: &Arrival<'_>,
        ticket: &Ticket,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<Received, Discard> {
        let code = match arrival.role {
            Role::Accounting => Code::ACCOUNTING_RESPONSE,
            Role::Any | Role::Auth | Role::Dynamic | Role::Home => Code::ACCESS_ACCEPT,
        };
        let answering = Answering {
            request: *packet,
            secret: peer.secret_of(ticket.key.secret),
            wire: self.wire,
        };
        if answering.encode(code, &[], random, out).is_err() {
            self.abandon(ticket);
            return Err(Discard::ReplyUnencodable);
        }
        self.remember(arrival.now, ticket, out);
        Ok(Received::Status)
    }

    /// Says over TLS that a request of this kind is not served here (RFC 7930 section 4), where a
    /// request it is; elsewhere nothing, because nothing vouches for the packet.
    fn refuse(
        &self,
        packet: &Packet<'_>,
        peer: &Arc<Peer>,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<Received, Discard> {
        let answering = Answering {
            request: *packet,
            secret: peer.secret(),
            wire: self.wire,
        };
        let cause = ErrorCause::UnsupportedExtension;
        let may = self.wire.transport.is_secure() && !packet.code().is_answer();
        if may && answering.protocol_error(cause, random, out).is_ok() {
            return Ok(Received::Refused(Discard::CodeNotAllowed, Arc::clone(peer)));
        }
        Err(Discard::CodeNotAllowed)
    }

    fn key(
        &self,
        arrival: &Arrival<'_>,
        packet: &Packet<'_>,
        kept_on: Shelf,
        secret: Which,
    ) -> Key {
        let (code, identifier) = match self.wire.version {
            Version::V1_0 => (packet.code(), u32::from(packet.identifier())),
            // A Token is unique whatever the code (RFC 9765 section 4.2.1).
            Version::V1_1 => (Code(0), packet.token()),
        };
        Key {
            listener: arrival.listener,
            from: arrival.from,
            code,
            identifier,
            own: (kept_on != Shelf::Protected).then(|| self.distinguishes(packet)),
            secret,
            shelf: kept_on,
        }
    }

    /// What tells two requests under one key apart: the authenticator, which RADIUS/1.1 has not.
    fn distinguishes(&self, packet: &Packet<'_>) -> [u8; 16] {
        match self.wire.version {
            Version::V1_0 => packet.authenticator(),
            Version::V1_1 => [0; 16],
        }
    }

    /// Whether a peer that keeps the rules sends no packet twice (RFC 9765 section 4.2.2).
    fn never_repeats(&self) -> bool {
        self.wire.version == Version::V1_1 && self.wire.transport.is_stream()
    }

    /// Keeps an answer for a retransmission; false where the peer has gone on to another request.
    fn remember(&mut self, now: Instant, ticket: &Ticket, out: &[u8]) -> bool {
        let (key, serial) = (ticket.key, ticket.serial);
        if self.never_repeats() {
            return self.table(&key).forget(&key, serial);
        }
        self.table(&key).answer(now, key, serial, out)
    }

    fn table(&mut self, key: &Key) -> &mut Duplicates {
        self.shelves.of(key)
    }
}

/// Why an answer cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A CoA-Request that only asks to authorize anew is never acknowledged.
    #[error("a CoA-Request with Authorize-Only can only be refused (RFC 5176 section 3.2)")]
    AuthorizeOnly,
    /// Its Error-Cause belongs into the opposite answer, or into none.
    #[error("Error-Cause `{0}` does not belong into this answer (RFC 5176 section 3.5)")]
    Cause(ErrorCause),
    /// It does not fit the wire.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It answers another kind of request.
    #[error("the reply answers another kind of request")]
    Mismatched,
}

fn fits(request: &Incoming, reply: &Reply) -> bool {
    matches!(
        (request, reply),
        (Incoming::Access(_), Reply::Access(_))
            | (Incoming::Accounting(_), Reply::Accounting(_))
            | (Incoming::Coa(_), Reply::Coa(_))
            | (Incoming::Disconnect(_), Reply::Disconnect(_))
    )
}

/// Whether and which shared secret vouches for the packet; none for an Access-Request that is
/// allowed to come without Message-Authenticator. The previous secret costs nothing where there is
/// none, nor where the present one is right.
fn authentic(
    packet: &Packet<'_>,
    peer: &Peer,
    transport: Transport,
    now: Instant,
) -> Result<Vouched, Discard> {
    let verified = verify(packet, peer, peer.secret(), transport);
    let (protected, secret) = match verified {
        Ok(true) => {
            peer.saw_current_secret();
            (true, Which::Current)
        }
        Ok(false) => (false, unproven(packet, peer, now)),
        Err(wrong) => (true, by_previous(packet, peer, transport, now, wrong)?),
    };
    if protected && packet.code() == Code::ACCESS_REQUEST && peer.learns() {
        let is_shown = packet.has(attr::MESSAGE_AUTHENTICATOR) && !packet.has(attr::EAP_MESSAGE);
        if is_shown {
            peer.saw_message_authenticator(now);
        }
    }
    Ok(Vouched { protected, secret })
}

/// Whether one secret vouches for the packet.
fn verify(
    packet: &Packet<'_>,
    peer: &Peer,
    secret: &Secret,
    transport: Transport,
) -> Result<bool, Discard> {
    let code = packet.code();
    if authenticator::is_computed(code) {
        if !authenticator::request_is_authentic(packet, secret) {
            return Err(Discard::RequestAuthenticatorWrong);
        }
        check(packet, secret)?;
        return Ok(true);
    }
    // Over TLS the secret is known to everybody: what vouches for the packet is the connection, and
    // what is demanded of peers over UDP is not asked for.
    let secure = transport.is_secure();
    let required = code == Code::STATUS_SERVER
        || packet.has(attr::EAP_MESSAGE)
        || (!secure && peer.requires_message_authenticator());
    if required && !packet.has(attr::MESSAGE_AUTHENTICATOR) {
        return Err(Discard::MessageAuthenticatorMissing);
    }
    if check(packet, secret)? || secure {
        return Ok(true);
    }
    if peer.limits_proxy_state() && packet.has(attr::PROXY_STATE) {
        return Err(Discard::ProxyStateUnprotected);
    }
    Ok(false)
}

/// Whether the secret before the present one vouches for a packet that this one does not.
fn by_previous(
    packet: &Packet<'_>,
    peer: &Peer,
    transport: Transport,
    now: Instant,
    wrong: Discard,
) -> Result<Which, Discard> {
    let is_other_secret = matches!(
        wrong,
        Discard::MessageAuthenticatorWrong | Discard::RequestAuthenticatorWrong
    );
    let previous = peer.previous(now).filter(|_| is_other_secret);
    let (secret, is_taken) = previous.ok_or(wrong)?;
    match verify(packet, peer, secret, transport) {
        Ok(true) if is_taken => Ok(Which::Previous),
        Ok(true) => Err(Discard::PreviousSecretExpired),
        _ => Err(wrong),
    }
}

/// The one secret to go by where nothing proves any; see [`Peer::previous_secret`].
fn unproven(packet: &Packet<'_>, peer: &Peer, now: Instant) -> Which {
    let Some((previous, true)) = peer.previous(now) else {
        return Which::Current;
    };
    let spec = attr::USER_PASSWORD.spec();
    let reads = |secret: &Secret| {
        let hidden = packet.octets_of(spec)?;
        let plain = hide::reveal(spec.hiding, secret, &packet.authenticator(), hidden)?;
        let text = std::str::from_utf8(&plain).ok()?;
        Some(!text.chars().any(char::is_control))
    };
    if reads(peer.secret()) == Some(true) {
        Which::Current
    } else if reads(previous) == Some(true) {
        Which::Previous
    } else {
        peer.likelier_secret(now)
    }
}

/// Whether there is a Message-Authenticator; one that is there must verify.
fn check(packet: &Packet<'_>, secret: &Secret) -> Result<bool, Discard> {
    let under = authenticator::of_request(packet);
    match authenticator::check_message_authenticator(packet, &under, secret) {
        Checked::Absent => Ok(false),
        Checked::Malformed => Err(Discard::MessageAuthenticatorMalformed),
        Checked::Valid => Ok(true),
        Checked::Wrong => Err(Discard::MessageAuthenticatorWrong),
    }
}
