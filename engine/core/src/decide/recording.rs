//! Whose agreement a recording needs: the stricter side's law, the called person's and the caller's (GATE-3).
//!
//! The flow asks for the person's consent in any case, in the words of its script, and records nothing without it; what is
//! decided here is what the law says beside that, for explanations and for whoever records outside a flow.

use chrono::NaiveDate;
use serde::Serialize;

use crate::domain::campaign::VoiceClass;
use crate::domain::text_enum::text_enum;
use crate::rules::{Jurisdiction, RecordingNeed, Rules};

text_enum! {
    /// The two ends of a call.
    pub enum Side {
        Called = "called",
        Caller = "caller",
    }
}

/// A rule that asks for everybody's agreement, or a place of which that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordingCause {
    pub side: Side,
    /// `None`: it is not known where this side is.
    pub place: Option<Jurisdiction>,
    pub rule: Option<String>,
    pub citation: Option<String>,
}

/// What a recording of the call needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// `all-parties`: announce it and have everybody's consent before it starts; `one-party`: the caller's own is enough in law.
    pub parties: RecordingNeed,
    pub because: Vec<RecordingCause>,
}

/// By the law of every place where either side may be, on this date. Where a side's place or its law is not known, everybody
/// has to agree.
pub fn recording(
    called: &[Jurisdiction],
    caller: &[Jurisdiction],
    voice: VoiceClass,
    on: NaiveDate,
    rules: &Rules,
) -> Recording {
    let sides = [(Side::Called, called), (Side::Caller, caller)];
    let because: Vec<RecordingCause> =
        sides.into_iter().flat_map(|(side, places)| of_side(side, places, voice, on, rules)).collect();
    let parties = if because.is_empty() { RecordingNeed::OneParty } else { RecordingNeed::AllParties };
    Recording { parties, because }
}

fn of_side(
    side: Side,
    places: &[Jurisdiction],
    voice: VoiceClass,
    on: NaiveDate,
    rules: &Rules,
) -> Vec<RecordingCause> {
    let unknown = |place| RecordingCause { side, place, rule: None, citation: None };
    if places.is_empty() {
        return vec![unknown(None)];
    }
    let mut found: Vec<RecordingCause> = Vec::new();
    for place in places {
        if rules.for_jurisdictions(&[*place], voice, on).is_err() {
            found.push(unknown(Some(*place)));
            continue;
        }
        for (place, rule) in rules.in_force(std::slice::from_ref(place), voice, on) {
            let is_new = found.iter().all(|known| known.rule.as_deref() != Some(rule.id.as_str()));
            if rule.recording == Some(RecordingNeed::AllParties) && is_new {
                let (id, citation) = (Some(rule.id.clone()), Some(rule.citation.clone()));
                found.push(RecordingCause { side, place: Some(place), rule: id, citation });
            }
        }
    }
    found
}

impl Recording {
    /// For people: one line.
    pub fn text(&self) -> String {
        if self.because.is_empty() {
            return "Recording: one party's consent is enough by the law of both sides; the flow asks all the same.".to_owned();
        }
        let each = self.because.iter().map(|cause| {
            let whose = if cause.side == Side::Called { "called person's side" } else { "caller's side" };
            match (&cause.place, &cause.rule, &cause.citation) {
                (Some(place), Some(rule), Some(citation)) => format!("{whose}, {place}: {rule} ({citation})"),
                (Some(place), ..) => format!("{whose}, {place}: its law is not known"),
                (None, ..) => format!("{whose}: where it is is not known"),
            }
        });
        format!(
            "Recording: everybody has to agree before it starts; {}.",
            each.collect::<Vec<_>>().join("; ")
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn asked(called: &[&str], caller: &[&str]) -> Recording {
        let places =
            |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<Jurisdiction>>();
        let on = "2026-07-15".parse().unwrap();
        recording(&places(called), &places(caller), VoiceClass::Artificial, on, Rules::embedded())
    }

    #[rstest]
    #[case::both_one_party(&["US-TX"], &["US-NY"], RecordingNeed::OneParty)]
    #[case::called_in_california(&["US-CA"], &["US-NY"], RecordingNeed::AllParties)]
    #[case::caller_in_california(&["US-TX"], &["US-CA"], RecordingNeed::AllParties)]
    #[case::one_of_two_candidate_states(&["US-TX", "US-FL"], &["US-NY"], RecordingNeed::AllParties)]
    #[case::called_place_unknown(&[], &["US-NY"], RecordingNeed::AllParties)]
    #[case::caller_place_unknown(&["US-TX"], &[], RecordingNeed::AllParties)]
    #[case::state_not_known(&["US"], &["US-NY"], RecordingNeed::AllParties)]
    fn the_stricter_side_decides(
        #[case] called: &[&str],
        #[case] caller: &[&str],
        #[case] need: RecordingNeed,
    ) {
        assert_eq!(asked(called, caller).parties, need);
    }

    #[test]
    fn the_rule_the_place_and_the_side_are_named() {
        let told = asked(&["US-TX"], &["US-CA"]);
        let [cause] = told.because.as_slice() else { panic!("{told:?}") };
        assert_eq!((cause.side, cause.rule.as_deref()), (Side::Caller, Some("us-ca-recording")));
        assert!(cause.citation.as_deref().is_some_and(|citation| !citation.is_empty()));
        assert!(told.text().contains("caller's side, US-CA: us-ca-recording"), "{}", told.text());
    }

    #[test]
    fn every_state_with_an_all_party_rule_is_strict_from_either_side() {
        let rules = Rules::embedded();
        let strict = rules.rules().filter(|(_, rule)| rule.recording == Some(RecordingNeed::AllParties));
        let strict: Vec<String> = strict.map(|(place, _)| place.to_string()).collect();
        assert!(strict.len() >= 10, "{strict:?}");
        for place in &strict {
            assert_eq!(asked(&[place], &["US-NY"]).parties, RecordingNeed::AllParties, "{place}");
            assert_eq!(asked(&["US-NY"], &[place]).parties, RecordingNeed::AllParties, "{place}");
        }
    }
}
