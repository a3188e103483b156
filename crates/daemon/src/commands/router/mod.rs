//! `portreeve router`: MikroTik routers, set up, looked after, and put back as they were.

mod account;
mod again;
mod ask;
mod backup;
mod certificate;
mod check;
mod drift;
mod enrol;
mod known;
mod list;
mod monitor;
mod plain;
mod progress;
mod proof;
mod reimport;
mod remove;
mod restore;
mod retreat;
mod rotate;
mod secret;
mod sessions;
mod way;
mod wishes;

use clap::Subcommand;

use crate::{cli::Context, failure::Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Set a router up to use this server, so that it can be put back as it was
    #[command(visible_alias = "enroll")]
    Enrol(Box<enrol::Enrol>),
    /// Say what is wrong between a router and this server, why one thinks so, and what to do
    Check(check::Check),
    /// Show where a router is no longer as it was left
    Diff(drift::Diff),
    /// Bring a router back to how it is wanted
    Apply(drift::Apply),
    /// Take back what was applied to a router
    Undo(drift::Undo),
    /// Print what would be done to a router as a script for it
    Script(drift::Script),
    /// Fetch a backup from a router and keep it; list, compare and verify those that are kept
    Backup(backup::Take),
    /// Put a router back to a backup
    Restore(restore::Restore),
    /// List the routers that are enrolled
    List(list::List),
    /// Take back all that was done to a router, and its NAS entry
    Remove(remove::Remove),
    /// Make a new shared secret on both ends, without an outage
    Rotate(rotate::Rotate),
    /// Say how well a router is protected, and what to do
    Harden(check::Harden),
    /// List who is connected to a router, as it says itself; end such a session
    Sessions(sessions::Sessions),
    /// Show a router's RADIUS counters, load and health
    Monitor(monitor::Monitor),
}

pub(crate) fn run(action: Action, context: &mut Context<'_>) -> Result<(), Failure> {
    match action {
        Action::Enrol(arguments) => enrol::run(*arguments, context),
        Action::Check(arguments) => check::run(&arguments, context),
        Action::Diff(arguments) => drift::diff(&arguments, context),
        Action::Apply(arguments) => drift::apply(&arguments, context),
        Action::Undo(arguments) => drift::undo(&arguments, context),
        Action::Script(arguments) => drift::script(&arguments, context),
        Action::Backup(arguments) => backup::run(&arguments, context),
        Action::Restore(arguments) => restore::run(&arguments, context),
        Action::List(arguments) => list::run(&arguments, context),
        Action::Remove(arguments) => remove::run(&arguments, context),
        Action::Rotate(arguments) => rotate::run(&arguments, context),
        Action::Harden(arguments) => check::harden(&arguments, context),
        Action::Sessions(arguments) => sessions::run(&arguments, context),
        Action::Monitor(arguments) => monitor::run(&arguments, context),
    }
}
