//! What a link is good by: 128 random bits.

use std::{fmt, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{super::identifiers::hex, ParcelsError};

/// Octets of a token.
const LENGTH: usize = 16;

/// What opens a parcel; whoever has it may fetch it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Zeroizing<[u8; LENGTH]>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// A new one that nobody can guess.
    pub(crate) fn random() -> Result<Self, ParcelsError> {
        let mut octets = Zeroizing::new([0; LENGTH]);
        getrandom::fill(&mut *octets).map_err(|_| ParcelsError::Random)?;
        Ok(Self(octets))
    }

    /// From a link; `None` for what can be no token.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let octets = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let octets: [u8; LENGTH] = octets.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(octets)))
    }

    /// As it stands in a link: 22 letters.
    pub(crate) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(*self.0)
    }

    /// What the file of its parcel is called. Looking for a file takes a time that tells something
    /// of this name at most, and from this nobody comes to the token.
    pub(super) fn file_name(&self) -> String {
        hex(&self.digest("name"))
    }

    /// The key that its parcel, and nothing else, is encrypted with.
    pub(super) fn key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.digest("key"))
    }

    fn digest(&self, purpose: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(format!("portreeve parcel {purpose}: "));
        hash.update(*self.0);
        hash.finalize().into()
    }
}

/// Whether a file can be a parcel.
pub(super) fn is_file_name(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.len() == 64 && name.bytes().all(|octet| octet.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = Token::random().unwrap();
        assert_eq!(token.text().len(), 22);
        assert!(Token::read(&token.text()) == Some(token.clone()));
        assert!(token != Token::random().unwrap());
        assert!(is_file_name(Path::new(&token.file_name())));
        assert_ne!(token.file_name(), hex(&*token.key()));
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    #[test]
    fn what_is_no_token_is_none() {
        let longer = "A".repeat(44);
        for text in [
            "",
            "..",
            "../../ca.key",
            "AAAA",
            &longer,
            "AAAAAAAAAAAAAAAAAAAAA!",
        ] {
            assert!(Token::read(text).is_none(), "{text}");
        }
    }
}
