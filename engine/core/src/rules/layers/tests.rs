//! What operators add narrows, and only a named profile replaces.

use super::*;
use crate::rules::{ConsentForm, LegalRule, VoiceClass};

fn place(text: &str) -> Jurisdiction {
    text.parse().unwrap()
}

fn operator(texts: &[&str]) -> OperatorRules {
    OperatorRules {
        files: texts.iter().map(|text| serde_yaml::from_str(text).unwrap()).collect(),
        holidays: Vec::new(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
    }
}

fn rules(texts: &[&str], profile: &str) -> Rules {
    Rules::under(&operator(texts), &profile.parse().unwrap()).unwrap()
}

fn legal(rules: &Rules, at: &str) -> LegalRule {
    rules.for_jurisdictions(&[place(at)], VoiceClass::Live, "2026-11-20".parse().unwrap()).unwrap()
}

fn file(place: &str, head: &str, id: &str, from: &str, until: &str) -> String {
    format!(
        "jurisdiction: {place}\ntitle: Ours\n{head}rules:\n  - id: {id}\n    effective: {{ from: 2000-01-01 }}\n    hours: {{ spans: [{{ days: daily, from: \"{from}\", until: \"{until}\" }}] }}\n    citation: our own counsel\n    grade: A\n    verified_on: 2026-11-20\n"
    )
}

#[test]
fn without_files_and_profile_the_rules_are_the_shipped_ones() {
    let same = Rules::under(&OperatorRules::default(), &Profile::strict()).unwrap();
    assert_eq!(same.version(), Rules::embedded().version());
    assert!(same.profile().is_strict());
}

#[test]
fn a_rule_of_an_operator_is_one_more_rule() {
    let own = file("US-TX", "", "ours-tx", "10:00", "23:00");
    let rules = rules(&[&own], "strict");
    // Tex. Bus. & Com. Code ch. 301: 09:00-21:00, Sundays from noon.
    assert_eq!(legal(&rules, "US-TX").hours.to_string(), "mon-sat 10:00-21:00, sun 12:00-21:00");
    assert_eq!(legal(&rules, "US-NY").hours.to_string(), "daily 08:00-21:00");
    assert_ne!(rules.version(), Rules::embedded().version());
}

#[test]
fn a_country_without_rules_can_be_given_some() {
    let own = file("BR", "", "br-hours", "09:00", "18:00");
    assert_eq!(legal(&rules(&[&own], "strict"), "BR").hours.to_string(), "daily 09:00-18:00");
}

#[test]
fn federal_only_leaves_out_the_states_and_nothing_else() {
    let rules = rules(&[], "federal-only");
    assert_eq!(legal(&rules, "US-RI").hours.to_string(), "daily 08:00-21:00");
    assert_eq!(legal(&rules, "CA-ON").hours, legal(Rules::embedded(), "CA-ON").hours);
    let artificial =
        rules.for_jurisdictions(&[place("US-RI")], VoiceClass::Artificial, "2026-11-20".parse().unwrap());
    assert_eq!(artificial.unwrap().consent.form, ConsentForm::ExpressWritten);
    assert_eq!(rules.profile().as_str(), "federal-only");
    assert_ne!(rules.version(), Rules::embedded().version());
}

#[test]
fn an_operators_rule_for_a_state_holds_under_federal_only_too() {
    let own = file("US-RI", "", "ours-ri", "09:00", "17:00");
    assert_eq!(legal(&rules(&[&own], "federal-only"), "US-RI").hours.to_string(), "daily 09:00-17:00");
}

#[test]
fn a_named_profile_replaces_only_when_it_is_chosen() {
    let wide = file("US-RI", "profile: existing-customers\n", "us-ri-hours", "08:00", "21:00");
    let narrow = file("US-RI", "", "ours-ri", "08:30", "24:00");
    let strict = rules(&[&wide, &narrow], "strict");
    let hours = "mon-fri 09:00-18:00, sat 10:00-17:00, not on holidays";
    assert_eq!(legal(&strict, "US-RI").hours.to_string(), hours);
    let chosen = rules(&[&wide, &narrow], "existing-customers");
    assert_eq!(legal(&chosen, "US-RI").hours.to_string(), "daily 08:30-21:00");
    assert_ne!(chosen.version(), strict.version());
}

#[test]
fn a_day_that_a_governor_proclaims_is_a_holiday() {
    // La. PSC General Order R-29617 V(A): no calls on legal holidays, also those that are proclaimed.
    let holidays = "calendars: { US-LA: { A proclaimed day: [2026-11-20] } }";
    let own =
        OperatorRules { holidays: vec![serde_yaml::from_str(holidays).unwrap()], ..OperatorRules::default() };
    let rules = Rules::under(&own, &Profile::strict()).unwrap();
    let day = "2026-11-20".parse().unwrap();
    assert!(legal(&rules, "US-LA").holidays.contains(day));
    assert!(!legal(&rules, "US-AL").holidays.contains(day));
    assert!(legal(&rules, "US-LA").holidays.contains("2026-12-25".parse().unwrap()));
}
