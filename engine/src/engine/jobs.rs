//! People's hands on many failed jobs at once. One at a time, and looking at them, is [`crate::store::jobs::admin`].

use super::{Engine, EngineError};
use crate::store::jobs::admin;

/// What to do with failed jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedJobs {
    /// Due now, with all their attempts.
    Retry,
    /// Given up for good.
    Discard,
}

/// What became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobsChanged {
    pub changed: u64,
    /// Left as they are: a newer job with the same key is waiting, or somebody else changed them meanwhile.
    pub left: u64,
}

/// Jobs per transaction.
const CHUNK: u32 = 500;

impl Engine {
    /// Does the same to every dead and quarantined job of a kind, or of all kinds.
    pub async fn change_failed_jobs(
        &self,
        what: FailedJobs,
        kind: Option<&str>,
    ) -> Result<JobsChanged, EngineError> {
        let mut total = JobsChanged::default();
        let mut after = None;
        loop {
            let mut tx = self.db.begin().await?;
            let now = self.time.now(&mut tx).await?;
            let ids = admin::failed_ids(&mut tx, kind, after, CHUNK).await?;
            let changed = match what {
                FailedJobs::Retry => admin::retry_many(&mut tx, &ids, now).await?,
                FailedJobs::Discard => admin::discard_many(&mut tx, &ids, now).await?,
            };
            tx.commit().await?;
            total.changed += changed;
            total.left += ids.len() as u64 - changed;
            match ids.last() {
                Some(last) if ids.len() as u32 == CHUNK => after = Some(*last),
                _ => return Ok(total),
            }
        }
    }
}
