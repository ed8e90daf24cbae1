//! Facts a provider reports about a call, and the state that follows from the *set* of them (I5).

use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::flow::session::Conversation;

text_enum! {
    /// Who picked up.
    pub enum AnsweredBy {
        Human = "human",
        Machine = "machine",
        Unknown = "unknown",
    }
}

text_enum! {
    /// How the provider says the call ended.
    pub enum EndStatus {
        Completed = "completed",
        NoAnswer = "no-answer",
        Busy = "busy",
        Failed = "failed",
        Canceled = "canceled",
    }
}

/// One thing a provider told us. Stored once per `(attempt, key)`; repeats change nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    Ringing,
    Answered {
        by: AnsweredBy,
    },
    /// The conversation so far or in full, when the platform follows the flow itself.
    Conversation {
        conversation: Box<Conversation>,
    },
    Ended {
        status: EndStatus,
        /// Seconds from answer to hang-up; 0 when nobody answered.
        talk_s: i64,
    },
}

/// A fact with its time, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredFact {
    pub at: Instant,
    #[serde(flatten)]
    pub fact: Fact,
}

/// What the facts add up to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallState {
    pub answered_at: Option<Instant>,
    pub answered_by: Option<AnsweredBy>,
    pub ended_at: Option<Instant>,
    pub end: Option<EndStatus>,
    pub talk_s: i64,
    pub conversation: Option<Box<Conversation>>,
}

impl CallState {
    /// Folds facts; the answer does not depend on their order or repetition.
    pub fn of<'a>(facts: impl IntoIterator<Item = &'a StoredFact>) -> Self {
        let mut state = Self::default();
        for StoredFact { at, fact } in facts {
            match fact {
                Fact::Ringing => {}
                Fact::Answered { by } => {
                    if state.answered_at.is_none_or(|earlier| (*at, Some(*by)) < (earlier, state.answered_by))
                    {
                        state.answered_at = Some(*at);
                        state.answered_by = Some(*by);
                    }
                }
                Fact::Conversation { conversation } => {
                    // The fullest report wins; equal ones are the same report again.
                    let fuller =
                        state.conversation.as_ref().is_none_or(|known| known.turns() < conversation.turns());
                    if fuller {
                        state.conversation = Some(conversation.clone());
                    }
                }
                Fact::Ended { status, talk_s } => {
                    if state
                        .ended_at
                        .is_none_or(|known| (*at, *status) < (known, state.end.unwrap_or(*status)))
                    {
                        state.ended_at = Some(*at);
                        state.end = Some(*status);
                        state.talk_s = *talk_s;
                    }
                }
            }
        }
        state
    }

    /// Outcome and disposition once the call has ended and, if somebody picked up, what was said is known; `None` before.
    ///
    /// The two are reported apart and may come in either order: the outcome must not depend on which was first (I5).
    pub fn outcome(&self) -> Option<(Outcome, String)> {
        let end = self.end?;
        let plain = |outcome: Outcome| Some((outcome, outcome.as_str().to_owned()));
        match end {
            EndStatus::NoAnswer => plain(Outcome::NoAnswer),
            EndStatus::Busy => plain(Outcome::Busy),
            EndStatus::Failed | EndStatus::Canceled => plain(Outcome::Failed),
            EndStatus::Completed => match (self.conversation.as_ref()?, self.answered_by) {
                (talk, Some(AnsweredBy::Machine)) if talk.ended.is_none() => plain(Outcome::Voicemail),
                (talk, _) => Some((talk.outcome(), talk.disposition().to_owned())),
            },
        }
    }
}
