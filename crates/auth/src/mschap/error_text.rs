//! The text of MS-CHAP-Error: `E=691 R=0 C=... V=3 M=...`.

use std::fmt;

/// The error codes of RFC 2433 section 8 and RFC 2759 section 6.
pub mod code {
    /// Log-on is not allowed at this time.
    pub const RESTRICTED_LOGON_HOURS: u32 = 646;
    /// The account is disabled.
    pub const ACCOUNT_DISABLED: u32 = 647;
    /// The password has expired.
    pub const PASSWORD_EXPIRED: u32 = 648;
    /// The account may not dial in.
    pub const NO_DIALIN_PERMISSION: u32 = 649;
    /// The user name or the password is wrong.
    pub const AUTHENTICATION_FAILURE: u32 = 691;
    /// The password could not be changed.
    pub const CHANGING_PASSWORD: u32 = 709;
}

/// The longest challenge a text carries, in octets.
const MAX_CHALLENGE: usize = 16;

/// What a server says when it refuses an MS-CHAP log-in: RFC 2433 section 8 (version 1) and
/// RFC 2759 section 6 (version 2). Displays as the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorText {
    /// The reason, one of [`code`].
    pub code: u32,
    /// Whether the peer may try again on this link.
    pub retry: bool,
    /// The challenge for the next try: 16 octets in version 2, 8 or none in version 1.
    pub challenge: Vec<u8>,
    /// The version of the password-changing protocol: 2 in version 1, 3 in version 2.
    pub version: u32,
    /// A message for a person; version 1 has none.
    pub message: String,
}

impl ErrorText {
    /// The version 1 text for "wrong name or password, do not try again".
    pub fn v1_refused(challenge: &[u8; 8]) -> Self {
        Self {
            code: code::AUTHENTICATION_FAILURE,
            retry: false,
            challenge: challenge.to_vec(),
            version: 2,
            message: String::new(),
        }
    }

    /// The version 2 text for "wrong name or password, do not try again". `message` must not
    /// say more than a stranger may know.
    pub fn v2_refused(challenge: &[u8; 16], message: &str) -> Self {
        Self {
            code: code::AUTHENTICATION_FAILURE,
            retry: false,
            challenge: challenge.to_vec(),
            version: 3,
            message: message.to_owned(),
        }
    }

    /// Reads the text. Fields may be in any order before `M=`, which takes the rest; unknown
    /// fields are ignored. `None` without a code, or if a field's value cannot be read.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let (fields, message) = match text.split_once("M=") {
            Some((fields, message)) => (fields, message),
            None => (text, ""),
        };
        let mut code = None;
        let mut parsed = Self {
            code: 0,
            retry: false,
            challenge: Vec::new(),
            version: 1,
            message: message.trim_end_matches('\0').to_owned(),
        };
        for field in fields.split_ascii_whitespace() {
            match field.split_once('=') {
                Some(("E", value)) => code = Some(value.parse().ok()?),
                Some(("R", value)) => parsed.retry = value == "1",
                Some(("C", value)) => parsed.challenge = unhex(value)?,
                Some(("V", value)) => parsed.version = value.parse().ok()?,
                _ => {}
            }
        }
        parsed.code = code?;
        Some(parsed)
    }
}

impl fmt::Display for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E={} R={}", self.code, u8::from(self.retry))?;
        if !self.challenge.is_empty() {
            f.write_str(" C=")?;
            for octet in &self.challenge {
                write!(f, "{octet:02X}")?;
            }
        }
        write!(f, " V={}", self.version)?;
        if !self.message.is_empty() {
            write!(f, " M={}", self.message)?;
        }
        Ok(())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() > 2 * MAX_CHALLENGE {
        return None;
    }
    let nibble = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
    };
    digits
        .chunks_exact(2)
        .map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_spelt_as_the_rfcs_say() {
        assert_eq!(
            ErrorText::v1_refused(&[0xab; 8]).to_string(),
            "E=691 R=0 C=ABABABABABABABAB V=2"
        );
        assert_eq!(
            ErrorText::v2_refused(&[1; 16], "Authentication failed").to_string(),
            "E=691 R=0 C=01010101010101010101010101010101 V=3 M=Authentication failed"
        );
    }

    #[test]
    fn a_text_reads_back() {
        for text in [
            ErrorText::v1_refused(&[9; 8]),
            ErrorText::v2_refused(&[200; 16], "Kein Zutritt, E=1 R=1"),
        ] {
            assert_eq!(ErrorText::parse(text.to_string().as_bytes()), Some(text));
        }
        let bare = ErrorText::parse(b"E=0000000648 R=1 X=7").unwrap();
        assert_eq!(
            (bare.code, bare.retry, bare.version),
            (code::PASSWORD_EXPIRED, true, 1)
        );
    }

    #[test]
    fn a_text_that_is_none_is_refused() {
        let long = format!("E=691 C={}", "00".repeat(17));
        for text in [
            "",
            "R=0",
            "E=",
            "E=x",
            "E=99999999999",
            "E=691 C=0",
            "E=691 C=zz",
            &long,
        ] {
            assert_eq!(ErrorText::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(ErrorText::parse(&[b'E', b'=', 0xff]), None);
    }
}
