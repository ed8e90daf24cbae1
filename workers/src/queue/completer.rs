//! Writes outcomes in batches: while one write runs the next batch gathers, a group commit without a timer.
//! An outcome is kept and tried again until the database has answered; only then is the job's slot free.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use callwright_engine::id::JobId;
use callwright_engine::metrics::JobEnded;
use callwright_engine::store::jobs::{self, Finish, Outcome, Written};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::engine::{QueueTrouble, Shared};

const MOST_AT_ONCE: usize = 1_000;
const PAUSE_AFTER_TROUBLE: Duration = Duration::from_millis(200);

pub(super) async fn run(
    shared: Arc<Shared>,
    mut settled: UnboundedReceiver<Finish>,
    stop: CancellationToken,
) {
    loop {
        let mut batch = Vec::new();
        tokio::select! {
            biased;
            _ = settled.recv_many(&mut batch, MOST_AT_ONCE) => {}
            () = stop.cancelled() => return,
        }
        if batch.is_empty() {
            return;
        }
        while let Err(trouble) = write(&shared, &batch).await {
            tracing::warn!(%trouble, outcomes = batch.len(), "cannot write outcomes, trying again");
            tokio::select! {
                () = tokio::time::sleep(PAUSE_AFTER_TROUBLE) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

async fn write(shared: &Shared, batch: &[Finish]) -> Result<(), QueueTrouble> {
    let written = {
        let _turn = shared.writes.lock().await;
        shared
            .bounded(async {
                let mut tx = shared.db.begin().await?;
                let clock = shared.clock(&mut tx).await?;
                let written = jobs::finish_many(&mut tx, batch, clock.now).await?;
                tx.commit().await?;
                Ok(written)
            })
            .await?
    };
    count(shared, batch, &written);
    shared.held.remove(batch.iter().map(|finish| (finish.id, finish.fence)));
    if batch.iter().any(|finish| finish.outcome == Outcome::HandedBack) {
        shared.hints.ring_all();
    }
    Ok(())
}

fn count(shared: &Shared, batch: &[Finish], written: &Written) {
    let fenced: HashSet<JobId> = written.fenced.iter().copied().collect();
    for finish in batch {
        if fenced.contains(&finish.id) {
            // A repeated write after a lost answer lands here too: the first one counted.
            shared.tally.fenced.fetch_add(1, Ordering::Relaxed);
            shared.config.metrics.lease_lost.inc();
            tracing::warn!(job = %finish.id, fence = finish.fence, "outcome refused: the job is no longer ours");
        } else {
            shared.tally.count(&finish.outcome);
            if let Some(queue) = shared.held.kind((finish.id, finish.fence)) {
                let ended = JobEnded { queue, result: result(&finish.outcome) };
                shared.config.metrics.jobs_completed.get_or_create(&ended).inc();
            }
        }
    }
}

const fn result(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Retry { .. } => "retried",
        Outcome::Dead { .. } => "dead",
        Outcome::Snooze { .. } => "snoozed",
        Outcome::HandedBack => "handed_back",
    }
}
