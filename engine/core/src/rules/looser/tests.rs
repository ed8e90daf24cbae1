//! Every way to ask less is found, and asking more is not.

use rstest::rstest;

use super::*;
use crate::rules::Rules;

fn shipped(id: &str) -> Rule {
    Rules::embedded().rules().map(|(_, rule)| rule).find(|rule| rule.id == id).unwrap().clone()
}

/// The shipped rule with one line changed.
fn keys(id: &str, change: impl FnOnce(&mut Rule)) -> Vec<&'static str> {
    let shipped = shipped(id);
    let mut own = shipped.clone();
    change(&mut own);
    looser(&own, &shipped).iter().map(|found| found.key).collect()
}

fn hours(text: &str) -> crate::time::Hours {
    serde_yaml::from_str(text).unwrap()
}

#[rstest]
#[case::wider("{ spans: [{ days: daily, from: '08:00', until: '20:30' }] }", &["hours"])]
#[case::another_day("{ spans: [{ days: sun, from: '07:00', until: '08:30' }] }", &["hours"])]
#[case::narrower("{ spans: [{ days: mon-fri, from: '09:00', until: '17:00' }], holidays: skip }", &[])]
#[case::the_same("{ spans: [{ days: daily, from: '08:00', until: '20:00' }] }", &[])]
fn hours_may_only_shrink(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(keys("us-fl-hours", |rule| rule.hours = Some(hours(text))), expected);
}

#[test]
fn holidays_may_not_be_given_up() {
    let text = "{ spans: [{ days: mon-sat, from: '08:00', until: '20:00' }] }";
    assert_eq!(keys("us-al-hours", |rule| rule.hours = Some(hours(text))), ["hours"]);
}

#[test]
fn whatever_a_rule_asks_may_not_be_left_out() {
    assert_eq!(keys("us-fl-hours", |rule| rule.hours = None), ["hours"]);
    assert_eq!(keys("us-fl-hours", |rule| rule.caps.clear()), ["caps"]);
    assert_eq!(keys("us-fl-hours", |rule| rule.caps[0].calls = 4), ["caps"]);
    assert_eq!(keys("us-fl-hours", |rule| rule.caps[0].hours = 23), ["caps"]);
    assert_eq!(keys("us-fl-hours", |rule| rule.disclosures[0].within_seconds = None), ["disclosures"]);
    assert_eq!(keys("us-fl-hours", |rule| rule.voice = VoiceScope::Live), ["voice"]);
    assert_eq!(keys("us-fl-hours", |rule| rule.applied = false), ["applied"]);
    assert_eq!(keys("us-fl-hours", |rule| rule.grade = crate::rules::Grade::C), ["grade"]);
    assert_eq!(keys("us-fl-hours", |rule| rule.effective.until = "2030-01-01".parse().ok()), ["effective"]);
    assert_eq!(keys("us-artificial-voice-consent", |rule| rule.consent = None), ["consent"]);
    assert_eq!(keys("us-fl-recording", |rule| rule.recording = None), ["recording"]);
}

#[test]
fn asking_more_is_no_loosening() {
    let stricter = |rule: &mut Rule| {
        rule.caps[0].calls = 2;
        rule.caps[0].hours = 48;
        rule.caps[0].scope = crate::rules::CapScope::Number;
        rule.disclosures[0].within_seconds = Some(10);
        rule.recording = Some(crate::rules::RecordingNeed::AllParties);
    };
    assert_eq!(keys("us-fl-hours", stricter), [""; 0]);
}

#[test]
fn what_was_never_applied_cannot_be_loosened() {
    assert_eq!(keys("us-wy-hours", |rule| rule.hours = None), [""; 0]);
}
