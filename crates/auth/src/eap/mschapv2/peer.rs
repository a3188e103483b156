use super::{
    super::{
        Context, Ignored, Type, Verified,
        peer::{Method, Outcome, Reply, Trouble, Usable},
    },
    KeyOrder, master_session_key,
    message::{Request, Response},
};
use crate::mschap::{ErrorText, NtHash, V2_CHALLENGE_OCTETS, V2Response};

/// The most characters of a server's message that are shown.
const MAX_MESSAGE_CHARS: usize = 200;

/// EAP-MSCHAPv2 for a peer. Its name is the supplicant's identity. It answers one challenge, and
/// wants the server's proof that it knows the password too.
#[derive(Clone, Debug)]
pub struct Peer {
    hash: NtHash,
    order: KeyOrder,
}

impl Peer {
    /// EAP-MSCHAPv2 with the password of this hash.
    pub const fn new(hash: NtHash) -> Self {
        Self {
            hash,
            order: KeyOrder::ReceiveFirst,
        }
    }

    /// The same inside the tunnel of `outer`, which decides the order of the keys.
    #[must_use]
    pub fn inside(mut self, outer: Type) -> Self {
        self.order = KeyOrder::inside(outer);
        self
    }
}

impl Usable for Peer {
    fn kind(&self) -> Type {
        Type::MSCHAPV2
    }

    fn start(&self) -> Box<dyn Method> {
        Box::new(Run {
            hash: self.hash.clone(),
            order: self.order,
            state: State::New,
        })
    }
}

struct Run {
    hash: NtHash,
    order: KeyOrder,
    state: State,
}

enum State {
    New,
    Responded {
        challenge: [u8; V2_CHALLENGE_OCTETS],
        response: V2Response,
    },
    /// The server has proven itself.
    Proven(Outcome),
    Over,
}

impl Method for Run {
    fn kind(&self) -> Type {
        Type::MSCHAPV2
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Reply {
        let message = match Request::parse(data) {
            Ok(message) => message,
            Err(what) => {
                self.state = State::Over;
                return Reply::Abort(broken(what));
            }
        };
        match (&self.state, message) {
            (State::New, Request::Challenge { id, challenge }) => {
                let name = context.identity;
                let response =
                    V2Response::answer(id, &challenge, name, &self.hash, &mut *context.random);
                self.state = State::Responded {
                    challenge,
                    response,
                };
                Reply::Response(Response::response(&response, name))
            }
            (
                &State::Responded {
                    challenge,
                    response,
                },
                Request::Success { text },
            ) => self.check(&challenge, &response, context.identity, text),
            (State::Responded { .. }, Request::Failure { text }) => {
                self.state = State::Over;
                Reply::GiveUp(Response::FAILURE.to_vec(), rejected(text))
            }
            _ => Reply::Ignore(Ignored::ByMethod(
                "not the EAP-MSCHAPv2 request that is due",
            )),
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        match &self.state {
            State::Proven(outcome) => Some(outcome.clone()),
            State::New | State::Responded { .. } | State::Over => None,
        }
    }
}

impl Run {
    fn check(
        &mut self,
        challenge: &[u8; V2_CHALLENGE_OCTETS],
        response: &V2Response,
        name: &[u8],
        text: &[u8],
    ) -> Reply {
        let verdict = response.verify_success(challenge, name, &self.hash, text);
        if Verified::by_verdict(verdict).is_none() {
            // Nothing is to be answered (draft-kamath-pppext-eap-mschapv2 section 2.3).
            self.state = State::Over;
            return Reply::Abort(Trouble::Untrusted(
                "it does not prove that it knows the password".to_owned(),
            ));
        }
        self.state = State::Proven(Outcome {
            msk: Some(master_session_key(
                &self.hash,
                &response.nt_response,
                self.order,
            )),
            ..Outcome::default()
        });
        Reply::Response(Response::SUCCESS.to_vec())
    }
}

/// What a server's failure says, for a person. The text is anybody's, so control characters and
/// what is long are left out.
fn rejected(text: &[u8]) -> Trouble {
    let Some(text) = ErrorText::parse(text) else {
        return Trouble::Rejected;
    };
    let message = text.message.chars().filter(|c| !c.is_control());
    let message: String = message.take(MAX_MESSAGE_CHARS).collect();
    Trouble::RejectedBecause(if message.is_empty() {
        format!("MS-CHAP error {}", text.code)
    } else {
        format!("MS-CHAP error {}, {message}", text.code)
    })
}

fn broken(what: &str) -> Trouble {
    Trouble::Broken {
        method: Type::MSCHAPV2,
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_cannot_move_the_cursor() {
        let said = |text: &[u8]| rejected(text).to_string();
        assert_eq!(said(b"x"), "the server rejects it");
        assert_eq!(said(b"E=647"), "the server rejects it: MS-CHAP error 647");
        assert_eq!(
            said(b"E=691 R=0 V=3 M=a\x1b[2Jb\n"),
            "the server rejects it: MS-CHAP error 691, a[2Jb"
        );
        let long = format!("E=691 M={}", "m".repeat(1000));
        assert_eq!(
            said(long.as_bytes()).matches('m').count(),
            MAX_MESSAGE_CHARS
        );
    }
}
