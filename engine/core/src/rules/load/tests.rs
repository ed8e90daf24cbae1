//! The embedded files hold together, their own examples come true, and combining never widens.

use super::*;
use crate::rules::schema::ConsentForm;
use crate::time::window::Position;
use crate::time::zone::Zone;
use chrono::Datelike;
use rstest::rstest;

fn place(text: &str) -> Jurisdiction {
    text.parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn legal(places: &[&str], voice: VoiceClass) -> Result<LegalRule, NoRule> {
    let places: Vec<_> = places.iter().map(|text| place(text)).collect();
    Rules::embedded().for_jurisdictions(&places, voice, date("2026-11-20"))
}

#[test]
fn every_file_reads_and_ids_are_unique() {
    let mut ids: Vec<&str> = Rules::embedded().rules().map(|(_, rule)| rule.id.as_str()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

/// The dates differ from the rule's day of effect, so that a rule's own examples also test its dates.
#[test]
fn every_rule_with_hours_has_examples_on_both_sides_and_they_hold() {
    let rules = Rules::embedded();
    let zone = Zone::find("UTC").unwrap(); // examples are wall-clock times; any zone reads them alike
    for (place, rule) in rules.rules() {
        let Some(hours) = &rule.hours else { continue };
        assert!(rule.vectors.iter().any(|vector| vector.allowed), "{}: no example inside", rule.id);
        assert!(rule.vectors.iter().any(|vector| !vector.allowed), "{}: no example outside", rule.id);
        for vector in &rule.vectors {
            let answer = hours.contains(&zone, &rules.holidays(place), vector.local.and_utc());
            assert_eq!(answer, vector.allowed, "{} at {}", rule.id, vector.local);
        }
    }
}

#[test]
fn artificial_voice_needs_written_consent_in_the_united_states() {
    // FCC 24-17: an AI voice is an artificial voice under 47 CFR 64.1200.
    assert_eq!(legal(&["US-NY"], VoiceClass::Artificial).unwrap().consent.form, ConsentForm::ExpressWritten);
    assert_eq!(legal(&["US-NY"], VoiceClass::Live).unwrap().consent.form, ConsentForm::None);
}

/// Local times are of the state's own clock; the cases are those on which published tables disagree or slip.
#[rstest]
#[case::ri_no_sunday("US-RI", VoiceClass::Live, "2026-11-22T12:00", false)] // R.I. Gen. Laws 5-61-2(2)
#[case::ri_monday("US-RI", VoiceClass::Live, "2026-11-23T09:00", true)]
#[case::tx_sunday_morning("US-TX", VoiceClass::Live, "2026-11-22T11:30", false)] // Tex. Bus. & Com. Code ch. 301
#[case::tx_sunday_noon("US-TX", VoiceClass::Live, "2026-11-22T12:00", true)]
#[case::ky_before_ten("US-KY", VoiceClass::Live, "2026-11-20T09:30", false)]
#[case::ky_device_before_ten("US-KY", VoiceClass::Artificial, "2026-11-20T09:30", true)] // KRS 367.461
#[case::ut_pioneer_day("US-UT", VoiceClass::Live, "2026-07-24T10:00", false)] // Utah Code 13-25a-103
#[case::sd_saturday_live("US-SD", VoiceClass::Live, "2026-11-21T10:00", true)]
#[case::sd_saturday_device("US-SD", VoiceClass::Artificial, "2026-11-21T10:00", false)] // SDCL 37-30-28
#[case::ne_sunday_device_morning("US-NE", VoiceClass::Artificial, "2026-11-22T12:00", false)]
#[case::pa_thanksgiving("US-PA", VoiceClass::Live, "2026-11-26T12:00", false)]
#[case::wy_unverified_is_not_applied("US-WY", VoiceClass::Live, "2026-11-20T20:30", true)]
#[case::ontario_late("CA-ON", VoiceClass::Live, "2026-11-20T21:15", true)]
fn state_rules(#[case] state: &str, #[case] voice: VoiceClass, #[case] local: &str, #[case] allowed: bool) {
    let rule = legal(&[state], voice).unwrap();
    let local: chrono::NaiveDateTime = format!("{local}:00").parse().unwrap();
    let utc = Zone::find("UTC").unwrap();
    assert_eq!(rule.hours.contains(&utc, &rule.holidays, local.and_utc()), allowed);
}

#[test]
fn states_only_tighten_the_federal_rule() {
    let federal = legal(&["US-NY"], VoiceClass::Live).unwrap(); // New York has no file of its own
    for (place, _) in Rules::embedded().places().filter(|(place, _)| place.subdivision().is_some()) {
        let own = legal(&[&place.to_string()], VoiceClass::Live).unwrap();
        assert_eq!(own.hours.intersect(&federal.hours), own.hours, "{place}");
        assert!(!own.hours.is_never(), "{place}");
    }
}

#[test]
fn florida_caps_three_calls_a_day_on_one_subject() {
    // Fla. Stat. 501.616(6)(b)
    let cap = LegalCap { calls: 3, hours: 24, scope: crate::rules::schema::CapScope::SameSubject };
    assert_eq!(legal(&["US-FL"], VoiceClass::Live).unwrap().caps, [cap]);
}

#[test]
fn the_stricter_of_two_places_binds() {
    let both = legal(&["US-NY", "IN"], VoiceClass::Artificial).unwrap();
    assert_eq!(both.hours.to_string(), "daily 09:00-21:00");
    assert_eq!(both.consent.form, ConsentForm::IndiaExplicit);
    assert!(
        both.rule_ids.contains(&"us-hours".to_owned())
            && both.rule_ids.contains(&"in-promotional-hours".to_owned())
    );
    assert_eq!(both.rule_ids.len(), both.citations.len());
}

#[rstest]
#[case(&[], NoRule::PlaceUnknown)]
#[case(&["KP"], NoRule::UnknownJurisdiction(place("KP")))]
#[case(&["US-ZZ"], NoRule::UnknownJurisdiction(place("US-ZZ")))]
#[case(&["US"], NoRule::SubdivisionNeeded(place("US")))]
#[case(&["US-NY", "KP"], NoRule::UnknownJurisdiction(place("KP")))]
fn an_unknown_place_has_no_rule(#[case] places: &[&str], #[case] expected: NoRule) {
    assert_eq!(legal(places, VoiceClass::Live), Err(expected));
}

#[test]
fn a_rule_not_yet_in_force_leaves_no_hours() {
    let on = date("1990-01-01");
    let answer = Rules::embedded().for_jurisdictions(&[place("IN")], VoiceClass::Live, on);
    assert_eq!(answer, Err(NoRule::NotInForce { jurisdiction: place("IN"), on }));
}

#[test]
fn a_panhandle_number_may_be_called_only_while_both_its_clocks_allow() {
    // Fla. Stat. 501.616(6): 08:00–20:00 on the called person's clock; area code 850 lies in two zones.
    let number = crate::phone::PhoneNumber::e164_only("+18502345678").unwrap();
    let found = crate::phone::candidates(number, &crate::phone::LeadPlace::default());
    let rules = Rules::embedded();
    let rule = rules.for_jurisdictions(&found.jurisdictions, VoiceClass::Live, date("2026-01-14")).unwrap();
    let ask = |text: &str| {
        let guard = chrono::TimeDelta::seconds(60);
        rule.hours.position(&found.zones, &rule.holidays, text.parse().unwrap(), guard)
    };
    let opens = "2026-01-14T14:00:00Z".parse().unwrap(); // 08:00 Central, 09:00 Eastern
    let closes = "2026-01-15T01:00:00Z".parse().unwrap(); // 20:00 Eastern
    assert_eq!(ask("2026-01-14T13:59:00Z"), Position::Outside { opens });
    assert_eq!(ask("2026-01-14T14:00:00Z"), Position::Inside { closes });
    assert!(!ask("2026-01-15T00:59:00Z").is_inside());
}

#[test]
fn the_version_follows_the_content() {
    let version = |title: &str| {
        let file = format!(r#"{{"jurisdiction": "IN", "title": "{title}", "rules": []}}"#);
        let holidays = r#"{"covers": {"from": "2025-01-01"}, "calendars": {}}"#;
        let text = format!(r#"{{"files": {{"in.yaml": {file}}}, "holidays": {holidays}}}"#);
        Rules::read(&text).unwrap().version().to_owned()
    };
    assert_eq!(version("India"), version("India"));
    assert_ne!(version("India"), version("Bharat"));
    assert_eq!(Rules::embedded().version().len(), 12);
}

#[test]
fn holidays_of_a_state_include_the_nations() {
    let utah = Rules::embedded().holidays(place("US-UT"));
    assert_eq!(utah.name_on(date("2026-07-24")), Some("Pioneer Day"));
    assert_eq!(utah.name_on(date("2026-07-03")), Some("Independence Day"));
    assert!(Rules::embedded().holidays(place("KP")).is_empty());
    let years: Vec<i32> = utah.dates().map(|(date, _)| date.year()).collect();
    assert_eq!((years.first(), years.last()), (Some(&2025), Some(&2030)));
}

#[test]
fn a_mistake_in_a_file_names_the_file() {
    let text = r#"{"files": {"bad.yaml": {"jurisdiction": "US", "rulez": []}}, "holidays": {}}"#;
    let error = Rules::read(text).unwrap_err();
    assert_eq!(error.file, "bad.yaml");
    assert!(error.problem.contains("rulez"), "{}", error.problem);
}
