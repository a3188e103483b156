//! EAP-TLS between this crate's server and its peer: what works, and what must not.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

mod attacks;
mod matrix;
mod pki;
mod refusals;
mod resumption;
mod world;
