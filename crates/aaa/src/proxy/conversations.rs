use std::{collections::HashMap, mem};

/// Which server of a pool began a conversation: by the State of its last challenge.
///
/// Bounded: two generations of at most `capacity` each, of which the older one is forgotten when
/// the younger one is full or has lasted long enough. The time is milliseconds, from any beginning.
#[derive(Debug)]
pub struct Conversations {
    capacity: usize,
    lifetime_ms: u64,
    born_ms: u64,
    young: HashMap<Key, usize>,
    old: HashMap<Key, usize>,
}

/// The pool's name and the State: two pools may use the same State.
type Key = (Box<str>, Box<[u8]>);

impl Conversations {
    /// An empty table. A conversation is remembered for at least `lifetime_ms` after its last
    /// challenge, unless `capacity` newer ones come sooner. A capacity of 0 counts as 1.
    pub fn new(capacity: usize, lifetime_ms: u64) -> Self {
        Self {
            capacity: capacity.max(1),
            lifetime_ms,
            born_ms: 0,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// A server has sent a challenge.
    pub fn challenged(&mut self, pool: &str, state: &[u8], server: usize, now_ms: u64) {
        self.age(now_ms);
        if self.young.len() >= self.capacity {
            self.turn(now_ms);
        }
        self.young.insert((pool.into(), state.into()), server);
    }

    /// Who sent the challenge that carried this State.
    pub fn began(&mut self, pool: &str, state: &[u8], now_ms: u64) -> Option<usize> {
        self.age(now_ms);
        let key: Key = (pool.into(), state.into());
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn age(&mut self, now_ms: u64) {
        let age = now_ms.saturating_sub(self.born_ms);
        if age >= self.lifetime_ms {
            self.turn(now_ms);
        }
        if age >= self.lifetime_ms.saturating_mul(2) {
            self.old.clear();
        }
    }

    fn turn(&mut self, now_ms: u64) {
        self.old = mem::take(&mut self.young);
        self.born_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_remembered_by_its_state() {
        let mut table = Conversations::new(10, 1_000);
        table.challenged("a", b"state", 1, 50);
        table.challenged("b", b"state", 2, 50);
        assert_eq!(table.began("a", b"state", 60), Some(1));
        assert_eq!(table.began("b", b"state", 60), Some(2));
        assert_eq!(table.began("a", b"other", 60), None);
    }

    #[test]
    fn it_is_forgotten_after_its_time_and_not_before() {
        let mut table = Conversations::new(10, 1_000);
        table.challenged("a", b"early", 1, 5_000);
        table.challenged("a", b"late", 2, 5_900);
        assert_eq!(table.began("a", b"late", 6_899), Some(2));
        assert_eq!(table.began("a", b"late", 7_999), None, "two generations on");
        assert!(table.is_empty());
    }

    #[test]
    fn there_are_never_more_than_two_generations() {
        let mut table = Conversations::new(100, 1_000);
        for number in 0..10_000_u32 {
            table.challenged("a", &number.to_be_bytes(), 1, 1);
            assert!(table.len() <= 200);
            assert_eq!(table.began("a", &number.to_be_bytes(), 1), Some(1));
        }
    }
}
