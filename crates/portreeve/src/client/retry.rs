//! When to send again (RFC 5080 section 2.2.1); time and chance are arguments.

use std::time::Duration;

/// When a request that is not answered is sent again, and when it is given up. The default is what
/// RFC 5080 section 2.2.1 recommends: 2 s, doubling up to 16 s, at most 5 times, at most 30 s, each
/// give or take 10 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// How long to wait for an answer to the first transmission (IRT).
    pub initial: Duration,
    /// The longest wait (MRT); zero for no bound.
    pub maximum: Duration,
    /// The most transmissions, the first included (MRC); 0 for no bound.
    pub count: u32,
    /// The longest time from the first transmission until the request is given up (MRD); zero for
    /// no bound.
    pub duration: Duration,
    /// The share of each wait by which it varies at random, from 0 to 1.
    pub jitter: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(2),
            maximum: Duration::from_secs(16),
            count: 5,
            duration: Duration::from_secs(30),
            jitter: 0.1,
        }
    }
}

impl Retry {
    /// One transmission, and how long to wait for its answer.
    pub fn once(wait: Duration) -> Self {
        Self {
            initial: wait,
            maximum: wait,
            count: 1,
            duration: wait,
            jitter: 0.0,
        }
    }

    /// Until there is an answer: what RFC 5080 section 2.2.1 recommends for accounting, whose
    /// records must not be lost. The waits grow up to 16 s.
    pub fn forever() -> Self {
        Self {
            count: 0,
            duration: Duration::ZERO,
            ..Self::default()
        }
    }
}

/// The waits of one request.
#[derive(Debug)]
pub(super) struct Backoff {
    retry: Retry,
    sent: u32,
    wait: Duration,
}

impl Backoff {
    pub(super) fn new(retry: Retry) -> Self {
        Self {
            retry,
            sent: 0,
            wait: Duration::ZERO,
        }
    }

    /// Transmissions so far.
    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    /// Notes a transmission, and gives how long to wait for its answer.
    /// `chance` is between -1 and 1.
    pub(super) fn transmitted(&mut self, elapsed: Duration, chance: f64) -> Duration {
        let retry = &self.retry;
        let spread = chance * retry.jitter.clamp(0.0, 1.0);
        let grown = if self.sent == 0 {
            scaled(retry.initial, 1.0 + spread)
        } else {
            scaled(self.wait, 2.0 + spread)
        };
        let bounded = !retry.maximum.is_zero() && grown > retry.maximum;
        self.wait = if bounded {
            scaled(retry.maximum, 1.0 + spread)
        } else {
            grown
        };
        self.sent = self.sent.saturating_add(1);
        if retry.duration.is_zero() {
            return self.wait;
        }
        self.wait.min(retry.duration.saturating_sub(elapsed))
    }

    /// Whether another transmission is due after the wait for the last has passed.
    pub(super) fn goes_on(&self, elapsed: Duration) -> bool {
        let counted_out = self.retry.count != 0 && self.sent >= self.retry.count;
        let timed_out = !self.retry.duration.is_zero() && elapsed >= self.retry.duration;
        !counted_out && !timed_out
    }
}

/// As `Duration::mul_f64`, which panics where there is no such duration.
fn scaled(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(retry: Retry, chance: f64) -> Vec<f64> {
        let mut backoff = Backoff::new(retry);
        let mut elapsed = Duration::ZERO;
        let mut waits = Vec::new();
        while backoff.goes_on(elapsed) && waits.len() < 8 {
            let wait = backoff.transmitted(elapsed, chance);
            elapsed += wait;
            waits.push(wait.as_secs_f64());
        }
        waits
    }

    fn about(found: &[f64], expected: &[f64]) {
        let close = found
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(
            close && found.len() == expected.len(),
            "{found:?} {expected:?}"
        );
    }

    #[test]
    fn the_recommended_waits_double_and_end_at_thirty_seconds() {
        about(&waits(Retry::default(), 0.0), &[2.0, 4.0, 8.0, 16.0]);
    }

    #[test]
    fn each_wait_varies_by_its_jitter() {
        let shortest = [1.8, 1.9 * 1.8, 1.9 * 1.9 * 1.8, 1.9 * 1.9 * 1.9 * 1.8];
        let most = &waits(Retry::default(), -1.0)[..4];
        about(most, &shortest);
        let longest = [2.2, 2.1 * 2.2, 2.1 * 2.1 * 2.2];
        about(&waits(Retry::default(), 1.0)[..3], &longest);
    }

    #[test]
    fn waits_are_bounded_by_the_maximum_give_or_take_its_jitter() {
        let waits = waits(Retry::forever(), 1.0);
        about(&waits[4..], &[17.6, 17.6, 17.6, 17.6]);
    }

    #[test]
    fn endless_waits_are_no_reason_to_panic() {
        let retry = Retry {
            initial: Duration::MAX,
            maximum: Duration::ZERO,
            jitter: f64::INFINITY,
            ..Retry::forever()
        };
        let mut backoff = Backoff::new(retry);
        assert_eq!(backoff.transmitted(Duration::MAX, 1.0), Duration::MAX);
        assert_eq!(backoff.transmitted(Duration::MAX, 1.0), Duration::MAX);
    }

    #[test]
    fn the_count_bounds_the_transmissions() {
        let retry = Retry {
            count: 2,
            ..Retry::default()
        };
        about(&waits(retry, 0.0), &[2.0, 4.0]);
        about(&waits(Retry::once(Duration::from_secs(1)), 1.0), &[1.0]);
    }

    #[test]
    fn the_last_wait_is_cut_where_the_time_is_up() {
        let retry = Retry {
            duration: Duration::from_secs(5),
            ..Retry::default()
        };
        about(&waits(retry, 0.0), &[2.0, 3.0]);
    }
}
