//! The embedded files hold together, their own examples come true, and combining never widens.

use super::*;
use crate::rules::schema::ConsentForm;
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
    let error = Rules::read(&[("bad.yaml", "jurisdiction: US\nrulez: []\n")], HOLIDAYS).unwrap_err();
    assert_eq!(error.file, "bad.yaml");
    assert!(error.problem.contains("rulez"), "{}", error.problem);
}
