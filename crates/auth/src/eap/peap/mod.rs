//! PEAP version 0 (MS-PEAP, RFC 9427): a TLS tunnel with another EAP method inside.
//!
//! The server proves itself by its certificate, then the peer proves itself by the inner method.
//! The packets of the inner method travel without their headers. In the end both sides say inside
//! the tunnel how it went, and bind what was proven there to the tunnel ([`CryptoBinding`]); that
//! also happens where a session is resumed and nothing is proven anew.
//!
//! The tunnel key of MS-PEAP is taken from the key material of the session: under TLS 1.2 by the
//! label of EAP-TLS, under TLS 1.3 by that of RFC 9427. There is no octet of zero under TLS 1.3, as
//! the server always has something to say inside.

mod keys;
mod peer;
mod phase2;
mod tlvs;

use std::{fmt, sync::Arc};

use super::{
    Method, Offer, Offered, Type,
    tls::{ClientCertificate, Settings},
    tunnel::{Outside, Tunnel},
};
use phase2::Phase2;

pub use peer::PeapPeer;

/// The one version there is here. Version 1 is spoken by few, and version 2 by nobody.
const VERSION: u8 = 0;

/// Whether the peer has to bind the inside of the tunnel to it. A binding that is there is always
/// checked, and the keys for the air are then made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum CryptoBinding {
    /// It may leave that out. Windows and `wpa_supplicant` bind where the server does, as this one
    /// always does; some older devices do not.
    #[default]
    Optional,
    /// It has to. Keeps out somebody in the middle who has lured a device into the inner method
    /// without a tunnel.
    Required,
}

/// PEAP, as it may be offered.
#[derive(Clone)]
pub struct Peap {
    outside: Outside,
    inner: Arc<Offer>,
    binding: CryptoBinding,
}

impl Peap {
    /// With these methods inside, of which the first is proposed: EAP-MSCHAPv2, GTC or TLS, TLS
    /// without resumption, because it is the tunnel that is resumed.
    pub fn new(settings: Arc<Settings>, inner: Arc<Offer>) -> Self {
        Self {
            outside: Outside {
                kind: Type::PEAP,
                version: VERSION,
                settings,
                certificate: ClientCertificate::None,
                outer: None,
            },
            inner,
            binding: CryptoBinding::default(),
        }
    }

    /// The same with this rule for crypto-binding.
    #[must_use]
    pub const fn with_crypto_binding(mut self, binding: CryptoBinding) -> Self {
        self.binding = binding;
        self
    }
}

impl Offered for Peap {
    fn kind(&self) -> Type {
        Type::PEAP
    }

    fn start(&self) -> Box<dyn Method> {
        let phase2 = Phase2::new(Arc::clone(&self.inner), self.binding);
        Box::new(Tunnel::new(self.outside.clone(), phase2))
    }
}

impl fmt::Debug for Peap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peap")
            .field("inner", &self.inner)
            .field("binding", &self.binding)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
