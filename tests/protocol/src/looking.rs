//! Reconciling, as `engine::reconcile` does it: attempts in doubt and silent calls are looked up, and what that means is written.

use callwright_core::answer::{Capabilities, FoundEnd, LookUpResult};
use callwright_core::clock::Instant;
use callwright_core::decide::protocol::again::{after_write_off, next_visit};
use callwright_core::decide::protocol::look_up::{AfterLookUp, after_look_up};
use callwright_core::decide::protocol::silence::{self, Silence};
use callwright_core::domain::attempt::AttemptState;
use callwright_core::domain::call::{CallState, EndStatus, Fact, StoredFact};
use callwright_core::domain::enrollment::EnrollmentState;
use chrono::TimeDelta;

use super::bug::Bug;
use super::carrier::CONCLUSIVE_AFTER;
use super::fault::Fault;
use super::record::Reported;
use super::worker::Phase;
use super::world::{Commit, World};

/// Look-ups of one round at most.
const BATCH: usize = 5;

/// A round of look-ups.
#[derive(Debug, Clone)]
pub struct LookUps {
    /// With the state in which each was found.
    attempts: Vec<(usize, AttemptState)>,
    /// Before any of them was asked for: what they prove, they prove for that instant.
    asked_at: Instant,
    results: Vec<LookUpResult>,
}

impl World {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            look_up: self.setting.look_up,
            conclusive_after: if self.has(Bug::EarlyReconcile) {
                TimeDelta::zero()
            } else {
                CONCLUSIVE_AFTER
            },
            follows_flow: self.setting.follows_flow,
            packages: false,
            simulated: true,
        }
    }

    pub fn find_doubts(&mut self, worker: usize) {
        let now = self.now;
        let is_overdue =
            |index: &usize| self.overdue_after(&self.db.attempts[*index]).is_some_and(|after| after < now);
        let overdue = (0..self.db.attempts.len()).filter(is_overdue).take(BATCH);
        let attempts: Vec<_> = overdue.map(|index| (index, self.db.attempts[index].state)).collect();
        if attempts.is_empty() || self.is_down() {
            return self.end_round(worker);
        }
        let look_ups = LookUps { attempts, asked_at: now, results: Vec::new() };
        self.next(worker, Phase::LookUps(look_ups), 1, 3);
    }

    /// Asks the provider for the next one.
    pub fn look_up(&mut self, worker: usize, mut look_ups: LookUps) {
        let Some((attempt, _)) = look_ups.attempts.get(look_ups.results.len()).copied() else {
            return self.next(worker, Phase::WriteLookUps(look_ups), 1, 3);
        };
        let result = if !self.setting.look_up {
            LookUpResult::Absent
        } else if self.strikes(Fault::LookUpFailed) {
            LookUpResult::Failed { reason: String::new() }
        } else {
            self.ledger.look_up(attempt, self.now, self.setting.tells_end)
        };
        self.trace.step(self.now, "looked-up", attempt, || format!("{result:?}"));
        let failed = matches!(result, LookUpResult::Failed { .. });
        let is_misread = failed && self.has(Bug::LookUpFailureIsAbsence);
        look_ups.results.push(if is_misread { LookUpResult::Absent } else { result });
        self.next(worker, Phase::LookUps(look_ups), 20, 300);
    }

    pub fn write_look_ups(&mut self, worker: usize, look_ups: LookUps) {
        let is_held =
            |(attempt, _): &(usize, AttemptState)| self.db.is_number_held(self.db.attempts[*attempt].number);
        if look_ups.attempts.iter().any(is_held) {
            return self.next(worker, Phase::WriteLookUps(look_ups), 2, 5);
        }
        let fate = self.commit_fate();
        if fate == Commit::Failed {
            return self.rest(worker);
        }
        let mut facts = Vec::new();
        let asked_at = if self.has(Bug::AgeWhenWritten) { self.now } else { look_ups.asked_at };
        for ((attempt, seen), result) in look_ups.attempts.iter().zip(&look_ups.results) {
            // A callback may have settled it while we asked: then there is nothing left to say.
            if self.db.attempts[*attempt].state == *seen {
                self.resolve(*attempt, result, asked_at, &mut facts);
            }
        }
        // What was written off may be due at once.
        self.workers[worker].is_busy = true;
        self.committed();
        if fate == Commit::Unknown {
            return self.rest(worker);
        }
        if facts.is_empty() {
            return self.end_round(worker);
        }
        self.next(worker, Phase::WriteEnds(facts), 1, 5);
    }

    fn resolve(
        &mut self,
        attempt: usize,
        result: &LookUpResult,
        asked_at: Instant,
        facts: &mut Vec<Reported>,
    ) {
        let row = &self.db.attempts[attempt];
        let (state, enrollment) = (row.state, row.enrollment);
        let age = asked_at - row.intent_at.unwrap_or(asked_at);
        let failed = silence::failed_in_a_row(row.failed_look_ups, result);
        let row = self.db.attempt(attempt);
        (row.checked_at, row.failed_look_ups) = (Some(self.now), failed);
        let was_placed = state == AttemptState::Placed;
        let mut has_end = false;
        match after_look_up(state, result, age, self.capabilities(), 1.0) {
            AfterLookUp::Nothing => {}
            AfterLookUp::Found { is_news, end, .. } => {
                if is_news {
                    self.mark_placed(attempt);
                }
                if let Some(end) = end {
                    has_end = true;
                    self.end_found(attempt, end, facts);
                }
            }
            AfterLookUp::Forgotten => {
                has_end = true;
                let status = silence::forgotten_end(false);
                self.end_found(attempt, FoundEnd { at: self.now, status, talk_s: 0 }, facts);
            }
            AfterLookUp::WrittenOff(to) => self.write_off(attempt, enrollment, to),
        }
        if was_placed {
            let missing = self.missing(attempt);
            facts.extend(missing.filter(|fact| fact.key != GIVEN_UP || !has_end));
        }
    }

    fn end_found(&self, attempt: usize, end: FoundEnd, facts: &mut Vec<Reported>) {
        if silence::is_all_said(end.status, self.setting.follows_flow) {
            facts.push(self.said(attempt).unwrap_or_else(|| Reported::nothing_said(attempt, end.at)));
        }
        let fact = Fact::Ended { status: end.status, talk_s: end.talk_s };
        facts.push(Reported { attempt, has_call: true, key: "ended", fact: StoredFact { at: end.at, fact } });
    }

    /// What was said turn by turn is in our own hands: the conversation, although nobody reports it.
    fn said(&self, attempt: usize) -> Option<Reported> {
        let call = self.ledger.calls.iter().find(|call| call.attempt == attempt)?;
        let (key, fact) = call.facts.iter().find(|(key, _)| *key == "conversation")?.clone();
        Some(Reported { attempt, has_call: false, key, fact })
    }

    fn missing(&self, attempt: usize) -> Option<Reported> {
        let row = &self.db.attempts[attempt];
        let state = CallState::of(row.facts.iter().map(|(_, fact)| fact));
        let intent_at = row.intent_at.unwrap_or(self.now);
        let given_up = match silence::given_up(&state, row.failed_look_ups, intent_at, self.now) {
            _ if self.has(Bug::NeverGivesUp) => None,
            None if self.has(Bug::GivesUpEarly) && state.ended_at.is_none() => Some(Silence::End),
            given_up => given_up,
        };
        Some(match given_up? {
            Silence::Words => Reported::nothing_said(attempt, self.now),
            Silence::End => {
                let fact = Fact::Ended { status: EndStatus::Failed, talk_s: 0 };
                let fact = StoredFact { at: self.now, fact };
                Reported { attempt, has_call: true, key: GIVEN_UP, fact }
            }
        })
    }

    fn write_off(&mut self, attempt: usize, enrollment: usize, to: AttemptState) {
        if self.has(Bug::RepostAfterWriteOff) {
            let row = self.db.attempt(attempt);
            row.state = AttemptState::Planned;
            row.due_at = self.now;
            return;
        }
        self.step(attempt, to);
        self.db.attempt(attempt).events.written_off += 1;
        if self.db.enrollments[enrollment].state == EnrollmentState::Ended || self.has(Bug::WriteOffForgotten)
        {
            return;
        }
        let position = next_visit(&self.db.enrollments[enrollment].position);
        self.wait_at(enrollment, position, Some(after_write_off(to, self.now)), None);
    }

    /// Ends are facts like those of callbacks. A crash before this leaves calls that are silent, and looked up again.
    pub fn write_ends(&mut self, worker: usize, facts: Vec<Reported>) {
        if facts.iter().any(|fact| self.db.is_number_held(self.db.attempts[fact.attempt].number)) {
            return self.next(worker, Phase::WriteEnds(facts), 2, 5);
        }
        let fate = self.commit_fate();
        if fate == Commit::Failed {
            return self.rest(worker);
        }
        self.record(facts);
        self.workers[worker].is_busy = true;
        if fate == Commit::Unknown {
            return self.rest(worker);
        }
        self.end_round(worker);
    }
}

/// Key of the end that a call is given when it is not waited for any longer.
const GIVEN_UP: &str = "given-up";
