//! What a NAS reports: the [`Record`] the journal keeps and the [`Event`] it tells of. And what was
//! seen of a NAS that it does not report: an [`Absence`].

mod absence;
mod event;
mod record;

pub use absence::Absence;
pub use event::{Counters, Event, Status, TerminateCause};
pub use record::{Record, RecordError};

/// What a record of the journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Journaled {
    /// A NAS has reported it.
    Report(Record),
    /// Sessions were seen to be gone.
    Absence(Absence),
}

impl Journaled {
    /// Reads what [`Record::encode`] or [`Absence::encode`] wrote.
    ///
    /// # Errors
    /// Octets that are neither, or of a later version.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        if Absence::is_at_start_of(octets) {
            Absence::decode(octets).map(Self::Absence)
        } else {
            Record::decode(octets).map(Self::Report)
        }
    }
}
