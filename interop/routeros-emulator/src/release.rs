//! The versions of RouterOS on offer, and in what they differ outside their menus.

use std::fmt;

/// A version of RouterOS that the emulator can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the versions")]
pub enum Release {
    V6_42,
    V6_45,
    V6_49,
    V7_9,
    V7_12,
    V7_15,
    V7_18,
    V7_20,
    V7_24,
}

impl Release {
    /// All of them, oldest first.
    pub const ALL: [Self; 9] = [
        Self::V6_42,
        Self::V6_45,
        Self::V6_49,
        Self::V7_9,
        Self::V7_12,
        Self::V7_15,
        Self::V7_18,
        Self::V7_20,
        Self::V7_24,
    ];

    /// Of `7.18`, or of the whole version, `7.18.2`.
    pub fn named(text: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|release| text == release.short() || text == release.version())
    }

    /// Two numbers: `7.18`.
    pub fn short(self) -> &'static str {
        match self {
            Self::V6_42 => "6.42",
            Self::V6_45 => "6.45",
            Self::V6_49 => "6.49",
            Self::V7_9 => "7.9",
            Self::V7_12 => "7.12",
            Self::V7_15 => "7.15",
            Self::V7_18 => "7.18",
            Self::V7_20 => "7.20",
            Self::V7_24 => "7.24",
        }
    }

    /// As the router says it, without the channel: `7.18.2`.
    pub fn version(self) -> &'static str {
        match self {
            Self::V6_42 => "6.42.12",
            Self::V6_45 => "6.45.1",
            Self::V6_49 => "6.49.17",
            Self::V7_9 => "7.9.2",
            Self::V7_12 => "7.12.2",
            Self::V7_15 => "7.15",
            Self::V7_18 => "7.18.2",
            Self::V7_20 => "7.20.8",
            Self::V7_24 => "7.24",
        }
    }

    /// The release channel that stands behind the version in `/system/resource`.
    pub fn channel(self) -> &'static str {
        match self {
            Self::V6_42 | Self::V6_49 | Self::V7_20 => "long-term",
            _ => "stable",
        }
    }

    /// When it was built, as `/system/resource` says it.
    pub fn build_time(self) -> &'static str {
        match self {
            Self::V6_42 => "Feb/12/2019 09:12:23",
            Self::V6_45 => "Jun/27/2019 10:23:36",
            Self::V6_49 => "Aug/20/2024 07:53:13",
            Self::V7_9 => "May/30/2023 09:16:25",
            Self::V7_12 => "2024-01-24 09:53:22",
            Self::V7_15 => "2024-05-29 12:44:05",
            Self::V7_18 => "2025-03-11 11:59:04",
            Self::V7_20 => "2026-01-30 08:11:40",
            Self::V7_24 => "2026-09-02 10:27:36",
        }
    }

    /// Major and minor number.
    pub fn numbers(self) -> (u16, u16) {
        match self {
            Self::V6_42 => (6, 42),
            Self::V6_45 => (6, 45),
            Self::V6_49 => (6, 49),
            Self::V7_9 => (7, 9),
            Self::V7_12 => (7, 12),
            Self::V7_15 => (7, 15),
            Self::V7_18 => (7, 18),
            Self::V7_20 => (7, 20),
            Self::V7_24 => (7, 24),
        }
    }

    /// Whether this is RouterOS 6.
    pub fn is_six(self) -> bool {
        self.numbers().0 == 6
    }

    /// Whether the API says `!empty` before the `!done` of an empty list (7.18).
    pub fn says_empty(self) -> bool {
        self >= Self::V7_18
    }

    /// Whether the API knows the log-in with challenge and response (until 6.45).
    pub fn has_challenge(self) -> bool {
        self.numbers() < (6, 45)
    }

    /// Whether the API knows the log-in with name and password (6.43).
    pub fn has_plain_login(self) -> bool {
        self.numbers() >= (6, 43)
    }

    /// Whether there is REST (7.1).
    pub fn has_rest(self) -> bool {
        !self.is_six()
    }

    /// Whether dates are written `2025-01-23` (7.10) and not `jan/23/2025`.
    pub fn has_iso_dates(self) -> bool {
        self.numbers() >= (7, 10)
    }

    /// Whether an unknown parameter is named in the complaint (7).
    pub fn names_unknown_parameter(self) -> bool {
        !self.is_six()
    }

    /// Whether the address and session limits of `/ip/service` hold `max-sessions` (7.16).
    pub fn has_max_sessions(self) -> bool {
        self.numbers() >= (7, 16)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_found_by_either_name_and_they_are_in_order() {
        for release in Release::ALL {
            assert_eq!(Release::named(release.short()), Some(release));
            assert_eq!(Release::named(release.version()), Some(release));
        }
        assert_eq!(Release::named("7.1"), None);
        assert!(
            Release::ALL
                .windows(2)
                .all(|pair| pair[0].numbers() < pair[1].numbers())
        );
    }
}
