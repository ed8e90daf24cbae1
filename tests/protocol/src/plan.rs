//! Planning, as `engine::plan` does it: due enrollments move through their cadence, and a call that may proceed becomes a planned
//! attempt. And the two things every shell needs: the gates' snapshot of an enrollment, and moves written down.

use std::sync::Arc;

use callwright_core::clock::Instant;
use callwright_core::decide::abandonment::Abandonment;
use callwright_core::decide::advance::{self, Move, Next, StepEffect, WalkState};
use callwright_core::decide::gate;
use callwright_core::decide::protocol::again::holds_number;
use callwright_core::decide::snapshot::{
    CampaignFacts, Intent, LeadFacts, OfferFact, PhoneFacts, PurchaseFact, Snapshot,
};
use callwright_core::decide::verdict::{Decision, Verdict};
use callwright_core::domain::attempt::AttemptState;
use callwright_core::domain::campaign::CampaignStatus;
use callwright_core::domain::enrollment::{EnrollmentState, Hold, Position};
use callwright_core::domain::lead::LeadStatus;
use callwright_core::domain::outcome::Outcome;
use chrono::{DateTime, NaiveDate};

use super::bug::Bug;
use super::rows::{Attempt, Events};
use super::setup::id;
use super::worker::Phase;
use super::world::{Commit, World};

impl World {
    /// One transaction over everything that is due.
    pub fn plan(&mut self, worker: usize) {
        let now = self.now;
        let due: Vec<usize> = (0..self.db.enrollments.len())
            .filter(|index| {
                let row = &self.db.enrollments[*index];
                row.state == EnrollmentState::Waiting && row.due_at.is_some_and(|due| due <= now)
            })
            .collect();
        if due.is_empty() {
            return self.claim(worker);
        }
        let fate = self.commit_fate();
        if fate == Commit::Failed {
            return self.rest(worker);
        }
        for enrollment in due {
            self.plan_one(enrollment);
        }
        self.workers[worker].is_busy = true;
        self.trace.step(now, "planned", worker, || format!("{fate:?}"));
        self.committed();
        if fate == Commit::Unknown {
            return self.rest(worker);
        }
        self.next(worker, Phase::Claim, 1, 5);
    }

    fn plan_one(&mut self, enrollment: usize) {
        let now = self.now;
        let state = self.walk_state(enrollment);
        let cadence = &self.ground.cadences[self.db.enrollments[enrollment].cadence].cadence;
        let Ok(moved) = advance::enter(cadence, &state, &|| serde_json::Value::Null, now) else {
            return self.quarantine(enrollment);
        };
        let Next::Call { position, valid_until, .. } = moved.next else {
            return self.apply_move(enrollment, moved);
        };
        let promised = position.promised;
        let snapshot = Snapshot { promised, ..self.snapshot(enrollment, None, now) };
        let decision = self.judge(&snapshot, now);
        self.apply_effects(enrollment, &moved.effects);
        match decision.verdict {
            Verdict::Proceed(_) => {
                self.wait_at(enrollment, position.clone(), Some(now), None);
                self.plan_attempt(enrollment, position, valid_until);
            }
            Verdict::Defer { until, .. } => {
                let at = valid_until.map_or(until, |end| until.min(end));
                self.wait_at(enrollment, position, Some(at), None);
            }
            Verdict::Stop { reason, .. } => self.apply_move(enrollment, advance::on_refused(reason)),
        }
    }

    fn plan_attempt(&mut self, enrollment: usize, position: Position, valid_until: Option<Instant>) {
        let row = &self.db.enrollments[enrollment];
        let (lead, campaign) = (row.lead, row.campaign);
        let index = self.db.attempts.len();
        self.db.attempts.push(Attempt {
            id: id(4, index),
            enrollment,
            lead,
            campaign,
            number: self.db.number_of(lead),
            step: position.step,
            visit: position.visit,
            promised: position.promised,
            state: AttemptState::Planned,
            due_at: self.now,
            valid_until,
            fence: 0,
            owner: None,
            intent_at: None,
            send_by: self.now,
            caller: None,
            checked_at: None,
            failed_look_ups: 0,
            call: None,
            refused: false,
            outcome: None,
            facts: Vec::new(),
            call_outcome: None,
            events: Events::default(),
            claimed_in: 0,
            consents_then: self.db.leads[lead].consents.clone(),
        });
        self.db.touched_attempts.push(index);
        if !self.has(Bug::PlannedTwice) {
            let row = self.db.enrollment(enrollment);
            row.state = EnrollmentState::Open;
            row.due_at = None;
        }
    }

    pub fn judge(&self, snapshot: &Snapshot, now: Instant) -> Decision {
        gate::decide(snapshot, self.rules, now)
    }

    pub fn walk_state(&self, enrollment: usize) -> WalkState {
        let row = &self.db.enrollments[enrollment];
        let lead = &self.db.leads[row.lead];
        WalkState {
            lead_id: lead.id,
            position: row.position.clone(),
            waiting_event: row.wait_event.clone(),
            placed: row.placed,
            zone: self.ground.places[lead.place].zones[0].clone(),
            holidays: self.ground.no_holidays.clone(),
        }
    }

    /// The gates' view of an enrollment; `claimed`: at the claim of this attempt.
    pub fn snapshot(&self, enrollment: usize, claimed: Option<usize>, now: Instant) -> Snapshot {
        let row = &self.db.enrollments[enrollment];
        let lead = &self.db.leads[row.lead];
        let walked = &self.ground.cadences[row.cadence];
        let number = self.db.number_of(row.lead);
        let is_claim = claimed.is_some();
        let without_stops = is_claim && self.has(Bug::SuppressionOnlyAtPlanning);
        let consents = match claimed {
            Some(attempt) if self.has(Bug::ConsentOnlyAtPlanning) => &self.db.attempts[attempt].consents_then,
            _ => &lead.consents,
        };
        let suppressions = self.db.suppressions.get(&number).filter(|_| !without_stops);
        Snapshot {
            lead: LeadFacts {
                id: lead.id,
                status: LeadStatus::Cold,
                do_not_call: lead.opted_out && !without_stops,
                preferred: None,
            },
            phone: self.phone(lead.place, lead.number),
            suppressions: suppressions.cloned().unwrap_or_default(),
            consents: consents.clone(),
            campaign: Some(self.campaign_facts(row.campaign, is_claim, now)),
            intents: self.intents(row.lead, number, enrollment),
            placed: row.placed,
            number_busy: self.is_busy(number, now),
            purchase: PurchaseFact::NotNeeded,
            offer: OfferFact::NotPromised,
            enrollment_id: Some(row.id),
            cadence_hours: walked.hours.clone(),
            cadence_limits: walked.cadence.limits,
            cadence_caps: Arc::clone(&walked.cadence.caps),
            account: None,
            promised: row.position.promised,
            emergency_stops: Arc::default(),
            erased_at: None,
            registries: Arc::default(),
        }
    }

    fn phone(&self, place: usize, number: usize) -> PhoneFacts {
        let facts = &self.ground.places[place].phones[number];
        match facts {
            PhoneFacts::Callable { number, zones, jurisdictions } if self.has(Bug::FirstZoneOnly) => {
                let zones = Arc::from(&zones[..1]);
                PhoneFacts::Callable { number: *number, zones, jurisdictions: Arc::clone(jurisdictions) }
            }
            facts => facts.clone(),
        }
    }

    /// The campaign with what was counted today, the day being read on its own clock.
    fn campaign_facts(&self, campaign: usize, is_claim: bool, now: Instant) -> Arc<CampaignFacts> {
        let row = &self.db.campaigns[campaign];
        let used = row.days.get(&self.campaign_day(campaign, now)).copied().unwrap_or(0);
        let ignores_pause = is_claim
            && self.has(Bug::PausedCampaignIgnored)
            && row.campaign().status == CampaignStatus::Paused;
        if used == row.facts.intents_today && !ignores_pause {
            return Arc::clone(&row.facts);
        }
        let mut campaign = row.campaign().clone();
        if ignores_pause {
            campaign.status = CampaignStatus::Active;
        }
        Arc::new(CampaignFacts { campaign, intents_today: used, abandonment: Abandonment::default() })
    }

    pub fn campaign_day(&self, campaign: usize, now: Instant) -> NaiveDate {
        if self.has(Bug::DailyLimitByUtc) {
            return now.date_naive();
        }
        self.db.campaigns[campaign].campaign().zone.local(now).date
    }

    /// Intents of the lead, whatever number, and of the number, whatever lead; newest first.
    fn intents(&self, lead: usize, number: (usize, usize), enrollment: usize) -> Vec<Intent> {
        let counts = |row: &&Attempt| {
            let is_success = row.outcome.is_some_and(Outcome::is_human);
            row.state.counts_in_caps()
                && !row.refused
                && (row.lead == lead || row.number == number)
                && (is_success || !self.has(Bug::CapsCountSuccesses))
                && !(self.has(Bug::CapsOfEnrollment) && row.enrollment != enrollment)
                && !(self.has(Bug::UnknownOutsideCaps) && row.state == AttemptState::UnknownFinal)
        };
        let intent = |row: &Attempt| {
            Some(Intent {
                at: row.intent_at?,
                campaign_id: self.db.campaigns[row.campaign].campaign().id,
                to_lead: row.lead == lead,
                to_number: row.number == number,
            })
        };
        let mut intents: Vec<Intent> = self.db.attempts.iter().filter(counts).filter_map(intent).collect();
        intents.sort_unstable_by_key(|intent| std::cmp::Reverse(intent.at));
        intents
    }

    fn is_busy(&self, number: (usize, usize), now: Instant) -> bool {
        self.db.attempts.iter().any(|row| {
            row.number == number
                && row.intent_at.is_some_and(|intent_at| holds_number(row.state, intent_at, now))
                && !(row.state == AttemptState::UnknownFinal && self.has(Bug::WriteOffFreesNumber))
                && !(row.state == AttemptState::Unknown && self.has(Bug::UnknownFreesNumber))
                && !(row.state == AttemptState::Placed && self.has(Bug::PlacedFreesNumber))
        })
    }

    /// Writes a move: its effects and where it leads. An ended enrollment stays as it is.
    pub fn apply_move(&mut self, enrollment: usize, moved: Move) {
        self.apply_effects(enrollment, &moved.effects);
        match moved.next {
            Next::Due { position, at } => self.wait_at(enrollment, position, Some(at), None),
            Next::AwaitEvent { position, event, until } => {
                self.wait_at(enrollment, position, Some(until), Some(event));
            }
            Next::Call { position, .. } | Next::Message { position, .. } => {
                self.wait_at(enrollment, position, Some(self.now), None);
            }
            Next::Ended { .. } => self.end(enrollment),
        }
    }

    fn apply_effects(&mut self, enrollment: usize, effects: &[StepEffect]) {
        for effect in effects {
            if let StepEffect::Score { by, .. } = effect {
                let lead = self.db.enrollments[enrollment].lead;
                self.db.leads[lead].score += by;
            }
        }
    }

    pub fn end(&mut self, enrollment: usize) {
        if self.db.enrollments[enrollment].state == EnrollmentState::Ended {
            return;
        }
        let row = self.db.enrollment(enrollment);
        row.state = EnrollmentState::Ended;
        row.hold = None;
        row.due_at = None;
        row.wait_event = None;
        row.ended_events += 1;
    }

    pub fn quarantine(&mut self, enrollment: usize) {
        let row = self.db.enrollment(enrollment);
        row.state = EnrollmentState::Held;
        row.hold = Some(Hold::Quarantined);
        row.due_at = None;
        self.checks.quarantined(self.now, enrollment);
    }

    /// Puts an enrollment to wait at a position. A held one stays held and waits there when it is resumed.
    pub fn wait_at(
        &mut self,
        enrollment: usize,
        position: Position,
        due_at: Option<Instant>,
        wait_event: Option<String>,
    ) {
        let revives = self.has(Bug::EndedRevived);
        if self.db.enrollments[enrollment].state == EnrollmentState::Ended && !revives {
            return;
        }
        let row = self.db.enrollment(enrollment);
        if row.state != EnrollmentState::Held {
            row.state = EnrollmentState::Waiting;
            row.hold = None;
        }
        row.position = position;
        row.due_at = due_at;
        row.wait_event = wait_event;
    }
}

/// The instant `ms` milliseconds after another.
pub fn shifted(at: Instant, ms: i64) -> Instant {
    DateTime::from_timestamp_millis(at.timestamp_millis() + ms).unwrap_or(at)
}
