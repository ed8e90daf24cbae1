//! One row that cannot be read must not keep a batch from being worked on for ever (I9): whoever it concerns is set aside, and
//! the batch is tried again without them.

use chrono::TimeDelta;
use serde_json::json;

use super::{Engine, EngineError};
use crate::domain::event::Event;
use crate::metrics::Table;
use crate::store::{StoreError, event, set_aside};

/// Rows set aside in one go; what is left is found by the next round.
const MOST: usize = 50;
/// A campaign that cannot be read is not its leads' fault: they wait until somebody has mended it.
const CAMPAIGN_WAITS: TimeDelta = TimeDelta::minutes(10);

impl Engine {
    /// Works on a batch, again for each unreadable row that was taken out of its way.
    pub(super) async fn unless_unreadable<T, F>(&self, batch: impl Fn() -> F) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        for _ in 0..MOST {
            match batch().await {
                Err(error) if self.weed(&error).await? => {}
                other => return other,
            }
        }
        batch().await
    }

    /// After a failed batch: takes the unreadable row that failed it out of the way. `false`: that is not what failed, or
    /// nothing was found to set aside, and the error stands.
    pub(super) async fn weed(&self, error: &EngineError) -> Result<bool, EngineError> {
        let EngineError::Store(StoreError::BadRow { table, id, .. }) = error else { return Ok(false) };
        let problem = error.to_string();
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        if *table == "campaigns" {
            let count = set_aside::put_off_campaign(&mut tx, id, now + CAMPAIGN_WAITS, now).await?;
            tx.commit().await?;
            tracing::error!(campaign = id, problem, "a campaign cannot be read: its calls are put off");
            self.metrics.unreadable_rows.get_or_create(&Table { table }).inc();
            return Ok(count > 0);
        }
        let held = set_aside::by_row(&mut tx, table, id, &problem, now).await?;
        let events: Vec<Event> = held
            .iter()
            .map(|each| Event {
                id: self.ids.next(now),
                kind: "enrollment.quarantined".to_owned(),
                lead_id: each.lead_id.parse().ok(),
                enrollment_id: each.id.parse().ok(),
                attempt_id: None,
                campaign_id: each.campaign_id.parse().ok(),
                at: now,
                version: None,
                data: json!({"problem": problem}),
                dedupe: None,
            })
            .collect();
        event::append(&mut tx, &events, now).await?;
        tx.commit().await?;
        for each in &held {
            tracing::error!(enrollment = each.id, problem, "enrollment quarantined");
        }
        self.metrics.enrollments_quarantined.inc_by(held.len() as u64);
        self.metrics.unreadable_rows.get_or_create(&Table { table }).inc();
        Ok(!held.is_empty())
    }
}
