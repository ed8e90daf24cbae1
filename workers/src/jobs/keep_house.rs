//! Forgets what nobody will ask for again, a bounded number of rows per transaction and of transactions per run.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::clock::Instant;
use callwright_engine::engine::Engine;
use callwright_engine::metrics::Table;
use callwright_engine::store::jobs::admin;
use callwright_engine::store::retention::{self, Aging};
use callwright_engine::store::{StoreError, Tx, clock, idempotency};
use callwright_engine::time::zone::Zone;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::retention::{Keep, Retention};
use crate::queue::{Handled, Job, JobConfig, JobError, Run};
use crate::schedule::{Recurring, ScheduleError};

/// Rows per transaction, so that nobody waits for us.
const CHUNK: u32 = 1_000;
/// Transactions per run; what is left is done a little later.
const MOST_CHUNKS: u32 = 200;
const REST: TimeDelta = TimeDelta::seconds(20);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeepHouse {
    #[serde(default)]
    retention: Retention,
}

impl Job for KeepHouse {
    const KIND: &'static str = "keep_house";

    fn config() -> JobConfig {
        JobConfig { concurrency: 1, timeout: Duration::from_mins(10), ..JobConfig::default() }
    }
}

impl KeepHouse {
    /// Every night of `zone`, at an hour when nobody may be called.
    pub fn nightly(zone: Zone, retention: Retention) -> Result<Recurring, ScheduleError> {
        Recurring::new("keep-house", "20 3 * * *", zone, &Self { retention })
    }
}

pub(super) async fn run(job: KeepHouse, engine: Arc<Engine>, _: Run) -> Result<Handled, JobError> {
    let tidied = tidy(&engine, &job.retention, MOST_CHUNKS).await.map_err(JobError::retry)?;
    if tidied.has_more {
        return Ok(Handled::SnoozeUntil(tidied.at + REST));
    }
    engine.metrics.retention_last_run_seconds.set(tidied.at.timestamp() as f64);
    Ok(Handled::Done)
}

/// What a run did.
#[derive(Debug, Clone, Copy)]
pub struct Tidied {
    pub at: Instant,
    /// Rows removed or emptied.
    pub removed: u64,
    /// It stopped before everything was gone through.
    pub has_more: bool,
}

/// What the job does, in at most `chunks` transactions; harmless at any time, as often as one likes, and beside others.
pub async fn tidy(engine: &Engine, ages: &Retention, chunks: u32) -> Result<Tidied, StoreError> {
    let mut tx = engine.db.begin_read().await?;
    // Kept by the real clock, as callers repeat by it.
    let real_now = clock::database_now(&mut tx).await?;
    let now = engine.time.now(&mut tx).await?;
    tx.rollback().await?;
    let mut tidying = Tidying { engine, left: chunks, removed: 0 };
    let has_more = tidying.all(ages, now, real_now).await?;
    Ok(Tidied { at: now, removed: tidying.removed, has_more })
}

/// A run under way.
struct Tidying<'a> {
    engine: &'a Engine,
    /// Transactions that may still be made.
    left: u32,
    removed: u64,
}

/// What is simply old, with the instant before which it goes.
#[derive(Debug, Clone, Copy)]
enum Stale {
    Answers,
    Jobs,
    Counters,
    Days,
    Imports,
}

impl Tidying<'_> {
    /// Answers whether something is left.
    async fn all(&mut self, ages: &Retention, now: Instant, real_now: Instant) -> Result<bool, StoreError> {
        let mut has_more = false;
        for (what, table, keep, now) in [
            (Stale::Answers, "idempotency_keys", ages.answers, real_now),
            (Stale::Jobs, "jobs", ages.jobs, now),
            (Stale::Counters, "pacing_counters", ages.counters, now),
            (Stale::Days, "campaign_days", ages.counters, now),
            (Stale::Imports, "imports", ages.imports, now),
        ] {
            has_more |= self.stale(what, table, keep, now).await?;
        }
        for (what, keep) in [
            (Aging::Events, ages.events),
            (Aging::Decisions, ages.decisions),
            (Aging::EnrollmentDetails, ages.details),
        ] {
            has_more |= self.aging(what, keep, now).await?;
        }
        Ok(has_more)
    }

    async fn stale(
        &mut self,
        what: Stale,
        table: &'static str,
        keep: Keep,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let Some(length) = keep.length() else { return Ok(false) };
        while self.take_turn() {
            let mut tx = self.engine.db.begin().await?;
            let removed = forget(&mut tx, what, now - length).await?;
            tx.commit().await?;
            self.note(table, removed);
            if removed < u64::from(CHUNK) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn aging(&mut self, what: Aging, keep: Keep, now: Instant) -> Result<bool, StoreError> {
        let Some(length) = keep.length() else { return Ok(false) };
        while self.take_turn() {
            let mut tx = self.engine.db.begin().await?;
            let swept = retention::sweep(&mut tx, what, now - length, now, CHUNK).await?;
            tx.commit().await?;
            self.note(what.as_str(), swept.removed);
            if !swept.has_more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn take_turn(&mut self) -> bool {
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }

    fn note(&mut self, table: &'static str, removed: u64) {
        self.removed += removed;
        self.engine.metrics.retention_deleted.get_or_create(&Table { table }).inc_by(removed);
    }
}

async fn forget(tx: &mut Tx, what: Stale, before: Instant) -> Result<u64, StoreError> {
    match what {
        Stale::Answers => idempotency::prune(tx, before, CHUNK).await,
        Stale::Jobs => admin::prune(tx, before, CHUNK).await,
        Stale::Counters => retention::sweep_counters(tx, before, CHUNK).await,
        Stale::Days => retention::sweep_days(tx, before, CHUNK).await,
        Stale::Imports => retention::sweep_imports(tx, before, CHUNK).await,
    }
}
