//! The table of conversations: bounded in all and for each NAS, oldest first out.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use portreeve_auth::eap::Conversation;
use portreeve_proto::Random;
use subtle::ConstantTimeEq as _;

use super::{Abandoned, Limits, Unanswered};

/// Octets of State: what finds a conversation, and what changes from one challenge to the next.
const STATE_OCTETS: usize = 16;
const HALF: usize = STATE_OCTETS / 2;
/// A conversation that has been silent for so long makes room for another.
const IDLE: Duration = Duration::from_secs(5);
/// The most abandoned conversations that are remembered until somebody asks.
const ABANDONED: usize = 256;

type Token = [u8; HALF];

/// Conversations by what their State begins with.
pub(super) struct Table<T> {
    limits: Limits,
    by_id: HashMap<u64, Entry<T>>,
    /// By when they expire, soonest first.
    by_expiry: BTreeSet<(Instant, u64)>,
    by_nas: HashMap<Arc<str>, Share>,
    abandoned: Vec<Abandoned<T>>,
}

struct Entry<T> {
    /// `None` while a request is being worked on.
    slot: Option<Box<Slot<T>>>,
    nas: Arc<str>,
    token: Token,
    before: Token,
    touched: Instant,
    expiry: Instant,
    end: Instant,
}

struct Slot<T> {
    conversation: Conversation,
    notes: T,
    ignored: u16,
}

/// What a NAS has of the table.
struct Share {
    count: usize,
    credit: f64,
    credited: Instant,
}

/// A conversation taken out to be continued.
pub(super) struct Held<T> {
    pub(super) id: u64,
    pub(super) conversation: Conversation,
    pub(super) notes: T,
    pub(super) ignored: u16,
}

pub(super) enum Taken<T> {
    Held(Held<T>),
    Unknown,
    Unanswered(Unanswered),
}

impl<T> Table<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            by_id: HashMap::new(),
            by_expiry: BTreeSet::new(),
            by_nas: HashMap::new(),
            abandoned: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Takes out the conversation that a State belongs to.
    pub(super) fn take(&mut self, state: &[u8], nas: &str, now: Instant) -> Taken<T> {
        self.drop_expired(now);
        let Ok(state) = <[u8; STATE_OCTETS]>::try_from(state) else {
            return Taken::Unknown;
        };
        let (id, token) = split(state);
        let Some(entry) = self.by_id.get_mut(&id) else {
            return Taken::Unknown;
        };
        // The State before is that of a response that was repeated; the conversation knows it.
        let is_token = entry.token.ct_eq(&token) | entry.before.ct_eq(&token);
        if !bool::from(is_token) || &*entry.nas != nas {
            return Taken::Unknown;
        }
        match entry.slot.take() {
            Some(slot) => Taken::Held(held(id, *slot)),
            None => Taken::Unanswered(Unanswered::Busy),
        }
    }

    /// Makes room for a new one.
    pub(super) fn begin(&mut self, nas: &str, now: Instant, random: &mut dyn Random) -> Taken<T>
    where
        T: Default,
    {
        self.drop_expired(now);
        let limits = self.limits;
        let name = match self.by_nas.get_key_value(nas) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(nas),
        };
        let share = self.by_nas.entry(Arc::clone(&name)).or_insert(Share {
            count: 0,
            credit: f64::from(limits.burst_per_nas),
            credited: now,
        });
        if !share.spend(&limits, now) {
            return Taken::Unanswered(Unanswered::TooFast);
        }
        let is_nas_full = share.count >= limits.per_nas;
        if is_nas_full || self.by_id.len() >= limits.total {
            let only = is_nas_full.then_some(&*name);
            if !self.make_room(only, now) {
                return Taken::Unanswered(Unanswered::Full);
            }
        }
        let mut state = [0; STATE_OCTETS];
        random.fill(&mut state);
        let (id, token) = split(state);
        if self.by_id.contains_key(&id) {
            return Taken::Unanswered(Unanswered::Full);
        }
        if let Some(share) = self.by_nas.get_mut(&name) {
            share.count += 1;
        }
        let expiry = now + limits.patience;
        let entry = Entry {
            slot: None,
            nas: name,
            token,
            before: token,
            touched: now,
            expiry,
            end: now + limits.lifetime,
        };
        self.by_id.insert(id, entry);
        self.by_expiry.insert((expiry, id));
        let slot = Slot {
            conversation: Conversation::new(),
            notes: T::default(),
            ignored: 0,
        };
        Taken::Held(held(id, slot))
    }

    /// Puts a conversation back, and says by what State it goes on.
    pub(super) fn put(
        &mut self,
        held: Held<T>,
        now: Instant,
        random: &mut dyn Random,
    ) -> [u8; STATE_OCTETS] {
        let mut token = Token::default();
        random.fill(&mut token);
        let state = joined(held.id, token);
        // One that has expired in the meantime stays so.
        if let Some(entry) = self.by_id.get_mut(&held.id) {
            self.by_expiry.remove(&(entry.expiry, held.id));
            entry.expiry = (now + self.limits.patience).min(entry.end);
            entry.touched = now;
            entry.before = entry.token;
            entry.token = token;
            entry.slot = Some(Box::new(Slot {
                conversation: held.conversation,
                notes: held.notes,
                ignored: held.ignored,
            }));
            self.by_expiry.insert((entry.expiry, held.id));
        }
        state
    }

    /// Removes a conversation that is over.
    pub(super) fn forget(&mut self, id: u64) {
        drop(self.remove(id));
    }

    /// Drops what has expired, and hands out what was dropped.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Abandoned<T>> {
        self.drop_expired(now);
        // A NAS that has been silent for long has all its credit again.
        let whole = Duration::from_secs(u64::from(
            self.limits.burst_per_nas / self.limits.rate_per_nas.max(1),
        ));
        self.by_nas
            .retain(|_, share| share.count > 0 || now.duration_since(share.credited) <= whole);
        std::mem::take(&mut self.abandoned)
    }

    fn drop_expired(&mut self, now: Instant) {
        while let Some(&(expiry, id)) = self.by_expiry.first() {
            if expiry > now {
                break;
            }
            self.abandon(id);
        }
    }

    /// Drops the one that has been silent longest, of one NAS or of all.
    fn make_room(&mut self, only: Option<&str>, now: Instant) -> bool {
        let idle = self.by_expiry.iter().find_map(|&(_, id)| {
            let entry = self.by_id.get(&id)?;
            let is_candidate = entry.slot.is_some()
                && now.duration_since(entry.touched) >= IDLE
                && only.is_none_or(|nas| &*entry.nas == nas);
            is_candidate.then_some(id)
        });
        match idle {
            Some(id) => {
                self.abandon(id);
                true
            }
            None => false,
        }
    }

    fn abandon(&mut self, id: u64) {
        let Some(entry) = self.remove(id) else {
            return;
        };
        let Some(slot) = entry.slot else {
            return;
        };
        if self.abandoned.len() < ABANDONED {
            self.abandoned.push(Abandoned {
                notes: slot.notes,
                nas: entry.nas.to_string(),
                outer_identity: slot.conversation.identity().to_vec(),
                method: slot.conversation.method(),
                rounds: slot.conversation.rounds(),
            });
        }
    }

    fn remove(&mut self, id: u64) -> Option<Entry<T>> {
        let entry = self.by_id.remove(&id)?;
        self.by_expiry.remove(&(entry.expiry, id));
        if let Some(share) = self.by_nas.get_mut(&entry.nas) {
            share.count = share.count.saturating_sub(1);
        }
        Some(entry)
    }
}

impl Share {
    fn spend(&mut self, limits: &Limits, now: Instant) -> bool {
        let earned = now.duration_since(self.credited).as_secs_f64();
        let earned = earned * f64::from(limits.rate_per_nas);
        self.credit = (self.credit + earned).min(f64::from(limits.burst_per_nas));
        self.credited = now.max(self.credited);
        if self.credit < 1.0 {
            return false;
        }
        self.credit -= 1.0;
        true
    }
}

fn held<T>(id: u64, slot: Slot<T>) -> Held<T> {
    Held {
        id,
        conversation: slot.conversation,
        notes: slot.notes,
        ignored: slot.ignored,
    }
}

fn split(state: [u8; STATE_OCTETS]) -> (u64, Token) {
    let mut id = [0; HALF];
    let mut token = Token::default();
    id.copy_from_slice(&state[..HALF]);
    token.copy_from_slice(&state[HALF..]);
    (u64::from_be_bytes(id), token)
}

fn joined(id: u64, token: Token) -> [u8; STATE_OCTETS] {
    let mut state = [0; STATE_OCTETS];
    state[..HALF].copy_from_slice(&id.to_be_bytes());
    state[HALF..].copy_from_slice(&token);
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    fn limits() -> Limits {
        Limits {
            total: 4,
            per_nas: 3,
            rate_per_nas: 2,
            burst_per_nas: 5,
            ..Limits::default()
        }
    }

    struct World {
        table: Table<u32>,
        random: OsRandom,
        now: Instant,
    }

    impl World {
        fn new() -> Self {
            Self {
                table: Table::new(limits()),
                random: OsRandom::new().unwrap(),
                now: Instant::now(),
            }
        }

        fn begin(&mut self, nas: &str) -> Result<[u8; STATE_OCTETS], Unanswered> {
            match self.table.begin(nas, self.now, &mut self.random) {
                Taken::Held(held) => Ok(self.table.put(held, self.now, &mut self.random)),
                Taken::Unanswered(why) => Err(why),
                Taken::Unknown => panic!("a new one is unknown"),
            }
        }

        fn take(&mut self, state: &[u8], nas: &str) -> Taken<u32> {
            self.table.take(state, nas, self.now)
        }
    }

    #[test]
    fn a_state_belongs_to_one_nas_and_one_round() {
        let mut world = World::new();
        let state = world.begin("ap").unwrap();
        assert!(matches!(world.take(&state, "other"), Taken::Unknown));
        assert!(matches!(world.take(&state[..15], "ap"), Taken::Unknown));
        let mut wrong = state;
        wrong[15] ^= 1;
        assert!(matches!(world.take(&wrong, "ap"), Taken::Unknown));
        let Taken::Held(held) = world.take(&state, "ap") else {
            panic!("it is there");
        };
        let busy = world.take(&state, "ap");
        assert!(matches!(busy, Taken::Unanswered(Unanswered::Busy)));
        let second = world.table.put(held, world.now, &mut world.random);
        assert_ne!(state, second);
        // The one before is still good for a repetition, the one before that is not.
        let Taken::Held(held) = world.take(&state, "ap") else {
            panic!("it is there");
        };
        world.table.put(held, world.now, &mut world.random);
        assert!(matches!(world.take(&state, "ap"), Taken::Unknown));
    }

    #[test]
    fn what_is_not_continued_is_abandoned() {
        let mut world = World::new();
        let state = world.begin("ap").unwrap();
        world.now += Duration::from_secs(29);
        assert!(world.table.expire(world.now).is_empty());
        world.now += Duration::from_secs(1);
        let abandoned = world.table.expire(world.now);
        assert_eq!(abandoned.len(), 1);
        assert_eq!(abandoned[0].nas, "ap");
        assert!(matches!(world.take(&state, "ap"), Taken::Unknown));
        assert_eq!(world.table.len(), 0);
        assert!(world.table.by_expiry.is_empty());
        world.now += Duration::from_secs(9);
        world.table.expire(world.now);
        assert!(world.table.by_nas.is_empty());
    }

    #[test]
    fn no_conversation_outlives_its_lifetime() {
        let mut world = World::new();
        let mut state = world.begin("ap").unwrap();
        for _ in 0..5 {
            world.now += Duration::from_secs(20);
            let Taken::Held(held) = world.take(&state, "ap") else {
                panic!("it goes on");
            };
            state = world.table.put(held, world.now, &mut world.random);
        }
        world.now += Duration::from_secs(20);
        assert!(matches!(world.take(&state, "ap"), Taken::Unknown));
    }

    #[test]
    fn one_nas_cannot_take_all_and_the_idle_make_room() {
        let mut world = World::new();
        for _ in 0..3 {
            world.begin("ap").unwrap();
        }
        assert_eq!(world.begin("ap"), Err(Unanswered::Full));
        world.begin("other").unwrap();
        assert_eq!(world.begin("other"), Err(Unanswered::Full));
        world.now += IDLE;
        world.begin("ap").unwrap();
        assert_eq!(world.table.len(), 4);
        assert_eq!(world.table.expire(world.now).len(), 1);
    }

    #[test]
    fn a_nas_may_begin_a_burst_and_then_so_many_a_second() {
        let mut world = World::new();
        let begin = |world: &mut World| {
            let taken = world.table.begin("ap", world.now, &mut world.random);
            match taken {
                Taken::Held(held) => {
                    world.table.forget(held.id);
                    true
                }
                Taken::Unanswered(why) => {
                    assert_eq!(why, Unanswered::TooFast);
                    false
                }
                Taken::Unknown => panic!("a new one is unknown"),
            }
        };
        let granted = (0..10).filter(|_| begin(&mut world)).count();
        assert_eq!(granted, 5);
        world.now += Duration::from_secs(1);
        let granted = (0..10).filter(|_| begin(&mut world)).count();
        assert_eq!(granted, 2);
    }
}
