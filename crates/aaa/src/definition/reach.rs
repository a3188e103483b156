//! How a NAS reaches us, and what it proves itself by there.

use std::fmt;

use portreeve_proto::Transport;
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use zeroize::Zeroizing;

use super::{Invalid, SharedSecret};

/// The most rules that one NAS may be recognised by.
pub const MARKS_MAX: usize = 32;

/// The most octets of one such rule.
pub const MARK_MAX: usize = 1100;

/// The most octets of the certificates that one NAS's own may come from: some twenty of them.
pub const CA_MAX: usize = 1 << 16;

/// How a NAS reaches us, and what it proves itself by: a shared secret where nothing else protects
/// it, a certificate or pre-shared key where TLS does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Datagrams inside DTLS (RFC 7360).
    Dtls(Recognition),
    /// A bare stream (RFC 6613): for tests and trusted links.
    Tcp(SharedSecret),
    /// A stream inside TLS, `RadSec`.
    Tls(Recognition),
    /// Bare datagrams (RFC 2865).
    Udp(SharedSecret),
}

impl Reach {
    /// What carries its packets.
    pub const fn transport(&self) -> Transport {
        match self {
            Self::Dtls(_) => Transport::Dtls,
            Self::Tcp(_) => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
            Self::Udp(_) => Transport::Udp,
        }
    }

    /// The shared secret, where there is one.
    pub const fn secret(&self) -> Option<&SharedSecret> {
        match self {
            Self::Tcp(secret) | Self::Udp(secret) => Some(secret),
            Self::Dtls(_) | Self::Tls(_) => None,
        }
    }

    /// What it is recognised by, where TLS says who it is.
    pub const fn recognition(&self) -> Option<&Recognition> {
        match self {
            Self::Dtls(recognition) | Self::Tls(recognition) => Some(recognition),
            Self::Tcp(_) | Self::Udp(_) => None,
        }
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        self.recognition().map_or(Ok(()), Recognition::validate)
    }
}

/// Shows neither secret nor key.
impl Serialize for Reach {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("transport", self.transport().label())?;
        if let Some(recognition) = self.recognition() {
            map.serialize_entry("marks", &recognition.marks)?;
            map.serialize_entry("ca", &recognition.ca)?;
            let psk = recognition.psk.as_ref();
            map.serialize_entry("psk_identity", &psk.map(PreSharedKey::identity))?;
        }
        map.end()
    }
}

/// What a NAS is recognised by when it connects over TLS or DTLS.
///
/// Without a rule and without a key it is recognised by a certificate whose subjectAltName has its
/// name, or the address it connects from where it may connect from a single one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recognition {
    /// Rules, any one of which suffices, in the form of `portreeve::tls::Mark`: `dns:nas1.example`,
    /// `ip:192.0.2.1`, `source`, `sha256:HEX`, `serial:HEX@ISSUER`, `any`.
    pub marks: Vec<String>,
    /// The CAs that its certificate must come from, in PEM, instead of those of the server.
    pub ca: Option<String>,
    /// A key shared with it, for a device that cannot handle certificates.
    pub psk: Option<PreSharedKey>,
}

impl Recognition {
    fn validate(&self) -> Result<(), Invalid> {
        if self.marks.len() > MARKS_MAX {
            return Err(Invalid::MarksMany);
        }
        for mark in &self.marks {
            match mark.len() {
                1..=MARK_MAX => {}
                _ => return Err(Invalid::MarkLength),
            }
            if mark.chars().any(char::is_control) {
                return Err(Invalid::ControlCharacter);
            }
        }
        match &self.ca {
            Some(ca) if !(1..=CA_MAX).contains(&ca.len()) => Err(Invalid::CaLength),
            _ => Ok(()),
        }
    }
}

/// A key for TLS that a NAS shares with us, and its identity, which goes over the wire in the clear
/// (RFC 9813). Wiped when dropped; neither `Debug` nor serialising shows the key.
#[derive(Clone, PartialEq, Eq)]
pub struct PreSharedKey {
    identity: String,
    key: Zeroizing<Vec<u8>>,
}

impl PreSharedKey {
    /// The longest identity, in octets (RFC 9813 section 6.2.1 asks for at least 128).
    pub const IDENTITY_MAX: usize = 1024;
    /// The shortest key, in octets (RFC 9813 section 4.1).
    pub const KEY_MIN: usize = 16;
    /// The longest key, in octets.
    pub const KEY_MAX: usize = 512;

    /// Takes over a key.
    ///
    /// # Errors
    /// An identity that is empty, too long or has control characters, or a key of a length that is
    /// not allowed.
    pub fn new(identity: impl Into<String>, key: impl Into<Vec<u8>>) -> Result<Self, Invalid> {
        let (identity, key) = (identity.into(), Zeroizing::new(key.into()));
        if !(1..=Self::IDENTITY_MAX).contains(&identity.len())
            || identity.chars().any(char::is_control)
        {
            return Err(Invalid::PskIdentity);
        }
        if !(Self::KEY_MIN..=Self::KEY_MAX).contains(&key.len()) {
            return Err(Invalid::PskLength);
        }
        Ok(Self { identity, key })
    }

    /// Its identity.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The octets, for the endpoint and the store; not for showing.
    pub fn expose(&self) -> &[u8] {
        &self.key
    }

    /// Whether it is this shared secret, as octets or written in hexadecimal: RFC 9813 section 4.1
    /// forbids using one for the other.
    pub fn is_secret(&self, secret: &SharedSecret) -> bool {
        let secret = secret.expose();
        let digit = |octet: u8| char::from(octet).to_digit(16);
        let spelt = secret.len() == 2 * self.key.len()
            && secret
                .chunks_exact(2)
                .zip(self.key.iter())
                .all(|(pair, octet)| {
                    let (high, low) = (digit(pair[0]), digit(pair[1]));
                    high.zip(low).map(|(high, low)| high * 16 + low) == Some(u32::from(*octet))
                });
        secret == self.key.as_slice() || spelt
    }
}

impl fmt::Debug for PreSharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreSharedKey")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_an_identity_and_a_length_that_the_rfc_allows() {
        let key = |identity: &str, length| PreSharedKey::new(identity, vec![7; length]).err();
        assert_eq!(key("ap", 16), None);
        assert_eq!(key(&"ü".repeat(512), 512), None);
        assert_eq!(key("", 16), Some(Invalid::PskIdentity));
        assert_eq!(key("a\u{0}", 16), Some(Invalid::PskIdentity));
        assert_eq!(key(&"a".repeat(1025), 16), Some(Invalid::PskIdentity));
        assert_eq!(key("ap", 15), Some(Invalid::PskLength));
        assert_eq!(key("ap", 513), Some(Invalid::PskLength));
    }

    #[test]
    fn a_key_that_is_a_secret_is_found_however_it_is_written() {
        let key = PreSharedKey::new("ap", *b"0123456789abcdef").unwrap();
        let is = |secret: &[u8]| key.is_secret(&SharedSecret::new(secret).unwrap());
        assert!(is(b"0123456789abcdef"));
        assert!(is(b"30313233343536373839616263646566"));
        assert!(is(b"30313233343536373839616263646566"
            .to_ascii_uppercase()
            .as_slice()));
        assert!(!is(b"0123456789abcdeg") && !is(b"30313233343536373839616263646567"));
    }

    #[test]
    fn rules_and_authorities_are_bounded() {
        let checked = |recognition: Recognition| Reach::Tls(recognition).validate();
        let marks = |marks: Vec<String>| Recognition {
            marks,
            ..Recognition::default()
        };
        assert_eq!(checked(Recognition::default()), Ok(()));
        assert_eq!(checked(marks(vec!["any".into(); 32])), Ok(()));
        assert_eq!(
            checked(marks(vec!["any".into(); 33])),
            Err(Invalid::MarksMany)
        );
        assert_eq!(
            checked(marks(vec![String::new()])),
            Err(Invalid::MarkLength)
        );
        assert_eq!(
            checked(marks(vec!["x".repeat(1101)])),
            Err(Invalid::MarkLength)
        );
        assert_eq!(
            checked(marks(vec!["dns:a\n".into()])),
            Err(Invalid::ControlCharacter)
        );
        let ca = Some("c".repeat(CA_MAX + 1));
        assert_eq!(
            checked(Recognition {
                ca,
                ..Recognition::default()
            }),
            Err(Invalid::CaLength)
        );
    }
}
