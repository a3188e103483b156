//! What a NAS reports: the [`Record`] the journal keeps and the [`Event`] it tells of.

mod event;
mod record;

pub use event::{Counters, Event, Status, TerminateCause};
pub use record::{Record, RecordError};
