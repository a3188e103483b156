//! What goes on inside a TEAP tunnel, on the server's side (RFC 9930 section 3.6).

use std::sync::Arc;

use super::{
    Needed, Plan, Proof, Rules, Who,
    keys::{Chain, InnerKeys},
    tlvs::{Binding, Message, NONCE_OCTETS, Said, Status, error},
};
use crate::{
    Method as Plain,
    eap::{
        Answer, Context, Failure, Means, Question, Success, Type, Verified,
        means::Inner as InnerMeans,
        tunnel::{Inner, InnerStep, Inside, Keying, Move, Rejoined, of_inner},
    },
};

pub(super) struct Phase2 {
    plan: Arc<Plan>,
    /// What both sides said outside the tunnel, the server first.
    outer: Vec<u8>,
    chain: Option<Chain>,
    state: State,
    /// Who is asked at the moment.
    at: Option<Who>,
    /// Whether the device has still to say whether it has what is asked.
    is_open: bool,
    /// Who has proven themselves, and bound it.
    proven: Vec<(Who, Success)>,
    /// Who has proven themselves, and has not bound it yet.
    unbound: Option<(Who, Success)>,
    /// Who has been asked.
    asked: Vec<Who>,
    /// What the peer has still to answer.
    due: Due,
    is_by_emsk: bool,
}

/// What the peer has to answer next.
#[derive(Default)]
struct Due {
    binding: Option<Binding>,
    intermediate: bool,
    result: bool,
}

enum State {
    Silent,
    /// The caller is asked about the certificate of the tunnel.
    Certificate,
    Eap(Box<Inner>),
    /// A password has been asked for.
    Password,
    /// The caller is asked about a password.
    Checking,
    /// Somebody has proven themselves, and nobody else has been asked yet.
    Bound,
    /// The server has said that all went well.
    Ending,
    /// The server has said that it did not.
    Failing(Failure),
    Over,
}

const PASSWORD: Means = Means::inside(Type::TEAP, InnerMeans::Plain(Plain::Pap));

const fn broken(what: &'static str) -> Failure {
    Failure::Broken {
        method: Type::TEAP,
        what,
    }
}

impl Phase2 {
    pub(super) fn new(plan: Arc<Plan>, ours: &[u8]) -> Self {
        Self {
            plan,
            outer: ours.to_vec(),
            chain: None,
            state: State::Silent,
            at: None,
            is_open: false,
            proven: Vec::new(),
            unbound: None,
            asked: Vec::new(),
            due: Due::default(),
            is_by_emsk: false,
        }
    }

    /// Ends with an error that both sides are to know of.
    fn fatal(&mut self, code: u32, failure: Failure) -> Move {
        self.fail(Message::default().error(code), failure)
    }

    fn fail(&mut self, message: Message, failure: Failure) -> Move {
        self.state = State::Failing(failure);
        Move::Say(message.result(Status::Failure).octets())
    }

    /// Who is to be asked next.
    fn upcoming(&self) -> Option<&(Who, Proof)> {
        let is_new = |(who, _): &&(Who, Proof)| !self.asked.contains(who);
        self.plan.stages.iter().find(is_new)
    }

    /// Asks the next who is to be asked, or ends. `message` is what has to be said before.
    fn next(&mut self, message: Message, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        match self.upcoming().cloned() {
            Some((who, proof)) => self.ask(message, who, &proof, context),
            None => self.end(message, keying, context),
        }
    }

    fn ask(
        &mut self,
        message: Message,
        who: Who,
        proof: &Proof,
        context: &mut Context<'_>,
    ) -> Move {
        self.asked.push(who);
        self.at = Some(who);
        self.is_open = true;
        let message = message.identity(who);
        match proof {
            Proof::Password(prompt) => {
                self.state = State::Password;
                Move::Say(message.password_request(prompt).octets())
            }
            Proof::Eap(offer) => {
                let mut inner = Inner::new(Type::TEAP, Arc::clone(offer));
                match inner.begin(context) {
                    InnerStep::Request(packet) => {
                        self.state = State::Eap(Box::new(inner));
                        Move::Say(message.eap(&packet).octets())
                    }
                    InnerStep::Failed(failure) => Move::Failed(failure),
                    InnerStep::Ask(_) | InnerStep::Succeeded(_) => {
                        Move::Failed(broken("an EAP method inside begins with its end"))
                    }
                }
            }
        }
    }

    /// Says that all went well, if it did.
    fn end(&mut self, message: Message, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        let has = |who: Who| {
            self.proven
                .iter()
                .chain(&self.unbound)
                .any(|(other, _)| *other == who)
        };
        let missing = self
            .plan
            .stages
            .iter()
            .map(|(who, _)| *who)
            .find(|who| !has(*who));
        let nobody = self.proven.is_empty() && self.unbound.is_none();
        if let Some(missing) = missing.filter(|_| nobody || self.plan.needed == Needed::All) {
            return self.fail(Message::default(), Failure::NoSuchIdentity(missing.words()));
        }
        if nobody {
            let failure = Failure::InnerNotOffered(Means::alone(Type::TEAP));
            return self.fail(Message::default(), failure);
        }
        self.state = State::Ending;
        self.due.result = true;
        let message = message.result(Status::Success);
        if self.due.binding.is_some() {
            return Move::Say(message.octets());
        }
        // The last binding has been answered already, or there was no method to bind.
        self.bind(message, keying, context)
    }

    /// Adds a binding to what is said.
    fn bind(&mut self, message: Message, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        match self.binding(keying, context) {
            Some(binding) => Move::Say(message.binding(&binding).octets()),
            None => Move::keyless(Type::TEAP),
        }
    }

    fn binding(&mut self, keying: &dyn Keying, context: &mut Context<'_>) -> Option<Binding> {
        if self.chain.is_none() {
            let mut chain = Chain::new(self.plan.rules, keying)?;
            if !chain.advance(keying, &InnerKeys::default()) {
                return None;
            }
            self.chain = Some(chain);
        }
        let mut nonce = [0; NONCE_OCTETS];
        context.random.fill(&mut nonce);
        let binding = Binding::request(nonce, self.chain.as_ref()?, &self.outer);
        self.due.binding = Some(binding);
        Some(binding)
    }

    /// Somebody has proven themselves: binds that, and goes on.
    fn proved(
        &mut self,
        success: Success,
        keys: &InnerKeys,
        keying: &dyn Keying,
        context: &mut Context<'_>,
    ) -> Move {
        let Some(who) = self.at.take() else {
            return Move::Failed(broken("somebody proved themselves who was not asked"));
        };
        let chain = self
            .chain
            .take()
            .or_else(|| Chain::new(self.plan.rules, keying));
        let chain = chain.and_then(|mut chain| chain.advance(keying, keys).then_some(chain));
        self.chain = chain;
        if self.chain.is_none() {
            return Move::keyless(Type::TEAP);
        }
        let Some(binding) = self.binding(keying, context) else {
            return Move::keyless(Type::TEAP);
        };
        self.unbound = Some((who, success));
        self.due.intermediate = true;
        let message = Message::default()
            .intermediate(Status::Success)
            .binding(&binding);
        // Not all can take the binding of one and the question to the next in one message.
        if self.plan.rules == Rules::Hostap && self.upcoming().is_some() {
            self.state = State::Bound;
            return Move::Say(message.octets());
        }
        self.next(message, keying, context)
    }

    fn follow(
        &mut self,
        inner: Box<Inner>,
        step: InnerStep,
        keying: &dyn Keying,
        context: &mut Context<'_>,
    ) -> Move {
        match step {
            InnerStep::Request(packet) => {
                self.state = State::Eap(inner);
                Move::Say(Message::default().eap(&packet).octets())
            }
            InnerStep::Ask(question) => {
                self.state = State::Eap(inner);
                Move::Ask(question)
            }
            InnerStep::Succeeded(inner) => {
                if inner.is_resumed() {
                    return Move::Failed(broken("a session is resumed inside the tunnel"));
                }
                let keys =
                    InnerKeys::of_method(self.plan.rules, inner.means(), inner.msk(), inner.emsk());
                self.proved(of_inner(&inner, Type::TEAP), &keys, keying, context)
            }
            InnerStep::Failed(failure) => self.refuse(failure),
        }
    }

    fn refuse(&mut self, failure: Failure) -> Move {
        let message = Message::default()
            .intermediate(Status::Failure)
            .error(error::INNER_METHOD);
        self.fail(message, failure)
    }

    /// Checks what the peer owes, in the order in which it counts (RFC 9930 section 4.3).
    fn settle(&mut self, said: &Said<'_>) -> Result<(), Move> {
        let has_failed = said.result == Some(Status::Failure)
            || said.intermediate == Some(Status::Failure)
            || said.error.is_some_and(|code| code >= error::FATAL);
        let due = std::mem::take(&mut self.due);
        match (due.binding, said.binding) {
            (Some(request), Some(response)) => {
                let is_right = self.chain.as_ref().is_some_and(|chain| {
                    self.is_by_emsk = response.is_by_emsk(chain);
                    response.is_right_response(&request, chain, &self.outer)
                });
                if !is_right {
                    let failure = Failure::CryptoBinding(Type::TEAP);
                    return Err(self.fatal(error::TUNNEL_COMPROMISED, failure));
                }
            }
            (Some(_), None) if !has_failed => {
                let failure = Failure::NoCryptoBinding(Type::TEAP);
                return Err(self.fatal(error::TUNNEL_COMPROMISED, failure));
            }
            (None, Some(_)) => return Err(self.unexpected("it binds what was not to be bound")),
            _ => {}
        }
        if has_failed {
            let is_compromised = said.error == Some(error::TUNNEL_COMPROMISED);
            return Err(Move::Failed(if is_compromised {
                Failure::CryptoBinding(Type::TEAP)
            } else {
                Failure::PeerEnded(Type::TEAP)
            }));
        }
        match (due.intermediate, said.intermediate) {
            (true, Some(_)) => self.proven.extend(self.unbound.take()),
            (true, None) => return Err(self.unexpected("it does not say how the method went")),
            (false, Some(_)) => {
                return Err(self.unexpected("it says how a method went that was none"));
            }
            (false, None) => {}
        }
        match (due.result, said.result) {
            (false, Some(_)) => Err(self.unexpected("it says that it succeeded before it has")),
            (true, None) if said.action.is_none() => {
                Err(self.unexpected("it does not say how it went"))
            }
            _ => Ok(()),
        }
    }

    fn unexpected(&mut self, what: &'static str) -> Move {
        self.fatal(error::UNEXPECTED, broken(what))
    }

    fn ended(&mut self, said: &Said<'_>, keying: &dyn Keying) -> Move {
        if said.result != Some(Status::Success) {
            // It wants something done first, and says what it is if that is not done: nothing is.
            return match said.action {
                Some(Status::Success) => {
                    self.state = State::Ending;
                    self.due.result = true;
                    Move::Say(Message::default().result(Status::Success).octets())
                }
                _ => self.fail(Message::default(), Failure::PeerEnded(Type::TEAP)),
            };
        }
        // The user, if there is one, is who it is about.
        self.proven.sort_by_key(|(who, _)| *who);
        let mut proven = std::mem::take(&mut self.proven)
            .into_iter()
            .map(|(_, success)| success);
        let Some(first) = proven.next() else {
            return Move::Failed(broken("nobody has proven themselves"));
        };
        let success = proven.fold(first, Success::with_other);
        let msk = self
            .chain
            .as_ref()
            .and_then(|chain| chain.msk(keying, self.is_by_emsk));
        match (msk, keying.session_id(Type::TEAP)) {
            (Some(msk), Some(id)) => Move::with_keys(success, msk, id),
            _ => Move::keyless(Type::TEAP),
        }
    }

    /// The device says as what it can prove itself. False where it has not what is asked.
    fn is_identity_fine(&mut self, said: &Said<'_>) -> bool {
        if !std::mem::take(&mut self.is_open) {
            return true;
        }
        match said.identity {
            Some(other) if Some(other) != self.at => {
                let is_new = !self.asked.contains(&other)
                    && self.plan.stages.iter().any(|(who, _)| *who == other);
                if is_new {
                    // It goes on as what it has (RFC 9930 section 4.2.3).
                    self.asked.push(other);
                    self.at = Some(other);
                }
                is_new
            }
            _ => true,
        }
    }

    fn stage(&mut self, said: &Said<'_>, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        let before = self.at;
        if !self.is_identity_fine(said) {
            self.at = None;
            return self.next(Message::default(), keying, context);
        }
        let is_same = before == self.at;
        match std::mem::replace(&mut self.state, State::Over) {
            // Another identity is asked in its own way.
            _ if !is_same => self.again(said, keying, context),
            State::Eap(mut inner) => match said.eap {
                Some(packet) => {
                    let step = inner.receive(packet, context);
                    self.follow(inner, step, keying, context)
                }
                None => self.unexpected("there is no EAP packet inside where one is due"),
            },
            State::Password => match &said.password {
                Some(([], _)) => self.refuse(Failure::NoInnerIdentity(PASSWORD)),
                Some((_, password)) if password.reveal().is_empty() => {
                    self.refuse(Failure::WrongPassword(PASSWORD))
                }
                Some((name, password)) => {
                    self.state = State::Checking;
                    Move::Ask(Question::Password {
                        identity: name.to_vec(),
                        password: password.clone(),
                        means: PASSWORD,
                    })
                }
                None if !said.naks.is_empty() => {
                    self.refuse(Failure::InnerNotOffered(Means::alone(Type::TEAP)))
                }
                None => self.unexpected("there is no password inside where one is due"),
            },
            _ => self.unexpected("it goes on inside out of turn"),
        }
    }

    /// Asks whom the device has, instead of whom it was asked for.
    fn again(&mut self, said: &Said<'_>, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        let plan = Arc::clone(&self.plan);
        let stage = plan.stages.iter().find(|(who, _)| Some(*who) == self.at);
        let Some((who, proof)) = stage else {
            return self.unexpected("it is neither user nor machine");
        };
        let (Proof::Eap(offer), Some(packet)) = (proof, said.eap) else {
            self.asked.retain(|other| other != who);
            return self.ask(Message::default(), *who, proof, context);
        };
        // It has said who it is already.
        let mut inner = Box::new(Inner::new(Type::TEAP, Arc::clone(offer)));
        let step = inner.receive(packet, context);
        self.follow(inner, step, keying, context)
    }

    fn certificate(
        &mut self,
        answer: Answer,
        keying: &dyn Keying,
        context: &mut Context<'_>,
    ) -> Move {
        match Verified::by_answer(answer) {
            Some((verified, name)) => {
                let success = Success::new(verified, name, Means::alone(Type::TEAP));
                self.proven.push((Who::Machine, success));
                self.asked.push(Who::Machine);
                self.next(Message::default(), keying, context)
            }
            None => self.fail(Message::default(), Failure::Refused),
        }
    }
}

impl Inside for Phase2 {
    fn outer(&mut self, tlvs: &[u8]) {
        self.outer.extend_from_slice(tlvs);
    }

    fn begin(&mut self, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        let chain = keying.chain();
        if chain.is_empty() {
            return self.next(Message::default(), keying, context);
        }
        self.state = State::Certificate;
        Move::Ask(Question::Certificate {
            identity: context.identity.to_vec(),
            chain: chain.into(),
            means: Means::alone(Type::TEAP),
        })
    }

    fn receive(&mut self, plain: &[u8], keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        if let State::Failing(failure) = &self.state {
            return Move::Failed(failure.clone());
        }
        // Hints may come before the server has spoken (RFC 9930 section 3.6), and count for
        // nothing.
        let said = match Said::parse(plain) {
            Ok(said) => said,
            Err(what) => return self.unexpected(what),
        };
        if let Some(unknown) = said.unknown {
            if said.result.is_some() {
                return self.unexpected("it demands a TLV that is not known here");
            }
            return Move::Say(Message::default().nak(unknown).octets());
        }
        if matches!(self.state, State::Silent) {
            return self.begin(keying, context);
        }
        if let Err(end) = self.settle(&said) {
            return end;
        }
        match self.state {
            State::Ending => return self.ended(&said, keying),
            State::Bound => return self.next(Message::default(), keying, context),
            _ => {}
        }
        self.stage(&said, keying, context)
    }

    fn answer(&mut self, answer: Answer, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Certificate => self.certificate(answer, keying, context),
            State::Eap(mut inner) => {
                let step = inner.answer(answer, context);
                self.follow(inner, step, keying, context)
            }
            State::Checking => {
                if matches!(answer, Answer::Wrong) {
                    return self.refuse(Failure::WrongPassword(PASSWORD));
                }
                match Verified::by_answer(answer) {
                    Some((verified, name)) => {
                        let success = Success::new(verified, name, PASSWORD);
                        self.proved(success, &InnerKeys::default(), keying, context)
                    }
                    None => self.refuse(Failure::Refused),
                }
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
        self.proven.push((Who::User, resumed.success()));
        self.state = State::Ending;
        self.due.result = true;
        self.bind(Message::default().result(Status::Success), keying, context)
    }
}
