//! What people do meanwhile: say stop, suppress, revoke, pause and resume, end, change a number. Each is a transaction that takes
//! the number's lock, as in the product; whoever fails tries again.

use std::sync::Arc;

use callwright_core::clock::Instant;
use callwright_core::decide::abandonment::Abandonment;
use callwright_core::decide::protocol::again::next_visit;
use callwright_core::decide::snapshot::{CampaignFacts, SuppressionFact};
use callwright_core::domain::attempt::AttemptState;
use callwright_core::domain::campaign::CampaignStatus;
use callwright_core::domain::consent::Purpose;
use callwright_core::domain::enrollment::{EnrollmentState, Hold};
use callwright_core::domain::suppression::Source;
use chrono::TimeDelta;

use super::bug::Bug;
use super::fault::Fault;
use super::place::NUMBERS;
use super::rng::Rng;
use super::world::{Commit, Step, World};

/// Something that a person is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    OptOut { lead: usize },
    Suppress { number: (usize, usize), campaign: Option<usize> },
    Revoke { lead: usize },
    PauseCampaign { campaign: usize },
    ResumeCampaign { campaign: usize },
    Pause { enrollment: usize },
    Resume { enrollment: usize },
    End { enrollment: usize },
    ChangeNumber { lead: usize, to: usize },
}

impl World {
    /// Draws who does what, and when.
    pub fn invite(&mut self, rng: &mut Rng) {
        let span = (self.setting.calm_from - self.setting.starts_at).num_milliseconds();
        for lead in 0..self.db.leads.len() {
            let number = self.db.number_of(lead);
            let to = rng.index(NUMBERS);
            let campaign = rng.chance(300).then(|| rng.index(self.db.campaigns.len()));
            self.may_do(rng, span, Fault::OptOut, Person::OptOut { lead });
            self.may_do(rng, span, Fault::Suppress, Person::Suppress { number, campaign });
            self.may_do(rng, span, Fault::RevokeConsent, Person::Revoke { lead });
            self.may_do(rng, span, Fault::ChangeNumber, Person::ChangeNumber { lead, to });
        }
        for campaign in 0..self.db.campaigns.len() {
            let at = self.may_do(rng, span, Fault::PauseCampaign, Person::PauseCampaign { campaign });
            self.undo(rng, at, Person::ResumeCampaign { campaign });
        }
        for enrollment in 0..self.db.enrollments.len() {
            let at = self.may_do(rng, span, Fault::PauseEnrollment, Person::Pause { enrollment });
            self.undo(rng, at, Person::Resume { enrollment });
            self.may_do(rng, span, Fault::EndEnrollment, Person::End { enrollment });
        }
    }

    fn may_do(&mut self, rng: &mut Rng, span: i64, fault: Fault, person: Person) -> Option<Instant> {
        if !rng.chance(self.rates.of(fault)) {
            return None;
        }
        self.fired.count(fault);
        let at = self.setting.starts_at + TimeDelta::milliseconds(rng.between(0, span));
        self.comes(at, person);
        Some(at)
    }

    /// Half of those who pause something go on with it later.
    fn undo(&mut self, rng: &mut Rng, at: Option<Instant>, person: Person) {
        let Some(at) = at else { return };
        if rng.chance(700) {
            self.comes(at + TimeDelta::seconds(rng.between(1, 3 * 3_600)), person);
        }
    }

    fn comes(&mut self, at: Instant, person: Person) {
        self.people.push(person);
        self.has_acted.push(false);
        self.at(at, Step::Person { person: self.people.len() - 1 });
    }

    /// Lets somebody act within the next moments who would have come later: while a claim is under way.
    pub fn hurry(&mut self, within_ms: i64) {
        let waiting: Vec<usize> = (0..self.people.len()).filter(|index| !self.has_acted[*index]).collect();
        if waiting.is_empty() {
            return;
        }
        let person = waiting[self.rng.times.index(waiting.len())];
        let soon = self.ms(1, within_ms);
        self.after(soon, Step::Person { person });
    }

    pub fn person_acts(&mut self, index: usize) {
        if self.has_acted[index] {
            return;
        }
        let person = self.people[index];
        let waits = !self.has(Bug::NoNumberLock)
            && self.numbers_of(person).iter().any(|n| self.db.is_number_held(*n));
        if waits {
            let wait = self.ms(2, 5);
            return self.after(wait, Step::Person { person: index });
        }
        let fate = self.commit_fate();
        if fate == Commit::Failed {
            let wait = self.ms(500, 20_000);
            return self.after(wait, Step::Person { person: index });
        }
        self.has_acted[index] = true;
        self.trace.step(self.now, "person", index, || format!("{person:?}"));
        match person {
            Person::OptOut { lead } => self.opt_out(lead),
            Person::Suppress { number, campaign } => self.suppress(number, campaign),
            Person::Revoke { lead } => self.revoke(lead),
            Person::PauseCampaign { campaign } => self.set_status(campaign, CampaignStatus::Paused),
            Person::ResumeCampaign { campaign } => self.set_status(campaign, CampaignStatus::Active),
            Person::Pause { enrollment } => self.pause(enrollment),
            Person::Resume { enrollment } => self.resume(enrollment),
            Person::End { enrollment } => {
                self.take_back(enrollment);
                self.end(enrollment);
            }
            Person::ChangeNumber { lead, to } => {
                self.db.leads[lead].number = to;
                self.checks.number_changed(self.db.commits + 1, lead, self.db.number_of(lead));
            }
        }
        self.committed();
    }

    fn numbers_of(&self, person: Person) -> Vec<(usize, usize)> {
        match person {
            Person::Suppress { number, .. } => vec![number],
            Person::OptOut { lead } | Person::Revoke { lead } => vec![self.db.number_of(lead)],
            Person::ChangeNumber { lead, to } => {
                let now = self.db.number_of(lead);
                vec![now, (now.0, to)]
            }
            Person::Pause { enrollment } | Person::Resume { enrollment } | Person::End { enrollment } => {
                vec![self.db.number_of(self.db.enrollments[enrollment].lead)]
            }
            Person::PauseCampaign { .. } | Person::ResumeCampaign { .. } => Vec::new(),
        }
    }

    /// The lead's flag, its number's entry, its enrollments and planned calls, in one transaction.
    pub fn opt_out(&mut self, lead: usize) {
        self.db.leads[lead].opted_out = true;
        let number = self.db.number_of(lead);
        self.suppress(number, None);
        self.checks.opted_out(self.db.commits + 1, self.now, lead);
        for enrollment in 0..self.db.enrollments.len() {
            if self.db.enrollments[enrollment].lead != lead {
                continue;
            }
            if !self.has(Bug::OptOutKeepsPlanned) {
                self.take_back(enrollment);
            }
            self.end(enrollment);
        }
    }

    fn suppress(&mut self, number: (usize, usize), campaign: Option<usize>) {
        let campaign_id = campaign.map(|campaign| self.db.campaigns[campaign].campaign().id);
        self.db.suppressions.entry(number).or_default().push(SuppressionFact {
            source: Source::Internal,
            campaign_id,
            reason: String::new(),
            created_at: self.now,
            expires_at: None,
        });
        self.checks.suppressed(self.db.commits + 1, self.now, number, campaign);
    }

    fn revoke(&mut self, lead: usize) {
        let now = self.now;
        for consent in &mut self.db.leads[lead].consents {
            if consent.purpose == Purpose::VoiceContact && consent.revoked_at.is_none() {
                consent.revoked_at = Some(now);
            }
        }
        self.checks.revoked(self.db.commits + 1, lead);
    }

    fn set_status(&mut self, campaign: usize, status: CampaignStatus) {
        let row = &self.db.campaigns[campaign];
        let intents_today = row.facts.intents_today;
        let mut changed = row.campaign().clone();
        changed.status = status;
        self.db.campaigns[campaign].facts =
            Arc::new(CampaignFacts { campaign: changed, intents_today, abandonment: Abandonment::default() });
        self.checks.status_set(self.db.commits + 1, self.now, campaign, status == CampaignStatus::Active);
        if status != CampaignStatus::Active {
            return;
        }
        // Whatever the pause put off goes on at once; the gates are asked again.
        let now = self.now;
        for index in 0..self.db.attempts.len() {
            let row = &self.db.attempts[index];
            if row.campaign == campaign && row.state == AttemptState::Planned && row.due_at > now {
                self.db.attempt(index).due_at = now;
            }
        }
    }

    /// Cancels the planned attempt of an enrollment. A dial under way is not touched.
    fn take_back(&mut self, enrollment: usize) {
        for index in 0..self.db.attempts.len() {
            if self.db.attempts[index].enrollment == enrollment {
                self.cancel(index);
            }
        }
    }

    fn pause(&mut self, enrollment: usize) {
        if self.db.enrollments[enrollment].state == EnrollmentState::Ended {
            return;
        }
        if !self.has(Bug::PauseKeepsPlanned) {
            self.take_back(enrollment);
        }
        let row = self.db.enrollment(enrollment);
        row.state = EnrollmentState::Held;
        row.hold = Some(Hold::Paused);
    }

    fn resume(&mut self, enrollment: usize) {
        let walk = &self.db.enrollments[enrollment];
        if walk.state != EnrollmentState::Held {
            return;
        }
        let due = walk.due_at.map_or(self.now, |due| due.max(self.now));
        let in_call = self.db.open_of(enrollment).any(|attempt| attempt.state.is_live());
        if in_call {
            let row = self.db.enrollment(enrollment);
            row.state = EnrollmentState::Open;
            row.hold = None;
            return;
        }
        let (position, wait_event) = (next_visit(&walk.position), walk.wait_event.clone());
        let due = (!self.has(Bug::ResumeForgetsTimer)).then_some(due);
        self.wait_at(enrollment, position, due, wait_event);
        let row = self.db.enrollment(enrollment);
        row.state = EnrollmentState::Waiting;
        row.hold = None;
    }
}
