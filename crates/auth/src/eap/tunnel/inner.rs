//! An EAP conversation inside a tunnel, on the server's side.

use std::sync::Arc;

use crate::eap::{
    Answer, Context, Conversation, Failure, Ignored, Means, Offer, Question, Step, Success,
    Surroundings, Type, means::Inner as InnerMeans,
};

/// Octets that a tunnel puts around an inner packet, at most: TLS record, TLV or attribute,
/// fragment header.
pub(super) const OVERHEAD: usize = 64;

/// One EAP conversation inside a tunnel, from its identity to its end. Its packets have their
/// headers.
pub(crate) struct Inner {
    outer: Type,
    offer: Arc<Offer>,
    conversation: Conversation,
}

/// What it does next.
#[derive(Debug)]
#[must_use]
pub(crate) enum InnerStep {
    /// Send this EAP packet.
    Request(Vec<u8>),
    Ask(Question),
    /// By the method's own means; [`inside`] says what they are in the tunnel.
    Succeeded(Box<Success>),
    Failed(Failure),
}

impl Inner {
    pub(crate) const fn new(outer: Type, offer: Arc<Offer>) -> Self {
        Self {
            outer,
            offer,
            conversation: Conversation::new(),
        }
    }

    /// Asks who the peer is.
    pub(crate) fn begin(&mut self, context: &mut Context<'_>) -> InnerStep {
        self.receive(&[], context)
    }

    /// The identifier of the Request that is to be answered.
    pub(crate) fn identifier(&self) -> u8 {
        let last = self.conversation.last_request();
        last.get(1).copied().unwrap_or_default()
    }

    /// Takes an EAP packet.
    pub(crate) fn receive(&mut self, octets: &[u8], context: &mut Context<'_>) -> InnerStep {
        let step = self.conversation.receive(octets, &mut around(context));
        self.follow(step, context)
    }

    /// Takes the answer to the last [`InnerStep::Ask`].
    pub(crate) fn answer(&mut self, answer: Answer, context: &mut Context<'_>) -> InnerStep {
        let step = self.conversation.answer(answer, &mut around(context));
        self.follow(step, context)
    }

    fn follow(&mut self, step: Step, context: &mut Context<'_>) -> InnerStep {
        match step {
            Step::Send(octets) => InnerStep::Request(octets),
            Step::Ask(Question::Begin { .. }) => {
                self.answer(Answer::Offer(Arc::clone(&self.offer)), context)
            }
            Step::Ask(question) => self.ask(question),
            Step::Succeeded(success, _) => InnerStep::Succeeded(success),
            Step::Failed(failure, _) => InnerStep::Failed(self.failure(failure)),
            // The tunnel loses and alters nothing, so this is no stray packet (RFC 5281
            // section 11.2.1).
            Step::Ignored(why) => InnerStep::Failed(Failure::Broken {
                method: self.outer,
                what: out_of_place(why),
            }),
        }
    }

    fn ask(&self, question: Question) -> InnerStep {
        let outer = self.outer;
        let question = match question {
            Question::Begin { .. } => question,
            Question::Credential { identity, means } => Question::Credential {
                identity,
                means: inside(outer, means),
            },
            Question::Password {
                identity,
                password,
                means,
            } => Question::Password {
                identity,
                password,
                means: inside(outer, means),
            },
            Question::Certificate {
                identity,
                chain,
                means,
            } => Question::Certificate {
                identity,
                chain,
                means: inside(outer, means),
            },
            // It is the tunnel that is resumed, not what is inside (RFC 9930 section 3.5.4).
            Question::Resumed { .. } => {
                return InnerStep::Failed(Failure::Broken {
                    method: outer,
                    what: "a session is resumed inside the tunnel",
                });
            }
        };
        match &question {
            Question::Credential { identity, means }
            | Question::Password {
                identity, means, ..
            } if identity.is_empty() => InnerStep::Failed(Failure::NoInnerIdentity(*means)),
            _ => InnerStep::Ask(question),
        }
    }

    fn failure(&self, failure: Failure) -> Failure {
        match failure {
            Failure::WrongPassword(means) => Failure::WrongPassword(inside(self.outer, means)),
            Failure::NoCommonMethod { wanted, offered } => Failure::NoCommonInner {
                outer: self.outer,
                wanted,
                offered,
            },
            other => other,
        }
    }
}

/// The means of a method, now inside a tunnel. A method that knows that it is there has them
/// already.
pub(crate) const fn inside(outer: Type, means: Means) -> Means {
    match means.inner() {
        Some(_) => means,
        None => Means::inside(outer, InnerMeans::Eap(means.outer())),
    }
}

fn around<'a>(context: &'a mut Context<'_>) -> Surroundings<'a> {
    Surroundings {
        random: &mut *context.random,
        unix_s: context.unix_s,
        mtu: context.room.saturating_sub(OVERHEAD),
    }
}

const fn out_of_place(why: Ignored) -> &'static str {
    match why {
        Ignored::Malformed(_) => "what is inside is no EAP packet",
        Ignored::NotAResponse => "the packet inside is no response",
        Ignored::OtherIdentifier => "the response inside answers another request",
        Ignored::OtherType => "the response inside is of another type than was asked for",
        Ignored::LateNak => "it asks for another method inside in the middle of one",
        Ignored::Busy | Ignored::Over => "it goes on inside after the end",
        Ignored::ByMethod(what) => what,
    }
}
