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
mod linux;
mod network;
mod page;
pub(crate) mod parcels;
mod pkcs12;
mod qr;
mod signed;
mod windows;

pub(crate) use self::{
    document::{Document, Kind, Kit, Platform, file_stem},
    error::ProfileError,
    network::{
        ClientIdentity, Draft, Invalid, Link, Login, Method, Network, Secret, Security, realm_of,
    },
    signed::Signer,
};
