//! PEAP, TTLS and TEAP between this crate's servers and its peers, over real TLS: what works, and
//! what must not.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

mod hostile;
mod matrix;
mod resumption;
mod world;
