//! What a provider reports about a call, in short words.

use callwright_engine::clock::Instant;
use callwright_engine::domain::call::{AnsweredBy, EndStatus, Fact};
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::flow::session::{Conversation, Effect, Ended, Line};
use callwright_engine::id::AttemptId;
use callwright_engine::provider::ReportedFact;
use chrono::TimeDelta;

use crate::fake::Fake;

/// One report, with its kind as its key: the same one twice is the same fact.
pub fn fact(attempt: AttemptId, key: &str, at: Instant, fact: Fact) -> ReportedFact {
    let provider_call_id = Some(Fake::call_id(attempt));
    ReportedFact { attempt_id: attempt, provider_call_id, key: key.to_owned(), at, fact }
}

pub fn ended(attempt: AttemptId, at: Instant, status: EndStatus, talk_s: i64) -> ReportedFact {
    fact(attempt, "ended", at, Fact::Ended { status, talk_s })
}

pub fn no_answer(attempt: AttemptId, at: Instant) -> Vec<ReportedFact> {
    vec![ended(attempt, at, EndStatus::NoAnswer, 0)]
}

/// What was said in a call that ended like this.
pub fn said(outcome: Outcome, disposition: &str, effects: Vec<Effect>) -> Conversation {
    Conversation {
        ended: Some(Ended { outcome, disposition: disposition.to_owned() }),
        transcript: vec![Line::Agent("Hello".to_owned()), Line::Callee("Hm".to_owned())],
        nodes: vec!["greet".to_owned(), "offer".to_owned()],
        effects,
    }
}

/// A whole answered call: it rang at `at`, was answered after five seconds and lasted forty.
pub fn talk(attempt: AttemptId, at: Instant, conversation: Conversation) -> Vec<ReportedFact> {
    let (answered_at, ended_at) = (at + TimeDelta::seconds(5), at + TimeDelta::seconds(45));
    vec![
        fact(attempt, "ringing", at, Fact::Ringing),
        fact(attempt, "answered", answered_at, Fact::Answered { by: AnsweredBy::Human }),
        fact(attempt, "conversation", ended_at, Fact::Conversation { conversation: Box::new(conversation) }),
        ended(attempt, ended_at, EndStatus::Completed, 40),
    ]
}

/// A call in which the callee said no.
pub fn declined(attempt: AttemptId, at: Instant) -> Vec<ReportedFact> {
    talk(attempt, at, said(Outcome::Answered, "declined", Vec::new()))
}
