//! Everything the decisions need, in memory and unchanging: a change makes another snapshot.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use portreeve_proto::Dictionary;

use crate::{
    attribute::{Fault, Known, Lexicon, Owner, Problem},
    definition::{DialectName, Group, Nas, User},
    port::{ChangeSet, Definitions},
    subscriber::{GroupTerms, Subscriber},
};

/// Subscribers, groups and dialects as of one moment. Cheap to clone, and cheap to change a little:
/// what has not changed is shared with the snapshot before.
#[derive(Debug, Clone)]
pub struct Snapshot {
    dictionary: Arc<Dictionary>,
    known: Arc<Known>,
    subscribers: Shards,
    groups: Arc<HashMap<String, GroupTerms>>,
    nases: Arc<HashMap<String, DialectName>>,
    seq: u64,
}

impl Snapshot {
    /// A snapshot of all definitions, in time linear in their number.
    pub fn new(definitions: &Definitions, dictionary: Arc<Dictionary>) -> Self {
        let empty = Self {
            dictionary,
            known: Arc::default(),
            subscribers: Shards::default(),
            groups: Arc::default(),
            nases: Arc::default(),
            seq: 0,
        };
        empty.with(
            &definitions.users,
            &definitions.groups,
            &definitions.nases,
            definitions.seq,
        )
    }

    /// The snapshot after some changes, in time that depends on their number and hardly on
    /// everybody else's.
    #[must_use]
    pub fn changed(&self, changes: &ChangeSet) -> Self {
        let mut next = self.clone();
        for name in &changes.removed_users {
            next.subscribers.remove(name);
        }
        if !changes.removed_groups.is_empty() {
            let groups = Arc::make_mut(&mut next.groups);
            for name in &changes.removed_groups {
                groups.remove(name);
            }
        }
        if !changes.removed_nases.is_empty() {
            let nases = Arc::make_mut(&mut next.nases);
            for name in &changes.removed_nases {
                nases.remove(name);
            }
        }
        next.with(&changes.users, &changes.groups, &changes.nases, changes.seq)
    }

    fn with(mut self, users: &[User], groups: &[Group], nases: &[Nas], seq: u64) -> Self {
        let mut lexicon = Lexicon::knowing(&self.dictionary, self.known);
        for user in users {
            self.subscribers.insert(Subscriber::new(user, &mut lexicon));
        }
        if !groups.is_empty() {
            let known = Arc::make_mut(&mut self.groups);
            for group in groups {
                known.insert(group.name.clone(), GroupTerms::new(group, &mut lexicon));
            }
        }
        self.known = lexicon.into_known();
        if !nases.is_empty() {
            let known = Arc::make_mut(&mut self.nases);
            known.extend(nases.iter().map(|nas| (nas.name.clone(), nas.dialect)));
        }
        self.seq = seq;
        self
    }

    /// The subscriber of a User-Name: as it stands, else with its realm in lower case, as realms
    /// are domain names.
    pub fn subscriber(&self, user_name: &str) -> Option<&Arc<Subscriber>> {
        self.subscribers.find(user_name).or_else(|| {
            let (user, realm) = user_name.rsplit_once('@')?;
            let folded = format!("{user}@{}", realm.to_ascii_lowercase());
            (folded != user_name)
                .then(|| self.subscribers.find(&folded))
                .flatten()
        })
    }

    /// A group's terms.
    pub fn group(&self, name: &str) -> Option<&GroupTerms> {
        self.groups.get(name)
    }

    /// How a NAS is spoken to; [`DialectName::Generic`] for one that has just been removed.
    pub fn dialect(&self, nas: &str) -> DialectName {
        self.nases.get(nas).copied().unwrap_or_default()
    }

    /// The dictionary the attributes were looked up in.
    pub const fn dictionary(&self) -> &Arc<Dictionary> {
        &self.dictionary
    }

    /// The number of the last change in here.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// How many subscribers there are.
    pub fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    /// Everything that is wrong with any definition, by owner; whoever it concerns is refused until
    /// it is put right. Costs time linear in the number of subscribers.
    pub fn problems(&self) -> Vec<Problem> {
        let broken = self
            .groups
            .values()
            .filter_map(|group| group.terms().as_ref().err());
        let mut problems: Vec<_> = broken.cloned().collect();
        for subscriber in self.subscribers.iter() {
            problems.extend(subscriber.problems());
            for membership in subscriber.memberships() {
                if !self.groups.contains_key(&membership.group) {
                    problems.push(missing_group(subscriber, &membership.group));
                }
            }
        }
        problems.sort_by(|one, other| one.owner.cmp(&other.owner));
        problems
    }
}

/// That a subscriber is in a group which is not there.
pub(crate) fn missing_group(subscriber: &Subscriber, group: &str) -> Problem {
    Problem {
        owner: Owner::User(subscriber.name().to_owned()),
        line: None,
        fault: Fault::GroupMissing(group.to_owned()),
    }
}

const SHARDS: usize = 1024;

type Shard = HashMap<String, Arc<Subscriber>>;

/// Subscribers by name, spread so that a change copies a thousandth of them.
#[derive(Debug, Clone)]
struct Shards {
    shards: Vec<Arc<Shard>>,
    hasher: RandomState,
}

impl Default for Shards {
    fn default() -> Self {
        Self {
            shards: vec![Arc::default(); SHARDS],
            hasher: RandomState::new(),
        }
    }
}

impl Shards {
    fn index(&self, name: &str) -> usize {
        // The remainder is below SHARDS.
        usize::try_from(self.hasher.hash_one(name) % SHARDS as u64).unwrap_or(0)
    }

    fn find(&self, name: &str) -> Option<&Arc<Subscriber>> {
        self.shards[self.index(name)].get(name)
    }

    fn insert(&mut self, subscriber: Subscriber) {
        let index = self.index(subscriber.name());
        let shard = Arc::make_mut(&mut self.shards[index]);
        shard.insert(subscriber.name().to_owned(), Arc::new(subscriber));
    }

    fn remove(&mut self, name: &str) {
        let index = self.index(name);
        if self.shards[index].contains_key(name) {
            Arc::make_mut(&mut self.shards[index]).remove(name);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Subscriber>> {
        self.shards.iter().flat_map(|shard| shard.values())
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }
}
