//! Waiting until a running server knows what was changed.

use std::time::Duration;

use portreeve_aaa::port::Store as _;

use crate::{data::DataDir, failure::Failure, routers::RouterError, serving::control};

/// How long it may take to learn of a change.
const LEARNS: Duration = Duration::from_secs(5);

/// Waits until a running server decides by what is in the store now.
pub(super) async fn until_known(data: &DataDir) -> Result<(), Failure> {
    let wanted = data.open()?.definitions()?.seq;
    let deadline = tokio::time::Instant::now() + LEARNS;
    while tokio::time::Instant::now() < deadline {
        match control::ask(data) {
            Ok(report) if report.definitions.seq < wanted => {}
            // None runs, or it knows.
            _ => return Ok(()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(RouterError::Refused(
        "the running server does not take over changes: portreeve status says why".to_owned(),
    )
    .into())
}
