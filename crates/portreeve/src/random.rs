use portreeve_proto::Random;
use zeroize::Zeroize as _;

use crate::Error;

const POOL: usize = 512;

/// The system's generator, asked for some hundred octets at a time. Octets are wiped when handed
/// out.
pub(crate) struct OsRandom {
    pool: [u8; POOL],
    left: usize,
}

impl OsRandom {
    /// Fails where the system has no generator, so that [`Random::fill`] need not.
    pub(crate) fn new() -> Result<Self, Error> {
        let mut random = Self {
            pool: [0; POOL],
            left: 0,
        };
        getrandom::fill(&mut random.pool).map_err(|_| Error::Randomness)?;
        random.left = POOL;
        Ok(random)
    }

    /// A factor between `1 - share` and `1 + share`, evenly spread.
    pub(crate) fn around_one(&mut self, share: f64) -> f64 {
        1.0 + share * (2.0 * self.unit() - 1.0)
    }

    /// A number from 0 to 1, evenly spread.
    pub(crate) fn unit(&mut self) -> f64 {
        let mut octets = [0; 4];
        self.fill(&mut octets);
        f64::from(u32::from_le_bytes(octets)) / f64::from(u32::MAX)
    }

    fn refill(&mut self) {
        // `new` has shown that there is a generator; nothing predictable is ever handed out
        // instead.
        while getrandom::fill(&mut self.pool).is_err() {
            std::thread::yield_now();
        }
        self.left = POOL;
    }
}

impl Random for OsRandom {
    fn fill(&mut self, octets: &mut [u8]) {
        for chunk in octets.chunks_mut(POOL) {
            if self.left < chunk.len() {
                self.refill();
            }
            let start = self.left - chunk.len();
            let drawn = &mut self.pool[start..self.left];
            chunk.copy_from_slice(drawn);
            drawn.zeroize();
            self.left = start;
        }
    }
}

impl Drop for OsRandom {
    fn drop(&mut self) {
        self.pool.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_octets_are_handed_out_twice() {
        let mut random = OsRandom::new().unwrap();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..200 {
            let mut octets = [0; 16];
            random.fill(&mut octets);
            assert!(seen.insert(octets));
        }
        let mut long = vec![0; 3 * POOL + 7];
        random.fill(&mut long);
        assert!(
            long.chunks(16)
                .all(|chunk| chunk.len() < 16 || chunk != [0; 16])
        );
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let mut random = OsRandom::new().unwrap();
        let factors: Vec<f64> = (0..1000).map(|_| random.around_one(0.1)).collect();
        assert!(factors.iter().all(|factor| (0.9..=1.1).contains(factor)));
        assert!(factors.iter().any(|factor| *factor < 0.97));
        assert!(factors.iter().any(|factor| *factor > 1.03));
    }
}
