//! The two sides of each method, and a talk between them.

use std::sync::Arc;

use portreeve_auth::{
    Credential,
    eap::{
        Answer, Conversation, Failure, Means, Offer, Offered, Packet, Password, Question, Step,
        Success, Surroundings, Type, gtc, md5, mschapv2, packet,
        peer::{Outcome, Supplicant, Trouble, Turn, Usable},
        pwd,
    },
    mschap::NtHash,
};

pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const PLENTY: usize = 1020;

/// A method, both sides of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    Md5,
    Gtc,
    Mschapv2,
    Pwd(pwd::Group, pwd::Preparation),
}

pub(crate) const PWD: Pair = Pair::Pwd(pwd::Group::P256, pwd::Preparation::None);
pub(crate) const PAIRS: [Pair; 6] = [
    Pair::Md5,
    Pair::Gtc,
    Pair::Mschapv2,
    PWD,
    Pair::Pwd(pwd::Group::P384, pwd::Preparation::None),
    Pair::Pwd(pwd::Group::P256, pwd::Preparation::Rfc2759),
];

impl Pair {
    pub(crate) const fn kind(self) -> Type {
        match self {
            Self::Md5 => Type::MD5,
            Self::Gtc => Type::GTC,
            Self::Mschapv2 => Type::MSCHAPV2,
            Self::Pwd(..) => Type::PWD,
        }
    }

    pub(crate) fn server(self, means: Means) -> Arc<dyn Offered> {
        match self {
            Self::Md5 => Arc::new(md5::Server::new(means)),
            Self::Gtc => Arc::new(gtc::Server::new(means)),
            Self::Mschapv2 => Arc::new(mschapv2::Server::new(means)),
            Self::Pwd(group, preparation) => Arc::new(
                pwd::Server::new(means)
                    .with_name("radius.example.com")
                    .with_group(group)
                    .with_preparation(preparation),
            ),
        }
    }

    pub(crate) fn peer(self, password: &str) -> Arc<dyn Usable> {
        match self {
            Self::Md5 => Arc::new(md5::Peer::new(Password::new(password))),
            Self::Gtc => Arc::new(gtc::Peer::new(Password::new(password))),
            Self::Mschapv2 => Arc::new(mschapv2::Peer::new(NtHash::of(password).unwrap())),
            Self::Pwd(..) => Arc::new(pwd::Peer::new(Password::new(password))),
        }
    }

    pub(crate) const fn makes_keys(self) -> bool {
        matches!(self, Self::Mschapv2 | Self::Pwd(..))
    }
}

/// Octets that look random, and are the same in every run of a test.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()[0]
    }
}

pub(crate) fn around<R>(
    dice: &mut Dice,
    mtu: usize,
    run: impl FnOnce(&mut Surroundings<'_>) -> R,
) -> R {
    let mut random = |octets: &mut [u8]| octets.fill_with(|| dice.roll());
    run(&mut Surroundings {
        random: &mut random,
        unix_s: 1_800_000_000,
        mtu,
    })
}

/// The server's side, with a caller that knows `tim` and how he is stored.
pub(crate) struct Server {
    pub(crate) conversation: Conversation,
    pub(crate) offer: Arc<Offer>,
    pub(crate) stored: Credential,
    pub(crate) dice: Dice,
    pub(crate) mtu: usize,
}

impl Server {
    pub(crate) fn new(method: Arc<dyn Offered>) -> Self {
        Self {
            conversation: Conversation::new(),
            offer: Arc::new(Offer::nothing().with_shared(method)),
            stored: Credential::clear(PASSWORD).unwrap(),
            dice: Dice(0x5eed_0001),
            mtu: PLENTY,
        }
    }

    pub(crate) fn of(pair: Pair) -> Self {
        Self::new(pair.server(Means::alone(pair.kind())))
    }

    pub(crate) fn receive(&mut self, octets: &[u8]) -> Step {
        let conversation = &mut self.conversation;
        let mut step = around(&mut self.dice, self.mtu, |around| {
            conversation.receive(octets, around)
        });
        while let Step::Ask(question) = step {
            let answer = self.look_up(&question);
            let conversation = &mut self.conversation;
            step = around(&mut self.dice, self.mtu, |around| {
                conversation.answer(answer, around)
            });
        }
        step
    }

    pub(crate) fn look_up(&self, question: &Question) -> Answer {
        match question {
            Question::Begin { .. } => Answer::Offer(Arc::clone(&self.offer)),
            Question::Credential { identity, .. } if is_tim(identity) => {
                Answer::Credential(self.stored.clone())
            }
            Question::Password {
                identity, password, ..
            } if is_tim(identity) => {
                if self.stored.verify_pap(password.reveal()).is_match() {
                    Answer::Right(b"tim".to_vec())
                } else {
                    Answer::Wrong
                }
            }
            _ => Answer::Refused,
        }
    }

    /// Says type data in answer to the last Request.
    pub(crate) fn say(&mut self, kind: Type, data: &[u8]) -> Step {
        let identifier = self.identifier();
        self.receive(&packet::response(identifier, kind, data).unwrap())
    }

    pub(crate) fn identifier(&self) -> u8 {
        self.conversation.last_request()[1]
    }

    /// Begins as somebody; the method's first Request.
    pub(crate) fn greet(&mut self, identity: &[u8]) -> Vec<u8> {
        let hello = packet::response(7, Type::IDENTITY, identity).unwrap();
        data(&sent(self.receive(&hello)))
    }
}

pub(crate) fn is_tim(identity: &[u8]) -> bool {
    [&b"tim"[..], b"OFFICE\\tim", b"User"].contains(&identity)
}

pub(crate) struct Client {
    pub(crate) supplicant: Supplicant,
    pub(crate) dice: Dice,
    pub(crate) mtu: usize,
}

impl Client {
    pub(crate) fn new(pair: Pair, identity: &str, password: &str) -> Self {
        Self {
            supplicant: Supplicant::new(identity, vec![pair.peer(password)]),
            dice: Dice(0x5eed_0002),
            mtu: PLENTY,
        }
    }

    pub(crate) fn receive(&mut self, octets: &[u8]) -> Turn {
        let supplicant = &mut self.supplicant;
        around(&mut self.dice, self.mtu, |around| {
            supplicant.receive(octets, around)
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Server,
    Peer,
}

/// How a conversation ends.
#[derive(Debug)]
pub(crate) enum End {
    In(Box<Success>, Outcome),
    Out(Failure, Trouble),
    /// The peer says nothing more.
    PeerLeft(Trouble),
    /// What came was ignored by one side, and nothing else comes.
    Stuck,
    /// The server says success and the peer does not believe it.
    Disbelieved,
}

impl End {
    pub(crate) const fn is_accept(&self) -> bool {
        matches!(self, Self::In(..) | Self::Disbelieved)
    }
}

/// Lets both talk, with somebody between them who sees each message, and may change it.
pub(crate) fn talk(
    server: &mut Server,
    client: &mut Client,
    mut between: impl FnMut(To, &mut Vec<u8>),
) -> End {
    let mut response = client.supplicant.begin(7).unwrap();
    loop {
        between(To::Server, &mut response);
        match server.receive(&response) {
            Step::Send(mut request) => {
                between(To::Peer, &mut request);
                match client.receive(&request) {
                    Turn::Respond(next) => response = next,
                    Turn::Failed(trouble) => return End::PeerLeft(trouble),
                    Turn::Ignored(_) => return End::Stuck,
                    Turn::Succeeded(_) => panic!("a request is no success"),
                }
            }
            Step::Succeeded(success, packet) => {
                return match client.receive(&packet) {
                    Turn::Succeeded(outcome) => End::In(success, outcome),
                    _ => End::Disbelieved,
                };
            }
            Step::Failed(failure, packet) => {
                return match client.receive(&packet) {
                    Turn::Failed(trouble) => End::Out(failure, trouble),
                    other => panic!("{other:?}"),
                };
            }
            Step::Ignored(_) => return End::Stuck,
            Step::Ask(_) => panic!("it was answered"),
        }
    }
}

pub(crate) fn undisturbed(_: To, _: &mut Vec<u8>) {}

pub(crate) fn sent(step: Step) -> Vec<u8> {
    match step {
        Step::Send(octets) => octets,
        other => panic!("not sent: {other:?}"),
    }
}

pub(crate) fn failed(step: Step) -> Failure {
    match step {
        Step::Failed(failure, _) => failure,
        other => panic!("not failed: {other:?}"),
    }
}

pub(crate) fn broken(step: Step) -> &'static str {
    match failed(step) {
        Failure::Broken { what, .. } => what,
        other => panic!("not broken: {other:?}"),
    }
}

/// The type data of a packet.
pub(crate) fn data(octets: &[u8]) -> Vec<u8> {
    Packet::parse(octets).unwrap().body().unwrap().1.to_vec()
}
