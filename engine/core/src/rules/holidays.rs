//! Holiday dates by jurisdiction, from `engine/rules/holidays.yaml` and the files of operators.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::jurisdiction::Jurisdiction;
use super::schema::{Effective, HolidayFile};
use crate::time::holiday::HolidayCalendar;

/// Calendars of countries, and of states including their country's days.
#[derive(Debug, Clone)]
pub(super) struct Holidays {
    covers: Effective,
    calendars: BTreeMap<Jurisdiction, HolidayCalendar>,
}

impl Holidays {
    /// `shipped` says which days are covered; what others bring is added to its dates.
    pub(super) fn new<'a>(
        shipped: &'a HolidayFile,
        others: impl IntoIterator<Item = &'a HolidayFile>,
    ) -> Result<Holidays, String> {
        let covers = shipped.covers.ok_or("needs the key `covers`")?;
        let mut calendars: BTreeMap<Jurisdiction, HolidayCalendar> = BTreeMap::new();
        for file in std::iter::once(shipped).chain(others) {
            for (place, days) in &file.calendars {
                let named: HolidayCalendar = days
                    .iter()
                    .flat_map(|(name, dates)| dates.iter().map(|date| (*date, name.as_str())))
                    .collect();
                let own = calendars.entry(*place).or_default();
                *own = own.union(&named);
            }
        }
        let national = calendars.clone();
        for (place, calendar) in &mut calendars {
            if let Some(country) = national.get(&place.whole_country()) {
                *calendar = calendar.union(country);
            }
        }
        Ok(Holidays { covers, calendars })
    }

    /// The place's own calendar, else its country's, else none.
    pub(super) fn of(&self, place: Jurisdiction) -> HolidayCalendar {
        let found = self.calendars.get(&place).or_else(|| self.calendars.get(&place.whole_country()));
        found.cloned().unwrap_or_default()
    }

    pub(super) fn covers(&self, date: NaiveDate) -> bool {
        self.covers.contains(date)
    }
}
