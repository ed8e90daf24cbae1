//! Renews the leases of everything held, every third of a lease, whatever the handlers are doing.

use std::sync::Arc;

use callwright_engine::store::jobs;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::engine::{QueueTrouble, Shared};
use crate::rest::jittered;

pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut pause = shared.config.lease / 3;
    loop {
        tokio::select! {
            () = tokio::time::sleep(jittered(pause)) => {}
            () = stop.cancelled() => return,
        }
        pause = match renew(&shared).await {
            Ok(0) => shared.config.lease / 3,
            Ok(lost) => {
                shared.config.metrics.lease_lost.inc_by(lost as u64);
                tracing::warn!(lost, "leases were lost: another process has these jobs now");
                shared.config.lease / 3
            }
            Err(trouble) => {
                tracing::warn!(%trouble, "cannot renew leases, trying again soon");
                shared.config.lease / 12
            }
        };
    }
}

/// One renewal of all leases; answers how many turned out to be lost.
async fn renew(shared: &Shared) -> Result<usize, QueueTrouble> {
    let held = shared.held.keys();
    if held.is_empty() {
        return Ok(0);
    }
    let lease = chrono::TimeDelta::from_std(shared.config.lease).unwrap_or(chrono::TimeDelta::MAX);
    // Counted from before the statement left: the database grants the lease at some moment after this one.
    let (renewed, sent) = {
        let _turn = shared.writes.lock().await;
        let sent = Instant::now();
        let renewed = shared
            .bounded(async {
                let mut tx = shared.db.begin().await?;
                let clock = shared.clock(&mut tx).await?;
                let renewed = jobs::renew(&mut tx, &held, clock.real + lease).await?;
                tx.commit().await?;
                Ok(renewed)
            })
            .await?;
        (renewed, sent)
    };
    Ok(shared.held.renewed(&held, &renewed, sent + shared.config.lease))
}
