//! What a user's device is given so that it joins the network: profiles, certificates, settings.
//!
//! A [`Network`] is checked once; the builders for the platforms only read it, and know neither
//! clock nor file. Each writes documents that pin both the CA and the server's name, so that no
//! access point but ours can pass for the network and harvest a password.

mod android;
mod apple;
mod document;
mod error;
#[cfg(test)]
mod fixtures;
mod identifiers;
pub(crate) mod issuing;
mod linux;
mod network;
mod page;
pub(crate) mod parcels;
mod pkcs12;
pub(crate) mod qr;
mod signed;
mod windows;

use crate::authority::Authority;

pub(crate) use self::{
    android::{NOT_PINNED, qr_text},
    document::{Kit, Platform, file_stem},
    error::ProfileError,
    network::{Draft, Link, Login, Method, Network, Secret, Security, realm_of},
};

/// Everything for a device of a kind. `now` is in seconds since 1970.
pub(crate) fn kit(
    platform: Platform,
    network: &Network,
    authority: &Authority,
    now: u64,
) -> Result<Kit, ProfileError> {
    match platform {
        Platform::Apple => apple::kit(network, &issuing::signer(authority)?, now),
        Platform::Windows => windows::kit(network),
        Platform::Android => android::kit(network, now),
        Platform::Linux => Ok(linux::kit(network)),
    }
}
