//! A whole call played in one go: what it will report and how it will end. Pure, apart from the conversation handed in.

use callwright_engine::clock::Instant;
use callwright_engine::domain::call::{EndStatus, Fact};
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::flow::session::Conversation;
use chrono::TimeDelta;

use super::behaviour::{Behaviour, End};
use super::callee::Answerer;
use super::ledger::Ending;

/// One call as it will have gone.
#[derive(Debug)]
pub(super) struct Played {
    pub facts: Vec<(Instant, &'static str, Fact)>,
    pub ending: Ending,
}

/// A whole call, from acceptance to its end. Few facts per call: each costs a row.
pub(super) fn play(
    behaviour: Behaviour,
    starts_at: Instant,
    max_duration_s: u32,
    converse: impl FnOnce(Answerer) -> Conversation,
) -> Played {
    let rung_at = starts_at + TimeDelta::seconds(i64::from(behaviour.ring_s));
    let (answerer, talk_s) = match behaviour.end {
        End::NoAnswer => return unanswered(rung_at, EndStatus::NoAnswer),
        End::Busy => return unanswered(rung_at, EndStatus::Busy),
        End::Failed => return unanswered(rung_at, EndStatus::Failed),
        End::Voicemail { talk_s } => (Answerer::Machine, talk_s),
        End::Answered { wants, talk_s } => (Answerer::Person(wants), talk_s),
    };
    let talk_s = talk_s.min(max_duration_s);
    let ended_at = rung_at + TimeDelta::seconds(i64::from(talk_s));
    let mut facts = vec![(rung_at, "answered", Fact::Answered { by: answerer.answered_by() })];
    let conversation = converse(answerer);
    let converted = conversation.outcome() == Outcome::Converted;
    facts.push((ended_at, "conversation", Fact::Conversation { conversation: Box::new(conversation) }));
    facts.push((ended_at, "ended", Fact::Ended { status: EndStatus::Completed, talk_s: i64::from(talk_s) }));
    Played { facts, ending: Ending { at: ended_at, status: EndStatus::Completed, talk_s, converted } }
}

fn unanswered(at: Instant, status: EndStatus) -> Played {
    Played {
        facts: vec![(at, "ended", Fact::Ended { status, talk_s: 0 })],
        ending: Ending { at, status, talk_s: 0, converted: false },
    }
}
