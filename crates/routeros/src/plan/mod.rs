//! Bringing a router to a wanted state, and taking it back.
//!
//! [`observe`] reads what the router is like, [`plan()`] compares that with what is [`Wanted`]
//! and gives a [`Plan`] (or says why there is none), [`apply()`] carries it out and gives an
//! [`Undo`], which [`undo()`] takes back.

mod apply;
mod observed;
pub mod rotation;
mod script;
mod show;
mod step;
mod undo;
mod value;
mod wanted;

pub use apply::{Applied, Failed, Progress, Trouble, apply};
pub use observed::{Observed, observe};
pub use script::Secrets;
pub use step::{Item, Note, Objection, Place, Plan, Step, Verb};
pub use undo::{Left, Undo, Undone, undo};
pub use wanted::{
    Coa, Dhcp, Dot1x, Enterprise, Hotspot, Ipsec, Logging, LoginService, Ppp, Protocol, Risk,
    Server, Services, Wanted, Which, Wireless,
};

use crate::Capabilities;

/// Compares what is wanted with what was observed. Reads nothing, does nothing.
///
/// # Errors
///
/// All that stands against it, each with what to do.
pub fn plan(
    _wanted: &Wanted,
    _observed: &Observed,
    _can: &Capabilities,
) -> Result<Plan, Vec<Objection>> {
    Err(Vec::new())
}
