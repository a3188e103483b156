//! Who may come in.

use std::{net::IpAddr, sync::Arc};

use crate::{Attempt, LoginAnswer, Machine, Record, Refused, Session, serve};

/// A log-in that `/user/active` shows until this is dropped.
#[derive(Debug)]
pub struct Active {
    machine: Arc<Machine>,
    id: String,
    session: Session,
}

impl Active {
    /// The entry's `.id` in `/user/active`. Somebody may remove it, and the session has to end.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.machine.delete("/user/active", &self.id);
        let session = &self.session;
        let text = format!("user {} logged out{}", session.user, place(session));
        self.machine.log("system,info,account", text);
    }
}

fn place(session: &Session) -> String {
    let from = session.from.map(|from| from.to_string());
    let from = from.unwrap_or_else(|| "local".into());
    format!(" from {from} via {}", session.via)
}

/// The policy that a way in needs.
fn policy_of(via: &str) -> &str {
    match via {
        "ssh" | "ftp" | "telnet" | "winbox" | "rest-api" => via,
        "sftp" => "ssh",
        _ => "api",
    }
}

impl Machine {
    /// Lets somebody in, or not: first the router's own users, then RADIUS, where
    /// `/user aaa use-radius=yes` and the router has no such user. Both go to the log.
    ///
    /// # Errors
    ///
    /// Why not.
    pub async fn log_in(self: &Arc<Self>, attempt: Attempt) -> Result<Session, Refused> {
        let result = self.admit(&attempt).await;
        if result.is_err() {
            let from = attempt.from.map(|from| from.to_string());
            let text = format!(
                "login failure for user {} from {} via {}",
                attempt.user,
                from.unwrap_or_else(|| "local".into()),
                attempt.via
            );
            self.log("system,error,critical", text);
        }
        result
    }

    async fn admit(self: &Arc<Self>, attempt: &Attempt) -> Result<Session, Refused> {
        if let Some(user) = self.find("/user", "name", &attempt.user) {
            let matches = same(user.text(".password"), &attempt.password);
            let known = matches && may_enter(&user, attempt.from);
            return if known {
                self.session(attempt, user.text("group"), false)
            } else {
                Err(Refused::Wrong)
            };
        }
        let aaa = self.one("/user/aaa");
        let hook = self.login_hook().filter(|_| aaa.is("use-radius"));
        let Some(hook) = hook else {
            return Err(Refused::Wrong);
        };
        match hook(Arc::clone(self), attempt.clone()).await {
            LoginAnswer::In(group) => {
                let known = self.find("/user/group", "name", &group).is_some();
                let group: &str = if known {
                    &group
                } else {
                    aaa.text("default-group")
                };
                if aaa.list("exclude-groups").contains(&group) {
                    return Err(Refused::Wrong);
                }
                self.session(attempt, group, true)
            }
            LoginAnswer::Out(refused) => Err(refused),
        }
    }

    /// A user's password in clear text, for log-ins that prove it otherwise.
    pub(crate) fn password_of(&self, user: &str, from: Option<IpAddr>) -> Option<String> {
        let user = self.find("/user", "name", user)?;
        may_enter(&user, from).then(|| user.text(".password").to_owned())
    }

    /// The session of a user who has proven who they are.
    pub(crate) fn session(
        &self,
        attempt: &Attempt,
        group: &str,
        radius: bool,
    ) -> Result<Session, Refused> {
        let known = self.find("/user/group", "name", group).unwrap_or_default();
        let session = Session {
            user: attempt.user.clone(),
            group: group.to_owned(),
            policies: known
                .list("policy")
                .into_iter()
                .filter(|policy| !policy.starts_with('!'))
                .map(str::to_owned)
                .collect(),
            from: attempt.from,
            via: attempt.via.clone(),
            radius,
        };
        if session.may(policy_of(&attempt.via)) {
            Ok(session)
        } else {
            Err(Refused::Policy)
        }
    }

    /// Shows a session in `/user/active`, until what comes back is dropped.
    pub fn enter(self: &Arc<Self>, session: &Session) -> Active {
        let from = session
            .from
            .map(|from| from.to_string())
            .unwrap_or_default();
        let values = Record::new()
            .with("when", self.date_and_time())
            .with("name", &session.user)
            .with("address", from)
            .with("via", &session.via)
            .with("group", &session.group)
            .with("radius", session.radius.to_string());
        let id = self.insert("/user/active", values, true);
        let text = format!("user {} logged in{}", session.user, place(session));
        self.log("system,info,account", text);
        Active {
            machine: Arc::clone(self),
            id,
            session: session.clone(),
        }
    }
}

fn may_enter(user: &Record, from: Option<IpAddr>) -> bool {
    let from_there = from.is_none_or(|from| serve::allowed(user.text("address"), from));
    !user.is("disabled") && from_there
}

/// In the same time whatever the difference, though nothing here is worth it: the emulator is
/// not to teach otherwise.
fn same(known: &str, given: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(known.as_bytes(), given.as_bytes()).is_ok()
}
