//! Why a conversation ends without access: for the administrator. The peer learns none.

use super::{Means, Type, tls};

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
}

impl Failure {
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
        }
    }
}

fn listed(kinds: &[Type]) -> String {
    if kinds.is_empty() {
        return "nothing else".to_owned();
    }
    let names: Vec<String> = kinds.iter().map(Type::to_string).collect();
    names.join(", ")
}
