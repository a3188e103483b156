//! Whether a server is believed to answer; without clock and sockets.

use std::time::Duration;

/// When a server counts as dead, and when as alive again. One lost packet proves nothing (RFC
/// 3539).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watchdog {
    /// Transmissions in a row without an answer after which a server is dead; by default 3. 0
    /// counts as 1.
    pub lost: u32,
    /// Time between two Status-Servers sent to a dead server (RFC 5997), each of them answered or
    /// lost within it; by default 6 s, the least that RFC 3539 allows.
    pub interval: Duration,
    /// Answers in a row after which a dead server is alive; by default 3, as RFC 3539 asks. 0
    /// counts as 1.
    pub answers: u32,
    /// After how long a dead server gets another chance all the same, because not every server
    /// answers Status-Server; by default 5 min. Zero for never.
    pub pardon: Duration,
}

impl Default for Watchdog {
    fn default() -> Self {
        Self {
            lost: 3,
            interval: Duration::from_secs(6),
            answers: 3,
            pardon: Duration::from_mins(5),
        }
    }
}

/// What is known of one server.
#[derive(Debug, Default)]
pub(super) struct Health {
    lost_in_a_row: u32,
    answers_in_a_row: u32,
    dead: bool,
}

impl Health {
    pub(super) fn is_dead(&self) -> bool {
        self.dead
    }

    /// A transmission got no answer. True where that is the server's death.
    pub(super) fn lost(&mut self, watchdog: &Watchdog) -> bool {
        self.answers_in_a_row = 0;
        self.lost_in_a_row = self.lost_in_a_row.saturating_add(1);
        if self.dead || self.lost_in_a_row < watchdog.lost {
            return false;
        }
        self.dead = true;
        true
    }

    /// There was an answer, to a request or to a Status-Server.
    pub(super) fn answered(&mut self, watchdog: &Watchdog) {
        self.lost_in_a_row = 0;
        self.answers_in_a_row = self.answers_in_a_row.saturating_add(1);
        if self.answers_in_a_row >= watchdog.answers {
            self.dead = false;
        }
    }

    /// It gets another chance: the next few losses decide.
    pub(super) fn pardon(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_losses_in_a_row_are_death_and_one_is_not() {
        let watchdog = Watchdog::default();
        let mut health = Health::default();
        for _ in 0..10 {
            assert!(!health.lost(&watchdog));
            assert!(!health.lost(&watchdog));
            health.answered(&watchdog);
        }
        assert!(!health.lost(&watchdog) && !health.lost(&watchdog) && !health.is_dead());
        assert!(health.lost(&watchdog), "the third loss");
        assert!(health.is_dead());
        assert!(!health.lost(&watchdog), "it dies once");
    }

    #[test]
    fn some_answers_in_a_row_are_life() {
        let watchdog = Watchdog::default();
        let mut health = Health::default();
        let deaths = (0..3).filter(|_| health.lost(&watchdog)).count();
        assert_eq!(deaths, 1);
        health.answered(&watchdog);
        health.answered(&watchdog);
        assert!(health.is_dead());
        health.lost(&watchdog);
        health.answered(&watchdog);
        health.answered(&watchdog);
        assert!(health.is_dead(), "the count began anew");
        health.answered(&watchdog);
        assert!(!health.is_dead());
    }

    #[test]
    fn a_pardon_starts_from_nothing() {
        let watchdog = Watchdog::default();
        let mut health = Health::default();
        let deaths = (0..3).filter(|_| health.lost(&watchdog)).count();
        assert_eq!(deaths, 1);
        health.pardon();
        assert!(!health.is_dead());
        assert!(!health.lost(&watchdog));
    }
}
