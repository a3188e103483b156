//! RADIUS server and client library.
//!
//! A [`Server`] hands requests that are authentic, new and well-formed to a [`Handler`] and sends
//! what it answers; packet codes, identifiers, authenticators, duplicates and hiding are not the
//! handler's business.
//!
//! ```no_run
//! use portreeve::{attr, AccessReply, AccessRequest, Handler, Proves as _, Server};
//!
//! struct Hotel;
//!
//! impl Handler for Hotel {
//!     async fn access(&self, request: &AccessRequest) -> AccessReply {
//!         match request.user_name() {
//!             Some("tim") if request.proves("12345") => {
//!                 AccessReply::accept().with(attr::SESSION_TIMEOUT, 3600)
//!             }
//!             _ => AccessReply::reject().with(attr::REPLY_MESSAGE, "unknown guest"),
//!         }
//!     }
//! }
//!
//! # async fn run() -> Result<(), portreeve::Error> {
//! Server::new(Hotel).peer("192.0.2.0/24", "s3cret").udp("0.0.0.0:1812").run().await
//! # }
//! ```

mod address;
pub mod blocking;
pub mod client;
mod connection;
pub mod dictionary;
pub mod eap;
mod error;
pub mod handler;
mod random;
pub mod server;
pub mod tls;
mod trace;

pub use address::{ToAddress, ToPrefix};
pub use client::{Access, AccessOutcome, Accounting, Client};
pub use error::Error;
pub use handler::Handler;
pub use portreeve_auth as auth;
pub use portreeve_auth::{Credential, Method, Proves};
pub use portreeve_proto as proto;
pub use portreeve_proto::{
    AccessReply, AccessRequest, AccountingReply, AccountingRequest, AnswerError, Ask, Attr,
    AttributeList, CoaReply, CoaRequest, Code, DataType, Dictionary, Discard, DisconnectReply,
    DisconnectRequest, DuplicateLimits, DynamicLimits, EncodeError, Entry, ErrorCause, Hiding,
    Incoming, NasKeys, Objection, Oid, Packet, Peer, PeerTable, Reply, Request,
    RequireMessageAuthenticator, Role, Secret, SessionKeys, Spec, Transport, Value, VendorFormat,
    Verdict, Version, attr,
};
pub use server::{ConnectionLimits, Connections, Counters, Observer, Running, Server};
pub use trace::Trace;
