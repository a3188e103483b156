//! Everything the decisions need, in memory and unchanging: a change makes another snapshot.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    sync::Arc,
};

use portreeve_proto::Dictionary;

use crate::{
    attribute::{Fault, Known, Lexicon, Owner, Problem},
    definition::{Device, DialectName, Group, Membership, Nas, User},
    port::{ChangeSet, Definitions},
    station::Mac,
    subscriber::{DeviceTerms, GroupTerms, Subscriber},
};

/// Subscribers, devices, groups and dialects as of one moment. Cheap to clone, and cheap to change
/// a little: what has not changed is shared with the snapshot before.
#[derive(Debug, Clone)]
pub struct Snapshot {
    dictionary: Arc<Dictionary>,
    known: Arc<Known>,
    subscribers: Shards<String, Subscriber>,
    devices: Shards<Mac, DeviceTerms>,
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
            devices: Shards::default(),
            groups: Arc::default(),
            nases: Arc::default(),
            seq: 0,
        };
        empty.with(&Added {
            users: &definitions.users,
            devices: &definitions.devices,
            groups: &definitions.groups,
            nases: &definitions.nases,
            seq: definitions.seq,
        })
    }

    /// The snapshot after some changes, in time that depends on their number and hardly on
    /// everybody else's.
    #[must_use]
    pub fn changed(&self, changes: &ChangeSet) -> Self {
        let mut next = self.clone();
        for name in &changes.removed_users {
            next.subscribers.remove(name.as_str());
        }
        for mac in &changes.removed_devices {
            next.devices.remove(mac);
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
        next.with(&Added {
            users: &changes.users,
            devices: &changes.devices,
            groups: &changes.groups,
            nases: &changes.nases,
            seq: changes.seq,
        })
    }

    fn with(mut self, added: &Added<'_>) -> Self {
        let mut lexicon = Lexicon::knowing(&self.dictionary, self.known);
        for user in added.users {
            let subscriber = Subscriber::new(user, &mut lexicon);
            self.subscribers.insert(user.name.clone(), subscriber);
        }
        for device in added.devices {
            let terms = DeviceTerms::new(device, &mut lexicon);
            self.devices.insert(device.mac, terms);
        }
        if !added.groups.is_empty() {
            let known = Arc::make_mut(&mut self.groups);
            for group in added.groups {
                known.insert(group.name.clone(), GroupTerms::new(group, &mut lexicon));
            }
        }
        self.known = lexicon.into_known();
        if !added.nases.is_empty() {
            let known = Arc::make_mut(&mut self.nases);
            let named = added.nases.iter();
            known.extend(named.map(|nas| (nas.name.clone(), nas.dialect)));
        }
        self.seq = added.seq;
        self
    }

    /// The subscriber of a User-Name: as it stands, else with its realm in lower case, as realms
    /// are domain names.
    pub fn subscriber(&self, user_name: &str) -> Option<&Arc<Subscriber>> {
        self.subscribers.find(user_name).or_else(|| {
            let (user, realm) = user_name.rsplit_once('@')?;
            let folded = format!("{user}@{}", realm.to_ascii_lowercase());
            (folded != user_name)
                .then(|| self.subscribers.find(folded.as_str()))
                .flatten()
        })
    }

    /// The device of an address. No user is ever found here, and no device by
    /// [`subscriber`](Self::subscriber).
    pub fn device(&self, mac: Mac) -> Option<&Arc<DeviceTerms>> {
        self.devices.find(&mac)
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

    /// How many devices there are.
    pub fn devices(&self) -> usize {
        self.devices.len()
    }

    /// Everything that is wrong with any definition, by owner; whoever it concerns is refused until
    /// it is put right. Costs time linear in the number of subscribers and devices.
    pub fn problems(&self) -> Vec<Problem> {
        let broken = self
            .groups
            .values()
            .filter_map(|group| group.terms().as_ref().err());
        let mut problems: Vec<_> = broken.cloned().collect();
        for subscriber in self.subscribers.iter() {
            problems.extend(subscriber.problems());
            let owner = || Owner::User(subscriber.name().to_owned());
            problems.extend(self.missing_groups(owner, subscriber.memberships()));
        }
        for device in self.devices.iter() {
            problems.extend(device.terms().as_ref().err().cloned());
            let owner = || Owner::Device(device.mac());
            problems.extend(self.missing_groups(owner, device.memberships()));
        }
        problems.sort_by(|one, other| one.owner.cmp(&other.owner));
        problems
    }

    fn missing_groups(
        &self,
        owner: impl Fn() -> Owner,
        memberships: &[Membership],
    ) -> impl Iterator<Item = Problem> {
        let names = memberships.iter().map(|membership| &membership.group);
        let missing = names.filter(|name| !self.groups.contains_key(*name));
        missing.map(move |name| missing_group(owner(), name))
    }
}

/// Definitions that are new or different.
struct Added<'a> {
    users: &'a [User],
    devices: &'a [Device],
    groups: &'a [Group],
    nases: &'a [Nas],
    seq: u64,
}

/// That somebody is in a group which is not there.
pub(crate) fn missing_group(owner: Owner, group: &str) -> Problem {
    Problem {
        owner,
        line: None,
        fault: Fault::GroupMissing(group.to_owned()),
    }
}

const SHARDS: usize = 1024;

/// What is found by a key, spread so that a change copies a thousandth of it.
#[derive(Debug)]
struct Shards<K, V> {
    shards: Vec<Arc<HashMap<K, Arc<V>>>>,
    hasher: RandomState,
}

impl<K, V> Clone for Shards<K, V> {
    fn clone(&self) -> Self {
        Self {
            shards: self.shards.clone(),
            hasher: self.hasher.clone(),
        }
    }
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self {
            shards: vec![Arc::default(); SHARDS],
            hasher: RandomState::new(),
        }
    }
}

impl<K: Hash + Eq + Clone, V> Shards<K, V> {
    fn index<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        // The remainder is below SHARDS.
        usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0)
    }

    fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.shards[self.index(key)].get(key)
    }

    fn insert(&mut self, key: K, value: V) {
        let index = self.index(&key);
        Arc::make_mut(&mut self.shards[index]).insert(key, Arc::new(value));
    }

    fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let index = self.index(key);
        if self.shards[index].contains_key(key) {
            Arc::make_mut(&mut self.shards[index]).remove(key);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<V>> {
        self.shards.iter().flat_map(|shard| shard.values())
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }
}
