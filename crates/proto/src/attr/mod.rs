//! Attributes as typed constants: `attr::SESSION_TIMEOUT`, `attr::mikrotik::RATE_LIMIT`.

/// Declares attribute constants.
macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $spec:expr;)*) => {$(
        $(#[$doc])*
        pub const $name: $crate::Attr<$kind> = $crate::Attr::new($spec);
    )*};
}

/// Declares constants for the values of an attribute.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {$(
        $(#[$doc])*
        pub const $name: u32 = $number;
    )*};
}

pub mod acct_authentic;
pub mod acct_status_type;
pub mod acct_terminate_cause;
pub mod adsl_forum;
pub mod airespace;
pub mod alcatel;
pub mod aruba;
pub mod ascend;
pub mod chillispot;
pub mod cisco;
pub mod error_cause;
pub mod erx;
pub mod extreme;
pub mod fortinet;
pub mod framed_compression;
pub mod framed_protocol;
pub mod framed_routing;
pub mod h3c;
pub mod hp;
pub mod huawei;
pub mod juniper;
mod kind;
pub mod login_service;
pub mod meraki;
pub mod microsoft;
pub mod mikrotik;
pub mod nas_port_type;
pub mod paloalto;
pub mod pfsense;
pub mod prompt;
pub mod redback;
mod rfc;
pub mod roaringpenguin;
pub mod ruckus;
pub mod service_type;
pub mod starent;
pub mod termination_action;
pub mod threegpp;
pub mod tunnel_medium_type;
pub mod tunnel_type;
pub mod wba;
pub mod wifi_alliance;
pub mod wispr;
pub mod zte;

use std::marker::PhantomData;

pub(crate) use kind::MAX_TAG;
pub use kind::{
    Byte, ComboIp, Encodes, Ether, Hidden, Integer, Integer64, InterfaceId, Ipv4, Ipv4Prefix, Ipv6,
    Ipv6Prefix, Kind, Octets, Reads, Short, Signed, Tagged, Text, Time,
};
pub use rfc::*;

use crate::{Hiding, Oid, Spec};

/// An attribute whose number and kind of value are known at compile time.
#[derive(Debug)]
pub struct Attr<K> {
    spec: Spec,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Attr<K> {
    /// Declares an attribute. The kind must be the one that `spec` describes.
    pub const fn new(spec: Spec) -> Self {
        Self {
            spec,
            kind: PhantomData,
        }
    }

    /// Where the attribute lives and how its value is laid out.
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }
}

impl<K> Clone for Attr<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Attr<K> {}

/// How an attribute has to be hidden whatever a dictionary says of it: those that carry passwords
/// and keys (RFC 2865, RFC 2868, RFC 2548, and Ascend's).
pub(crate) const fn must_hide(oid: &Oid) -> Hiding {
    match oid.parts() {
        [2] | [26, 311, 12] => Hiding::UserPassword,
        [69] | [26, 311, 16 | 17] => Hiding::Salted,
        [26, 529, 214] => Hiding::Ascend,
        _ => Hiding::None,
    }
}
