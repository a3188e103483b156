//! Bringing a router to the wanted state, step by step.

use std::{future::Future, io};

use super::{Plan, Step, Undo, undo::Left};
use crate::{Error, Router};

/// What [`apply`] tells its caller.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A step is about to be done. `undo` covers it already: whoever keeps it (durably) before
    /// returning can take everything back after a crash, whether the step was done or not. It
    /// holds secrets. An error stops the work and rolls it back.
    Before {
        /// From 0.
        index: usize,
        /// How many there are.
        of: usize,
        /// The step.
        step: &'a Step,
        /// What would take back everything up to here.
        undo: &'a Undo,
    },
    /// A step is done and was read back.
    Done {
        /// From 0.
        index: usize,
        /// The step.
        step: &'a Step,
    },
    /// The connection was lost and is being made anew.
    Reconnecting {
        /// Why it was lost.
        because: &'a Error,
    },
    /// Something failed; what was done is being taken back.
    RollingBack {
        /// What failed.
        because: &'a Trouble,
    },
}

/// What was done.
#[derive(Debug)]
pub struct Applied {
    /// How many steps.
    pub steps: usize,
    /// What takes it all back.
    pub undo: Undo,
}

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
#[error("{trouble}{}", .left.iter().map(|left| format!("; left: {left}")).collect::<String>())]
pub struct Failed {
    /// What failed.
    pub trouble: Trouble,
    /// The step, by its index in the plan.
    pub step: usize,
    /// How many steps were taken back.
    pub rolled_back: usize,
    /// What could not be taken back, or was left since somebody else changed it.
    pub left: Vec<Left>,
    /// Where rolling back did not go through: what would still take back the rest.
    pub undo: Option<Undo>,
}

/// What went wrong with a step.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The router, or the way to it.
    #[error(transparent)]
    Router(#[from] Error),
    /// Somebody else changed what the plan was made for.
    #[error("somebody else changed {menu} meanwhile: {what}. Make the plan anew")]
    Changed {
        /// The menu.
        menu: String,
        /// What is there now.
        what: String,
    },
    /// The router took the command but does not have the value.
    #[error("{menu}: the router took the change but has {property}={found:?} after it")]
    NotTaken {
        /// The menu.
        menu: String,
        /// The property.
        property: String,
        /// What it has.
        found: String,
    },
    /// The journal could not be kept.
    #[error("the journal of what is done could not be kept: {0}")]
    Journal(#[source] io::Error),
}

/// Carries a plan out, step by step, each read back. When a step fails, or the router is no
/// longer as it was observed, everything done is taken back.
///
/// `reconnect` makes a new connection when one is lost midway. `progress` hears of every step.
///
/// # Errors
///
/// What failed, what was taken back, and what could not be.
pub async fn apply<R, F, P>(
    _router: &Router,
    _plan: &Plan,
    _reconnect: R,
    _progress: P,
) -> Result<Applied, Failed>
where
    R: FnMut() -> F,
    F: Future<Output = Result<Router, Error>>,
    P: FnMut(Progress<'_>) -> io::Result<()>,
{
    Err(Failed {
        trouble: Trouble::Router(Error::NotSupported("in the making".to_owned())),
        step: 0,
        rolled_back: 0,
        left: Vec::new(),
        undo: None,
    })
}
