//! The decisions of Portreeve: subscribers, policy, grants, dialects, sessions; no I/O.
//!
//! [`definition`] is what an administrator keeps, [`port`] the door behind which it is kept,
//! [`accounting`] what a NAS reports and the journal holds, and [`session`] what follows from that.

pub mod accounting;
pub mod definition;
pub mod grant;
pub mod port;
pub mod session;
