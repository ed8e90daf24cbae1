//! What a kind of job is: its payload type, its limits, and what its handler may answer.

use std::error::Error;
use std::time::Duration;

use callwright_engine::clock::Instant;
use callwright_engine::id::JobId;
use callwright_engine::store::StoreError;
use callwright_engine::store::jobs::{BackOff, NewJob};
use chrono::TimeDelta;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A kind of job. The type is its payload: small, ids rather than data, and readable by older and newer workers alike.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Verb phrase naming the kind in the database, such as `deliver_webhook`. Never change it while rows exist.
    const KIND: &'static str;

    fn config() -> JobConfig {
        JobConfig::default()
    }

    /// This payload as a job due at `run_at`, with the kind's number of attempts.
    fn to_job(&self, id: JobId, run_at: Instant) -> Result<NewJob, serde_json::Error> {
        Ok(NewJob::new(id, Self::KIND, self, run_at)?.max_attempts(Self::config().max_attempts))
    }
}

/// Limits of a kind, per process.
#[derive(Debug, Clone)]
pub struct JobConfig {
    /// Handlers running at once; at least 1.
    pub concurrency: usize,
    /// Jobs claimed beyond those: 0 for long or risky work (they wait here while others could do them), a batch for short work.
    pub prefetch: usize,
    /// A handler that takes longer is stopped; that is a failed attempt.
    pub timeout: Duration,
    pub back_off: BackOff,
    /// Failed attempts after which the job is dead.
    pub max_attempts: u32,
    pub on_lost_lease: OnLostLease,
}

/// What to do with a running handler whose job was, or may have been, given to another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLostLease {
    /// Stop it: whatever it has not done yet the other one will do.
    Stop,
    /// Let it finish: stopping could throw away an answer that is already on its way.
    LetFinish,
}

impl Default for JobConfig {
    fn default() -> Self {
        Self {
            concurrency: 8,
            prefetch: 0,
            timeout: Duration::from_mins(1),
            back_off: BackOff::new(TimeDelta::seconds(5), TimeDelta::hours(1)),
            max_attempts: 10,
            on_lost_lease: OnLostLease::Stop,
        }
    }
}

/// What a handler achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    Done,
    /// Come back then; costs no attempt.
    SnoozeUntil(Instant),
}

/// Which run of a job this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub id: JobId,
    /// Failed attempts before this one.
    pub failures: u32,
    /// Whether failing now is final.
    pub is_last: bool,
}

/// Why a handler failed, and whether trying again makes sense: the place that fails decides.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct JobError {
    message: String,
    pub(super) again: Again,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    WithBackOff,
    After(TimeDelta),
    Never,
}

impl JobError {
    /// Try again after the kind's back-off, while attempts are left. The text is stored: no full numbers, no secrets.
    pub fn retry(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { message: with_sources(&*error.into()), again: Again::WithBackOff }
    }

    /// Try again after `delay` (a server said so), while attempts are left.
    pub fn retry_after(error: impl Into<Box<dyn Error + Send + Sync>>, delay: TimeDelta) -> Self {
        Self { message: with_sources(&*error.into()), again: Again::After(delay) }
    }

    /// Trying again is useless: dead at once.
    pub fn give_up(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { message: with_sources(&*error.into()), again: Again::Never }
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::retry(error)
    }
}

fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let next = source.to_string();
        // Some errors already end with the text of their source.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = source.source();
    }
    text
}
