//! What this process can do in time: how long its requests take to leave once their intents are stamped, and how many fit into
//! one batch. Learned from the time they took until the provider was about to be asked.

use chrono::TimeDelta;

use super::TOLERANCE;
use crate::clock::Instant;

/// The longest a request may take; a permit lives for a second.
const MOST: TimeDelta = TimeDelta::milliseconds(900);

/// From when an intent counts in rates and intervals: they are made for requests that leave within the usual tolerance, so one
/// with more time counts as made later. (On a clock faster than the wall, where requests get longer than a second, limits hold
/// for intents only.)
pub fn counts_from(intent_at: Instant, send_by: Instant) -> Instant {
    let given = send_by - intent_at;
    if given > TOLERANCE && given <= TimeDelta::seconds(1) { send_by - TOLERANCE } else { intent_at }
}

/// The pace of one process. Starts optimistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    leeway: TimeDelta,
    /// A batch is at most this; halved when even the permits ran out.
    batch: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { leeway: TOLERANCE, batch: u32::MAX }
    }
}

impl Pace {
    /// Time to give requests that depend on a rate or an interval.
    pub fn leeway(self) -> TimeDelta {
        self.leeway
    }

    /// At most so many at once.
    pub fn batch(self) -> u32 {
        self.batch
    }

    /// After a batch of `asked` requests of which the slowest took this long from its intent until it was about to be sent. How
    /// much time each had does not matter: one within a short interval has little, and must not make others count as later.
    #[must_use]
    pub fn after(self, asked: u32, took: TimeDelta) -> Self {
        let left = self.leeway - took;
        let is_late = left <= TimeDelta::zero();
        let leeway = if is_late {
            self.leeway * 2
        } else if left < self.leeway / 4 {
            self.leeway + self.leeway / 4
        } else if left > self.leeway / 2 {
            self.leeway - self.leeway / 16
        } else {
            self.leeway
        };
        let batch = match (is_late && self.leeway >= MOST, self.batch) {
            (true, _) => (asked / 2).max(1),
            (false, most) if is_late || asked < most => most,
            (false, most) => most.saturating_add(most / 4 + 1),
        };
        Self { leeway: leeway.clamp(TOLERANCE, MOST), batch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(length: i64) -> TimeDelta {
        TimeDelta::milliseconds(length)
    }

    #[test]
    fn a_request_with_more_time_counts_as_made_later_by_that() {
        let at: Instant = "2026-03-02T15:00:00Z".parse().expect("an instant");
        assert_eq!(counts_from(at, at + ms(87)), at);
        assert_eq!(counts_from(at, at + ms(500)), at + ms(413));
        assert_eq!(counts_from(at, at + ms(1_000)), at + ms(913));
        // A thousand times as fast as the wall.
        assert_eq!(counts_from(at, at + TimeDelta::seconds(87)), at);
    }

    #[test]
    fn lateness_doubles_the_time_up_to_what_a_permit_allows_and_promptness_gives_it_back() {
        let mut pace = Pace::default();
        let mut given = Vec::new();
        for _ in 0..5 {
            given.push(pace.leeway().num_milliseconds());
            pace = pace.after(40, pace.leeway() + ms(1));
        }
        assert_eq!(given, [87, 174, 348, 696, 900]);
        for _ in 0..60 {
            pace = pace.after(40, ms(5));
        }
        assert_eq!(pace.leeway(), ms(87));
    }

    #[test]
    fn requests_that_take_as_long_as_usual_get_no_more_time_however_many_they_are() {
        let mut pace = Pace::default().after(40, ms(300));
        for _ in 0..1_000 {
            pace = pace.after(40, ms(53));
        }
        assert!(pace.leeway() <= ms(106), "{}", pace.leeway());
    }

    #[test]
    fn batches_shrink_when_even_a_second_is_not_enough_and_grow_again() {
        let mut pace = Pace::default();
        for _ in 0..12 {
            pace = pace.after(pace.batch().min(500), ms(1_001));
        }
        assert_eq!(pace.batch(), 1, "what cannot be done in time is tried one at a time");
        for _ in 0..40 {
            pace = pace.after(pace.batch().min(500), ms(100));
        }
        assert!(pace.batch() > 500, "{}", pace.batch());
    }
}
