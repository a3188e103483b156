//! The server's side of a conversation: who goes first, which method, and when it is over
//! (RFC 3748 section 2, RFC 4137).

use std::{fmt, sync::Arc};

use portreeve_proto::Random;

use super::{
    Answer, Context, Failure, Method, Next, Offer, Offered, Packet, Question, Success, Type,
    packet::{self, Code, Malformed},
};

/// The most Requests in one conversation. A chain of certificates in fragments of 200 octets takes
/// some fifty; a device that goes on for ever is cut off (RFC 9191 section 3).
pub const MAX_ROUNDS: u16 = 100;

/// The least room for type data that a method is given, whatever the access point asks for.
const LEAST_ROOM: usize = 64;
/// Header and the longest type.
const MOST_OVERHEAD: usize = 12;

/// What goes on around a conversation when it is called.
pub struct Surroundings<'a> {
    /// Unpredictable octets.
    pub random: &'a mut dyn Random,
    /// The time in seconds since 1970.
    pub unix_s: u64,
    /// The most octets that the next EAP packet may have: what the access point can carry. Below
    /// 76 it is taken as 76.
    pub mtu: usize,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("unix_s", &self.unix_s)
            .field("mtu", &self.mtu)
            .finish_non_exhaustive()
    }
}

/// What a conversation does next.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Send this Request, in an Access-Challenge.
    Send(Vec<u8>),
    /// Find the answer and give it to [`Conversation::answer`].
    Ask(Question),
    /// They may come in: send this packet in the Access-Accept.
    Succeeded(Box<Success>, [u8; packet::HEADER_OCTETS]),
    /// They may not: send this packet in the Access-Reject.
    Failed(Failure, [u8; packet::HEADER_OCTETS]),
    /// What came changes nothing. The last Request may be sent again
    /// ([`Conversation::last_request`]).
    Ignored(Ignored),
}

/// Why what came is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Ignored {
    /// It is no EAP packet.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Only Responses come from a peer.
    #[error("the EAP packet is no response")]
    NotAResponse,
    /// It answers another Request than the last one.
    #[error("the EAP response answers another request")]
    OtherIdentifier,
    /// It is of another type than was asked for.
    #[error("the EAP response is of another type than was asked for")]
    OtherType,
    /// A Nak after the method has been agreed on (RFC 3748 section 5.3.1).
    #[error("the device asks for another method in the middle of one")]
    LateNak,
    /// The answer to a question is still awaited.
    #[error("the message before is still being answered")]
    Busy,
    /// The conversation is over.
    #[error("the conversation is over")]
    Over,
    /// The method says so.
    #[error("{0}")]
    ByMethod(&'static str),
}

/// One peer proving itself, from its identity to Success or Failure.
pub struct Conversation {
    state: State,
    identity: Vec<u8>,
    /// Of the last Request.
    identifier: u8,
    last_request: Vec<u8>,
    /// The Response that the last Request followed.
    last_response: Vec<u8>,
    rounds: u16,
}

enum State {
    New,
    /// Waits for the answer to [`Question::Begin`].
    Beginning,
    Running(Running),
    Over,
}

struct Running {
    offer: Arc<Offer>,
    method: Box<dyn Method>,
    /// What has been proposed, the method that runs among them.
    proposed: Vec<Type>,
    /// The peer has answered by the method itself; there is no Nak any more.
    is_agreed: bool,
    /// The method waits for an answer.
    is_asking: bool,
}

impl Default for Conversation {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation")
            .field("method", &self.method())
            .field("identifier", &self.identifier)
            .field("rounds", &self.rounds)
            .finish_non_exhaustive()
    }
}

impl Conversation {
    /// A conversation that has not begun.
    pub const fn new() -> Self {
        Self {
            state: State::New,
            identity: Vec::new(),
            identifier: 0,
            last_request: Vec::new(),
            last_response: Vec::new(),
            rounds: 0,
        }
    }

    /// Who the peer said it is when it began; empty before.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// The method that runs or has been proposed.
    pub fn method(&self) -> Option<Type> {
        match &self.state {
            State::Running(running) => Some(running.method.kind()),
            State::New | State::Beginning | State::Over => None,
        }
    }

    /// The last Request that was to be sent; empty before the first.
    pub fn last_request(&self) -> &[u8] {
        &self.last_request
    }

    /// How many Requests there have been.
    pub const fn rounds(&self) -> u16 {
        self.rounds
    }

    /// Takes what came from the peer: one EAP packet, or nothing where the access point asks the
    /// server to begin (EAP-Start, RFC 3579 section 2.1).
    pub fn receive(&mut self, octets: &[u8], around: &mut Surroundings<'_>) -> Step {
        if octets.is_empty() {
            return self.start(around);
        }
        let packet = match Packet::parse(octets) {
            Ok(packet) => packet,
            Err(why) => return Step::Ignored(why.into()),
        };
        let (Code::Response, Some((kind, data))) = (packet.code(), packet.body()) else {
            return Step::Ignored(Ignored::NotAResponse);
        };
        if matches!(self.state, State::New) {
            return self.begin(&packet, kind, data);
        }
        if packet.octets() == self.last_response && !self.last_request.is_empty() {
            // The access point or the device did not get our Request, or does not know it did.
            return Step::Send(self.last_request.clone());
        }
        if packet.identifier() != self.identifier {
            return Step::Ignored(Ignored::OtherIdentifier);
        }
        let running = match &mut self.state {
            State::Running(running) => running,
            State::Beginning => return Step::Ignored(Ignored::Busy),
            State::New | State::Over => return Step::Ignored(Ignored::Over),
        };
        if running.is_asking {
            return Step::Ignored(Ignored::Busy);
        }
        if let Some(wishes) = packet.wishes() {
            return self.renegotiate(&packet, wishes, around);
        }
        if kind != running.method.kind() {
            return Step::Ignored(Ignored::OtherType);
        }
        let before = running.is_agreed;
        running.is_agreed = true;
        let next = running.method.receive(
            data,
            &mut context(around, kind, self.identifier, &self.identity),
        );
        if matches!(next, Next::Ignore(_)) {
            running.is_agreed = before;
        } else {
            self.last_response = packet.octets().to_vec();
        }
        self.follow(next)
    }

    /// Takes the answer to the last [`Step::Ask`].
    pub fn answer(&mut self, answer: Answer, around: &mut Surroundings<'_>) -> Step {
        match &mut self.state {
            State::Beginning => match answer {
                Answer::Offer(offer) => self.propose(offer, around),
                _ => self.fail(Failure::Refused),
            },
            State::Running(running) if running.is_asking => {
                running.is_asking = false;
                let kind = running.method.kind();
                let mut context = context(around, kind, self.identifier, &self.identity);
                let next = running.method.answer(answer, &mut context);
                self.follow(next)
            }
            State::New | State::Running(_) | State::Over => Step::Ignored(Ignored::Over),
        }
    }

    fn start(&mut self, around: &mut Surroundings<'_>) -> Step {
        if !matches!(self.state, State::New) {
            return Step::Ignored(Ignored::OtherType);
        }
        let mut identifier = [0];
        around.random.fill(&mut identifier);
        [self.identifier] = identifier;
        self.send(Type::IDENTITY, &[])
    }

    fn begin(&mut self, packet: &Packet<'_>, kind: Type, data: &[u8]) -> Step {
        if kind != Type::IDENTITY {
            return Step::Ignored(Ignored::OtherType);
        }
        if !self.last_request.is_empty() && packet.identifier() != self.identifier {
            return Step::Ignored(Ignored::OtherIdentifier);
        }
        // The access point asked for it as a rule, with an identifier of its own.
        self.identifier = packet.identifier();
        self.identity = data.to_vec();
        self.last_response = packet.octets().to_vec();
        self.last_request.clear();
        self.state = State::Beginning;
        Step::Ask(Question::Begin {
            identity: self.identity.clone(),
        })
    }

    fn propose(&mut self, offer: Arc<Offer>, around: &mut Surroundings<'_>) -> Step {
        let Some(method) = offer.first().map(Offered::start) else {
            return self.fail(Failure::NoCommonMethod {
                wanted: Vec::new(),
                offered: Vec::new(),
            });
        };
        let proposed = vec![method.kind()];
        self.run(offer, method, proposed, around)
    }

    fn run(
        &mut self,
        offer: Arc<Offer>,
        mut method: Box<dyn Method>,
        proposed: Vec<Type>,
        around: &mut Surroundings<'_>,
    ) -> Step {
        let kind = method.kind();
        let next = method.begin(&mut context(around, kind, self.identifier, &self.identity));
        self.state = State::Running(Running {
            offer,
            method,
            proposed,
            is_agreed: false,
            is_asking: false,
        });
        self.follow(next)
    }

    fn renegotiate(
        &mut self,
        packet: &Packet<'_>,
        wishes: Vec<Type>,
        around: &mut Surroundings<'_>,
    ) -> Step {
        let State::Running(running) = &self.state else {
            return Step::Ignored(Ignored::Over);
        };
        if running.is_agreed {
            return Step::Ignored(Ignored::LateNak);
        }
        self.last_response = packet.octets().to_vec();
        let offer = Arc::clone(&running.offer);
        let mut proposed = running.proposed.clone();
        let fresh: Vec<Type> = wishes
            .iter()
            .copied()
            .filter(|wish| !proposed.contains(wish))
            .collect();
        match offer.best(&fresh).map(Offered::start) {
            Some(method) => {
                proposed.push(method.kind());
                self.run(offer, method, proposed, around)
            }
            None => self.fail(Failure::NoCommonMethod {
                wanted: wishes,
                offered: offer.kinds(),
            }),
        }
    }

    fn follow(&mut self, next: Next) -> Step {
        match next {
            Next::Request(data) => {
                let Some(kind) = self.method() else {
                    return Step::Ignored(Ignored::Over);
                };
                self.identifier = self.identifier.wrapping_add(1);
                self.send(kind, &data)
            }
            Next::Ask(question) => {
                if let State::Running(running) = &mut self.state {
                    running.is_asking = true;
                }
                Step::Ask(question)
            }
            Next::Succeeded(success) => {
                self.end();
                Step::Succeeded(success, packet::success(self.identifier))
            }
            Next::Failed(failure) => self.fail(failure),
            Next::Ignore(why) => Step::Ignored(why),
        }
    }

    fn send(&mut self, kind: Type, data: &[u8]) -> Step {
        if self.rounds >= MAX_ROUNDS {
            return self.fail(Failure::TooManyRounds(MAX_ROUNDS));
        }
        self.rounds += 1;
        let Some(octets) = packet::request(self.identifier, kind, data) else {
            return self.fail(Failure::Broken {
                method: kind,
                what: "the request does not fit into a packet",
            });
        };
        self.last_request.clone_from(&octets);
        Step::Send(octets)
    }

    fn fail(&mut self, failure: Failure) -> Step {
        self.end();
        Step::Failed(failure, packet::failure(self.identifier))
    }

    fn end(&mut self) {
        self.state = State::Over;
        self.last_request.clear();
    }
}

fn context<'a>(
    around: &'a mut Surroundings<'_>,
    kind: Type,
    identifier: u8,
    identity: &'a [u8],
) -> Context<'a> {
    let overhead = if kind.short().is_some() {
        packet::HEADER_OCTETS + 1
    } else {
        MOST_OVERHEAD
    };
    Context {
        random: &mut *around.random,
        unix_s: around.unix_s,
        room: around
            .mtu
            .saturating_sub(overhead)
            .clamp(LEAST_ROOM, packet::MAX_OCTETS - MOST_OVERHEAD),
        identifier,
        next_identifier: identifier.wrapping_add(1),
        identity,
    }
}

#[cfg(test)]
mod tests;
