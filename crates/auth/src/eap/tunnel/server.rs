//! The outer half of a tunnel on the server's side.

use std::sync::Arc;

use super::{Inside, Move, Rejoined};
use crate::eap::{
    Answer, Context, Failure, Method, Next, Question, Type, Verified,
    tls::{
        ClientCertificate, Resumed, Server, Settings, Version,
        fragments::{Arrived, Flags, Fragment, Link},
    },
};

/// What does not change from one run of a tunnel to the next.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) kind: Type,
    pub(crate) version: u8,
    pub(crate) settings: Arc<Settings>,
    /// Whether the tunnel itself asks the peer for a certificate.
    pub(crate) certificate: ClientCertificate,
    /// What the server's first message carries outside the tunnel; `None` for methods whose
    /// messages have no such part.
    pub(crate) outer: Option<Arc<[u8]>>,
}

/// One run of a tunnel.
pub(crate) struct Tunnel<I> {
    outside: Outside,
    inside: I,
    link: Link,
    server: Option<Server>,
    stage: Stage,
}

enum Stage {
    /// Only the start has been sent.
    Started,
    Handshake,
    /// Whether the session may be resumed is being asked.
    Resuming(Arc<Resumed>),
    /// The inner half is at work; whether it has begun.
    Inside(bool),
    /// An alert is on its way, then it is over.
    Alerting(Failure),
}

impl<I: Inside> Tunnel<I> {
    pub(crate) fn new(outside: Outside, inside: I) -> Self {
        Self {
            link: Link::new(outside.version),
            outside,
            inside,
            server: None,
            stage: Stage::Started,
        }
    }

    fn broken(&self, what: &'static str) -> Next {
        Next::broken(self.outside.kind, what)
    }

    fn start(&self) -> Vec<u8> {
        let flags = Flags::version_only(self.outside.version).with(Flags::START);
        let Some(outer) = self
            .outside
            .outer
            .as_ref()
            .filter(|outer| !outer.is_empty())
        else {
            return vec![flags.octet()];
        };
        let mut start = vec![flags.with(Flags::OUTER).octet()];
        let length = u32::try_from(outer.len()).unwrap_or(u32::MAX);
        start.extend_from_slice(&length.to_be_bytes());
        start.extend_from_slice(outer);
        start
    }

    fn first(&mut self, fragment: &Fragment<'_>, context: &Context<'_>) -> Result<(), Failure> {
        let kind = self.outside.kind;
        if fragment.flags().version() != self.outside.version {
            return Err(Failure::Broken {
                method: kind,
                what: "it asks for another version",
            });
        }
        self.inside.outer(fragment.outer());
        let certificate = self.outside.certificate;
        let server = Server::new(&self.outside.settings, kind, certificate, context.unix_s)?;
        self.server = Some(server);
        self.stage = Stage::Handshake;
        Ok(())
    }

    /// A whole message has come, or none at all.
    fn message(&mut self, message: &[u8], context: &mut Context<'_>) -> Next {
        if let Stage::Alerting(failure) = &self.stage {
            return Next::Failed(failure.clone());
        }
        let Some(server) = &mut self.server else {
            return self.broken("nothing where TLS should begin");
        };
        if !message.is_empty()
            && let Err(trouble) = server.receive(message, context.unix_s)
        {
            return self.alert(trouble.into(), context);
        }
        if server.is_established() {
            let plain = server.read();
            return self.established(&plain, context);
        }
        let flight = server.take_output();
        if flight.is_empty() {
            return self.broken("its TLS handshake does not go on");
        }
        self.send(flight, context)
    }

    fn alert(&mut self, failure: Failure, context: &Context<'_>) -> Next {
        let alert = self.server.as_mut().map(|server| server.take_output());
        match alert {
            Some(alert) if !alert.is_empty() => {
                self.stage = Stage::Alerting(failure);
                self.send(alert, context)
            }
            _ => Next::Failed(failure),
        }
    }

    fn established(&mut self, plain: &[u8], context: &mut Context<'_>) -> Next {
        let Some(server) = &mut self.server else {
            return self.broken("nothing where TLS should begin");
        };
        if matches!(self.stage, Stage::Handshake) {
            self.stage = Stage::Inside(false);
            let resumed = server.resumed();
            // In a full handshake of TLS 1.2 the server has the last word, and what is inside
            // begins with the peer's next message.
            if server.version() == Some(Version::Tls12) && resumed.is_none() && plain.is_empty() {
                return self.flush(context);
            }
            // Who speaks although it could be resumed wants to prove itself (RFC 9427 section 4).
            if let Some(resumed) = resumed.filter(|_| plain.is_empty()) {
                let question = Question::Resumed {
                    identity: resumed.identity.clone(),
                    chain: Arc::clone(&resumed.chain),
                    means: resumed.means,
                    note: resumed.note.clone(),
                };
                self.stage = Stage::Resuming(resumed);
                return Next::Ask(question);
            }
        }
        if plain.is_empty() && server.is_closed() {
            return Next::Failed(Failure::PeerEnded(self.outside.kind));
        }
        let has_begun = matches!(self.stage, Stage::Inside(true));
        self.stage = Stage::Inside(true);
        let next = if plain.is_empty() && !has_begun {
            self.inside.begin(&**server, context)
        } else {
            self.inside.receive(plain, &**server, context)
        };
        self.follow(next, context)
    }

    fn resumption(&mut self, resumed: &Resumed, answer: Answer, context: &mut Context<'_>) -> Next {
        let Some(server) = &self.server else {
            return Next::Failed(Failure::Refused);
        };
        self.stage = Stage::Inside(true);
        let next = if matches!(answer, Answer::Wrong) {
            server.forget_resumed();
            self.inside.begin(&**server, context)
        } else if let Some((verified, identity)) = Verified::by_answer(answer) {
            let rejoined = Rejoined {
                verified,
                identity,
                means: resumed.means,
            };
            self.inside.resume(rejoined, &**server, context)
        } else {
            Move::Failed(Failure::Refused)
        };
        self.follow(next, context)
    }

    fn follow(&mut self, next: Move, context: &Context<'_>) -> Next {
        let Some(server) = &mut self.server else {
            return Next::Failed(Failure::Refused);
        };
        match next {
            Move::Say(plain) => {
                if !server.write(&plain) {
                    return self.broken("the TLS session is over");
                }
                self.flush(context)
            }
            Move::Listen => self.flush(context),
            Move::Ask(question) => Next::Ask(question),
            Move::Succeeded(success) => {
                let keepsake = server.keepsake(success.identity(), success.means());
                Next::success(match keepsake {
                    Some(keepsake) => success.with_keepsake(keepsake),
                    None => *success,
                })
            }
            Move::Failed(failure) => Next::Failed(failure),
        }
    }

    fn flush(&mut self, context: &Context<'_>) -> Next {
        let output = self.server.as_mut().map(|server| server.take_output());
        self.send(output.unwrap_or_default(), context)
    }

    fn send(&mut self, message: Vec<u8>, context: &Context<'_>) -> Next {
        self.link.send(message);
        Next::Request(self.link.next(context.room))
    }
}

impl<I: Inside> Method for Tunnel<I> {
    fn kind(&self) -> Type {
        self.outside.kind
    }

    fn begin(&mut self, _: &mut Context<'_>) -> Next {
        Next::Request(self.start())
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Next {
        let fragment = if self.outside.outer.is_some() {
            Fragment::parse_with_outer(data)
        } else {
            Fragment::parse(data)
        };
        let fragment = match fragment {
            Ok(fragment) => fragment,
            Err(fault) => return Next::Failed(Failure::Tls(fault.into())),
        };
        if matches!(self.stage, Stage::Started)
            && let Err(failure) = self.first(&fragment, context)
        {
            return Next::Failed(failure);
        }
        match self.link.receive(&fragment) {
            Ok(Arrived::Fragment | Arrived::Acknowledged) => {
                Next::Request(self.link.next(context.room))
            }
            Ok(Arrived::Message(message)) => self.message(&message, context),
            Ok(Arrived::Nothing) => self.message(&[], context),
            Err(fault) => Next::Failed(Failure::Tls(fault.into())),
        }
    }

    fn answer(&mut self, answer: Answer, context: &mut Context<'_>) -> Next {
        if let Stage::Resuming(resumed) = &self.stage {
            let resumed = Arc::clone(resumed);
            return self.resumption(&resumed, answer, context);
        }
        let Some(server) = &self.server else {
            return Next::Failed(Failure::Refused);
        };
        let next = self.inside.answer(answer, &**server, context);
        self.follow(next, context)
    }
}
