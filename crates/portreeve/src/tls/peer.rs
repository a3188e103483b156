use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use portreeve_proto::{Peer, Secret, Transport};

use super::{Certificate, Mark, Psk, TlsError, Trust};

/// A peer that connects over TLS, and how it is recognised.
#[derive(Debug, Clone)]
pub struct TlsPeer {
    peer: Arc<Peer>,
    marks: Vec<Mark>,
    trust: Option<Trust>,
    sources: Vec<IpNet>,
    max_connections: Option<usize>,
    psk: Option<Psk>,
}

impl TlsPeer {
    /// A peer that nothing is recognised as yet: give it a [`mark`](Self::mark) or a
    /// [`psk`](Self::psk). Its secret is `radsec` on TLS and `radius/dtls` on DTLS.
    pub fn new(peer: Arc<Peer>) -> Self {
        Self {
            peer,
            marks: Vec::new(),
            trust: None,
            sources: Vec::new(),
            max_connections: None,
            psk: None,
        }
    }

    /// As [`Self::new`], for a peer that needs nothing but a name.
    pub fn named(name: &str, transport: Transport) -> Result<Self, TlsError> {
        let secret = Secret::of_transport(transport).ok_or(TlsError::NotSecure { transport })?;
        let peer = Peer::new(name, secret).transport(transport);
        Ok(Self::new(Arc::new(peer)))
    }

    /// Adds a mark; any one of them suffices.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// The CAs that this peer's certificate must come from, instead of the listener's.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Adds addresses that it may connect from; without any, it may connect from anywhere.
    #[must_use]
    pub fn source(mut self, prefix: IpNet) -> Self {
        self.sources.push(prefix);
        self
    }

    /// How many connections it may have at a time.
    #[must_use]
    pub fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = Some(most);
        self
    }

    /// A pre-shared key that it is recognised by.
    #[must_use]
    pub fn psk(mut self, psk: Psk) -> Self {
        self.psk = Some(psk);
        self
    }

    /// Who it is.
    pub fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Its marks.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// How many connections it may have at a time, if that is its own limit.
    pub fn connection_limit(&self) -> Option<usize> {
        self.max_connections
    }

    /// Its own trust, if it has one.
    pub fn own_trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// Its pre-shared key.
    pub fn pre_shared_key(&self) -> Option<&Psk> {
        self.psk.as_ref()
    }

    /// Whether it may connect from an address. `::ffff:192.0.2.1` is 192.0.2.1.
    pub fn allows(&self, from: IpAddr) -> bool {
        let from = from.to_canonical();
        self.sources.is_empty() || self.sources.iter().any(|prefix| prefix.contains(&from))
    }

    /// The narrowest of its marks that a certificate bears.
    pub(super) fn recognises(&self, certificate: &Certificate, from: IpAddr) -> Option<u8> {
        self.marks
            .iter()
            .filter(|mark| mark.is_on(certificate, from))
            .map(Mark::narrowness)
            .max()
    }

    /// Whether somebody can be recognised as this peer at all.
    pub(super) fn check(&self) -> Result<(), TlsError> {
        let peer = Arc::clone(self.peer.name());
        if self.marks.is_empty() && self.psk.is_none() {
            return Err(TlsError::NoMark { peer });
        }
        if self.marks.contains(&Mark::Source) && self.sources.is_empty() {
            return Err(TlsError::NoSource { peer });
        }
        for mark in &self.marks {
            if let Mark::Psk(identity) = mark
                && self
                    .psk
                    .as_ref()
                    .is_none_or(|psk| **psk.identity() != **identity)
            {
                let identity = identity.as_str().into();
                return Err(TlsError::NoPsk { peer, identity });
            }
        }
        if self.psk.is_some() && !cfg!(feature = "openssl") {
            return Err(TlsError::PskUnsupported);
        }
        Ok(())
    }
}
