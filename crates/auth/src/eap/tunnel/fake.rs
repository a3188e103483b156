//! A TLS session that is none, so that the inner halves can be tried by themselves.

use portreeve_proto::Random;
use zeroize::Zeroizing;

use super::{
    Inside, Keying, Move, Rejoined,
    peer::{PeerInside, PeerMove},
    prf,
};
use crate::{
    Credential,
    eap::{
        Answer, Context, Failure, MSK_OCTETS, Means, Msk, Question, Success, Type, Verified,
        peer::Trouble,
        tls::{Hash, Keys, Version},
    },
};

/// Both sides have the same one.
#[derive(Clone, Debug)]
pub(crate) struct FakeTls {
    pub(crate) version: Version,
    pub(crate) secret: [u8; 32],
    pub(crate) is_resumed: bool,
}

impl FakeTls {
    pub(crate) fn of(version: Version) -> Self {
        Self {
            version,
            secret: [7; 32],
            is_resumed: false,
        }
    }

    pub(crate) fn resumed(version: Version) -> Self {
        Self {
            is_resumed: true,
            ..Self::of(version)
        }
    }
}

impl Keying for FakeTls {
    fn version(&self) -> Option<Version> {
        Some(self.version)
    }

    fn hash(&self) -> Option<Hash> {
        Some(Hash::Sha384)
    }

    fn export(&self, label: &str, context: Option<&[u8]>, out: &mut [u8]) -> bool {
        let context = context.unwrap_or_default();
        let mut number = 0_u32;
        for chunk in out.chunks_mut(32) {
            number += 1;
            let parts = [label.as_bytes(), b"\0", context, &number.to_be_bytes()];
            let block = prf::Hash::Sha256.mac(&self.secret, &parts);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        true
    }

    fn keys(&self, kind: Type) -> Option<Keys> {
        let mut material = [0; 2 * MSK_OCTETS];
        let _exported = self.export("keys", Some(&[kind.short()?]), &mut material);
        Some(Keys {
            msk: Msk::new(*material.first_chunk()?),
            emsk: Zeroizing::new(*material.last_chunk()?),
            session_id: self.session_id(kind)?,
        })
    }

    fn session_id(&self, kind: Type) -> Option<Vec<u8>> {
        Some(vec![kind.short()?, 1, 2, 3])
    }

    fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    fn chain(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// Whom a message is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Server,
    Peer,
}

/// How a conversation ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The server says yes, and the peer agrees; the keys are the same.
    Accept(Box<Success>),
    /// The server says yes, and the peer has not what it wants, or other keys.
    OneSided,
    Reject(Failure),
    /// The peer does not go on.
    #[expect(dead_code, reason = "it is printed where a test fails")]
    Left(Trouble),
}

impl End {
    pub(crate) const fn is_accept(&self) -> bool {
        matches!(self, Self::Accept(_))
    }

    pub(crate) const fn is_yes(&self) -> bool {
        matches!(self, Self::Accept(_) | Self::OneSided)
    }

    #[track_caller]
    pub(crate) fn accepted(self) -> Success {
        match self {
            Self::Accept(success) => *success,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Reject(failure) => failure.label(),
            other => panic!("{other:?}"),
        }
    }
}

/// Numbers that nobody could guess who does not know where they begin.
pub(crate) struct Dice(u64);

impl Random for Dice {
    fn fill(&mut self, octets: &mut [u8]) {
        for octet in octets {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *octet = self.0.to_be_bytes()[1];
        }
    }
}

/// Both inner halves, with nothing between them.
pub(crate) struct Room<'a> {
    pub(crate) server: &'a mut dyn Inside,
    pub(crate) peer: &'a mut dyn PeerInside,
    pub(crate) tls: FakeTls,
    /// Who knows the answers.
    pub(crate) knows: &'a dyn Fn(Question) -> Answer,
}

/// The password of both.
pub(crate) const PASSWORD: &str = "Mellon1";

/// What is known of tim, and of a machine; nobody else is known.
pub(crate) fn knows(question: Question) -> Answer {
    let is_known = |name: &[u8]| name == b"tim" || name == b"host/pc7";
    match question {
        Question::Credential { identity, .. } if is_known(&identity) => {
            Answer::Credential(Credential::clear(PASSWORD).unwrap())
        }
        Question::Password {
            identity, password, ..
        } if is_known(&identity) => {
            if password.reveal() == PASSWORD.as_bytes() {
                Answer::Right(identity)
            } else {
                Answer::Wrong
            }
        }
        _ => Answer::Refused,
    }
}

impl Room<'_> {
    /// Talks until the end. `see` may change what is said.
    pub(crate) fn talk(&mut self, mut see: impl FnMut(To, &mut Vec<u8>)) -> End {
        let mut dice = Dice(7);
        let mut identifier = 1_u8;
        let rejoined = Rejoined {
            verified: Verified::by_equality(b"x", b"x").unwrap(),
            identity: b"tim".to_vec(),
            means: Means::alone(Type::PEAP),
        };
        let mut next = if self.tls.is_resumed {
            let context = &mut context(&mut dice, identifier);
            self.server.resume(rejoined, &self.tls, context)
        } else {
            let context = &mut context(&mut dice, identifier);
            self.server.begin(&self.tls, context)
        };
        let mut has_heard = false;
        for _ in 0..100 {
            let mut said = match next {
                Move::Say(said) => said,
                Move::Listen => Vec::new(),
                Move::Ask(question) => {
                    let answer = (self.knows)(question);
                    let context = &mut context(&mut dice, identifier);
                    next = self.server.answer(answer, &self.tls, context);
                    continue;
                }
                Move::Succeeded(success) => return self.end(success),
                Move::Failed(failure) => return End::Reject(failure),
            };
            identifier = identifier.wrapping_add(1);
            see(To::Peer, &mut said);
            let context_of_peer = &mut context(&mut dice, identifier);
            let answer = if said.is_empty() && !has_heard {
                self.peer.begin(&self.tls, context_of_peer)
            } else {
                self.peer.receive(&said, &self.tls, context_of_peer)
            };
            has_heard = true;
            let mut said = match answer {
                PeerMove::Say(said) | PeerMove::GiveUp(said, _) => said,
                PeerMove::Listen => Vec::new(),
                PeerMove::Abort(trouble) => return End::Left(trouble),
            };
            see(To::Server, &mut said);
            let context = &mut context(&mut dice, identifier);
            next = self.server.receive(&said, &self.tls, context);
        }
        panic!("no end");
    }

    fn end(&self, success: Box<Success>) -> End {
        match self.peer.outcome(&self.tls) {
            Some((msk, id)) if success.msk() == Some(&msk) && success.session_id() == id => {
                End::Accept(success)
            }
            _ => End::OneSided,
        }
    }
}

fn context(random: &mut Dice, identifier: u8) -> Context<'_> {
    Context {
        random,
        unix_s: 1_795_262_400,
        room: 1_000,
        identifier,
        next_identifier: identifier.wrapping_add(1),
        identity: b"@example.org",
    }
}

/// Changes each octet of what the peer says inside, one at a time, by each of `masks`, and gives
/// those that the server accepts all the same: number of the message, octet, mask.
pub(crate) fn accepted_changes(
    masks: &[u8],
    mut talk: impl FnMut(&mut dyn FnMut(To, &mut Vec<u8>)) -> End,
) -> Vec<(usize, usize, u8)> {
    let mut lengths = Vec::new();
    let end = talk(&mut |to, said| {
        if to == To::Server {
            lengths.push(said.len());
        }
    });
    assert!(end.is_accept(), "{end:?}");
    let mut accepted = Vec::new();
    for (number, length) in lengths.into_iter().enumerate() {
        for (at, mask) in (0..length).flat_map(|at| masks.iter().map(move |mask| (at, *mask))) {
            let mut seen = 0;
            let end = talk(&mut |to, said| {
                if to == To::Server {
                    if seen == number {
                        said[at] ^= mask;
                    }
                    seen += 1;
                }
            });
            if end.is_yes() {
                accepted.push((number, at, mask));
            }
        }
    }
    accepted
}
