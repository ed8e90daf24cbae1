//! Recurring work by cron expression: five fields, POSIX meaning, right on the days clocks change. Pure.
//!
//! The `cron` crate finds matching wall-clock times; this front end gives it POSIX weekdays (0 and 7 are Sunday), joins day of
//! month and day of week with *or* as POSIX does, and turns wall-clock times into instants: a time that the clocks skip fires
//! at the next valid one, a time that comes twice fires once. Only a schedule for every hour (`*`) keeps going in a repeated hour.

use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use cron::Schedule;

use crate::clock::Instant;
use crate::time::zone::Zone;

/// When recurring work runs, in a zone.
#[derive(Debug, Clone)]
pub struct Recurrence {
    expression: String,
    zone: Zone,
    /// Matches if any does: two when both day fields are restricted.
    schedules: Vec<Schedule>,
    every_hour: bool,
}

/// Why a text is no recurrence, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}` is not a cron expression: {problem}")]
pub struct RecurrenceError {
    pub expression: String,
    pub problem: String,
}

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Longest that a clock change makes wall-clock times repeat or vanish, with room to spare (Samoa skipped a whole day).
const LONGEST_CHANGE: TimeDelta = TimeDelta::hours(25);

impl Recurrence {
    /// Reads `minute hour day-of-month month day-of-week`, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    pub fn parse(expression: &str, zone: Zone) -> Result<Self, RecurrenceError> {
        let wrong = |problem: String| RecurrenceError { expression: expression.to_owned(), problem };
        let expanded = shorthand(expression.trim());
        let fields: Vec<&str> = expanded.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(wrong(format!(
                "it has {} fields, expected 5: minute, hour, day of month, month, day of week, such as `30 9 * * mon-fri`",
                fields.len()
            )));
        };
        let names = weekday_names(weekday).map_err(wrong)?;
        let read = |day: &str, weekday: &str| {
            Schedule::from_str(&format!("0 {minute} {hour} {day} {month} {weekday}"))
                .map_err(|e| wrong(e.to_string().replace('\n', " ")))
        };
        let schedules = match names {
            Some(names) if !day.starts_with('*') => vec![read(day, "*")?, read("*", &names)?],
            Some(names) => vec![read(day, &names)?],
            None => vec![read(day, "*")?],
        };
        Ok(Self {
            expression: expression.trim().to_owned(),
            zone,
            schedules,
            every_hour: hour.starts_with('*'),
        })
    }

    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The first instant after `after` at which it runs; `None` if there is none (30 February).
    pub fn next_after(&self, after: Instant) -> Option<Instant> {
        let first_pass = self.schedules.iter().filter_map(|schedule| self.next_of(schedule, after)).min();
        if !self.every_hour {
            return first_pass;
        }
        // In the second pass of a repeated hour the wall clock shows times that already ran; every hour means this one too.
        let horizon = (after + TimeDelta::hours(3)).min(first_pass.unwrap_or(Instant::MAX_UTC));
        let mut minute = start_of_minute(after) + TimeDelta::minutes(1);
        while minute < horizon {
            if self.schedules.iter().any(|schedule| schedule.includes(self.wall_clock(minute))) {
                return Some(minute);
            }
            minute += TimeDelta::minutes(1);
        }
        first_pass
    }

    fn next_of(&self, schedule: &Schedule, after: Instant) -> Option<Instant> {
        // Wall-clock times are handed to the crate as if they were UTC: it must not know about clock changes.
        let from = self.wall_clock(after) - LONGEST_CHANGE;
        schedule
            .after(&from)
            .map_while(|wall| self.first_valid(wall.naive_utc()))
            .find(|instant| *instant > after)
    }

    fn wall_clock(&self, instant: Instant) -> DateTime<Utc> {
        let local = self.zone.local(instant);
        let midnight = local.date.and_time(NaiveTime::MIN).and_utc();
        midnight
            + TimeDelta::minutes(i64::from(local.time.minutes()))
            + TimeDelta::seconds(i64::from(local.seconds))
    }

    /// The first instant whose wall clock shows `wall`, or the next time that exists if the clocks skip it.
    fn first_valid(&self, wall: NaiveDateTime) -> Option<Instant> {
        let mut wall = wall;
        for _ in 0..LONGEST_CHANGE.num_minutes() {
            let minutes = (wall.hour() * 60 + wall.minute()) as u16;
            let instant = self.zone.instant_of(wall.date(), minutes);
            if instant == Instant::MAX_UTC || wall.year() > 9000 {
                return None;
            }
            if self.wall_clock(instant).naive_utc() == wall {
                return Some(instant);
            }
            wall += TimeDelta::minutes(1);
        }
        None
    }
}

fn start_of_minute(instant: Instant) -> Instant {
    instant
        - TimeDelta::nanoseconds(instant.timestamp_subsec_nanos().into())
        - TimeDelta::seconds(instant.second().into())
}

fn shorthand(expression: &str) -> &str {
    match expression {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        other => other,
    }
}

/// The weekdays of a POSIX field as names, which mean the same in every dialect; `None` for all of them.
fn weekday_names(field: &str) -> Result<Option<String>, String> {
    let mut days = [false; 7];
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, positive(step).ok_or_else(|| bad_weekday(part))?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (0, 6),
            Some((from, to)) => (weekday(from, part)?, weekday(to, part)?),
            // `2/3` means from Tuesday to the end of the week in steps of three.
            None if part.contains('/') => (weekday(range, part)?, 6),
            None => (weekday(range, part)?, weekday(range, part)?),
        };
        // `5-7` and `fri-mon` run over the end of the week.
        let to = if to < from { to + 7 } else { to };
        (from..=to).step_by(step).for_each(|day| days[day % 7] = true);
    }
    if days.iter().all(|day| *day) {
        return Ok(None);
    }
    let names = WEEKDAYS.iter().zip(days).filter(|(_, chosen)| *chosen).map(|(name, _)| *name);
    Ok(Some(names.collect::<Vec<_>>().join(",")))
}

fn weekday(text: &str, part: &str) -> Result<usize, String> {
    if let Ok(number) = text.parse::<usize>()
        && number <= 7
    {
        return Ok(number);
    }
    let lower = text.to_ascii_lowercase();
    let full = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    WEEKDAYS
        .iter()
        .zip(full)
        .position(|(short, long)| lower == *short || lower == long)
        .ok_or_else(|| bad_weekday(part))
}

fn positive(text: &str) -> Option<usize> {
    text.parse().ok().filter(|step| (1..=7).contains(step))
}

fn bad_weekday(part: &str) -> String {
    format!("`{part}` is no day of the week; write 0–7 (0 and 7 are Sunday, 1 is Monday) or mon, tue, … sun")
}

#[cfg(test)]
mod tests;
