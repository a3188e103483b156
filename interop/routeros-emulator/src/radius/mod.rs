//! The router as a RADIUS client.

use std::sync::Arc;

use crate::Machine;

/// Plugs in: commands, log-ins, and the port of `/radius incoming`.
pub fn attach(_machine: &Arc<Machine>) {}
