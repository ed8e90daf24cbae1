//! What a job is before, during and after it runs; the arithmetic of back-off. No SQL.

use chrono::TimeDelta;

use crate::clock::Instant;
use crate::domain::priority::Priority;
use crate::domain::text_enum::text_enum;
use crate::id::JobId;

text_enum! {
    /// Where a job stands; the transitions are drawn in the module's documentation.
    pub enum JobState {
        Pending = "pending",
        Running = "running",
        Done = "done",
        /// Gave up: its last attempt failed or its handler said that trying again is useless.
        Dead = "dead",
        /// Its worker died too often while holding it; it may be what killed them.
        Quarantined = "quarantined",
        Cancelled = "cancelled",
    }
}

/// A job to be enqueued in the transaction that makes it necessary.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub id: JobId,
    pub kind: &'static str,
    /// JSON text, small: ids, not data.
    pub payload: String,
    /// At most one pending job per kind and key.
    pub dedup_key: Option<String>,
    pub priority: Priority,
    pub run_at: Instant,
    /// Failed attempts after which the job is dead; at least 1.
    pub max_attempts: u32,
}

impl NewJob {
    /// A medium-priority job due at `run_at` with 10 attempts. Fails if `payload` cannot be JSON.
    pub fn new(
        id: JobId,
        kind: &'static str,
        payload: &impl serde::Serialize,
        run_at: Instant,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self::of_json(id, kind, serde_json::to_string(payload)?, run_at))
    }

    /// The same of a payload that is JSON already.
    pub fn of_json(id: JobId, kind: &'static str, payload: String, run_at: Instant) -> Self {
        Self { id, kind, payload, dedup_key: None, priority: Priority::Medium, run_at, max_attempts: 10 }
    }

    #[must_use]
    pub fn once_per(mut self, key: impl Into<String>) -> Self {
        self.dedup_key = Some(key.into());
        self
    }

    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    #[must_use]
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }
}

/// A job taken by an owner until its lease ends. `fence` is what makes a stale owner's writes harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    pub id: JobId,
    pub payload: String,
    pub fence: i64,
    /// Failed attempts so far.
    pub attempts: u32,
    pub max_attempts: u32,
    /// Workers that died holding it since it last answered. Not zero: claimed alone, to be run alone.
    pub deaths: u32,
    pub priority: Priority,
    pub run_at: Instant,
}

/// How one run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// A failed attempt; due again `after` the write.
    Retry {
        after: TimeDelta,
        error: String,
    },
    /// A failed attempt, and the last one.
    Dead {
        error: String,
    },
    /// Not now, at no cost: waiting is not a failure.
    Snooze {
        until: Instant,
    },
    /// Never started: due as before.
    HandedBack,
}

impl Outcome {
    /// What a failed attempt means for a job that had failed `attempts` times before: another try, or the end.
    /// `jitter` in 0..1 spreads the delay over its upper half, so that jobs that failed together do not return together.
    pub fn after_failure(
        attempts: u32,
        max_attempts: u32,
        back_off: BackOff,
        jitter: f64,
        error: impl Into<String>,
    ) -> Self {
        let error = error.into();
        if attempts + 1 >= max_attempts {
            return Self::Dead { error };
        }
        Self::Retry { after: back_off.delay(attempts + 1, jitter), error }
    }
}

/// An outcome for one claimed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    pub id: JobId,
    pub fence: i64,
    pub outcome: Outcome,
}

/// Exponential back-off: `base`, 2 × `base`, 4 × `base` … never above `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    pub base: TimeDelta,
    pub most: TimeDelta,
}

impl BackOff {
    pub const fn new(base: TimeDelta, most: TimeDelta) -> Self {
        Self { base, most }
    }

    /// The pause after the `failures`-th failure (counted from 1): between half and all of the exponential step.
    pub fn delay(self, failures: u32, jitter: f64) -> TimeDelta {
        let step = self.exact(failures).num_microseconds().unwrap_or(i64::MAX);
        let half = step / 2;
        let spread = (half as f64 * jitter.clamp(0.0, 1.0)) as i64;
        TimeDelta::microseconds(step - half + spread)
    }

    /// The same without jitter.
    pub fn exact(self, failures: u32) -> TimeDelta {
        let doublings = failures.saturating_sub(1).min(30);
        let micros = self.base.num_microseconds().unwrap_or(i64::MAX).saturating_mul(1 << doublings);
        TimeDelta::microseconds(micros).min(self.most)
    }
}

/// Error texts are kept short, and without NUL, which PostgreSQL cannot store: one such text would fail its whole batch for ever.
pub(super) fn error_text(error: &str) -> String {
    const MOST: usize = 2_000;
    error.chars().filter(|c| *c != '\0').take(MOST).collect()
}
