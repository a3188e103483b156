//! From an Access-Request and a [`Credential`] to a [`Proof`].

use portreeve_proto::{
    AccessRequest, AttributeList,
    attr::{self, microsoft},
};
use zeroize::Zeroizing;

use crate::{
    Credential, Method, Scheme, chap,
    mppe::{self, StartKeys},
    mschap::{self, ErrorText, NtHash, V1Response, V2Response, lm_hash},
    wire,
};

/// MS-MPPE-Encryption-Policy: encryption is allowed; whether it is required the NAS decides.
const ENCRYPTION_ALLOWED: u32 = 1;
/// MS-MPPE-Encryption-Types: RC4 with 40-bit keys.
const RC4_40: u32 = 2;
/// MS-MPPE-Encryption-Types: RC4 with 128-bit keys.
const RC4_128: u32 = 4;
/// What a refused subscriber reads: the same whatever the reason.
const REFUSED: &str = "Authentication failed";

/// Checks what a request presents against a credential, in a time that does not depend on what
/// part of it is wrong.
///
/// Takes microseconds, except for PAP with a [`Cost::Slow`](crate::Cost::Slow) scheme; see
/// [`Scheme::cost_of`]. Nothing is stored in the request; the caller puts [`Keys::attributes`]
/// into the Access-Accept, or the refusal's attributes into the Access-Reject. [`Proves`] does
/// that by itself.
pub fn prove(request: &AccessRequest, credential: &Credential) -> Proof {
    match Attempt::of(request) {
        Ok(attempt) => attempt.check(request, credential),
        Err(why) => Refutation::NoMethod(why).alone(),
    }
}

/// What came of checking a request against a credential.
#[must_use]
#[derive(Debug)]
pub enum Proof {
    /// They are who they say.
    Proven(Keys),
    /// They are not, or it could not be shown.
    Refuted {
        /// The reason, for the administrator: the subscriber learns none.
        why: Refutation,
        /// What the Access-Reject must carry: MS-CHAP-Error, where the method has one.
        attributes: AttributeList,
    },
    /// The method needs another round.
    Asks(Challenge),
}

/// What a method asks of the subscriber before it can decide. None of the methods here does.
#[derive(Debug)]
pub enum Challenge {}

/// Evidence that a request was proven, with what the Access-Accept must carry: MS-CHAP2-Success
/// and the keys for encryption. Only a verifier makes one.
#[derive(Debug)]
pub struct Keys {
    attributes: AttributeList,
}

impl Keys {
    /// What the Access-Accept must carry. Empty for PAP and CHAP.
    pub const fn attributes(&self) -> &AttributeList {
        &self.attributes
    }

    /// As [`Keys::attributes`], by value.
    pub fn into_attributes(self) -> AttributeList {
        self.attributes
    }

    fn none() -> Proof {
        Proof::Proven(Self {
            attributes: AttributeList::new(),
        })
    }
}

/// Why a request is not proven. Displays as a sentence for the administrator, without a capital
/// and a full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refutation {
    /// The password, or the response made of it, is not the right one.
    WrongPassword {
        /// The method.
        method: Method,
        /// Whether the shared secret is known to be right: the request carried a valid
        /// Message-Authenticator.
        secret_is_fine: bool,
    },
    /// The password is wrong and not even text, and nothing vouches for the shared secret: the
    /// secrets of NAS and server most likely differ.
    SuspectSecret,
    /// The password is empty, which is never accepted.
    EmptyPassword,
    /// What is stored cannot answer the method.
    CannotServe {
        /// How the credential is stored.
        scheme: Scheme,
        /// The method that was tried.
        method: Method,
    },
    /// The request presents nothing that can be checked.
    NoMethod(NoMethod),
}

impl Refutation {
    /// A short name for metrics and records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::WrongPassword { .. } => "wrong_password",
            Self::SuspectSecret => "suspect_secret",
            Self::EmptyPassword => "empty_password",
            Self::CannotServe { .. } => "cannot_serve",
            Self::NoMethod(why) => why.label(),
        }
    }

    fn alone(self) -> Proof {
        self.with(AttributeList::new())
    }

    fn with(self, attributes: AttributeList) -> Proof {
        Proof::Refuted {
            why: self,
            attributes,
        }
    }
}

impl std::fmt::Display for Refutation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WrongPassword {
                method,
                secret_is_fine: true,
            } => {
                write!(
                    f,
                    "the password did not match ({method}); the NAS's secret is fine"
                )
            }
            Self::WrongPassword {
                method,
                secret_is_fine: false,
            } => {
                write!(f, "the password did not match ({method})")
            }
            Self::SuspectSecret => f.write_str(
                "the password is not readable (PAP): most likely the NAS's shared secret is not \
                 the one configured here",
            ),
            Self::EmptyPassword => f.write_str("the password is empty"),
            Self::CannotServe { scheme, method } => write!(
                f,
                "the password is stored as {scheme}, which cannot serve {method}; see what \
                 `user show` says it can serve"
            ),
            Self::NoMethod(why) => why.fmt(f),
        }
    }
}

/// Why a request presents nothing that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoMethod {
    /// No password and no response of any kind.
    #[error("the request carries no password and no response to a challenge")]
    Absent,
    /// More than one (RFC 2865 section 4.1 forbids it).
    #[error("the request carries passwords of more than one method")]
    Several,
    /// EAP, which is a conversation and not proven in one step.
    #[error("the request speaks EAP, which is not offered")]
    Eap,
    /// A value that does not have the form its method gives it.
    #[error("the request's {0} value is malformed")]
    Malformed(Method),
    /// The challenge that is answered is missing or has the wrong length.
    #[error("the request's {0} challenge is missing or has the wrong length")]
    Challenge(Method),
    /// An MS-CHAP response of the LAN Manager kind.
    #[error(
        "the request's MS-CHAP response is of the LAN Manager kind only, which is not accepted"
    )]
    LanManagerOnly,
}

impl NoMethod {
    /// A short name for metrics and records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Absent => "no_password",
            Self::Several => "several_methods",
            Self::Eap => "eap",
            Self::Malformed(_) => "malformed_password",
            Self::Challenge(_) => "bad_challenge",
            Self::LanManagerOnly => "lan_manager_only",
        }
    }
}

impl Method {
    /// The method by which a request wants to be proven.
    ///
    /// # Errors
    ///
    /// [`NoMethod`] if it presents nothing that can be checked, or more than one thing.
    pub fn of(request: &AccessRequest) -> Result<Self, NoMethod> {
        Attempt::of(request).map(|attempt| attempt.method())
    }
}

/// Proving a request by a password that is at hand in the clear.
pub trait Proves {
    /// Whether the request was made by somebody who knows `password`: by PAP, CHAP, MS-CHAPv1 or
    /// MS-CHAPv2, whichever it uses, in constant time.
    ///
    /// What the method owes the reply is stored in the request: an Access-Accept will carry
    /// MS-CHAP2-Success and the encryption keys, an Access-Reject MS-CHAP-Error. Never true for
    /// an empty password or one above 256 UTF-16 code units.
    fn proves(&self, password: &str) -> bool;
}

impl Proves for AccessRequest {
    fn proves(&self, password: &str) -> bool {
        let Ok(credential) = Credential::clear(password) else {
            return false;
        };
        match prove(self, &credential) {
            Proof::Proven(keys) => {
                self.on_accept(keys.into_attributes());
                true
            }
            Proof::Refuted { attributes, .. } => {
                self.on_reject(attributes);
                false
            }
            Proof::Asks(challenge) => match challenge {},
        }
    }
}

/// What a request presents.
enum Attempt {
    Pap(Zeroizing<Vec<u8>>),
    Chap {
        ident: u8,
        response: [u8; chap::RESPONSE_OCTETS],
    },
    MsChapV1 {
        response: V1Response,
        challenge: [u8; mschap::CHALLENGE_OCTETS],
    },
    MsChapV2 {
        response: V2Response,
        challenge: [u8; mschap::V2_CHALLENGE_OCTETS],
    },
}

impl Attempt {
    fn of(request: &AccessRequest) -> Result<Self, NoMethod> {
        if request.has(attr::EAP_MESSAGE) {
            return Err(NoMethod::Eap);
        }
        let pap = request.has(attr::USER_PASSWORD);
        let chap = request.get(attr::CHAP_PASSWORD);
        let v1 = request.get(microsoft::CHAP_RESPONSE);
        let v2 = request.get(microsoft::CHAP2_RESPONSE);
        match (pap, chap, v1, v2) {
            (true, None, None, None) => Self::pap(request),
            (false, Some(value), None, None) => Self::chap(request, value),
            (false, None, Some(value), None) => Self::v1(request, value),
            (false, None, None, Some(value)) => Self::v2(request, value),
            (false, None, None, None) => Err(NoMethod::Absent),
            _ => Err(NoMethod::Several),
        }
    }

    fn pap(request: &AccessRequest) -> Result<Self, NoMethod> {
        let password = request.reveal(attr::USER_PASSWORD);
        Ok(Self::Pap(password.ok_or(NoMethod::Malformed(Method::Pap))?))
    }

    fn chap(request: &AccessRequest, value: &[u8]) -> Result<Self, NoMethod> {
        let (&ident, response) = value
            .split_first()
            .ok_or(NoMethod::Malformed(Method::Chap))?;
        let response = response
            .try_into()
            .map_err(|_| NoMethod::Malformed(Method::Chap))?;
        // Without a challenge the response would be the same each time.
        if request
            .get(attr::CHAP_CHALLENGE)
            .is_some_and(<[u8]>::is_empty)
        {
            return Err(NoMethod::Challenge(Method::Chap));
        }
        Ok(Self::Chap { ident, response })
    }

    fn v1(request: &AccessRequest, value: &[u8]) -> Result<Self, NoMethod> {
        let response = V1Response::parse(value).map_err(|why| match why {
            mschap::Malformed::Length => NoMethod::Malformed(Method::MsChapV1),
            mschap::Malformed::LanManagerOnly => NoMethod::LanManagerOnly,
        })?;
        let challenge = ms_chap_challenge(request, Method::MsChapV1)?;
        Ok(Self::MsChapV1 {
            response,
            challenge,
        })
    }

    fn v2(request: &AccessRequest, value: &[u8]) -> Result<Self, NoMethod> {
        let response = V2Response::parse(value);
        let response = response.map_err(|_| NoMethod::Malformed(Method::MsChapV2))?;
        let challenge = ms_chap_challenge(request, Method::MsChapV2)?;
        Ok(Self::MsChapV2 {
            response,
            challenge,
        })
    }

    const fn method(&self) -> Method {
        match self {
            Self::Pap(_) => Method::Pap,
            Self::Chap { .. } => Method::Chap,
            Self::MsChapV1 { .. } => Method::MsChapV1,
            Self::MsChapV2 { .. } => Method::MsChapV2,
        }
    }

    fn check(&self, request: &AccessRequest, credential: &Credential) -> Proof {
        match self {
            Self::Pap(password) => return check_pap(request, credential, password),
            Self::Chap { ident, response } => {
                if let Some(stored) = credential.clear_text() {
                    let authenticator = request.packet().authenticator();
                    let challenge = request.get(attr::CHAP_CHALLENGE).unwrap_or(&authenticator);
                    let verdict = chap::verify(*ident, stored.as_bytes(), challenge, response);
                    return if verdict.is_match() {
                        Keys::none()
                    } else {
                        self.wrong(request)
                    };
                }
            }
            Self::MsChapV1 {
                response,
                challenge,
            } => {
                if let Some(hash) = credential.nt_hash() {
                    let verdict = response.verify(challenge, &hash);
                    let lm = credential.clear_text().and_then(lm_hash);
                    let keys = || v1_keys(lm.as_deref(), &hash);
                    return if verdict.is_match() {
                        keys()
                    } else {
                        self.wrong(request)
                    };
                }
            }
            Self::MsChapV2 {
                response,
                challenge,
            } => {
                if let Some(hash) = credential.nt_hash() {
                    let user = user_name(request);
                    let verdict = response.verify(challenge, user, &hash);
                    let keys = || v2_keys(response, challenge, user, &hash);
                    return if verdict.is_match() {
                        keys()
                    } else {
                        self.wrong(request)
                    };
                }
            }
        }
        let (scheme, method) = (credential.scheme(), self.method());
        Refutation::CannotServe { scheme, method }.with(self.error())
    }

    fn wrong(&self, request: &AccessRequest) -> Proof {
        let (method, secret_is_fine) = (self.method(), request.is_protected());
        Refutation::WrongPassword {
            method,
            secret_is_fine,
        }
        .with(self.error())
    }

    /// MS-CHAP-Error, for the methods that have it. As no second try is allowed, the challenge
    /// in it will not be answered; it repeats the one of the request.
    fn error(&self) -> AttributeList {
        let mut list = AttributeList::new();
        let (ident, text) = match self {
            Self::Pap(_) | Self::Chap { .. } => return list,
            Self::MsChapV1 {
                response,
                challenge,
            } => (response.ident, ErrorText::v1_refused(challenge)),
            Self::MsChapV2 {
                response,
                challenge,
            } => (response.ident, ErrorText::v2_refused(challenge, REFUSED)),
        };
        wire::push_with_ident(
            &mut list,
            wire::MS_CHAP_ERROR,
            ident,
            text.to_string().as_bytes(),
        );
        list
    }
}

fn check_pap(request: &AccessRequest, credential: &Credential, password: &[u8]) -> Proof {
    if credential.verify_pap(password).is_match() {
        return Keys::none();
    }
    let secret_is_fine = request.is_protected();
    let why = if password.is_empty() {
        Refutation::EmptyPassword
    } else if !secret_is_fine && !is_readable(password) {
        Refutation::SuspectSecret
    } else {
        Refutation::WrongPassword {
            method: Method::Pap,
            secret_is_fine,
        }
    };
    why.alone()
}

/// Whether somebody may have typed it. A password revealed with the wrong secret is sixteen
/// random octets or more, which practically never are.
fn is_readable(password: &[u8]) -> bool {
    str::from_utf8(password).is_ok_and(|text| !text.chars().any(char::is_control))
}

fn ms_chap_challenge<const N: usize>(
    request: &AccessRequest,
    method: Method,
) -> Result<[u8; N], NoMethod> {
    let challenge = request.get(microsoft::CHAP_CHALLENGE);
    challenge
        .and_then(|octets| octets.try_into().ok())
        .ok_or(NoMethod::Challenge(method))
}

fn user_name(request: &AccessRequest) -> &[u8] {
    let number = attr::USER_NAME.spec().oid.top();
    request
        .packet()
        .find(number)
        .map_or(&[], |attribute| attribute.value)
}

/// Without an LM hash there is no 40-bit key, so only 128 bits are offered then.
fn v1_keys(lm: Option<&[u8; 16]>, hash: &NtHash) -> Proof {
    let types = if lm.is_some() {
        RC4_40 | RC4_128
    } else {
        RC4_128
    };
    let attributes = AttributeList::new()
        .with(
            microsoft::CHAP_MPPE_KEYS,
            mppe::v1_keys(lm, hash).as_slice(),
        )
        .with(microsoft::MPPE_ENCRYPTION_POLICY, ENCRYPTION_ALLOWED)
        .with(microsoft::MPPE_ENCRYPTION_TYPES, types);
    Proof::Proven(Keys { attributes })
}

fn v2_keys(
    response: &V2Response,
    challenge: &[u8; mschap::V2_CHALLENGE_OCTETS],
    user: &[u8],
    hash: &NtHash,
) -> Proof {
    let mut attributes = AttributeList::new();
    let success = response.success(challenge, user, hash);
    wire::push_with_ident(
        &mut attributes,
        microsoft::CHAP2_SUCCESS,
        response.ident,
        &success,
    );
    let keys = StartKeys::of(hash, &response.nt_response);
    let attributes = attributes
        .with(microsoft::MPPE_SEND_KEY, keys.send.as_slice())
        .with(microsoft::MPPE_RECV_KEY, keys.recv.as_slice())
        .with(microsoft::MPPE_ENCRYPTION_POLICY, ENCRYPTION_ALLOWED)
        .with(microsoft::MPPE_ENCRYPTION_TYPES, RC4_40 | RC4_128);
    Proof::Proven(Keys { attributes })
}
