//! Packets that met silence, and connections that were refused, gathered by who sent them and why:
//! a stranger can neither fill the memory nor the log.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// The most pairs of address and reason that are remembered.
const MOST: usize = 512;
/// The least time between two reports of one pair.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a pair that says no more is remembered.
const FORGET: Duration = Duration::from_mins(1);

/// What is to be said of one source and one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report<R, D> {
    pub(super) from: SocketAddr,
    pub(super) reason: R,
    /// How many packets or connections, at least one.
    pub(super) packets: u64,
    /// What there is to say of the first of them.
    pub(super) details: D,
}

/// Counts by source and reason. Its room is taken once; counting itself allocates nothing.
#[derive(Debug)]
pub(super) struct Tallies<R, D = ()> {
    tallies: HashMap<(IpAddr, R), Tally<D>>,
    /// Packets of pairs there was no room for.
    overflow: u64,
}

#[derive(Debug)]
struct Tally<D> {
    port: u16,
    unreported: u64,
    details: D,
    last: Instant,
    reported: Option<Instant>,
}

impl<R: Copy + Eq + Hash, D: Default> Tallies<R, D> {
    pub(super) fn new() -> Self {
        Self {
            tallies: HashMap::with_capacity(MOST),
            overflow: 0,
        }
    }

    /// Counts a packet or connection. The details are asked for when it is the first since the last
    /// report.
    pub(super) fn count(
        &mut self,
        now: Instant,
        from: SocketAddr,
        reason: R,
        details: impl FnOnce() -> D,
    ) {
        let key = (from.ip(), reason);
        if let Some(tally) = self.tallies.get_mut(&key) {
            if tally.unreported == 0 {
                tally.details = details();
            }
            tally.unreported = tally.unreported.saturating_add(1);
            tally.port = from.port();
            tally.last = now;
        } else if self.tallies.len() < MOST {
            let tally = Tally {
                port: from.port(),
                unreported: 1,
                details: details(),
                last: now,
                reported: None,
            };
            self.tallies.insert(key, tally);
        } else {
            self.overflow = self.overflow.saturating_add(1);
        }
    }

    /// What is due to be said, at most `most` reports, and how many packets nobody was remembered
    /// for.
    pub(super) fn due(&mut self, now: Instant, most: usize) -> (Vec<Report<R, D>>, u64) {
        let mut reports = Vec::new();
        for ((address, reason), tally) in &mut self.tallies {
            let paused = tally
                .reported
                .is_some_and(|at| now.saturating_duration_since(at) < PAUSE);
            if tally.unreported == 0 || paused || reports.len() >= most {
                continue;
            }
            reports.push(Report {
                from: SocketAddr::new(*address, tally.port),
                reason: *reason,
                packets: std::mem::take(&mut tally.unreported),
                details: std::mem::take(&mut tally.details),
            });
            tally.reported = Some(now);
        }
        self.tallies.retain(|_, tally| {
            tally.unreported > 0 || now.saturating_duration_since(tally.last) < FORGET
        });
        (reports, std::mem::take(&mut self.overflow))
    }
}

#[cfg(test)]
mod tests {
    use portreeve::Discard;

    use super::*;

    fn from(last: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::from((0x0a00_0000 + last).to_be_bytes()), 1024)
    }

    #[test]
    fn the_first_packet_is_told_at_once_and_more_of_the_same_after_a_pause() {
        let mut tallies = Tallies::<Discard>::new();
        let start = Instant::now();
        tallies.count(start, from(1), Discard::UnknownPeer, || ());
        let (told, _) = tallies.due(start, 10);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].from, told[0].packets), (from(1), 1));
        for _ in 0..1000 {
            tallies.count(start, from(1), Discard::UnknownPeer, || ());
        }
        assert_eq!(tallies.due(start + PAUSE / 2, 10).0, []);
        let (told, _) = tallies.due(start + PAUSE, 10);
        assert_eq!(told[0].packets, 1000);
    }

    #[test]
    fn the_first_since_a_report_gives_the_details() {
        let mut tallies = Tallies::<u8, &str>::new();
        let start = Instant::now();
        for details in ["first", "second"] {
            tallies.count(start, from(1), 1, || details);
        }
        assert_eq!(tallies.due(start, 10).0[0].details, "first");
        tallies.count(start, from(1), 1, || "third");
        assert_eq!(tallies.due(start + PAUSE, 10).0[0].details, "third");
    }

    #[test]
    fn reasons_are_told_apart() {
        let mut tallies = Tallies::<Discard>::new();
        let now = Instant::now();
        tallies.count(now, from(1), Discard::MessageAuthenticatorWrong, || ());
        tallies.count(now, from(1), Discard::MessageAuthenticatorMissing, || ());
        assert_eq!(tallies.due(now, 10).0.len(), 2);
    }

    #[test]
    fn a_flood_from_everywhere_takes_no_more_room_than_was_taken_at_first() {
        let mut tallies = Tallies::<Discard>::new();
        let room = tallies.tallies.capacity();
        let now = Instant::now();
        for last in 0..100_000 {
            tallies.count(now, from(last), Discard::UnknownPeer, || ());
        }
        assert_eq!(tallies.tallies.capacity(), room);
        let (told, overflow) = tallies.due(now, 20);
        assert_eq!(told.len(), 20);
        assert_eq!(overflow, 100_000 - MOST as u64);
        // What has been told is forgotten after a while, and there is room again.
        tallies.due(now, MOST);
        tallies.due(now + FORGET, MOST);
        assert!(tallies.tallies.is_empty());
    }
}
