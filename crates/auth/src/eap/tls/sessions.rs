//! Sessions that can be resumed: none before it is said that it may be, and none by a method other
//! than the one that made it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustls::server::StoresServerSessions;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::{clock::Clock, verifier::Verifier};
use crate::eap::{Keepsake, Means, Type};

/// The most octets of one session with its note; one that needs more is not kept.
const MAX_SESSION_OCTETS: usize = 32 * 1024;
/// The most sessions that one connection may leave.
const MAX_PENDING: usize = 2;

/// Who somebody was found to be in the session that was resumed.
#[derive(Clone, PartialEq, Eq)]
pub struct Resumed {
    /// Their name.
    pub identity: Vec<u8>,
    /// How they proved it.
    pub means: Means,
    /// The chain that they presented: DER, their own certificate first. May be empty.
    pub chain: Arc<[Vec<u8>]>,
    /// What [`Success::keep`](crate::eap::Success::keep) was given.
    pub note: Vec<u8>,
    /// When they proved it, in seconds since 1970.
    pub proven_s: u64,
}

impl fmt::Debug for Resumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumed")
            .field("means", &self.means)
            .field("proven_s", &self.proven_s)
            .finish_non_exhaustive()
    }
}

/// Sessions that can be resumed, shared by all connections: bounded; where there is no room, the
/// oldest goes.
pub struct Sessions {
    capacity: usize,
    lifetime_s: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    sessions: BTreeMap<Vec<u8>, (u64, Arc<Session>)>,
    /// Their keys, the oldest first.
    order: BTreeMap<u64, Vec<u8>>,
    next: u64,
}

struct Session {
    secret: Zeroizing<Vec<u8>>,
    kind: Type,
    is_192_bit: bool,
    serial: Vec<u8>,
    claimed: Vec<u8>,
    resumed: Arc<Resumed>,
}

impl Sessions {
    /// Room for `capacity` sessions, each of which can be resumed for `lifetime_s` seconds after
    /// somebody proved who they are; resuming it does not make it longer. At most a day makes sense
    /// (RFC 9190 section 2.1.2 allows a week).
    pub fn new(capacity: usize, lifetime_s: u64) -> Self {
        Self {
            capacity,
            lifetime_s,
            held: Mutex::default(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.held().sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all of somebody; says how many.
    pub fn forget(&self, identity: &[u8]) -> usize {
        self.held()
            .drop_where(|session| session.resumed.identity == identity)
    }

    /// Forgets all of certificates with this serial number, given as in DER; says how many.
    pub fn forget_serial(&self, serial: &[u8]) -> usize {
        let serial = trimmed(serial);
        self.held()
            .drop_where(|session| !session.resumed.chain.is_empty() && session.serial == serial)
    }

    /// Forgets all.
    pub fn forget_all(&self) {
        *self.held() = Held::default();
    }

    /// Forgets all that can no longer be resumed; says how many. `unix_s` is the time in seconds
    /// since 1970.
    pub fn expire(&self, unix_s: u64) -> usize {
        self.held()
            .drop_where(|session| !self.is_fresh(session, unix_s))
    }

    fn is_fresh(&self, session: &Session, unix_s: u64) -> bool {
        // A session from the future is one from before the clock was set.
        let age_s = unix_s.checked_sub(session.resumed.proven_s);
        age_s.is_some_and(|age_s| age_s < self.lifetime_s)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &[u8]) -> Option<Arc<Session>> {
        let held = self.held();
        held.sessions
            .get(key)
            .map(|(_, session)| Arc::clone(session))
    }

    fn remove(&self, key: &[u8]) -> Option<Arc<Session>> {
        self.held().remove(key)
    }

    fn insert(&self, key: Vec<u8>, session: Session) {
        let size = session.secret.len() + session.resumed.note.len();
        if size > MAX_SESSION_OCTETS || self.capacity == 0 {
            return;
        }
        let mut held = self.held();
        held.remove(&key);
        while held.sessions.len() >= self.capacity {
            let Some((_, oldest)) = held.order.pop_first() else {
                break;
            };
            held.sessions.remove(&oldest);
        }
        let number = held.next;
        held.next += 1;
        held.order.insert(number, key.clone());
        held.sessions.insert(key, (number, Arc::new(session)));
    }
}

impl Held {
    fn remove(&mut self, key: &[u8]) -> Option<Arc<Session>> {
        let (number, session) = self.sessions.remove(key)?;
        self.order.remove(&number);
        Some(session)
    }

    fn drop_where(&mut self, is_dropped: impl Fn(&Session) -> bool) -> usize {
        let before = self.sessions.len();
        let order = &mut self.order;
        self.sessions.retain(|_, (number, session)| {
            let is_dropped = is_dropped(session);
            if is_dropped {
                order.remove(number);
            }
            !is_dropped
        });
        before - self.sessions.len()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("capacity", &self.capacity)
            .field("lifetime_s", &self.lifetime_s)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// A serial number without the octets of zero that it may begin with.
fn trimmed(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|octet| **octet == 0).count();
    &serial[zeros..]
}

fn serial(chain: &[Vec<u8>]) -> Vec<u8> {
    let leaf = chain.first().map_or(&[][..], Vec::as_slice);
    match X509Certificate::from_der(leaf) {
        Ok((_, certificate)) => trimmed(certificate.raw_serial()).to_vec(),
        Err(_) => Vec::new(),
    }
}

/// The sessions as one connection sees them: what it leaves waits here until it is kept.
pub(super) struct View {
    sessions: Arc<Sessions>,
    kind: Type,
    is_192_bit: bool,
    verifier: Option<Arc<Verifier>>,
    clock: Arc<Clock>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Who the device says it is.
    claimed: Vec<u8>,
    pending: Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    /// What was found last, which is what is resumed if anything is.
    hit: Option<(Vec<u8>, Arc<Session>)>,
}

impl View {
    pub(super) fn new(
        sessions: &Arc<Sessions>,
        kind: Type,
        is_192_bit: bool,
        verifier: Option<Arc<Verifier>>,
        clock: &Arc<Clock>,
    ) -> Self {
        Self {
            sessions: Arc::clone(sessions),
            kind,
            is_192_bit,
            verifier,
            clock: Arc::clone(clock),
            seen: Mutex::default(),
        }
    }

    pub(super) fn bind_to(&self, identity: &[u8]) {
        self.seen().claimed = identity.to_vec();
    }

    pub(super) fn resumed(&self) -> Option<Arc<Resumed>> {
        let seen = self.seen();
        seen.hit
            .as_ref()
            .map(|(_, session)| Arc::clone(&session.resumed))
    }

    pub(super) fn forget_resumed(&self) {
        if let Some((key, _)) = &self.seen().hit {
            self.sessions.remove(key);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may be resumed here and now.
    fn allows(&self, session: &Session) -> bool {
        session.kind == self.kind
            && session.is_192_bit == self.is_192_bit
            && session.claimed == self.seen().claimed
            && self.sessions.is_fresh(session, self.clock.unix_s())
            && self.allows_chain(&session.resumed.chain)
    }

    /// The chain must be one that would be accepted if it were presented now: it may have been
    /// revoked, and its CA may no longer be trusted.
    fn allows_chain(&self, chain: &[Vec<u8>]) -> bool {
        match &self.verifier {
            None => chain.is_empty(),
            Some(verifier) if chain.is_empty() => !verifier.is_required(),
            Some(verifier) => verifier.accepts(chain),
        }
    }

    fn commit(&self, resumed: Resumed) {
        let mut seen = self.seen();
        let pending = std::mem::take(&mut seen.pending);
        let resumed = Arc::new(resumed);
        let serial = serial(&resumed.chain);
        let claimed = std::mem::take(&mut seen.claimed);
        let session = |secret| Session {
            secret,
            kind: self.kind,
            is_192_bit: self.is_192_bit,
            serial: serial.clone(),
            claimed: claimed.clone(),
            resumed: Arc::clone(&resumed),
        };
        // Under TLS 1.2 a session that is resumed goes on; what is noted of it may be new.
        if let Some((key, before)) = &seen.hit
            && pending.is_empty()
            && self.sessions.remove(key).is_some()
        {
            self.sessions
                .insert(key.clone(), session(before.secret.clone()));
        }
        for (key, secret) in pending {
            self.sessions.insert(key, session(secret));
        }
    }
}

impl StoresServerSessions for View {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let mut seen = self.seen();
        let has_room = seen.pending.len() < MAX_PENDING;
        if has_room {
            seen.pending.push((key, Zeroizing::new(value)));
        }
        has_room
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let session = self.sessions.find(key)?;
        if !self.allows(&session) {
            return None;
        }
        let secret = session.secret.to_vec();
        self.seen().hit = Some((key.to_vec(), session));
        Some(secret)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let secret = self.get(key)?;
        // Two connections may have found it; only one of them may take it.
        self.sessions.remove(key).map(|_| secret)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A session that waits to be kept.
pub(super) struct Kept {
    view: Arc<View>,
    resumed: Resumed,
}

impl Kept {
    pub(super) fn new(
        view: &Arc<View>,
        identity: &[u8],
        means: Means,
        chain: Arc<[Vec<u8>]>,
        proven_s: u64,
    ) -> Self {
        Self {
            view: Arc::clone(view),
            resumed: Resumed {
                identity: identity.to_vec(),
                means,
                chain,
                note: Vec::new(),
                proven_s,
            },
        }
    }
}

impl Keepsake for Kept {
    fn keep(self: Box<Self>, note: &[u8]) {
        let Self { view, mut resumed } = *self;
        resumed.note = note.to_vec();
        view.commit(resumed);
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.resumed).finish()
    }
}
