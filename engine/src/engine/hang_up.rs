//! Ending calls that should not go on: the order is a job, committed with the stop that asks for it, so that it is neither
//! forgotten nor given before the stop holds.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Engine;
use super::changes::Changes;
use crate::clock::Instant;
use crate::domain::enrollment::EnrollmentState;
use crate::domain::event::Event;
use crate::domain::lead::LeadStatus;
use crate::domain::priority::Priority;
use crate::id::{AttemptId, EventId, LeadId};
use crate::store::jobs::NewJob;
use crate::store::walk::Walk;

/// A call that the provider is to end; the payload of its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HangUpOrder {
    pub attempt_id: AttemptId,
    pub provider_call_id: String,
}

impl HangUpOrder {
    /// The kind of its job.
    pub const KIND: &'static str = "hang_up";
}

/// Results of enrollments that a stop has ended.
pub(super) const ENDED_BY_STOP: [&str; 2] = ["opted_out", "suppressed"];

/// Was the person stopped while their call was being asked for? Then it must not go on.
pub(super) fn is_stopped(walk: &Walk) -> bool {
    let lead = &walk.lead;
    let ended = walk.enrollment.state == EnrollmentState::Ended;
    lead.do_not_call
        || lead.status == LeadStatus::OptedOut
        || (ended && walk.result.as_deref().is_some_and(|result| ENDED_BY_STOP.contains(&result)))
}

impl Engine {
    /// Orders the end of a call, with its event.
    pub(super) fn hang_up(
        &self,
        changes: &mut Changes,
        attempt: AttemptId,
        lead: LeadId,
        provider_call_id: &str,
        now: Instant,
    ) {
        let order = json!(HangUpOrder { attempt_id: attempt, provider_call_id: provider_call_id.to_owned() });
        let job = NewJob::of_json(self.ids.next(now), HangUpOrder::KIND, order.to_string(), now);
        changes.jobs.push(job.priority(Priority::High).once_per(provider_call_id));
        changes.events.push(Event {
            id: self.ids.next::<EventId>(now),
            kind: "call.hang_up_requested".to_owned(),
            lead_id: Some(lead),
            enrollment_id: None,
            attempt_id: Some(attempt),
            campaign_id: None,
            at: now,
            version: None,
            data: json!({"callId": provider_call_id}),
            dedupe: None,
        });
    }
}
