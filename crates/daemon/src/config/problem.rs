use std::{
    fmt, io,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
};

/// Everything that is wrong with a configuration file; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn new(problems: Vec<Problem>) -> Option<Self> {
        (!problems.is_empty()).then_some(Self(problems))
    }

    pub(super) fn unreadable(file: &Path, fault: Fault) -> Self {
        Self(vec![Problem {
            file: file.to_owned(),
            place: None,
            fault,
        }])
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// One thing that is wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Where in it, if it could be read.
    pub place: Option<Place>,
    /// What is wrong there.
    pub fault: Fault,
}

/// A stretch of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In characters, at least 1; never beyond the end of the line.
    pub width: usize,
    /// The whole line.
    pub source: String,
}

impl Place {
    /// The place of a range of octets; what reaches beyond the first line is left out.
    pub(super) fn of(text: &str, range: Range<usize>) -> Self {
        let mut start = range.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let (before, after) = text.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let rest = after.lines().next().unwrap_or_default();
        let length = range.end.saturating_sub(start).min(rest.len());
        let within = rest.char_indices().filter(|(at, _)| *at < length).count();
        let (source, width) = without_secret(&[&before[line_start..], rest].concat(), within);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            width: width.max(1),
            source,
        }
    }
}

/// A line as it may be shown: what stands behind a key that looks as if it held a secret is left out,
/// because messages end up in logs and in questions to strangers.
fn without_secret(line: &str, width: usize) -> (String, usize) {
    let Some((key, _)) = line.split_once('=') else {
        return (line.to_owned(), width);
    };
    let looks_secret = |known| strsim::jaro_winkler(key.trim(), known) > 0.85;
    if ["secret", "password", "psk"].into_iter().any(looks_secret) {
        (
            format!("{key}= (not shown)"),
            width.min("(not shown)".len()),
        )
    } else {
        (line.to_owned(), width)
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The same listener twice.
    #[error("this address stands here twice")]
    AddressTwice,
    /// A key that another belongs to, which is not there.
    #[error("`{key}` needs `{other}` beside it")]
    Alone {
        /// The key.
        key: &'static str,
        /// What is missing.
        other: &'static str,
    },
    /// Something that cannot stand here, and why.
    #[error("{0}")]
    Bad(String),
    /// A key that has to be there.
    #[error("`{0}` is missing here")]
    Missing(&'static str),
    /// A secret where the RFCs fix it.
    #[error("over TLS and DTLS the secret is fixed by the RFCs: leave `secret` out")]
    SecretIsFixed,
    /// Two of the same name.
    #[error("`{0}` stands here twice; keep one")]
    Twice(String),
    /// A name that nothing has.
    #[error("there is no {what} `{name}` in this file{}", did_you_mean(nearest.as_deref()))]
    Undefined {
        /// What it would be.
        what: &'static str,
        /// The name.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// An empty list where the server needs something.
    #[error("`{0}` is empty: give at least one address, or leave the key out for the default")]
    Empty(&'static str),
    /// DTLS, and no engine that speaks it.
    #[error(
        "DTLS needs the OpenSSL engine: build with the cargo feature `openssl` \
         (`cargo build --features openssl`), or write `dtls = []`"
    )]
    NoDtls,
    /// Not an address with a port.
    #[error(
        "not an address with a port; write \"0.0.0.0:1812\", \"192.0.2.1:1812\" or \"[::]:1812\""
    )]
    NotAnAddress,
    /// Not TOML.
    #[error("{message}")]
    NotToml {
        /// What the parser says.
        message: String,
    },
    /// Not UTF-8.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// Not one of the words that may stand here.
    #[error("not one of {}{}", quoted(allowed), did_you_mean(*nearest))]
    NotOneOf {
        /// What may stand here.
        allowed: Vec<&'static str>,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// A number outside its range.
    #[error("`{key}` must be {} to {}", range.start(), range.end())]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// What may stand there.
        range: RangeInclusive<u64>,
    },
    /// A key nobody asks for.
    #[error("unknown key `{key}` in [{section}]{}", did_you_mean(*nearest))]
    UnknownKey {
        /// The key.
        key: String,
        /// The section it stands in.
        section: &'static str,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// A section nobody asks for.
    #[error("unknown section `{section}`{}", did_you_mean(*nearest))]
    UnknownSection {
        /// Its name.
        section: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    /// A value of another type.
    #[error("`{key}` must be {wanted}, not {found}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What it has to be.
        wanted: &'static str,
        /// What it is.
        found: &'static str,
    },
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!("; did you mean `{nearest}`?")
    })
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        let Some(place) = &self.place else {
            return write!(f, "{file}: {}", self.fault);
        };
        writeln!(f, "{file}:{}:{}: {}", place.line, place.column, self.fault)?;
        writeln!(f, "    {}", place.source.replace('\t', " "))?;
        let (skip, width) = (place.column - 1, place.width);
        write!(f, "    {:skip$}{:^<width$}", "", "")
    }
}
