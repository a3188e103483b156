//! What a method that has succeeded leaves behind.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Answer, Means};

/// Octets of a master session key (RFC 3748 section 7.10).
pub const MSK_OCTETS: usize = 64;

/// A master session key, from which the access point and the peer make the keys of the air. Prints
/// redacted and wipes its memory when dropped.
#[derive(Clone)]
pub struct Msk(Zeroizing<[u8; MSK_OCTETS]>);

impl Msk {
    /// Takes a key.
    pub fn new(octets: [u8; MSK_OCTETS]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// What it is.
    pub fn reveal(&self) -> &[u8; MSK_OCTETS] {
        &self.0
    }

    /// MS-MPPE-Recv-Key: what the access point receives with (RFC 2548 section 2.4.3).
    pub fn receive_key(&self) -> &[u8] {
        &self.0[..MSK_OCTETS / 2]
    }

    /// MS-MPPE-Send-Key: what the access point sends with (RFC 2548 section 2.4.2).
    pub fn send_key(&self) -> &[u8] {
        &self.0[MSK_OCTETS / 2..]
    }
}

impl PartialEq for Msk {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for Msk {}

impl fmt::Debug for Msk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Msk(..)")
    }
}

/// Evidence that something was checked and found right. There is no other way to a [`Success`].
#[derive(Debug)]
#[must_use]
pub struct Verified(());

impl Verified {
    /// That two secrets are the same, compared in constant time. Never of empty ones.
    pub fn by_equality(expected: &[u8], given: &[u8]) -> Option<Self> {
        let is_equal = bool::from(expected.ct_eq(given));
        (is_equal && !expected.is_empty()).then_some(Self(()))
    }

    /// That a check of this crate's came out as a match.
    pub fn by_verdict(verdict: crate::Verdict) -> Option<Self> {
        verdict.is_match().then_some(Self(()))
    }

    /// That the caller has found it right, and whose it is.
    pub fn by_answer(answer: Answer) -> Option<(Self, Vec<u8>)> {
        match answer {
            Answer::Right(name) => Some((Self(()), name)),
            Answer::Offer(_) | Answer::Credential(_) | Answer::Wrong | Answer::Refused => None,
        }
    }

    /// That a method inside a tunnel has succeeded; the rest of its success goes with the tunnel's.
    pub fn by_inner(inner: &Success) -> Self {
        let Success { verified, .. } = inner;
        let Self(()) = verified;
        Self(())
    }
}

/// Somebody has proven who they are. Only a method makes one, out of what [`Verified`] what it
/// checked.
#[derive(Debug)]
#[must_use]
pub struct Success {
    verified: Verified,
    identity: Vec<u8>,
    means: Means,
    msk: Option<Msk>,
    emsk: Option<Msk>,
    session_id: Vec<u8>,
    is_resumed: bool,
    keepsake: Option<Box<dyn Keepsake>>,
    others: Vec<Success>,
}

/// What makes a session resumable, once it is said that it may be.
pub trait Keepsake: Send + fmt::Debug {
    /// Makes it resumable, with a note that comes back in [`Question::Resumed`].
    ///
    /// [`Question::Resumed`]: super::Question::Resumed
    fn keep(self: Box<Self>, note: &[u8]);
}

impl Success {
    /// A success without keys.
    pub const fn new(verified: Verified, identity: Vec<u8>, means: Means) -> Self {
        Self {
            verified,
            identity,
            means,
            msk: None,
            emsk: None,
            session_id: Vec::new(),
            is_resumed: false,
            keepsake: None,
            others: Vec::new(),
        }
    }

    /// The same with keys, and the method's Session-Id (RFC 5247 section 1.4): the type and what
    /// makes the session unique; empty where the method has none.
    pub fn with_keys(mut self, msk: Msk, session_id: Vec<u8>) -> Self {
        self.msk = Some(msk);
        self.session_id = session_id;
        self
    }

    /// The same with the extended key, which goes no further than the tunnel around the method
    /// (RFC 3748 section 7.10, RFC 9930 section 6.2).
    pub fn with_emsk(mut self, emsk: Msk) -> Self {
        self.emsk = Some(emsk);
        self
    }

    /// The same, of a session that was resumed.
    pub const fn resumed(mut self) -> Self {
        self.is_resumed = true;
        self
    }

    /// The same, that can be resumed once it is said that it may be.
    pub fn with_keepsake(mut self, keepsake: Box<dyn Keepsake>) -> Self {
        self.keepsake = Some(keepsake);
        self
    }

    /// The same of somebody else in the same conversation: the machine besides the user
    /// (RFC 9930 section 3.6).
    pub fn with_other(mut self, other: Self) -> Self {
        self.others.push(other);
        self
    }

    /// The same by other means: a tunnel takes over what was proven inside it.
    pub const fn by(mut self, means: Means) -> Self {
        self.means = means;
        self
    }

    /// Who they have proven to be.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// How.
    pub const fn means(&self) -> Means {
        self.means
    }

    /// The key, if the method makes one.
    pub const fn msk(&self) -> Option<&Msk> {
        self.msk.as_ref()
    }

    /// The extended key, if the method makes one.
    pub const fn emsk(&self) -> Option<&Msk> {
        self.emsk.as_ref()
    }

    /// The Session-Id, which EAP-Key-Name carries (RFC 7268 section 2.2); may be empty.
    pub fn session_id(&self) -> &[u8] {
        &self.session_id
    }

    /// Whether they proved it in an earlier conversation that this one resumed.
    pub const fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Who else has proven themselves in the same conversation.
    pub fn others(&self) -> &[Self] {
        &self.others
    }

    /// Lets the session be resumed: to be called once access is granted, and not before. `note` is
    /// the caller's, and comes back when it is.
    pub fn keep(&mut self, note: &[u8]) {
        if let Some(keepsake) = self.keepsake.take() {
            keepsake.keep(note);
        }
    }
}
