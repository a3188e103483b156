//! The RADIUS wire: packets, attributes, dictionary, authenticators, duplicates; no I/O.

pub mod attr;
mod code;
pub mod dictionary;
mod oid;
mod packet;
mod spec;

pub use attr::Attr;
pub use code::Code;
pub use dictionary::Dictionary;
pub use oid::{NotAnOid, Oid, VENDOR_SPECIFIC};
pub use packet::{Attributes, Malformed, Packet, RawAttribute};
pub use spec::{DataType, Hiding, Spec, VendorFormat};
