//! Why somebody is refused: for the administrator. The subscriber gets one and the same
//! Access-Reject.

use std::{fmt, net::SocketAddr};

use portreeve_auth::{
    CredentialError, Method, NoMethod, Refutation, Scheme,
    eap::{Failure, Means},
};

use crate::{
    attribute::{Owner, Problem},
    device::Barred,
    proxy::Obstacle,
    shown::Shown,
};

/// Why an Access-Request is rejected: the closed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// What is stored to check the user cannot be read.
    BadCredential(CredentialError),
    /// A device that would be let in by its address is not.
    Barred(Barred),
    /// Too many passwords are being checked.
    Busy,
    /// The certificate they show cannot be taken for anybody's.
    Certificate(CertificateProblem),
    /// A condition of the user or device, or of one of their groups, does not hold.
    CheckFailed(FailedCheck),
    /// The user is switched off.
    Disabled,
    /// The conversation in which they were to prove who they are came to a bad end.
    Eap(Failure),
    /// A machine, where machines do not come in as such.
    Machine,
    /// A definition that the decision needs is broken.
    Misconfigured(Problem),
    /// Nothing is stored to check the user against.
    NoCredential,
    /// They are at home elsewhere, and the request cannot be sent there.
    NotForwarded(Obstacle),
    /// Their home server refuses them.
    RefusedAtHome(SocketAddr),
    /// No such user.
    UnknownUser,
    /// They did not prove who they are.
    Unproven(Refutation),
    /// What is stored of them cannot be held against what their device does.
    Unservable {
        /// How it is stored.
        scheme: Scheme,
        /// What the device does.
        means: Means,
    },
}

/// Why a certificate, whose chain is sound, is nobody's who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateProblem {
    /// It has been revoked.
    Revoked {
        /// When, as it is to be read.
        when: String,
    },
    /// Whether it has been revoked cannot be found out, and has to be.
    Unchecked {
        /// Why not.
        why: String,
    },
    /// No user is named in it in a way that counts.
    Nameless,
    /// It names somebody else than the device does.
    OtherUser {
        /// Whom.
        named: Shown,
    },
}

impl CertificateProblem {
    const fn label(&self) -> &'static str {
        match self {
            Self::Revoked { .. } => "certificate_revoked",
            Self::Unchecked { .. } => "certificate_unchecked",
            Self::Nameless => "certificate_nameless",
            Self::OtherUser { .. } => "certificate_of_another",
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked { when } => write!(f, "the certificate was revoked on {when}"),
            Self::Unchecked { why } => write!(
                f,
                "whether the certificate is revoked cannot be found out: {why}"
            ),
            Self::Nameless => f.write_str(
                "the certificate names no user in any of the fields that `eap.user_from` lists",
            ),
            Self::OtherUser { named } => {
                write!(f, "the certificate is of {named}, whom the device is not")
            }
        }
    }
}

/// A condition that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCheck {
    /// The attribute's name.
    pub attribute: String,
    /// What is asked of it, as the administrator wrote it.
    pub wanted: Shown,
    /// What the request says, `None` where it says nothing of it.
    pub found: Option<Shown>,
    /// Whose condition it is.
    pub owner: Owner,
}

impl Refusal {
    /// Every label but those of [`Failure::LABELS`], for tables of counters.
    pub const LABELS: [&str; 35] = [
        "bad_credential",
        "device_disabled",
        "mac_off",
        "no_address",
        "random_address",
        "unknown_device",
        "busy",
        "certificate_revoked",
        "certificate_unchecked",
        "certificate_nameless",
        "certificate_of_another",
        "check_failed",
        "disabled",
        "machines_off",
        "misconfigured",
        "no_credential",
        "bad_name",
        "loop_detected",
        "no_route",
        "not_discovered",
        "pool_dead",
        "realm_not_allowed",
        "too_many_hops",
        "refused_at_home",
        "unknown_user",
        "wrong_password",
        "suspect_secret",
        "empty_password",
        "cannot_serve",
        "no_password",
        "several_methods",
        "eap",
        "malformed_password",
        "bad_challenge",
        "lan_manager_only",
    ];

    /// Its name as a metric label.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::BadCredential(_) => "bad_credential",
            Self::Barred(why) => why.label(),
            Self::Busy => "busy",
            Self::CheckFailed(_) => "check_failed",
            Self::Disabled => "disabled",
            Self::Machine => "machines_off",
            Self::Misconfigured(_) => "misconfigured",
            Self::NoCredential => "no_credential",
            Self::NotForwarded(why) => why.label(),
            Self::RefusedAtHome(_) => "refused_at_home",
            Self::UnknownUser => "unknown_user",
            Self::Unproven(why) => why.label(),
            Self::Certificate(why) => why.label(),
            Self::Eap(why) => why.label(),
            Self::Unservable { .. } => "cannot_serve",
        }
    }

    /// What to tell the administrator, without a capital and a full stop.
    pub fn sentence(&self) -> String {
        self.to_string()
    }

    /// What the administrator can do about it, as a command; `None` where the subscriber has to.
    pub fn cure(&self, user: Option<&str>, nas: Option<&str>) -> Option<String> {
        let user = argument(user, "NAME");
        Some(match self {
            Self::BadCredential(_) | Self::NoCredential => {
                format!("portreeve user set {user} --password-stdin")
            }
            Self::Barred(why) => why.cure(),
            Self::CheckFailed(FailedCheck { owner, .. }) => match owner {
                Owner::Device(mac) => format!("portreeve device show {mac}"),
                Owner::Group(group) => {
                    format!("portreeve group show {}", argument(Some(group), "GROUP"))
                }
                Owner::Setting(_) => "portreeve check".to_owned(),
                Owner::User(_) => format!("portreeve user show {user}"),
            },
            Self::Disabled => format!("portreeve user enable {user}"),
            Self::Machine => "if machines are to come in before their users: machines = \"allow\" \
                 under [eap] in portreeve.toml"
                .to_owned(),
            Self::Misconfigured(_) => "portreeve check".to_owned(),
            Self::NotForwarded(why) => return why.cure(),
            Self::UnknownUser => format!("portreeve user add {user} --generate"),
            Self::Unproven(Refutation::CannotServe { .. }) => {
                format!("portreeve user show {user}")
            }
            Self::Unservable { .. } => {
                format!("portreeve user set {user} --password-stdin --store nt")
            }
            Self::Certificate(CertificateProblem::Revoked { .. }) => {
                format!("portreeve cert issue --user {user}")
            }
            Self::Unproven(Refutation::SuspectSecret) => {
                let nas = argument(nas, "NAS");
                format!(
                    "set the same shared secret on both ends: \
                     portreeve nas set {nas} --secret SECRET"
                )
            }
            Self::Eap(why) => return why.cure().map(str::to_owned),
            Self::Busy | Self::RefusedAtHome(_) | Self::Certificate(_) | Self::Unproven(_) => {
                return None;
            }
        })
    }
}

/// A name as an argument of a command that people will copy: only one that no shell reads
/// otherwise, else the placeholder.
pub fn argument<'a>(name: Option<&'a str>, placeholder: &'a str) -> &'a str {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"._@-".contains(&octet);
    name.filter(|name| {
        (1..=64).contains(&name.len()) && !name.starts_with('-') && name.bytes().all(is_plain)
    })
    .unwrap_or(placeholder)
}

impl From<Refutation> for Refusal {
    fn from(why: Refutation) -> Self {
        Self::Unproven(why)
    }
}

impl From<Barred> for Refusal {
    fn from(why: Barred) -> Self {
        Self::Barred(why)
    }
}

impl From<Obstacle> for Refusal {
    fn from(why: Obstacle) -> Self {
        Self::NotForwarded(why)
    }
}

impl From<CertificateProblem> for Refusal {
    fn from(why: CertificateProblem) -> Self {
        Self::Certificate(why)
    }
}

impl From<Failure> for Refusal {
    fn from(why: Failure) -> Self {
        Self::Eap(why)
    }
}

impl From<NoMethod> for Refusal {
    fn from(why: NoMethod) -> Self {
        Self::Unproven(Refutation::NoMethod(why))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCredential(why) => {
                write!(f, "what is stored to check the user cannot be read: {why}")
            }
            Self::Barred(why) => why.fmt(f),
            Self::Busy => f.write_str("too many passwords are being checked at this moment"),
            Self::CheckFailed(check) => write!(f, "{check}"),
            Self::Disabled => f.write_str("the user is disabled"),
            Self::Machine => {
                f.write_str("it is a machine that logs in as such, which is not allowed here")
            }
            Self::Misconfigured(problem) => write!(f, "{problem}"),
            Self::NoCredential => f.write_str("the user has no password"),
            Self::NotForwarded(why) => why.fmt(f),
            Self::RefusedAtHome(server) => write!(f, "the home server {server} refused it"),
            Self::UnknownUser => f.write_str("there is no such user"),
            Self::Unproven(why) => why.fmt(f),
            Self::Certificate(why) => why.fmt(f),
            Self::Eap(why) => why.fmt(f),
            Self::Unservable { scheme, means } => {
                let needed = match means.needs() {
                    Some(Method::MsChapV1 | Method::MsChapV2) => "an NT hash or clear text",
                    _ => "clear text",
                };
                write!(
                    f,
                    "the password is stored as {scheme}; {means} needs {needed}"
                )
            }
        }
    }
}

impl fmt::Display for FailedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Owner::Device(_) => write!(f, "the device's check asks for {}", self.wanted)?,
            Owner::User(_) => write!(f, "the user's check asks for {}", self.wanted)?,
            owner => write!(f, "{owner} asks for {}", self.wanted)?,
        }
        match &self.found {
            Some(found) => write!(f, ", and the request has {} = {found}", self.attribute),
            None => write!(f, ", and the request has no {}", self.attribute),
        }
    }
}

#[cfg(test)]
mod tests {
    use portreeve_auth::{Method, Scheme};
    use portreeve_proto::dictionary::PairError;

    use super::*;
    use crate::{
        proxy::{BadName, Pattern, Undiscovered},
        station::Mac,
    };

    fn every() -> Vec<Refusal> {
        let unproven = [
            Refutation::WrongPassword {
                method: Method::MsChapV2,
                secret_is_fine: true,
            },
            Refutation::SuspectSecret,
            Refutation::EmptyPassword,
            Refutation::CannotServe {
                scheme: Scheme::Argon2id,
                method: Method::Chap,
            },
            Refutation::NoMethod(NoMethod::Absent),
            Refutation::NoMethod(NoMethod::Several),
            Refutation::NoMethod(NoMethod::Eap),
            Refutation::NoMethod(NoMethod::Malformed(Method::Chap)),
            Refutation::NoMethod(NoMethod::Challenge(Method::MsChapV1)),
            Refutation::NoMethod(NoMethod::LanManagerOnly),
        ];
        let mut every = vec![Refusal::BadCredential(CredentialError::Unmarked)];
        every.extend(barred().map(Refusal::from));
        every.extend([
            Refusal::Busy,
            Refusal::Certificate(CertificateProblem::Revoked {
                when: "2026-11-22".into(),
            }),
            Refusal::Certificate(CertificateProblem::Unchecked {
                why: "the OCSP server is silent".into(),
            }),
            Refusal::Certificate(CertificateProblem::Nameless),
            Refusal::Certificate(CertificateProblem::OtherUser {
                named: Shown::from("tim"),
            }),
            Refusal::CheckFailed(FailedCheck {
                attribute: "NAS-Identifier".into(),
                wanted: Shown::from("NAS-Identifier=hall"),
                found: Some(Shown::from("attic")),
                owner: Owner::Group("guests".into()),
            }),
            Refusal::Disabled,
            Refusal::Machine,
            Refusal::Misconfigured(Problem {
                owner: Owner::User("tim".into()),
                line: Some(Shown::from("Session-Timeout")),
                fault: PairError::Form.into(),
            }),
            Refusal::NoCredential,
        ]);
        every.extend(obstacles().map(Refusal::NotForwarded));
        every.push(Refusal::RefusedAtHome(([192, 0, 2, 1], 1812).into()));
        every.push(Refusal::UnknownUser);
        every.extend(unproven.map(Refusal::from));
        every
    }

    fn barred() -> [Barred; 5] {
        let mac = Mac::from([0xda, 0xa1, 0x19, 0, 0, 1]);
        [
            Barred::Disabled(mac),
            Barred::Off,
            Barred::NoAddress,
            Barred::Random(mac),
            Barred::Unknown(mac),
        ]
    }

    fn obstacles() -> [Obstacle; 7] {
        let realm = Some(Shown::from("example.org"));
        [
            Obstacle::BadName(BadName::EmptyRealm),
            Obstacle::LoopDetected {
                realm: realm.clone(),
            },
            Obstacle::NoRoute {
                realm: realm.clone(),
            },
            Obstacle::NotDiscovered {
                realm: realm.clone(),
                why: Undiscovered::NoServer,
            },
            Obstacle::PoolDead {
                pool: "homes".into(),
            },
            Obstacle::RealmNotAllowed {
                realm,
                pattern: Pattern::Any,
                nas: Shown::from("hall"),
            },
            Obstacle::TooManyHops { hops: 9, most: 8 },
        ]
    }

    #[test]
    fn every_obstacle_is_a_refusal_of_its_own_and_says_what_to_do() {
        assert_eq!(
            obstacles().each_ref().map(Obstacle::label),
            Obstacle::LABELS
        );
        for obstacle in obstacles() {
            let is_for_the_subscriber = matches!(obstacle, Obstacle::BadName(_));
            let refusal = Refusal::from(obstacle);
            let cure = refusal.cure(Some("tim@example.org"), Some("hall"));
            assert_eq!(cure.is_none(), is_for_the_subscriber, "{refusal}");
        }
    }

    #[test]
    fn what_bars_a_device_has_a_label_and_a_cure() {
        assert_eq!(barred().map(Barred::label), Barred::LABELS);
        for barred in barred() {
            let refusal = Refusal::from(barred);
            assert!(refusal.cure(None, None).is_some(), "{refusal}");
        }
        let cure = |barred| Refusal::from(barred).cure(None, None).unwrap();
        let [disabled, off, _, random, unknown] = barred();
        assert_eq!(cure(disabled), "portreeve device enable da-a1-19-00-00-01");
        assert!(cure(off).contains("[mac]"));
        assert!(cure(random).contains("private"));
        assert_eq!(cure(unknown), "portreeve device add da-a1-19-00-00-01");
    }

    #[test]
    fn every_label_is_in_the_reference() {
        let reference = include_str!("../../../docs/reference/refusals.md");
        for label in Refusal::LABELS.iter().chain(&Failure::LABELS) {
            assert!(reference.contains(&format!("| `{label}` |")), "{label}");
        }
    }

    #[test]
    fn every_refusal_has_its_own_label_and_a_sentence() {
        let every = every();
        let labels: Vec<_> = every.iter().map(Refusal::label).collect();
        assert_eq!(labels, Refusal::LABELS);
        for refusal in every {
            let sentence = refusal.sentence();
            assert!(
                sentence.len() > 15 && !sentence.ends_with('.'),
                "{sentence}"
            );
        }
    }

    #[test]
    fn what_is_stored_and_what_the_device_does_are_both_named() {
        let means = Means::inside(
            portreeve_auth::eap::Type::PEAP,
            portreeve_auth::eap::Inner::Eap(portreeve_auth::eap::Type::MSCHAPV2),
        );
        let refusal = Refusal::Unservable {
            scheme: Scheme::Argon2id,
            means,
        };
        assert_eq!(refusal.label(), "cannot_serve");
        assert_eq!(
            refusal.sentence(),
            "the password is stored as argon2id; PEAP-MSCHAPv2 needs an NT hash or clear text"
        );
    }

    #[test]
    fn a_name_that_a_shell_would_read_is_not_put_into_a_command() {
        let cure = |user| Refusal::UnknownUser.cure(Some(user), None).unwrap();
        assert_eq!(
            cure("tim@example.org"),
            "portreeve user add tim@example.org --generate"
        );
        for name in ["$(reboot)", "a b", "-x", "a;b", "a'b", "", "a\n"] {
            assert_eq!(cure(name), "portreeve user add NAME --generate");
        }
    }

    #[test]
    fn a_failed_check_says_what_was_asked_and_found() {
        let failed = every().into_iter().find_map(|refusal| match refusal {
            Refusal::CheckFailed(failed) => Some(failed),
            _ => None,
        });
        let mut failed = failed.unwrap();
        assert_eq!(
            failed.to_string(),
            "group guests asks for NAS-Identifier=hall, and the request has NAS-Identifier = attic"
        );
        failed.owner = Owner::Device(Mac::from([0, 1, 2, 3, 4, 5]));
        let refusal = Refusal::CheckFailed(failed);
        assert!(
            refusal
                .sentence()
                .starts_with("the device's check asks for")
        );
        let cure = refusal.cure(Some("00:01:02:03:04:05"), None);
        assert_eq!(cure.unwrap(), "portreeve device show 00-01-02-03-04-05");
    }
}
