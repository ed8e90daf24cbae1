//! The provider: what it was asked, what it accepted and what it tells. Its ledger is the ground truth that the checks read;
//! nothing of it is taken from our own tables.

use callwright_core::answer::{FoundEnd, LookUpResult, Placement};
use callwright_core::clock::Instant;
use callwright_core::domain::call::{AnsweredBy, EndStatus, Fact, StoredFact};
use callwright_core::domain::outcome::Outcome;
use callwright_core::flow::session::{Conversation, Effect, Ended};
use chrono::TimeDelta;

use super::fault::Fault;
use super::rng::Rng;

/// A request as it left us.
#[derive(Debug, Clone)]
pub struct Post {
    pub attempt: usize,
    /// `(place, number)` dialed.
    pub number: (usize, usize),
    pub sent_at: Instant,
}

/// A call that was accepted.
#[derive(Debug, Clone)]
pub struct Call {
    pub attempt: usize,
    pub number: (usize, usize),
    /// When its request left us.
    pub sent_at: Instant,
    pub accepted_at: Instant,
    /// From when on look-ups show it.
    pub visible_at: Instant,
    pub ends_at: Instant,
    pub status: EndStatus,
    pub talk_s: i64,
    pub hung_up: bool,
    /// What it reports, in order.
    pub facts: Vec<(&'static str, StoredFact)>,
}

/// A look-up as it was answered.
#[derive(Debug, Clone, Copy)]
pub struct LookedUp {
    pub attempt: usize,
    pub at: Instant,
    /// It answered that there is no such call.
    pub absent: bool,
}

/// The books.
#[derive(Debug, Default)]
pub struct Ledger {
    pub posts: Vec<Post>,
    pub calls: Vec<Call>,
    pub look_ups: Vec<LookedUp>,
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Accept,
    Reject {
        retry: bool,
    },
    AcceptError,
    ReplyLost,
    RequestLost,
    /// Accepted this long after it was sent.
    AcceptLate {
        by: TimeDelta,
    },
}

/// After this long without an answer a client gives up.
pub const CLIENT_TIMEOUT: TimeDelta = TimeDelta::seconds(5);
/// No call lasts longer: 6 h without a report is twice as long.
const LONG_CALL_S: i64 = 10_000;
/// Absence is conclusive this long after an intent.
pub const CONCLUSIVE_AFTER: TimeDelta = TimeDelta::seconds(120);

impl Fate {
    /// Draws one; the first fault that strikes wins.
    pub fn draw(rng: &mut Rng, mut strikes: impl FnMut(&mut Rng, Fault) -> bool) -> Self {
        if strikes(rng, Fault::Reject) {
            return Self::Reject { retry: true };
        }
        if strikes(rng, Fault::RejectForGood) {
            return Self::Reject { retry: false };
        }
        if strikes(rng, Fault::AcceptError) {
            return Self::AcceptError;
        }
        if strikes(rng, Fault::ReplyLost) {
            return Self::ReplyLost;
        }
        if strikes(rng, Fault::RequestLost) {
            return Self::RequestLost;
        }
        if strikes(rng, Fault::AcceptLate) {
            return Self::AcceptLate { by: TimeDelta::milliseconds(rng.between(5_100, 50_000)) };
        }
        Self::Accept
    }

    /// What the client hears, and whether it heard it by giving up.
    pub fn answer(self, call: &str) -> (Placement, bool) {
        let unknown = |reason: &str| Placement::Unknown { reason: reason.to_owned() };
        match self {
            Self::Accept => (Placement::Accepted { provider_call_id: call.to_owned() }, false),
            Self::Reject { retry } => (Placement::Refused { reason: String::new(), retry }, false),
            Self::AcceptError => (unknown("500"), false),
            Self::ReplyLost | Self::RequestLost | Self::AcceptLate { .. } => (unknown("time-out"), true),
        }
    }

    pub fn calls(self) -> bool {
        !matches!(self, Self::Reject { .. } | Self::RequestLost)
    }
}

impl Ledger {
    /// Books a call and plays it. `stops`: should it be answered, the person says stop.
    pub fn accept(&mut self, rng: &mut Rng, post: &Post, now: Instant, lag: TimeDelta, stops: bool) -> usize {
        let (status, talk_s, rings_s) = match rng.index(10) {
            0..=3 => (EndStatus::NoAnswer, 0, 30),
            4 => (EndStatus::Busy, 0, 3),
            5 => (EndStatus::Failed, 0, 2),
            _ => {
                // Now and then one that lasts for hours, longer than anybody waits before looking it up.
                let longest = if rng.chance(100) { LONG_CALL_S } else { 400 };
                (EndStatus::Completed, rng.between(5, longest), rng.between(3, 25))
            }
        };
        let answered_at = now + TimeDelta::seconds(rings_s);
        let ends_at = answered_at + TimeDelta::seconds(talk_s);
        let mut facts = vec![("ringing", StoredFact { at: now, fact: Fact::Ringing })];
        if status == EndStatus::Completed {
            let by = if rng.chance(250) { AnsweredBy::Machine } else { AnsweredBy::Human };
            facts.push(("answered", StoredFact { at: answered_at, fact: Fact::Answered { by } }));
            let conversation = Box::new(talk(rng, by, stops));
            let fact = Fact::Conversation { conversation };
            facts.push(("conversation", StoredFact { at: ends_at, fact }));
        }
        facts.push(("ended", StoredFact { at: ends_at, fact: Fact::Ended { status, talk_s } }));
        let hung_up = false;
        let visible_at = now + lag;
        self.calls.push(Call {
            attempt: post.attempt,
            number: post.number,
            sent_at: post.sent_at,
            accepted_at: now,
            visible_at,
            ends_at,
            status,
            talk_s,
            hung_up,
            facts,
        });
        self.calls.len() - 1
    }

    /// The answer to a look-up.
    pub fn look_up(&mut self, attempt: usize, now: Instant, tells_end: bool) -> LookUpResult {
        let found =
            self.calls.iter().enumerate().find(|(_, call)| call.attempt == attempt && call.visible_at <= now);
        self.look_ups.push(LookedUp { attempt, at: now, absent: found.is_none() });
        let Some((index, call)) = found else { return LookUpResult::Absent };
        let is_over = tells_end && call.ends_at <= now;
        let end = is_over.then_some(FoundEnd { at: call.ends_at, status: call.status, talk_s: call.talk_s });
        LookUpResult::Found { provider_call_id: index.to_string(), end }
    }
}

fn talk(rng: &mut Rng, by: AnsweredBy, stops: bool) -> Conversation {
    let ended = |outcome: Outcome| Some(Ended { outcome, disposition: outcome.as_str().to_owned() });
    let mut talk = Conversation::default();
    if by == AnsweredBy::Machine {
        return talk;
    }
    talk.effects.push(Effect::Score { by: 1, because: None });
    if stops {
        talk.effects.push(Effect::OptOut { reason: String::new() });
        talk.ended = ended(Outcome::OptedOut);
        return talk;
    }
    talk.ended = match rng.index(4) {
        0 => ended(Outcome::Converted),
        1 => {
            let after_s = Some(rng.between(600, 4 * 3_600));
            talk.effects.push(Effect::CallBack { after_s, said: None });
            ended(Outcome::CallbackRequested)
        }
        _ => ended(Outcome::Answered),
    };
    talk
}
