//! What a log-in came to, and what to look at where it did not go well.

use portreeve::eap::peer::Trouble;

use super::Kind;

/// What a log-in came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The device is on the network.
    Accepted,
    /// One side broke the rules, or there was no end.
    Broken,
    /// The server says that it is in, with keys that are not those of the device.
    KeysDiffer,
    /// The server says no; or, where neither side can tell, the passwords differ.
    Rejected,
    /// The device says no: it does not trust the server.
    Untrusted,
}

impl Verdict {
    pub(super) const fn of(
        kind: Kind,
        trouble: Option<&Trouble>,
        is_rejected: bool,
        keys_differ: bool,
    ) -> Self {
        match (trouble, kind) {
            (None, _) if keys_differ => Self::KeysDiffer,
            (None, _) => Self::Accepted,
            // The device is the first to know.
            (Some(Trouble::Untrusted(_)), Kind::Pwd) => Self::Rejected,
            (Some(Trouble::Untrusted(_)), _) => Self::Untrusted,
            (Some(Trouble::Broken { .. }), _) => Self::Broken,
            (Some(_), _) if is_rejected => Self::Rejected,
            (Some(_), _) => Self::Broken,
        }
    }

    /// For a program.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Broken => "broken",
            Self::KeysDiffer => "keys_differ",
            Self::Rejected => "rejected",
            Self::Untrusted => "untrusted",
        }
    }

    /// For a person.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Broken | Self::KeysDiffer | Self::Untrusted => "failed",
        }
    }
}

/// What to look at.
pub(crate) fn advice(kind: Kind, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Untrusted(_) if kind == Kind::Pwd => {
            "is the password right, and is it stored in clear text on the server?".to_owned()
        }
        Trouble::Untrusted(why) if kind.has_tls() && why.contains("certificate") => {
            "--eap-ca says which CA the server's certificate has to come from, and \
             --eap-server-name which name it has to have; a device that is told the same does not \
             join either"
                .to_owned()
        }
        Trouble::Untrusted(_) => {
            "is it the right server, and is its stored password that of the user? A device would \
             not join"
                .to_owned()
        }
        Trouble::NoCommonMethod(_) => format!(
            "the server does not let this user log in by {} from such a port: allow that there (of \
             ours, `eap.methods` in portreeve.toml), or give another --method",
            kind.words()
        ),
        Trouble::Rejected if kind == Kind::Tls => {
            "is there such a user, is the certificate one that the server trusts and not revoked, \
             and may the user log in by EAP-TLS? `portreeve log` on the server says which"
                .to_owned()
        }
        Trouble::Rejected => format!(
            "is there such a user, is the password right, is it stored in a form that the method \
             can use, and may the user log in by {}? `portreeve log` on the server says which",
            kind.words()
        ),
        Trouble::RejectedBecause(_) if kind == Kind::Tls => {
            "--eap-cert is what the device shows; `portreeve log` on the server says more"
                .to_owned()
        }
        Trouble::RejectedBecause(_) => "`portreeve log` on the server says more".to_owned(),
        Trouble::Broken { .. } => {
            "-v shows every packet; the log of the server may say more".to_owned()
        }
    }
}
