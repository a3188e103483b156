//! What this crate asks of a store beyond the door that the decisions know.

use portreeve_aaa::port::{Applied, Batch, JournalPosition, Store, StoreError};

/// A record of the journal that could not be read: damaged before it was appended, or of a later
/// version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable {
    /// Where the record ends in the journal.
    pub position: JournalPosition,
    /// The record as it is.
    pub octets: Vec<u8>,
}

/// A store that the journal can be applied to.
pub trait Backend: Store + Send {
    /// As [`Store::apply`], and keeps what nobody could read, in the same transaction.
    fn apply_all(
        &mut self,
        batch: &Batch,
        unreadable: &[Unreadable],
    ) -> Result<Applied, StoreError>;

    /// At most `limit` of the unreadable records, in the order of the journal.
    fn unreadable(&mut self, limit: usize) -> Result<Vec<Unreadable>, StoreError>;
}
