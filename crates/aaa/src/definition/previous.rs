//! The shared secret that a NAS had before its present one.

use std::time::Duration;

use super::SharedSecret;

/// The secret before the present one, which is accepted as well until a moment: while a NAS is
/// being given a new one, nothing of what it sends is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// The secret itself.
    pub secret: SharedSecret,
    /// Until when it is accepted, in milliseconds since 1970.
    pub until_ms: u64,
    /// Whether the NAS is known to use the present one by now: a request that does not say which it
    /// goes by is then taken to go by that.
    pub superseded: bool,
}

impl PreviousSecret {
    /// The longest that a previous secret is accepted after it was replaced.
    pub const LONGEST: Duration = Duration::from_hours(7 * 24);
    /// How long it is kept after that, so that whoever still uses it is told from whoever uses
    /// another wrong one.
    pub const REMEMBERED: Duration = Duration::from_hours(7 * 24);

    /// Whether it is accepted at this moment, in milliseconds since 1970.
    pub const fn is_accepted(&self, now_ms: u64) -> bool {
        now_ms < self.until_ms
    }

    /// Whether it has no use any more.
    pub fn is_spent(&self, now_ms: u64) -> bool {
        let remembered = u64::try_from(Self::REMEMBERED.as_millis()).unwrap_or(u64::MAX);
        self.until_ms.saturating_add(remembered) <= now_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Invalid, Nas, Reach, Recognition};

    #[test]
    fn it_is_accepted_then_remembered_then_spent() {
        let secret = SharedSecret::new("the one before").unwrap();
        let previous = PreviousSecret {
            secret,
            until_ms: 1_000,
            superseded: false,
        };
        let week = 7 * 24 * 3_600_000;
        for (now, accepted, spent) in [
            (0, true, false),
            (999, true, false),
            (1_000, false, false),
            (999 + week, false, false),
            (1_000 + week, false, true),
        ] {
            let found = (previous.is_accepted(now), previous.is_spent(now));
            assert_eq!(found, (accepted, spent), "{now}");
        }
    }

    #[test]
    fn a_nas_takes_both_for_a_while_and_cannot_have_one_without_the_other() {
        let secret = |text: &str| SharedSecret::new(text).unwrap();
        let mut nas = Nas::new("ap", "192.0.2.1/32".parse().unwrap(), secret("old"));
        nas.replace_secret(secret("new"), 1_000);
        assert_eq!(nas.secret(), Some(&secret("new")));
        let taken = |now| nas.secrets(now).cloned().collect::<Vec<_>>();
        assert_eq!(taken(999), [secret("new"), secret("old")]);
        assert_eq!(taken(1_000), [secret("new")]);
        assert_eq!(nas.validate(), Ok(()));
        assert!(!format!("{nas:?}").contains("old"));
        nas.replace_secret(secret("new"), 2_000);
        assert_eq!(nas.validate(), Err(Invalid::PreviousSecret));
        nas.reach = Reach::Tls(Recognition::default());
        assert_eq!(nas.validate(), Err(Invalid::PreviousSecret));
        nas.previous = None;
        assert_eq!(nas.validate(), Ok(()));
    }
}
