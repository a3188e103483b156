//! Copies of a router's configuration: the text that `/export` writes and the encrypted binary
//! that `/system/backup/save` writes. How to take them, verify them, compare them and put them
//! back.
//!
//! An export is readable, can be compared, and fits another router with care; it holds no
//! passwords of users, no certificates, no SSH keys and no databases. A backup is for the same
//! device only and holds nearly all. Whoever wants to be able to restore takes both.

pub mod binary;
pub mod export;
mod restore;
pub mod schedule;
mod take;

#[cfg(test)]
mod tests;

pub use binary::{BadBackup, Encryption, Opened, verify};
pub use export::{BadExport, Export, diff, normalise, parse};
pub use restore::{Guidance, guide, import, load, rehearse};
pub use schedule::{Mail, Schedule, Tls};
pub use take::{Secrets, export, is_temporary, save};
