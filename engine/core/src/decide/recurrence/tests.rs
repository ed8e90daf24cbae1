//! Cron expressions against known answers, clock changes above all.

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn at(text: &str) -> Instant {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn every(expression: &str, zone: &str) -> Recurrence {
    Recurrence::parse(expression, Zone::find(zone).unwrap()).unwrap()
}

/// The next `count` runs as local wall-clock times.
fn runs(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let recurrence = every(expression, zone);
    let mut instant = at(after);
    let mut found = Vec::new();
    for _ in 0..count {
        let Some(next) = recurrence.next_after(instant) else { break };
        assert!(next > instant, "{next} is not after {instant}");
        found.push(recurrence.wall_clock(next).format("%a %d %H:%M").to_string());
        instant = next;
    }
    found
}

#[rstest]
#[case::monday_is_one("30 9 * * 1", &["Mon 05 09:30", "Mon 12 09:30"])]
#[case::sunday_is_zero("0 8 * * 0", &["Sun 04 08:00", "Sun 11 08:00"])]
#[case::sunday_is_seven("0 8 * * 7", &["Sun 04 08:00", "Sun 11 08:00"])]
#[case::range_over_the_weekend("0 8 * * 5-7", &["Fri 02 08:00", "Sat 03 08:00", "Sun 04 08:00", "Fri 09 08:00"])]
#[case::names("0 8 * * mon,Wed", &["Mon 05 08:00", "Wed 07 08:00"])]
#[case::wrapping_names("0 8 * * fri-mon", &["Fri 02 08:00", "Sat 03 08:00", "Sun 04 08:00", "Mon 05 08:00"])]
#[case::either_day_field("0 8 3 * 1", &["Sat 03 08:00", "Mon 05 08:00", "Mon 12 08:00"])]
#[case::steps("*/20 6 * * *", &["Fri 02 06:00", "Fri 02 06:20", "Fri 02 06:40", "Sat 03 06:00"])]
#[case::shorthand("@monthly", &["Sun 01 00:00", "Sun 01 00:00"])]
fn reads_five_fields_with_posix_weekdays(#[case] expression: &str, #[case] expected: &[&str]) {
    // 2026-01-01 is a Thursday.
    assert_eq!(runs(expression, "UTC", "2026-01-01T12:00:00Z", expected.len()), expected);
}

#[test]
fn a_time_the_clocks_skip_fires_at_the_next_valid_one() {
    let found = runs("30 2 * * *", "America/New_York", "2026-03-07T08:00:00Z", 2);
    assert_eq!(found, ["Sun 08 03:00", "Mon 09 02:30"]);
}

#[test]
fn a_time_that_comes_twice_fires_once() {
    let found = runs("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2);
    assert_eq!(found, ["Sun 01 01:30", "Mon 02 01:30"]);
    let first = every("30 1 * * *", "America/New_York").next_after(at("2026-11-01T00:00:00Z"));
    assert_eq!(first, Some(at("2026-11-01T05:30:00Z")), "the first of the two");
}

#[test]
fn an_hourly_schedule_keeps_going_in_a_repeated_hour() {
    let recurrence = every("15 * * * *", "America/New_York");
    let mut instant = at("2026-11-01T04:20:00Z");
    for hour in 5..9 {
        instant = recurrence.next_after(instant).unwrap();
        assert_eq!(instant, at(&format!("2026-11-01T0{hour}:15:00Z")));
    }
}

#[test]
fn a_skipped_day_fires_on_the_next_one() {
    // Samoa had no 30 December 2011.
    let found = runs("0 9 * * *", "Pacific/Apia", "2011-12-29T20:00:00Z", 2);
    assert_eq!(found, ["Sat 31 00:00", "Sat 31 09:00"]);
}

#[test]
fn a_day_that_never_comes_has_no_next_run() {
    assert_eq!(every("0 0 30 2 *", "UTC").next_after(at("2026-01-01T00:00:00Z")), None);
}

#[rstest]
#[case("0 9 * *")]
#[case("0 0 9 * * 1")]
#[case("0 9 * * 8")]
#[case("0 9 * * moonday")]
#[case("61 9 * * *")]
#[case("0 9 * * 1/0")]
#[case("")]
fn refuses_what_is_no_schedule(#[case] expression: &str) {
    let error = Recurrence::parse(expression, Zone::find("UTC").unwrap()).unwrap_err();
    assert!(error.to_string().contains("is not a cron expression"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_next_run_is_later_and_nothing_lies_between(start in 0_i64..40_000_000, minute in 0_u32..60, hour in 0_u32..24) {
        let recurrence = every(&format!("{minute} {hour} * * *"), "Europe/Berlin");
        let after = at("2026-01-01T00:00:00Z") + TimeDelta::seconds(start);
        let next = recurrence.next_after(after).unwrap();
        prop_assert!(next > after && next - after <= TimeDelta::hours(26));
        let earlier = recurrence.next_after(next - TimeDelta::seconds(1)).unwrap();
        prop_assert_eq!(earlier, next, "asking just before gives the same run");
    }
}
