//! A secret that is changed while the NAS is in use: the one before it is accepted for a while.

use std::time::Duration;

use portreeve_aaa::definition::{Nas, PreviousSecret};
use portreeve_routeros::time;

use crate::commands::rows;

/// What is wrong with the flags about the previous secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadOverlap {
    #[error("nas '{0}' has no previous secret")]
    NoPrevious(String),
    #[error(
        "--keep-previous keeps the secret that another one takes the place of: give --secret with \
         another one, or --generate-secret"
    )]
    NothingReplaced,
    #[error(
        "not a span of time up to {} such as \"1h\", \"30m\" or \"1d\"",
        longest()
    )]
    Span,
}

/// Flags of `nas set`.
#[derive(Debug, clap::Args)]
pub(super) struct Overlap {
    /// With a new secret: accept the present one as well for so long, such as 1h, at most 7d, so
    /// that nothing is lost while the NAS is changed
    #[arg(long, value_name = "SPAN", value_parser = read_span,
        conflicts_with = "forget_previous")]
    keep_previous: Option<Duration>,
    /// Accept the previous secret no longer: the NAS has been changed
    #[arg(long)]
    forget_previous: bool,
}

impl Overlap {
    pub(super) fn is_empty(&self) -> bool {
        self.keep_previous.is_none() && !self.forget_previous
    }

    /// Settles which secret the NAS had before, given as it was before it was changed.
    pub(super) fn apply(&self, nas: &mut Nas, before: &Nas, now_ms: u64) -> Result<(), BadOverlap> {
        if self.forget_previous && nas.previous.is_none() {
            return Err(BadOverlap::NoPrevious(nas.name.clone()));
        }
        let is_replaced = nas.secret() != before.secret();
        if is_replaced || self.forget_previous {
            nas.previous = None;
        }
        let Some(span) = self.keep_previous else {
            return Ok(());
        };
        let old = before.secret().filter(|_| is_replaced);
        let (Some(old), Some(_)) = (old, nas.secret()) else {
            return Err(BadOverlap::NothingReplaced);
        };
        nas.previous = Some(PreviousSecret {
            secret: old.clone(),
            until_ms: after(now_ms, span),
            superseded: false,
        });
        Ok(())
    }
}

/// The moment that comes so long after another.
pub(crate) fn after(now_ms: u64, span: Duration) -> u64 {
    now_ms.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// What is to be said of the previous secret, if there is one.
pub(super) fn words(nas: &Nas, now_ms: u64) -> Option<String> {
    let previous = nas.previous.as_ref()?;
    let until = rows::moment(previous.until_ms);
    Some(if previous.is_accepted(now_ms) {
        format!("accepted until {until}")
    } else {
        format!("no longer accepted since {until}")
    })
}

fn longest() -> String {
    time::spell(PreviousSecret::LONGEST)
}

fn read_span(text: &str) -> Result<Duration, BadOverlap> {
    let allowed = Duration::from_secs(1)..=PreviousSecret::LONGEST;
    let span = time::parse(text).filter(|span| allowed.contains(span));
    span.ok_or(BadOverlap::Span)
}

#[cfg(test)]
mod tests {
    use portreeve_aaa::definition::{Reach, Recognition, SharedSecret};

    use super::*;

    fn nas(secret: &str) -> Nas {
        let secret = SharedSecret::new(secret).unwrap();
        Nas::new("ap", "192.0.2.1/32".parse().unwrap(), secret)
    }

    fn keep(span: &str) -> Overlap {
        Overlap {
            keep_previous: Some(read_span(span).unwrap()),
            forget_previous: false,
        }
    }

    const NEITHER: Overlap = Overlap {
        keep_previous: None,
        forget_previous: false,
    };
    const FORGET: Overlap = Overlap {
        keep_previous: None,
        forget_previous: true,
    };

    #[test]
    fn the_replaced_secret_is_kept_for_as_long_as_is_said() {
        let mut changed = nas("new");
        keep("1h").apply(&mut changed, &nas("old"), 1_000).unwrap();
        let previous = changed.previous.clone().unwrap();
        assert_eq!(Some(&previous.secret), nas("old").secret());
        assert_eq!(previous.until_ms, 3_601_000);
        assert!(words(&changed, 3_600_999).unwrap().starts_with("accepted"));
        assert!(words(&changed, 3_601_000).unwrap().starts_with("no longer"));
        // Something else is changed, then the secret once more.
        let before = changed.clone();
        NEITHER.apply(&mut changed, &before, 2_000).unwrap();
        assert_eq!(changed.previous, Some(previous));
        changed.reach = nas("newer").reach;
        NEITHER.apply(&mut changed, &before, 2_000).unwrap();
        assert_eq!(changed.previous, None);
    }

    #[test]
    fn it_is_forgotten_when_that_is_said_and_once() {
        let mut changed = nas("new");
        keep("7d").apply(&mut changed, &nas("old"), 0).unwrap();
        let before = changed.clone();
        FORGET.apply(&mut changed, &before, 0).unwrap();
        assert_eq!(changed.previous, None);
        let before = changed.clone();
        let again = FORGET.apply(&mut changed, &before, 0);
        assert_eq!(again, Err(BadOverlap::NoPrevious("ap".to_owned())));
    }

    #[test]
    fn only_a_secret_that_another_replaces_can_be_kept() {
        let tls = Reach::Tls(Recognition::default());
        let tls = Nas::reached("ap", "192.0.2.1/32".parse().unwrap(), tls);
        for (after, before) in [
            (nas("old"), nas("old")),
            (nas("new"), tls.clone()),
            (tls, nas("old")),
        ] {
            let kept = keep("1h").apply(&mut after.clone(), &before, 0);
            assert_eq!(kept, Err(BadOverlap::NothingReplaced));
        }
        for bad in ["", "0s", "8d", "7d1s", "soon", "-1h"] {
            assert_eq!(read_span(bad), Err(BadOverlap::Span), "{bad}");
        }
    }
}
