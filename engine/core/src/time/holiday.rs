//! A calendar of days on which nobody is called, or only at other hours.
//!
//! The dates themselves are data in `engine/rules/holidays.yaml`; [`crate::rules`] reads them.

use std::sync::Arc;

use chrono::NaiveDate;

use super::zone::{date_of, day_number};

/// Named days, in no zone: each zone compares its own local date. Cheap to clone and to ask; the default has no days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HolidayCalendar(Option<Arc<Days>>);

/// Never empty.
#[derive(Debug, PartialEq, Eq)]
struct Days {
    /// Days since 1970-01-01, sorted, each once.
    days: Vec<i64>,
    /// `names[i]` belongs to `days[i]`.
    names: Vec<String>,
}

impl HolidayCalendar {
    /// The calendar without holidays.
    pub const fn none() -> Self {
        HolidayCalendar(None)
    }

    /// Whether there is no holiday at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether `date` is a holiday.
    pub fn contains(&self, date: NaiveDate) -> bool {
        self.contains_day(day_number(date))
    }

    /// What the holiday on `date` is called.
    pub fn name_on(&self, date: NaiveDate) -> Option<&str> {
        let known = self.0.as_deref()?;
        let index = known.days.binary_search(&day_number(date)).ok()?;
        known.names.get(index).map(String::as_str)
    }

    /// Dates and names in order.
    pub fn dates(&self) -> impl Iterator<Item = (NaiveDate, &str)> {
        let named = self.0.iter().flat_map(|known| known.days.iter().zip(&known.names));
        named.map(|(day, name)| (date_of(*day), name.as_str()))
    }

    /// Days that are a holiday in either calendar.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (None, _) => other.clone(),
            (_, None) => self.clone(),
            (Some(a), Some(b)) if a == b => self.clone(),
            _ => self.dates().chain(other.dates()).collect(),
        }
    }

    pub(super) fn contains_day(&self, day: i64) -> bool {
        self.0.as_ref().is_some_and(|known| known.days.binary_search(&day).is_ok())
    }
}

impl<S: Into<String>> FromIterator<(NaiveDate, S)> for HolidayCalendar {
    /// In any order; of two names for one date the first is kept.
    fn from_iter<I: IntoIterator<Item = (NaiveDate, S)>>(dates: I) -> Self {
        let mut entries: Vec<(i64, String)> =
            dates.into_iter().map(|(date, name)| (day_number(date), name.into())).collect();
        entries.sort_by_key(|(day, _)| *day);
        entries.dedup_by_key(|(day, _)| *day);
        if entries.is_empty() {
            return HolidayCalendar::none();
        }
        let (days, names) = entries.into_iter().unzip();
        HolidayCalendar(Some(Arc::new(Days { days, names })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_union_has_the_days_of_both() {
        let fourth: HolidayCalendar = [(date("2026-07-04"), "Independence Day")].into_iter().collect();
        let both = fourth.union(&[(date("2026-07-24"), "Pioneer Day")].into_iter().collect());
        assert_eq!(both.name_on(date("2026-07-04")), Some("Independence Day"));
        assert!(both.contains(date("2026-07-24")) && !both.contains(date("2026-07-05")));
        assert_eq!(both.dates().count(), 2);
        assert_eq!(HolidayCalendar::none().union(&fourth), fourth);
    }

    #[test]
    fn no_dates_are_no_calendar() {
        let empty: HolidayCalendar = Vec::<(NaiveDate, &str)>::new().into_iter().collect();
        assert!(empty.is_empty() && empty == HolidayCalendar::none());
        assert!(!empty.contains(date("2026-07-04")));
    }
}
