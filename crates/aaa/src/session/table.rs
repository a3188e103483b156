use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::{EndedBy, Session, SessionKey};
use crate::{
    accounting::{Absence, Event, Status, TerminateCause},
    grant::ClassId,
};

/// The sessions at hand: every open one, and ended ones as long as there is room.
///
/// The store has them all; this table is what reports are merged into. The order of calls is: for
/// each event ask [`missing`](Self::missing), fetch that session from the store and
/// [`admit`](Self::admit) it, [`apply`](Self::apply) the event; after a batch of them take
/// [`changed`](Self::changed), write it, and only then [`trim`](Self::trim).
#[derive(Debug, Default)]
pub struct Sessions {
    /// By the octets of the key: the latest incarnation.
    latest: HashMap<Arc<[u8]>, Session>,
    /// Open sessions by the configured name of their NAS.
    open: HashMap<String, HashSet<Arc<[u8]>>>,
    /// Earlier incarnations that ended because a later one began, not yet written.
    superseded: Vec<Session>,
    /// Keys of sessions to be written.
    dirty: HashSet<Arc<[u8]>>,
    /// Keys in the order they came in since the last trim.
    recent: Vec<Arc<[u8]>>,
    /// Keys of ended sessions in the order they ended; some may have been opened again.
    ended: VecDeque<Arc<[u8]>>,
    limit: usize,
}

/// What an event did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Effects {
    /// To which sessions, in the order it happened.
    pub changes: Vec<(SessionKey, Change)>,
    /// Why nothing, or less than it says, was done.
    pub note: Option<Note>,
}

/// What became of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// It is over.
    Closed,
    /// It is new.
    Opened,
    /// It had been taken for over, and goes on.
    Reopened,
    /// Its description or counters may have changed.
    Updated,
}

/// Why an event did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Note {
    /// It is of a session that a later one under the same id has replaced.
    Outdated,
    /// Its status concerns no session we keep.
    StatusNotKept,
    /// It names neither a session nor anything else to know one by.
    Unidentified,
}

/// What [`Sessions::trim`] has let go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Trimmed {
    /// Ended sessions: no loss, the store has them.
    pub ended: usize,
    /// Open sessions, because the table is full of open ones. The store has them and their next
    /// report brings each back; until then the restart of their NAS does not close them. Worth an
    /// alarm.
    pub open: usize,
}

impl Sessions {
    /// A table for at most `limit` sessions between two trims, with the open ones from the store.
    pub fn new(limit: usize, open: impl IntoIterator<Item = Session>) -> Self {
        let mut sessions = Self {
            limit,
            ..Self::default()
        };
        for session in open {
            sessions.admit(session);
        }
        sessions.recent.clear();
        sessions
    }

    /// The session an event is of, where it is not at hand: to be looked up in the store, which may
    /// not have it either.
    pub fn missing(&self, event: &Event) -> Option<SessionKey> {
        let octets = identify(event)?;
        let key = SessionKey {
            octets,
            incarnation: 0,
        };
        self.is_missing(&key).then_some(key)
    }

    /// Whether a session is not at hand.
    pub fn is_missing(&self, key: &SessionKey) -> bool {
        !self.latest.contains_key(key.octets.as_slice())
    }

    /// Takes in a session from the store. One that is at hand already, as late or later, stays.
    pub fn admit(&mut self, session: Session) {
        let octets: Arc<[u8]> = session.key.octets.as_slice().into();
        let known = self.latest.get(&octets);
        if known.is_some_and(|known| known.key.incarnation >= session.key.incarnation) {
            return;
        }
        self.recent.push(Arc::clone(&octets));
        self.keep(octets, session);
    }

    /// Takes in what a NAS reports.
    pub fn apply(&mut self, event: &Event) -> Effects {
        match event.status {
            Status::Start | Status::InterimUpdate | Status::Stop => self.report(event),
            Status::AccountingOn | Status::AccountingOff => self.restart(event),
            Status::Other(_) => Effects::nothing(Note::StatusNotKept),
        }
    }

    /// Closes the sessions that were seen to be gone, but for those that were heard of since: each
    /// is at hand, where it was looked up as for an event.
    pub fn close(&mut self, absence: &Absence) -> Effects {
        let over = absence.sessions.iter().filter_map(|key| {
            let (octets, session) = self.latest.get_key_value(key.octets.as_slice())?;
            let is_gone = session.key.incarnation == key.incarnation
                && session.ended.is_none()
                && session.updated_ms <= absence.seen_ms;
            is_gone.then(|| Arc::clone(octets))
        });
        let over: Vec<_> = over.collect();
        self.presume_ended(
            over,
            absence.seen_ms,
            EndedBy::Absent,
            TerminateCause::LOST_CARRIER,
        )
    }

    /// The sessions that have changed since this was last asked, each once, earlier incarnations
    /// first.
    pub fn changed(&mut self) -> Vec<Session> {
        let mut changed = std::mem::take(&mut self.superseded);
        for octets in self.dirty.drain() {
            changed.extend(self.latest.get(&octets).cloned());
        }
        changed
    }

    /// Lets go what is over the limit, ended sessions first, then the newest open ones. Sessions
    /// still to be written stay, so call it when what [`changed`](Self::changed) gave has been
    /// written.
    pub fn trim(&mut self) -> Trimmed {
        let mut trimmed = Trimmed::default();
        let mut waiting = VecDeque::new();
        while self.latest.len() > self.limit {
            let Some(octets) = self.ended.pop_front() else {
                break;
            };
            if self
                .latest
                .get(&octets)
                .is_none_or(|session| session.ended.is_none())
            {
                continue;
            }
            if self.dirty.contains(&octets) {
                waiting.push_back(octets);
            } else {
                self.latest.remove(&octets);
                trimmed.ended += 1;
            }
        }
        waiting.append(&mut self.ended);
        self.ended = waiting;
        while self.latest.len() > self.limit {
            let Some(octets) = self.recent.pop() else {
                break;
            };
            if !self.dirty.contains(&octets)
                && let Some(session) = self.latest.remove(&octets)
            {
                self.mark_closed(&session.nas, &octets);
                trimmed.open += 1;
            }
        }
        self.recent.clear();
        trimmed
    }

    /// One session, the latest of its octets.
    pub fn find(&self, octets: &[u8]) -> Option<&Session> {
        self.latest.get(octets)
    }

    /// The open sessions, in no order.
    pub fn open(&self) -> impl Iterator<Item = &Session> {
        self.latest
            .values()
            .filter(|session| session.ended.is_none())
    }

    /// How many sessions are at hand.
    pub fn len(&self) -> usize {
        self.latest.len()
    }

    /// Whether no session is at hand.
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }

    fn report(&mut self, event: &Event) -> Effects {
        let Some(octets) = identify(event) else {
            return Effects::nothing(Note::Unidentified);
        };
        let octets: Arc<[u8]> = octets.into();
        let Some(known) = self.latest.get_mut(&octets) else {
            return self.begin(octets, 0, event);
        };
        if known.is_after(event) {
            return Effects::nothing(Note::Outdated);
        }
        if known.is_before(event) {
            return self.supersede(octets, event);
        }
        let before = known.ended;
        let nas = known.nas.clone();
        known.merge(event);
        let change = match (before.is_some(), known.ended.is_some()) {
            (false, true) => Change::Closed,
            (true, false) => Change::Reopened,
            _ => Change::Updated,
        };
        let key = known.key.clone();
        match change {
            Change::Closed => {
                self.mark_closed(&nas, &octets);
                self.ended.push_back(Arc::clone(&octets));
            }
            Change::Reopened => self.mark_open(&nas, &octets),
            Change::Opened | Change::Updated => {}
        }
        self.dirty.insert(octets);
        Effects {
            changes: vec![(key, change)],
            note: None,
        }
    }

    fn begin(&mut self, octets: Arc<[u8]>, incarnation: u32, event: &Event) -> Effects {
        let key = SessionKey {
            octets: octets.to_vec(),
            incarnation,
        };
        let session = Session::begin(key.clone(), event);
        let mut changes = vec![(key.clone(), Change::Opened)];
        if session.ended.is_some() {
            changes.push((key, Change::Closed));
        }
        self.dirty.insert(Arc::clone(&octets));
        self.recent.push(Arc::clone(&octets));
        self.keep(octets, session);
        Effects {
            changes,
            note: None,
        }
    }

    /// Ends the known session of these octets, if it has not ended, and begins the next one.
    fn supersede(&mut self, octets: Arc<[u8]>, event: &Event) -> Effects {
        let Some(mut known) = self.latest.remove(&octets) else {
            return self.begin(octets, 0, event);
        };
        let mut changes = Vec::new();
        if known.ended.is_none() {
            known.presume_ended(
                known.updated_ms,
                EndedBy::Superseded,
                TerminateCause::LOST_CARRIER,
            );
            changes.push((known.key.clone(), Change::Closed));
            self.mark_closed(&known.nas, &octets);
            self.dirty.insert(Arc::clone(&octets));
        }
        let next = known.key.incarnation.saturating_add(1);
        if self.dirty.contains(&octets) {
            self.superseded.push(known);
        }
        let begun = self.begin(octets, next, event);
        changes.extend(begun.changes);
        Effects {
            changes,
            note: None,
        }
    }

    /// Closes the sessions that a NAS had before it restarted.
    fn restart(&mut self, event: &Event) -> Effects {
        let Some(open) = self.open.get(&event.nas) else {
            return Effects::default();
        };
        let over: Vec<_> = open
            .iter()
            .filter(|octets| {
                // A session that was heard of after the restart is not one it ended.
                let session = self.latest.get(*octets);
                session.is_some_and(|session| {
                    session.updated_ms <= event.time_ms && is_at(session, event)
                })
            })
            .cloned()
            .collect();
        let cause = TerminateCause::NAS_REBOOT;
        self.presume_ended(over, event.time_ms, EndedBy::NasReboot, cause)
    }

    /// Closes open sessions for want of their Stops.
    fn presume_ended(
        &mut self,
        over: Vec<Arc<[u8]>>,
        at_ms: u64,
        by: EndedBy,
        cause: TerminateCause,
    ) -> Effects {
        let mut effects = Effects::default();
        for octets in over {
            let Some(session) = self.latest.get_mut(&octets) else {
                continue;
            };
            session.presume_ended(at_ms, by, cause);
            effects.changes.push((session.key.clone(), Change::Closed));
            let nas = session.nas.clone();
            self.mark_closed(&nas, &octets);
            self.ended.push_back(Arc::clone(&octets));
            self.dirty.insert(octets);
        }
        effects
    }

    fn keep(&mut self, octets: Arc<[u8]>, session: Session) {
        if session.ended.is_some() {
            self.ended.push_back(Arc::clone(&octets));
        } else {
            self.mark_open(&session.nas, &octets);
        }
        self.latest.insert(octets, session);
    }

    fn mark_open(&mut self, nas: &str, octets: &Arc<[u8]>) {
        match self.open.get_mut(nas) {
            Some(open) => {
                open.insert(Arc::clone(octets));
            }
            None => {
                self.open
                    .insert(nas.to_owned(), HashSet::from([Arc::clone(octets)]));
            }
        }
    }

    fn mark_closed(&mut self, nas: &str, octets: &Arc<[u8]>) {
        if let Some(open) = self.open.get_mut(nas) {
            open.remove(octets);
            if open.is_empty() {
                self.open.remove(nas);
            }
        }
    }
}

impl Effects {
    fn nothing(note: Note) -> Self {
        Self {
            changes: Vec::new(),
            note: Some(note),
        }
    }
}

/// Whether the NAS that an event is from is the one a session is at: several may share one
/// definition.
fn is_at(session: &Session, event: &Event) -> bool {
    match (&session.nas_identifier, &event.nas_identifier) {
        (Some(at), Some(from)) => return at == from,
        (None, None) => {}
        _ if session.nas_address.is_none() || event.nas_address.is_none() => return false,
        _ => {}
    }
    match (session.nas_address, event.nas_address) {
        (Some(at), Some(from)) => at == from,
        (None, None) => true,
        _ => false,
    }
}

const BY_CLASS: u8 = 1;
const BY_SESSION_ID: u8 = 2;
const BY_STATION: u8 = 3;

/// The octets that all reports of one session have in common: the NAS, our own Class and
/// Acct-Session-Id; else the NAS, the user and Acct-Session-Id; else what else there is to know the
/// subscriber by.
fn identify(event: &Event) -> Option<Vec<u8>> {
    if !matches!(
        event.status,
        Status::Start | Status::InterimUpdate | Status::Stop
    ) {
        return None;
    }
    let session_id = event.session_id.as_deref().unwrap_or_default();
    let mut octets = Vec::new();
    if let Some(class) = event.class.as_deref().and_then(ClassId::parse) {
        octets.push(BY_CLASS);
        octets.extend_from_slice(&class.octets());
        put(&[Some(&event.nas), Some(session_id)], &mut octets);
        return Some(octets);
    }
    let address = event.nas_address.map(|address| address.to_string());
    let nas = event.nas_identifier.as_deref().or(address.as_deref());
    let user = event.user.as_deref();
    if !session_id.is_empty() {
        octets.push(BY_SESSION_ID);
        put(
            &[Some(&event.nas), nas, user, Some(session_id)],
            &mut octets,
        );
        return Some(octets);
    }
    let port = event.nas_port.map(|port| port.to_string());
    let port = event.nas_port_id.as_deref().or(port.as_deref());
    let station = event.calling_station.as_deref();
    user.or(port).or(station)?;
    octets.push(BY_STATION);
    put(&[Some(&event.nas), nas, user, port, station], &mut octets);
    Some(octets)
}

/// Appends texts so that no two lists of texts give the same octets.
fn put(texts: &[Option<&str>], octets: &mut Vec<u8>) {
    for text in texts {
        let text = text.unwrap_or_default();
        octets.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        octets.extend_from_slice(text.as_bytes());
    }
}
