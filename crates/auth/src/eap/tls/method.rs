//! The server's side of EAP-TLS (RFC 5216, RFC 9190).

use std::sync::Arc;

use super::{
    Alert, ClientCertificate, Server, Settings, Trouble, Version,
    fragments::{Arrived, Flags, Fragment, Link},
};
use crate::eap::{
    Answer, Context, Failure, Means, Method, Msk, Next, Offered, Question, Success, Type, Verified,
};

/// What says that the handshake is over and has succeeded, under TLS 1.3 (RFC 9190 section 2.1.1).
pub(super) const PROTECTED_SUCCESS: [u8; 1] = [0];

/// EAP-TLS as a server offers it: somebody proves who they are by a certificate.
///
/// Its settings have to trust a CA for devices' certificates. It asks [`Question::Certificate`], or
/// [`Question::Resumed`] where a session is resumed; the answer [`Answer::Wrong`] to the latter
/// ends the conversation and the session, so that the device proves itself anew when it comes
/// back.
#[derive(Clone, Debug)]
pub struct EapTls {
    settings: Arc<Settings>,
}

impl EapTls {
    /// With these settings.
    pub const fn new(settings: Arc<Settings>) -> Self {
        Self { settings }
    }
}

impl Offered for EapTls {
    fn kind(&self) -> Type {
        Type::TLS
    }

    fn start(&self) -> Box<dyn Method> {
        Box::new(Run {
            settings: Arc::clone(&self.settings),
            link: Link::new(0),
            state: State::Started,
        })
    }
}

struct Run {
    settings: Arc<Settings>,
    link: Link,
    state: State,
}

enum State {
    /// The Start is out.
    Started,
    Shaking(Box<Server>),
    /// Whether the certificate will do has been asked.
    Asking(Box<Server>),
    /// They may come in; the last flight is out.
    Finishing(Box<Server>, (Verified, Vec<u8>)),
    /// The alert is out.
    Failing(Trouble),
    Over,
}

impl Method for Run {
    fn kind(&self) -> Type {
        Type::TLS
    }

    fn begin(&mut self, _: &mut Context<'_>) -> Next {
        if !self.settings.can_ask_for_certificates() {
            return self.fail(Trouble::NoClientCa);
        }
        Next::Request(vec![Flags::START.octet()])
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Next {
        let arrived = Fragment::parse(data).and_then(|fragment| self.link.receive(&fragment));
        match arrived {
            Ok(Arrived::Fragment | Arrived::Acknowledged) => {
                Next::Request(self.link.next(context.room))
            }
            Ok(Arrived::Message(message)) => self.message(&message, context),
            Ok(Arrived::Nothing) => self.silence(),
            Err(fault) => self.fail(fault.into()),
        }
    }

    fn answer(&mut self, answer: Answer, context: &mut Context<'_>) -> Next {
        let State::Asking(mut server) = self.leave() else {
            return Next::Failed(Failure::Refused);
        };
        if matches!(answer, Answer::Wrong) && server.is_resumed() {
            server.forget_resumed();
            return self.fail(Trouble::NotResumable);
        }
        let Some(proven) = Verified::by_answer(answer) else {
            server.forget_resumed();
            return Next::Failed(Failure::Refused);
        };
        if server.version() == Some(Version::Tls13) && !server.write(&PROTECTED_SUCCESS) {
            return self.fail(Trouble::Internal("nothing can be sent".to_owned()));
        }
        let output = server.take_output();
        if output.is_empty() {
            // A session of TLS 1.2 was resumed: the last word was the device's.
            return succeed(&server, proven);
        }
        self.state = State::Finishing(server, proven);
        self.send(output, context)
    }
}

impl Run {
    fn leave(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Over)
    }

    fn fail(&mut self, trouble: Trouble) -> Next {
        self.state = State::Over;
        Next::Failed(Failure::Tls(trouble))
    }

    fn garbage(&mut self, what: &str) -> Next {
        self.fail(Trouble::Garbage(what.to_owned()))
    }

    fn send(&mut self, output: Vec<u8>, context: &Context<'_>) -> Next {
        self.link.send(output);
        Next::Request(self.link.next(context.room))
    }

    fn message(&mut self, message: &[u8], context: &Context<'_>) -> Next {
        match self.leave() {
            State::Started => {
                let certificate = ClientCertificate::Required;
                let unix_s = context.unix_s;
                match Server::new(&self.settings, Type::TLS, certificate, unix_s) {
                    Ok(server) => {
                        server.bind_to(context.identity);
                        self.shake(server.into(), message, context)
                    }
                    Err(trouble) => self.fail(trouble),
                }
            }
            State::Shaking(server) => self.shake(server, message, context),
            State::Finishing(server, proven) => {
                self.last_word(server, proven, message, context.unix_s)
            }
            State::Failing(trouble) => self.fail(trouble),
            State::Asking(_) | State::Over => self.garbage("it goes on after its end"),
        }
    }

    fn shake(&mut self, mut server: Box<Server>, message: &[u8], context: &Context<'_>) -> Next {
        if let Err(trouble) = server.receive(message, context.unix_s) {
            let alert = server.take_output();
            if alert.is_empty() {
                return self.fail(trouble);
            }
            // The device is to see the alert before the end.
            self.state = State::Failing(trouble);
            return self.send(alert, context);
        }
        if server.is_closed() {
            return self.fail(Trouble::Alert(Alert::of(0)));
        }
        if !server.read().is_empty() {
            return self.garbage("it sends data in the middle of the handshake");
        }
        if server.is_established() {
            return self.ask(server, context);
        }
        let output = server.take_output();
        if output.is_empty() {
            return self.garbage("a flight of its handshake is not whole");
        }
        self.state = State::Shaking(server);
        self.send(output, context)
    }

    fn ask(&mut self, server: Box<Server>, context: &Context<'_>) -> Next {
        let chain: Arc<[Vec<u8>]> = server.peer_chain().into();
        if chain.is_empty() {
            return self.fail(Trouble::NoCertificate);
        }
        let question = if server.is_resumed() {
            let Some(resumed) = server.resumed() else {
                return self.fail(Trouble::NotResumable);
            };
            Question::Resumed {
                identity: resumed.identity.clone(),
                chain,
                means: resumed.means,
                note: resumed.note.clone(),
            }
        } else {
            Question::Certificate {
                identity: context.identity.to_vec(),
                chain,
                means: Means::alone(Type::TLS),
            }
        };
        self.state = State::Asking(server);
        Next::Ask(question)
    }

    /// Something where an empty packet was due: an alert that all was in vain, or a device that
    /// hangs up because all is done.
    fn last_word(
        &mut self,
        mut server: Box<Server>,
        proven: (Verified, Vec<u8>),
        message: &[u8],
        unix_s: u64,
    ) -> Next {
        if let Err(trouble) = server.receive(message, unix_s) {
            return self.fail(trouble);
        }
        if server.is_closed() && server.read().is_empty() {
            return succeed(&server, proven);
        }
        self.garbage("it goes on after its end")
    }

    fn silence(&mut self) -> Next {
        match self.leave() {
            State::Finishing(server, proven) => succeed(&server, proven),
            State::Failing(trouble) => self.fail(trouble),
            State::Shaking(_) => Next::Failed(Failure::PeerGaveUp(Type::TLS)),
            State::Started | State::Asking(_) | State::Over => {
                self.garbage("it sends nothing where it should begin")
            }
        }
    }
}

fn succeed(server: &Server, (verified, identity): (Verified, Vec<u8>)) -> Next {
    let Some(keys) = server.keys(Type::TLS) else {
        let trouble = Trouble::Internal("there are no keys to be had".to_owned());
        return Next::Failed(Failure::Tls(trouble));
    };
    let means = Means::alone(Type::TLS);
    let keepsake = server.keepsake(&identity, means);
    let mut success = Success::new(verified, identity, means)
        .with_keys(keys.msk, keys.session_id)
        .with_emsk(Msk::new(*keys.emsk));
    if server.is_resumed() {
        success = success.resumed();
    }
    if let Some(keepsake) = keepsake {
        success = success.with_keepsake(keepsake);
    }
    Next::success(success)
}
