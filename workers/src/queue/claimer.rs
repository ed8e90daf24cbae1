//! Claims jobs of one kind as slots become free, decodes them and hands them over. It is stopped, never aborted: rows
//! claimed by a task that vanished would dangle until their lease ends.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use callwright_engine::store::jobs::{self, Claim, Claimed, Outcome};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::engine::{QueueTrouble, Shared};
use super::job::{Job, JobConfig};
use super::lease::Lease;
use crate::rest::jittered;

const MOST_AT_ONCE: usize = 500;

/// A claimed and decoded job on its way to a handler.
pub(super) type Delivery<J> = (J, Arc<Lease>);

pub(super) struct Claimer<J> {
    pub shared: Arc<Shared>,
    pub config: JobConfig,
    /// Unique per claimer: two that shared it would give back each other's jobs.
    pub owner: String,
    pub slots: Arc<Semaphore>,
    pub total: usize,
    pub deliveries: UnboundedSender<Delivery<J>>,
    pub is_paused: Box<dyn Fn() -> bool + Send + Sync>,
    pub stop: CancellationToken,
    pub payload: PhantomData<fn() -> J>,
}

/// What a round of claiming found.
enum Round {
    /// As many as asked for: there is probably more.
    Full,
    Some,
    /// A job that outlived a worker has run, alone.
    Suspect,
}

impl<J: Job> Claimer<J> {
    pub async fn run(self) {
        let bell = self.shared.hints.bell(J::KIND);
        let mut wanted = 1;
        let mut answer_was_lost = false;
        while let Some(slots) = self.free_slots(wanted).await {
            let round =
                if (self.is_paused)() { Ok(Round::Some) } else { self.round(slots, answer_was_lost).await };
            answer_was_lost = round.is_err();
            match round {
                Ok(Round::Full) => {
                    // Half a batch at a time: a claim per finished job would be all overhead.
                    wanted = (self.total / 2).clamp(1, MOST_AT_ONCE / 2);
                    continue;
                }
                Ok(Round::Suspect) => continue,
                Ok(Round::Some) => {}
                Err(trouble) => tracing::warn!(kind = J::KIND, %trouble, "cannot claim, trying again"),
            }
            wanted = 1;
            tokio::select! {
                () = bell.notified(), if !answer_was_lost => {}
                () = tokio::time::sleep(jittered(self.shared.config.poll)) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// At least `wanted` slots and whatever else is free; `None` when it is time to stop.
    async fn free_slots(&self, wanted: usize) -> Option<OwnedSemaphorePermit> {
        let mut slots = self.acquire(wanted).await?;
        let more = self.slots.available_permits().min(MOST_AT_ONCE.saturating_sub(wanted));
        if let Ok(more) = Arc::clone(&self.slots).try_acquire_many_owned(more as u32) {
            slots.merge(more);
        }
        Some(slots)
    }

    async fn acquire(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            slots = Arc::clone(&self.slots).acquire_many_owned(count as u32) => slots.ok(),
        }
    }

    async fn round(
        &self,
        mut slots: OwnedSemaphorePermit,
        answer_was_lost: bool,
    ) -> Result<Round, QueueTrouble> {
        let asked = slots.num_permits();
        let sent = Instant::now();
        let jobs = self.claim(asked as u32, answer_was_lost).await?;
        self.shared.tally.claimed.fetch_add(jobs.len() as u64, Ordering::Relaxed);
        let found = jobs.len();
        let mut deliveries = Vec::with_capacity(found);
        for job in jobs {
            let Some(slot) = slots.split(1) else { break };
            let is_suspect = job.deaths > 0;
            let deadline = sent + self.shared.config.lease;
            self.shared.held.insert((job.id, job.fence), J::KIND, deadline, slot);
            let lease = Lease::new(Arc::clone(&self.shared), &job, &self.config);
            if let Some(payload) = decode::<J>(&job, &lease) {
                deliveries.push((payload, lease, is_suspect));
            }
        }
        drop(slots);
        for (payload, lease, is_suspect) in deliveries {
            if is_suspect {
                self.run_alone((payload, lease)).await;
                return Ok(Round::Suspect);
            }
            self.deliver((payload, lease));
        }
        Ok(if found == asked { Round::Full } else { Round::Some })
    }

    async fn claim(&self, limit: u32, answer_was_lost: bool) -> Result<Vec<Claimed>, QueueTrouble> {
        let lease = chrono::TimeDelta::from_std(self.shared.config.lease).unwrap_or(chrono::TimeDelta::MAX);
        self.shared
            .bounded(async {
                let mut tx = self.shared.db.begin().await?;
                let clock = self.shared.clock(&mut tx).await?;
                if answer_was_lost {
                    jobs::release_orphans(&mut tx, &self.owner, &self.shared.held.keys(), clock.now).await?;
                }
                let claim = Claim {
                    kind: J::KIND,
                    limit,
                    owner: &self.owner,
                    now: clock.now,
                    lease_until: clock.real + lease,
                };
                let jobs = jobs::claim(&mut tx, claim).await?;
                tx.commit().await?;
                Ok(jobs)
            })
            .await
    }

    fn deliver(&self, delivery: Delivery<J>) {
        // Refused when the backend is closing; the lease in it hands the job back as it drops.
        let _ = self.deliveries.send(delivery);
    }

    /// Runs a job that outlived a worker while nothing else of its kind runs here: if it is what kills workers, the others
    /// must not be blamed with it.
    async fn run_alone(&self, delivery: Delivery<J>) {
        // Its own slot is taken already. Without the others, it is handed back as the delivery drops.
        let Some(others) = self.acquire(self.total - 1).await else { return };
        self.deliver(delivery);
        let ended = self.acquire(1).await;
        drop((others, ended));
    }
}

/// The payload, or nothing after settling the job as dead: no number of tries makes it readable.
fn decode<J: Job>(job: &Claimed, lease: &Lease) -> Option<J> {
    match serde_json::from_str(&job.payload) {
        Ok(payload) => Some(payload),
        Err(error) => {
            lease.settle(Outcome::Dead { error: format!("its payload cannot be read: {error}") });
            None
        }
    }
}

/// How long to wait for a claimer and its jobs when a worker closes.
pub(super) const CLOSING: Duration = Duration::from_secs(10);
