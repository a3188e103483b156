//! Bringing a router to the wanted state, step by step.

use std::{future::Future, io};

use super::{
    Plan, Step, Undo,
    hands::{Hands, Session},
    steps,
    undo::{Left, take_back},
};
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
    /// Something failed; what was done is being taken back, over a new connection where the old
    /// one is lost.
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
#[error("{trouble}{}", tail(.left, .rolling_back.as_ref()))]
pub struct Failed {
    /// What failed.
    #[source]
    pub trouble: Trouble,
    /// The step, by its index in the plan.
    pub step: usize,
    /// How many steps were taken back.
    pub rolled_back: usize,
    /// What was left as it is, since somebody else had changed it.
    pub left: Vec<Left>,
    /// What stopped rolling back, where it did not go through.
    pub rolling_back: Option<Error>,
    /// Where something stayed: what still takes it back.
    pub undo: Option<Undo>,
}

fn tail(left: &[Left], rolling_back: Option<&Error>) -> String {
    let left = left.iter().map(|left| format!("; left as it is: {left}"));
    let rolling_back =
        rolling_back.map(|error| format!("; and what was done could not be taken back: {error}"));
    left.chain(rolling_back).collect()
}

/// What went wrong with a step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The router, or the way to it.
    #[error(transparent)]
    Router(#[from] Error),
    /// Somebody else changed what the plan was made for.
    #[error("somebody else changed {menu} meanwhile: {what}. Make the plan anew")]
    Changed {
        /// The menu.
        menu: String,
        /// What is there now. Holds no secret.
        what: String,
    },
    /// The router took the command but is not as it was told to be.
    #[error("{menu}: the router took the change, but {what}")]
    NotTaken {
        /// The menu.
        menu: String,
        /// What is not as it should be. Holds no secret.
        what: String,
    },
    /// The journal could not be kept.
    #[error("the journal of what is done could not be kept: {0}")]
    Journal(#[source] io::Error),
}

/// Carries a plan out, step by step, each read back. When a step fails, or the router is no
/// longer as it was observed, everything done is taken back.
///
/// `reconnect` makes a new connection when one is lost midway; it may be called again when that
/// one is lost too. `progress` hears of every step.
///
/// # Errors
///
/// What failed, what was taken back, and what could not be.
pub async fn apply<R, F, P>(
    router: &Router,
    plan: &Plan,
    reconnect: R,
    progress: P,
) -> Result<Applied, Failed>
where
    R: FnMut() -> F,
    F: Future<Output = Result<Router, Error>>,
    P: FnMut(Progress<'_>) -> io::Result<()>,
{
    apply_by(&mut Session::new(router, reconnect), plan, progress).await
}

/// How often rolling back is begun anew after the connection was lost.
const ATTEMPTS: usize = 3;

pub(super) async fn apply_by<H: Hands>(
    hands: &mut H,
    plan: &Plan,
    mut progress: impl FnMut(Progress<'_>) -> io::Result<()>,
) -> Result<Applied, Failed> {
    let mut undo = Undo::new(&plan.tag, plan.version);
    for (index, step) in plan.steps.iter().enumerate() {
        let done = one(hands, plan, index, &mut undo, &mut progress).await;
        let Err(trouble) = done else {
            // The step is done: what the caller does with that changes nothing.
            drop(progress(Progress::Done { index, step }));
            continue;
        };
        drop(progress(Progress::RollingBack { because: &trouble }));
        return Err(roll_back(hands, undo, trouble, index).await);
    }
    let steps = plan.steps.len();
    Ok(Applied { steps, undo })
}

async fn one<H: Hands>(
    hands: &mut H,
    plan: &Plan,
    index: usize,
    undo: &mut Undo,
    progress: &mut impl FnMut(Progress<'_>) -> io::Result<()>,
) -> Result<(), Trouble> {
    let step = &plan.steps[index];
    let now = steps::read(hands, &step.menu).await?;
    steps::stands_before(step, &now).map_err(|what| Trouble::Changed {
        menu: step.menu.clone(),
        what,
    })?;
    let command = steps::command(step, &now)?;
    undo.steps.push(step.clone());
    let (of, undo) = (plan.steps.len(), &*undo);
    progress(Progress::Before {
        index,
        of,
        step,
        undo,
    })
    .map_err(Trouble::Journal)?;
    hands.call(&command).await?;
    let now = steps::read(hands, &step.menu).await?;
    steps::stands_after(step, &now).map_err(|what| Trouble::NotTaken {
        menu: step.menu.clone(),
        what,
    })
}

async fn roll_back<H: Hands>(
    hands: &mut H,
    mut undo: Undo,
    trouble: Trouble,
    step: usize,
) -> Failed {
    let lost = matches!(&trouble, Trouble::Router(error) if error.is_fatal());
    let mut rolling_back = None;
    if lost && let Err(error) = hands.reconnect().await {
        rolling_back = Some(error);
    }
    let (mut rolled_back, mut left) = (0, Vec::new());
    for _ in 0..ATTEMPTS {
        if rolling_back.is_some() {
            break;
        }
        let (undone, ended) = take_back(hands, &mut undo).await;
        rolled_back += undone.steps;
        left.extend(undone.left);
        match ended {
            Ok(()) => break,
            Err(error) if error.is_fatal() => rolling_back = hands.reconnect().await.err(),
            Err(error) => rolling_back = Some(error),
        }
    }
    Failed {
        trouble,
        step,
        rolled_back,
        left,
        rolling_back,
        undo: (!undo.steps.is_empty()).then_some(undo),
    }
}
