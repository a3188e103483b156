//! REST, files, certificates, scripts.

use std::sync::Arc;

use crate::{Machine, serve::Services};

/// Plugs in: commands and services.
pub fn attach(_machine: &Arc<Machine>, _services: &Services) {}
