//! What may be resumed, and by whom.

use std::sync::Arc;

use portreeve_auth::eap::{
    Answer, Failure, Inner, Means, Question, Type,
    tls::{
        ClientCertificate, ClientTrust, Peer, PeerSettings, Server, Sessions, Settings, Trouble,
        Version,
    },
};

use crate::{
    pki::{Kind, NOW, Pki},
    world::{Ended, World, run, run_at, untouched},
};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

struct Sides {
    pki: Pki,
    version: Version,
    sessions: Arc<Sessions>,
    settings: Arc<Settings>,
    peer: PeerSettings,
}

impl Sides {
    fn new(version: Version, sessions: Sessions) -> Self {
        let pki = Pki::new(Kind::P256);
        let sessions = Arc::new(sessions);
        let peer = PeerSettings::builder(pki.trust())
            .presenting(pki.tim.identity())
            .resuming()
            .build()
            .unwrap();
        let mut sides = Self {
            settings: pki.server.settings().build().unwrap(),
            pki,
            version,
            sessions,
            peer,
        };
        sides.settings = sides.settings_with(sides.pki.client_trust());
        sides
    }

    fn settings_with(&self, trust: ClientTrust) -> Arc<Settings> {
        let builder = self.pki.server.settings().trusting(trust);
        let builder = builder.versions(self.version, self.version);
        builder
            .resuming(Arc::clone(&self.sessions))
            .build()
            .unwrap()
    }

    fn run_at(&self, unix_s: u64) -> Ended {
        run_at(&self.settings, &self.peer, 1020, unix_s)
    }

    #[track_caller]
    fn kept(self) -> Self {
        let mut success = self.run_at(NOW).success();
        success.keep(b"vlan 7");
        assert_eq!(self.sessions.len(), 1);
        self
    }

    /// One more, with these answers to the questions.
    fn answering(&self, answer: &mut dyn FnMut(Question) -> Answer) -> Ended {
        let world = World {
            mtu: 1020,
            unix_s: NOW + 1,
            answer,
            tamper: &mut untouched,
        };
        world.run(&self.settings, &self.peer)
    }
}

fn each(then: impl Fn(Sides)) {
    for version in VERSIONS {
        then(Sides::new(version, Sessions::new(2, 3600)).kept());
    }
}

#[test]
fn who_it_was_and_the_note_come_back() {
    each(|sides| {
        let mut asked = Vec::new();
        let ended = sides.answering(&mut |question| {
            asked.push(question);
            Answer::Right(b"tim@example".to_vec())
        });
        let success = ended.success();
        assert!(success.is_resumed());
        assert_eq!(success.identity(), b"tim@example");
        let expected = Question::Resumed {
            identity: b"tim".to_vec(),
            chain: sides.pki.tim.chain.clone().into(),
            means: Means::alone(Type::TLS),
            note: b"vlan 7".to_vec(),
        };
        assert_eq!(asked, [expected]);
    });
}

#[test]
fn the_note_can_change() {
    each(|sides| {
        let mut success = sides.run_at(NOW + 1).success();
        success.keep(b"vlan 8");
        let ended = sides.answering(&mut |question| match question {
            Question::Resumed { note, .. } if note == b"vlan 8" => Answer::Right(note),
            other => panic!("{other:?}"),
        });
        assert!(ended.success().is_resumed());
    });
}

#[test]
fn who_may_not_come_in_again_loses_the_session() {
    for (answer, failure) in [
        (Answer::Wrong, Failure::Tls(Trouble::NotResumable)),
        (Answer::Refused, Failure::Refused),
    ] {
        each(|sides| {
            let ended = sides.answering(&mut |_| answer.clone());
            assert_eq!(ended.failure(), &failure);
            assert!(sides.sessions.is_empty());
            assert!(!sides.run_at(NOW + 2).success().is_resumed());
        });
    }
}

#[test]
fn what_is_forgotten_is_not_resumed() {
    each(|sides| {
        assert_eq!(sides.sessions.forget(b"tom"), 0);
        assert_eq!(sides.sessions.forget(b"tim"), 1);
        assert!(!sides.run_at(NOW).success().is_resumed());
    });
    each(|sides| {
        assert_eq!(sides.sessions.forget_serial(&[0x12, 0x35]), 0);
        assert_eq!(sides.sessions.forget_serial(&[0, 0x12, 0x34]), 1);
        assert!(!sides.run_at(NOW).success().is_resumed());
    });
    each(|sides| {
        sides.sessions.forget_all();
        assert!(!sides.run_at(NOW).success().is_resumed());
    });
}

#[test]
fn it_ends_when_its_time_is_over_and_resuming_does_not_make_it_longer() {
    each(|sides| {
        let mut success = sides.run_at(NOW + 3000).success();
        assert!(success.is_resumed());
        success.keep(b"");
        assert_eq!(sides.sessions.expire(NOW + 3599), 0);
        assert!(!sides.run_at(NOW + 3600).success().is_resumed());
    });
    each(|sides| {
        // A clock that was set back.
        assert!(!sides.run_at(NOW - 1).success().is_resumed());
        assert_eq!(sides.sessions.expire(NOW + 3600), 1);
    });
}

#[test]
fn a_certificate_that_was_revoked_meanwhile_is_not_resumed() {
    each(|mut sides| {
        let crl = sides.pki.ca.crl(&[sides.pki.tim.serial], (2026, 12, 1));
        sides.settings = sides.settings_with(sides.pki.client_trust().with_crls(vec![crl]));
        let ended = sides.run_at(NOW + 1);
        let failure = ended.failure().label();
        assert_eq!(failure, "tls_certificate_revoked");
    });
    each(|mut sides| {
        let other = Pki::new(Kind::P256);
        sides.settings = sides.settings_with(other.client_trust());
        assert!(sides.run_at(NOW + 1).success.is_none());
    });
}

#[test]
fn where_there_is_no_room_the_oldest_goes() {
    let sides = Sides::new(Version::Tls12, Sessions::new(2, 3600));
    let others: Vec<PeerSettings> = (0..3)
        .map(|_| {
            let peer = PeerSettings::builder(sides.pki.trust());
            let peer = peer.presenting(sides.pki.tim.identity()).resuming();
            peer.build().unwrap()
        })
        .collect();
    for peer in &others {
        run(&sides.settings, peer, 1020).success().keep(b"");
    }
    assert_eq!(sides.sessions.len(), 2);
    let resumed = others.iter().map(|peer| {
        let ended = run(&sides.settings, peer, 1020);
        ended.success().is_resumed()
    });
    assert_eq!(resumed.collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn without_sessions_nothing_is_resumed() {
    for version in VERSIONS {
        let pki = Pki::new(Kind::P256);
        let settings = pki.server.settings().trusting(pki.client_trust());
        let settings = settings.versions(version, version).build().unwrap();
        let peer = PeerSettings::builder(pki.trust()).presenting(pki.tim.identity());
        let peer = peer.resuming().build().unwrap();
        for _ in 0..2 {
            let mut success = run(&settings, &peer, 1020).success();
            assert!(!success.is_resumed());
            success.keep(b"");
        }
    }
}

/// Shakes hands without EAP; returns the server.
fn shaken(sides: &Sides, kind: Type, certificate: ClientCertificate) -> Server {
    let mut server = Server::new(&sides.settings, kind, certificate, NOW).unwrap();
    let mut peer = Peer::new(&sides.peer, kind, NOW).unwrap();
    for _ in 0..4 {
        server.receive(&peer.take_output(), NOW).unwrap();
        peer.receive(&server.take_output(), NOW).unwrap();
    }
    assert!(server.is_established());
    server
}

#[test]
fn a_session_of_one_method_is_not_resumed_by_another() {
    let methods = [Type::TLS, Type::PEAP, Type::TTLS, Type::TEAP];
    for version in VERSIONS {
        for first in methods {
            for second in methods {
                let sides = Sides::new(version, Sessions::new(9, 3600));
                let optional = ClientCertificate::Optional;
                let server = shaken(&sides, first, optional);
                let means = Means::inside(first, Inner::Eap(Type::GTC));
                server.keepsake(b"tim", means).unwrap().keep(b"note");
                let server = shaken(&sides, second, optional);
                assert_eq!(server.is_resumed(), first == second, "{first} {second}");
                let resumed = server.resumed();
                assert_eq!(resumed.is_some(), first == second);
                if let Some(resumed) = resumed {
                    assert_eq!(resumed.means, means);
                    assert_eq!(resumed.chain[..], sides.pki.tim.chain[..]);
                }
            }
        }
    }
}

#[test]
fn where_none_is_asked_for_no_session_with_a_certificate_is_resumed() {
    for version in VERSIONS {
        let sides = Sides::new(version, Sessions::new(9, 3600));
        let server = shaken(&sides, Type::PEAP, ClientCertificate::Required);
        let means = Means::alone(Type::PEAP);
        server.keepsake(b"tim", means).unwrap().keep(b"");
        assert!(!shaken(&sides, Type::PEAP, ClientCertificate::None).is_resumed());
        let server = shaken(&sides, Type::PEAP, ClientCertificate::None);
        server.keepsake(b"tim", means).unwrap().keep(b"");
        assert!(!shaken(&sides, Type::PEAP, ClientCertificate::Required).is_resumed());
    }
}
