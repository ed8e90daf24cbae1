//! Placing, as `engine::place` does it: the second look, one question to the provider, its answer written down.

use callwright_core::answer::Placement;
use callwright_core::decide::advance;
use callwright_core::decide::protocol::again::next_visit;
use callwright_core::decide::protocol::answer::{AfterAnswer, after_answer};
use callwright_core::decide::protocol::send::{HeldBack, OnFile, held_back};
use callwright_core::decide::verdict::Permit;
use callwright_core::domain::attempt::AttemptState;
use callwright_core::domain::campaign::CampaignStatus;
use callwright_core::domain::enrollment::EnrollmentState;
use callwright_core::domain::outcome::Outcome;
use chrono::TimeDelta;

use super::bug::Bug;
use super::carrier::{CLIENT_TIMEOUT, Fate, Post};
use super::fault::Fault;
use super::worker::{Phase, Request};
use super::world::{Commit, Step, World};

impl World {
    pub fn second_look(&mut self, worker: usize, requests: Vec<Request>) {
        if self.is_down() {
            return self.rest(worker);
        }
        if let Some(took) = requests.iter().map(|request| self.now - request.intent_at).max() {
            let pace = &mut self.workers[worker].pace;
            *pace = pace.after(requests.len() as u32, took);
        }
        let mut asked = Vec::new();
        let mut kept_back = Vec::new();
        for request in requests {
            match self.look_again(&request) {
                Some(why) => {
                    let reason = why.as_str().to_owned();
                    kept_back.push((request.attempt, Placement::NotSent { reason }));
                }
                None => asked.push(request),
            }
        }
        self.next(worker, Phase::Send(asked, kept_back), 1, 3);
    }

    fn look_again(&self, request: &Request) -> Option<HeldBack> {
        if self.has(Bug::NoSecondLook) {
            return None;
        }
        let row = &self.db.attempts[request.attempt];
        let campaign = self.db.campaigns[row.campaign].campaign();
        let entries = self.db.suppressions.get(&row.number).map(Vec::as_slice).unwrap_or_default();
        let is_ours = |id| id == Some(campaign.id);
        // A bug that forgets to ask at the claim has forgotten it here, too.
        let sees_stops = !self.has(Bug::SuppressionOnlyAtPlanning) && !self.has(Bug::GatesOnlyAtPlanning);
        let sees_pause = !self.has(Bug::PausedCampaignIgnored) && !self.has(Bug::GatesOnlyAtPlanning);
        let on_file = OnFile {
            campaign: if sees_pause { campaign.status } else { CampaignStatus::Active },
            opted_out: sees_stops && self.db.leads[row.lead].opted_out,
            suppressed: sees_stops
                && entries.iter().any(|entry| {
                    (entry.campaign_id.is_none() || is_ours(entry.campaign_id))
                        && entry.expires_at.is_none_or(|end| end > self.now)
                }),
            // Nobody stops everything at once here: what the stop of one number does is enough to look at.
            stopped: false,
            attempt: row.state,
        };
        held_back(&on_file, request.send_by, self.now)
            .filter(|why| *why != HeldBack::TooLate || !self.has(Bug::NoFreshness))
    }

    /// The question leaves, unless the process has been standing still since it began to claim.
    pub fn send(&mut self, worker: usize, requests: Vec<Request>, mut answers: Vec<(usize, Placement)>) {
        let trusts = self.has(Bug::NoFreshness)
            || self.has(Bug::NoSteadyClock)
            || self.has(Bug::NoSecondLook)
            || self.has(Bug::SendWithoutCommit);
        let mut heard_after = TimeDelta::zero();
        for request in requests {
            if self.now - request.began_at > Permit::LIFETIME && !trusts {
                let reason = HeldBack::TooLate.as_str().to_owned();
                answers.push((request.attempt, Placement::NotSent { reason }));
                continue;
            }
            let (answer, after) = self.post(request.attempt);
            heard_after = heard_after.max(after);
            answers.push((request.attempt, answer));
        }
        self.workers[worker].phase = Phase::Answers(answers);
        self.wake(worker, heard_after);
    }

    /// One request on its way; answers what the client will hear, and when.
    fn post(&mut self, attempt: usize) -> (Placement, TimeDelta) {
        let number = self.db.attempts[attempt].number;
        let mut fate_of = self.rng.carrier.clone();
        let fate = Fate::draw(&mut fate_of, |_, fault| self.strikes(fault));
        self.rng.carrier = fate_of;
        let stops = self.strikes(Fault::OptOut);
        self.ledger.posts.push(Post { attempt, number, sent_at: self.now });
        self.trace.step(self.now, "posted", attempt, || format!("{fate:?}"));
        self.checks.posted(&self.db, &self.ledger, self.ground);
        let travels = self.ms(5, 50);
        if fate.calls() {
            let arrives = if let Fate::AcceptLate { by } = fate { by } else { travels };
            self.after(arrives, Step::Arrive { attempt, stops });
        }
        let repeats = (fate == Fate::AcceptError && self.has(Bug::RepostOnServerError))
            || (matches!(fate, Fate::ReplyLost | Fate::RequestLost | Fate::AcceptLate { .. })
                && self.has(Bug::RepostOnTimeout));
        if repeats && self.ledger.posts.iter().filter(|post| post.attempt == attempt).count() < 2 {
            return self.post(attempt);
        }
        let (answer, gave_up) = fate.answer(&attempt.to_string());
        let heard_after = if gave_up { CLIENT_TIMEOUT } else { travels + self.ms(20, 400) };
        (self.misread(fate, answer), heard_after)
    }

    /// Seeded bugs that take a doubt for a refusal.
    fn misread(&self, fate: Fate, answer: Placement) -> Placement {
        let is_error = fate == Fate::AcceptError;
        let is_doubt = matches!(answer, Placement::Unknown { .. });
        let wrong = (is_error && self.has(Bug::ServerErrorIsRefusal))
            || (is_doubt && !is_error && self.has(Bug::TimeoutIsRefusal));
        if wrong { Placement::Refused { reason: String::new(), retry: true } } else { answer }
    }

    /// The request reaches the provider, who takes the call.
    pub fn arrive(&mut self, attempt: usize, stops: bool) {
        let post = self.ledger.posts.iter().rev().find(|post| post.attempt == attempt);
        let Some(post) = post.cloned() else { return };
        let lag = if self.strikes(Fault::LookUpLags) { self.ms(100, 20_000) } else { TimeDelta::zero() };
        let call = self.ledger.accept(&mut self.rng.carrier, &post, self.now, lag, stops);
        self.trace.step(self.now, "accepted", attempt, || format!("call {call}"));
        self.checks.accepted(&self.db, &self.ledger, call);
        for fact in 0..self.ledger.calls[call].facts.len() {
            self.report(call, fact);
        }
    }

    /// The provider will tell of a fact: once, never, late or several times.
    fn report(&mut self, call: usize, fact: usize) {
        let at = self.ledger.calls[call].facts[fact].1.at;
        if self.strikes(Fault::CallbackLost) {
            return;
        }
        let copies = if self.strikes(Fault::CallbackRepeated) { 2 + self.rng.times.index(2) } else { 1 };
        for _ in 0..copies {
            let mut delay = self.ms(20, 300);
            if self.strikes(Fault::CallbackReordered) {
                delay += self.ms(0, 3_000);
            }
            if self.strikes(Fault::CallbackLate) {
                delay += self.ms(0, 1_800_000);
            }
            self.at(at + delay, Step::Callback { call, fact, is_retry: false });
        }
    }

    pub fn record_answers(&mut self, worker: usize, answers: Vec<(usize, Placement)>) {
        if answers.is_empty() {
            return self.find_doubts(worker);
        }
        if answers.iter().any(|(attempt, _)| self.db.is_number_held(self.db.attempts[*attempt].number)) {
            return self.next(worker, Phase::Answers(answers), 2, 5);
        }
        let fate = self.commit_fate();
        if fate == Commit::Failed {
            return self.rest(worker);
        }
        for (attempt, answer) in &answers {
            self.record_answer(*attempt, answer);
        }
        self.workers[worker].is_busy = true;
        self.trace.step(self.now, "answered", worker, || format!("{answers:?} {fate:?}"));
        self.committed();
        if fate == Commit::Unknown {
            return self.rest(worker);
        }
        self.next(worker, Phase::Doubts, 1, 3);
    }

    fn record_answer(&mut self, attempt: usize, answer: &Placement) {
        let state = self.db.attempts[attempt].state;
        let is_stale = self.has(Bug::StaleAnswer) && state != AttemptState::Planned;
        let assumed = if is_stale { AttemptState::Dialing } else { state };
        let enrollment = self.db.attempts[attempt].enrollment;
        match after_answer(assumed, answer, self.now) {
            AfterAnswer::Nothing => {}
            AfterAnswer::Placed { .. } => self.mark_placed(attempt),
            AfterAnswer::Refused { .. } => {
                self.refuse(attempt, AttemptState::Finished);
                self.after_refusal(enrollment);
            }
            AfterAnswer::NotPlaced { state, again_at, .. } => {
                self.refuse(attempt, state);
                let is_forgotten = match state {
                    AttemptState::NotSent => self.has(Bug::NotSentForgotten),
                    _ => self.has(Bug::RefusalForgotten),
                };
                if !is_forgotten {
                    let position = next_visit(&self.db.enrollments[enrollment].position);
                    self.wait_at(enrollment, position, Some(again_at), None);
                }
            }
            AfterAnswer::Unknown { .. } => {
                self.step(attempt, AttemptState::Unknown);
                self.db.attempt(attempt).events.unknown += 1;
            }
        }
    }

    fn refuse(&mut self, attempt: usize, state: AttemptState) {
        self.step(attempt, state);
        let row = self.db.attempt(attempt);
        if state == AttemptState::Finished {
            row.refused = true;
            row.outcome = Some(Outcome::Failed);
            row.events.refused += 1;
        } else {
            row.events.not_sent += 1;
        }
    }

    fn after_refusal(&mut self, enrollment: usize) {
        let row = &self.db.enrollments[enrollment];
        if row.state == EnrollmentState::Ended || self.has(Bug::RefusalForgotten) {
            return;
        }
        let state = self.walk_state(enrollment);
        let cadence = &self.ground.cadences[row.cadence].cadence;
        match advance::after_call(cadence, &state, Outcome::Failed, "refused", None, self.now) {
            Ok(moved) => self.apply_move(enrollment, moved),
            Err(_) => self.quarantine(enrollment),
        }
    }

    /// Moves an attempt as it stands in this transaction.
    pub fn step(&mut self, attempt: usize, to: AttemptState) {
        let (state, fence) = (self.db.attempts[attempt].state, self.db.attempts[attempt].fence);
        self.db.step(attempt, state, fence, to, self.now);
    }

    /// The provider has the call: by its answer, by a callback that overtook the answer, or by a look-up.
    pub fn mark_placed(&mut self, attempt: usize) {
        self.step(attempt, AttemptState::Placed);
        let row = self.db.attempt(attempt);
        row.call = Some(attempt);
        row.events.placed += 1;
        let enrollment = row.enrollment;
        self.db.enrollment(enrollment).placed += 1;
    }
}
