//! Stops handlers whose lease ended. Never touches the database: it must work when that is what fails.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::engine::Shared;

pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let pause = (shared.config.lease / 20).max(Duration::from_millis(5));
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        for job in shared.held.stop_expired() {
            tracing::warn!(%job, "stopped a handler whose lease ended");
        }
    }
}
