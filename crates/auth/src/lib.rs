//! RADIUS authentication methods: PAP, CHAP, MS-CHAP and their keys; no I/O.
//!
//! A [`Credential`] is what is kept to check somebody; a [`Method`] is how they try to prove
//! themselves. Which credential can serve which method is a table ([`Scheme::serves`]), because
//! a hash that only checks a password cannot answer a challenge. Randomness is always an
//! argument; no function here reads a clock, a file or a random number generator.

pub mod chap;
mod credential;
pub mod eap;
mod login;
pub mod mppe;
pub mod mschap;
mod prove;
mod scheme;
mod wire;

pub use credential::{
    Credential, CredentialError, Decoy, Defect, MAX_PASSWORD_OCTETS, PasswordError, Verdict,
};
pub use login::{Expectation, Login, ServerUnproven};
pub use prove::{Challenge, Keys, NoMethod, Proof, Proves, Refutation, prove};
pub use scheme::{Cost, Explanation, Method, Scheme, UnknownScheme};
