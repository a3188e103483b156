//! TLS alerts, and what they mean for an administrator when a device sends them.

use std::fmt;

/// An alert that the other side sent (RFC 8446 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert(u8);

impl Alert {
    /// One by its number.
    pub const fn of(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its name, as the IANA registers it.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            40 => "handshake_failure",
            41 => "no_certificate",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            109 => "missing_extension",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => "unknown",
        }
    }

    /// What it says of the device, and what to do about it.
    pub(super) const fn meaning(self) -> (&'static str, &'static str) {
        match self.0 {
            48 => ("does not trust the server's CA", "install the profile"),
            42 | 46 => (
                "does not accept the server's certificate",
                "install the profile, which names the CA and the server",
            ),
            43 => (
                "cannot use the server's certificate",
                "give the server one for serverAuth with RSA-2048 or P-256",
            ),
            44 => (
                "takes the server's certificate for revoked",
                "renew the server's certificate",
            ),
            45 => (
                "takes the server's certificate for expired",
                "compare its clock with the dates of the server's certificate",
            ),
            49 => (
                "refuses this server",
                "see whether its profile names this server and its CA",
            ),
            112 => (
                "expects a server of another name",
                "install a profile that names this server",
            ),
            113 => (
                "could not see that the server's certificate is not revoked",
                "see that the OCSP answer that the server staples is up to date",
            ),
            40 | 71 => (
                "shares no cipher with the server that it finds strong enough",
                "update it, or leave 192-bit mode",
            ),
            70 => (
                "speaks no TLS version that the server does",
                "update it, or allow TLS 1.2",
            ),
            90 => (
                "was told by its person to stop",
                "let them accept the server's certificate, or install the profile",
            ),
            0 => ("hung up", "look for the reason on the device"),
            80 => (
                "has a fault of its own",
                "look for the reason on the device",
            ),
            _ => (
                "found fault with what the server sent",
                "look for an access point that alters packets, and update the device",
            ),
        }
    }

    /// Its name as a metric label.
    pub(super) const fn label(self) -> &'static str {
        match self.0 {
            48 => "tls_alert_unknown_ca",
            42 => "tls_alert_bad_certificate",
            43 => "tls_alert_unsupported_certificate",
            44 => "tls_alert_certificate_revoked",
            45 => "tls_alert_certificate_expired",
            46 => "tls_alert_certificate_unknown",
            49 => "tls_alert_access_denied",
            40 => "tls_alert_handshake_failure",
            70 => "tls_alert_protocol_version",
            _ => "tls_alert_other",
        }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            "unknown" => write!(f, "TLS alert {}", self.0),
            name => write!(f, "TLS alert {name}"),
        }
    }
}
