//! A carrier that takes more calls than it begins: those beyond its rate wait for their turn, up to a day, and then ring. Whoever
//! paces below the rate never meets this queue; a call that does may ring after its calling hours.

use callwright_engine::clock::Instant;
use chrono::TimeDelta;

/// When the next call may begin.
#[derive(Debug, Default)]
pub(super) struct Queue {
    free_at: Option<Instant>,
}

/// A carrier's place in its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Begins then: at once, unless it had to queue.
    At(Instant),
    /// The queue is full.
    Full,
}

/// Longest wait: a day's worth of calls.
const LONGEST: TimeDelta = TimeDelta::hours(24);

impl Queue {
    /// The turn of a call that would begin at `wanted`. Without a rate every call begins when it is wanted.
    pub fn turn(&mut self, wanted: Instant, calls_per_second: f64) -> Turn {
        if calls_per_second <= 0.0 {
            return Turn::At(wanted);
        }
        let begins = self.free_at.map_or(wanted, |free| free.max(wanted));
        if begins - wanted > LONGEST {
            return Turn::Full;
        }
        self.free_at = Some(begins + TimeDelta::microseconds((1e6 / calls_per_second) as i64));
        Turn::At(begins)
    }
}

#[cfg(test)]
mod tests {
    use callwright_engine::clock::instant_from_micros;

    use super::*;

    fn at(seconds: i64) -> Instant {
        instant_from_micros(seconds * 1_000_000)
    }

    #[test]
    fn calls_beyond_the_rate_wait_for_their_turn() {
        let mut queue = Queue::default();
        let turns: Vec<Turn> = (0..3).map(|_| queue.turn(at(0), 0.5)).collect();
        assert_eq!(turns, [Turn::At(at(0)), Turn::At(at(2)), Turn::At(at(4))]);
        assert_eq!(queue.turn(at(100), 0.5), Turn::At(at(100)), "the queue is empty again");
    }

    #[test]
    fn a_day_of_calls_fills_the_queue() {
        let mut queue = Queue::default();
        let taken = (0..90_000).filter(|_| queue.turn(at(0), 1.0) != Turn::Full).count();
        assert_eq!(taken, 86_401);
    }

    #[test]
    fn without_a_rate_nobody_waits() {
        let mut queue = Queue::default();
        assert!((0..10).all(|_| queue.turn(at(7), 0.0) == Turn::At(at(7))));
    }
}
