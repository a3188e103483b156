//! What came of a load: outcomes, discarded replies, latencies.

use std::time::Duration;

use hdrhistogram::Histogram;
use portreeve_proto::{BadReply, Code};

/// The longest latency that is told apart, in microseconds: ten minutes.
const LONGEST: u64 = 600_000_000;
/// Decimal digits that latencies are kept to.
const DIGITS: u8 = 3;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Accept,
    /// A log-in by EAP that neither side ended as it should.
    Broken,
    Challenge,
    /// The server has the request and cannot serve it: Protocol-Error.
    Failed,
    /// Sent as often as allowed, and no reply that verifies.
    NoAnswer,
    Recorded,
    Reject,
    /// Accepted, but the server did not prove that it knows the password.
    Unproven,
    /// Still waiting when the time was over.
    Unfinished,
}

impl Outcome {
    pub(crate) const ALL: [Self; 9] = [
        Self::Accept,
        Self::Broken,
        Self::Challenge,
        Self::Failed,
        Self::NoAnswer,
        Self::Recorded,
        Self::Reject,
        Self::Unproven,
        Self::Unfinished,
    ];

    /// The outcome that an answer's code means by itself.
    pub(crate) const fn of(code: Code) -> Option<Self> {
        match code {
            Code::ACCESS_ACCEPT => Some(Self::Accept),
            Code::ACCESS_CHALLENGE => Some(Self::Challenge),
            Code::ACCESS_REJECT => Some(Self::Reject),
            Code::ACCOUNTING_RESPONSE => Some(Self::Recorded),
            _ => None,
        }
    }

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Broken => "broken",
            Self::Challenge => "challenge",
            Self::Failed => "protocol_error",
            Self::NoAnswer => "no_answer",
            Self::Recorded => "recorded",
            Self::Reject => "reject",
            Self::Unfinished => "unfinished",
            Self::Unproven => "server_unproven",
        }
    }
}

/// Why a datagram was not taken for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dropped {
    /// An authenticator does not verify.
    Authenticator,
    /// No request waits for it: late, or sent twice.
    Late,
    /// Broken, or no answer to what was asked.
    Malformed,
    /// Message-Authenticator is missing.
    Unprotected,
}

impl Dropped {
    pub(crate) const ALL: [Self; 4] = [
        Self::Authenticator,
        Self::Late,
        Self::Malformed,
        Self::Unprotected,
    ];

    pub(crate) const fn of(bad: BadReply) -> Self {
        match bad {
            BadReply::MessageAuthenticatorMissing => Self::Unprotected,
            BadReply::MessageAuthenticatorWrong | BadReply::ResponseAuthenticatorWrong => {
                Self::Authenticator
            }
            BadReply::Code
            | BadReply::Identifier
            | BadReply::Malformed(_)
            | BadReply::MessageAuthenticatorMalformed => Self::Malformed,
        }
    }

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Authenticator => "wrong_authenticator",
            Self::Late => "late_or_twice",
            Self::Malformed => "malformed",
            Self::Unprotected => "no_message_authenticator",
        }
    }
}

/// The sum of what happened on one or several sockets.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    outcomes: [u64; Outcome::ALL.len()],
    dropped: [u64; Dropped::ALL.len()],
    /// Requests sent once more.
    pub(crate) retransmissions: u64,
    /// Times the system said that nobody listens there.
    pub(crate) refused: u64,
    /// Times the system did not take a datagram.
    pub(crate) unsent: u64,
    /// Microseconds.
    latencies: Histogram<u64>,
}

/// Two bounds that exclude each other; never with constants that do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("latencies cannot be kept")]
pub(crate) struct BadBounds;

impl Tally {
    pub(crate) fn new() -> Result<Self, BadBounds> {
        let latencies = Histogram::new_with_bounds(1, LONGEST, DIGITS).map_err(|_| BadBounds)?;
        Ok(Self {
            outcomes: Default::default(),
            dropped: Default::default(),
            retransmissions: 0,
            refused: 0,
            unsent: 0,
            latencies,
        })
    }

    /// Counts a request that got no reply.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        self.outcomes[outcome as usize] += 1;
    }

    /// Counts a request and how long its reply took.
    pub(crate) fn reply(&mut self, outcome: Outcome, latency: Duration) {
        self.end(outcome);
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies
            .saturating_record(microseconds.clamp(1, LONGEST));
    }

    pub(crate) fn drop_reply(&mut self, dropped: Dropped) {
        self.dropped[dropped as usize] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in self.outcomes.iter_mut().zip(other.outcomes) {
            *sum += more;
        }
        for (sum, more) in self.dropped.iter_mut().zip(other.dropped) {
            *sum += more;
        }
        self.retransmissions += other.retransmissions;
        self.refused += other.refused;
        self.unsent += other.unsent;
        // Both have the same bounds, the only thing that this can fail over.
        self.latencies.add(&other.latencies).ok();
    }

    pub(crate) fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    pub(crate) fn dropped(&self, dropped: Dropped) -> u64 {
        self.dropped[dropped as usize]
    }

    /// Requests that have ended, in whatever way.
    pub(crate) fn requests(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Requests that got a reply that verifies.
    pub(crate) fn answered(&self) -> u64 {
        self.latencies.len()
    }

    /// Milliseconds that this share of the replies took at most, 0.0 to 1.0.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        milliseconds(self.latencies.value_at_quantile(share))
    }

    /// The mean latency in milliseconds.
    pub(crate) fn mean(&self) -> f64 {
        self.latencies.mean() / 1000.0
    }

    /// The longest latency in milliseconds.
    pub(crate) fn longest(&self) -> f64 {
        milliseconds(self.latencies.max())
    }

    /// The shortest latency in milliseconds.
    pub(crate) fn shortest(&self) -> f64 {
        milliseconds(self.latencies.min())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "at most ten minutes in microseconds, which an f64 holds exactly"
)]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_every_outcome_and_latency() {
        let mut sum = Tally::new().unwrap();
        for latency in 1..=100 {
            let mut one = Tally::new().unwrap();
            one.reply(Outcome::Accept, Duration::from_millis(latency));
            one.drop_reply(Dropped::Late);
            sum.add(&one);
        }
        sum.end(Outcome::NoAnswer);
        assert_eq!((sum.requests(), sum.answered()), (101, 100));
        assert_eq!(sum.count(Outcome::Accept), 100);
        assert_eq!(sum.dropped(Dropped::Late), 100);
        assert!((49.9..50.2).contains(&sum.percentile(0.5)));
        assert!((99.9..100.2).contains(&sum.longest()));
    }

    #[test]
    fn places_and_labels_are_their_own() {
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
        for (index, dropped) in Dropped::ALL.into_iter().enumerate() {
            assert_eq!(dropped as usize, index);
        }
        let labels: std::collections::HashSet<_> = Outcome::ALL.map(Outcome::label).into();
        assert_eq!(labels.len(), Outcome::ALL.len());
    }
}
