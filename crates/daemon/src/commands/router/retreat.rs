//! Taking back an enrolment, on both ends.

use portreeve_aaa::port::{Definition, Store as _, StoreError};
use portreeve_routeros::{Login, plan};
use tokio::time::{Duration, Instant};

use super::{progress, way::Way};
use crate::{
    authority::{self, Authority, Names, Reason},
    cli::Context,
    failure::Failure,
    routers::{Folder, Journal, Kept, Link},
};

/// How long a router that was lost is waited for: it may be starting again.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(1_500);

/// Logs in anew where the connection was lost; nothing where it was not, or cannot be had.
pub(super) async fn reach_again(
    way: &Way,
    login: &Login,
    context: &mut Context<'_>,
) -> Result<Option<Link>, Failure> {
    if way.link.is_alive().await {
        return Ok(None);
    }
    context
        .output
        .note("the connection was lost; trying to reach the router again")?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        tokio::time::sleep(PAUSE).await;
        match Link::open_as(&way.target.host, &way.target, login, None).await {
            Ok(link) => return Ok(Some(link)),
            Err(error) if Instant::now() >= deadline => {
                context.output.warn(crate::failure::chain(&error))?;
                return Ok(None);
            }
            Err(_) => {}
        }
    }
}

/// Takes back what an enrolment has done so far, on both ends. What cannot be is said.
pub(super) async fn retreat(
    folder: &Folder,
    kept: &Kept,
    admin: &Link,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let mut journal: Journal = folder.undo()?.unwrap_or_default();
    let mut whole = true;
    if let Err(failure) =
        progress::take_back(admin, folder, &mut journal, &mut context.output).await
    {
        context.output.warn(failure.words())?;
        whole = false;
    }
    if let Some(undo) = &mut journal.foundation {
        match plan::undo(&admin.router, undo).await {
            Ok(undone) => {
                for left in undone.left {
                    context.output.warn(format!("left as it is: {left}"))?;
                }
            }
            Err(error) => {
                context.output.warn(format!("not taken back: {error}"))?;
                whole = false;
            }
        }
    }
    if let Err(error) = admin.sweep().await {
        context.output.warn(crate::failure::chain(&error))?;
    }
    forget_ours(kept, context)?;
    if whole {
        return Ok(folder.forget(false)?);
    }
    Ok(context.output.warn(format!(
        "what is left is kept in mind; when the router can be reached: portreeve router remove {}",
        kept.name
    ))?)
}

/// Takes back what was done for a router on this side.
pub(super) fn forget_ours(kept: &Kept, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    let comment = format!("RouterOS, enrolled as '{}'", kept.name);
    match store.nas(&kept.nas) {
        // Somebody else's of the same name stays.
        Ok(nas) if nas.comment == comment => {
            store.remove_nas(&kept.nas)?;
            context.output.note(format!("nas '{}' removed", kept.nas))?;
        }
        Ok(_) => context.output.note(format!(
            "nas '{}' stays: it was changed since the router was enrolled",
            kept.nas
        ))?,
        Err(StoreError::NotFound {
            kind: Definition::Nas,
            ..
        }) => {}
        Err(error) => return Err(error.into()),
    }
    let Some(serial) = &kept.certificate else {
        return Ok(());
    };
    let mut authority = Authority::open(&context.data)?;
    let (machine, now) = (Names::of_this_machine(), authority::now());
    let index = authority.issued()?;
    let is_live = |record: &authority::Record| record.serial == *serial && record.is_live(now);
    if index.records.iter().any(is_live) {
        authority.revoke(&[serial], Reason::CessationOfOperation, &machine, now)?;
        context
            .output
            .note(format!("certificate {serial} revoked"))?;
    }
    Ok(())
}
