//! How the tokens of a preferred time combine into days and hours.
//!
//! The text is cut into groups at commas and "and"; a group holds days, hours or both. Groups with only days lend them
//! to their neighbour: `mon, wed 9-5`, `9am-5pm, weekdays`, `mon 9-11, 2-4` all read as a person means them.

use super::PreferredTimeError;
use super::token::{Clock, Token};
use crate::time::days::DaySet;
use crate::time::hours::{HolidayRule, Hours};
use crate::time::local::LocalTime;
use crate::time::zone::Zone;

/// Start and end in minutes; an end at or before the start lies on the next day.
type Range = (u16, u16);

const DAY_END: u16 = 1440;
const NOON: u16 = 720;

#[derive(Default)]
struct Group {
    days: Option<DaySet>,
    ranges: Vec<Range>,
    days_came_first: bool,
}

struct Clause {
    days: Option<DaySet>,
    ranges: Vec<Range>,
    /// The days came in a group after the hours, so that more days may follow.
    days_trail: bool,
}

pub(super) fn read(tokens: &[Token]) -> Result<(Hours, Option<Zone>), PreferredTimeError> {
    let mut reader = Reader { tokens, at: 0, groups: vec![Group::default()], zone: None };
    while reader.at < tokens.len() {
        reader.step()?;
    }
    let spans: Vec<_> = clauses(reader.groups).into_iter().flat_map(spans).collect();
    let hours = Hours::wrapping(&spans, HolidayRule::Call).map_err(|_| PreferredTimeError::NothingSaid)?;
    if hours.is_never() {
        return Err(PreferredTimeError::NothingSaid);
    }
    Ok((hours, reader.zone))
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    /// Never empty; the last one is being filled.
    groups: Vec<Group>,
    zone: Option<Zone>,
}

impl Reader<'_> {
    fn step(&mut self) -> Result<(), PreferredTimeError> {
        let token = &self.tokens[self.at];
        self.at += 1;
        match token {
            Token::Separator => self.groups.push(Group::default()),
            Token::Zone(zone) => self.zone_named(zone)?,
            Token::Day(first) => {
                let days = if self.take(is_joint) {
                    let Some(Token::Day(last)) = self.tokens.get(self.at) else {
                        return Err(incomplete("-"));
                    };
                    self.at += 1;
                    DaySet::range(*first, *last)
                } else {
                    DaySet::from_index(*first)
                };
                self.add_days(days);
            }
            Token::Days(days) => self.add_days(*days),
            Token::Part(from, until) => self.add_range((from.minutes(), until.minutes())),
            Token::BusinessHours => {
                self.add_days(DaySet::WEEKDAYS);
                self.add_range((540, 1020));
            }
            Token::Anytime => self.add_range((0, DAY_END)),
            Token::Clock(start) => self.clock_range(*start)?,
            Token::After => self.after()?,
            Token::Before | Token::To { may_open: true } => {
                let end = self.clock("before")?;
                self.add_range((0, lone(end)));
            }
            Token::Between => {
                let start = self.clock("between")?;
                if !(self.take(|t| *t == Token::Separator) || self.take(is_joint)) {
                    return Err(incomplete("between"));
                }
                let end = self.clock("between")?;
                self.add_checked(start, end)?;
            }
            Token::Dash => return Err(incomplete("-")),
            Token::To { may_open: false } => return Err(incomplete("to")),
            Token::Onwards => return Err(incomplete("onwards")),
        }
        Ok(())
    }

    /// A time opens a range, stands for "from then on", or for the hour that begins then.
    fn clock_range(&mut self, start: Clock) -> Result<(), PreferredTimeError> {
        if self.take(is_joint) {
            let end = self.clock("-")?;
            return self.add_checked(start, end);
        }
        let start = lone(start);
        if self.take(|token| *token == Token::Onwards) {
            self.add_range((start, DAY_END));
        } else {
            self.add_range((start % DAY_END, (start + 60) % DAY_END));
        }
        Ok(())
    }

    /// `after 6`, `from 9`, `from 9 to 5`.
    fn after(&mut self) -> Result<(), PreferredTimeError> {
        let start = self.clock("after")?;
        if self.take(is_joint) {
            let end = self.clock("to")?;
            return self.add_checked(start, end);
        }
        self.take(|token| *token == Token::Onwards);
        let start = lone(start);
        if start >= DAY_END {
            return Err(incomplete("after"));
        }
        self.add_range((start, DAY_END));
        Ok(())
    }

    fn clock(&mut self, after: &str) -> Result<Clock, PreferredTimeError> {
        match self.tokens.get(self.at) {
            Some(Token::Clock(clock)) => {
                self.at += 1;
                Ok(*clock)
            }
            _ => Err(incomplete(after)),
        }
    }

    fn take(&mut self, wanted: impl Fn(&Token) -> bool) -> bool {
        let found = self.tokens.get(self.at).is_some_and(wanted);
        self.at += usize::from(found);
        found
    }

    fn zone_named(&mut self, zone: &Zone) -> Result<(), PreferredTimeError> {
        if let Some(first) = &self.zone
            && !first.same_clock(zone)
        {
            return Err(PreferredTimeError::TwoZones { first: first.clone(), second: zone.clone() });
        }
        self.zone = Some(zone.clone());
        Ok(())
    }

    fn add_days(&mut self, days: DaySet) {
        let group = self.open_group(|group| group.days_came_first && !group.ranges.is_empty());
        group.days_came_first |= group.ranges.is_empty();
        group.days = Some(group.days.unwrap_or(DaySet::NONE) | days);
    }

    fn add_range(&mut self, range: Range) {
        self.open_group(|group| !group.days_came_first && group.days.is_some()).ranges.push(range);
    }

    fn add_checked(&mut self, start: Clock, end: Clock) -> Result<(), PreferredTimeError> {
        let (start, end) = resolve(start, end);
        if start == end {
            let at = LocalTime::from_minutes_clamped(i64::from(start)).to_string();
            return Err(PreferredTimeError::SameEnds { at });
        }
        self.add_range((start, end));
        Ok(())
    }

    /// The last group, or a fresh one when the last is complete: `weekdays 9-5 weekends 10-4` has no comma.
    fn open_group(&mut self, is_complete: impl Fn(&Group) -> bool) -> &mut Group {
        if self.groups.last().is_none_or(is_complete) {
            self.groups.push(Group::default());
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }
}

fn is_joint(token: &Token) -> bool {
    matches!(token, Token::Dash | Token::To { .. })
}

fn incomplete(word: &str) -> PreferredTimeError {
    PreferredTimeError::Incomplete { word: word.to_owned() }
}

fn clauses(groups: Vec<Group>) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = Vec::new();
    let mut pending: Option<DaySet> = None;
    for group in groups {
        let last = clauses.last_mut();
        match (group.days, group.ranges) {
            (None, ranges) if ranges.is_empty() => {}
            (None, ranges) => match (pending.take(), last) {
                (None, Some(last)) if last.days.is_none_or(|_| !last.days_trail) => {
                    last.ranges.extend(ranges);
                }
                (days, _) => clauses.push(Clause { days, ranges, days_trail: false }),
            },
            (Some(days), ranges) if ranges.is_empty() => match last {
                Some(last) if pending.is_none() && (last.days.is_none() || last.days_trail) => {
                    last.days = Some(last.days.unwrap_or(DaySet::NONE) | days);
                    last.days_trail = true;
                }
                _ => pending = Some(pending.unwrap_or(DaySet::NONE) | days),
            },
            (Some(days), ranges) => {
                let days = Some(pending.take().unwrap_or(DaySet::NONE) | days);
                clauses.push(Clause { days, ranges, days_trail: false });
            }
        }
    }
    if pending.is_some() {
        clauses.push(Clause { days: pending, ranges: vec![(0, DAY_END)], days_trail: false });
    }
    clauses
}

fn spans(clause: Clause) -> impl Iterator<Item = (DaySet, LocalTime, LocalTime)> {
    let days = clause.days.unwrap_or(DaySet::DAILY);
    let time = |minutes: u16| LocalTime::from_minutes_clamped(i64::from(minutes));
    clause.ranges.into_iter().map(move |(from, until)| (days, time(from), time(until)))
}

/// A time that stands alone: without am or pm, one to seven is afternoon or evening, the rest as the clock says.
fn lone(clock: Clock) -> u16 {
    match clock {
        Clock::Bare(minutes) if minutes < 8 * 60 => minutes + NOON, // also 12, which is 0 here: noon
        Clock::Exact(minutes) | Clock::Full(minutes) | Clock::Bare(minutes) => minutes,
    }
}

/// Settles the halves of the day of a range: the reading that is shortest and, if nothing is said, in waking hours.
fn resolve(start: Clock, end: Clock) -> Range {
    let is_full = matches!(start, Clock::Full(_));
    let start = match (start, end) {
        // `9:00-17:00`: one 24-hour time makes the other one too. Twelve is kept as 0.
        (Clock::Bare(start), Clock::Full(_)) if start < 60 => start + NOON,
        (Clock::Bare(start), Clock::Exact(end)) if start + NOON < end || start >= end => start + NOON,
        // `7-9` and later starts are mornings, `2-4` is an afternoon.
        (Clock::Bare(start), Clock::Bare(_)) if start < 7 * 60 => start + NOON,
        (Clock::Exact(start) | Clock::Full(start) | Clock::Bare(start), _) => start,
    };
    let end = match end {
        // After a 24-hour time, twelve is noon: `00:00-12:01`.
        Clock::Bare(end) if is_full && end < 60 => end + NOON,
        Clock::Bare(end) if end <= start && end + NOON > start => end + NOON,
        Clock::Exact(end) | Clock::Full(end) | Clock::Bare(end) => end,
    };
    (start, end)
}
