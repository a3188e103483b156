//! The secret that a router and this server share over UDP: this server's end of it.

use portreeve_aaa::{
    definition::{PreviousSecret, Reach, SharedSecret},
    port::{Put, Store as _},
};

use super::known::until_known;
use crate::{
    data::DataDir,
    failure::Failure,
    routers::{Hidden, Kept},
};

/// Has this server take the secrets of both, and tells it which of them is the present one.
pub(super) async fn take(
    data: &DataDir,
    present: &Kept,
    previous: &Kept,
    (until_ms, superseded): (u64, bool),
) -> Result<(), Failure> {
    let mut store = data.open()?;
    let mut nas = store.nas(&present.nas)?;
    nas.reach = Reach::Udp(secret_of(present)?);
    nas.previous = Some(PreviousSecret {
        secret: secret_of(previous)?,
        until_ms,
        superseded,
    });
    nas.validate()?;
    store.put_nas(&nas, Put::Replace)?;
    until_known(data).await
}

/// Where this server takes the secret that the router is to have as the previous one only, which it
/// would forget some time, makes it the present one. Says whether it was so: after a rotation that
/// was cut short it is.
pub(super) async fn settle(data: &DataDir, kept: &Kept) -> Result<bool, Failure> {
    if kept.secret.is_none() {
        return Ok(false);
    }
    let wanted = secret_of(kept)?;
    let mut store = data.open()?;
    let mut nas = store.nas(&kept.nas)?;
    let Some(previous) = nas.previous.take_if(|it| it.secret == wanted) else {
        return Ok(false);
    };
    let Reach::Udp(present) = std::mem::replace(&mut nas.reach, Reach::Udp(wanted)) else {
        return Ok(false);
    };
    nas.previous = Some(PreviousSecret {
        secret: present,
        until_ms: previous.until_ms,
        superseded: true,
    });
    nas.validate()?;
    store.put_nas(&nas, Put::Replace)?;
    until_known(data).await?;
    Ok(true)
}

fn secret_of(kept: &Kept) -> Result<SharedSecret, Failure> {
    let text = kept.secret.as_ref().map_or("", Hidden::reveal);
    Ok(SharedSecret::new(text.as_bytes())?)
}
