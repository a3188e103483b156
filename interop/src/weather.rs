//! What a bad network does to datagrams, decided by a seed so that a run can be repeated.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// How bad it is: parts of a hundred that meet each fate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Where the choices begin.
    pub seed: u64,
    /// Never arrive.
    pub lost: u64,
    /// Arrive twice.
    pub doubled: u64,
    /// Arrive late, so that others overtake them.
    pub late: u64,
    /// How late, at most.
    pub delay: Duration,
}

/// What has happened until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fates {
    /// Datagrams that never arrived.
    pub lost: u64,
    /// Datagrams that arrived twice.
    pub doubled: u64,
    /// Datagrams that others may have overtaken.
    pub late: u64,
}

/// When it arrives, its number, whether it goes to the server, the datagram.
type Flight = (Instant, u64, bool, Vec<u8>);

/// Datagrams on their way.
#[derive(Debug)]
pub(crate) struct Sky {
    weather: Weather,
    state: u64,
    count: u64,
    fates: Fates,
    under_way: BinaryHeap<Reverse<Flight>>,
}

impl Sky {
    pub(crate) fn new(weather: Weather) -> Self {
        Self {
            weather,
            state: weather.seed,
            count: 0,
            fates: Fates::default(),
            under_way: BinaryHeap::new(),
        }
    }

    pub(crate) fn fates(&self) -> Fates {
        self.fates
    }

    /// Decides what becomes of a datagram towards the server, or back from it.
    pub(crate) fn enter(&mut self, now: Instant, to_server: bool, bytes: &[u8]) {
        if self.happens(self.weather.lost) {
            self.fates.lost += 1;
            return;
        }
        let copies = if self.happens(self.weather.doubled) {
            self.fates.doubled += 1;
            2
        } else {
            1
        };
        for _ in 0..copies {
            let mut arrival = now;
            if self.happens(self.weather.late) {
                self.fates.late += 1;
                let most = u64::try_from(self.weather.delay.as_micros()).unwrap_or(u64::MAX);
                arrival += Duration::from_micros(self.next() % most.max(1));
            }
            self.count += 1;
            let entry = (arrival, self.count, to_server, bytes.to_vec());
            self.under_way.push(Reverse(entry));
        }
    }

    /// The next datagram that has arrived by now.
    pub(crate) fn leave(&mut self, now: Instant) -> Option<(bool, Vec<u8>)> {
        let Reverse((arrival, ..)) = self.under_way.peek()?;
        if *arrival > now {
            return None;
        }
        let Reverse((_, _, to_server, bytes)) = self.under_way.pop()?;
        Some((to_server, bytes))
    }

    fn happens(&mut self, percent: u64) -> bool {
        // Nothing is drawn for what never happens, so that the rest stays as it was.
        percent > 0 && self.next() % 100 < percent
    }

    /// The generator called `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(weather: Weather) -> (Vec<Vec<u8>>, Fates) {
        let mut sky = Sky::new(weather);
        let now = Instant::now();
        for number in 0..200 {
            sky.enter(now, true, &[number]);
        }
        let later = now + Duration::from_mins(1);
        let all = std::iter::from_fn(|| sky.leave(later));
        (all.map(|(_, bytes)| bytes).collect(), sky.fates())
    }

    #[test]
    fn fair_weather_changes_nothing() {
        let (arrived, fates) = arrivals(Weather::default());
        assert_eq!(arrived, (0..200).map(|n| vec![n]).collect::<Vec<_>>());
        assert_eq!(fates, Fates::default());
    }

    #[test]
    fn a_seed_decides_who_is_lost_doubled_and_overtaken() {
        let weather = Weather {
            seed: 7,
            lost: 20,
            doubled: 20,
            late: 20,
            delay: Duration::from_millis(50),
        };
        let (arrived, fates) = arrivals(weather);
        assert!(fates.lost > 20 && fates.doubled > 15 && fates.late > 20);
        assert_eq!(arrived.len() as u64, 200 - fates.lost + fates.doubled);
        assert!(!arrived.is_sorted());
        assert_eq!(arrivals(weather), (arrived.clone(), fates));
        assert_ne!(arrivals(Weather { seed: 8, ..weather }).0, arrived);
    }
}
