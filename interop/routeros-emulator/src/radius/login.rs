//! Users of the router itself: API, REST, SSH.

use std::sync::Arc;

use portreeve_auth::Method;
use portreeve_proto::attr::{acct_terminate_cause as cause, nas_port_type};

use super::{Opening, Radius, Refusal, entry::duration, proof::Proof, session::Kind, terms::Terms};
use crate::{Attempt, Change, LoginAnswer, Machine, Record, Refused, Release};

/// Who is logged in to the router.
pub(super) const ACTIVE: &str = "/user/active";

/// The most users who have been let in and are not there yet.
const MOST_LOGINS: usize = 1000;

/// Takes the log-ins that `/user` does not know.
pub(super) fn attach(radius: &Radius) {
    let hooked = radius.clone();
    radius
        .machine()
        .set_login_hook(move |_: Arc<Machine>, attempt: Attempt| {
            let radius = hooked.clone();
            async move { radius.router_log_in(&attempt).await }
        });
    tokio::spawn(follow_users(radius.clone()));
}

impl Radius {
    /// Asks RADIUS for a user of the router.
    async fn router_log_in(&self, attempt: &Attempt) -> LoginAnswer {
        let admitted = self.ask_login(attempt).await;
        match admitted {
            Ok(terms) => {
                let group = self.group(terms.group.as_deref());
                let mut logins = self.logins();
                if logins.len() < MOST_LOGINS {
                    logins.insert(attempt.user.clone(), terms);
                }
                LoginAnswer::In(group)
            }
            Err(Refusal::Timeout) => LoginAnswer::Out(Refused::RadiusTimeout),
            Err(_) => LoginAnswer::Out(Refused::Wrong),
        }
    }

    async fn ask_login(&self, attempt: &Attempt) -> Result<Terms, Refusal> {
        let mut shape = self.shape(Kind::Login, &attempt.user);
        shape.port_type = nas_port_type::VIRTUAL;
        shape.calling = attempt.from.map(|it| it.to_string()).unwrap_or_default();
        // Since 6.45 every way in uses MS-CHAPv2.
        let method = if self.machine().release() >= Release::V6_45 {
            Method::MsChapV2
        } else {
            Method::Pap
        };
        let proof = Proof::by(method, &attempt.user, &attempt.password).ok_or(Refusal::Local)?;
        self.admitted(&shape, "", &proof, false).await
    }

    /// The group that RADIUS names, if there is one and it may; an empty text for the default.
    fn group(&self, named: Option<&str>) -> String {
        let aaa = self.machine().one("/user/aaa");
        let excluded = aaa.list("exclude-groups");
        let known = |name: &str| self.machine().find("/user/group", "name", name).is_some();
        match named {
            Some(name) if known(name) && !excluded.contains(&name) => name.to_owned(),
            _ => String::new(),
        }
    }

    /// Accounts for a user who is in.
    fn user_began(&self, row: &Record) {
        let aaa = self.machine().one("/user/aaa");
        if !aaa.is("use-radius") || !aaa.is("accounting") {
            return;
        }
        let mut shape = self.shape(Kind::Login, row.text("name"));
        row.text("address").clone_into(&mut shape.calling);
        let own = duration(aaa.text("interim-update")).filter(|it| !it.is_zero());
        let number = self.begin(Opening {
            kind: Kind::Login,
            shape,
            id: self.next_id(Kind::Login),
            mac: String::new(),
            terms: self.logins().remove(row.text("name")).unwrap_or_default(),
            by_radius: true,
            accounts: true,
            interim: own,
            takes_interim: true,
            domain: String::new(),
            rows: Vec::new(),
        });
        if let Some(session) = self.sessions().get_mut(number) {
            // The item is the engine's; it ends the session when it goes.
            session.rows.push((ACTIVE.to_owned(), row.id().to_owned()));
        }
    }
}

/// Begins and ends sessions with the items of `/user/active`.
async fn follow_users(radius: Radius) {
    let mut events = radius.machine().events();
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => continue,
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        };
        let Some(id) = event.id.filter(|_| event.menu == ACTIVE) else {
            continue;
        };
        match event.change {
            Change::Added => {
                let row = radius.machine().find(ACTIVE, ".id", &id);
                if let Some(row) = row.filter(|row| row.is("radius")) {
                    radius.user_began(&row);
                }
            }
            Change::Removed => {
                let number = radius.sessions().behind(ACTIVE, &id);
                if let Some(number) = number {
                    radius.end(number, cause::USER_REQUEST);
                }
            }
            Change::Changed => {}
        }
    }
}
