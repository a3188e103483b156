//! EAP-TLS (RFC 5216, RFC 9190), and the TLS that PEAP, EAP-TTLS and TEAP are built on.
//!
//! TLS runs in memory: a [`Server`] or a [`Peer`] takes records and gives records, and a
//! [`fragments::Link`] carries them in EAP packets. The time is told by the caller. The randomness
//! of TLS is that of the TLS library: it has no other.
//!
//! A session can be resumed only once [`Success::keep`] has said so, which is after the whole
//! method and the caller's policy: [`Sessions`] holds no other. So there is no session that
//! skips what is to be proven inside a tunnel.
//!
//! [`Success::keep`]: super::Success::keep

mod alert;
mod clock;
mod engine;
pub mod fragments;
mod hello;
mod method;
mod peer;
mod peer_method;
mod server;
mod sessions;
mod settings;
mod trouble;
mod verifier;

pub use alert::Alert;
pub use engine::{Engine, Hash, Keys, MAX_PLAINTEXT_OCTETS, Version};
pub use hello::Hello;
pub use method::EapTls;
pub use peer::{Fingerprint, Peer, PeerIdentity, PeerSettings, PeerSettingsBuilder, Trust};
pub use peer_method::EapTlsPeer;
pub use server::Server;
pub use sessions::{Resumed, Sessions};
pub use settings::{ClientTrust, Settings, SettingsBuilder, SettingsError};
pub use trouble::{Presented, Trouble};
pub use verifier::ClientCertificate;
