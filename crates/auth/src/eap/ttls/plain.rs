//! Log-ins by password inside TTLS (RFC 5281 sections 11.2.2 to 11.2.5), on the server's side.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    CHALLENGE,
    avp::{self, Avp, Code},
};
use crate::{
    Credential, Method as Plain, chap,
    eap::{
        Failure, Means, Password, Question, Type, Verified, means::Inner as InnerMeans,
        tunnel::Keying,
    },
    mschap::{self, V1Response, V2Response},
};

/// What the peer presents.
pub(super) enum Attempt {
    Pap(Password),
    Chap {
        ident: u8,
        challenge: [u8; CHAP_CHALLENGE_OCTETS],
        response: [u8; chap::RESPONSE_OCTETS],
    },
    MsChapV1 {
        challenge: [u8; mschap::CHALLENGE_OCTETS],
        response: V1Response,
    },
    MsChapV2 {
        challenge: [u8; mschap::V2_CHALLENGE_OCTETS],
        response: V2Response,
    },
}

/// Octets of the challenge of CHAP.
pub(super) const CHAP_CHALLENGE_OCTETS: usize = 16;

/// What came of a check against a credential.
pub(super) enum Checked {
    Right(Verified),
    /// Right, and this is to be said to the peer, who has to agree before it counts.
    RightWith(Verified, Zeroizing<Vec<u8>>),
    Wrong(Failure),
}

const MALFORMED: &str = "a value inside has the wrong length";
const OTHER_CHALLENGE: &str = "it answers another challenge than the tunnel's";

/// How somebody logs in by `plain`.
pub(super) const fn means(plain: Plain) -> Means {
    Means::inside(Type::TTLS, InnerMeans::Plain(plain))
}

const fn broken(what: &'static str) -> Failure {
    Failure::Broken {
        method: Type::TTLS,
        what,
    }
}

impl Attempt {
    /// Which log-in the attributes are; `None` where they are none.
    pub(super) fn kind(avps: &[Avp<'_>]) -> Option<Plain> {
        avps.iter().find_map(|avp| match avp.code {
            Code::USER_PASSWORD => Some(Plain::Pap),
            Code::CHAP_PASSWORD => Some(Plain::Chap),
            Code::MS_CHAP_RESPONSE => Some(Plain::MsChapV1),
            Code::MS_CHAP2_RESPONSE => Some(Plain::MsChapV2),
            _ => None,
        })
    }

    /// Reads an attempt of that kind, and checks that it answers this tunnel's challenge.
    pub(super) fn read(
        kind: Plain,
        avps: &[Avp<'_>],
        keying: &dyn Keying,
    ) -> Result<Self, Failure> {
        match kind {
            Plain::Pap => Self::pap(avps),
            Plain::Chap => Self::chap(avps, keying),
            Plain::MsChapV1 => Self::v1(avps, keying),
            Plain::MsChapV2 => Self::v2(avps, keying),
        }
    }

    /// The password is filled up with zeros, which belong to none.
    fn pap(avps: &[Avp<'_>]) -> Result<Self, Failure> {
        let padded = find(avps, Code::USER_PASSWORD)?;
        let end = padded.iter().rposition(|&octet| octet != 0);
        let password = &padded[..end.map_or(0, |end| end + 1)];
        if password.is_empty() {
            return Err(Failure::WrongPassword(means(Plain::Pap)));
        }
        Ok(Self::Pap(Password::new(password)))
    }

    fn chap(avps: &[Avp<'_>], keying: &dyn Keying) -> Result<Self, Failure> {
        let value = find(avps, Code::CHAP_PASSWORD)?;
        let (&ident, response) = value.split_first().ok_or(broken(MALFORMED))?;
        let response = response.try_into().map_err(|_| broken(MALFORMED))?;
        let given = find(avps, Code::CHAP_CHALLENGE)?;
        let challenge = implicit(keying, given, ident)?;
        Ok(Self::Chap {
            ident,
            challenge,
            response,
        })
    }

    fn v1(avps: &[Avp<'_>], keying: &dyn Keying) -> Result<Self, Failure> {
        let value = find(avps, Code::MS_CHAP_RESPONSE)?;
        let response = V1Response::parse(value).map_err(|why| match why {
            mschap::Malformed::Length => broken(MALFORMED),
            mschap::Malformed::LanManagerOnly => {
                broken("its MS-CHAP response is of the LAN Manager kind only")
            }
        })?;
        let given = find(avps, Code::MS_CHAP_CHALLENGE)?;
        let challenge = implicit(keying, given, response.ident)?;
        Ok(Self::MsChapV1 {
            challenge,
            response,
        })
    }

    fn v2(avps: &[Avp<'_>], keying: &dyn Keying) -> Result<Self, Failure> {
        let value = find(avps, Code::MS_CHAP2_RESPONSE)?;
        let response = V2Response::parse(value).map_err(|_| broken(MALFORMED))?;
        let given = find(avps, Code::MS_CHAP_CHALLENGE)?;
        let challenge = implicit(keying, given, response.ident)?;
        Ok(Self::MsChapV2 {
            challenge,
            response,
        })
    }

    /// What to ask the caller.
    pub(super) fn question(&self, identity: Vec<u8>) -> Question {
        let means = means(self.method());
        match self {
            Self::Pap(password) => Question::Password {
                identity,
                password: password.clone(),
                means,
            },
            Self::Chap { .. } | Self::MsChapV1 { .. } | Self::MsChapV2 { .. } => {
                Question::Credential { identity, means }
            }
        }
    }

    pub(super) const fn method(&self) -> Plain {
        match self {
            Self::Pap(_) => Plain::Pap,
            Self::Chap { .. } => Plain::Chap,
            Self::MsChapV1 { .. } => Plain::MsChapV1,
            Self::MsChapV2 { .. } => Plain::MsChapV2,
        }
    }

    /// Checks it against what is stored.
    pub(super) fn check(&self, user: &[u8], credential: &Credential) -> Checked {
        let method = self.method();
        match self {
            // A password is checked by the caller.
            Self::Pap(_) => Checked::Wrong(Failure::Refused),
            Self::Chap {
                ident,
                challenge,
                response,
            } => {
                let Some(stored) = credential.clear_text() else {
                    return cannot_serve(credential, method);
                };
                let verdict = chap::verify(*ident, stored.as_bytes(), challenge, response);
                verified(Verified::by_verdict(verdict), method)
            }
            Self::MsChapV1 {
                challenge,
                response,
            } => {
                let Some(hash) = credential.nt_hash() else {
                    return cannot_serve(credential, method);
                };
                let verdict = response.verify(challenge, &hash);
                verified(Verified::by_verdict(verdict), method)
            }
            Self::MsChapV2 {
                challenge,
                response,
            } => {
                let Some(hash) = credential.nt_hash() else {
                    return cannot_serve(credential, method);
                };
                let verdict = response.verify(challenge, user, &hash);
                let Some(verified) = Verified::by_verdict(verdict) else {
                    return Checked::Wrong(Failure::WrongPassword(means(method)));
                };
                let mut value = vec![response.ident];
                value.extend_from_slice(&response.success(challenge, user, &hash));
                let proof = avp::Writer::default().with(Code::MS_CHAP2_SUCCESS, &value);
                Checked::RightWith(verified, proof.octets())
            }
        }
    }
}

fn verified(verified: Option<Verified>, method: Plain) -> Checked {
    match verified {
        Some(verified) => Checked::Right(verified),
        None => Checked::Wrong(Failure::WrongPassword(means(method))),
    }
}

fn cannot_serve(credential: &Credential, method: Plain) -> Checked {
    Checked::Wrong(Failure::CannotServe {
        scheme: credential.scheme(),
        means: means(method),
    })
}

/// The one attribute of that code. That there are not two has been checked.
fn find<'a>(avps: &[Avp<'a>], code: Code) -> Result<&'a [u8], Failure> {
    let found = avps.iter().find(|avp| avp.code == code);
    found
        .map(|avp| avp.data)
        .ok_or(broken("its log-in inside is not complete"))
}

/// The challenge of this tunnel and the identifier after it, if they are what the peer answers.
fn implicit<const N: usize>(
    keying: &dyn Keying,
    given: &[u8],
    ident: u8,
) -> Result<[u8; N], Failure> {
    let (challenge, expected) =
        challenge::<N>(keying).ok_or(broken("the TLS session gives no challenge"))?;
    let is_same = challenge[..].ct_eq(given) & expected.ct_eq(&ident);
    if bool::from(is_same) {
        Ok(challenge)
    } else {
        Err(broken(OTHER_CHALLENGE))
    }
}

/// The challenge of a tunnel, of N octets, and the identifier after it.
pub(super) fn challenge<const N: usize>(keying: &dyn Keying) -> Option<([u8; N], u8)> {
    let mut material = vec![0; N + 1];
    if !keying.export(CHALLENGE, None, &mut material) {
        return None;
    }
    let (&ident, challenge) = material.split_last()?;
    Some((challenge.try_into().ok()?, ident))
}
