//! Forgets what nobody will ask for again: answers kept for repeated requests, and jobs long done.

use std::sync::Arc;

use callwright_engine::engine::Engine;
use callwright_engine::store::jobs::admin;
use callwright_engine::store::{StoreError, clock, idempotency};
use callwright_engine::time::zone::Zone;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::queue::{Handled, Job, JobError, Run};
use crate::schedule::{Recurring, ScheduleError};

/// Repeats of a request come within days: the longest webhook retries last three.
const ANSWERS_KEPT: TimeDelta = TimeDelta::days(7);
/// Long enough to look into what a job did.
const JOBS_KEPT: TimeDelta = TimeDelta::days(14);
/// Rows per transaction, so that nobody waits for us.
const CHUNK: u32 = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeepHouse {}

impl Job for KeepHouse {
    const KIND: &'static str = "keep_house";
}

impl KeepHouse {
    /// Every night of `zone`, at an hour when nobody may be called.
    pub fn nightly(zone: Zone) -> Result<Recurring, ScheduleError> {
        Recurring::new("keep-house", "20 3 * * *", zone, &Self {})
    }
}

pub(super) async fn run(_: KeepHouse, engine: Arc<Engine>, _: Run) -> Result<Handled, JobError> {
    tidy(&engine).await.map(|()| Handled::Done).map_err(JobError::retry)
}

/// What the job does; harmless at any time and as often as one likes.
pub async fn tidy(engine: &Engine) -> Result<(), StoreError> {
    let mut tx = engine.db.begin().await?;
    // Kept by the real clock, as callers repeat by it.
    let real_now = clock::database_now(&mut tx).await?;
    idempotency::prune(&mut tx, real_now - ANSWERS_KEPT).await?;
    let now = engine.time.now(&mut tx).await?;
    tx.commit().await?;
    loop {
        let mut tx = engine.db.begin().await?;
        let forgotten = admin::prune(&mut tx, now - JOBS_KEPT, CHUNK).await?;
        tx.commit().await?;
        if forgotten < u64::from(CHUNK) {
            return Ok(());
        }
    }
}
