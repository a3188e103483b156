use std::{fmt, sync::Arc};

use portreeve_proto::Peer;

/// Why a connection was refused or ended: the closed list. Each has one counter.
///
/// The sentences speak to the administrator of the peer: `the peer` is the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hangup {
    /// The certificate is fine, the address it came from is not.
    AddressNotAllowed,
    /// A packet that cannot be RADIUS, or is not authentic, inside the connection.
    BadPacket,
    /// A TLS record that does not decrypt, is too large, or has no place there.
    BadRecord,
    /// The peer's certificate is past its last day.
    CertificateExpired,
    /// The peer's certificate is before its first day.
    CertificateNotYetValid,
    /// The peer's certificate reached its last day while the connection was open.
    CertificateRanOut,
    /// A certificate in the peer's chain is on a revocation list.
    CertificateRevoked,
    /// The peer's certificate cannot be used for this: purpose, form or algorithm.
    CertificateUnsuitable,
    /// A revocation list that decides about the peer is past its `nextUpdate`.
    CrlExpired,
    /// Revocation lists are given, and none of them covers an issuer in the peer's chain.
    CrlMissing,
    /// The handshake failed in a way that no other reason names.
    HandshakeFailed,
    /// The handshake did not end in time.
    HandshakeTimeout,
    /// Nothing was said for too long.
    IdleTimeout,
    /// The server's certificate is for another name.
    NameMismatch,
    /// The peer sent no certificate.
    NoCertificate,
    /// No cipher suite, group or signature scheme in common.
    NoCommonCipher,
    /// What came is not TLS.
    NotTls,
    /// The certificate verifies, and no peer is configured to be recognised by it.
    NotRecognised,
    /// The peer ended the connection in good order.
    PeerClosed,
    /// The peer refused us with an alert.
    PeerRefusedUs,
    /// The peer ended the connection without a word, or the network did.
    PeerVanished,
    /// The pre-shared key's identity is unknown, or the key differs.
    PskUnknown,
    /// Both ends of the connection are this very process.
    SelfConnection,
    /// We are stopping.
    Stopping,
    /// The peer offers no TLS version that is recent enough.
    TlsTooOld,
    /// As many connections as there may be, in all.
    TooManyConnections,
    /// As many connections as this peer may have.
    TooManyFromPeer,
    /// As many unfinished handshakes as there may be.
    TooManyHalfOpen,
    /// The configuration changed, and no longer admits this connection.
    TrustWithdrawn,
    /// The peer answers neither requests nor Status-Server.
    Unanswering,
    /// The certificate's issuer is none that this peer may have its certificate from.
    UnknownCa,
    /// No connection could be made at all.
    Unreachable,
    /// The two ends have no RADIUS version in common (RFC 9765 section 3.3).
    VersionRefused,
}

impl Hangup {
    /// All of them; the position of each is its [`Self::index`].
    pub const ALL: [Self; 33] = [
        Self::AddressNotAllowed,
        Self::BadPacket,
        Self::BadRecord,
        Self::CertificateExpired,
        Self::CertificateNotYetValid,
        Self::CertificateRanOut,
        Self::CertificateRevoked,
        Self::CertificateUnsuitable,
        Self::CrlExpired,
        Self::CrlMissing,
        Self::HandshakeFailed,
        Self::HandshakeTimeout,
        Self::IdleTimeout,
        Self::NameMismatch,
        Self::NoCertificate,
        Self::NoCommonCipher,
        Self::NotTls,
        Self::NotRecognised,
        Self::PeerClosed,
        Self::PeerRefusedUs,
        Self::PeerVanished,
        Self::PskUnknown,
        Self::SelfConnection,
        Self::Stopping,
        Self::TlsTooOld,
        Self::TooManyConnections,
        Self::TooManyFromPeer,
        Self::TooManyHalfOpen,
        Self::TrustWithdrawn,
        Self::Unanswering,
        Self::UnknownCa,
        Self::Unreachable,
        Self::VersionRefused,
    ];

    /// Its position in [`Self::ALL`], for tables of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name as a metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::AddressNotAllowed => "address_not_allowed",
            Self::BadPacket => "bad_packet",
            Self::BadRecord => "bad_record",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateNotYetValid => "certificate_not_yet_valid",
            Self::CertificateRanOut => "certificate_ran_out",
            Self::CertificateRevoked => "certificate_revoked",
            Self::CertificateUnsuitable => "certificate_unsuitable",
            Self::CrlExpired => "crl_expired",
            Self::CrlMissing => "crl_missing",
            Self::HandshakeFailed => "handshake_failed",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::NameMismatch => "name_mismatch",
            Self::NoCertificate => "no_certificate",
            Self::NoCommonCipher => "no_common_cipher",
            Self::NotTls => "not_tls",
            Self::NotRecognised => "not_recognised",
            Self::PeerClosed => "peer_closed",
            Self::PeerRefusedUs => "peer_refused_us",
            Self::PeerVanished => "peer_vanished",
            Self::PskUnknown => "psk_unknown",
            Self::SelfConnection => "self_connection",
            Self::Stopping => "stopping",
            Self::TlsTooOld => "tls_too_old",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyFromPeer => "too_many_from_peer",
            Self::TooManyHalfOpen => "too_many_half_open",
            Self::TrustWithdrawn => "trust_withdrawn",
            Self::Unanswering => "unanswering",
            Self::UnknownCa => "unknown_ca",
            Self::Unreachable => "unreachable",
            Self::VersionRefused => "version_refused",
        }
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one sentence for each reason, and no logic"
    )]
    const fn sentence(self) -> &'static str {
        match self {
            Self::AddressNotAllowed => {
                "the peer connects from an address that is not allowed for it: \
                 allow the address, or find out who else holds its key"
            }
            Self::BadPacket => {
                "the peer sent a packet that is no valid RADIUS: update or repair the peer"
            }
            Self::BadRecord => {
                "a TLS record is damaged, too large or out of place: look for a faulty middlebox, \
                 or update the peer"
            }
            Self::CertificateExpired => {
                "the peer's certificate has expired: renew it, and check the clocks of both ends"
            }
            Self::CertificateNotYetValid => {
                "the peer's certificate is not valid yet: check the clocks of both ends"
            }
            Self::CertificateRanOut => {
                "the peer's certificate expired while it was connected: renew it"
            }
            Self::CertificateRevoked => {
                "the peer's certificate, or one of its issuers, is revoked: \
                 give the peer a new certificate, if it is to be trusted again"
            }
            Self::CertificateUnsuitable => {
                "the peer's certificate cannot be used for this: issue one with the right \
                 extended key usage (clientAuth for clients, serverAuth for servers)"
            }
            Self::CrlExpired => {
                "the revocation list of the peer's issuer is past its next update: \
                 fetch the current one"
            }
            Self::CrlMissing => {
                "no usable revocation list covers an issuer of the peer's certificate: \
                 give one for every CA in the chain, or none at all"
            }
            Self::HandshakeFailed => "the TLS handshake failed",
            Self::HandshakeTimeout => {
                "the TLS handshake did not end in time: look for loss on the way, \
                 or for a port scan"
            }
            Self::IdleTimeout => "nothing was said on the connection for too long",
            Self::NameMismatch => {
                "the server's certificate is for another name: connect by a name or address that \
                 its subjectAltName holds, or issue a certificate with the right one"
            }
            Self::NoCertificate => {
                "the peer sent no certificate: give it one, with its key, that our CA signed"
            }
            Self::NoCommonCipher => {
                "the two ends share no cipher suite, group or signature scheme: update the peer"
            }
            Self::NotTls => "what came is not TLS: set the peer to RadSec (TLS) on this port",
            Self::NotRecognised => {
                "the peer's certificate is good, but no peer is configured to be recognised \
                 by it: add a mark for it"
            }
            Self::PeerClosed => "the peer closed the connection",
            Self::PeerRefusedUs => "the peer refused us",
            Self::PeerVanished => "the connection broke without a farewell",
            Self::PskUnknown => {
                "the pre-shared key's identity is unknown, or the key differs: \
                 set the same identity and key on both ends"
            }
            Self::SelfConnection => {
                "we connected to ourselves: check the address of the server, and how \
                 realms are routed"
            }
            Self::Stopping => "this end is stopping",
            Self::TlsTooOld => {
                "the peer speaks no TLS version that is allowed here: update it, \
                 or allow TLS 1.2"
            }
            Self::TooManyConnections => {
                "there are as many connections as are allowed: raise the limit, \
                 or find out who opens them"
            }
            Self::TooManyFromPeer => {
                "the peer has as many connections as it may: raise its limit, \
                 or repair what opens them"
            }
            Self::TooManyHalfOpen => {
                "there are as many unfinished handshakes as are allowed: \
                 find out who opens them"
            }
            Self::TrustWithdrawn => {
                "the configuration was changed and no longer admits this connection"
            }
            Self::Unanswering => {
                "the peer answers neither requests nor Status-Server: see whether it is overloaded"
            }
            Self::UnknownCa => {
                "the peer's certificate is not signed by a CA that is trusted for it: \
                 give this end the CA certificate, or the peer a certificate from the right CA"
            }
            Self::Unreachable => {
                "nobody takes connections there: check the address and port, the firewall, and \
                 that the server listens"
            }
            Self::VersionRefused => {
                "the two ends allow no RADIUS version in common: allow both 1.0 and 1.1 on one \
                 of them (1.1 needs TLS 1.3)"
            }
        }
    }
}

impl fmt::Display for Hangup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// A connection that was refused or ended, and what the administrator of that peer needs to know.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why.
    pub reason: Hangup,
    /// The particulars: the certificate that was shown, the alert that came. Escaped and cut to
    /// [`Self::DETAILS`] characters, for what it quotes comes from a stranger.
    pub details: Option<String>,
    /// The peer it claims to be, by what is in its certificate. Proven only where the reason is
    /// one that comes after the certificate is verified.
    pub peer: Option<Arc<Peer>>,
}

impl Refused {
    /// The most characters that [`Self::details`] has.
    pub const DETAILS: usize = 400;

    pub(crate) fn new(reason: Hangup) -> Self {
        Self {
            reason,
            details: None,
            peer: None,
        }
    }

    pub(crate) fn because(reason: Hangup, details: &str) -> Self {
        Self {
            details: Some(tame(details, Self::DETAILS)),
            ..Self::new(reason)
        }
    }

    pub(super) fn of(mut self, peer: &Arc<Peer>) -> Self {
        self.peer = Some(Arc::clone(peer));
        self
    }
}

impl From<Hangup> for Refused {
    fn from(reason: Hangup) -> Self {
        Self::new(reason)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if let Some(details) = &self.details {
            write!(f, " ({details})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// Text from a stranger, made safe for a log and a terminal, and cut to `most` characters.
pub(super) fn tame(text: &str, most: usize) -> String {
    let mut tamed = String::new();
    let mut count = 0;
    for letter in text.chars() {
        let (escaped, width) = if letter.is_alphanumeric() || (' '..='~').contains(&letter) {
            (None, 1)
        } else {
            let escaped = letter.escape_unicode();
            let width = escaped.len();
            (Some(escaped), width)
        };
        if count + width > most.saturating_sub(1) {
            tamed.push('…');
            break;
        }
        count += width;
        match escaped {
            Some(escaped) => tamed.extend(escaped),
            None => tamed.push(letter),
        }
    }
    tamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_at_its_index_under_its_own_label_and_sentence() {
        for (index, hangup) in Hangup::ALL.into_iter().enumerate() {
            assert_eq!(hangup.index(), index);
        }
        let labels: std::collections::HashSet<_> = Hangup::ALL.map(Hangup::label).into();
        assert_eq!(labels.len(), Hangup::ALL.len());
        let said: std::collections::HashSet<_> = Hangup::ALL.map(|h| h.to_string()).into();
        assert_eq!(said.len(), Hangup::ALL.len());
    }

    #[test]
    fn what_a_stranger_wrote_cannot_move_the_cursor_or_fill_the_log() {
        assert_eq!(
            tame("CN=x\u{1b}[2J\n\u{202e}y", 400),
            "CN=x\\u{1b}[2J\\u{a}\\u{202e}y"
        );
        assert_eq!(tame("münchen", 400), "münchen");
        for most in [0, 1, 7, 400] {
            for text in ["a".repeat(9000), "\u{202e}".repeat(9000)] {
                assert!(tame(&text, most).chars().count() <= most.max(1));
            }
        }
    }

    #[test]
    fn a_refusal_says_the_reason_then_the_particulars() {
        let refused = Refused::because(Hangup::NotTls, "it begins with octet 0x01");
        let said = refused.to_string();
        assert!(said.starts_with("what came is not TLS"), "{said}");
        assert!(said.ends_with("(it begins with octet 0x01)"), "{said}");
    }
}
