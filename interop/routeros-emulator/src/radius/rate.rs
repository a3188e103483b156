//! What Mikrotik-Rate-Limit says, and the simple queue it becomes.

use std::fmt;

/// A rate or a size for what the router receives from the client and what it sends there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pair {
    /// From the client: its upload. Bits per second; 0 for no limit.
    pub(super) rx: u64,
    /// To the client: its download.
    pub(super) tx: u64,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.rx, self.tx)
    }
}

/// `rx[/tx] [burst [threshold [time [priority [min]]]]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RateLimit {
    /// The rates that hold.
    pub(super) rate: Pair,
    /// For a while; 0 for none.
    pub(super) burst: Pair,
    /// Below which a burst is allowed.
    pub(super) threshold: Pair,
    /// Over how many seconds the average is taken.
    pub(super) time: Pair,
    /// 1, the highest, to 8.
    pub(super) priority: u8,
    /// What is guaranteed.
    pub(super) min: Pair,
}

impl RateLimit {
    /// Only rates.
    pub(super) fn of(rate: Pair) -> Self {
        Self {
            rate,
            burst: Pair::default(),
            threshold: Pair::default(),
            time: Pair { rx: 1, tx: 1 },
            priority: 8,
            min: Pair::default(),
        }
    }

    /// Reads the attribute. Where only a burst is given its threshold is the rate.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let rate = pair(words.next().unwrap_or_default(), number)?;
        let mut limit = Self::of(rate);
        if let Some(burst) = words.next() {
            limit.burst = pair(burst, number)?;
            limit.threshold = rate;
        }
        if let Some(threshold) = words.next() {
            limit.threshold = pair(threshold, number)?;
        }
        if let Some(time) = words.next() {
            limit.time = pair(time, plain)?;
        }
        if let Some(priority) = words.next() {
            limit.priority = match plain(priority) {
                Some(priority @ 1..=8) => u8::try_from(priority).unwrap_or(8),
                _ => return Err(format!("priority {priority} is not 1 to 8")),
            };
        }
        if let Some(min) = words.next() {
            limit.min = pair(min, number)?;
            let exceeds = |min: u64, rate: u64| rate != 0 && min > rate;
            if exceeds(limit.min.rx, rate.rx) || exceeds(limit.min.tx, rate.tx) {
                return Err(format!("the minimum {min} exceeds the rate"));
            }
        }
        match words.next() {
            Some(word) => Err(format!("there is one word too many: {word}")),
            None => Ok(limit),
        }
    }

    /// The properties of the simple queue that enforces it, as the API prints them.
    pub(super) fn queue(&self) -> Vec<(&'static str, String)> {
        let Pair { rx, tx } = self.time;
        vec![
            ("max-limit", self.rate.to_string()),
            ("limit-at", self.min.to_string()),
            ("burst-limit", self.burst.to_string()),
            ("burst-threshold", self.threshold.to_string()),
            ("burst-time", format!("{rx}s/{tx}s")),
            ("priority", format!("{0}/{0}", self.priority)),
        ]
    }
}

fn pair(text: &str, read: fn(&str) -> Option<u64>) -> Result<Pair, String> {
    let (rx, tx) = text.split_once('/').unwrap_or((text, text));
    match (read(rx), read(tx)) {
        (Some(rx), Some(tx)) => Ok(Pair { rx, tx }),
        _ => Err(format!("{text:?} is no rate")),
    }
}

/// Digits, and `k` or `M` for thousands and millions.
fn number(text: &str) -> Option<u64> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'k' | b'K' => (text.get(..text.len() - 1)?, 1000),
        b'M' | b'm' => (text.get(..text.len() - 1)?, 1_000_000),
        _ => (text, 1),
    };
    plain(digits)?.checked_mul(factor)
}

fn plain(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(text: &str) -> (u64, u64) {
        let rate = RateLimit::parse(text).unwrap().rate;
        (rate.rx, rate.tx)
    }

    #[test]
    fn the_manuals_examples() {
        assert_eq!(rates("128k"), (128_000, 128_000));
        assert_eq!(rates("64k/128M"), (64_000, 128_000_000));
        let burst = RateLimit::parse("64k 256k").unwrap();
        assert_eq!(burst.burst.to_string(), "256000/256000");
        assert_eq!(
            burst.threshold.to_string(),
            "64000/64000",
            "by default the rate"
        );
        let whole = RateLimit::parse("64k/64k 256k/256k 128k/128k 10/10").unwrap();
        let time = whole
            .queue()
            .into_iter()
            .find(|(name, _)| *name == "burst-time");
        assert_eq!(time.unwrap().1, "10s/10s");
        assert_eq!(whole.threshold.rx, 128_000);
    }

    #[test]
    fn a_missing_suffix_means_bits() {
        assert_eq!(rates("10/10"), (10, 10));
    }

    #[test]
    fn priority_and_minimum() {
        let all = RateLimit::parse("10M/50M 12M/60M 8M/40M 5/6 3 1M/2M").unwrap();
        assert_eq!((all.priority, all.min.tx), (3, 2_000_000));
        assert!(RateLimit::parse("1M 0/0 0/0 1/1 9").is_err());
        assert!(RateLimit::parse("1M 0/0 0/0 1/1 8 2M").is_err());
    }

    #[test]
    fn nonsense_is_told() {
        for bad in ["", "k", "10G", "1M/", "/1M", "-1", "1.5M", "1 1 1 1 1 1 1"] {
            assert!(RateLimit::parse(bad).is_err(), "{bad}");
        }
        assert!(RateLimit::parse("99999999999999999999M").is_err());
    }
}
