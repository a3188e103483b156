use std::{io, net::SocketAddr};

use portreeve_auth::{PasswordError, ServerUnproven};
use portreeve_proto::{EncodeError, dictionary::DictionaryErrors};
use portreeve_udp::BindError;

use crate::tls::{Refused, TlsError};

/// Why a server or a client does not work, by whose fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller: text that is no address with a port.
    #[error(
        "`{given}` is not an address with a port, such as 192.0.2.1:1812 or [2001:db8::1]:1812"
    )]
    Address {
        /// What was given.
        given: Box<str>,
    },
    /// The caller: text that is neither an address nor a range of addresses.
    #[error("peer `{given}` is neither an address nor a prefix, such as 192.0.2.0/24")]
    Prefix {
        /// What was given.
        given: Box<str>,
    },
    /// The caller: a shared secret without a single octet.
    #[error("the shared secret of {of} is empty")]
    EmptySecret {
        /// Whose it is.
        of: Box<str>,
    },
    /// The caller: a server without an address to listen on.
    #[error("the server has no address to listen on: call udp(\"0.0.0.0:1812\")")]
    NothingToListenOn,
    /// The caller: more addresses to listen on than listeners can be told apart.
    #[error("the server has more than 65535 addresses to listen on")]
    TooManyListeners,
    /// The caller: started outside a Tokio runtime.
    #[error("there is no Tokio runtime here: call this inside one, such as under #[tokio::main]")]
    NoRuntime,
    /// The caller: attributes that do not fit a packet.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The caller: a client without a server.
    #[error("the client has no server to ask: call server(address, secret)")]
    NoServer,
    /// The caller: a password that the method cannot carry.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The administrator: certificates, keys or revocation lists that cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The network, or the server: a connection that the two ends do not agree on, or that is lost.
    #[error("no connection to {server}: {refused}")]
    Connection {
        /// The server.
        server: SocketAddr,
        /// Why.
        #[source]
        refused: Refused,
    },
    /// The administrator: dictionary files with faults in them.
    #[error(transparent)]
    Dictionary(#[from] DictionaryErrors),
    /// The machine: an address that cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The machine: an address that no connections can be taken on.
    #[error("cannot take connections on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        #[source]
        error: io::Error,
    },
    /// The machine: a thread, an event queue or a runtime that cannot be had.
    #[error("the system refuses what is needed to start: {0}")]
    Start(#[source] io::Error),
    /// The machine: the event queue of a running server failed.
    #[error("a worker of the server failed: {0}")]
    Worker(#[source] io::Error),
    /// A defect in an observer, or in this library.
    #[error("a worker of the server panicked")]
    WorkerPanicked,
    /// The machine: no source of random octets.
    #[error("the system has no source of random octets")]
    Randomness,
    /// The network: a socket towards a server failed.
    #[error("cannot reach {server}: {error}")]
    Socket {
        /// The server.
        server: SocketAddr,
        /// The system's words.
        #[source]
        error: io::Error,
    },
    /// The network, or the server: no answer came.
    #[error(
        "no answer from {server} to {sent} transmissions{}",
        if *refused { ": its machine says that nobody listens on that port" } else { "" }
    )]
    NoAnswer {
        /// The server.
        server: SocketAddr,
        /// How often the request was sent.
        sent: u32,
        /// Whether the server's machine said that the port is closed.
        refused: bool,
    },
    /// The administrator: answers came, and not one of them verifies.
    #[error(
        "the shared secret differs from that of {server}, or its answers are forged: \
         not one of {replies} verifies"
    )]
    SecretsDiffer {
        /// The server.
        server: SocketAddr,
        /// How many answers did not verify.
        replies: u32,
    },
    /// The server: its answers lack the Message-Authenticator that is demanded of it.
    #[error(
        "{server} answers without Message-Authenticator (CVE-2024-3596): update it, \
         or do not demand it of this server"
    )]
    UnprotectedReplies {
        /// The server.
        server: SocketAddr,
        /// How many such answers came.
        replies: u32,
    },
    /// The administrator: the answers' Event-Timestamp is too far from our clock (RFC 5176 section
    /// 6.3).
    #[error(
        "the clock of {server} is more than 5 minutes from ours, so its answers do not count: \
         set both by NTP"
    )]
    StaleReplies {
        /// The server.
        server: SocketAddr,
        /// How many such answers came.
        replies: u32,
    },
    /// The server: it has the request, and cannot serve it (RFC 7930 section 4).
    #[error(
        "{server} cannot serve this request: Protocol-Error{}",
        .cause.map(|cause| format!(" with Error-Cause {cause}")).unwrap_or_default()
    )]
    ProtocolError {
        /// The server.
        server: SocketAddr,
        /// The number in Error-Cause (RFC 5176 section 3.5), where there is one.
        cause: Option<u32>,
    },
    /// The network, or the servers: all of them had been silent before, and stay so.
    #[error("none of {servers} servers answers; {last}")]
    AllDead {
        /// How many there are.
        servers: usize,
        /// How often the request was sent, to all of them.
        sent: u32,
        /// What became of the last one.
        #[source]
        last: Box<Error>,
    },
    /// The server: it accepts, but cannot show that it knows the password, as MS-CHAPv2 demands.
    /// Treat it as a refusal by an impostor.
    #[error("{server} accepted, but {reason}")]
    ServerUnproven {
        /// The server.
        server: SocketAddr,
        /// What is missing.
        #[source]
        reason: ServerUnproven,
    },
}
