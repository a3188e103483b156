//! A store that fails at the calls it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use portreeve_aaa::{
    definition::{Device, Group, Nas, User},
    port::{
        AccountingRow, Applied, Batch, Changes, Definitions, JournalPosition, Put, RowFilter,
        SessionFilter, Store, StoreError, UserFilter,
    },
    session::{Session, SessionKey},
    station::Mac,
};
use portreeve_store::{Backend, Sqlite, Unreadable};

/// Fails one call out of `every`, in turn before and after doing the work.
#[derive(Debug)]
pub(crate) struct Flaky {
    pub(crate) inner: Sqlite,
    pub(crate) every: usize,
    pub(crate) calls: Arc<AtomicUsize>,
}

impl Flaky {
    fn call<T>(
        &mut self,
        work: impl FnOnce(&mut Sqlite) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let call = self.calls.fetch_add(1, SeqCst);
        match (
            call.is_multiple_of(self.every),
            (call / self.every).is_multiple_of(2),
        ) {
            (true, true) => Err(StoreError::Busy),
            (true, false) => work(&mut self.inner).and(Err(StoreError::Busy)),
            (false, _) => work(&mut self.inner),
        }
    }
}

macro_rules! hand_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)+) => {
        $(
            fn $name(&mut self, $($argument: $type),*) -> Result<$result, StoreError> {
                self.call(|inner| inner.$name($($argument),*))
            }
        )+
    };
}

impl Store for Flaky {
    hand_on! {
        definitions() -> Definitions;
        changes_since(seq: u64) -> Changes;
        user(name: &str) -> User;
        users(filter: &UserFilter) -> Vec<User>;
        put_user(user: &User, put: Put) -> ();
        remove_user(name: &str) -> ();
        device(mac: Mac) -> Device;
        devices(group: Option<&str>) -> Vec<Device>;
        put_device(device: &Device, put: Put) -> ();
        remove_device(mac: Mac) -> ();
        group(name: &str) -> Group;
        groups() -> Vec<Group>;
        put_group(group: &Group, put: Put) -> ();
        remove_group(name: &str) -> ();
        nas(name: &str) -> Nas;
        nases() -> Vec<Nas>;
        put_nas(nas: &Nas, put: Put) -> ();
        remove_nas(name: &str) -> ();
        latch_nas(name: &str) -> ();
        forget_previous_secret(name: &str, until_ms: u64) -> ();
        journal_position() -> Option<JournalPosition>;
        apply(batch: &Batch) -> Applied;
        sessions(filter: &SessionFilter) -> Vec<Session>;
        open_sessions() -> Vec<Session>;
        session(key: &SessionKey) -> Option<Session>;
        accounting_count() -> u64;
        accounting_rows(filter: &RowFilter) -> Vec<AccountingRow>;
    }
}

impl Backend for Flaky {
    hand_on! {
        apply_all(batch: &Batch, unreadable: &[Unreadable]) -> Applied;
        unreadable(limit: usize) -> Vec<Unreadable>;
    }
}
