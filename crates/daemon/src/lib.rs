//! The portreeve server and its command line.
//!
//! [`main`] reads the arguments; `commands` holds one module for each command, `serving` the server
//! at work, and `service` the bridge between the library, which knows packets, and the domain,
//! which knows subscribers.

mod attributes;
mod authority;
mod cli;
mod commands;
pub mod config;
mod data;
mod failure;
mod forwarding;
mod output;
mod portal;
mod profile;
mod routers;
mod service;
mod serving;
mod suggest;

use std::process::ExitCode;

/// Does what the arguments of this process say.
pub fn main() -> ExitCode {
    cli::main()
}
