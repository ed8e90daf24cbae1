//! Turning a pure [`Move`] into pending writes. Calls and messages are not started here: they become due and pass the gates in `plan`.

use serde_json::json;

use super::changes::Changes;
use super::enroll::FollowUp;
use super::outlets::EndpointOrder;
use super::{Engine, EngineError};
use crate::clock::{Instant, micros};
use crate::decide::advance::{Move, Next, StepEffect};
use crate::decide::verdict::Reason;
use crate::domain::enrollment::{EnrollmentState, Hold, Position};
use crate::domain::lead::LeadStatus;
use crate::id::EventId;
use crate::store::jobs::NewJob;
use crate::store::task;
use crate::store::walk::Walk;

/// What a move leaves for the caller to do after the writes, in the same transaction.
pub(super) type FollowUps = Vec<FollowUp>;

impl Engine {
    /// Writes a move's effects and where it leads.
    pub(super) fn apply_move(
        &self,
        changes: &mut Changes,
        walk: &Walk,
        moved: Move,
        now: Instant,
        follow_ups: &mut FollowUps,
    ) -> Result<(), EngineError> {
        for effect in moved.effects {
            self.apply_effect(changes, walk, effect, now, follow_ups)?;
        }
        match moved.next {
            Next::Due { position, at } => wait_at(changes, walk, &position, Some(at), None, now),
            Next::AwaitEvent { position, event, until } => {
                wait_at(changes, walk, &position, Some(until), Some(event), now);
            }
            // Contact steps start in `plan`, behind the gates.
            Next::Call { position, .. } | Next::Message { position, .. } => {
                wait_at(changes, walk, &position, Some(now), None, now);
            }
            Next::Ended { result, enroll } => {
                if let Some(cadence) = enroll {
                    follow_ups.push(FollowUp::of(walk, cadence, now));
                }
                self.end(changes, walk, &result, now);
            }
        }
        Ok(())
    }

    /// Ends an enrollment with its event.
    pub(super) fn end(&self, changes: &mut Changes, walk: &Walk, result: &str, now: Instant) {
        let row = changes.enrollment(walk, now);
        row.state = EnrollmentState::Ended.as_str();
        row.hold = None;
        row.due_at = None;
        row.wait_event = None;
        row.result = Some(result.to_owned());
        row.ended_at = Some(micros(now));
        if result == Reason::OfferOver.as_str() && walk.enrollment.placed == 0 {
            changes.untold.push(walk.enrollment.id);
        }
        changes.event(
            self,
            walk,
            "enrollment.ended",
            now,
            json!({"result": result, "cadence": walk.enrollment.cadence}),
        );
    }

    /// Sets an enrollment aside for people to look at: a fault in its definition or data must not stop the others (I9).
    pub(super) fn quarantine(&self, changes: &mut Changes, walk: &Walk, problem: &str, now: Instant) {
        let quarantined = Some(Hold::Quarantined.as_str());
        let row = changes.enrollment(walk, now);
        // Whatever still happens to somebody who is held: it is said once.
        let is_news = row.hold != quarantined;
        row.state = EnrollmentState::Held.as_str();
        row.hold = quarantined;
        row.due_at = None;
        if !is_news {
            return;
        }
        changes.event(self, walk, "enrollment.quarantined", now, json!({"problem": problem}));
        tracing::error!(enrollment = %walk.enrollment.id, problem, "enrollment quarantined");
    }

    fn apply_effect(
        &self,
        changes: &mut Changes,
        walk: &Walk,
        effect: StepEffect,
        now: Instant,
        follow_ups: &mut FollowUps,
    ) -> Result<(), EngineError> {
        match effect {
            StepEffect::Passed { step } => {
                changes.event(self, walk, "step.passed", now, json!({"step": step}));
            }
            StepEffect::Skipped { step, reason } => {
                changes.event(self, walk, "step.skipped", now, json!({"step": step, "reason": reason}));
            }
            StepEffect::Score { by, because } => {
                changes.lead(walk.lead.id).score_delta += by;
                changes.event(self, walk, "lead.scored", now, json!({"by": by, "because": because}));
            }
            StepEffect::Update { field, value } => self.update_lead(changes, walk, &field, &value, now)?,
            StepEffect::Task { title, due_at } => changes.tasks.push(task::NewRow {
                id: self.ids.next::<EventId>(now).to_string(),
                lead_id: walk.lead.id.to_string(),
                enrollment_id: Some(walk.enrollment.id.to_string()),
                title,
                due_at: due_at.map(micros),
                created_at: micros(now),
            }),
            StepEffect::Webhook { endpoint, step } if !self.outlets().endpoints.contains(&endpoint) => {
                let data = json!({"step": step, "reason": "unknown-endpoint", "endpoint": endpoint});
                changes.event(self, walk, "step.skipped", now, data);
            }
            StepEffect::Webhook { endpoint, step } => {
                let order = json!(EndpointOrder { enrollment_id: walk.enrollment.id, step, endpoint });
                changes.jobs.push(self.job("call_endpoint", &order, now)?);
            }
            StepEffect::Enroll { cadence } => follow_ups.push(FollowUp::of(walk, cadence, now)),
        }
        Ok(())
    }

    /// A job of the outbox kind: written in the same commit as the change that wants it.
    pub(super) fn job(
        &self,
        kind: &'static str,
        payload: &serde_json::Value,
        now: Instant,
    ) -> Result<NewJob, EngineError> {
        NewJob::new(self.ids.next(now), kind, payload, now)
            .map_err(|e| EngineError::Invalid { field: "payload".to_owned(), message: e.to_string() })
    }

    fn update_lead(
        &self,
        changes: &mut Changes,
        walk: &Walk,
        field: &str,
        value: &serde_json::Value,
        now: Instant,
    ) -> Result<(), EngineError> {
        let invalid = |message: String| EngineError::Invalid { field: format!("lead.{field}"), message };
        match field {
            "status" => {
                let text = value.as_str().unwrap_or_default();
                let status: LeadStatus = text.parse().map_err(|e| invalid(format!("{e}")))?;
                changes.lead(walk.lead.id).status = Some(status.as_str());
            }
            "score" => {
                let score = value.as_i64().ok_or_else(|| invalid("a score is a whole number".to_owned()))?;
                changes.lead(walk.lead.id).score = Some(score.clamp(0, 100));
            }
            custom => changes.custom_fields.push((walk.lead.id, custom.to_owned(), value.clone())),
        }
        changes.event(self, walk, "lead.updated", now, json!({"field": field, "value": value}));
        Ok(())
    }
}

/// Puts an enrollment to wait at a position. A held one stays held and waits there when it is resumed.
pub(super) fn wait_at(
    changes: &mut Changes,
    walk: &Walk,
    position: &Position,
    due_at: Option<Instant>,
    wait_event: Option<String>,
    now: Instant,
) {
    let row = changes.enrollment(walk, now);
    if walk.enrollment.state != EnrollmentState::Held {
        row.state = EnrollmentState::Waiting.as_str();
        row.hold = None;
    }
    row.step.clone_from(&position.step);
    row.visit = i64::from(position.visit);
    row.attempt = i64::from(position.attempt);
    row.due_since = micros(position.due_since);
    row.promised = i64::from(position.promised);
    row.due_at = due_at.map(micros);
    row.wait_event = wait_event;
}
