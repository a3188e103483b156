//! The clocks of both sides.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::Record;

use super::{Code, Finding, RouterSide, scene::Scene};

const NOTABLE: Duration = Duration::from_mins(1);
const GRAVE: Duration = Duration::from_hours(1);

pub(super) fn rules(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    if scene.ours.clock_synchronised == Some(false) {
        found.push(
            Finding::warning(
                Code::OurClock,
                "this server's own clock follows no time server",
            )
            .fix("switch on time synchronisation on this server (systemd-timesyncd, chrony)"),
        );
    }
    skew(scene, found);
    time_source(scene, found);
}

fn skew(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let Some(theirs) = of_router(scene.router) else {
        return;
    };
    let ours = scene.router.read_at;
    let (by, which) = match theirs.duration_since(ours) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    if by < NOTABLE {
        return;
    }
    let what = format!(
        "the router's clock is {} {which} ours",
        crate::time::spell(Duration::from_secs(by.as_secs()))
    );
    let finding = if by < GRAVE {
        Finding::warning(Code::ClockSkew, what)
    } else {
        Finding::error(Code::ClockSkew, what)
    };
    let blame = if scene.ours.clock_synchronised == Some(false) {
        "set this server's clock right first: it follows no time server"
    } else {
        "let the router follow a time server: /system ntp client"
    };
    found.push(
        finding
            .seen(format!(
                "the router's: {}; ours: {}",
                stamp(theirs),
                stamp(ours)
            ))
            .seen("certificates, log lines and one-time passwords depend on it")
            .fix(blame),
    );
}

fn time_source(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let Some(client) = scene.router.one("/system/ntp/client") else {
        return;
    };
    // Without NTP RouterOS sets its clock from MikroTik's cloud, unless told not to.
    let cloud = scene
        .router
        .one("/ip/cloud")
        .and_then(|cloud| cloud.flag("update-time"));
    let enabled = client.flag("enabled") == Some(true);
    if !enabled && cloud == Some(true) {
        return;
    }
    let is_set = |name: &str| {
        client
            .get(name)
            .is_some_and(|text| !matches!(text, "" | "0.0.0.0" | "::"))
    };
    let servers = [
        "servers",
        "primary-ntp",
        "secondary-ntp",
        "server-dns-names",
        "dynamic-servers",
        "active-server",
    ];
    let listens = matches!(
        client.get("mode"),
        Some("broadcast" | "multicast" | "manycast")
    );
    if enabled && (listens || servers.iter().any(|name| is_set(name))) {
        return;
    }
    let seen = if enabled {
        "/system ntp client is enabled and has no server"
    } else {
        "/system ntp client is not enabled, nor /ip cloud update-time"
    };
    let setting = if scene.router.version().major < 7 {
        "/system ntp client set enabled=yes primary-ntp=ADDRESS"
    } else {
        "/system ntp client set enabled=yes servers=ADDRESS"
    };
    found.push(
        Finding::warning(
            Code::NoTimeSource,
            "the router's clock follows no time server",
        )
        .seen(seen)
        .fix(setting),
    );
}

/// The router's clock at [`RouterSide::read_at`].
pub(super) fn of_router(router: &RouterSide) -> Option<SystemTime> {
    let clock = router.one("/system/clock")?;
    let local = date_time(clock.get("date")?, clock.get("time")?)?;
    let offset = offset(clock).unwrap_or(0);
    let stamp = local.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let utc = stamp
        .checked_sub(jiff::SignedDuration::from_secs(offset))
        .ok()?;
    Some(SystemTime::from(utc))
}

/// `+02:00`, or seconds; RouterOS 6 writes negative ones as if they had no sign.
fn offset(clock: &Record) -> Option<i64> {
    let text = clock.get("gmt-offset")?;
    if let Some((hours, minutes)) = text.split_once(':') {
        let sign = if hours.starts_with('-') { -1 } else { 1 };
        let hours: i64 = hours.trim_start_matches(['+', '-']).parse().ok()?;
        let minutes: i64 = minutes.parse().ok()?;
        let inside = (0..=26).contains(&hours) && (0..60).contains(&minutes);
        return inside.then_some(sign * (hours * 3_600 + minutes * 60));
    }
    let seconds: i64 = text.parse().ok()?;
    let seconds = if seconds > i64::from(i32::MAX) {
        seconds - (1 << 32)
    } else {
        seconds
    };
    (seconds.abs() <= 26 * 3_600).then_some(seconds)
}

/// Reads a date as RouterOS writes it: `2025-01-23`, and up to 7.9 `jan/23/2025`.
fn date_time(date: &str, time: &str) -> Option<civil::DateTime> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let time = time.parse::<civil::Time>().ok()?;
    if let Ok(date) = date.parse::<civil::Date>() {
        return Some(date.to_datetime(time));
    }
    let mut parts = date.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month))?
        + 1;
    let date = civil::Date::new(
        year.parse().ok()?,
        i8::try_from(month).ok()?,
        day.parse().ok()?,
    )
    .ok()?;
    parts.next().is_none().then(|| date.to_datetime(time))
}

/// Reads `2025-01-23 02:52:34` or `jan/23/2025 02:52:34`, as if in UTC: certificates are.
pub(super) fn moment(text: &str) -> Option<SystemTime> {
    let (date, time) = text.trim().split_once(' ')?;
    let zoned = date_time(date, time)?.to_zoned(TimeZone::UTC).ok()?;
    Some(SystemTime::from(zoned.timestamp()))
}

/// A moment in words, in UTC, to the second.
pub(super) fn stamp(moment: SystemTime) -> String {
    match Timestamp::try_from(moment) {
        Ok(stamp) => stamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => "a time out of range".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_date_are_the_same_moment() {
        let new = moment("2025-01-23 02:52:34").unwrap();
        assert_eq!(moment("jan/23/2025 02:52:34"), Some(new));
        assert_eq!(stamp(new), "2025-01-23 02:52:34 UTC");
        for wrong in [
            "",
            "2025-13-01 00:00:00",
            "foo/01/2025 00:00:00",
            "2025-01-01",
        ] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_zone_is_taken_off() {
        for (offset, hours) in [
            ("+02:00", 2i64),
            ("-05:00", -5),
            ("7200", 2),
            ("4294949296", -5),
            ("0", 0),
        ] {
            let clock = Record::new()
                .with("date", "2025-01-23")
                .with("time", "12:00:00")
                .with("gmt-offset", offset);
            let mut side = RouterSide::new(crate::Version::new(7, 18, 0), SystemTime::UNIX_EPOCH);
            side.set("/system/clock", super::super::Menu::Items(vec![clock]));
            let utc = format!("2025-01-23 {:02}:00:00 UTC", 12 - hours);
            assert_eq!(of_router(&side).map(stamp), Some(utc), "{offset}");
        }
    }
}
