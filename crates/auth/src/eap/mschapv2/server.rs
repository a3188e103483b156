use super::{
    super::{
        Answer, Context, Failure, Ignored, Means, Method, Msk, Next, Offered, Question, Success,
        Type, Verified,
    },
    KeyOrder, master_session_key,
    message::{Request, Response},
};
use crate::mschap::{ErrorText, NtHash, V2_CHALLENGE_OCTETS, V2Response, bare_user};

/// The most second tries that a server allows in one conversation.
pub const MAX_RETRIES: u8 = 3;

const DEFAULT_NAME: &[u8] = b"portreeve";

/// EAP-MSCHAPv2 for a server. It asks for a credential that is in clear or an NT hash.
///
/// Its master session key, with the server's receive key first, is what access points and peers
/// expect of it alone and inside PEAP; inside TEAP and EAP-FAST, which [`Means::outer`] tells, the
/// send key comes first. It is 32 octets followed by 32 of zero. There is no Session-Id.
#[derive(Clone, Debug)]
pub struct Server {
    means: Means,
    name: Vec<u8>,
    retries: u8,
}

impl Server {
    /// EAP-MSCHAPv2 that is reported as `means`, and allows one try.
    pub fn new(means: Means) -> Self {
        Self {
            means,
            name: DEFAULT_NAME.to_vec(),
            retries: 0,
        }
    }

    /// The same under a name of its own, which the peer may show. At most 64 octets of it are
    /// used; an empty one changes nothing.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        if !name.is_empty() {
            let end = name.floor_char_boundary(64);
            self.name = name.as_bytes()[..end].to_vec();
        }
        self
    }

    /// The same with as many more tries after a wrong password, at most [`MAX_RETRIES`]. Each
    /// answers a new challenge, and asks for the credential again.
    #[must_use]
    pub fn with_retries(mut self, retries: u8) -> Self {
        self.retries = retries.min(MAX_RETRIES);
        self
    }
}

impl Offered for Server {
    fn kind(&self) -> Type {
        Type::MSCHAPV2
    }

    fn start(&self) -> Box<dyn Method> {
        Box::new(Run {
            means: self.means,
            name: self.name.clone(),
            retries: self.retries,
            challenge: [0; V2_CHALLENGE_OCTETS],
            id: 0,
            state: State::New,
        })
    }
}

struct Run {
    means: Means,
    name: Vec<u8>,
    /// How many more tries there may be.
    retries: u8,
    challenge: [u8; V2_CHALLENGE_OCTETS],
    /// The MS-CHAPv2-ID of the last challenge.
    id: u8,
    state: State,
}

enum State {
    New,
    /// A Challenge was sent, or a Failure that allows another try: a Response may come.
    Challenged {
        /// What it is if none comes: of the try before.
        failure: Option<Failure>,
    },
    /// The credential has been asked for.
    Asking(V2Response),
    /// The Response was right and a Success was sent; the peer has to accept it.
    Proven(Verified, Msk),
    /// A Failure that allows nothing was sent.
    Failing(Failure),
    Over,
}

impl Method for Run {
    fn kind(&self) -> Type {
        Type::MSCHAPV2
    }

    fn begin(&mut self, context: &mut Context<'_>) -> Next {
        context.random.fill(&mut self.challenge);
        self.id = context.next_identifier;
        self.state = State::Challenged { failure: None };
        Next::Request(Request::challenge(self.id, &self.challenge, &self.name))
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Next {
        if matches!(self.state, State::New | State::Asking(_) | State::Over) {
            return Next::Ignore(Ignored::ByMethod("no EAP-MSCHAPv2 response is awaited"));
        }
        let state = std::mem::replace(&mut self.state, State::Over);
        if let State::Failing(failure) = state {
            // Whatever it says to that, it is over.
            return Next::Failed(failure);
        }
        let message = match Response::parse(data) {
            Ok(message) => message,
            Err(what) => return broken(what),
        };
        match (state, message) {
            (State::Challenged { failure }, Response::Value { response, name }) => {
                self.ask(failure.is_some(), response, name, context)
            }
            (
                State::Challenged {
                    failure: Some(failure),
                },
                Response::Failure,
            ) => Next::Failed(failure),
            (State::Proven(verified, msk), Response::Success) => {
                let success = Success::new(verified, context.identity.to_vec(), self.means);
                Next::success(success.with_keys(msk, Vec::new()))
            }
            (State::Proven(..), Response::Failure) => {
                Next::Failed(Failure::PeerGaveUp(Type::MSCHAPV2))
            }
            (_, Response::ChangePassword) => {
                broken("it asks for a change of password, which was not offered")
            }
            _ => broken("it is not the one that is due"),
        }
    }

    fn answer(&mut self, answer: Answer, context: &mut Context<'_>) -> Next {
        let State::Asking(response) = std::mem::replace(&mut self.state, State::Over) else {
            return Next::Failed(Failure::Refused);
        };
        let hash = match answer {
            Answer::Credential(credential) => credential.nt_hash(),
            _ => None,
        };
        let failure = match hash {
            Some(_) => Failure::WrongPassword(self.means),
            None => Failure::Refused,
        };
        // A stranger's response is checked as well, so that it takes as long.
        let is_known = hash.is_some();
        let hash = hash.unwrap_or_else(|| {
            let mut nobody = [0; 16];
            context.random.fill(&mut nobody);
            NtHash::from_octets(nobody)
        });
        let user = bare_user(context.identity);
        let verdict = response.verify(&self.challenge, user, &hash);
        match Verified::by_verdict(verdict) {
            Some(verified) if is_known => {
                let order = KeyOrder::inside(self.means.outer());
                let msk = master_session_key(&hash, &response.nt_response, order);
                self.state = State::Proven(verified, msk);
                let proof = response.success(&self.challenge, user, &hash);
                Next::Request(Request::success(self.id, &proof))
            }
            _ => self.refuse(failure, context),
        }
    }
}

impl Run {
    fn ask(
        &mut self,
        is_retry: bool,
        response: V2Response,
        name: &[u8],
        context: &mut Context<'_>,
    ) -> Next {
        // Peers differ in what they say of a second try: the same, or the next.
        let is_due =
            response.ident == self.id || is_retry && response.ident == self.id.wrapping_add(1);
        if !is_due {
            return broken("its MS-CHAPv2 identifier is another than the challenge's");
        }
        if bare_user(name) != bare_user(context.identity) {
            return broken("its name is another than the EAP identity");
        }
        self.state = State::Asking(response);
        Next::Ask(Question::Credential {
            identity: context.identity.to_vec(),
            means: self.means,
        })
    }

    fn refuse(&mut self, failure: Failure, context: &mut Context<'_>) -> Next {
        context.random.fill(&mut self.challenge);
        let mut text = ErrorText::v2_refused(&self.challenge, "Authentication failed");
        text.retry = self.retries > 0;
        self.state = match self.retries.checked_sub(1) {
            Some(left) => {
                self.retries = left;
                State::Challenged {
                    failure: Some(failure),
                }
            }
            None => State::Failing(failure),
        };
        Next::Request(Request::failure(self.id, &text.to_string()))
    }
}

const fn broken(what: &'static str) -> Next {
    Next::broken(Type::MSCHAPV2, what)
}
