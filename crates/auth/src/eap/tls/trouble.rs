//! Why TLS with a device failed: for the administrator, each with a cure.

use std::fmt;

use rustls::{
    CertRevocationListError, CertificateError, Error, InvalidMessage, PeerIncompatible,
    PeerMisbehaved, pki_types::CertificateDer,
};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

use super::{Alert, Hello, Settings, Version, engine::Fault, fragments};

/// The most characters of a name out of a certificate that are repeated.
const MAX_NAME: usize = 80;

/// Why TLS with a device failed: the closed list. Displays as a clause without capital and full
/// stop that ends in a cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The device ended it, and told why.
    #[error("the device {} ({_0}): {}", _0.meaning().0, _0.meaning().1)]
    Alert(Alert),
    /// The device speaks no version that is allowed.
    #[error("the device offers only {offered}: {}", version_cure(*allowed))]
    OldVersion {
        /// The best that it offers.
        offered: String,
        /// The least that the server speaks.
        allowed: Version,
    },
    /// The device speaks only a version that is newer than those allowed.
    #[error("the device offers only {0}: allow that version")]
    NewVersion(
        /// What it offers.
        String,
    ),
    /// The device and the server share no cipher suite.
    #[error(
        "the device and the server have no cipher in common (it offers {0}): update it; TLS with \
         ECDHE and AES-GCM or ChaCha20 is needed"
    )]
    NoCipher(
        /// What it offers, in a few words.
        String,
    ),
    /// They share no group for the key exchange.
    #[error(
        "the device and the server have no key exchange in common: update it; P-256, P-384 or \
         X25519 is needed"
    )]
    NoGroup,
    /// The device can use none of the server's certificates.
    #[error(
        "the device cannot use the server's certificate: give the server one with RSA-2048 besides"
    )]
    NoSignature,
    /// The device presents no certificate.
    #[error("the device presents no certificate: issue one and install it with the profile")]
    NoCertificate,
    /// The device has no certificate that 192-bit mode could use, and presents none.
    #[error(
        "the device presents no certificate that is strong enough for 192-bit mode: issue one with \
         P-384, or RSA of 3072 bits"
    )]
    NoStrongCertificate,
    /// The device's certificate has run out.
    #[error("the device's certificate {who} expired{}: issue a new one", on(*.on_s))]
    Expired {
        /// Whose it is.
        who: Presented,
        /// When, in seconds since 1970.
        on_s: Option<u64>,
    },
    /// The device's certificate is not valid yet.
    #[error(
        "the device's certificate {who} is not valid{}: compare the server's clock with its date",
        until(*.from_s)
    )]
    NotYetValid {
        /// Whose it is.
        who: Presented,
        /// From when on it is, in seconds since 1970.
        from_s: Option<u64>,
    },
    /// The device's certificate has been revoked.
    #[error(
        "the device's certificate {who} was revoked{}: issue a new one if that is in order",
        on(*.on_s)
    )]
    Revoked {
        /// Whose it is.
        who: Presented,
        /// When, in seconds since 1970, if the list with the device's own certificate says so.
        on_s: Option<u64>,
    },
    /// The device's certificate comes from a CA that is not trusted for devices.
    #[error(
        "the device's certificate {who} is from {}, a CA that is not trusted: issue one from the \
         server's CA, or add that CA",
        .who.issuer
    )]
    UnknownIssuer {
        /// Whose it is.
        who: Presented,
    },
    /// The device's certificate is not for clients.
    #[error(
        "the device's certificate {0} is not for clients: issue one with the purpose clientAuth"
    )]
    WrongPurpose(Presented),
    /// The device's certificate is too weak for 192-bit mode.
    #[error(
        "the device's certificate {0} is too weak for 192-bit mode: issue one with P-384, or RSA \
         of 3072 bits, from a CA that has the same"
    )]
    TooWeak(Presented),
    /// The device does not hold the key of its certificate, or its chain is not signed as it says.
    #[error(
        "a signature of the device's certificate {0} is not valid: install it anew with its key"
    )]
    BadSignature(Presented),
    /// The device's certificate cannot be used.
    #[error("the device's certificate {who} cannot be used, {what}: issue a new one")]
    BadCertificate {
        /// Whose it is.
        who: Presented,
        /// Why.
        what: &'static str,
    },
    /// No revocation list says whether the device's certificate is revoked.
    #[error(
        "no revocation list covers the device's certificate {who}: add the list of {}, its CA",
        .who.issuer
    )]
    NoRevocationList {
        /// Whose it is.
        who: Presented,
    },
    /// The revocation list has run out, or is not its CA's.
    #[error("the revocation list for the device's certificate {who} {what}: fetch a new one")]
    BadRevocationList {
        /// Whose certificate it is.
        who: Presented,
        /// Why.
        what: String,
    },
    /// A message did not arrive as it was sent.
    #[error(
        "a TLS message of the device is not whole, {0}: try a smaller Framed-MTU, and look for \
         loss between the access point and the server"
    )]
    Fragments(#[from] fragments::Fault),
    /// What came is not TLS, or not the TLS that was due.
    #[error(
        "the device's TLS is not valid, {0}: look for an access point that alters packets, and \
         update the device"
    )]
    Garbage(String),
    /// What was resumed may not be, any more.
    #[error("the session may not be resumed: the device proves itself anew when it tries again")]
    NotResumable,
    /// A certificate is to be asked for, and there is no CA to check it against.
    #[error("no CA for devices' certificates is set: set one, or offer another method")]
    NoClientCa,
    /// TLS itself fails, here.
    #[error("the server cannot do TLS ({0}): see its TLS settings, and whether it has entropy")]
    Internal(String),
}

impl Trouble {
    /// Its name as a metric label.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Alert(alert) => alert.label(),
            Self::OldVersion { .. } => "tls_old_version",
            Self::NewVersion(_) => "tls_new_version",
            Self::NoCipher(_) => "tls_no_cipher",
            Self::NoGroup => "tls_no_group",
            Self::NoSignature => "tls_no_signature",
            Self::NoCertificate => "tls_no_certificate",
            Self::NoStrongCertificate => "tls_no_strong_certificate",
            Self::Expired { .. } => "tls_certificate_expired",
            Self::NotYetValid { .. } => "tls_certificate_not_yet_valid",
            Self::Revoked { .. } => "tls_certificate_revoked",
            Self::UnknownIssuer { .. } => "tls_certificate_unknown_issuer",
            Self::WrongPurpose(_) => "tls_certificate_wrong_purpose",
            Self::TooWeak(_) => "tls_certificate_too_weak",
            Self::BadSignature(_) => "tls_certificate_bad_signature",
            Self::BadCertificate { .. } => "tls_certificate_unusable",
            Self::NoRevocationList { .. } => "tls_no_revocation_list",
            Self::BadRevocationList { .. } => "tls_bad_revocation_list",
            Self::Fragments(_) => "tls_fragments",
            Self::Garbage(_) => "tls_garbage",
            Self::NotResumable => "tls_not_resumable",
            Self::NoClientCa => "tls_no_client_ca",
            Self::Internal(_) => "tls_internal",
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
    pub(super) fn internal(error: Error) -> Self {
        Self::Internal(error.to_string())
    }

    pub(super) fn of(fault: Fault, hello: Option<&Hello>, settings: &Settings) -> Self {
        let error = match fault {
            Fault::Tls(error) => error,
            Fault::Garbage(what) => return Self::Garbage(what.to_owned()),
        };
        match error {
            Error::AlertReceived(alert) => Self::Alert(Alert::of(alert.into())),
            Error::NoCertificatesPresented if settings.is_192_bit() => Self::NoStrongCertificate,
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::PeerIncompatible(why) => Self::incompatible(&why, hello, settings),
            Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme) => {
                Self::Garbage("it signs in a way that was not asked for".to_owned())
            }
            Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => {
                Self::Garbage("it is not TLS".to_owned())
            }
            Error::DecryptError => Self::Garbage("it cannot be decrypted".to_owned()),
            Error::General(_)
            | Error::FailedToGetCurrentTime
            | Error::FailedToGetRandomBytes
            | Error::EncryptError
            | Error::HandshakeNotComplete
            | Error::InconsistentKeys(_)
            | Error::Other(_) => Self::internal(error),
            other => Self::Garbage(other.to_string()),
        }
    }

    fn incompatible(why: &PeerIncompatible, hello: Option<&Hello>, settings: &Settings) -> Self {
        let newest = hello.and_then(best_version);
        let allowed = if settings.allows(Version::Tls12) {
            Version::Tls12
        } else {
            Version::Tls13
        };
        let least = match allowed {
            Version::Tls12 => 0x0303,
            Version::Tls13 => 0x0304,
        };
        // A hello that is too old lacks other things too, and that may be noticed first.
        if newest.is_some_and(|newest| newest < least) {
            return Self::OldVersion {
                offered: version_name(newest),
                allowed,
            };
        }
        match why {
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled => match newest {
                Some(0x0304..) if !settings.allows(Version::Tls13) => {
                    Self::NewVersion(version_name(newest))
                }
                _ => Self::OldVersion {
                    offered: version_name(newest),
                    allowed,
                },
            },
            PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NamedGroupsExtensionRequired
            | PeerIncompatible::KeyShareExtensionRequired
            | PeerIncompatible::EcPointsExtensionRequired
            | PeerIncompatible::NoEcPointFormatsInCommon
            | PeerIncompatible::UncompressedEcPointsRequired => Self::NoGroup,
            PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired => Self::NoSignature,
            PeerIncompatible::NoCipherSuitesInCommon => {
                Self::NoCipher(hello.map_or_else(|| "nothing".to_owned(), offered_suites))
            }
            other => Self::Garbage(Error::PeerIncompatible(other.clone()).to_string()),
        }
    }

    pub(super) fn of_certificate(error: &Error, who: Presented, crls: &[Vec<u8>]) -> Self {
        let error = match error {
            Error::InvalidCertificate(error) => error,
            Error::InvalidCertRevocationList(error) => {
                return Self::BadRevocationList {
                    who,
                    what: crl_trouble(error).to_owned(),
                };
            }
            other => return Self::Garbage(other.to_string()),
        };
        match error {
            CertificateError::Expired => Self::Expired { who, on_s: None },
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired {
                who,
                on_s: Some(not_after.as_secs()),
            },
            CertificateError::NotValidYet => Self::NotYetValid { who, from_s: None },
            CertificateError::NotValidYetContext { not_before, .. } => Self::NotYetValid {
                who,
                from_s: Some(not_before.as_secs()),
            },
            CertificateError::Revoked => {
                let on_s = revocation_s(crls, &who.raw_serial);
                Self::Revoked { who, on_s }
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer { who },
            CertificateError::UnknownRevocationStatus => Self::NoRevocationList { who },
            CertificateError::ExpiredRevocationList => Self::BadRevocationList {
                who,
                what: "has run out".to_owned(),
            },
            CertificateError::ExpiredRevocationListContext { next_update, .. } => {
                Self::BadRevocationList {
                    who,
                    what: format!("ran out on {}", date(next_update.as_secs())),
                }
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongPurpose(who)
            }
            CertificateError::BadSignature => Self::BadSignature(who),
            other => Self::BadCertificate {
                what: unusable(other),
                who,
            },
        }
    }
}

fn unusable(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::BadEncoding => "it is not valid X.509",
        CertificateError::UnhandledCriticalExtension => {
            "it has a critical extension that is not known"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its key or its signature is of a kind that is too old, such as SHA-1 or RSA-1024"
        }
        CertificateError::Other(other) => broken_rule(&other.to_string()),
        _ => "its chain breaks a rule",
    }
}

/// What the library has no variant for, by the name that it goes by.
fn broken_rule(name: &str) -> &'static str {
    match name {
        "CaUsedAsEndEntity" => "it is signed by itself, or a CA's",
        "EndEntityUsedAsCa" => "a certificate in its chain is not a CA's",
        "NameConstraintViolation" => "its CA may not issue for such names",
        "PathLenConstraintViolated" => "its chain is longer than a CA in it allows",
        "UnsupportedCertVersion" => "it is older than X.509 version 3",
        _ => "its chain breaks a rule",
    }
}

const fn crl_trouble(error: &CertRevocationListError) -> &'static str {
    match error {
        CertRevocationListError::BadSignature => "is not signed by its CA",
        CertRevocationListError::IssuerInvalidForCrl => {
            "is of a CA whose certificate does not allow it to sign lists"
        }
        _ => "cannot be used",
    }
}

const fn version_cure(allowed: Version) -> &'static str {
    match allowed {
        Version::Tls12 => "update it; TLS 1.2 is needed",
        Version::Tls13 => "update it, or allow TLS 1.2",
    }
}

fn best_version(hello: &Hello) -> Option<u16> {
    // Numbers of the form 0x?a?a are there to be ignored (RFC 8701).
    let offered = hello.versions.iter().copied();
    offered.filter(|version| version & 0x0f0f != 0x0a0a).max()
}

fn version_name(version: Option<u16>) -> String {
    match version {
        Some(0x0300) => "SSL 3.0".to_owned(),
        Some(0x0301) => "TLS 1.0".to_owned(),
        Some(0x0302) => "TLS 1.1".to_owned(),
        Some(0x0303) => "TLS 1.2".to_owned(),
        Some(0x0304) => "TLS 1.3".to_owned(),
        Some(other) => format!("TLS version {other:#06x}"),
        None => "versions that are not known".to_owned(),
    }
}

type IsKind = fn(u16) -> bool;

/// What kind of suites a device offers, by the numbers that are still met.
fn offered_suites(hello: &Hello) -> String {
    const SIGNALS: [u16; 2] = [0x00ff, 0x5600];
    let kinds: [(&str, IsKind); 5] = [
        ("TLS 1.3", |suite| (0x1301..=0x1305).contains(&suite)),
        ("ECDHE with GCM", |suite| {
            matches!(suite, 0xc02b | 0xc02c | 0xc02f | 0xc030 | 0xcca8 | 0xcca9)
        }),
        (
            "ECDHE with CBC",
            |suite| matches!(suite, 0xc008..=0xc00a | 0xc012..=0xc014 | 0xc023..=0xc028),
        ),
        ("DHE", |suite| {
            matches!(suite, 0x0011..=0x0016 | 0x0032 | 0x0033 | 0x0038 | 0x0039)
                || matches!(suite, 0x0067 | 0x006b | 0x009e | 0x009f)
        }),
        ("RSA key exchange", |suite| {
            matches!(
                suite,
                0x0004 | 0x0005 | 0x000a | 0x002f | 0x0035 | 0x003c | 0x003d
            ) || matches!(suite, 0x009c | 0x009d)
        }),
    ];
    let has = |is_kind: IsKind| hello.suites.iter().any(|suite| is_kind(*suite));
    let names: Vec<&str> = kinds
        .iter()
        .filter(|(_, is_kind)| has(*is_kind))
        .map(|(name, _)| *name)
        .collect();
    let count = hello
        .suites
        .iter()
        .filter(|suite| !SIGNALS.contains(suite))
        .count();
    if names.is_empty() {
        format!("{count} suites of other kinds")
    } else {
        names.join(", ")
    }
}

/// Whose a certificate is, by what it says itself. It may not be true: where the issuer is not
/// known, anybody can have written it. Displays as name and serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// Its serial number in hexadecimal.
    pub serial: String,
    raw_serial: Vec<u8>,
}

impl Presented {
    /// Reads it out of DER. Characters that could disturb a terminal are replaced, and what is too
    /// long is cut.
    pub fn of(der: &CertificateDer<'_>) -> Self {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return Self {
                subject: "that cannot be read".to_owned(),
                issuer: "nobody".to_owned(),
                serial: String::new(),
                raw_serial: Vec::new(),
            };
        };
        let raw_serial = certificate.raw_serial().to_vec();
        let serial = raw_serial.iter().take(20);
        let serial: Vec<String> = serial.map(|octet| format!("{octet:02x}")).collect();
        Self {
            subject: printable(&certificate.subject().to_string()),
            issuer: printable(&certificate.issuer().to_string()),
            serial: serial.concat(),
            raw_serial,
        }
    }
}

impl fmt::Display for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if !self.serial.is_empty() {
            write!(f, " (serial {})", self.serial)?;
        }
        Ok(())
    }
}

fn printable(name: &str) -> String {
    let clean = |c: char| {
        if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() {
            c
        } else {
            '?'
        }
    };
    let name: String = name.chars().take(MAX_NAME).map(clean).collect();
    if name.is_empty() {
        "without a name".to_owned()
    } else {
        name
    }
}

/// When a list says that it was revoked.
fn revocation_s(crls: &[Vec<u8>], serial: &[u8]) -> Option<u64> {
    crls.iter().find_map(|crl| {
        let (_, list) = CertificateRevocationList::from_der(crl).ok()?;
        let mut entries = list.iter_revoked_certificates();
        let entry = entries.find(|entry| entry.raw_serial() == serial)?;
        u64::try_from(entry.revocation_date.timestamp()).ok()
    })
}

fn on(unix_s: Option<u64>) -> String {
    unix_s.map_or_else(String::new, |unix_s| format!(" on {}", date(unix_s)))
}

fn until(unix_s: Option<u64>) -> String {
    unix_s.map_or_else(
        || " yet".to_owned(),
        |unix_s| format!(" before {}", date(unix_s)),
    )
}

/// A day in UTC, as 2026-11-21.
fn date(unix_s: u64) -> String {
    // Days are counted in eras of 400 years from 0000-03-01, so that a leap day ends its year.
    let days = unix_s / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{:04}-{month:02}-{day_of_month:02}",
        era * 400 + year + carry
    )
}

#[cfg(test)]
mod tests;
