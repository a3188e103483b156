//! The RADIUS wire: packets, attributes, dictionary, authenticators, duplicates; no I/O.
//!
//! Everything here takes octets, addresses, the time and randomness as arguments. A server hands
//! datagrams to [`Endpoint::receive`] and answers to [`Endpoint::answer`]; a client encodes with
//! [`Query::encode`] and verifies with [`Query::accept`].

mod answer;
pub mod attr;
mod authenticator;
mod cause;
mod code;
pub mod dictionary;
mod discard;
mod duplicates;
mod dynamic;
mod encode;
mod endpoint;
mod frames;
mod hide;
pub mod inspect;
mod list;
mod oid;
mod onward;
mod packet;
mod peer;
mod query;
mod random;
mod read;
mod reply;
mod request;
mod secret;
mod session;
mod spec;
mod transport;
pub mod value;
#[cfg(test)]
mod vectors;
pub mod walk;
#[cfg(test)]
mod work;

pub use attr::Attr;
pub use cause::ErrorCause;
pub use code::Code;
pub use dictionary::Dictionary;
pub use discard::Discard;
pub use duplicates::DuplicateLimits;
pub use dynamic::{DynamicLimits, Objection};
pub use encode::{EncodeError, MAX_VALUE};
pub use endpoint::{AnswerError, Answered, Arrival, Endpoint, Received, Role, Ticket};
pub use frames::Frames;
pub use hide::MAX_USER_PASSWORD;
pub use list::{AttributeList, Entry};
pub use oid::{NotAnOid, Oid, VENDOR_SPECIFIC};
pub use onward::{Keeps, Unrevealed};
pub use packet::{Attributes, Malformed, Packet, RawAttribute};
pub use peer::{Peer, PeerTable, RequireMessageAuthenticator};
pub use query::{Ask, BadReply, Query};
pub use random::Random;
pub use read::{VendorAttribute, VendorAttributes};
pub use reply::{AccessReply, AccountingReply, CoaReply, DisconnectReply, Reply, Verdict};
pub use request::{
    AccessRequest, AccountingRequest, CoaRequest, DisconnectRequest, Incoming, Request,
};
pub use secret::{EmptySecret, Secret};
pub use session::{NasKeys, SessionKeys};
pub use spec::{DataType, Hiding, Spec, VendorFormat};
pub use transport::{Transport, Version};
pub use value::Value;
