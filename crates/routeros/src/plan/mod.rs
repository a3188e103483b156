//! Bringing a router to a wanted state, and taking it back.
//!
//! [`observe`] reads what the router is like, [`plan()`] compares that with what is [`Wanted`]
//! and gives a [`Plan`] (or says why there is none), [`apply()`] carries it out and gives an
//! [`Undo`], which [`undo()`] takes back.
//!
//! ```no_run
//! use portreeve_routeros::{
//!     Login, Router, Secret, Target, Transport, capability,
//!     plan::{self, Ppp, Server, Wanted},
//! };
//!
//! # async fn bring() -> Result<(), Box<dyn std::error::Error>> {
//! let target = Target::new("192.168.88.1", Transport::ApiSsl);
//! let login = Login::new("admin", "a good password");
//! let router = Router::connect(&target, &login).await?;
//! let can = capability::probe(&router).await?;
//!
//! let server = Server::udp("192.168.88.10".parse()?, Secret::new("24 random octets"));
//! let mut wanted = Wanted::new("portreeve:office", server);
//! wanted.services.ppp = Some(Ppp::default());
//!
//! let observed = plan::observe(&router, &can).await?.as_user("admin");
//! let plan = plan::plan(&wanted, &observed, &can).map_err(|all| format!("{all:?}"))?;
//! println!("{plan}");
//!
//! let again = || Router::connect(&target, &login);
//! let mut done = plan::apply(&router, &plan, again, |_| Ok(())).await?;
//! // Keep `done.undo` (it is serde) to take everything back some day:
//! plan::undo(&router, &mut done.undo).await?;
//! # Ok(())
//! # }
//! ```

mod apply;
mod draft;
mod hands;
mod menu;
mod observed;
mod radius;
pub mod rotation;
pub(crate) mod script;
mod services;
mod show;
mod step;
mod steps;
mod undo;
mod value;
mod wanted;
mod wireless;

#[cfg(test)]
mod tests;

pub use apply::{Applied, Failed, Progress, Trouble, apply};
pub use observed::{Observed, observe};
pub use script::Secrets;
pub use step::{Item, Note, Objection, Place, Plan, Step, Verb};
pub use undo::{Left, Undo, Undone, undo, undo_persistently};
pub use wanted::{
    Coa, Dhcp, Dot1x, Enterprise, Hotspot, Ipsec, Logging, LoginService, Ppp, Protocol, Risk,
    Server, Services, Wanted, Which, Wireless,
};

use crate::Capabilities;

/// Compares what is wanted with what was observed. Reads nothing, does nothing.
///
/// What is added or switched comes in an order in which every step is safe by itself: the RADIUS
/// entries and the firewall first, then the services, log-ins to the router last.
///
/// # Errors
///
/// All that stands against it, each with what to do.
pub fn plan(
    wanted: &Wanted,
    observed: &Observed,
    can: &Capabilities,
) -> Result<Plan, Vec<Objection>> {
    let mut draft = draft::Draft::new(observed, can, &wanted.accepted);
    may_write(&mut draft, observed);
    radius::servers(&mut draft, wanted);
    if let Some(coa) = &wanted.coa {
        radius::incoming(&mut draft, wanted, coa);
    }
    if let Some(logging) = &wanted.logging {
        radius::logging(&mut draft, logging);
    }
    let services = &wanted.services;
    if let Some(ppp) = &services.ppp {
        services::ppp(&mut draft, ppp);
    }
    if let Some(hotspot) = &services.hotspot {
        services::hotspot(&mut draft, hotspot);
    }
    if let Some(dhcp) = &services.dhcp {
        services::dhcp(&mut draft, dhcp);
    }
    if let Some(ipsec) = &services.ipsec {
        services::ipsec(&mut draft, ipsec);
    }
    if let Some(wireless) = &services.wireless {
        wireless::wireless(&mut draft, wireless);
    }
    if let Some(dot1x) = &services.dot1x {
        services::dot1x(&mut draft, observed, wanted, dot1x);
    }
    if let Some(login) = &services.login {
        services::login(&mut draft, observed, wanted, login);
    }
    services::left_out(&mut draft, wanted);
    if !draft.objections.is_empty() {
        return Err(draft.objections);
    }
    draft.notes.dedup();
    Ok(Plan {
        tag: wanted.tag.clone(),
        version: can.version(),
        steps: draft.steps,
        notes: draft.notes,
    })
}

/// Objects where the user this machine is logged in as lacks a policy that the steps need.
fn may_write(draft: &mut draft::Draft<'_>, observed: &Observed) {
    let Some(name) = &observed.user else {
        return;
    };
    let Some(user) = draft.named("/user", name) else {
        return;
    };
    let group = user.get("group").unwrap_or_default().to_owned();
    let Some(group) = draft.named("/user/group", &group) else {
        return;
    };
    let has = group.list("policy");
    // Without `sensitive` secrets are neither read nor put back.
    let needed = ["read", "write", "policy", "sensitive"];
    let lacking: Vec<&str> = needed.into_iter().filter(|p| !has.contains(p)).collect();
    if !lacking.is_empty() {
        let what = format!("the user {name:?} lacks the policy {}", lacking.join(", "));
        let remedy = "Log in as a user of the group full, or give the group these policies";
        draft.object("/user/group", what, remedy);
    }
}
