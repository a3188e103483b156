//! TEAP version 1 (RFC 9930, RFC 9427): a TLS tunnel in which a machine and its user prove
//! themselves, one after the other, by EAP or by a password.
//!
//! After each of them, and in the end, both sides bind what was proven to the tunnel by a MAC under
//! keys of both; there is no way round that, also where a session is resumed or nothing is inside.
//! The inner method must not be MD5, GTC or another tunnel (RFC 9930 section 3.6.4), and must not
//! be resumed.
//!
//! Who is asked as the one and has only the other says so, and is asked as that. Where both have
//! proven themselves the success is the user's, and the machine is [another](super::Success::others)
//! in it. A session that is resumed is that of the first of them alone: who else there was the
//! caller has to put into the note that it keeps.
//!
//! Under TLS 1.2 keys come from the PRF of the cipher suite, as RFC 9930 has it; under TLS 1.3 from
//! the exporter, as RFC 9427 section 2.2 has it, which RFC 9930 section 1 refers to. There is no
//! tls-unique to be had of the TLS library, so the Session-Id under TLS 1.2 is made of both randoms
//! as in EAP-TLS, and certificates are not issued inside the tunnel.

mod keys;
mod peer;
mod phase2;
mod tlvs;

use std::{fmt, sync::Arc};

use super::{
    Method, Offer, Offered, Type,
    tls::{ClientCertificate, Settings},
    tunnel::{Outside, Tunnel, tlv::Writer},
};
use phase2::Phase2;

pub use peer::{Credential, TeapPeer};
pub use tlvs::Who;

const VERSION: u8 = 1;

/// The most octets of an authority's name.
const MAX_AUTHORITY: usize = 64;

/// By what somebody proves themselves inside.
#[derive(Clone)]
pub enum Proof {
    /// By one of these EAP methods, of which the first is proposed: EAP-MSCHAPv2 or EAP-TLS.
    /// What must not be inside a tunnel is left out.
    Eap(Arc<Offer>),
    /// By name and password. The text is shown to the person.
    Password(String),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eap(offer) => f.debug_tuple("Eap").field(offer).finish(),
            Self::Password(prompt) => f.debug_tuple("Password").field(prompt).finish(),
        }
    }
}

/// Who has to prove themselves, of those who are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Needed {
    /// One is enough: a machine before anybody has logged in, or a user without a machine's
    /// credential. What a device has not, it says.
    #[default]
    Any,
    /// All of them.
    All,
}

/// TEAP, as it may be offered.
#[derive(Clone)]
pub struct Teap {
    outside: Outside,
    plan: Arc<Plan>,
}

/// What is asked inside.
#[derive(Clone, Debug, Default)]
struct Plan {
    stages: Vec<(Who, Proof)>,
    needed: Needed,
}

impl Teap {
    /// By an authority of that name: it should be the same on all servers that a device may meet,
    /// and tells the device which credential to use. At most 64 octets of it count.
    pub fn new(settings: Arc<Settings>, authority: &str) -> Self {
        let authority = authority.as_bytes();
        let authority = &authority[..authority.len().min(MAX_AUTHORITY)];
        let outer = Writer::default().optional(tlvs::AUTHORITY_ID, authority);
        Self {
            outside: Outside {
                kind: Type::TEAP,
                version: VERSION,
                settings,
                certificate: ClientCertificate::None,
                outer: Some(outer.octets().into()),
            },
            plan: Arc::default(),
        }
    }

    /// The same that asks them to prove themselves too, after those it asks already. Each is asked
    /// once.
    #[must_use]
    pub fn asking(mut self, who: Who, proof: Proof) -> Self {
        let plan = Arc::make_mut(&mut self.plan);
        plan.stages.retain(|(other, _)| *other != who);
        let proof = match proof {
            Proof::Eap(offer) => Proof::Eap(Arc::new(offer.without(&FORBIDDEN))),
            Proof::Password(_) => proof,
        };
        plan.stages.push((who, proof));
        self
    }

    /// The same that needs so many of them.
    #[must_use]
    pub fn needing(mut self, needed: Needed) -> Self {
        Arc::make_mut(&mut self.plan).needed = needed;
        self
    }

    /// The same whose tunnel asks the device for a certificate. One that is presented and found
    /// right proves the device as [`Who::Machine`], and is not asked for again inside.
    #[must_use]
    pub const fn with_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.outside.certificate = certificate;
        self
    }
}

/// What must not be inside: what makes no keys, and other tunnels.
const FORBIDDEN: [Type; 6] = [
    Type::MD5,
    Type::GTC,
    Type::ietf(5),
    Type::PEAP,
    Type::TTLS,
    Type::TEAP,
];

impl Offered for Teap {
    fn kind(&self) -> Type {
        Type::TEAP
    }

    fn start(&self) -> Box<dyn Method> {
        let ours = self.outside.outer.clone().unwrap_or_default();
        let phase2 = Phase2::new(Arc::clone(&self.plan), &ours);
        Box::new(Tunnel::new(self.outside.clone(), phase2))
    }
}

impl fmt::Debug for Teap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teap")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
