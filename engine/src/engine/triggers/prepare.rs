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
/// In the background, before a trigger would have to wait for it.
const VALUES_RENEWED: TimeDelta = TimeDelta::hours(23);

/// Has what there is to work out been worked out?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prepared {
    IfNeedBe,
    Already,
}

/// Is something to be worked out for a trigger that nobody was looked at for yet?
pub(super) async fn is_unprepared(tx: &mut Tx, trigger: &Trigger, now: Instant) -> Result<bool, EngineError> {
    Ok(trigger.candidates == 0 || are_older(VALUES_KEEP, &audience::values(tx).await?, now))
}

fn are_older(age: TimeDelta, values: &[Values], now: Instant) -> bool {
    values.iter().all(|line| now - line.computed_at > age)
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
        self.renew_values(VALUES_KEEP).await
    }

    /// The same from the background, and a little earlier, so that no trigger waits for it.
    pub async fn renew_customer_values(&self) -> Result<(), EngineError> {
        self.renew_values(VALUES_RENEWED).await
    }

    async fn renew_values(&self, age: TimeDelta) -> Result<(), EngineError> {
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        let fresh = if are_older(age, &audience::values(&mut tx).await?, now) {
            Some(audience::work_out_values(&mut tx, now).await?)
        } else {
            None
        };
        tx.rollback().await?;
        // Where nobody bought anything there is nothing to keep.
        let Some(fresh) = fresh.filter(|lines| !lines.is_empty()) else { return Ok(()) };
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
