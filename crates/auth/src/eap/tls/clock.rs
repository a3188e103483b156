//! The time, told by the caller.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustls::{pki_types::UnixTime, time_provider::TimeProvider};

/// What the time was when the connection was last called.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    pub(super) fn at(unix_s: u64) -> Self {
        Self(AtomicU64::new(unix_s))
    }

    pub(super) fn set(&self, unix_s: u64) {
        self.0.store(unix_s, Ordering::Relaxed);
    }

    pub(super) fn unix_s(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn time(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.unix_s()))
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.time())
    }
}
