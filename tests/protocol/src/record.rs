//! Recording, as `engine::record` does it: facts are stored once, the call's state follows from their set, and the attempt's end
//! moves the enrollment on.

use callwright_core::clock::Instant;
use callwright_core::decide::advance;
use callwright_core::decide::protocol::news::{self, News};
use callwright_core::domain::attempt::AttemptState;
use callwright_core::domain::call::{CallState, Fact, StoredFact};
use callwright_core::domain::outcome::Outcome;
use callwright_core::flow::session::{Conversation, Effect};
use chrono::TimeDelta;

use super::bug::Bug;
use super::fault::Fault;
use super::world::{Commit, Step, World};

/// One thing that somebody told us about an attempt.
#[derive(Debug, Clone)]
pub struct Reported {
    pub attempt: usize,
    /// Does the report name the provider's call?
    pub has_call: bool,
    pub key: &'static str,
    pub fact: StoredFact,
}

impl Reported {
    /// Nothing more is known of what was said, and nobody waits for it.
    pub fn nothing_said(attempt: usize, at: Instant) -> Self {
        let fact = Fact::Conversation { conversation: Box::new(Conversation::default()) };
        Self { attempt, has_call: false, key: "unsaid", fact: StoredFact { at, fact } }
    }
}

impl World {
    /// A callback arrives.
    pub fn callback(&mut self, call: usize, fact: usize, is_retry: bool) {
        let attempt = self.ledger.calls[call].attempt;
        if self.ledger.calls[call].hung_up {
            return;
        }
        let number = self.db.attempts[attempt].number;
        if self.db.is_number_held(number) {
            let wait = self.ms(2, 5);
            return self.after(wait, Step::Callback { call, fact, is_retry });
        }
        let fate = self.commit_fate();
        if fate != Commit::Failed {
            let (key, fact) = self.ledger.calls[call].facts[fact].clone();
            self.trace.step(self.now, "told", attempt, || format!("{key} {fate:?}"));
            self.record(vec![Reported { attempt, has_call: true, key, fact }]);
        }
        // The provider tries once more when it is not thanked.
        if fate != Commit::Applied && !is_retry {
            let wait = self.ms(3_000, 15_000);
            self.after(wait, Step::Callback { call, fact, is_retry: true });
        } else if fate == Commit::Failed {
            self.fired.count(Fault::CallbackLost);
        }
    }

    /// Stores facts and follows them, in one transaction. Answers how many attempts it ended.
    pub fn record(&mut self, facts: Vec<Reported>) {
        let mut known: Vec<(usize, bool)> = Vec::new();
        for Reported { attempt, has_call, key, fact } in facts {
            let is_new = self.db.attempts[attempt].facts.iter().all(|(other, _)| *other != key);
            if is_new {
                self.db.attempt(attempt).facts.push((key, fact));
            }
            if is_new || self.has(Bug::CountEachCallback) {
                match known.iter_mut().find(|(other, _)| *other == attempt) {
                    Some(entry) => entry.1 |= has_call,
                    None => known.push((attempt, has_call)),
                }
            }
        }
        if known.is_empty() {
            return;
        }
        let mut stops = Vec::new();
        for (attempt, has_call) in known {
            self.follow(attempt, has_call, &mut stops);
        }
        for lead in stops {
            self.opt_out(lead);
        }
        self.committed();
    }

    fn call_state(&self, attempt: usize) -> CallState {
        let facts = &self.db.attempts[attempt].facts;
        if self.has(Bug::LastCallbackWins) {
            let last = facts.iter().rev().find(|(_, fact)| matches!(fact.fact, Fact::Ended { .. }));
            let talk = facts.iter().rev().find(|(_, fact)| matches!(fact.fact, Fact::Conversation { .. }));
            return CallState::of(last.into_iter().chain(talk).map(|(_, fact)| fact));
        }
        CallState::of(facts.iter().map(|(_, fact)| fact))
    }

    fn follow(&mut self, attempt: usize, has_call: bool, stops: &mut Vec<usize>) {
        let state = self.call_state(attempt);
        let before = self.db.attempts[attempt].state;
        let outcome = state.outcome();
        let news = news::of_facts(before, has_call);
        match news {
            News::Placed if before == AttemptState::Dialing && self.has(Bug::CallbackBeforeAnswerIgnored) => {
                return;
            }
            News::Resolved if outcome.is_none() || self.has(Bug::GivenUpStaysUntold) => return,
            News::Placed | News::Resolved => self.mark_placed(attempt),
            News::Follow => {}
            News::Late => return self.late(attempt, &state, stops),
            News::Orphan => {
                self.db.attempt(attempt).events.orphaned += 1;
                self.hang_up(attempt);
                return self.heed_stop(attempt, &state, stops);
            }
            News::Nothing => return,
        }
        self.db.attempt(attempt).call_outcome = outcome.as_ref().map(|(outcome, _)| *outcome);
        if let Some((outcome, disposition)) = outcome {
            self.finish(attempt, &state, outcome, &disposition, news, stops);
        }
    }

    /// News of a settled call: its own row follows, and a stop is a stop whenever it is heard of.
    fn late(&mut self, attempt: usize, state: &CallState, stops: &mut Vec<usize>) {
        if self.has(Bug::NonMonotoneState) {
            self.db.attempt(attempt).state = AttemptState::Placed;
        }
        if self.has(Bug::CountEachCallback) {
            self.count(attempt, state);
        }
        let row = self.db.attempt(attempt);
        row.call_outcome = state.outcome().map(|(outcome, _)| outcome);
        self.heed_stop(attempt, state, stops);
    }

    fn heed_stop(&self, attempt: usize, state: &CallState, stops: &mut Vec<usize>) {
        let lead = self.db.attempts[attempt].lead;
        if !self.db.leads[lead].opted_out && says_stop(state) {
            stops.push(lead);
        }
    }

    /// What is counted once per call: its event, and what was agreed in it.
    fn count(&mut self, attempt: usize, state: &CallState) {
        // The seeded bug writes the event in a commit of its own, which may fail.
        let is_told = !self.has(Bug::EventOutsideTransaction) || self.commit_fate() != Commit::Failed;
        let row = self.db.attempt(attempt);
        row.events.outcome += u8::from(is_told);
        let lead = row.lead;
        for effect in effects(state) {
            if let Effect::Score { by, .. } = effect {
                self.db.leads[lead].score += by;
            }
        }
    }

    fn finish(
        &mut self,
        attempt: usize,
        state: &CallState,
        outcome: Outcome,
        disposition: &str,
        news: News,
        stops: &mut Vec<usize>,
    ) {
        self.step(attempt, AttemptState::Finished);
        self.db.attempt(attempt).outcome = Some(outcome);
        self.count(attempt, state);
        let ended_at = state.ended_at.unwrap_or(self.now);
        let after_s = effects(state).find_map(|effect| match effect {
            Effect::CallBack { after_s, .. } => *after_s,
            _ => None,
        });
        let call_back = after_s.map(|seconds| ended_at + TimeDelta::seconds(seconds));
        let row = &self.db.attempts[attempt];
        let (enrollment, lead) = (row.enrollment, row.lead);
        let walk = &self.db.enrollments[enrollment];
        let decides = news::decides_move(&walk.position, &row.step, row.visit, news);
        let may_move = news::may_move(walk.state, news) || self.has(Bug::EndedRevived);
        if decides && may_move {
            let cadence = &self.ground.cadences[walk.cadence].cadence;
            let walked = self.walk_state(enrollment);
            match advance::after_call(cadence, &walked, outcome, disposition, call_back, self.now) {
                Ok(moved) => self.apply_move(enrollment, moved),
                Err(_) => self.quarantine(enrollment),
            }
        }
        if says_stop(state) {
            stops.push(lead);
        }
    }

    fn hang_up(&mut self, attempt: usize) {
        for call in self.ledger.calls.iter_mut().filter(|call| call.attempt == attempt) {
            call.hung_up = true;
            call.ends_at = call.ends_at.min(self.now);
        }
    }
}

fn effects(state: &CallState) -> impl Iterator<Item = &Effect> {
    state.conversation.as_ref().map(|talk| talk.effects.iter()).into_iter().flatten()
}

fn says_stop(state: &CallState) -> bool {
    effects(state).any(|effect| matches!(effect, Effect::OptOut { .. }))
}
