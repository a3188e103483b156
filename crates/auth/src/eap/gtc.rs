//! EAP-GTC (RFC 3748 section 5.6): a prompt, and an answer in clear. Made for token cards, it
//! carries passwords where a tunnel protects them; without one, anybody on the wire reads them.

use super::{
    Answer, Context, Failure, Ignored, Means, Method, Next, Offered, Password, Question, Success,
    Type, Verified,
    peer::{self, Outcome, Reply, Trouble},
};
use crate::MAX_PASSWORD_OCTETS;

const DEFAULT_PROMPT: &str = "Password";

/// EAP-GTC for a server.
#[derive(Clone, Debug)]
pub struct Server {
    means: Means,
    prompt: String,
}

impl Server {
    /// EAP-GTC that is reported as `means` and prompts for a password.
    pub fn new(means: Means) -> Self {
        Self {
            means,
            prompt: DEFAULT_PROMPT.to_owned(),
        }
    }

    /// The same with another prompt. Control characters are left out, and what does not fit into
    /// one Request; an empty prompt changes nothing, as there must be one.
    #[must_use]
    pub fn with_prompt(mut self, prompt: &str) -> Self {
        let prompt: String = prompt.chars().filter(|c| !c.is_control()).collect();
        if !prompt.is_empty() {
            self.prompt = prompt;
        }
        self
    }
}

impl Offered for Server {
    fn kind(&self) -> Type {
        Type::GTC
    }

    fn start(&self) -> Box<dyn Method> {
        Box::new(ServerRun {
            means: self.means,
            prompt: self.prompt.clone(),
            state: State::New,
        })
    }
}

struct ServerRun {
    means: Means,
    prompt: String,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Prompted,
    Asking,
    Over,
}

impl Method for ServerRun {
    fn kind(&self) -> Type {
        Type::GTC
    }

    fn begin(&mut self, context: &mut Context<'_>) -> Next {
        self.state = State::Prompted;
        let end = self.prompt.floor_char_boundary(context.room);
        Next::Request(self.prompt.as_bytes()[..end].to_vec())
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Next {
        if self.state != State::Prompted {
            return Next::Ignore(Ignored::ByMethod("no EAP-GTC response is awaited"));
        }
        self.state = State::Over;
        let wrong = match data.len() {
            0 => Some("the password is empty"),
            1..=MAX_PASSWORD_OCTETS if data.contains(&0) => {
                Some("the password contains a zero octet")
            }
            1..=MAX_PASSWORD_OCTETS => None,
            _ => Some("the password is longer than any that is kept"),
        };
        if let Some(what) = wrong {
            return Next::broken(Type::GTC, what);
        }
        self.state = State::Asking;
        Next::Ask(Question::Password {
            identity: context.identity.to_vec(),
            password: Password::new(data),
            means: self.means,
        })
    }

    fn answer(&mut self, answer: Answer, _: &mut Context<'_>) -> Next {
        let was_asking = self.state == State::Asking;
        self.state = State::Over;
        let failure = match answer {
            Answer::Wrong => Failure::WrongPassword(self.means),
            _ => Failure::Refused,
        };
        match Verified::by_answer(answer) {
            Some((verified, name)) if was_asking => {
                Next::success(Success::new(verified, name, self.means))
            }
            _ => Next::Failed(failure),
        }
    }
}

/// EAP-GTC for a peer: whatever the prompt says, it gives its password, and once only. It cannot
/// tell who gets it.
#[derive(Clone, Debug)]
pub struct Peer {
    password: Password,
}

impl Peer {
    /// EAP-GTC with this password.
    pub const fn new(password: Password) -> Self {
        Self { password }
    }
}

impl peer::Usable for Peer {
    fn kind(&self) -> Type {
        Type::GTC
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
        Type::GTC
    }

    fn receive(&mut self, data: &[u8], _: &mut Context<'_>) -> Reply {
        if self.has_answered {
            return Reply::Ignore(Ignored::ByMethod("a second EAP-GTC prompt"));
        }
        if data.is_empty() {
            return Reply::Abort(Trouble::Broken {
                method: Type::GTC,
                what: "it has no prompt".to_owned(),
            });
        }
        self.has_answered = true;
        Reply::Response(self.password.reveal().to_vec())
    }

    fn outcome(&self) -> Option<Outcome> {
        self.has_answered.then(Outcome::default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompted(server: Server) -> Vec<u8> {
        let mut random = |_: &mut [u8]| {};
        let mut context = Context {
            random: &mut random,
            unix_s: 0,
            room: 64,
            identifier: 1,
            next_identifier: 2,
            identity: b"tim",
        };
        match server.start().begin(&mut context) {
            Next::Request(data) => data,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_prompt_is_displayable_and_fits() {
        let server = Server::new(Means::alone(Type::GTC));
        assert_eq!(prompted(server.clone()), b"Password");
        assert_eq!(prompted(server.clone().with_prompt("\0\n")), b"Password");
        assert_eq!(prompted(server.clone().with_prompt("Code\0:")), b"Code:");
        let long = prompted(server.with_prompt(&"\u{e9}".repeat(40)));
        assert_eq!(long, "\u{e9}".repeat(32).into_bytes());
        let odd =
            Server::new(Means::alone(Type::GTC)).with_prompt(&format!("x{}", "\u{e9}".repeat(40)));
        assert_eq!(prompted(odd).len(), 63);
    }
}
