//! Cancelling a trigger: nobody more is enrolled, and whoever was not called yet is taken out, a batch per transaction, together
//! with the coupon they never heard of. Calls that a provider has taken go their way, and whoever was told of a coupon keeps it.

use std::collections::HashSet;

use super::fan_out::{FanOut, promise_key};
use crate::clock::Instant;
use crate::domain::attempt::AttemptState;
use crate::domain::enrollment::EnrollmentState;
use crate::domain::trigger::{Trigger, TriggerKind, TriggerState};
use crate::engine::again::unless_deadlocked;
use crate::engine::changes::Changes;
use crate::engine::control::take_back_planned;
use crate::engine::{Engine, EngineError};
use crate::id::{EnrollmentId, TriggerId};
use crate::store::walk::{self, Walk};
use crate::store::{Tx, attempt, coupon, enrollment, interest, jobs, trigger};

/// How the enrollments of a cancelled trigger end.
const RESULT: &str = "trigger_cancelled";

impl Engine {
    /// Cancels a trigger, also one that has gone through its people: those who were not called yet are taken out.
    pub async fn cancel_trigger(&self, id: TriggerId) -> Result<Trigger, EngineError> {
        unless_deadlocked("cancel_trigger", || self.cancel_trigger_once(id)).await
    }

    async fn cancel_trigger_once(&self, id: TriggerId) -> Result<Trigger, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let found = trigger::lock(&mut tx, id).await?;
        let mut found = found.ok_or_else(|| EngineError::missing("trigger", id))?;
        if matches!(found.state, TriggerState::Withdrawing | TriggerState::Cancelled) {
            tx.rollback().await?;
            return Ok(found);
        }
        found.state = TriggerState::Withdrawing;
        found.cursor = None;
        found.finished_at = None;
        trigger::progress(&mut tx, &found, now).await?;
        jobs::enqueue(&mut tx, &[self.fan_out_job(id, now)?], now).await?;
        tx.commit().await?;
        Ok(found)
    }

    pub(super) async fn withdraw_batch(
        &self,
        tx: &mut Tx,
        trigger: &mut Trigger,
        limit: u32,
        now: Instant,
    ) -> Result<FanOut, EngineError> {
        let Some((ids, last)) = trigger::not_called(tx, trigger.id, trigger.cursor, limit).await? else {
            trigger.state = TriggerState::Cancelled;
            trigger.finished_at = Some(now);
            return Ok(FanOut { is_over: true, ..FanOut::default() });
        };
        if !ids.is_empty() {
            self.take_out(tx, &ids, now).await?;
        }
        // After that, since the numbers are locked now: nobody can be told any more who was not by now.
        let untold = trigger::never_told(tx, trigger.id, trigger.cursor, last).await?;
        if let (TriggerKind::Restock, Some(product)) = (trigger.kind, trigger.product_id) {
            interest::wait_again(tx, trigger.id, product, &untold).await?;
        }
        let promises: Vec<String> = untold.into_iter().map(|lead| promise_key(trigger.id, lead)).collect();
        coupon::withdraw(tx, &promises, now).await?;
        trigger.cursor = Some(last);
        Ok(FanOut { examined: ids.len(), ..FanOut::default() })
    }

    async fn take_out(&self, tx: &mut Tx, ids: &[EnrollmentId], now: Instant) -> Result<(), EngineError> {
        let leads = enrollment::leads_of(tx, ids).await?;
        self.lock_numbers_of(tx, &leads).await?;
        let walks = walk::by_ids(tx, ids).await?;
        // One in doubt may prove not to have been made, and would be made then: its enrollment ends, and its coupon stays.
        let under_way: HashSet<EnrollmentId> = attempt::open_of(tx, ids)
            .await?
            .into_iter()
            .filter(|call| call.state == AttemptState::Placed)
            .filter_map(|call| call.enrollment_id)
            .collect();
        let free: Vec<&Walk> = walks
            .iter()
            .filter(|walk| {
                walk.enrollment.state != EnrollmentState::Ended && !under_way.contains(&walk.enrollment.id)
            })
            .collect();
        let mut changes = Changes::default();
        take_back_planned(tx, &mut changes, &free, RESULT, now).await?;
        for walk in free {
            self.end(&mut changes, walk, RESULT, now);
        }
        changes.flush(tx, now).await
    }
}
