//! Attributes as typed constants: `attr::SESSION_TIMEOUT`, `attr::mikrotik::RATE_LIMIT`.

mod kind;

use std::marker::PhantomData;

pub(crate) use kind::MAX_TAG;
pub use kind::{
    Byte, ComboIp, Encodes, Ether, Hidden, Integer, Integer64, InterfaceId, Ipv4, Ipv4Prefix, Ipv6,
    Ipv6Prefix, Kind, Octets, Reads, Short, Signed, Tagged, Text, Time,
};

use crate::{DataType, Hiding, Oid, Spec};

pub const USER_NAME: Attr<Text> = Attr::new(Spec::new(&[1], DataType::Text));
pub const USER_PASSWORD: Attr<Hidden<Octets>> =
    Attr::new(Spec::new(&[2], DataType::Octets).hidden(Hiding::UserPassword));
pub const REPLY_MESSAGE: Attr<Text> = Attr::new(Spec::new(&[18], DataType::Text));
pub const PROXY_STATE: Attr<Octets> = Attr::new(Spec::new(&[33], DataType::Octets));
pub const EAP_MESSAGE: Attr<Octets> = Attr::new(Spec::new(&[79], DataType::Octets).concat());
pub const MESSAGE_AUTHENTICATOR: Attr<Octets> = Attr::new(Spec::new(&[80], DataType::Octets));
pub const ERROR_CAUSE: Attr<Integer> = Attr::new(Spec::new(&[101], DataType::Integer));
pub const TUNNEL_TYPE: Attr<Tagged<Integer>> =
    Attr::new(Spec::new(&[64], DataType::Integer).tagged());
pub const TUNNEL_PASSWORD: Attr<Tagged<Hidden<Octets>>> = Attr::new(
    Spec::new(&[69], DataType::Octets)
        .tagged()
        .hidden(Hiding::Salted),
);
pub const TUNNEL_PRIVATE_GROUP_ID: Attr<Tagged<Text>> =
    Attr::new(Spec::new(&[81], DataType::Text).tagged());
pub const SESSION_TIMEOUT: Attr<Integer> = Attr::new(Spec::new(&[27], DataType::Integer));

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

/// How an attribute has to be hidden whatever a dictionary says of it: those that carry passwords and keys
/// (RFC 2865, RFC 2868, RFC 2548, and Ascend's).
pub(crate) const fn must_hide(oid: &Oid) -> Hiding {
    match oid.parts() {
        [2] | [26, 311, 12] => Hiding::UserPassword,
        [69] | [26, 311, 16 | 17] => Hiding::Salted,
        [26, 529, 214] => Hiding::Ascend,
        _ => Hiding::None,
    }
}
