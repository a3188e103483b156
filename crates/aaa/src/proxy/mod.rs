//! Proxying: whose home server a request belongs to, and what of it may pass (RFC 2607, RFC 7542).
//!
//! [`Nai`] reads the user name, [`Routes`] decides by its realm, [`Pool`] puts the home servers in
//! order, and a [`Filter`] for each direction decides what passes. [`HopMark`] recognises a request
//! that has come back.

mod conversations;
mod filter;
mod hop;
mod nai;
mod obstacle;
mod pool;
mod route;

pub use conversations::Conversations;
pub use filter::{BadEntry, Direction, Filter, Trust};
pub use hop::{HopKey, HopMark};
pub use nai::{BadName, Nai, NameForms};
pub(crate) use nai::{check_realm, is_domain};
pub use obstacle::{Obstacle, Undiscovered};
pub use pool::{Member, Mode, Order, Pool, Stickiness};
pub use route::{
    Accounting, BadPattern, DuplicatePattern, OperatorName, Pattern, Route, Routes, Rules, Verdict,
    WhenDead,
};
