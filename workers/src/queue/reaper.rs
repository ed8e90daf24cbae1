//! Takes back the jobs of silent processes, every half of a lease.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use callwright_engine::store::jobs::{self, ReapPolicy, Reaped};
use tokio_util::sync::CancellationToken;

use super::engine::{QueueTrouble, Shared};
use crate::rest::jittered;

const MOST_AT_ONCE: u32 = 1_000;

pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(jittered(shared.config.lease / 2)) => {}
            () = stop.cancelled() => return,
        }
        // After an outage everybody's leases look ended, our own included: let them be renewed first.
        if shared.is_recovering() {
            continue;
        }
        match reap(&shared).await {
            Ok(reaped) if reaped == Reaped::default() => {}
            Ok(Reaped { returned, quarantined }) => {
                tracing::warn!(returned, quarantined, "took jobs back from processes that fell silent");
                shared.tally.reaped.fetch_add((returned + quarantined) as u64, Ordering::Relaxed);
                shared.tally.quarantined.fetch_add(quarantined as u64, Ordering::Relaxed);
                shared.hints.ring_all();
            }
            Err(trouble) => tracing::warn!(%trouble, "cannot look for lost jobs"),
        }
    }
}

async fn reap(shared: &Shared) -> Result<Reaped, QueueTrouble> {
    let policy = ReapPolicy {
        quarantine_after: shared.config.quarantine_after,
        back_off: shared.config.death_back_off,
        limit: MOST_AT_ONCE,
    };
    let _turn = shared.writes.lock().await;
    shared
        .bounded(async {
            let mut tx = shared.db.begin().await?;
            let clock = shared.clock(&mut tx).await?;
            let reaped = jobs::reap(&mut tx, policy, clock.real, clock.now).await?;
            tx.commit().await?;
            Ok(reaped)
        })
        .await
}
