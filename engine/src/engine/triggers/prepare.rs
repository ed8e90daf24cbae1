//! What is worked out before a trigger goes to its people: how many it may concern, and from which lifetime value on a customer
//! belongs to a class. Both look at every purchase, which takes seconds where there are millions: they only read, and what they come
//! to is written in a transaction of its own, so that nobody waits for them.

use chrono::TimeDelta;

use crate::clock::Instant;
use crate::domain::trigger::Trigger;
use crate::engine::again::unless_deadlocked;
use crate::engine::{Engine, EngineError};
use crate::id::{ProductId, TriggerId};
use crate::store::audience::{self, Values};
use crate::store::{Tx, campaign_product, trigger};

/// Customers' worth changes slowly: it is worked out once a day.
const VALUES_KEEP: TimeDelta = TimeDelta::hours(24);

/// Has what there is to work out been worked out?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prepared {
    IfNeedBe,
    Already,
}

/// Is something to be worked out for a trigger that nobody was looked at for yet?
pub(super) async fn is_unprepared(tx: &mut Tx, trigger: &Trigger, now: Instant) -> Result<bool, EngineError> {
    Ok(trigger.candidates == 0 || are_old(&audience::values(tx).await?, now))
}

fn are_old(values: &[Values], now: Instant) -> bool {
    values.iter().all(|line| now - line.computed_at > VALUES_KEEP)
}

impl Engine {
    /// Works out what a new trigger needs.
    pub(super) async fn prepare_fan_out(&self, id: TriggerId) -> Result<(), EngineError> {
        self.refresh_values().await?;
        let mut tx = self.db.begin_read().await?;
        let counted = count(&mut tx, id).await;
        tx.rollback().await?;
        let counted = counted?;
        unless_deadlocked("count_candidates", || async {
            let mut tx = self.db.begin().await?;
            trigger::count_candidates(&mut tx, id, counted).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Works out anew what customers are worth, if that was a day ago.
    pub(super) async fn refresh_values(&self) -> Result<(), EngineError> {
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        let fresh = if are_old(&audience::values(&mut tx).await?, now) {
            Some(audience::work_out_values(&mut tx, now).await?)
        } else {
            None
        };
        tx.rollback().await?;
        let Some(fresh) = fresh else { return Ok(()) };
        unless_deadlocked("keep_values", || async {
            let mut tx = self.db.begin().await?;
            audience::keep_values(&mut tx, &fresh).await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}

async fn count(tx: &mut Tx, id: TriggerId) -> Result<u64, EngineError> {
    let found = trigger::find(tx, id).await?.ok_or_else(|| EngineError::missing("trigger", id))?;
    let products: Vec<ProductId> = match found.product_id {
        Some(id) => vec![id],
        None => campaign_product::of(tx, found.campaign_id).await?,
    };
    Ok(audience::count(tx, &products, audience::counts_waiting(found.kind)).await?)
}
