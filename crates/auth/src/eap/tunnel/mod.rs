//! What PEAP, TTLS and TEAP have in common: a TLS session in EAP packets, and a second
//! conversation inside it.
//!
//! The outer half is a [`Tunnel`]: start, version, fragments, TLS, resumption. The inner half is
//! an [`Inside`], which sees plain octets and makes the success; there is none that the inner half
//! has not verified. A session that is resumed goes on without the inner half only where the caller
//! says so.

mod inner;
pub(crate) mod peer;
pub(crate) mod prf;
mod server;
pub(crate) mod tlv;

pub(crate) use inner::{Inner, InnerStep, inside};
pub(crate) use server::{Outside, Tunnel};

use super::{
    Answer, Context, Failure, Means, Msk, Question, Success, Type, Verified,
    tls::{Engine, Hash, Keys, Version},
};

/// Where the inner half gets its keys from: the TLS session around it.
pub(crate) trait Keying {
    /// The version of TLS.
    fn version(&self) -> Option<Version>;

    /// The hash of the cipher suite.
    fn hash(&self) -> Option<Hash>;

    /// Keying material (RFC 5705, RFC 8446 section 7.5). False where there is none to be had.
    #[must_use]
    fn export(&self, label: &str, context: Option<&[u8]>, out: &mut [u8]) -> bool;

    /// The keys of the method and their name.
    fn keys(&self, kind: Type) -> Option<Keys>;

    /// The Session-Id.
    fn session_id(&self, kind: Type) -> Option<Vec<u8>>;

    /// Whether the session is an earlier one resumed.
    fn is_resumed(&self) -> bool;

    /// The certificates that the peer presented to the tunnel itself, its own first.
    fn chain(&self) -> Vec<Vec<u8>>;
}

impl Keying for Engine {
    fn version(&self) -> Option<Version> {
        Self::version(self)
    }

    fn hash(&self) -> Option<Hash> {
        Self::hash(self)
    }

    fn export(&self, label: &str, context: Option<&[u8]>, out: &mut [u8]) -> bool {
        Self::export(self, label.as_bytes(), context, out)
    }

    fn keys(&self, kind: Type) -> Option<Keys> {
        Self::keys(self, kind)
    }

    fn session_id(&self, kind: Type) -> Option<Vec<u8>> {
        Self::session_id(self, kind)
    }

    fn is_resumed(&self) -> bool {
        Self::is_resumed(self)
    }

    fn chain(&self) -> Vec<Vec<u8>> {
        self.peer_chain()
    }
}

/// The inner half of a tunnel on the server's side.
pub(crate) trait Inside: Send {
    /// Takes the TLVs that came with the peer's first message outside the tunnel.
    fn outer(&mut self, _tlvs: &[u8]) {}

    /// The tunnel is there, and the peer has not spoken.
    fn begin(&mut self, keying: &dyn Keying, context: &mut Context<'_>) -> Move;

    /// The peer has spoken; what it said may be nothing.
    fn receive(&mut self, plain: &[u8], keying: &dyn Keying, context: &mut Context<'_>) -> Move;

    /// The caller has answered.
    fn answer(&mut self, answer: Answer, keying: &dyn Keying, context: &mut Context<'_>) -> Move;

    /// The tunnel is that of an earlier session, and the caller lets it be resumed.
    fn resume(&mut self, resumed: Rejoined, keying: &dyn Keying, context: &mut Context<'_>)
    -> Move;
}

/// Who may come in without proving it again.
#[derive(Debug)]
pub(crate) struct Rejoined {
    pub(crate) verified: Verified,
    pub(crate) identity: Vec<u8>,
    /// How they proved it then.
    pub(crate) means: Means,
}

impl Rejoined {
    pub(crate) fn success(self) -> Success {
        Success::new(self.verified, self.identity, self.means).resumed()
    }
}

/// What the inner half does next.
#[derive(Debug)]
#[must_use]
pub(crate) enum Move {
    /// Say this to the peer.
    Say(Vec<u8>),
    /// Say nothing: it is the peer's turn.
    Listen,
    /// Ask the caller.
    Ask(Question),
    /// It is over, with access. The keys are in it.
    Succeeded(Box<Success>),
    /// It is over, without.
    Failed(Failure),
}

impl Move {
    pub(crate) fn broken(method: Type, what: &'static str) -> Self {
        Self::Failed(Failure::Broken { method, what })
    }

    /// TLS gives no keys, which it does once its handshake is done.
    pub(crate) fn keyless(method: Type) -> Self {
        Self::broken(method, "the TLS session gives no keys")
    }

    /// The success of what was proven inside, with the keys of the TLS session.
    pub(crate) fn by_inner(inner: &Success, kind: Type, keying: &dyn Keying) -> Self {
        Self::keyed(of_inner(inner, kind), kind, keying)
    }

    /// A success with the keys of the TLS session.
    pub(crate) fn keyed(success: Success, kind: Type, keying: &dyn Keying) -> Self {
        match keying.keys(kind) {
            Some(keys) => Self::with_keys(success, keys.msk, keys.session_id),
            None => Self::keyless(kind),
        }
    }

    pub(crate) fn with_keys(success: Success, msk: Msk, session_id: Vec<u8>) -> Self {
        Self::Succeeded(Box::new(success.with_keys(msk, session_id)))
    }
}

/// The tunnel's own success, after that of what is inside.
pub(crate) fn of_inner(inner: &Success, kind: Type) -> Success {
    let verified = Verified::by_inner(inner);
    Success::new(
        verified,
        inner.identity().to_vec(),
        inside(kind, inner.means()),
    )
}

#[cfg(test)]
pub(crate) mod fake;
