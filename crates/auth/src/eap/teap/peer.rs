//! The peer's side of TEAP.

use std::{fmt, sync::Arc};

use super::{
    Rules, VERSION, Who,
    keys::{Chain, InnerKeys},
    tlvs::{Message, Said, Status, error},
};
use crate::eap::{
    Context, Password, Type,
    peer::{self, Trouble, Usable},
    tls::PeerSettings,
    tunnel::{
        Keying,
        peer::{
            PeerInner, PeerInnerStep, PeerInside, PeerKeys, PeerMove, PeerTunnel, after_commitment,
            is_commitment,
        },
    },
};

/// What a peer has to prove itself with.
#[derive(Clone)]
pub enum Credential {
    /// One of these EAP methods under a name. EAP-MSCHAPv2 has to have been told that it is
    /// [inside](crate::eap::mschapv2::Peer::inside) TEAP.
    Eap {
        /// Who it says it is.
        name: Vec<u8>,
        /// By what it proves that.
        methods: Vec<Arc<dyn Usable>>,
    },
    /// A password, of at most 255 octets.
    Password {
        /// Who it says it is; at most 255 octets.
        name: Vec<u8>,
        /// Its password.
        password: Password,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// TEAP, as a peer may use it.
#[derive(Clone)]
pub struct TeapPeer {
    settings: PeerSettings,
    rules: Rules,
    credentials: Vec<(Who, Credential)>,
}

impl TeapPeer {
    /// Without anything to prove inside. A certificate in the settings of TLS is presented where
    /// the tunnel asks for one.
    pub const fn new(settings: PeerSettings) -> Self {
        Self {
            settings,
            rules: Rules::Rfc9930,
            credentials: Vec::new(),
        }
    }

    /// The same by these rules for keys.
    #[must_use]
    pub const fn by(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// The same that can prove itself like that too.
    #[must_use]
    pub fn with(mut self, who: Who, credential: Credential) -> Self {
        self.credentials.retain(|(other, _)| *other != who);
        self.credentials.push((who, credential));
        self
    }
}

impl fmt::Debug for TeapPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who: Vec<Who> = self.credentials.iter().map(|(who, _)| *who).collect();
        f.debug_struct("TeapPeer")
            .field("who", &who)
            .finish_non_exhaustive()
    }
}

impl Usable for TeapPeer {
    fn kind(&self) -> Type {
        Type::TEAP
    }

    fn start(&self) -> Box<dyn peer::Method> {
        let phase2 = Phase2::new(self.rules, self.credentials.clone());
        Box::new(PeerTunnel::new(
            Type::TEAP,
            VERSION,
            self.settings.clone(),
            phase2,
        ))
    }
}

pub(super) struct Phase2 {
    rules: Rules,
    credentials: Vec<(Who, Credential)>,
    outer: Vec<u8>,
    chain: Option<Chain>,
    /// As what it proves itself at the moment.
    at: Option<Who>,
    inner: Option<PeerInner>,
    /// As what it has proven itself.
    proven: Vec<Who>,
    /// Whether all that was proven has been bound, and whether the last time by the EMSK.
    bound: Option<bool>,
    keys: Option<PeerKeys>,
}

impl Phase2 {
    pub(super) const fn new(rules: Rules, credentials: Vec<(Who, Credential)>) -> Self {
        Self {
            rules,
            credentials,
            outer: Vec::new(),
            chain: None,
            at: None,
            inner: None,
            proven: Vec::new(),
            bound: None,
            keys: None,
        }
    }

    fn give_up(code: u32, trouble: Trouble) -> PeerMove {
        let message = Message::default().error(code).result(Status::Failure);
        PeerMove::GiveUp(message.octets(), trouble)
    }

    fn untrusted(what: &str) -> PeerMove {
        Self::give_up(
            error::TUNNEL_COMPROMISED,
            Trouble::Untrusted(what.to_owned()),
        )
    }

    fn unexpected(what: &str) -> PeerMove {
        let trouble = Trouble::Broken {
            method: Type::TEAP,
            what: what.to_owned(),
        };
        Self::give_up(error::UNEXPECTED, trouble)
    }

    /// Checks the binding, which comes before all that it binds, and answers it.
    fn bind(
        &mut self,
        said: &Said<'_>,
        message: Message,
        keying: &dyn Keying,
    ) -> Result<Message, PeerMove> {
        let is_passed = said.intermediate == Some(Status::Success);
        let Some(theirs) = &said.binding else {
            let is_over = said.result == Some(Status::Success);
            if is_passed || (is_over && self.bound.is_none()) {
                return Err(Self::untrusted("it does not bind the inside to the tunnel"));
            }
            return Ok(message);
        };
        if is_passed {
            self.advance(keying)?;
        } else if self.chain.is_none() {
            self.go_on(keying, &InnerKeys::default())?;
        }
        let Some(chain) = &self.chain else {
            return Err(PeerMove::keyless(Type::TEAP));
        };
        if !theirs.is_right_request(chain, &self.outer) {
            return Err(Self::untrusted(
                "what binds the inside to the tunnel is wrong",
            ));
        }
        let ours = theirs.response(chain, &self.outer);
        self.bound = Some(ours.is_by_emsk(chain));
        let message = message.binding(&ours);
        Ok(if is_passed {
            message.intermediate(Status::Success)
        } else {
            message
        })
    }

    /// The server says that the method has succeeded.
    fn advance(&mut self, keying: &dyn Keying) -> Result<(), PeerMove> {
        let Some(who) = self.at.take() else {
            return Err(Self::unexpected(
                "it says that a method went well that was none",
            ));
        };
        let keys = match self.inner.take() {
            Some(inner) => {
                let Some(outcome) = inner.outcome() else {
                    let what = "it says that it went well before it has proven itself inside";
                    return Err(Self::untrusted(what));
                };
                let (msk, emsk) = (outcome.msk.as_ref(), inner.emsk());
                InnerKeys::of_method(self.rules, inner.means(), msk, emsk.as_ref())
            }
            None => InnerKeys::default(),
        };
        self.proven.push(who);
        self.go_on(keying, &keys)
    }

    fn go_on(&mut self, keying: &dyn Keying, keys: &InnerKeys) -> Result<(), PeerMove> {
        let chain = self.chain.take().or_else(|| Chain::new(self.rules, keying));
        let chain = chain.and_then(|mut chain| chain.advance(keying, keys).then_some(chain));
        self.chain = Some(chain.ok_or_else(|| PeerMove::keyless(Type::TEAP))?);
        Ok(())
    }

    /// The server says that all went well.
    fn end(&mut self, message: Message, keying: &dyn Keying) -> PeerMove {
        let is_proven = keying.is_resumed() || self.credentials.is_empty();
        if self.at.is_some() || (self.proven.is_empty() && !is_proven) {
            return Self::untrusted("it leaves out what has to be proven inside");
        }
        let (Some(is_by_emsk), Some(chain)) = (self.bound, &self.chain) else {
            return Self::untrusted("it does not bind the inside to the tunnel");
        };
        let msk = chain.msk(keying, is_by_emsk);
        self.keys = msk.zip(keying.session_id(Type::TEAP));
        match self.keys {
            Some(_) => PeerMove::Say(message.result(Status::Success).octets()),
            None => PeerMove::keyless(Type::TEAP),
        }
    }

    /// What there is to prove itself with, where it is asked to as `wanted`: that, or another.
    fn choose(&self, wanted: Who) -> Option<(Who, Credential)> {
        let find = |who: Who| self.credentials.iter().find(|(other, _)| *other == who);
        find(wanted).or(self.credentials.first()).cloned()
    }

    fn stage(
        &mut self,
        said: &Said<'_>,
        mut message: Message,
        context: &mut Context<'_>,
    ) -> PeerMove {
        let is_asked = said.eap.is_some() || said.is_password_wanted;
        if !is_asked {
            return if said.binding.is_some() {
                PeerMove::Say(message.octets())
            } else {
                Self::unexpected("it says nothing that could be answered")
            };
        }
        let is_new = said.identity.is_some() || self.at.is_none();
        if is_new {
            let wanted = said.identity.unwrap_or(Who::User);
            let Some((who, credential)) = self.choose(wanted) else {
                return Self::unexpected("it asks for a proof, and there is none to give");
            };
            message = message.identity(who);
            self.at = Some(who);
            self.inner = match &credential {
                Credential::Eap { name, methods } => {
                    Some(PeerInner::new(Type::TEAP, name, methods))
                }
                Credential::Password { .. } => None,
            };
            self.bound = self.bound.filter(|_| self.proven.contains(&who));
        }
        let answer = match (said.eap, &mut self.inner) {
            (Some(packet), Some(inner)) => match inner.receive(packet, context) {
                PeerInnerStep::Response(packet) => PeerMove::Say(message.eap(&packet).octets()),
                PeerInnerStep::Failed(trouble) => Self::give_up(error::INNER_METHOD, trouble),
            },
            (None, None) => self.password(message),
            _ => Self::unexpected("it asks in a way in which there is nothing to give"),
        };
        // Who has proven itself already only says that there is nobody else.
        if is_new && self.at.is_some_and(|who| self.proven.contains(&who)) {
            self.at = None;
            self.inner = None;
        }
        answer
    }

    fn password(&self, message: Message) -> PeerMove {
        let credential = self
            .credentials
            .iter()
            .find(|(who, _)| Some(*who) == self.at);
        match credential {
            Some((_, Credential::Password { name, password })) => {
                PeerMove::Say(message.password(name, password.reveal()).octets())
            }
            _ => Self::unexpected("it asks for a password, and there is none to give"),
        }
    }

    fn failed(&self, said: &Said<'_>) -> PeerMove {
        let trouble = match (&self.inner, said.error) {
            (Some(inner), _) => inner.trouble(),
            (None, Some(code)) => Trouble::RejectedBecause(format!("TEAP error {code}")),
            (None, None) => Trouble::Rejected,
        };
        let mut message = Message::default();
        if said.intermediate.is_some() {
            message = message.intermediate(Status::Failure);
        }
        PeerMove::GiveUp(message.result(Status::Failure).octets(), trouble)
    }
}

impl PeerInside for Phase2 {
    fn outer(&mut self, tlvs: &[u8]) {
        self.outer = tlvs.to_vec();
    }

    /// The server speaks first.
    fn begin(&mut self, _: &dyn Keying, _: &mut Context<'_>) -> PeerMove {
        PeerMove::Listen
    }

    fn receive(
        &mut self,
        plain: &[u8],
        keying: &dyn Keying,
        context: &mut Context<'_>,
    ) -> PeerMove {
        // Whatever it was that went well, the server has more to say.
        self.keys = None;
        // The binding is still to come.
        if is_commitment(plain, keying) && self.at.is_none() {
            return PeerMove::Listen;
        }
        let said = Said::parse(plain).or_else(|_| Said::parse(after_commitment(plain, keying)));
        let said = match said {
            Ok(said) => said,
            Err(what) => return Self::unexpected(what),
        };
        if let Some(unknown) = said.unknown {
            return PeerMove::Say(Message::default().nak(unknown).octets());
        }
        if [said.result, said.intermediate].contains(&Some(Status::Failure)) {
            return self.failed(&said);
        }
        let message = match self.bind(&said, Message::default(), keying) {
            Ok(message) => message,
            Err(end) => return end,
        };
        match said.result {
            Some(_) => self.end(message, keying),
            None => self.stage(&said, message, context),
        }
    }

    fn outcome(&self, _: &dyn Keying) -> Option<PeerKeys> {
        self.keys.clone()
    }
}
