//! REST, files, certificates, scripts.

mod answer;
mod request;
mod server;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::{
    Machine, certificates, device, export, faults, files, scripts, serve::Services, sftp, snmp,
    system_backup,
};

/// Plugs in: commands and services.
pub fn attach(machine: &Arc<Machine>, services: &Services) {
    faults::attach(machine);
    files::attach(machine);
    system_backup::attach(machine);
    certificates::attach(machine);
    export::attach(machine);
    scripts::attach(machine);
    device::attach(machine);
    snmp::attach(machine);
    services.register("www", server::serve);
    services.register("www-ssl", server::serve);
    services.register("ssh", sftp::serve);
}
