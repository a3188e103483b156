//! The user that a router gets for us, and whatever else is made on it before a plan.

use portreeve_routeros::{
    Id, Query, Record, Transport,
    plan::{Item, Step, Undo, Verb},
};
use zeroize::Zeroizing;

use crate::{
    commands::password,
    failure::Failure,
    routers::{Folder, Hidden, Journal, Link, RouterError},
};

/// What the user and its group are called.
pub(super) const USER: &str = "portreeve";

/// What is made on a router before a plan, each in the journal before it is done.
pub(super) struct Foundation<'a> {
    folder: &'a Folder,
    pub(super) journal: Journal,
}

impl<'a> Foundation<'a> {
    pub(super) fn new(folder: &'a Folder, link: &Link, tag: &str) -> Self {
        let undo = Undo {
            tag: tag.to_owned(),
            version: link.can.version().to_string(),
            steps: Vec::new(),
        };
        let journal = Journal {
            foundation: Some(undo),
            applied: Vec::new(),
        };
        Self { folder, journal }
    }

    /// Adds an item. `marks` are the properties by which it is found again.
    pub(super) async fn add(
        &mut self,
        link: &Link,
        menu: &str,
        values: Record,
        marks: &[&str],
        why: &str,
    ) -> Result<Id, Failure> {
        let is_mark = |name: &str| marks.contains(&name);
        let after = values.iter().filter(|(name, _)| is_mark(name)).collect();
        self.note(Step {
            menu: menu.to_owned(),
            verb: Verb::Add,
            item: None,
            before: Record::new(),
            after,
            from: None,
            to: None,
            twins: 0,
            why: why.to_owned(),
        })?;
        Ok(link.said(link.router.add(menu, &values).await)?)
    }

    /// Notes that an item will be there that something else than `add` makes.
    pub(super) fn expect(&mut self, menu: &str, marks: Record, why: &str) -> Result<(), Failure> {
        self.note(Step {
            menu: menu.to_owned(),
            verb: Verb::Add,
            item: None,
            before: Record::new(),
            after: marks,
            from: None,
            to: None,
            twins: 0,
            why: why.to_owned(),
        })
    }

    /// Sets properties of an item that was read.
    pub(super) async fn set(
        &mut self,
        link: &Link,
        menu: &str,
        read: &Record,
        after: Record,
        why: &str,
    ) -> Result<(), Failure> {
        let id = read
            .id()
            .ok_or_else(|| RouterError::Refused(format!("{menu}: no .id")))?;
        let before = |name: &str| match read.get(name).unwrap_or_default() {
            "true" => "yes".to_owned(),
            "false" => "no".to_owned(),
            "" if name == "certificate" => "none".to_owned(),
            other => other.to_owned(),
        };
        let changed: Record = after
            .iter()
            .filter(|(name, value)| before(name) != *value)
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let before = changed
            .iter()
            .map(|(name, _)| (name, before(name)))
            .collect();
        // By its name it is found again, whatever else becomes of it.
        let content = read.iter().filter(|(name, _)| *name == "name").collect();
        self.note(Step {
            menu: menu.to_owned(),
            verb: Verb::Set,
            item: Some(Item {
                id: id.clone(),
                content,
            }),
            before,
            after: changed.clone(),
            from: None,
            to: None,
            twins: 0,
            why: why.to_owned(),
        })?;
        Ok(link.said(link.router.set(menu, Some(&id), &changed).await)?)
    }

    fn note(&mut self, step: Step) -> Result<(), Failure> {
        if let Some(undo) = &mut self.journal.foundation {
            undo.steps.push(step);
        }
        Ok(self.folder.write_undo(&self.journal)?)
    }
}

/// What a user of ours may do on a router, and nothing else.
fn policies(link: &Link, transport: Transport) -> Vec<&'static str> {
    // To read and to set; to see secrets, so that drift is seen; to fetch exports and backups; to
    // set what log-ins by RADIUS may do, which RouterOS counts as policy.
    let mut policies = vec!["read", "write", "policy", "sensitive", "test", "ftp"];
    policies.push(match transport {
        Transport::Api | Transport::ApiSsl => "api",
        Transport::Rest | Transport::RestSsl => "rest-api",
    });
    // Files of any size only come by SFTP before 7.13.
    if !link.can.version().is_at_least(7, 13) {
        policies.push("ssh");
    }
    policies
}

/// Refuses where the user who is logged in may not do what an enrolment does, before anything is
/// begun that could not be taken back.
pub(super) async fn check_permissions(
    link: &Link,
    transport: Transport,
    admin: &str,
) -> Result<(), Failure> {
    let named = |name: &str| [Query::equals("name", name)];
    let users = link.router.print("/user", &["group"], &named(admin)).await;
    let Some(group) = link
        .said(users)?
        .first()
        .and_then(|user| Some(user.get("group")?.to_owned()))
    else {
        // Known by RADIUS: only the router knows what it may.
        return Ok(());
    };
    let groups = link
        .router
        .print("/user/group", &["policy"], &named(&group))
        .await;
    let groups = link.said(groups)?;
    let granted = groups
        .first()
        .map(|group| group.list("policy"))
        .unwrap_or_default();
    let wanted = policies(link, transport);
    let lacking: Vec<&str> = wanted
        .into_iter()
        .filter(|policy| !granted.contains(policy))
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(RouterError::Refused(format!(
        "nothing was changed: the user '{admin}' of the router may not do what is needed: its \
         group '{group}' lacks {}. Log in as a user of the group full (--user)",
        lacking.join(", ")
    ))
    .into())
}

/// Makes the user on the router, who may log in from where we are and nowhere else.
pub(super) async fn make(
    link: &Link,
    transport: Transport,
    tag: &str,
    admin: &str,
    foundation: &mut Foundation<'_>,
) -> Result<(String, Hidden), Failure> {
    let name = free_name(link).await?;
    let why = "what Portreeve needs, and no more";
    let group = Record::new()
        .with("name", &name)
        .with("policy", policies(link, transport).join(","));
    foundation
        .add(link, "/user/group", group, &["name"], why)
        .await?;
    let secret = password::generate()?;
    let here = seen_as(link, admin).await?;
    let values = Record::new()
        .with("name", &name)
        .with("group", &name)
        .with("password", secret.as_str())
        .with("address", here)
        .with("comment", tag);
    let why = "so that the administrator's password is not kept";
    foundation
        .add(link, "/user", values, &["name"], why)
        .await?;
    Ok((name, Hidden::new(Zeroizing::new(secret.to_string()))))
}

/// A name that no user and no group has.
async fn free_name(link: &Link) -> Result<String, Failure> {
    let users = link.said(link.router.print("/user", &["name"], &[]).await)?;
    let groups = link.said(link.router.print("/user/group", &["name"], &[]).await)?;
    let taken = |name: &str| {
        let mut all = users.iter().chain(&groups);
        all.any(|one| one.get("name") == Some(name))
    };
    let mut names = (1..100).map(|number| match number {
        1 => USER.to_owned(),
        number => format!("{USER}-{number}"),
    });
    let free = names.find(|name| !taken(name));
    Ok(free.ok_or_else(|| {
        RouterError::Refused(format!("the router has a hundred users called {USER}"))
    })?)
}

/// The address that the router sees us at, which is not ours where something translates.
async fn seen_as(link: &Link, admin: &str) -> Result<String, Failure> {
    let active = link
        .router
        .print("/user/active", &["name", "address", "via"], &[])
        .await;
    let ours = active.unwrap_or_default().into_iter().find_map(|one| {
        let is_ours =
            one.get("name") == Some(admin) && one.get("via").is_some_and(|via| via.contains("api"));
        let address = one.get("address")?.parse::<std::net::IpAddr>().ok()?;
        is_ours.then_some(address)
    });
    let here = ours.unwrap_or_else(|| link.router.local_address());
    Ok(here.to_string())
}
