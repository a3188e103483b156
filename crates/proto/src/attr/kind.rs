//! The kinds of value an attribute constant can have, and the Rust types that fit each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// A kind of value; see the members of this module.
pub trait Kind: sealed::Sealed + 'static {}

/// A kind whose value can be read without the shared secret.
pub trait Reads: Kind {
    /// What reading gives.
    type Value<'a>;

    /// Reads the octets of a value. `None` where they do not fit the kind: an "invalid attribute"
    /// of RFC 8044 section 1.2, to be treated as absent.
    fn read(octets: &[u8]) -> Option<Self::Value<'_>>;
}

/// A Rust value that fits an attribute of kind `K`.
pub trait Encodes<K: Kind> {
    /// The RFC 2868 tag, 1 to 31, or 0 for none.
    fn tag(&self) -> u8 {
        0
    }

    /// Appends the value as it stands on the wire, before hiding.
    fn encode(&self, out: &mut Vec<u8>);
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Kind for $name {}
    )*};
}

kinds! {
    /// `u8`.
    Byte
    /// [`IpAddr`].
    ComboIp
    /// `[u8; 6]`.
    Ether
    /// `u32`.
    Integer
    /// `u64`.
    Integer64
    /// `[u8; 8]`.
    InterfaceId
    /// [`Ipv4Addr`].
    Ipv4
    /// [`Ipv4Net`].
    Ipv4Prefix
    /// [`Ipv6Addr`].
    Ipv6
    /// [`Ipv6Net`].
    Ipv6Prefix
    /// `&[u8]`.
    Octets
    /// `u16`.
    Short
    /// `i32`.
    Signed
    /// `&str`.
    Text
    /// `u32`: seconds since 1970.
    Time
}

/// Hidden from those who do not share the secret: written like `K`, read only by `reveal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden<K>(std::marker::PhantomData<K>);
impl<K: Kind> sealed::Sealed for Hidden<K> {}
impl<K: Kind> Kind for Hidden<K> {}

/// Carries an RFC 2868 tag: write `(tag, value)` or a bare value, read `(tag, value)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tagged<K>(std::marker::PhantomData<K>);
impl<K: Kind> sealed::Sealed for Tagged<K> {}
impl<K: Kind> Kind for Tagged<K> {}

macro_rules! numbers {
    ($($kind:ident $rust:ty)*) => {$(
        impl Reads for $kind {
            type Value<'a> = $rust;
            fn read(octets: &[u8]) -> Option<$rust> {
                octets.try_into().ok().map(<$rust>::from_be_bytes)
            }
        }
        impl Encodes<$kind> for $rust {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }
    )*};
}
numbers! { Byte u8 Short u16 Integer u32 Signed i32 Time u32 Integer64 u64 }

macro_rules! octet_arrays {
    ($($kind:ident $len:literal)*) => {$(
        impl Reads for $kind {
            type Value<'a> = [u8; $len];
            fn read(octets: &[u8]) -> Option<[u8; $len]> {
                octets.try_into().ok()
            }
        }
        impl Encodes<$kind> for [u8; $len] {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self);
            }
        }
    )*};
}
octet_arrays! { Ether 6 InterfaceId 8 }

impl Reads for Text {
    type Value<'a> = &'a str;
    fn read(octets: &[u8]) -> Option<&str> {
        std::str::from_utf8(octets).ok()
    }
}

impl Reads for Octets {
    type Value<'a> = &'a [u8];
    fn read(octets: &[u8]) -> Option<&[u8]> {
        Some(octets)
    }
}

impl Reads for Ipv4 {
    type Value<'a> = Ipv4Addr;
    fn read(octets: &[u8]) -> Option<Ipv4Addr> {
        <[u8; 4]>::try_from(octets).ok().map(Ipv4Addr::from)
    }
}

impl Reads for Ipv6 {
    type Value<'a> = Ipv6Addr;
    fn read(octets: &[u8]) -> Option<Ipv6Addr> {
        <[u8; 16]>::try_from(octets).ok().map(Ipv6Addr::from)
    }
}

impl Reads for ComboIp {
    type Value<'a> = IpAddr;
    fn read(octets: &[u8]) -> Option<IpAddr> {
        match octets.len() {
            4 => Ipv4::read(octets).map(IpAddr::V4),
            _ => Ipv6::read(octets).map(IpAddr::V6),
        }
    }
}

impl Reads for Ipv4Prefix {
    type Value<'a> = Ipv4Net;
    /// RFC 8044 section 3.11: two bits reserved, 6 of length, always 4 octets of address.
    fn read(octets: &[u8]) -> Option<Ipv4Net> {
        let [_, len, address @ ..] = octets else {
            return None;
        };
        let address = Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?);
        let net = Ipv4Net::new(address, len & 0x3f).ok()?;
        (net.trunc() == net).then_some(net)
    }
}

impl Reads for Ipv6Prefix {
    type Value<'a> = Ipv6Net;
    /// RFC 3162 section 2.3 and RFC 8044 section 3.10: the address may be shorter than 16 octets,
    /// and bits beyond the length are zero.
    fn read(octets: &[u8]) -> Option<Ipv6Net> {
        let [_, len, short @ ..] = octets else {
            return None;
        };
        let mut address = [0; 16];
        address.get_mut(..short.len())?.copy_from_slice(short);
        let net = Ipv6Net::new(Ipv6Addr::from(address), *len).ok()?;
        (net.trunc() == net && usize::from(*len).div_ceil(8) <= short.len()).then_some(net)
    }
}

/// The greatest RFC 2868 tag.
pub(crate) const MAX_TAG: u8 = 0x1f;

impl Reads for Tagged<Integer> {
    type Value<'a> = (u8, u32);
    /// RFC 2868 section 3.1: the tag octet is always there and the value has three octets.
    fn read(octets: &[u8]) -> Option<(u8, u32)> {
        let [tag, high, middle, low] = octets else {
            return None;
        };
        Some((*tag, u32::from_be_bytes([0, *high, *middle, *low])))
    }
}

macro_rules! tagged_strings {
    ($($kind:ident $rust:ty)*) => {$(
        impl Reads for Tagged<$kind> {
            type Value<'a> = (u8, &'a $rust);
            /// RFC 2868 section 3.3: the first octet is a tag only from 0x01 to 0x1F.
            fn read(octets: &[u8]) -> Option<(u8, &$rust)> {
                match octets {
                    [tag @ 1..=MAX_TAG, value @ ..] => Some((*tag, $kind::read(value)?)),
                    value => Some((0, $kind::read(value)?)),
                }
            }
        }
    )*};
}
tagged_strings! { Text str Octets [u8] }

macro_rules! octet_strings {
    ($($kind:ident: $($rust:ty)*;)*) => {$($(
        impl Encodes<$kind> for $rust {
            fn encode(&self, out: &mut Vec<u8>) {
                let octets: &[u8] = self.as_ref();
                out.extend_from_slice(octets);
            }
        }
    )*)*};
}
octet_strings! { Text: &str String &String; Octets: &[u8] Vec<u8> &Vec<u8> &str String; }

impl<const N: usize> Encodes<Octets> for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> Encodes<Octets> for &[u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(*self);
    }
}

impl Encodes<Ipv4> for Ipv4Addr {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }
}

impl Encodes<Ipv6> for Ipv6Addr {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }
}

impl Encodes<ComboIp> for IpAddr {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
        }
    }
}

impl Encodes<Ipv4Prefix> for Ipv4Net {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, self.prefix_len()]);
        out.extend_from_slice(&self.network().octets());
    }
}

impl Encodes<Ipv6Prefix> for Ipv6Net {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, self.prefix_len()]);
        let octets = usize::from(self.prefix_len()).div_ceil(8);
        out.extend_from_slice(&self.network().octets()[..octets]);
    }
}

impl<K: Kind, V: Encodes<K>> Encodes<Hidden<K>> for V {
    fn encode(&self, out: &mut Vec<u8>) {
        Encodes::<K>::encode(self, out);
    }
}

impl<K: Kind, V: Encodes<K>> Encodes<Tagged<K>> for (u8, V) {
    fn tag(&self) -> u8 {
        self.0
    }
    fn encode(&self, out: &mut Vec<u8>) {
        self.1.encode(out);
    }
}

macro_rules! untagged {
    ($($rust:ty)*) => {$(
        impl<K: Kind> Encodes<Tagged<K>> for $rust where $rust: Encodes<K> {
            fn encode(&self, out: &mut Vec<u8>) {
                Encodes::<K>::encode(self, out);
            }
        }
    )*};
}
untagged! { u32 String Vec<u8> }

impl<'a, K: Kind, T: ?Sized> Encodes<Tagged<K>> for &'a T
where
    &'a T: Encodes<K>,
{
    fn encode(&self, out: &mut Vec<u8>) {
        Encodes::<K>::encode(self, out);
    }
}
