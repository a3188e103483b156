//! MikroTik RouterOS from a program: its API and its REST interface, what a router can do, plans
//! that bring it to a wanted state and take it back, checks that say what is wrong with it.
//!
//! The crate stands alone: it knows nothing of RADIUS packets and nothing of Portreeve's server.
//!
//! ```no_run
//! use portreeve_routeros::{Command, Login, Query, Router, Target, Transport, Trust, dial};
//!
//! # async fn run() -> Result<(), portreeve_routeros::Error> {
//! // Once: fetch the certificate, and compare it with what the router prints of it.
//! let mut target = Target::new("192.168.88.1", Transport::ApiSsl);
//! let seen = dial::certificate_of(&target).await?;
//! println!("{} {}", seen.subject, dial::spell_fingerprint(&seen.fingerprint));
//!
//! // From then on: no other certificate is good.
//! target.trust = Trust::Pin(seen.fingerprint);
//! let router = Router::connect(&target, &Login::new("admin", "s3cret")).await?;
//! let ours = Query::equals("comment", "portreeve");
//! for entry in router.print("/radius", &[".id", "address"], &[ours]).await? {
//!     println!("{:?}", entry.get("address"));
//! }
//!
//! // What goes on answering comes item by item, beside other commands.
//! let mut log = router.listen(&Command::new("/log/listen"))?;
//! while let Some(line) = log.next().await {
//!     println!("{:?}", line?.get("message"));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A [`Router`] is one router one is logged in to, whichever way it is spoken to. It takes
//! [`Command`]s and gives [`Answer`]s; [`capability`] says what this router's version accepts, so
//! that nothing it does not know is ever sent.

pub mod api;
pub mod backup;
pub mod blocking;
pub mod capability;
pub mod check;
pub mod command;
pub mod dial;
pub mod error;
pub mod files;
pub mod harden;
pub mod monitor;
pub mod plan;
pub mod record;
pub mod rest;
pub mod router;
pub mod secret;
pub mod sessions;
pub mod target;
mod text;
pub mod time;
pub mod version;

pub use capability::Capabilities;
pub use command::{Command, Query};
pub use error::Error;
pub use record::{Answer, Id, Record};
pub use router::Router;
pub use secret::Secret;
pub use target::{Login, Target, Transport, Trust};
pub use version::Version;
