//! EAP-TTLS version 0 (RFC 5281, RFC 9427): a TLS tunnel with a log-in inside, by a password or by
//! another EAP method.
//!
//! The server proves itself by its certificate, then the peer proves itself inside. CHAP, MS-CHAP
//! and MS-CHAPv2 answer a challenge that both sides derive from the tunnel, so that nothing that
//! was overheard elsewhere can be played in. There is one log-in and no second.
//!
//! A resumed session needs no log-in where the caller says so. Under TLS 1.2 it is over with the
//! handshake; under TLS 1.3 the server says one octet of zero first (RFC 9427 section 4).

pub(crate) mod avp;
mod peer;
mod phase2;
mod plain;

use std::{fmt, sync::Arc};

use super::{
    Method, Offer, Offered, Type,
    tls::{ClientCertificate, Settings},
    tunnel::{Outside, Tunnel},
};
use crate::Method as Plain;
use phase2::Phase2;

pub use peer::TtlsPeer;

/// The one version there is.
const VERSION: u8 = 0;

/// The label of what CHAP and its kin are challenged by (RFC 5281 section 11.1, RFC 9427
/// section 2.4).
const CHALLENGE: &str = "ttls challenge";

/// EAP-TTLS, as it may be offered.
#[derive(Clone)]
pub struct Ttls {
    outside: Outside,
    plain: Arc<[Plain]>,
    inner: Arc<Offer>,
}

impl Ttls {
    /// With these log-ins by password inside, and these EAP methods. Which of them is tried the
    /// peer decides; the first EAP method is the one that is proposed. MD5, GTC, EAP-MSCHAPv2 and
    /// TLS may be among them, TLS without resumption: it is the tunnel that is resumed.
    pub fn new(settings: Arc<Settings>, plain: &[Plain], inner: Arc<Offer>) -> Self {
        Self {
            outside: Outside {
                kind: Type::TTLS,
                version: VERSION,
                settings,
                certificate: ClientCertificate::None,
                outer: None,
            },
            plain: plain.into(),
            inner,
        }
    }
}

impl Offered for Ttls {
    fn kind(&self) -> Type {
        Type::TTLS
    }

    fn start(&self) -> Box<dyn Method> {
        let phase2 = Phase2::new(Arc::clone(&self.plain), Arc::clone(&self.inner));
        Box::new(Tunnel::new(self.outside.clone(), phase2))
    }
}

impl fmt::Debug for Ttls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ttls")
            .field("plain", &self.plain)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
