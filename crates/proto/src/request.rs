use std::{
    fmt,
    net::SocketAddr,
    ops::Deref,
    sync::{Arc, OnceLock},
    time::Instant,
};

use zeroize::Zeroizing;

use crate::{
    Attr, AttributeList, Code, Packet, Peer, Secret, Spec, Transport, Version,
    attr::{self, Kind, Reads},
    authenticator, hide,
    peer::Which,
    query::without_tag,
    transport::Wire,
};

/// An authenticated request, owned. Only [`Endpoint::receive`](crate::Endpoint::receive) makes one.
pub struct Request {
    octets: Box<[u8]>,
    peer: Arc<Peer>,
    from: SocketAddr,
    received: Instant,
    vouched: Vouched,
    wire: Wire,
}

/// How far a request can be relied on, and which secret it goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vouched {
    pub(crate) protected: bool,
    pub(crate) secret: Which,
}

impl Request {
    pub(crate) fn new(
        packet: &Packet<'_>,
        peer: Arc<Peer>,
        from: SocketAddr,
        received: Instant,
        vouched: Vouched,
        wire: Wire,
    ) -> Self {
        Self {
            octets: packet.octets().into(),
            peer,
            from,
            received,
            vouched,
            wire,
        }
    }

    /// Who sent it.
    pub fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// The address and port it came from.
    pub fn from(&self) -> SocketAddr {
        self.from
    }

    /// When it came.
    pub fn received(&self) -> Instant {
        self.received
    }

    /// What carried it.
    pub fn transport(&self) -> Transport {
        self.wire.transport
    }

    /// Which form of the protocol it has.
    pub fn version(&self) -> Version {
        self.wire.version
    }

    /// Whether the shared secret or TLS vouches for it: false only for an Access-Request without
    /// Message-Authenticator from a peer that is allowed to leave it out.
    pub fn is_protected(&self) -> bool {
        self.vouched.protected
    }

    /// Whether it goes by the secret before the peer's present one
    /// ([`Peer::previous_secret`]).
    pub fn uses_previous_secret(&self) -> bool {
        self.vouched.secret == Which::Previous
    }

    /// The secret that it goes by, and its answer.
    pub(crate) fn secret(&self) -> &Secret {
        self.peer.secret_of(self.vouched.secret)
    }

    /// The packet as it came.
    pub fn packet(&self) -> Packet<'_> {
        Packet::checked(&self.octets)
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
        self.reveal_octets(spec, self.packet().octets_of(spec)?)
    }

    /// The value of one occurrence of a hidden attribute, given as it stands on the wire.
    pub fn reveal_octets(&self, spec: &Spec, hidden: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let hidden = without_tag(spec, hidden)?;
        if self.wire.version == Version::V1_1 {
            return Some(Zeroizing::new(hidden.to_vec()));
        }
        let authenticator = authenticator::of_request(&self.packet());
        hide::reveal(spec.hiding, self.secret(), &authenticator, hidden)
    }

    /// User-Name, where it is UTF-8. For others see `packet().find(..)`.
    pub fn user_name(&self) -> Option<&str> {
        self.packet().get(attr::USER_NAME)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} from {} ({})",
            self.packet().code(),
            self.from,
            self.peer.name()
        )
    }
}

/// A request to be let in.
#[derive(Debug)]
pub struct AccessRequest {
    request: Request,
    on_accept: OnceLock<AttributeList>,
    on_reject: OnceLock<AttributeList>,
}

impl AccessRequest {
    pub(crate) fn new(request: Request) -> Self {
        Self {
            request,
            on_accept: OnceLock::new(),
            on_reject: OnceLock::new(),
        }
    }

    /// What an Accept must carry because of how the subscriber was proven, such as MS-CHAP2-Success
    /// and the MPPE keys. The first call counts.
    pub fn on_accept(&self, attributes: AttributeList) {
        self.on_accept.get_or_init(|| attributes);
    }

    /// What a Reject must carry because of how proving failed, such as MS-CHAP-Error. The first
    /// call counts.
    pub fn on_reject(&self, attributes: AttributeList) {
        self.on_reject.get_or_init(|| attributes);
    }

    pub(crate) fn proof_attributes(&self, code: Code) -> Option<&AttributeList> {
        match code {
            Code::ACCESS_ACCEPT => self.on_accept.get(),
            Code::ACCESS_REJECT => self.on_reject.get(),
            _ => None,
        }
    }
}

/// A request to record what was used.
#[derive(Debug)]
pub struct AccountingRequest(pub(crate) Request);

/// A request to change a session (RFC 5176).
#[derive(Debug)]
pub struct CoaRequest(pub(crate) Request);

/// A request to end a session (RFC 5176).
#[derive(Debug)]
pub struct DisconnectRequest(pub(crate) Request);

impl Deref for AccessRequest {
    type Target = Request;
    fn deref(&self) -> &Request {
        &self.request
    }
}

macro_rules! deref_to_request {
    ($($name:ident)*) => {$(
        impl Deref for $name {
            type Target = Request;
            fn deref(&self) -> &Request {
                &self.0
            }
        }
    )*};
}
deref_to_request! { AccountingRequest CoaRequest DisconnectRequest }

/// Any request.
#[derive(Debug)]
pub enum Incoming {
    /// Access-Request.
    Access(AccessRequest),
    /// Accounting-Request.
    Accounting(AccountingRequest),
    /// CoA-Request.
    Coa(CoaRequest),
    /// Disconnect-Request.
    Disconnect(DisconnectRequest),
}

impl Deref for Incoming {
    type Target = Request;
    fn deref(&self) -> &Request {
        match self {
            Self::Access(request) => request,
            Self::Accounting(request) => request,
            Self::Coa(request) => request,
            Self::Disconnect(request) => request,
        }
    }
}
