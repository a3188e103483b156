//! Words that several listings share.

use portreeve_aaa::definition::{DEFAULT_PRIORITY, Membership};

/// The groups of a user, the priority only where it is not the usual one.
pub(super) fn groups(groups: &[Membership]) -> String {
    let words: Vec<String> = groups
        .iter()
        .map(|member| match member.priority {
            DEFAULT_PRIORITY => member.group.clone(),
            priority => format!("{}:{priority}", member.group),
        })
        .collect();
    words.join(", ")
}

/// A number of octets for people.
pub(super) fn octets(octets: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("T", 1 << 40),
        ("G", 1 << 30),
        ("M", 1 << 20),
        ("K", 1 << 10),
    ];
    match UNITS.iter().find(|(_, unit)| octets >= *unit) {
        Some((name, unit)) => {
            let tenths = u128::from(octets) * 10 / u128::from(*unit);
            format!("{}.{}{name}", tenths / 10, tenths % 10)
        }
        None => octets.to_string(),
    }
}

/// A duration in seconds for people.
pub(super) fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours:02}h"),
    }
}

/// A moment in milliseconds since 1970, in the time zone of this machine.
pub(super) fn moment(milliseconds: u64) -> String {
    let zoned = i64::try_from(milliseconds)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map(|at| at.to_zoned(jiff::tz::TimeZone::system()));
    zoned.map_or_else(
        || milliseconds.to_string(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// A moment in milliseconds since 1970, as RFC 3339 has it, in UTC.
pub(super) fn rfc3339(milliseconds: u64) -> String {
    let at = i64::try_from(milliseconds)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| milliseconds.to_string(), |at| format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(octets(999), "999");
        assert_eq!(octets(1536), "1.5K");
        assert_eq!(octets(u64::MAX), "16777215.9T");
        assert_eq!(duration(59), "59s");
        assert_eq!(duration(61), "1m01s");
        assert_eq!(duration(3_660), "1h01m");
        assert_eq!(duration(90_000), "1d01h");
    }

    #[test]
    fn a_moment_is_written_as_rfc_3339_has_it() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(u64::MAX), u64::MAX.to_string());
    }

    #[test]
    fn only_an_unusual_priority_is_shown() {
        let mut groups = vec![Membership::new("staff"), Membership::new("vip")];
        groups[1].priority = 5;
        assert_eq!(super::groups(&groups), "staff, vip:5");
    }
}
