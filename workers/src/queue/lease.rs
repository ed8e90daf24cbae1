//! One claimed job in this process. It is settled exactly once; what nobody settled is decided when the last handle drops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use callwright_engine::store::jobs::{BackOff, Claimed, Finish, Outcome};
use tokio::task::AbortHandle;

use super::engine::Shared;
use super::held::Key;
use super::job::{Again, Handled, JobConfig, JobError, OnLostLease, Run};

const WAITING: u8 = 0;
const STARTED: u8 = 1;
const SETTLED: u8 = 2;

#[derive(Debug)]
pub(super) struct Lease {
    shared: Arc<Shared>,
    key: Key,
    attempts: u32,
    max_attempts: u32,
    back_off: BackOff,
    when_lost: OnLostLease,
    stage: AtomicU8,
}

impl Lease {
    pub fn new(shared: Arc<Shared>, job: &Claimed, config: &JobConfig) -> Arc<Self> {
        Arc::new(Self {
            shared,
            key: (job.id, job.fence),
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            back_off: config.back_off,
            when_lost: config.on_lost_lease,
            stage: AtomicU8::new(WAITING),
        })
    }

    /// Unique per run of a job.
    pub fn run_id(&self) -> String {
        format!("{}.{}", self.key.0, self.key.1)
    }

    pub fn run(&self) -> Run {
        Run { id: self.key.0, failures: self.attempts, is_last: self.attempts + 1 >= self.max_attempts }
    }

    /// Whether the job is certainly still ours.
    pub fn is_current(&self) -> bool {
        self.shared.held.is_current(self.key)
    }

    pub fn started(&self, handler: AbortHandle) {
        self.stage.store(STARTED, Ordering::SeqCst);
        let handler = (self.when_lost == OnLostLease::Stop).then_some(handler);
        self.shared.held.started(self.key, handler);
    }

    /// The job's end in this process; only the first one counts.
    pub fn settle(&self, outcome: Outcome) {
        if self.stage.swap(SETTLED, Ordering::SeqCst) == SETTLED {
            return;
        }
        self.shared.settle(Finish { id: self.key.0, fence: self.key.1, outcome });
    }

    pub fn outcome_of(&self, result: Result<Handled, &JobError>) -> Outcome {
        match result {
            Ok(Handled::Done) => Outcome::Done,
            Ok(Handled::SnoozeUntil(until)) => Outcome::Snooze { until },
            Err(error) => match (error.again, self.failure(error.to_string())) {
                (Again::Never, _) => Outcome::Dead { error: error.to_string() },
                (Again::After(after), Outcome::Retry { error, .. }) => Outcome::Retry { after, error },
                (_, outcome) => outcome,
            },
        }
    }

    pub fn failure(&self, error: impl Into<String>) -> Outcome {
        let jitter = rand::random::<f64>();
        Outcome::after_failure(self.attempts, self.max_attempts, self.back_off, jitter, error)
    }
}

impl Drop for Lease {
    /// Covers graceful and forced stops, worker errors and dropped backends alike.
    fn drop(&mut self) {
        match self.stage.load(Ordering::SeqCst) {
            WAITING => self.settle(Outcome::HandedBack),
            STARTED => self.settle(self.failure("stopped before it ended")),
            _ => {}
        }
    }
}
