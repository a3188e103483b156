//! Stopping a test at the first surprise, with words.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

/// How long [`eventually`] goes on asking.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks `check` until it says yes or patience ends; the caller then looks for itself.
pub fn eventually(check: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !check() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(100));
    }
}

/// What must be there for the test to mean anything.
pub trait Must<T> {
    /// The value.
    ///
    /// # Panics
    /// If there is none; `what` says what was being tried.
    fn must(self, what: &str) -> T;
}

impl<T, E: Debug> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self, what: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("{what}: {error:?}"),
        }
    }
}

impl<T> Must<T> for Option<T> {
    #[track_caller]
    fn must(self, what: &str) -> T {
        match self {
            Some(value) => value,
            None => panic!("{what}: nothing"),
        }
    }
}
