//! Log-ins by EAP as a load: whole conversations, many at once.

use std::sync::Arc;

use portreeve::{Client, Error, eap::tls::PeerSettings};

use super::{tally::Outcome, users::Users};
use crate::commands::send::eap::{EapError, Kind, Plan, Ready, Verdict, advice};

/// The log-ins of a load.
pub(crate) struct EapWork {
    plan: Plan,
    /// What all share; those that resume have their own.
    settings: Option<PeerSettings>,
    users: Arc<Users>,
}

/// A device that logs in again and again, one log-in after the other.
pub(crate) struct Seat {
    settings: Option<PeerSettings>,
    /// Whose it is for good: nobody can resume the session of another.
    user: Option<u64>,
}

/// How one log-in ended.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) is_resumed: bool,
    /// What went wrong and what to do about it.
    pub(crate) trouble: Option<String>,
}

/// What a load of log-ins came to, besides numbers that every load has.
#[derive(Debug, Clone)]
pub(crate) struct EapSum {
    pub(crate) kind: Kind,
    /// Log-ins that resumed the one before; `None` where none was to.
    pub(crate) resumed: Option<u64>,
    /// What went wrong first.
    pub(crate) trouble: Option<String>,
}

impl EapWork {
    /// Fails where not even the first user could log in like that.
    pub(crate) fn new(plan: Plan, users: Arc<Users>) -> Result<Self, EapError> {
        let work = Self {
            settings: plan.settings()?,
            plan,
            users,
        };
        work.ready(&work.seat(0)?, 0)?;
        Ok(work)
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.plan.kind
    }

    pub(crate) const fn resumes(&self) -> bool {
        self.plan.resumes
    }

    /// The device at a place, from 0.
    pub(crate) fn seat(&self, place: u64) -> Result<Seat, EapError> {
        Ok(if self.plan.resumes {
            Seat {
                settings: self.plan.settings()?,
                user: Some(place),
            }
        } else {
            Seat {
                settings: self.settings.clone(),
                user: None,
            }
        })
    }

    /// The `number`th log-in, from 0, from this device.
    pub(crate) fn ready(&self, seat: &Seat, number: u64) -> Result<Ready, EapError> {
        let user = self.users.of(seat.user.unwrap_or(number));
        let settings = seat.settings.as_ref();
        self.plan.ready(settings, &user.name, &user.password)
    }

    pub(crate) async fn log_in(&self, ready: &Ready, client: &Client) -> Result<Ended, Error> {
        let once = ready.once(client).await?;
        let verdict = once.verdict(self.plan.kind);
        let trouble = once.login.outcome.as_ref().err();
        Ok(Ended {
            outcome: match verdict {
                Verdict::Accepted => Outcome::Accept,
                Verdict::Rejected => Outcome::Reject,
                Verdict::Broken | Verdict::Untrusted => Outcome::Broken,
                Verdict::KeysDiffer => Outcome::Unproven,
            },
            is_resumed: once.is_resumed() == Some(true),
            trouble: trouble.map(|trouble| {
                let advice = advice(self.plan.kind, trouble);
                format!("{trouble}; {advice}")
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use portreeve_proto::AttributeList;
    use zeroize::Zeroizing;

    use super::*;
    use crate::{
        commands::{bench::users::Login, send::eap::EapArguments},
        data::DataDir,
    };

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        eap: EapArguments,
    }

    fn work(arguments: &[&str], password: &str) -> Result<EapWork, EapError> {
        let line = Line::try_parse_from(["bench"].iter().chain(arguments)).unwrap();
        let data = DataDir::locate(Some("/nonexistent".into()));
        let users = Users::Numbered {
            login: Login {
                name: "user%d".to_owned(),
                password: Zeroizing::new(password.to_owned()),
            },
            many: 9,
        };
        let plan = line.eap.plan(Kind::Peap, &AttributeList::new(), &data)?;
        EapWork::new(plan, Arc::new(users))
    }

    #[test]
    fn a_device_that_resumes_stays_with_its_user() {
        let work = work(&["--eap-insecure", "--resume"], "12345").unwrap();
        let seat = work.seat(4).unwrap();
        assert_eq!(seat.user, Some(4));
        assert!(work.ready(&seat, 77).is_ok());
    }

    #[test]
    fn users_take_turns_where_nothing_is_resumed() {
        let work = work(&["--eap-insecure"], "12345").unwrap();
        assert_eq!(work.seat(4).unwrap().user, None);
    }

    #[test]
    fn a_password_that_fits_no_method_is_refused_at_once() {
        let error = work(&["--eap-insecure"], &"x".repeat(300)).err().unwrap();
        assert!(matches!(error, EapError::Password(_)), "{error}");
    }
}
