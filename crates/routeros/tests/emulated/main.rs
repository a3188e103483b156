//! This crate against the emulator, which is a program of its own, was written from what real
//! routers say, and knows nothing of this crate.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says which version it is at, and stops where something is not as expected"
)]

mod api;
mod doctor;
#[cfg(feature = "sftp")]
mod files;
mod plan;
mod program;
mod provoked;
mod router;
