//! How well a router is protected: `portreeve router harden`.

mod management;
mod secrets;
#[cfg(test)]
mod tests;
mod tools;

use crate::{
    Capabilities, Error, Router,
    check::{self, Finding, RouterSide},
};

/// Reads of a router all that [`examine`] looks at. Nothing is changed on it. Passwords and
/// secrets are read as far as the router shows them, to say which are weak; they stay in the
/// [`RouterSide`], which prints none of them.
///
/// # Errors
///
/// The connection is lost, or no answer comes in time.
pub async fn gather(router: &Router, capabilities: &Capabilities) -> Result<RouterSide, Error> {
    let mut side = check::gather(router, capabilities).await?;
    let with_password: [(&str, &[&str]); 2] = [
        ("/ppp/secret", &[".id", "name", "password", "disabled"]),
        ("/ip/hotspot/user", &[".id", "name", "password", "disabled"]),
    ];
    for (menu, properties) in with_password {
        side.set(menu, check::read(router, menu, properties).await?);
    }
    Ok(side)
}

/// Judges how well a router is protected. The worst comes first.
pub fn examine(router: &RouterSide) -> Vec<Finding> {
    let mut found = Vec::new();
    check::versions::vulnerable(router, &mut found);
    check::exposure::clear_text(router, &mut found);
    management::rules(router, &mut found);
    secrets::rules(router, &mut found);
    tools::rules(router, &mut found);
    check::unread(router, &mut found);
    check::ordered(found)
}
