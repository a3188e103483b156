use std::fmt;

use crate::Malformed;

/// Why a packet was met with silence: the closed list. Each has one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discard {
    /// An attribute's length is 0, 1, or more than is left of the packet.
    AttributeLength,
    /// An attribute of type 0.
    AttributeZero,
    /// A code that does not belong on this port.
    CodeNotAllowed,
    /// The same request came again while it is being worked on.
    DuplicateInProgress,
    /// A CoA-Request or Disconnect-Request from a peer that may not change sessions.
    DynamicNotAllowed,
    /// Event-Timestamp is required of CoA-Request and Disconnect-Request, and absent.
    EventTimestampMissing,
    /// Event-Timestamp lies outside the window: a replay, or a clock that is wrong (RFC 5176
    /// section 6.3).
    EventTimestampStale,
    /// The handler did not answer in time.
    HandlerTimeout,
    /// The handler chose not to answer: accounting that could not be recorded.
    HandlerSilent,
    /// The Length field is wrong for what arrived.
    Length,
    /// More than one Message-Authenticator, or one that is not 16 octets long.
    MessageAuthenticatorMalformed,
    /// Message-Authenticator is required and absent.
    MessageAuthenticatorMissing,
    /// Message-Authenticator does not verify: nearly always a different shared secret.
    MessageAuthenticatorWrong,
    /// The server is not able to serve: it is starting or stopping.
    NotServing,
    /// It is signed with the secret before the present one, which is no longer taken.
    PreviousSecretExpired,
    /// Proxy-State without Message-Authenticator from a peer that is no proxy.
    ProxyStateUnprotected,
    /// The reply does not fit a packet or an attribute.
    ReplyUnencodable,
    /// The Request Authenticator does not verify: nearly always a different shared secret.
    RequestAuthenticatorWrong,
    /// Too many requests are being worked on.
    TableFull,
    /// A Token of RADIUS/1.1 stands for two requests at a time (RFC 9765 section 4.2.2).
    TokenReused,
    /// The peer is to use another transport, such as TLS.
    TransportNotAllowed,
    /// The source address belongs to no peer.
    UnknownPeer,
}

impl Discard {
    /// All of them; the position of each is its [`Self::index`].
    pub const ALL: [Self; 22] = [
        Self::AttributeLength,
        Self::AttributeZero,
        Self::CodeNotAllowed,
        Self::DuplicateInProgress,
        Self::DynamicNotAllowed,
        Self::EventTimestampMissing,
        Self::EventTimestampStale,
        Self::HandlerTimeout,
        Self::HandlerSilent,
        Self::Length,
        Self::MessageAuthenticatorMalformed,
        Self::MessageAuthenticatorMissing,
        Self::MessageAuthenticatorWrong,
        Self::NotServing,
        Self::PreviousSecretExpired,
        Self::ProxyStateUnprotected,
        Self::ReplyUnencodable,
        Self::RequestAuthenticatorWrong,
        Self::TableFull,
        Self::TokenReused,
        Self::TransportNotAllowed,
        Self::UnknownPeer,
    ];

    /// Its position in [`Self::ALL`], for tables of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether a stream that carried such a packet is to be closed, because its sender does not
    /// keep the rules and what follows may have no meaning.
    pub const fn ends_stream(self) -> bool {
        matches!(
            self,
            Self::AttributeLength
                | Self::AttributeZero
                | Self::Length
                | Self::MessageAuthenticatorMalformed
                | Self::MessageAuthenticatorMissing
                | Self::MessageAuthenticatorWrong
                | Self::PreviousSecretExpired
                | Self::RequestAuthenticatorWrong
                | Self::TokenReused
                | Self::TransportNotAllowed
                | Self::UnknownPeer
        )
    }

    /// Its name as a metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::AttributeLength => "attribute_length",
            Self::AttributeZero => "attribute_zero",
            Self::CodeNotAllowed => "code_not_allowed",
            Self::DuplicateInProgress => "duplicate_in_progress",
            Self::DynamicNotAllowed => "dynamic_not_allowed",
            Self::EventTimestampMissing => "event_timestamp_missing",
            Self::EventTimestampStale => "event_timestamp_stale",
            Self::HandlerTimeout => "handler_timeout",
            Self::HandlerSilent => "handler_silent",
            Self::Length => "length",
            Self::MessageAuthenticatorMalformed => "message_authenticator_malformed",
            Self::MessageAuthenticatorMissing => "message_authenticator_missing",
            Self::MessageAuthenticatorWrong => "message_authenticator_wrong",
            Self::NotServing => "not_serving",
            Self::PreviousSecretExpired => "previous_secret_expired",
            Self::ProxyStateUnprotected => "proxy_state_unprotected",
            Self::ReplyUnencodable => "reply_unencodable",
            Self::RequestAuthenticatorWrong => "request_authenticator_wrong",
            Self::TableFull => "table_full",
            Self::TokenReused => "token_reused",
            Self::TransportNotAllowed => "transport_not_allowed",
            Self::UnknownPeer => "unknown_peer",
        }
    }
}

impl From<Malformed> for Discard {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::AttributeLength => Self::AttributeLength,
            Malformed::AttributeZero => Self::AttributeZero,
            Malformed::Length => Self::Length,
        }
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_at_its_index_under_its_own_label() {
        for (index, discard) in Discard::ALL.into_iter().enumerate() {
            assert_eq!(discard.index(), index);
        }
        let labels: std::collections::HashSet<_> = Discard::ALL.map(Discard::label).into();
        assert_eq!(labels.len(), Discard::ALL.len());
    }
}
