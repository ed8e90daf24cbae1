//! Spreads a trigger over the people it concerns: short transactions, one after the other, until nobody is left. What is written
//! with each of them says where to go on, so a lost, late or doubled job changes nothing.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::engine::triggers::FanOutOrder;
use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::id::JobId;
use callwright_engine::store::jobs;
use callwright_engine::store::{StoreError, trigger};
use callwright_engine::time::zone::Zone;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::queue::{Handled, Job, JobConfig, JobError, Run};
use crate::schedule::{Recurring, ScheduleError};

/// People per transaction: others wait for it, so it stays short.
pub const CHUNK: u32 = 500;
/// Transactions per run; what is left follows in the next.
const MOST_CHUNKS: u32 = 200;
/// Between two runs, so that other kinds of work get their turn.
const REST: TimeDelta = TimeDelta::milliseconds(100);

/// The order, as the engine wrote it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FanOut(FanOutOrder);

impl Job for FanOut {
    const KIND: &'static str = callwright_engine::engine::triggers::FAN_OUT;

    fn config() -> JobConfig {
        JobConfig { concurrency: 2, timeout: Duration::from_mins(10), ..JobConfig::default() }
    }
}

pub(super) async fn run(job: FanOut, engine: Arc<Engine>, _: Run) -> Result<Handled, JobError> {
    for _ in 0..MOST_CHUNKS {
        match engine.fan_out(job.0.trigger_id, CHUNK).await {
            Ok(done) if done.is_over => return Ok(Handled::Done),
            Ok(_) => {}
            Err(error @ EngineError::Missing { .. }) => return Err(JobError::give_up(error)),
            Err(error) => return Err(JobError::retry(error)),
        }
        tokio::task::yield_now().await;
    }
    let now = engine.now().await.map_err(JobError::retry)?;
    Ok(Handled::SnoozeUntil(now + REST))
}

/// Looks every minute for price drops and restocks that a rule makes a trigger of, and for triggers whose job was lost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WatchCatalogue {}

impl Job for WatchCatalogue {
    const KIND: &'static str = "watch_catalogue";

    fn config() -> JobConfig {
        JobConfig { concurrency: 1, timeout: Duration::from_mins(5), ..JobConfig::default() }
    }
}

/// Changes per transaction.
const CHANGES: u32 = 100;

impl WatchCatalogue {
    pub fn every_minute(zone: Zone) -> Result<Recurring, ScheduleError> {
        Recurring::new("watch-catalogue", "* * * * *", zone, &Self {})
    }
}

pub(super) async fn watch(_: WatchCatalogue, engine: Arc<Engine>, _: Run) -> Result<Handled, JobError> {
    engine.raise_from_catalogue(CHANGES).await.map_err(JobError::retry)?;
    resume(&engine).await.map_err(JobError::retry)?;
    Ok(Handled::Done)
}

/// Every unfinished trigger has a job: one that was given up, or came back with a backup, has none.
async fn resume(engine: &Engine) -> Result<(), StoreError> {
    let mut tx = engine.db.begin_read().await?;
    let open = trigger::open(&mut tx).await?;
    let now = engine.time.now(&mut tx).await?;
    tx.rollback().await?;
    if open.is_empty() {
        return Ok(());
    }
    let job = |trigger_id| {
        let order = FanOut(FanOutOrder { trigger_id });
        let job = order.to_job(engine.ids.next::<JobId>(now), now)?;
        Ok::<_, serde_json::Error>(job.once_per(trigger_id.to_string()))
    };
    let jobs: Vec<_> = open.into_iter().filter_map(|id| job(id).ok()).collect();
    let mut tx = engine.db.begin().await?;
    jobs::enqueue(&mut tx, &jobs, now).await?;
    tx.commit().await
}
