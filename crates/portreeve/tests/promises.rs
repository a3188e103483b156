//! The library on the loopback interface.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod client;
mod nas;
mod relay;
mod server;
