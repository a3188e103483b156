//! Spans of time as RouterOS writes them: `300ms`, `1w2d3h4m5s`, `00:05:00`, `1d00:00:10`.

use std::time::Duration;

const UNITS: [(&str, u64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a span. A bare number is seconds; `none` and the empty text are no span.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() || rest == "none" {
        return None;
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        if after.starts_with(':') {
            return Some(Duration::from_millis(total.checked_add(clock(rest)?)?));
        }
        let letters = after.len()
            - after
                .trim_start_matches(|c: char| c.is_ascii_lowercase())
                .len();
        let (unit, next) = after.split_at(letters);
        let worth = match unit {
            "" if next.is_empty() => 1_000,
            _ => UNITS.iter().find(|(name, _)| *name == unit)?.1,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(worth)?)?;
        rest = next;
    }
    Some(Duration::from_millis(total))
}

/// `HH:MM:SS` or `HH:MM:SS.mmm`, in milliseconds.
fn clock(text: &str) -> Option<u64> {
    let mut parts = text.split(':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let (seconds, fraction) = parts
        .next()?
        .split_once('.')
        .map_or_else(|| Some((text.rsplit(':').next()?, "0")), Some)?;
    if parts.next().is_some() || fraction.len() > 3 {
        return None;
    }
    let milliseconds = format!("{fraction:0<3}").parse::<u64>().ok()?;
    let number = |part: &str| part.parse::<u64>().ok();
    let whole = number(hours)?
        .checked_mul(3_600)?
        .checked_add(number(minutes)?.checked_mul(60)?)?
        .checked_add(number(seconds)?)?;
    whole.checked_mul(1_000)?.checked_add(milliseconds)
}

/// Writes a span the way RouterOS does: `1w2d3h4m5s`, `300ms`, `0s`.
pub fn spell(span: Duration) -> String {
    let mut left = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, worth) in UNITS {
        if left >= worth {
            text += &(left / worth).to_string();
            text += unit;
            left %= worth;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for (text, milliseconds) in [
            ("300ms", 300),
            ("1s100ms", 1_100),
            ("5m", 300_000),
            ("00:05:00", 300_000),
            ("1d00:00:10", 86_410_000),
            ("00:00:00.100", 100),
            ("1w2d3h4m5s", 788_645_000),
            ("10", 10_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse(text),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "none",
            "5x",
            "m",
            ":",
            "1:2",
            "-5s",
            "99999999999999999999s",
            "1:2:3:4",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for milliseconds in [0, 300, 1_100, 300_000, 86_410_000, 788_645_000] {
            let span = Duration::from_millis(milliseconds);
            assert_eq!(parse(&spell(span)), Some(span), "{}", spell(span));
        }
    }
}
