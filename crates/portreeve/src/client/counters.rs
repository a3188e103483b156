use std::sync::atomic::{AtomicU64, Ordering};

use portreeve_proto::BadReply;

/// What a client has done towards one server: a snapshot. The names in parentheses are those of RFC
/// 4668.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientCounters {
    /// Requests, retransmissions not included (`radiusAuthClientAccessRequests` and its like).
    pub requests: u64,
    /// Transmissions after the first (`Retransmissions`).
    pub retransmissions: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Waits for an answer that ended without one (`Timeouts`).
    pub timeouts: u64,
    /// Replies that are no packets (`MalformedResponses`).
    pub malformed: u64,
    /// Replies whose authenticators are wrong or missing (`BadAuthenticators`).
    pub bad_authenticators: u64,
    /// Answers to CoA-Request and Disconnect-Request whose Event-Timestamp is too far from our
    /// clock (RFC 5176 section 6.3).
    pub stale: u64,
    /// Replies whose code does not answer the request (`UnknownTypes`).
    pub unknown_types: u64,
    /// Datagrams that nobody was waiting for, such as late answers (`PacketsDropped`).
    pub unexpected: u64,
}

/// A number that many threads count up.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of a client towards one server.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: Count,
    pub(crate) retransmissions: Count,
    pub(crate) answered: Count,
    pub(crate) timeouts: Count,
    pub(crate) unexpected: Count,
    pub(crate) stale: Count,
    malformed: Count,
    bad_authenticators: Count,
    unknown_types: Count,
}

impl Tally {
    pub(crate) fn bad_reply(&self, reason: BadReply) {
        match reason {
            BadReply::Code => self.unknown_types.add(),
            BadReply::Identifier => self.unexpected.add(),
            BadReply::Malformed(_) => self.malformed.add(),
            BadReply::MessageAuthenticatorMalformed
            | BadReply::MessageAuthenticatorMissing
            | BadReply::MessageAuthenticatorWrong
            | BadReply::ResponseAuthenticatorWrong => self.bad_authenticators.add(),
        }
    }

    pub(crate) fn snapshot(&self) -> ClientCounters {
        ClientCounters {
            requests: self.requests.read(),
            retransmissions: self.retransmissions.read(),
            answered: self.answered.read(),
            timeouts: self.timeouts.read(),
            malformed: self.malformed.read(),
            bad_authenticators: self.bad_authenticators.read(),
            stale: self.stale.read(),
            unknown_types: self.unknown_types.read(),
            unexpected: self.unexpected.read(),
        }
    }
}
