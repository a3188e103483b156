//! A server and a peer, and what lies between them.

use std::sync::Arc;

use portreeve_auth::eap::{
    Answer, Conversation, Failure, Offer, Question, Step, Success, Surroundings,
    peer::{Outcome, Supplicant, Trouble, Turn, Usable},
    tls::{EapTls, EapTlsPeer, PeerSettings, Settings},
};

use crate::pki::NOW;

/// Who answers the server's questions.
pub(crate) type Answerer<'a> = &'a mut dyn FnMut(Question) -> Answer;
/// What happens to a packet on its way: nothing is sent where nothing is left of it.
pub(crate) type Tamper<'a> = &'a mut dyn FnMut(Towards, usize, Vec<u8>) -> Vec<u8>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Towards {
    Peer,
    Server,
}

/// How it ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) success: Option<Box<Success>>,
    pub(crate) failure: Option<Failure>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) trouble: Option<Trouble>,
    /// All packets in order, up to the Success or Failure.
    pub(crate) packets: Vec<(Towards, Vec<u8>)>,
}

impl Ended {
    #[track_caller]
    pub(crate) fn success(self) -> Box<Success> {
        let Self {
            failure, trouble, ..
        } = &self;
        assert!(self.success.is_some(), "{failure:?} {trouble:?}");
        self.success.unwrap()
    }

    #[track_caller]
    pub(crate) fn failure(&self) -> &Failure {
        assert!(self.success.is_none());
        self.failure.as_ref().unwrap()
    }
}

pub(crate) struct World<'a> {
    pub(crate) mtu: usize,
    pub(crate) unix_s: u64,
    pub(crate) answer: Answerer<'a>,
    pub(crate) tamper: Tamper<'a>,
}

/// Any certificate is its subject's, and any session may be resumed.
pub(crate) fn right(question: Question) -> Answer {
    match question {
        Question::Certificate { identity, .. } | Question::Resumed { identity, .. } => {
            Answer::Right(identity)
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn untouched(_: Towards, _: usize, octets: Vec<u8>) -> Vec<u8> {
    octets
}

/// Runs EAP-TLS from beginning to end.
pub(crate) fn run(settings: &Arc<Settings>, peer: &PeerSettings, mtu: usize) -> Ended {
    run_at(settings, peer, mtu, NOW)
}

pub(crate) fn run_at(
    settings: &Arc<Settings>,
    peer: &PeerSettings,
    mtu: usize,
    unix_s: u64,
) -> Ended {
    let world = World {
        mtu,
        unix_s,
        answer: &mut right,
        tamper: &mut untouched,
    };
    world.run(settings, peer)
}

impl World<'_> {
    pub(crate) fn run(self, settings: &Arc<Settings>, peer: &PeerSettings) -> Ended {
        let offer = Offer::nothing().with(EapTls::new(Arc::clone(settings)));
        let usable: Arc<dyn Usable> = Arc::new(EapTlsPeer::new(peer.clone()));
        self.meet(offer.into(), Supplicant::new("tim", vec![usable]))
    }

    pub(crate) fn meet(self, offer: Arc<Offer>, mut supplicant: Supplicant) -> Ended {
        let mut ended = Ended::default();
        let mut conversation = Conversation::new();
        let mut random = |octets: &mut [u8]| octets.fill(7);
        let mut around = Surroundings {
            random: &mut random,
            unix_s: self.unix_s,
            mtu: self.mtu,
        };
        let mut step = conversation.receive(&[], &mut around);
        loop {
            while let Step::Ask(question) = step {
                let answer = match question {
                    Question::Begin { .. } => Answer::Offer(Arc::clone(&offer)),
                    question => (self.answer)(question),
                };
                step = conversation.answer(answer, &mut around);
            }
            let request = match step {
                Step::Send(request) => {
                    assert!(request.len() <= self.mtu, "{} octets", request.len());
                    let number = ended.packets.len();
                    ended.packets.push((Towards::Peer, request.clone()));
                    (self.tamper)(Towards::Peer, number, request)
                }
                Step::Succeeded(success, packet) => {
                    ended.success = Some(success);
                    packet.to_vec()
                }
                Step::Failed(failure, packet) => {
                    ended.failure = Some(failure);
                    packet.to_vec()
                }
                Step::Ask(_) | Step::Ignored(_) => return ended,
            };
            match supplicant.receive(&request, &mut around) {
                Turn::Respond(response) => {
                    assert!(response.len() <= self.mtu, "{} octets", response.len());
                    let number = ended.packets.len();
                    ended.packets.push((Towards::Server, response.clone()));
                    let response = (self.tamper)(Towards::Server, number, response);
                    if response.is_empty() {
                        return ended;
                    }
                    step = conversation.receive(&response, &mut around);
                }
                Turn::Succeeded(outcome) => {
                    ended.outcome = Some(outcome);
                    return ended;
                }
                Turn::Failed(trouble) => {
                    ended.trouble = Some(trouble);
                    return ended;
                }
                Turn::Ignored(_) => return ended,
            }
        }
    }
}
