//! What a platform that speaks by itself tells of a conversation, in the words of flows: its effects follow from how it ended.

use callwright_engine::domain::event::kinds;
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::flow::session::{Conversation, Effect, Ended, Line};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How a conversation ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub disposition: Disposition,
    /// When to call back, as it was said: `tomorrow at 3 pm`. Read in the customer's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_back: Option<String>,
    /// Who said what, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transcript: Vec<Line>,
}

/// A word for how it ended: `accepted`, `declined`, `opted_out`, … Those that flows know move the cadence; others are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Disposition(String);

/// Longest disposition.
const WORD_CHARS: usize = 64;

impl TryFrom<String> for Disposition {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        let is_word = (1..=WORD_CHARS).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if is_word {
            Ok(Self(word))
        } else {
            Err("a disposition is a word of a-z, 0-9 and _, such as opted_out")
        }
    }
}

impl From<Disposition> for String {
    fn from(disposition: Disposition) -> Self {
        disposition.0
    }
}

impl Report {
    /// Of a word and a time to call back; `None`: it is no such word.
    pub fn of(disposition: &str, call_back: Option<String>) -> Option<Self> {
        let disposition = Disposition::try_from(disposition.to_owned()).ok()?;
        Some(Self { disposition, call_back, transcript: Vec::new() })
    }

    /// The conversation, with what has to be done about it.
    pub fn conversation(&self) -> Conversation {
        let disposition = self.disposition.0.clone();
        let outcome = Outcome::of_ending(&disposition);
        let effect = match outcome {
            Outcome::OptedOut => Some(Effect::OptOut { reason: "asked in the call".to_owned() }),
            Outcome::WrongNumber => Some(Effect::WrongNumber),
            Outcome::CallbackRequested => {
                Some(Effect::CallBack { after_s: None, said: self.call_back.clone() })
            }
            Outcome::Converted if disposition == "accepted" => {
                Some(Effect::Event { kind: kinds::OFFER_ACCEPTED.to_owned(), data: json!({}) })
            }
            _ => None,
        };
        Conversation {
            ended: Some(Ended { outcome, disposition }),
            transcript: self.transcript.clone(),
            nodes: Vec::new(),
            effects: effect.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("accepted", Outcome::Converted, 1)]
    #[case("converted", Outcome::Converted, 0)]
    #[case("opted_out", Outcome::OptedOut, 1)]
    #[case("wrong_number", Outcome::WrongNumber, 1)]
    #[case("callback_requested", Outcome::CallbackRequested, 1)]
    #[case("voicemail_left", Outcome::Voicemail, 0)]
    #[case("declined", Outcome::Answered, 0)]
    fn the_words_of_flows_mean_what_they_mean_there(
        #[case] word: &str,
        #[case] outcome: Outcome,
        #[case] effects: usize,
    ) {
        let told = Report::of(word, None).unwrap().conversation();
        assert_eq!((told.outcome(), told.disposition(), told.effects.len()), (outcome, word, effects));
    }

    #[rstest]
    #[case("")]
    #[case("Opted Out")]
    #[case("<b>")]
    fn what_is_no_word_is_refused(#[case] text: &str) {
        assert_eq!(Report::of(text, None), None);
        assert!(serde_json::from_value::<Report>(json!({ "disposition": text })).is_err());
    }
}
