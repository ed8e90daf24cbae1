//! Civil-time arithmetic: business days and "next Friday at eight", on the wall clock of a zone.
//!
//! The date and weekday are always the local ones and the offset is looked up for the target day, never carried over.

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::days::DaySet;
use super::holiday::HolidayCalendar;
use super::local::LocalTime;
use super::zone::Zone;
use crate::clock::Instant;

/// Whether `date` is Monday to Friday and no holiday.
pub fn is_business_day(date: NaiveDate, holidays: &HolidayCalendar) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) && !holidays.contains(date)
}

/// The same wall-clock time `n` business days after `from` in `zone`.
///
/// The day of `from` does not count: one business day after Friday or Saturday noon is Monday noon. `n` = 0 is `from`.
pub fn add_business_days(zone: &Zone, from: Instant, n: u32, holidays: &HolidayCalendar) -> Instant {
    if n == 0 {
        return from;
    }
    let local = zone.local(from);
    let day = local
        .date
        .iter_days()
        .skip(1)
        .filter(|date| is_business_day(*date, holidays))
        .nth(n as usize - 1)
        .unwrap_or(NaiveDate::MAX);
    let seconds = chrono::TimeDelta::seconds(i64::from(local.seconds));
    zone.instant_of(day, local.time.minutes()).checked_add_signed(seconds).unwrap_or(Instant::MAX_UTC)
}

/// The first instant after `from` at which the clock of `zone` shows `time` on one of `days`; nothing for no days.
pub fn next_weekday_at(zone: &Zone, from: Instant, days: DaySet, time: LocalTime) -> Option<Instant> {
    let today = zone.local(from).date;
    (0..=8)
        .filter_map(|ahead| today.checked_add_days(Days::new(ahead)))
        .filter(|date| days.contains(date.weekday()))
        .map(|date| zone.instant_of(date, time.minutes()))
        .find(|instant| *instant > from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::zone::Zone;
    use rstest::rstest;

    fn zone(name: &str) -> Zone {
        Zone::find(name).unwrap()
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[rstest]
    #[case::over_the_weekend("2026-01-16T15:00:30Z", 1, "2026-01-19T15:00:30Z")]
    #[case::from_a_saturday("2026-01-17T15:00:00Z", 1, "2026-01-19T15:00:00Z")]
    #[case::zero_stays("2026-01-17T15:00:00Z", 0, "2026-01-17T15:00:00Z")]
    #[case::a_full_week("2026-01-14T15:00:00Z", 5, "2026-01-21T15:00:00Z")]
    #[case::same_wall_clock_across_dst("2026-03-06T14:00:00Z", 1, "2026-03-09T13:00:00Z")]
    #[case::late_evening_is_still_friday("2026-01-17T02:00:00Z", 1, "2026-01-20T02:00:00Z")]
    fn business_days_keep_the_wall_clock(#[case] from: &str, #[case] n: u32, #[case] expected: &str) {
        let result = add_business_days(&zone("America/New_York"), at(from), n, &HolidayCalendar::none());
        assert_eq!(result, at(expected));
    }

    #[test]
    fn business_days_skip_holidays() {
        let holidays =
            [(NaiveDate::from_ymd_opt(2026, 1, 19).unwrap(), "Martin Luther King")].into_iter().collect();
        let result = add_business_days(&zone("America/New_York"), at("2026-01-16T15:00:00Z"), 1, &holidays);
        assert_eq!(result, at("2026-01-20T15:00:00Z"));
    }

    #[test]
    fn weekday_is_local() {
        let friday = next_weekday_at(
            &zone("America/New_York"),
            at("2026-01-14T15:00:00Z"),
            DaySet::of(Weekday::Fri),
            LocalTime::hm(20, 0).unwrap(),
        );
        // Friday evening in New York is Saturday in UTC.
        assert_eq!(friday, Some(at("2026-01-16T20:00:00-05:00")));
    }

    #[test]
    fn dst_offset_is_not_frozen() {
        let nine = next_weekday_at(
            &zone("America/New_York"),
            at("2026-03-07T20:00:00Z"),
            DaySet::DAILY,
            LocalTime::hm(9, 0).unwrap(),
        );
        assert_eq!(nine, Some(at("2026-03-08T09:00:00-04:00")));
    }

    #[test]
    fn next_weekday_is_strictly_later_and_needs_a_day() {
        let (zone, nine) = (zone("UTC"), LocalTime::hm(9, 0).unwrap());
        let now = at("2026-01-14T09:00:00Z");
        assert_eq!(
            next_weekday_at(&zone, now, DaySet::of(Weekday::Wed), nine),
            Some(at("2026-01-21T09:00:00Z"))
        );
        assert_eq!(next_weekday_at(&zone, now, DaySet::NONE, nine), None);
    }
}
