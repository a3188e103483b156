use zeroize::Zeroizing;

use super::{
    super::{
        Context, Ignored, Password, Type, Verified,
        peer::{Method, Outcome, Reply, Trouble, Usable},
    },
    Group, Preparation,
    exchange::{Role, Seed, Shared},
    fragments::{Heard, Link},
    message::{COMMIT, CONFIRM, IDENTITY, Terms, suite},
};
use crate::mschap::NtHash;

/// EAP-pwd for a peer, in whichever group and with whichever preparation the server wants, as long
/// as they are known here. Its name is the supplicant's identity.
#[derive(Clone, Debug)]
pub struct Peer {
    password: Password,
}

impl Peer {
    /// EAP-pwd with this password.
    pub const fn new(password: Password) -> Self {
        Self { password }
    }
}

impl Usable for Peer {
    fn kind(&self) -> Type {
        Type::PWD
    }

    fn start(&self) -> Box<dyn Method> {
        Box::new(Run {
            password: self.password.clone(),
            link: Link::default(),
            state: State::New,
        })
    }
}

struct Run {
    password: Password,
    link: Link,
    state: State,
}

enum State {
    New,
    /// The server's terms are accepted.
    Agreed(Agreed),
    /// Both have committed.
    Committed(Group, Shared),
    /// The server has proven itself.
    Proven(Outcome),
    Over,
}

struct Agreed {
    group: Group,
    token: [u8; 4],
    server: Vec<u8>,
    password: Zeroizing<Vec<u8>>,
}

impl Method for Run {
    fn kind(&self) -> Type {
        Type::PWD
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Reply {
        let is_over = matches!(self.state, State::Over | State::Proven(_));
        if is_over && !self.link.is_busy() {
            return Reply::Ignore(Ignored::ByMethod("no EAP-pwd request is awaited"));
        }
        let (exchange, payload) = match self.link.hear(data, context.room) {
            Ok(Heard::Message(exchange, payload)) => (exchange, payload),
            Ok(Heard::Next(data)) => return Reply::Response(data),
            Err(what) => return self.abort(broken(what)),
        };
        let state = std::mem::replace(&mut self.state, State::Over);
        let response = match (state, exchange) {
            (State::New, IDENTITY) => self.identify(&payload, context),
            (State::Agreed(agreed), COMMIT) => self.commit(&agreed, &payload, context),
            (State::Committed(group, shared), CONFIRM) => self.confirm(group, &shared, &payload),
            _ => Err(broken("it is not the one that is due")),
        };
        match response {
            Ok(message) => Reply::Response(self.link.send(exchange, &message, context.room)),
            Err(trouble) => self.abort(trouble),
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        match &self.state {
            State::Proven(outcome) if !self.link.is_busy() => Some(outcome.clone()),
            _ => None,
        }
    }
}

impl Run {
    fn identify(&mut self, payload: &[u8], context: &Context<'_>) -> Result<Vec<u8>, Trouble> {
        let terms = Terms::parse(payload).map_err(broken)?;
        let (group, preparation) = terms.choices().map_err(broken)?;
        let password = prepared(&self.password, preparation)
            .ok_or_else(|| broken("it wants a hash that this password does not have"))?;
        self.state = State::Agreed(Agreed {
            group,
            token: terms.token,
            server: terms.identity.to_vec(),
            password,
        });
        let identity = context.identity;
        Ok(Terms { identity, ..terms }.write())
    }

    fn commit(
        &mut self,
        agreed: &Agreed,
        payload: &[u8],
        context: &mut Context<'_>,
    ) -> Result<Vec<u8>, Trouble> {
        let seed = Seed {
            token: agreed.token,
            peer: context.identity,
            server: &agreed.server,
            password: &agreed.password,
        };
        let side = agreed
            .group
            .begin(&seed, &mut *context.random)
            .ok_or_else(|| broken("its name and the password make no element"))?;
        let shared = side.agree(payload).map_err(broken)?;
        self.state = State::Committed(agreed.group, shared);
        Ok(side.commit().to_vec())
    }

    fn confirm(
        &mut self,
        group: Group,
        shared: &Shared,
        payload: &[u8],
    ) -> Result<Vec<u8>, Trouble> {
        let suite = suite(group);
        if Verified::by_equality(&*shared.their_confirm(suite), payload).is_none() {
            // Nothing is to be answered (RFC 5931 section 2.8.5.3).
            return Err(Trouble::Untrusted(
                "it does not know the same password".to_owned(),
            ));
        }
        let (msk, session_id) = shared.keys(Role::Peer, suite);
        self.state = State::Proven(Outcome {
            msk: Some(msk),
            session_id,
            ..Outcome::default()
        });
        Ok(shared.our_confirm(suite).to_vec())
    }

    fn abort(&mut self, trouble: Trouble) -> Reply {
        self.state = State::Over;
        Reply::Abort(trouble)
    }
}

fn prepared(password: &Password, preparation: Preparation) -> Option<Zeroizing<Vec<u8>>> {
    let octets = password.reveal();
    Some(Zeroizing::new(match preparation {
        Preparation::None => octets.to_vec(),
        Preparation::Rfc2759 => {
            let hash = NtHash::of(str::from_utf8(octets).ok()?).ok()?;
            hash.hash_hash().to_vec()
        }
    }))
}

fn broken(what: &'static str) -> Trouble {
    Trouble::Broken {
        method: Type::PWD,
        what: what.to_owned(),
    }
}
