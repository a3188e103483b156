use std::{ops::RangeInclusive, time::Duration};

use portreeve_routeros::time;

use super::{Fault, reader::Section};

const MINUTE: u64 = 60;
const LEAST: u64 = 10;
const DAY: u64 = 24 * 60 * MINUTE;

/// How often the server looks at the routers that are enrolled, and what it keeps of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routers {
    /// Between two looks at one router, ten seconds to a week; `None` where it does not look.
    pub check: Option<Duration>,
    /// Between two backups of one router, ten minutes to a year; `None` where it makes none.
    pub backup: Option<Duration>,
    /// How long a session is silent before it is looked for on its router, ten seconds to a week;
    /// `None` where it is not.
    pub silent: Option<Duration>,
    /// How many backups of a router are kept, 1 to 10000.
    pub keep: usize,
    /// For how many days a backup is kept, 1 to 3650; `None` where only their number counts.
    pub keep_days: Option<u32>,
}

impl Default for Routers {
    fn default() -> Self {
        Self {
            check: Some(Duration::from_hours(1)),
            backup: Some(Duration::from_hours(24)),
            silent: Some(Duration::from_mins(15)),
            keep: 30,
            keep_days: None,
        }
    }
}

impl Routers {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        span(section, "check", LEAST..=7 * DAY, &mut self.check);
        span(section, "backup", 10 * MINUTE..=365 * DAY, &mut self.backup);
        span(section, "silent", LEAST..=7 * DAY, &mut self.silent);
        section.number("keep", 1..=10_000, &mut self.keep);
        let mut days = self.keep_days.unwrap_or(0);
        section.number("keep_days", 0..=3_650, &mut days);
        self.keep_days = (days > 0).then_some(days);
    }
}

/// A span of time such as `"1h"`, or `"0"` for never.
fn span(
    section: &mut Section<'_, '_>,
    key: &'static str,
    seconds: RangeInclusive<u64>,
    into: &mut Option<Duration>,
) {
    let Some((at, text)) = section.text(key) else {
        return;
    };
    match time::parse(&text) {
        Some(Duration::ZERO) => *into = None,
        Some(read) if seconds.contains(&read.as_secs()) => *into = Some(read),
        _ => {
            let [least, most] = [*seconds.start(), *seconds.end()]
                .map(|seconds| time::spell(Duration::from_secs(seconds)));
            let words = format!(
                "not a span of time from {least} to {most} such as \"1h\", \"30m\" or \"1d\", nor \
                 \"0\" for never"
            );
            section.problem(Some(at), Fault::Bad(words));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Problems};

    fn parse(text: &str) -> Result<Routers, Problems> {
        Ok(Config::parse(Path::new("portreeve.toml"), text)?.routers)
    }

    #[test]
    fn spans_are_read_and_nought_is_never() {
        let read = parse(
            "[routers]\ncheck = '90m'\nbackup = '0'\nsilent = '20m'\nkeep = 7\nkeep_days = 90\n",
        );
        let expected = Routers {
            check: Some(Duration::from_mins(90)),
            backup: None,
            silent: Some(Duration::from_mins(20)),
            keep: 7,
            keep_days: Some(90),
        };
        assert_eq!(read.unwrap(), expected);
        assert_eq!(parse("").unwrap(), Routers::default());
    }

    #[test]
    fn what_is_no_span_is_told_with_its_place() {
        for line in [
            "check = '1s'",
            "check = 'often'",
            "backup = '1m'",
            "backup = ''",
            "silent = '9s'",
        ] {
            let said = parse(&format!("[routers]\n{line}\n"))
                .unwrap_err()
                .to_string();
            assert!(said.contains("portreeve.toml:2:"), "{said}");
            assert!(said.contains("never"), "{said}");
        }
        assert!(parse("[routers]\ncheck = 3600\n").is_err());
    }
}
