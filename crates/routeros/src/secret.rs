//! What must not be printed.

use std::{collections::VecDeque, fmt};

use zeroize::Zeroizing;

/// Secrets shorter than this are left in a message: they would be found in any.
const SHORTEST_HIDDEN: usize = 4;

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

/// The values of a command's arguments that must not be shown.
pub(crate) fn secrets_of(arguments: &[(String, String)]) -> Vec<&str> {
    let sensitive = arguments.iter().filter(|(name, _)| is_sensitive(name));
    sensitive.map(|(_, value)| value.as_str()).collect()
}

/// A router's message without secrets that it repeats.
pub(crate) fn without<'a>(message: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let long = |secret: &&str| secret.len() >= SHORTEST_HIDDEN;
    let secrets = secrets.into_iter().filter(long);
    secrets.fold(message.to_owned(), |message, secret| {
        message.replace(secret, "[redacted]")
    })
}

/// What a router was told of late and may repeat when nobody waits for an answer any more.
#[derive(Default)]
pub(crate) struct Told(VecDeque<Zeroizing<String>>);

impl Told {
    const MOST: usize = 64;
    /// Longer ones are whole files.
    const LONGEST: usize = 256;

    /// Remembers one; the oldest of too many is forgotten.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() > Self::LONGEST || self.iter().any(|known| known == secret) {
            return;
        }
        if self.0.len() == Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back(Zeroizing::new(secret.to_owned()));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|secret| secret.as_str())
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} redacted]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_quoted_without_secrets() {
        assert_eq!(
            without("no pa55word here", ["pa55word"]),
            "no [redacted] here"
        );
        // As on a router fresh from its box.
        assert_eq!(without("wrong", [""]), "wrong");
    }

    #[test]
    fn so_many_secrets_are_remembered_and_no_files() {
        let mut told = Told::default();
        for number in 0..2 * Told::MOST {
            told.add(&format!("secret{number}"));
            told.add(&"x".repeat(Told::LONGEST + 1));
        }
        assert_eq!(told.iter().count(), Told::MOST);
        assert_eq!(told.iter().last(), Some("secret127"));
        assert_eq!(format!("{told:?}"), "[64 redacted]");
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("12345")), "[redacted]");
        assert!(is_sensitive("ipsec-secret") && is_sensitive("wpa2-pre-shared-key"));
        assert!(is_sensitive("security.passphrase"));
        assert!(!is_sensitive("address") && !is_sensitive("require-message-auth"));
    }
}
