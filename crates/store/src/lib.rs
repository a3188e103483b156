//! The durable side of Portreeve: the accounting journal and the database.
//!
//! [`journal`] makes durable what was accounted before it is answered; [`Sqlite`] keeps what an
//! administrator defines and what the journal tells; [`Applier`] takes the one to the other;
//! [`DecisionLog`] remembers why requests were answered as they were.

mod applier;
mod backend;
mod decisions;
pub mod journal;
mod sqlite;

pub use applier::{Applier, ApplierOptions, ApplyError, Progress};
pub use backend::{Backend, Unreadable};
pub use decisions::{
    DecisionCounts, DecisionFilter, DecisionLog, DecisionLogOptions, DecisionReader, Logged,
};
pub use sqlite::{Cause, DatabaseFailure, Sqlite};
