use std::{net::SocketAddr, sync::Arc, time::Instant};

use crate::{
    AccessRequest, AccountingRequest, AttributeList, CoaRequest, Code, Discard, DisconnectRequest,
    DuplicateLimits, EncodeError, Incoming, Packet, Peer, PeerTable, Random, Reply, Request, attr,
    authenticator::{self, Checked},
    duplicates::{Duplicates, Key, Seen},
    encode,
    hide::Hider,
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
            Self::Dynamic => [Code::COA_REQUEST, Code::DISCONNECT_REQUEST].contains(&code),
        }
    }
}

/// A datagram and how it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// When.
    pub now: Instant,
    /// On which listener: any number that tells this endpoint's listeners apart.
    pub listener: u16,
    /// What that listener is for.
    pub role: Role,
    /// From where.
    pub from: SocketAddr,
    /// What.
    pub datagram: &'a [u8],
}

/// What became of a datagram.
#[derive(Debug)]
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack; a box would allocate"
)]
pub enum Received {
    /// Silence, and why; the peer where the source address has one.
    Discarded(Discard, Option<Arc<Peer>>),
    /// A retransmission: `out` holds the answer it got before.
    Replayed,
    /// A new, authentic request. It is to be answered or abandoned.
    Request(Incoming, Ticket),
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

/// The server's end of the protocol over datagrams, without sockets or clock.
///
/// A datagram passes ordered gates: known peer, length, attributes, code, authenticity, duplicate,
/// bound. Nothing that is not authentic is interpreted, nor remembered.
pub struct Endpoint {
    protected: Duplicates,
    unprotected: Duplicates,
    serving: bool,
}

impl Endpoint {
    /// An endpoint that serves at once.
    pub fn new(limits: &DuplicateLimits) -> Self {
        Self {
            protected: Duplicates::new(limits, limits.entries),
            unprotected: Duplicates::new(limits, limits.unprotected_entries),
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
        self.protected.len() + self.unprotected.len()
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
        out.clear();
        let Some(peer) = peers.find(arrival.from.ip()) else {
            return Received::Discarded(Discard::UnknownPeer, None);
        };
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
        let Some(code) = reply.code() else {
            self.table(&ticket.key).forget(&ticket.key, ticket.serial);
            return Ok(Answered::Silent);
        };
        let proof = match request {
            Incoming::Access(request) => request.proof_attributes(code),
            _ => None,
        };
        let attributes = reply.attributes();
        let lists = [Some(attributes.as_ref()), proof];
        let packet = request.packet();
        encode_reply(&packet, request.peer(), code, &lists, random, out)?;
        let sent = self
            .table(&ticket.key)
            .answer(now, ticket.key, ticket.serial, out);
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
        let packet = Packet::parse(arrival.datagram)?;
        let code = packet.code();
        if !arrival.role.allows(code) {
            return Err(Discard::CodeNotAllowed);
        }
        let protected = authentic(&packet, peer, arrival.now)?;
        let key = Key {
            listener: arrival.listener,
            from: arrival.from,
            code,
            identifier: packet.identifier(),
            unprotected: (!protected).then(|| packet.authenticator()),
        };
        let serving = self.serving;
        let serial = match self
            .table(&key)
            .see(arrival.now, key, packet.authenticator())
        {
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
        let request = Request::new(
            &packet,
            Arc::clone(peer),
            arrival.from,
            arrival.now,
            protected,
        );
        let incoming = match code {
            Code::ACCESS_REQUEST => Incoming::Access(AccessRequest::new(request)),
            Code::ACCOUNTING_REQUEST => Incoming::Accounting(AccountingRequest(request)),
            Code::COA_REQUEST => Incoming::Coa(CoaRequest(request)),
            _ => Incoming::Disconnect(DisconnectRequest(request)),
        };
        Ok(Received::Request(incoming, ticket))
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
            Role::Any | Role::Auth | Role::Dynamic => Code::ACCESS_ACCEPT,
        };
        if encode_reply(packet, peer, code, &[], random, out).is_err() {
            self.abandon(ticket);
            return Err(Discard::ReplyUnencodable);
        }
        self.table(&ticket.key)
            .answer(arrival.now, ticket.key, ticket.serial, out);
        Ok(Received::Status)
    }

    fn table(&mut self, key: &Key) -> &mut Duplicates {
        if key.unprotected.is_some() {
            &mut self.unprotected
        } else {
            &mut self.protected
        }
    }
}

/// Why an answer cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
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

/// Whether the shared secret vouches for the packet: `Ok(false)` for an Access-Request that is
/// allowed to come without Message-Authenticator.
fn authentic(packet: &Packet<'_>, peer: &Peer, now: Instant) -> Result<bool, Discard> {
    let code = packet.code();
    if authenticator::is_computed(code) {
        if !authenticator::request_is_authentic(packet, peer.secret()) {
            return Err(Discard::RequestAuthenticatorWrong);
        }
        check(packet, peer)?;
        return Ok(true);
    }
    let has_eap = packet.has(attr::EAP_MESSAGE);
    let required = code == Code::STATUS_SERVER || has_eap || peer.requires_message_authenticator();
    if required && !packet.has(attr::MESSAGE_AUTHENTICATOR) {
        return Err(Discard::MessageAuthenticatorMissing);
    }
    if check(packet, peer)? {
        if code == Code::ACCESS_REQUEST && !has_eap {
            peer.saw_message_authenticator(now);
        }
        return Ok(true);
    }
    if peer.limits_proxy_state() && packet.has(attr::PROXY_STATE) {
        return Err(Discard::ProxyStateUnprotected);
    }
    Ok(false)
}

/// Whether there is a Message-Authenticator; one that is there must verify.
fn check(packet: &Packet<'_>, peer: &Peer) -> Result<bool, Discard> {
    let under = authenticator::of_request(packet);
    match authenticator::check_message_authenticator(packet, &under, peer.secret()) {
        Checked::Absent => Ok(false),
        Checked::Malformed => Err(Discard::MessageAuthenticatorMalformed),
        Checked::Valid => Ok(true),
        Checked::Wrong => Err(Discard::MessageAuthenticatorWrong),
    }
}

/// Header, Message-Authenticator first, the lists, Proxy-State as it came, and the signatures.
fn encode_reply(
    request: &Packet<'_>,
    peer: &Peer,
    code: Code,
    lists: &[Option<&AttributeList>],
    random: &mut dyn Random,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let request_authenticator = request.authenticator();
    out.clear();
    out.extend_from_slice(&[code.0, request.identifier(), 0, 0]);
    out.extend_from_slice(&[0; 16]);
    // Not in the answer to an Accounting-Request: clients of many years compute it over zeros
    // there, no RFC says which is right, and the Response Authenticator protects that answer
    // already.
    let protect = match request.code() {
        Code::ACCESS_REQUEST | Code::STATUS_SERVER => true,
        Code::ACCOUNTING_REQUEST => false,
        _ => request.has(attr::MESSAGE_AUTHENTICATOR),
    };
    if protect {
        reserve_message_authenticator(out);
    }
    let under = authenticator::of_request(request);
    let mut hider = Hider::new(peer.secret(), under, random);
    for list in lists.iter().copied().flatten() {
        encode::encode(list, &mut hider, out)?;
    }
    let proxy_state = attr::PROXY_STATE.spec().oid.top();
    for state in request
        .attributes()
        .filter(|attribute| attribute.number == proxy_state)
    {
        let whole = state.offset..state.offset + 2 + state.value.len();
        out.extend_from_slice(request.octets().get(whole).unwrap_or_default());
    }
    encode::fill_length(out)?;
    if protect {
        let offset = Packet::HEADER;
        authenticator::fill_message_authenticator(
            out,
            offset,
            &request_authenticator,
            peer.secret(),
        );
    }
    authenticator::fill_response_authenticator(out, &request_authenticator, peer.secret());
    Ok(())
}

/// Appends a Message-Authenticator of zeros, to be filled in when the rest is there.
pub(crate) fn reserve_message_authenticator(out: &mut Vec<u8>) {
    out.extend_from_slice(&[attr::MESSAGE_AUTHENTICATOR.spec().oid.top(), 18]);
    out.extend_from_slice(&[0; 16]);
}
