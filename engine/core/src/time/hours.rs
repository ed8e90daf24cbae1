//! Weekly calling hours: what they are, how they combine, how they are stored. When they are open is in [`super::window`].
//!
//! Hours are kept as two tables, one for ordinary days and one for holidays, so that the intersection of any two hours
//! (law, state, campaign, wish) is again hours and nothing about holidays is lost on the way.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::days::DaySet;
use super::local::{LocalSpan, LocalTime};

/// One line of weekly hours: the same stretch on each of some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Weekdays: `mon-fri`, `sat`, `daily`.
    pub days: DaySet,
    /// First minute, such as `"09:00"`.
    pub from: LocalTime,
    /// First minute outside again; `"24:00"` is midnight.
    pub until: LocalTime,
}

/// What holidays do to the hours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HolidayRule {
    /// A holiday is a day like any other.
    #[default]
    Call,
    /// No calls on holidays.
    Skip,
    /// Only these hours, by the weekday the holiday falls on.
    Only(Vec<Span>),
}

/// Why hours cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    #[error(
        "hours end at {until}, which is not after their start at {from}; for hours past midnight write two lines, \
         {from}-24:00 and 00:00-{until} on the following day"
    )]
    EndsBeforeStart { from: LocalTime, until: LocalTime },
    #[error("hours {from}-{until} name no days")]
    NoDays { from: LocalTime, until: LocalTime },
}

/// Sorted stretches of one day that neither overlap nor touch.
type Day = Vec<LocalSpan>;
type Week = [Day; 7];

/// Weekly wall-clock hours, in no zone of their own. Immutable; equal when open at the same times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "HoursText", into = "HoursText")]
pub struct Hours {
    ordinary: Week,
    /// `None`: holidays are like any other day.
    holidays: Option<Week>,
}

impl Hours {
    /// Hours open whenever one of `spans` is. A span that does not start before it ends is an error.
    pub fn new(spans: &[(DaySet, LocalTime, LocalTime)], holidays: HolidayRule) -> Result<Hours, HoursError> {
        let week = week(spans.iter().map(|&(days, from, until)| Span { days, from, until }))?;
        Ok(Hours { ordinary: week, holidays: None }.with_holidays(holiday_week(holidays)?))
    }

    /// Like [`Hours::new`], but a span that ends at or before its start runs past midnight into the following day;
    /// equal ends mean a full day.
    pub fn wrapping(
        spans: &[(DaySet, LocalTime, LocalTime)],
        holidays: HolidayRule,
    ) -> Result<Hours, HoursError> {
        let mut split = Vec::with_capacity(spans.len() + 1);
        for &(days, from, until) in spans {
            if from < until {
                split.push((days, from, until));
                continue;
            }
            if from < LocalTime::END_OF_DAY {
                split.push((days, from, LocalTime::END_OF_DAY));
            }
            if until > LocalTime::START_OF_DAY {
                split.push((days.following_day(), LocalTime::START_OF_DAY, until));
            }
        }
        Self::new(&split, holidays)
    }

    /// Open at all times.
    pub fn always() -> Hours {
        Hours { ordinary: std::array::from_fn(|_| vec![LocalSpan::WHOLE_DAY]), holidays: None }
    }

    /// Never open.
    pub fn never() -> Hours {
        Hours { ordinary: Week::default(), holidays: None }
    }

    /// The same stretch on each of `days`.
    pub fn on(days: DaySet, span: LocalSpan, holidays: HolidayRule) -> Result<Hours, HoursError> {
        Self::new(&[(days, span.from(), span.until())], holidays)
    }

    /// Whether no week has a minute inside.
    pub fn is_never(&self) -> bool {
        self.ordinary.iter().all(Vec::is_empty) && self.holidays.iter().flatten().all(Vec::is_empty)
    }

    /// Whether every minute is inside, holidays included.
    pub fn is_always(&self) -> bool {
        let whole = |day: &Day| day.as_slice() == [LocalSpan::WHOLE_DAY];
        self.ordinary.iter().all(whole) && self.holidays.iter().flatten().all(whole)
    }

    /// Whether holidays change anything.
    pub fn minds_holidays(&self) -> bool {
        self.holidays.is_some()
    }

    /// Hours open when both are.
    #[must_use]
    pub fn intersect(&self, other: &Hours) -> Hours {
        let combine = |a: &Week, b: &Week| std::array::from_fn(|day| intersect_day(&a[day], &b[day]));
        let holidays = match (&self.holidays, &other.holidays) {
            (None, None) => None,
            (a, b) => {
                Some(combine(a.as_ref().unwrap_or(&self.ordinary), b.as_ref().unwrap_or(&other.ordinary)))
            }
        };
        let ordinary = combine(&self.ordinary, &other.ordinary);
        Hours { ordinary, holidays: None }.with_holidays(holidays)
    }

    /// The ordinary days as lines, days with equal hours put together.
    pub fn spans(&self) -> Vec<Span> {
        lines(&self.ordinary)
    }

    /// What holidays do to these hours.
    pub fn holiday_rule(&self) -> HolidayRule {
        match &self.holidays {
            None => HolidayRule::Call,
            Some(week) if week.iter().all(Vec::is_empty) => HolidayRule::Skip,
            Some(week) => HolidayRule::Only(lines(week)),
        }
    }

    /// Stretches of a day, by Monday-based weekday.
    pub(super) fn day(&self, weekday: usize, is_holiday: bool) -> &[LocalSpan] {
        match (&self.holidays, is_holiday) {
            (Some(week), true) => &week[weekday],
            _ => &self.ordinary[weekday],
        }
    }

    /// Drops a holiday table that says the same as the ordinary one, so that equality means equal opening times.
    fn with_holidays(self, holidays: Option<Week>) -> Hours {
        let holidays = holidays.filter(|week| *week != self.ordinary);
        Hours { ordinary: self.ordinary, holidays }
    }
}

fn holiday_week(rule: HolidayRule) -> Result<Option<Week>, HoursError> {
    Ok(match rule {
        HolidayRule::Call => None,
        HolidayRule::Skip => Some(Week::default()),
        HolidayRule::Only(spans) => Some(week(spans)?),
    })
}

fn week(spans: impl IntoIterator<Item = Span>) -> Result<Week, HoursError> {
    let mut week = Week::default();
    for Span { days, from, until } in spans {
        let span = LocalSpan::new(from, until).ok_or(HoursError::EndsBeforeStart { from, until })?;
        if days.is_empty() {
            return Err(HoursError::NoDays { from, until });
        }
        for (index, day) in week.iter_mut().enumerate() {
            if days.has_index(index) {
                day.push(span);
            }
        }
    }
    Ok(week.map(merge_day))
}

fn merge_day(mut day: Day) -> Day {
    day.sort_unstable();
    let mut merged: Day = Vec::with_capacity(day.len());
    for next in day {
        let joined = merged.last().and_then(|last: &LocalSpan| {
            (next.from() <= last.until())
                .then(|| LocalSpan::new(last.from(), last.until().max(next.until())))
                .flatten()
        });
        match (joined, merged.last_mut()) {
            (Some(joined), Some(last)) => *last = joined,
            _ => merged.push(next),
        }
    }
    merged
}

fn intersect_day(a: &[LocalSpan], b: &[LocalSpan]) -> Day {
    merge_day(a.iter().flat_map(|x| b.iter().filter_map(|y| x.intersect(*y))).collect())
}

fn lines(week: &Week) -> Vec<Span> {
    let mut lines: Vec<Span> = Vec::new();
    for (index, day) in week.iter().enumerate() {
        for span in day {
            let today = DaySet::from_index(index);
            match lines.iter_mut().find(|line| line.from == span.from() && line.until == span.until()) {
                Some(line) => line.days = line.days | today,
                None => lines.push(Span { days: today, from: span.from(), until: span.until() }),
            }
        }
    }
    lines
}

/// Weekly hours on the wall clock.
#[derive(Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct HoursText {
    /// Stretches of the week; outside all of them the hours are closed.
    #[schemars(extend("minItems" = 1))]
    spans: Vec<Span>,
    /// What holidays do: `call` (nothing), `skip` (closed), or `only` with hours of their own. `call` unless said otherwise.
    #[serde(default)]
    holidays: HolidayRule,
}

impl schemars::JsonSchema for Hours {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hours".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        HoursText::json_schema(generator)
    }
}

impl From<Hours> for HoursText {
    fn from(hours: Hours) -> Self {
        HoursText { spans: hours.spans(), holidays: hours.holiday_rule() }
    }
}

impl TryFrom<HoursText> for Hours {
    type Error = HoursError;

    fn try_from(text: HoursText) -> Result<Self, Self::Error> {
        let spans: Vec<_> = text.spans.iter().map(|span| (span.days, span.from, span.until)).collect();
        Hours::new(&spans, text.holidays)
    }
}

impl fmt::Display for Hours {
    /// `mon-fri 09:00-18:00, sat 10:00-16:00, not on holidays`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_never() {
            return f.write_str("never");
        }
        write_lines(f, &self.spans())?;
        match self.holiday_rule() {
            HolidayRule::Call => Ok(()),
            HolidayRule::Skip => f.write_str(", not on holidays"),
            HolidayRule::Only(spans) => {
                f.write_str(", on holidays only ")?;
                write_lines(f, &spans)
            }
        }
    }
}

fn write_lines(f: &mut fmt::Formatter<'_>, lines: &[Span]) -> fmt::Result {
    for (index, Span { days, from, until }) in lines.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{days} {from}-{until}")?;
    }
    Ok(())
}
