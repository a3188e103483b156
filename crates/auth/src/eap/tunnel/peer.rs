//! The outer half of a tunnel on the peer's side, and an EAP conversation inside it.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::Keying;
use crate::eap::{
    Context, Ignored, Msk, Packet, Surroundings, Type,
    packet::Code,
    peer::{Method, Outcome, Reply, Supplicant, Trouble, Turn, Usable},
    tls::{
        Peer, PeerSettings,
        fragments::{Arrived, Flags, Fragment, Link},
    },
};

/// The inner half of a tunnel on the peer's side. It is not called before the server has proven
/// itself, as far as the settings of TLS ask for that.
pub(crate) trait PeerInside: Send {
    /// Takes what the server's first message carries outside the tunnel.
    fn outer(&mut self, _tlvs: &[u8]) {}

    /// The tunnel is there, and the server has said nothing inside.
    fn begin(&mut self, keying: &dyn Keying, context: &mut Context<'_>) -> PeerMove;

    /// The server has said something.
    fn receive(&mut self, plain: &[u8], keying: &dyn Keying, context: &mut Context<'_>)
    -> PeerMove;

    /// The keys, once an EAP-Success would be true.
    fn outcome(&self, keying: &dyn Keying) -> Option<PeerKeys>;
}

/// The key and the Session-Id.
pub(crate) type PeerKeys = (Msk, Vec<u8>);

/// What the inner half does next.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum PeerMove {
    /// Say this to the server.
    Say(Vec<u8>),
    /// Say nothing.
    Listen,
    /// Say this, the last word.
    GiveUp(Vec<u8>, Trouble),
    /// Say nothing any more.
    Abort(Trouble),
}

impl PeerMove {
    pub(crate) fn broken(method: Type, what: &str) -> Self {
        Self::Abort(Trouble::Broken {
            method,
            what: what.to_owned(),
        })
    }

    pub(crate) fn keyless(method: Type) -> Self {
        Self::broken(method, "the TLS session gives no keys")
    }
}

/// The keys of the TLS session.
pub(crate) fn tls_keys(kind: Type, keying: &dyn Keying) -> Option<PeerKeys> {
    let keys = keying.keys(kind)?;
    Some((keys.msk, keys.session_id))
}

/// One run of a tunnel.
pub(crate) struct PeerTunnel<I> {
    kind: Type,
    version: u8,
    has_outer: bool,
    settings: PeerSettings,
    inside: I,
    link: Link,
    peer: Option<Peer>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Handshake,
    /// The inner half is at work; whether it has begun.
    Inside(bool),
    Over,
}

impl<I: PeerInside> PeerTunnel<I> {
    pub(crate) fn new(kind: Type, version: u8, settings: PeerSettings, inside: I) -> Self {
        Self {
            kind,
            version,
            has_outer: kind == Type::TEAP,
            settings,
            inside,
            link: Link::new(version),
            peer: None,
            stage: Stage::New,
        }
    }

    fn broken(&self, what: &str) -> Trouble {
        Trouble::Broken {
            method: self.kind,
            what: what.to_owned(),
        }
    }

    fn start(&mut self, fragment: &Fragment<'_>, context: &Context<'_>) -> Result<Reply, Trouble> {
        if fragment.flags().version() < self.version {
            return Err(self.broken("it speaks only an older version"));
        }
        self.inside.outer(fragment.outer());
        let mut peer = Peer::new(&self.settings, self.kind, context.unix_s)?;
        self.link.send(peer.take_output());
        self.peer = Some(peer);
        self.stage = Stage::Handshake;
        let hello = self.link.next(context.room.saturating_sub(LENGTH_OCTETS));
        Ok(Reply::Response(with_length(hello)))
    }

    fn message(&mut self, message: &[u8], context: &mut Context<'_>) -> Result<Reply, Trouble> {
        let Some(peer) = &mut self.peer else {
            return Err(self.broken("nothing where TLS should begin"));
        };
        if !message.is_empty()
            && let Err(trouble) = peer.receive(message, context.unix_s)
        {
            self.stage = Stage::Over;
            // Where there is no alert it was the server who sent one, and an empty packet lets it
            // end.
            let alert = peer.take_output();
            self.link.send(alert);
            return Ok(Reply::GiveUp(self.link.next(context.room), trouble));
        }
        if !peer.is_established() {
            let flight = peer.take_output();
            if flight.is_empty() {
                return Err(self.broken("its TLS handshake does not go on"));
            }
            return Ok(self.send(flight, context));
        }
        let plain = peer.read();
        if self.stage == Stage::Handshake {
            self.stage = Stage::Inside(false);
            let flight = peer.take_output();
            if !flight.is_empty() && plain.is_empty() {
                return Ok(self.send(flight, context));
            }
            // What has been taken is sent before what is said inside.
            self.link.send(flight);
        } else {
            self.link.send(Vec::new());
        }
        let has_begun = self.stage == Stage::Inside(true);
        self.stage = Stage::Inside(true);
        let next = if plain.is_empty() && !has_begun {
            self.inside.begin(&**peer, context)
        } else {
            self.inside.receive(&plain, &**peer, context)
        };
        self.follow(next, context)
    }

    fn follow(&mut self, next: PeerMove, context: &Context<'_>) -> Result<Reply, Trouble> {
        match next {
            PeerMove::Say(plain) => self.say(plain, context).map(Reply::Response),
            PeerMove::Listen => Ok(self.send(Vec::new(), context)),
            PeerMove::GiveUp(plain, trouble) => {
                self.stage = Stage::Over;
                let last = self.say(plain, context)?;
                Ok(Reply::GiveUp(last, trouble))
            }
            PeerMove::Abort(trouble) => Err(trouble),
        }
    }

    /// Encrypts what may be a password.
    fn say(&mut self, plain: Vec<u8>, context: &Context<'_>) -> Result<Vec<u8>, Trouble> {
        let plain = Zeroizing::new(plain);
        let output = self
            .peer
            .as_mut()
            .and_then(|peer| peer.write(&plain).then(|| peer.take_output()));
        self.link
            .send(output.ok_or_else(|| self.broken("the TLS session is over"))?);
        Ok(self.link.next(context.room))
    }

    fn send(&mut self, message: Vec<u8>, context: &Context<'_>) -> Reply {
        self.link.send(message);
        Reply::Response(self.link.next(context.room))
    }

    fn take(&mut self, data: &[u8], context: &mut Context<'_>) -> Result<Reply, Trouble> {
        let fragment = if self.has_outer {
            Fragment::parse_with_outer(data)
        } else {
            Fragment::parse(data)
        };
        let fragment = fragment.map_err(|fault| self.broken(&fault.to_string()))?;
        if self.stage == Stage::New {
            if !fragment.flags().has(Flags::START) {
                return Err(self.broken("it does not begin with a start"));
            }
            return self.start(&fragment, context);
        }
        let arrived = self.link.receive(&fragment);
        match arrived.map_err(|fault| self.broken(&fault.to_string()))? {
            Arrived::Fragment | Arrived::Acknowledged => {
                Ok(Reply::Response(self.link.next(context.room)))
            }
            Arrived::Message(message) => self.message(&message, context),
            Arrived::Nothing => self.message(&[], context),
        }
    }
}

/// Octets of a length after the flags.
const LENGTH_OCTETS: usize = 4;

/// The packet with the length of its message, which is all that is in it; one that has the length
/// already, or nothing more than flags, as it is. Some servers take a first message without length
/// for something else.
fn with_length(packet: Vec<u8>) -> Vec<u8> {
    let Some((&flags, data)) = packet.split_first() else {
        return packet;
    };
    let flags = Flags::of(flags);
    if data.is_empty() || flags.has(Flags::LENGTH) {
        return packet;
    }
    let mut longer = vec![flags.with(Flags::LENGTH).octet()];
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    longer.extend_from_slice(&length.to_be_bytes());
    longer.extend_from_slice(data);
    longer
}

impl<I: PeerInside> Method for PeerTunnel<I> {
    fn kind(&self) -> Type {
        self.kind
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Reply {
        if self.stage == Stage::Over {
            return Reply::Ignore(Ignored::Over);
        }
        self.take(data, context).unwrap_or_else(|trouble| {
            self.stage = Stage::Over;
            Reply::Abort(trouble)
        })
    }

    fn outcome(&self) -> Option<Outcome> {
        let peer = self.peer.as_ref().filter(|peer| peer.is_established())?;
        if self.stage == Stage::Over {
            return None;
        }
        let (msk, session_id) = self.inside.outcome(&**peer)?;
        Some(Outcome {
            msk: Some(msk),
            session_id,
            is_resumed: peer.is_resumed(),
            remarks: peer.remarks(),
        })
    }
}

/// An EAP conversation inside a tunnel, on the peer's side. Its packets have their headers.
pub(crate) struct PeerInner {
    outer: Type,
    supplicant: Supplicant,
    has_begun: bool,
}

/// What it does next.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum PeerInnerStep {
    Response(Vec<u8>),
    Failed(Trouble),
}

impl PeerInner {
    pub(crate) fn new(outer: Type, identity: &[u8], methods: &[Arc<dyn Usable>]) -> Self {
        Self {
            outer,
            supplicant: Supplicant::new(identity, methods.to_vec()),
            has_begun: false,
        }
    }

    /// The Response that says who this is, unasked.
    pub(crate) fn introduce(&mut self) -> Option<Vec<u8>> {
        self.has_begun = true;
        self.supplicant.begin(0)
    }

    /// Whether anything has been said.
    pub(crate) const fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What it has come to, if the server has done all that the method wants of it.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.supplicant.outcome()
    }

    /// The extended key of the method, if it makes one.
    pub(crate) fn emsk(&self) -> Option<Msk> {
        self.supplicant.emsk()
    }

    /// What was found wrong, where the server says no.
    pub(crate) fn trouble(&self) -> Trouble {
        self.supplicant
            .trouble()
            .cloned()
            .unwrap_or(Trouble::Rejected)
    }

    /// Takes an EAP packet.
    pub(crate) fn receive(&mut self, octets: &[u8], context: &mut Context<'_>) -> PeerInnerStep {
        let is_request = Packet::parse(octets).is_ok_and(|packet| packet.code() == Code::Request);
        if !is_request {
            return self.broken("the packet inside is no request");
        }
        self.has_begun = true;
        let mut around = Surroundings {
            random: &mut *context.random,
            unix_s: context.unix_s,
            mtu: context.room.saturating_sub(super::inner::OVERHEAD),
        };
        match self.supplicant.receive(octets, &mut around) {
            Turn::Respond(response) => PeerInnerStep::Response(response),
            Turn::Failed(trouble) => PeerInnerStep::Failed(trouble),
            Turn::Ignored(why) => self.broken(&why.to_string()),
            Turn::Succeeded(_) => self.broken("a success inside where a request is due"),
        }
    }

    fn broken(&self, what: &str) -> PeerInnerStep {
        PeerInnerStep::Failed(Trouble::Broken {
            method: self.outer,
            what: what.to_owned(),
        })
    }
}
