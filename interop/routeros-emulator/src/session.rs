//! Who gives commands, and what they may do.

use std::{collections::BTreeSet, net::IpAddr};

/// One log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The user's name.
    pub user: String,
    /// The user's group.
    pub group: String,
    /// What the group may.
    pub policies: BTreeSet<String>,
    /// Where from. Scripts and the like: none.
    pub from: Option<IpAddr>,
    /// `api`, `rest-api`, `ssh`, `ftp`, `console` or `script`.
    pub via: String,
    /// Whether RADIUS let the user in.
    pub radius: bool,
}

impl Session {
    /// The router itself, which may everything.
    pub fn system() -> Self {
        Self {
            user: String::new(),
            group: "full".into(),
            policies: POLICIES.iter().copied().map(str::to_owned).collect(),
            from: None,
            via: "script".into(),
            radius: false,
        }
    }

    /// Whether the group has a policy.
    pub fn may(&self, policy: &str) -> bool {
        self.policies.contains(policy)
    }
}

/// Every policy of a group, in the order in which RouterOS lists them.
pub const POLICIES: [&str; 18] = [
    "local",
    "telnet",
    "ssh",
    "ftp",
    "reboot",
    "read",
    "write",
    "policy",
    "test",
    "winbox",
    "password",
    "web",
    "sniff",
    "sensitive",
    "api",
    "romon",
    "dude",
    "rest-api",
];

/// Why nobody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No such user, another password, or not from there.
    Wrong,
    /// The group lacks the policy of this way in.
    Policy,
    /// RADIUS did not answer.
    RadiusTimeout,
}

impl Refused {
    /// The router's words, since 6.43.
    pub fn message(self) -> &'static str {
        match self {
            Self::Wrong => "invalid user name or password (6)",
            Self::Policy => "not enough permissions (9)",
            Self::RadiusTimeout => "could not authenticate - radius timeout",
        }
    }
}
