//! From the engine's words to ours.

use std::io::{self, ErrorKind};

use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};

use super::{
    Hangup, Refused,
    verify::{reason_of, reason_of_list},
};

impl Refused {
    /// Why a connection ended, by the error that reading, writing or shaking hands gave.
    ///
    /// In TLS 1.3 a client learns only at its first read that the server refused its certificate.
    pub(crate) fn ended(error: &io::Error) -> Self {
        let engine = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        if let Some(engine) = engine {
            return Self::by_engine(engine);
        }
        match error.kind() {
            ErrorKind::InvalidData => Self::because(Hangup::BadRecord, &error.to_string()),
            _ => Self::because(Hangup::PeerVanished, &error.to_string()),
        }
    }

    /// Why shaking hands with a server failed: like [`Self::ended`], but what is no record at all
    /// was not meant to be one.
    pub(super) fn greeted(error: &io::Error) -> Self {
        let refused = Self::ended(error);
        let engine = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        match engine {
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Self {
                reason: Hangup::NotTls,
                ..refused
            },
            _ => refused,
        }
    }

    /// Why the engine gave up.
    pub(super) fn by_engine(error: &Error) -> Self {
        let reason = match error {
            Error::AlertReceived(alert) => return Self::by_alert(*alert),
            Error::InvalidCertificate(error) => reason_of(error),
            Error::InvalidCertRevocationList(error) => reason_of_list(error),
            Error::NoCertificatesPresented => return Self::new(Hangup::NoCertificate),
            Error::NoApplicationProtocol => Hangup::VersionRefused,
            Error::PeerIncompatible(lacking) => incompatible(lacking),
            Error::InvalidMessage(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::DecryptError
            | Error::PeerSentOversizedRecord => Hangup::BadRecord,
            _ => Hangup::HandshakeFailed,
        };
        Self::because(reason, &error.to_string())
    }

    fn by_alert(alert: AlertDescription) -> Self {
        let reason = match alert {
            AlertDescription::CloseNotify => return Self::new(Hangup::PeerClosed),
            AlertDescription::NoApplicationProtocol => Hangup::VersionRefused,
            AlertDescription::UnknownPSKIdentity => Hangup::PskUnknown,
            _ => Hangup::PeerRefusedUs,
        };
        Self::because(reason, &format!("the peer says: {}", words(alert)))
    }
}

fn incompatible(lacking: &PeerIncompatible) -> Hangup {
    match lacking {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => Hangup::TlsTooOld,
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::NoCipherSuitesInCommon
        | PeerIncompatible::NoEcPointFormatsInCommon
        | PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon => Hangup::NoCommonCipher,
        _ => Hangup::HandshakeFailed,
    }
}

/// What an alert means to whoever runs this end.
fn words(alert: AlertDescription) -> String {
    let meaning = match alert {
        AlertDescription::UnknownCA => {
            "unknown CA - give it the CA certificate that signed ours, with the issuers between"
        }
        AlertDescription::AccessDenied => {
            "access denied - our certificate is good, but we are not allowed from this address, \
             or not known by this certificate"
        }
        AlertDescription::CertificateExpired => {
            "certificate expired - renew our certificate, and check the clocks of both ends"
        }
        AlertDescription::CertificateRevoked => {
            "certificate revoked - get a new certificate for this end"
        }
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "certificate required - give this end a certificate and its key"
        }
        AlertDescription::UnsupportedCertificate => {
            "unsupported certificate - ours has the wrong extended key usage or algorithm"
        }
        AlertDescription::BadCertificate => {
            "bad certificate - ours does not hold the name that the peer expects, or is damaged"
        }
        AlertDescription::CertificateUnknown => {
            "certificate unknown - the peer cannot decide about our certificate; it may lack a \
             current revocation list"
        }
        AlertDescription::ProtocolVersion => {
            "protocol version - it demands another TLS version than this end allows"
        }
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "handshake failure - no cipher suite in common, or it misses our certificate"
        }
        AlertDescription::NoApplicationProtocol => {
            "no application protocol - it allows none of the RADIUS versions that this end offers"
        }
        AlertDescription::DecryptError => {
            "decrypt error - our key does not fit our certificate, or the pre-shared keys differ"
        }
        AlertDescription::UnknownPSKIdentity => {
            "unknown PSK identity - set the same identity on both ends"
        }
        AlertDescription::UnrecognisedName => {
            "unrecognised name - it serves no host of the name that we asked for"
        }
        AlertDescription::InternalError => "internal error - look into its log",
        other => return format!("{other:?}"),
    };
    meaning.to_owned()
}

#[cfg(test)]
mod tests {
    use rustls::{CertificateError, PeerMisbehaved};

    use super::*;

    #[test]
    fn what_the_engine_says_keeps_its_meaning() {
        for (error, reason) in [
            (Error::NoCertificatesPresented, Hangup::NoCertificate),
            (Error::NoApplicationProtocol, Hangup::VersionRefused),
            (Error::DecryptError, Hangup::BadRecord),
            (Error::PeerSentOversizedRecord, Hangup::BadRecord),
            (Error::HandshakeNotComplete, Hangup::HandshakeFailed),
            (
                PeerMisbehaved::SelectedUnofferedApplicationProtocol.into(),
                Hangup::HandshakeFailed,
            ),
            (
                PeerIncompatible::NoKxGroupsInCommon.into(),
                Hangup::NoCommonCipher,
            ),
            (PeerIncompatible::Tls12NotOffered.into(), Hangup::TlsTooOld),
            (CertificateError::BadSignature.into(), Hangup::UnknownCa),
            (
                CertificateError::BadEncoding.into(),
                Hangup::CertificateUnsuitable,
            ),
        ] {
            let ended = Refused::ended(&io::Error::new(ErrorKind::InvalidData, error.clone()));
            assert_eq!(ended.reason, reason, "{error:?}");
        }
    }

    #[test]
    fn alerts_are_put_into_words_and_some_are_reasons_of_their_own() {
        for (alert, reason, word) in [
            (
                AlertDescription::UnknownCA,
                Hangup::PeerRefusedUs,
                "unknown CA",
            ),
            (
                AlertDescription::AccessDenied,
                Hangup::PeerRefusedUs,
                "address",
            ),
            (
                AlertDescription::UserCanceled,
                Hangup::PeerRefusedUs,
                "UserCanceled",
            ),
            (
                AlertDescription::UnknownPSKIdentity,
                Hangup::PskUnknown,
                "identity",
            ),
            (
                AlertDescription::NoApplicationProtocol,
                Hangup::VersionRefused,
                "RADIUS",
            ),
        ] {
            let refused = Refused::by_engine(&Error::AlertReceived(alert));
            assert_eq!(refused.reason, reason);
            assert!(refused.to_string().contains(word), "{refused}");
        }
        let closed = Refused::by_engine(&Error::AlertReceived(AlertDescription::CloseNotify));
        assert_eq!(closed.reason, Hangup::PeerClosed);
    }

    #[test]
    fn a_broken_connection_is_nobodys_alert() {
        for kind in [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof] {
            assert_eq!(Refused::ended(&kind.into()).reason, Hangup::PeerVanished);
        }
        assert_eq!(
            Refused::ended(&ErrorKind::InvalidData.into()).reason,
            Hangup::BadRecord
        );
    }
}
