//! What goes on inside a PEAP tunnel, on the server's side.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{
    CryptoBinding,
    keys::BindingKeys,
    tlvs::{self, Binding, NONCE_OCTETS, Speaker, Verdict},
};
use crate::eap::{
    Answer, Context, Failure, Offer, Packet, Success, Type,
    packet::{self, Code},
    tunnel::{Inner, InnerStep, Inside, Keying, Move, Rejoined, of_inner},
};

pub(super) struct Phase2 {
    inner: Inner,
    binding: CryptoBinding,
    state: State,
}

enum State {
    /// The peer must not speak yet.
    Silent,
    /// The inner method is at work.
    Inner,
    /// The server has said that it went well, and bound itself.
    Ending(Box<Success>, BindingKeys),
    /// The server has said that it did not go well.
    Failing(Failure),
    Over,
}

const fn broken(what: &'static str) -> Failure {
    Failure::Broken {
        method: Type::PEAP,
        what,
    }
}

impl Phase2 {
    pub(super) const fn new(offer: Arc<Offer>, binding: CryptoBinding) -> Self {
        Self {
            inner: Inner::new(Type::PEAP, offer),
            binding,
            state: State::Silent,
        }
    }

    fn inner(&mut self, plain: &[u8], keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        if let Some(octets) = tlvs::of_packet(plain, Code::Response) {
            return Move::Failed(match Verdict::parse(octets) {
                Ok(Verdict {
                    is_success: false, ..
                }) => Failure::PeerEnded(Type::PEAP),
                Ok(_) => broken("it says that it succeeded before it has"),
                Err(what) => broken(what),
            });
        }
        // The peer leaves out the header, which would have said nothing new.
        let Some(response) = with_header(self.inner.identifier(), plain) else {
            return Move::Failed(broken("there is no EAP packet inside where one is due"));
        };
        let step = self.inner.receive(&response, context);
        self.follow(step, keying, context)
    }

    fn follow(&mut self, step: InnerStep, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        match step {
            InnerStep::Request(request) => {
                self.state = State::Inner;
                Move::Say(request[packet::HEADER_OCTETS.min(request.len())..].to_vec())
            }
            InnerStep::Ask(question) => {
                self.state = State::Inner;
                Move::Ask(question)
            }
            InnerStep::Succeeded(inner) => {
                let keys = BindingKeys::of_method(keying, inner.msk());
                self.end(of_inner(&inner, Type::PEAP), keys, context)
            }
            InnerStep::Failed(failure) => {
                self.state = State::Failing(failure);
                let verdict = Verdict {
                    is_success: false,
                    binding: None,
                };
                Move::Say(verdict.request(context.next_identifier))
            }
        }
    }

    /// Says that it went well.
    fn end(
        &mut self,
        success: Success,
        keys: Option<BindingKeys>,
        context: &mut Context<'_>,
    ) -> Move {
        let Some(keys) = keys else {
            return Move::keyless(Type::PEAP);
        };
        let mut nonce = [0; NONCE_OCTETS];
        context.random.fill(&mut nonce);
        let verdict = Verdict {
            is_success: true,
            binding: Some(Binding::new(Speaker::Server, &nonce, &keys)),
        };
        self.state = State::Ending(Box::new(success), keys);
        Move::Say(verdict.request(context.next_identifier))
    }

    fn ended(
        &self,
        plain: &[u8],
        success: Success,
        keys: &BindingKeys,
        keying: &dyn Keying,
    ) -> Move {
        let verdict = tlvs::of_packet(plain, Code::Response).ok_or("it does not say how it went");
        let verdict = match verdict.and_then(Verdict::parse) {
            Ok(verdict) => verdict,
            Err(what) => return Move::Failed(broken(what)),
        };
        match verdict.binding {
            // First whether it is the one who proved itself, then what it says.
            Some(binding) if !binding.is_right(Speaker::Peer, keys) => {
                Move::Failed(Failure::CryptoBinding(Type::PEAP))
            }
            _ if !verdict.is_success => Move::Failed(Failure::PeerEnded(Type::PEAP)),
            Some(_) => match keying.session_id(Type::PEAP) {
                Some(id) => Move::with_keys(success, keys.msk(), id),
                None => Move::keyless(Type::PEAP),
            },
            None if self.binding == CryptoBinding::Required => {
                Move::Failed(Failure::NoCryptoBinding(Type::PEAP))
            }
            None => Move::keyed(success, Type::PEAP, keying),
        }
    }
}

/// The Response that a peer has left the header out of.
fn with_header(identifier: u8, plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (kind, data) = headless(plain)?;
    packet::response(identifier, kind, data).map(Zeroizing::new)
}

/// The type and data of a packet without header.
pub(super) fn headless(plain: &[u8]) -> Option<(Type, &[u8])> {
    let length = u16::try_from(packet::HEADER_OCTETS + plain.len()).ok()?;
    let [high, low] = length.to_be_bytes();
    let mut whole = Zeroizing::new(Vec::with_capacity(length.into()));
    whole.extend_from_slice(&[2, 0, high, low]);
    whole.extend_from_slice(plain);
    let (kind, data) = Packet::parse(&whole).ok()?.body()?;
    Some((kind, &plain[plain.len() - data.len()..]))
}

impl Inside for Phase2 {
    fn begin(&mut self, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        let step = self.inner.begin(context);
        self.follow(step, keying, context)
    }

    fn receive(&mut self, plain: &[u8], keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Inner => self.inner(plain, keying, context),
            State::Ending(success, keys) => self.ended(plain, *success, &keys, keying),
            State::Failing(failure) => Move::Failed(failure),
            State::Silent => Move::Failed(broken("it speaks inside before it is asked")),
            State::Over => Move::Failed(broken("it goes on inside out of turn")),
        }
    }

    fn answer(&mut self, answer: Answer, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Inner => {
                let step = self.inner.answer(answer, context);
                self.follow(step, keying, context)
            }
            _ => Move::Failed(Failure::Refused),
        }
    }

    fn resume(
        &mut self,
        resumed: Rejoined,
        keying: &dyn Keying,
        context: &mut Context<'_>,
    ) -> Move {
        let keys = BindingKeys::of_resumption(keying);
        self.end(resumed.success(), keys, context)
    }
}
