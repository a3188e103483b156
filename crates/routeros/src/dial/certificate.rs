//! The certificate that a router shows.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

use crate::{error::TlsTrouble, text};

/// The most names that are read from one certificate.
const MOST_NAMES: usize = 64;

/// A certificate that was shown, and what it says of itself. Nothing of it has been checked but
/// that whoever showed it holds its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The certificate itself, in DER.
    pub der: Vec<u8>,
    /// The SHA-256 hash of the DER form: what `Trust::Pin` takes.
    pub fingerprint: [u8; 32],
    /// Whose it says it is: `CN=router1`.
    pub subject: String,
    /// Who it says has issued it. A certificate that a router signed for itself has its subject.
    pub issuer: String,
    /// The last moment it is valid.
    pub not_after: SystemTime,
    /// The DNS names and addresses of its subjectAltName extension.
    pub names: Vec<String>,
}

impl Seen {
    /// Reads a certificate.
    pub(super) fn read(der: Vec<u8>) -> Result<Self, TlsTrouble> {
        let (_, parsed) = X509Certificate::from_der(&der)
            .map_err(|_| TlsTrouble::BadCertificate("it is no X.509 certificate".to_owned()))?;
        let alternatives = parsed.subject_alternative_name().ok().flatten();
        let names = alternatives
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(name)
            .take(MOST_NAMES)
            .collect();
        let expiry = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
        Ok(Self {
            fingerprint: Sha256::digest(&der).into(),
            subject: text::quotable(&parsed.subject().to_string()),
            issuer: text::quotable(&parsed.issuer().to_string()),
            not_after: SystemTime::UNIX_EPOCH
                .checked_add(Duration::from_secs(expiry))
                .unwrap_or(SystemTime::UNIX_EPOCH),
            names,
            der,
        })
    }

    /// Whether it has run out at a moment.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.not_after < now
    }
}

fn name(of: &GeneralName<'_>) -> Option<String> {
    match of {
        GeneralName::DNSName(name) => Some(text::quotable(name)),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(|o| IpAddr::V4(Ipv4Addr::from(o)));
            let v6 = <[u8; 16]>::try_from(*octets).map(|o| IpAddr::V6(Ipv6Addr::from(o)));
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// Writes a fingerprint as RouterOS does in `/certificate print detail`: 64 hexadecimal digits.
pub fn spell_fingerprint(fingerprint: &[u8; 32]) -> String {
    let digits = fingerprint
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// Reads a fingerprint of 64 hexadecimal digits, in either case, with or without colons.
pub fn parse_fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .trim()
        .chars()
        .filter(|letter| *letter != ':')
        .map(|letter| {
            letter
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let octets: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    octets.try_into().ok()
}
