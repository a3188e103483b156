//! Sessions that are resumed, and those that must not be.

use std::sync::Arc;

use portreeve_auth::eap::{
    Answer, Question, Type,
    tls::{PeerSettings, Sessions, Version},
};

use crate::world::{Ended, NOTE, To, Tunnel, What, World, knows, meet, pki};

/// One peer that comes again and again.
struct Regular {
    tunnel: Tunnel,
    sessions: Arc<Sessions>,
    settings: PeerSettings,
}

impl Regular {
    fn new(tunnel: Tunnel) -> Self {
        let settings = tunnel.peer_settings(&pki().ca).resuming().build().unwrap();
        Self {
            tunnel,
            sessions: Arc::new(Sessions::new(10, 3_600)),
            settings,
        }
    }

    fn comes(&self, knows: &dyn Fn(Question) -> Answer) -> Ended {
        let world = World {
            mtu: 1_200,
            knows,
            tamper: &mut |_, _| {},
        };
        let offered = self.tunnel.offered(Some(&self.sessions));
        world.meet(offered, self.tunnel.usable(self.settings.clone(), true))
    }

    /// Comes, and is let in so that it may resume.
    fn is_kept(&self) {
        let mut success = self.comes(&knows).success();
        assert!(!success.is_resumed());
        success.keep(NOTE);
    }
}

fn all() -> impl Iterator<Item = Tunnel> {
    Tunnel::all()
        .into_iter()
        .filter(|tunnel| tunnel.what != What::Certificate)
}

fn is_asked(ended: &Ended) -> usize {
    let is_resumed = |question: &&Question| matches!(question, Question::Resumed { .. });
    ended.questions.iter().filter(is_resumed).count()
}

#[test]
fn who_was_let_in_may_resume_with_new_keys() {
    for tunnel in all() {
        let regular = Regular::new(tunnel);
        let full = regular.comes(&knows);
        let packets = full.packets;
        let mut first = full.success();
        first.keep(NOTE);
        let second = regular.comes(&knows);
        assert_eq!(is_asked(&second), 1, "{tunnel:?}");
        assert_eq!(second.questions.len(), 2);
        assert!(second.packets <= packets);
        let second = second.success();
        assert!(second.is_resumed());
        assert_eq!(second.identity(), b"tim");
        assert_eq!(second.means(), first.means());
        assert_ne!(second.msk(), first.msk());
        assert_ne!(second.session_id(), first.session_id());
    }
}

#[test]
fn who_was_not_let_in_may_not() {
    for tunnel in all() {
        let regular = Regular::new(tunnel);
        // All is right, and the caller does not let them in after all.
        let first = regular.comes(&knows).success();
        drop(first);
        let second = regular.comes(&knows);
        assert_eq!(is_asked(&second), 0, "{tunnel:?}");
        assert!(!second.success().is_resumed());
    }
}

#[test]
fn a_session_without_what_belongs_inside_cannot_be_resumed() {
    for tunnel in all() {
        let regular = Regular::new(tunnel);
        // Nothing is left of what the peer says from some point on, and then it comes again.
        let whole = regular.comes(&knows).packets;
        for left in 1..whole {
            let mut packets = 0;
            let world = World {
                mtu: 1_200,
                knows: &knows,
                tamper: &mut |to, octets| {
                    packets += usize::from(to == To::Server);
                    if packets > left {
                        octets.clear();
                    }
                },
            };
            let offered = regular.tunnel.offered(Some(&regular.sessions));
            let usable = regular.tunnel.usable(regular.settings.clone(), true);
            assert!(world.meet(offered, usable).success.is_none());
            let again = regular.comes(&knows);
            assert_eq!(is_asked(&again), 0, "{tunnel:?} after {left}");
            assert!(!again.success().is_resumed());
        }
        assert!(regular.sessions.is_empty());
    }
}

#[test]
fn who_may_not_resume_proves_themselves_once_more() {
    let no = |question: Question| match question {
        Question::Resumed { .. } => Answer::Wrong,
        question => knows(question),
    };
    for tunnel in all() {
        let regular = Regular::new(tunnel);
        regular.is_kept();
        let second = regular.comes(&no);
        assert_eq!(is_asked(&second), 1, "{tunnel:?}");
        assert!(second.questions.len() > 2);
        let success = second.success.as_ref().unwrap();
        assert!(!success.is_resumed());
        assert_eq!(second.outcome.unwrap().msk.as_ref(), success.msk());
        // That session is not asked about again.
        let third = regular.comes(&no);
        assert_eq!(is_asked(&third), 0, "{tunnel:?}");
    }
}

#[test]
fn who_is_refused_stays_out() {
    let no = |question: Question| match question {
        Question::Resumed { .. } => Answer::Refused,
        question => knows(question),
    };
    for tunnel in all() {
        let regular = Regular::new(tunnel);
        regular.is_kept();
        let second = regular.comes(&no);
        assert_eq!(second.failure().label(), "refused", "{tunnel:?}");
    }
}

#[test]
fn a_session_of_one_tunnel_is_not_resumed_in_another() {
    for version in [Version::Tls12, Version::Tls13] {
        let peap = Tunnel::of(Type::PEAP, What::Eap(Type::MSCHAPV2), version);
        let ttls = Tunnel::of(Type::TTLS, What::Eap(Type::MSCHAPV2), version);
        let regular = Regular::new(peap);
        regular.is_kept();
        let usable = ttls.usable(regular.settings.clone(), true);
        let ended = meet(ttls.offered(Some(&regular.sessions)), usable, 1_200);
        assert_eq!(is_asked(&ended), 0);
        assert!(!ended.success().is_resumed());
    }
}
