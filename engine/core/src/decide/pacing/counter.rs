//! One set of limits (a campaign's, a caller number's, the provider's) with what has been used of it.

use chrono::{NaiveTime, TimeDelta};

use super::{Load, RECHECK, SPAN, TOLERANCE};
use crate::clock::Instant;
use crate::domain::campaign::Pacing;

/// Nothing goes so shortly before a day ends whose calls are counted: it might arrive on the next one.
const TURN: TimeDelta = TimeDelta::seconds(1);
/// However short an interval is, a request takes this long to leave.
const LEAST_TOLERANCE: TimeDelta = TimeDelta::milliseconds(20);

/// One set of limits and what is left of it now.
#[derive(Debug)]
pub(super) struct Counter {
    per_span: Option<usize>,
    /// Newest last; only those that still count.
    recent: Vec<Instant>,
    interval: Option<TimeDelta>,
    /// How late a request may be without breaking a rate or an interval.
    tolerance: Option<TimeDelta>,
    pub(super) last_intent: Option<Instant>,
    free_lines: Option<u32>,
    pub(super) left_today: Option<u32>,
    /// When the day of `left_today` ends, and the next one's calls begin.
    day_ends: Instant,
}

impl Counter {
    pub(super) fn new(limits: &Pacing, load: &Load, now: Instant) -> Self {
        let mut recent: Vec<Instant> = load.recent.iter().copied().filter(|at| *at + SPAN > now).collect();
        recent.sort_unstable();
        let rate = limits.calls_per_second;
        let slow = rate.filter(|rate| *rate < 1.0).map(|rate| {
            let seconds = if rate > 0.0 { (1.0 / rate).min(1e9) } else { 1e9 };
            TimeDelta::microseconds((seconds * SPAN.num_milliseconds() as f64 * 1e3) as i64)
        });
        Self {
            per_span: rate.filter(|rate| *rate >= 1.0).map(|rate| rate as usize),
            last_intent: load.last_intent.max(recent.last().copied()),
            recent,
            interval: limits.min_interval().map(|length| length + margin(length)).max(slow),
            tolerance: [limits.min_interval().map(margin), rate.map(|_| TOLERANCE)]
                .into_iter()
                .flatten()
                .min(),
            free_lines: limits.max_concurrent.map(|most| most.saturating_sub(load.live)),
            left_today: limits.max_per_day.map(|most| most.saturating_sub(load.intents_today)),
            day_ends: load.day_ends.unwrap_or_else(|| next_day(now)),
        }
    }

    /// When the next call may go, if it may not go now.
    pub(super) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        let by_rate = self.per_span.and_then(|most| {
            let index = self.recent.len().checked_sub(most)?;
            self.recent.get(index).map(|oldest| *oldest + SPAN).or(Some(now + SPAN))
        });
        let by_interval = self.interval.zip(self.last_intent).map(|(interval, last)| last + interval);
        let by_lines = self.free_lines.filter(|free| *free == 0).map(|_| now + RECHECK);
        let is_turning = self.day_ends - now < TURN;
        let by_day = self.left_today.filter(|left| *left == 0 || is_turning).map(|_| self.day_ends);
        [by_rate, by_interval, by_lines, by_day].into_iter().flatten().filter(|until| *until > now).max()
    }

    /// How many may go at once.
    pub(super) fn free(&self, now: Instant) -> usize {
        if self.blocked_until(now).is_some() {
            return 0;
        }
        let by_rate = self.per_span.map(|most| most.saturating_sub(self.recent.len()));
        let by_interval = self.interval.map(|_| 1);
        let others = [self.free_lines, self.left_today].map(|left| left.map(|left| left as usize));
        let all = [by_rate, by_interval].into_iter().chain(others);
        all.flatten().min().unwrap_or(usize::MAX)
    }

    /// How late a request may be that needs `leeway`. Only short intervals cannot give it: they have no more than their margin.
    pub(super) fn tolerance(&self, leeway: TimeDelta) -> Option<TimeDelta> {
        let given = |own: TimeDelta| if own < TOLERANCE { own.max(LEAST_TOLERANCE) } else { own.max(leeway) };
        self.tolerance.map(given)
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.recent.push(now);
        self.last_intent = Some(now);
        self.free_lines = self.free_lines.map(|free| free.saturating_sub(1));
        self.left_today = self.left_today.map(|left| left.saturating_sub(1));
    }
}

/// How much longer an interval is kept than asked for, so that a late request followed by a prompt one keeps it, too.
fn margin(interval: TimeDelta) -> TimeDelta {
    TOLERANCE.min(interval / 10)
}

/// The next midnight UTC.
fn next_day(now: Instant) -> Instant {
    now.date_naive().succ_opt().map_or(now + RECHECK, |day| day.and_time(NaiveTime::MIN).and_utc())
}
