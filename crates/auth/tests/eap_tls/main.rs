//! EAP-TLS between this crate's server and its peer: what works, and what must not.

mod attacks;
mod matrix;
mod pki;
mod refusals;
mod resumption;
mod world;
