//! Which packet answers what: identifiers in use, and who waits under them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use portreeve_proto::{BadReply, DynamicLimits, Packet, Query, Version};
use tokio::sync::mpsc;

use super::{Upstream, counters::Tally};
use crate::Trace;

/// Identifiers of one socket or connection (RFC 2865 section 3).
pub(super) const IDENTIFIERS: u32 = 256;

/// The requests that wait for answers on one socket or connection.
pub(crate) struct Ledger {
    version: Version,
    slots: Mutex<Slots>,
    trace: Trace,
}

struct Slots {
    waiting: HashMap<u32, Waiting>,
    /// Identifiers that are free, and not to be used before a time.
    resting: HashMap<u32, Instant>,
    next: u32,
    /// The lowest identifier that is handed out.
    first: u32,
}

impl Ledger {
    /// Of a socket of RADIUS 1.0: 256 identifiers.
    pub(super) fn of_socket(trace: Trace) -> Self {
        Self::new(Version::V1_0, 0, 0, trace)
    }

    /// Of a connection: for RADIUS 1.0 identifier 0 is kept for the watchdog (RFC 6613 section
    /// 2.6.5); for RADIUS/1.1 Tokens are counted from `start`, which chance chose.
    pub(crate) fn of_connection(version: Version, start: u32, trace: Trace) -> Self {
        match version {
            Version::V1_0 => Self::new(version, 1, 1, trace),
            Version::V1_1 => Self::new(version, 0, start, trace),
        }
    }

    fn new(version: Version, first: u32, next: u32, trace: Trace) -> Self {
        let slots = Slots {
            waiting: HashMap::new(),
            resting: HashMap::new(),
            next,
            first,
        };
        Self {
            version,
            slots: Mutex::new(slots),
            trace,
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Takes the identifier that has been free for longest, or near it, so that late answers find
    /// nobody.
    pub(crate) fn occupy(self: &Arc<Self>, waiting: Waiting) -> Result<Place, Waiting> {
        self.occupy_within(waiting, false)
    }

    /// As [`Self::occupy`], where need be also one that should rest.
    pub(super) fn occupy_even_resting(
        self: &Arc<Self>,
        waiting: Waiting,
    ) -> Result<Place, Waiting> {
        self.occupy_within(waiting, true)
    }

    fn occupy_within(self: &Arc<Self>, waiting: Waiting, even: bool) -> Result<Place, Waiting> {
        let identifier = match self.version {
            Version::V1_0 => self.slots().occupy(waiting, even)?,
            Version::V1_1 => self.slots().count_on(waiting),
        };
        Ok(Place {
            ledger: Arc::clone(self),
            identifier,
        })
    }

    /// Takes an identifier that is kept for a purpose; the place is freed with what is returned.
    pub(crate) fn occupy_reserved(self: &Arc<Self>, waiting: Waiting) -> Place {
        let identifier = match self.version {
            Version::V1_0 => {
                self.slots().waiting.insert(0, waiting);
                0
            }
            Version::V1_1 => self.slots().count_on(waiting),
        };
        Place {
            ledger: Arc::clone(self),
            identifier,
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.slots().waiting.len()
    }

    /// Gives a packet to the request it answers, if it does: a bad one changes nothing, and what is
    /// wrong with it is returned.
    pub(crate) fn take_in(
        &self,
        octets: &[u8],
        upstream: &Upstream,
        tally: &Tally,
    ) -> Result<(), BadReply> {
        let slots = self.slots();
        let identifier = identifier(octets, self.version);
        let waiting = identifier.and_then(|identifier| slots.waiting.get(&identifier));
        let Some((waiting, query)) =
            waiting.and_then(|waiting| Some((waiting, waiting.query.as_ref()?)))
        else {
            self.trace
                .datagram(upstream.address, "nobody waits for it", octets);
            tally.unexpected.add();
            return Ok(());
        };
        let require = upstream.require_message_authenticator;
        match query.accept(octets, &upstream.secret, require) {
            Ok(packet) if is_stale(query, &packet) => {
                self.trace
                    .datagram(upstream.address, "its Event-Timestamp is stale", octets);
                tally.stale.add();
                waiting.suspicions.stale.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Ok(packet) => {
                let head = format_args!("received from {}", upstream.address);
                self.trace
                    .exchange(head, packet.octets(), query, &upstream.secret);
                let answer = Answer {
                    octets: packet.octets().into(),
                    query: query.clone(),
                };
                if waiting.tell.try_send(answer).is_err() {
                    tally.unexpected.add();
                }
                Ok(())
            }
            Err(reason) => {
                self.trace
                    .datagram(upstream.address, "it does not verify", octets);
                tally.bad_reply(reason);
                waiting.suspicions.note(reason);
                tracing::debug!(server = %upstream.address, %reason, "a reply does not count");
                Err(reason)
            }
        }
    }

    /// The server's machine says that nobody listens.
    pub(super) fn refused(&self) {
        for waiting in self.slots().waiting.values() {
            waiting.suspicions.refused.store(true, Ordering::Relaxed);
        }
    }

    /// Tells everybody who waits that no answer will come.
    pub(crate) fn give_up(&self) {
        self.slots().waiting.clear();
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn occupy(&mut self, waiting: Waiting, even_resting: bool) -> Result<u32, Waiting> {
        if !self.resting.is_empty() {
            let now = Instant::now();
            self.resting.retain(|_, until| *until > now);
        }
        let all = IDENTIFIERS - self.first;
        let mut order = (0..all).map(|step| self.first + (self.next - self.first + step) % all);
        let free = order.find(|identifier| {
            let rests = !even_resting && self.resting.contains_key(identifier);
            !rests && !self.waiting.contains_key(identifier)
        });
        let Some(identifier) = free else {
            return Err(waiting);
        };
        self.resting.remove(&identifier);
        self.waiting.insert(identifier, waiting);
        self.next = identifier + 1;
        Ok(identifier)
    }

    /// RFC 9765 section 4.2.1: a Token is the next number, and wraps.
    fn count_on(&mut self, waiting: Waiting) -> u32 {
        let token = self.next;
        self.next = token.wrapping_add(1);
        self.waiting.insert(token, waiting);
        token
    }
}

/// Whether an answer that verifies was signed too long ago (RFC 5176 section 6.3).
fn is_stale(query: &Query, answer: &Packet<'_>) -> bool {
    query.ask().code().is_dynamic() && !answer.is_current(SystemTime::now(), DynamicLimits::WINDOW)
}

fn identifier(octets: &[u8], version: Version) -> Option<u32> {
    match version {
        Version::V1_0 => octets.get(1).map(|identifier| u32::from(*identifier)),
        Version::V1_1 => {
            let token = octets.get(4..8)?.try_into().ok()?;
            Some(u32::from_be_bytes(token))
        }
    }
}

/// Who waits for an answer under an identifier.
#[derive(Clone)]
pub(crate) struct Waiting {
    query: Option<Query>,
    tell: mpsc::Sender<Answer>,
    suspicions: Arc<Suspicions>,
    /// How long the identifier is left alone afterwards.
    rest: Duration,
}

impl Waiting {
    pub(crate) fn new(tell: mpsc::Sender<Answer>, suspicions: Arc<Suspicions>) -> Self {
        Self {
            query: None,
            tell,
            suspicions,
            rest: Duration::ZERO,
        }
    }

    pub(super) fn resting(mut self, rest: Duration) -> Self {
        self.rest = rest;
        self
    }
}

/// An answer that verifies.
pub(crate) struct Answer {
    pub(super) octets: Box<[u8]>,
    pub(super) query: Query,
}

/// What came that does not count, to tell the reason of a failure by.
#[derive(Default)]
pub(crate) struct Suspicions {
    wrong: AtomicU32,
    unprotected: AtomicU32,
    stale: AtomicU32,
    refused: AtomicBool,
}

impl Suspicions {
    /// Replies whose authenticators are wrong.
    pub(super) fn wrong(&self) -> u32 {
        self.wrong.load(Ordering::Relaxed)
    }

    /// Replies that lack the Message-Authenticator that is demanded.
    pub(super) fn unprotected(&self) -> u32 {
        self.unprotected.load(Ordering::Relaxed)
    }

    /// Answers that verify and are too old.
    pub(super) fn stale(&self) -> u32 {
        self.stale.load(Ordering::Relaxed)
    }

    /// Whether the server's machine said that nobody listens there.
    pub(super) fn refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn note(&self, reason: BadReply) {
        match reason {
            BadReply::MessageAuthenticatorWrong | BadReply::ResponseAuthenticatorWrong => {
                self.wrong.fetch_add(1, Ordering::Relaxed);
            }
            BadReply::MessageAuthenticatorMissing => {
                self.unprotected.fetch_add(1, Ordering::Relaxed);
            }
            BadReply::Code
            | BadReply::Identifier
            | BadReply::Malformed(_)
            | BadReply::MessageAuthenticatorMalformed => {}
        }
    }
}

/// An identifier in use; dropping it gives it back.
pub(crate) struct Place {
    ledger: Arc<Ledger>,
    identifier: u32,
}

impl Place {
    /// The Identifier, or the Token.
    pub(crate) fn identifier(&self) -> u32 {
        self.identifier
    }

    /// From now on, answers to this query are waited for.
    pub(crate) fn expect(&self, query: Query) {
        if let Some(waiting) = self.ledger.slots().waiting.get_mut(&self.identifier) {
            waiting.query = Some(query);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut slots = self.ledger.slots();
        let Some(waited) = slots.waiting.remove(&self.identifier) else {
            return;
        };
        if !waited.rest.is_zero() && waited.query.is_some() {
            let until = Instant::now() + waited.rest;
            slots.resting.insert(self.identifier, until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting() -> Waiting {
        Waiting::new(mpsc::channel(1).0, Arc::default())
    }

    fn occupied(ledger: &Arc<Ledger>) -> Option<Place> {
        ledger.occupy(waiting()).ok()
    }

    #[test]
    fn all_identifiers_are_handed_out_once_and_used_again_as_late_as_can_be() {
        let ledger = Arc::new(Ledger::of_socket(Trace::off()));
        let mut places: Vec<_> = std::iter::from_fn(|| occupied(&ledger)).collect();
        let identifiers: Vec<_> = places.iter().map(Place::identifier).collect();
        assert_eq!(identifiers, (0..256).collect::<Vec<_>>());
        drop(places.remove(200));
        drop(places.remove(7));
        let seven = occupied(&ledger).unwrap();
        assert_eq!(seven.identifier(), 7);
        drop(seven);
        let rest: Vec<_> = std::iter::from_fn(|| occupied(&ledger)).collect();
        let identifiers: Vec<_> = rest.iter().map(Place::identifier).collect();
        assert_eq!(identifiers, [200, 7]);
    }

    #[test]
    fn an_identifier_that_is_to_rest_is_used_again_only_where_there_is_no_other() {
        let ledger = Arc::new(Ledger::of_socket(Trace::off()));
        let rest = Duration::from_mins(5);
        let mut octets = Vec::new();
        let list = portreeve_proto::AttributeList::new();
        let query = Query::encode_open(portreeve_proto::Ask::Coa, 0, &list, &mut octets).unwrap();
        for identifier in 0..256 {
            let place = ledger.occupy(waiting().resting(rest)).ok().unwrap();
            assert_eq!(place.identifier(), identifier);
            if identifier != 9 {
                place.expect(query.clone());
            }
        }
        // Nothing was sent under it.
        let nine = occupied(&ledger).unwrap();
        assert_eq!(nine.identifier(), 9);
        assert!(occupied(&ledger).is_none());
        let tired = ledger.occupy_even_resting(waiting()).ok().unwrap();
        assert_eq!(tired.identifier(), 10);
        drop(tired);
        assert_eq!(
            occupied(&ledger).unwrap().identifier(),
            10,
            "it rests no longer"
        );
    }

    #[test]
    fn a_connection_keeps_identifier_0_for_its_watchdog() {
        let ledger = Arc::new(Ledger::of_connection(Version::V1_0, 9, Trace::off()));
        let places: Vec<_> = std::iter::from_fn(|| occupied(&ledger)).collect();
        let identifiers: Vec<_> = places.iter().map(Place::identifier).collect();
        assert_eq!(identifiers, (1..256).collect::<Vec<_>>());
        assert_eq!(ledger.occupy_reserved(waiting()).identifier(), 0);
    }

    #[test]
    fn tokens_count_on_and_wrap() {
        let ledger = Arc::new(Ledger::of_connection(Version::V1_1, u32::MAX, Trace::off()));
        let places = [(); 3].map(|()| occupied(&ledger).unwrap());
        let tokens = places.each_ref().map(Place::identifier);
        assert_eq!(tokens, [u32::MAX, 0, 1]);
        drop(places);
        assert_eq!(occupied(&ledger).unwrap().identifier(), 2);
        assert_eq!(ledger.waiting(), 0);
    }

    #[test]
    fn whoever_waits_on_a_lost_connection_is_told() {
        let ledger = Arc::new(Ledger::of_connection(Version::V1_1, 0, Trace::off()));
        let (tell, mut told) = mpsc::channel(1);
        let _place = ledger.occupy(Waiting::new(tell, Arc::default())).ok();
        ledger.give_up();
        assert!(matches!(
            told.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        ));
    }
}
