//! What people write into a "best time to call" box, and what must be refused.

use super::*;
use crate::time::days::DaySet;
use crate::time::hours::HolidayRule;
use crate::time::local::LocalTime;
use proptest::prelude::*;
use rstest::rstest;

fn parse(text: &str) -> Result<PreferredTime, PreferredTimeError> {
    PreferredTime::parse(text, Some("US"), None)
}

#[rstest]
#[case("9am-5pm EST", "daily 09:00-17:00 America/New_York")]
#[case("2:00 PM - 4:00 PM EST", "daily 14:00-16:00 America/New_York")]
#[case("09:00-17:00 Asia/Kolkata", "daily 09:00-17:00 Asia/Kolkata")]
#[case("weekday mornings", "mon-fri 08:00-12:00")]
#[case("after 6", "daily 18:00-24:00")]
#[case("after 9", "daily 09:00-24:00")]
#[case("after 6 p.m. Pacific Time", "daily 18:00-24:00 America/Los_Angeles")]
#[case("10pm-2am", "daily 00:00-02:00, daily 22:00-24:00")]
#[case("fri 10pm-2am", "fri 22:00-24:00, sat 00:00-02:00")]
#[case("noon to 3", "daily 12:00-15:00")]
#[case("noon", "daily 12:00-13:00")]
#[case("9–5", "daily 09:00-17:00")]
#[case("9 to 5 CT", "daily 09:00-17:00 America/Chicago")]
#[case("Weekdays", "mon-fri 00:00-24:00")]
#[case("weekends 10-4", "sat,sun 10:00-16:00")]
#[case("anytime", "daily 00:00-24:00")]
#[case("any time", "daily 00:00-24:00")]
#[case("mon-fri 9-5, sat 10-2", "mon-fri 09:00-17:00, sat 10:00-14:00")]
#[case("weekdays 9-5 weekends 10-4", "mon-fri 09:00-17:00, sat,sun 10:00-16:00")]
#[case("9-5 weekdays, 10-4 weekends", "mon-fri 09:00-17:00, sat,sun 10:00-16:00")]
#[case("mon, wed 9-5", "mon,wed 09:00-17:00")]
#[case("9am-5pm, weekdays", "mon-fri 09:00-17:00")]
#[case("9am-5pm, mon, wed", "mon,wed 09:00-17:00")]
#[case("tue 9-11, 2-4", "tue 09:00-11:00, tue 14:00-16:00")]
#[case("Mondays and Wednesdays after 5pm", "mon,wed 17:00-24:00")]
#[case("mornings or evenings", "daily 08:00-12:00, daily 17:00-21:00")]
#[case("between 9 and 5 (EST)", "daily 09:00-17:00 America/New_York")]
#[case("from 9am to noon Eastern Standard Time", "daily 09:00-12:00 America/New_York")]
#[case("before noon", "daily 00:00-12:00")]
#[case("until 5", "daily 00:00-17:00")]
#[case("business hours", "mon-fri 09:00-17:00")]
#[case("5pm onwards", "daily 17:00-24:00")]
#[case("9-5pm", "daily 09:00-17:00")]
#[case("2-4pm", "daily 14:00-16:00")]
#[case("11-2pm", "daily 11:00-14:00")]
#[case("10am-2", "daily 10:00-14:00")]
#[case("12-2", "daily 12:00-14:00")]
#[case("12pm-12am", "daily 12:00-24:00")]
#[case("8a-6p", "daily 08:00-18:00")]
#[case("00:00-12:01", "daily 00:00-12:01")]
#[case("0900-1730", "daily 09:00-17:30")]
#[case("9.30am to 5.45pm", "daily 09:30-17:45")]
#[case("Tue/Thu 13:00-15:00", "tue,thu 13:00-15:00")]
#[case("Friday at 3pm", "fri 15:00-16:00")]
#[case("please call me in the afternoon", "daily 12:00-17:00")]
fn reads(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(parse(text).map(|time| time.to_string()), Ok(expected.to_owned()));
}

#[rstest]
#[case("9-5 IST", Some("IN"), "Asia/Kolkata")]
#[case("9-5 IST", Some("IL"), "Asia/Jerusalem")]
#[case("9-5 CST", Some("CN"), "Asia/Shanghai")]
#[case("9-5 CST", None, "America/Chicago")]
#[case("9-5 EST", Some("AU"), "Australia/Sydney")]
fn abbreviations_follow_the_country(#[case] text: &str, #[case] country: Option<&str>, #[case] zone: &str) {
    let time = PreferredTime::parse(text, country, None).unwrap();
    assert_eq!(time.zone.map(|zone| zone.name()), Some(zone));
}

#[test]
fn a_named_zone_wins_over_the_default() {
    let default = Zone::find("Asia/Kolkata").unwrap();
    let zone_of = |text| PreferredTime::parse(text, None, Some(&default)).unwrap().zone.unwrap().name();
    assert_eq!(zone_of("9-5"), "Asia/Kolkata");
    assert_eq!(zone_of("9-5 EST"), "America/New_York");
}

#[test]
fn refuses_what_it_does_not_understand() {
    let texts = [
        "",
        "   ",
        "not mornings",
        "never",
        "9-5 except friday",
        "whenever the moon is full",
        "25:00-26:00",
        "9am-9am",
        "9-",
        "- 5pm",
        "after",
        "between 9",
        "EST",
        "9-5 EST PST",
        "9-5 Mars/Olympus",
        "9-5 IST",
        "mon-",
        "call 415 555 0123",
        "4155550123",
        "13pm",
        "9-5 UTC+5:30",
        "🌞",
        "9h30",
    ];
    let answers: Vec<String> = texts
        .iter()
        .map(|text| format!("{text:?}\n    {}", PreferredTime::parse(text, None, None).unwrap_err()))
        .collect();
    insta::assert_snapshot!(answers.join("\n"));
}

fn times() -> impl Strategy<Value = PreferredTime> {
    let span = (1_u8..128, 0_u16..1440, 1_u16..=1440).prop_map(|(days, from, length)| {
        let set = (0..7).filter(|day| days & (1 << day) != 0).map(DaySet::from_index);
        let days = set.fold(DaySet::NONE, |all, day| all | day);
        let until = LocalTime::from_minutes((from + length).min(1440)).unwrap();
        (days, LocalTime::from_minutes(from).unwrap(), until)
    });
    let zone = prop::sample::select(vec![
        None,
        Some("America/New_York"),
        Some("America/Port-au-Prince"),
        Some("UTC"),
    ]);
    (prop::collection::vec(span, 1..4), zone).prop_map(|(spans, zone)| PreferredTime {
        hours: Hours::new(&spans, HolidayRule::Call).unwrap(),
        zone: zone.map(|name| Zone::find(name).unwrap()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn shown_times_read_back(time in times()) {
        prop_assert_eq!(PreferredTime::parse(&time.to_string(), None, None), Ok(time));
    }

    #[test]
    fn stored_times_read_back(time in times()) {
        let stored = serde_json::to_string(&time).unwrap();
        prop_assert_eq!(serde_json::from_str::<PreferredTime>(&stored).unwrap(), time);
    }

    #[test]
    fn any_text_is_answered_without_panic(text in "([0-9]{0,5}|[a-z]{0,6}|[-–:.,/ &+]){0,12}|.{0,60}") {
        let _ = parse(&text);
    }
}
