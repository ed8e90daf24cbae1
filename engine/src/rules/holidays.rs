//! Holiday dates by jurisdiction, from `engine/rules/holidays.yaml`.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;

use super::jurisdiction::Jurisdiction;
use super::schema::Effective;
use crate::time::holiday::HolidayCalendar;

/// Calendars of countries, and of states including their country's days.
#[derive(Debug, Clone)]
pub(super) struct Holidays {
    covers: Effective,
    calendars: BTreeMap<Jurisdiction, HolidayCalendar>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HolidayFile {
    covers: Effective,
    calendars: BTreeMap<Jurisdiction, BTreeMap<String, Vec<NaiveDate>>>,
}

impl Holidays {
    pub(super) fn read(text: &str) -> Result<Holidays, String> {
        let file: HolidayFile = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        let mut calendars: BTreeMap<Jurisdiction, HolidayCalendar> = BTreeMap::new();
        for (place, days) in &file.calendars {
            let own: HolidayCalendar = days
                .iter()
                .flat_map(|(name, dates)| dates.iter().map(|date| (*date, name.as_str())))
                .collect();
            calendars.insert(*place, own);
        }
        let national = calendars.clone();
        for (place, calendar) in &mut calendars {
            if let Some(country) = national.get(&place.whole_country()) {
                *calendar = calendar.union(country);
            }
        }
        Ok(Holidays { covers: file.covers, calendars })
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
