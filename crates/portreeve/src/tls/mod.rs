//! TLS for RADIUS (RadSec): who may connect, and how that is settled.
//!
//! Both ends always show a certificate (or share a key, [`Psk`]), and everything about it is
//! decided inside the handshake: the CA, the dates, revocation, by which [`Mark`] it is recognised
//! as which peer, and the address it comes from. Only then is a [`Session`], and only then is an
//! octet of RADIUS read. A certificate counts under the [`Trust`] of the very peer that it is
//! recognised as, and no other.
//!
//! Nothing is resumed: every connection is a full handshake, and every verdict is of today.
//! [`Hangup`] is the closed list of the reasons why a connection is refused or ended.
//!
//! Radiusdtls-bis, RFC 6614, RFC 9325, RFC 9525 and, for RADIUS/1.1, RFC 9765.

mod certificate;
mod client;
mod error;
mod hangup;
mod hello;
mod identity;
mod mark;
#[cfg(feature = "openssl")]
pub(crate) mod openssl;
mod peer;
mod psk;
mod refusal;
mod server;
mod session;
mod trust;
mod verify;
mod version;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio::io::{AsyncRead, AsyncWrite};

pub use certificate::Certificate;
pub use client::ClientConfig;
pub use error::TlsError;
pub use hangup::{Hangup, Refused};
pub use hello::LoopGuard;
pub use identity::Identity;
pub use mark::Mark;
pub use peer::TlsPeer;
pub use psk::Psk;
pub use server::{Acceptor, ServerConfig};
pub use session::Session;
pub use trust::Trust;
pub use version::{TlsVersion, UnknownVersion, Versions};

/// What a TLS connection runs over, and what it is to those who use it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// The one provider of cryptography, never the default of the process.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}
