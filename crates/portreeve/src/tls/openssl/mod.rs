//! The second engine, on the OpenSSL of the system (cargo feature `openssl`): what rustls has not.
//!
//! - [`accept_psk`] and [`connect_psk`]: TLS with shared keys over TCP (RFC 9813), TLS 1.3 with
//!   `psk_dhe_ke`, or TLS 1.2 with ephemeral keys for keys that are marked so. [`offers_psk`] tells
//!   from a greeting which engine is to answer it, so that one port serves both.
//! - [`DtlsListener`] and [`connect_dtls`]: DTLS 1.2 (RFC 7360, radiusdtls-bis) with certificates
//!   or shared keys.
//!
//! The verdicts are those of the first engine: OpenSSL hands over the chain, and nothing that it
//! thinks of it counts.

mod association;
mod case;
mod client;
mod context;
mod cookie;
mod hello;
mod listener;
mod stream;
mod tcp;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use client::connect_dtls;
pub(crate) use listener::DtlsListener;
pub(crate) use listener::{DtlsCounters, DtlsLimits};
use openssl::{error::ErrorStack, ssl::Ssl};

pub(in crate::tls) use hello::offers_psk;
pub(in crate::tls) use tcp::{accept_psk, connect_psk};

use super::{Hangup, Psk, Refused};

/// The longest identity that OpenSSL 3.0 sends as a client, in octets. As a server it takes longer
/// ones, in TLS 1.3.
const LONGEST_SENT_IDENTITY: usize = 255;

/// Refuses what OpenSSL could not send.
fn usable(psk: &Psk) -> Result<(), Refused> {
    if psk.identity().len() <= LONGEST_SENT_IDENTITY {
        return Ok(());
    }
    let details = format!(
        "the identity has {} octets; OpenSSL sends at most {LONGEST_SENT_IDENTITY}",
        psk.identity().len()
    );
    Err(Refused::because(Hangup::HandshakeFailed, &details))
}

/// Names the RADIUS versions that we allow, best first.
fn name_versions(ssl: &mut Ssl, names: &[Vec<u8>]) -> Result<(), ErrorStack> {
    let mut list = Vec::new();
    for name in names {
        list.extend(u8::try_from(name.len()));
        list.extend_from_slice(name);
    }
    if list.is_empty() {
        return Ok(());
    }
    ssl.set_alpn_protos(&list)
}
