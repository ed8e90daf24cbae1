//! Keeps SQLite's log short beside whoever writes, so that no commit stops for it.

use std::time::Duration;

use callwright_engine::store::StoreError;
use callwright_engine::store::checkpoint::Checkpointer;
use callwright_engine::store::db::Db;
use tokio_util::sync::CancellationToken;

/// A page that many commits of one pause change is written back once; what one pause brings is soon written.
const PAUSE: Duration = Duration::from_secs(1);
/// After a failure, such as a full disk. SQLite itself writes back a log that has become long.
const REST: Duration = Duration::from_secs(10);

/// Runs until `stop`; a database without a log needs nothing. Whatever fails is tried again.
pub async fn run(db: Db, stop: CancellationToken) {
    loop {
        match keep(&db, &stop).await {
            // The process ends when one of its parts does.
            Ok(()) => return stop.cancelled().await,
            Err(error) => tracing::warn!(%error, "SQLite's log could not be written back"),
        }
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn keep(db: &Db, stop: &CancellationToken) -> Result<(), StoreError> {
    let Some(mut log) = Checkpointer::open(db).await? else { return Ok(()) };
    loop {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return log.close().await,
        }
        log.write_back().await?;
    }
}
