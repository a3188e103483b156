//! The peer's side of EAP-TLS (RFC 5216, RFC 9190).

use super::{
    Peer, PeerSettings, Version,
    fragments::{Arrived, Fault, Flags, Fragment, Link},
    method::PROTECTED_SUCCESS,
};
use crate::eap::{
    Context, Msk, Type,
    peer::{Method, Outcome, Reply, Trouble, Usable},
};

/// EAP-TLS as a peer uses it. Its settings have to present a certificate.
#[derive(Clone, Debug)]
pub struct EapTlsPeer {
    settings: PeerSettings,
}

impl EapTlsPeer {
    /// With these settings.
    pub const fn new(settings: PeerSettings) -> Self {
        Self { settings }
    }
}

impl Usable for EapTlsPeer {
    fn kind(&self) -> Type {
        Type::TLS
    }

    fn start(&self) -> Box<dyn Method> {
        Box::new(Run {
            settings: self.settings.clone(),
            link: Link::new(0),
            state: State::New,
        })
    }
}

struct Run {
    settings: PeerSettings,
    link: Link,
    state: State,
}

enum State {
    New,
    Shaking(Box<Peer>),
    /// All has been checked that is to be checked of the server.
    Done(Outcome, Msk),
    Over,
}

impl Method for Run {
    fn kind(&self) -> Type {
        Type::TLS
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Reply {
        let fragment = match Fragment::parse(data) {
            Ok(fragment) => fragment,
            Err(fault) => return self.misunderstand(fault, context),
        };
        if fragment.flags().has(Flags::START) && matches!(self.state, State::New) {
            return self.begin(fragment, context);
        }
        match self.link.receive(&fragment) {
            Ok(Arrived::Fragment | Arrived::Acknowledged) => {
                Reply::Response(self.link.next(context.room))
            }
            Ok(Arrived::Message(message)) => self.message(&message, context),
            Ok(Arrived::Nothing) => self.broken("an empty message", context),
            Err(fault) => self.misunderstand(fault, context),
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        match &self.state {
            State::Done(outcome, _) if !self.link.is_sending() => Some(outcome.clone()),
            _ => None,
        }
    }

    fn emsk(&self) -> Option<Msk> {
        match &self.state {
            State::Done(_, emsk) => Some(emsk.clone()),
            _ => None,
        }
    }
}

impl Run {
    fn begin(&mut self, fragment: Fragment<'_>, context: &Context<'_>) -> Reply {
        if fragment.flags() != Flags::START || !fragment.data().is_empty() {
            return self.broken("its start is not one", context);
        }
        match Peer::new(&self.settings, Type::TLS, context.unix_s) {
            Ok(mut peer) => {
                self.link.send(peer.take_output());
                self.state = State::Shaking(Box::new(peer));
                Reply::Response(self.link.next(context.room))
            }
            Err(trouble) => self.give_up(Vec::new(), trouble, context),
        }
    }

    fn message(&mut self, message: &[u8], context: &Context<'_>) -> Reply {
        let State::Shaking(mut peer) = std::mem::replace(&mut self.state, State::Over) else {
            return self.broken("it goes on after its end", context);
        };
        if let Err(trouble) = peer.receive(message, context.unix_s) {
            let alert = peer.take_output();
            return self.give_up(alert, trouble, context);
        }
        let plain = peer.read();
        let is_committed = peer.version() == Some(Version::Tls13) && **plain == PROTECTED_SUCCESS;
        if peer.is_closed() || !plain.is_empty() && !is_committed {
            return self.broken("it sends data in the middle of the handshake", context);
        }
        let output = peer.take_output();
        let is_done = match peer.version() {
            Some(Version::Tls13) => is_committed,
            Some(Version::Tls12) => peer.is_established(),
            None => false,
        };
        if !is_done && output.is_empty() {
            return self.broken("a flight of its handshake is not whole", context);
        }
        self.state = if is_done {
            let Some(keys) = peer.keys(Type::TLS) else {
                return self.broken("there are no keys to be had", context);
            };
            let outcome = Outcome {
                msk: Some(keys.msk),
                session_id: keys.session_id,
                is_resumed: peer.is_resumed(),
                remarks: peer.remarks(),
            };
            State::Done(outcome, Msk::new(*keys.emsk))
        } else {
            State::Shaking(peer)
        };
        self.link.send(output);
        Reply::Response(self.link.next(context.room))
    }

    fn misunderstand(&mut self, fault: Fault, context: &Context<'_>) -> Reply {
        self.broken(&fault.to_string(), context)
    }

    fn broken(&mut self, what: &str, context: &Context<'_>) -> Reply {
        let trouble = Trouble::Broken {
            method: Type::TLS,
            what: what.to_owned(),
        };
        self.give_up(Vec::new(), trouble, context)
    }

    /// Ends: with an alert; with an empty packet to one of the server, so that it can end too; else
    /// without a word, since an empty packet may mean that all is well.
    fn give_up(&mut self, alert: Vec<u8>, trouble: Trouble, context: &Context<'_>) -> Reply {
        self.state = State::Over;
        if alert.is_empty() && !matches!(trouble, Trouble::RejectedBecause(_)) {
            return Reply::Abort(trouble);
        }
        self.link.send(alert);
        Reply::GiveUp(self.link.next(context.room), trouble)
    }
}
