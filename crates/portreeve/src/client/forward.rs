//! Requests of peers that go on to other servers.

use std::fmt;

use portreeve_proto::{
    AccessReply, AccessRequest, AccountingRequest, Ask, Attr, AttributeList, CoaRequest, Code,
    Dictionary, DisconnectRequest, ErrorCause, Keeps, Unrevealed,
    attr::{self, Encodes, Kind},
};

use super::{Client, Response, ask::Prepared};
use crate::Error;

/// A request of a peer, made ready for another server: what was hidden under the peer's secret is
/// in the clear until it is hidden under the server's. `Debug` shows none of it.
#[derive(Clone)]
#[must_use]
pub struct Forward {
    ask: Ask,
    attributes: AttributeList,
}

impl Forward {
    /// A log-in. `keeps` says which attributes go on; see
    /// [`Request::onward`](portreeve_proto::Request::onward).
    pub fn access(
        request: &AccessRequest,
        dictionary: &Dictionary,
        keeps: &Keeps<'_>,
    ) -> Result<Self, Unrevealed> {
        Ok(Self::of(Ask::Access, request.onward(dictionary, keeps)?))
    }

    /// A record of what was used.
    pub fn accounting(
        request: &AccountingRequest,
        dictionary: &Dictionary,
        keeps: &Keeps<'_>,
    ) -> Result<Self, Unrevealed> {
        Ok(Self::of(
            Ask::Accounting,
            request.onward(dictionary, keeps)?,
        ))
    }

    /// A change of a session, on its way from a home server to a NAS (RFC 8559).
    pub fn coa(
        request: &CoaRequest,
        dictionary: &Dictionary,
        keeps: &Keeps<'_>,
    ) -> Result<Self, Unrevealed> {
        Ok(Self::of(Ask::Coa, request.onward(dictionary, keeps)?))
    }

    /// The end of a session, on its way from a home server to a NAS (RFC 8559).
    pub fn disconnect(
        request: &DisconnectRequest,
        dictionary: &Dictionary,
        keeps: &Keeps<'_>,
    ) -> Result<Self, Unrevealed> {
        Ok(Self::of(
            Ask::Disconnect,
            request.onward(dictionary, keeps)?,
        ))
    }

    /// A request whose attributes were made ready otherwise.
    pub fn of(ask: Ask, attributes: AttributeList) -> Self {
        Self { ask, attributes }
    }

    /// Appends an attribute of the proxy's own, such as Operator-Name.
    pub fn with<K: Kind>(mut self, attr: Attr<K>, value: impl Encodes<K>) -> Self {
        self.attributes.add(attr, value);
        self
    }

    /// Appends a Proxy-State of ours, after those of the proxies before us (RFC 2865 section 5.33).
    pub fn proxy_state(self, octets: &[u8]) -> Self {
        self.with(attr::PROXY_STATE, octets)
    }

    /// What it carries.
    pub fn attributes(&self) -> &AttributeList {
        &self.attributes
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("ask", &self.ask)
            .field("attributes", &self.attributes)
            .finish()
    }
}

impl Client {
    /// Sends a peer's request on, to the servers in their order.
    pub async fn forward(&self, forward: &Forward) -> Result<Response, Error> {
        self.exchange_in(&prepared(forward), None).await
    }

    /// As [`Self::forward`], to the servers of these numbers, counted from 0 in the order of
    /// [`Self::servers`], and no others. Whether they are alive is the caller's business.
    pub async fn forward_to(&self, forward: &Forward, order: &[usize]) -> Result<Response, Error> {
        self.exchange_in(&prepared(forward), Some(order)).await
    }
}

fn prepared(forward: &Forward) -> Prepared {
    let mut prepared = Prepared::new(forward.ask, forward.attributes.clone());
    prepared.protect = true;
    prepared
}

impl Response {
    /// The attributes that go back to whoever asked first, hidden ones in the clear until they are
    /// hidden for that peer.
    pub fn onward(
        &self,
        dictionary: &Dictionary,
        keeps: &Keeps<'_>,
    ) -> Result<AttributeList, Unrevealed> {
        let secret = self.upstream.secret();
        self.query.onward(&self.packet(), secret, dictionary, keeps)
    }

    /// The answer to a log-in as a proxy gives it back: a reject is not held back again, and a
    /// Protocol-Error becomes one of ours with the cause that RFC 9765 section 6.1 asks for.
    pub fn access_reply(
        &self,
        dictionary: &Dictionary,
        keeps: &Keeps<'_>,
    ) -> Result<AccessReply, Unrevealed> {
        let reply = match self.code() {
            Code::ACCESS_ACCEPT => AccessReply::accept(),
            Code::ACCESS_CHALLENGE => AccessReply::challenge(),
            Code::ACCESS_REJECT => AccessReply::reject().at_once(),
            _ => return Ok(AccessReply::failed(ErrorCause::OtherProxyProcessingError)),
        };
        Ok(reply.with_all(&self.onward(dictionary, keeps)?))
    }
}
