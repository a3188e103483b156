//! Attributes as typed constants: `attr::SESSION_TIMEOUT`, `attr::mikrotik::RATE_LIMIT`.

mod kind;

use std::marker::PhantomData;

pub use kind::{
    Byte, ComboIp, Encodes, Ether, Hidden, Integer, Integer64, InterfaceId, Ipv4, Ipv4Prefix, Ipv6,
    Ipv6Prefix, Kind, Octets, Reads, Short, Signed, Tagged, Text, Time,
};

use crate::Spec;

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
