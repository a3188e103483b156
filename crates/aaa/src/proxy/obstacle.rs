use std::{fmt, sync::Arc};

use super::{BadName, Pattern};
use crate::{refusal::argument, shown::Shown};

/// Why a request that is somebody else's is not forwarded: the closed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The user name has no realm that could be looked up.
    BadName(BadName),
    /// The request has passed through this server before.
    LoopDetected {
        /// The realm whose route leads back here, if the name has one.
        realm: Option<Shown>,
    },
    /// No route fits the realm.
    NoRoute {
        /// The realm, if the name has one.
        realm: Option<Shown>,
    },
    /// No home server of the realm could be discovered.
    NotDiscovered {
        /// The realm, if the name has one.
        realm: Option<Shown>,
        /// Why not.
        why: Undiscovered,
    },
    /// No home server of the pool answers.
    PoolDead {
        /// The pool's name.
        pool: Arc<str>,
    },
    /// The NAS may not send users of this realm.
    RealmNotAllowed {
        /// The realm, if the name has one.
        realm: Option<Shown>,
        /// Whose list the NAS is not on.
        pattern: Pattern,
        /// The NAS.
        nas: Shown,
    },
    /// It has passed through too many proxies.
    TooManyHops {
        /// How many.
        hops: usize,
        /// How many are allowed.
        most: usize,
    },
}

/// Why DNS does not lead to a home server of a realm (RFC 7585): the closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Undiscovered {
    /// So many realms are being looked up that this one has to wait.
    #[error("too many realms are being looked up at the moment")]
    Busy,
    /// DNS did not answer, or not in time.
    #[error("DNS does not answer")]
    DnsSilent,
    /// There is no such record.
    #[error("DNS names no RADIUS server over TLS for it")]
    NoServer,
    /// The administrator has not admitted the realm, so DNS was not asked.
    #[error("discovery.realms does not admit it")]
    NotAllowed,
    /// The realm is none that DNS could be asked for.
    #[error("it is not a host name such as example.org")]
    NotAName,
    /// Only servers are named that must not be asked: at private addresses or our own, or at ports
    /// of other services.
    #[error("DNS names only servers at addresses or ports that are not to be asked")]
    Unfit,
    /// There is nothing to show the server, or to know it by.
    #[error("the certificates of [discovery] cannot be used")]
    Unprepared,
}

impl Undiscovered {
    /// Whether another server of ours might do better, or this one a moment later.
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Busy | Self::DnsSilent | Self::Unprepared)
    }

    fn cure(self, realm: &str) -> String {
        match self {
            Self::Busy | Self::DnsSilent => {
                "see whether the name servers of this machine answer, or set discovery.resolver in \
                 portreeve.toml"
                    .to_owned()
            }
            Self::NoServer => format!("dig NAPTR {realm}; dig SRV _radiustls._tcp.{realm}"),
            Self::NotAllowed => {
                format!("in portreeve.toml, add \"{realm}\" to discovery.realms, if it is trusted")
            }
            Self::NotAName => {
                "in portreeve.toml, give the realm a [[realm]] with a pool of its own".to_owned()
            }
            Self::Unfit => {
                "in portreeve.toml, set discovery.allow_private = \"yes\", if these are \
                            servers of your own network"
                    .to_owned()
            }
            Self::Unprepared => "portreeve cert list".to_owned(),
        }
    }
}

impl Obstacle {
    /// Every label, in the order of the variants.
    pub const LABELS: [&str; 7] = [
        "bad_name",
        "loop_detected",
        "no_route",
        "not_discovered",
        "pool_dead",
        "realm_not_allowed",
        "too_many_hops",
    ];

    /// Its name as a metric label.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::BadName(_) => "bad_name",
            Self::LoopDetected { .. } => "loop_detected",
            Self::NoRoute { .. } => "no_route",
            Self::NotDiscovered { .. } => "not_discovered",
            Self::PoolDead { .. } => "pool_dead",
            Self::RealmNotAllowed { .. } => "realm_not_allowed",
            Self::TooManyHops { .. } => "too_many_hops",
        }
    }

    /// What the administrator can do about it; `None` where the subscriber has to.
    pub fn cure(&self) -> Option<String> {
        let named = |realm: &Option<Shown>| match realm {
            Some(realm) => argument(Some(realm.as_str()), "REALM").to_owned(),
            None => String::new(),
        };
        Some(match self {
            Self::BadName(_) => return None,
            Self::LoopDetected { realm } => format!(
                "in portreeve.toml, remove the route of realm \"{}\" or point its pool at the \
                 realm's own server",
                named(realm)
            ),
            Self::NoRoute { realm } => format!(
                "in portreeve.toml, add [[realm]] name = \"{}\" with its pool, or set \
                 proxy.unknown_realms = \"local\"",
                named(realm)
            ),
            Self::NotDiscovered { realm, why } => why.cure(&named(realm)),
            Self::PoolDead { .. } => "portreeve status".to_owned(),
            Self::RealmNotAllowed { pattern, nas, .. } => format!(
                "in portreeve.toml, add \"{}\" to nas of [[realm]] name = \"{pattern}\"",
                argument(Some(nas.as_str()), "NAS")
            ),
            Self::TooManyHops { .. } => {
                "in portreeve.toml, raise proxy.max_hops, if the request does not go in circles"
                    .to_owned()
            }
        })
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |realm: &Option<Shown>| match realm {
            Some(realm) => format!("realm {realm}"),
            None => "names without a realm".to_owned(),
        };
        match self {
            Self::BadName(why) => write!(
                f,
                "the user name cannot be forwarded, because {why}; the user types it as \
                 name@realm"
            ),
            Self::LoopDetected { realm } => write!(
                f,
                "the request has passed through this server before: the route of {} leads back \
                 here; change it on one of the two ends",
                of(realm)
            ),
            Self::NoRoute { realm } => write!(
                f,
                "no [[realm]] of portreeve.toml fits {}; add one, or let such names be looked up \
                 here",
                of(realm)
            ),
            Self::NotDiscovered { realm, why } => write!(
                f,
                "the home server of {} is not found through DNS: {why}",
                of(realm)
            ),
            Self::PoolDead { pool } => write!(
                f,
                "no home server of pool {} answers; see whether they run and can be reached",
                Shown::new(&**pool)
            ),
            Self::RealmNotAllowed {
                realm,
                pattern,
                nas,
            } => write!(
                f,
                "NAS {nas} may not send users of {}: it is not in the nas list of [[realm]] \
                 \"{pattern}\"; add it there, if it should",
                of(realm)
            ),
            Self::TooManyHops { hops, most } => write!(
                f,
                "the request has passed through {hops} proxies, and proxy.max_hops allows {most}; \
                 see whether it goes in circles, or raise the bound"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_chose_is_not_put_into_advice() {
        let cure = |realm: &str| {
            let realm = Some(Shown::from(realm));
            Obstacle::NoRoute { realm }.cure().unwrap()
        };
        assert!(cure("example.org").contains("\"example.org\""));
        for realm in ["a\"b", "$(reboot)", "a b"] {
            assert!(cure(realm).contains("\"REALM\""), "{realm}");
        }
    }
}
