//! The router's clock, and how each version writes dates.

use std::time::Duration;

use jiff::{Timestamp, ToSpan as _, Zoned, tz::TimeZone};

use crate::{Machine, Release, Trap};

impl Machine {
    /// What time it is for the router: this machine's, moved by what was set.
    pub fn now(&self) -> Timestamp {
        let offset = self.lock().offset;
        let now = Timestamp::now();
        now.checked_add(offset.seconds()).unwrap_or(now)
    }

    /// The same where the router is.
    pub fn local_time(&self) -> Zoned {
        let zone = self.stored("/system/clock").into_iter().next();
        let name = zone.unwrap_or_default();
        let zone = TimeZone::get(name.text("time-zone-name")).unwrap_or(TimeZone::UTC);
        self.now().to_zoned(zone)
    }

    /// Moves the router's clock away from this machine's, in seconds.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.lock().offset = seconds;
    }

    /// How long since it started.
    pub fn uptime(&self) -> Duration {
        self.lock().started.elapsed()
    }

    /// The date as this version writes it: `jan/23/2025`, or `2025-01-23` from 7.10 on.
    pub fn date(&self) -> String {
        date(self.release(), &self.local_time())
    }

    /// Date and time as this version writes them.
    pub fn date_and_time(&self) -> String {
        let now = self.local_time();
        format!(
            "{} {}",
            date(self.release(), &now),
            now.strftime("%H:%M:%S")
        )
    }

    /// How the log writes a time of today.
    pub(crate) fn log_time(&self) -> String {
        if self.release().has_iso_dates() {
            self.date_and_time()
        } else {
            self.local_time().strftime("%H:%M:%S").to_string()
        }
    }

    /// Sets the clock from `date` and `time`, each as it was where it is not given.
    pub(crate) fn set_clock(&self, date: Option<&str>, time: Option<&str>) -> Result<(), Trap> {
        let wrong = |name: &str| Trap::of(1, format!("invalid value for argument {name}"));
        let now = self.local_time();
        let date = match date {
            Some(text) => read_date(text).ok_or_else(|| wrong("date"))?,
            None => now.date(),
        };
        let time = match time {
            Some(text) => text.parse().map_err(|_| wrong("time"))?,
            None => now.time(),
        };
        let wanted = date
            .to_datetime(time)
            .to_zoned(now.time_zone().clone())
            .map_err(|_| wrong("date"))?;
        let offset = wanted.timestamp().as_second() - Timestamp::now().as_second();
        self.set_clock_offset(offset);
        Ok(())
    }
}

pub(crate) fn date(release: Release, now: &Zoned) -> String {
    if release.has_iso_dates() {
        now.strftime("%Y-%m-%d").to_string()
    } else {
        now.strftime("%b/%d/%Y").to_string().to_ascii_lowercase()
    }
}

/// Either way of writing a date is read by every version.
pub(crate) fn read_date(text: &str) -> Option<jiff::civil::Date> {
    if let Ok(date) = text.parse() {
        return Some(date);
    }
    let mut letters = text.chars();
    let first = letters.next()?.to_ascii_uppercase();
    let text: String = std::iter::once(first).chain(letters).collect();
    jiff::civil::Date::strptime("%b/%d/%Y", text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_version_does_and_read_either_way() {
        let date = jiff::civil::date(2025, 1, 3);
        assert_eq!(read_date("2025-01-03"), Some(date));
        assert_eq!(read_date("jan/03/2025"), Some(date));
        assert_eq!(read_date("yesterday"), None);
        let zoned = date.to_zoned(TimeZone::UTC).unwrap();
        assert_eq!(super::date(Release::V7_9, &zoned), "jan/03/2025");
        assert_eq!(super::date(Release::V7_12, &zoned), "2025-01-03");
    }
}
