//! The door to the durable side: what the server asks of a store, whichever it is.

use std::error::Error;

use crate::{
    accounting::{Event, Record, Status},
    definition::{Device, Group, Nas, User},
    session::{Session, SessionKey},
    station::Mac,
};

/// A place in the journal: everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct JournalPosition {
    /// The number of the segment.
    pub segment: u64,
    /// Octets from the start of the segment.
    pub offset: u64,
}

/// The durable side. Calls block; each either happens as a whole or not at all.
///
/// Several processes may have the same store open (the server, and the command line beside it):
/// each sees what another has done as soon as that call has returned there.
/// [`seq`](Definitions::seq) rises by at least one with every change of a definition, whoever makes
/// it, and never goes back.
pub trait Store {
    /// Everything an administrator keeps, as of one moment.
    fn definitions(&mut self) -> Result<Definitions, StoreError>;

    /// What has changed after `seq`, as of one moment: for each changed definition its present
    /// state, once. [`Changes::Everything`] where the store no longer knows what was removed since.
    fn changes_since(&mut self, seq: u64) -> Result<Changes, StoreError>;

    /// One user, or [`StoreError::NotFound`].
    fn user(&mut self, name: &str) -> Result<User, StoreError>;

    /// Users in the order of their names.
    fn users(&mut self, filter: &UserFilter) -> Result<Vec<User>, StoreError>;

    /// Writes a user. [`StoreError::Exists`] for [`Put::Create`] of one that is there,
    /// [`StoreError::NotFound`] for [`Put::Replace`] of one that is not.
    fn put_user(&mut self, user: &User, put: Put) -> Result<(), StoreError>;

    /// Removes a user, or [`StoreError::NotFound`].
    fn remove_user(&mut self, name: &str) -> Result<(), StoreError>;

    /// One device, or [`StoreError::NotFound`].
    fn device(&mut self, mac: Mac) -> Result<Device, StoreError>;

    /// Devices in the order of their addresses; only those of one group, where one is named.
    fn devices(&mut self, group: Option<&str>) -> Result<Vec<Device>, StoreError>;

    /// As [`put_user`](Self::put_user).
    fn put_device(&mut self, device: &Device, put: Put) -> Result<(), StoreError>;

    /// Removes a device, or [`StoreError::NotFound`].
    fn remove_device(&mut self, mac: Mac) -> Result<(), StoreError>;

    /// One group, or [`StoreError::NotFound`].
    fn group(&mut self, name: &str) -> Result<Group, StoreError>;

    /// Groups in the order of their names.
    fn groups(&mut self) -> Result<Vec<Group>, StoreError>;

    /// As [`put_user`](Self::put_user).
    fn put_group(&mut self, group: &Group, put: Put) -> Result<(), StoreError>;

    /// Removes a group; [`StoreError::InUse`] while a user or a device is in it.
    fn remove_group(&mut self, name: &str) -> Result<(), StoreError>;

    /// One NAS, or [`StoreError::NotFound`].
    fn nas(&mut self, name: &str) -> Result<Nas, StoreError>;

    /// NASes in the order of their names.
    fn nases(&mut self) -> Result<Vec<Nas>, StoreError>;

    /// As [`put_user`](Self::put_user); also [`StoreError::Exists`] for a prefix that another NAS
    /// has.
    fn put_nas(&mut self, nas: &Nas, put: Put) -> Result<(), StoreError>;

    /// Removes a NAS, or [`StoreError::NotFound`]. Its sessions and accounting stay.
    fn remove_nas(&mut self, name: &str) -> Result<(), StoreError>;

    /// Remembers that a NAS sends Message-Authenticators; doing it again changes nothing, not even
    /// `seq`.
    fn latch_nas(&mut self, name: &str) -> Result<(), StoreError>;

    /// Forgets the previous secret of a NAS that is, or was, accepted until that moment, in
    /// milliseconds since 1970. Where it has another, or none, nothing changes, not even `seq`.
    fn forget_previous_secret(&mut self, name: &str, until_ms: u64) -> Result<(), StoreError>;

    /// Up to where the journal has been applied; `None` before the first [`apply`](Self::apply).
    fn journal_position(&mut self) -> Result<Option<JournalPosition>, StoreError>;

    /// Writes accounting rows, sessions and the journal's position in one transaction.
    ///
    /// A row whose digest is already there is left as it was. A batch whose position is not beyond
    /// the one kept changes nothing: it has been applied.
    fn apply(&mut self, batch: &Batch) -> Result<Applied, StoreError>;

    /// Sessions, the newest start first.
    fn sessions(&mut self, filter: &SessionFilter) -> Result<Vec<Session>, StoreError>;

    /// Every open session, in no order.
    fn open_sessions(&mut self) -> Result<Vec<Session>, StoreError>;

    /// The session of that key's octets with the highest incarnation, whatever the key's own.
    fn session(&mut self, key: &SessionKey) -> Result<Option<Session>, StoreError>;

    /// How many accounting rows there are.
    fn accounting_count(&mut self) -> Result<u64, StoreError>;

    /// Accounting rows in the order they were applied.
    fn accounting_rows(&mut self, filter: &RowFilter) -> Result<Vec<AccountingRow>, StoreError>;
}

/// Everything an administrator keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definitions {
    /// In the order of their names.
    pub users: Vec<User>,
    /// In the order of their addresses.
    pub devices: Vec<Device>,
    /// In the order of their names.
    pub groups: Vec<Group>,
    /// In the order of their names.
    pub nases: Vec<Nas>,
    /// The number of the last change in here.
    pub seq: u64,
}

/// What has changed since some number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// So much, or so long ago, that reading everything is the answer.
    Everything,
    /// These; empty where nothing has changed.
    These(ChangeSet),
}

/// Changed and removed definitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The number of the last change in here.
    pub seq: u64,
    /// Users that are new or different.
    pub users: Vec<User>,
    /// Names of users that are gone.
    pub removed_users: Vec<String>,
    /// Devices that are new or different.
    pub devices: Vec<Device>,
    /// Addresses of devices that are gone.
    pub removed_devices: Vec<Mac>,
    /// Groups that are new or different.
    pub groups: Vec<Group>,
    /// Names of groups that are gone.
    pub removed_groups: Vec<String>,
    /// NASes that are new or different.
    pub nases: Vec<Nas>,
    /// Names of NASes that are gone.
    pub removed_nases: Vec<String>,
}

impl ChangeSet {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
            && self.removed_users.is_empty()
            && self.devices.is_empty()
            && self.removed_devices.is_empty()
            && self.groups.is_empty()
            && self.removed_groups.is_empty()
            && self.nases.is_empty()
            && self.removed_nases.is_empty()
    }
}

/// Whether a definition may, or must, be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It must not.
    Create,
    /// It must.
    Replace,
}

/// Which users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFilter {
    /// Only those whose name comes after this one, in octet order: the last of the page before.
    pub after: Option<String>,
    /// Only those in this group.
    pub group: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Default for UserFilter {
    fn default() -> Self {
        Self {
            after: None,
            group: None,
            limit: usize::MAX,
        }
    }
}

/// Which sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFilter {
    /// Leave out those that have ended.
    pub open_only: bool,
    /// Only those of this user.
    pub user: Option<String>,
    /// Only those at this NAS.
    pub nas: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Default for SessionFilter {
    fn default() -> Self {
        Self {
            open_only: true,
            user: None,
            nas: None,
            limit: usize::MAX,
        }
    }
}

/// Which accounting rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFilter {
    /// Only those applied after this row: the last of the page before.
    pub after: Option<u64>,
    /// Only those with this Acct-Session-Id.
    pub session_id: Option<String>,
    /// Only those of this user.
    pub user: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Default for RowFilter {
    fn default() -> Self {
        Self {
            after: None,
            session_id: None,
            user: None,
            limit: usize::MAX,
        }
    }
}

/// 16 octets of digest over what [`Event::identify`] names.
pub type Digest = [u8; 16];

/// A stretch of the journal, ready for the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Where the stretch ends: what is kept as applied afterwards.
    pub position: JournalPosition,
    /// Its records.
    pub entries: Vec<Entry>,
    /// Sessions that are new or different after it, each at most once.
    pub sessions: Vec<Session>,
}

/// One record of the journal with what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where the record ends in the journal.
    pub position: JournalPosition,
    /// As it came.
    pub record: Record,
    /// What it says.
    pub event: Event,
    /// What makes it the record it is.
    pub digest: Digest,
}

/// What applying a batch has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows written.
    pub rows: u64,
    /// Retransmissions recognised by their digest and left out.
    pub duplicates: u64,
}

/// One row of accounting, for audits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountingRow {
    /// Rises with every row.
    pub row: u64,
    /// What makes it the record it is.
    pub digest: Digest,
    /// What it says of the session.
    pub status: Status,
    /// When it happened, in milliseconds since 1970.
    pub time_ms: u64,
    /// Acct-Session-Id.
    pub session_id: Option<String>,
    /// User-Name.
    pub user: Option<String>,
    /// As it came.
    pub record: Record,
}

/// Why a store did not do what was asked, by whose fault.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The backend failed in a way it explains itself.
    #[error("the database failed")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
    /// Another process kept it locked for longer than we wait; asking again may succeed.
    #[error("the database is in use by another process; try again")]
    Busy,
    /// What is kept there is damaged.
    #[error("the database is damaged; restore a backup")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
    /// A definition of that name (or, for a NAS, that prefix) is there already.
    #[error("{kind} \"{name}\" exists already")]
    Exists {
        /// What kind of definition.
        kind: Definition,
        /// The one that is there.
        name: String,
    },
    /// There is no room left to write.
    #[error("no room left for the database; free some disk space")]
    Full,
    /// It is still referred to.
    #[error("{kind} \"{name}\" is in use by \"{by}\"")]
    InUse {
        /// What kind of definition.
        kind: Definition,
        /// The one that was to go.
        name: String,
        /// One of those that refer to it.
        by: String,
    },
    /// A later version of Portreeve wrote it.
    #[error("the database has version {found}, this program knows up to {known}; update Portreeve")]
    Newer {
        /// The version found.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// No definition of that name.
    #[error("there is no {kind} \"{name}\"")]
    NotFound {
        /// What kind of definition.
        kind: Definition,
        /// The name asked for.
        name: String,
    },
    /// It cannot be opened, read or written: permissions, a missing directory, a read-only disk.
    #[error("the database cannot be opened")]
    Unreadable(#[source] Box<dyn Error + Send + Sync>),
}

/// The kinds of definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Definition {
    /// A [`Device`].
    Device,
    /// A [`Group`].
    Group,
    /// A [`Nas`].
    Nas,
    /// A [`User`].
    User,
}

impl std::fmt::Display for Definition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Device => "device",
            Self::Group => "group",
            Self::Nas => "nas",
            Self::User => "user",
        })
    }
}
