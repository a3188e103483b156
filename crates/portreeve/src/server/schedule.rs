//! Things that are due at some time; the time is an argument.

use std::{cmp::Ordering, collections::BinaryHeap, time::Instant};

/// Items by the time they are due, at most a fixed number of them.
pub(super) struct Schedule<T> {
    heap: BinaryHeap<Due<T>>,
    bound: usize,
    next_serial: u64,
}

struct Due<T> {
    at: Instant,
    /// Keeps the order of items that are due at the same time.
    serial: u64,
    item: T,
}

impl<T> Schedule<T> {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            heap: BinaryHeap::new(),
            bound,
            next_serial: 0,
        }
    }

    /// Adds an item, or gives it back when the schedule is full.
    pub(super) fn add(&mut self, at: Instant, item: T) -> Result<(), T> {
        if self.heap.len() >= self.bound {
            return Err(item);
        }
        let serial = self.next_serial;
        self.next_serial += 1;
        self.heap.push(Due { at, serial, item });
        Ok(())
    }

    /// When the first item is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|due| due.at)
    }

    /// Takes the first item out, if it is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|due| due.item)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}

impl<T> Ord for Due<T> {
    /// The heap shows its greatest, so the earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.serial).cmp(&(self.at, self.serial))
    }
}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Due<T> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn items_come_out_when_due_in_order_of_time_and_then_of_entry() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut schedule = Schedule::new(9);
        for (millis, name) in [(30, "c"), (10, "a"), (20, "b1"), (20, "b2")] {
            schedule.add(at(millis), name).unwrap();
        }
        assert_eq!(schedule.next(), Some(at(10)));
        assert_eq!(schedule.take_due(at(9)), None);
        let due: Vec<_> = std::iter::from_fn(|| schedule.take_due(at(25))).collect();
        assert_eq!(due, ["a", "b1", "b2"]);
        assert_eq!((schedule.len(), schedule.next()), (1, Some(at(30))));
    }

    #[test]
    fn a_full_schedule_gives_the_item_back() {
        let now = Instant::now();
        let mut schedule = Schedule::new(1);
        assert_eq!(schedule.add(now, 1), Ok(()));
        assert_eq!(schedule.add(now, 2), Err(2));
        assert_eq!(schedule.take_due(now), Some(1));
        assert_eq!(schedule.add(now, 3), Ok(()));
    }
}
