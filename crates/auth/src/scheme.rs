//! Which way of storing a credential serves which method, as one table.

use std::{fmt, str::FromStr};

/// How a subscriber tries to prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// The password itself, hidden by the shared secret (RFC 2865 section 5.2).
    Pap,
    /// MD5 over a challenge and the password (RFC 1994, RFC 2865 section 5.3).
    Chap,
    /// Microsoft's first CHAP (RFC 2433).
    MsChapV1,
    /// Microsoft's second CHAP, which also proves the server (RFC 2759).
    MsChapV2,
}

impl Method {
    /// Every method, in the order in which they are listed to people.
    pub const ALL: [Self; 4] = [Self::Pap, Self::Chap, Self::MsChapV1, Self::MsChapV2];

    /// The short lower-case name used on the command line and as a metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pap => "pap",
            Self::Chap => "chap",
            Self::MsChapV1 => "mschapv1",
            Self::MsChapV2 => "mschapv2",
        }
    }

    /// The name people use.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Pap => "PAP",
            Self::Chap => "CHAP",
            Self::MsChapV1 => "MS-CHAPv1",
            Self::MsChapV2 => "MS-CHAPv2",
        }
    }

    /// The families of log-in that rest on this method, as an administrator knows them.
    const fn families(self) -> &'static [&'static str] {
        match self {
            Self::Pap => &["PAP", "TTLS-PAP"],
            Self::Chap => &["CHAP"],
            Self::MsChapV1 | Self::MsChapV2 => &["MS-CHAP"],
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// How a credential is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// The password itself.
    Clear,
    /// MD4 of the password in UTF-16LE, as Windows keeps it.
    Nt,
    /// Argon2id (RFC 9106).
    Argon2id,
    /// Argon2i (RFC 9106).
    Argon2i,
    /// Argon2d (RFC 9106).
    Argon2d,
    /// bcrypt, `$2a$`, `$2b$` or `$2y$`.
    Bcrypt,
    /// SHA-256-crypt, `$5$`.
    Sha256Crypt,
    /// SHA-512-crypt, `$6$`.
    Sha512Crypt,
    /// yescrypt, `$y$`.
    Yescrypt,
    /// Unsalted MD5, `{MD5}`.
    Md5,
    /// Salted MD5, `{SMD5}`.
    Smd5,
    /// Unsalted SHA-1, `{SHA}`.
    Sha,
    /// Salted SHA-1, `{SSHA}`.
    Ssha,
    /// Unsalted SHA-256, `{SHA256}`.
    Sha256,
    /// Salted SHA-256, `{SSHA256}`.
    Ssha256,
    /// Unsalted SHA-512, `{SHA512}`.
    Sha512,
    /// Salted SHA-512, `{SSHA512}`.
    Ssha512,
}

/// How long checking one password takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cost {
    /// Microseconds: check it where the request is.
    Instant,
    /// Milliseconds and, for some schemes, megabytes, by design: check it on another thread.
    Slow,
}

struct Row {
    scheme: Scheme,
    label: &'static str,
    words: &'static str,
    cost: Cost,
    serves: &'static [Method],
}

const EVERY: &[Method] = &Method::ALL;
const NT: &[Method] = &[Method::Pap, Method::MsChapV1, Method::MsChapV2];
const PAP: &[Method] = &[Method::Pap];

const fn row(
    scheme: Scheme,
    label: &'static str,
    words: &'static str,
    cost: Cost,
    serves: &'static [Method],
) -> Row {
    Row {
        scheme,
        label,
        words,
        cost,
        serves,
    }
}

/// The table. Its rows are in the order of the enum.
const ROWS: [Row; 17] = [
    row(Scheme::Clear, "clear", "clear text", Cost::Instant, EVERY),
    row(Scheme::Nt, "nt", "NT hash", Cost::Instant, NT),
    row(Scheme::Argon2id, "argon2id", "argon2id", Cost::Slow, PAP),
    row(Scheme::Argon2i, "argon2i", "argon2i", Cost::Slow, PAP),
    row(Scheme::Argon2d, "argon2d", "argon2d", Cost::Slow, PAP),
    row(Scheme::Bcrypt, "bcrypt", "bcrypt", Cost::Slow, PAP),
    row(
        Scheme::Sha256Crypt,
        "sha256-crypt",
        "SHA-256-crypt",
        Cost::Slow,
        PAP,
    ),
    row(
        Scheme::Sha512Crypt,
        "sha512-crypt",
        "SHA-512-crypt",
        Cost::Slow,
        PAP,
    ),
    row(Scheme::Yescrypt, "yescrypt", "yescrypt", Cost::Slow, PAP),
    row(Scheme::Md5, "md5", "unsalted MD5", Cost::Instant, PAP),
    row(Scheme::Smd5, "smd5", "salted MD5", Cost::Instant, PAP),
    row(Scheme::Sha, "sha", "unsalted SHA-1", Cost::Instant, PAP),
    row(Scheme::Ssha, "ssha", "salted SHA-1", Cost::Instant, PAP),
    row(
        Scheme::Sha256,
        "sha256",
        "unsalted SHA-256",
        Cost::Instant,
        PAP,
    ),
    row(
        Scheme::Ssha256,
        "ssha256",
        "salted SHA-256",
        Cost::Instant,
        PAP,
    ),
    row(
        Scheme::Sha512,
        "sha512",
        "unsalted SHA-512",
        Cost::Instant,
        PAP,
    ),
    row(
        Scheme::Ssha512,
        "ssha512",
        "salted SHA-512",
        Cost::Instant,
        PAP,
    ),
];

impl Scheme {
    /// Every scheme that can be checked.
    pub const ALL: [Self; ROWS.len()] = {
        let mut all = [Self::Clear; ROWS.len()];
        let mut i = 0;
        while i < ROWS.len() {
            all[i] = ROWS[i].scheme;
            i += 1;
        }
        all
    };

    /// The schemes that [`Credential::make`](crate::Credential::make) creates. The others are
    /// only ever imported.
    pub const MADE: [Self; 7] = [
        Self::Clear,
        Self::Nt,
        Self::Argon2id,
        Self::Bcrypt,
        Self::Sha512Crypt,
        Self::Yescrypt,
        Self::Ssha512,
    ];

    const fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The short lower-case name used on the command line and as a metric label.
    pub const fn label(self) -> &'static str {
        self.row().label
    }

    /// The name people use.
    pub const fn words(self) -> &'static str {
        self.row().words
    }

    /// How long checking a password against this scheme takes.
    pub const fn cost(self) -> Cost {
        self.row().cost
    }

    /// How long proving `method` takes with a credential stored this way.
    pub fn cost_of(self, method: Method) -> Cost {
        match method {
            Method::Pap => self.cost(),
            Method::Chap | Method::MsChapV1 | Method::MsChapV2 => Cost::Instant,
        }
    }

    /// The methods that a credential stored this way can prove.
    pub const fn methods(self) -> &'static [Method] {
        self.row().serves
    }

    /// Whether a credential stored this way can prove `method`.
    pub fn serves(self, method: Method) -> bool {
        self.methods().contains(&method)
    }

    /// What a credential stored this way can and cannot do, for an administrator.
    pub fn explain_serves(self) -> Explanation {
        let mut serves = Vec::new();
        let mut lacks = Vec::new();
        for method in Method::ALL {
            let list = if self.serves(method) {
                &mut serves
            } else {
                &mut lacks
            };
            for family in method.families() {
                if !list.contains(family) {
                    list.push(*family);
                }
            }
        }
        Explanation {
            stored_as: self.words(),
            serves,
            lacks,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// The name is not that of a scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such way of storing a credential")]
pub struct UnknownScheme;

impl FromStr for Scheme {
    type Err = UnknownScheme;

    /// Reads a [`Scheme::label`], whatever its case.
    fn from_str(label: &str) -> Result<Self, UnknownScheme> {
        ROWS.iter()
            .find(|row| row.label.eq_ignore_ascii_case(label))
            .map(|row| row.scheme)
            .ok_or(UnknownScheme)
    }
}

/// What a stored credential can and cannot do. Displays as one sentence without a full stop:
/// `stored as argon2id: PAP and TTLS-PAP only; cannot serve CHAP, MS-CHAP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The scheme in words.
    pub stored_as: &'static str,
    /// The families of log-in it serves.
    pub serves: Vec<&'static str>,
    /// The families of log-in it cannot serve.
    pub lacks: Vec<&'static str>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stored as {}: ", self.stored_as)?;
        match self.serves.split_last() {
            Some((last, [])) => f.write_str(last)?,
            Some((last, rest)) => write!(f, "{} and {last}", rest.join(", "))?,
            None => f.write_str("nothing")?,
        }
        if !self.lacks.is_empty() {
            write!(f, " only; cannot serve {}", self.lacks.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_describes_its_own_scheme() {
        for (i, row) in ROWS.iter().enumerate() {
            assert_eq!(row.scheme as usize, i);
            assert_eq!(row.label.parse(), Ok(row.scheme));
        }
        assert_eq!("rot13".parse::<Scheme>(), Err(UnknownScheme));
    }

    #[test]
    fn only_reversible_knowledge_answers_a_challenge() {
        for scheme in Scheme::ALL {
            assert!(scheme.serves(Method::Pap));
            assert_eq!(scheme.serves(Method::Chap), scheme == Scheme::Clear);
            let nt = matches!(scheme, Scheme::Clear | Scheme::Nt);
            assert_eq!(scheme.serves(Method::MsChapV1), nt);
            assert_eq!(scheme.serves(Method::MsChapV2), nt);
        }
    }

    #[test]
    fn the_explanation_reads_as_a_sentence() {
        let text = |scheme: Scheme| scheme.explain_serves().to_string();
        assert_eq!(
            text(Scheme::Argon2id),
            "stored as argon2id: PAP and TTLS-PAP only; cannot serve CHAP, MS-CHAP"
        );
        assert_eq!(
            text(Scheme::Nt),
            "stored as NT hash: PAP, TTLS-PAP and MS-CHAP only; cannot serve CHAP"
        );
        assert_eq!(
            text(Scheme::Clear),
            "stored as clear text: PAP, TTLS-PAP, CHAP and MS-CHAP"
        );
    }
}
