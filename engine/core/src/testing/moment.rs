//! Local times as tests write them: `10:00`, `mon 10:00`, `2026-03-02 10:00`.

use chrono::{Datelike, Days, NaiveDate, TimeDelta, Weekday};

use crate::clock::Instant;
use crate::time::LocalTime;
use crate::time::duration::Delay;
use crate::time::zone::Zone;

/// A time of day, perhaps of a weekday or a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    day: Day,
    time: LocalTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    Any,
    Of(Weekday),
    On(NaiveDate),
}

/// Days looked through for the next such moment.
const HORIZON: u64 = 8;

impl Moment {
    /// Reads it; the error says how to write it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a local time; write `10:00`, `mon 10:00` or `2026-03-02 10:00`");
        let (day, time) = match text.trim().rsplit_once(' ') {
            None => (Day::Any, text.trim()),
            Some((day, time)) => {
                let date = day.trim().parse::<NaiveDate>().map(Day::On);
                (date.or_else(|_| day.trim().parse::<Weekday>().map(Day::Of)).map_err(|_| wrong())?, time)
            }
        };
        Ok(Self { day, time: time.parse().map_err(|_| wrong())? })
    }

    /// Is `at` this moment, to the minute, on the clocks of `zone`?
    pub fn is(self, zone: &Zone, at: Instant) -> bool {
        let local = zone.local(at);
        let same_day = match self.day {
            Day::Any => true,
            Day::Of(weekday) => local.date.weekday() == weekday,
            Day::On(date) => local.date == date,
        };
        same_day && local.time == self.time
    }

    /// The first such moment at or after `from`.
    pub fn next(self, zone: &Zone, from: Instant) -> Option<Instant> {
        let today = zone.local(from).date;
        let candidates = match self.day {
            Day::On(date) => vec![date],
            _ => (0..=HORIZON).filter_map(|days| today.checked_add_days(Days::new(days))).collect(),
        };
        let at = |date: NaiveDate| zone.instant_of(date, self.time.minutes());
        candidates
            .into_iter()
            .filter(|date| !matches!(self.day, Day::Of(weekday) if date.weekday() != weekday))
            .map(at)
            .find(|instant| *instant >= from)
    }
}

/// `Mon 2026-03-02 10:00`, as failures show it.
pub fn shown(zone: &Zone, at: Instant) -> String {
    let local = zone.local(at);
    format!("{} {} {}", local.date.weekday(), local.date, local.time)
}

/// A length such as `4 hours`; business days have none.
pub fn exact(text: &str) -> Option<TimeDelta> {
    match text.parse::<Delay>() {
        Ok(Delay::Exact(length)) => Some(length),
        _ => None,
    }
}
