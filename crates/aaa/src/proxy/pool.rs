use std::{cmp::Ordering, sync::Arc};

use portreeve_proto::{Packet, attr};

/// Home servers that serve the same realms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: Arc<str>,
    /// How they share the work.
    pub mode: Mode,
    /// The servers; where the mode is fail-over, the first one that lives gets everything.
    pub members: Box<[Member]>,
}

/// One server of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name; unique in the pool.
    pub name: Arc<str>,
    /// Its share of the work relative to the others', where the work is shared; 0 counts as 1.
    pub weight: u16,
}

/// How the servers of a pool share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Each serves its share, and a subscriber always the same server.
    Balance,
    /// The first one serves all, the others stand by.
    Failover,
}

/// What binds requests to one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stickiness {
    /// The same for all requests of one subscriber's device.
    pub key: u64,
    /// Whether the request goes on with a conversation (it carries State).
    pub goes_on: bool,
    /// The member that began the conversation, where that is still known.
    pub began: Option<usize>,
}

/// In which order to ask the servers of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// None of them lives.
    AllDead,
    /// The server that began the conversation is dead. No other one can go on with it: the
    /// subscriber has to begin anew.
    Lost(usize),
    /// These, by their place in the pool; at least one, none of them dead.
    Servers(Vec<usize>),
}

impl Stickiness {
    /// What binds a request. The key comes from Calling-Station-Id and User-Name, which stay the
    /// same throughout a conversation, while State changes with every step of it; `began` is what
    /// [`Conversations`](super::Conversations) remembers of the State.
    pub fn of(packet: &Packet<'_>, began: Option<usize>) -> Self {
        let mut hash = Hash::new();
        for attribute in [attr::CALLING_STATION_ID.spec(), attr::USER_NAME.spec()] {
            let found = packet.find(attribute.oid.top());
            hash.field(found.map_or(&[], |found| found.value));
        }
        Self {
            key: hash.finish(),
            goes_on: packet.has(attr::STATE),
            began,
        }
    }
}

impl Pool {
    /// The order for one request, by what binds it and by which members live; who is not in `alive`
    /// counts as dead. The same arguments give the same order on every node and after every start.
    pub fn order(&self, sticky: &Stickiness, alive: &[bool]) -> Order {
        let lives = |member: usize| alive.get(member).copied().unwrap_or(false);
        if let Some(began) = sticky.began.filter(|_| sticky.goes_on)
            && began < self.members.len()
        {
            return if lives(began) {
                Order::Servers(vec![began])
            } else {
                Order::Lost(began)
            };
        }
        let mut order: Vec<usize> = (0..self.members.len()).filter(|at| lives(*at)).collect();
        if self.mode == Mode::Balance {
            let mut scored: Vec<(f64, usize)> = order
                .into_iter()
                .filter_map(|at| Some((self.members.get(at)?.score(sticky.key), at)))
                .collect();
            scored.sort_by(|(a, x), (b, y)| {
                b.partial_cmp(a).unwrap_or(Ordering::Equal).then(x.cmp(y))
            });
            order = scored.into_iter().map(|(_, at)| at).collect();
        }
        if order.is_empty() {
            Order::AllDead
        } else {
            Order::Servers(order)
        }
    }
}

impl Member {
    /// How much this server is wanted for a key: weighted rendezvous hashing, so that the death of
    /// a server moves only what it served.
    fn score(&self, key: u64) -> f64 {
        let mut hash = Hash::new();
        hash.field(&key.to_be_bytes());
        hash.field(self.name.as_bytes());
        // 52 bits fill the fraction of a number between 1 and 2, of which 2 is left out.
        let unit = f64::from_bits(0x3ff0_0000_0000_0000 | hash.finish() >> 12) - 1.0;
        f64::from(self.weight.max(1)) / -(unit.max(f64::MIN_POSITIVE)).ln()
    }
}

/// FNV-1a with the last mixing of `SplitMix64`: even, the same everywhere, and not for secrets.
struct Hash(u64);

impl Hash {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Takes in a value of any length, apart from its neighbours.
    fn field(&mut self, octets: &[u8]) {
        let length = (octets.len() as u64).to_be_bytes();
        for octet in length.iter().chain(octets) {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    const fn finish(&self) -> u64 {
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pool(mode: Mode, weights: &[u16]) -> Pool {
        let member = |(at, weight): (usize, &u16)| Member {
            name: format!("home-{at}").into(),
            weight: *weight,
        };
        Pool {
            name: "homes".into(),
            mode,
            members: weights.iter().enumerate().map(member).collect(),
        }
    }

    fn fresh(key: u64) -> Stickiness {
        Stickiness {
            key,
            goes_on: false,
            began: None,
        }
    }

    fn first(pool: &Pool, key: u64, alive: &[bool]) -> usize {
        match pool.order(&fresh(key), alive) {
            Order::Servers(order) => order[0],
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_that_lives_gets_everything() {
        let pool = pool(Mode::Failover, &[1, 1, 1]);
        let order = |alive: &[bool]| pool.order(&fresh(1), alive);
        assert_eq!(order(&[true; 3]), Order::Servers(vec![0, 1, 2]));
        assert_eq!(order(&[false, true, true]), Order::Servers(vec![1, 2]));
        assert_eq!(order(&[true]), Order::Servers(vec![0]));
        assert_eq!(order(&[false; 3]), Order::AllDead);
    }

    #[test]
    fn a_conversation_stays_where_it_began() {
        for mode in [Mode::Failover, Mode::Balance] {
            let pool = pool(mode, &[1, 1]);
            let on = Stickiness {
                key: 5,
                goes_on: true,
                began: Some(1),
            };
            assert_eq!(pool.order(&on, &[true; 2]), Order::Servers(vec![1]));
            assert_eq!(pool.order(&on, &[true, false]), Order::Lost(1));
            let forgotten = Stickiness { began: None, ..on };
            assert_eq!(
                pool.order(&forgotten, &[true; 2]),
                pool.order(&fresh(5), &[true; 2])
            );
            let gone = Stickiness {
                began: Some(2),
                ..on
            };
            assert!(matches!(pool.order(&gone, &[true; 2]), Order::Servers(_)));
        }
    }

    #[test]
    fn work_is_shared_by_weight() {
        let pool = pool(Mode::Balance, &[1, 3]);
        let heavier = (0..10_000)
            .filter(|key| first(&pool, *key, &[true; 2]) == 1)
            .count();
        assert!((7_200..7_800).contains(&heavier), "{heavier}");
    }

    proptest! {
        #[test]
        fn a_death_moves_only_what_the_dead_served(
            key: u64,
            weights in prop::collection::vec(0_u16..10, 2..8),
            dead: prop::sample::Index,
        ) {
            let pool = pool(Mode::Balance, &weights);
            let mut alive = vec![true; weights.len()];
            let before = first(&pool, key, &alive);
            let dead = dead.index(weights.len());
            alive[dead] = false;
            let after = first(&pool, key, &alive);
            prop_assert_ne!(after, dead);
            if before != dead {
                prop_assert_eq!(after, before);
            }
        }
    }
}
