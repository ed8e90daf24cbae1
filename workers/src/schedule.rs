//! Recurring work: a table of next runs, read by every worker process, each run made by exactly one of them.
//!
//! When something runs is decided by [`callwright_engine::decide::recurrence`]; that it runs once, by the row: the job is
//! enqueued in the transaction that moves the row to its next run. Runs missed while nobody was up are made up for by one.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::clock::Instant;
use callwright_engine::decide::recurrence::{Recurrence, RecurrenceError};
use callwright_engine::domain::priority::Priority;
use callwright_engine::engine::TimeSource;
use callwright_engine::id::{IdSource, JobId};
use callwright_engine::store::jobs::{self, NewJob, schedules};
use callwright_engine::store::{Db, StoreError};
use callwright_engine::time::zone::Zone;
use tokio_util::sync::CancellationToken;

use crate::queue::{Hints, Job};
use crate::rest::jittered;

/// Work that comes round: a name, when, and the job to enqueue.
#[derive(Debug)]
pub struct Recurring {
    name: &'static str,
    recurrence: Recurrence,
    kind: &'static str,
    payload: String,
    max_attempts: u32,
}

/// Why recurring work cannot be declared.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    #[error("schedule `{name}`: {source}")]
    Expression { name: &'static str, source: RecurrenceError },
    #[error("schedule `{name}`: its payload is no JSON: {source}")]
    Payload { name: &'static str, source: serde_json::Error },
}

impl Recurring {
    /// `job` whenever the wall clock of `zone` matches the five-field cron `expression`. At most one waits at a time.
    pub fn new<J: Job>(
        name: &'static str,
        expression: &str,
        zone: Zone,
        job: &J,
    ) -> Result<Self, ScheduleError> {
        let recurrence = Recurrence::parse(expression, zone)
            .map_err(|source| ScheduleError::Expression { name, source })?;
        let payload = serde_json::to_string(job).map_err(|source| ScheduleError::Payload { name, source })?;
        Ok(Self { name, recurrence, kind: J::KIND, payload, max_attempts: J::config().max_attempts })
    }

    fn job(&self, id: JobId, now: Instant) -> NewJob {
        NewJob {
            id,
            kind: self.kind,
            payload: self.payload.clone(),
            dedup_key: Some(format!("schedule:{}", self.name)),
            priority: Priority::Medium,
            run_at: now,
            max_attempts: self.max_attempts,
        }
    }
}

/// The recurring work of a process.
#[derive(Debug)]
pub struct Scheduler {
    pub db: Db,
    pub hints: Hints,
    pub ids: Arc<IdSource>,
    pub time: TimeSource,
    pub entries: Vec<Recurring>,
}

impl Scheduler {
    /// Declares the entries, then enqueues what is due every `poll`, give or take a quarter, until `stop`.
    pub async fn run(&self, poll: Duration, stop: CancellationToken) {
        let mut is_declared = false;
        loop {
            let result = if is_declared { self.tick().await.map(|_| ()) } else { self.declare().await };
            match result {
                Ok(()) => is_declared = true,
                Err(error) => tracing::warn!(%error, "cannot see to recurring work, trying again"),
            }
            tokio::select! {
                () = tokio::time::sleep(jittered(poll)) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Makes the entries known. One that is known keeps its next run, unless its expression or zone changed.
    pub async fn declare(&self) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        for entry in &self.entries {
            let recurrence = &entry.recurrence;
            let Some(next) = recurrence.next_after(now) else {
                tracing::warn!(schedule = entry.name, "will never run");
                continue;
            };
            let (expression, zone) = (recurrence.expression(), recurrence.zone().name());
            schedules::declare(&mut tx, entry.name, expression, zone, next).await?;
        }
        tx.commit().await
    }

    /// Enqueues a job for each entry that is due and answers with their names.
    pub async fn tick(&self) -> Result<Vec<&'static str>, StoreError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let mut ran = Vec::new();
        let mut due_jobs = Vec::new();
        for row in schedules::due(&mut tx, now).await? {
            // A row that no entry knows belongs to another version of the program: leave it to that.
            let Some(entry) = self.entries.iter().find(|entry| entry.name == row.name) else { continue };
            let next = entry.recurrence.next_after(now).unwrap_or(Instant::MAX_UTC);
            if schedules::advance(&mut tx, &row, now, next).await? {
                due_jobs.push(entry.job(self.ids.next(now), now));
                ran.push(entry);
            }
        }
        jobs::enqueue(&mut tx, &due_jobs, now).await?;
        tx.commit().await?;
        for entry in &ran {
            self.hints.ring(entry.kind);
        }
        Ok(ran.into_iter().map(|entry| entry.name).collect())
    }
}
