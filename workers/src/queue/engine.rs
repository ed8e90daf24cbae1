//! One per process: what all workers share, and the tasks that keep leases, write outcomes and take back lost jobs.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callwright_engine::engine::TimeSource;
use callwright_engine::store::jobs::{self, Clock, Finish, Outcome};
use callwright_engine::store::{Db, StoreError, Tx};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::config::QueueConfig;
use super::held::Held;
use super::hints::Hints;
use super::{completer, heartbeat, reaper, watchdog};

/// Runs the queue's own tasks until [`Engine::shutdown`]. Dropped without it, they stop and leases run out.
#[derive(Debug)]
pub struct Engine {
    pub(super) shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// What the tasks, the claimers and the leases of a process share.
pub(super) struct Shared {
    pub db: Db,
    pub config: QueueConfig,
    pub hints: Hints,
    pub held: Held,
    pub tally: Tally,
    /// Leases and outcomes are written in turn: two statements over the same rows in different order would deadlock.
    pub writes: tokio::sync::Mutex<()>,
    outcomes: mpsc::UnboundedSender<Finish>,
    trouble: Mutex<Option<Instant>>,
}

/// Why a transaction of the queue failed. All of them are passing: they are logged and tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueueTrouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the database did not answer within {0:?}")]
    Silence(Duration),
}

/// What this process did since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    pub claimed: u64,
    pub done: u64,
    pub retried: u64,
    pub dead: u64,
    pub snoozed: u64,
    pub handed_back: u64,
    /// Outcomes refused because the job had been taken away.
    pub fenced: u64,
    /// Jobs taken back from silent owners, this process's own included.
    pub reaped: u64,
    pub quarantined: u64,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub claimed: AtomicU64,
    pub done: AtomicU64,
    pub retried: AtomicU64,
    pub dead: AtomicU64,
    pub snoozed: AtomicU64,
    pub handed_back: AtomicU64,
    pub fenced: AtomicU64,
    pub reaped: AtomicU64,
    pub quarantined: AtomicU64,
}

impl Engine {
    /// Starts the tasks. `db` may be shared with the rest of the process on SQLite; on PostgreSQL give it a pool of its own,
    /// so that busy handlers cannot keep leases from being renewed. Must be called inside a tokio runtime.
    pub fn start(db: Db, hints: Hints, config: QueueConfig) -> Arc<Self> {
        let (outcomes, settled) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            db,
            config,
            hints,
            held: Held::default(),
            tally: Tally::default(),
            writes: tokio::sync::Mutex::new(()),
            outcomes,
            trouble: Mutex::new(None),
        });
        let stop = CancellationToken::new();
        let tasks = vec![
            tokio::spawn(completer::run(Arc::clone(&shared), settled, stop.clone())),
            tokio::spawn(heartbeat::run(Arc::clone(&shared), stop.clone())),
            tokio::spawn(watchdog::run(Arc::clone(&shared), stop.clone())),
            tokio::spawn(reaper::run(Arc::clone(&shared), stop.clone())),
        ];
        Arc::new(Self { shared, stop, tasks: Mutex::new(tasks) })
    }

    pub fn hints(&self) -> &Hints {
        &self.shared.hints
    }

    pub fn counters(&self) -> Counters {
        self.shared.tally.read()
    }

    /// Jobs in this process: waiting for a handler, running, or ended and not yet written.
    pub fn held(&self) -> usize {
        self.shared.held.len()
    }

    /// Writes what is still to be written, waiting at most `patience`, and ends the tasks. Call it after the workers have
    /// stopped: until then leases must be renewed. Jobs still held afterwards return when their leases run out.
    pub async fn shutdown(&self, patience: Duration) {
        if tokio::time::timeout(patience, self.shared.held.wait_until_empty()).await.is_err() {
            tracing::warn!(held = self.held(), "stopping with jobs still held; their leases will run out");
        }
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the queue ended badly");
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    /// Hands an outcome to the completer. The job stays held until it is written.
    pub fn settle(&self, finish: Finish) {
        self.held.settled((finish.id, finish.fence));
        if self.outcomes.send(finish).is_err() {
            // Only after shutdown: the lease runs out and the job returns.
            tracing::debug!("an outcome came after the queue had stopped");
        }
    }

    /// Reads the clocks: due times by the configured one, leases by the database's real one.
    pub async fn clock(&self, tx: &mut Tx) -> Result<Clock, StoreError> {
        let clock = jobs::read_clock(tx).await?;
        Ok(match &self.config.time {
            TimeSource::Database => clock,
            TimeSource::Manual(manual) => Clock { now: manual.now(), ..clock },
        })
    }

    /// Runs a transaction with an end in sight: an answer that takes longer than a lease can bear is no answer.
    pub async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, QueueTrouble> {
        let patience = self.config.patience();
        let result = match tokio::time::timeout(patience, work).await {
            Ok(result) => result.map_err(QueueTrouble::from),
            Err(_) => Err(QueueTrouble::Silence(patience)),
        };
        if result.is_err() {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        result
    }

    /// Whether the database gave trouble within the last lease: then other processes could not renew either, and silence
    /// proves nothing about them.
    pub fn is_recovering(&self) -> bool {
        let trouble = *self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.is_some_and(|since| since.elapsed() < self.config.lease)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("owner", &self.config.owner)
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl Tally {
    pub fn count(&self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Done => &self.done,
            Outcome::Retry { .. } => &self.retried,
            Outcome::Dead { .. } => &self.dead,
            Outcome::Snooze { .. } => &self.snoozed,
            Outcome::HandedBack => &self.handed_back,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            claimed: read(&self.claimed),
            done: read(&self.done),
            retried: read(&self.retried),
            dead: read(&self.dead),
            snoozed: read(&self.snoozed),
            handed_back: read(&self.handed_back),
            fenced: read(&self.fenced),
            reaped: read(&self.reaped),
            quarantined: read(&self.quarantined),
        }
    }
}
