//! The decisions of Portreeve: subscribers, policy, grants, dialects, sessions; no I/O.
//!
//! [`definition`] is what an administrator keeps, [`port`] the door behind which it is kept,
//! [`accounting`] what a NAS reports and the journal holds, and [`session`] what follows from that.
//! [`proxy`] is for those who are at home elsewhere.

pub mod accounting;
pub mod attribute;
pub mod decision;
pub mod definition;
pub mod device;
pub mod dialect;
pub mod grant;
pub mod identity;
pub mod policy;
pub mod port;
pub mod posture;
pub mod proxy;
pub mod refusal;
pub mod session;
mod shown;
pub mod snapshot;
pub mod station;
pub mod subscriber;

pub use shown::Shown;
