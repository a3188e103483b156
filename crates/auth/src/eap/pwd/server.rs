use zeroize::Zeroizing;

use super::{
    super::{
        Answer, Context, Failure, Ignored, Means, Method, Next, Offered, Question, Success, Type,
        Verified,
    },
    Group, Preparation,
    exchange::{Role, Seed, Shared, Side},
    fragments::{Heard, Link},
    message::{COMMIT, CONFIRM, IDENTITY, MAX_IDENTITY_OCTETS, Terms, suite},
};
use crate::Credential;

const DEFAULT_NAME: &[u8] = b"portreeve";

/// EAP-pwd for a server. It asks for a credential by the name in the peer's EAP-pwd message, which
/// need not be the EAP identity (RFC 5931 section 2.8.5.1). Whoever is refused is given an exchange
/// with a password that nobody has, and fails as by a wrong password.
///
/// A peer that sees by the server's confirm that the passwords differ says nothing more: to the
/// server the conversation then stays without an end.
#[derive(Clone, Debug)]
pub struct Server {
    means: Means,
    name: Vec<u8>,
    group: Group,
    preparation: Preparation,
}

impl Server {
    /// EAP-pwd that is reported as `means`, in group 19 and without preparation of the password.
    pub fn new(means: Means) -> Self {
        Self {
            means,
            name: DEFAULT_NAME.to_vec(),
            group: Group::P256,
            preparation: Preparation::None,
        }
    }

    /// The same under a name of its own, which is bound into the keys: a network access identifier
    /// of at most 253 octets, of which no more are used. An empty one changes nothing.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        if !name.is_empty() {
            let end = name.floor_char_boundary(MAX_IDENTITY_OCTETS);
            self.name = name.as_bytes()[..end].to_vec();
        }
        self
    }

    /// The same in another group.
    #[must_use]
    pub const fn with_group(mut self, group: Group) -> Self {
        self.group = group;
        self
    }

    /// The same with another preparation of the password.
    #[must_use]
    pub const fn with_preparation(mut self, preparation: Preparation) -> Self {
        self.preparation = preparation;
        self
    }
}

impl Offered for Server {
    fn kind(&self) -> Type {
        Type::PWD
    }

    fn start(&self) -> Box<dyn Method> {
        Box::new(Run {
            terms: self.clone(),
            token: [0; 4],
            link: Link::default(),
            state: State::New,
        })
    }
}

struct Run {
    terms: Server,
    token: [u8; 4],
    link: Link,
    state: State,
}

enum State {
    New,
    /// The identity message was sent.
    Proposed,
    /// The credential of this peer has been asked for.
    Asking(Vec<u8>),
    /// Our commit was sent.
    Committed(Candidate, Box<dyn Side>),
    /// Our confirm was sent.
    Confirmed(Candidate, Shared),
    Over,
}

/// Who wants in, and what it is if they do not know the password.
struct Candidate {
    name: Vec<u8>,
    is_refused: bool,
}

impl Method for Run {
    fn kind(&self) -> Type {
        Type::PWD
    }

    fn begin(&mut self, context: &mut Context<'_>) -> Next {
        context.random.fill(&mut self.token);
        let terms = Terms {
            suite: suite(self.terms.group),
            token: self.token,
            preparation: self.terms.preparation.number(),
            identity: &self.terms.name,
        };
        self.state = State::Proposed;
        Next::Request(self.link.send(IDENTITY, &terms.write(), context.room))
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Next {
        if matches!(self.state, State::New | State::Asking(_) | State::Over) {
            return Next::Ignore(Ignored::ByMethod("no EAP-pwd response is awaited"));
        }
        let (exchange, payload) = match self.link.hear(data, context.room) {
            Ok(Heard::Message(exchange, payload)) => (exchange, payload),
            Ok(Heard::Next(data)) => return Next::Request(data),
            Err(what) => return self.broken(what),
        };
        let state = std::mem::replace(&mut self.state, State::Over);
        let next = match (state, exchange) {
            (State::Proposed, IDENTITY) => self.identify(&payload),
            (State::Committed(who, side), COMMIT) => {
                self.agree(who, &*side, &payload, context.room)
            }
            (State::Confirmed(who, shared), CONFIRM) => Ok(self.check(who, &shared, &payload)),
            _ => Err("it is not the one that is due"),
        };
        next.unwrap_or_else(|what| self.broken(what))
    }

    fn answer(&mut self, answer: Answer, context: &mut Context<'_>) -> Next {
        let State::Asking(name) = std::mem::replace(&mut self.state, State::Over) else {
            return Next::Failed(Failure::Refused);
        };
        let known = match &answer {
            Answer::Credential(credential) => self.password(credential),
            _ => None,
        };
        let is_refused = known.is_none();
        let password = known.unwrap_or_else(|| {
            let mut nobodys = Zeroizing::new(vec![0; 32]);
            context.random.fill(&mut nobodys);
            nobodys
        });
        let seed = Seed {
            token: self.token,
            peer: &name,
            server: &self.terms.name,
            password: &password,
        };
        let Some(side) = self.terms.group.begin(&seed, &mut *context.random) else {
            return self.broken("its name and password make no element");
        };
        let request = self.link.send(COMMIT, side.commit(), context.room);
        self.state = State::Committed(Candidate { name, is_refused }, side);
        Next::Request(request)
    }
}

impl Run {
    fn identify(&mut self, payload: &[u8]) -> Result<Next, &'static str> {
        let terms = Terms::parse(payload)?;
        let ours = (
            suite(self.terms.group),
            self.token,
            self.terms.preparation.number(),
        );
        if (terms.suite, terms.token, terms.preparation) != ours {
            return Err("its terms are not those that were offered");
        }
        let identity = terms.identity.to_vec();
        self.state = State::Asking(identity.clone());
        Ok(Next::Ask(Question::Credential {
            identity,
            means: self.terms.means,
        }))
    }

    fn agree(
        &mut self,
        who: Candidate,
        side: &dyn Side,
        payload: &[u8],
        room: usize,
    ) -> Result<Next, &'static str> {
        let shared = side.agree(payload)?;
        let confirm = shared.our_confirm(suite(self.terms.group));
        self.state = State::Confirmed(who, shared);
        Ok(Next::Request(self.link.send(CONFIRM, &*confirm, room)))
    }

    fn check(&self, who: Candidate, shared: &Shared, payload: &[u8]) -> Next {
        let suite = suite(self.terms.group);
        let verified = Verified::by_equality(&*shared.their_confirm(suite), payload);
        match verified {
            _ if who.is_refused => Next::Failed(Failure::Refused),
            None => Next::Failed(Failure::WrongPassword(self.terms.means)),
            Some(verified) => {
                let (msk, session_id) = shared.keys(Role::Server, suite);
                let success = Success::new(verified, who.name, self.terms.means);
                Next::success(success.with_keys(msk, session_id))
            }
        }
    }

    /// What the credential has to give; `None` if it cannot.
    fn password(&self, credential: &Credential) -> Option<Zeroizing<Vec<u8>>> {
        match self.terms.preparation {
            Preparation::None => credential
                .clear_text()
                .map(|password| Zeroizing::new(password.as_bytes().to_vec())),
            Preparation::Rfc2759 => credential
                .nt_hash()
                .map(|hash| Zeroizing::new(hash.hash_hash().to_vec())),
        }
    }

    fn broken(&mut self, what: &'static str) -> Next {
        self.state = State::Over;
        Next::broken(Type::PWD, what)
    }
}
