//! Telling a retransmission from a new request (RFC 5080 section 2.2.2).

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{Code, DynamicLimits, peer::Which};

/// How many requests to remember, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateLimits {
    /// How long an answer is repeated after it was first sent. RFC 5080 asks for 5 to 30 s.
    pub answered: Duration,
    /// How long a request may be worked on before it is given up.
    pub in_progress: Duration,
    /// The most requests remembered at a time.
    pub entries: usize,
    /// The most requests remembered that no secret vouches for; they are kept apart so that a
    /// forger can crowd out only others like himself.
    pub unprotected_entries: usize,
    /// What is demanded of CoA-Request and Disconnect-Request, which are remembered apart.
    pub dynamic: DynamicLimits,
}

impl Default for DuplicateLimits {
    fn default() -> Self {
        Self {
            answered: Duration::from_secs(10),
            in_progress: Duration::from_secs(30),
            entries: 65_536,
            unprotected_entries: 4_096,
            dynamic: DynamicLimits::default(),
        }
    }
}

/// What makes two packets the same request, but for the authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) listener: u16,
    pub(crate) from: SocketAddr,
    pub(crate) code: Code,
    /// The Identifier, or the Token of RADIUS/1.1.
    pub(crate) identifier: u32,
    /// Set for a request that no secret vouches for, which must not take the place of another, and
    /// for one to change a session, whose place no other may take while it could be replayed.
    pub(crate) own: Option<[u8; 16]>,
    /// The secret it goes by: an answer signed with one is none to the other.
    pub(crate) secret: Which,
    pub(crate) shelf: Shelf,
}

/// Which table a request is remembered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shelf {
    /// To change a session, with the time of sending.
    Dated,
    /// The secret vouches for it.
    Protected,
    /// To change a session, without the time of sending.
    Undated,
    /// Nothing vouches for it.
    Unprotected,
}

/// The tables of an endpoint.
pub(crate) struct Shelves {
    dated: Duplicates,
    protected: Duplicates,
    undated: Duplicates,
    unprotected: Duplicates,
}

impl Shelves {
    pub(crate) fn new(limits: &DuplicateLimits) -> Self {
        let window = limits.dynamic.bounded_window();
        // A clock that is ahead by a window makes a packet good for two.
        let both = 2 * window + Duration::from_secs(1);
        Self {
            dated: Duplicates::lasting(limits, both),
            protected: Duplicates::new(limits, limits.entries),
            undated: Duplicates::lasting(limits, window),
            unprotected: Duplicates::new(limits, limits.unprotected_entries),
        }
    }

    pub(crate) fn of(&mut self, key: &Key) -> &mut Duplicates {
        match key.shelf {
            Shelf::Dated => &mut self.dated,
            Shelf::Protected => &mut self.protected,
            Shelf::Undated => &mut self.undated,
            Shelf::Unprotected => &mut self.unprotected,
        }
    }

    pub(crate) fn len(&self) -> usize {
        let all = [
            &self.dated,
            &self.protected,
            &self.undated,
            &self.unprotected,
        ];
        all.into_iter().map(Duplicates::len).sum()
    }
}

/// What is known of a request that has just come.
pub(crate) enum Seen<'a> {
    /// It was answered: this is the answer.
    Answered(&'a [u8]),
    Full,
    InProgress,
    /// It is new; the serial number stands for it.
    New(u64),
}

/// The requests of one listener group: bounded, every operation in constant time.
pub(crate) struct Duplicates {
    entries: HashMap<Key, Entry>,
    running: VecDeque<Due>,
    answered: VecDeque<Due>,
    answered_for: Duration,
    in_progress_for: Duration,
    bound: usize,
    /// Whether a full table gives up answers before their time.
    gives_up: bool,
    next_serial: u64,
}

struct Entry {
    authenticator: [u8; 16],
    serial: u64,
    answer: Option<Box<[u8]>>,
}

struct Due {
    at: Instant,
    key: Key,
    serial: u64,
}

impl Duplicates {
    pub(crate) fn new(limits: &DuplicateLimits, bound: usize) -> Self {
        Self {
            entries: HashMap::new(),
            running: VecDeque::new(),
            answered: VecDeque::new(),
            answered_for: limits.answered,
            in_progress_for: limits.in_progress,
            bound,
            gives_up: true,
            next_serial: 0,
        }
    }

    /// Of requests to change sessions: an answer stays its time, because what is forgotten early
    /// can be replayed.
    fn lasting(limits: &DuplicateLimits, answered_for: Duration) -> Self {
        Self {
            answered_for,
            gives_up: false,
            ..Self::new(limits, limits.dynamic.entries)
        }
    }

    /// Looks up an *authentic* request and remembers it where it is new. A different authenticator
    /// under the same key is a new request that takes the old one's place.
    pub(crate) fn see(&mut self, now: Instant, key: Key, authenticator: [u8; 16]) -> Seen<'_> {
        self.expire(now);
        let known = self
            .entries
            .get(&key)
            .map(|e| (e.authenticator == authenticator, e.answer.is_some()));
        match known {
            Some((true, true)) => {
                let answer = self
                    .entries
                    .get(&key)
                    .and_then(|entry| entry.answer.as_deref());
                return answer.map_or(Seen::InProgress, Seen::Answered);
            }
            Some((true, false)) => return Seen::InProgress,
            Some((false, _)) => {}
            None if self.make_room() => {}
            None => return Seen::Full,
        }
        let serial = self.next_serial;
        self.next_serial += 1;
        self.entries.insert(
            key,
            Entry {
                authenticator,
                serial,
                answer: None,
            },
        );
        self.running.push_back(Due {
            at: now + self.in_progress_for,
            key,
            serial,
        });
        compact(&mut self.running, &self.entries, self.bound);
        Seen::New(serial)
    }

    /// Remembers the answer. False where another request has taken this one's place, or it was
    /// given up: the answer must then not be sent.
    pub(crate) fn answer(&mut self, now: Instant, key: Key, serial: u64, answer: &[u8]) -> bool {
        let Some(entry) = self
            .entries
            .get_mut(&key)
            .filter(|entry| entry.serial == serial)
        else {
            return false;
        };
        entry.answer = Some(answer.into());
        self.answered.push_back(Due {
            at: now + self.answered_for,
            key,
            serial,
        });
        compact(&mut self.answered, &self.entries, self.bound);
        true
    }

    /// Forgets a request that will not be answered, so that a retransmission is worked on again.
    /// False where it was forgotten, or had its place taken, before.
    pub(crate) fn forget(&mut self, key: &Key, serial: u64) -> bool {
        let is_there = self
            .entries
            .get(key)
            .is_some_and(|entry| entry.serial == serial);
        if is_there {
            self.entries.remove(key);
        }
        is_there
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn expire(&mut self, now: Instant) {
        while self.running.front().is_some_and(|due| due.at <= now) {
            let Some(due) = self.running.pop_front() else {
                break;
            };
            if self
                .entries
                .get(&due.key)
                .is_some_and(|e| e.serial == due.serial && e.answer.is_none())
            {
                self.entries.remove(&due.key);
            }
        }
        while self.answered.front().is_some_and(|due| due.at <= now) {
            self.drop_oldest_answer();
        }
    }

    /// Room for one more, at the cost of the oldest answer where need be.
    fn make_room(&mut self) -> bool {
        while self.gives_up && self.entries.len() >= self.bound && !self.answered.is_empty() {
            self.drop_oldest_answer();
        }
        self.entries.len() < self.bound
    }

    fn drop_oldest_answer(&mut self) {
        if let Some(due) = self.answered.pop_front() {
            self.forget(&due.key, due.serial);
        }
    }
}

/// Drops what stands for no entry any more, once that is more than half: a peer that uses its
/// identifiers up quickly would otherwise make the queue grow with its rate.
fn compact(queue: &mut VecDeque<Due>, entries: &HashMap<Key, Entry>, bound: usize) {
    if queue.len() > 2 * bound.max(8) {
        queue.retain(|due| {
            entries
                .get(&due.key)
                .is_some_and(|entry| entry.serial == due.serial)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> DuplicateLimits {
        DuplicateLimits::default()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test needs some starting point"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    fn key(identifier: u32) -> Key {
        let from = "192.0.2.1:1024".parse().unwrap();
        Key {
            listener: 0,
            from,
            code: Code::ACCESS_REQUEST,
            identifier,
            own: None,
            secret: Which::Current,
            shelf: Shelf::Protected,
        }
    }

    fn new(seen: &Seen<'_>) -> u64 {
        match seen {
            Seen::New(serial) => *serial,
            Seen::Answered(_) => panic!("answered"),
            Seen::Full => panic!("full"),
            Seen::InProgress => panic!("in progress"),
        }
    }

    #[test]
    fn a_retransmission_gets_the_same_answer_for_ten_seconds() {
        let (now, mut table) = (start(), Duplicates::new(&limits(), 8));
        let serial = new(&table.see(now, key(1), [1; 16]));
        assert!(matches!(table.see(now, key(1), [1; 16]), Seen::InProgress));
        let later = now + Duration::from_secs(3);
        assert!(table.answer(later, key(1), serial, b"answer"));
        let at = later + Duration::from_millis(9_999);
        assert!(matches!(
            table.see(at, key(1), [1; 16]),
            Seen::Answered(b"answer")
        ));
        assert!(matches!(
            table.see(later + Duration::from_secs(10), key(1), [1; 16]),
            Seen::New(_)
        ));
    }

    #[test]
    fn a_new_authenticator_takes_the_place_of_the_old_request() {
        let (now, mut table) = (start(), Duplicates::new(&limits(), 8));
        let old = new(&table.see(now, key(1), [1; 16]));
        let young = new(&table.see(now, key(1), [2; 16]));
        assert!(!table.answer(now, key(1), old, b"too late"));
        assert!(table.answer(now, key(1), young, b"answer"));
        assert!(matches!(
            table.see(now, key(1), [2; 16]),
            Seen::Answered(b"answer")
        ));
    }

    #[test]
    fn a_full_table_gives_up_answers_but_never_requests_in_progress() {
        let (now, mut table) = (start(), Duplicates::new(&limits(), 2));
        let first = new(&table.see(now, key(1), [1; 16]));
        new(&table.see(now, key(2), [1; 16]));
        assert!(matches!(table.see(now, key(3), [1; 16]), Seen::Full));
        assert!(table.answer(now, key(1), first, b"answer"));
        new(&table.see(now, key(3), [1; 16]));
        assert!(matches!(table.see(now, key(2), [1; 16]), Seen::InProgress));
        assert!(matches!(table.see(now, key(1), [1; 16]), Seen::Full));
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn an_answer_that_could_be_replayed_stays_its_time() {
        let one = DuplicateLimits {
            dynamic: DynamicLimits {
                entries: 1,
                ..DynamicLimits::default()
            },
            ..limits()
        };
        let long = Duration::from_hours(100);
        let (now, mut table) = (start(), Duplicates::lasting(&one, long));
        let serial = new(&table.see(now, key(1), [1; 16]));
        assert!(table.answer(now, key(1), serial, b"answer"));
        assert!(matches!(table.see(now, key(2), [1; 16]), Seen::Full));
        let seen = table.see(now + Duration::from_hours(99), key(1), [1; 16]);
        assert!(matches!(seen, Seen::Answered(b"answer")));
        new(&table.see(now + long, key(2), [1; 16]));
    }

    #[test]
    fn a_peer_that_cycles_its_identifiers_makes_nothing_grow() {
        let (now, mut table) = (start(), Duplicates::new(&limits(), 16));
        for turn in 0..10_000_u128 {
            let serial = new(&table.see(now, key(1), turn.to_be_bytes()));
            assert!(table.answer(now, key(1), serial, b"answer"));
        }
        assert_eq!(table.len(), 1);
        assert!(table.running.len() <= 33 && table.answered.len() <= 33);
    }

    #[test]
    fn a_request_that_is_never_answered_is_given_up_and_worked_on_again() {
        let (now, mut table) = (start(), Duplicates::new(&limits(), 1));
        let old = new(&table.see(now, key(1), [1; 16]));
        let later = now + limits().in_progress;
        new(&table.see(later, key(1), [1; 16]));
        assert!(!table.answer(later, key(1), old, b"too late"));
        let (now, mut table) = (start(), Duplicates::new(&limits(), 1));
        let old = new(&table.see(now, key(1), [1; 16]));
        table.forget(&key(1), old);
        new(&table.see(now, key(1), [1; 16]));
    }
}
