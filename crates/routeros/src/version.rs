//! Versions of RouterOS.

use std::{cmp::Ordering, fmt, str::FromStr};

/// A version such as `6.49.17`, `7.18beta2`, `7.20rc1` or `7.24.5`. A beta comes before its
/// release candidates, and these before the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// 6 or 7.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number, 0 where there is none.
    pub patch: u16,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Stage {
    Alpha(u16),
    Beta(u16),
    Candidate(u16),
    Release,
}

impl Version {
    /// A released version.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
            stage: Stage::Release,
        }
    }

    /// Whether this is the given version or a later one.
    pub fn is_at_least(&self, major: u16, minor: u16) -> bool {
        *self >= Self::new(major, minor, 0)
    }
}

/// A text that is no version of RouterOS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a RouterOS version: one looks like 7.18.2, 6.49.17 or 7.20rc1")]
pub struct NotAVersion(String);

impl FromStr for Version {
    type Err = NotAVersion;

    /// Reads what `/system/resource` prints: `7.18.2 (stable)`.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let wrong = || NotAVersion(text.chars().take(40).collect());
        let word = text.split_whitespace().next().ok_or_else(wrong)?;
        let numbers_end = word
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(word.len());
        let (numbers, stage) = word.split_at(numbers_end);
        let mut parts = numbers.split('.').map(str::parse::<u16>);
        let mut next = || parts.next().transpose().map_err(|_| wrong());
        let (major, minor) = (next()?.ok_or_else(wrong)?, next()?.ok_or_else(wrong)?);
        let patch = next()?.unwrap_or(0);
        if next()?.is_some() {
            return Err(wrong());
        }
        let numbered = |rest: &str| rest.parse::<u16>().map_err(|_| wrong());
        let stage = if stage.is_empty() {
            Stage::Release
        } else if let Some(rest) = stage.strip_prefix("rc") {
            Stage::Candidate(numbered(rest)?)
        } else if let Some(rest) = stage.strip_prefix("beta") {
            Stage::Beta(numbered(rest)?)
        } else if let Some(rest) = stage.strip_prefix("alpha") {
            Stage::Alpha(numbered(rest)?)
        } else {
            return Err(wrong());
        };
        Ok(Self {
            major,
            minor,
            patch,
            stage,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 {
            write!(f, ".{}", self.patch)?;
        }
        match self.stage {
            Stage::Alpha(number) => write!(f, "alpha{number}"),
            Stage::Beta(number) => write!(f, "beta{number}"),
            Stage::Candidate(number) => write!(f, "rc{number}"),
            Stage::Release => Ok(()),
        }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |v: &Self| (v.major, v.minor, v.patch, v.stage);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let read = |text: &str| text.parse::<Version>().unwrap();
        let order = [
            "6.42",
            "6.49.17",
            "7.1",
            "7.9.2",
            "7.10",
            "7.20beta2",
            "7.20rc1",
            "7.20",
        ];
        assert!(order.windows(2).all(|pair| read(pair[0]) < read(pair[1])));
        assert_eq!(read("7.18.2 (stable)").to_string(), "7.18.2");
        assert!(read("7.15").is_at_least(7, 15) && !read("7.15rc1").is_at_least(7, 15));
        for wrong in [
            "",
            "seven",
            "7",
            "7.x",
            "7.1.2.3",
            "7.18gamma1",
            "7.18rc",
            "99999999.1",
        ] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }
}
