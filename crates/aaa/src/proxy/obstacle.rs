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

impl Obstacle {
    /// Every label, in the order of the variants.
    pub const LABELS: [&str; 6] = [
        "bad_name",
        "loop_detected",
        "no_route",
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
