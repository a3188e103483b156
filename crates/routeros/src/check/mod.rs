//! What is wrong between a router and this server, and why: `portreeve router check`.
//!
//! [`gather()`] reads the router; [`OurSide`] is what the server knows; [`diagnose`] is pure and
//! judges both together.

mod accounting;
mod clock;
mod code;
pub(crate) mod exposure;
mod finding;
pub(crate) mod firewall;
mod gather;
mod incoming;
mod methods;
pub(crate) mod network;
mod our_side;
mod path;
mod protection;
mod repair;
mod router_side;
pub(crate) mod scene;
mod service;
mod services;
mod traffic;
pub mod versions;

pub use code::Code;
pub use finding::{Finding, Repair, Severity};
pub use gather::gather;
pub(crate) use gather::{once, read};
pub use our_side::{
    Counted, Discarded, Dynamic, Expectation, Kind, Nas, OurSide, RadsecCertificate, Refused,
    ResponseTimes, Seen,
};
pub use router_side::{Menu, RouterSide};

#[cfg(test)]
pub(crate) mod healthy;
#[cfg(test)]
mod provoked;

use scene::Scene;

/// Judges both sides together. The worst comes first.
pub fn diagnose(router: &RouterSide, ours: &OurSide, expectation: &Expectation) -> Vec<Finding> {
    let scene = Scene::new(router, ours, expectation);
    let mut found = Vec::new();
    path::rules(&scene, &mut found);
    services::rules(&scene, &mut found);
    accounting::rules(&scene, &mut found);
    incoming::rules(&scene, &mut found);
    protection::rules(&scene, &mut found);
    clock::rules(&scene, &mut found);
    traffic::rules(&scene, &mut found);
    versions::rules(&scene, &mut found);
    methods::rules(&scene, &mut found);
    exposure::clear_text(router, &mut found);
    unread(router, &mut found);
    ordered(found)
}

/// The worst first, and within it in the order of the codes.
pub(crate) fn ordered(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|finding| (finding.severity, finding.code));
    found
}

/// What could not be read leaves checks out.
pub(crate) fn unread(router: &RouterSide, found: &mut Vec<Finding>) {
    let mut refused: Vec<_> = router.refused().collect();
    if refused.is_empty() {
        return;
    }
    // What most depends on comes first, for not all are shown.
    refused.sort_by_key(|(menu, _)| !menu.starts_with("/radius"));
    let grave = refused.iter().any(|(menu, _)| *menu == "/radius");
    let what = format!(
        "{} menus could not be read: checks are missing",
        refused.len()
    );
    let finding = if grave {
        Finding::warning(Code::NotReadable, what)
    } else {
        Finding::note(Code::NotReadable, what)
    };
    found.push(
        finding
            .all_seen(
                refused
                    .iter()
                    .take(10)
                    .map(|(menu, words)| format!("{menu}: {words}")),
            )
            .fix("let the user's group have the policies read, test, api (or rest-api), sensitive"),
    );
}
