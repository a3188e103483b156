//! The peer's side of EAP-TTLS.

use std::{fmt, sync::Arc};

use portreeve_proto::Random;
use zeroize::Zeroizing;

use super::{
    VERSION,
    avp::{self, Code},
    plain,
};
use crate::{
    Method as Plain, PasswordError, chap,
    eap::{
        Context, Password, Type,
        peer::{self, Trouble, Usable},
        tls::{PeerSettings, Version},
        tunnel::{
            Keying,
            peer::{
                PeerInner, PeerInnerStep, PeerInside, PeerKeys, PeerMove, PeerTunnel,
                is_commitment, tls_keys,
            },
        },
    },
    mschap::{self, NtHash, V1Response, V2Response},
};

/// A password is filled up to a multiple of that, so that its length does not show.
const PAP_BLOCK: usize = 16;

/// EAP-TTLS, as a peer may use it.
#[derive(Clone)]
pub struct TtlsPeer {
    settings: PeerSettings,
    login: LogIn,
}

#[derive(Clone)]
enum LogIn {
    Plain {
        plain: Plain,
        name: Vec<u8>,
        password: Password,
        /// For MS-CHAP.
        hash: Option<NtHash>,
    },
    Eap {
        name: Vec<u8>,
        methods: Vec<Arc<dyn Usable>>,
    },
}

impl LogIn {
    fn plain(plain: Plain, name: Vec<u8>, password: &str) -> Result<Self, PasswordError> {
        let hash = match plain {
            Plain::Pap | Plain::Chap => None,
            Plain::MsChapV1 | Plain::MsChapV2 => Some(NtHash::of(password)?),
        };
        Ok(Self::Plain {
            plain,
            name,
            password: Password::new(password),
            hash,
        })
    }
}

impl TtlsPeer {
    /// That logs in by a password inside.
    ///
    /// # Errors
    ///
    /// [`PasswordError::TooLong`] if MS-CHAP cannot carry the password.
    pub fn plain(
        settings: PeerSettings,
        plain: Plain,
        name: impl Into<Vec<u8>>,
        password: &str,
    ) -> Result<Self, PasswordError> {
        Ok(Self {
            settings,
            login: LogIn::plain(plain, name.into(), password)?,
        })
    }

    /// That uses one of these EAP methods inside, under that name.
    pub fn eap(
        settings: PeerSettings,
        name: impl Into<Vec<u8>>,
        methods: Vec<Arc<dyn Usable>>,
    ) -> Self {
        Self {
            settings,
            login: LogIn::Eap {
                name: name.into(),
                methods,
            },
        }
    }
}

impl fmt::Debug for TtlsPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TtlsPeer").finish_non_exhaustive()
    }
}

impl Usable for TtlsPeer {
    fn kind(&self) -> Type {
        Type::TTLS
    }

    fn start(&self) -> Box<dyn peer::Method> {
        let phase2 = Phase2::new(self.login.clone());
        let settings = self.settings.clone();
        Box::new(PeerTunnel::new(Type::TTLS, VERSION, settings, phase2))
    }
}

pub(super) struct Phase2 {
    login: LogIn,
    state: State,
}

enum State {
    New,
    Eap(Box<PeerInner>),
    /// The server's proof is to come, and what it must be.
    Proof {
        ident: u8,
        expected: [u8; mschap::SUCCESS_OCTETS],
    },
    /// All has been said and checked.
    Done,
}

impl Phase2 {
    fn new(login: LogIn) -> Self {
        let state = match &login {
            LogIn::Plain { .. } => State::New,
            LogIn::Eap { name, methods } => {
                State::Eap(Box::new(PeerInner::new(Type::TTLS, name, methods)))
            }
        };
        Self { login, state }
    }

    #[cfg(test)]
    pub(super) fn plain(plain: Plain, name: &[u8], password: &str) -> Result<Self, PasswordError> {
        LogIn::plain(plain, name.to_vec(), password).map(Self::new)
    }

    #[cfg(test)]
    pub(super) fn eap(name: &[u8], methods: &[Arc<dyn Usable>]) -> Self {
        Self::new(LogIn::Eap {
            name: name.to_vec(),
            methods: methods.to_vec(),
        })
    }

    fn log_in(&mut self, keying: &dyn Keying, random: &mut dyn Random) -> PeerMove {
        let said = match &self.login {
            LogIn::Plain {
                plain,
                name,
                password,
                hash,
            } => {
                let writer = avp::Writer::default().with(Code::USER_NAME, name);
                let hash = hash.as_ref();
                match plain {
                    Plain::Pap => {
                        self.state = State::Done;
                        Some(pap(writer, password))
                    }
                    Plain::Chap => {
                        self.state = State::Done;
                        chap(writer, password, keying)
                    }
                    Plain::MsChapV1 => {
                        self.state = State::Done;
                        hash.and_then(|hash| v1(writer, hash, keying))
                    }
                    Plain::MsChapV2 => hash.and_then(|hash| {
                        let (writer, state) = v2(writer, name, hash, keying, random)?;
                        self.state = state;
                        Some(writer)
                    }),
                }
            }
            LogIn::Eap { .. } => match &mut self.state {
                State::Eap(inner) => inner
                    .introduce()
                    .map(|packet| avp::Writer::default().with(Code::EAP_MESSAGE, &packet)),
                _ => None,
            },
        };
        match said {
            Some(writer) => PeerMove::Say(writer.octets().to_vec()),
            None => PeerMove::keyless(Type::TTLS),
        }
    }

    fn next(&mut self, plain: &[u8], context: &mut Context<'_>) -> PeerMove {
        let Ok(avps) = avp::parse(plain) else {
            return PeerMove::broken(Type::TTLS, "its attributes inside are not whole");
        };
        let mut packet = Vec::new();
        for avp in avps {
            if avp.code == Code::EAP_MESSAGE {
                packet.extend_from_slice(avp.data);
            } else if avp.is_mandatory {
                return PeerMove::broken(Type::TTLS, "it demands an attribute not known here");
            }
        }
        let State::Eap(inner) = &mut self.state else {
            return PeerMove::broken(Type::TTLS, "it goes on inside after the log-in");
        };
        match inner.receive(&packet, context) {
            PeerInnerStep::Response(packet) => {
                let writer = avp::Writer::default().with(Code::EAP_MESSAGE, &packet);
                PeerMove::Say(writer.octets().to_vec())
            }
            PeerInnerStep::Failed(trouble) => PeerMove::Abort(trouble),
        }
    }

    fn proof(
        &mut self,
        plain: &[u8],
        ident: u8,
        expected: &[u8; mschap::SUCCESS_OCTETS],
    ) -> PeerMove {
        let Ok(avps) = avp::parse(plain) else {
            return PeerMove::broken(Type::TTLS, "its attributes inside are not whole");
        };
        let find = |code: Code| avps.iter().find(|avp| avp.code == code).map(|avp| avp.data);
        if let Some(error) = find(Code::MS_CHAP_ERROR) {
            let text = mschap::ErrorText::parse(error.get(1..).unwrap_or_default());
            return PeerMove::Abort(text.map_or(Trouble::Rejected, |text| {
                Trouble::RejectedBecause(format!("MS-CHAP error {}", text.code))
            }));
        }
        let is_proven = find(Code::MS_CHAP2_SUCCESS)
            .and_then(<[u8]>::split_first)
            .is_some_and(|(&given, text)| given == ident && starts_with(text, expected));
        if !is_proven {
            return PeerMove::Abort(Trouble::Untrusted(
                "it does not prove that it knows the password".to_owned(),
            ));
        }
        self.state = State::Done;
        PeerMove::Listen
    }
}

fn starts_with(text: &[u8], expected: &[u8]) -> bool {
    use subtle::ConstantTimeEq as _;
    text.get(..expected.len())
        .is_some_and(|text| text.ct_eq(expected).into())
}

fn pap(writer: avp::Writer, password: &Password) -> avp::Writer {
    let mut padded = Zeroizing::new(password.reveal().to_vec());
    let length = padded.len().max(1).next_multiple_of(PAP_BLOCK);
    padded.resize(length, 0);
    writer.with(Code::USER_PASSWORD, &padded)
}

fn chap(writer: avp::Writer, password: &Password, keying: &dyn Keying) -> Option<avp::Writer> {
    let (challenge, ident) = plain::challenge::<{ plain::CHAP_CHALLENGE_OCTETS }>(keying)?;
    let mut value = vec![ident];
    value.extend_from_slice(&chap::response(ident, password.reveal(), &challenge));
    let writer = writer.with(Code::CHAP_CHALLENGE, &challenge);
    Some(writer.with(Code::CHAP_PASSWORD, &value))
}

fn v1(writer: avp::Writer, hash: &NtHash, keying: &dyn Keying) -> Option<avp::Writer> {
    let (challenge, ident) = plain::challenge(keying)?;
    let response = V1Response::answer(ident, &challenge, hash);
    let writer = writer.with(Code::MS_CHAP_CHALLENGE, &challenge);
    Some(writer.with(Code::MS_CHAP_RESPONSE, &response.to_octets()))
}

fn v2(
    writer: avp::Writer,
    name: &[u8],
    hash: &NtHash,
    keying: &dyn Keying,
    random: &mut dyn Random,
) -> Option<(avp::Writer, State)> {
    let (challenge, ident) = plain::challenge(keying)?;
    let response = V2Response::answer(ident, &challenge, name, hash, random);
    let writer = writer.with(Code::MS_CHAP_CHALLENGE, &challenge);
    let writer = writer.with(Code::MS_CHAP2_RESPONSE, &response.to_octets());
    let expected = response.success(&challenge, name, hash);
    Some((writer, State::Proof { ident, expected }))
}

impl PeerInside for Phase2 {
    fn begin(&mut self, keying: &dyn Keying, context: &mut Context<'_>) -> PeerMove {
        self.log_in(keying, &mut *context.random)
    }

    fn receive(
        &mut self,
        plain: &[u8],
        keying: &dyn Keying,
        context: &mut Context<'_>,
    ) -> PeerMove {
        let is_over = is_commitment(plain, keying);
        match &self.state {
            State::New if is_over => {
                self.state = State::Done;
                PeerMove::Listen
            }
            State::Eap(inner) if is_over && !inner.has_begun() => {
                self.state = State::Done;
                PeerMove::Listen
            }
            State::Eap(_) => self.next(plain, context),
            &State::Proof { ident, expected } => self.proof(plain, ident, &expected),
            State::New | State::Done => {
                PeerMove::broken(Type::TTLS, "it goes on inside out of turn")
            }
        }
    }

    fn outcome(&self, keying: &dyn Keying) -> Option<PeerKeys> {
        // A session of TLS 1.2 is resumed without a word inside.
        let is_free = keying.is_resumed() && keying.version() == Some(Version::Tls12);
        let is_done = match &self.state {
            State::New => is_free,
            State::Eap(inner) => (is_free && !inner.has_begun()) || inner.outcome().is_some(),
            State::Proof { .. } => false,
            State::Done => true,
        };
        if is_done {
            tls_keys(Type::TTLS, keying)
        } else {
            None
        }
    }
}
