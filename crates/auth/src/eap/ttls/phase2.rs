//! What goes on inside a TTLS tunnel, on the server's side (RFC 5281 section 11).

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{
    avp::{self, Avp, Code},
    plain::{self, Attempt, Checked},
};
use crate::{
    Method as Plain,
    eap::{
        Answer, Context, Failure, Means, Offer, Success, Type, Verified,
        tls::Version,
        tunnel::{Inner, InnerStep, Inside, Keying, Move, Rejoined},
    },
};

/// What the server says where nothing is to be proven: one octet (RFC 9190 section 2.5).
const COMMITMENT: [u8; 1] = [0];

pub(super) struct Phase2 {
    plain: Arc<[Plain]>,
    inner: Arc<Offer>,
    state: State,
}

enum State {
    /// Waits for the peer to begin; whether it has been prompted to.
    Waiting {
        is_prompted: bool,
    },
    /// Waits for the caller, who is asked about a password.
    Asking {
        attempt: Attempt,
        user: Vec<u8>,
    },
    /// Waits for the peer to agree with the server's proof.
    Agreeing(Box<Success>),
    /// An EAP method is at work.
    Inner(Box<Inner>),
    /// The session is resumed; waits for the peer to agree.
    Resuming(Box<Success>),
    Over,
}

const fn broken(what: &'static str) -> Failure {
    Failure::Broken {
        method: Type::TTLS,
        what,
    }
}

impl Phase2 {
    pub(super) const fn new(plain: Arc<[Plain]>, inner: Arc<Offer>) -> Self {
        Self {
            plain,
            inner,
            state: State::Waiting { is_prompted: false },
        }
    }

    fn first(&mut self, octets: &[u8], keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        let attempt = read(octets).and_then(|avps| {
            if let Some(packet) = eap_message(&avps) {
                return Ok(First::Eap(packet));
            }
            self.attempt(&avps, keying)
        });
        match attempt {
            Ok(First::Eap(packet)) => {
                let mut inner = Inner::new(Type::TTLS, Arc::clone(&self.inner));
                let step = inner.receive(&packet, context);
                self.follow(Box::new(inner), step, keying)
            }
            Ok(First::Plain(attempt, user)) => {
                let question = attempt.question(user.clone());
                self.state = State::Asking { attempt, user };
                Move::Ask(question)
            }
            Err(failure) => Move::Failed(failure),
        }
    }

    fn attempt(&self, avps: &[Avp<'_>], keying: &dyn Keying) -> Result<First, Failure> {
        let kind = Attempt::kind(avps).ok_or(broken("there is no log-in inside"))?;
        if !self.plain.contains(&kind) {
            return Err(Failure::InnerNotOffered(plain::means(kind)));
        }
        let user = avps.iter().find(|avp| avp.code == Code::USER_NAME);
        let user = user.map(|avp| avp.data).unwrap_or_default();
        if user.is_empty() {
            return Err(Failure::NoInnerIdentity(plain::means(kind)));
        }
        let attempt = Attempt::read(kind, avps, keying)?;
        Ok(First::Plain(attempt, user.to_vec()))
    }

    /// Another packet of the inner EAP conversation.
    fn next(
        &mut self,
        mut inner: Box<Inner>,
        octets: &[u8],
        keying: &dyn Keying,
        context: &mut Context<'_>,
    ) -> Move {
        let packet = read(octets).and_then(|avps| {
            eap_message(&avps).ok_or(broken("there is no EAP packet inside where one is due"))
        });
        match packet {
            Ok(packet) => {
                let step = inner.receive(&packet, context);
                self.follow(inner, step, keying)
            }
            Err(failure) => Move::Failed(failure),
        }
    }

    fn follow(&mut self, inner: Box<Inner>, step: InnerStep, keying: &dyn Keying) -> Move {
        match step {
            InnerStep::Request(packet) => {
                self.state = State::Inner(inner);
                let avps = avp::Writer::default().with(Code::EAP_MESSAGE, &packet);
                Move::Say(avps.octets().to_vec())
            }
            InnerStep::Ask(question) => {
                self.state = State::Inner(inner);
                Move::Ask(question)
            }
            InnerStep::Succeeded(inner) => Move::by_inner(&inner, Type::TTLS, keying),
            InnerStep::Failed(failure) => Move::Failed(failure),
        }
    }

    fn checked(
        &mut self,
        attempt: &Attempt,
        user: Vec<u8>,
        answer: Answer,
        keying: &dyn Keying,
    ) -> Move {
        let means = plain::means(attempt.method());
        let (attempt, credential) = match (attempt, answer) {
            (Attempt::Pap(_), Answer::Wrong) => {
                return Move::Failed(Failure::WrongPassword(means));
            }
            (Attempt::Pap(_), answer) => {
                return match Verified::by_answer(answer) {
                    Some((verified, name)) => keyed(Success::new(verified, name, means), keying),
                    None => Move::Failed(Failure::Refused),
                };
            }
            (attempt, Answer::Credential(credential)) => (attempt, credential),
            _ => return Move::Failed(Failure::Refused),
        };
        match attempt.check(&user, &credential) {
            Checked::Right(verified) => keyed(Success::new(verified, user, means), keying),
            Checked::RightWith(verified, proof) => {
                let success = Success::new(verified, user, means);
                self.state = State::Agreeing(Box::new(success));
                Move::Say(proof.to_vec())
            }
            Checked::Wrong(failure) => Move::Failed(failure),
        }
    }
}

fn keyed(success: Success, keying: &dyn Keying) -> Move {
    Move::keyed(success, Type::TTLS, keying)
}

enum First {
    Eap(Zeroizing<Vec<u8>>),
    Plain(Attempt, Vec<u8>),
}

/// What log-ins are made of; each at most once, but for EAP-Message, and only one of them at a
/// time.
const LOG_INS: [Code; 5] = [
    Code::EAP_MESSAGE,
    Code::USER_PASSWORD,
    Code::CHAP_PASSWORD,
    Code::MS_CHAP_RESPONSE,
    Code::MS_CHAP2_RESPONSE,
];
const OTHERS: [Code; 3] = [
    Code::USER_NAME,
    Code::CHAP_CHALLENGE,
    Code::MS_CHAP_CHALLENGE,
];

/// Reads attributes and leaves out those that are not known here and need not be.
fn read(octets: &[u8]) -> Result<Vec<Avp<'_>>, Failure> {
    let avps = avp::parse(octets).map_err(|_| broken("its attributes inside are not whole"))?;
    let mut known: Vec<Avp<'_>> = Vec::with_capacity(avps.len());
    let mut log_in = None;
    for avp in avps {
        let is_log_in = LOG_INS.contains(&avp.code);
        if !is_log_in && !OTHERS.contains(&avp.code) {
            if avp.is_mandatory {
                return Err(broken(
                    "it demands an attribute inside that is not known here",
                ));
            }
            continue;
        }
        if is_log_in
            && log_in
                .replace(avp.code)
                .is_some_and(|other| other != avp.code)
        {
            return Err(broken("it tries several methods inside at once"));
        }
        let is_double = known.iter().any(|other| other.code == avp.code);
        if is_double && avp.code != Code::EAP_MESSAGE {
            return Err(broken("it gives an attribute inside twice"));
        }
        known.push(avp);
    }
    Ok(known)
}

/// The EAP packet, if there is one.
fn eap_message(avps: &[Avp<'_>]) -> Option<Zeroizing<Vec<u8>>> {
    let mut parts = avps
        .iter()
        .filter(|avp| avp.code == Code::EAP_MESSAGE)
        .map(|avp| avp.data)
        .peekable();
    parts.peek()?;
    Some(Zeroizing::new(parts.collect::<Vec<_>>().concat()))
}

impl Inside for Phase2 {
    /// The peer speaks first. Where it does not, it is prompted once.
    fn begin(&mut self, _: &dyn Keying, _: &mut Context<'_>) -> Move {
        self.state = State::Waiting { is_prompted: true };
        Move::Listen
    }

    fn receive(&mut self, plain: &[u8], keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Waiting { is_prompted: false } if plain.is_empty() => {
                self.begin(keying, context)
            }
            State::Waiting { .. } if plain.is_empty() => {
                Move::Failed(Failure::NoInnerIdentity(Means::alone(Type::TTLS)))
            }
            State::Agreeing(success) | State::Resuming(success) if plain.is_empty() => {
                keyed(*success, keying)
            }
            // Who speaks where a session is resumed does not want to be let in for its sake.
            State::Waiting { .. } | State::Resuming(_) => self.first(plain, keying, context),
            State::Inner(inner) => self.next(inner, plain, keying, context),
            State::Agreeing(_) => Move::Failed(broken("it goes on inside after the log-in")),
            State::Asking { .. } | State::Over => {
                Move::Failed(broken("it goes on inside out of turn"))
            }
        }
    }

    fn answer(&mut self, answer: Answer, keying: &dyn Keying, context: &mut Context<'_>) -> Move {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Asking { attempt, user } => self.checked(&attempt, user, answer, keying),
            State::Inner(mut inner) => {
                let step = inner.answer(answer, context);
                self.follow(inner, step, keying)
            }
            _ => Move::Failed(Failure::Refused),
        }
    }

    fn resume(&mut self, resumed: Rejoined, keying: &dyn Keying, _: &mut Context<'_>) -> Move {
        let success = resumed.success();
        if keying.version() == Some(Version::Tls12) {
            return keyed(success, keying);
        }
        self.state = State::Resuming(Box::new(success));
        Move::Say(COMMITMENT.to_vec())
    }
}
