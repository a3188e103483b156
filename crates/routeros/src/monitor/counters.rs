//! Counters of `/radius`, and what they grew by.

use crate::Record;

use super::{Counters, Entry, Incoming, Reading};

impl Counters {
    /// Of what `/radius/monitor` says. What it does not say is 0.
    pub fn of(record: &Record) -> Self {
        let count = |name: &str| record.number(name).unwrap_or(0);
        Self {
            pending: count("pending"),
            requests: count("requests"),
            accepts: count("accepts"),
            rejects: count("rejects"),
            resends: count("resends"),
            timeouts: count("timeouts"),
            bad_replies: count("bad-replies"),
            last_round_trip: record.duration("last-request-rtt"),
        }
    }

    /// What they grew by since an earlier reading. Counters that were reset in between count from
    /// zero. `pending` and `last_round_trip` are of the later reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let reset = self.requests < earlier.requests;
        let grown = |now: u64, before: u64| {
            if reset {
                now
            } else {
                now.saturating_sub(before)
            }
        };
        Self {
            pending: self.pending,
            requests: grown(self.requests, earlier.requests),
            accepts: grown(self.accepts, earlier.accepts),
            rejects: grown(self.rejects, earlier.rejects),
            resends: grown(self.resends, earlier.resends),
            timeouts: grown(self.timeouts, earlier.timeouts),
            bad_replies: grown(self.bad_replies, earlier.bad_replies),
            last_round_trip: self.last_round_trip,
        }
    }
}

impl Incoming {
    /// Of what `/radius/incoming/monitor` says. What it does not say is 0.
    pub fn of(record: &Record) -> Self {
        let count = |name: &str| record.number(name).unwrap_or(0);
        Self {
            requests: count("requests"),
            bad_requests: count("bad-requests"),
            acks: count("acks"),
            naks: count("naks"),
        }
    }
}

impl Reading {
    /// What the RADIUS counters of each entry grew by since an earlier reading. An entry that was
    /// not there before has all of its counters; entries are told apart by `.id` and address.
    pub fn radius_since(&self, earlier: &Self) -> Vec<Entry> {
        let before = |entry: &Entry| {
            let mut all = earlier.radius.iter();
            all.find(|one| one.id == entry.id && one.address == entry.address)
        };
        let restarted = match (self.uptime, earlier.uptime) {
            (Some(now), Some(then)) => now < then,
            _ => false,
        };
        let grown = |entry: &Entry| {
            let counters = match before(entry) {
                Some(then) if !restarted => entry.counters.since(&then.counters),
                _ => entry.counters,
            };
            Entry {
                counters,
                ..entry.clone()
            }
        };
        self.radius.iter().map(grown).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn monitor(requests: u64, timeouts: u64) -> Counters {
        Counters::of(
            &Record::new()
                .with("requests", requests.to_string())
                .with("timeouts", timeouts.to_string())
                .with("last-request-rtt", "20ms"),
        )
    }

    #[test]
    fn counters_grow_and_start_again() {
        let (first, second) = (monitor(10, 3), monitor(25, 3));
        let grown = second.since(&first);
        assert_eq!((grown.requests, grown.timeouts), (15, 0));
        assert_eq!(grown.last_round_trip, Some(Duration::from_millis(20)));
        let after_reset = monitor(4, 1).since(&second);
        assert_eq!((after_reset.requests, after_reset.timeouts), (4, 1));
    }

    #[test]
    fn another_entry_of_the_same_id_is_not_compared() {
        let entry = |address: &str, counters| Entry {
            id: "*1".to_owned(),
            address: address.to_owned(),
            services: Vec::new(),
            comment: String::new(),
            counters,
        };
        let reading = |entry| Reading {
            radius: vec![entry],
            ..Reading::default()
        };
        let before = reading(entry("192.0.2.1", monitor(10, 0)));
        let same = reading(entry("192.0.2.1", monitor(12, 0)));
        let other = reading(entry("192.0.2.2", monitor(12, 0)));
        assert_eq!(same.radius_since(&before)[0].counters.requests, 2);
        assert_eq!(other.radius_since(&before)[0].counters.requests, 12);
        let up = |seconds| Some(Duration::from_secs(seconds));
        let early = Reading {
            uptime: up(100),
            ..before
        };
        let restarted = Reading {
            uptime: up(5),
            ..same
        };
        assert_eq!(restarted.radius_since(&early)[0].counters.requests, 12);
    }
}
