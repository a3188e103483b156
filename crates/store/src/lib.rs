//! The durable side of Portreeve: the accounting journal and the database.
//!
//! [`journal`] makes durable what was accounted before it is answered; [`Sqlite`] keeps what an
//! administrator defines and what the journal tells; [`Applier`] takes the one to the other.

mod applier;
mod backend;
pub mod journal;
mod sqlite;

pub use applier::{Applier, ApplierOptions, ApplyError, Progress};
pub use backend::{Backend, Unreadable};
pub use sqlite::{Cause, DatabaseFailure, Sqlite};
