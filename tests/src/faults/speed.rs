//! How fast virtual time passes. A request must leave within sixty virtual seconds of its intent, so that where everything takes
//! ten times as long, the clock must go that much slower: else everything is always too late, and nobody is ever called.

use std::time::{Duration, Instant};

/// Virtual seconds in a real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed(u32);

const MOST: u32 = 40;
const LEAST: u32 = 4;
/// The longest that a short command takes on an ordinary machine, beside another scenario.
const ORDINARY: Duration = Duration::from_millis(150);
/// The quickest of so many is what the machine can do; the others waited for somebody.
const TRIES: usize = 3;

impl Speed {
    /// What suits a machine on which `command`, one that reads a few definitions, takes as long as it does now.
    pub fn measured(command: impl Fn() -> anyhow::Result<String>) -> anyhow::Result<Self> {
        let mut quickest = Duration::MAX;
        for _ in 0..TRIES {
            let began = Instant::now();
            command()?;
            quickest = quickest.min(began.elapsed());
        }
        Ok(Self::after(quickest))
    }

    fn after(took: Duration) -> Self {
        let rate = f64::from(MOST) * ORDINARY.div_duration_f64(took.max(ORDINARY));
        Self((rate as u32).max(LEAST))
    }

    pub const fn rate(self) -> u32 {
        self.0
    }

    /// As long by the clock as `ordinary` where it goes at its fastest: of waits for an end, and of pauses between two requests.
    pub fn stretched(self, ordinary: Duration) -> Duration {
        ordinary * MOST / self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_slower_where_commands_take_longer_and_patience_grows_by_as_much() {
        let after = |millis| Speed::after(Duration::from_millis(millis));
        assert_eq!([10, 150, 300, 1_500, 60_000].map(|millis| after(millis).rate()), [40, 40, 20, 4, 4]);
        assert_eq!(after(300).stretched(Duration::from_mins(5)), Duration::from_mins(10));
        assert_eq!(after(150).stretched(Duration::from_mins(5)), Duration::from_mins(5));
    }
}
