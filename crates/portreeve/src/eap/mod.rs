//! EAP in a [`Handler`](crate::Handler): conversations that go on from one request to the next.
//!
//! [`Conversations`] keeps them; a [`Directory`] answers what they ask. A handler gives each
//! Access-Request that [carries EAP](is_spoken) to [`Conversations::turn`] and does what comes out
//! of it:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use portreeve::{
//!     AccessReply, AccessRequest, Credential, Handler,
//!     eap::{self, Answer, Conversations, Directory, Offer, Question, Turn},
//! };
//!
//! struct Wifi {
//!     conversations: Conversations<()>,
//!     offer: Arc<Offer>,
//! }
//!
//! impl Directory<()> for Wifi {
//!     async fn answer(&self, question: Question, _: &AccessRequest, (): &mut ()) -> Answer {
//!         match question {
//!             Question::Begin { .. } => Answer::Offer(Arc::clone(&self.offer)),
//!             Question::Credential { identity, .. } if identity == b"tim" => {
//!                 match Credential::clear("12345") {
//!                     Ok(credential) => Answer::Credential(credential),
//!                     Err(_) => Answer::Refused,
//!                 }
//!             }
//!             _ => Answer::Refused,
//!         }
//!     }
//! }
//!
//! impl Handler for Wifi {
//!     async fn access(&self, request: &AccessRequest) -> AccessReply {
//!         if !eap::is_spoken(request) {
//!             return AccessReply::reject();
//!         }
//!         match self.conversations.turn(request, self).await {
//!             Turn::Challenge(reply) => reply,
//!             Turn::Proven(proven) => AccessReply::accept().with_all(&proven.attributes(request)),
//!             Turn::Failed(failed) => AccessReply::reject().with_all(&failed.attributes()),
//!             Turn::Unanswered(_) => AccessReply::silent(),
//!         }
//!     }
//! }
//! ```

mod login;
mod table;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

pub use portreeve_auth::eap::*;
use portreeve_proto::{
    AccessReply, AccessRequest, AttributeList, ErrorCause,
    attr::{self, microsoft},
};

pub use self::login::{Keys, LogIn, log_in};
use self::table::{Held, Table, Taken};
use crate::random::OsRandom;

/// Whether a request carries EAP.
pub fn is_spoken(request: &AccessRequest) -> bool {
    request.has(attr::EAP_MESSAGE)
}

/// Answers what conversations ask.
pub trait Directory<T>: Send + Sync {
    /// The answer to a question that came up over `request`. `notes` are the conversation's own,
    /// from its first question to its end.
    fn answer(
        &self,
        question: Question,
        request: &AccessRequest,
        notes: &mut T,
    ) -> impl Future<Output = Answer> + Send;
}

/// How many conversations there may be, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At once, of all NASes.
    pub total: usize,
    /// At once, of one NAS.
    pub per_nas: usize,
    /// Begun in a second by one NAS, in the long run.
    pub rate_per_nas: u32,
    /// Begun at once by one NAS that has begun none for a while: everybody comes back after a power
    /// cut.
    pub burst_per_nas: u32,
    /// How long a device may take for one answer.
    pub patience: Duration,
    /// How long a conversation may take.
    pub lifetime: Duration,
    /// The most octets of one EAP packet to the device, where the NAS does not ask for less.
    pub fragment_octets: usize,
}

impl Default for Limits {
    /// 8192 in all, 4096 of one NAS, 500 a second, 2000 at once, 30 s for an answer, 120 s for all,
    /// 1024 octets.
    fn default() -> Self {
        Self {
            total: 8192,
            per_nas: 4096,
            rate_per_nas: 500,
            burst_per_nas: 2000,
            patience: Duration::from_secs(30),
            lifetime: Duration::from_mins(2),
            fragment_octets: 1024,
        }
    }
}

/// The conversations that go on. `T` is what the caller notes down of each.
///
/// Any request with the State of the last Access-Challenge continues a conversation, whatever
/// worker, connection or port it comes by, as long as it comes from the same NAS. Every table is
/// bounded; what is over the bound or unfinished for too long is dropped.
pub struct Conversations<T> {
    limits: Limits,
    table: Mutex<Table<T>>,
}

/// What a request has come to.
#[must_use]
#[derive(Debug)]
pub enum Turn<T> {
    /// It goes on: answer this.
    Challenge(AccessReply),
    /// They have proven who they are. Whether they may come in is the caller's to say.
    Proven(Box<Proven<T>>),
    /// They have not.
    Failed(Box<Failed<T>>),
    /// Nothing is to be answered.
    Unanswered(Unanswered),
}

/// A conversation that came to a good end.
#[derive(Debug)]
pub struct Proven<T> {
    /// Who, how, and with what keys.
    pub success: Success,
    /// What the caller noted.
    pub notes: T,
    /// Who they said they were at first.
    pub outer_identity: Vec<u8>,
    packet: [u8; packet::HEADER_OCTETS],
}

/// A conversation that came to a bad end.
#[derive(Debug)]
pub struct Failed<T> {
    /// Why.
    pub why: Ending,
    /// What the caller noted.
    pub notes: T,
    /// Who they said they were at first; empty where they did not.
    pub outer_identity: Vec<u8>,
    packet: [u8; packet::HEADER_OCTETS],
}

/// Why a conversation came to a bad end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// The method says so, or the caller did.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The request continues a conversation that is not, or no longer, there.
    #[error("the conversation that the request continues has expired or was never begun")]
    Unknown,
}

/// Why nothing is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unanswered {
    /// The request before is still being worked on.
    Busy,
    /// There are too many conversations already.
    Full,
    /// The NAS begins too many.
    TooFast,
    /// There is no randomness to be had.
    NoRandomness,
}

/// A conversation that was not continued in time.
#[derive(Debug)]
pub struct Abandoned<T> {
    /// What the caller noted.
    pub notes: T,
    /// The name of the NAS.
    pub nas: String,
    /// Who they said they were at first.
    pub outer_identity: Vec<u8>,
    /// The method that ran.
    pub method: Option<Type>,
    /// How many Requests they had been sent.
    pub rounds: u16,
}

impl<T> Proven<T> {
    /// What the Access-Accept must carry: EAP-Success, the keys, and the keys' name where the NAS
    /// asks for it (RFC 3579 section 2.6.2, RFC 2548 section 2.4, RFC 7268 section 2.2).
    pub fn attributes(&self, request: &AccessRequest) -> AttributeList {
        let mut list = AttributeList::new().with(attr::EAP_MESSAGE, self.packet);
        if let Some(msk) = self.success.msk() {
            list.add(microsoft::MPPE_RECV_KEY, msk.receive_key());
            list.add(microsoft::MPPE_SEND_KEY, msk.send_key());
        }
        let name = self.success.session_id();
        if request.has(attr::EAP_KEY_NAME) && !name.is_empty() {
            list.add(attr::EAP_KEY_NAME, name);
        }
        list
    }

    /// Takes it for a failure after all: they are who they say, and may not come in.
    pub fn refused(self) -> Failed<T> {
        let [_, identifier, ..] = self.packet;
        Failed {
            why: Ending::Failed(Failure::Refused),
            notes: self.notes,
            outer_identity: self.outer_identity,
            packet: packet::failure(identifier),
        }
    }
}

impl<T> Failed<T> {
    /// What the Access-Reject must carry: EAP-Failure.
    pub fn attributes(&self) -> AttributeList {
        AttributeList::new().with(attr::EAP_MESSAGE, self.packet)
    }
}

impl<T> fmt::Debug for Conversations<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversations")
            .field("limits", &self.limits)
            .field("count", &self.table().len())
            .finish_non_exhaustive()
    }
}

impl<T: Default + Send> Conversations<T> {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            table: Mutex::new(Table::new(limits)),
        }
    }

    /// Continues the conversation that a request belongs to, or begins one.
    pub async fn turn(&self, request: &AccessRequest, directory: &impl Directory<T>) -> Turn<T> {
        let message = request.joined(attr::EAP_MESSAGE).unwrap_or_default();
        // What follows may take a millisecond; no other request should wait for it.
        tokio::task::yield_now().await;
        let Ok(mut random) = OsRandom::new() else {
            return Turn::Unanswered(Unanswered::NoRandomness);
        };
        let now = request.received().max(Instant::now());
        let nas = request.peer().name();
        let taken = match request.joined(attr::STATE) {
            Some(state) => self.table().take(&state, nas, now),
            None => self.table().begin(nas, now, &mut random),
        };
        let mut held = match taken {
            Taken::Held(held) => held,
            Taken::Unknown => return unknown(&message),
            Taken::Unanswered(why) => return Turn::Unanswered(why),
        };
        let mtu = self.mtu(request);
        let mut step = {
            let around = &mut surroundings(&mut random, mtu);
            held.conversation.receive(&message, around)
        };
        while let Step::Ask(question) = step {
            let answer = directory.answer(question, request, &mut held.notes).await;
            let around = &mut surroundings(&mut random, mtu);
            step = held.conversation.answer(answer, around);
        }
        self.follow(held, step, now, &mut random)
    }

    /// Drops what was not continued in time, and says what it was; to be called now and then. What
    /// is dropped to make room comes here too.
    pub fn expire(&self) -> Vec<Abandoned<T>> {
        self.table().expire(Instant::now())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.table().len()
    }

    fn follow(
        &self,
        mut held: Held<T>,
        step: Step,
        now: Instant,
        random: &mut OsRandom,
    ) -> Turn<T> {
        let (octets, cause) = match step {
            Step::Send(octets) => (octets, None),
            Step::Ignored(_) | Step::Ask(_) => {
                // RFC 3579 section 2.2: the last Request once more, and what is wrong.
                let last = held.conversation.last_request().to_vec();
                if last.is_empty() {
                    self.table().forget(held.id);
                    return Turn::Failed(Box::new(Failed {
                        why: Ending::Unknown,
                        notes: held.notes,
                        outer_identity: Vec::new(),
                        packet: packet::failure(0),
                    }));
                }
                held.ignored += 1;
                (last, Some(ErrorCause::InvalidEapPacket))
            }
            Step::Succeeded(success, packet) => {
                self.table().forget(held.id);
                return Turn::Proven(Box::new(Proven {
                    success: *success,
                    notes: held.notes,
                    outer_identity: held.conversation.identity().to_vec(),
                    packet,
                }));
            }
            Step::Failed(why, packet) => {
                self.table().forget(held.id);
                return Turn::Failed(Box::new(Failed {
                    why: why.into(),
                    notes: held.notes,
                    outer_identity: held.conversation.identity().to_vec(),
                    packet,
                }));
            }
        };
        if held.ignored > MAX_IGNORED {
            self.table().forget(held.id);
            let [_, identifier, ..] = octets[..] else {
                return Turn::Unanswered(Unanswered::Busy);
            };
            return Turn::Failed(Box::new(Failed {
                why: Failure::TooManyRounds(held.conversation.rounds()).into(),
                notes: held.notes,
                outer_identity: held.conversation.identity().to_vec(),
                packet: packet::failure(identifier),
            }));
        }
        let state = self.table().put(held, now, random);
        let mut reply = AccessReply::challenge()
            .with(attr::STATE, state)
            .with(attr::EAP_MESSAGE, octets);
        if let Some(cause) = cause {
            reply = reply.with(attr::ERROR_CAUSE, cause.number());
        }
        Turn::Challenge(reply)
    }

    /// Four octets less than what a frame holds: EAPOL has a header (RFC 3579 section 2.4).
    fn mtu(&self, request: &AccessRequest) -> usize {
        let asked = request.get(attr::FRAMED_MTU).unwrap_or(u32::MAX);
        let asked = usize::try_from(asked).unwrap_or(usize::MAX);
        self.limits.fragment_octets.min(asked.saturating_sub(4))
    }
}

/// How often in one conversation something is ignored.
const MAX_IGNORED: u16 = 20;

impl<T> Conversations<T> {
    fn table(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown<T: Default>(message: &[u8]) -> Turn<T> {
    let identifier = Packet::parse(message).map_or(0, |packet| packet.identifier());
    Turn::Failed(Box::new(Failed {
        why: Ending::Unknown,
        notes: T::default(),
        outer_identity: Vec::new(),
        packet: packet::failure(identifier),
    }))
}

fn surroundings(random: &mut OsRandom, mtu: usize) -> Surroundings<'_> {
    Surroundings {
        random,
        unix_s: unix_s(),
        mtu,
    }
}

fn unix_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
