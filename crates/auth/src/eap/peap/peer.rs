//! The peer's side of PEAP.

use std::{fmt, sync::Arc};

use super::{
    CryptoBinding, VERSION,
    keys::BindingKeys,
    phase2::headless,
    tlvs::{self, Binding, Speaker, Verdict},
};
use crate::eap::{
    Context, Packet, Type,
    packet::{self, Code, HEADER_OCTETS},
    peer::{self, Trouble, Usable},
    tls::PeerSettings,
    tunnel::{
        Keying,
        peer::{
            PeerInner, PeerInnerStep, PeerInside, PeerKeys, PeerMove, PeerTunnel, after_commitment,
            is_commitment, tls_keys,
        },
    },
};

/// PEAP, as a peer may use it.
#[derive(Clone)]
pub struct PeapPeer {
    settings: PeerSettings,
    name: Vec<u8>,
    methods: Vec<Arc<dyn Usable>>,
    binding: CryptoBinding,
}

impl PeapPeer {
    /// That uses one of these methods inside, under that name.
    pub fn new(
        settings: PeerSettings,
        name: impl Into<Vec<u8>>,
        methods: Vec<Arc<dyn Usable>>,
    ) -> Self {
        Self {
            settings,
            name: name.into(),
            methods,
            binding: CryptoBinding::default(),
        }
    }

    /// The same that wants the server to bind the inside to the tunnel, or does not.
    #[must_use]
    pub const fn with_crypto_binding(mut self, binding: CryptoBinding) -> Self {
        self.binding = binding;
        self
    }
}

impl fmt::Debug for PeapPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeapPeer").finish_non_exhaustive()
    }
}

impl Usable for PeapPeer {
    fn kind(&self) -> Type {
        Type::PEAP
    }

    fn start(&self) -> Box<dyn peer::Method> {
        let phase2 = Phase2::new(&self.name, &self.methods, self.binding);
        Box::new(PeerTunnel::new(
            Type::PEAP,
            VERSION,
            self.settings.clone(),
            phase2,
        ))
    }
}

pub(super) struct Phase2 {
    inner: PeerInner,
    binding: CryptoBinding,
    /// Once both sides have said that it went well.
    keys: Option<PeerKeys>,
}

const FAILURE: Verdict = Verdict {
    is_success: false,
    binding: None,
};

impl Phase2 {
    pub(super) fn new(name: &[u8], methods: &[Arc<dyn Usable>], binding: CryptoBinding) -> Self {
        Self {
            inner: PeerInner::new(Type::PEAP, name, methods),
            binding,
            keys: None,
        }
    }

    fn verdict(&mut self, octets: &[u8], keying: &dyn Keying, context: &Context<'_>) -> PeerMove {
        let verdict = match Verdict::parse(octets) {
            Ok(verdict) => verdict,
            Err(what) => return PeerMove::broken(Type::PEAP, what),
        };
        let give_up = |trouble| PeerMove::GiveUp(FAILURE.response(context.identifier), trouble);
        if !verdict.is_success {
            return give_up(self.inner.trouble());
        }
        let keys = if self.inner.has_begun() {
            let Some(outcome) = self.inner.outcome() else {
                let what = "it says that it went well before it has proven itself inside";
                return give_up(Trouble::Untrusted(what.to_owned()));
            };
            BindingKeys::of_method(keying, outcome.msk.as_ref())
        } else if keying.is_resumed() {
            BindingKeys::of_resumption(keying)
        } else {
            let what = "it leaves out what has to be proven inside";
            return give_up(Trouble::Untrusted(what.to_owned()));
        };
        let Some(keys) = keys else {
            return PeerMove::keyless(Type::PEAP);
        };
        let (binding, taken) = match verdict.binding {
            Some(theirs) if !theirs.is_right(Speaker::Server, &keys) => {
                let what = "what binds the inside to the tunnel is wrong";
                return give_up(Trouble::Untrusted(what.to_owned()));
            }
            Some(theirs) => {
                let ours = Binding::new(Speaker::Peer, &theirs.nonce(), &keys);
                let id = keying.session_id(Type::PEAP);
                (Some(ours), id.map(|id| (keys.msk(), id)))
            }
            None if self.binding == CryptoBinding::Required => {
                let what = "it does not bind the inside to the tunnel";
                return give_up(Trouble::Untrusted(what.to_owned()));
            }
            None => (None, tls_keys(Type::PEAP, keying)),
        };
        self.keys = taken;
        let verdict = Verdict {
            is_success: true,
            binding,
        };
        PeerMove::Say(verdict.response(context.identifier))
    }
}

/// The Request, with a header where the server has left it out.
fn whole(plain: &[u8], identifier: u8) -> Option<Vec<u8>> {
    // Some servers send the first one with its header.
    let has_header = Packet::parse(plain).is_ok_and(|packet| {
        let kind = packet.body().map(|(kind, _)| kind);
        packet.code() == Code::Request && kind == Some(Type::IDENTITY)
    });
    if has_header {
        return Some(plain.to_vec());
    }
    let (kind, data) = headless(plain)?;
    packet::request(identifier, kind, data)
}

impl PeerInside for Phase2 {
    /// The server speaks first.
    fn begin(&mut self, _: &dyn Keying, _: &mut Context<'_>) -> PeerMove {
        PeerMove::Listen
    }

    fn receive(
        &mut self,
        plain: &[u8],
        keying: &dyn Keying,
        context: &mut Context<'_>,
    ) -> PeerMove {
        // Whatever it was that went well, the server has more to say.
        self.keys = None;
        if is_commitment(plain, keying) && !self.inner.has_begun() {
            if self.binding == CryptoBinding::Optional {
                self.keys = tls_keys(Type::PEAP, keying);
            }
            return PeerMove::Listen;
        }
        let plain = after_commitment(plain, keying);
        if let Some(tlvs) = tlvs::of_packet(plain, Code::Request) {
            return self.verdict(tlvs, keying, context);
        }
        let Some(request) = whole(plain, context.identifier) else {
            return PeerMove::broken(Type::PEAP, "there is no EAP packet inside");
        };
        match self.inner.receive(&request, context) {
            PeerInnerStep::Response(response) => {
                PeerMove::Say(response[HEADER_OCTETS.min(response.len())..].to_vec())
            }
            PeerInnerStep::Failed(trouble) => {
                PeerMove::GiveUp(FAILURE.response(context.identifier), trouble)
            }
        }
    }

    fn outcome(&self, _: &dyn Keying) -> Option<PeerKeys> {
        self.keys.clone()
    }
}
