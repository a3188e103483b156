//! What a session has used, and what it may use.

/// The packet size that counters of packets are reckoned with.
const PACKET_OCTETS: u64 = 1000;

/// Octets in both directions, as the client sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::radius) struct Meter {
    /// From the client.
    pub(in crate::radius) up: u64,
    /// To the client.
    pub(in crate::radius) down: u64,
}

impl Meter {
    /// Both directions.
    pub(super) fn total(self) -> u64 {
        self.up.saturating_add(self.down)
    }

    /// Adds what has passed.
    pub(super) fn add(&mut self, more: Self) {
        self.up = self.up.saturating_add(more.up);
        self.down = self.down.saturating_add(more.down);
    }

    /// What has passed since.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            up: self.up.saturating_sub(before.up),
            down: self.down.saturating_sub(before.down),
        }
    }

    /// The other way round.
    pub(super) fn swapped(self) -> Self {
        Self {
            up: self.down,
            down: self.up,
        }
    }

    /// Packets from the client.
    pub(super) fn packets_up(self) -> u64 {
        self.up.div_ceil(PACKET_OCTETS)
    }

    /// Packets to the client.
    pub(super) fn packets_down(self) -> u64 {
        self.down.div_ceil(PACKET_OCTETS)
    }
}

/// How much may pass; `None` for no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Quota {
    /// What the router may receive: the client's upload.
    pub(super) recv: Option<u64>,
    /// What it may send.
    pub(super) xmit: Option<u64>,
    /// Both together.
    pub(super) total: Option<u64>,
}

impl Quota {
    /// Whether something is used up.
    pub(super) fn is_reached(&self, meter: Meter) -> bool {
        let over = |bound: Option<u64>, used: u64| bound.is_some_and(|bound| used >= bound);
        over(self.recv, meter.up) || over(self.xmit, meter.down) || over(self.total, meter.total())
    }
}

/// A limit and its upper 32 bits; 0 stands for none.
pub(super) fn limit(low: Option<u32>, high: Option<u32>) -> Option<u64> {
    let octets = (u64::from(high.unwrap_or(0)) << 32) | u64::from(low.unwrap_or(0));
    (octets > 0).then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gigawords_are_the_upper_half() {
        assert_eq!(limit(Some(1), Some(2)), Some((2 << 32) + 1));
        assert_eq!(limit(None, Some(1)), Some(1 << 32));
        assert_eq!(limit(Some(0), None), None);
    }

    #[test]
    fn each_bound_counts_its_own_direction() {
        let meter = Meter { up: 10, down: 20 };
        let reached = |recv, xmit, total| Quota { recv, xmit, total }.is_reached(meter);
        assert!(reached(Some(10), None, None));
        assert!(!reached(Some(11), None, None));
        assert!(reached(None, Some(20), None));
        assert!(!reached(None, Some(21), None));
        assert!(reached(None, None, Some(30)));
        assert!(!reached(None, None, Some(31)));
    }
}
