//! What one transaction is going to write, gathered in memory and flushed as one statement per table.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{Engine, EngineError};
use crate::clock::{Instant, micros};
use crate::decide::verdict::{Answer, Decision, GateReport, Verdict};
use crate::domain::attempt::AttemptState;
use crate::domain::enrollment::Hold;
use crate::domain::event::Event;
use crate::id::{AttemptId, CampaignId, DecisionId, EnrollmentId, EventId, LeadId};
use crate::metrics::Tally;
use crate::rules::Rules;
use crate::store::attempt::Attempt;
use crate::store::walk::Walk;
use crate::store::{Tx, attempt, call, campaign, decision, enrollment, event, interest, lead_change, task};
use crate::time::zone::tzdb_version;

/// Pending writes. Enrollments and leads are kept once each: the last word of a batch counts.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub enrollments: BTreeMap<EnrollmentId, enrollment::Change>,
    pub attempts: Vec<attempt::NewRow>,
    pub steps: Vec<attempt::Step>,
    pub calls: Vec<call::NewRow>,
    pub call_states: Vec<call::Change>,
    pub events: Vec<Event>,
    pub decisions: Vec<decision::NewRow>,
    pub leads: BTreeMap<LeadId, lead_change::Change>,
    pub tasks: Vec<task::NewRow>,
    pub jobs: Vec<crate::store::jobs::NewJob>,
    /// Enrollments that ended before anybody was told what they were about.
    pub untold: Vec<EnrollmentId>,
    /// Calls that people answered, and those of them that were abandoned, by campaign and day (UTC).
    pub answers: BTreeMap<(CampaignId, NaiveDate), (u32, u32)>,
    /// `(lead, custom field, value)` from `update` steps.
    pub custom_fields: Vec<(LeadId, String, Value)>,
}

impl Changes {
    /// What there will be to count once this is committed.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        tally.entered(AttemptState::Planned.as_str(), self.attempts.len() as u64);
        for step in &self.steps {
            tally.entered(step.to, 1);
            if let Some(outcome) = step.outcome {
                tally.ended(outcome);
            }
        }
        for kept in self.decisions.iter().filter(|kept| kept.gate.is_some()) {
            tally.blocked(kept.verdict, kept.reason);
        }
        tally.abandoned = self.answers.values().map(|(_, abandoned)| u64::from(*abandoned)).sum();
        for event in &self.events {
            match event.kind.as_str() {
                "call.orphaned" => tally.orphans += 1,
                "enrollment.quarantined" => tally.quarantined += 1,
                _ => {}
            }
        }
        tally
    }

    /// Writes everything; a fixed number of statements, empty ones left out.
    pub async fn flush(self, tx: &mut Tx, now: Instant) -> Result<(), EngineError> {
        attempt::insert_many(tx, &self.attempts).await?;
        attempt::step(tx, &self.steps, now).await?;
        call::insert_many(tx, &self.calls).await?;
        call::change_many(tx, &self.call_states).await?;
        let enrollments: Vec<_> = self.enrollments.into_values().collect();
        if !enrollments.is_empty() {
            enrollment::change_many(tx, &enrollments).await?;
        }
        if !self.untold.is_empty() {
            interest::wait_again_untold(tx, &self.untold).await?;
        }
        let leads: Vec<_> = self.leads.into_values().collect();
        lead_change::apply(tx, &leads, now).await?;
        lead_change::set_custom(tx, &self.custom_fields, now).await?;
        task::insert_many(tx, &self.tasks).await?;
        decision::insert_many(tx, &self.decisions, tzdb_version()).await?;
        event::append(tx, &self.events, now).await?;
        let answers = self.answers.into_iter();
        let answers: Vec<_> =
            answers.map(|((campaign, day), (all, left))| (campaign, day, all, left)).collect();
        campaign::bump_answers(tx, &answers).await?;
        if !self.jobs.is_empty() {
            crate::store::jobs::enqueue(tx, &self.jobs, now).await?;
        }
        Ok(())
    }

    /// Moves an attempt. Two moves of one batch become one compare-and-set from the stored state to the last of them.
    pub fn step(&mut self, attempt: &Attempt, next: AttemptState, now: Instant) -> &mut attempt::Step {
        let mut step = attempt::Step::of(attempt, next, now);
        let id = attempt.id.to_string();
        if let Some(earlier) = self.steps.pop_if(|earlier| earlier.id == id) {
            step.from = earlier.from;
            step.provider_call_id = earlier.provider_call_id;
            step.detail = earlier.detail;
        }
        self.steps.push(step);
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    /// Counts a call that a person answered.
    pub fn answered(&mut self, campaign: CampaignId, day: NaiveDate, is_abandoned: bool) {
        let (all, left) = self.answers.entry((campaign, day)).or_default();
        *all += 1;
        *left += u32::from(is_abandoned);
    }

    /// The pending change of a lead, to add to.
    pub fn lead(&mut self, id: LeadId) -> &mut lead_change::Change {
        self.leads.entry(id).or_insert_with(|| lead_change::Change::of(id))
    }

    /// Appends an event of the engine's own about an enrollment.
    pub fn event(
        &mut self,
        engine: &Engine,
        walk: &Walk,
        kind: &str,
        at: Instant,
        data: Value,
    ) -> &mut Event {
        self.events.push(Event {
            id: engine.ids.next::<EventId>(at),
            kind: kind.to_owned(),
            lead_id: Some(walk.lead.id),
            enrollment_id: Some(walk.enrollment.id),
            attempt_id: None,
            campaign_id: Some(walk.enrollment.campaign_id),
            at,
            version: Some(walk.enrollment.version.clone()),
            data,
            dedupe: None,
        });
        let last = self.events.len() - 1;
        &mut self.events[last]
    }

    /// Keeps a decision: always at a claim (`attempt` given), otherwise only when verdict or reason changed.
    pub fn decision(
        &mut self,
        engine: &Engine,
        walk: &Walk,
        attempt: Option<AttemptId>,
        decision: &Decision,
    ) {
        let (verdict, reason) = decision.signature();
        let unchanged =
            walk.verdict.as_ref().is_some_and(|(kept, why)| kept == verdict && why == reason.as_str());
        if attempt.is_none() && unchanged {
            return;
        }
        let (gate, until) = match &decision.verdict {
            Verdict::Proceed(_) => (None, None),
            Verdict::Defer { until, gate, .. } => (Some(gate.as_str()), Some(micros(*until))),
            Verdict::Stop { gate, .. } => (Some(gate.as_str()), None),
        };
        self.decisions.push(decision::NewRow {
            id: engine.ids.next::<DecisionId>(decision.at).to_string(),
            lead_id: walk.lead.id.to_string(),
            enrollment_id: Some(walk.enrollment.id.to_string()),
            attempt_id: attempt.map(|id| id.to_string()),
            step: Some(walk.enrollment.position.step.clone()),
            at: micros(decision.at),
            verdict,
            gate,
            reason: reason.as_str(),
            until,
            reports: reports(decision, &engine.rules),
        });
    }

    /// The row that leaves an enrollment as it is but for what the caller then sets.
    pub fn enrollment(&mut self, walk: &Walk, now: Instant) -> &mut enrollment::Change {
        self.enrollments.entry(walk.enrollment.id).or_insert_with(|| unchanged(walk, now))
    }
}

/// An enrollment as it stands, as a change row.
fn unchanged(walk: &Walk, now: Instant) -> enrollment::Change {
    let enrollment = &walk.enrollment;
    let position = &enrollment.position;
    enrollment::Change {
        id: enrollment.id.to_string(),
        state: enrollment.state.as_str(),
        hold: walk.hold.as_deref().and_then(|hold| hold.parse::<Hold>().ok()).map(Hold::as_str),
        step: position.step.clone(),
        visit: i64::from(position.visit),
        attempt: i64::from(position.attempt),
        due_since: micros(position.due_since),
        promised: i64::from(position.promised),
        due_at: enrollment.due_at.map(micros),
        wait_event: enrollment.wait_event.clone(),
        placed: i64::from(enrollment.placed),
        verdict: walk.verdict.as_ref().map(|(verdict, _)| verdict.clone()),
        reason: walk.verdict.as_ref().map(|(_, reason)| reason.clone()),
        checked_at: micros(now),
        result: None,
        ended_at: None,
        was: enrollment.state.as_str(),
    }
}

/// Every gate's report: those that merely passed by name, the others in full; and by which calling rules they were made.
fn reports(decision: &Decision, rules: &Rules) -> String {
    let passed =
        |report: &&GateReport| matches!(report.answer, Answer::Pass { .. }) && report.facts.is_empty();
    let (content, telling): (Vec<_>, Vec<_>) = decision.reports.iter().partition(passed);
    let names: Vec<&str> = content.iter().map(|report| report.gate.as_str()).collect();
    let (version, profile) = (rules.version(), rules.profile());
    json!({"passed": names, "reports": telling, "rules": version, "profile": profile}).to_string()
}
