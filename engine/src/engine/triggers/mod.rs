//! Triggers: raised once per event, spread over their people in the background, cancelled, tried out without effect.
//!
//! One file per verb: `raise` (the event becomes a trigger, or is known), `fan_out` (a batch of people per transaction), `single`
//! (one lead, at once), `withdraw`, `dry_run`, `catalogue` (price and stock changes raise triggers by rule). Whom a trigger may
//! call is decided in [`crate::decide::eligibility`]; what is said to them in `words`.

mod catalogue;
mod desk;
mod dry_run;
mod fan_out;
mod people;
mod prepare;
mod raise;
mod single;
mod withdraw;
mod words;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use dry_run::{DryRun, Sample};
pub use fan_out::FanOut;
pub use raise::{NewTrigger, Raised};
pub use single::SingleCall;

use super::{Engine, EngineError};
use crate::domain::trigger::Trigger;
use crate::id::{AttemptId, TriggerId};
use crate::store::trigger;

/// How long an offer holds when nothing is said: as long as a coupon.
pub const USUAL_VALIDITY: TimeDelta = TimeDelta::days(14);

/// The job that spreads a trigger over its people; its payload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FanOutOrder {
    pub trigger_id: TriggerId,
}

/// Kind of that job.
pub const FAN_OUT: &str = "fan_out";

/// The id that the first call of an enrollment was promised to have.
pub(super) fn call_id_of(variables: &Value) -> Option<AttemptId> {
    variables.pointer("/trigger/callId")?.as_str()?.parse().ok()
}

/// Was it a trigger that started the enrollment?
pub(super) fn is_triggered(variables: &Value) -> bool {
    variables.get("trigger").is_some_and(Value::is_object)
}

impl Engine {
    /// A trigger as it stands.
    pub async fn trigger(&self, id: TriggerId) -> Result<Trigger, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let found = trigger::find(&mut tx, id).await?;
        tx.rollback().await?;
        found.ok_or_else(|| EngineError::missing("trigger", id))
    }
}
