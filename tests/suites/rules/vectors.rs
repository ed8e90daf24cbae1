//! Numbers, places and clocks on which dialers and published tables are known to slip, each with the answer that the law and the
//! numbering plan give.

use callwright_engine::clock::Instant;
use callwright_engine::decide::gate::inquiry::{Inquiry, NumberFacts, inquire};
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::rules::{Jurisdiction, Rules};
use callwright_engine::time::{DaySet, LocalTime, PreferredTime, Zone, next_weekday_at};
use chrono::{NaiveDateTime, TimeDelta, Weekday};
use rstest::rstest;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::find(name).unwrap()
}

/// The instant of a wall clock.
fn local(zone_name: &str, text: &str) -> Instant {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").unwrap();
    let minutes = u16::try_from((local - local.date().and_hms_opt(0, 0, 0).unwrap()).num_minutes()).unwrap();
    zone(zone_name).instant_of(local.date(), minutes)
}

fn asked(number: &str, voice: VoiceClass, now: Instant, attempts: &[Instant]) -> Inquiry {
    let mut facts = NumberFacts::of(PhoneNumber::parse(number, None));
    facts.attempts = attempts.to_vec();
    inquire(&facts, &[voice], Rules::embedded(), now)
}

/// A number that may be in two zones is called while both allow it. 47 CFR 64.1200(c)(1); Fla. Stat. 501.616(6).
#[rstest]
#[case::florida_panhandle("+18502345678", &["America/Chicago", "America/New_York"], "2026-01-14T14:00:00Z", "2026-01-15T01:00:00Z")]
#[case::idaho("+12082345678", &["America/Boise", "America/Los_Angeles"], "2026-01-14T16:00:00Z", "2026-01-15T04:00:00Z")]
#[case::south_dakota("+16052345678", &["America/Chicago", "America/Denver"], "2026-01-14T15:00:00Z", "2026-01-15T03:00:00Z")]
fn a_split_area_code_opens_in_its_later_zone_and_closes_in_its_earlier(
    #[case] number: &str,
    #[case] zones: &[&str],
    #[case] opens: &str,
    #[case] closes: &str,
) {
    let facts = NumberFacts::of(PhoneNumber::parse(number, None));
    let clock = |name: &str| {
        let noon = at("2026-01-14T18:00:00Z");
        let wanted = zone(name).local(noon);
        facts.zones().iter().any(|each| zone(each).local(noon) == wanted)
    };
    assert!(zones.iter().all(|name| clock(name)), "{:?}", facts.zones());
    let verdict = |now: Instant| asked(number, VoiceClass::Live, now, &[]).verdict;
    let (opens, closes) = (at(opens), at(closes));
    assert_eq!(verdict(opens - TimeDelta::seconds(1)), "defer");
    assert_eq!(verdict(opens), "proceed");
    assert_eq!(verdict(closes - TimeDelta::seconds(61)), "proceed");
    assert_eq!(verdict(closes - TimeDelta::seconds(60)), "defer");
}

#[test]
fn a_toll_free_number_has_no_common_window() {
    let facts = NumberFacts::of(PhoneNumber::parse("+18002345678", None));
    assert!(facts.zones().len() >= 40, "{:?}", facts.zones());
    let answer = asked("+18002345678", VoiceClass::Live, at("2026-01-14T18:00:00Z"), &[]);
    assert_eq!(answer.verdict, "stop");
    assert_eq!(answer.reasons[0].code.as_str(), "no-common-window");
}

/// Local times of each state; the rule that binds, and when it opens again.
#[rstest]
#[case::ri_sunday("+14012345678", "America/New_York", VoiceClass::Live, "2026-11-22T12:00", Some(("us-ri-hours", "2026-11-23T09:00")))] // R.I. Gen. Laws 5-61-2(2)
#[case::tx_sunday_1130("+12142345678", "America/Chicago", VoiceClass::Live, "2026-11-22T11:30", Some(("us-tx-hours", "2026-11-22T12:00")))] // Tex. Bus. & Com. Code ch. 301
#[case::ky_0930("+15022345678", "America/New_York", VoiceClass::Live, "2026-11-20T09:30", Some(("us-ky-hours", "2026-11-20T10:00")))]
#[case::ut_pioneer_day("+18012345678", "America/Denver", VoiceClass::Live, "2026-07-24T10:00", Some(("us-ut-hours", "2026-07-25T08:00")))] // Utah Code 13-25a-103
#[case::sd_saturday_live("+16052345678", "America/Chicago", VoiceClass::Live, "2026-11-21T10:00", None)] // SDCL 37-30-28 binds devices only
#[case::sd_saturday_device("+16052345678", "America/Denver", VoiceClass::Artificial, "2026-11-21T10:00", Some(("us-sd-announcing-device-hours", "2026-11-23T09:00")))]
fn states(
    #[case] number: &str,
    #[case] clock: &str,
    #[case] voice: VoiceClass,
    #[case] wall: &str,
    #[case] closed: Option<(&str, &str)>,
) {
    let answer = asked(number, voice, local(clock, wall), &[]);
    let Some((rule, opens)) = closed else {
        assert_eq!(answer.verdict, "proceed", "{:?}", answer.reasons);
        return;
    };
    assert_eq!((answer.verdict, answer.until), ("defer", Some(local(clock, opens))));
    assert_eq!(answer.reasons[0].rule.as_deref(), Some(rule));
}

/// Fla. Stat. 501.616(6)(b): at most three calls in 24 hours on the same subject.
#[test]
fn a_fourth_attempt_in_florida_waits_a_day_from_the_first() {
    let earlier = ["2026-01-14T15:00:00Z", "2026-01-14T17:00:00Z", "2026-01-14T19:00:00Z"].map(at);
    let answer = asked("+13052345678", VoiceClass::Live, at("2026-01-14T20:00:00Z"), &earlier);
    assert_eq!((answer.verdict, answer.until), ("defer", Some(at("2026-01-15T15:00:00Z"))));
    assert_eq!(answer.reasons[0].code.as_str(), "legal-cap");
}

#[rstest]
#[case::gap("2026-03-08T02:30", "2026-03-08T03:30:00-04:00")]
#[case::fold_takes_the_first("2026-11-01T01:30", "2026-11-01T01:30:00-04:00")]
fn a_wall_clock_that_is_skipped_or_shown_twice(#[case] wall: &str, #[case] instant: &str) {
    assert_eq!(local("America/New_York", wall), at(instant));
}

#[rstest]
#[case::the_offset_is_not_frozen("2026-03-07T20:00:00Z", DaySet::DAILY, 9, "2026-03-08T09:00:00-04:00")]
#[case::the_weekday_is_the_local_one(
    "2026-01-14T15:00:00Z",
    DaySet::of(Weekday::Fri),
    20,
    "2026-01-16T20:00:00-05:00"
)]
fn the_next_time_on_the_wall(
    #[case] now: &str,
    #[case] days: DaySet,
    #[case] hour: u8,
    #[case] expected: &str,
) {
    let time = LocalTime::hm(hour.into(), 0).unwrap();
    assert_eq!(next_weekday_at(&zone("America/New_York"), at(now), days, time), Some(at(expected)));
}

#[test]
fn a_wish_in_eastern_time_means_the_clock_in_new_york_all_year() {
    let wish = PreferredTime::parse("2:00 PM - 4:00 PM EST", Some("US"), None).unwrap();
    assert_eq!(wish.hours.to_string(), "daily 14:00-16:00");
    assert_eq!(wish.zone.as_ref().map(Zone::name), Some("America/New_York"));
}

#[test]
fn a_wish_for_the_night_is_read_and_the_law_leaves_nothing_of_it() {
    let wish = PreferredTime::parse("10pm-2am", Some("US"), None).unwrap();
    assert!(!wish.hours.is_never());
    let place: Jurisdiction = "US-NY".parse().unwrap();
    let rule = Rules::embedded()
        .for_jurisdictions(&[place], VoiceClass::Live, "2026-01-14".parse().unwrap())
        .unwrap();
    assert!(rule.hours.intersect(&wish.hours).is_never());
}
