//! Why a conversation ends without access: for the administrator. The peer learns none.

use super::{Means, Type, tls};
use crate::Scheme;

/// Why a conversation failed: the closed list. Displays as a clause without capital and full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The caller has refused; why, it knows itself.
    #[error("refused")]
    Refused,
    /// The password or the response made from it is not the right one.
    #[error("the password did not match ({0})")]
    WrongPassword(Means),
    /// Nothing of what is offered is what the peer wants.
    #[error(
        "no method in common: the device wants {}, offered is {}",
        listed(wanted),
        listed(offered)
    )]
    NoCommonMethod {
        /// What the peer asked for instead; empty where it asked for nothing.
        wanted: Vec<Type>,
        /// What it could have had.
        offered: Vec<Type>,
    },
    /// The peer broke the method's rules.
    #[error("the device's {method} message is not valid: {what}")]
    Broken {
        /// The method.
        method: Type,
        /// How.
        what: &'static str,
    },
    /// The peer said that it gives up: it did not accept the server's proof, or its person did not
    /// confirm.
    #[error("the device ended {0} by itself: it did not accept the server's proof")]
    PeerGaveUp(Type),
    /// TLS failed.
    #[error(transparent)]
    Tls(#[from] tls::Trouble),
    /// The conversation does not come to an end.
    #[error("no end after {0} messages")]
    TooManyRounds(u16),
    /// What it continues is not there any more.
    #[error("the conversation it belongs to has expired, or belongs to another access point")]
    Expired,
    /// The peer fell silent.
    #[error("the device fell silent{}", after(*method, *rounds))]
    Abandoned {
        /// The method that ran.
        method: Option<Type>,
        /// How many Requests it had been sent.
        rounds: u16,
    },
    /// What is stored cannot answer what is asked inside a tunnel.
    #[error(
        "the password is stored as {scheme}, which cannot serve {means}; see what `user show` says \
         it can serve"
    )]
    CannotServe {
        /// How it is stored.
        scheme: Scheme,
        /// What it was to serve.
        means: Means,
    },
    /// Nothing of what is offered inside a tunnel is what the peer wants.
    #[error(
        "no method in common inside {outer}: the device wants {}, offered is {}; set one of them \
         on the device",
        listed(wanted),
        listed(offered)
    )]
    NoCommonInner {
        /// The tunnel.
        outer: Type,
        /// What the peer asked for instead; empty where it asked for nothing.
        wanted: Vec<Type>,
        /// What it could have had.
        offered: Vec<Type>,
    },
    /// The peer tries something inside a tunnel that is not offered there.
    #[error("the device tries {0}, which is not offered: set another method on the device")]
    InnerNotOffered(Means),
    /// The peer says inside a tunnel that it is nobody.
    #[error("the device gave no name inside the tunnel ({0}): enter the user's name on the device")]
    NoInnerIdentity(Means),
    /// The peer says inside a tunnel that it failed, or closes the tunnel.
    #[error(
        "the device ended {0} inside the tunnel: it is not satisfied with what was done there, or \
         its person gave up"
    )]
    PeerEnded(Type),
    /// What binds the inside of a tunnel to its outside does not fit.
    #[error(
        "what binds the inside of {0} to the tunnel is wrong: either somebody stands between the \
         device and the server, or the device makes its keys another way; update it"
    )]
    CryptoBinding(Type),
    /// What binds the inside of a tunnel to its outside is missing.
    #[error(
        "the device does not bind the inside of {0} to the tunnel, which is required here: update \
         the device, or require no crypto-binding"
    )]
    NoCryptoBinding(Type),
    /// The peer cannot prove itself as what it is asked to: as a user, or as a machine.
    #[error("the device has no {0} to prove itself with, which is required here")]
    NoSuchIdentity(&'static str),
}

impl Failure {
    /// Every label that is not that of a refusal without EAP too.
    pub const LABELS: [&'static str; 46] = [
        "refused",
        "eap_no_common_method",
        "eap_broken",
        "eap_peer_gave_up",
        "eap_too_many_rounds",
        "eap_expired",
        "eap_abandoned",
        "eap_no_common_inner",
        "eap_inner_not_offered",
        "eap_no_inner_identity",
        "eap_peer_ended",
        "eap_crypto_binding",
        "eap_no_crypto_binding",
        "eap_no_such_identity",
        "tls_alert_unknown_ca",
        "tls_alert_bad_certificate",
        "tls_alert_unsupported_certificate",
        "tls_alert_certificate_revoked",
        "tls_alert_certificate_expired",
        "tls_alert_certificate_unknown",
        "tls_alert_access_denied",
        "tls_alert_handshake_failure",
        "tls_alert_protocol_version",
        "tls_alert_other",
        "tls_old_version",
        "tls_new_version",
        "tls_no_cipher",
        "tls_no_group",
        "tls_no_signature",
        "tls_no_certificate",
        "tls_no_strong_certificate",
        "tls_certificate_expired",
        "tls_certificate_not_yet_valid",
        "tls_certificate_revoked",
        "tls_certificate_unknown_issuer",
        "tls_certificate_wrong_purpose",
        "tls_certificate_too_weak",
        "tls_certificate_bad_signature",
        "tls_certificate_unusable",
        "tls_no_revocation_list",
        "tls_bad_revocation_list",
        "tls_fragments",
        "tls_garbage",
        "tls_not_resumable",
        "tls_no_client_ca",
        "tls_internal",
    ];

    /// Its name as a metric label.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::WrongPassword(_) => "wrong_password",
            Self::NoCommonMethod { .. } => "eap_no_common_method",
            Self::Broken { .. } => "eap_broken",
            Self::PeerGaveUp(_) => "eap_peer_gave_up",
            Self::Tls(trouble) => trouble.label(),
            Self::TooManyRounds(_) => "eap_too_many_rounds",
            Self::Expired => "eap_expired",
            Self::Abandoned { .. } => "eap_abandoned",
            Self::CannotServe { .. } => "cannot_serve",
            Self::NoCommonInner { .. } => "eap_no_common_inner",
            Self::InnerNotOffered(_) => "eap_inner_not_offered",
            Self::NoInnerIdentity(_) => "eap_no_inner_identity",
            Self::PeerEnded(_) => "eap_peer_ended",
            Self::CryptoBinding(_) => "eap_crypto_binding",
            Self::NoCryptoBinding(_) => "eap_no_crypto_binding",
            Self::NoSuchIdentity(_) => "eap_no_such_identity",
        }
    }

    /// What the administrator can do about it; `None` where the sentence says it all.
    pub const fn cure(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoCommonMethod { .. } => {
                "choose one of the offered methods on the device, or add its own to `eap.methods` \
                 in portreeve.toml"
            }
            Self::Expired => {
                "raise the RADIUS timeout of the access point to 3 s or more; see whether it asks \
                 several servers in turn"
            }
            Self::Abandoned {
                method: Some(Type::TLS | Type::PEAP | Type::TTLS | Type::TEAP),
                ..
            } => {
                "most often the device does not trust the server's certificate and says nothing: \
                 install the profile on it (portreeve profile); else the access point loses long \
                 packets: lower `eap.fragment_octets`"
            }
            Self::Abandoned { .. } => {
                "see whether somebody is asked for a password on the device, and whether it is in \
                 reach of the access point"
            }
            Self::PeerGaveUp(_) => {
                "the device knows another password than the server, or its person did not confirm: \
                 enter it again on the device"
            }
            Self::TooManyRounds(_) => "raise `eap.fragment_octets` in portreeve.toml",
            // The others say it themselves.
            _ => return None,
        })
    }
}

fn after(method: Option<Type>, rounds: u16) -> String {
    match method {
        Some(method) => format!(" in the middle of {method}, after {rounds} messages"),
        None => " before any method was agreed on".to_owned(),
    }
}

fn listed(kinds: &[Type]) -> String {
    if kinds.is_empty() {
        return "nothing else".to_owned();
    }
    let names: Vec<String> = kinds.iter().map(Type::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eap::Inner;

    fn every() -> Vec<Failure> {
        let means = Means::inside(Type::PEAP, Inner::Eap(Type::MSCHAPV2));
        let (wanted, offered) = (vec![Type::MD5], vec![Type::PEAP, Type::TLS]);
        let mut every = vec![
            Failure::Refused,
            Failure::NoCommonMethod {
                wanted: wanted.clone(),
                offered: offered.clone(),
            },
            Failure::Broken {
                method: Type::GTC,
                what: "it is too long",
            },
            Failure::PeerGaveUp(Type::MSCHAPV2),
            Failure::TooManyRounds(100),
            Failure::Expired,
            Failure::Abandoned {
                method: Some(Type::PEAP),
                rounds: 3,
            },
            Failure::NoCommonInner {
                outer: Type::PEAP,
                wanted,
                offered,
            },
            Failure::InnerNotOffered(means),
            Failure::NoInnerIdentity(means),
            Failure::PeerEnded(Type::PEAP),
            Failure::CryptoBinding(Type::PEAP),
            Failure::NoCryptoBinding(Type::PEAP),
            Failure::NoSuchIdentity("machine"),
        ];
        every.extend(
            [48, 42, 43, 44, 45, 46, 49, 40, 70, 80]
                .map(|number| Failure::Tls(tls::Trouble::Alert(tls::Alert::of(number)))),
        );
        every.extend(tls_troubles().map(Failure::Tls));
        every
    }

    fn tls_troubles() -> [tls::Trouble; 22] {
        use tls::Trouble;
        let who = tls::Presented::of(&[].as_slice().into());
        [
            Trouble::OldVersion {
                offered: "TLS 1.0".to_owned(),
                allowed: tls::Version::Tls12,
            },
            Trouble::NewVersion("TLS 1.3".to_owned()),
            Trouble::NoCipher("RC4".to_owned()),
            Trouble::NoGroup,
            Trouble::NoSignature,
            Trouble::NoCertificate,
            Trouble::NoStrongCertificate,
            Trouble::Expired {
                who: who.clone(),
                on_s: Some(1_700_000_000),
            },
            Trouble::NotYetValid {
                who: who.clone(),
                from_s: None,
            },
            Trouble::Revoked {
                who: who.clone(),
                on_s: None,
            },
            Trouble::UnknownIssuer { who: who.clone() },
            Trouble::WrongPurpose(who.clone()),
            Trouble::TooWeak(who.clone()),
            Trouble::BadSignature(who.clone()),
            Trouble::BadCertificate {
                who: who.clone(),
                what: "a critical extension is unknown",
            },
            Trouble::NoRevocationList { who: who.clone() },
            Trouble::BadRevocationList {
                who,
                what: "has run out".to_owned(),
            },
            Trouble::Fragments(tls::fragments::Fault::Long),
            Trouble::Garbage("it is not TLS".to_owned()),
            Trouble::NotResumable,
            Trouble::NoClientCa,
            Trouble::Internal("no entropy".to_owned()),
        ]
    }

    #[test]
    fn every_failure_has_its_own_label_and_a_sentence() {
        let every = every();
        let labels: Vec<_> = every.iter().map(Failure::label).collect();
        assert_eq!(labels, Failure::LABELS);
        for failure in &every[1..] {
            let sentence = failure.to_string();
            assert!(
                sentence.len() > 15 && !sentence.ends_with('.'),
                "{sentence}"
            );
        }
    }
}
