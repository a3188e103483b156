//! Checking passwords: what takes microseconds where the request is, what takes milliseconds
//! elsewhere.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use portreeve::AccessRequest;
use portreeve_aaa::{refusal::Refusal, subscriber::Subscriber};
use portreeve_auth::{Cost, Credential, Decoy, Method, Proof, Scheme, prove};
use tokio::{sync::Semaphore, task};

/// Requests that may wait for each slow check at work; about what half a second takes.
const QUEUE: usize = 8;

/// Checks credentials. Slow ones are checked a few at a time on threads of their own; when too many
/// wait, more are turned away.
pub(crate) struct Hashing {
    seats: Semaphore,
    waiting: AtomicUsize,
    most_waiting: usize,
    decoys: Vec<(Scheme, Decoy)>,
    popular: AtomicUsize,
}

/// What came of a check.
pub(super) enum Outcome {
    Busy,
    Checked(Proof),
}

/// What came of looking at a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Busy,
    Right,
    Wrong,
}

impl Hashing {
    /// `seats` slow checks at a time, at least one. `None` where the system has no random octets.
    pub(crate) fn new(seats: usize) -> Option<Self> {
        let seats = seats.max(1);
        Some(Self {
            seats: Semaphore::new(seats),
            waiting: AtomicUsize::new(0),
            most_waiting: seats * QUEUE,
            decoys: decoys()?,
            popular: AtomicUsize::new(0),
        })
    }

    /// Has somebody prove who they are.
    pub(super) async fn prove(
        &self,
        request: &AccessRequest,
        method: Method,
        credential: &Credential,
    ) -> Outcome {
        if method != Method::Pap || credential.cost() == Cost::Instant {
            return Outcome::Checked(prove(request, credential));
        }
        let Some(_place) = Place::take(self) else {
            return Outcome::Busy;
        };
        // The first poll is the socket's thread, which must not block: go on as a task of the
        // runtime.
        task::yield_now().await;
        let Ok(_seat) = self.seats.acquire().await else {
            return Outcome::Busy;
        };
        Outcome::Checked(task::block_in_place(|| prove(request, credential)))
    }

    /// Whether a password is the one that is stored; of somebody of whom nothing is, never, and it
    /// takes as long.
    pub(super) async fn verify(&self, password: &[u8], credential: Option<&Credential>) -> Verdict {
        let Some(held) = credential.or_else(|| self.decoy()) else {
            return Verdict::Wrong;
        };
        let judged = |is_match: bool| match credential {
            Some(_) if is_match => Verdict::Right,
            _ => Verdict::Wrong,
        };
        if held.cost() == Cost::Instant {
            return judged(held.verify_pap(password).is_match());
        }
        let Some(_place) = Place::take(self) else {
            return Verdict::Busy;
        };
        task::yield_now().await;
        let Ok(_seat) = self.seats.acquire().await else {
            return Verdict::Busy;
        };
        judged(task::block_in_place(|| {
            held.verify_pap(password).is_match()
        }))
    }

    /// Takes the time that proving would take for somebody who is refused anyway, so that the time
    /// of a refusal tells neither which names exist nor which are disabled.
    pub(super) async fn pretend(
        &self,
        request: &AccessRequest,
        method: Method,
        subscriber: Option<&Subscriber>,
    ) -> Result<(), Refusal> {
        let own = subscriber.and_then(|subscriber| subscriber.credential()?.as_ref().ok());
        let Some(credential) = own.or_else(|| self.decoy()) else {
            return Ok(());
        };
        match self.prove(request, method, credential).await {
            Outcome::Busy => Err(Refusal::Busy),
            // What the method owes a reject, it owes a stranger's too.
            Outcome::Checked(Proof::Refuted { attributes, .. }) => {
                request.on_reject(attributes);
                Ok(())
            }
            // The right password of somebody who is refused all the same: the answer must not show
            // that it was right.
            Outcome::Checked(_) => {
                self.refute(request);
                Ok(())
            }
        }
    }

    /// Gives the reject what it would carry had the password been wrong.
    fn refute(&self, request: &AccessRequest) {
        let clear = self
            .decoys
            .iter()
            .find(|(scheme, _)| *scheme == Scheme::Clear);
        if let Some((_, decoy)) = clear
            && let Proof::Refuted { attributes, .. } = prove(request, decoy.credential())
        {
            request.on_reject(attributes);
        }
    }

    /// Says which scheme most subscribers have, for strangers to be checked against.
    pub(crate) fn set_popular(&self, scheme: Scheme) {
        let index = self.decoys.iter().position(|(known, _)| *known == scheme);
        self.popular.store(index.unwrap_or(0), Ordering::Relaxed);
    }

    fn decoy(&self) -> Option<&Credential> {
        let (_, decoy) = self.decoys.get(self.popular.load(Ordering::Relaxed))?;
        Some(decoy.credential())
    }
}

fn decoys() -> Option<Vec<(Scheme, Decoy)>> {
    let mut failed = false;
    let mut random = |octets: &mut [u8]| failed |= getrandom::fill(octets).is_err();
    let made: Option<Vec<_>> = Scheme::MADE
        .into_iter()
        .map(|scheme| Some((scheme, Decoy::of(scheme, &mut random).ok()?)))
        .collect();
    made.filter(|_| !failed)
}

/// A place in the queue for a slow check; left when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(hashing: &'a Hashing) -> Option<Self> {
        let taken = hashing.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(&hashing.waiting);
        (taken < hashing.most_waiting).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many subscribers have each scheme.
#[derive(Debug, Default)]
pub(crate) struct Popularity(HashMap<Scheme, usize>);

impl Popularity {
    pub(crate) fn count(&mut self, subscriber: &Subscriber) {
        if let Some(scheme) = scheme_of(subscriber) {
            *self.0.entry(scheme).or_default() += 1;
        }
    }

    pub(crate) fn discount(&mut self, subscriber: &Subscriber) {
        if let Some(count) = scheme_of(subscriber).and_then(|scheme| self.0.get_mut(&scheme)) {
            *count = count.saturating_sub(1);
        }
    }

    /// What most have; clear text where nobody has anything.
    pub(crate) fn most(&self) -> Scheme {
        let most = self
            .0
            .iter()
            .max_by_key(|(scheme, count)| (**count, **scheme));
        most.map_or(Scheme::Clear, |(scheme, _)| *scheme)
    }
}

fn scheme_of(subscriber: &Subscriber) -> Option<Scheme> {
    let credential = subscriber.credential()?.as_ref().ok()?;
    Some(credential.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_bounded_and_places_are_given_back() {
        let hashing = Hashing::new(1).unwrap();
        let places: Vec<_> = (0..QUEUE).filter_map(|_| Place::take(&hashing)).collect();
        assert_eq!(places.len(), QUEUE);
        assert!(Place::take(&hashing).is_none());
        drop(places);
        assert!(Place::take(&hashing).is_some());
    }

    #[test]
    fn strangers_are_checked_against_what_most_subscribers_have() {
        let hashing = Hashing::new(1).unwrap();
        for scheme in Scheme::MADE {
            hashing.set_popular(scheme);
            assert_eq!(hashing.decoy().unwrap().scheme(), scheme);
        }
    }
}
