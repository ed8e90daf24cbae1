//! Rests between tries: doubling, and jittered, so that processes which lost the database together do not return in step.

use std::time::Duration;

/// The rests of one loop.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    shortest: Duration,
    longest: Duration,
    next: Duration,
}

impl Rest {
    pub fn between(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, next: shortest }
    }

    /// How long to rest now: between half the present length and all of it. The next one is twice as long.
    pub fn pause(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(self.longest);
        now.mul_f64(0.5 + rand::random::<f64>() / 2.0)
    }

    /// It worked: the next rest is a short one.
    pub fn is_over(&mut self) {
        self.next = self.shortest;
    }
}

/// `length` give or take a quarter, so that processes started together do not stay in step.
pub fn jittered(length: Duration) -> Duration {
    jittered_by(length, rand::random())
}

/// The same by a chance between 0 and 1.
pub fn jittered_by(length: Duration, chance: f64) -> Duration {
    length.mul_f64(0.75 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_the_longest_and_are_never_the_same_for_everybody() {
        let (shortest, longest) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut rest = Rest::between(shortest, longest);
        for expected in [100, 200, 400, 800, 1_000, 1_000] {
            let expected = Duration::from_millis(expected);
            let taken = rest.pause();
            assert!(taken >= expected / 2 && taken <= expected, "{taken:?} of {expected:?}");
        }
        rest.is_over();
        assert!(rest.pause() <= shortest);
        let rests: std::collections::HashSet<Duration> = (0..20).map(|_| jittered(longest)).collect();
        assert!(rests.len() > 10, "all in step: {rests:?}");
    }
}
