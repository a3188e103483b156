//! The peer's side of EAP: a supplicant, for testing servers and for programs that log in.

use std::{fmt, sync::Arc};

use super::{
    Context, Ignored, Msk, Packet, Surroundings, Type,
    packet::{self, Code},
};

/// One run of a method on the peer's side.
pub trait Method: Send {
    /// Which method.
    fn kind(&self) -> Type;

    /// What to answer to a Request's type data. In the context `room` is what a Response may have,
    /// and `identifier` that of the Request.
    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Reply;

    /// What the method has come to, once an EAP-Success would be true: everything has been checked
    /// that is to be checked of the server. `None` before, so that a Success out of nowhere
    /// changes nothing.
    fn outcome(&self) -> Option<Outcome>;

    /// The extended key, where the method makes one: for a tunnel around it.
    fn emsk(&self) -> Option<Msk> {
        None
    }
}

/// What a method answers.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Reply {
    /// A Response with this type data.
    Response(Vec<u8>),
    /// A Response with this type data, the last one: the server has been found wanting.
    GiveUp(Vec<u8>, Trouble),
    /// Nothing, and there is nothing more to be had of this server.
    Abort(Trouble),
    /// Nothing: the Request is ignored, as if it had not come.
    Ignore(Ignored),
}

/// What a method leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The key, if the method makes one.
    pub msk: Option<Msk>,
    /// The Session-Id (RFC 5247 section 1.4); may be empty.
    pub session_id: Vec<u8>,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
    /// What to tell the person of how it went, such as the TLS version.
    pub remarks: Vec<String>,
}

/// Why a peer is not let in, or does not want to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The server says no.
    #[error("the server rejects it")]
    Rejected,
    /// The server says no, and why.
    #[error("the server rejects it: {0}")]
    RejectedBecause(String),
    /// The server offers nothing that can be used here.
    #[error("the server asks for {0}, which is not what was to be used")]
    NoCommonMethod(Type),
    /// The server could not prove who it is.
    #[error("the server is not to be trusted: {0}")]
    Untrusted(String),
    /// The server broke the method's rules.
    #[error("the server's {method} message is not valid: {what}")]
    Broken {
        /// The method.
        method: Type,
        /// How.
        what: String,
    },
}

/// A method that can be used, with all that it needs to run.
pub trait Usable: Send + Sync {
    /// Which method.
    fn kind(&self) -> Type;

    /// A new run of it.
    fn start(&self) -> Box<dyn Method>;
}

/// Who wants in: answers a server's Requests until it says Success or Failure.
pub struct Supplicant {
    identity: Vec<u8>,
    methods: Vec<Arc<dyn Usable>>,
    running: Option<Box<dyn Method>>,
    last: Option<(Vec<u8>, Vec<u8>)>,
    trouble: Option<Trouble>,
    is_over: bool,
}

/// What a supplicant does next.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Turn {
    /// Send this Response.
    Respond(Vec<u8>),
    /// It is in.
    Succeeded(Outcome),
    /// It is not.
    Failed(Trouble),
    /// What came changes nothing.
    Ignored(Ignored),
}

impl fmt::Debug for Supplicant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.running.as_ref().map(|method| method.kind());
        f.debug_struct("Supplicant")
            .field("method", &method)
            .finish_non_exhaustive()
    }
}

impl Supplicant {
    /// A supplicant that says it is `identity` and uses any of `methods`, the first with
    /// preference.
    pub fn new(identity: impl Into<Vec<u8>>, methods: Vec<Arc<dyn Usable>>) -> Self {
        Self {
            identity: identity.into(),
            methods,
            running: None,
            last: None,
            trouble: None,
            is_over: false,
        }
    }

    /// Who it says it is.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// What it has come to so far, if a Success would be true now: for a tunnel around it, which
    /// has another way to say so.
    pub fn outcome(&self) -> Option<Outcome> {
        let outcome = self.running.as_ref()?.outcome()?;
        self.trouble.is_none().then_some(outcome)
    }

    /// The method that runs.
    pub fn runs(&self) -> Option<Type> {
        self.running.as_ref().map(|method| method.kind())
    }

    /// The extended key of the method, if it makes one.
    pub fn emsk(&self) -> Option<Msk> {
        self.running.as_ref()?.emsk()
    }

    /// What it has found wrong with the server so far.
    pub const fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// The Response that an access point sends first: who this is, as if it had asked.
    pub fn begin(&mut self, identifier: u8) -> Option<Vec<u8>> {
        packet::response(identifier, Type::IDENTITY, &self.identity)
    }

    /// Takes a packet of the server.
    pub fn receive(&mut self, octets: &[u8], around: &mut Surroundings<'_>) -> Turn {
        if self.is_over {
            return Turn::Ignored(Ignored::Over);
        }
        let packet = match Packet::parse(octets) {
            Ok(packet) => packet,
            Err(why) => return Turn::Ignored(why.into()),
        };
        match (packet.code(), packet.body()) {
            (Code::Request, Some((kind, data))) => self.request(&packet, kind, data, around),
            (Code::Success, _) => self.success(),
            (Code::Failure, _) => {
                self.is_over = true;
                Turn::Failed(self.trouble.take().unwrap_or(Trouble::Rejected))
            }
            (Code::Request | Code::Response, _) => {
                Turn::Ignored(Ignored::ByMethod("the EAP packet is no request"))
            }
        }
    }

    /// A Success counts only where the method says that there is one (RFC 3748 section 4.2).
    fn success(&mut self) -> Turn {
        let outcome = self.running.as_ref().and_then(|method| method.outcome());
        match outcome {
            Some(outcome) if self.trouble.is_none() => {
                self.is_over = true;
                Turn::Succeeded(outcome)
            }
            _ => Turn::Ignored(Ignored::ByMethod("a success out of nowhere")),
        }
    }

    fn request(
        &mut self,
        packet: &Packet<'_>,
        kind: Type,
        data: &[u8],
        around: &mut Surroundings<'_>,
    ) -> Turn {
        if let Some((request, response)) = &self.last
            && request == packet.octets()
        {
            return Turn::Respond(response.clone());
        }
        let response = match kind {
            Type::IDENTITY => packet::response(packet.identifier(), kind, &self.identity),
            Type::NOTIFICATION => packet::response(packet.identifier(), kind, &[]),
            _ => match self.method(packet, kind, data, around) {
                Ok(response) => response,
                Err(turn) => return turn,
            },
        };
        let Some(response) = response else {
            self.is_over = true;
            return Turn::Failed(Trouble::Broken {
                method: kind,
                what: "the response does not fit into a packet".to_owned(),
            });
        };
        self.last = Some((packet.octets().to_vec(), response.clone()));
        Turn::Respond(response)
    }

    fn method(
        &mut self,
        packet: &Packet<'_>,
        kind: Type,
        data: &[u8],
        around: &mut Surroundings<'_>,
    ) -> Result<Option<Vec<u8>>, Turn> {
        let identifier = packet.identifier();
        let running = match &mut self.running {
            Some(running) if running.kind() == kind => running,
            Some(_) => return Err(Turn::Ignored(Ignored::OtherType)),
            None => {
                let usable = self.methods.iter().find(|method| method.kind() == kind);
                let Some(usable) = usable else {
                    let wishes: Vec<Type> =
                        self.methods.iter().map(|method| method.kind()).collect();
                    self.trouble = Some(Trouble::NoCommonMethod(kind));
                    return Ok(packet::nak(identifier, kind, &wishes));
                };
                self.trouble = None;
                self.running.insert(usable.start())
            }
        };
        let mut context = Context {
            random: &mut *around.random,
            unix_s: around.unix_s,
            room: around.mtu.saturating_sub(12).max(64),
            identifier,
            next_identifier: identifier,
            identity: &self.identity,
        };
        match running.receive(data, &mut context) {
            Reply::Response(data) => Ok(packet::response(identifier, kind, &data)),
            Reply::GiveUp(data, trouble) => {
                self.trouble = Some(trouble);
                Ok(packet::response(identifier, kind, &data))
            }
            Reply::Abort(trouble) => {
                self.is_over = true;
                Err(Turn::Failed(trouble))
            }
            Reply::Ignore(why) => Err(Turn::Ignored(why)),
        }
    }
}
