//! Bare numbers: the verdict, the rule that binds, and the next opening.

use super::*;
use crate::phone::number::PhoneNumber;
use rstest::rstest;

const LIVE: &[VoiceClass] = &[VoiceClass::Live];
const ARTIFICIAL: &[VoiceClass] = &[VoiceClass::Artificial];
const EITHER: &[VoiceClass] = &[VoiceClass::Live, VoiceClass::Artificial];

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn asked(number: &str, voices: &[VoiceClass], now: &str, attempts: &[&str]) -> Inquiry {
    let mut facts = NumberFacts::of(PhoneNumber::parse(number, None));
    facts.attempts = attempts.iter().map(|text| at(text)).collect();
    inquire(&facts, voices, Rules::embedded(), at(now))
}

#[rstest]
// 08:30 in Tallahassee, 07:30 in Pensacola.
#[case::two_zones("+18502345678", LIVE, "2026-01-14T13:30:00Z", "us-fl-hours", "2026-01-14T14:00:00Z")]
#[case::no_sunday("+14012345678", LIVE, "2026-11-22T17:00:00Z", "us-ri-hours", "2026-11-23T14:00:00Z")]
#[case::sunday_noon("+12142345678", LIVE, "2026-11-22T17:30:00Z", "us-tx-hours", "2026-11-22T18:00:00Z")]
#[case::machine_on_saturday(
    "+16052345678",
    ARTIFICIAL,
    "2026-11-21T18:00:00Z",
    "us-sd-announcing-device-hours",
    "2026-11-23T16:00:00Z"
)]
#[case::live_in_kentucky(
    "+15022345678",
    EITHER,
    "2026-11-20T14:30:00Z",
    "us-ky-hours",
    "2026-11-20T15:00:00Z"
)]
#[case::pioneer_day("+18012345678", LIVE, "2026-07-24T16:00:00Z", "us-ut-hours", "2026-07-25T14:00:00Z")]
fn outside_hours_the_rule_and_the_opening_are_named(
    #[case] number: &str,
    #[case] voices: &[VoiceClass],
    #[case] now: &str,
    #[case] rule: &str,
    #[case] opens: &str,
) {
    let answer = asked(number, voices, now, &[]);
    assert_eq!((answer.verdict, answer.until), ("defer", Some(at(opens))));
    assert_eq!(answer.reasons[0].rule.as_deref(), Some(rule), "{:?}", answer.reasons);
    assert!(answer.reasons[0].citation.is_some());
}

#[test]
fn a_live_voice_may_call_south_dakota_on_saturday() {
    assert_eq!(asked("+16052345678", LIVE, "2026-11-21T18:00:00Z", &[]).verdict, "proceed");
}

#[test]
fn a_fourth_attempt_in_a_day_waits_for_the_cap_and_the_hours() {
    let earlier = ["2026-01-14T15:00:00Z", "2026-01-14T17:00:00Z", "2026-01-14T19:00:00Z"];
    let answer = asked("+13052345678", LIVE, "2026-01-14T20:00:00Z", &earlier);
    assert_eq!((answer.verdict, answer.until), ("defer", Some(at("2026-01-15T15:00:00Z"))));
    let cause = &answer.reasons[0];
    assert_eq!((cause.gate, cause.code), (Gate::FrequencyCap, Reason::LegalCap));
    assert_eq!(cause.rule.as_deref(), Some("us-fl-hours"));
    assert_eq!(asked("+13052345678", LIVE, "2026-01-14T20:00:00Z", &earlier[..2]).verdict, "proceed");
}

#[rstest]
#[case::toll_free("+18002345678", Gate::LegalHours, Reason::NoCommonWindow)]
#[case::test_number("+15552345678", Gate::Phone, Reason::PhoneInvalid)]
#[case::no_rules_there("+5511987654321", Gate::LegalHours, Reason::RuleMissing)]
fn what_waiting_cannot_cure_is_refused(#[case] number: &str, #[case] gate: Gate, #[case] code: Reason) {
    let answer = asked(number, LIVE, "2026-01-14T18:00:00Z", &[]);
    assert_eq!((answer.verdict, answer.until), ("stop", None));
    assert!(
        answer.reasons.iter().any(|cause| (cause.gate, cause.code) == (gate, code)),
        "{:?}",
        answer.reasons
    );
}

#[test]
fn a_toll_free_number_may_be_anywhere_in_its_plan() {
    let facts = NumberFacts::of(PhoneNumber::parse("+18002345678", None));
    assert!(facts.zones().len() > 30 && facts.zones().contains(&"Pacific/Honolulu"));
}

#[test]
fn gates_that_need_a_lead_are_named() {
    let answer = asked("+12125552671", LIVE, "2026-01-14T18:00:00Z", &[]);
    let expected = [
        Gate::LeadStatus,
        Gate::Suppression,
        Gate::Consent,
        Gate::Campaign,
        Gate::CadenceHours,
        Gate::PreferredTime,
        Gate::NumberBusy,
        Gate::EmergencyStop,
        Gate::RegistryAge,
        Gate::Purchase,
        Gate::AbandonGuard,
    ];
    assert_eq!(answer.left_out, expected);
}
