//! Windows against a minute-by-minute reading of the wall clock, and the legal vectors.

use super::*;
use crate::time::days::DaySet;
use crate::time::hours::HolidayRule;
use crate::time::local::LocalTime;
use chrono::{Datelike, NaiveDate, Timelike};
use proptest::prelude::*;
use rstest::rstest;

fn zone(name: &str) -> Zone {
    Zone::find(name).unwrap()
}

fn zones(names: &[&str]) -> Vec<Zone> {
    names.iter().map(|name| zone(name)).collect()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn time(text: &str) -> LocalTime {
    text.parse().unwrap()
}

fn hours(lines: &[(&str, &str, &str)]) -> Hours {
    holiday_hours(lines, HolidayRule::Call)
}

fn holiday_hours(lines: &[(&str, &str, &str)], rule: HolidayRule) -> Hours {
    let spans: Vec<_> =
        lines.iter().map(|(days, from, until)| (days.parse().unwrap(), time(from), time(until))).collect();
    Hours::new(&spans, rule).unwrap()
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);
const NO_GUARD: TimeDelta = TimeDelta::zero();

fn position(hours: &Hours, names: &[&str], now: &str) -> Position {
    hours.position(&zones(names), &HolidayCalendar::none(), at(now), TimeDelta::seconds(60))
}

/// Zones with unusual clock changes, and a few without any.
const ODD_ZONES: [&str; 12] = [
    "America/New_York",
    "America/St_Johns",
    "America/Vancouver",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Europe/Dublin",
    "Pacific/Chatham",
    "America/Nuuk",
];

/// The definition, in jiff's own calendar and without any of the code under test.
fn brute_force(lines: &[(DaySet, u16, u16)], holidays: &[NaiveDate], zone: &Zone, at: Instant) -> bool {
    let jiff_zone = jiff::tz::TimeZoneDatabase::bundled().get(zone.name()).unwrap();
    let local = jiff_zone.to_datetime(jiff::Timestamp::from_second(at.timestamp()).unwrap());
    let date =
        NaiveDate::from_ymd_opt(local.year().into(), local.month() as u32, local.day() as u32).unwrap();
    let minute = u16::from(local.hour() as u8) * 60 + u16::from(local.minute() as u8);
    !holidays.contains(&date)
        && lines
            .iter()
            .any(|(days, from, until)| days.contains(date.weekday()) && (*from..*until).contains(&minute))
}

fn as_hours(lines: &[(DaySet, u16, u16)], rule: HolidayRule) -> Hours {
    let minutes = |value| LocalTime::from_minutes(value).unwrap();
    let spans: Vec<_> =
        lines.iter().map(|(days, from, until)| (*days, minutes(*from), minutes(*until))).collect();
    Hours::new(&spans, rule).unwrap()
}

/// Three days around every clock change of two years, and a week without any.
fn interesting_days(zone: &Zone) -> Vec<Instant> {
    let mut starts = vec![at("2026-06-01T00:00:00Z").timestamp()];
    let (mut cursor, end) = (at("2026-01-01T00:00:00Z").timestamp(), at("2027-12-31T00:00:00Z").timestamp());
    while let Some(change) = zone.next_transition(cursor).filter(|change| *change < end) {
        starts.push(change - 86_400 - change.rem_euclid(60));
        cursor = change;
    }
    starts.into_iter().map(instant_at).collect()
}

fn check_against_brute_force(lines: &[(DaySet, u16, u16)], names: &[&str]) {
    let zones = zones(names);
    let holidays =
        [NaiveDate::from_ymd_opt(2026, 6, 3).unwrap(), NaiveDate::from_ymd_opt(2026, 3, 9).unwrap()];
    let calendar: HolidayCalendar = holidays.iter().map(|date| (*date, "holiday")).collect();
    let hours = as_hours(lines, HolidayRule::Skip);
    let inside = |at| zones.iter().all(|zone| brute_force(lines, &holidays, zone, at));
    for start in zones.iter().flat_map(interesting_days) {
        let minutes: Vec<(Instant, bool)> = (0..3 * 1440)
            .map(|minute| start + TimeDelta::minutes(minute))
            .map(|at| (at, inside(at)))
            .collect();
        let mut next_change: Option<Instant> = None;
        let mut later = minutes[minutes.len() - 1].1;
        for (at, expected) in minutes.iter().rev() {
            if *expected != later {
                next_change = Some(*at + MINUTE);
                later = *expected;
            }
            // Every answer near an edge, and a sample elsewhere.
            let is_near = next_change.is_some_and(|change| change - *at <= TimeDelta::minutes(2));
            if is_near || at.minute() % 20 == 0 {
                let answer = hours.position(&zones, &calendar, *at, NO_GUARD);
                check_answer(answer, *expected, next_change, *at);
            }
        }
    }
}

fn check_answer(answer: Position, expected: bool, next_change: Option<Instant>, at: Instant) {
    match (answer, next_change) {
        (Position::Inside { closes }, Some(change)) => {
            assert!(expected && closes == change, "{at}: {answer:?}");
        }
        (Position::Outside { opens }, Some(change)) => {
            assert!(!expected && opens == change, "{at}: {answer:?}");
        }
        _ => assert_eq!(answer.is_inside(), expected, "{at}: {answer:?}"),
    }
}

#[rstest]
fn agrees_with_the_wall_clock_in_one_zone(#[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)] index: usize) {
    let office = [(DaySet::WEEKDAYS, 540, 1080), (DaySet::WEEKENDS, 600, 960)];
    let night = [(DaySet::DAILY, 0, 95), (DaySet::DAILY, 130, 185), (DaySet::DAILY, 1390, 1440)];
    check_against_brute_force(&office, &[ODD_ZONES[index]]);
    check_against_brute_force(&night, &[ODD_ZONES[index]]);
}

#[rstest]
#[case(&["America/Chicago", "America/New_York"])]
#[case(&["Australia/Lord_Howe", "Australia/Perth", "Australia/Sydney"])]
#[case(&["America/St_Johns", "Africa/Casablanca"])]
fn agrees_with_the_wall_clocks_of_several_zones(#[case] names: &[&str]) {
    check_against_brute_force(&[(DaySet::DAILY, 480, 1260)], names);
}

// 47 CFR 64.1200(c)(1): 08:00–21:00 at the called party's location; a number in two zones must be inside in both.
#[rstest]
#[case::florida_panhandle_850(&["America/New_York", "America/Chicago"], "08:00", "20:00", "2026-01-14T14:00:00Z", "2026-01-15T01:00:00Z")]
#[case::idaho_208(&["America/Boise", "America/Denver", "America/Los_Angeles"], "08:00", "21:00", "2026-01-14T16:00:00Z", "2026-01-15T04:00:00Z")]
#[case::south_dakota_605(&["America/Chicago", "America/Denver"], "08:00", "21:00", "2026-01-14T15:00:00Z", "2026-01-15T03:00:00Z")]
fn several_zones_are_intersected(
    #[case] names: &[&str],
    #[case] from: &str,
    #[case] until: &str,
    #[case] opens: &str,
    #[case] closes: &str,
) {
    let hours = hours(&[("daily", from, until)]);
    let (opens, closes) = (at(opens), at(closes));
    let ask = |now| hours.position(&zones(names), &HolidayCalendar::none(), now, NO_GUARD);
    assert_eq!(ask(opens - MINUTE), Position::Outside { opens });
    assert_eq!(ask(opens), Position::Inside { closes });
    assert_eq!(ask(closes - MINUTE), Position::Inside { closes });
    assert!(!ask(closes).is_inside());
}

#[test]
fn no_zone_and_no_common_hour_are_never() {
    let hours = hours(&[("daily", "08:00", "21:00")]);
    assert_eq!(position(&hours, &[], "2026-01-14T15:00:00Z"), Position::Never);
    let short = holiday_hours(&[("mon", "09:00", "10:00")], HolidayRule::Call);
    assert_eq!(
        position(&short, &["America/New_York", "Asia/Kolkata"], "2026-01-14T15:00:00Z"),
        Position::Never
    );
    assert_eq!(position(&Hours::never(), &["UTC"], "2026-01-14T15:00:00Z"), Position::Never);
}

#[test]
fn always_open_hours_close_at_the_horizon() {
    let now = "2026-01-14T15:00:00Z";
    assert_eq!(
        position(&Hours::always(), &["UTC"], now),
        Position::Inside { closes: at(now) + SEARCH_HORIZON }
    );
}

#[rstest]
#[case("2026-01-14T20:58:59Z", true)]
#[case("2026-01-14T20:59:00Z", false)]
#[case("2026-01-14T20:58:59.999999Z", true)]
#[case("2026-01-14T20:59:30Z", false)]
fn the_last_minute_is_left_to_the_guard(#[case] now: &str, #[case] inside: bool) {
    let answer = position(&hours(&[("daily", "08:00", "21:00")]), &["UTC"], now);
    assert_eq!(answer.is_inside(), inside);
    if !inside {
        assert_eq!(answer, Position::Outside { opens: at("2026-01-15T08:00:00Z") });
    }
}

#[test]
fn defers_to_monday_when_friday_window_has_closed() {
    let office = hours(&[("mon-fri", "09:00", "18:00")]);
    let answer = position(&office, &["America/New_York"], "2026-01-16T23:30:00Z");
    assert_eq!(answer, Position::Outside { opens: at("2026-01-19T14:00:00Z") });
}

#[test]
fn defers_past_a_holiday_on_the_local_date() {
    let office = holiday_hours(&[("mon-fri", "09:00", "18:00")], HolidayRule::Skip);
    let holidays =
        [(NaiveDate::from_ymd_opt(2026, 1, 19).unwrap(), "Martin Luther King Day")].into_iter().collect();
    let answer =
        office.position(&zones(&["America/New_York"]), &holidays, at("2026-01-16T23:30:00Z"), NO_GUARD);
    assert_eq!(answer, Position::Outside { opens: at("2026-01-20T14:00:00Z") });
}

#[test]
fn windows_in_different_zones_are_intersected() {
    let (law, campaign) = (hours(&[("daily", "08:00", "21:00")]), hours(&[("mon-fri", "10:00", "19:00")]));
    let (leads, office) = (zones(&["America/Los_Angeles"]), zones(&["Asia/Kolkata"]));
    let parts: [(&Hours, &[Zone]); 2] = [(&law, &leads), (&campaign, &office)];
    // Los Angeles 08:00–21:00 is 16:00–05:00 UTC; Kolkata 10:00–19:00 is 04:30–13:30 UTC: half an hour in common.
    let answer = position_all(&parts, &HolidayCalendar::none(), at("2026-01-14T16:00:00Z"), NO_GUARD);
    assert_eq!(answer, Position::Outside { opens: at("2026-01-15T04:30:00Z") });
    let answer = position_all(&parts, &HolidayCalendar::none(), at("2026-01-15T04:30:00Z"), NO_GUARD);
    assert_eq!(answer, Position::Inside { closes: at("2026-01-15T05:00:00Z") });
    assert_eq!(
        position_all(&[], &HolidayCalendar::none(), at("2026-01-15T04:30:00Z"), NO_GUARD),
        Position::Never
    );
}

#[rstest]
#[case("09:00", "09:00")]
#[case("18:00", "09:00")]
fn a_span_must_end_after_it_starts(#[case] from: &str, #[case] until: &str) {
    let spans = [(DaySet::DAILY, time(from), time(until))];
    assert!(matches!(
        Hours::new(&spans, HolidayRule::Call),
        Err(super::super::HoursError::EndsBeforeStart { .. })
    ));
}

#[test]
fn wrapping_hours_run_past_midnight_into_the_next_day() {
    let hours = Hours::wrapping(
        &[(DaySet::of(chrono::Weekday::Sun), time("22:00"), time("02:00"))],
        HolidayRule::Call,
    );
    assert_eq!(hours.unwrap().to_string(), "mon 00:00-02:00, sun 22:00-24:00");
}

#[test]
fn stored_hours_keep_their_holiday_rule() {
    let sundays = crate::time::Span { days: DaySet::DAILY, from: time("13:00"), until: time("21:00") };
    for rule in [HolidayRule::Call, HolidayRule::Skip, HolidayRule::Only(vec![sundays])] {
        let hours = holiday_hours(&[("mon-sat", "08:00", "20:00")], rule.clone());
        let stored = serde_json::to_string(&hours).unwrap();
        assert_eq!(serde_json::from_str::<Hours>(&stored).unwrap(), hours);
        assert_eq!(hours.holiday_rule(), rule);
    }
}

fn any_hours() -> impl Strategy<Value = Hours> {
    let line = (1_u8..128, 0_u16..24, 1_u16..=24).prop_map(|(days, from, length)| {
        let days = (0..7).filter(|day| days & (1 << day) != 0).map(DaySet::from_index);
        (days.fold(DaySet::NONE, |all, day| all | day), from * 60, ((from + length) * 60).min(1440))
    });
    (prop::collection::vec(line, 1..3), any::<bool>())
        .prop_map(|(lines, skip)| as_hours(&lines, if skip { HolidayRule::Skip } else { HolidayRule::Call }))
}

fn any_zones() -> impl Strategy<Value = Vec<Zone>> {
    prop::collection::vec(prop::sample::select(&ODD_ZONES[..]), 1..3).prop_map(|names| zones(&names))
}

fn any_instant() -> impl Strategy<Value = Instant> {
    (0_i64..2 * 365 * 86_400).prop_map(|second| at("2026-01-01T00:00:00Z") + TimeDelta::seconds(second))
}

fn some_holidays() -> HolidayCalendar {
    let days = [(2026, 7, 3), (2026, 11, 26), (2027, 3, 14)];
    days.iter().map(|(y, m, d)| (NaiveDate::from_ymd_opt(*y, *m, *d).unwrap(), "holiday")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn opening_is_later_and_is_inside(hours in any_hours(), zones in any_zones(), now in any_instant()) {
        let (holidays, guard) = (some_holidays(), TimeDelta::seconds(60));
        match hours.position(&zones, &holidays, now, guard) {
            Position::Outside { opens } => {
                prop_assert!(opens > now);
                prop_assert!(hours.position(&zones, &holidays, opens, guard).is_inside());
            }
            Position::Inside { closes } => {
                prop_assert!(closes - now > guard);
                prop_assert!(zones.iter().all(|zone| hours.contains(zone, &holidays, closes - MINUTE)));
            }
            Position::Never => {}
        }
    }

    #[test]
    fn intersected_hours_are_open_when_both_are(
        a in any_hours(), b in any_hours(), zones in any_zones(), now in any_instant(),
    ) {
        let holidays = some_holidays();
        let both = a.intersect(&b);
        for zone in &zones {
            let expected = a.contains(zone, &holidays, now) && b.contains(zone, &holidays, now);
            prop_assert_eq!(both.contains(zone, &holidays, now), expected);
        }
        let together = position_all(&[(&a, &zones), (&b, &zones)], &holidays, now, NO_GUARD);
        prop_assert_eq!(together, both.position(&zones, &holidays, now, NO_GUARD));
    }

    #[test]
    fn intervals_hold_exactly_the_inside_minutes(hours in any_hours(), zones in any_zones(), now in any_instant()) {
        let holidays = some_holidays();
        let set = hours.intervals(&zones[0], &holidays, now, now + TimeDelta::days(4));
        for minute in (0..4 * 1440).step_by(7) {
            let at = now + TimeDelta::minutes(minute);
            prop_assert_eq!(set.contains(at), hours.contains(&zones[0], &holidays, at));
        }
    }

    #[test]
    fn stored_hours_read_back(hours in any_hours()) {
        let stored = serde_json::to_string(&hours).unwrap();
        prop_assert_eq!(serde_json::from_str::<Hours>(&stored).unwrap(), hours);
    }
}

/// `cargo test --release … position_is_fast -- --ignored --nocapture` prints nothing and fails above the budget.
#[test]
#[ignore = "a timing, meaningful only in a release build on a quiet machine"]
#[expect(clippy::disallowed_methods, reason = "measures elapsed time")]
fn position_is_fast() {
    let (hours, holidays) = (hours(&[("daily", "08:00", "21:00")]), some_holidays());
    let zones = zones(&["America/New_York"]);
    let now = at("2026-07-14T15:00:00Z");
    let start = std::time::Instant::now();
    let rounds = 200_000;
    for round in 0..rounds {
        let answer =
            hours.position(&zones, &holidays, now + TimeDelta::milliseconds(round), TimeDelta::seconds(60));
        assert!(std::hint::black_box(answer).is_inside());
    }
    let each = start.elapsed() / u32::try_from(rounds).unwrap();
    assert!(each < std::time::Duration::from_micros(1), "one position takes {each:?}");
}
