//! Sets of instants as sorted, disjoint, half-open intervals, and their algebra.
//!
//! Weekly hours become such sets in [`super::window`]; nothing here knows zones or calendars.

use chrono::TimeDelta;

use crate::clock::Instant;

/// All instants `t` with `start ≤ t < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub start: Instant,
    pub end: Instant,
}

impl Interval {
    /// The interval, or nothing when it would be empty.
    pub fn new(start: Instant, end: Instant) -> Option<Self> {
        (start < end).then_some(Interval { start, end })
    }

    /// Whether `at` lies inside; the end does not.
    pub fn contains(&self, at: Instant) -> bool {
        self.start <= at && at < self.end
    }

    /// Time from start to end.
    pub fn length(&self) -> TimeDelta {
        self.end - self.start
    }
}

/// A set of instants. Its intervals are sorted, never empty and never touch each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntervalSet {
    intervals: Vec<Interval>,
}

impl IntervalSet {
    /// The set without instants.
    pub const fn empty() -> Self {
        IntervalSet { intervals: Vec::new() }
    }

    /// The intervals in order of time.
    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    /// Whether no instant belongs to the set.
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }

    /// Whether `at` belongs to the set.
    pub fn contains(&self, at: Instant) -> bool {
        self.interval_at(at).is_some()
    }

    /// The interval around `at`, if `at` belongs to the set.
    pub fn interval_at(&self, at: Instant) -> Option<Interval> {
        let candidate = self.first_ending_after(at)?;
        candidate.contains(at).then_some(candidate)
    }

    /// The first instant at or after `at` that belongs to the set.
    pub fn next_start(&self, at: Instant) -> Option<Instant> {
        self.first_ending_after(at).map(|interval| interval.start.max(at))
    }

    /// Instants in both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.intervals.iter().peekable(), other.intervals.iter().peekable());
        let mut intervals = Vec::new();
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            intervals.extend(Interval::new(a.start.max(b.start), a.end.min(b.end)));
            if a.end <= b.end {
                left.next()
            } else {
                right.next()
            };
        }
        IntervalSet { intervals }
    }

    /// Instants in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.intervals.iter().chain(&other.intervals).copied().collect()
    }

    /// Sum of the intervals' lengths.
    pub fn length(&self) -> TimeDelta {
        self.intervals.iter().map(Interval::length).sum()
    }

    fn first_ending_after(&self, at: Instant) -> Option<Interval> {
        let index = self.intervals.partition_point(|interval| interval.end <= at);
        self.intervals.get(index).copied()
    }
}

impl FromIterator<Interval> for IntervalSet {
    /// Intervals in any order; overlapping and touching ones are merged, empty ones dropped.
    fn from_iter<I: IntoIterator<Item = Interval>>(intervals: I) -> Self {
        let mut sorted: Vec<Interval> = intervals.into_iter().filter(|i| i.start < i.end).collect();
        sorted.sort_by_key(|interval| interval.start);
        let mut merged: Vec<Interval> = Vec::with_capacity(sorted.len());
        for next in sorted {
            match merged.last_mut() {
                Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
                _ => merged.push(next),
            }
        }
        IntervalSet { intervals: merged }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant_from_micros;
    use proptest::prelude::*;

    fn at(second: i64) -> Instant {
        instant_from_micros(second * 1_000_000)
    }

    fn sets() -> impl Strategy<Value = IntervalSet> {
        prop::collection::vec((0_i64..200, 0_i64..40), 0..8).prop_map(|pairs| {
            pairs
                .into_iter()
                .map(|(start, length)| Interval { start: at(start), end: at(start + length) })
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn membership_follows_the_operation(a in sets(), b in sets()) {
            let (both, either) = (a.intersect(&b), a.union(&b));
            for instant in (-2..245).map(at) {
                prop_assert_eq!(both.contains(instant), a.contains(instant) && b.contains(instant));
                prop_assert_eq!(either.contains(instant), a.contains(instant) || b.contains(instant));
            }
        }

        #[test]
        fn results_stay_sorted_and_apart(a in sets(), b in sets()) {
            for set in [a.intersect(&b), a.union(&b)] {
                prop_assert!(set.intervals().iter().all(|i| i.start < i.end));
                prop_assert!(set.intervals().windows(2).all(|pair| pair[0].end < pair[1].start));
            }
        }

        #[test]
        fn operations_are_commutative_and_absorbing(a in sets(), b in sets()) {
            prop_assert_eq!(a.intersect(&b), b.intersect(&a));
            prop_assert_eq!(a.union(&b), b.union(&a));
            prop_assert_eq!(a.intersect(&a.union(&b)), a.clone());
            prop_assert_eq!(a.union(&a.intersect(&b)), a);
        }

        #[test]
        fn next_start_is_the_first_member(a in sets(), from in 0_i64..240) {
            let expected = (from..245).map(at).find(|instant| a.contains(*instant));
            prop_assert_eq!(a.next_start(at(from)), expected);
        }

        #[test]
        fn length_counts_members(a in sets()) {
            let members = (0..245).filter(|second| a.contains(at(*second))).count();
            prop_assert_eq!(a.length().num_seconds(), members as i64);
        }
    }
}
