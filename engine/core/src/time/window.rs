//! When weekly hours are open: now, until when, or from when on.
//!
//! An instant is inside if the wall clock of *every* zone then shows a time inside. The search walks pieces of constant
//! answer (up to the next edge of the hours, midnight or clock change), so skipped and repeated hours need no special
//! case. Works in whole seconds since 1970; edges are whole minutes and clock changes whole seconds.

use chrono::TimeDelta;

use super::holiday::HolidayCalendar;
use super::hours::Hours;
use super::interval::{Interval, IntervalSet};
use super::zone::{CivilSecond, Zone, instant_at};
use crate::clock::Instant;

/// How far ahead an opening is looked for: a year and a few days, so that a yearly holiday cannot hide it.
pub const SEARCH_HORIZON: TimeDelta = TimeDelta::days(370);

/// Where an instant lies relative to hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Inside, and for longer than the guard. Hours without an end close at the search horizon.
    Inside { closes: Instant },
    /// Outside, or about to close; `opens` is the first instant from which the answer is [`Position::Inside`].
    Outside { opens: Instant },
    /// No opening within [`SEARCH_HORIZON`], or no zone to read a clock in.
    Never,
}

impl Position {
    /// Whether it is [`Position::Inside`].
    pub fn is_inside(self) -> bool {
        matches!(self, Position::Inside { .. })
    }
}

impl Hours {
    /// Where `now` lies, on the clocks of all `zones` at once.
    ///
    /// Inside needs more than `guard` left before closing, so that a call that starts a little later still starts in
    /// time. No zone at all is [`Position::Never`]: an unknown clock allows nothing.
    pub fn position(
        &self,
        zones: &[Zone],
        holidays: &HolidayCalendar,
        now: Instant,
        guard: TimeDelta,
    ) -> Position {
        position_all(&[(self, zones)], holidays, now, guard)
    }

    /// Whether the wall clock of `zone` shows a time inside at `at`.
    pub fn contains(&self, zone: &Zone, holidays: &HolidayCalendar, at: Instant) -> bool {
        piece(self, zone, holidays, at.timestamp()).inside
    }

    /// All instants inside from `from` until `until`, on the clock of one zone.
    pub fn intervals(
        &self,
        zone: &Zone,
        holidays: &HolidayCalendar,
        from: Instant,
        until: Instant,
    ) -> IntervalSet {
        let (mut at, end) = (from.timestamp(), until.timestamp());
        let mut pieces = Vec::new();
        while at <= end {
            let piece = piece(self, zone, holidays, at);
            if piece.inside {
                let (start, stop) = (instant_at(at).max(from), instant_at(piece.until).min(until));
                pieces.extend(Interval::new(start, stop));
            }
            at = piece.until;
        }
        pieces.into_iter().collect()
    }
}

/// Where `now` lies relative to several hours at once, each on the clocks of its own zones.
///
/// `opens` is the first instant at which all of them are inside with more than `guard` left. No parts at all, or a part
/// without zones, is [`Position::Never`].
pub fn position_all(
    parts: &[(&Hours, &[Zone])],
    holidays: &HolidayCalendar,
    now: Instant,
    guard: TimeDelta,
) -> Position {
    if parts.is_empty() || parts.iter().any(|(_, zones)| zones.is_empty()) {
        return Position::Never;
    }
    let start = now.timestamp();
    let limit = start.saturating_add(SEARCH_HORIZON.num_seconds());
    // Rounded up, together with `now` rounded down, so that fractions of a second only ever tighten the answer.
    let guard = guard.num_seconds() + 1;
    let mut at = start;
    while at < limit {
        match common_run(parts, holidays, at, limit) {
            Run::Inside { until } if until - at >= guard => {
                let closes = instant_at(until);
                return if at == start {
                    Position::Inside { closes }
                } else {
                    Position::Outside { opens: instant_at(at) }
                };
            }
            Run::Inside { until } | Run::Outside { until } => at = until,
        }
    }
    Position::Never
}

/// A stretch over which the common answer does not change (inside), or cannot become inside (outside).
enum Run {
    Inside { until: i64 },
    Outside { until: i64 },
}

/// Inside until the first of all closes; outside until the last of those outside opens.
fn common_run(parts: &[(&Hours, &[Zone])], holidays: &HolidayCalendar, at: i64, limit: i64) -> Run {
    let (mut closes, mut opens) = (limit, None);
    for (hours, zones) in parts {
        if hours.is_always() {
            continue;
        }
        for zone in *zones {
            let (inside, until) = run(hours, zone, holidays, at, limit);
            if inside {
                closes = closes.min(until);
            } else {
                opens = opens.max(Some(until));
            }
        }
    }
    match opens {
        Some(until) => Run::Outside { until },
        None => Run::Inside { until: closes },
    }
}

/// Whether `at` is inside on one clock, and until when that stays so, looking no further than `limit`.
fn run(hours: &Hours, zone: &Zone, holidays: &HolidayCalendar, at: i64, limit: i64) -> (bool, i64) {
    let first = piece(hours, zone, holidays, at);
    let mut last = first;
    while !last.is_final && last.until < limit {
        let next = piece(hours, zone, holidays, last.until);
        if next.inside != first.inside {
            break;
        }
        last = next;
    }
    (first.inside, last.until.min(limit))
}

/// A stretch of one local day under one offset in which the answer is the same.
#[derive(Clone, Copy)]
struct Piece {
    inside: bool,
    until: i64,
    /// The answer certainly changes at `until`.
    is_final: bool,
}

fn piece(hours: &Hours, zone: &Zone, holidays: &HolidayCalendar, at: i64) -> Piece {
    let offset = zone.offset_at(at);
    let civil = CivilSecond::at(at, offset);
    let is_holiday = hours.minds_holidays() && holidays.contains_day(civil.day);
    let (inside, edge) = edge_of_day(hours, civil, is_holiday);
    let until = at + edge - civil.second;
    // Equal offsets at both ends mean no clock change between: no zone moves its clock and back within a day.
    if zone.offset_at(until) != offset
        && let Some(change) = zone.next_transition(at)
        && change <= until
    {
        return Piece { inside, until: change, is_final: false };
    }
    Piece { inside, until, is_final: edge < 86_400 }
}

/// Whether a second of a day is inside, and the second of the day up to which that holds.
fn edge_of_day(hours: &Hours, civil: CivilSecond, is_holiday: bool) -> (bool, i64) {
    for span in hours.day(civil.weekday(), is_holiday) {
        if civil.second < i64::from(span.from().minutes()) * 60 {
            return (false, i64::from(span.from().minutes()) * 60);
        }
        if civil.second < i64::from(span.until().minutes()) * 60 {
            return (true, i64::from(span.until().minutes()) * 60);
        }
    }
    (false, 86_400)
}

#[cfg(test)]
mod tests;
