//! PEAP, TTLS and TEAP between this crate's servers and its peers, over real TLS: what works, and
//! what must not.

mod hostile;
mod matrix;
mod resumption;
mod world;
