//! EAP-MD5 (RFC 3748 section 5.4), which is CHAP in EAP. It proves nothing of the server and makes
//! no keys: for wires, not for the air.

use super::{
    Answer, Context, Failure, Ignored, Means, Method, Next, Offered, Password, Question, Success,
    Type, Verified,
    peer::{self, Outcome, Reply, Trouble},
};
use crate::chap::{self, RESPONSE_OCTETS};

/// Octets of the server's challenge.
pub const CHALLENGE_OCTETS: usize = 16;

/// EAP-MD5 for a server: a random challenge, and a credential in clear that answers it.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    means: Means,
}

impl Server {
    /// EAP-MD5 that is reported as `means`: alone, or inside a tunnel.
    pub const fn new(means: Means) -> Self {
        Self { means }
    }
}

impl Offered for Server {
    fn kind(&self) -> Type {
        Type::MD5
    }

    fn start(&self) -> Box<dyn Method> {
        Box::new(ServerRun {
            means: self.means,
            challenge: [0; CHALLENGE_OCTETS],
            state: State::New,
        })
    }
}

struct ServerRun {
    means: Means,
    challenge: [u8; CHALLENGE_OCTETS],
    state: State,
}

enum State {
    New,
    Challenged,
    Asking {
        identifier: u8,
        response: [u8; RESPONSE_OCTETS],
    },
    Over,
}

impl Method for ServerRun {
    fn kind(&self) -> Type {
        Type::MD5
    }

    fn begin(&mut self, context: &mut Context<'_>) -> Next {
        context.random.fill(&mut self.challenge);
        self.state = State::Challenged;
        Next::Request(sized(&self.challenge))
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Next {
        if !matches!(self.state, State::Challenged) {
            return Next::Ignore(Ignored::ByMethod("no EAP-MD5 response is awaited"));
        }
        // A name may follow the value; the conversation knows whose it is.
        let response = value(data).and_then(|value| value.try_into().ok());
        let Some(response) = response else {
            self.state = State::Over;
            return Next::broken(Type::MD5, "its value is not one of MD5");
        };
        self.state = State::Asking {
            identifier: context.identifier,
            response,
        };
        Next::Ask(Question::Credential {
            identity: context.identity.to_vec(),
            means: self.means,
        })
    }

    fn answer(&mut self, answer: Answer, context: &mut Context<'_>) -> Next {
        let state = std::mem::replace(&mut self.state, State::Over);
        let (
            State::Asking {
                identifier,
                response,
            },
            Answer::Credential(credential),
        ) = (state, answer)
        else {
            return Next::Failed(Failure::Refused);
        };
        let Some(password) = credential.clear_text() else {
            return Next::Failed(Failure::Refused);
        };
        let verdict = chap::verify(identifier, password.as_bytes(), &self.challenge, &response);
        match Verified::by_verdict(verdict) {
            Some(verified) => Next::success(Success::new(
                verified,
                context.identity.to_vec(),
                self.means,
            )),
            None => Next::Failed(Failure::WrongPassword(self.means)),
        }
    }
}

/// EAP-MD5 for a peer. It cannot tell whether the server knows the password.
#[derive(Clone, Debug)]
pub struct Peer {
    password: Password,
}

impl Peer {
    /// EAP-MD5 with this password.
    pub const fn new(password: Password) -> Self {
        Self { password }
    }
}

impl peer::Usable for Peer {
    fn kind(&self) -> Type {
        Type::MD5
    }

    fn start(&self) -> Box<dyn peer::Method> {
        Box::new(PeerRun {
            password: self.password.clone(),
            has_answered: false,
        })
    }
}

struct PeerRun {
    password: Password,
    has_answered: bool,
}

impl peer::Method for PeerRun {
    fn kind(&self) -> Type {
        Type::MD5
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Reply {
        if self.has_answered {
            return Reply::Ignore(Ignored::ByMethod("a second EAP-MD5 challenge"));
        }
        let Some(challenge) = value(data).filter(|challenge| !challenge.is_empty()) else {
            return Reply::Abort(Trouble::Broken {
                method: Type::MD5,
                what: "it has no challenge".to_owned(),
            });
        };
        self.has_answered = true;
        let response = chap::response(context.identifier, self.password.reveal(), challenge);
        Reply::Response(sized(&response))
    }

    fn outcome(&self) -> Option<Outcome> {
        self.has_answered.then(Outcome::default)
    }
}

/// A value after an octet that says its length.
fn sized(value: &[u8; 16]) -> Vec<u8> {
    let mut data = vec![16];
    data.extend_from_slice(value);
    data
}

/// The value after its length; `None` where there is less of it.
fn value(data: &[u8]) -> Option<&[u8]> {
    let (&size, rest) = data.split_first()?;
    rest.get(..usize::from(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_as_long_as_it_says() {
        assert_eq!(value(&[]), None);
        assert_eq!(value(&[0]), Some(&[][..]));
        assert_eq!(value(&[2, 7]), None);
        assert_eq!(value(&[2, 7, 8, b'n']), Some(&[7, 8][..]));
        assert_eq!(value(&[255; 255]), None);
    }
}
