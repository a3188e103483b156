//! What must not be printed.

use std::fmt;

use zeroize::Zeroizing;

/// A password or a shared secret. It prints as `[redacted]` and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the wire.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Whether a property of this name holds a secret, so that its value is never shown or logged.
/// The names are those that RouterOS itself hides in an export, and the ones of its commands.
pub fn is_sensitive(property: &str) -> bool {
    const EXACT: [&str; 12] = [
        "secret",
        "password",
        "passphrase",
        "response",
        "ret",
        "pin",
        "key",
        "private-key",
        "contents",
        "data",
        "script",
        "source",
    ];
    const ENDINGS: [&str; 8] = [
        "-secret",
        "-password",
        "-passphrase",
        "-pre-shared-key",
        "-key",
        "-pin",
        "-psk",
        "-community",
    ];
    // `security.passphrase` is a passphrase.
    let property = property.rsplit('.').next().unwrap_or(property);
    EXACT.contains(&property) || ENDINGS.iter().any(|ending| property.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("12345")), "[redacted]");
        assert!(is_sensitive("ipsec-secret") && is_sensitive("wpa2-pre-shared-key"));
        assert!(is_sensitive("security.passphrase"));
        assert!(!is_sensitive("address") && !is_sensitive("require-message-auth"));
    }
}
