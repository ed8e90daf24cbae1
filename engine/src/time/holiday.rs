//! A calendar of days on which nobody is called, or only at other hours.
//!
//! The dates themselves are data in `engine/rules/holidays.yaml`; [`crate::rules`] reads them.

use chrono::NaiveDate;

use super::zone::{date_of, day_number};

/// Named days, in no zone: each zone compares its own local date. Cheap look-up; the default has no days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HolidayCalendar {
    /// Days since 1970-01-01, sorted, each once.
    days: Vec<i64>,
    /// `names[i]` belongs to `days[i]`.
    names: Vec<String>,
}

impl HolidayCalendar {
    /// The calendar without holidays.
    pub const fn none() -> Self {
        HolidayCalendar { days: Vec::new(), names: Vec::new() }
    }

    /// Whether there is no holiday at all.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// Whether `date` is a holiday.
    pub fn contains(&self, date: NaiveDate) -> bool {
        self.contains_day(day_number(date))
    }

    /// What the holiday on `date` is called.
    pub fn name_on(&self, date: NaiveDate) -> Option<&str> {
        let index = self.days.binary_search(&day_number(date)).ok()?;
        self.names.get(index).map(String::as_str)
    }

    /// Dates and names in order.
    pub fn dates(&self) -> impl Iterator<Item = (NaiveDate, &str)> {
        self.days.iter().zip(&self.names).map(|(day, name)| (date_of(*day), name.as_str()))
    }

    /// Days that are a holiday in either calendar.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.dates().chain(other.dates()).collect()
    }

    pub(super) fn contains_day(&self, day: i64) -> bool {
        !self.days.is_empty() && self.days.binary_search(&day).is_ok()
    }
}

impl<S: Into<String>> FromIterator<(NaiveDate, S)> for HolidayCalendar {
    /// In any order; of two names for one date the first is kept.
    fn from_iter<I: IntoIterator<Item = (NaiveDate, S)>>(dates: I) -> Self {
        let mut entries: Vec<(i64, String)> =
            dates.into_iter().map(|(date, name)| (day_number(date), name.into())).collect();
        entries.sort_by_key(|(day, _)| *day);
        entries.dedup_by_key(|(day, _)| *day);
        let (days, names) = entries.into_iter().unzip();
        HolidayCalendar { days, names }
    }
}
